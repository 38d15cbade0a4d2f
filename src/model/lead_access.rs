//! Access to one lead, and the ways in which a user reaches it.

use super::{Time, ids::UserId, permission::Action, words};

/// Why a row of the access list is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccessKind {
    /// Granted by hand.
    Granted,
    /// Kept after a reassignment.
    Retained,
    /// Revoked by hand: takes what a level would still give.
    Blocked,
}

words!(AccessKind { Granted = "GRANTED", Retained = "RETAINED", Blocked = "BLOCKED" });

/// What a grant gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GrantMode {
    /// Every action held at INDIVIDUAL or above.
    Full,
    /// VIEW.
    ViewOnly,
}

words!(GrantMode { Full = "FULL", ViewOnly = "VIEW_ONLY" });

/// One user's grant, retained access or block on one lead; there is one of them at most.
#[derive(Clone, PartialEq, Debug)]
pub struct AccessRow {
    /// Whose.
    pub user_id: UserId,
    /// Why it is there.
    pub kind: AccessKind,
    /// What it gives; nothing where it blocks.
    pub mode: GrantMode,
    /// When it ends.
    pub expire_time: Option<Time>,
    /// Who gave it.
    pub given_by: UserId,
    /// When it was given.
    pub give_time: Time,
}

impl AccessRow {
    /// Whether it is in force.
    pub fn holds_at(&self, now: Time) -> bool {
        self.expire_time.is_none_or(|end| end > now)
    }
}

/// A way in which a user reaches a lead (domain contract, section 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// It is assigned to them.
    Assigned,
    /// Granted by hand.
    Granted,
    /// Kept after a reassignment.
    Retained,
    /// Its group is one that a GROUPS level reaches.
    Group,
    /// It has no assignee, and a level includes such leads.
    Unassigned,
    /// A COMPLETE level.
    Complete,
    /// They are an administrator.
    Administrator,
}

words!(Way {
    Assigned = "ASSIGNED",
    Granted = "GRANTED",
    Retained = "RETAINED",
    Group = "GROUP",
    Unassigned = "UNASSIGNED",
    Complete = "COMPLETE",
    Administrator = "ADMINISTRATOR",
});

/// One way, with what it gives.
#[derive(Clone, PartialEq, Debug)]
pub struct Path {
    /// Which way.
    pub way: Way,
    /// What the user may do by it.
    pub actions: Vec<Action>,
    /// For grants: what they give.
    pub mode: Option<GrantMode>,
    /// Who gave it, and when; none for levels.
    pub given: Option<(UserId, Time)>,
    /// When it ends.
    pub expire_time: Option<Time>,
}

/// A user who reaches a lead.
#[derive(Clone, PartialEq, Debug)]
pub struct Access {
    /// Who.
    pub user_id: UserId,
    /// Their name.
    pub user_name: String,
    /// Every way.
    pub paths: Vec<Path>,
}
