//! What batches of assignments replaced is kept with the history of each lead instead of in a table of its own; and who acted on somebody's
//! behalf is listed where somebody did.

use sea_orm_migration::{
    prelude::*,
    schema::{text_null, uuid_null},
    sea_orm::DbBackend,
};

use crate::m20261122_000005_assignments as assignments;

#[derive(DeriveMigrationName)]
pub struct Migration;

const HISTORY: &str = "lead_history";
const BY_BATCH: &str = "lead_history_by_batch";
const BY_DELEGATOR: &str = "permission_changes_by_delegator";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for mut column in [uuid_null("batch_id"), text_null("replaced")] {
            manager.alter_table(Table::alter().table(HISTORY).add_column(&mut column).to_owned()).await?;
        }
        let conn = manager.get_connection();
        conn.execute_unprepared(&to_history(manager.get_database_backend())).await?;
        manager.drop_table(Table::drop().table(assignments::TABLE).to_owned()).await?;
        manager.drop_index(Index::drop().name(BY_DELEGATOR).table("permission_changes").to_owned()).await?;
        for index in [
            format!("{BY_BATCH} ON {HISTORY} (batch_id, id) WHERE batch_id IS NOT NULL"),
            format!("{BY_DELEGATOR} ON permission_changes (on_behalf_of, id) WHERE on_behalf_of IS NOT NULL"),
        ] {
            conn.execute_unprepared(&format!("CREATE INDEX {index}")).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(BY_DELEGATOR).table("permission_changes").to_owned()).await?;
        manager.drop_index(Index::drop().name(BY_BATCH).table(HISTORY).to_owned()).await?;
        let by_delegator = "permission_changes (on_behalf_of, id)";
        let conn = manager.get_connection();
        conn.execute_unprepared(&format!("CREATE INDEX {BY_DELEGATOR} ON {by_delegator}")).await?;
        assignments::create_table(manager).await?;
        conn.execute_unprepared(from_history(manager.get_database_backend())).await?;
        for column in ["batch_id", "replaced"] {
            manager.alter_table(Table::alter().table(HISTORY).drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}

/// The entry of an assignment has its lead, and an identity that begins with its millisecond.
fn to_history(backend: DbBackend) -> String {
    let millisecond = |id: &str| match backend {
        DbBackend::Postgres => format!("left({id}::text, 13)"),
        _ => format!("substr({id}, 1, 6)"),
    };
    format!(
        r#"UPDATE {HISTORY} SET batch_id = kept.batch_id,
            replaced = '{{"version":' || kept.version || ',' || substr(kept.replaced, 2)
        FROM {} AS kept
        WHERE {HISTORY}.lead_id = kept.lead_id AND {HISTORY}.kind = 'ASSIGNED'
            AND {} = {}"#,
        assignments::TABLE,
        millisecond("lead_history.id"),
        millisecond("kept.id"),
    )
}

fn from_history(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => {
            "INSERT INTO assignments (id, batch_id, lead_id, version, replaced)
            SELECT id, batch_id, lead_id, (replaced::jsonb->>'version')::bigint, (replaced::jsonb - 'version')::text
            FROM lead_history WHERE batch_id IS NOT NULL"
        }
        _ => {
            "INSERT INTO assignments (id, batch_id, lead_id, version, replaced)
            SELECT id, batch_id, lead_id, replaced->>'version', json_remove(replaced, '$.version')
            FROM lead_history WHERE batch_id IS NOT NULL"
        }
    }
}
