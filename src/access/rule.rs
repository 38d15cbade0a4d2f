//! The decision itself: the ways in which an action reaches leads (domain contract, sections 2, 5 and 6). `store::visible`
//! reads it as SQL and enforces it; [`paths`](super::paths) and [`explain`](super::explain) read it for one lead and tell of it.

use std::{collections::BTreeSet, time::Duration};

use super::policy::{Principal, Reach};
use crate::model::{
    Time,
    ids::{GroupId, UserId},
    lead::{Lead, LeadState},
    lead_access::{AccessKind, AccessRow, GrantMode, Way},
    permission::Action,
};

/// One way in which an action reaches leads. It reaches those that pass all of its tests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clause<'a> {
    /// Which way; what was given one by one is [`Way::Granted`], retained or not.
    pub way: Way,
    /// All of them must pass.
    pub tests: Vec<Test<'a>>,
}

/// A test of a lead, and of the user's row of its access list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Test<'a> {
    /// The lead is assigned to the user.
    Assigned,
    /// The lead is not resolved, or was resolved less than this ago.
    WithinGrace(Duration),
    /// The row gives the lead, and has not ended.
    Given {
        /// Not if it gives VIEW alone.
        in_full: bool,
    },
    /// The lead is in one of these groups. No groups: no lead.
    InGroups(&'a BTreeSet<GroupId>),
    /// The lead has no assignee.
    Unassigned,
    /// The row is no block.
    NotBlocked,
}

impl Principal {
    /// The ways in which an action reaches leads; any of them suffices. None at all where the level is NONE.
    pub fn clauses(&self, action: Action) -> Vec<Clause<'_>> {
        let reach = self.reach(action);
        if *reach == Reach::None {
            return Vec::new();
        }
        let mut clauses = vec![self.assigned(), given(action)];
        if self.is_administrator() {
            clauses.push(Clause { way: Way::Administrator, tests: Vec::new() });
            return clauses;
        }
        clauses.extend(reach.groups().map(|groups| by_level(Way::Group, Some(Test::InGroups(groups)))));
        clauses.extend(reach.pool().then(|| by_level(Way::Unassigned, Some(Test::Unassigned))));
        clauses.extend((*reach == Reach::Complete).then(|| by_level(Way::Complete, None)));
        clauses
    }

    fn assigned(&self) -> Clause<'_> {
        let grace = self.resolved_grace().map(Test::WithinGrace);
        Clause { way: Way::Assigned, tests: [Test::Assigned].into_iter().chain(grace).collect() }
    }
}

/// A revocation takes what a level would give.
fn by_level<'a>(way: Way, test: Option<Test<'a>>) -> Clause<'a> {
    Clause { way, tests: test.into_iter().chain([Test::NotBlocked]).collect() }
}

fn given<'a>(action: Action) -> Clause<'a> {
    Clause { way: Way::Granted, tests: vec![Test::Given { in_full: action != Action::View }] }
}

/// What the tests look at: a lead and one user's row of its access list, at an instant.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    /// Whose.
    pub user_id: UserId,
    /// The lead's assignee.
    pub assignee_id: Option<UserId>,
    /// The lead's group.
    pub group_id: Option<GroupId>,
    /// When the lead was resolved, if it is.
    pub resolve_time: Option<Time>,
    /// The user's grant, retained access or block.
    pub row: Option<&'a AccessRow>,
    /// When.
    pub now: Time,
}

impl<'a> Situation<'a> {
    /// Of a user and a lead.
    pub fn of(user_id: UserId, lead: &Lead, row: Option<&'a AccessRow>, now: Time) -> Self {
        let resolve_time = lead.resolve_time.filter(|_| lead.state == LeadState::Resolved);
        Self { user_id, assignee_id: lead.assignee_id, group_id: lead.group_id, resolve_time, row, now }
    }
}

impl Clause<'_> {
    /// Whether this way reaches the lead.
    pub fn reaches(&self, at: &Situation<'_>) -> bool {
        self.tests.iter().all(|test| test.passes(at))
    }
}

impl Test<'_> {
    /// Whether the lead passes.
    pub fn passes(&self, at: &Situation<'_>) -> bool {
        match self {
            Self::Assigned => at.assignee_id == Some(at.user_id),
            Self::WithinGrace(grace) => at.resolve_time.is_none_or(|resolved| resolved + *grace > at.now),
            Self::Given { in_full } => at.row.is_some_and(|row| {
                row.kind != AccessKind::Blocked && row.holds_at(at.now) && (!in_full || row.mode == GrantMode::Full)
            }),
            Self::InGroups(groups) => at.group_id.is_some_and(|group| groups.contains(&group)),
            Self::Unassigned => at.assignee_id.is_none(),
            Self::NotBlocked => at.row.is_none_or(|row| row.kind != AccessKind::Blocked),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_ends_has_ended_at_its_end() {
        let user_id: UserId = Uuid::from_u128(1).into();
        let end = Time::from_timestamp_micros(10_000_000).unwrap();
        let row = AccessRow {
            user_id,
            kind: AccessKind::Granted,
            mode: GrantMode::Full,
            expire_time: Some(end),
            given_by: user_id,
            give_time: Time::default(),
        };
        let grace = Duration::from_secs(4);
        let at = |now| Situation {
            user_id,
            assignee_id: Some(user_id),
            group_id: None,
            resolve_time: Some(end - grace),
            row: Some(&row),
            now,
        };
        for test in [Test::WithinGrace(grace), Test::Given { in_full: true }] {
            assert!(test.passes(&at(end - Duration::from_micros(1))), "{test:?} an instant before");
            assert!(!test.passes(&at(end)), "{test:?} at the end");
        }
    }
}
