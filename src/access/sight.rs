//! What a watcher was able to view, small enough to be handed to them sealed and taken back later: the VIEW level as it was in
//! force, without what is asked of the database for each lead.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    policy::{Principal, Reach},
    rule::Situation,
};
use crate::model::{
    ids::{GroupId, UserId},
    permission::Action,
};

/// The VIEW level of a user at some moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sight {
    level: Level,
    groups: BTreeSet<String>,
    pool: bool,
    /// In microseconds.
    grace: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Level {
    None,
    Individual,
    Groups,
    Complete,
    Administrator,
}

impl Sight {
    /// What a user may view now.
    pub fn of(principal: &Principal) -> Self {
        let reach = principal.reach(Action::View);
        let level = match reach {
            Reach::None => Level::None,
            Reach::Individual { .. } => Level::Individual,
            Reach::Groups { .. } => Level::Groups,
            Reach::Complete if principal.is_administrator() => Level::Administrator,
            Reach::Complete => Level::Complete,
        };
        let groups = reach.groups().into_iter().flatten().map(GroupId::to_string).collect();
        // Where every lead is in sight, an end of the work takes none out of it.
        let graced = matches!(reach, Reach::Individual { .. } | Reach::Groups { .. });
        let grace = principal
            .resolved_grace()
            .filter(|_| graced)
            .map(|grace| u64::try_from(grace.as_micros()).unwrap_or(u64::MAX));
        Self { level, groups, pool: reach.pool(), grace }
    }

    /// A user who may view just this, and do nothing.
    pub fn principal(&self, user_id: UserId) -> Arc<Principal> {
        let reach = match self.level {
            Level::None => Reach::None,
            Level::Individual => Reach::Individual { unassigned: self.pool },
            Level::Groups => {
                let groups = self.groups.iter().filter_map(|group| group.parse().ok()).collect();
                Reach::Groups { groups, unassigned: self.pool }
            }
            Level::Complete | Level::Administrator => Reach::Complete,
        };
        let grace = self.grace.map(Duration::from_micros);
        Arc::new(Principal::viewing(user_id, reach, self.level == Level::Administrator, grace))
    }
}

impl Principal {
    /// Whether the user may view a lead.
    pub fn views(&self, at: &Situation<'_>) -> bool {
        self.clauses(Action::View).iter().any(|clause| clause.reaches(at))
    }
}
