//! Leads go from hand to hand: what is written of it, and what becomes of whoever had them (domain contract, section 5).

use std::collections::{BTreeSet, HashMap};

use tokio::task::yield_now;

use crate::{
    access::{paths::paths, policy::Principal, scope::Assign},
    domain::{Error, Result, audit, history},
    model::{
        Time,
        assignment::{Replaced, ReplacedRow, Worked},
        distribution::Decision,
        history::HistoryKind,
        ids::{BatchId, EntryId, LeadId, UserId},
        lead::Lead,
        lead_access::{AccessKind, AccessRow, GrantMode, Path},
        permission::RevocationPolicy,
        permission_change::PermissionChangeKind,
        user::Actor,
    },
    store::{
        Insert, Tx,
        history::{Entries, Happening},
        lead_access::{self, RowChange},
        leads::{self, Locked, Written},
        principals, users,
    },
};

/// A lead that goes to another user than it is assigned to, or to nobody.
#[derive(Clone, Copy, Debug)]
pub(in crate::domain) struct Handover<'a> {
    pub(in crate::domain) lead: &'a Locked<Assign>,
    pub(in crate::domain) to: Option<UserId>,
    /// Where rules have decided it, why.
    pub(in crate::domain) why: Option<&'a Decision>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub(in crate::domain) struct HandedOver {
    pub(in crate::domain) after: Lead,
    pub(in crate::domain) previous: Option<Previous>,
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

/// Writes whose leads are now, each of them once, and applies the policy to whoever had them. What a batch replaces is kept, so that it can
/// be undone.
///
/// # Errors
/// The database's.
pub(in crate::domain) async fn hand_over(
    tx: &Tx,
    by: Actor,
    handovers: &[Handover<'_>],
    policy: RevocationPolicy,
    batch: Option<BatchId>,
) -> Result<HashMap<LeadId, HandedOver>> {
    let retained = |user| retained(tx, by, policy, user);
    let given = given(tx, handovers).await?;
    let kept = match batch {
        Some(batch) => Some((batch, ended(tx, handovers).await?)),
        None => None,
    };
    let to: Vec<(&Locked<Assign>, Option<UserId>)> =
        handovers.iter().map(|handover| (handover.lead, handover.to)).collect();
    let written = leads::reassigned(tx, &to, by.user());
    let (changes, kinds): (Vec<RowChange<'_>>, Vec<PermissionChangeKind>) =
        handovers.iter().flat_map(|handover| settled(handover, &given, retained)).unzip();
    let write = async { Ok(leads::set_assignees(tx, &to, by.user()).await?) };
    // What else there is to be written is made ready while the database writes the leads.
    let make_ready = async {
        let why = handovers.iter().filter_map(|handover| Some((handover.lead.lead().id, handover.why?)));
        let mut kept = match kept {
            Some((batch, ended)) => replaced(handovers, (&given, &changes), &ended, &written)
                .map(|(lead, replaced)| (lead, (batch, replaced)))
                .collect(),
            None => HashMap::new(),
        };
        // With many leads each of these takes a while, and others may go on in between.
        yield_now().await;
        let mut rest = recorded(tx, by, &written, &why.collect(), &mut kept)?;
        yield_now().await;
        rest = rest.then(audit::accesses_ready(tx, by, changes.iter().zip(kinds))?);
        yield_now().await;
        Ok::<_, Error>((lead_access::new_rows(tx, &changes)?, rest))
    };
    let ((), (rows, rest)) = tokio::try_join!(write, make_ready)?;
    users::note_assigned(tx, &handovers.iter().filter_map(|handover| handover.to).collect()).await?;
    lead_access::change(tx, &changes, rows).await?;
    rest.run(tx).await?;

    let losing: BTreeSet<UserId> = handovers.iter().filter_map(|handover| handover.lead.lead().assignee_id).collect();
    let losing: Vec<UserId> = losing.into_iter().collect();
    let losing = principals::facts_of(tx, &losing).await?;
    let losing: HashMap<UserId, Principal> =
        losing.iter().map(|facts| (facts.user_id, Principal::resolve(facts))).collect();
    let told = written.into_iter().map(|Written { before, after }| {
        let previous = before.assignee_id.map(|user_id| {
            let row = retained(user_id);
            let paths = |principal| paths(principal, &after, row.as_ref(), tx.now());
            let remaining = losing.get(&user_id).map(paths).unwrap_or_default();
            Previous { user_id, policy, expire_time: row.and_then(|row| row.expire_time), remaining }
        });
        (before.id, HandedOver { after, previous })
    });
    Ok(told.collect())
}

/// Whose rows of which leads.
type Given = HashMap<(LeadId, UserId), AccessRow>;

/// What was given of the leads to those who lose them and those who get them.
async fn given(tx: &Tx, handovers: &[Handover<'_>]) -> Result<Given> {
    let pairs = handovers.iter().flat_map(|Handover { lead, to, .. }| {
        [*to, lead.lead().assignee_id].into_iter().flatten().map(|user| (*lead, user))
    });
    Ok(lead_access::among(tx, &pairs.collect::<Vec<_>>()).await?)
}

/// Says in the histories of leads whose they are now.
pub(super) async fn record(tx: &Tx, by: Actor, written: &[Written<'_>]) -> Result<()> {
    Ok(recorded(tx, by, written, &HashMap::new(), &mut HashMap::new())?.run(tx).await?)
}

/// The same, ready to be written, with why, where rules have decided it, and what is kept to undo it.
fn recorded(
    tx: &Tx,
    by: Actor,
    written: &[Written<'_>],
    why: &HashMap<LeadId, &Decision>,
    kept: &mut HashMap<LeadId, (BatchId, Replaced)>,
) -> Result<Insert> {
    let mut entries = Entries::by(by);
    for Written { before, after } in written {
        let kind = if after.assignee_id.is_some() { HistoryKind::Assigned } else { HistoryKind::Unassigned };
        let changes = history::changes(Some(before), after);
        let decision = why.get(&after.id).copied().cloned();
        let replaced = kept.remove(&after.id);
        entries.add(tx, Happening { lead_id: after.id, kind, changes, decision, replaced })?;
    }
    Ok(entries.insert(tx)?)
}

/// How the work on leads has ended, where it has.
async fn ended(tx: &Tx, handovers: &[Handover<'_>]) -> Result<HashMap<LeadId, EntryId>> {
    let leads: Vec<&Locked<Assign>> = handovers.iter().map(|handover| handover.lead).collect();
    Ok(leads::dispositions(tx, &leads).await?)
}

/// What the policy leaves to somebody who loses a lead.
fn retained(tx: &Tx, by: Actor, policy: RevocationPolicy, user_id: UserId) -> Option<AccessRow> {
    let (mode, expire_time) = match policy {
        RevocationPolicy::Revoke => return None,
        RevocationPolicy::Keep => (GrantMode::Full, None),
        RevocationPolicy::KeepViewOnly => (GrantMode::ViewOnly, None),
        RevocationPolicy::KeepUntil(span) => (GrantMode::Full, Some(tx.now() + span)),
    };
    let (kind, given_by, give_time) = (AccessKind::Retained, by.user(), tx.now());
    Some(AccessRow { user_id, kind, mode, expire_time, given_by, give_time })
}

/// What changes in the access list of a lead: a block doesn't outlast an assignment, and the policy replaces everything that was given to
/// the previous assignee one by one.
fn settled<'a>(
    handover: &Handover<'a>,
    given: &Given,
    retained: impl Fn(UserId) -> Option<AccessRow>,
) -> Vec<(RowChange<'a>, PermissionChangeKind)> {
    let lead = handover.lead;
    let row_of = |user: UserId| given.get(&(lead.lead().id, user)).cloned();
    let mut settled = Vec::new();
    let block = handover.to.and_then(row_of).filter(|row| row.kind == AccessKind::Blocked);
    if let Some(block) = block {
        let change = RowChange { lead, user_id: block.user_id, before: Some(block), after: None };
        settled.push((change, PermissionChangeKind::AccessUnblocked));
    }
    let Some(user_id) = lead.lead().assignee_id else { return settled };
    let (before, after) = (row_of(user_id), retained(user_id));
    let kind = match (&before, &after) {
        (None, None) => return settled,
        (Some(before), Some(after)) if audit::told(before) == audit::told(after) => return settled,
        (_, Some(_)) => PermissionChangeKind::AccessRetained,
        (Some(_), None) => PermissionChangeKind::AccessEnded,
    };
    settled.push((RowChange { lead, user_id, before, after }, kind));
    settled
}

fn replaced(
    handovers: &[Handover<'_>],
    (given, changes): (&Given, &[RowChange<'_>]),
    ended: &HashMap<LeadId, EntryId>,
    written: &[Written<'_>],
) -> impl Iterator<Item = (LeadId, Replaced)> {
    let changed: HashMap<(LeadId, UserId), &RowChange<'_>> =
        changes.iter().map(|change| ((change.lead.lead().id, change.user_id), change)).collect();
    handovers.iter().zip(written).map(move |(Handover { to, .. }, Written { before, after })| {
        // What stayed as it was is kept as well: where it is no longer so, the lead isn't given back.
        let row = |user_id: UserId| {
            let (change, row) = (changed.get(&(before.id, user_id)), given.get(&(before.id, user_id)));
            ReplacedRow {
                user_id,
                before: row.cloned(),
                after: change.map_or(row.cloned(), |change| change.after.clone()),
            }
        };
        let resolved = ended.get(&before.id).copied().zip(before.resolve_time);
        let replaced = Replaced {
            version: after.version,
            to: after.assignee_id.zip(after.assigned.map(|(_, at)| at)),
            before: Worked { assignee_id: before.assignee_id, assigned: before.assigned, resolved },
            access: [before.assignee_id, *to].into_iter().flatten().map(row).collect(),
        };
        (before.id, replaced)
    })
}
