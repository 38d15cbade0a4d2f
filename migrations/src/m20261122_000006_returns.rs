//! Assignments for some time: when the leads of a batch go back.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, pk_uuid, uuid, uuid_null},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

const TABLE: &str = "assignment_returns";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let returns = Table::create()
            .table(TABLE)
            .col(pk_uuid("batch_id"))
            .col(uuid("actor_id"))
            .col(uuid_null("on_behalf_of"))
            .col(big_integer("return_time"))
            .col(big_integer("next_time"))
            .to_owned();
        manager.create_table(returns).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(TABLE).to_owned()).await
    }
}
