//! Who works a lead: assignment, and what becomes of the previous assignee (domain contract, sections 5 and 6).

use super::{
    Error, Ineligible, Resource, Result, audit, history,
    leads::{lock, still_reached},
    queries::{self, Query},
};
use crate::{
    access::{
        Caller,
        paths::paths,
        policy::{Facts, Principal, Reach},
        scope::{Assign, LeadScope},
    },
    model::{
        Time,
        history::HistoryKind,
        ids::{LeadId, UserId},
        lead::{Lead, LeadKind, LeadState},
        lead_access::{AccessKind, AccessRow, GrantMode, Path},
        permission::{Action, Capability, RevocationPolicy},
        permission_change::PermissionChangeKind,
        settings::Settings,
        user::{Desk, UserState},
    },
    query::{
        order::Order,
        slice::{Slice, Sliced},
    },
    store::{
        Store, Tx, lead_access,
        leads::{self, Locked},
        principals, settings, users,
    },
};

/// A change of a lead's assignee.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// Which lead.
    pub lead_id: LeadId,
    /// To whom; none takes it from its assignee.
    pub assignee_id: Option<UserId>,
    /// What becomes of the previous assignee; none: what the settings say.
    pub policy: Option<RevocationPolicy>,
    /// The lead's etag, where the caller insists on it.
    pub etag: Option<String>,
}

/// What an assignment did.
#[derive(Clone, Debug)]
pub struct Assigned {
    /// The lead as it is now; none where the caller's VIEW and ASSIGN no longer cover it.
    pub lead: Option<Lead>,
    /// What happened to the previous assignee.
    pub previous: Option<Previous>,
}

/// What happened to a previous assignee.
#[derive(Clone, Debug)]
pub struct Previous {
    /// Who it was.
    pub user_id: UserId,
    /// What was applied.
    pub policy: RevocationPolicy,
    /// When what they retain ends.
    pub expire_time: Option<Time>,
    /// How they still reach the lead.
    pub remaining: Vec<Path>,
}

/// Gives a lead to a user, or takes it from its assignee.
///
/// # Errors
/// CAPABILITY_REQUIRED, LEAD_NOT_FOUND, ACTION_NOT_PERMITTED, STALE_ETAG, LEAD_STATE, RESOURCE_NOT_FOUND, INELIGIBLE_ASSIGNEE.
pub async fn assign(tx: &Tx, caller: &Caller, assignment: &Assignment) -> Result<Assigned> {
    if assignment.policy.is_some() {
        caller.require(Capability::ManageLeadAccess)?;
    }
    let lead = lock::<Assign>(tx, caller, assignment.lead_id, assignment.etag.as_deref()).await?;
    if lead.lead().state == LeadState::Discarded {
        return Err(Error::LeadState(LeadState::Discarded));
    }
    if lead.lead().assignee_id == assignment.assignee_id {
        return Ok(Assigned { lead: Some(lead.lead().clone()), previous: None });
    }
    let settings = settings::get(tx).await?;
    if let Some(assignee) = assignment.assignee_id {
        users::lock(tx, assignee).await?;
        let facts = principals::facts(tx, assignee).await?.ok_or(Error::NotFound(Resource::User))?;
        let open = open_leads(tx, &facts).await?;
        eligible(&facts, lead.lead(), &settings, open).map_err(Error::Ineligible)?;
        unblock(tx, caller, &lead, assignee).await?;
    }
    let after = leads::set_assignee(tx, &lead, assignment.assignee_id, caller.id()).await?;
    let kind = match assignment.assignee_id {
        Some(_) => HistoryKind::Assigned,
        None => HistoryKind::Unassigned,
    };
    history::record(tx, caller, kind, Some(lead.lead()), &after).await?;
    let policy = assignment.policy.unwrap_or_else(|| settings.revocation_policy());
    let previous = match lead.lead().assignee_id {
        Some(previous) => Some(part(tx, caller, &lead, &after, previous, policy).await?),
        None => None,
    };
    Ok(Assigned { lead: still_reached::<Assign>(tx, caller, after.id).await?, previous })
}

/// A block doesn't outlast an assignment.
async fn unblock(tx: &Tx, caller: &Caller, lead: &Locked<Assign>, assignee: UserId) -> Result<()> {
    let row = lead_access::of_users(tx, lead, &[assignee]).await?.pop();
    let Some(block) = row.filter(|row| row.kind == AccessKind::Blocked) else { return Ok(()) };
    lead_access::remove(tx, lead, &block).await?;
    audit::access(tx, caller, PermissionChangeKind::AccessUnblocked, lead.lead().id, assignee, Some(&block), None).await
}

/// Applies the policy to the previous assignee, over everything that was given to them one by one.
async fn part(
    tx: &Tx,
    caller: &Caller,
    lead: &Locked<Assign>,
    after: &Lead,
    user_id: UserId,
    policy: RevocationPolicy,
) -> Result<Previous> {
    let kept = match policy {
        RevocationPolicy::Revoke => None,
        RevocationPolicy::Keep => Some((GrantMode::Full, None)),
        RevocationPolicy::KeepViewOnly => Some((GrantMode::ViewOnly, None)),
        RevocationPolicy::KeepUntil(span) => Some((GrantMode::Full, Some(tx.now() + span))),
    };
    let row = kept.map(|(mode, expire_time)| AccessRow {
        user_id,
        kind: AccessKind::Retained,
        mode,
        expire_time,
        given_by: caller.id(),
        give_time: tx.now(),
    });
    let given = lead_access::of_users(tx, lead, &[user_id]).await?.pop();
    match (&row, &given) {
        (Some(row), Some(given)) if audit::told(given) == audit::told(row) => {}
        (Some(row), given) => {
            lead_access::retain(tx, lead, given.as_ref(), row).await?;
            audit::access(
                tx,
                caller,
                PermissionChangeKind::AccessRetained,
                after.id,
                user_id,
                given.as_ref(),
                Some(row),
            )
            .await?;
        }
        (None, Some(given)) => {
            lead_access::remove(tx, lead, given).await?;
            audit::access(tx, caller, PermissionChangeKind::AccessEnded, after.id, user_id, Some(given), None).await?;
        }
        (None, None) => {}
    }
    let remaining = match principals::facts(tx, user_id).await? {
        Some(facts) => paths(&Principal::resolve(&facts), after, row.as_ref(), tx.now()),
        None => Vec::new(),
    };
    Ok(Previous { user_id, policy, expire_time: row.and_then(|row| row.expire_time), remaining })
}

/// How many open leads a user has, where their profile limits them. Whoever asks has locked the user's row, so that the answer
/// still holds at the commit.
pub(super) async fn open_leads(tx: &Tx, facts: &Facts) -> Result<u64> {
    if facts.profile.max_open_leads.is_none() {
        return Ok(0);
    }
    let all = LeadScope::system("capacity counts every lead, whoever asks may see");
    Ok(leads::count_open(tx, &all, facts.user_id).await?)
}

/// Whether a user who has so many open leads may be given one more.
pub(super) fn eligible(facts: &Facts, lead: &Lead, settings: &Settings, open: u64) -> Result<(), Ineligible> {
    if facts.state == UserState::Deactivated {
        return Err(Ineligible::UserDeactivated);
    }
    if *Principal::resolve(facts).reach(Action::View) == Reach::None {
        return Err(Ineligible::CannotView);
    }
    let desk = match lead.kind() {
        LeadKind::Lead | LeadKind::Registration => Desk::Sales,
        LeadKind::Client => Desk::Retention,
    };
    if settings.enforce_desks && facts.desk.is_some_and(|theirs| theirs != desk) {
        return Err(Ineligible::WrongDesk);
    }
    match facts.profile.max_open_leads {
        Some(most) if open >= u64::from(most) => Err(Ineligible::OverCapacity),
        _ => Ok(()),
    }
}

/// A part of a user's assigned leads that the caller may view.
///
/// # Errors
/// CAPABILITY_REQUIRED for another's, RESOURCE_NOT_FOUND.
pub async fn assigned_leads(
    store: &Store,
    caller: &Caller,
    user_id: UserId,
    query: Query,
    order: &Order,
    slice: &Slice,
) -> Result<Sliced<Lead>> {
    if user_id != caller.id() {
        caller.require_directory()?;
        users::get(store, user_id).await?.ok_or(Error::NotFound(Resource::User))?;
    }
    let query = Query { filter: queries::assigned_to(user_id).and(query.filter), ..query };
    queries::list(store, caller, &query, order, slice).await
}
