//! Who reaches one lead, by which ways; grants and revocations (domain contract, section 5).

use super::{Error, Ineligible, Resource, Result, Unrevocable, audit, etag, leads::lock};
use crate::{
    access::{
        Caller,
        escalation::Escalation,
        paths::{granted_actions, paths},
        policy::{Facts, Principal},
        scope::View,
    },
    model::{
        Time,
        history::{Change, HistoryKind},
        ids::{LeadId, UserId},
        lead::Lead,
        lead_access::{Access, AccessKind, AccessRow, GrantMode, Path},
        page::{Page, Paged},
        permission::Capability,
        permission_change::PermissionChangeKind,
        user::UserState,
    },
    store::{
        Store, Tx,
        history::{self, Happening},
        lead_access::{self, AtHand},
        leads::{self, Locked},
        principals,
    },
};

/// How many users are looked at in one go, at least: of those who may reach a lead, any number may not.
const FEWEST: u32 = 500;

/// A page of the active users who reach a lead, by user ID.
///
/// # Errors
/// CAPABILITY_REQUIRED, LEAD_NOT_FOUND.
pub async fn list(store: &Store, caller: &Caller, id: LeadId, page: &Page) -> Result<Paged<Access>> {
    caller.require_directory()?;
    store
        .snapshot((caller.scope::<View>(), *page), move |tx, args| async move {
            let (scope, page) = &*args;
            let lead = leads::get(&tx, scope, id).await?.ok_or(Error::LeadNotFound)?;
            let mut found: Vec<Access> = Vec::new();
            let mut after = page.after;
            while found.len() <= page.size as usize {
                let users = principals::may_reach(&tx, &lead, &Page { size: FEWEST.max(page.size + 1), after }).await?;
                let Some(last) = users.last() else { break };
                after = Some(last.user_id.uuid());
                let ids: Vec<UserId> = users.iter().map(|user| user.user_id).collect();
                let rows = lead_access::of_users(&tx, &lead, &ids).await?;
                let accesses = users.iter().map(|user| access(user, lead.lead(), &rows, tx.now()));
                found.extend(accesses.filter(|access| !access.paths.is_empty()));
            }
            Ok(page.cut(found, |access| access.user_id.uuid()))
        })
        .await
}

fn access(facts: &Facts, lead: &Lead, rows: &[AccessRow], now: Time) -> Access {
    let row = rows.iter().find(|row| row.user_id == facts.user_id);
    Access {
        user_id: facts.user_id,
        user_name: facts.name.clone(),
        paths: paths(&Principal::resolve(facts), lead, row, now),
    }
}

/// Gives one user a lead as if it were in their INDIVIDUAL set.
///
/// # Errors
/// CAPABILITY_REQUIRED, LEAD_NOT_FOUND, RESOURCE_NOT_FOUND, SELF_CONFIGURATION, ROLE_NOT_BELOW, ESCALATION, STALE_ETAG,
/// INVALID_ARGUMENT, INELIGIBLE_ASSIGNEE.
pub async fn grant(
    tx: &Tx,
    caller: &Caller,
    id: LeadId,
    user_id: UserId,
    mode: GrantMode,
    expire_time: Option<Time>,
    etag: Option<&str>,
) -> Result<Access> {
    caller.require(Capability::ManageLeadAccess)?;
    let lead = lock::<View>(tx, caller, id, None).await?;
    let facts = principals::facts(tx, user_id).await?.ok_or(Error::NotFound(Resource::User))?;
    caller.may_configure(user_id, facts.profile.role)?;
    may_give(tx, caller, &lead, &Principal::resolve(&facts), mode, expire_time).await?;
    etag::check(etag, lead.lead().version)?;
    if expire_time.is_some_and(|end| end <= tx.now()) {
        return Err(Error::invalid("expire_time", "must be in the future"));
    }
    if facts.state == UserState::Deactivated {
        return Err(Error::Ineligible(Ineligible::UserDeactivated));
    }
    let row =
        AccessRow { user_id, kind: AccessKind::Granted, mode, expire_time, given_by: caller.id(), give_time: tx.now() };
    let kinds = (HistoryKind::AccessGranted, PermissionChangeKind::AccessGranted);
    let row = replace(tx, caller, &lead, row, kinds).await?;
    Ok(access(&facts, lead.lead(), &[row], tx.now()))
}

/// Takes a user's grants on a lead and blocks what a level would still give.
///
/// # Errors
/// CAPABILITY_REQUIRED, LEAD_NOT_FOUND, RESOURCE_NOT_FOUND, SELF_CONFIGURATION, ROLE_NOT_BELOW, STALE_ETAG, REVOCATION_REFUSED.
pub async fn revoke(tx: &Tx, caller: &Caller, id: LeadId, user_id: UserId, etag: Option<&str>) -> Result<()> {
    caller.require(Capability::ManageLeadAccess)?;
    let lead = lock::<View>(tx, caller, id, None).await?;
    let facts = principals::facts(tx, user_id).await?.ok_or(Error::NotFound(Resource::User))?;
    let unrevocable = if Principal::resolve(&facts).is_administrator() {
        Some(Unrevocable::Administrator)
    } else {
        (lead.lead().assignee_id == Some(user_id)).then_some(Unrevocable::CurrentAssignee)
    };
    // What holds for everyone who asks is said whoever asks.
    if unrevocable.is_none() {
        caller.may_configure(user_id, facts.profile.role)?;
    }
    etag::check(etag, lead.lead().version)?;
    if let Some(cause) = unrevocable {
        return Err(Error::Unrevocable(cause));
    }
    let row = AccessRow {
        user_id,
        kind: AccessKind::Blocked,
        mode: GrantMode::Full,
        expire_time: None,
        given_by: caller.id(),
        give_time: tx.now(),
    };
    let kinds = (HistoryKind::AccessRevoked, PermissionChangeKind::AccessRevoked);
    replace(tx, caller, &lead, row, kinds).await?;
    Ok(())
}

/// A grant gives no action on the lead that the caller doesn't have on it, and none for longer; nor does the block that it lifts.
async fn may_give(
    tx: &Tx,
    caller: &Caller,
    lead: &Locked<View>,
    target: &Principal,
    mode: GrantMode,
    until: Option<Time>,
) -> Result<()> {
    let rows = lead_access::of_users(tx, lead, &[caller.id(), target.user_id]).await?;
    let row_of = |user| rows.iter().find(|row| row.user_id == user);
    let mine = paths(caller, lead.lead(), row_of(caller.id()), tx.now());
    let holds = |action, until: Option<Time>| {
        let lasts = |path: &Path| path.expire_time.is_none_or(|end| until.is_some_and(|until| until <= end));
        mine.iter().any(|path| path.actions.contains(&action) && lasts(path))
    };
    // Lifting a block gives back what the levels reach, and that without an end.
    let blocked = row_of(target.user_id).is_some_and(|row| row.kind == AccessKind::Blocked);
    let lifted = if blocked { paths(target, lead.lead(), None, tx.now()) } else { Vec::new() };
    let lifted = lifted.into_iter().flat_map(|path| path.actions).map(|action| (action, None));
    let granted = granted_actions(target, mode).into_iter().map(|action| (action, until));
    match granted.chain(lifted).find(|(action, until)| !holds(*action, *until)) {
        Some((action, _)) => Err(Escalation::Action(action).into()),
        None => Ok(()),
    }
}

/// Puts a row in place of another and tells of it; answers the one in force, which is the other where that says the same.
async fn replace(
    tx: &Tx,
    caller: &Caller,
    lead: &Locked<View>,
    row: AccessRow,
    (happened, recorded): (HistoryKind, PermissionChangeKind),
) -> Result<AccessRow> {
    let before = lead_access::of_users(tx, lead, &[row.user_id]).await?.pop();
    let field = format!("access.{}", row.user_id);
    let Some(change) = Change::of(field, before.as_ref().map(audit::told), Some(audit::told(&row))) else {
        return Ok(before.unwrap_or(row));
    };
    lead_access::put(tx, lead, before.as_ref(), &row).await?;
    let happening = Happening::of(lead.lead_id(), happened, vec![change]);
    history::append(tx, caller.actor(), vec![happening]).await?;
    audit::access(tx, caller, recorded, lead.lead_id(), row.user_id, before.as_ref(), Some(&row)).await?;
    Ok(row)
}
