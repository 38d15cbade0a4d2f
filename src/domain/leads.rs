//! Reading leads, and the changes of their life.

use std::{collections::HashMap, time::Duration};

use super::{Error, Result, etag, history, pick_lists};
use crate::{
    access::{
        Caller,
        scope::{Acts, Assign, Delete, Discard, Edit, LeadScope, Resolve, Retrieve, View},
    },
    model::{
        Time,
        history::HistoryKind,
        ids::LeadId,
        lead::{DeletionReason, Lead, LeadPatch, LeadState, MatchKey},
        permission::Action,
        pick_list::PickList,
    },
    store::{
        Store, Tx, groups,
        leads::{self, Keys, Locked, Reached, Written},
        pick_lists as entries,
    },
};

/// One lead that the caller may view.
///
/// # Errors
/// LEAD_NOT_FOUND.
pub async fn get(store: &Store, caller: &Caller, id: LeadId) -> Result<Lead> {
    let found = leads::get(store, &caller.scope::<View>(), id).await?;
    found.map(leads::Found::into_lead).ok_or(Error::LeadNotFound)
}

/// Those of several leads that the caller may view.
///
/// # Errors
/// The database's.
pub async fn get_many(store: &Store, caller: &Caller, ids: &[LeadId]) -> Result<HashMap<LeadId, Lead>> {
    let found = leads::get_many(store, &caller.scope::<View>(), ids).await?;
    Ok(found.into_iter().map(|found| (found.lead().id, found.into_lead())).collect())
}

/// Changes fields. Answers with the lead where the caller still reaches it.
///
/// # Errors
/// LEAD_NOT_FOUND, ACTION_NOT_PERMITTED, STALE_ETAG, DUPLICATE_LEAD, PICK_LIST_ENTRY_UNUSABLE, INVALID_ARGUMENT.
pub async fn update(
    tx: &Tx,
    caller: &Caller,
    id: LeadId,
    patch: &LeadPatch,
    etag: Option<&str>,
) -> Result<Option<Lead>> {
    let lead = lock::<Edit>(tx, caller, id, None).await?;
    let after = change(tx, caller, &lead, patch, etag).await.map_err(|error| match error {
        // Another call took the external ID, or deleted the group, between our look and our write.
        Error::Store(crate::store::Error::Unique(_)) => Error::DuplicateLead(None),
        Error::Store(crate::store::Error::Reference(_)) => unknown_group(),
        other => other,
    })?;
    still_told(tx, caller, lead.lead(), after).await
}

/// Changes the fields of a locked lead under the rules of an update.
pub(super) async fn change(
    tx: &Tx,
    caller: &Caller,
    lead: &Locked<Edit>,
    patch: &LeadPatch,
    etag: Option<&str>,
) -> Result<Lead> {
    let before = lead.lead();
    if patch.group_id.is_some_and(|group| group != before.group_id) {
        may_regroup(tx, caller, before.id).await?;
    }
    etag::check(etag, before.version)?;
    let mut patch = patch.clone();
    let stage = match &patch.stage {
        Some(Some(name)) if before.stage.as_deref().map(str::to_lowercase) == Some(name.to_lowercase()) => {
            patch.stage = None;
            None
        }
        Some(Some(name)) => {
            let entry = pick_lists::usable(tx, PickList::Stage, name, "lead.stage").await?;
            patch.stage = Some(Some(entry.name));
            Some(Some(entry.id))
        }
        Some(None) => Some(None),
        None => None,
    };
    let after = patch.applied_to(before);
    if after == *before {
        return Ok(after);
    }
    if [&after.external_id, &after.name, &after.email, &after.phone].iter().all(|identity| identity.is_none()) {
        return Err(Error::invalid("lead", "needs an external_id, a name, an email or a phone"));
    }
    if after.group_id != before.group_id
        && let Some(group) = after.group_id
        && groups::get(tx, group).await?.is_none()
    {
        return Err(unknown_group());
    }
    if after.external_id != before.external_id {
        unique_external_id(tx, caller, &patch).await?;
    }
    let registers = before.register_time.is_none() && after.register_time.is_some();
    let kind = if registers { HistoryKind::Registered } else { HistoryKind::Updated };
    let after = leads::set_fields(tx, lead, &after, stage).await?;
    history::record(tx, caller, kind, Some(before), &after).await?;
    Ok(after)
}

/// Moving a lead to another group changes who reaches it, so it takes ASSIGN as well.
async fn may_regroup(tx: &Tx, caller: &Caller, id: LeadId) -> Result<()> {
    match leads::get(tx, &caller.scope::<Assign>(), id).await? {
        Some(_) => Ok(()),
        None => Err(Error::ActionNotPermitted(Action::Assign)),
    }
}

/// What is told of a changed lead: whoever moves it to another group may lose it by that, and then doesn't see it in the answer
/// either.
pub(super) async fn still_told(tx: &Tx, caller: &Caller, before: &Lead, after: Lead) -> Result<Option<Lead>> {
    if after.group_id == before.group_id { Ok(Some(after)) } else { still_reached::<Edit>(tx, caller, after.id).await }
}

/// A lead as it is now, where the caller's VIEW or the action that changed it still covers it.
pub(super) async fn still_reached<A: Acts>(tx: &Tx, caller: &Caller, id: LeadId) -> Result<Option<Lead>> {
    if let Some(viewed) = leads::get(tx, &caller.scope::<View>(), id).await? {
        return Ok(Some(viewed.into_lead()));
    }
    Ok(leads::get(tx, &caller.scope::<A>(), id).await?.map(leads::Found::into_lead))
}

pub(super) fn unknown_group() -> Error {
    Error::invalid("lead.group_id", "no such group")
}

async fn unique_external_id(tx: &Tx, caller: &Caller, patch: &LeadPatch) -> Result<()> {
    let keys = Keys::of(patch, &[MatchKey::ExternalId]);
    leads::lock_keys(tx, std::slice::from_ref(&keys)).await?;
    let all = LeadScope::system("external IDs are unique, whoever may see the lead; `duplicate` says what is told");
    let same = leads::existing(tx, &all, std::slice::from_ref(&keys)).await?.find(&keys);
    if same.is_empty() { Ok(()) } else { Err(duplicate(tx, caller, &same).await?) }
}

/// The refusal of a duplicate: it names a lead only where the caller may view it.
async fn duplicate(tx: &Tx, caller: &Caller, same: &[(LeadId, MatchKey)]) -> Result<Error> {
    let ids: Vec<LeadId> = same.iter().map(|(id, _)| *id).collect();
    let viewed = leads::get_many(tx, &caller.scope::<View>(), &ids).await?;
    let seen = same.iter().find(|(id, _)| viewed.iter().any(|found| found.lead().id == *id));
    Ok(Error::DuplicateLead(seen.copied()))
}

/// Sets an ACTIVE lead aside.
///
/// # Errors
/// LEAD_NOT_FOUND, ACTION_NOT_PERMITTED, STALE_ETAG, LEAD_STATE, PICK_LIST_ENTRY_UNUSABLE, INVALID_ARGUMENT.
pub async fn discard(tx: &Tx, caller: &Caller, id: LeadId, reason: &str, etag: Option<&str>) -> Result<Lead> {
    let lead = lock::<Discard>(tx, caller, id, etag).await?;
    in_state(&lead, LeadState::Active)?;
    let reason = pick_lists::usable(tx, PickList::DiscardReason, reason, "reason").await?;
    let written = leads::set_discarded(tx, &[&lead], reason.id).await?;
    told(tx, caller, HistoryKind::Discarded, written).await
}

/// Brings a DISCARDED lead back with the stage and assignee it had.
///
/// # Errors
/// LEAD_NOT_FOUND, ACTION_NOT_PERMITTED, STALE_ETAG, LEAD_STATE.
pub async fn retrieve(tx: &Tx, caller: &Caller, id: LeadId, etag: Option<&str>) -> Result<Lead> {
    let lead = lock::<Retrieve>(tx, caller, id, etag).await?;
    in_state(&lead, LeadState::Discarded)?;
    let gone = leads::gone_assignees(tx, &[&lead]).await?;
    let written = leads::set_retrieved(tx, &[&lead], &gone).await?;
    told(tx, caller, HistoryKind::Retrieved, written).await
}

/// What one lead became.
async fn told(tx: &Tx, caller: &Caller, kind: HistoryKind, mut written: Vec<Written<'_>>) -> Result<Lead> {
    history::record_all(tx, caller.actor(), kind, &written).await?;
    let after = written.pop().map(|written| written.after);
    after.ok_or_else(|| Error::Internal("a lead was neither written nor refused".to_owned()))
}

/// Ends the work on an ACTIVE lead with a disposition of the SALES category.
///
/// # Errors
/// LEAD_NOT_FOUND, ACTION_NOT_PERMITTED, STALE_ETAG, LEAD_STATE, PICK_LIST_ENTRY_UNUSABLE, INVALID_ARGUMENT.
pub async fn resolve(tx: &Tx, caller: &Caller, id: LeadId, disposition: &str, etag: Option<&str>) -> Result<Lead> {
    let lead = lock::<Resolve>(tx, caller, id, etag).await?;
    in_state(&lead, LeadState::Active)?;
    let disposition = pick_lists::usable_to_resolve(tx, disposition).await?;
    let after = leads::set_resolved(tx, &lead, disposition).await?;
    history::record(tx, caller, HistoryKind::Resolved, Some(lead.lead()), &after).await?;
    Ok(after)
}

/// Ends the work on an ACTIVE lead with the disposition of a sale, since an order was completed.
pub(super) async fn resolve_by_sale(tx: &Tx, caller: &Caller, lead: &Locked<Edit>) -> Result<Lead> {
    in_state(lead, LeadState::Active)?;
    let sale = entries::by_code(tx, entries::SALE).await?;
    let sale = sale.ok_or_else(|| Error::Internal("there is no disposition of a sale".to_owned()))?;
    let after = leads::set_resolved_by_sale(tx, lead, sale).await?;
    history::record(tx, caller, HistoryKind::Resolved, Some(lead.lead()), &after).await?;
    Ok(after)
}

/// Makes a RESOLVED lead ACTIVE again.
///
/// # Errors
/// LEAD_NOT_FOUND, ACTION_NOT_PERMITTED, STALE_ETAG, LEAD_STATE.
pub async fn reopen(tx: &Tx, caller: &Caller, id: LeadId, etag: Option<&str>) -> Result<Lead> {
    let lead = lock::<Resolve>(tx, caller, id, etag).await?;
    in_state(&lead, LeadState::Resolved)?;
    let after = leads::set_active(tx, &lead).await?;
    history::record(tx, caller, HistoryKind::Reopened, Some(lead.lead()), &after).await?;
    Ok(after)
}

/// Erases a lead for good.
///
/// # Errors
/// LEAD_NOT_FOUND, ACTION_NOT_PERMITTED, STALE_ETAG.
pub async fn delete(tx: &Tx, caller: &Caller, id: LeadId, reason: DeletionReason, etag: Option<&str>) -> Result<()> {
    let lead = lock::<Delete>(tx, caller, id, etag).await?;
    Ok(leads::delete(tx, &[&lead], caller.actor(), reason).await?)
}

/// Locks a lead for an action, in the order of checks: visible, permitted, etag.
pub(super) async fn lock<A: Acts>(tx: &Tx, caller: &Caller, id: LeadId, etag: Option<&str>) -> Result<Locked<A>> {
    match leads::lock(tx, &caller.scope::<A>(), &caller.scope::<View>(), id).await? {
        Reached::Covered(lead) => {
            etag::check(etag, lead.lead().version)?;
            Ok(*lead)
        }
        Reached::ViewOnly => Err(Error::ActionNotPermitted(A::ACTION)),
        Reached::Hidden => Err(Error::LeadNotFound),
    }
}

pub(super) fn in_state<A>(lead: &Locked<A>, needed: LeadState) -> Result<()> {
    let state = lead.lead().state;
    if state == needed { Ok(()) } else { Err(Error::LeadState(state)) }
}

/// Callers' clocks are never quite the database's.
const SKEW: Duration = Duration::from_secs(60);

/// Refuses a time of something that is said to have happened, and can't have yet.
pub(super) fn not_ahead(tx: &Tx, field: &str, time: Option<Time>) -> Result<()> {
    match time {
        Some(time) if time > tx.now() + SKEW => Err(Error::invalid(field, "is in the future")),
        _ => Ok(()),
    }
}
