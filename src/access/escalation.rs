//! No escalation (domain contract, section 2): nobody configures themselves or anyone who is not below them, and nobody hands
//! out what they don't hold.

use std::collections::BTreeSet;

use super::policy::{Facts, Principal, Reach};
use crate::model::{
    ids::UserId,
    permission::{Action, Capability, OrderVisibility, Role},
};

/// Why a configuration is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Escalation {
    /// The target is the caller.
    Myself,
    /// The target's role is not below the caller's.
    NotBelow(Role),
    /// The change hands out more of an action than the caller holds.
    Action(Action),
    /// The change hands out a capability that the caller doesn't hold.
    Capability(Capability),
    /// The change gives a service something to keep of the user on whose behalf it calls.
    OnBehalf,
}

impl Principal {
    /// Whether this principal may configure that user at all.
    ///
    /// # Errors
    /// Where the user is the principal, or their role is not below.
    pub fn may_configure(&self, user_id: UserId, role: Role) -> Result<(), Escalation> {
        if user_id == self.user_id {
            return Err(Escalation::Myself);
        }
        self.is_above(role)
    }

    /// Whether a role is below this principal's; every role is below an administrator's.
    ///
    /// # Errors
    /// Where it is not.
    pub fn is_above(&self, role: Role) -> Result<(), Escalation> {
        if self.is_administrator() || role < self.role { Ok(()) } else { Err(Escalation::NotBelow(role)) }
    }

    /// Whether this principal holds all that a change adds; what the target had before is not asked about.
    ///
    /// # Errors
    /// The first thing that the change adds and the principal doesn't hold.
    pub fn may_hand_out(&self, before: Option<&Facts>, after: &Facts) -> Result<(), Escalation> {
        let before = before.map(Principal::resolve);
        let after = Principal::resolve(after);
        self.is_above(after.role)?;
        for (action, effective) in after.permissions.iter() {
            let mine = &self.permissions.get(action).reach;
            let had = before.as_ref().map_or(&Reach::None, |before| &before.permissions.get(action).reach);
            if !mine.with(had).contains(&effective.reach) {
                return Err(Escalation::Action(action));
            }
        }
        // Which orders are seen is how far VIEW goes.
        let sees_all = |principal: &Self| principal.order_visibility == OrderVisibility::All;
        let may_give_all = sees_all(self) || before.as_ref().is_some_and(sees_all);
        if sees_all(&after) && !may_give_all {
            return Err(Escalation::Action(Action::View));
        }
        let none = BTreeSet::new();
        let had = before.as_ref().map_or(&none, |b| &b.capabilities);
        match after.capabilities.iter().find(|c| !had.contains(c) && !self.capabilities.contains(c)) {
            Some(capability) => Err(Escalation::Capability(*capability)),
            None => Ok(()),
        }
    }
}
