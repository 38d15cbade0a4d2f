//! What can go wrong with a database, as far as callers can do something about it.

use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

/// A store's answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The database's fault, or the request's that only the database could see.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is away, or every connection is taken.
    #[error("the database is unavailable")]
    Unavailable(#[source] DbErr),
    /// Another transaction was in the way; the whole transaction can be run again.
    #[error("another transaction was in the way")]
    Conflict(#[source] Option<DbErr>),
    /// The caller's rights are no longer what they were when the caller was resolved.
    #[error("the caller's rights have just changed")]
    Moved,
    /// A unique index refused.
    #[error("a unique index refused")]
    Unique(#[source] DbErr),
    /// A foreign key refused.
    #[error("a foreign key refused")]
    Reference(#[source] DbErr),
    /// A write would have left the scope that it was made under: a bug of whoever asked for it.
    #[error("a write would have left its scope")]
    OutOfScope,
    /// A row holds what this version can't have written.
    #[error("a stored {0} can't be read")]
    Corrupt(&'static str),
    /// An SQLite database in memory, of which every connection would have its own.
    #[error("a database in memory can't be shared by connections; name a file")]
    InMemory,
    /// A newer version made the database.
    #[error("a newer version made this database: {0} is unknown here")]
    Newer(String),
    /// The task that ran the transaction died.
    #[error("a transaction died")]
    Died(#[source] tokio::task::JoinError),
    /// A bug.
    #[error("the database refused a statement")]
    Other(#[source] DbErr),
}

impl Error {
    /// Whether the connection is dead, and another may well be alive.
    pub(super) fn is_dead_connection(&self) -> bool {
        let Self::Unavailable(
            DbErr::Conn(RuntimeErr::SqlxError(cause))
            | DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)),
        ) = self
        else {
            return false;
        };
        match cause.as_ref() {
            sqlx::Error::Io(_) => true,
            sqlx::Error::Database(refusal) => refusal.code().as_deref() == Some("57P01"),
            _ => false,
        }
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => return Self::Unique(error),
            Some(SqlErr::ForeignKeyConstraintViolation(_)) => return Self::Reference(error),
            _ => {}
        }
        match &error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Self::Unavailable(error),
            DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => {
                match cause.as_ref() {
                    sqlx::Error::Database(refusal) => match refusal.code().as_deref() {
                        // PostgreSQL: serialization failure, deadlock. SQLite: busy, locked, and busy with a stale snapshot.
                        Some("40001" | "40P01" | "5" | "6" | "517") => Self::Conflict(Some(error)),
                        // PostgreSQL: shutting down, starting up, out of connections.
                        // And a statement that ran, or waited for a lock, for too long.
                        Some("57P01" | "57P02" | "57P03" | "53300" | "57014") => Self::Unavailable(error),
                        _ => Self::Other(error),
                    },
                    sqlx::Error::Io(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
                    _ => Self::Other(error),
                }
            }
            _ => Self::Other(error),
        }
    }
}
