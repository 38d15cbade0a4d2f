//! Filters, orders and reports at any number of leads: what is searched for text, the indexes that lists walk along, saved views.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, pk_uuid, text, text_null, uuid},
    sea_orm::{
        DbBackend,
        prelude::{Json, Uuid},
    },
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let conn = manager.get_connection();
        let backend = manager.get_database_backend();
        if backend == DbBackend::Postgres {
            for (table, column) in ORDERED_BY_BYTES {
                let sql = format!("ALTER TABLE {table} ALTER COLUMN {column} TYPE text COLLATE \"C\"");
                conn.execute_unprepared(&sql).await?;
            }
        }

        // A copy, so that what was given to somebody is found in this order without a look at each lead.
        let column = big_integer_null("next_contact_time");
        manager.alter_table(Table::alter().table("lead_access").add_column(column).to_owned()).await?;
        conn.execute_unprepared(COPY_CONTACTS).await?;
        for name in REPLACED {
            manager.drop_index(Index::drop().name(*name).to_owned()).await?;
        }
        for index in INDEXES {
            conn.execute_unprepared(&index.sql(backend)).await?;
        }

        manager.create_table(lead_search(backend)).await?;
        fill_search(conn).await?;
        let trigrams = if backend == DbBackend::Postgres { TRIGRAMS_ON_POSTGRES } else { TRIGRAMS_ON_SQLITE };
        for statement in trigrams {
            conn.execute_unprepared(statement).await?;
        }

        for table in saved_views() {
            manager.create_table(table).await?;
        }
        for index in indexes_of_saved_views() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let conn = manager.get_connection();
        if manager.get_database_backend() != DbBackend::Postgres {
            conn.execute_unprepared("DROP TABLE lead_search_trigrams").await?;
        }
        for table in ["saved_view_groups", "saved_views", "lead_search"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        for Walk { name, .. } in INDEXES {
            manager.drop_index(Index::drop().name(*name).to_owned()).await?;
        }
        for index in BEFORE {
            conn.execute_unprepared(index).await?;
        }
        let drop = Table::alter().table("lead_access").drop_column("next_contact_time").to_owned();
        manager.alter_table(drop).await
    }
}

/// Text that is compared and ordered the same way on every database, whatever language PostgreSQL's was made for.
const ORDERED_BY_BYTES: &[(&str, &str)] = &[
    ("leads", "external_id"),
    ("leads", "name"),
    ("leads", "email_key"),
    ("leads", "phone"),
    ("leads", "country"),
    ("leads", "locale"),
    ("leads", "campaign"),
    ("pick_list_entries", "name_key"),
];

const COPY_CONTACTS: &str = "UPDATE lead_access SET next_contact_time = \
     (SELECT leads.next_contact_time FROM leads WHERE leads.id = lead_access.lead_id)";

const REPLACED: &[&str] = &["leads_by_assignee", "leads_by_group", "lead_access_by_user"];
const BEFORE: &[&str] = &[
    "CREATE INDEX leads_by_assignee ON leads (assignee_id, id)",
    "CREATE INDEX leads_by_group ON leads (group_id, id)",
    "CREATE INDEX lead_access_by_user ON lead_access (user_id, lead_id)",
];

/// An index that lists walk along.
struct Walk {
    name: &'static str,
    on: &'static str,
    /// What PostgreSQL finds in the index, so that it passes by most rows without a look at them.
    including: Option<&'static str>,
    only: Option<&'static str>,
}

impl Walk {
    fn sql(&self, backend: DbBackend) -> String {
        let Self { name, on, including, only } = self;
        let including = including.filter(|_| backend == DbBackend::Postgres);
        let including = including.map(|columns| format!(" INCLUDE ({columns})")).unwrap_or_default();
        let only = only.map(|only| format!(" WHERE {only}")).unwrap_or_default();
        format!("CREATE INDEX {name} ON {on}{including}{only}")
    }
}

const LIVE: &str = "state <> 'DISCARDED'";
const LIVE_AND_SET: &str = "state <> 'DISCARDED' AND next_contact_time IS NOT NULL";

/// Each of them costs every import. So none for what is seldom ordered by, and rows that an order leaves out are left out.
const INDEXES: &[Walk] = &[
    // Whatever is somebody's or a team's, newest first; and what keeps users and groups from being deleted under their leads.
    Walk {
        name: "leads_by_assignee",
        on: "leads (assignee_id, id)",
        including: Some("state, group_id, stage_id, country"),
        only: None,
    },
    Walk {
        name: "leads_by_group",
        on: "leads (group_id, id)",
        including: Some("state, assignee_id, stage_id, country"),
        only: None,
    },
    Walk {
        name: "lead_access_by_user",
        on: "lead_access (user_id, lead_id)",
        including: Some("kind, mode, expire_time"),
        only: None,
    },
    // Few, and far between all the others.
    Walk {
        name: "lead_access_blocked",
        on: "lead_access (user_id, lead_id)",
        including: None,
        only: Some("kind = 'BLOCKED'"),
    },
    Walk {
        name: "leads_discarded",
        on: "leads (id)",
        including: Some("assignee_id, group_id"),
        only: Some("state = 'DISCARDED'"),
    },
    // The order of the day's work: of everybody's leads, of one's own, of a team's, of those given to somebody.
    Walk {
        name: "leads_by_contact",
        on: "leads (next_contact_time, id)",
        including: Some("assignee_id, group_id, stage_id, country"),
        only: Some(LIVE_AND_SET),
    },
    Walk {
        name: "leads_by_assignee_contact",
        on: "leads (assignee_id, next_contact_time, id)",
        including: Some("group_id, stage_id, country"),
        only: Some(LIVE_AND_SET),
    },
    Walk {
        name: "leads_by_group_contact",
        on: "leads (group_id, next_contact_time, id)",
        including: Some("assignee_id, stage_id, country"),
        only: Some(LIVE_AND_SET),
    },
    Walk {
        name: "lead_access_by_contact",
        on: "lead_access (user_id, next_contact_time, lead_id)",
        including: Some("kind, mode, expire_time"),
        only: Some("next_contact_time IS NOT NULL"),
    },
    // Orders of reports, and the filters of most.
    Walk {
        name: "leads_by_name",
        on: "leads (name, id)",
        including: Some("assignee_id, group_id, stage_id, country"),
        only: Some(LIVE),
    },
    Walk {
        name: "leads_by_country",
        on: "leads (country, id)",
        including: Some("assignee_id, group_id, stage_id"),
        only: Some(LIVE),
    },
    Walk {
        name: "leads_by_stage",
        on: "leads (stage_id, id)",
        including: Some("assignee_id, group_id, country"),
        only: Some(LIVE),
    },
    // Order details, the latest placed first.
    Walk {
        name: "orders_by_place_time",
        on: "orders (place_time, id)",
        including: Some("lead_id, status, currency"),
        only: None,
    },
    Walk {
        name: "leads_by_register_time",
        on: "leads (register_time, id)",
        including: Some("assignee_id, group_id"),
        only: Some("state <> 'DISCARDED' AND register_time IS NOT NULL"),
    },
    Walk {
        name: "leads_by_first_deposit_time",
        on: "leads (first_deposit_time, id)",
        including: Some("assignee_id, group_id"),
        only: Some("state <> 'DISCARDED' AND first_deposit_time IS NOT NULL"),
    },
];

/// What a lead has that is searched for a part of it, in lower case. Apart from the leads, so that no reassignment touches it.
fn lead_search(backend: DbBackend) -> TableCreateStatement {
    let mut table = Table::create();
    table.table("lead_search");
    if backend == DbBackend::Postgres {
        table.col(pk_uuid("lead_id"));
    } else {
        // SQLite's index of texts knows rows by a number, which must be a column or it may change.
        table.col(ColumnDef::new("number").integer().not_null().primary_key()).col(uuid("lead_id").unique_key());
    }
    for column in SEARCHED {
        table.col(text_null(*column));
    }
    table.foreign_key(&mut reference("lead_search", "lead_id", "leads", ForeignKeyAction::Cascade)).to_owned()
}

const SEARCHED: &[&str] = &["name", "email", "phone", "external_id", "campaign", "attributes"];

/// Finer statistics, since a part of a text that is in few of them must be known as one.
const TRIGRAMS_ON_POSTGRES: &[&str] = &[
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE INDEX lead_search_trigrams ON lead_search USING gin (name gin_trgm_ops, email gin_trgm_ops, \
     phone gin_trgm_ops, external_id gin_trgm_ops)",
    "ALTER TABLE lead_search ALTER COLUMN name SET STATISTICS 1000, ALTER COLUMN email SET STATISTICS 1000, \
     ALTER COLUMN phone SET STATISTICS 1000, ALTER COLUMN external_id SET STATISTICS 1000",
];

/// The index keeps no text of its own, is kept by triggers, and forgets what is deleted at once.
const TRIGRAMS_ON_SQLITE: &[&str] = &[
    "CREATE VIRTUAL TABLE lead_search_trigrams USING fts5 (name, email, phone, external_id, content = 'lead_search', \
     content_rowid = 'number', detail = 'column', tokenize = 'trigram case_sensitive 1')",
    "INSERT INTO lead_search_trigrams (lead_search_trigrams, rank) VALUES ('secure-delete', 1)",
    "INSERT INTO lead_search_trigrams (lead_search_trigrams) VALUES ('rebuild')",
    "CREATE TRIGGER lead_search_added AFTER INSERT ON lead_search BEGIN \
     INSERT INTO lead_search_trigrams (rowid, name, email, phone, external_id) \
     VALUES (new.number, new.name, new.email, new.phone, new.external_id); END",
    "CREATE TRIGGER lead_search_removed AFTER DELETE ON lead_search BEGIN \
     INSERT INTO lead_search_trigrams (lead_search_trigrams, rowid, name, email, phone, external_id) \
     VALUES ('delete', old.number, old.name, old.email, old.phone, old.external_id); END",
    "CREATE TRIGGER lead_search_changed AFTER UPDATE ON lead_search BEGIN \
     INSERT INTO lead_search_trigrams (lead_search_trigrams, rowid, name, email, phone, external_id) \
     VALUES ('delete', old.number, old.name, old.email, old.phone, old.external_id); \
     INSERT INTO lead_search_trigrams (rowid, name, email, phone, external_id) \
     VALUES (new.number, new.name, new.email, new.phone, new.external_id); END",
];

const LEADS_AT_A_TIME: u64 = 1000;

/// What is searched of the leads that are there. Lower case is the service's, not the database's: SQLite knows that of English alone.
async fn fill_search(conn: &SchemaManagerConnection<'_>) -> Result<(), DbErr> {
    let mut last: Option<Uuid> = None;
    loop {
        let leads = Query::select()
            .column("id")
            .columns(SEARCHED.iter().copied())
            .from("leads")
            .and_where_option(last.map(|last| Expr::col("id").gt(last)))
            .order_by("id", Order::Asc)
            .limit(LEADS_AT_A_TIME)
            .to_owned();
        let mut rows =
            Query::insert().into_table("lead_search").columns(["lead_id"].iter().chain(SEARCHED).copied()).to_owned();
        let leads = conn.query_all(&leads).await?;
        for lead in &leads {
            let id: Uuid = lead.try_get("", "id")?;
            let mut row: Vec<Expr> = vec![id.into()];
            for column in SEARCHED {
                let text: Option<String> = lead.try_get("", column)?;
                let text = match *column {
                    "attributes" => text.map(|text| attributes(&text)).transpose()?.flatten(),
                    _ => text.map(|text| text.to_lowercase()),
                };
                row.push(text.into());
            }
            rows.values(row).map_err(|error| DbErr::Custom(error.to_string()))?;
            last = Some(id);
        }
        if leads.is_empty() {
            return Ok(());
        }
        conn.execute(&rows).await?;
    }
}

/// Custom attributes with their values in lower case; none where there are none.
fn attributes(text: &str) -> Result<Option<String>, DbErr> {
    let mut attributes: Json = text.parse().map_err(|_| DbErr::Custom("attributes that can't be read".to_owned()))?;
    let Some(values) = attributes.as_object_mut().filter(|values| !values.is_empty()) else { return Ok(None) };
    for (_, value) in values.iter_mut() {
        if let Json::String(text) = value {
            *text = text.to_lowercase();
        }
    }
    Ok(Some(attributes.to_string()))
}

fn saved_views() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("saved_views")
            .col(pk_uuid("id"))
            .col(uuid("owner_id"))
            .col(text("report"))
            .col(text("name"))
            .col(text("name_key"))
            .col(text("columns"))
            .col(text("filter"))
            .col(text("order_by"))
            .col(big_integer("version"))
            .col(big_integer("create_time"))
            .col(big_integer("update_time"))
            .foreign_key(&mut reference("saved_views", "owner_id", "users", ForeignKeyAction::Restrict))
            .to_owned(),
        Table::create()
            .table("saved_view_groups")
            .col(uuid("view_id"))
            .col(uuid("group_id"))
            .primary_key(Index::create().col("view_id").col("group_id"))
            .foreign_key(&mut reference("saved_view_groups", "view_id", "saved_views", ForeignKeyAction::Cascade))
            .foreign_key(&mut reference("saved_view_groups", "group_id", "groups", ForeignKeyAction::Cascade))
            .to_owned(),
    ]
}

fn indexes_of_saved_views() -> Vec<IndexCreateStatement> {
    vec![
        Index::create()
            .name("saved_views_by_name")
            .table("saved_views")
            .col("owner_id")
            .col("report")
            .col("name_key")
            .unique()
            .to_owned(),
        Index::create().name("saved_view_groups_by_group").table("saved_view_groups").col("group_id").to_owned(),
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
