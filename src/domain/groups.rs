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
    store::{self, Store, Tx, groups, leads, principals, users},
};

/// Makes a group without members.
///
/// # Errors
/// CAPABILITY_REQUIRED, DUPLICATE_RESOURCE.
pub async fn create(store: &Store, caller: &Caller, name: String) -> Result<Group> {
    let made = store
        .write((caller.clone(), name), |tx, args| async move {
            let (caller, name) = &*args;
            let caller = rights::turn(&tx, caller, Whose::Nobodys).await?;
            caller.require(Capability::ManageDirectory)?;
            let id = groups::insert(&tx, name).await?;
            let group = found(&tx, id).await?;
            audit::group_created(&tx, &caller, &group).await?;
            Ok(group)
        })
        .await;
    made.map_err(name_taken)
}

/// Renames a group.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, STALE_ETAG, DUPLICATE_RESOURCE.
pub async fn rename(
    store: &Store,
    caller: &Caller,
    id: GroupId,
    name: Option<String>,
    etag: Option<String>,
) -> Result<Group> {
    let renamed = store
        .write((caller.clone(), name, etag), move |tx, args| async move {
            let (caller, name, etag) = &*args;
            let caller = rights::turn(&tx, caller, Whose::Nobodys).await?;
            caller.require(Capability::ManageDirectory)?;
            let before = found(&tx, id).await?;
            etag::check(etag.as_deref(), before.version)?;
            if let Some(name) = name.as_ref().filter(|name| **name != before.name)
                && !groups::rename(&tx, &before, name).await?
            {
                return Err(store::Error::Conflict(None).into());
            }
            let after = found(&tx, id).await?;
            audit::group_changed(&tx, &caller, &before, &after).await?;
            Ok(after)
        })
        .await;
    renamed.map_err(name_taken)
}

/// Deletes a group that nothing refers to.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, IN_USE.
pub async fn delete(store: &Store, caller: &Caller, id: GroupId) -> Result<()> {
    let in_use = |used_by| Error::InUse { resource: Resource::Group, used_by };
    let deleted = store
        .write(caller.clone(), move |tx, caller| async move {
            let caller = rights::turn(&tx, &caller, Whose::Everyones).await?;
            caller.require(Capability::ManageDirectory)?;
            let group = found(&tx, id).await?;
            let all = LeadScope::system("whoever deletes a group learns that leads belong to it, not which");
            if leads::any_in_group(&tx, &all, id).await? {
                return Err(in_use("leads"));
            }
            if groups::is_named(&tx, id).await? {
                return Err(in_use("permissions"));
            }
            audit::group_deleted(&tx, &caller, &group, &members(&tx, id).await?).await?;
            Ok(groups::delete(&tx, id).await?)
        })
        .await;
    deleted.map_err(|error| match error {
        Error::Store(store::Error::Reference(_)) => in_use("leads"),
        other => other,
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
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, SELF_CONFIGURATION, ROLE_NOT_BELOW, ESCALATION.
pub async fn add_members(store: &Store, caller: &Caller, id: GroupId, members: Vec<UserId>) -> Result<Group> {
    store
        .write((caller.clone(), members), move |tx, args| async move {
            let (caller, members) = &*args;
            let caller = rights::turn(&tx, caller, Whose::Users(members)).await?;
            caller.require(Capability::ManageDirectory)?;
            found(&tx, id).await?;
            let mut added = configurable(&tx, &caller, members).await?;
            added.retain(|user| !user.groups.contains(&id));
            for before in &added {
                let mut after = before.clone();
                after.groups.insert(id);
                caller.may_hand_out(Some(before), &after)?;
            }
            groups::add_members(&tx, id, members).await?;
            audit::members_added(&tx, &caller, id, &ids(&added)).await?;
            found(&tx, id).await
        })
        .await
}

/// Removes users, all or none.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, SELF_CONFIGURATION, ROLE_NOT_BELOW.
pub async fn remove_members(store: &Store, caller: &Caller, id: GroupId, members: Vec<UserId>) -> Result<Group> {
    store
        .write((caller.clone(), members), move |tx, args| async move {
            let (caller, members) = &*args;
            let caller = rights::turn(&tx, caller, Whose::Users(members)).await?;
            caller.require(Capability::ManageDirectory)?;
            found(&tx, id).await?;
            let mut removed = configurable(&tx, &caller, members).await?;
            removed.retain(|user| user.groups.contains(&id));
            groups::remove_members(&tx, id, members).await?;
            audit::members_removed(&tx, &caller, id, &ids(&removed)).await?;
            found(&tx, id).await
        })
        .await
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
        let users = users::list(tx, Some(id), true, &page).await?;
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

fn name_taken(error: Error) -> Error {
    match error {
        Error::Store(store::Error::Unique(_)) => Error::DuplicateResource { resource: Resource::Group, field: "name" },
        other => other,
    }
}
