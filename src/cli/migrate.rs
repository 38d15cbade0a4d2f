//! `leadward migrate`.

use std::process::ExitCode;

use clap::Subcommand;

use super::Database;
use crate::store::Store;

/// What to do with the schema.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Applies what is pending.
    Up(Database),
    /// Lists what is applied and what is pending.
    Status(Database),
}

/// Migrates, or says how the schema stands.
///
/// # Errors
/// Where the database can't be reached, or a newer version made it.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Up(database) => up(&Store::open(&database.database_url).await?).await,
        Command::Status(database) => status(&Store::open(&database.database_url).await?).await,
    }
}

async fn up(store: &Store) -> anyhow::Result<ExitCode> {
    let before = store.schema().await?.known()?;
    store.migrate().await?;
    for name in &before.pending {
        println!("{name} applied");
    }
    if before.pending.is_empty() {
        println!("nothing to do: the schema is up to date");
    }
    Ok(ExitCode::SUCCESS)
}

async fn status(store: &Store) -> anyhow::Result<ExitCode> {
    let schema = store.schema().await?;
    let states = [(&schema.applied, "applied"), (&schema.pending, "pending"), (&schema.unknown, "unknown here")];
    for (names, state) in states {
        for name in names {
            println!("{name} {state}");
        }
    }
    Ok(ExitCode::SUCCESS)
}
