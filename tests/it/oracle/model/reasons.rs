//! Why the model answers as it does, and what would turn an answer round: all that could is tried.

use leadward::proto::{
    AccessLevel, AccessObstacleKind, AccessPath, AccessStepKind, GrantMode, LeadAction, PermissionOrigin,
    RevocationPolicy,
};

use super::{Model, Row};
use crate::oracle::{
    company::{GROUPS, Reach, Until},
    words,
};

/// What is explained of a user, an action and a lead, in words.
#[derive(PartialEq, Debug)]
pub struct Reasons {
    pub allowed: bool,
    pub grounds: Vec<String>,
    pub obstacles: Vec<String>,
    pub smallest_change: Vec<String>,
}

/// Those that reach the lead alone come first, and then the shorter ones.
const CHANGES: [&[AccessStepKind]; 12] = [
    &[AccessStepKind::GrantLead],
    &[AccessStepKind::RevokeLead],
    &[AccessStepKind::ReassignLead],
    &[AccessStepKind::ReassignLead, AccessStepKind::RevokeLead],
    &[AccessStepKind::ReactivateUser],
    &[AccessStepKind::RaiseToIndividual],
    &[AccessStepKind::LowerToNone],
    &[AccessStepKind::DeactivateUser],
    &[AccessStepKind::ReactivateUser, AccessStepKind::RaiseToIndividual],
    &[AccessStepKind::ReactivateUser, AccessStepKind::GrantLead],
    &[AccessStepKind::RaiseToIndividual, AccessStepKind::GrantLead],
    &[AccessStepKind::ReactivateUser, AccessStepKind::RaiseToIndividual, AccessStepKind::GrantLead],
];

impl Model {
    pub fn reasons(&self, who: usize, action: LeadAction, lead: usize) -> Reasons {
        let ways = self.ways(who, action, lead);
        let mut grounds: Vec<String> = ways.iter().map(|path| self.ground(who, action, lead, *path)).collect();
        grounds.sort();
        Reasons {
            allowed: !ways.is_empty(),
            grounds,
            obstacles: self.obstacles(who, action, lead),
            smallest_change: self.smallest_change(who, action, lead),
        }
    }

    fn ground(&self, who: usize, action: LeadAction, lead: usize, path: AccessPath) -> String {
        let (mode, ends) = self.given(who, lead, path);
        let group = if path == AccessPath::Group { self.group(who, action, lead) } else { None };
        words::ground(path, mode, ends, group, &self.level(who, action))
    }

    fn group(&self, who: usize, action: LeadAction, lead: usize) -> Option<String> {
        let (reach, group) = (self.reach(who, action)?, self.leads[lead].as_ref()?.group?);
        let membership = reach.member_groups && self.users[who].groups.contains(&group);
        Some(words::group(GROUPS[group], reach.groups.contains(&group), membership))
    }

    fn level(&self, who: usize, action: LeadAction) -> String {
        let user = &self.users[who];
        let origin = if self.is_administrator(who) {
            PermissionOrigin::Administrator
        } else if user.own.contains_key(&action) {
            PermissionOrigin::User
        } else {
            PermissionOrigin::Profile
        };
        let level = self.reach(who, action).map_or(AccessLevel::None, |reach| reach.level);
        words::level(level, origin, user.profile)
    }

    /// Whether the user is active is one fact beside the others, which are told as if they were.
    fn obstacles(&self, who: usize, action: LeadAction, lead: usize) -> Vec<String> {
        let (row, reach, administrator) = (self.row(who, lead), self.reach(who, action), self.is_administrator(who));
        let mine = self.assignee(lead) == Some(who);
        let blocked = matches!(row, Some(Row::Blocked));
        let has_ended = matches!(row, Some(Row::Given { until: Until::Past, .. }));
        let view_only = matches!(row, Some(Row::Given { mode: GrantMode::ViewOnly, .. })) && !has_ended;
        let partial = reach.is_some_and(|reach| reach.level != AccessLevel::Complete);
        let in_level = mine
            || !self.ways_by_level(who, action, lead).is_empty()
            || !self.ways_if_active(who, action, lead).is_empty();
        let facts = [
            (AccessObstacleKind::UserDeactivated, !self.is_active(who)),
            (AccessObstacleKind::LevelNone, reach.is_none()),
            (AccessObstacleKind::Revoked, blocked && !administrator),
            (AccessObstacleKind::GrantExpired, has_ended && !administrator),
            (AccessObstacleKind::GrantViewOnly, view_only && action != LeadAction::View && !administrator),
            (AccessObstacleKind::GraceLapsed, mine && self.has_lapsed(who, lead)),
            (AccessObstacleKind::OutsideLevel, partial && !in_level),
        ];
        let by_level = [AccessObstacleKind::LevelNone, AccessObstacleKind::OutsideLevel];
        let told = facts.into_iter().filter(|(_, holds)| *holds).map(|(kind, _)| {
            let level = by_level.contains(&kind).then(|| self.level(who, action));
            words::obstacle(kind, level)
        });
        let mut told: Vec<String> = told.collect();
        told.sort();
        told
    }

    fn smallest_change(&self, who: usize, action: LeadAction, lead: usize) -> Vec<String> {
        let before = self.covers(who, action, lead);
        let mode = if action == LeadAction::View { GrantMode::ViewOnly } else { GrantMode::Full };
        for steps in CHANGES {
            let mut turned = self.clone();
            for step in steps {
                turned.take_step(*step, mode, who, action, lead);
            }
            if turned.covers(who, action, lead) != before {
                let mode_of = |step: AccessStepKind| (step == AccessStepKind::GrantLead).then_some(mode);
                return steps.iter().map(|step| words::step(*step, mode_of(*step))).collect();
            }
        }
        Vec::new()
    }

    fn take_step(&mut self, step: AccessStepKind, mode: GrantMode, who: usize, action: LeadAction, lead: usize) {
        match step {
            AccessStepKind::Unspecified => {}
            AccessStepKind::GrantLead => {
                let row = Row::Given { by: AccessPath::Granted, mode, until: Until::Never };
                self.lead_mut(lead).rows.insert(who, row);
            }
            AccessStepKind::RaiseToIndividual => {
                self.users[who].own.insert(action, Reach::plain(AccessLevel::Individual));
            }
            AccessStepKind::ReactivateUser => self.users[who].active = true,
            AccessStepKind::RevokeLead => {
                if !self.is_administrator(who) && self.assignee(lead) != Some(who) {
                    self.lead_mut(lead).rows.insert(who, Row::Blocked);
                }
            }
            AccessStepKind::LowerToNone => {
                self.users[who].own.insert(action, Reach::plain(AccessLevel::None));
            }
            AccessStepKind::ReassignLead if !self.is_movable(lead) => {}
            AccessStepKind::ReassignLead => {
                self.take_from_assignee(lead, Some(RevocationPolicy::Revoke));
                self.lead_mut(lead).assignee = (0..self.users.len()).find(|other| *other != who);
            }
            AccessStepKind::DeactivateUser => self.users[who].active = false,
        }
    }
}
