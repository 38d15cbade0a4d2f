//! The versions of people's rights: what statements test, and what changes of rights move. A write and a change of its
//! caller's rights take turns, so that no write commits under rights that were taken before.

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Statement,
    sea_query::{Expr, ExprTrait, Query},
};

use super::{
    Db, Error, Result, Tx,
    entity::{settings, user},
    micros, now,
};
use crate::{access::fence::Fence, model::ids::UserId};

/// PostgreSQL's advisory locks: of changes of rights among themselves; and of such a change against the writes of those
/// whose rights it changes.
const TURN: i32 = 72_392;
const EVERYONE: i32 = 72_393;
const USER: i32 = 72_394;

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
    let conn = db.conn().0;
    let query =
        Query::select().expr(Expr::val(1)).cond_where(holds(Some(fence), conn.get_database_backend())).to_owned();
    Ok(conn.query_one(&query).await?.is_some())
}

/// What a statement that found nothing must ask: was there nothing, or did the fence hide it? Versions only grow, so what
/// stands now stood then.
///
/// # Errors
/// [`Error::Moved`] where the rights are no longer what they were; or the database's.
pub async fn confirm(db: &impl Db, fence: Option<&Fence>) -> Result<()> {
    match fence {
        Some(fence) if !stands(db, fence).await? => Err(Error::Moved),
        _ => Ok(()),
    }
}

/// Keeps the rights as they were until the transaction ends. To be asked before any row is locked, since a change of
/// rights locks in this order too. The transaction's time is read anew.
///
/// # Errors
/// [`Error::Moved`] where they are no longer what they were; or the database's.
pub async fn hold(tx: &Tx, fence: Option<&Fence>) -> Result<()> {
    let Some(fence) = fence else { return Ok(()) };
    if tx.conn().0.get_database_backend() == DbBackend::Postgres {
        let everyone = format!("SELECT pg_advisory_xact_lock_shared({EVERYONE}, 0)");
        execute(
            tx,
            &format!("{everyone}, {}", of_users("pg_advisory_xact_lock_shared", fence.users.iter().map(|(id, _)| *id))),
        )
        .await?;
    }
    tx.read_clock().await?;
    confirm(tx, Some(fence)).await
}

/// Waits until no other change of rights is under way, and keeps others from starting until this one ends. SQLite's one
/// writer needs no such lock.
///
/// # Errors
/// The database's.
pub async fn take_turn(tx: &Tx) -> Result<()> {
    if tx.conn().0.get_database_backend() == DbBackend::Postgres {
        execute(tx, &format!("SELECT pg_advisory_xact_lock({TURN}, 0)")).await?;
    }
    Ok(())
}

/// Ends what was resolved of some users until now, once the writes that rely on it have ended. The transaction's time is
/// read anew.
///
/// # Errors
/// The database's.
pub async fn move_on(tx: &Tx, whose: Whose<'_>) -> Result<()> {
    let conn = tx.conn().0;
    let postgres = conn.get_database_backend() == DbBackend::Postgres;
    match whose {
        Whose::Users([]) | Whose::Nobodys => {}
        Whose::Users(users) => {
            if postgres {
                execute(tx, &format!("SELECT {}", of_users("pg_advisory_xact_lock", users.iter().copied()))).await?;
            }
            user::Entity::update_many()
                .col_expr(user::Column::RightsVersion, user::Column::RightsVersion.into_expr().add(1))
                .filter(user::Column::Id.is_in(users.iter().map(|id| id.uuid())))
                .exec(&conn)
                .await?;
        }
        Whose::Everyones => {
            if postgres {
                execute(tx, &format!("SELECT pg_advisory_xact_lock({EVERYONE}, 0)")).await?;
            }
            settings::Entity::update_many()
                .col_expr(settings::Column::RightsVersion, settings::Column::RightsVersion.into_expr().add(1))
                .exec(&conn)
                .await?;
        }
    }
    if postgres {
        tx.read_clock().await?;
        tell(tx, whose).await?;
    }
    Ok(())
}

/// The version of everyone's rights.
///
/// # Errors
/// The database's.
pub async fn everyones_version(db: &impl Db) -> Result<i64> {
    let version = settings::Entity::find().select_only().column(settings::Column::RightsVersion).into_tuple();
    version.one(&db.conn().0).await?.ok_or(Error::Corrupt("settings"))
}

/// Those who keep what they resolved let it go sooner by this; they find out by the versions anyway.
async fn tell(tx: &Tx, whose: Whose<'_>) -> Result<()> {
    let names: Vec<String> = match whose {
        Whose::Nobodys => return Ok(()),
        Whose::Users(users) => users.iter().map(UserId::to_string).collect(),
        Whose::Everyones => vec![String::new()],
    };
    for name in names {
        execute(tx, &format!("SELECT pg_notify('{CHANNEL}', '{name}')")).await?;
    }
    Ok(())
}

/// A call of a lock function for each user, in one order for all who lock. That two users share a key costs a wait.
fn of_users(function: &str, users: impl Iterator<Item = UserId>) -> String {
    let mut keys: Vec<i32> = users.map(key).collect();
    keys.sort_unstable();
    keys.dedup();
    let calls: Vec<String> = keys.iter().map(|key| format!("{function}({USER}, {key})")).collect();
    calls.join(", ")
}

/// The end of a UUIDv7 is random.
fn key(user: UserId) -> i32 {
    let [.., a, b, c, d] = *user.uuid().as_bytes();
    i32::from_be_bytes([a, b, c, d])
}

async fn execute(tx: &Tx, sql: &str) -> Result<()> {
    tx.conn().0.execute_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    Ok(())
}
