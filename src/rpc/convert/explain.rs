//! Checks of access, and why they come out as they do.

use super::{Faults, MOST_ITEMS, grant_mode, id_text, level, origin, timestamp, way};
use crate::{
    access::explain::{Explanation, Ground, GroupGround, LevelSource, Obstacle, Step},
    model::{
        ids::{LeadId, UserId},
        lead_access::Path,
        permission::Action,
    },
    proto::{self, AccessObstacleKind, AccessStepKind},
};

/// A decision with its reasons as sent.
pub(in crate::rpc) fn explanation(explanation: Explanation) -> proto::ExplainAccessResponse {
    let allowed = explanation.allowed();
    let Explanation { grounds, obstacles, change, level } = explanation;
    let level = level_source(level);
    proto::ExplainAccessResponse {
        allowed,
        grounds: grounds.into_iter().map(|one| ground(one, &level)).collect(),
        obstacles: obstacles.into_iter().map(|one| obstacle(one, &level)).collect(),
        smallest_change: change.into_iter().map(step).collect(),
    }
}

fn level_source(source: LevelSource) -> proto::LevelSource {
    let LevelSource { origin: of, profile_id, profile_name, reach } = source;
    proto::LevelSource {
        origin: origin(of).into(),
        profile_id: profile_id.to_string(),
        profile_name,
        level: level(&reach).into(),
    }
}

fn ground(ground: Ground, level: &proto::LevelSource) -> proto::AccessGround {
    let Ground { path: Path { way: of, actions: _, mode, given, expire_time }, group } = ground;
    let (named, membership) = group.map_or((false, false), |GroupGround { named, membership, .. }| (named, membership));
    proto::AccessGround {
        path: way(of).into(),
        level: Some(level.clone()),
        mode: grant_mode(mode).into(),
        given_by: id_text(given.map(|(by, _)| by)),
        give_time: given.map(|(_, at)| timestamp(at)),
        expire_time: expire_time.map(timestamp),
        group_id: id_text(group.map(|group| group.group_id)),
        group_named: named,
        group_membership: membership,
    }
}

fn obstacle(obstacle: Obstacle, level: &proto::LevelSource) -> proto::AccessObstacle {
    let of = |kind: AccessObstacleKind| proto::AccessObstacle { kind: kind.into(), ..Default::default() };
    let by = |kind, by: UserId, at| proto::AccessObstacle {
        given_by: by.to_string(),
        give_time: Some(timestamp(at)),
        ..of(kind)
    };
    let level = Some(level.clone());
    match obstacle {
        Obstacle::UserDeactivated => of(AccessObstacleKind::UserDeactivated),
        Obstacle::LevelNone => proto::AccessObstacle { level, ..of(AccessObstacleKind::LevelNone) },
        Obstacle::OutsideLevel => proto::AccessObstacle { level, ..of(AccessObstacleKind::OutsideLevel) },
        Obstacle::Revoked(user, at) => by(AccessObstacleKind::Revoked, user, at),
        Obstacle::GrantExpired(user, at, end) => proto::AccessObstacle {
            expire_time: Some(timestamp(end)),
            ..by(AccessObstacleKind::GrantExpired, user, at)
        },
        Obstacle::GrantViewOnly(user, at) => by(AccessObstacleKind::GrantViewOnly, user, at),
        Obstacle::GraceLapsed(end) => {
            proto::AccessObstacle { expire_time: Some(timestamp(end)), ..of(AccessObstacleKind::GraceLapsed) }
        }
    }
}

fn step(step: Step) -> proto::AccessStep {
    let (kind, mode) = match step {
        Step::Reactivate => (AccessStepKind::ReactivateUser, None),
        Step::RaiseToIndividual => (AccessStepKind::RaiseToIndividual, None),
        Step::Grant(mode) => (AccessStepKind::GrantLead, Some(mode)),
        Step::Reassign => (AccessStepKind::ReassignLead, None),
        Step::Revoke => (AccessStepKind::RevokeLead, None),
        Step::LowerToNone => (AccessStepKind::LowerToNone, None),
        Step::Deactivate => (AccessStepKind::DeactivateUser, None),
    };
    proto::AccessStep { kind: kind.into(), mode: grant_mode(mode).into() }
}

impl Faults {
    /// The pairs of a batch of checks.
    pub fn checks(&mut self, given: &[proto::AccessCheck]) -> Vec<(Action, LeadId)> {
        if given.is_empty() || given.len() > MOST_ITEMS {
            self.add("checks", format!("must hold 1 to {MOST_ITEMS} pairs"));
        }
        let pairs = given.iter().take(MOST_ITEMS).enumerate().map(|(at, check)| {
            let action = self.action_of(format!("checks[{at}].action"), check.action);
            Some((action, self.id(format!("checks[{at}].lead_id"), &check.lead_id)?))
        });
        pairs.flatten().collect()
    }
}
