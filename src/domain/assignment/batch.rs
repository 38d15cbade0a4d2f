//! Many leads for one user, or dealt out to several in turn.

use std::collections::HashMap;

use super::{
    assignable,
    dealer::{Dealer, Turn},
    handover::{Handover, Previous, hand_over},
};
use crate::{
    access::{
        Caller,
        scope::{Assign, View},
    },
    domain::{Error, Resource, Result, batches::covered, etag},
    model::{
        assignment::Held,
        ids::{BatchId, LeadId, OrderId, UserId},
        permission::{Capability, RevocationPolicy},
    },
    store::{
        Tx,
        leads::{self, Locked},
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
    let mut turns = HashMap::new();
    let dealt = ids.iter().map(|id| {
        let lead = covered(reached.get(id))?;
        assignable(lead.lead())?;
        if let Some(to) = turns.get(id) {
            // Asked for twice, it is theirs by then.
            return Ok(Card { lead, turn: Turn { to: *to, changes: false } });
        }
        let turn = dealer.deal(&Held::of(lead.lead())).map_err(Error::Ineligible)?;
        turns.insert(*id, turn.to);
        Ok(Card { lead, turn })
    });
    let mut dealt: Vec<Result<Card<'_>>> = dealt.collect();
    if deal.all_or_nothing && (others_refused || dealt.iter().any(Result::is_err)) {
        for card in dealt.iter_mut().filter(|dealt| dealt.is_ok()) {
            *card = Err(Error::BatchRefused);
        }
    }
    let any = dealt.iter().flatten().any(|card| card.turn.changes);
    let batch = any.then(|| BatchId::at(tx.now()));
    let policy = deal.policy.unwrap_or_else(|| settings.revocation_policy());
    Ok(Batch { id: batch, outcomes: hand_out(tx, caller, ids.iter().copied().zip(dealt), policy, batch).await? })
}

/// A lead and to whom it was dealt.
pub(super) struct Card<'a> {
    pub(super) lead: &'a Locked<Assign>,
    pub(super) turn: Turn,
}

/// Hands leads over as they were dealt, and says what became of each.
pub(super) async fn hand_out(
    tx: &Tx,
    caller: &Caller,
    dealt: impl Iterator<Item = (LeadId, Result<Card<'_>>)>,
    policy: RevocationPolicy,
    batch: Option<BatchId>,
) -> Result<Vec<Outcome>> {
    let dealt: Vec<(LeadId, Result<Card<'_>>)> = dealt.collect();
    let cards = dealt.iter().filter_map(|(_, dealt)| dealt.as_ref().ok());
    let handovers = cards.filter(|card| card.turn.changes);
    let handovers = handovers.map(|card| Handover { lead: card.lead, to: Some(card.turn.to), why: None });
    let mut done = hand_over(tx, caller.actor(), &handovers.collect::<Vec<_>>(), policy, batch).await?;
    let outcome = |(lead_id, dealt): (LeadId, Result<Card<'_>>)| {
        let told = dealt.map(|Card { lead, turn }| {
            let done = done.get_mut(&lead_id);
            let version = done.as_ref().map_or(lead.lead().version, |done| done.after.version);
            // Asked for twice, it is told once.
            let previous = done.and_then(|done| done.previous.take());
            Dealt { assignee_id: turn.to, changed: turn.changes, previous, etag: etag::of(version) }
        });
        Outcome { lead_id, done: told }
    };
    Ok(dealt.into_iter().map(outcome).collect())
}
