//! Money that a person deposited.

use super::{Time, ids::LeadId, money::Money};

/// A deposit, never changed.
#[derive(Clone, PartialEq, Debug)]
pub struct Deposit {
    /// Of which lead.
    pub lead_id: LeadId,
    /// The payment system's key of the payment; unique among the lead's deposits.
    pub payment_id: String,
    /// How much.
    pub amount: Money,
    /// When it was made.
    pub deposit_time: Time,
    /// When it was recorded.
    pub create_time: Time,
}

/// A deposit to record.
#[derive(Clone, Debug)]
pub struct NewDeposit {
    /// The payment system's key of the payment.
    pub payment_id: String,
    /// How much.
    pub amount: Money,
    /// When it was made; none: when it is recorded.
    pub deposit_time: Option<Time>,
}
