//! Everything that a filter finds, dealt out: planned in one state of the database, then carried out part by part, so that nobody else
//! waits for long (domain contract, section 6).

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use sha2::{Digest, Sha256};

use super::{
    batch::{Card, Dealt, Outcome, hand_out},
    dealer::{Dealer, Turn},
    eligibility::Candidate,
};
use crate::{
    access::{Caller, scope::Assign},
    domain::{
        Error, Ineligible, Resource, Result, etag,
        queries::{self, Query},
    },
    model::{
        Time,
        assignment::{Held, Return},
        ids::{BatchId, LeadId, UserId},
        lead::LeadState,
        permission::{Action, Capability, RevocationPolicy},
    },
    query::{fields::Field, filter::Filter},
    store::{Store, Tx, lead_list, leads, returns, settings, users},
};

/// How many leads are looked at at once for a plan.
const PLANNED_AT_ONCE: u32 = 2_000;
/// The most leads of a plan.
const MOST: usize = 1_000_000;
/// How far ahead leads may be said to go back.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// Which leads are to be dealt out, and how.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which leads; of them, those on which the caller may do ASSIGN.
    pub query: Query,
    /// To whom, in turn.
    pub assignees: Vec<UserId>,
    /// What becomes of previous assignees; none: what the settings say.
    pub policy: Option<RevocationPolicy>,
    /// When they go back; none: never.
    pub return_time: Option<Time>,
}

impl Wanted {
    /// The leads that a filter finds: ACTIVE ones, and RESOLVED ones where it tests the state.
    pub fn found(filter: Filter, assignees: Vec<UserId>, policy: Option<RevocationPolicy>) -> Self {
        let mut states = vec![LeadState::Active];
        if filter.tests().any(|(field, _)| *field == Field::State) {
            states.push(LeadState::Resolved);
        }
        Self { query: Query { action: Action::Assign, states, filter }, assignees, policy, return_time: None }
    }

    /// The open leads of a user that pass a filter.
    ///
    /// # Errors
    /// RESOURCE_NOT_FOUND for nobody's.
    pub async fn held_by(
        store: &Store,
        user: UserId,
        filter: Filter,
        assignees: Vec<UserId>,
        policy: Option<RevocationPolicy>,
        return_time: Option<Time>,
    ) -> Result<Self> {
        users::get(store, user).await?.ok_or(Error::NotFound(Resource::User))?;
        let filter = queries::assigned_to(user).and(filter);
        let query = Query { action: Action::Assign, states: vec![LeadState::Active], filter };
        Ok(Self { query, assignees, policy, return_time })
    }
}

/// What is to become of one lead.
#[derive(Clone, Copy, Debug)]
struct Planned {
    lead_id: LeadId,
    version: i64,
    turn: Result<Turn, Ineligible>,
}

/// What is to become of leads.
#[derive(Clone, Debug)]
pub struct Plan {
    /// When it was so.
    time: Time,
    policy: RevocationPolicy,
    /// Whether that isn't what the settings say.
    overrides: bool,
    return_time: Option<Time>,
    filter: Arc<Filter>,
    leads: Vec<Planned>,
    digest: [u8; 32],
}

/// How many leads go where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Summary {
    /// What becomes of previous assignees.
    pub policy: RevocationPolicy,
    /// Those that are given, and those that are theirs already, by whom they go to, in turn.
    pub shares: Vec<(UserId, u64, u64)>,
    /// Those that nobody can take, by what is in the way.
    pub refused: BTreeMap<Ineligible, u64>,
}

/// Looks at what would be done.
///
/// # Errors
/// CAPABILITY_REQUIRED, INVALID_ARGUMENT.
pub async fn plan(store: &Store, caller: &Caller, wanted: &Wanted) -> Result<Plan> {
    if wanted.policy.is_some() {
        caller.require(Capability::ManageLeadAccess)?;
    }
    queries::may_ask(caller, wanted.query.action, &wanted.query.filter)?;
    store
        .snapshot((caller.clone(), wanted.clone()), |tx, args| async move {
            let (caller, Wanted { query, assignees, policy, return_time }) = &*args;
            if return_time.is_some_and(|at| !(tx.now()..tx.now() + LONGEST).contains(&at)) {
                return Err(Error::invalid("return_time", "must be in the future, and within ten years"));
            }
            let (scope, selection) = (caller.scope::<Assign>(), queries::selection(caller, query));
            let settings = settings::get(&tx).await?;
            let mut dealer = Dealer::look_at(&tx, assignees, &settings).await?;
            let resolved = policy.unwrap_or_else(|| settings.revocation_policy());
            let (mut leads, mut digest) = (Vec::new(), Sha256::new().chain_update(format!("{resolved:?}")));
            let mut after = None;
            loop {
                let sliced = lead_list::held(&tx, &scope, &selection, after, PLANNED_AT_ONCE).await?;
                for lead in &sliced.rows {
                    let turn = dealer.deal(lead);
                    digest.update(told(lead, turn));
                    leads.push(Planned { lead_id: lead.id, version: lead.version, turn });
                }
                if leads.len() > MOST {
                    return Err(Error::invalid("filter", format!("finds more than {MOST} leads")));
                }
                after = sliced.next;
                if after.is_none() {
                    break;
                }
            }
            let (time, overrides, digest) = (tx.now(), policy.is_some(), digest.finalize().into());
            let filter = Arc::new(query.filter.clone());
            Ok(Plan { time, policy: resolved, overrides, return_time: *return_time, filter, leads, digest })
        })
        .await
}

/// What makes a plan another one: which leads, whose they are and in which state, and whose they become. Not what else is said of them.
fn told(lead: &Held, turn: Result<Turn, Ineligible>) -> Vec<u8> {
    let id = |user: Option<UserId>| user.map(UserId::uuid).unwrap_or_default().into_bytes();
    let to = match turn {
        Ok(turn) => id(Some(turn.to)).to_vec(),
        Err(cause) => cause.word().as_bytes().to_vec(),
    };
    [&lead.id.uuid().into_bytes(), id(lead.assignee_id).as_slice(), lead.state.word().as_bytes(), &to].concat()
}

impl Plan {
    /// What tells it from another.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Of how many leads it is.
    pub fn leads(&self) -> usize {
        self.leads.len()
    }

    /// How many go where.
    pub fn summary(&self) -> Summary {
        let mut shares: Vec<(UserId, u64, u64)> = Vec::new();
        let mut places: BTreeMap<UserId, usize> = BTreeMap::new();
        let mut refused = BTreeMap::new();
        for Planned { turn, .. } in &self.leads {
            match turn {
                Err(cause) => *refused.entry(*cause).or_default() += 1,
                Ok(Turn { to, changes }) => {
                    let at = *places.entry(*to).or_insert(shares.len());
                    if at == shares.len() {
                        shares.push((*to, 0, 0));
                    }
                    if let Some((_, given, kept)) = shares.get_mut(at) {
                        *if *changes { given } else { kept } += 1;
                    }
                }
            }
        }
        Summary { policy: self.policy, shares, refused }
    }

    /// A batch for it; none where nothing would be given.
    pub fn batch(&self) -> Option<BatchId> {
        let gives = |planned: &Planned| planned.turn.is_ok_and(|turn| turn.changes);
        self.leads.iter().any(gives).then(|| BatchId::at(self.time))
    }

    /// A part of it from a place on, of so many leads at most.
    pub fn part(&self, from: usize, most: u32) -> Part {
        let leads = self.leads.iter().skip(from).take(most as usize).copied().collect();
        let Self { policy, overrides, return_time, .. } = *self;
        Part { policy, overrides, return_time, filter: Arc::clone(&self.filter), leads }
    }
}

/// Some leads of a plan.
#[derive(Clone, Debug)]
pub struct Part {
    policy: RevocationPolicy,
    overrides: bool,
    return_time: Option<Time>,
    /// Whether the caller may ask for that is asked of every part.
    filter: Arc<Filter>,
    leads: Vec<Planned>,
}

impl Part {
    /// How many leads these are.
    pub fn leads(&self) -> usize {
        self.leads.len()
    }

    /// Whose they would be. Of leads that the caller has lost since, nothing is told.
    ///
    /// # Errors
    /// The database's.
    pub async fn foretell(&self, store: &Store, caller: &Caller) -> Result<Vec<Outcome>> {
        queries::may_ask(caller, Action::Assign, &self.filter)?;
        let still = leads::get_many(store, &caller.scope::<Assign>(), &self.ids()).await?;
        let still: HashSet<LeadId> = still.iter().map(|found| found.lead().id).collect();
        let outcome = |Planned { lead_id, version, turn }: &Planned| {
            let dealt = turn.map_err(Error::Ineligible).map(|turn| Dealt {
                assignee_id: turn.to,
                changed: turn.changes,
                previous: None,
                etag: etag::of(*version),
            });
            Outcome { lead_id: *lead_id, done: if still.contains(lead_id) { dealt } else { Err(Error::LeadNotFound) } }
        };
        Ok(self.leads.iter().map(outcome).collect())
    }

    /// Gives the leads to those to whom they are to go, be it only until some time. Leads that have been changed since the plan are refused
    /// one by one, and so are those that their assignee can't take any more.
    ///
    /// # Errors
    /// What concerns all of them: CAPABILITY_REQUIRED; the database's.
    pub async fn carry_out(&self, tx: &Tx, caller: &Caller, batch: Option<BatchId>) -> Result<Vec<Outcome>> {
        if self.overrides {
            caller.require(Capability::ManageLeadAccess)?;
        }
        queries::may_ask(caller, Action::Assign, &self.filter)?;
        if let (Some(batch), Some(at)) = (batch, self.return_time) {
            // First, as what gives leads back does.
            returns::order(tx, &Return { batch_id: batch, actor: caller.actor(), return_time: at }).await?;
        }
        let ids = self.ids();
        let versions = self.leads.iter().map(|planned| (planned.lead_id, planned.version)).collect();
        let unchanged = leads::lock_unchanged(tx, &caller.scope::<Assign>(), &versions).await?;
        let changed: Vec<LeadId> = ids.iter().copied().filter(|id| !unchanged.contains_key(id)).collect();
        let changed = why_not(tx, caller, &changed).await?;
        let settings = settings::get(tx).await?;
        let to: BTreeSet<UserId> = self.leads.iter().filter_map(|planned| Some(planned.turn.ok()?.to)).collect();
        let mut candidates = Candidate::lock(tx, &to).await?;
        let dealt = self.leads.iter().map(|Planned { lead_id, turn, .. }| {
            let lead = unchanged.get(lead_id).ok_or_else(|| changed(lead_id))?;
            let turn = turn.map_err(Error::Ineligible)?;
            if turn.changes {
                let candidate = candidates.get_mut(&turn.to).ok_or(Error::NotFound(Resource::User))?;
                candidate.may_take(lead.lead().kind(), &settings).map_err(Error::Ineligible)?;
                candidate.takes();
                let previous = lead.lead().assignee_id.filter(|_| lead.lead().state == LeadState::Active);
                if let Some(previous) = previous.and_then(|previous| candidates.get_mut(&previous)) {
                    previous.loses();
                }
            }
            Ok(Card { lead, turn })
        });
        let dealt: Vec<Result<Card<'_>>> = dealt.collect();
        hand_out(tx, caller, ids.into_iter().zip(dealt), self.policy, batch).await
    }

    fn ids(&self) -> Vec<LeadId> {
        self.leads.iter().map(|planned| planned.lead_id).collect()
    }
}

/// Why leads that were planned can't be given: they have been changed, or the caller may no longer give them, or see them.
async fn why_not(tx: &Tx, caller: &Caller, ids: &[LeadId]) -> Result<impl Fn(&LeadId) -> Error> {
    let mut reached = Vec::new();
    for action in [Action::Assign, Action::View] {
        let found =
            if ids.is_empty() { Vec::new() } else { leads::get_many(tx, &caller.scope_to(action), ids).await? };
        reached.push(found.iter().map(|found| found.lead().id).collect::<HashSet<LeadId>>());
    }
    Ok(move |id: &LeadId| match reached.iter().position(|reached| reached.contains(id)) {
        Some(0) => Error::LeadChanged,
        Some(_) => Error::ActionNotPermitted(Action::Assign),
        None => Error::LeadNotFound,
    })
}
