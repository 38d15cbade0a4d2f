//! The command line, one file a command.

pub mod demo;
pub mod export;
mod files;
mod format;
pub mod import;
mod migrate;
mod output;
mod remote;
pub mod report;
mod resumed;
mod serve;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::telemetry;

/// Keeps a company's sales leads, and decides who may see and do what with each.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// What to log on stderr, for example `info` or `leadward=debug`.
    #[arg(long, global = true, env = "LEADWARD_LOG", default_value = "warn,sqlx=error,leadward=info")]
    log: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves gRPC.
    Serve(serve::Args),
    /// Manages the database's schema.
    Migrate(migrate::Args),
    // Described where their arguments are, at length.
    Import(Box<import::Args>),
    Export(Box<export::Args>),
    Report(Box<report::Args>),
    Demo(demo::Args),
    /// Makes a new API token for a user, straight in the database.
    Token(token::Args),
}

/// Which database a command works on.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Database {
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/NAME`.
    #[arg(long, env = "LEADWARD_DATABASE_URL", hide_env_values = true, default_value = "sqlite:leadward.db")]
    pub(crate) database_url: String,
}

/// Runs the command that was asked for.
///
/// # Errors
/// Whatever keeps the command from doing its work, to be shown to the person who gave it.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    telemetry::start(&cli.log)?;
    match cli.command {
        Command::Serve(args) => serve::run(args).await,
        Command::Migrate(args) => migrate::run(args).await,
        Command::Import(args) => import::run(*args).await,
        Command::Export(args) => export::run(*args).await,
        Command::Report(args) => report::run(*args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Token(args) => token::run(args).await,
    }
}
