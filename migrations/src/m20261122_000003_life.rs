//! The life of a lead: orders, deposits, activities; what makes calls safe to repeat; the outbox that watches read.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, boolean, integer, pk_uuid, text, text_null, uuid, uuid_null},
    sea_orm::{DbBackend, Statement},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, mut column) in columns() {
            manager.alter_table(Table::alter().table(table).add_column(&mut column).to_owned()).await?;
        }
        let conn = manager.get_connection();
        for statement in EXISTING {
            conn.execute_unprepared(statement).await?;
        }
        for table in tables() {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        for (name, on) in PARTIAL_INDEXES {
            conn.execute_unprepared(&format!("CREATE INDEX {name} ON {on}")).await?;
        }
        if manager.get_database_backend() == DbBackend::Postgres {
            // Positions and times of what is written again and again; the row stays on its page.
            conn.execute_raw(Statement::from_string(DbBackend::Postgres, "ALTER TABLE imports SET (fillfactor = 50)"))
                .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, _) in PARTIAL_INDEXES {
            manager.drop_index(Index::drop().name(*name).to_owned()).await?;
        }
        manager.drop_index(Index::drop().name("lead_tombstones_by_id").table("lead_tombstones").to_owned()).await?;
        for table in tables().iter().rev() {
            if let Some(TableRef::Table(name, _)) = table.get_table_name() {
                manager.drop_table(Table::drop().table(name.clone()).to_owned()).await?;
            }
        }
        for (table, column) in columns() {
            let drop = Table::alter().table(table).drop_column(column.get_column_name()).to_owned();
            manager.alter_table(drop).await?;
        }
        Ok(())
    }
}

fn columns() -> Vec<(&'static str, ColumnDef)> {
    vec![
        ("profiles", text("order_visibility").default("ALL").take()),
        ("profiles", boolean("assign_partial_orders_only").default(false).take()),
        ("settings", boolean("resolve_on_completed_order").default(true).take()),
        ("pick_list_entries", text_null("code")),
        ("lead_history", text_null("activity")),
        ("lead_tombstones", uuid_null("id")),
    ]
}

/// What is there already, as it would have been made today.
const EXISTING: &[&str] = &[
    "UPDATE profiles SET order_visibility = 'PARTIAL_ONLY', assign_partial_orders_only = TRUE \
     WHERE built_in AND name_key = 'leads-agent'",
    "UPDATE pick_list_entries SET code = 'SALE' WHERE list = 'DISPOSITION' AND name_key = 'sale'",
    "UPDATE lead_tombstones SET id = lead_id",
];

fn tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("orders")
            .col(pk_uuid("id"))
            .col(uuid("lead_id"))
            .col(text("number"))
            .col(text("status"))
            .col(text("currency"))
            .col(big_integer("units"))
            .col(integer("nanos"))
            .col(big_integer("place_time"))
            .col(text_null("items"))
            .col(uuid("created_by"))
            .col(big_integer("create_time"))
            .col(big_integer("update_time"))
            .col(big_integer("version"))
            .foreign_key(&mut of_lead("orders"))
            .to_owned(),
        Table::create()
            .table("deposits")
            .col(pk_uuid("id"))
            .col(uuid("lead_id"))
            .col(text("payment_id"))
            .col(text("currency"))
            .col(big_integer("units"))
            .col(integer("nanos"))
            .col(big_integer("deposit_time"))
            .col(big_integer("create_time"))
            .foreign_key(&mut of_lead("deposits"))
            .to_owned(),
        // Up to which row an import has come, and which of those it rejected.
        Table::create()
            .table("imports")
            .col(blob("key").primary_key())
            .col(big_integer("last_row"))
            .col(text("rejected"))
            .col(big_integer("update_time"))
            .to_owned(),
        // Answers that are kept for repeated requests, sealed. No foreign key: that a request was made outlives its lead.
        Table::create()
            .table("requests")
            .col(blob("key").primary_key())
            .col(blob("digest"))
            .col(ColumnDef::new("answer").blob().null())
            .col(uuid_null("lead_id"))
            .col(big_integer("time"))
            .to_owned(),
        // What happened to leads, in the order of the commits. No foreign key: that a lead was deleted outlives it.
        Table::create()
            .table("lead_events")
            .col(ColumnDef::new("seq").big_integer().not_null().auto_increment().primary_key())
            .col(uuid("lead_id"))
            .col(text("kind"))
            .col(big_integer("time"))
            .col(boolean("existed"))
            .col(uuid_null("was_assignee_id"))
            .col(uuid_null("was_group_id"))
            .col(big_integer_null("was_resolve_time"))
            .col(text_null("was_access"))
            .to_owned(),
    ]
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        Index::create().name("lead_tombstones_by_id").table("lead_tombstones").col("id").unique().to_owned(),
        Index::create().name("orders_by_number").table("orders").col("lead_id").col("number").unique().to_owned(),
        Index::create().name("orders_by_time").table("orders").col("lead_id").col("place_time").col("id").to_owned(),
        Index::create()
            .name("deposits_by_payment")
            .table("deposits")
            .col("lead_id")
            .col("payment_id")
            .unique()
            .to_owned(),
        Index::create().name("requests_by_time").table("requests").col("time").to_owned(),
        Index::create().name("lead_events_by_lead").table("lead_events").col("lead_id").col("seq").to_owned(),
        Index::create().name("lead_events_by_time").table("lead_events").col("time").to_owned(),
    ]
}

/// What few rows have; the rest costs nothing.
const PARTIAL_INDEXES: &[(&str, &str)] = &[
    ("requests_by_lead", "requests (lead_id) WHERE lead_id IS NOT NULL"),
    ("lead_access_by_end", "lead_access (user_id, expire_time) WHERE expire_time IS NOT NULL"),
    ("leads_by_end_of_work", "leads (assignee_id, resolve_time) WHERE resolve_time IS NOT NULL"),
];

fn blob(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).blob().not_null().take()
}

fn of_lead(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_lead_id"))
        .from(table, "lead_id")
        .to("leads", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}
