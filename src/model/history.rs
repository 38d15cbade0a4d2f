//! What happened to a lead.

use super::{
    Time,
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
});

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
}
