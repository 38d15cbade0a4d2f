//! New leads, one by one or many at a time: placed in their creator's scope, held against those that exist.

use std::{collections::HashMap, sync::Arc};

use super::{
    Error, Ineligible, Result, assignment, history, leads as lead_rules,
    leads::{duplicate, first_covered, unknown_group},
    pick_lists,
};
use crate::{
    access::{
        Caller,
        policy::{Facts, Reach},
        scope::{Assign, Chosen, Edit, LeadScope, View},
    },
    model::{
        Time,
        history::HistoryKind,
        ids::{EntryId, GroupId, LeadId, UserId},
        lead::{DuplicatePolicy, Duplicates, Lead, LeadPatch, LeadState, MatchKey, NewLead},
        permission::{Action, Capability},
        pick_list::PickList,
        settings::Settings,
    },
    store::{
        self, Tx, fence, groups,
        history::Happening,
        leads::{self, Existing, Keys, NewRow},
        principals, settings, users,
    },
};

/// What became of a new lead.
#[derive(Clone, Debug)]
pub enum Intake {
    /// It was made.
    Created(Box<Lead>),
    /// The one that existed was changed.
    Updated(Box<Lead>),
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
    let mut taken = take_in(tx, caller, &[alone(lead.clone())], duplicates).await?;
    taken.pop().unwrap_or_else(|| Err(Error::Internal("a lead was neither taken nor refused".to_owned())))
}

/// Makes a lead of a person who registered, or of the lead that the person is a registration.
///
/// # Errors
/// ACTION_NOT_PERMITTED, DUPLICATE_LEAD, INELIGIBLE_ASSIGNEE, PICK_LIST_ENTRY_UNUSABLE, INVALID_ARGUMENT.
pub async fn register(tx: &Tx, caller: &Caller, lead: &NewLead, register_time: Option<Time>) -> Result<Intake> {
    fence::hold(tx, caller.fence()).await?;
    lead_rules::not_ahead(tx, "register_time", register_time)?;
    let mut row = alone(lead.clone());
    row.lead.fields.register_time = Some(register_time.unwrap_or(tx.now()));
    let keys = Keys::of(&row.lead.fields, MatchKey::ALL);
    leads::lock_keys(tx, std::slice::from_ref(&keys)).await?;
    let existing = leads::registrable(tx, &whoever_may_see(), &keys).await?;
    let mut batch = Batch::new(tx, caller, DuplicatePolicy::Update, existing).await?;
    let taken = batch.take(&row, &keys).await.map_err(seen_next_time)?;
    batch.flush().await.map_err(seen_next_time)?;
    Ok(taken)
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
pub async fn take_in(tx: &Tx, caller: &Caller, rows: &[Row], duplicates: &Duplicates) -> Result<Vec<Result<Intake>>> {
    fence::hold(tx, caller.fence()).await?;
    let keys: Vec<Keys> = rows.iter().map(|row| Keys::of(&row.lead.fields, &duplicates.keys)).collect();
    leads::lock_keys(tx, &keys).await?;
    let existing = leads::existing(tx, &whoever_may_see(), &keys).await?;
    let mut batch = Batch::new(tx, caller, duplicates.policy, existing).await?;
    let mut answers = Vec::with_capacity(rows.len());
    for (row, keys) in rows.iter().zip(&keys) {
        match batch.take(row, keys).await {
            Err(error @ Error::Store(_)) => return Err(seen_next_time(error)),
            answer => answers.push(answer),
        }
    }
    batch.flush().await.map_err(seen_next_time)?;
    Ok(answers)
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

/// Rows of one transaction; inserts and their history wait for one statement each.
struct Batch<'a> {
    tx: &'a Tx,
    caller: &'a Caller,
    policy: DuplicatePolicy,
    edit: LeadScope<Edit>,
    assign: LeadScope<Assign>,
    existing: Existing,
    settings: Settings,
    assignees: HashMap<UserId, Option<Arc<Facts>>>,
    by_email: HashMap<String, Option<UserId>>,
    groups: HashMap<GroupId, bool>,
    by_name: HashMap<String, Option<GroupId>>,
    stages: HashMap<String, (EntryId, String)>,
    inserts: Vec<NewRow>,
    happenings: Vec<Happening>,
}

impl<'a> Batch<'a> {
    async fn new(tx: &'a Tx, caller: &'a Caller, policy: DuplicatePolicy, existing: Existing) -> Result<Self> {
        Ok(Self {
            tx,
            caller,
            policy,
            edit: caller.scope::<Edit>(),
            assign: caller.scope::<Assign>(),
            existing,
            settings: settings::get(tx).await?,
            assignees: HashMap::new(),
            by_email: HashMap::new(),
            groups: HashMap::new(),
            by_name: HashMap::new(),
            stages: HashMap::new(),
            inserts: Vec::new(),
            happenings: Vec::new(),
        })
    }

    async fn take(&mut self, row: &Row, keys: &Keys) -> Result<Intake> {
        may_create(self.caller)?;
        let mut new = self.look_up(row).await?;
        let same = self.existing.find(keys);
        if !same.is_empty() {
            // One of them may be of this batch, and wait to be inserted.
            self.flush().await?;
            return match self.policy {
                DuplicatePolicy::Reject => Err(duplicate(self.tx, self.caller, &same).await?),
                DuplicatePolicy::Skip => {
                    let seen = first_covered(self.tx, &self.caller.scope::<View>(), &same).await?;
                    Ok(Intake::Skipped(seen.map(|(lead, _)| Box::new(lead))))
                }
                DuplicatePolicy::Update => self.update(&same, &new.fields).await,
            };
        }
        let stage = self.stage(&mut new.fields).await?;
        let lead = self.place(new).await?;
        self.existing.add(lead.id, keys);
        let changes = history::changes(None, &lead);
        self.happenings.push(Happening { lead_id: lead.id, kind: HistoryKind::Created, changes });
        self.inserts.push(NewRow { lead: lead.clone(), stage });
        Ok(Intake::Created(Box::new(lead)))
    }

    /// Writes what waits.
    async fn flush(&mut self) -> Result<()> {
        leads::insert_many(self.tx, &self.edit, &std::mem::take(&mut self.inserts)).await?;
        store::history::append(self.tx, self.caller.actor(), std::mem::take(&mut self.happenings)).await?;
        Ok(())
    }

    async fn look_up(&mut self, row: &Row) -> Result<NewLead> {
        let mut new = row.lead.clone();
        if let Some(email) = &row.assignee_email {
            let user = self.user_by_email(email).await?;
            new.assignee_id = Some(user.ok_or_else(|| Error::invalid("assignee_email", "no user has this e-mail"))?);
        }
        if let Some(name) = &row.group_name {
            let group = self.group_by_name(name).await?;
            let group = group.ok_or_else(|| Error::invalid("group_name", "no group has this name"))?;
            new.fields.group_id = Some(Some(group));
        }
        if row.deposited && new.fields.first_deposit_time.is_none() {
            new.fields.first_deposit_time = Some(self.tx.now());
        }
        Ok(new)
    }

    async fn user_by_email(&mut self, email: &str) -> Result<Option<UserId>> {
        if let Some(known) = self.by_email.get(email) {
            return Ok(*known);
        }
        let user = users::by_email(self.tx, email).await?;
        self.by_email.insert(email.to_owned(), user);
        Ok(user)
    }

    async fn group_by_name(&mut self, name: &str) -> Result<Option<GroupId>> {
        if let Some(known) = self.by_name.get(name) {
            return Ok(*known);
        }
        let group = groups::by_name(self.tx, name).await?;
        self.by_name.insert(name.to_owned(), group);
        Ok(group)
    }

    async fn update(&self, same: &[(LeadId, MatchKey)], fields: &LeadPatch) -> Result<Intake> {
        let Some((found, _)) = first_covered(self.tx, &self.edit, same).await? else {
            return Err(match duplicate(self.tx, self.caller, same).await? {
                Error::DuplicateLead(Some(_)) => Error::ActionNotPermitted(Action::Edit),
                hidden => hidden,
            });
        };
        let lead = lead_rules::lock::<Edit>(self.tx, self.caller, found.id, None).await?;
        if lead.lead().version != found.version {
            // What it was recognised by may be gone.
            return Err(Error::Store(store::Error::Conflict(None)));
        }
        let after = lead_rules::change(self.tx, self.caller, &lead, fields).await?;
        let unchanged = after.version == lead.lead().version;
        Ok(if unchanged { Intake::Unchanged(Box::new(after)) } else { Intake::Updated(Box::new(after)) })
    }

    async fn stage(&mut self, fields: &mut LeadPatch) -> Result<Option<EntryId>> {
        let Some(Some(name)) = &mut fields.stage else { return Ok(None) };
        if !self.stages.contains_key(name) {
            let entry = pick_lists::usable(self.tx, PickList::Stage, name, "lead.stage").await?;
            self.stages.insert(name.clone(), (entry.id, entry.name));
        }
        let Some((id, spelling)) = self.stages.get(name) else { return Ok(None) };
        *name = spelling.clone();
        Ok(Some(*id))
    }

    /// A lead is made inside its creator's EDIT scope; where nothing given puts it there, it is theirs to work.
    async fn place(&mut self, new: NewLead) -> Result<Lead> {
        let me = self.caller.id();
        let group = new.fields.group_id.flatten();
        let mut assignee = new.assignee_id;
        if assignee.is_none() && !self.edit.covers_new(None, group) {
            assignee = Some(me);
        }
        let to_others = assignee.is_some_and(|assignee| assignee != me) || group.is_some();
        if to_others && !self.assign.covers_new(assignee, group) {
            return Err(Error::ActionNotPermitted(Action::Assign));
        }
        if !self.edit.covers_new(assignee, group) {
            return Err(Error::ActionNotPermitted(Action::Edit));
        }
        if let Some(group) = group
            && !self.group_exists(group).await?
        {
            return Err(unknown_group());
        }
        let now = self.tx.now();
        let blank = Lead {
            id: LeadId::at(now),
            external_id: None,
            name: None,
            email: None,
            email_confirmed: false,
            phone: None,
            country: None,
            locale: None,
            source: new.source,
            campaign: None,
            attributes: Default::default(),
            stage: None,
            next_contact_time: None,
            assignee_id: assignee,
            assigned: assignee.map(|_| (me, now)),
            group_id: None,
            state: LeadState::Active,
            discard_reason: None,
            discard_time: None,
            disposition: None,
            resolve_time: None,
            register_time: None,
            first_deposit_time: None,
            created_by: me,
            create_time: now,
            update_time: now,
            version: 1,
        };
        let lead = new.fields.applied_to(&blank);
        if let Some(assignee) = assignee {
            self.eligible(assignee, &lead).await?;
        }
        Ok(lead)
    }

    async fn group_exists(&mut self, group: GroupId) -> Result<bool> {
        if let Some(exists) = self.groups.get(&group) {
            return Ok(*exists);
        }
        let exists = groups::get(self.tx, group).await?.is_some();
        self.groups.insert(group, exists);
        Ok(exists)
    }

    async fn eligible(&mut self, assignee: UserId, lead: &Lead) -> Result<()> {
        if !self.assignees.contains_key(&assignee) {
            users::lock(self.tx, assignee).await?;
            self.assignees.insert(assignee, principals::facts(self.tx, assignee).await?.map(Arc::new));
        }
        let known = self.assignees.get(&assignee).cloned().flatten();
        let facts = known.ok_or_else(|| Error::invalid("lead.assignee_id", "no such user"))?;
        if facts.profile.max_open_leads.is_some() {
            // Those of this batch count as well.
            self.flush().await?;
        }
        let eligible = assignment::eligible(self.tx, &facts, lead, &self.settings).await?;
        eligible.map_err(|cause: Ineligible| Error::Ineligible(cause))
    }
}
