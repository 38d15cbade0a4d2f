//! Opening a database.

use std::time::Duration;

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection,
    sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{Result, Store};

const READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 16;
const BUSY: Duration = Duration::from_secs(10);

impl Store {
    /// Opens `sqlite:PATH` (made if it is not there) or `postgres://...`. The schema is not looked at.
    ///
    /// # Errors
    /// Where the database can't be reached.
    pub async fn open(url: &str) -> Result<Self> {
        if url.starts_with("sqlite:") { open_sqlite(url).await } else { open_postgres(url).await }
    }

    /// Closes every connection, once what runs on them has ended.
    pub async fn close(self) {
        // Closing is a courtesy to the database; whoever closes can do nothing about a refusal.
        let _ = self.write.close().await;
        let _ = self.read.close().await;
    }
}

/// One connection that writes and a few that read: readers never wait in WAL mode. FULL makes a commit survive a power cut.
async fn open_sqlite(url: &str) -> Result<Store> {
    let pragmas = |options: SqliteConnectOptions| {
        options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY)
    };
    let mut writer = options(url, 1);
    writer.map_sqlx_sqlite_opts(pragmas);
    let write = connect(writer).await?;

    let mut readers = options(url, READERS);
    readers.map_sqlx_sqlite_opts(|options| options.read_only(true).busy_timeout(BUSY));
    let read = connect(readers).await?;
    Ok(Store { read, write })
}

async fn open_postgres(url: &str) -> Result<Store> {
    let pool = connect(options(url, POSTGRES_CONNECTIONS)).await?;
    Ok(Store { read: pool.clone(), write: pool })
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
        .test_before_acquire_if_idle_for(Duration::from_secs(30))
        .sqlx_logging(false);
    options
}
