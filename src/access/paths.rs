//! Every way in which a user reaches one lead, told with what it gives.

use super::{
    policy::{Principal, Reach},
    rule::{Clause, Situation},
};
use crate::model::{
    Time,
    lead::Lead,
    lead_access::{AccessKind, AccessRow, GrantMode, Path, Way},
    permission::Action,
};

/// The ways in which a principal reaches a lead at an instant, given their row of its access list. None: they don't.
pub fn paths(principal: &Principal, lead: &Lead, row: Option<&AccessRow>, now: Time) -> Vec<Path> {
    let at = Situation::of(principal.user_id, lead, row, now);
    let mut paths: Vec<Path> = Vec::new();
    for action in Action::ALL {
        for clause in principal.clauses(*action).iter().filter(|clause| clause.reaches(&at)) {
            match paths.iter_mut().find(|path| path.way == way(clause, &at)) {
                Some(path) => path.actions.push(*action),
                None => paths.push(Path { actions: vec![*action], ..path(principal, clause, lead, &at) }),
            }
        }
    }
    paths.sort_by_key(|path| Way::ALL.iter().position(|way| *way == path.way));
    paths
}

/// The way that a clause is for one lead: what was given may have been retained.
pub(super) fn way(clause: &Clause<'_>, at: &Situation<'_>) -> Way {
    match (clause.way, at.row) {
        (Way::Granted, Some(row)) if row.kind == AccessKind::Retained => Way::Retained,
        (way, _) => way,
    }
}

/// A way with what was given by it, by whom and until when; for no action yet.
pub(super) fn path(principal: &Principal, clause: &Clause<'_>, lead: &Lead, at: &Situation<'_>) -> Path {
    let way = way(clause, at);
    let path = Path { way, actions: Vec::new(), mode: None, given: None, expire_time: None };
    match (clause.way, at.row) {
        (Way::Assigned, _) => Path {
            given: lead.assigned,
            expire_time: principal.resolved_grace().and_then(|grace| Some(at.resolve_time? + grace)),
            ..path
        },
        (Way::Granted, Some(row)) => Path {
            mode: Some(row.mode),
            given: Some((row.given_by, row.give_time)),
            expire_time: row.expire_time,
            ..path
        },
        _ => path,
    }
}

/// What a grant gives a principal: what they hold at INDIVIDUAL or above, and only VIEW of it where that is its mode.
pub fn granted_actions(principal: &Principal, mode: GrantMode) -> Vec<Action> {
    let held = |action: &&Action| *principal.reach(**action) != Reach::None;
    let given = |action: &&Action| mode == GrantMode::Full || **action == Action::View;
    Action::ALL.iter().filter(held).filter(given).copied().collect()
}
