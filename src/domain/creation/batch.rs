//! The rows of one transaction, one after the other: each is an existing lead, or a new one that is placed.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    task::yield_now,
};

use super::{Intake, Row, may_create};
use crate::{
    access::{
        Caller,
        scope::{Assign, Edit, LeadScope, View},
    },
    domain::{
        Error, Result,
        assignment::Candidate,
        history, leads as lead_rules,
        leads::{not_ahead, unknown_group},
        pick_lists,
    },
    model::{
        history::HistoryKind,
        ids::{EntryId, GroupId, LeadId, UserId},
        lead::{DuplicatePolicy, Lead, LeadPatch, LeadState, MatchKey, NewLead},
        permission::Action,
        pick_list::PickList,
        settings::Settings,
    },
    store::{
        self, Insert, Tx, groups,
        history::{Entries, Happening},
        leads::{self, Existing, Keys, Locked, NewLeads, Reached},
        settings, users,
    },
};

/// How many leads are looked at in one statement.
const AT_ONCE: usize = 1_000;
/// How many rows are judged before others may go on.
const BETWEEN: usize = 16;

/// Rows of one transaction; new leads and their history wait to be inserted at once.
pub(super) struct Batch<'a> {
    tx: &'a Tx,
    caller: &'a Caller,
    policy: DuplicatePolicy,
    view: LeadScope<View>,
    edit: LeadScope<Edit>,
    assign: LeadScope<Assign>,
    existing: Existing,
    /// The leads that were looked at, as they are now.
    met: HashSet<LeadId>,
    /// Those of them that the caller may view.
    viewed: HashMap<LeadId, Lead>,
    /// Those of them that the caller may change, where existing ones are changed.
    locked: HashMap<LeadId, Locked<Edit>>,
    settings: Settings,
    assignees: HashMap<UserId, Option<Candidate>>,
    /// Those of them who have been given leads since it was noted.
    given: BTreeSet<UserId>,
    by_email: HashMap<String, Option<UserId>>,
    groups: HashMap<GroupId, bool>,
    by_name: HashMap<String, Option<GroupId>>,
    stages: HashMap<String, (EntryId, String)>,
    new: NewLeads,
    history: Entries,
    /// Held while rows that were taken before are being written.
    writing: Arc<Mutex<()>>,
}

/// New leads and their history, ready to be written.
#[derive(Default)]
pub(super) struct Waiting {
    leads: Insert,
    history: Insert,
}

impl Waiting {
    pub(super) async fn write(self, tx: &Tx) -> Result<()> {
        self.leads.run(tx).await?;
        self.history.run(tx).await?;
        Ok(())
    }
}

impl<'a> Batch<'a> {
    /// Takes rows that are recognised by these keys. What they are recognised as is looked at once for all of them.
    pub(super) async fn new(
        tx: &'a Tx,
        caller: &'a Caller,
        policy: DuplicatePolicy,
        existing: Existing,
        keys: &[Keys],
    ) -> Result<Self> {
        let mut batch = Self {
            tx,
            caller,
            policy,
            view: caller.scope::<View>(),
            edit: caller.scope::<Edit>(),
            assign: caller.scope::<Assign>(),
            existing,
            met: HashSet::new(),
            viewed: HashMap::new(),
            locked: HashMap::new(),
            settings: settings::get(tx).await?,
            assignees: HashMap::new(),
            given: BTreeSet::new(),
            by_email: HashMap::new(),
            groups: HashMap::new(),
            by_name: HashMap::new(),
            stages: HashMap::new(),
            new: NewLeads::default(),
            history: Entries::by(caller.actor()),
            writing: Arc::default(),
        };
        let same: Vec<(LeadId, MatchKey)> = keys.iter().flat_map(|keys| batch.existing.find(keys)).collect();
        batch.meet(&same).await?;
        Ok(batch)
    }

    /// Takes one of those rows.
    pub(super) async fn take(&mut self, row: &Row, keys: &Keys) -> Result<Intake> {
        may_create(self.caller)?;
        not_ahead(self.tx, "register_time", row.lead.fields.register_time)?;
        not_ahead(self.tx, "first_deposit_time", row.lead.fields.first_deposit_time)?;
        let mut new = self.look_up(row).await?;
        let same = self.existing.find(keys);
        if !same.is_empty() {
            self.meet(&same).await?;
            return match self.policy {
                DuplicatePolicy::Reject => Err(self.duplicate(&same)),
                DuplicatePolicy::Skip => {
                    let seen = same.iter().find_map(|(id, _)| self.viewed.get(id));
                    Ok(Intake::Skipped(seen.cloned().map(Box::new)))
                }
                DuplicatePolicy::Update => self.update(&same, keys, &new.fields).await,
            };
        }
        let stage = self.stage(&mut new.fields).await?;
        let lead = self.place(new).await?;
        self.existing.add(lead.id, keys);
        let changes = history::changes(None, &lead);
        self.history.add(self.tx, Happening::of(lead.id, HistoryKind::Created, changes))?;
        self.new.add(self.tx, &self.edit, &lead, stage)?;
        Ok(Intake::Created(Box::new(lead)))
    }

    /// Whether one of the leads that can be changed has another external ID than these keys.
    pub(super) fn may_change_anothers(&self, keys: &Keys) -> bool {
        self.locked.values().any(|lead| Keys::of_lead(lead.lead()).are_anothers(keys))
    }

    /// Looks at leads that rows are recognised as, where that isn't done. Those that can be changed are locked in the order of
    /// their IDs, or two batches wait for each other.
    async fn meet(&mut self, same: &[(LeadId, MatchKey)]) -> Result<()> {
        let new: BTreeSet<LeadId> = same.iter().map(|(id, _)| *id).filter(|id| !self.met.contains(id)).collect();
        if new.is_empty() {
            return Ok(());
        }
        // They may be of rows before, and are to stand before they are looked at.
        let _written = Arc::clone(&self.writing).lock_owned().await;
        if new.iter().any(|id| self.new.has(*id)) {
            self.flush().await?;
        }
        let new: Vec<LeadId> = new.into_iter().collect();
        for some in new.chunks(AT_ONCE) {
            if self.policy == DuplicatePolicy::Update {
                for (id, reached) in leads::lock_many(self.tx, &self.edit, &self.view, some).await? {
                    if let Reached::Covered(lead) = reached {
                        self.locked.insert(id, *lead);
                    }
                }
            }
            let viewed = leads::get_many(self.tx, &self.view, some).await?;
            self.viewed.extend(viewed.into_iter().map(|found| (found.lead().id, found.into_lead())));
        }
        self.met.extend(new);
        Ok(())
    }

    /// The refusal of a duplicate: it names a lead only where the caller may view it.
    fn duplicate(&self, same: &[(LeadId, MatchKey)]) -> Error {
        Error::DuplicateLead(same.iter().find(|(id, _)| self.viewed.contains_key(id)).copied())
    }

    /// To be held while what waits is written.
    pub(super) async fn writing(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.writing).lock_owned().await
    }

    /// Takes some of those rows, one after the other, and says what is to be written of them. Only what concerns all rows is an error.
    pub(super) async fn take_all(&mut self, rows: &[(&Row, &Keys)]) -> Result<(Vec<Result<Intake>>, Waiting)> {
        let mut answers = Vec::with_capacity(rows.len());
        for some in rows.chunks(BETWEEN) {
            for (row, keys) in some {
                match self.take(row, keys).await {
                    Err(error @ Error::Store(_)) => return Err(error),
                    answer => answers.push(answer),
                }
            }
            // What the rows before left to be written goes on meanwhile.
            yield_now().await;
        }
        Ok((answers, self.waiting()?))
    }

    /// What waits to be written, ready for it.
    fn waiting(&mut self) -> Result<Waiting> {
        let history = std::mem::replace(&mut self.history, Entries::by(self.caller.actor()));
        Ok(Waiting { leads: std::mem::take(&mut self.new).insert(self.tx)?, history: history.insert(self.tx)? })
    }

    /// Writes what waits.
    pub(super) async fn flush(&mut self) -> Result<()> {
        self.waiting()?.write(self.tx).await
    }

    /// Notes who has been given leads.
    pub(super) async fn note_assigned(&mut self) -> Result<()> {
        Ok(users::note_assigned(self.tx, &std::mem::take(&mut self.given)).await?)
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

    /// Changes the first that can be changed of the leads that a row is recognised as. Families share addresses and phones: who
    /// has another external ID is somebody else.
    async fn update(&mut self, same: &[(LeadId, MatchKey)], keys: &Keys, fields: &LeadPatch) -> Result<Intake> {
        let mut theirs = None;
        for (id, kind) in same {
            let Some(lead) = self.locked.get(id) else { continue };
            let had = Keys::of_lead(lead.lead());
            if !had.share(keys, *kind) {
                // What it was recognised by went before it was locked.
                return Err(Error::Store(store::Error::Conflict(None)));
            }
            if theirs.is_none() && !had.are_anothers(keys) {
                theirs = Some((lead, had));
            }
        }
        let Some((lead, had)) = theirs else {
            let mut viewed = same.iter().filter_map(|(id, _)| self.viewed.get(id));
            let only_viewed = viewed.any(|lead| !Keys::of_lead(lead).are_anothers(keys));
            return Err(if only_viewed { Error::ActionNotPermitted(Action::Edit) } else { self.duplicate(same) });
        };
        let before = lead.lead();
        let (id, version) = (before.id, before.version);
        let after = lead_rules::change(self.tx, self.caller, lead, fields, None).await?;
        if after.version == version {
            return Ok(Intake::Unchanged(Box::new(after)));
        }
        let has = Keys::of_lead(&after);
        let told = lead_rules::still_told(self.tx, self.caller, before, after).await?;
        self.existing.remove(id, &had);
        self.existing.add(id, &has);
        // Another row of it is to find it as it is now.
        self.met.remove(&id);
        self.viewed.remove(&id);
        self.locked.remove(&id);
        Ok(Intake::Updated(told.map(Box::new)))
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

    async fn eligible(&mut self, id: UserId, lead: &Lead) -> Result<()> {
        if !self.assignees.contains_key(&id) {
            let known = Candidate::lock(self.tx, &BTreeSet::from([id])).await?.remove(&id);
            self.assignees.insert(id, known);
        }
        let known = self.assignees.get_mut(&id).and_then(Option::as_mut);
        let assignee = known.ok_or_else(|| Error::invalid("lead.assignee_id", "no such user"))?;
        assignee.may_take(lead.kind(), &self.settings).map_err(Error::Ineligible)?;
        assignee.takes();
        self.given.insert(id);
        Ok(())
    }
}
