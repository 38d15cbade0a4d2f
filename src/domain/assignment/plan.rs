//! Everything that a filter finds, dealt out: planned in one state of the database, then carried out part by part, so that nobody else
//! waits for long (domain contract, section 6).

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashSet},
    iter,
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
    /// Whether some of those who may get leads lose others, and perhaps have room only then.
    exchanges: bool,
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
            let targets: BTreeSet<UserId> = assignees.iter().copied().collect();
            let (mut after, mut exchanges) = (None, false);
            loop {
                let sliced = lead_list::held(&tx, &scope, &selection, after, PLANNED_AT_ONCE).await?;
                for lead in &sliced.rows {
                    let turn = dealer.deal(lead);
                    digest.update(told(lead, turn));
                    let previous = lead.assignee_id.filter(|_| turn.is_ok_and(|turn| turn.changes));
                    exchanges |= previous.is_some_and(|previous| targets.contains(&previous));
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
            Ok(Plan { time, policy: resolved, overrides, return_time: *return_time, filter, leads, exchanges, digest })
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

    /// All of it, in parts of so many leads at most: two lanes, which may be gone through at the same time, and the part that comes after both.
    /// What goes to one user is in one lane, so that neither waits until the other lets go of whoever gets its leads.
    ///
    /// All of it is in the second lane, oldest first, where it isn't to be gone through side by side, or nothing would be won by that, or where
    /// the order counts.
    pub fn lanes(self, most: u32, side_by_side: bool) -> ([impl Iterator<Item = Part> + Send + use<>; 2], Part) {
        let most = most as usize;
        // Parts of what is given for some time wait for each other anyway.
        let splits = side_by_side && self.leads.len() > 2 * most && !self.exchanges && self.return_time.is_none();
        let apart = if splits { self.half_of_the_users() } else { BTreeSet::new() };
        let Self { policy, overrides, return_time, filter, leads, .. } = self;
        let goes_apart = |planned: &Planned| planned.turn.is_ok_and(|turn| apart.contains(&turn.to));
        let (first, mut second): (Vec<Planned>, Vec<Planned>) = leads.into_iter().partition(goes_apart);
        let last = second.split_off(second.len().saturating_sub(most));
        let part = move |leads| Part { policy, overrides, return_time, filter: Arc::clone(&filter), leads };
        let last = part(last);
        let lanes = [first, second].map(|lane| {
            let (mut lane, part) = (lane.into_iter(), part.clone());
            let leads = iter::from_fn(move || {
                Some(lane.by_ref().take(most).collect()).filter(|leads: &Vec<_>| !leads.is_empty())
            });
            leads.map(part)
        });
        (lanes, last)
    }

    /// Users who get about half of the leads; nobody where one gets all of them.
    fn half_of_the_users(&self) -> BTreeSet<UserId> {
        let mut shares = self.summary().shares;
        shares.sort_by_key(|(_, given, kept)| Reverse(given + kept));
        let (mut half, mut balance) = (BTreeSet::new(), 0_i64);
        for (user, given, kept) in shares {
            let leads = i64::try_from(given + kept).unwrap_or(i64::MAX);
            if balance > 0 {
                half.insert(user);
                balance -= leads;
            } else {
                balance += leads;
            }
        }
        half
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

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u32 = 10;

    /// Leads dealt in turn to so many users; every tenth is refused.
    fn plan(leads: usize, users: &[UserId]) -> Plan {
        let planned = (0..leads).map(|number| Planned {
            lead_id: LeadId::at(Time::default()),
            version: 1,
            turn: match users.get(number % users.len()) {
                Some(to) if number % 10 != 9 => Ok(Turn { to: *to, changes: true }),
                _ => Err(Ineligible::OverCapacity),
            },
        });
        Plan {
            time: Time::default(),
            policy: RevocationPolicy::Revoke,
            overrides: false,
            return_time: None,
            filter: Arc::default(),
            leads: planned.collect(),
            exchanges: false,
            digest: [0; 32],
        }
    }

    fn users(count: usize) -> Vec<UserId> {
        (0..count).map(|_| UserId::at(Time::default())).collect()
    }

    fn ids(plan: &Plan) -> Vec<LeadId> {
        plan.leads.iter().map(|planned| planned.lead_id).collect()
    }

    /// The leads of both lanes, of which each part is small enough, and those of the last part.
    fn cut(plan: Plan, side_by_side: bool) -> [Vec<Planned>; 3] {
        let ([mut first, mut second], last) = plan.lanes(MOST, side_by_side);
        let whole = |parts: &mut dyn Iterator<Item = Part>| -> Vec<Planned> {
            parts
                .inspect(|part| assert!((1..=MOST as usize).contains(&part.leads.len())))
                .flat_map(|part| part.leads)
                .collect()
        };
        assert!(last.leads.len() <= MOST as usize);
        [whole(&mut first), whole(&mut second), last.leads]
    }

    fn to(planned: &[Planned]) -> BTreeSet<UserId> {
        planned.iter().filter_map(|planned| Some(planned.turn.ok()?.to)).collect()
    }

    #[test]
    fn lanes_go_to_different_users_and_leave_nothing_out() {
        for count in [2, 3, 7] {
            let plan = plan(95, &users(count));
            let all = ids(&plan);
            let [first, second, last] = cut(plan, true);
            assert!((all.len() / 4..all.len() * 3 / 4).contains(&first.len()) && !last.is_empty(), "{count} users");
            assert!(to(&first).is_disjoint(&to(&[second.as_slice(), &last].concat())), "{count} users");
            let place = |planned: &Planned| all.iter().position(|id| *id == planned.lead_id);
            let other = [second, last].concat();
            assert!(
                [&first, &other].iter().all(|lane| lane.is_sorted_by_key(place)),
                "each is in the order of the plan"
            );
            let told: BTreeSet<LeadId> = first.iter().chain(&other).map(|planned| planned.lead_id).collect();
            assert_eq!((told.len(), first.len() + other.len()), (all.len(), all.len()));
        }
    }

    #[test]
    fn all_is_in_one_lane_where_the_order_counts_or_nothing_is_won() {
        let two = users(2);
        let small = plan(2 * MOST as usize, &two);
        let exchanging = Plan { exchanges: true, ..plan(95, &two) };
        let for_some_time = Plan { return_time: Some(Time::default()), ..plan(95, &two) };
        let to_one = plan(95, &users(1));
        let nothing = plan(0, &two);
        let one_by_one = [
            (plan(95, &two), false),
            (small, true),
            (exchanging, true),
            (for_some_time, true),
            (to_one, true),
            (nothing, true),
        ];
        for (plan, side_by_side) in one_by_one {
            let all = ids(&plan);
            let [first, second, last] = cut(plan, side_by_side);
            assert!(first.is_empty());
            assert_eq!([second, last].concat().iter().map(|planned| planned.lead_id).collect::<Vec<_>>(), all);
        }
    }
}
