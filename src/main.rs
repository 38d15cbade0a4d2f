//! The `leadward` command.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use leadward::cli::{self, Cli};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            // 2 says that some rows of an import were rejected, so a wrong command line is 1. Nothing can be done for a closed terminal.
            let _ = usage.print();
            return if usage.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    match cli::run(cli).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("leadward: {error:#}");
            ExitCode::FAILURE
        }
    }
}
