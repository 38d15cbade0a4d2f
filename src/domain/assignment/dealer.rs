//! Whose turn it is: leads go to several users one after the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::eligibility::Candidate;
use crate::{
    domain::{Error, Ineligible, Result, Violation},
    model::{assignment::Held, ids::UserId, lead::LeadState, settings::Settings},
    store::Tx,
};

/// Deals leads to those whose turn it is.
pub(super) struct Dealer<'a> {
    settings: &'a Settings,
    /// Whoever's turn it is comes first.
    turns: VecDeque<Candidate>,
}

/// To whom a lead goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Turn {
    pub(super) to: UserId,
    /// Whether it isn't theirs already.
    pub(super) changes: bool,
}

impl<'a> Dealer<'a> {
    /// Deals to these users, to whom nobody else gives leads until the transaction ends.
    pub(super) async fn lock(tx: &Tx, assignees: &[UserId], settings: &'a Settings) -> Result<Self> {
        Self::of(Candidate::lock(tx, &set(assignees)).await?, assignees, settings)
    }

    /// Deals to these users as they are now.
    pub(super) async fn look_at(tx: &Tx, assignees: &[UserId], settings: &'a Settings) -> Result<Self> {
        Self::of(Candidate::look_at(tx, &set(assignees)).await?, assignees, settings)
    }

    fn of(mut candidates: BTreeMap<UserId, Candidate>, assignees: &[UserId], settings: &'a Settings) -> Result<Self> {
        let (mut turns, mut unknown) = (VecDeque::new(), Vec::new());
        for (at, id) in assignees.iter().enumerate() {
            match candidates.remove(id) {
                Some(candidate) => turns.push_back(candidate),
                None => unknown.push(no_such_user(at)),
            }
        }
        if unknown.is_empty() { Ok(Self { settings, turns }) } else { Err(Error::Invalid(unknown)) }
    }

    /// The first in turn who can take a lead, which counts as theirs from now on; else what is in the way of whoever's turn it was.
    pub(super) fn deal(&mut self, lead: &Held) -> Result<Turn, Ineligible> {
        let mut in_the_way = None;
        let can = self.turns.iter().position(|candidate| match self.may_take(candidate, lead) {
            Ok(()) => true,
            Err(cause) => {
                in_the_way.get_or_insert(cause);
                false
            }
        });
        // Of nobody, nobody is active.
        let nobody = in_the_way.unwrap_or(Ineligible::UserDeactivated);
        let mut candidate = can.and_then(|at| self.turns.remove(at)).ok_or(nobody)?;
        let to = candidate.user_id();
        let changes = lead.assignee_id != Some(to);
        if changes {
            candidate.takes();
            self.takes_from_previous(lead);
        }
        self.turns.push_back(candidate);
        Ok(Turn { to, changes })
    }

    /// Whoever has a lead may keep it.
    fn may_take(&self, candidate: &Candidate, lead: &Held) -> Result<(), Ineligible> {
        if lead.assignee_id == Some(candidate.user_id()) {
            Ok(())
        } else {
            candidate.may_take(lead.kind, self.settings)
        }
    }

    fn takes_from_previous(&mut self, lead: &Held) {
        let previous = lead.assignee_id.filter(|_| lead.state == LeadState::Active);
        let candidate = self.turns.iter_mut().find(|candidate| Some(candidate.user_id()) == previous);
        if let Some(candidate) = candidate {
            candidate.loses();
        }
    }
}

fn set(assignees: &[UserId]) -> BTreeSet<UserId> {
    assignees.iter().copied().collect()
}

fn no_such_user(at: usize) -> Violation {
    Violation { field: format!("assignee_ids[{at}]"), description: "no such user".to_owned() }
}
