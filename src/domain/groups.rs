//! Groups: who is a member decides what levels with member groups reach.

use super::{Error, Resource, Result, etag, rights};
use crate::{
    access::{Caller, policy::Facts, scope::LeadScope},
    model::{
        ids::{GroupId, UserId},
        page::{Page, Paged},
        permission::Capability,
        user::Group,
    },
    store::{self, Store, Tx, groups, leads, principals},
};

/// Makes a group without members.
///
/// # Errors
/// CAPABILITY_REQUIRED, DUPLICATE_RESOURCE.
pub async fn create(store: &Store, caller: &Caller, name: String) -> Result<Group> {
    caller.require(Capability::ManageDirectory)?;
    let made = store
        .write(name, |tx, name| async move {
            let id = groups::insert(&tx, &name).await?;
            found(&tx, id).await
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
    caller.require(Capability::ManageDirectory)?;
    let renamed = store
        .write((name, etag), move |tx, args| async move {
            let (name, etag) = &*args;
            let group = found(&tx, id).await?;
            etag::check(etag.as_deref(), group.version)?;
            if let Some(name) = name.as_ref().filter(|name| **name != group.name)
                && !groups::rename(&tx, &group, name).await?
            {
                return Err(store::Error::Conflict(None).into());
            }
            found(&tx, id).await
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
            let caller = rights::turn(&tx, &caller).await?;
            caller.require(Capability::ManageDirectory)?;
            found(&tx, id).await?;
            let all = LeadScope::system("whoever deletes a group learns that leads belong to it, not which");
            if leads::any_in_group(&tx, &all, id).await? {
                return Err(in_use("leads"));
            }
            if groups::is_named(&tx, id).await? {
                return Err(in_use("permissions"));
            }
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
            let caller = rights::turn(&tx, caller).await?;
            caller.require(Capability::ManageDirectory)?;
            found(&tx, id).await?;
            for before in configurable(&tx, &caller, members).await? {
                let mut after = before.clone();
                after.groups.insert(id);
                caller.may_hand_out(Some(&before), &after)?;
            }
            groups::add_members(&tx, id, members).await?;
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
            let caller = rights::turn(&tx, caller).await?;
            caller.require(Capability::ManageDirectory)?;
            found(&tx, id).await?;
            configurable(&tx, &caller, members).await?;
            groups::remove_members(&tx, id, members).await?;
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

async fn found(tx: &Tx, id: GroupId) -> Result<Group> {
    groups::get(tx, id).await?.ok_or(Error::NotFound(Resource::Group))
}

fn name_taken(error: Error) -> Error {
    match error {
        Error::Store(store::Error::Unique(_)) => Error::DuplicateResource { resource: Resource::Group, field: "name" },
        other => other,
    }
}
