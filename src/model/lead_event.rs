//! What happened to a lead, as those are told who watch.

use std::collections::BTreeMap;

use super::{
    Time,
    ids::{GroupId, LeadId, UserId},
    lead::{Lead, LeadState},
    lead_access::AccessRow,
    words,
};

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeadEventKind {
    /// Made.
    Created,
    /// Fields changed.
    Changed,
    /// Set aside.
    Discarded,
    /// Brought back.
    Retrieved,
    /// Ended.
    Resolved,
    /// Taken up again.
    Reopened,
    /// Given to a user, or taken from one.
    Assigned,
    /// Erased.
    Deleted,
    /// A grant, a retained access or a block came or went.
    Access,
}

words!(LeadEventKind {
    Created = "CREATED",
    Changed = "CHANGED",
    Discarded = "DISCARDED",
    Retrieved = "RETRIEVED",
    Resolved = "RESOLVED",
    Reopened = "REOPENED",
    Assigned = "ASSIGNED",
    Deleted = "DELETED",
    Access = "ACCESS",
});

/// Something that happened to a lead, with what decided before it who reached the lead.
#[derive(Clone, PartialEq, Debug)]
pub struct LeadEvent {
    /// To which lead.
    pub lead_id: LeadId,
    /// What.
    pub kind: LeadEventKind,
    /// How the lead was placed before; none: it was not there.
    pub was: Option<Was>,
    /// The rows of its access list that changed, as they were before.
    pub rows: BTreeMap<UserId, Option<AccessRow>>,
}

/// How a lead was placed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Was {
    /// Who worked it.
    pub assignee_id: Option<UserId>,
    /// The team that it belonged to.
    pub group_id: Option<GroupId>,
    /// When it had been resolved, if it was.
    pub resolve_time: Option<Time>,
}

impl Was {
    /// How a lead is placed that is about to change.
    pub fn of(lead: &Lead) -> Self {
        Self {
            assignee_id: lead.assignee_id,
            group_id: lead.group_id,
            resolve_time: lead.resolve_time.filter(|_| lead.state == LeadState::Resolved),
        }
    }
}

/// An event that has happened.
#[derive(Clone, PartialEq, Debug)]
pub struct Happened {
    /// Its place in the order of the commits.
    pub seq: i64,
    /// When, by the database's clock.
    pub time: Time,
    /// What.
    pub event: LeadEvent,
}
