//! Orders of leads (domain contract, sections 6 and 7). For whoever doesn't reach the lead, or doesn't see orders in its
//! status, an order isn't there.

use super::{Error, Resource, Result, etag, leads};
use crate::{
    access::{
        Caller,
        scope::{Edit, View},
    },
    model::{
        history::{Change, HistoryKind},
        ids::OrderId,
        lead::{Lead, LeadState},
        order::{NewOrder, Order, OrderFilter, OrderStatus},
        page::{Page, Paged},
        permission::OrderVisibility,
    },
    store::{
        self, Store, Tx,
        history::{self, Happening},
        leads::Locked,
        orders, principals, settings,
    },
};

const NOT_FOUND: Error = Error::NotFound(Resource::Order);

/// What a change of an order left behind.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The order; none where the caller doesn't see it as it is now.
    pub order: Option<Order>,
    /// Whether its lead was resolved by it.
    pub lead_resolved: bool,
}

/// One order of a lead that the caller may view.
///
/// # Errors
/// RESOURCE_NOT_FOUND.
pub async fn get(store: &Store, caller: &Caller, id: OrderId) -> Result<Order> {
    let found = orders::get(store, &caller.scope::<View>(), caller.order_visibility, id).await?;
    found.ok_or(NOT_FOUND)
}

/// A page of the orders of leads that the caller may view.
///
/// # Errors
/// The database's.
pub async fn list(store: &Store, caller: &Caller, filter: &OrderFilter, page: &Page) -> Result<Paged<Order>> {
    Ok(orders::list(store, &caller.scope::<View>(), caller.order_visibility, filter, page).await?)
}

/// Records an order of a lead.
///
/// # Errors
/// INVALID_ARGUMENT, LEAD_NOT_FOUND, ACTION_NOT_PERMITTED, DUPLICATE_RESOURCE.
pub async fn create(tx: &Tx, caller: &Caller, new: &NewOrder) -> Result<Outcome> {
    leads::not_ahead(tx, "order.place_time", new.place_time)?;
    let lead = leads::lock::<Edit>(tx, caller, new.lead_id, None).await?;
    let NewOrder { lead_id, number, status, amount, place_time, items } = new.clone();
    let order = Order {
        id: OrderId::at(tx.now()),
        lead_id,
        number,
        status,
        amount,
        place_time: place_time.unwrap_or(tx.now()),
        items,
        created_by: caller.id(),
        create_time: tx.now(),
        update_time: tx.now(),
        version: 1,
    };
    orders::insert(tx, &lead, &order).await.map_err(number_taken)?;
    follow(tx, caller, &lead, None, order).await
}

/// Moves an order on. The status that it has changes nothing.
///
/// # Errors
/// RESOURCE_NOT_FOUND, ACTION_NOT_PERMITTED, STALE_ETAG, ORDER_STATUS.
pub async fn update_status(
    tx: &Tx,
    caller: &Caller,
    id: OrderId,
    status: OrderStatus,
    etag: Option<&str>,
) -> Result<Outcome> {
    let lead = lock(tx, caller, id).await?;
    let before = orders::of_locked(tx, &lead, caller.order_visibility, id).await?.ok_or(NOT_FOUND)?;
    etag::check(etag, before.version)?;
    if status == before.status {
        return Ok(Outcome { order: Some(before), lead_resolved: false });
    }
    if !before.status.may_become(status) {
        return Err(Error::OrderStatus(before.status));
    }
    let after = orders::set_status(tx, &lead, &before, status).await?;
    follow(tx, caller, &lead, Some(&before), after).await
}

/// Locks the lead of an order. Until it is locked the order can go, or go out of sight.
async fn lock(tx: &Tx, caller: &Caller, id: OrderId) -> Result<Locked<Edit>> {
    let (edit, view) = (caller.scope::<Edit>(), caller.scope::<View>());
    let lead = orders::lead_of(tx, &edit, &view, caller.order_visibility, id).await?.ok_or(NOT_FOUND)?;
    leads::lock::<Edit>(tx, caller, lead, None).await.map_err(|error| match error {
        Error::LeadNotFound => NOT_FOUND,
        other => other,
    })
}

/// What follows from a change of an order: its entry in the history, and maybe the end of the work on its lead.
async fn follow(
    tx: &Tx,
    caller: &Caller,
    lead: &Locked<Edit>,
    before: Option<&Order>,
    after: Order,
) -> Result<Outcome> {
    let kind = if before.is_some() { HistoryKind::OrderUpdated } else { HistoryKind::OrderCreated };
    let change = Change::of(format!("order.{}", after.number), before.map(told), Some(told(&after)));
    let happening = Happening::of(lead.lead().id, kind, change.into_iter().collect());
    history::append(tx, caller.actor(), vec![happening]).await?;

    let lead_resolved = after.status == OrderStatus::Completed && is_a_sale(tx, lead.lead()).await?;
    if lead_resolved {
        leads::resolve_by_sale(tx, caller, lead).await?;
    }
    Ok(Outcome { order: Some(after).filter(|order| sees(caller, order)), lead_resolved })
}

fn told(order: &Order) -> String {
    format!("{} {}", order.status.word(), order.amount)
}

/// Whether a completed order ends the work on a lead: that of an agent for partial orders, unless the settings say no.
async fn is_a_sale(tx: &Tx, lead: &Lead) -> Result<bool> {
    let Some(assignee) = lead.assignee_id.filter(|_| lead.state == LeadState::Active) else { return Ok(false) };
    if !settings::get(tx).await?.resolve_on_completed_order {
        return Ok(false);
    }
    let facts = principals::facts(tx, assignee).await?;
    Ok(facts.is_some_and(|facts| facts.profile.assign_partial_orders_only))
}

fn sees(caller: &Caller, order: &Order) -> bool {
    match caller.order_visibility {
        OrderVisibility::All => true,
        OrderVisibility::PartialOnly => order.status == OrderStatus::Partial,
    }
}

fn number_taken(error: store::Error) -> Error {
    match error {
        store::Error::Unique(_) => Error::DuplicateResource { resource: Resource::Order, field: "number" },
        other => other.into(),
    }
}
