//! From a profile, a user's own settings and their groups to what they may do in the end (domain contract, section 2).

use std::{collections::BTreeSet, time::Duration};

use uuid::Uuid;

use crate::model::{
    ids::{GroupId, UserId},
    permission::{Action, Capability, OrderVisibility, PerAction, Permission, Profile, Role},
    user::{Desk, UserState},
};

/// What is known of a user, as stored.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Who.
    pub user_id: UserId,
    /// Their name.
    pub name: String,
    /// Whether they may call at all.
    pub state: UserState,
    /// Which leads they take.
    pub desk: Option<Desk>,
    /// Their defaults.
    pub profile: Profile,
    /// Their own settings; none: same as profile.
    pub overrides: PerAction<Option<Permission>>,
    /// Whose member they are.
    pub groups: BTreeSet<GroupId>,
    /// Moves with every change of the overrides.
    pub permissions_version: i64,
    /// Moves with every change of what they may do that is not everyone's.
    pub rights_version: i64,
}

/// The leads that one action reaches, besides those granted or blocked one by one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reach {
    /// None at all.
    None,
    /// Those assigned or granted to the user.
    Individual {
        /// And those without an assignee.
        unassigned: bool,
    },
    /// INDIVIDUAL, and those in these groups.
    Groups {
        /// Named ones and memberships together.
        groups: BTreeSet<GroupId>,
        /// And those without an assignee.
        unassigned: bool,
    },
    /// Every lead.
    Complete,
}

impl Reach {
    fn of(permission: &Permission, memberships: &BTreeSet<GroupId>) -> Self {
        match permission {
            Permission::None => Self::None,
            Permission::Individual { include_unassigned } => Self::Individual { unassigned: *include_unassigned },
            Permission::Groups { named, include_member_groups, include_unassigned } => {
                let mut groups = named.clone();
                if *include_member_groups {
                    groups.extend(memberships);
                }
                Self::Groups { groups, unassigned: *include_unassigned }
            }
            Permission::Complete => Self::Complete,
        }
    }

    /// The groups reached by level.
    pub fn groups(&self) -> Option<&BTreeSet<GroupId>> {
        match self {
            Self::Groups { groups, .. } => Some(groups),
            Self::None | Self::Individual { .. } | Self::Complete => None,
        }
    }

    /// Whether leads without an assignee are reached as a pool.
    pub fn pool(&self) -> bool {
        match self {
            Self::Individual { unassigned } | Self::Groups { unassigned, .. } => *unassigned,
            Self::None | Self::Complete => false,
        }
    }

    /// What this and the other reach together.
    pub fn with(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Complete, _) | (_, Self::Complete) => Self::Complete,
            (Self::None, one) | (one, Self::None) => one.clone(),
            (Self::Individual { .. }, Self::Individual { .. }) => {
                Self::Individual { unassigned: self.pool() || other.pool() }
            }
            (Self::Individual { .. } | Self::Groups { .. }, Self::Individual { .. } | Self::Groups { .. }) => {
                let groups = [self, other].into_iter().filter_map(Self::groups).flatten().copied().collect();
                Self::Groups { groups, unassigned: self.pool() || other.pool() }
            }
        }
    }

    /// Whether whoever holds this also holds all of the other: what the no-escalation rule asks.
    pub fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Complete, _) | (_, Self::None) => true,
            (Self::None, _) | (_, Self::Complete) => false,
            (Self::Individual { .. }, Self::Groups { .. }) => false,
            (Self::Individual { unassigned: mine }, Self::Individual { unassigned: theirs }) => *mine || !theirs,
            (Self::Groups { unassigned: mine, .. }, Self::Individual { unassigned: theirs }) => *mine || !theirs,
            (
                Self::Groups { groups: mine, unassigned: my_pool },
                Self::Groups { groups: theirs, unassigned: their_pool },
            ) => theirs.is_subset(mine) && (*my_pool || !their_pool),
        }
    }
}

/// Where an effective level comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The profile.
    Profile,
    /// The user's own setting.
    User,
    /// The administrator role.
    Administrator,
}

/// One action's level in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Effective {
    /// What it reaches.
    pub reach: Reach,
    /// Where it comes from.
    pub origin: Origin,
}

/// What a user may do in the end.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Who.
    pub user_id: UserId,
    /// Whether they may call at all.
    pub state: UserState,
    /// Their role.
    pub role: Role,
    /// Each action's level in force.
    pub permissions: PerAction<Effective>,
    /// What they hold.
    pub capabilities: BTreeSet<Capability>,
    /// Which orders they see of the leads that they may view.
    pub order_visibility: OrderVisibility,
    resolved_grace: Option<Duration>,
}

impl Principal {
    /// Puts profile, own settings and memberships together. An administrator holds everything, whatever the settings say.
    pub fn resolve(facts: &Facts) -> Self {
        let profile = &facts.profile;
        let administrator = profile.role == Role::Administrator;
        let permissions = PerAction::from_fn(|action| {
            if administrator {
                return Effective { reach: Reach::Complete, origin: Origin::Administrator };
            }
            let (permission, origin) = match facts.overrides.get(action) {
                Some(own) => (own, Origin::User),
                None => (profile.permissions.get(action), Origin::Profile),
            };
            Effective { reach: Reach::of(permission, &facts.groups), origin }
        });
        let capabilities =
            if administrator { Capability::ALL.iter().copied().collect() } else { profile.capabilities.clone() };
        Self {
            user_id: facts.user_id,
            state: facts.state,
            role: profile.role,
            permissions,
            capabilities,
            order_visibility: if administrator { OrderVisibility::All } else { profile.order_visibility },
            resolved_grace: if administrator { None } else { profile.resolved_grace },
        }
    }

    /// The service itself, which reaches everything.
    pub(super) fn service() -> Self {
        Self {
            user_id: Uuid::nil().into(),
            state: UserState::Active,
            role: Role::Administrator,
            permissions: PerAction::from_fn(|_| Effective { reach: Reach::Complete, origin: Origin::Administrator }),
            capabilities: BTreeSet::new(),
            order_visibility: OrderVisibility::All,
            resolved_grace: None,
        }
    }

    /// Somebody who may view this, and do nothing else.
    pub(super) fn viewing(user_id: UserId, reach: Reach, administrator: bool, grace: Option<Duration>) -> Self {
        let origin = Origin::Profile;
        let reach = |action| if action == Action::View { reach.clone() } else { Reach::None };
        Self {
            user_id,
            state: UserState::Active,
            role: if administrator { Role::Administrator } else { Role::Agent },
            permissions: PerAction::from_fn(|action| Effective { reach: reach(action), origin }),
            capabilities: BTreeSet::new(),
            order_visibility: OrderVisibility::All,
            resolved_grace: grace,
        }
    }

    /// What an action reaches. Nothing for a deactivated user.
    pub fn reach(&self, action: Action) -> &Reach {
        match self.state {
            UserState::Active => &self.permissions.get(action).reach,
            UserState::Deactivated => &Reach::None,
        }
    }

    /// How long they still reach an assigned lead after it was resolved; none: no limit.
    pub fn resolved_grace(&self) -> Option<Duration> {
        self.resolved_grace
    }

    /// Whether the user is an administrator.
    pub fn is_administrator(&self) -> bool {
        self.role == Role::Administrator
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leads of every sort: the user's own, in either of two groups, in the pool, and any other.
    const SORTS: [&str; 5] = ["own", "group 1", "group 2", "pool", "other"];

    fn group(n: u128) -> GroupId {
        Uuid::from_u128(n).into()
    }

    fn reaches() -> Vec<Reach> {
        let mut all = vec![Reach::None, Reach::Complete];
        for unassigned in [false, true] {
            all.push(Reach::Individual { unassigned });
            for groups in [&[][..], &[1], &[2], &[1, 2]] {
                all.push(Reach::Groups { groups: groups.iter().map(|n| group(*n)).collect(), unassigned });
            }
        }
        all
    }

    fn covered(reach: &Reach) -> BTreeSet<&'static str> {
        let in_group = |n| reach.groups().is_some_and(|groups| groups.contains(&group(n)));
        let covers = |sort: &&str| match *sort {
            _ if *reach == Reach::Complete => true,
            "own" => *reach != Reach::None,
            "group 1" => in_group(1),
            "group 2" => in_group(2),
            "pool" => reach.pool(),
            _ => false,
        };
        SORTS.into_iter().filter(covers).collect()
    }

    #[test]
    fn two_reaches_together_cover_what_either_covers() {
        for one in reaches() {
            for other in reaches() {
                let both: BTreeSet<_> = covered(&one).union(&covered(&other)).copied().collect();
                assert_eq!(covered(&one.with(&other)), both, "{one:?} with {other:?}");
            }
        }
    }

    #[test]
    fn a_reach_contains_another_where_it_covers_all_of_it_and_is_of_no_lower_level() {
        let level = |reach: &Reach| match reach {
            Reach::None => 0,
            Reach::Individual { .. } => 1,
            Reach::Groups { .. } => 2,
            Reach::Complete => 3,
        };
        for one in reaches() {
            for other in reaches() {
                let contains = covered(&other).is_subset(&covered(&one)) && level(&one) >= level(&other);
                assert_eq!(one.contains(&other), contains, "{one:?} contains {other:?}");
            }
        }
    }
}
