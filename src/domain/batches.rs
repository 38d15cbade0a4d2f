//! The same change of several leads at once: each is judged by itself, all that pass are written together.

use std::collections::{HashMap, HashSet};

use super::{Error, Result, etag, history, leads::in_state, pick_lists};
use crate::{
    access::{
        Caller,
        scope::{Acts, Delete, Discard, Retrieve, View},
    },
    model::{
        history::HistoryKind,
        ids::LeadId,
        lead::{DeletionReason, LeadState},
        pick_list::PickList,
    },
    store::{
        Tx,
        leads::{self, Locked, Reached, Written},
    },
};

/// Several leads, in the order in which they are to be answered; one may be there twice.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Which.
    pub ids: Vec<LeadId>,
    /// Nothing is done where one of them is refused.
    pub all_or_nothing: bool,
}

/// What became of one lead of a batch.
#[derive(Debug)]
pub struct Outcome {
    /// Which lead.
    pub lead_id: LeadId,
    /// Its etag afterwards, none where it is gone; or why nothing was done.
    pub done: Result<Option<String>>,
}

/// Sets ACTIVE leads aside.
///
/// # Errors
/// What concerns all of them: PICK_LIST_ENTRY_UNUSABLE, INVALID_ARGUMENT.
pub async fn discard(tx: &Tx, caller: &Caller, batch: &Batch, reason: &str) -> Result<Vec<Outcome>> {
    let reason = pick_lists::usable(tx, PickList::DiscardReason, reason, "reason").await?;
    let reached = leads::lock_many(tx, &caller.scope::<Discard>(), &caller.scope::<View>(), &batch.ids).await?;
    let judged =
        batch.judge(&reached, |lead| in_state(lead, LeadState::Active), || Error::LeadState(LeadState::Discarded));
    let written = leads::set_discarded(tx, &passed(&judged), reason.id).await?;
    history::record_all(tx, caller.actor(), HistoryKind::Discarded, &written).await?;
    Ok(batch.outcomes(judged, &written))
}

/// Brings DISCARDED leads back with the stages and assignees they had.
///
/// # Errors
/// The database's.
pub async fn retrieve(tx: &Tx, caller: &Caller, batch: &Batch) -> Result<Vec<Outcome>> {
    let reached = leads::lock_many(tx, &caller.scope::<Retrieve>(), &caller.scope::<View>(), &batch.ids).await?;
    let judged =
        batch.judge(&reached, |lead| in_state(lead, LeadState::Discarded), || Error::LeadState(LeadState::Active));
    let passed = passed(&judged);
    let gone = leads::gone_assignees(tx, &passed).await?;
    let written = leads::set_retrieved(tx, &passed, &gone).await?;
    history::record_all(tx, caller.actor(), HistoryKind::Retrieved, &written).await?;
    Ok(batch.outcomes(judged, &written))
}

/// Erases leads for good.
///
/// # Errors
/// The database's.
pub async fn delete(tx: &Tx, caller: &Caller, batch: &Batch, reason: DeletionReason) -> Result<Vec<Outcome>> {
    let reached = leads::lock_many(tx, &caller.scope::<Delete>(), &caller.scope::<View>(), &batch.ids).await?;
    let judged = batch.judge(&reached, |_| Ok(()), || Error::LeadNotFound);
    leads::delete(tx, &passed(&judged), caller.actor(), reason).await?;
    Ok(batch.outcomes(judged, &[]))
}

/// What one lead of a batch is answered, if all goes well with those that pass.
type Judged<'a, A> = Result<&'a Locked<A>>;

impl Batch {
    /// What single calls would be answered, one after the other: `again` where a lead has been changed by the batch before.
    fn judge<'a, A: Acts>(
        &self,
        reached: &'a HashMap<LeadId, Reached<A>>,
        may: impl Fn(&Locked<A>) -> Result<()>,
        again: impl Fn() -> Error,
    ) -> Vec<Judged<'a, A>> {
        let mut before = HashSet::new();
        let mut judge = |id: &LeadId| -> Judged<'a, A> {
            let lead = covered(reached.get(id))?;
            may(lead)?;
            if before.insert(*id) { Ok(lead) } else { Err(again()) }
        };
        let mut judged: Vec<Judged<'a, A>> = self.ids.iter().map(&mut judge).collect();
        if self.all_or_nothing && judged.iter().any(Result::is_err) {
            for passed in judged.iter_mut().filter(|judged| judged.is_ok()) {
                *passed = Err(Error::BatchRefused);
            }
        }
        judged
    }

    fn outcomes<A>(&self, judged: Vec<Judged<'_, A>>, written: &[Written<'_>]) -> Vec<Outcome> {
        let etags: HashMap<LeadId, String> =
            written.iter().map(|written| (written.after.id, etag::of(written.after.version))).collect();
        let outcomes = self
            .ids
            .iter()
            .zip(judged)
            .map(|(id, judged)| Outcome { lead_id: *id, done: judged.map(|_| etags.get(id).cloned()) });
        outcomes.collect()
    }
}

/// A lead on which the action may be done.
pub(super) fn covered<A: Acts>(reached: Option<&Reached<A>>) -> Result<&Locked<A>> {
    match reached {
        Some(Reached::Covered(lead)) => Ok(lead),
        Some(Reached::ViewOnly) => Err(Error::ActionNotPermitted(A::ACTION)),
        Some(Reached::Hidden) | None => Err(Error::LeadNotFound),
    }
}

fn passed<'a, A>(judged: &[Judged<'a, A>]) -> Vec<&'a Locked<A>> {
    judged.iter().filter_map(|judged| judged.as_ref().ok().copied()).collect()
}
