//! A batch of assignments taken back, lead by lead, where nothing has changed since (domain contract, section 10.5).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::eligibility::Candidate;
use crate::{
    access::{
        Caller,
        scope::{Assign, View},
    },
    domain::{Error, Result, audit, etag, history},
    model::{
        assignment::{Replaced, ReplacedRow, Worked},
        history::HistoryKind,
        ids::{AssignmentId, BatchId, EntryId, LeadId, UserId},
        lead_access::{AccessKind, AccessRow},
        permission::Action,
        permission_change::PermissionChangeKind,
        pick_list::PickList,
        settings::Settings,
    },
    store::{
        Tx, assignments,
        lead_access::{self, RowChange},
        leads::{self, Locked, Reached},
        pick_lists, settings,
    },
};

/// How many leads go back at once.
const PART: u64 = 1_000;

/// A part of a batch that was taken back.
#[derive(Debug)]
pub struct Undone {
    /// Of the leads that the caller reaches, in the order of the batch.
    pub leads: Vec<Back>,
    /// Where to go on; none after the last part.
    pub next: Option<AssignmentId>,
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
pub async fn undo(tx: &Tx, caller: &Caller, batch: BatchId, after: Option<AssignmentId>) -> Result<Undone> {
    let replaced = assignments::of_batch(tx, batch, after, PART).await?;
    let ids: Vec<LeadId> = replaced.iter().map(|replaced| replaced.lead_id).collect();
    let reached = leads::lock_many(tx, &caller.scope::<Assign>(), &caller.scope::<View>(), &ids).await?;
    let mut judge = Judge::new(tx, &replaced, &reached).await?;
    let (mut told, mut back) = (Vec::new(), Vec::new());
    for replaced in &replaced {
        let judged = match reached.get(&replaced.lead_id) {
            Some(Reached::Covered(lead)) => judge.may_go_back(lead, replaced).map(|disposition| (&**lead, disposition)),
            Some(Reached::ViewOnly) => Err(Error::ActionNotPermitted(Action::Assign)),
            // Of what is out of reach nothing is told, not even that it was there.
            Some(Reached::Hidden) | None => continue,
        };
        let judged = judged.map(|(lead, disposition)| back.push(GoesBack { lead, replaced, disposition }));
        told.push((replaced, judged));
    }
    let etags = put_back(tx, caller, &back).await?;
    let leads = told.into_iter().map(|(replaced, judged)| Back {
        lead_id: replaced.lead_id,
        done: judged.map(|()| {
            let etag = etags.get(&replaced.lead_id).cloned().unwrap_or_default();
            (replaced.before.assignee_id, etag)
        }),
    });
    let leads = leads.collect();
    let next = replaced.last().filter(|_| replaced.len() as u64 == PART).map(|last| last.id);
    Ok(Undone { leads, next })
}

/// What is looked at before a lead goes back.
struct Judge {
    settings: Settings,
    candidates: BTreeMap<UserId, Candidate>,
    rows: HashMap<(LeadId, UserId), AccessRow>,
    dispositions: HashMap<String, Option<EntryId>>,
}

impl Judge {
    async fn new(tx: &Tx, replaced: &[Replaced], reached: &HashMap<LeadId, Reached<Assign>>) -> Result<Self> {
        let before: BTreeSet<UserId> = replaced.iter().filter_map(|replaced| replaced.before.assignee_id).collect();
        let users = replaced.iter().flat_map(|replaced| replaced.access.iter().map(|row| row.user_id)).collect();
        let locked: Vec<&Locked<Assign>> = reached
            .values()
            .filter_map(|reached| match reached {
                Reached::Covered(lead) => Some(&**lead),
                Reached::ViewOnly | Reached::Hidden => None,
            })
            .collect();
        let mut dispositions = HashMap::new();
        for (name, _) in replaced.iter().filter_map(|replaced| replaced.before.resolved.as_ref()) {
            if !dispositions.contains_key(name) {
                let entry = pick_lists::by_name(tx, PickList::Disposition, name).await?;
                dispositions.insert(name.clone(), entry.map(|entry| entry.id));
            }
        }
        Ok(Self {
            settings: settings::get(tx).await?,
            candidates: Candidate::lock(tx, &before).await?,
            rows: lead_access::among(tx, &locked, &users).await?,
            dispositions,
        })
    }

    /// The disposition that the lead had, if it may go back.
    fn may_go_back(&mut self, lead: &Locked<Assign>, replaced: &Replaced) -> Result<Option<EntryId>> {
        let now = |row: &ReplacedRow| self.rows.get(&(replaced.lead_id, row.user_id)) == row.after.as_ref();
        if lead.lead().version != replaced.version || !replaced.access.iter().all(now) {
            return Err(Error::LeadChanged);
        }
        let disposition = match &replaced.before.resolved {
            None => None,
            // It goes by another name now.
            Some((name, _)) => Some(self.dispositions.get(name).copied().flatten().ok_or(Error::LeadChanged)?),
        };
        match replaced.before.assignee_id.and_then(|user| self.candidates.get_mut(&user)) {
            Some(candidate) if disposition.is_none() => {
                candidate.may_take(lead.lead(), &self.settings).map_err(Error::Ineligible)?;
                candidate.takes();
            }
            Some(candidate) => candidate.may_have(lead.lead(), &self.settings).map_err(Error::Ineligible)?,
            None => {}
        }
        Ok(disposition)
    }
}

/// A lead that goes back.
struct GoesBack<'a> {
    lead: &'a Locked<Assign>,
    replaced: &'a Replaced,
    disposition: Option<EntryId>,
}

/// Writes what was, and answers the etags of now.
async fn put_back(tx: &Tx, caller: &Caller, back: &[GoesBack<'_>]) -> Result<HashMap<LeadId, String>> {
    let mut alike: HashMap<(&Worked, Option<EntryId>), Vec<&Locked<Assign>>> = HashMap::new();
    for GoesBack { lead, replaced, disposition } in back {
        alike.entry((&replaced.before, *disposition)).or_default().push(lead);
    }
    let mut etags = HashMap::with_capacity(back.len());
    for ((before, disposition), leads) in alike {
        let written = leads::set_worked(tx, &leads, before, disposition).await?;
        let kind = if before.assignee_id.is_some() { HistoryKind::Assigned } else { HistoryKind::Unassigned };
        history::record_all(tx, caller, kind, &written).await?;
        etags.extend(written.iter().map(|written| (written.after.id, etag::of(written.after.version))));
    }
    let changes: Vec<RowChange<'_>> = back
        .iter()
        .flat_map(|GoesBack { lead, replaced, .. }| {
            replaced.access.iter().map(|ReplacedRow { user_id, before, after }| RowChange {
                lead,
                user_id: *user_id,
                before: after.clone(),
                after: before.clone(),
            })
        })
        .collect();
    lead_access::change(tx, &changes).await?;
    audit::accesses(tx, caller, changes.iter().map(|change| (change, kind_of(change)))).await?;
    let undone: Vec<AssignmentId> = back.iter().map(|back| back.replaced.id).collect();
    assignments::forget(tx, &undone).await?;
    Ok(etags)
}

fn kind_of(change: &RowChange<'_>) -> PermissionChangeKind {
    match change.after.as_ref().map(|row| row.kind) {
        Some(AccessKind::Granted) => PermissionChangeKind::AccessGranted,
        Some(AccessKind::Retained) => PermissionChangeKind::AccessRetained,
        Some(AccessKind::Blocked) => PermissionChangeKind::AccessRevoked,
        None => PermissionChangeKind::AccessEnded,
    }
}
