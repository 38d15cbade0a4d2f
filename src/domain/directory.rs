//! Users.

use super::{
    Error, Resource, Result, audit, etag,
    profiles::nobody_with,
    rights::{self, Whose},
};
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
    Ok(users::list(store, group.as_ref().map(std::slice::from_ref), deactivated, page).await?)
}

/// Makes an active user.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, ROLE_NOT_BELOW, ESCALATION, DUPLICATE_RESOURCE.
pub async fn create(tx: &Tx, caller: &Caller, new: &NewUser) -> Result<User> {
    let caller = rights::turn(tx, caller, Whose::Nobodys).await?;
    caller.require(Capability::ManageDirectory)?;
    let profile = profiles::get(tx, new.profile_id).await?.ok_or(Error::NotFound(Resource::Profile))?;
    caller.may_hand_out(None, &nobody_with(&profile))?;
    let id = users::insert(tx, new).await.map_err(email_taken)?;
    let user = found(tx, id).await?;
    audit::user_created(tx, Some(&caller), &user).await?;
    Ok(user)
}

/// Changes a user. Name and e-mail are theirs, profile and desk are configuration.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, SELF_CONFIGURATION, ROLE_NOT_BELOW, STALE_ETAG, ESCALATION, LAST_ADMINISTRATOR, DUPLICATE_RESOURCE.
pub async fn update(tx: &Tx, caller: &Caller, id: UserId, patch: &UserPatch, etag: Option<&str>) -> Result<User> {
    let caller = rights::turn(tx, caller, Whose::Users(&[id])).await?;
    caller.require(Capability::ManageDirectory)?;
    let (user, before) = known(tx, id).await?;
    let profile = match patch.profile_id.filter(|profile| *profile != user.profile_id) {
        Some(profile) => Some(profiles::get(tx, profile).await?.ok_or(Error::NotFound(Resource::Profile))?),
        None => None,
    };
    if profile.as_ref().is_some_and(|profile| profile.role != Role::Administrator) {
        may_take_from(tx, &caller, &before).await?;
    }
    let configures = profile.is_some() || patch.desk.is_some_and(|desk| desk != user.desk);
    match caller.may_configure(id, before.profile.role) {
        Err(Escalation::Myself) if !configures => {}
        refused_or_not => refused_or_not?,
    }
    etag::check(etag, user.version)?;
    if let Some(profile) = profile {
        caller.may_hand_out(Some(&before), &Facts { profile, ..before.clone() })?;
    }
    let mut patch = patch.clone();
    if patch.away_until == Some(None) {
        // Who is back before the time was away all the same.
        patch.away_until = Some(user.away_until.map(|until| until.min(tx.now())));
    }
    users::update(tx, id, &patch).await.map_err(email_taken)?;
    changed(tx, &caller, &user).await
}

/// Refuses a user everywhere; one who is deactivated already stays so.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, LAST_ADMINISTRATOR, SELF_CONFIGURATION, ROLE_NOT_BELOW, STALE_ETAG.
pub async fn deactivate(tx: &Tx, caller: &Caller, id: UserId, etag: Option<&str>) -> Result<User> {
    let caller = rights::turn(tx, caller, Whose::Users(&[id])).await?;
    caller.require(Capability::ManageDirectory)?;
    let (user, facts) = known(tx, id).await?;
    may_take_from(tx, &caller, &facts).await?;
    caller.may_configure(id, facts.profile.role)?;
    etag::check(etag, user.version)?;
    if user.state == UserState::Deactivated {
        return Ok(user);
    }
    users::set_state(tx, id, UserState::Deactivated).await?;
    changed(tx, &caller, &user).await
}

/// Lets a user in again, with all that they held.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, SELF_CONFIGURATION, ROLE_NOT_BELOW, STALE_ETAG, ESCALATION.
pub async fn reactivate(tx: &Tx, caller: &Caller, id: UserId, etag: Option<&str>) -> Result<User> {
    let caller = rights::turn(tx, caller, Whose::Users(&[id])).await?;
    caller.require(Capability::ManageDirectory)?;
    let (user, facts) = known(tx, id).await?;
    caller.may_configure(id, facts.profile.role)?;
    etag::check(etag, user.version)?;
    if user.state == UserState::Active {
        return Ok(user);
    }
    caller.may_hand_out(None, &facts)?;
    users::set_state(tx, id, UserState::Active).await?;
    changed(tx, &caller, &user).await
}

/// The last active administrator can't be taken away, not even by themselves; to others it isn't said who that is.
async fn may_take_from(tx: &Tx, caller: &Caller, facts: &Facts) -> Result<()> {
    if facts.user_id != caller.id() {
        caller.is_above(facts.profile.role)?;
    }
    if !Principal::resolve(facts).is_administrator() {
        return Ok(());
    }
    let active = users::active_administrators(tx).await?;
    if active == [facts.user_id] { Err(Error::LastAdministrator) } else { Ok(()) }
}

/// The turn has locked the user's row against an assignment that is being made to them.
async fn known(tx: &Tx, id: UserId) -> Result<(User, Facts)> {
    let facts = principals::facts(tx, id).await?.ok_or(Error::NotFound(Resource::User))?;
    Ok((found(tx, id).await?, facts))
}

/// The user as they are now, once the record says what they were.
async fn changed(tx: &Tx, caller: &Caller, before: &User) -> Result<User> {
    let after = found(tx, before.id).await?;
    audit::user_changed(tx, caller, before, &after).await?;
    Ok(after)
}

async fn found(tx: &Tx, id: UserId) -> Result<User> {
    users::get(tx, id).await?.ok_or(Error::NotFound(Resource::User))
}

fn email_taken(error: store::Error) -> Error {
    match error {
        store::Error::Unique(_) => Error::DuplicateResource { resource: Resource::User, field: "email" },
        other => other.into(),
    }
}
