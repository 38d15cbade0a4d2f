//! Leads find their agents by rules: as they are made, or on demand (domain contract, section 6).
//!
//! The first rule that a lead passes decides. Whose turn it is follows from what is stored and is held locked until it is written, so that
//! any number of servers are as fair together as one.

mod rules;
mod turns;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

pub use self::rules::{create, delete, list, may_change, may_read, update};
use self::turns::{People, Pool};
use super::{
    Error, Resource, Result,
    assignment::{Handover, hand_over},
    batches::covered,
    etag,
    queries::{self, Query},
};
use crate::{
    access::{
        Caller,
        scope::{Assign, LeadScope, View},
    },
    model::{
        distribution::{Decision, Rule, Strategy, Targets, Unplaced},
        ids::{BatchId, LeadId, RuleId, UserId},
        lead::{Lead, LeadState},
        page::{Page, Paged},
        permission::{Action, OrderVisibility, RevocationPolicy},
        user::Actor,
    },
    query::{
        fields::Field,
        filter::Filter,
        order::Order,
        slice::{Slice, Sliced},
    },
    store::{
        self, Db, Store, Tx, lead_access, lead_list,
        leads::{self, Locked},
        rules as stored, settings,
        unplaced::{self, UnplacedLead},
        users,
    },
};

/// How many leads are given at once: those to whom they are given get none from elsewhere meanwhile.
pub const PART: u32 = 200;
/// Which leads are distributed.
const WITHOUT_ASSIGNEE: &str = "NOT assignee:*";

/// What became of a lead.
#[derive(Debug)]
pub struct Placement {
    /// Which lead.
    pub lead_id: LeadId,
    /// The rule that decided; none where no rule is for it.
    pub rule_id: Option<RuleId>,
    /// Whose it is and its etag, or why it is nobody's still; or that it could no longer be given.
    pub done: Result<Result<(UserId, String), Unplaced>>,
}

/// A part of the leads without an assignee that pass a filter and on which the caller may do ASSIGN, the oldest first.
///
/// # Errors
/// INVALID_ARGUMENT; the database's.
pub async fn waiting(store: &Store, caller: &Caller, filter: Filter, slice: &Slice) -> Result<Sliced<Lead>> {
    let nobodys = Filter::parse(WITHOUT_ASSIGNEE).map_err(|fault| Error::Internal(fault.to_string()))?;
    let query = Query { action: Action::Assign, states: vec![LeadState::Active], filter: nobodys.and(filter) };
    queries::list(store, caller, &query, &Order::oldest_first(), slice).await
}

/// The rules that are tried on demand: this one, or all that aren't disabled.
///
/// # Errors
/// RESOURCE_NOT_FOUND, INVALID_ARGUMENT for one that is disabled.
pub async fn tried(db: &impl Db, only: Option<RuleId>) -> Result<Vec<Rule>> {
    let Some(id) = only else {
        let rules = stored::all(db).await?;
        return Ok(rules.into_iter().filter(|rule| !rule.disabled).collect());
    };
    let rule = stored::get(db, id).await?.ok_or(Error::NotFound(Resource::AssignmentRule))?;
    if rule.disabled {
        return Err(Error::invalid("rule_id", "is a rule that is disabled"));
    }
    Ok(vec![rule])
}

/// What becomes of a lead tells whether it passes a rule's filter, and so of its orders where that tests them.
fn may_tell(caller: &Caller, rules: &[Rule]) -> Result<()> {
    for rule in rules {
        if parsed(rule)?.tests().any(|(field, _)| *field == Field::LastOrderStatus) {
            return sees_orders(caller);
        }
    }
    Ok(())
}

/// Refuses a caller who doesn't see every order of the leads that ASSIGN reaches.
fn sees_orders(caller: &Caller) -> Result<()> {
    let sees_leads = caller.reach(Action::View).contains(caller.reach(Action::Assign));
    if sees_leads && caller.order_visibility == OrderVisibility::All {
        Ok(())
    } else {
        Err(Error::ActionNotPermitted(Action::View))
    }
}

fn parsed(rule: &Rule) -> Result<Filter> {
    Filter::parse(&rule.filter).map_err(|fault| Error::Internal(fault.to_string()))
}

/// Gives leads to those whose turn it is. Leads that have found somebody meanwhile are refused.
///
/// # Errors
/// What concerns all of them: RESOURCE_NOT_FOUND, INVALID_ARGUMENT; the database's.
pub async fn distribute(
    tx: &Tx,
    caller: &Caller,
    ids: &[LeadId],
    only: Option<RuleId>,
    batch: BatchId,
) -> Result<Vec<Placement>> {
    let reached = leads::lock_many(tx, &caller.scope::<Assign>(), &caller.scope::<View>(), ids).await?;
    let rules = tried(tx, only).await?;
    may_tell(caller, &rules)?;
    let (mut free, mut refused) = (Vec::new(), HashMap::new());
    for id in ids {
        match covered(reached.get(id)).and_then(still_free) {
            Ok(lead) => free.push(lead),
            Err(refusal) => {
                refused.insert(*id, refusal);
            }
        }
    }
    let tried = (rules.as_slice(), only.is_none());
    let mut placed = place(tx, caller.actor(), &caller.scope::<Assign>(), &free, tried, Some(batch)).await?;
    let placement = |lead_id: &LeadId| match (refused.remove(lead_id), placed.remove(lead_id)) {
        (None, Some((rule_id, found))) => {
            let done = found.map(|(to, lead)| (to, etag::of(lead.version)));
            Placement { lead_id: *lead_id, rule_id, done: Ok(done) }
        }
        (refusal, _) => {
            Placement { lead_id: *lead_id, rule_id: None, done: Err(refusal.unwrap_or(Error::LeadChanged)) }
        }
    };
    Ok(ids.iter().map(placement).collect())
}

fn still_free(lead: &Locked<Assign>) -> Result<&Locked<Assign>> {
    let Lead { assignee_id, state, .. } = lead.lead();
    if assignee_id.is_none() && *state == LeadState::Active { Ok(lead) } else { Err(Error::LeadChanged) }
}

/// Locks the rules for new leads, and answers their targets, who are to be locked next.
pub(super) async fn targets_for_new(tx: &Tx) -> Result<BTreeSet<UserId>> {
    let rules = stored::on_creation(tx).await?;
    if rules.is_empty() {
        return Ok(BTreeSet::new());
    }
    if !stored::lock(tx, &rules.iter().collect::<Vec<_>>()).await? {
        return Err(store::Error::Conflict(None).into());
    }
    let (mut users, mut groups) = (BTreeSet::new(), Vec::new());
    for rule in rules {
        match rule.targets {
            Targets::Users(targets) => users.extend(targets.iter().map(|target| target.user_id)),
            Targets::Group(group) => groups.push(group),
        }
    }
    users.extend(stored::members(tx, &groups).await?.into_values().flatten());
    Ok(users)
}

/// Gives leads that were just made without an assignee to those whose turn it is by the rules for that, whoever made them; answers those that
/// have found somebody.
pub(super) async fn distribute_new(tx: &Tx, by: Actor, ids: &[LeadId]) -> Result<HashMap<LeadId, Lead>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rules = stored::on_creation(tx).await?;
    if rules.is_empty() {
        return Ok(HashMap::new());
    }
    let others = stored::all(tx).await?.into_iter().any(|rule| !rule.disabled && !rule.on_creation);
    let every_lead = LeadScope::service("rules are for new leads, whoever made them");
    let reached = leads::lock_many(tx, &every_lead, &every_lead, ids).await?;
    let new: Vec<&Locked<Assign>> = ids.iter().filter_map(|id| covered(reached.get(id)).ok()).collect();
    let placed = place(tx, by, &every_lead, &new, (&rules, !others), None).await?;
    Ok(placed.into_iter().filter_map(|(id, (_, found))| Some((id, found.ok()?.1))).collect())
}

/// By which rule a lead found somebody, who it is and the lead as it is now; or why not.
type Found = (Option<RuleId>, Result<(UserId, Lead), Unplaced>);

async fn place(
    tx: &Tx,
    by: Actor,
    scope: &LeadScope<Assign>,
    leads: &[&Locked<Assign>],
    (rules, all_tried): (&[Rule], bool),
    batch: Option<BatchId>,
) -> Result<HashMap<LeadId, Found>> {
    let ids: Vec<LeadId> = leads.iter().map(|lead| lead.lead().id).collect();
    let deciding = deciding(tx, scope, &ids, rules).await?;
    let used: HashSet<RuleId> = deciding.values().copied().collect();
    let used: Vec<&Rule> = rules.iter().filter(|rule| used.contains(&rule.id)).collect();
    let mut table = Table::open(tx, &used, true).await?;
    table.people.set_blocked(lead_access::blocked(tx, &ids).await?);
    let (mut chosen, mut unplaced) = (Vec::new(), BTreeMap::new());
    for lead in leads {
        let rule = deciding.get(&lead.lead().id).copied();
        match table.pick(rule, lead.lead()) {
            Ok((to, decision)) => chosen.push((*lead, to, decision)),
            Err(cause) => {
                unplaced.insert(lead.lead().id, (rule, cause));
            }
        }
    }
    let handovers: Vec<Handover<'_>> =
        chosen.iter().map(|(lead, to, why)| Handover { lead, to: Some(*to), why: Some(why) }).collect();
    // Nobody has had them.
    let done = hand_over(tx, by, &handovers, RevocationPolicy::Revoke, batch).await?;
    table.write(tx).await?;
    let told = unplaced.iter().filter(|(_, (_, cause))| all_tried || *cause != Unplaced::NoRule);
    unplaced::note(tx, &told.map(|(id, why)| (*id, *why)).collect()).await?;
    let placed = done.into_iter().filter_map(|(id, done)| {
        let to = done.after.assignee_id?;
        Some((id, (deciding.get(&id).copied(), Ok((to, done.after)))))
    });
    let left = unplaced.into_iter().map(|(id, (rule, cause))| (id, (rule, Err(cause))));
    Ok(placed.chain(left).collect())
}

/// The first rule that each lead passes.
async fn deciding(
    db: &impl Db,
    scope: &LeadScope<Assign>,
    ids: &[LeadId],
    rules: &[Rule],
) -> Result<HashMap<LeadId, RuleId>> {
    let (mut deciding, mut rest) = (HashMap::new(), ids.to_vec());
    for rule in rules {
        if rest.is_empty() {
            break;
        }
        let passing = lead_list::passing(db, scope, &rest, &parsed(rule)?, OrderVisibility::All).await?;
        rest.retain(|id| !passing.contains(id));
        deciding.extend(passing.into_iter().map(|id| (id, rule.id)));
    }
    Ok(deciding)
}

/// Some rules, with whose turn it is in each.
struct Table {
    pools: HashMap<RuleId, Pool>,
    people: People,
}

impl Table {
    /// With `lock` nobody else gives the rules' targets leads until the transaction ends.
    async fn open(tx: &Tx, rules: &[&Rule], lock: bool) -> Result<Self> {
        if lock && !stored::lock(tx, rules).await? {
            // They were read before.
            return Err(store::Error::Conflict(None).into());
        }
        let weighted = rules.iter().filter(|rule| rule.strategy == Strategy::Weighted).map(|rule| rule.id);
        let credits = stored::credits(tx, &weighted.collect::<Vec<_>>()).await?;
        let groups = rules.iter().filter_map(|rule| match rule.targets {
            Targets::Group(group) => Some(group),
            Targets::Users(_) => None,
        });
        let members = stored::members(tx, &groups.collect::<Vec<_>>()).await?;
        let mut pools: HashMap<RuleId, Pool> =
            rules.iter().map(|rule| (rule.id, Pool::of(rule, &members, &credits))).collect();
        let all: BTreeSet<UserId> = pools.values().flat_map(Pool::users).collect();
        let loaded = pools.values().filter(|pool| pool.strategy() == Strategy::LeastLoaded);
        let loaded: BTreeSet<UserId> = loaded.flat_map(Pool::users).collect();
        let people = People::open(tx, &all, &loaded, settings::get(tx).await?, lock).await?;
        pools.values_mut().for_each(|pool| pool.keep_members(&people));
        Ok(Self { pools, people })
    }

    fn pick(&mut self, rule: Option<RuleId>, lead: &Lead) -> Result<(UserId, Decision), Unplaced> {
        let pool = rule.and_then(|rule| self.pools.get_mut(&rule)).ok_or(Unplaced::NoRule)?;
        pool.pick(&mut self.people, lead)
    }

    /// Keeps whose turn it was.
    async fn write(&self, tx: &Tx) -> Result<()> {
        users::note_turns(tx, self.people.turns()).await?;
        users::caught_up(tx, self.people.caught_up()).await?;
        for (rule, pool) in &self.pools {
            stored::set_credits(tx, *rule, &pool.changed_credits()).await?;
        }
        Ok(())
    }
}

/// Leads that are only tried: whose turn it would be is remembered from one part to the next, and not written.
pub struct Trial {
    rules: Vec<Rule>,
    table: Table,
}

impl std::fmt::Debug for Trial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trial").field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}

impl Trial {
    /// Begins to try.
    ///
    /// # Errors
    /// RESOURCE_NOT_FOUND, INVALID_ARGUMENT for a rule that is disabled.
    pub async fn begin(store: &Store, only: Option<RuleId>) -> Result<Self> {
        let opened = store.snapshot(only, |tx, only| async move {
            let rules = tried(&tx, *only).await?;
            let table = Table::open(&tx, &rules.iter().collect::<Vec<_>>(), false).await?;
            Ok::<_, Error>(Self { rules, table })
        });
        opened.await
    }

    /// What would become of some leads.
    ///
    /// # Errors
    /// The database's.
    pub async fn part(&mut self, store: &Store, caller: &Caller, leads: &[Lead]) -> Result<Vec<Placement>> {
        may_tell(caller, &self.rules)?;
        let ids: Vec<LeadId> = leads.iter().map(|lead| lead.id).collect();
        self.table.people.set_blocked(lead_access::blocked(store, &ids).await?);
        let deciding = deciding(store, &caller.scope::<Assign>(), &ids, &self.rules).await?;
        let tried = leads.iter().map(|lead| {
            let rule_id = deciding.get(&lead.id).copied();
            let found = self.table.pick(rule_id, lead);
            Placement { lead_id: lead.id, rule_id, done: Ok(found.map(|(to, _)| (to, etag::of(lead.version)))) }
        });
        Ok(tried.collect())
    }
}

/// A page of the leads that have found nobody, and on which the caller may do ASSIGN.
///
/// # Errors
/// ACTION_NOT_PERMITTED.
pub async fn unplaced(store: &Store, caller: &Caller, page: &Page) -> Result<Paged<UnplacedLead>> {
    // A rule that is gone by now may have tested orders too.
    sees_orders(caller)?;
    Ok(unplaced::list(store, &caller.scope::<Assign>(), page).await?)
}
