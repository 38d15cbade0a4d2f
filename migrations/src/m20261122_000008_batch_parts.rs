//! What batches of assignments replaced, a row for each part of a batch instead of one for each lead; and who acted on somebody's behalf is
//! listed where somebody did.

use sea_orm_migration::{
    prelude::*,
    schema::{pk_uuid, text, uuid},
    sea_orm::DbBackend,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

const TABLE: &str = "batch_parts";
const BEFORE: &str = "assignments";
const BY_DELEGATOR: &str = "permission_changes_by_delegator";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let parts =
            Table::create().table(TABLE).col(pk_uuid("id")).col(uuid("batch_id")).col(text("replaced")).to_owned();
        manager.create_table(parts).await?;
        let by_batch = Index::create().name("batch_parts_by_batch").table(TABLE).col("batch_id").col("id").to_owned();
        manager.create_index(by_batch).await?;
        let conn = manager.get_connection();
        conn.execute_unprepared(&packed(manager.get_database_backend())).await?;
        manager.drop_table(Table::drop().table(BEFORE).to_owned()).await?;
        manager.drop_index(Index::drop().name(BY_DELEGATOR).table("permission_changes").to_owned()).await?;
        let listed = "permission_changes (on_behalf_of, id) WHERE on_behalf_of IS NOT NULL";
        conn.execute_unprepared(&format!("CREATE INDEX {BY_DELEGATOR} ON {listed}")).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(BY_DELEGATOR).table("permission_changes").to_owned()).await?;
        let by_delegator =
            Index::create().name(BY_DELEGATOR).table("permission_changes").col("on_behalf_of").col("id").to_owned();
        manager.create_index(by_delegator).await?;
        crate::m20261122_000005_assignments::create_table(manager).await?;
        manager.get_connection().execute_unprepared(unpacked(manager.get_database_backend())).await?;
        manager.drop_table(Table::drop().table(TABLE).to_owned()).await
    }
}

/// Each lead's row as a part of one lead.
fn packed(backend: DbBackend) -> String {
    let lead = match backend {
        DbBackend::Postgres => "lead_id::text".to_owned(),
        _ => [(1, 8), (9, 4), (13, 4), (17, 4), (21, 12)]
            .map(|(from, length)| format!("substr(lower(hex(lead_id)), {from}, {length})"))
            .join(" || '-' || "),
    };
    format!(
        r#"INSERT INTO {TABLE} (id, batch_id, replaced) SELECT id, batch_id,
            '[{{"lead":"' || {lead} || '","version":' || version || ',' || substr(replaced, 2) || ']' FROM {BEFORE}"#
    )
}

/// A row for each lead that is still there.
fn unpacked(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => {
            "INSERT INTO assignments (id, batch_id, lead_id, version, replaced)
            SELECT overlay(part.id::text placing lpad(to_hex(place), 12, '0') from 25)::uuid, batch_id, leads.id,
                (lead->>'version')::bigint, (lead - 'lead' - 'version')::text
            FROM batch_parts AS part
            CROSS JOIN jsonb_array_elements(part.replaced::jsonb) WITH ORDINALITY AS each (lead, place)
            JOIN leads ON leads.id = (lead->>'lead')::uuid"
        }
        _ => {
            "INSERT INTO assignments (id, batch_id, lead_id, version, replaced)
            SELECT CAST(substr(part.id, 1, 10) || randomblob(6) AS BLOB), batch_id, leads.id,
                lead.value->>'version', json_remove(lead.value, '$.lead', '$.version')
            FROM batch_parts AS part, json_each(part.replaced) AS lead
            JOIN leads ON leads.id = unhex(replace(lead.value->>'lead', '-', ''))"
        }
    }
}
