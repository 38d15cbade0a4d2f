//! What a company should answer, worked out the slow way from the contract: every user, action and lead by itself.

mod changes;
mod reasons;

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
};

use leadward::proto::{AccessLevel, AccessPath, GrantMode, LeadAction, LeadState, RevocationPolicy, Role};

use super::{
    company::{BUILT_IN_PROFILES, CUSTOM_PROFILES, Company, GROUPS, NewLead, PEOPLE, Profile, Reach, Reaches, Until},
    words::{facts, way},
};
use crate::support::ACTIONS;

pub use reasons::Reasons;

#[derive(Clone)]
pub struct Model {
    profiles: BTreeMap<&'static str, Profile>,
    users: Vec<User>,
    /// `None`: deleted.
    leads: Vec<Option<Lead>>,
    policy: RevocationPolicy,
}

#[derive(Clone)]
struct User {
    profile: &'static str,
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
        until: Until,
    },
}

impl Model {
    /// The people with their profiles; no settings, members or leads yet.
    pub fn new(company: &Company) -> Model {
        let built_in = BUILT_IN_PROFILES.map(|name| (name, built_in(name)));
        let profiles = built_in.into_iter().chain(CUSTOM_PROFILES.into_iter().zip(company.profiles.clone())).collect();
        let names = iter::once("administrator").chain(company.people.iter().map(|person| person.profile));
        let user = |profile| User { profile, own: Reaches::new(), groups: BTreeSet::new(), active: true };
        Model { profiles, users: names.map(user).collect(), leads: Vec::new(), policy: RevocationPolicy::Revoke }
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

    /// Whether a lead can be given to another.
    pub fn is_movable(&self, lead: usize) -> bool {
        self.leads[lead].as_ref().is_some_and(|lead| lead.state != LeadState::Discarded)
    }

    /// Whether a profile's `resolved_grace` is 0 s.
    pub fn grace_ends(&self, profile: &str) -> bool {
        self.profiles[profile].grace_ends
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
            let (mode, ends) = self.given(who, lead, path);
            paths.push(way(path, mode, ends, &actions));
        }
        paths.sort();
        paths
    }

    /// What was given by a way, and whether it ends by itself.
    fn given(&self, who: usize, lead: usize, path: AccessPath) -> (Option<GrantMode>, bool) {
        match self.row(who, lead) {
            Some(Row::Given { by, mode, until }) if *by == path => (Some(*mode), *until != Until::Never),
            _ => (None, false),
        }
    }

    /// Every way in which a user may do one action on a lead.
    fn ways(&self, who: usize, action: LeadAction, lead: usize) -> Vec<AccessPath> {
        if self.is_active(who) { self.ways_if_active(who, action, lead) } else { Vec::new() }
    }

    fn ways_if_active(&self, who: usize, action: LeadAction, lead: usize) -> Vec<AccessPath> {
        if self.reach(who, action).is_none() || !self.exists(lead) {
            return Vec::new();
        }
        let mut ways = Vec::new();
        if self.assignee(lead) == Some(who) && !self.has_lapsed(who, lead) {
            ways.push(AccessPath::Assigned);
        }
        let row = self.row(who, lead);
        if let Some(Row::Given { by, mode, until }) = row
            && *until != Until::Past
            && (*mode == GrantMode::Full || action == LeadAction::View)
        {
            ways.push(*by);
        }
        if self.is_administrator(who) {
            ways.push(AccessPath::Administrator);
        } else if !matches!(row, Some(Row::Blocked)) {
            ways.extend(self.ways_by_level(who, action, lead));
        }
        ways
    }

    /// What a level gives beside the individual set, where nothing blocks it.
    fn ways_by_level(&self, who: usize, action: LeadAction, lead: usize) -> Vec<AccessPath> {
        let (Some(reach), Some(lead)) = (self.reach(who, action), &self.leads[lead]) else { return Vec::new() };
        let groups = &self.users[who].groups;
        let in_reach = |group: usize| reach.groups.contains(&group) || reach.member_groups && groups.contains(&group);
        let mut ways = Vec::new();
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

    /// Whether the lead was resolved longer ago than the user's grace. The hour of leads-agent outlasts a test.
    fn has_lapsed(&self, who: usize, lead: usize) -> bool {
        self.profile(who).grace_ends && self.leads[lead].as_ref().is_some_and(|it| it.state == LeadState::Resolved)
    }

    /// `None`: no lead. An administrator's own settings don't count.
    fn reach(&self, who: usize, action: LeadAction) -> Option<&Reach> {
        let own = self.users[who].own.get(&action).filter(|_| !self.is_administrator(who));
        own.or(self.profile(who).reaches.get(&action)).filter(|reach| reach.level != AccessLevel::None)
    }

    fn row(&self, who: usize, lead: usize) -> Option<&Row> {
        self.leads[lead].as_ref()?.rows.get(&who)
    }

    fn profile(&self, who: usize) -> &Profile {
        &self.profiles[self.users[who].profile]
    }

    fn is_administrator(&self, who: usize) -> bool {
        self.profile(who).role == Role::Administrator
    }

    fn is_eligible(&self, who: usize) -> bool {
        self.is_active(who) && self.reach(who, LeadAction::View).is_some()
    }

    fn lead_mut(&mut self, lead: usize) -> &mut Lead {
        self.leads[lead].as_mut().expect("only called for a lead that the caller reaches")
    }
}

/// The table of the contract.
fn built_in(name: &str) -> Profile {
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
