//! Many leads for one user, or dealt out to several in turn.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::{
    assignable,
    eligibility::Candidate,
    handover::{Handover, Previous, hand_over},
};
use crate::{
    access::{
        Caller,
        scope::{Assign, View},
    },
    domain::{Error, Ineligible, Resource, Result, Violation, batches::covered, etag},
    model::{
        ids::{BatchId, LeadId, OrderId, UserId},
        lead::{Lead, LeadState},
        permission::{Capability, RevocationPolicy},
        settings::Settings,
    },
    store::{
        Tx,
        leads::{self, Locked, Reached},
        orders, settings,
    },
};

/// How leads are to be dealt out.
#[derive(Clone, Debug)]
pub struct Deal {
    /// To whom, in turn.
    pub assignees: Vec<UserId>,
    /// What becomes of previous assignees; none: what the settings say.
    pub policy: Option<RevocationPolicy>,
    /// Nothing is done where one of the leads is refused.
    pub all_or_nothing: bool,
}

/// What became of a lead that was dealt.
#[derive(Clone, Debug)]
pub struct Dealt {
    /// Whose it is.
    pub assignee_id: UserId,
    /// Whether it was another's before, or nobody's.
    pub changed: bool,
    /// What happened to the previous assignee.
    pub previous: Option<Previous>,
    /// The lead's etag.
    pub etag: String,
}

/// What became of one lead of a batch.
#[derive(Debug)]
pub struct Outcome {
    /// Which lead.
    pub lead_id: LeadId,
    /// What became of it, or why nothing was done.
    pub done: Result<Dealt>,
}

/// What became of the customer of one order.
#[derive(Debug)]
pub struct OrderOutcome {
    /// Which order.
    pub order_id: OrderId,
    /// What became of its customer; or that the order isn't seen.
    pub done: Result<Outcome>,
}

/// What became of all that was dealt at once.
#[derive(Debug)]
pub struct Batch<O> {
    /// By which it can be undone; none where nothing was assigned.
    pub id: Option<BatchId>,
    /// One each, in the order asked.
    pub outcomes: Vec<O>,
}

/// Deals leads out, in the order given.
///
/// # Errors
/// What concerns all of them: CAPABILITY_REQUIRED, INVALID_ARGUMENT.
pub async fn assign_many(tx: &Tx, caller: &Caller, ids: &[LeadId], deal: &Deal) -> Result<Batch<Outcome>> {
    deal_out(tx, caller, ids, deal, false).await
}

/// Deals the customers of orders out, in the order given.
///
/// # Errors
/// What concerns all of them: CAPABILITY_REQUIRED, INVALID_ARGUMENT.
pub async fn assign_customers(
    tx: &Tx,
    caller: &Caller,
    orders: &[OrderId],
    deal: &Deal,
) -> Result<Batch<OrderOutcome>> {
    let view = caller.scope::<View>();
    let seen = || orders::customers(tx, &view, caller.order_visibility, orders);
    let leads: Vec<LeadId> = seen().await?.into_values().collect();
    leads::lock_many(tx, &caller.scope::<Assign>(), &view, &leads).await?;
    // What they were before the leads were locked may have changed while that took.
    let customers = seen().await?;
    let leads: Vec<LeadId> = orders.iter().filter_map(|order| customers.get(order).copied()).collect();
    let others_refused = leads.len() < orders.len();
    let Batch { id, outcomes } = deal_out(tx, caller, &leads, deal, others_refused).await?;
    let mut outcomes = outcomes.into_iter();
    let outcome = |order_id: &OrderId| {
        let done = match customers.get(order_id) {
            Some(_) => outcomes.next().ok_or_else(|| Error::Internal("a customer has no outcome".to_owned())),
            None => Err(Error::NotFound(Resource::Order)),
        };
        OrderOutcome { order_id: *order_id, done }
    };
    Ok(Batch { id, outcomes: orders.iter().map(outcome).collect() })
}

async fn deal_out(
    tx: &Tx,
    caller: &Caller,
    ids: &[LeadId],
    deal: &Deal,
    others_refused: bool,
) -> Result<Batch<Outcome>> {
    if deal.policy.is_some() {
        caller.require(Capability::ManageLeadAccess)?;
    }
    let reached = leads::lock_many(tx, &caller.scope::<Assign>(), &caller.scope::<View>(), ids).await?;
    let settings = settings::get(tx).await?;
    let mut dealer = Dealer::lock(tx, &deal.assignees, &settings).await?;
    let mut dealt: Vec<Result<Card<'_>>> = ids.iter().map(|id| dealer.deal(reached.get(id))).collect();
    if deal.all_or_nothing && (others_refused || dealt.iter().any(Result::is_err)) {
        for card in dealt.iter_mut().filter(|dealt| dealt.is_ok()) {
            *card = Err(Error::BatchRefused);
        }
    }
    let handovers: Vec<Handover<'_>> = dealt.iter().flatten().filter_map(Card::handover).collect();
    let policy = deal.policy.unwrap_or_else(|| settings.revocation_policy());
    let batch = (!handovers.is_empty()).then(|| BatchId::at(tx.now()));
    let mut done = hand_over(tx, caller, &handovers, policy, batch).await?;
    let outcome = |(id, dealt): (&LeadId, Result<Card<'_>>)| {
        let told = dealt.map(|card| {
            let done = done.get_mut(id);
            let version = done.as_ref().map_or(card.lead.lead().version, |done| done.after.version);
            // Asked for twice, it is told once.
            let previous = done.and_then(|done| done.previous.take());
            Dealt { assignee_id: card.to, changed: card.changes, previous, etag: etag::of(version) }
        });
        Outcome { lead_id: *id, done: told }
    };
    Ok(Batch { id: batch, outcomes: ids.iter().zip(dealt).map(outcome).collect() })
}

/// A lead and to whom it was dealt.
struct Card<'a> {
    lead: &'a Locked<Assign>,
    to: UserId,
    /// Whether it isn't theirs already.
    changes: bool,
}

impl<'a> Card<'a> {
    fn handover(&self) -> Option<Handover<'a>> {
        self.changes.then_some(Handover { lead: self.lead, to: Some(self.to) })
    }
}

/// Deals leads to those whose turn it is.
struct Dealer<'a> {
    settings: &'a Settings,
    /// Whoever's turn it is comes first.
    turns: VecDeque<Candidate>,
    /// Who has the leads that were dealt before.
    dealt: HashMap<LeadId, UserId>,
}

impl<'a> Dealer<'a> {
    async fn lock(tx: &Tx, assignees: &[UserId], settings: &'a Settings) -> Result<Self> {
        let mut candidates = Candidate::lock(tx, &assignees.iter().copied().collect::<BTreeSet<_>>()).await?;
        let (mut turns, mut unknown) = (VecDeque::new(), Vec::new());
        for (at, id) in assignees.iter().enumerate() {
            match candidates.remove(id) {
                Some(candidate) => turns.push_back(candidate),
                None => unknown.push(no_such_user(at)),
            }
        }
        if unknown.is_empty() {
            Ok(Self { settings, turns, dealt: HashMap::new() })
        } else {
            Err(Error::Invalid(unknown))
        }
    }

    fn deal<'b>(&mut self, reached: Option<&'b Reached<Assign>>) -> Result<Card<'b>> {
        let locked = covered(reached)?;
        let lead = locked.lead();
        assignable(lead)?;
        if let Some(to) = self.dealt.get(&lead.id) {
            return Ok(Card { lead: locked, to: *to, changes: false });
        }
        let mut candidate = self.next(lead)?;
        let to = candidate.user_id();
        let changes = lead.assignee_id != Some(to);
        if changes {
            candidate.takes();
            self.takes_from_previous(lead);
        }
        self.turns.push_back(candidate);
        self.dealt.insert(lead.id, to);
        Ok(Card { lead: locked, to, changes })
    }

    /// The first in turn who can take a lead, out of the row.
    fn next(&mut self, lead: &Lead) -> Result<Candidate> {
        let mut in_the_way = None;
        let can = self.turns.iter().position(|candidate| match self.may_take(candidate, lead) {
            Ok(()) => true,
            Err(cause) => {
                in_the_way.get_or_insert(cause);
                false
            }
        });
        let nobody = || in_the_way.map_or(Error::Internal("there is nobody to deal to".to_owned()), Error::Ineligible);
        can.and_then(|at| self.turns.remove(at)).ok_or_else(nobody)
    }

    /// Whoever has a lead may keep it.
    fn may_take(&self, candidate: &Candidate, lead: &Lead) -> Result<(), Ineligible> {
        if lead.assignee_id == Some(candidate.user_id()) { Ok(()) } else { candidate.may_take(lead, self.settings) }
    }

    fn takes_from_previous(&mut self, lead: &Lead) {
        let previous = lead.assignee_id.filter(|_| lead.state == LeadState::Active);
        let candidate = self.turns.iter_mut().find(|candidate| Some(candidate.user_id()) == previous);
        if let Some(candidate) = candidate {
            candidate.loses();
        }
    }
}

fn no_such_user(at: usize) -> Violation {
    Violation { field: format!("assignee_ids[{at}]"), description: "no such user".to_owned() }
}
