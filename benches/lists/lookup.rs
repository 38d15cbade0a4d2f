//! The least that finding a lead can take: its row by the primary key, straight from the database.

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use uuid::Uuid;

pub struct Lookup {
    db: DatabaseConnection,
}

impl Lookup {
    pub async fn new(url: &str) -> Self {
        let mut options = ConnectOptions::new(url.to_owned());
        // One, on which the statement stays prepared, and nothing else is asked.
        options.max_connections(1).test_before_acquire(false).sqlx_logging(false);
        Self { db: Database::connect(options).await.unwrap() }
    }

    pub async fn find(&self, id: Uuid) {
        let backend = self.db.get_database_backend();
        let place = if backend == DbBackend::Postgres { "$1" } else { "?" };
        let sql = format!("SELECT * FROM leads WHERE id = {place}");
        let row = self.db.query_one_raw(Statement::from_sql_and_values(backend, sql, [id.into()])).await.unwrap();
        assert!(row.is_some(), "a lead that was listed is there");
    }

    pub async fn close(self) {
        self.db.close().await.unwrap();
    }
}
