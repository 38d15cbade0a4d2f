//! `leadward token`: the way back in for whoever holds the database and has lost the token.

use std::process::ExitCode;

use super::Database;
use crate::{domain::bootstrap, store::Store};

/// Whose token.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The user's e-mail or ID; none: the first administrator who is active.
    user: Option<String>,
    #[command(flatten)]
    database: Database,
}

/// Prints a new token.
///
/// # Errors
/// Where the database can't be reached, or there is no such user.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let store = Store::open_existing(&args.database.database_url).await?;
    store.schema().await?.known()?;
    let secret = bootstrap::issue_token(&store, args.user.as_deref(), "command line").await?;
    println!("{}", secret.expose());
    Ok(ExitCode::SUCCESS)
}
