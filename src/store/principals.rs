//! What is known of users, whole: state, profile, own settings, memberships.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement};
use uuid::Uuid;

use super::{
    Db, Error, Result, Tx,
    entity::{group_member, profile, user},
    permissions, profiles,
};
use crate::{
    access::policy::Facts,
    model::{
        ids::{GroupId, ProfileId, UserId},
        page::Page,
        user::{Desk, UserState},
    },
};

/// How many users are assembled at once: each is a parameter of a statement, and SQLite takes 32,766.
const CHUNK: usize = 10_000;

/// Keeps other transactions from changing anybody's rights until this one ends. SQLite's one writer needs no such lock.
///
/// # Errors
/// The database's.
pub async fn lock_rights(tx: &Tx) -> Result<()> {
    let conn = tx.conn().0;
    if conn.get_database_backend() == DbBackend::Postgres {
        let lock = Statement::from_string(DbBackend::Postgres, "SELECT pg_advisory_xact_lock(72392, 0)");
        conn.execute_raw(lock).await?;
        tx.read_clock().await?;
    }
    Ok(())
}

/// One user's facts.
///
/// # Errors
/// The database's.
pub async fn facts(db: &impl Db, id: UserId) -> Result<Option<Facts>> {
    let user = user::Entity::find_by_id(id.uuid()).one(&db.conn().0).await?;
    Ok(assemble(db, user.into_iter().collect()).await?.pop())
}

/// The facts of several users, by ID; those who don't exist are left out.
///
/// # Errors
/// The database's.
pub async fn facts_of(db: &impl Db, ids: &[UserId]) -> Result<Vec<Facts>> {
    let ids = ids.iter().map(|id| id.uuid());
    let users = user::Entity::find()
        .filter(user::Column::Id.is_in(ids))
        .order_by_asc(user::Column::Id)
        .all(&db.conn().0)
        .await?;
    assemble(db, users).await
}

/// The facts of active users, by ID, up to a page's size.
///
/// # Errors
/// The database's.
pub async fn active(db: &impl Db, page: &Page) -> Result<Vec<Facts>> {
    let mut query = user::Entity::find().filter(user::Column::State.eq(UserState::Active.word()));
    if let Some(after) = page.after {
        query = query.filter(user::Column::Id.gt(after));
    }
    let users = query.order_by_asc(user::Column::Id).limit(u64::from(page.size)).all(&db.conn().0).await?;
    assemble(db, users).await
}

/// The facts of everyone with a profile.
///
/// # Errors
/// The database's.
pub async fn with_profile(db: &impl Db, id: ProfileId) -> Result<Vec<Facts>> {
    let users = user::Entity::find().filter(user::Column::ProfileId.eq(id.uuid())).all(&db.conn().0).await?;
    let mut all = Vec::with_capacity(users.len());
    for users in users.chunks(CHUNK) {
        all.extend(assemble(db, users.to_vec()).await?);
    }
    Ok(all)
}

async fn assemble(db: &impl Db, users: Vec<user::Model>) -> Result<Vec<Facts>> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let user_ids: Vec<Uuid> = users.iter().map(|user| user.id).collect();
    let profile_ids: BTreeSet<Uuid> = users.iter().map(|user| user.profile_id).collect();
    let owners: Vec<Uuid> = user_ids.iter().chain(&profile_ids).copied().collect();

    let settings = permissions::of(db, &owners).await?;
    let mut groups: BTreeMap<Uuid, BTreeSet<GroupId>> = BTreeMap::new();
    let memberships =
        group_member::Entity::find().filter(group_member::Column::UserId.is_in(user_ids)).all(&db.conn().0).await?;
    for row in memberships {
        groups.entry(row.user_id).or_default().insert(row.group_id.into());
    }
    let profiles: BTreeMap<Uuid, profile::Model> = profile::Entity::find()
        .filter(profile::Column::Id.is_in(profile_ids))
        .all(&db.conn().0)
        .await?
        .into_iter()
        .map(|row| (row.id, row))
        .collect();

    users
        .into_iter()
        .map(|user| {
            let row = profiles.get(&user.profile_id).ok_or(Error::Corrupt("profile"))?;
            Ok(Facts {
                user_id: user.id.into(),
                name: user.name,
                state: UserState::from_word(&user.state).ok_or(Error::Corrupt("user state"))?,
                desk: user.desk.map(|word| Desk::from_word(&word).ok_or(Error::Corrupt("desk"))).transpose()?,
                profile: profiles::read(row, settings.get(&row.id))?,
                overrides: settings.get(&user.id).cloned().unwrap_or_default(),
                groups: groups.remove(&user.id).unwrap_or_default(),
                permissions_version: user.permissions_version,
            })
        })
        .collect()
}
