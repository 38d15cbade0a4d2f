//! Batches of assignments: what each replaced, for as long as it can be undone.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, pk_uuid, text, uuid},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

const TABLE: &str = "assignments";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
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

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(TABLE).to_owned()).await
    }
}
