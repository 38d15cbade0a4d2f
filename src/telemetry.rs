//! What the service says of itself, on stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt};

/// Starts logging: `filter` as `RUST_LOG` takes it, for example `info` or `leadward=debug`.
///
/// # Errors
/// Where the filter can't be read, or logging has been started before.
pub fn start(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)?;
    fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .try_init()
        .map_err(anyhow::Error::from_boxed)
}
