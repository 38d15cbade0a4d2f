//! Who works a lead: assignment, and what becomes of the previous assignee (domain contract, sections 5 and 6).

mod agents;
mod batch;
mod dealer;
mod eligibility;
mod handover;
mod plan;
mod returns;
mod undo;

use std::collections::BTreeSet;

pub(super) use self::handover::{Handover, hand_over};
pub use self::{
    agents::{Agent, Agents, assignable_agents},
    batch::{Batch, Deal, Dealt, OrderOutcome, Outcome, assign_customers, assign_many},
    eligibility::Candidate,
    handover::Previous,
    plan::{Part, Plan, Summary, Wanted, plan},
    returns::give_back,
    undo::{Back, Undone, undo},
};
use super::{
    Error, Ineligible, Resource, Result, audit, etag, history,
    leads::{in_state, lock, still_reached},
    queries::{self, Query},
};
use crate::{
    access::{
        Caller,
        scope::{Assign, View},
    },
    model::{
        history::HistoryKind,
        ids::{LeadId, UserId},
        lead::{Lead, LeadState},
        lead_access::AccessKind,
        order::OrderStatus,
        permission::{Action, Capability, RevocationPolicy},
        permission_change::PermissionChangeKind,
        settings::Settings,
    },
    query::{
        filter::Filter,
        order::Order,
        slice::{Slice, Sliced},
    },
    store::{
        Store, Tx, lead_access,
        leads::{self, Locked},
        orders, settings, users,
    },
};

/// Which leads wait for an agent (domain contract, section 6).
const WAITING: &str = "NOT assignee:* AND last_order_status = PARTIAL";

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

/// Gives a lead to a user, or takes it from its assignee.
///
/// # Errors
/// CAPABILITY_REQUIRED, LEAD_NOT_FOUND, ACTION_NOT_PERMITTED, STALE_ETAG, LEAD_STATE, RESOURCE_NOT_FOUND, INELIGIBLE_ASSIGNEE.
pub async fn assign(tx: &Tx, caller: &Caller, assignment: &Assignment) -> Result<Assigned> {
    if assignment.policy.is_some() {
        caller.require(Capability::ManageLeadAccess)?;
    }
    let lead = lock::<Assign>(tx, caller, assignment.lead_id, assignment.etag.as_deref()).await?;
    assignable(lead.lead())?;
    if lead.lead().assignee_id == assignment.assignee_id {
        return Ok(Assigned { lead: Some(lead.lead().clone()), previous: None });
    }
    let settings = settings::get(tx).await?;
    if let Some(assignee) = assignment.assignee_id {
        may_take_alone(tx, caller, assignee, &lead, &settings).await?;
    }
    let policy = assignment.policy.unwrap_or_else(|| settings.revocation_policy());
    let handover = Handover { lead: &lead, to: assignment.assignee_id, why: None };
    let previous = hand_over(tx, caller.actor(), &[handover], policy, None).await?.remove(&lead.lead().id);
    let previous = previous.and_then(|done| done.previous);
    Ok(Assigned { lead: still_reached::<Assign>(tx, caller, lead.lead().id).await?, previous })
}

/// Takes a lead that nobody works for the caller, who has just seen it.
///
/// # Errors
/// CLAIM_LOST, STALE_ETAG, LEAD_STATE, INELIGIBLE_ASSIGNEE.
pub async fn claim(tx: &Tx, caller: &Caller, id: LeadId, etag: Option<&str>) -> Result<Lead> {
    let lead = lock::<View>(tx, caller, id, None).await.map_err(|error| match error {
        // What it was when it was seen is looked at before the transaction.
        Error::LeadNotFound => Error::ClaimLost,
        other => other,
    })?;
    let assignee = lead.lead().assignee_id;
    if assignee.is_some_and(|assignee| assignee != caller.id()) {
        return Err(Error::ClaimLost);
    }
    etag::check(etag, lead.lead().version)?;
    in_state(&lead, LeadState::Active)?;
    if assignee.is_some() {
        return Ok(lead.lead().clone());
    }
    may_take_alone(tx, caller, caller.id(), &lead, &settings::get(tx).await?).await?;
    unblock(tx, caller, &lead).await?;
    let after = leads::set_claimed(tx, &lead).await?;
    users::note_assigned(tx, &BTreeSet::from([caller.id()])).await?;
    history::record(tx, caller, HistoryKind::Assigned, Some(lead.lead()), &after).await?;
    Ok(after)
}

/// A block doesn't outlast a claim: who is an administrator reaches leads that they were blocked from before.
async fn unblock(tx: &Tx, caller: &Caller, lead: &Locked<View>) -> Result<()> {
    let row = lead_access::of_users(tx, lead, &[caller.id()]).await?.pop();
    let Some(block) = row.filter(|row| row.kind == AccessKind::Blocked) else { return Ok(()) };
    lead_access::unblock(tx, lead, &block).await?;
    let kind = PermissionChangeKind::AccessUnblocked;
    audit::access(tx, caller, kind, lead.lead().id, caller.id(), Some(&block), None).await
}

/// Discarded leads are retrieved before they are given to anybody.
fn assignable(lead: &Lead) -> Result<()> {
    match lead.state {
        LeadState::Discarded => Err(Error::LeadState(LeadState::Discarded)),
        LeadState::Active | LeadState::Resolved => Ok(()),
    }
}

/// Whether a user may be given a lead that is given by itself.
async fn may_take_alone<A>(
    tx: &Tx,
    caller: &Caller,
    user: UserId,
    lead: &Locked<A>,
    settings: &Settings,
) -> Result<()> {
    let candidate = Candidate::lock(tx, &BTreeSet::from([user])).await?.remove(&user);
    let candidate = candidate.ok_or(Error::NotFound(Resource::User))?;
    candidate.may_take(lead.lead().kind(), settings).map_err(Error::Ineligible)?;
    if candidate.facts().profile.assign_partial_orders_only {
        // The answer tells of the lead's orders.
        if leads::get(tx, &caller.scope::<View>(), lead.lead().id).await?.is_none() {
            return Err(Error::ActionNotPermitted(Action::View));
        }
        if orders::last_status(tx, lead).await? != Some(OrderStatus::Partial) {
            return Err(Error::Ineligible(Ineligible::NoPartialOrder));
        }
    }
    Ok(())
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

/// A part of the leads that wait for an agent, on which the caller may do ASSIGN.
///
/// # Errors
/// ACTION_NOT_PERMITTED.
pub async fn assignable_leads(
    store: &Store,
    caller: &Caller,
    filter: Filter,
    order: &Order,
    slice: &Slice,
) -> Result<Sliced<Lead>> {
    // That they are listed tells of their orders.
    if !caller.reach(Action::View).contains(caller.reach(Action::Assign)) {
        return Err(Error::ActionNotPermitted(Action::View));
    }
    let waiting = Filter::parse(WAITING).map_err(|fault| Error::Internal(fault.to_string()))?;
    let query = Query { action: Action::Assign, states: vec![LeadState::Active], filter: waiting.and(filter) };
    queries::list(store, caller, &query, order, slice).await
}
