//! Orders.

use super::{Faults, money, timestamp};
use crate::{
    domain::etag,
    model::order::{NewOrder, Order, OrderFilter, OrderStatus},
    proto,
};

/// An order as sent.
pub(in crate::rpc) fn order(order: Order) -> proto::Order {
    let Order {
        id,
        lead_id,
        number,
        status: stands,
        amount,
        place_time,
        items,
        created_by,
        create_time,
        update_time,
        version,
    } = order;
    proto::Order {
        id: id.to_string(),
        lead_id: lead_id.to_string(),
        number,
        status: status(stands).into(),
        amount: Some(money(amount)),
        place_time: Some(timestamp(place_time)),
        items: items.unwrap_or_default(),
        created_by: created_by.to_string(),
        create_time: Some(timestamp(create_time)),
        update_time: Some(timestamp(update_time)),
        etag: etag::of(version),
    }
}

pub(super) fn status(status: OrderStatus) -> proto::OrderStatus {
    match status {
        OrderStatus::Partial => proto::OrderStatus::Partial,
        OrderStatus::Completed => proto::OrderStatus::Completed,
        OrderStatus::Cancelled => proto::OrderStatus::Cancelled,
        OrderStatus::Refunded => proto::OrderStatus::Refunded,
    }
}

impl Faults {
    /// An order to record.
    pub fn new_order(&mut self, given: proto::Order) -> Option<NewOrder> {
        // Output-only fields are ignored, and so listed: a new field must be put on one side or the other.
        let proto::Order {
            lead_id,
            number,
            status,
            amount,
            place_time,
            items,
            id: _,
            created_by: _,
            create_time: _,
            update_time: _,
            etag: _,
        } = given;
        let lead_id = self.id("order.lead_id", &lead_id);
        let number = self.name("order.number", Some(&number), 64);
        let status = self.order_status("order.status", status);
        let amount = self.money("order.amount", amount);
        if amount.is_some_and(|amount| amount.is_negative()) {
            self.add("order.amount", "is negative");
        }
        let place_time = self.time("order.place_time", place_time);
        let items = self.line("order.items", &items, 1000).filter(|items| !items.is_empty());
        Some(NewOrder { lead_id: lead_id?, number: number?, status: status?, amount: amount?, place_time, items })
    }

    /// A status that must be given.
    pub fn order_status(&mut self, field: impl Into<String>, given: i32) -> Option<OrderStatus> {
        let known = OrderStatus::ALL.iter().copied().find(|known| i32::from(status(*known)) == given);
        self.some(field, if given == 0 { "is required" } else { "is not a status" }, known)
    }

    /// Which orders a list asks for.
    pub fn order_filter(&mut self, given: &proto::ListOrdersRequest) -> OrderFilter {
        let lead_ids = if given.lead_ids.is_empty() { None } else { self.ids("lead_ids", &given.lead_ids) };
        let statuses = given.statuses.iter().enumerate();
        let statuses = statuses.filter_map(|(at, status)| self.order_status(format!("statuses[{at}]"), *status));
        let mut statuses: Vec<OrderStatus> = statuses.collect();
        statuses.sort_unstable();
        statuses.dedup();
        OrderFilter { lead_ids: lead_ids.unwrap_or_default(), statuses, most_recent_only: given.most_recent_only }
    }
}
