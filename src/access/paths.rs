//! Every way in which a user reaches one lead: the decision of `store::visible`, told with its reasons.

use super::policy::{Principal, Reach};
use crate::model::{
    Time,
    lead::{Lead, LeadState},
    lead_access::{AccessKind, AccessRow, GrantMode, Path, Way},
    permission::Action,
};

/// The ways in which a principal reaches a lead at an instant, given their row of its access list. None: they don't.
pub fn paths(principal: &Principal, lead: &Lead, row: Option<&AccessRow>, now: Time) -> Vec<Path> {
    let mut paths: Vec<Path> = Vec::new();
    paths.extend(assigned(principal, lead, now));
    let row = row.filter(|row| row.holds_at(now));
    paths.extend(row.and_then(|row| given(principal, row)));
    if principal.is_administrator() {
        paths.push(by_level(Way::Administrator, Action::ALL.to_vec()));
    } else if row.is_none_or(|row| row.kind != AccessKind::Blocked) {
        paths.extend(levels(principal, lead));
    }
    paths.retain(|path| !path.actions.is_empty());
    paths
}

fn assigned(principal: &Principal, lead: &Lead, now: Time) -> Option<Path> {
    if lead.assignee_id != Some(principal.user_id) {
        return None;
    }
    let grace_end = match (lead.state, lead.resolve_time, principal.resolved_grace()) {
        (LeadState::Resolved, Some(resolved), Some(grace)) => Some(resolved + grace),
        _ => None,
    };
    if grace_end.is_some_and(|end| end <= now) {
        return None;
    }
    Some(Path {
        way: Way::Assigned,
        actions: held(principal, |reach| *reach != Reach::None),
        mode: None,
        given: lead.assigned,
        expire_time: grace_end,
    })
}

fn given(principal: &Principal, row: &AccessRow) -> Option<Path> {
    let way = match row.kind {
        AccessKind::Granted => Way::Granted,
        AccessKind::Retained => Way::Retained,
        AccessKind::Blocked => return None,
    };
    Some(Path {
        way,
        actions: granted_actions(principal, row.mode),
        mode: Some(row.mode),
        given: Some((row.given_by, row.give_time)),
        expire_time: row.expire_time,
    })
}

/// What a grant gives a principal: what they hold at INDIVIDUAL or above, and only VIEW of it where that is its mode.
pub fn granted_actions(principal: &Principal, mode: GrantMode) -> Vec<Action> {
    let mut actions = held(principal, |reach| *reach != Reach::None);
    if mode == GrantMode::ViewOnly {
        actions.retain(|action| *action == Action::View);
    }
    actions
}

fn levels(principal: &Principal, lead: &Lead) -> [Path; 3] {
    let in_group =
        |reach: &Reach| lead.group_id.is_some_and(|g| reach.groups().is_some_and(|groups| groups.contains(&g)));
    let in_pool = |reach: &Reach| lead.assignee_id.is_none() && reach.pool();
    [
        by_level(Way::Group, held(principal, in_group)),
        by_level(Way::Unassigned, held(principal, in_pool)),
        by_level(Way::Complete, held(principal, |reach| *reach == Reach::Complete)),
    ]
}

fn by_level(way: Way, actions: Vec<Action>) -> Path {
    Path { way, actions, mode: None, given: None, expire_time: None }
}

fn held(principal: &Principal, test: impl Fn(&Reach) -> bool) -> Vec<Action> {
    Action::ALL.iter().copied().filter(|action| test(principal.reach(*action))).collect()
}
