//! Random calls: how they are made up and shrunk.

use leadward::proto::{LeadHistoryKind, OrderStatus};
use proptest::{
    collection::vec,
    option,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
};

use crate::support::BatchKind;

/// How many leads there can be at once. The person at each place has one platform ID, whichever lead it is.
pub const PLACES: usize = 4;

/// Who calls, by their places in the list of callers.
pub const ADMIN: usize = 0;
pub const AGENT: usize = 1;

pub const CAMPAIGNS: [&str; 2] = ["spring", "autumn"];
pub const STAGES: [&str; 3] = ["New", "Contacted", "Callback"];

/// One call.
#[derive(Clone, Debug)]
pub struct Step {
    pub caller: usize,
    pub place: usize,
    pub etag: Etag,
    /// Whether it has a request ID.
    pub keyed: bool,
    pub act: Act,
}

/// What the call says of the lead's etag, or the order's, if it takes one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Etag {
    None,
    Current,
    Stale,
}

/// Campaigns, stages, payments, amounts and orders are meant by their places or numbers.
#[derive(Clone, Debug)]
pub enum Act {
    Create,
    Register,
    Update {
        campaign: Option<usize>,
        stage: Option<usize>,
    },
    Discard,
    Retrieve,
    Resolve,
    Reopen,
    Assign {
        to: usize,
    },
    Unassign,
    Deposit {
        payment: usize,
        amount: usize,
    },
    Append {
        kind: LeadHistoryKind,
        text: &'static str,
    },
    CreateOrder {
        number: usize,
        status: OrderStatus,
    },
    MoveOrder {
        number: usize,
        status: OrderStatus,
    },
    Delete,
    Batch {
        kind: BatchKind,
        places: Vec<usize>,
        all_or_nothing: bool,
        validate_only: bool,
    },
    /// An earlier request once more, as it was.
    Repeat {
        which: usize,
    },
    /// Another request under an earlier one's ID.
    Reuse {
        which: usize,
    },
}

impl Step {
    pub fn of(caller: usize, place: usize, act: Act) -> Self {
        Self { caller, place, etag: Etag::None, keyed: false, act }
    }

    /// The places that it is about.
    pub fn places(&self) -> Vec<usize> {
        match &self.act {
            Act::Batch { places, .. } => places.clone(),
            _ => vec![self.place],
        }
    }
}

/// Every choice shrinks to its first.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 30..100)
}

fn step() -> impl Strategy<Value = Step> {
    let caller = prop_oneof![3 => Just(ADMIN), 2 => Just(AGENT)];
    let etag = prop_oneof![6 => Just(Etag::None), 3 => Just(Etag::Current), 1 => Just(Etag::Stale)];
    (caller, 0..PLACES, etag, any::<bool>(), act()).prop_map(|(caller, place, etag, keyed, act)| Step {
        caller,
        place,
        etag,
        keyed,
        act,
    })
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => Just(Act::Create),
        2 => Just(Act::Register),
        3 => (option::of(0..CAMPAIGNS.len()), option::of(0..STAGES.len()))
            .prop_map(|(campaign, stage)| Act::Update { campaign, stage }),
        3 => Just(Act::Discard),
        3 => Just(Act::Retrieve),
        3 => Just(Act::Resolve),
        3 => Just(Act::Reopen),
        4 => prop_oneof![Just(AGENT), Just(ADMIN)].prop_map(|to| Act::Assign { to }),
        2 => Just(Act::Unassign),
        3 => (0..3usize, 0..2usize).prop_map(|(payment, amount)| Act::Deposit { payment, amount }),
        2 => select(vec![LeadHistoryKind::Note, LeadHistoryKind::Email, LeadHistoryKind::Call])
            .prop_map(|kind| Act::Append { kind, text: "what was said" }),
        3 => (0..3usize, status()).prop_map(|(number, status)| Act::CreateOrder { number, status }),
        3 => (0..3usize, status()).prop_map(|(number, status)| Act::MoveOrder { number, status }),
        1 => Just(Act::Delete),
        3 => batch(),
        3 => any::<usize>().prop_map(|which| Act::Repeat { which }),
        1 => any::<usize>().prop_map(|which| Act::Reuse { which }),
    ]
}

fn status() -> impl Strategy<Value = OrderStatus> {
    select(vec![OrderStatus::Partial, OrderStatus::Completed, OrderStatus::Cancelled, OrderStatus::Refunded])
}

fn batch() -> impl Strategy<Value = Act> {
    let kind = prop_oneof![3 => Just(BatchKind::Discard), 3 => Just(BatchKind::Retrieve), 1 => Just(BatchKind::Delete)];
    // One can be there twice.
    (kind, vec(0..PLACES, 1..4), any::<bool>(), any::<bool>()).prop_map(
        |(kind, places, all_or_nothing, validate_only)| Act::Batch { kind, places, all_or_nothing, validate_only },
    )
}
