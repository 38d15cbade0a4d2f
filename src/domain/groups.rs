//! Groups: who is a member decides what levels with member groups reach.

use super::{
    Error, Resource, Result, audit, etag,
    rights::{self, Whose},
};
use crate::{
    access::{Caller, policy::Facts, scope::LeadScope},
    model::{
        ids::{GroupId, UserId},
        page::{Page, Paged},
        permission::Capability,
        user::Group,
    },
    store::{self, Store, Tx, groups, leads, principals, rules, users},
};

/// Makes a group without members.
///
/// # Errors
/// CAPABILITY_REQUIRED, DUPLICATE_RESOURCE.
pub async fn create(tx: &Tx, caller: &Caller, name: &str) -> Result<Group> {
    let caller = rights::turn(tx, caller, Whose::Nobodys).await?;
    caller.require(Capability::ManageDirectory)?;
    let id = groups::insert(tx, name).await.map_err(name_taken)?;
    let group = found(tx, id).await?;
    audit::group_created(tx, &caller, &group).await?;
    Ok(group)
}

/// Renames a group.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, STALE_ETAG, DUPLICATE_RESOURCE.
pub async fn rename(tx: &Tx, caller: &Caller, id: GroupId, name: Option<&str>, etag: Option<&str>) -> Result<Group> {
    let caller = rights::turn(tx, caller, Whose::Nobodys).await?;
    caller.require(Capability::ManageDirectory)?;
    let before = found(tx, id).await?;
    etag::check(etag, before.version)?;
    if let Some(name) = name.filter(|name| *name != before.name)
        && !groups::rename(tx, &before, name).await.map_err(name_taken)?
    {
        return Err(store::Error::Conflict(None).into());
    }
    let after = found(tx, id).await?;
    audit::group_changed(tx, &caller, &before, &after).await?;
    Ok(after)
}

/// Deletes a group that nothing refers to.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, STALE_ETAG, IN_USE.
pub async fn delete(tx: &Tx, caller: &Caller, id: GroupId, etag: Option<&str>) -> Result<()> {
    let in_use = |used_by| Error::InUse { resource: Resource::Group, used_by };
    let caller = rights::turn(tx, caller, Whose::Everyones).await?;
    caller.require(Capability::ManageDirectory)?;
    let group = found(tx, id).await?;
    etag::check(etag, group.version)?;
    let all = LeadScope::system("whoever deletes a group learns that leads belong to it, not which");
    if leads::any_in_group(tx, &all, id).await? {
        return Err(in_use("leads"));
    }
    if groups::is_named(tx, id).await? {
        return Err(in_use("permissions"));
    }
    if rules::any_for_group(tx, id).await? {
        return Err(in_use("assignment rules"));
    }
    audit::group_deleted(tx, &caller, &group, &members(tx, id).await?).await?;
    groups::delete(tx, id).await.map_err(|error| match error {
        store::Error::Reference(_) => in_use("leads"),
        other => other.into(),
    })
}

/// A page of groups.
///
/// # Errors
/// CAPABILITY_REQUIRED.
pub async fn list(store: &Store, caller: &Caller, page: &Page) -> Result<Paged<Group>> {
    caller.require_directory()?;
    Ok(groups::list(store, page).await?)
}

/// Adds users, all or none.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, SELF_CONFIGURATION, ROLE_NOT_BELOW, STALE_ETAG, ESCALATION.
pub async fn add_members(
    tx: &Tx,
    caller: &Caller,
    id: GroupId,
    members: &[UserId],
    etag: Option<&str>,
) -> Result<Group> {
    let caller = rights::turn(tx, caller, Whose::Users(members)).await?;
    caller.require(Capability::ManageDirectory)?;
    let group = found(tx, id).await?;
    let mut added = configurable(tx, &caller, members).await?;
    etag::check(etag, group.version)?;
    added.retain(|user| !user.groups.contains(&id));
    for before in &added {
        let mut after = before.clone();
        after.groups.insert(id);
        caller.may_hand_out(Some(before), &after)?;
    }
    groups::add_members(tx, id, members).await?;
    audit::members_added(tx, &caller, id, &ids(&added)).await?;
    found(tx, id).await
}

/// Removes users, all or none.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, SELF_CONFIGURATION, ROLE_NOT_BELOW, STALE_ETAG.
pub async fn remove_members(
    tx: &Tx,
    caller: &Caller,
    id: GroupId,
    members: &[UserId],
    etag: Option<&str>,
) -> Result<Group> {
    let caller = rights::turn(tx, caller, Whose::Users(members)).await?;
    caller.require(Capability::ManageDirectory)?;
    let group = found(tx, id).await?;
    let mut removed = configurable(tx, &caller, members).await?;
    etag::check(etag, group.version)?;
    removed.retain(|user| user.groups.contains(&id));
    groups::remove_members(tx, id, members).await?;
    audit::members_removed(tx, &caller, id, &ids(&removed)).await?;
    found(tx, id).await
}

async fn configurable(tx: &Tx, caller: &Caller, members: &[UserId]) -> Result<Vec<Facts>> {
    let facts = principals::facts_of(tx, members).await?;
    if members.iter().any(|member| !facts.iter().any(|known| known.user_id == *member)) {
        return Err(Error::NotFound(Resource::User));
    }
    for user in &facts {
        caller.may_configure(user.user_id, user.profile.role)?;
    }
    Ok(facts)
}

fn ids(users: &[Facts]) -> Vec<UserId> {
    users.iter().map(|user| user.user_id).collect()
}

/// All members of a group, deactivated ones too.
async fn members(tx: &Tx, id: GroupId) -> Result<Vec<UserId>> {
    let mut members = Vec::new();
    let mut page = Page::first(Page::MAX_SIZE);
    loop {
        let users = users::list(tx, Some(&[id]), true, &page).await?;
        members.extend(users.rows.iter().map(|user| user.id));
        if users.next.is_none() {
            return Ok(members);
        }
        page.after = users.next;
    }
}

async fn found(tx: &Tx, id: GroupId) -> Result<Group> {
    groups::get(tx, id).await?.ok_or(Error::NotFound(Resource::Group))
}

fn name_taken(error: store::Error) -> Error {
    match error {
        store::Error::Unique(_) => Error::DuplicateResource { resource: Resource::Group, field: "name" },
        other => other.into(),
    }
}
