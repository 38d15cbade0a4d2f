//! Groups and their members.

use std::collections::BTreeMap;

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use uuid::Uuid;

use super::{
    Db, Error, Result, Tx,
    entity::{group, group_member, permission_group},
    key, micros, time,
};
use crate::model::{
    ids::{GroupId, UserId},
    page::{Page, Paged},
    user::Group,
};

/// One group.
///
/// # Errors
/// The database's.
pub async fn get(db: &impl Db, id: GroupId) -> Result<Option<Group>> {
    let row = group::Entity::find_by_id(id.uuid()).one(&db.conn().0).await?;
    Ok(read(db, row.into_iter().collect()).await?.pop())
}

/// One group by its name, whatever the case.
///
/// # Errors
/// The database's.
pub async fn by_name(db: &impl Db, name: &str) -> Result<Option<GroupId>> {
    let row = group::Entity::find().filter(group::Column::NameKey.eq(key(name))).one(&db.conn().0).await?;
    Ok(row.map(|row| row.id.into()))
}

/// Which of some groups exist.
///
/// # Errors
/// The database's.
pub async fn existing(db: &impl Db, ids: impl IntoIterator<Item = GroupId> + Send) -> Result<Vec<GroupId>> {
    let ids: Vec<Uuid> = ids.into_iter().map(GroupId::uuid).collect();
    let rows = group::Entity::find().filter(group::Column::Id.is_in(ids)).all(&db.conn().0).await?;
    Ok(rows.into_iter().map(|row| row.id.into()).collect())
}

/// A page of groups in the order they were made.
///
/// # Errors
/// The database's.
pub async fn list(db: &impl Db, page: &Page) -> Result<Paged<Group>> {
    let mut query = group::Entity::find();
    if let Some(after) = page.after {
        query = query.filter(group::Column::Id.gt(after));
    }
    let rows = query.order_by_asc(group::Column::Id).limit(u64::from(page.size) + 1).all(&db.conn().0).await?;
    Ok(page.cut(read(db, rows).await?, |group| group.id.uuid()))
}

/// Stores a new group.
///
/// # Errors
/// [`Error::Unique`] for a name that is taken; or the database's.
pub async fn insert(tx: &Tx, name: &str) -> Result<GroupId> {
    let id = GroupId::at(tx.now());
    let row = group::ActiveModel {
        id: Set(id.uuid()),
        name: Set(name.to_owned()),
        name_key: Set(key(name)),
        create_time: Set(micros(tx.now())),
        version: Set(1),
    };
    group::Entity::insert(row).exec_without_returning(&tx.conn().0).await?;
    Ok(id)
}

/// Renames a group; answers whether it was still the one given.
///
/// # Errors
/// [`Error::Unique`] for a name that is taken; or the database's.
pub async fn rename(tx: &Tx, group: &Group, name: &str) -> Result<bool> {
    let done = group::Entity::update_many()
        .col_expr(group::Column::Name, Expr::val(name))
        .col_expr(group::Column::NameKey, Expr::val(key(name)))
        .col_expr(group::Column::Version, group::Column::Version.into_expr().add(1))
        .filter(group::Column::Id.eq(group.id.uuid()))
        .filter(group::Column::Version.eq(group.version))
        .exec(&tx.conn().0)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Deletes a group and its memberships.
///
/// # Errors
/// [`Error::Reference`] while a lead or a permission refers to it; or the database's.
pub async fn delete(tx: &Tx, id: GroupId) -> Result<()> {
    group::Entity::delete_by_id(id.uuid()).exec(&tx.conn().0).await?;
    Ok(())
}

/// Whether a permission names a group.
///
/// # Errors
/// The database's.
pub async fn is_named(db: &impl Db, id: GroupId) -> Result<bool> {
    let named = permission_group::Entity::find().filter(permission_group::Column::GroupId.eq(id.uuid()));
    Ok(named.count(&db.conn().0).await? > 0)
}

/// Adds users; members stay members.
///
/// # Errors
/// The database's.
pub async fn add_members(tx: &Tx, id: GroupId, users: &[UserId]) -> Result<()> {
    let rows =
        users.iter().map(|user| group_member::ActiveModel { user_id: Set(user.uuid()), group_id: Set(id.uuid()) });
    let members = [group_member::Column::UserId, group_member::Column::GroupId];
    group_member::Entity::insert_many(rows)
        .on_conflict(OnConflict::columns(members).do_nothing().to_owned())
        .exec_without_returning(&tx.conn().0)
        .await
        .or_else(|error| match error {
            sea_orm::DbErr::RecordNotInserted => Ok(0),
            other => Err(other),
        })?;
    Ok(())
}

/// Removes users.
///
/// # Errors
/// The database's.
pub async fn remove_members(tx: &Tx, id: GroupId, users: &[UserId]) -> Result<()> {
    group_member::Entity::delete_many()
        .filter(group_member::Column::GroupId.eq(id.uuid()))
        .filter(group_member::Column::UserId.is_in(users.iter().map(|user| user.uuid())))
        .exec(&tx.conn().0)
        .await?;
    Ok(())
}

async fn read(db: &impl Db, rows: Vec<group::Model>) -> Result<Vec<Group>> {
    let counts: Vec<(Uuid, i64)> = group_member::Entity::find()
        .select_only()
        .column(group_member::Column::GroupId)
        .column_as(group_member::Column::UserId.count(), "members")
        .filter(group_member::Column::GroupId.is_in(rows.iter().map(|row| row.id)))
        .group_by(group_member::Column::GroupId)
        .into_tuple()
        .all(&db.conn().0)
        .await?;
    let counts: BTreeMap<Uuid, i64> = counts.into_iter().collect();
    rows.into_iter()
        .map(|row| {
            let group::Model { id, name, name_key: _, create_time, version } = row;
            Ok(Group {
                id: id.into(),
                name,
                member_count: counts.get(&id).copied().unwrap_or(0),
                create_time: time(create_time).ok_or(Error::Corrupt("time"))?,
                version,
            })
        })
        .collect()
}
