//! The only module that speaks SQL. What it hands out are words of [`model`](crate::model); what it takes on leads are scopes.

mod bulk;
mod connect;
mod decisions;
pub mod deposits;
mod entity;
mod error;
pub mod fence;
pub mod fill;
pub mod groups;
pub mod history;
pub mod imports;
pub mod lead_access;
pub mod lead_events;
mod lead_filter;
pub mod lead_list;
mod lead_search;
pub mod leads;
mod listen;
pub mod names;
pub mod orders;
pub mod permission_changes;
mod permissions;
pub mod pick_lists;
mod planned;
pub mod principals;
pub mod profiles;
pub mod replaced;
pub mod reports;
pub mod requests;
pub mod returns;
pub mod rules;
pub mod saved_views;
mod schema;
pub mod secrets;
pub mod settings;
mod sweep;
pub mod tokens;
pub mod tombstones;
mod tx;
pub mod unplaced;
pub mod users;
mod visible;
pub mod watch;
mod writer;

use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool},
};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseExecutor, DbBackend, Statement, TryGetable, sea_query::Expr,
};
use tokio::sync::Notify;

use self::writer::Writer;
pub use self::{
    bulk::Insert,
    error::{Error, Result},
    schema::SchemaStatus,
    tx::{Retryable, Tx},
};
use crate::model::Time;

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    read: DatabaseConnection,
    /// The same as `read`, but on SQLite: one connection there, since SQLite has one writer anyway.
    write: DatabaseConnection,
    /// On SQLite, whose turn it is.
    writer: Arc<Writer>,
    /// Told whenever a transaction of this process has written events of leads.
    happened: Arc<Notify>,
    /// Whether SQLite's log still holds something that was erased.
    log_holds_erased: Arc<AtomicBool>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("backend", &self.read.get_database_backend()).finish_non_exhaustive()
    }
}

impl Store {
    fn over(read: DatabaseConnection, write: DatabaseConnection) -> Self {
        Self { read, write, writer: Arc::default(), happened: Arc::default(), log_holds_erased: Arc::default() }
    }

    /// Waits until a transaction of this process has written events of leads.
    pub async fn something_happened(&self) {
        self.happened.notified().await;
    }
}

/// Where a statement runs: on the store by itself, or in a transaction.
pub trait Db: Sync {
    /// The connection to run on.
    fn conn(&self) -> Conn<'_>;
}

/// A connection that only this module can use.
#[derive(Debug)]
pub struct Conn<'a>(DatabaseExecutor<'a>);

impl Db for Store {
    fn conn(&self) -> Conn<'_> {
        Conn((&self.read).into())
    }
}

/// How many leads a transaction that is one of many should write at most, so that others hardly wait for it: on SQLite all who write do.
pub fn at_once(db: &impl Db) -> u32 {
    match db.conn().0.get_database_backend() {
        DbBackend::Postgres => 400,
        _ => 50,
    }
}

/// Whether transactions that write can be under way at the same time. On SQLite each waits for the others, and so would whoever else writes.
pub fn writes_side_by_side(db: &impl Db) -> bool {
    db.conn().0.get_database_backend() == DbBackend::Postgres
}

/// The database's clock.
pub(crate) async fn clock(db: &impl Db) -> Result<Time> {
    let conn = db.conn().0;
    let backend = conn.get_database_backend();
    let row =
        conn.query_one_raw(Statement::from_string(backend, format!("SELECT {} AS now", now_sql(backend)))).await?;
    let micros = row.map(|row| i64::try_get_by(&row, "now")).transpose().map_err(sea_orm::DbErr::from)?;
    micros.and_then(time).ok_or(Error::Corrupt("clock"))
}

fn now(backend: DbBackend) -> Expr {
    Expr::cust(now_sql(backend))
}

/// In microseconds: of the statement on PostgreSQL, of the step to the next row on SQLite.
fn now_sql(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "(extract(epoch FROM statement_timestamp()) * 1000000)::bigint",
        _ => "CAST(round(unixepoch('subsec') * 1000) * 1000 AS INTEGER)",
    }
}

fn time(micros: i64) -> Option<Time> {
    Time::from_timestamp_micros(micros)
}

fn times(micros: Option<i64>) -> Result<Option<Time>> {
    micros.map(|m| time(m).ok_or(Error::Corrupt("time"))).transpose()
}

fn micros(time: Time) -> i64 {
    time.timestamp_micros()
}

/// What names are compared by.
fn key(name: &str) -> String {
    name.to_lowercase()
}

fn micros_of(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}
