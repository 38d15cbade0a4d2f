//! What each operation does, and whether it is refused.

use leadward::proto::{AccessPath, GrantMode, LeadAction, LeadState, RevocationPolicy, Role};

use super::{Lead, Model, Row};
use crate::{
    oracle::company::{Act, CUSTOM_PROFILES, Operation, Profile, Until},
    support::ACTIONS,
};

/// Done, or the reason of the refusal.
pub type Answer = Result<(), &'static str>;

impl Model {
    /// Does the operation and foretells its answer. A refused one changes nothing.
    pub fn apply(&mut self, operation: &Operation) -> Answer {
        let Operation { caller, lead, user, ref act } = *operation;
        if !self.users[caller].active {
            return Err("NOT_AUTHENTICATED");
        }
        match act {
            Act::Edit => self.permitted(caller, LeadAction::Edit, lead)?,
            Act::Discard => {
                self.change_state(operation, LeadAction::Discard, LeadState::Active, LeadState::Discarded)?
            }
            Act::Retrieve => {
                self.change_state(operation, LeadAction::Retrieve, LeadState::Discarded, LeadState::Active)?;
                let assignee = self.assignee(lead).filter(|user| self.is_active(*user));
                self.lead_mut(lead).assignee = assignee;
            }
            Act::Resolve => {
                self.change_state(operation, LeadAction::Resolve, LeadState::Active, LeadState::Resolved)?
            }
            Act::Reopen => self.change_state(operation, LeadAction::Resolve, LeadState::Resolved, LeadState::Active)?,
            Act::Delete => {
                self.permitted(caller, LeadAction::Delete, lead)?;
                self.leads[lead] = None;
            }
            Act::Assign { policy } => self.assign(operation, *policy)?,
            Act::Unassign { policy } => {
                self.may_move(operation, *policy)?;
                self.take_from_assignee(lead, *policy);
            }
            Act::Grant { mode, until } => {
                self.manages_lead(operation)?;
                self.may_configure(operation)?;
                self.may_give(operation, *mode, *until)?;
                if !self.users[user].active {
                    return Err("INELIGIBLE_ASSIGNEE");
                }
                let row = Row::Given { by: AccessPath::Granted, mode: *mode, until: *until };
                self.lead_mut(lead).rows.insert(user, row);
            }
            Act::Revoke => {
                self.manages_lead(operation)?;
                if self.is_administrator(user) || self.assignee(lead) == Some(user) {
                    return Err("REVOCATION_REFUSED");
                }
                self.may_configure(operation)?;
                self.lead_mut(lead).rows.insert(user, Row::Blocked);
            }
            Act::Move { group } => {
                self.permitted(caller, LeadAction::Edit, lead)?;
                self.lead_mut(lead).group = *group;
            }
            Act::Override { action, own } => {
                if self.is_administrator(user) {
                    return Err("FIXED");
                }
                match own {
                    Some(own) => self.users[user].own.insert(*action, own.clone()),
                    None => self.users[user].own.remove(action),
                };
            }
            Act::Join { group } => _ = self.users[user].groups.insert(*group),
            Act::Leave { group } => _ = self.users[user].groups.remove(group),
            Act::ToggleActive => self.users[user].active = !self.users[user].active,
            Act::GiveProfile { profile } => self.users[user].profile = *profile,
            Act::NewToken => {}
            Act::ChangeProfile { profile, action, reach } => {
                _ = self.custom_profile(*profile).reaches.insert(*action, reach.clone());
            }
            Act::ToggleGrace { profile } => {
                let profile = self.custom_profile(*profile);
                profile.grace_ends = !profile.grace_ends;
            }
            Act::SetPolicy { policy } => self.policy = *policy,
        }
        Ok(())
    }

    /// Ends what was given for a moment.
    pub fn let_a_moment_pass(&mut self) {
        for row in self.leads.iter_mut().flatten().flat_map(|lead| lead.rows.values_mut()) {
            if let Row::Given { until, .. } = row
                && *until == Until::Soon
            {
                *until = Until::Past;
            }
        }
    }

    fn permitted(&self, caller: usize, action: LeadAction, lead: usize) -> Answer {
        if self.covers(caller, action, lead) {
            Ok(())
        } else if self.covers(caller, LeadAction::View, lead) {
            Err("ACTION_NOT_PERMITTED")
        } else {
            Err("LEAD_NOT_FOUND")
        }
    }

    fn change_state(&mut self, operation: &Operation, action: LeadAction, from: LeadState, to: LeadState) -> Answer {
        self.permitted(operation.caller, action, operation.lead)?;
        let lead = self.lead_mut(operation.lead);
        if lead.state != from {
            return Err("LEAD_STATE");
        }
        lead.state = to;
        Ok(())
    }

    fn assign(&mut self, operation: &Operation, policy: Option<RevocationPolicy>) -> Answer {
        let Operation { lead, user, .. } = *operation;
        self.may_move(operation, policy)?;
        if self.assignee(lead) == Some(user) {
            return Ok(());
        }
        if !self.is_eligible(user) {
            return Err("INELIGIBLE_ASSIGNEE");
        }
        self.take_from_assignee(lead, policy);
        let lead = self.lead_mut(lead);
        lead.assignee = Some(user);
        lead.state = LeadState::Active;
        if let Some(Row::Blocked) = lead.rows.get(&user) {
            lead.rows.remove(&user);
        }
        Ok(())
    }

    /// Whether the caller may give the lead to somebody, or to nobody.
    fn may_move(&self, operation: &Operation, policy: Option<RevocationPolicy>) -> Answer {
        if policy.is_some() && !self.manages_access(operation.caller) {
            return Err("CAPABILITY_REQUIRED");
        }
        self.permitted(operation.caller, LeadAction::Assign, operation.lead)?;
        match self.leads[operation.lead] {
            Some(Lead { state: LeadState::Discarded, .. }) => Err("LEAD_STATE"),
            _ => Ok(()),
        }
    }

    pub(super) fn take_from_assignee(&mut self, lead: usize, policy: Option<RevocationPolicy>) {
        let policy = self.policy(policy);
        let lead = self.lead_mut(lead);
        let Some(previous) = lead.assignee.take() else { return };
        let (mode, until) = match policy {
            RevocationPolicy::Keep => (GrantMode::Full, Until::Never),
            RevocationPolicy::KeepViewOnly => (GrantMode::ViewOnly, Until::Never),
            RevocationPolicy::KeepUntil => (GrantMode::Full, Until::ADay),
            RevocationPolicy::Revoke | RevocationPolicy::Unspecified => {
                lead.rows.remove(&previous);
                return;
            }
        };
        lead.rows.insert(previous, Row::Given { by: AccessPath::Retained, mode, until });
    }

    fn manages_lead(&self, operation: &Operation) -> Answer {
        if !self.manages_access(operation.caller) {
            return Err("CAPABILITY_REQUIRED");
        }
        self.permitted(operation.caller, LeadAction::View, operation.lead)
    }

    /// A grant gives no action that the granter doesn't have on the lead, and none for longer.
    fn may_give(&self, operation: &Operation, mode: GrantMode, until: Until) -> Answer {
        let Operation { caller, lead, user, .. } = *operation;
        let mine_until = match self.row(caller, lead) {
            Some(Row::Given { until, .. }) => *until,
            _ => Until::Never,
        };
        let lasts = |way: &AccessPath, until: Until| {
            until <= mine_until || !matches!(way, AccessPath::Granted | AccessPath::Retained)
        };
        let holds =
            |action: LeadAction, until: Until| self.ways(caller, action, lead).iter().any(|way| lasts(way, until));
        let granted = |action: &LeadAction| {
            self.is_active(user)
                && self.reach(user, *action).is_some()
                && (mode == GrantMode::Full || *action == LeadAction::View)
        };
        if !ACTIONS.into_iter().filter(granted).all(|action| holds(action, until)) {
            return Err("ESCALATION");
        }
        // Lifting a block gives back what the levels reach, without an end.
        if !matches!(self.row(user, lead), Some(Row::Blocked)) {
            return Ok(());
        }
        let mut lifted = self.clone();
        lifted.lead_mut(lead).rows.remove(&user);
        let given_back = |action: &LeadAction| lifted.covers(user, *action, lead);
        if ACTIONS.into_iter().filter(given_back).all(|action| holds(action, Until::Never)) {
            Ok(())
        } else {
            Err("ESCALATION")
        }
    }

    fn may_configure(&self, operation: &Operation) -> Answer {
        let (caller, user) = (operation.caller, operation.user);
        if caller == user {
            return Err("SELF_CONFIGURATION");
        }
        // Roles are numbered from the highest down.
        let (mine, theirs) = (self.profile(caller).role, self.profile(user).role);
        if mine != Role::Administrator && theirs as i32 <= mine as i32 {
            return Err("ROLE_NOT_BELOW");
        }
        Ok(())
    }

    fn manages_access(&self, who: usize) -> bool {
        self.profile(who).manages_access
    }

    fn custom_profile(&mut self, profile: usize) -> &mut Profile {
        self.profiles.get_mut(CUSTOM_PROFILES[profile]).expect("every profile is there")
    }
}
