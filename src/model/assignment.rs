//! What assignments replace.

use super::{
    Time,
    ids::{BatchId, EntryId, HistoryId, LeadId, UserId},
    lead::{Lead, LeadKind, LeadState},
    lead_access::AccessRow,
    user::Actor,
};

/// What is looked at of a lead before it is given to anybody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    /// Which.
    pub id: LeadId,
    /// How far the person has come.
    pub kind: LeadKind,
    /// Whether it is worked.
    pub state: LeadState,
    /// Whose it is.
    pub assignee_id: Option<UserId>,
    /// Its version.
    pub version: i64,
}

impl Held {
    /// Of a lead.
    pub fn of(lead: &Lead) -> Self {
        let Lead { id, state, assignee_id, version, .. } = *lead;
        Self { id, kind: lead.kind(), state, assignee_id, version }
    }
}

/// One lead of a batch of assignments that hasn't been undone.
#[derive(Clone, PartialEq, Debug)]
pub struct Undoable {
    /// What its history says of it; sorts in the order of the batch.
    pub entry: HistoryId,
    /// Which lead.
    pub lead_id: LeadId,
    /// What the assignment wrote over.
    pub replaced: Replaced,
}

/// What a lead was, and what it became.
#[derive(Clone, PartialEq, Debug)]
pub struct Replaced {
    /// The lead's version after the assignment.
    pub version: i64,
    /// What the assignment wrote over.
    pub before: Worked,
    /// To whom the lead went, and when.
    pub to: Option<(UserId, Time)>,
    /// The rows that its access list had of those who lost it or got it, and has now.
    pub access: Vec<ReplacedRow>,
}

/// Who works a lead, and how far.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Worked {
    /// The assignee.
    pub assignee_id: Option<UserId>,
    /// Who assigned it, and when.
    pub assigned: Option<(UserId, Time)>,
    /// How and when the work ended, where it has.
    pub resolved: Option<(EntryId, Time)>,
}

/// One user's row of an access list, which may be the same before and after.
#[derive(Clone, PartialEq, Debug)]
pub struct ReplacedRow {
    /// Whose.
    pub user_id: UserId,
    /// The row that was there.
    pub before: Option<AccessRow>,
    /// The row that was put there.
    pub after: Option<AccessRow>,
}

/// That the leads of a batch go back to whoever had them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Return {
    /// Which leads.
    pub batch_id: BatchId,
    /// Who has ordered it.
    pub actor: Actor,
    /// When they go back.
    pub return_time: Time,
}
