//! New leads, one by one or many at a time: placed in their creator's scope, held against those that exist.

mod batch;

use std::collections::{BTreeSet, HashMap};

use self::batch::{Batch, Waiting};
use super::{Error, Result, distribution};
use crate::{
    access::{
        Caller,
        policy::Reach,
        scope::{Chosen, LeadScope},
    },
    model::{
        Time,
        ids::LeadId,
        lead::{DuplicatePolicy, Duplicates, Lead, MatchKey, NewLead},
        permission::{Action, Capability},
    },
    store::{
        self, Retryable, Tx, fence,
        leads::{self, Keys},
        users,
    },
};

/// How many rows are written at once at first, and how many times as many after each time: judging a row takes less time than writing one,
/// and so the database hardly waits for the first.
const WRITTEN_FIRST: usize = 80;
const GROWTH: usize = 2;

/// What became of a new lead.
#[derive(Clone, Debug)]
pub enum Intake {
    /// It was made.
    Created(Box<Lead>),
    /// The one that existed was changed; none where the caller lost it by that.
    Updated(Option<Box<Lead>>),
    /// The one that existed says all of it already.
    Unchanged(Box<Lead>),
    /// The one that existed was left; named where the caller may view it.
    Skipped(Option<Box<Lead>>),
}

/// One row of an import: a lead whose assignee and group may be given by what a file knows of them.
#[derive(Clone, Debug)]
pub struct Row {
    /// The lead.
    pub lead: NewLead,
    /// The assignee's e-mail.
    pub assignee_email: Option<String>,
    /// The group's name.
    pub group_name: Option<String>,
    /// The person has deposited, nobody knows when.
    pub deposited: bool,
}

/// Refuses a caller who may not make leads at all.
///
/// # Errors
/// ACTION_NOT_PERMITTED.
pub fn may_create(caller: &Caller) -> Result<()> {
    match caller.reach(Action::Edit) {
        Reach::None => Err(Error::ActionNotPermitted(Action::Edit)),
        Reach::Individual { .. } | Reach::Groups { .. } | Reach::Complete => Ok(()),
    }
}

/// Makes one lead.
///
/// # Errors
/// ACTION_NOT_PERMITTED, DUPLICATE_LEAD, INELIGIBLE_ASSIGNEE, PICK_LIST_ENTRY_UNUSABLE, INVALID_ARGUMENT.
pub async fn create(tx: &Tx, caller: &Caller, lead: &NewLead, duplicates: &Duplicates) -> Result<Intake> {
    let mut taken = take_in(tx, caller, &[&alone(lead.clone())], duplicates).await?;
    taken.pop().unwrap_or_else(|| Err(Error::Internal("a lead was neither taken nor refused".to_owned())))
}

/// Makes a lead of a person who registered, or of the lead that the person is a registration.
///
/// # Errors
/// ACTION_NOT_PERMITTED, DUPLICATE_LEAD, INELIGIBLE_ASSIGNEE, PICK_LIST_ENTRY_UNUSABLE, INVALID_ARGUMENT.
pub async fn register(tx: &Tx, caller: &Caller, lead: &NewLead, register_time: Option<Time>) -> Result<Intake> {
    fence::hold(tx, caller.fence()).await?;
    let mut row = alone(lead.clone());
    row.lead.fields.register_time = Some(register_time.unwrap_or(tx.now()));
    let keys = Keys::of(&row.lead.fields, MatchKey::ALL);
    leads::lock_keys(tx, std::slice::from_ref(&keys)).await?;
    let existing = leads::registrable(tx, &whoever_may_see(), &keys).await?;
    let mut batch = Batch::new(tx, caller, DuplicatePolicy::Update, existing, std::slice::from_ref(&keys)).await?;
    if batch.may_change_anothers(&keys) {
        // It had no external ID when we looked: somebody was registered by the other one of its e-mail and phone.
        return Err(Error::Store(store::Error::Conflict(None)));
    }
    let taken = batch.take(&row, &keys).await.map_err(seen_next_time)?;
    batch.flush().await.map_err(seen_next_time)?;
    batch.note_assigned().await?;
    let mut taken = [Ok(taken)];
    give_away(tx, caller, &mut taken).await?;
    let [taken] = taken;
    taken
}

fn alone(lead: NewLead) -> Row {
    Row { lead, assignee_email: None, group_name: None, deposited: false }
}

/// Refuses a caller who may not import at all.
///
/// # Errors
/// CAPABILITY_REQUIRED.
pub fn may_import(caller: &Caller) -> Result<()> {
    caller.require(Capability::ImportLeads)
}

/// Takes rows in, each judged by itself. Answers in the order of the rows.
///
/// # Errors
/// Only what concerns all rows: the database's.
pub async fn take_in(tx: &Tx, caller: &Caller, rows: &[&Row], duplicates: &Duplicates) -> Result<Vec<Result<Intake>>> {
    fence::hold(tx, caller.fence()).await?;
    let keys: Vec<Keys> = rows.iter().map(|row| Keys::of(&row.lead.fields, &duplicates.keys)).collect();
    leads::lock_keys(tx, &keys).await?;
    let existing = leads::existing(tx, &whoever_may_see(), &keys).await?;
    let mut batch = Batch::new(tx, caller, duplicates.policy, existing, &keys).await?;
    // After the leads that are there already, as in every other transaction.
    hold_assignees(tx, rows).await?;
    let rows: Vec<(&Row, &Keys)> = rows.iter().copied().zip(&keys).collect();
    let (mut answers, mut before) = (Vec::with_capacity(rows.len()), Waiting::default());
    let (mut rest, mut at_once) = (rows.as_slice(), WRITTEN_FIRST);
    while !rest.is_empty() {
        let (some, later) = rest.split_at(at_once.min(rest.len()));
        (rest, at_once) = (later, at_once * GROWTH);
        // The database writes the rows before while these are judged and made ready.
        let writing = batch.writing().await;
        let write = async {
            let written = before.write(tx).await;
            drop(writing);
            written.map_err(seen_next_time)
        };
        let (written, taken) = tokio::join!(write, batch.take_all(some));
        let (taken, waiting) = match (written, taken.map_err(seen_next_time)) {
            (Ok(()), taken) => taken?,
            // What fails after the first has failed says nothing of why.
            (Err(_), Err(taken)) if taken.is_retryable() => return Err(taken),
            (Err(written), _) => return Err(written),
        };
        answers.extend(taken);
        before = waiting;
    }
    before.write(tx).await.map_err(seen_next_time)?;
    batch.note_assigned().await?;
    give_away(tx, caller, &mut answers).await?;
    Ok(answers)
}

/// Locks at once whoever several rows may be given to, where rules give some of them away: one by one, as the rows come, would be in another order
/// than that in which rules lock theirs.
async fn hold_assignees(tx: &Tx, rows: &[&Row]) -> Result<()> {
    let names = |row: &Row| row.lead.assignee_id.is_some() || row.assignee_email.is_some();
    if rows.len() < 2 || !rows.iter().any(|row| names(row)) {
        return Ok(());
    }
    let mut held = distribution::targets_for_new(tx).await?;
    if held.is_empty() {
        return Ok(());
    }
    let emails: BTreeSet<&String> = rows.iter().filter_map(|row| row.assignee_email.as_ref()).collect();
    for email in emails {
        held.extend(users::by_email(tx, email).await?);
    }
    held.extend(rows.iter().filter_map(|row| row.lead.assignee_id));
    Ok(users::lock(tx, &held).await?)
}

/// New leads that are nobody's go to whom the rules say. Whoever loses sight of one by that is answered with it as they made it.
async fn give_away(tx: &Tx, caller: &Caller, taken: &mut [Result<Intake>]) -> Result<()> {
    let created =
        || taken.iter().filter_map(|taken| if let Ok(Intake::Created(lead)) = taken { Some(lead) } else { None });
    let nobodys: Vec<LeadId> = created().filter(|lead| lead.assignee_id.is_none()).map(|lead| lead.id).collect();
    let given = distribution::distribute_new(tx, caller.actor(), &nobodys).await?;
    if given.is_empty() {
        return Ok(());
    }
    let ids: Vec<LeadId> = given.keys().copied().collect();
    let mut seen = HashMap::new();
    for action in [Action::View, Action::Edit] {
        let found = leads::get_many(tx, &caller.scope_to(action), &ids).await?;
        seen.extend(found.into_iter().map(|found| (found.lead().id, found.into_lead())));
    }
    for taken in taken {
        if let Ok(Intake::Created(lead)) = taken
            && let Some(now) = seen.remove(&lead.id)
        {
            **lead = now;
        }
    }
    Ok(())
}

fn whoever_may_see() -> LeadScope<Chosen> {
    LeadScope::system("a lead is made once, whoever may see it; `duplicate` says what is told")
}

/// What refused a write came between our look and it: the next attempt sees it when it looks.
fn seen_next_time(error: Error) -> Error {
    match error {
        Error::Store(store::Error::Unique(cause) | store::Error::Reference(cause)) => {
            Error::Store(store::Error::Conflict(Some(cause)))
        }
        other => other,
    }
}
