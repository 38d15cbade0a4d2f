//! Assignments: what batches of them replaced, for as long as they can be undone, and when users were last given a lead.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, pk_uuid, text, uuid},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

pub(crate) const TABLE: &str = "assignments";
const LAST_TIME: &str = "last_assign_time";

/// As far as it is known.
const KNOWN: &str = "UPDATE users SET last_assign_time = \
     (SELECT max(leads.assign_time) FROM leads WHERE leads.assignee_id = users.id)";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_table(manager).await?;
        let column = big_integer_null(LAST_TIME);
        manager.alter_table(Table::alter().table("users").add_column(column).to_owned()).await?;
        manager.get_connection().execute_unprepared(KNOWN).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("users").drop_column(LAST_TIME).to_owned()).await?;
        manager.drop_table(Table::drop().table(TABLE).to_owned()).await
    }
}

/// The table of what was replaced.
pub(crate) async fn create_table(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let of_lead = ForeignKey::create()
        .name("assignments_lead_id")
        .from(TABLE, "lead_id")
        .to("leads", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned();
    let assignments = Table::create()
        .table(TABLE)
        .col(pk_uuid("id"))
        .col(uuid("batch_id"))
        .col(uuid("lead_id"))
        .col(big_integer("version"))
        .col(text("replaced"))
        .foreign_key(&mut of_lead.clone())
        .to_owned();
    manager.create_table(assignments).await?;
    let of_batch = Index::create().name("assignments_by_batch").table(TABLE).col("batch_id").col("id").to_owned();
    manager.create_index(of_batch).await?;
    manager.create_index(Index::create().name("assignments_by_lead").table(TABLE).col("lead_id").to_owned()).await
}
