//! Profiles and their permissions.

use std::{collections::BTreeSet, time::Duration};

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::{
    Db, Error, Result, Tx,
    entity::{profile, user},
    key, micros_of, permissions,
};
use crate::model::{
    ids::ProfileId,
    page::{Page, Paged},
    permission::{Capability, OrderVisibility, PerAction, Permission, Profile, Role},
};

/// One profile.
///
/// # Errors
/// The database's.
pub async fn get(db: &impl Db, id: ProfileId) -> Result<Option<Profile>> {
    let row = profile::Entity::find_by_id(id.uuid()).one(&db.conn().0).await?;
    let Some(row) = row else { return Ok(None) };
    let settings = permissions::of(db, &[row.id]).await?;
    read(&row, settings.get(&row.id)).map(Some)
}

/// One profile by its name, whatever the case.
///
/// # Errors
/// The database's.
pub async fn by_name(db: &impl Db, name: &str) -> Result<Option<ProfileId>> {
    let row = profile::Entity::find().filter(profile::Column::NameKey.eq(key(name))).one(&db.conn().0).await?;
    Ok(row.map(|row| row.id.into()))
}

/// A page of profiles in the order they were made.
///
/// # Errors
/// The database's.
pub async fn list(db: &impl Db, page: &Page) -> Result<Paged<Profile>> {
    let mut query = profile::Entity::find();
    if let Some(after) = page.after {
        query = query.filter(profile::Column::Id.gt(after));
    }
    let rows = query.order_by_asc(profile::Column::Id).limit(u64::from(page.size) + 1).all(&db.conn().0).await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let settings = permissions::of(db, &ids).await?;
    let profiles = rows.iter().map(|row| read(row, settings.get(&row.id))).collect::<Result<Vec<_>>>()?;
    Ok(page.cut(profiles, |profile| profile.id.uuid()))
}

/// Stores a new profile.
///
/// # Errors
/// [`Error::Unique`] for a name that is taken; or the database's.
pub async fn insert(tx: &Tx, profile: &Profile) -> Result<()> {
    profile::Entity::insert(row(profile)).exec_without_returning(&tx.conn().0).await?;
    for (action, permission) in profile.permissions.iter() {
        permissions::set(tx, profile.id.uuid(), action, Some(permission)).await?;
    }
    Ok(())
}

/// Stores a changed profile under its next version; answers whether it was still the one given.
///
/// # Errors
/// [`Error::Unique`] for a name that is taken; or the database's.
pub async fn update(tx: &Tx, profile: &Profile) -> Result<bool> {
    let mut changed = row(profile);
    changed.version = Set(profile.version + 1);
    let done = profile::Entity::update_many()
        .set(changed.reset_all())
        .filter(profile::Column::Id.eq(profile.id.uuid()))
        .filter(profile::Column::Version.eq(profile.version))
        .exec(&tx.conn().0)
        .await?;
    for (action, permission) in profile.permissions.iter() {
        permissions::set(tx, profile.id.uuid(), action, Some(permission)).await?;
    }
    Ok(done.rows_affected == 1)
}

/// Deletes a profile that nobody has.
///
/// # Errors
/// The database's.
pub async fn delete(tx: &Tx, id: ProfileId) -> Result<()> {
    permissions::clear(tx, id.uuid()).await?;
    profile::Entity::delete_by_id(id.uuid()).exec(&tx.conn().0).await?;
    Ok(())
}

/// Whether anybody has a profile.
///
/// # Errors
/// The database's.
pub async fn is_used(db: &impl Db, id: ProfileId) -> Result<bool> {
    Ok(user::Entity::find().filter(user::Column::ProfileId.eq(id.uuid())).count(&db.conn().0).await? > 0)
}

pub(super) fn read(row: &profile::Model, settings: Option<&PerAction<Option<Permission>>>) -> Result<Profile> {
    let permissions = PerAction::from_fn(|action| {
        settings.and_then(|settings| settings.get(action).clone()).unwrap_or(Permission::None)
    });
    Ok(Profile {
        id: row.id.into(),
        name: row.name.clone(),
        built_in: row.built_in,
        role: Role::from_word(&row.role).ok_or(Error::Corrupt("role"))?,
        permissions,
        capabilities: read_capabilities(&row.capabilities)?,
        resolved_grace: row.resolved_grace.map(|micros| Duration::from_micros(micros.unsigned_abs())),
        max_open_leads: row.max_open_leads.map(i32::unsigned_abs),
        order_visibility: OrderVisibility::from_word(&row.order_visibility)
            .ok_or(Error::Corrupt("order visibility"))?,
        assign_partial_orders_only: row.assign_partial_orders_only,
        version: row.version,
    })
}

fn row(profile: &Profile) -> profile::ActiveModel {
    // Every field is named, so that a new one can't be forgotten here.
    let Profile {
        id,
        name,
        built_in,
        role,
        permissions: _,
        capabilities,
        resolved_grace,
        max_open_leads,
        order_visibility,
        assign_partial_orders_only,
        version,
    } = profile;
    let words: Vec<&str> = capabilities.iter().map(|capability| capability.word()).collect();
    profile::ActiveModel {
        id: Set(id.uuid()),
        name: Set(name.clone()),
        name_key: Set(key(name)),
        built_in: Set(*built_in),
        role: Set(role.word().to_owned()),
        capabilities: Set(words.join(" ")),
        resolved_grace: Set(resolved_grace.map(micros_of)),
        max_open_leads: Set(max_open_leads.map(|most| i32::try_from(most).unwrap_or(i32::MAX))),
        order_visibility: Set(order_visibility.word().to_owned()),
        assign_partial_orders_only: Set(*assign_partial_orders_only),
        version: Set(*version),
    }
}

fn read_capabilities(words: &str) -> Result<BTreeSet<Capability>> {
    words.split_whitespace().map(|word| Capability::from_word(word).ok_or(Error::Corrupt("capability"))).collect()
}
