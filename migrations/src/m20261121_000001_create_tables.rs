//! People, permissions, leads, and what hangs on a lead.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, boolean, integer_null, pk_uuid, text, text_null, uuid, uuid_null},
    sea_orm::DbBackend,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// SQLite too: a half-made schema must never stay.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in people().into_iter().chain(leads()) {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        // Reassigning a lead rewrites its row; room on the page lets PostgreSQL keep the new version beside the old one.
        if manager.get_database_backend() == DbBackend::Postgres {
            manager.get_connection().execute_unprepared("ALTER TABLE leads SET (fillfactor = 85)").await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES.iter().rev() {
            manager.drop_table(Table::drop().table(*table).if_exists().to_owned()).await?;
        }
        Ok(())
    }
}

const TABLES: &[&str] = &[
    "secrets",
    "settings",
    "profiles",
    "groups",
    "users",
    "group_members",
    "permissions",
    "permission_groups",
    "api_tokens",
    "pick_list_entries",
    "leads",
    "lead_access",
    "lead_history",
    "lead_tombstones",
];

fn people() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("secrets")
            .col(text("name").primary_key())
            .col(ColumnDef::new("value").blob().not_null())
            .to_owned(),
        Table::create()
            .table("settings")
            .col(big_integer("id").primary_key())
            .col(text("revocation_policy"))
            .col(big_integer("keep_duration"))
            .col(boolean("enforce_desks"))
            .col(big_integer("update_time"))
            .col(big_integer("version"))
            .to_owned(),
        Table::create()
            .table("profiles")
            .col(pk_uuid("id"))
            .col(text("name"))
            .col(text("name_key").unique_key())
            .col(boolean("built_in"))
            .col(text("role"))
            .col(text("capabilities"))
            .col(big_integer_null("resolved_grace"))
            .col(integer_null("max_open_leads"))
            .col(big_integer("version"))
            .to_owned(),
        Table::create()
            .table("groups")
            .col(pk_uuid("id"))
            .col(text("name"))
            .col(text("name_key").unique_key())
            .col(big_integer("create_time"))
            .col(big_integer("version"))
            .to_owned(),
        Table::create()
            .table("users")
            .col(pk_uuid("id"))
            .col(text("name"))
            .col(text_null("email"))
            .col(text_null("email_key").unique_key())
            .col(text("kind"))
            .col(text("state"))
            .col(uuid("profile_id"))
            .col(text_null("desk"))
            .col(big_integer("create_time"))
            .col(big_integer("update_time"))
            .col(big_integer("version"))
            .col(big_integer("permissions_version"))
            .foreign_key(&mut reference("users", "profile_id", "profiles", ForeignKeyAction::Restrict))
            .to_owned(),
        Table::create()
            .table("group_members")
            .col(uuid("user_id"))
            .col(uuid("group_id"))
            .primary_key(Index::create().col("user_id").col("group_id"))
            .foreign_key(&mut reference("group_members", "user_id", "users", ForeignKeyAction::Cascade))
            .foreign_key(&mut reference("group_members", "group_id", "groups", ForeignKeyAction::Cascade))
            .to_owned(),
        // The owner is a profile, or a user who has a setting of their own.
        Table::create()
            .table("permissions")
            .col(uuid("owner_id"))
            .col(text("action"))
            .col(text("level"))
            .col(boolean("include_member_groups"))
            .col(boolean("include_unassigned"))
            .primary_key(Index::create().col("owner_id").col("action"))
            .to_owned(),
        Table::create()
            .table("permission_groups")
            .col(uuid("owner_id"))
            .col(text("action"))
            .col(uuid("group_id"))
            .primary_key(Index::create().col("owner_id").col("action").col("group_id"))
            .foreign_key(&mut reference("permission_groups", "group_id", "groups", ForeignKeyAction::Restrict))
            .to_owned(),
        Table::create()
            .table("api_tokens")
            .col(pk_uuid("id"))
            .col(uuid("user_id"))
            .col(ColumnDef::new("lookup").blob().not_null())
            .col(ColumnDef::new("hash").blob().not_null())
            .col(text("label"))
            .col(big_integer("create_time"))
            .col(big_integer_null("expire_time"))
            .col(big_integer_null("last_use_time"))
            .col(big_integer_null("revoke_time"))
            .foreign_key(&mut reference("api_tokens", "user_id", "users", ForeignKeyAction::Cascade))
            .to_owned(),
    ]
}

fn leads() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("pick_list_entries")
            .col(pk_uuid("id"))
            .col(text("list"))
            .col(text("name"))
            .col(text("name_key"))
            .col(text_null("category"))
            .col(boolean("disabled"))
            .col(big_integer("version"))
            .to_owned(),
        Table::create()
            .table("leads")
            .col(pk_uuid("id"))
            .col(text_null("external_id").unique_key())
            .col(text_null("name"))
            .col(text_null("email"))
            .col(text_null("email_key"))
            .col(boolean("email_confirmed"))
            .col(text_null("phone"))
            .col(text_null("country"))
            .col(text_null("locale"))
            .col(text("source"))
            .col(text_null("campaign"))
            .col(text("attributes"))
            .col(uuid_null("stage_id"))
            .col(big_integer_null("next_contact_time"))
            .col(uuid_null("assignee_id"))
            .col(uuid_null("assigned_by"))
            .col(big_integer_null("assign_time"))
            .col(uuid_null("group_id"))
            .col(text("state"))
            .col(uuid_null("discard_reason_id"))
            .col(big_integer_null("discard_time"))
            .col(uuid_null("disposition_id"))
            .col(big_integer_null("resolve_time"))
            .col(big_integer_null("register_time"))
            .col(big_integer_null("first_deposit_time"))
            .col(uuid("created_by"))
            .col(big_integer("create_time"))
            .col(big_integer("update_time"))
            .col(big_integer("version"))
            .foreign_key(&mut reference("leads", "stage_id", "pick_list_entries", ForeignKeyAction::Restrict))
            .foreign_key(&mut reference("leads", "discard_reason_id", "pick_list_entries", ForeignKeyAction::Restrict))
            .foreign_key(&mut reference("leads", "disposition_id", "pick_list_entries", ForeignKeyAction::Restrict))
            .foreign_key(&mut reference("leads", "assignee_id", "users", ForeignKeyAction::Restrict))
            .foreign_key(&mut reference("leads", "group_id", "groups", ForeignKeyAction::Restrict))
            .to_owned(),
        // One row per lead and user: a grant, a retained access, or a block.
        Table::create()
            .table("lead_access")
            .col(uuid("lead_id"))
            .col(uuid("user_id"))
            .col(text("kind"))
            .col(text("mode"))
            .col(big_integer_null("expire_time"))
            .col(uuid("given_by"))
            .col(big_integer("give_time"))
            .primary_key(Index::create().col("lead_id").col("user_id"))
            .foreign_key(&mut reference("lead_access", "lead_id", "leads", ForeignKeyAction::Cascade))
            .foreign_key(&mut reference("lead_access", "user_id", "users", ForeignKeyAction::Cascade))
            .to_owned(),
        Table::create()
            .table("lead_history")
            .col(pk_uuid("id"))
            .col(uuid("lead_id"))
            .col(text("kind"))
            .col(big_integer("time"))
            .col(uuid("actor_id"))
            .col(text("changes"))
            .foreign_key(&mut reference("lead_history", "lead_id", "leads", ForeignKeyAction::Cascade))
            .to_owned(),
        Table::create()
            .table("lead_tombstones")
            .col(pk_uuid("lead_id"))
            .col(uuid("deleted_by"))
            .col(big_integer("delete_time"))
            .col(text("reason"))
            .to_owned(),
    ]
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        Index::create().name("group_members_by_group").table("group_members").col("group_id").col("user_id").to_owned(),
        Index::create().name("permission_groups_by_group").table("permission_groups").col("group_id").to_owned(),
        Index::create().name("users_by_profile").table("users").col("profile_id").to_owned(),
        Index::create().name("api_tokens_by_lookup").table("api_tokens").col("lookup").to_owned(),
        Index::create().name("api_tokens_by_user").table("api_tokens").col("user_id").col("id").to_owned(),
        Index::create()
            .name("pick_list_entries_by_name")
            .table("pick_list_entries")
            .col("list")
            .col("name_key")
            .unique()
            .to_owned(),
        Index::create().name("leads_by_assignee").table("leads").col("assignee_id").col("id").to_owned(),
        Index::create().name("leads_by_group").table("leads").col("group_id").col("id").to_owned(),
        Index::create().name("leads_by_email").table("leads").col("email_key").to_owned(),
        Index::create().name("leads_by_phone").table("leads").col("phone").to_owned(),
        Index::create().name("lead_access_by_user").table("lead_access").col("user_id").col("lead_id").to_owned(),
        Index::create().name("lead_history_by_lead").table("lead_history").col("lead_id").col("id").to_owned(),
    ]
}

fn reference(
    table: &'static str,
    column: &'static str,
    to: &'static str,
    on_delete: ForeignKeyAction,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_{column}"))
        .from(table, column)
        .to(to, "id")
        .on_delete(on_delete)
        .to_owned()
}
