//! Why a user may or may not do an action on a lead: the decision of [`rule`](super::rule), told with its reasons.

use super::{
    paths::{path, way},
    policy::{Facts, Origin, Principal, Reach},
    rule::{Situation, Test},
};
use crate::model::{
    Time,
    ids::{GroupId, ProfileId, UserId},
    lead::{Lead, LeadState},
    lead_access::{AccessKind, AccessRow, GrantMode, Path, Way},
    permission::{Action, Permission},
    user::UserState,
};

/// The decision, with its reasons.
#[derive(Clone, PartialEq, Debug)]
pub struct Explanation {
    /// Every way that gives the action, by itself.
    pub grounds: Vec<Ground>,
    /// Every fact that withholds it, or would if other ways didn't give it.
    pub obstacles: Vec<Obstacle>,
    /// The smallest change that would turn the decision round.
    pub change: Vec<Step>,
    /// Where the action's level comes from.
    pub level: LevelSource,
}

impl Explanation {
    /// The decision.
    pub fn allowed(&self) -> bool {
        !self.grounds.is_empty()
    }
}

/// Where a level comes from.
#[derive(Clone, PartialEq, Debug)]
pub struct LevelSource {
    /// Profile, own setting, or the role.
    pub origin: Origin,
    /// The user's profile.
    pub profile_id: ProfileId,
    /// Its name.
    pub profile_name: String,
    /// What the level reaches.
    pub reach: Reach,
}

/// One way that gives an action.
#[derive(Clone, PartialEq, Debug)]
pub struct Ground {
    /// The way, with what was given by it.
    pub path: Path,
    /// With [`Way::Group`]: the lead's group.
    pub group: Option<GroupGround>,
}

/// Why a level reaches a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupGround {
    /// Which.
    pub group_id: GroupId,
    /// The permission names it.
    pub named: bool,
    /// The permission includes the user's own groups, and it is one.
    pub membership: bool,
}

/// One fact that withholds an action.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Obstacle {
    /// The user may not call at all.
    UserDeactivated,
    /// The level is NONE.
    LevelNone,
    /// The level doesn't reach the lead.
    OutsideLevel,
    /// A block, by whom and when.
    Revoked(UserId, Time),
    /// What was given has ended: by whom, when, until when.
    GrantExpired(UserId, Time, Time),
    /// What was given is VIEW alone: by whom, when.
    GrantViewOnly(UserId, Time),
    /// The lead was resolved too long ago; since when.
    GraceLapsed(Time),
}

/// One step of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Let the user call again.
    Reactivate,
    /// Set the action to INDIVIDUAL.
    RaiseToIndividual,
    /// Grant the lead.
    Grant(GrantMode),
    /// Give the lead to another, with the policy REVOKE.
    Reassign,
    /// Revoke the user's access to the lead.
    Revoke,
    /// Set the action to NONE.
    LowerToNone,
    /// Refuse the user everywhere.
    Deactivate,
}

/// Explains the decision on an action and a lead for a user, given their row of its access list.
pub fn explain(facts: &Facts, action: Action, lead: &Lead, row: Option<&AccessRow>, now: Time) -> Explanation {
    let case = Case { facts: facts.clone(), row: row.cloned(), action, lead: lead.clone(), now };
    let principal = Principal::resolve(facts);
    let effective = principal.permissions.get(action);
    Explanation {
        grounds: case.grounds(&principal),
        obstacles: case.obstacles(&principal),
        change: case.smallest_change(),
        level: LevelSource {
            origin: effective.origin,
            profile_id: facts.profile.id,
            profile_name: facts.profile.name.clone(),
            reach: effective.reach.clone(),
        },
    }
}

/// The facts that decide, as they are or as they would be after some steps.
#[derive(Clone)]
struct Case {
    facts: Facts,
    row: Option<AccessRow>,
    action: Action,
    lead: Lead,
    now: Time,
}

impl Case {
    fn situation(&self) -> Situation<'_> {
        Situation::of(self.facts.user_id, &self.lead, self.row.as_ref(), self.now)
    }

    fn allowed(&self) -> bool {
        let at = self.situation();
        Principal::resolve(&self.facts).clauses(self.action).iter().any(|clause| clause.reaches(&at))
    }

    fn grounds(&self, principal: &Principal) -> Vec<Ground> {
        let at = self.situation();
        let clauses = principal.clauses(self.action);
        let reaching = clauses.iter().filter(|clause| clause.reaches(&at));
        reaching
            .map(|clause| {
                let path = path(principal, clause, &self.lead, &at);
                let group = self.lead.group_id.filter(|_| way(clause, &at) == Way::Group);
                Ground { path, group: group.map(|group| self.group_ground(group)) }
            })
            .collect()
    }

    fn group_ground(&self, group_id: GroupId) -> GroupGround {
        let own = self.facts.overrides.get(self.action).as_ref();
        let permission = own.unwrap_or_else(|| self.facts.profile.permissions.get(self.action));
        let (named, membership) = match permission {
            Permission::Groups { named, include_member_groups, .. } => {
                (named.contains(&group_id), *include_member_groups && self.facts.groups.contains(&group_id))
            }
            Permission::None | Permission::Individual { .. } | Permission::Complete => (false, false),
        };
        GroupGround { group_id, named, membership }
    }

    fn obstacles(&self, principal: &Principal) -> Vec<Obstacle> {
        let at = self.situation();
        // What the levels say is told of the deactivated too.
        let active = Principal::resolve(&Facts { state: UserState::Active, ..self.facts.clone() });
        let none = *active.reach(self.action) == Reach::None;
        let assigned = Test::Assigned.passes(&at);
        let lapsed = active.resolved_grace().and_then(|grace| Some(at.resolve_time? + grace));
        let mut obstacles = Vec::new();
        obstacles.extend((principal.state == UserState::Deactivated).then_some(Obstacle::UserDeactivated));
        obstacles.extend(none.then_some(Obstacle::LevelNone));
        if !active.is_administrator() {
            obstacles.extend(self.row.as_ref().and_then(|row| self.withheld_by(row)));
            obstacles.extend(lapsed.filter(|end| assigned && *end <= self.now).map(Obstacle::GraceLapsed));
        }
        let unblocked = Situation { row: None, ..at.clone() };
        let clauses = active.clauses(self.action);
        let reaches = |at: &Situation<'_>| clauses.iter().any(|clause| clause.reaches(at));
        let outside = !none && !assigned && !reaches(&at) && !reaches(&unblocked);
        obstacles.extend(outside.then_some(Obstacle::OutsideLevel));
        obstacles
    }

    fn withheld_by(&self, row: &AccessRow) -> Option<Obstacle> {
        let AccessRow { user_id: _, kind, mode, expire_time, given_by, give_time } = *row;
        match (kind, mode, expire_time) {
            (AccessKind::Blocked, ..) => Some(Obstacle::Revoked(given_by, give_time)),
            (_, _, Some(end)) if end <= self.now => Some(Obstacle::GrantExpired(given_by, give_time, end)),
            (_, GrantMode::ViewOnly, _) if self.action != Action::View => {
                Some(Obstacle::GrantViewOnly(given_by, give_time))
            }
            _ => None,
        }
    }

    /// Of changes that reach this lead alone before others, and then of few steps before more, the first that turns the
    /// decision round.
    fn smallest_change(&self) -> Vec<Step> {
        use Step::{Deactivate, Grant, LowerToNone, RaiseToIndividual, Reactivate, Reassign, Revoke};
        let grant = Grant(if self.action == Action::View { GrantMode::ViewOnly } else { GrantMode::Full });
        let changes: &[&[Step]] = if self.allowed() {
            &[&[Revoke], &[Reassign], &[Reassign, Revoke], &[LowerToNone], &[Deactivate]]
        } else {
            &[
                &[grant],
                &[RaiseToIndividual],
                &[Reactivate],
                &[RaiseToIndividual, grant],
                &[Reactivate, grant],
                &[Reactivate, RaiseToIndividual],
                &[Reactivate, RaiseToIndividual, grant],
            ]
        };
        let turns_round = |steps: &&&[Step]| {
            let after = steps.iter().try_fold(self.clone(), |case, step| case.after(*step));
            after.is_some_and(|after| after.allowed() != self.allowed())
        };
        changes.iter().find(turns_round).map(|steps| steps.to_vec()).unwrap_or_default()
    }

    /// The case as it would be after a step; none where the step would be refused, or change nothing.
    fn after(mut self, step: Step) -> Option<Self> {
        let user_id = self.facts.user_id;
        let principal = Principal::resolve(&self.facts);
        let administrator = principal.is_administrator();
        let level_none = principal.permissions.get(self.action).reach == Reach::None;
        let active = self.facts.state == UserState::Active;
        let assigned = self.lead.assignee_id == Some(user_id);
        let row = |kind, mode| {
            Some(AccessRow { user_id, kind, mode, expire_time: None, given_by: user_id, give_time: self.now })
        };
        match step {
            Step::Reactivate if !active => self.facts.state = UserState::Active,
            Step::Deactivate if active => self.facts.state = UserState::Deactivated,
            Step::RaiseToIndividual if level_none => {
                *self.facts.overrides.get_mut(self.action) = Some(Permission::INDIVIDUAL);
            }
            Step::LowerToNone if !administrator => {
                *self.facts.overrides.get_mut(self.action) = Some(Permission::None);
            }
            Step::Grant(mode) if active => self.row = row(AccessKind::Granted, mode),
            Step::Revoke if !administrator && !assigned => self.row = row(AccessKind::Blocked, GrantMode::Full),
            Step::Reassign if assigned && self.lead.state != LeadState::Discarded => {
                // To anybody else.
                self.lead.assignee_id = Some(uuid::Uuid::nil().into());
                self.row = None;
            }
            _ => return None,
        }
        Some(self)
    }
}
