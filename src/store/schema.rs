//! The schema's version.

use leadward_migrations::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DbBackend, TransactionTrait};

use super::{Error, Result, Store};

/// How a database's schema stands to the one that this version was written for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SchemaStatus {
    /// What has been applied, oldest first.
    pub applied: Vec<String>,
    /// What would be applied by migrating, oldest first.
    pub pending: Vec<String>,
    /// What has been applied and this version has never heard of: a newer one made the database.
    pub unknown: Vec<String>,
}

impl SchemaStatus {
    /// Refuses a schema that a newer version made.
    ///
    /// # Errors
    /// [`Error::Newer`].
    pub fn known(self) -> Result<Self> {
        if self.unknown.is_empty() { Ok(self) } else { Err(Error::Newer(self.unknown.join(", "))) }
    }
}

impl Store {
    /// How the schema stands. Changes nothing.
    ///
    /// # Errors
    /// The database's.
    pub async fn schema(&self) -> Result<SchemaStatus> {
        let known: Vec<String> = Migrator::migrations().iter().map(|m| m.name().to_owned()).collect();
        let recorded = recorded(self).await?;
        let (applied, unknown): (Vec<_>, Vec<_>) = recorded.into_iter().partition(|name| known.contains(name));
        let pending = known.into_iter().filter(|name| !applied.contains(name)).collect();
        Ok(SchemaStatus { applied, pending, unknown })
    }

    /// Applies what is pending. Servers that start at once on one PostgreSQL wait for each other.
    ///
    /// # Errors
    /// The database's.
    pub async fn migrate(&self) -> Result<()> {
        if self.write.get_database_backend() == DbBackend::Postgres {
            let tx = self.write.begin().await?;
            // An index of many leads takes longer than a call may, and so does waiting for whoever makes it.
            tx.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
            tx.execute_unprepared("SET LOCAL idle_in_transaction_session_timeout = 0").await?;
            tx.execute_unprepared("SELECT pg_advisory_xact_lock(7239142206581)").await?;
            Migrator::up(&tx, None).await?;
            tx.commit().await?;
        } else {
            Migrator::up(&self.write, None).await?;
        }
        Ok(())
    }
}

/// The names in the table of applied migrations; none where there is no such table yet.
async fn recorded(store: &Store) -> Result<Vec<String>> {
    let backend = store.write.get_database_backend();
    let exists = match backend {
        DbBackend::Postgres => "SELECT to_regclass('seaql_migrations') IS NOT NULL AS found",
        _ => "SELECT count(*) > 0 AS found FROM sqlite_master WHERE name = 'seaql_migrations'",
    };
    let found = store.write.query_one_raw(sea_orm::Statement::from_string(backend, exists)).await?;
    let found = found.map(|row| row.try_get::<bool>("", "found")).transpose()?.unwrap_or(false);
    if !found {
        return Ok(Vec::new());
    }
    let names = "SELECT version FROM seaql_migrations ORDER BY version";
    let rows = store.write.query_all_raw(sea_orm::Statement::from_string(backend, names)).await?;
    rows.iter().map(|row| row.try_get("", "version").map_err(Error::from)).collect()
}
