//! Users.

use super::{Error, Resource, Result, etag, profiles::nobody_with};
use crate::{
    access::{
        Caller,
        escalation::Escalation,
        policy::{Facts, Principal},
    },
    model::{
        ids::{GroupId, UserId},
        page::{Page, Paged},
        permission::{Capability, Role},
        user::{NewUser, User, UserPatch, UserState},
    },
    store::{self, Store, Tx, principals, profiles, users},
};

/// The caller, with the name of their profile.
///
/// # Errors
/// The database's.
pub async fn who_am_i(store: &Store, caller: &Caller) -> Result<(User, String)> {
    let user = users::get(store, caller.id()).await?.ok_or(Error::NotFound(Resource::User))?;
    let profile = profiles::get(store, user.profile_id).await?.ok_or(Error::NotFound(Resource::Profile))?;
    Ok((user, profile.name))
}

/// One user: the caller, or anyone for those who may read the directory.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND.
pub async fn get(store: &Store, caller: &Caller, id: UserId) -> Result<User> {
    if id != caller.id() {
        caller.require_directory()?;
    }
    users::get(store, id).await?.ok_or(Error::NotFound(Resource::User))
}

/// A page of users.
///
/// # Errors
/// CAPABILITY_REQUIRED.
pub async fn list(
    store: &Store,
    caller: &Caller,
    group: Option<GroupId>,
    deactivated: bool,
    page: &Page,
) -> Result<Paged<User>> {
    caller.require_directory()?;
    Ok(users::list(store, group, deactivated, page).await?)
}

/// Makes an active user.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, ROLE_NOT_BELOW, ESCALATION, DUPLICATE_RESOURCE.
pub async fn create(store: &Store, caller: &Caller, new: NewUser) -> Result<User> {
    caller.require(Capability::ManageDirectory)?;
    let made = store
        .write((caller.clone(), new), |tx, args| async move {
            let (caller, new) = &*args;
            let profile = profiles::get(&tx, new.profile_id).await?.ok_or(Error::NotFound(Resource::Profile))?;
            caller.may_hand_out(None, &nobody_with(&profile))?;
            let id = users::insert(&tx, new).await?;
            found(&tx, id).await
        })
        .await;
    made.map_err(email_taken)
}

/// Changes a user. Name and e-mail are theirs, profile and desk are configuration.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, SELF_CONFIGURATION, ROLE_NOT_BELOW, STALE_ETAG, ESCALATION, LAST_ADMINISTRATOR, DUPLICATE_RESOURCE.
pub async fn update(
    store: &Store,
    caller: &Caller,
    id: UserId,
    patch: UserPatch,
    etag: Option<String>,
) -> Result<User> {
    caller.require(Capability::ManageDirectory)?;
    let updated = store
        .write((caller.clone(), patch, etag), move |tx, args| async move {
            let (caller, patch, etag) = &*args;
            let (user, before) = locked(&tx, id).await?;
            let profile = match patch.profile_id.filter(|profile| *profile != user.profile_id) {
                Some(profile) => Some(profiles::get(&tx, profile).await?.ok_or(Error::NotFound(Resource::Profile))?),
                None => None,
            };
            if profile.as_ref().is_some_and(|profile| profile.role != Role::Administrator) {
                not_the_last_administrator(&tx, &before).await?;
            }
            let configures = profile.is_some() || patch.desk.is_some_and(|desk| desk != user.desk);
            match caller.may_configure(id, before.profile.role) {
                Err(Escalation::Myself) if !configures => {}
                refused_or_not => refused_or_not?,
            }
            etag::check(etag.as_deref(), user.version)?;
            if let Some(profile) = profile {
                caller.may_hand_out(Some(&before), &Facts { profile, ..before.clone() })?;
            }
            users::update(&tx, id, patch).await?;
            found(&tx, id).await
        })
        .await;
    updated.map_err(email_taken)
}

/// Refuses a user everywhere; one who is deactivated already stays so.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, LAST_ADMINISTRATOR, SELF_CONFIGURATION, ROLE_NOT_BELOW.
pub async fn deactivate(store: &Store, caller: &Caller, id: UserId) -> Result<User> {
    caller.require(Capability::ManageDirectory)?;
    store
        .write(caller.clone(), move |tx, caller| async move {
            let (user, facts) = locked(&tx, id).await?;
            not_the_last_administrator(&tx, &facts).await?;
            caller.may_configure(id, facts.profile.role)?;
            if user.state == UserState::Deactivated {
                return Ok(user);
            }
            users::set_state(&tx, id, UserState::Deactivated).await?;
            found(&tx, id).await
        })
        .await
}

/// Lets a user in again, with all that they held.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, SELF_CONFIGURATION, ROLE_NOT_BELOW, ESCALATION.
pub async fn reactivate(store: &Store, caller: &Caller, id: UserId) -> Result<User> {
    caller.require(Capability::ManageDirectory)?;
    store
        .write(caller.clone(), move |tx, caller| async move {
            let (user, facts) = locked(&tx, id).await?;
            caller.may_configure(id, facts.profile.role)?;
            if user.state == UserState::Active {
                return Ok(user);
            }
            caller.may_hand_out(None, &facts)?;
            users::set_state(&tx, id, UserState::Active).await?;
            found(&tx, id).await
        })
        .await
}

/// Administrators are locked together, so that of two who go at once one sees that the other is gone.
async fn not_the_last_administrator(tx: &Tx, facts: &Facts) -> Result<()> {
    if !Principal::resolve(facts).is_administrator() {
        return Ok(());
    }
    let active = users::lock_administrators(tx).await?;
    if active == [facts.user_id] { Err(Error::LastAdministrator) } else { Ok(()) }
}

async fn locked(tx: &Tx, id: UserId) -> Result<(User, Facts)> {
    // Administrators are locked in one order by everyone, or two who deactivate each other wait for each other.
    let role = principals::facts(tx, id).await?.map(|facts| facts.profile.role);
    if role == Some(Role::Administrator) {
        users::lock_administrators(tx).await?;
    }
    users::lock(tx, id).await?;
    let facts = principals::facts(tx, id).await?.ok_or(Error::NotFound(Resource::User))?;
    Ok((found(tx, id).await?, facts))
}

async fn found(tx: &Tx, id: UserId) -> Result<User> {
    users::get(tx, id).await?.ok_or(Error::NotFound(Resource::User))
}

fn email_taken(error: Error) -> Error {
    match error {
        Error::Store(store::Error::Unique(_)) => Error::DuplicateResource { resource: Resource::User, field: "email" },
        other => other,
    }
}
