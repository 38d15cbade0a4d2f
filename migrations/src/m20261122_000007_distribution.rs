//! Distribution: rules with their targets, who is away until when, leads that have found nobody, and why leads went to whom they went.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, boolean, integer, pk_uuid, text, text_null, uuid, uuid_null},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

const RULES: &str = "assignment_rules";
const TARGETS: &str = "assignment_rule_targets";
const UNPLACED: &str = "unplaced_leads";
const AWAY: &str = "away_until";
const DECISION: &str = "decision";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let reference = |from: &'static str, column: &'static str, to: &'static str, on_delete| {
            ForeignKey::create()
                .name(format!("{from}_{column}"))
                .from(from, column)
                .to(to, "id")
                .on_delete(on_delete)
                .to_owned()
        };
        let rules = Table::create()
            .table(RULES)
            .col(pk_uuid("id"))
            .col(integer("position"))
            .col(text("name"))
            .col(text("name_key").unique_key())
            .col(text("filter"))
            .col(text("strategy"))
            .col(uuid_null("group_id"))
            .col(boolean("on_creation"))
            .col(boolean("disabled"))
            .col(big_integer("create_time"))
            .col(big_integer("update_time"))
            .col(big_integer("version"))
            .foreign_key(&mut reference(RULES, "group_id", "groups", ForeignKeyAction::Restrict))
            .to_owned();
        manager.create_table(rules).await?;
        let targets = Table::create()
            .table(TARGETS)
            .col(uuid("rule_id"))
            .col(uuid("user_id"))
            .col(integer("place"))
            .col(integer("weight"))
            .col(big_integer("credit"))
            .primary_key(Index::create().col("rule_id").col("user_id"))
            .foreign_key(&mut reference(TARGETS, "rule_id", RULES, ForeignKeyAction::Cascade))
            .foreign_key(&mut reference(TARGETS, "user_id", "users", ForeignKeyAction::Restrict))
            .to_owned();
        manager.create_table(targets).await?;
        let unplaced = Table::create()
            .table(UNPLACED)
            .col(pk_uuid("lead_id"))
            .col(uuid_null("rule_id"))
            .col(text("cause"))
            .col(big_integer("time"))
            .foreign_key(&mut reference(UNPLACED, "lead_id", "leads", ForeignKeyAction::Cascade))
            .to_owned();
        manager.create_table(unplaced).await?;
        manager.alter_table(Table::alter().table("users").add_column(big_integer_null(AWAY)).to_owned()).await?;
        manager.alter_table(Table::alter().table("lead_history").add_column(text_null(DECISION)).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("lead_history").drop_column(DECISION).to_owned()).await?;
        manager.alter_table(Table::alter().table("users").drop_column(AWAY).to_owned()).await?;
        for table in [UNPLACED, TARGETS, RULES] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
