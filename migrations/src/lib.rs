//! The schema of leadward, one source for SQLite and PostgreSQL. Times are microseconds since the epoch, identities UUIDs.
#![forbid(unsafe_code)]

mod m20261121_000001_create_tables;
mod m20261121_000002_rights;
mod m20261122_000003_life;
mod m20261122_000004_queries;
mod m20261122_000005_assignments;
mod m20261122_000006_returns;
mod m20261122_000007_distribution;
mod m20261122_000008_replaced;

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::{MigrationTrait, async_trait};

/// Every migration, in order.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_create_tables::Migration),
            Box::new(m20261121_000002_rights::Migration),
            Box::new(m20261122_000003_life::Migration),
            Box::new(m20261122_000004_queries::Migration),
            Box::new(m20261122_000005_assignments::Migration),
            Box::new(m20261122_000006_returns::Migration),
            Box::new(m20261122_000007_distribution::Migration),
            Box::new(m20261122_000008_replaced::Migration),
        ]
    }
}
