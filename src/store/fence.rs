//! The versions of people's rights: what statements test, and what changes of rights move. A write and a change of its
//! caller's rights take turns, so that no write commits under rights that were taken before.

use std::collections::BTreeSet;

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Statement,
    Value,
    sea_query::{Expr, ExprTrait, Query},
};

use super::{
    Db, Error, Result, Tx,
    entity::{settings, user},
    micros, now, time,
};
use crate::{
    access::fence::Fence,
    model::{Time, ids::UserId},
};

/// The turn of changes of rights.
const TURN: Lock = (72_392, 0);
/// Everyone's rights.
const EVERYONE: Lock = (72_393, 0);
/// One user's rights.
const USER: i32 = 72_394;

/// More users than this change as if they were everyone: each has a lock and a notice of their own.
const MANY: usize = 50;

/// What those who listen are told: the user whose rights have changed, or nothing for everyone's.
pub(super) const CHANNEL: &str = "leadward_rights";

/// Whose rights a change may change.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    /// Nobody's who is there already.
    Nobodys,
    /// Those of these users.
    Users(&'a [UserId]),
    /// Those of any number of users.
    Everyones,
}

impl Whose<'_> {
    /// Nobody's in a change that is only tried: nobody has to wait for it.
    pub fn unless(self, dry_run: bool) -> Self {
        if dry_run { Self::Nobodys } else { self }
    }
}

/// Whether the rights are still what they were, as a condition of a statement. No fence: always.
pub(super) fn holds(fence: Option<&Fence>, backend: DbBackend) -> Condition {
    let Some(Fence { everyone, users, until }) = fence else { return Condition::all() };
    let everyones = settings::Entity::find().select_only().column(settings::Column::RightsVersion).into_query();
    let users = users.iter().map(|(id, version)| {
        let own = user::Entity::find()
            .select_only()
            .column(user::Column::RightsVersion)
            .filter(user::Column::Id.eq(id.uuid()))
            .into_query();
        Expr::SubQuery(None, Box::new(own.into())).eq(*version)
    });
    let running = until.map(|until| Expr::val(micros(until)).gt(now(backend)));
    let everyones = Expr::SubQuery(None, Box::new(everyones.into())).eq(*everyone);
    [everyones].into_iter().chain(users).chain(running).fold(Condition::all(), Condition::add)
}

/// Whether the rights are still what they were.
///
/// # Errors
/// The database's.
pub async fn stands(db: &impl Db, fence: &Fence) -> Result<bool> {
    Ok(stands_at(db, fence).await?.is_some())
}

/// The database's clock, where the rights are still what they were.
async fn stands_at(db: &impl Db, fence: &Fence) -> Result<Option<Time>> {
    let conn = db.conn().0;
    let backend = conn.get_database_backend();
    let query = Query::select().expr_as(now(backend), "now").cond_where(holds(Some(fence), backend)).to_owned();
    let Some(row) = conn.query_one(&query).await? else { return Ok(None) };
    time(row.try_get("", "now")?).map(Some).ok_or(Error::Corrupt("clock"))
}

/// Refuses to go on where the rights are no longer what they were. Versions only grow: what stands now has stood ever since.
async fn confirm(db: &impl Db, fence: Option<&Fence>) -> Result<()> {
    match fence {
        Some(fence) if !stands(db, fence).await? => Err(Error::Moved),
        _ => Ok(()),
    }
}

/// What a statement found. That it found nothing is believed only where the fence stands: it may have been the fence that let
/// nothing through.
///
/// # Errors
/// [`Error::Moved`] where the rights are no longer what they were; or the database's.
pub(super) async fn believed<T>(db: &impl Db, fence: Option<&Fence>, found: Vec<T>) -> Result<Vec<T>> {
    if found.is_empty() {
        confirm(db, fence).await?;
    }
    Ok(found)
}

/// Keeps the rights as they were until the transaction ends. To be asked before any row is locked, since a change of
/// rights locks in this order too. The transaction's time is read anew.
///
/// # Errors
/// [`Error::Moved`] where they are no longer what they were; or the database's.
pub async fn hold(tx: &Tx, fence: Option<&Fence>) -> Result<()> {
    let Some(fence) = fence else { return Ok(()) };
    let users = fence.users.iter().map(|(id, _)| of_user(*id));
    lock(tx, "pg_advisory_xact_lock_shared", users.chain([EVERYONE])).await?;
    tx.set_clock(stands_at(tx, fence).await?.ok_or(Error::Moved)?);
    Ok(())
}

/// Waits until no other change of rights is under way, and keeps others from starting until this one ends.
///
/// # Errors
/// The database's.
pub async fn take_turn(tx: &Tx) -> Result<()> {
    lock(tx, "pg_advisory_xact_lock", [TURN]).await
}

/// Ends what was resolved of some users until now, once the writes that rely on it have ended. The transaction's time is
/// read anew.
///
/// # Errors
/// The database's.
pub async fn move_on(tx: &Tx, whose: Whose<'_>) -> Result<()> {
    let conn = tx.conn().0;
    match whose {
        Whose::Nobodys | Whose::Users([]) => return Ok(()),
        Whose::Users(users) if users.len() <= MANY => {
            lock(tx, "pg_advisory_xact_lock", users.iter().map(|id| of_user(*id))).await?;
            user::Entity::update_many()
                .col_expr(user::Column::RightsVersion, user::Column::RightsVersion.into_expr().add(1))
                .filter(user::Column::Id.is_in(users.iter().map(|id| id.uuid())))
                .exec(&conn)
                .await?;
            for user in users {
                tell(tx, &user.to_string()).await?;
            }
        }
        Whose::Users(_) | Whose::Everyones => {
            lock(tx, "pg_advisory_xact_lock", [EVERYONE]).await?;
            settings::Entity::update_many()
                .col_expr(settings::Column::RightsVersion, settings::Column::RightsVersion.into_expr().add(1))
                .exec(&conn)
                .await?;
            tell(tx, "").await?;
        }
    }
    tx.read_clock().await
}

/// The version of everyone's rights.
///
/// # Errors
/// The database's.
pub async fn everyones_version(db: &impl Db) -> Result<i64> {
    let version = settings::Entity::find().select_only().column(settings::Column::RightsVersion).into_tuple();
    version.one(&db.conn().0).await?.ok_or(Error::Corrupt("settings"))
}

/// One of PostgreSQL's advisory locks: what it is of, and whose.
pub(super) type Lock = (i32, i32);

/// The end of a UUIDv7 is random. That two users share a lock costs a wait.
fn of_user(user: UserId) -> Lock {
    let [.., a, b, c, d] = *user.uuid().as_bytes();
    (USER, i32::from_be_bytes([a, b, c, d]))
}

/// Takes locks until the transaction ends, in one order for all who do. SQLite's one writer needs none.
pub(super) async fn lock(tx: &Tx, function: &str, locks: impl IntoIterator<Item = Lock>) -> Result<()> {
    let locks: BTreeSet<Lock> = locks.into_iter().collect();
    let calls: Vec<String> =
        (0..locks.len()).map(|at| format!("{function}(${}, ${})", 2 * at + 1, 2 * at + 2)).collect();
    let values = locks.into_iter().flat_map(|(of, whose)| [of.into(), whose.into()]);
    on_postgres(tx, &format!("SELECT {}", calls.join(", ")), values).await
}

/// Those who keep what they resolved let it go sooner by this; they find out by the versions anyway.
async fn tell(tx: &Tx, whose: &str) -> Result<()> {
    on_postgres(tx, &format!("SELECT pg_notify('{CHANNEL}', $1)"), [whose.into()]).await
}

async fn on_postgres(tx: &Tx, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<()> {
    let conn = tx.conn().0;
    if conn.get_database_backend() == DbBackend::Postgres {
        conn.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).await?;
    }
    Ok(())
}
