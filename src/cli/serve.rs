//! `leadward serve`.

use std::{net::SocketAddr, process::ExitCode};

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::demo;
use crate::{
    domain::bootstrap,
    server::{ServeConfig, Server},
};

/// What to serve, and where.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The address to listen on.
    #[arg(long, env = "LEADWARD_LISTEN", default_value = "127.0.0.1:50051")]
    listen: SocketAddr,
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/NAME` [default: sqlite:leadward.db, with --demo sqlite:leadward-demo.db]
    #[arg(long, env = "LEADWARD_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Fill a new database with a small company, and print a token for each of its people.
    #[arg(long)]
    demo: bool,
}

/// Serves until it is told to stop.
///
/// # Errors
/// Where the server can't start.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let default = if args.demo { "sqlite:leadward-demo.db" } else { "sqlite:leadward.db" };
    let database_url = args.database_url.unwrap_or_else(|| default.to_owned());
    let config = ServeConfig { listen: args.listen, database_url, demo: args.demo };
    let server = Server::start(config).await?;
    let address = server.local_addr();
    let store = server.store().clone();
    if let Some(token) = server.first_token().filter(|_| !args.demo) {
        println!("This is the first start. The administrator's token, shown this once:\n\n    {token}\n");
    }
    let administrator = match (args.demo, server.first_token()) {
        (true, Some(token)) => Some(token.to_owned()),
        (true, None) => Some(bootstrap::issue_token(&store, None, "demo").await?.expose().to_owned()),
        (false, _) => None,
    };
    tracing::info!(%address, "serving");
    let serving = tokio::spawn(server.run(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
    }));
    if let Some(token) = administrator {
        let people = demo::load(address, &token).await.context("can't fill the demo company")?;
        print!("{}", demo::greeting(&people, address));
    }
    serving.await??;
    Ok(ExitCode::SUCCESS)
}
