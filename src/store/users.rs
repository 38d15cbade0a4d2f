//! Users.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{CaseStatement, Expr, ExprTrait, LockType},
};
use uuid::Uuid;

use super::{
    Db, Error, Result, Tx,
    entity::{group_member, profile, user},
    key, micros, permissions, time, times,
};
use crate::model::{
    Time,
    ids::{GroupId, ProfileId, UserId},
    page::{Page, Paged},
    permission::{Action, Permission, Role},
    user::{Desk, NewUser, User, UserKind, UserPatch, UserState},
};

/// One user.
///
/// # Errors
/// The database's.
pub async fn get(db: &impl Db, id: UserId) -> Result<Option<User>> {
    let row = user::Entity::find_by_id(id.uuid()).one(&db.conn().0).await?;
    Ok(read(db, row.into_iter().collect()).await?.pop())
}

/// One user by e-mail, whatever the case.
///
/// # Errors
/// The database's.
pub async fn by_email(db: &impl Db, email: &str) -> Result<Option<UserId>> {
    let row = user::Entity::find().filter(user::Column::EmailKey.eq(key(email))).one(&db.conn().0).await?;
    Ok(row.map(|row| row.id.into()))
}

/// A page of users in the order they were made; the members of some groups, or none given, of any or none.
///
/// # Errors
/// The database's.
pub async fn list(db: &impl Db, groups: Option<&[GroupId]>, deactivated: bool, page: &Page) -> Result<Paged<User>> {
    let members = groups.map(|groups| {
        group_member::Entity::find()
            .select_only()
            .column(group_member::Column::UserId)
            .filter(group_member::Column::GroupId.is_in(groups.iter().map(|group| group.uuid())))
            .into_query()
    });
    let active = (!deactivated).then(|| user::Column::State.eq(UserState::Active.word()));
    let rows = user::Entity::find()
        .filter(
            Condition::all()
                .add_option(members.map(|members| user::Column::Id.in_subquery(members)))
                .add_option(active)
                .add_option(page.after.map(|after| user::Column::Id.gt(after))),
        )
        .order_by_asc(user::Column::Id)
        .limit(u64::from(page.size) + 1)
        .all(&db.conn().0)
        .await?;
    Ok(page.cut(read(db, rows).await?, |user| user.id.uuid()))
}

/// Stores a new, active user.
///
/// # Errors
/// [`Error::Unique`] for an e-mail that is taken; or the database's.
pub async fn insert(tx: &Tx, new: &NewUser) -> Result<UserId> {
    let NewUser { name, email, kind, profile_id, desk } = new;
    let id = UserId::at(tx.now());
    let row = user::ActiveModel {
        id: Set(id.uuid()),
        name: Set(name.clone()),
        email: Set(email.as_ref().map(|e| e.as_str().to_owned())),
        email_key: Set(email.as_ref().map(|e| e.key())),
        kind: Set(kind.word().to_owned()),
        state: Set(UserState::Active.word().to_owned()),
        profile_id: Set(profile_id.uuid()),
        desk: Set(desk.map(|desk| desk.word().to_owned())),
        create_time: Set(micros(tx.now())),
        update_time: Set(micros(tx.now())),
        version: Set(1),
        permissions_version: Set(1),
        rights_version: Set(1),
        last_assign_time: Set(None),
        away_until: Set(None),
    };
    user::Entity::insert(row).exec_without_returning(&tx.conn().0).await?;
    Ok(id)
}

/// Changes a user's fields.
///
/// # Errors
/// [`Error::Unique`] for an e-mail that is taken; or the database's.
pub async fn update(tx: &Tx, id: UserId, patch: &UserPatch) -> Result<()> {
    let UserPatch { name, email, profile_id, desk, away_until } = patch;
    let mut row = user::ActiveModel { ..Default::default() };
    if let Some(name) = name {
        row.name = Set(name.clone());
    }
    if let Some(email) = email {
        row.email = Set(email.as_ref().map(|e| e.as_str().to_owned()));
        row.email_key = Set(email.as_ref().map(|e| e.key()));
    }
    if let Some(profile_id) = profile_id {
        row.profile_id = Set(profile_id.uuid());
    }
    if let Some(desk) = desk {
        row.desk = Set(desk.map(|desk| desk.word().to_owned()));
    }
    if let Some(until) = away_until {
        row.away_until = Set(until.map(micros));
    }
    touch(tx, id, row).await
}

/// Lets a user call, or refuses them everywhere.
///
/// # Errors
/// The database's.
pub async fn set_state(tx: &Tx, id: UserId, state: UserState) -> Result<()> {
    touch(tx, id, user::ActiveModel { state: Set(state.word().to_owned()), ..Default::default() }).await
}

async fn touch(tx: &Tx, id: UserId, mut row: user::ActiveModel) -> Result<()> {
    row.update_time = Set(micros(tx.now()));
    user::Entity::update_many()
        .set(row)
        .col_expr(user::Column::Version, user::Column::Version.into_expr().add(1))
        .filter(user::Column::Id.eq(id.uuid()))
        .exec(&tx.conn().0)
        .await?;
    Ok(())
}

/// Sets a user's own permissions; none takes a setting back.
///
/// # Errors
/// The database's.
pub async fn set_permissions(tx: &Tx, id: UserId, settings: &[(Action, Option<Permission>)]) -> Result<()> {
    for (action, permission) in settings {
        permissions::set(tx, id.uuid(), *action, permission.as_ref()).await?;
    }
    user::Entity::update_many()
        .col_expr(user::Column::PermissionsVersion, user::Column::PermissionsVersion.into_expr().add(1))
        .filter(user::Column::Id.eq(id.uuid()))
        .exec(&tx.conn().0)
        .await?;
    Ok(())
}

/// The active administrators, oldest first.
///
/// # Errors
/// The database's.
pub async fn active_administrators(tx: &Tx) -> Result<Vec<UserId>> {
    let profiles = profile::Entity::find()
        .select_only()
        .column(profile::Column::Id)
        .filter(profile::Column::Role.eq(Role::Administrator.word()))
        .into_query();
    let rows = user::Entity::find()
        .filter(user::Column::ProfileId.in_subquery(profiles))
        .filter(user::Column::State.eq(UserState::Active.word()))
        .order_by_asc(user::Column::Id)
        .all(&tx.conn().0)
        .await?;
    Ok(rows.into_iter().map(|row| row.id.into()).collect())
}

/// Locks the rows of users until the transaction ends: what is decided on what is known of them still holds when it is written. In one
/// order, or two who lock several wait for each other; and not against those who only refer to them, as access lists do.
///
/// # Errors
/// The database's.
pub async fn lock(tx: &Tx, ids: &BTreeSet<UserId>) -> Result<()> {
    user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(user::Column::Id.is_in(ids.iter().map(|id| id.uuid())))
        .order_by_asc(user::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple::<Uuid>()
        .all(&tx.conn().0)
        .await?;
    Ok(())
}

/// Notes that users have just been given leads.
///
/// # Errors
/// The database's.
pub async fn note_assigned(tx: &Tx, ids: &BTreeSet<UserId>) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    // Whoever waited for the row has a time from before that.
    let (last, now) = (user::Column::LastAssignTime.into_expr(), Expr::val(micros(tx.now())));
    let later = Expr::case(last.clone().gt(now.clone()), last).finally(now).into();
    user::Entity::update_many()
        .col_expr(user::Column::LastAssignTime, later)
        .filter(user::Column::Id.is_in(ids.iter().map(|id| id.uuid())))
        .exec(&tx.conn().0)
        .await?;
    Ok(())
}

/// Notes when users had their last turns.
///
/// # Errors
/// The database's.
pub async fn note_turns(tx: &Tx, turns: &BTreeMap<UserId, Time>) -> Result<()> {
    if turns.is_empty() {
        return Ok(());
    }
    let turn = |case: CaseStatement, (id, at): (&UserId, &Time)| case.case(user::Column::Id.eq(id.uuid()), micros(*at));
    let at = turns.iter().fold(CaseStatement::new(), turn);
    user::Entity::update_many()
        .col_expr(user::Column::LastAssignTime, at.into())
        .filter(user::Column::Id.is_in(turns.keys().map(|id| id.uuid())))
        .exec(&tx.conn().0)
        .await?;
    Ok(())
}

/// Somebody's part in the distribution of leads.
#[derive(Clone, Copy, Debug)]
pub struct Availability {
    /// When they were last given a lead.
    pub last_assign_time: Option<Time>,
    /// Until when they are away, or were.
    pub away_until: Option<Time>,
}

/// When some users were last given a lead, and until when they are away.
///
/// # Errors
/// The database's.
pub async fn availability(db: &impl Db, ids: &BTreeSet<UserId>) -> Result<HashMap<UserId, Availability>> {
    let rows: Vec<(Uuid, Option<i64>, Option<i64>)> = user::Entity::find()
        .select_only()
        .columns([user::Column::Id, user::Column::LastAssignTime, user::Column::AwayUntil])
        .filter(user::Column::Id.is_in(ids.iter().map(|id| id.uuid())))
        .into_tuple()
        .all(&db.conn().0)
        .await?;
    let read = |(id, last, away): (Uuid, Option<i64>, Option<i64>)| {
        Ok((id.into(), Availability { last_assign_time: times(last)?, away_until: times(away)? }))
    };
    rows.into_iter().map(read).collect()
}

/// Users who were away have as much to do as the others again.
///
/// # Errors
/// The database's.
pub async fn caught_up(tx: &Tx, ids: &BTreeSet<UserId>) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let back = user::ActiveModel { away_until: Set(None), ..Default::default() };
    user::Entity::update_many()
        .set(back)
        .col_expr(user::Column::Version, user::Column::Version.into_expr().add(1))
        .filter(user::Column::Id.is_in(ids.iter().map(|id| id.uuid())))
        .exec(&tx.conn().0)
        .await?;
    Ok(())
}

/// When some users were last given a lead; who never was is left out.
///
/// # Errors
/// The database's.
pub async fn last_assigned(db: &impl Db, ids: &[UserId]) -> Result<HashMap<UserId, Time>> {
    let times: Vec<(Uuid, i64)> = user::Entity::find()
        .select_only()
        .columns([user::Column::Id, user::Column::LastAssignTime])
        .filter(user::Column::Id.is_in(ids.iter().map(|id| id.uuid())))
        .filter(user::Column::LastAssignTime.is_not_null())
        .into_tuple()
        .all(&db.conn().0)
        .await?;
    times.into_iter().map(|(id, at)| Ok((id.into(), time(at).ok_or(Error::Corrupt("time"))?))).collect()
}

/// Whether nobody is there yet.
///
/// # Errors
/// The database's.
pub async fn is_empty(db: &impl Db) -> Result<bool> {
    let any =
        user::Entity::find().select_only().expr(Expr::val(1)).limit(1).into_tuple::<i32>().one(&db.conn().0).await?;
    Ok(any.is_none())
}

async fn read(db: &impl Db, rows: Vec<user::Model>) -> Result<Vec<User>> {
    let ids = rows.iter().map(|row| row.id);
    let memberships = group_member::Entity::find()
        .filter(group_member::Column::UserId.is_in(ids))
        .order_by_asc(group_member::Column::GroupId)
        .all(&db.conn().0)
        .await?;
    let mut groups: BTreeMap<Uuid, Vec<GroupId>> = BTreeMap::new();
    for row in memberships {
        groups.entry(row.user_id).or_default().push(row.group_id.into());
    }
    rows.into_iter()
        .map(|row| {
            let user::Model {
                id,
                name,
                email,
                email_key: _,
                kind,
                state,
                profile_id,
                desk,
                create_time,
                update_time,
                version,
                permissions_version: _,
                rights_version: _,
                last_assign_time: _,
                away_until,
            } = row;
            Ok(User {
                id: id.into(),
                name,
                email,
                kind: UserKind::from_word(&kind).ok_or(Error::Corrupt("user kind"))?,
                state: UserState::from_word(&state).ok_or(Error::Corrupt("user state"))?,
                profile_id: ProfileId::from(profile_id),
                desk: desk.map(|word| Desk::from_word(&word).ok_or(Error::Corrupt("desk"))).transpose()?,
                away_until: times(away_until)?,
                groups: groups.remove(&id).unwrap_or_default(),
                create_time: time(create_time).ok_or(Error::Corrupt("time"))?,
                update_time: time(update_time).ok_or(Error::Corrupt("time"))?,
                version,
            })
        })
        .collect()
}
