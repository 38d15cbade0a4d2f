//! What happened to a lead.

use std::time::Duration;

use super::{
    Time,
    distribution::Decision,
    ids::{HistoryId, LeadId, UserId},
    words,
};

/// What kind of change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HistoryKind {
    /// Made.
    Created,
    /// Fields changed.
    Updated,
    /// Set aside.
    Discarded,
    /// Brought back.
    Retrieved,
    /// Ended.
    Resolved,
    /// Made active again.
    Reopened,
    /// Given to a user.
    Assigned,
    /// Taken from its assignee.
    Unassigned,
    /// Access granted by hand.
    AccessGranted,
    /// Access taken by hand.
    AccessRevoked,
    /// Registered, having been a lead before.
    Registered,
    /// A deposit was recorded.
    Deposited,
    /// An order was made.
    OrderCreated,
    /// An order moved on.
    OrderUpdated,
    /// A call with the person.
    Call,
    /// An e-mail to or from the person.
    Email,
    /// A note.
    Note,
}

words!(HistoryKind {
    Created = "CREATED",
    Updated = "UPDATED",
    Discarded = "DISCARDED",
    Retrieved = "RETRIEVED",
    Resolved = "RESOLVED",
    Reopened = "REOPENED",
    Assigned = "ASSIGNED",
    Unassigned = "UNASSIGNED",
    AccessGranted = "ACCESS_GRANTED",
    AccessRevoked = "ACCESS_REVOKED",
    Registered = "REGISTERED",
    Deposited = "DEPOSITED",
    OrderCreated = "ORDER_CREATED",
    OrderUpdated = "ORDER_UPDATED",
    Call = "CALL",
    Email = "EMAIL",
    Note = "NOTE",
});

impl HistoryKind {
    /// What is told of orders.
    pub const OF_ORDERS: &[Self] = &[Self::OrderCreated, Self::OrderUpdated];
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallOutcome {
    /// The person was reached.
    Reached,
    /// Nobody answered.
    NoAnswer,
    /// The line was busy.
    Busy,
    /// A message was left.
    Voicemail,
    /// The number is not the person's.
    WrongNumber,
    /// The person asked to be called another time.
    CallBack,
}

words!(CallOutcome {
    Reached = "REACHED",
    NoAnswer = "NO_ANSWER",
    Busy = "BUSY",
    Voicemail = "VOICEMAIL",
    WrongNumber = "WRONG_NUMBER",
    CallBack = "CALL_BACK",
});

/// What an agent did about a lead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Activity {
    /// What was said.
    pub text: String,
    /// How the call ended; none: it was no call.
    pub call_outcome: Option<CallOutcome>,
    /// How long the call took.
    pub call_duration: Option<Duration>,
    /// When it happened; none: when it is appended.
    pub happen_time: Option<Time>,
}

/// One field's change.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Change {
    /// The field's name.
    pub field: String,
    /// Its value before.
    pub before: Option<String>,
    /// Its value after.
    pub after: Option<String>,
}

impl Change {
    /// The change of a field, if it is one.
    pub fn of(field: impl Into<String>, before: Option<String>, after: Option<String>) -> Option<Self> {
        (before != after).then(|| Self { field: field.into(), before, after })
    }
}

/// One entry, never edited.
#[derive(Clone, PartialEq, Debug)]
pub struct HistoryEntry {
    /// Its identity; sorts by time.
    pub id: HistoryId,
    /// Of which lead.
    pub lead_id: LeadId,
    /// What kind.
    pub kind: HistoryKind,
    /// When.
    pub time: Time,
    /// Who did it.
    pub actor_id: UserId,
    /// The user whose rights counted, where that was another.
    pub on_behalf_of: Option<UserId>,
    /// What changed.
    pub changes: Vec<Change>,
    /// What was done, where that changed nothing.
    pub activity: Option<Activity>,
    /// Why the lead went to whom it went, where rules decided that.
    pub decision: Option<Decision>,
}
