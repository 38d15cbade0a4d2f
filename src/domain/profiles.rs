//! Profiles: the defaults of many users at once, so a change is held against each of them.

use std::{collections::BTreeSet, time::Duration};

use uuid::Uuid;

use super::{
    Error, Resource, Result, audit, etag,
    permissions::groups_exist,
    rights::{self, Whose},
};
use crate::{
    access::{Caller, escalation::Escalation, policy::Facts},
    model::{
        ids::ProfileId,
        page::{Page, Paged},
        permission::{Action, Capability, OrderVisibility, PerAction, Permission, Profile, Role},
        user::UserState,
    },
    store::{self, Store, Tx, principals, profiles},
};

/// A profile to make. Actions that are left out are NONE.
#[derive(Clone, Debug)]
pub struct NewProfile {
    /// Unique whatever the case.
    pub name: String,
    /// MANAGER or AGENT.
    pub role: Role,
    /// The actions named.
    pub permissions: Vec<(Action, Permission)>,
    /// What its users hold.
    pub capabilities: BTreeSet<Capability>,
    /// How long an assigned agent still reaches a resolved lead.
    pub resolved_grace: Option<Duration>,
    /// How many open leads one of its users may have.
    pub max_open_leads: Option<u32>,
    /// Which orders its users see.
    pub order_visibility: OrderVisibility,
    /// Whether a completed order ends the work on its users' leads.
    pub assign_partial_orders_only: bool,
}

/// What to change of a profile; none: leave it.
#[derive(Clone, Debug, Default)]
pub struct ProfilePatch {
    /// Unique whatever the case.
    pub name: Option<String>,
    /// MANAGER or AGENT.
    pub role: Option<Role>,
    /// The actions named.
    pub permissions: Vec<(Action, Permission)>,
    /// All that its users hold.
    pub capabilities: Option<BTreeSet<Capability>>,
    /// The grace; inner none: no limit.
    pub resolved_grace: Option<Option<Duration>>,
    /// The capacity; inner none: no limit.
    pub max_open_leads: Option<Option<u32>>,
    /// Which orders its users see.
    pub order_visibility: Option<OrderVisibility>,
    /// Whether a completed order ends the work on its users' leads.
    pub assign_partial_orders_only: Option<bool>,
}

/// Makes a profile.
///
/// # Errors
/// CAPABILITY_REQUIRED, INVALID_ARGUMENT, ROLE_NOT_BELOW, ESCALATION, DUPLICATE_RESOURCE.
pub async fn create(tx: &Tx, caller: &Caller, new: &NewProfile) -> Result<Profile> {
    let caller = rights::turn(tx, caller, Whose::Nobodys).await?;
    caller.require(Capability::ManageDirectory)?;
    let named = new.permissions.iter().map(|(_, permission)| permission).enumerate();
    groups_exist(tx, "profile.permissions", named).await?;
    let mut permissions = PerAction::<Permission>::default();
    for (action, permission) in &new.permissions {
        *permissions.get_mut(*action) = permission.clone();
    }
    let profile = Profile {
        id: ProfileId::at(tx.now()),
        name: new.name.clone(),
        built_in: false,
        role: new.role,
        permissions,
        capabilities: new.capabilities.clone(),
        resolved_grace: new.resolved_grace,
        max_open_leads: new.max_open_leads,
        order_visibility: new.order_visibility,
        assign_partial_orders_only: new.assign_partial_orders_only,
        version: 1,
    };
    caller.may_hand_out(None, &nobody_with(&profile))?;
    profiles::insert(tx, &profile).await.map_err(name_taken)?;
    audit::profile_created(tx, &caller, &profile).await?;
    Ok(profile)
}

/// Changes a profile, and so what each of its users may do.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, SELF_CONFIGURATION, ROLE_NOT_BELOW, INVALID_ARGUMENT, STALE_ETAG, FIXED, ESCALATION,
/// DUPLICATE_RESOURCE.
pub async fn update(
    tx: &Tx,
    caller: &Caller,
    id: ProfileId,
    patch: &ProfilePatch,
    etag: Option<&str>,
    validate_only: bool,
) -> Result<Profile> {
    let caller = rights::turn(tx, caller, Whose::Everyones.unless(validate_only)).await?;
    caller.require(Capability::ManageDirectory)?;
    let before = found(tx, id).await?;
    let users = principals::with_profile(tx, id).await?;
    let own = users.iter().any(|user| user.user_id == caller.id());
    if !own {
        caller.is_above(before.role)?;
    }
    if before.role == Role::Administrator {
        return Err(Error::Fixed("the administrator profile"));
    }
    if own {
        return Err(Escalation::Myself.into());
    }
    let named = patch.permissions.iter().map(|(_, permission)| permission).enumerate();
    groups_exist(tx, "profile.permissions", named).await?;
    etag::check(etag, before.version)?;
    if before.built_in && patch.name.as_ref().is_some_and(|name| *name != before.name) {
        return Err(Error::Fixed("a built-in profile's name"));
    }
    let after = patched(&before, patch);
    if after == before {
        return Ok(before);
    }
    caller.may_hand_out(Some(&nobody_with(&before)), &nobody_with(&after))?;
    for user in &users {
        caller.may_hand_out(Some(user), &Facts { profile: after.clone(), ..user.clone() })?;
    }
    if !profiles::update(tx, &after).await.map_err(name_taken)? {
        return Err(store::Error::Conflict(None).into());
    }
    audit::profile_changed(tx, &caller, &before, &after).await?;
    found(tx, id).await
}

fn patched(before: &Profile, patch: &ProfilePatch) -> Profile {
    let ProfilePatch {
        name,
        role,
        permissions,
        capabilities,
        resolved_grace,
        max_open_leads,
        order_visibility,
        assign_partial_orders_only,
    } = patch.clone();
    let mut after = before.clone();
    for (action, permission) in permissions {
        *after.permissions.get_mut(action) = permission;
    }
    Profile {
        name: name.unwrap_or(after.name),
        role: role.unwrap_or(after.role),
        capabilities: capabilities.unwrap_or(after.capabilities),
        resolved_grace: resolved_grace.unwrap_or(after.resolved_grace),
        max_open_leads: max_open_leads.unwrap_or(after.max_open_leads),
        order_visibility: order_visibility.unwrap_or(after.order_visibility),
        assign_partial_orders_only: assign_partial_orders_only.unwrap_or(after.assign_partial_orders_only),
        ..after
    }
}

/// Deletes a profile that nobody has.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, ROLE_NOT_BELOW, STALE_ETAG, FIXED, IN_USE.
pub async fn delete(tx: &Tx, caller: &Caller, id: ProfileId, etag: Option<&str>) -> Result<()> {
    let caller = rights::turn(tx, caller, Whose::Nobodys).await?;
    caller.require(Capability::ManageDirectory)?;
    let profile = found(tx, id).await?;
    caller.is_above(profile.role)?;
    if profile.built_in {
        return Err(Error::Fixed("a built-in profile"));
    }
    etag::check(etag, profile.version)?;
    let in_use = Error::InUse { resource: Resource::Profile, used_by: "users" };
    if profiles::is_used(tx, id).await? {
        return Err(in_use);
    }
    audit::profile_deleted(tx, &caller, &profile).await?;
    profiles::delete(tx, id).await.map_err(|error| match error {
        store::Error::Reference(_) => in_use,
        other => other.into(),
    })
}

/// One profile: the caller's own, or any for those who may read the directory.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND.
pub async fn get(store: &Store, caller: &Caller, id: ProfileId) -> Result<Profile> {
    let mine = principals::facts(store, caller.id()).await?.map(|facts| facts.profile);
    if let Some(mine) = mine.filter(|profile| profile.id == id) {
        return Ok(mine);
    }
    caller.require_directory()?;
    profiles::get(store, id).await?.ok_or(Error::NotFound(Resource::Profile))
}

/// A page of profiles.
///
/// # Errors
/// CAPABILITY_REQUIRED.
pub async fn list(store: &Store, caller: &Caller, page: &Page) -> Result<Paged<Profile>> {
    caller.require_directory()?;
    Ok(profiles::list(store, page).await?)
}

async fn found(tx: &Tx, id: ProfileId) -> Result<Profile> {
    profiles::get(tx, id).await?.ok_or(Error::NotFound(Resource::Profile))
}

/// A user of a profile who has nothing of their own: what the profile alone hands out.
pub(super) fn nobody_with(profile: &Profile) -> Facts {
    Facts {
        user_id: Uuid::nil().into(),
        name: String::new(),
        state: UserState::Active,
        desk: None,
        profile: profile.clone(),
        overrides: PerAction::default(),
        groups: BTreeSet::new(),
        permissions_version: 0,
        rights_version: 0,
    }
}

fn name_taken(error: store::Error) -> Error {
    match error {
        store::Error::Unique(_) => Error::DuplicateResource { resource: Resource::Profile, field: "name" },
        other => other.into(),
    }
}
