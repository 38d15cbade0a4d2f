//! Access lists and what assignments did.

use std::collections::HashSet;

use super::{Faults, action, desk, id_text, policy, timestamp};
use crate::{
    domain::assignment::{Agent, Previous},
    model::{
        ids::UserId,
        lead_access::{Access, GrantMode, Path, Way},
    },
    proto,
};

/// A user who reaches a lead as sent.
pub(in crate::rpc) fn access(access: Access) -> proto::LeadAccess {
    let Access { user_id, user_name, paths } = access;
    proto::LeadAccess { user_id: user_id.to_string(), user_name, paths: paths.into_iter().map(path).collect() }
}

fn path(path: Path) -> proto::LeadAccessPath {
    let Path { way: of, actions, mode, given, expire_time } = path;
    proto::LeadAccessPath {
        path: way(of).into(),
        actions: actions.into_iter().map(|of| action(of).into()).collect(),
        mode: grant_mode(mode).into(),
        given_by: id_text(given.map(|(by, _)| by)),
        give_time: given.map(|(_, at)| timestamp(at)),
        expire_time: expire_time.map(timestamp),
    }
}

/// A way as sent.
pub(super) fn way(way: Way) -> proto::AccessPath {
    match way {
        Way::Assigned => proto::AccessPath::Assigned,
        Way::Granted => proto::AccessPath::Granted,
        Way::Retained => proto::AccessPath::Retained,
        Way::Group => proto::AccessPath::Group,
        Way::Unassigned => proto::AccessPath::Unassigned,
        Way::Complete => proto::AccessPath::Complete,
        Way::Administrator => proto::AccessPath::Administrator,
    }
}

/// What a grant gives as sent; nothing where it is no grant.
pub(super) fn grant_mode(mode: Option<GrantMode>) -> proto::GrantMode {
    match mode {
        None => proto::GrantMode::Unspecified,
        Some(GrantMode::Full) => proto::GrantMode::Full,
        Some(GrantMode::ViewOnly) => proto::GrantMode::ViewOnly,
    }
}

/// A user who may be given leads as sent.
pub(in crate::rpc) fn agent(agent: Agent) -> proto::AssignableAgent {
    let Agent { user_id, name, desk: of, open_leads, max_open_leads, has_room, last_assign_time, partial_orders_only } =
        agent;
    proto::AssignableAgent {
        user_id: user_id.to_string(),
        user_name: name,
        desk: desk(of).into(),
        open_leads: i64::try_from(open_leads).unwrap_or(i64::MAX),
        max_open_leads: max_open_leads.map(|most| i32::try_from(most).unwrap_or(i32::MAX)),
        has_room,
        last_assign_time: last_assign_time.map(timestamp),
        assign_partial_orders_only: partial_orders_only,
    }
}

/// What happened to a previous assignee as sent.
pub(in crate::rpc) fn previous(previous: Previous) -> proto::PreviousAssignee {
    let Previous { user_id, policy: applied, expire_time, remaining } = previous;
    proto::PreviousAssignee {
        user_id: user_id.to_string(),
        policy: policy(applied).into(),
        expire_time: expire_time.map(timestamp),
        remaining_paths: remaining.into_iter().map(path).collect(),
    }
}

impl Faults {
    /// To whom leads are dealt.
    pub fn assignees(&mut self, texts: &[String]) -> Option<Vec<UserId>> {
        let ids = self.ids::<UserId>("assignee_ids", texts)?;
        let mut before = HashSet::new();
        for (at, id) in ids.iter().enumerate() {
            if !before.insert(id) {
                self.add(format!("assignee_ids[{at}]"), "is there twice");
            }
        }
        Some(ids)
    }

    /// What a grant gives; unspecified means FULL.
    pub fn grant_mode(&mut self, given: i32) -> GrantMode {
        let mode = match proto::GrantMode::try_from(given) {
            Ok(proto::GrantMode::Unspecified | proto::GrantMode::Full) => Some(GrantMode::Full),
            Ok(proto::GrantMode::ViewOnly) => Some(GrantMode::ViewOnly),
            Err(_) => None,
        };
        self.some("mode", "is not a mode", mode).unwrap_or(GrantMode::ViewOnly)
    }
}
