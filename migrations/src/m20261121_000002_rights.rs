//! Versions of people's rights, by which a caller's facts are known to hold still; and the record of changes of rights.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, pk_uuid, text, uuid_null},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in VERSIONED {
            let version = big_integer("rights_version").default(1).take();
            manager.alter_table(Table::alter().table(*table).add_column(version).to_owned()).await?;
        }
        for table in ACTED {
            let on_behalf_of = uuid_null("on_behalf_of");
            manager.alter_table(Table::alter().table(*table).add_column(on_behalf_of).to_owned()).await?;
        }
        manager.create_table(changes()).await?;
        for (name, column) in INDEXES {
            let index = Index::create().name(*name).table("permission_changes").col(*column).col("id").to_owned();
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("permission_changes").to_owned()).await?;
        for table in ACTED {
            manager.alter_table(Table::alter().table(*table).drop_column("on_behalf_of").to_owned()).await?;
        }
        for table in VERSIONED {
            manager.alter_table(Table::alter().table(*table).drop_column("rights_version").to_owned()).await?;
        }
        Ok(())
    }
}

/// A user's version moves with their own rights, that of the settings with everyone's.
const VERSIONED: &[&str] = &["users", "settings"];

/// What says who did something says for whom, too.
const ACTED: &[&str] = &["lead_history", "lead_tombstones"];

const INDEXES: &[(&str, &str)] = &[
    ("permission_changes_by_user", "user_id"),
    ("permission_changes_by_actor", "actor_id"),
    ("permission_changes_by_delegator", "on_behalf_of"),
    ("permission_changes_by_lead", "lead_id"),
    ("permission_changes_by_kind", "kind"),
];

/// No foreign keys: what is recorded outlives what it is about.
fn changes() -> TableCreateStatement {
    Table::create()
        .table("permission_changes")
        .col(pk_uuid("id"))
        .col(big_integer("time"))
        .col(text("kind"))
        .col(uuid_null("actor_id"))
        .col(uuid_null("on_behalf_of"))
        .col(uuid_null("user_id"))
        .col(uuid_null("profile_id"))
        .col(uuid_null("group_id"))
        .col(uuid_null("lead_id"))
        .col(uuid_null("token_id"))
        .col(text("changes"))
        .to_owned()
}
