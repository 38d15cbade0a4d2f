//! What a company should answer, worked out the slow way from the contract: every user, action and lead by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
};

use leadward::proto::{AccessLevel, AccessPath, GrantMode, LeadAction, LeadState, RevocationPolicy, Role};

use super::company::{
    Act, CUSTOM_PROFILES, Company, GROUPS, NewLead, Operation, PEOPLE, Profile, Reach, Reaches, facts, way,
};
use crate::support::ACTIONS;

/// Done, or the reason of the refusal.
pub type Answer = Result<(), &'static str>;

#[derive(Clone)]
pub struct Model {
    users: Vec<User>,
    /// `None`: deleted.
    leads: Vec<Option<Lead>>,
    policy: RevocationPolicy,
}

#[derive(Clone)]
struct User {
    role: Role,
    manages_access: bool,
    grace_ends: bool,
    profile: Reaches,
    own: Reaches,
    groups: BTreeSet<usize>,
    active: bool,
}

#[derive(Clone)]
struct Lead {
    group: Option<usize>,
    assignee: Option<usize>,
    state: LeadState,
    rows: BTreeMap<usize, Row>,
}

/// What stands between one user and one lead beside assignment and levels.
#[derive(Clone)]
enum Row {
    Blocked,
    /// GRANTED or RETAINED.
    Given {
        by: AccessPath,
        mode: GrantMode,
        ends: bool,
    },
}

impl Model {
    /// The people with their profiles; no settings, members or leads yet.
    pub fn new(company: &Company) -> Model {
        let profiles = iter::once("administrator").chain(company.people.iter().map(|person| person.profile));
        let users = profiles.map(|profile| User::new(profile_named(profile, company))).collect();
        Model { users, leads: Vec::new(), policy: RevocationPolicy::Revoke }
    }

    /// Adds a lead and says who gets it.
    pub fn add_lead(&mut self, lead: &NewLead) -> Option<usize> {
        let assignee = lead.assignee.filter(|user| self.is_eligible(*user));
        let rows = BTreeMap::new();
        self.leads.push(Some(Lead { group: lead.group, assignee, state: LeadState::Active, rows }));
        assignee
    }

    pub fn is_active(&self, who: usize) -> bool {
        self.users[who].active
    }

    pub fn assignee(&self, lead: usize) -> Option<usize> {
        self.leads.get(lead)?.as_ref()?.assignee
    }

    pub fn exists(&self, lead: usize) -> bool {
        self.leads[lead].is_some()
    }

    /// The policy of a reassignment that asks for `asked`.
    pub fn policy(&self, asked: Option<RevocationPolicy>) -> RevocationPolicy {
        asked.unwrap_or(self.policy)
    }

    pub fn covers(&self, who: usize, action: LeadAction, lead: usize) -> bool {
        !self.ways(who, action, lead).is_empty()
    }

    /// The leads that a list for `action` shows; no states: the default ones.
    pub fn listed(&self, who: usize, action: LeadAction, states: &[LeadState]) -> Vec<usize> {
        let states: &[LeadState] = match (states, action) {
            ([], LeadAction::Retrieve) => &[LeadState::Discarded],
            ([], _) => &[LeadState::Active, LeadState::Resolved],
            _ => states,
        };
        let shown = |lead: &usize| self.leads[*lead].as_ref().is_some_and(|it| states.contains(&it.state));
        (0..self.leads.len()).filter(shown).filter(|lead| self.covers(who, action, *lead)).collect()
    }

    /// The live leads assigned to `whose` that `who` may view.
    pub fn assigned(&self, who: usize, whose: usize) -> Vec<usize> {
        let mut leads = self.listed(who, LeadAction::View, &[]);
        leads.retain(|lead| self.assignee(*lead) == Some(whose));
        leads
    }

    /// The facts of a lead; `None` where it was deleted.
    pub fn facts(&self, lead: usize) -> Option<String> {
        let lead = self.leads[lead].as_ref()?;
        Some(facts(lead.state, lead.assignee.map(|user| PEOPLE[user]), lead.group.map(|group| GROUPS[group])))
    }

    /// Everyone who reaches a lead, with every way.
    pub fn access_list(&self, lead: usize) -> Vec<String> {
        let everyone = (0..self.users.len()).map(|who| (PEOPLE[who], self.paths(who, lead)));
        everyone
            .filter(|(_, paths)| !paths.is_empty())
            .map(|(who, paths)| format!("{who}: {}", paths.join("; ")))
            .collect()
    }

    /// Every way in which a user reaches a lead, with what it gives.
    pub fn paths(&self, who: usize, lead: usize) -> Vec<String> {
        const PATHS: [AccessPath; 7] = [
            AccessPath::Assigned,
            AccessPath::Granted,
            AccessPath::Retained,
            AccessPath::Group,
            AccessPath::Unassigned,
            AccessPath::Complete,
            AccessPath::Administrator,
        ];
        let mut paths = Vec::new();
        for path in PATHS {
            let gives = |action: &LeadAction| self.ways(who, *action, lead).contains(&path);
            let actions: Vec<LeadAction> = ACTIONS.into_iter().filter(gives).collect();
            if actions.is_empty() {
                continue;
            }
            let row = self.leads[lead].as_ref().and_then(|lead| lead.rows.get(&who));
            let (mode, ends) = match row {
                Some(Row::Given { by, mode, ends }) if *by == path => (Some(*mode), *ends),
                _ => (None, false),
            };
            paths.push(way(path, mode, ends, &actions));
        }
        paths.sort();
        paths
    }

    /// Every way in which a user may do one action on a lead.
    fn ways(&self, who: usize, action: LeadAction, lead: usize) -> Vec<AccessPath> {
        let user = &self.users[who];
        let (Some(reach), Some(lead), true) = (user.reach(action), &self.leads[lead], user.active) else {
            return Vec::new();
        };
        let administrator = user.role == Role::Administrator;
        let row = lead.rows.get(&who);
        let mut ways = Vec::new();
        if lead.assignee == Some(who) && !(user.grace_ends && lead.state == LeadState::Resolved) {
            ways.push(AccessPath::Assigned);
        }
        if let Some(Row::Given { by, mode, .. }) = row
            && (*mode == GrantMode::Full || action == LeadAction::View)
        {
            ways.push(*by);
        }
        if administrator {
            ways.push(AccessPath::Administrator);
            return ways;
        }
        if let Some(Row::Blocked) = row {
            return ways;
        }
        let in_reach =
            |group: usize| reach.groups.contains(&group) || reach.member_groups && user.groups.contains(&group);
        if reach.level == AccessLevel::Groups && lead.group.is_some_and(in_reach) {
            ways.push(AccessPath::Group);
        }
        if reach.unassigned && lead.assignee.is_none() {
            ways.push(AccessPath::Unassigned);
        }
        if reach.level == AccessLevel::Complete {
            ways.push(AccessPath::Complete);
        }
        ways
    }

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
            Act::Grant { mode, ends } => {
                self.manages_lead(operation)?;
                self.may_configure(operation)?;
                self.may_give(operation, *mode, *ends)?;
                if !self.users[user].active {
                    return Err("INELIGIBLE_ASSIGNEE");
                }
                self.lead_mut(lead).rows.insert(user, Row::Given { by: AccessPath::Granted, mode: *mode, ends: *ends });
            }
            Act::Revoke => {
                self.manages_lead(operation)?;
                if self.users[user].role == Role::Administrator || self.assignee(lead) == Some(user) {
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
                let user = &mut self.users[user];
                if user.role == Role::Administrator {
                    return Err("FIXED");
                }
                match own {
                    Some(own) => user.own.insert(*action, own.clone()),
                    None => user.own.remove(action),
                };
            }
            Act::Join { group } => _ = self.users[user].groups.insert(*group),
            Act::Leave { group } => _ = self.users[user].groups.remove(group),
            Act::ToggleActive => self.users[user].active = !self.users[user].active,
            Act::SetPolicy { policy } => self.policy = *policy,
        }
        Ok(())
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

    fn take_from_assignee(&mut self, lead: usize, policy: Option<RevocationPolicy>) {
        let policy = self.policy(policy);
        let lead = self.lead_mut(lead);
        let Some(previous) = lead.assignee.take() else { return };
        let (mode, ends) = match policy {
            RevocationPolicy::Keep => (GrantMode::Full, false),
            RevocationPolicy::KeepViewOnly => (GrantMode::ViewOnly, false),
            RevocationPolicy::KeepUntil => (GrantMode::Full, true),
            RevocationPolicy::Revoke | RevocationPolicy::Unspecified => {
                lead.rows.remove(&previous);
                return;
            }
        };
        lead.rows.insert(previous, Row::Given { by: AccessPath::Retained, mode, ends });
    }

    fn manages_lead(&self, operation: &Operation) -> Answer {
        if !self.manages_access(operation.caller) {
            return Err("CAPABILITY_REQUIRED");
        }
        self.permitted(operation.caller, LeadAction::View, operation.lead)
    }

    /// A grant gives no action that the granter doesn't have on the lead, and none for longer.
    fn may_give(&self, operation: &Operation, mode: GrantMode, ends: bool) -> Answer {
        let (caller, user) = (operation.caller, &self.users[operation.user]);
        let lead = self.leads[operation.lead].as_ref().expect("a lead that may be viewed is there");
        let mine_ends = matches!(lead.rows.get(&caller), Some(Row::Given { ends: true, .. }));
        let lasts = |way: &AccessPath| ends || !mine_ends || !matches!(way, AccessPath::Granted | AccessPath::Retained);
        let gives = |action: &LeadAction| {
            user.active && user.reach(*action).is_some() && (mode == GrantMode::Full || *action == LeadAction::View)
        };
        let holds = |action: LeadAction| self.ways(caller, action, operation.lead).iter().any(lasts);
        if !ACTIONS.into_iter().filter(gives).all(holds) {
            return Err("ESCALATION");
        }
        // Lifting a block gives back what the levels reach, without an end.
        if !matches!(lead.rows.get(&operation.user), Some(Row::Blocked)) {
            return Ok(());
        }
        let mut lifted = self.clone();
        lifted.lead_mut(operation.lead).rows.remove(&operation.user);
        let given_back = |action: &LeadAction| lifted.covers(operation.user, *action, operation.lead);
        let lasts = |way: &AccessPath| !mine_ends || !matches!(way, AccessPath::Granted | AccessPath::Retained);
        let holds = |action: LeadAction| self.ways(caller, action, operation.lead).iter().any(lasts);
        if ACTIONS.into_iter().filter(given_back).all(holds) { Ok(()) } else { Err("ESCALATION") }
    }

    fn may_configure(&self, operation: &Operation) -> Answer {
        let (caller, user) = (operation.caller, operation.user);
        if caller == user {
            return Err("SELF_CONFIGURATION");
        }
        // Roles are numbered from the highest down.
        let (mine, theirs) = (self.users[caller].role, self.users[user].role);
        if mine != Role::Administrator && theirs as i32 <= mine as i32 {
            return Err("ROLE_NOT_BELOW");
        }
        Ok(())
    }

    fn manages_access(&self, who: usize) -> bool {
        self.users[who].manages_access
    }

    fn is_eligible(&self, who: usize) -> bool {
        let user = &self.users[who];
        user.active && user.reach(LeadAction::View).is_some()
    }

    fn lead_mut(&mut self, lead: usize) -> &mut Lead {
        self.leads[lead].as_mut().expect("only called for a lead that the caller reaches")
    }
}

impl User {
    fn new(profile: Profile) -> User {
        User {
            role: profile.role,
            manages_access: profile.manages_access,
            grace_ends: profile.grace_ends,
            profile: profile.reaches,
            own: Reaches::new(),
            groups: BTreeSet::new(),
            active: true,
        }
    }

    /// `None`: no lead.
    fn reach(&self, action: LeadAction) -> Option<&Reach> {
        self.own.get(&action).or(self.profile.get(&action)).filter(|reach| reach.level != AccessLevel::None)
    }
}

/// The built-in profiles are the table of the contract. The hour of grace of leads-agent outlasts a test.
fn profile_named(name: &str, company: &Company) -> Profile {
    if let Some(n) = CUSTOM_PROFILES.iter().position(|custom| *custom == name) {
        return company.profiles[n].clone();
    }
    let (role, level, actions) = match name {
        "administrator" => (Role::Administrator, AccessLevel::Complete, ACTIONS.to_vec()),
        "manager" => (Role::Manager, AccessLevel::Complete, ACTIONS.to_vec()),
        "pre-sales" | "leads-agent" => {
            (Role::Agent, AccessLevel::Individual, vec![LeadAction::View, LeadAction::Edit, LeadAction::Resolve])
        }
        "account-manager" | "retention" => (
            Role::Agent,
            AccessLevel::Individual,
            vec![LeadAction::View, LeadAction::Edit, LeadAction::Discard, LeadAction::Resolve],
        ),
        _ => panic!("no profile is called {name}"),
    };
    let reaches = actions.into_iter().map(|action| (action, Reach::plain(level))).collect();
    Profile { role, reaches, manages_access: role == Role::Administrator, grace_ends: false }
}
