//! What leads order.

use super::{
    Time,
    ids::{LeadId, OrderId, UserId},
    money::Money,
    words,
};

/// Where an order stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum OrderStatus {
    /// Begun and not finished.
    Partial,
    /// Paid.
    Completed,
    /// Called off.
    Cancelled,
    /// Paid back.
    Refunded,
}

words!(OrderStatus {
    Partial = "PARTIAL",
    Completed = "COMPLETED",
    Cancelled = "CANCELLED",
    Refunded = "REFUNDED",
});

impl OrderStatus {
    /// Whether an order can go from here to there.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Partial => matches!(next, Self::Completed | Self::Cancelled),
            Self::Completed => matches!(next, Self::Refunded | Self::Cancelled),
            Self::Cancelled | Self::Refunded => false,
        }
    }
}

/// An order of a lead.
#[derive(Clone, PartialEq, Debug)]
pub struct Order {
    /// Its identity; sorts by creation.
    pub id: OrderId,
    /// Whose it is.
    pub lead_id: LeadId,
    /// The shop's number, unique among the lead's orders.
    pub number: String,
    /// Where it stands.
    pub status: OrderStatus,
    /// What it comes to; never negative.
    pub amount: Money,
    /// When it was placed.
    pub place_time: Time,
    /// What was ordered, in short.
    pub items: Option<String>,
    /// Who created it.
    pub created_by: UserId,
    /// When it was created.
    pub create_time: Time,
    /// When it was last changed.
    pub update_time: Time,
    /// Moves with every change.
    pub version: i64,
}

/// An order to record.
#[derive(Clone, PartialEq, Debug)]
pub struct NewOrder {
    /// Whose it is.
    pub lead_id: LeadId,
    /// The shop's number.
    pub number: String,
    /// Where it stands.
    pub status: OrderStatus,
    /// What it comes to.
    pub amount: Money,
    /// When it was placed; none: now.
    pub place_time: Option<Time>,
    /// What was ordered, in short.
    pub items: Option<String>,
}

/// Which orders a list asks for.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct OrderFilter {
    /// Of these leads; none: of all.
    pub lead_ids: Vec<LeadId>,
    /// In these statuses; none: in any.
    pub statuses: Vec<OrderStatus>,
    /// Only each lead's most recent one, if that passes.
    pub most_recent_only: bool,
}
