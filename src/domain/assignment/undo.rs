//! A batch of assignments taken back, lead by lead, where nothing has changed since (domain contract, section 10.5).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{eligibility::Candidate, handover::record};
use crate::{
    access::{
        Caller,
        scope::{Assign, View},
    },
    domain::{Error, Result, audit, etag},
    model::{
        assignment::{ReplacedRow, Undoable, Worked},
        ids::{BatchId, HistoryId, LeadId, UserId},
        lead_access::{AccessKind, AccessRow},
        permission::Action,
        permission_change::PermissionChangeKind,
        settings::Settings,
    },
    store::{
        self, Tx,
        lead_access::{self, RowChange},
        leads::{self, Locked, Reached},
        replaced, settings,
    },
};

/// A part of a batch that was taken back.
#[derive(Debug)]
pub struct Undone {
    /// Of the leads that the caller reaches, in the order of the batch.
    pub leads: Vec<Back>,
    /// Where to go on; none after the last part.
    pub next: Option<HistoryId>,
}

/// What became of one lead.
#[derive(Debug)]
pub struct Back {
    /// Which.
    pub lead_id: LeadId,
    /// Whose it is again, and its etag; or why it stays as it is.
    pub done: Result<(Option<UserId>, String)>,
}

/// Gives leads of a batch back to whoever had them, with the access lists that they had.
///
/// # Errors
/// The database's.
pub async fn undo(tx: &Tx, caller: &Caller, batch: BatchId, after: Option<HistoryId>) -> Result<Undone> {
    let part = store::at_once(tx);
    let seen = replaced::of_batch(tx, batch, after, u64::from(part) + 1).await?;
    let (these, more) = seen.split_at(seen.len().min(part as usize));
    let next = these.last().filter(|_| !more.is_empty()).map(|last| last.entry);
    let ids: Vec<LeadId> = these.iter().map(|one| one.lead_id).collect();
    let reached = leads::lock_many(tx, &caller.scope::<Assign>(), &caller.scope::<View>(), &ids).await?;
    // What another call has given back while this one waited for the leads is no longer part of the batch.
    let undoable = replaced::of_batch(tx, batch, after, these.len() as u64).await?;
    let covered: Vec<(&Undoable, &Locked<Assign>)> = undoable
        .iter()
        .filter_map(|one| match reached.get(&one.lead_id)? {
            Reached::Covered(lead) => Some((one, &**lead)),
            Reached::ViewOnly | Reached::Hidden => None,
        })
        .collect();
    let mut judge = Judge::of(tx, &covered).await?;
    let (mut told, mut back) = (Vec::new(), Vec::new());
    for one in &undoable {
        let judged = match reached.get(&one.lead_id) {
            Some(Reached::Covered(lead)) => {
                judge.may_go_back(lead, one).map(|()| back.push(GoesBack { lead, of: one }))
            }
            Some(Reached::ViewOnly) => Err(Error::ActionNotPermitted(Action::Assign)),
            // Of what is out of reach nothing is told, not even that it was there.
            Some(Reached::Hidden) | None => continue,
        };
        told.push((one, judged));
    }
    let etags = put_back(tx, caller, &back).await?;
    let leads = told.into_iter().map(|(one, judged)| Back {
        lead_id: one.lead_id,
        done: judged.map(|()| {
            let etag = etags.get(&one.lead_id).cloned().unwrap_or_default();
            (one.replaced.before.assignee_id, etag)
        }),
    });
    Ok(Undone { leads: leads.collect(), next })
}

/// What is looked at before a lead goes back.
struct Judge {
    settings: Settings,
    candidates: BTreeMap<UserId, Candidate>,
    rows: HashMap<(LeadId, UserId), AccessRow>,
}

impl Judge {
    async fn of(tx: &Tx, covered: &[(&Undoable, &Locked<Assign>)]) -> Result<Self> {
        let before = covered.iter().filter_map(|(one, _)| one.replaced.before.assignee_id);
        let before: BTreeSet<UserId> = before.collect();
        let mut pairs = Vec::new();
        for (one, lead) in covered {
            pairs.extend(one.replaced.access.iter().map(|row| (*lead, row.user_id)));
        }
        Ok(Self {
            settings: settings::get(tx).await?,
            candidates: Candidate::lock(tx, &before).await?,
            rows: lead_access::among(tx, &pairs).await?,
        })
    }

    fn may_go_back(&mut self, lead: &Locked<Assign>, one: &Undoable) -> Result<()> {
        let (lead, replaced) = (lead.lead(), &one.replaced);
        let as_left = |row: &ReplacedRow| self.rows.get(&(lead.id, row.user_id)) == row.after.as_ref();
        if lead.version != replaced.version || !replaced.access.iter().all(as_left) {
            return Err(Error::LeadChanged);
        }
        let Worked { assignee_id, resolved, .. } = &replaced.before;
        if let Some(candidate) = assignee_id.and_then(|user| self.candidates.get_mut(&user)) {
            if resolved.is_some() {
                candidate.may_have(lead.kind(), &self.settings).map_err(Error::Ineligible)?;
            } else {
                candidate.may_take(lead.kind(), &self.settings).map_err(Error::Ineligible)?;
                candidate.takes();
            }
        }
        if let Some(candidate) = lead.assignee_id.and_then(|user| self.candidates.get_mut(&user)) {
            candidate.loses();
        }
        Ok(())
    }
}

/// A lead that goes back.
struct GoesBack<'a> {
    lead: &'a Locked<Assign>,
    of: &'a Undoable,
}

/// Writes what was, and answers the etags of now.
async fn put_back(tx: &Tx, caller: &Caller, back: &[GoesBack<'_>]) -> Result<HashMap<LeadId, String>> {
    let mut alike: HashMap<&Worked, Vec<&Locked<Assign>>> = HashMap::new();
    for GoesBack { lead, of } in back {
        alike.entry(&of.replaced.before).or_default().push(lead);
    }
    let mut written = Vec::with_capacity(back.len());
    for (before, leads) in alike {
        written.extend(leads::set_worked(tx, &leads, before).await?);
    }
    record(tx, caller.actor(), &written).await?;
    let changes: Vec<RowChange<'_>> = back.iter().flat_map(GoesBack::rows).collect();
    lead_access::change(tx, &changes, lead_access::new_rows(tx, &changes)?).await?;
    audit::accesses(tx, caller.actor(), changes.iter().map(|change| (change, kind_of(change)))).await?;
    let undone: Vec<HistoryId> = back.iter().map(|back| back.of.entry).collect();
    replaced::forget(tx, &undone).await?;
    Ok(written.iter().map(|written| (written.after.id, etag::of(written.after.version))).collect())
}

impl<'a> GoesBack<'a> {
    /// The rows that weren't what they are.
    fn rows(&self) -> impl Iterator<Item = RowChange<'a>> {
        let Self { lead, of } = *self;
        let differing = of.replaced.access.iter().filter(|row| row.before != row.after);
        differing.map(move |ReplacedRow { user_id, before, after }| RowChange {
            lead,
            user_id: *user_id,
            before: after.clone(),
            after: before.clone(),
        })
    }
}

fn kind_of(change: &RowChange<'_>) -> PermissionChangeKind {
    match change.after.as_ref().map(|row| row.kind) {
        Some(AccessKind::Granted) => PermissionChangeKind::AccessGranted,
        Some(AccessKind::Retained) => PermissionChangeKind::AccessRetained,
        Some(AccessKind::Blocked) => PermissionChangeKind::AccessRevoked,
        None => PermissionChangeKind::AccessEnded,
    }
}
