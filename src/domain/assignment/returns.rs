//! Leads that were given away for some time go back, as was said when they were: whoever did that needn't be there any more.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use super::{
    eligibility::Candidate,
    handover::{Handover, hand_over},
};
use crate::{
    access::scope::{Assign, LeadScope},
    domain::Result,
    model::{
        assignment::Undoable,
        ids::{BatchId, HistoryId, LeadId, UserId},
        lead::{Lead, LeadState},
        lead_access::AccessKind,
    },
    store::{
        self, Store, Tx, lead_access,
        leads::{self, Locked, Reached},
        replaced, returns, settings,
    },
};

/// How long a lead waits that can't go back, as where its former assignee is full or deactivated: at first, and at most.
const AGAIN: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(60 * 60)];
/// After so long a lead stays where it is.
const AT_LAST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Gives back what is due.
///
/// # Errors
/// The database's.
pub async fn give_back(store: &Store) -> Result<()> {
    for batch in returns::due(store).await? {
        if let Err(error) = give_back_one(store, batch).await {
            // Others are not to wait for it.
            tracing::warn!(?error, %batch, "leads that are to go back are still where they were");
        }
    }
    Ok(())
}

async fn give_back_one(store: &Store, batch: BatchId) -> Result<()> {
    let mut at = Place { batch, after: None, left: 0 };
    while let Some(next) = store.write(at, |tx, at| async move { part(&tx, *at).await }).await? {
        at = next;
    }
    Ok(())
}

/// How far a batch has been gone through.
#[derive(Clone, Copy)]
struct Place {
    batch: BatchId,
    after: Option<HistoryId>,
    /// How many leads couldn't go back.
    left: usize,
}

/// Gives a part of a batch back; none after the last.
async fn part(tx: &Tx, at: Place) -> Result<Option<Place>> {
    let Some(order) = returns::lock(tx, at.batch).await? else { return Ok(None) };
    let part = store::at_once(tx);
    let mut given = replaced::of_batch(tx, at.batch, at.after, u64::from(part) + 1).await?;
    let more = given.len() > part as usize;
    given.truncate(part as usize);
    let ids: Vec<LeadId> = given.iter().map(|given| given.lead_id).collect();
    let every_lead = LeadScope::service("leads go back as was said when they were given away");
    let reached = leads::lock_many(tx, &every_lead, &every_lead, &ids).await?;
    let settings = settings::get(tx).await?;
    let owners: BTreeSet<UserId> = given.iter().filter_map(|given| given.replaced.before.assignee_id).collect();
    let mut owners = Candidate::lock(tx, &owners).await?;
    let still: Vec<Option<&Locked<Assign>>> = given.iter().map(|given| still_given(&reached, given)).collect();
    let pairs =
        given.iter().zip(&still).filter_map(|(given, lead)| Some(((*lead)?, given.replaced.before.assignee_id?)));
    let rows = lead_access::among(tx, &pairs.collect::<Vec<_>>()).await?;
    // Who had a lead wasn't blocked from it: that has been decided since.
    let blocked =
        |lead: &Lead, owner: UserId| rows.get(&(lead.id, owner)).is_some_and(|row| row.kind == AccessKind::Blocked);
    let (mut back, mut done) = (Vec::new(), Vec::new());
    for (given, lead) in given.iter().zip(still) {
        let owner = given.replaced.before.assignee_id.and_then(|owner| owners.get_mut(&owner));
        if let (Some(lead), Some(owner)) = (lead, owner)
            && lead.lead().state != LeadState::Resolved
            && !blocked(lead.lead(), owner.user_id())
        {
            // What is set aside goes back once it is retrieved.
            if lead.lead().state == LeadState::Discarded || owner.may_take(lead.lead().kind(), &settings).is_err() {
                continue;
            }
            owner.takes();
            back.push(Handover { lead, to: Some(owner.user_id()), why: None });
        }
        done.push(given.entry);
    }
    hand_over(tx, order.actor, &back, settings.revocation_policy(), None).await?;
    replaced::forget(tx, &done).await?;
    let left = at.left + given.len() - done.len();
    if more {
        return Ok(Some(Place { after: given.last().map(|given| given.entry), left, ..at }));
    }
    if left == 0 || tx.now() > order.return_time + AT_LAST {
        returns::end(tx, at.batch).await?;
    } else {
        tracing::warn!(batch = %at.batch, left, "leads can't go back to their former assignee yet");
        let late = (tx.now() - order.return_time).to_std().unwrap_or_default();
        let [first, most] = AGAIN;
        returns::put_off(tx, at.batch, tx.now() + late.clamp(first, most)).await?;
    }
    Ok(None)
}

/// The lead, where nobody has given it to anybody since.
fn still_given<'a>(reached: &'a HashMap<LeadId, Reached<Assign>>, given: &Undoable) -> Option<&'a Locked<Assign>> {
    let Some(Reached::Covered(locked)) = reached.get(&given.lead_id) else { return None };
    let Lead { assignee_id, assigned, .. } = locked.lead();
    let to = assignee_id.zip(assigned.map(|(_, at)| at));
    (to == given.replaced.to).then_some(&**locked)
}
