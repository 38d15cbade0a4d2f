//! Opening a database.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt, str::FromStr, time::Duration};

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection,
    sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{Error, Result, Store};

const READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 16;
/// For PostgreSQL, waiting for locks included.
const LONGEST_STATEMENT: Duration = Duration::from_secs(30);
pub(super) const BUSY: Duration = Duration::from_secs(10);

impl Store {
    /// Opens `sqlite:PATH` (made if it is not there) or `postgres://...`. The schema is not looked at.
    ///
    /// # Errors
    /// Where the database can't be reached, or is in memory: several connections must see one database.
    pub async fn open(url: &str) -> Result<Self> {
        if url.starts_with("sqlite:") { open_sqlite(url, true).await } else { open_postgres(url).await }
    }

    /// Opens a database that is there.
    ///
    /// # Errors
    /// Where it can't be reached, or is in memory.
    pub async fn open_existing(url: &str) -> Result<Self> {
        if url.starts_with("sqlite:") { open_sqlite(url, false).await } else { open_postgres(url).await }
    }

    /// Closes every connection, once what runs on them has ended.
    pub async fn close(self) {
        // Closing is a courtesy to the database; whoever closes can do nothing about a refusal. The writer goes last: the last
        // connection of SQLite takes the write-ahead log into the file.
        let _ = self.read.close().await;
        let _ = self.write.close().await;
    }
}

/// One connection that writes and a few that read: readers never wait in WAL mode. FULL makes a commit survive a power cut.
async fn open_sqlite(url: &str, create: bool) -> Result<Store> {
    if url.contains(":memory:") || url.contains("mode=memory") || url.trim_end_matches('/') == "sqlite:" {
        return Err(Error::InMemory);
    }
    let pragmas = move |options: SqliteConnectOptions| {
        options
            .create_if_missing(create)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // What is deleted is overwritten, not only unlinked.
            .pragma("secure_delete", "on")
            .busy_timeout(BUSY)
    };
    if create {
        make_private(url);
    }
    let mut writer = options(url, 1);
    writer.map_sqlx_sqlite_opts(pragmas);
    let write = connect(writer).await?;

    let mut readers = options(url, READERS);
    readers.map_sqlx_sqlite_opts(|options| options.read_only(true).busy_timeout(BUSY));
    let read = connect(readers).await?;
    Ok(Store::over(read, write))
}

/// A new file holds personal data, and is for its owner alone. Where it can't be made, opening it says so better.
fn make_private(url: &str) {
    if let Ok(options) = SqliteConnectOptions::from_str(url) {
        let _ = OpenOptions::new().write(true).create_new(true).mode(0o600).open(options.get_filename());
    }
}

async fn open_postgres(url: &str) -> Result<Store> {
    let mut shared = options(url, POSTGRES_CONNECTIONS);
    // A server that is frozen within a transaction must not hold up the others for longer than a statement may take.
    let span = format!("{}s", LONGEST_STATEMENT.as_secs());
    shared.map_sqlx_postgres_opts(move |options| {
        options.options([
            ("idle_in_transaction_session_timeout", span.as_str()),
            // Lists take milliseconds; compiling them, or sharing them out, takes longer.
            ("jit", "off"),
            ("max_parallel_workers_per_gather", "0"),
        ])
    });
    let pool = connect(shared).await?;
    Ok(Store::over(pool.clone(), pool))
}

#[expect(clippy::disallowed_methods, reason = "the one place where connections are made")]
async fn connect(options: ConnectOptions) -> Result<DatabaseConnection> {
    Ok(Database::connect(options).await?)
}

fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(10))
        // A busy connection shows by itself that it is alive; one that rests may have lost its database meanwhile.
        .test_before_acquire_if_idle_for(Duration::from_secs(1))
        .statement_timeout(LONGEST_STATEMENT)
        .sqlx_logging(false);
    options
}
