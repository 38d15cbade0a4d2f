//! Users' own permissions, what they come to, and whether they cover a lead.

use std::collections::BTreeSet;

use super::{Error, Resource, Result, etag, rights};
use crate::{
    access::{
        Caller,
        policy::{Facts, Principal},
        scope::View,
    },
    model::{
        ids::{GroupId, LeadId, UserId},
        permission::{Action, Capability, Permission},
    },
    store::{Db, Store, groups, leads, principals, users},
};

/// A user's facts, for the caller's own eyes or those of somebody who configures permissions.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND.
pub async fn get(store: &Store, caller: &Caller, user_id: UserId) -> Result<Facts> {
    if user_id != caller.id() {
        caller.require(Capability::ConfigurePermissions)?;
    }
    principals::facts(store, user_id).await?.ok_or(Error::NotFound(Resource::User))
}

/// Sets some of a user's own permissions; none takes a setting back.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, SELF_CONFIGURATION, ROLE_NOT_BELOW, INVALID_ARGUMENT, STALE_ETAG, FIXED, ESCALATION.
pub async fn update(
    store: &Store,
    caller: &Caller,
    user_id: UserId,
    settings: Vec<(Action, Option<Permission>)>,
    etag: Option<String>,
    validate_only: bool,
) -> Result<Facts> {
    store
        .write_unless(validate_only, (caller.clone(), settings, etag), move |tx, args| async move {
            let (caller, settings, etag) = &*args;
            let caller = rights::turn(&tx, caller).await?;
            caller.require(Capability::ConfigurePermissions)?;
            let before = principals::facts(&tx, user_id).await?.ok_or(Error::NotFound(Resource::User))?;
            caller.may_configure(user_id, before.profile.role)?;
            let named = settings.iter().enumerate().filter_map(|(at, (_, p))| p.as_ref().map(|p| (at, p)));
            groups_exist(&tx, "permissions", named).await?;
            etag::check(etag.as_deref(), before.permissions_version)?;
            if Principal::resolve(&before).is_administrator() {
                return Err(Error::Fixed("an administrator's permissions"));
            }
            let mut after = before.clone();
            for (action, permission) in settings {
                *after.overrides.get_mut(*action) = permission.clone();
            }
            caller.may_hand_out(Some(&before), &after)?;
            users::set_permissions(&tx, user_id, settings).await?;
            principals::facts(&tx, user_id).await?.ok_or(Error::NotFound(Resource::User))
        })
        .await
}

/// Refuses permissions that name groups which don't exist, all of them at once.
pub(super) async fn groups_exist<'a>(
    db: &impl Db,
    field: &str,
    permissions: impl Iterator<Item = (usize, &'a Permission)>,
) -> Result<()> {
    let named: Vec<(usize, &BTreeSet<GroupId>)> = permissions
        .filter_map(|(at, permission)| match permission {
            Permission::Groups { named, .. } => Some((at, named)),
            Permission::None | Permission::Individual { .. } | Permission::Complete => None,
        })
        .collect();
    let all: BTreeSet<GroupId> = named.iter().flat_map(|(_, groups)| groups.iter().copied()).collect();
    if all.is_empty() {
        return Ok(());
    }
    let known: BTreeSet<GroupId> = groups::existing(db, all).await?.into_iter().collect();
    let missing = named.iter().filter(|(_, groups)| !groups.is_subset(&known)).map(|(at, _)| super::Violation {
        field: format!("{field}[{at}].group_ids"),
        description: "names a group that does not exist".to_owned(),
    });
    let missing: Vec<_> = missing.collect();
    if missing.is_empty() { Ok(()) } else { Err(Error::Invalid(missing)) }
}

/// Whether a user may do an action on a lead, by the predicate that enforces it.
///
/// # Errors
/// CAPABILITY_REQUIRED for another's, RESOURCE_NOT_FOUND, LEAD_NOT_FOUND.
pub async fn check(store: &Store, caller: &Caller, user_id: UserId, action: Action, lead_id: LeadId) -> Result<bool> {
    if user_id == caller.id() {
        if leads::get(store, &caller.scope_to(action), lead_id).await?.is_some() {
            return Ok(true);
        }
        viewable(store, caller, lead_id).await?;
        return Ok(false);
    }
    caller.require(Capability::ConfigurePermissions)?;
    viewable(store, caller, lead_id).await?;
    let facts = principals::facts(store, user_id).await?.ok_or(Error::NotFound(Resource::User))?;
    Ok(leads::get(store, &Principal::resolve(&facts).scope_to(action), lead_id).await?.is_some())
}

async fn viewable(store: &Store, caller: &Caller, lead_id: LeadId) -> Result<()> {
    let seen = leads::get(store, &caller.scope::<View>(), lead_id).await?;
    seen.map(|_| ()).ok_or(Error::LeadNotFound)
}
