//! Users' own permissions, what they come to, and whether they cover a lead.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Error, Resource, Result, audit, etag,
    rights::{self, Whose},
};
use crate::{
    access::{
        Caller,
        explain::{self, Explanation},
        policy::{Facts, Principal},
        scope::{LeadScope, View},
    },
    model::{
        ids::{GroupId, LeadId, UserId},
        permission::{Action, Capability, Permission},
    },
    store::{Db, Store, Tx, groups, lead_access, leads, principals, users},
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
    tx: &Tx,
    caller: &Caller,
    user_id: UserId,
    settings: &[(Action, Option<Permission>)],
    etag: Option<&str>,
    validate_only: bool,
) -> Result<Facts> {
    let caller = rights::turn(tx, caller, Whose::Users(&[user_id]).unless(validate_only)).await?;
    caller.require(Capability::ConfigurePermissions)?;
    let before = principals::facts(tx, user_id).await?.ok_or(Error::NotFound(Resource::User))?;
    caller.may_configure(user_id, before.profile.role)?;
    let named = settings.iter().enumerate().filter_map(|(at, (_, p))| p.as_ref().map(|p| (at, p)));
    groups_exist(tx, "permissions", named).await?;
    etag::check(etag, before.permissions_version)?;
    if Principal::resolve(&before).is_administrator() {
        return Err(Error::Fixed("an administrator's permissions"));
    }
    let mut after = before.clone();
    for (action, permission) in settings {
        *after.overrides.get_mut(*action) = permission.clone();
    }
    caller.may_hand_out(Some(&before), &after)?;
    users::set_permissions(tx, user_id, settings).await?;
    audit::permissions(tx, &caller, &before, &after).await?;
    principals::facts(tx, user_id).await?.ok_or(Error::NotFound(Resource::User))
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
/// CAPABILITY_REQUIRED, ROLE_NOT_BELOW, RESOURCE_NOT_FOUND for another's; LEAD_NOT_FOUND.
pub async fn check(store: &Store, caller: &Caller, user_id: UserId, action: Action, lead_id: LeadId) -> Result<bool> {
    let mut answers = check_many(store, caller, user_id, vec![(action, lead_id)]).await?;
    answers.pop().unwrap_or(Err(Error::LeadNotFound))
}

/// Which of several actions on leads a user may do, all decided in one statement. In the order of the pairs; a lead that whoever
/// asks may not view is LEAD_NOT_FOUND, unless they ask about themselves and the action covers it.
///
/// # Errors
/// CAPABILITY_REQUIRED, ROLE_NOT_BELOW, RESOURCE_NOT_FOUND for another's.
pub async fn check_many(
    store: &Store,
    caller: &Caller,
    user_id: UserId,
    checks: Vec<(Action, LeadId)>,
) -> Result<Vec<Result<bool>>> {
    if user_id == caller.id() {
        return judged(store, caller, caller.principal(), &checks).await;
    }
    store
        .snapshot((caller.clone(), checks), move |tx, args| async move {
            let (caller, checks) = &*args;
            let principal = Arc::new(Principal::resolve(&asked_about(&tx, caller, user_id).await?));
            judged(&tx, caller, &principal, checks).await
        })
        .await
}

async fn judged(
    db: &impl Db,
    caller: &Caller,
    principal: &Arc<Principal>,
    checks: &[(Action, LeadId)],
) -> Result<Vec<Result<bool>>> {
    let actions: Vec<Action> = checks.iter().map(|(action, _)| *action).collect::<BTreeSet<_>>().into_iter().collect();
    let scopes: Vec<_> = actions.iter().map(|action| LeadScope::of(principal, *action)).collect();
    let ids: Vec<LeadId> = checks.iter().map(|(_, id)| *id).collect::<BTreeSet<_>>().into_iter().collect();
    let verdicts = leads::judge(db, &caller.scope::<View>(), &scopes, &ids).await?;
    let answer = |(action, id): &(Action, LeadId)| {
        let verdict = verdicts.get(id).ok_or(Error::LeadNotFound)?;
        let at = actions.iter().position(|known| known == action);
        let covered = at.and_then(|at| verdict.covered.get(at)).copied().unwrap_or(false);
        if verdict.viewable || covered { Ok(covered) } else { Err(Error::LeadNotFound) }
    };
    Ok(checks.iter().map(answer).collect())
}

/// Why a user may or may not do an action on a lead.
///
/// # Errors
/// CAPABILITY_REQUIRED, ROLE_NOT_BELOW, RESOURCE_NOT_FOUND for another's; LEAD_NOT_FOUND.
pub async fn explain(
    store: &Store,
    caller: &Caller,
    user_id: UserId,
    action: Action,
    lead_id: LeadId,
) -> Result<Explanation> {
    store
        .snapshot(caller.clone(), move |tx, caller| async move {
            let facts = asked_about(&tx, &caller, user_id).await?;
            let lead = leads::get(&tx, &caller.scope::<View>(), lead_id).await?.ok_or(Error::LeadNotFound)?;
            let row = lead_access::of_users(&tx, &lead, &[user_id]).await?.pop();
            let scope = LeadScope::of(&Arc::new(Principal::resolve(&facts)), action);
            let verdicts = leads::judge(&tx, &caller.scope::<View>(), &[scope], &[lead_id]).await?;
            let verdict = verdicts.get(&lead_id).ok_or(Error::LeadNotFound)?;
            let explanation = explain::explain(&facts, action, lead.lead(), row.as_ref(), verdict.time);
            if verdict.covered != [explanation.allowed()] {
                return Err(Error::Internal(format!(
                    "{} enforced on {lead_id} is not what is explained",
                    action.word()
                )));
            }
            Ok(explanation)
        })
        .await
}

/// The facts of a user about whom the caller may ask: themselves, or somebody whom they may configure.
async fn asked_about(tx: &Tx, caller: &Caller, user_id: UserId) -> Result<Facts> {
    let myself = user_id == caller.id();
    if !myself {
        caller.require(Capability::ConfigurePermissions)?;
    }
    let facts = principals::facts(tx, user_id).await?.ok_or(Error::NotFound(Resource::User))?;
    if !myself {
        caller.is_above(facts.profile.role)?;
    }
    Ok(facts)
}
