//! A random small company: what is in it, how it is made up and shrunk, and how it reads in a failure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use leadward::proto::{AccessLevel, AccessPath, GrantMode, LeadAction, LeadState, RevocationPolicy, Role};
use proptest::{
    array::{uniform3, uniform8},
    collection::{btree_map, vec},
    prelude::{Just, Strategy, any, prop_oneof},
    sample::{select, subsequence},
};

use crate::support::ACTIONS;

/// The first is the administrator that every server starts with.
pub const PEOPLE: [&str; 6] = ["the administrator", "ana", "bo", "cy", "dee", "eli"];
pub const GROUPS: [&str; 3] = ["alpha", "beta", "gamma"];
pub const CUSTOM_PROFILES: [&str; 3] = ["custom-1", "custom-2", "custom-3"];
const BUILT_IN_PROFILES: [&str; 6] =
    ["pre-sales", "leads-agent", "account-manager", "retention", "manager", "administrator"];

/// People, groups and leads are meant by their places in the lists.
#[derive(Clone, Debug)]
pub struct Company {
    pub profiles: [Profile; 3],
    /// Those beside the first administrator.
    pub people: Vec<Person>,
    pub leads: Vec<NewLead>,
    pub operations: Vec<Operation>,
}

/// An action that is missing is NONE.
pub type Reaches = BTreeMap<LeadAction, Reach>;

/// A level with its parameters.
#[derive(Clone, Debug)]
pub struct Reach {
    pub level: AccessLevel,
    pub groups: BTreeSet<usize>,
    pub member_groups: bool,
    pub unassigned: bool,
}

#[derive(Clone, Debug)]
pub struct Profile {
    pub role: Role,
    pub reaches: Reaches,
    pub manages_access: bool,
    /// A `resolved_grace` of 0 s instead of none.
    pub grace_ends: bool,
}

#[derive(Clone, Debug)]
pub struct Person {
    pub profile: &'static str,
    pub groups: Vec<usize>,
    pub own: Reaches,
}

#[derive(Clone, Debug)]
pub struct NewLead {
    pub group: Option<usize>,
    /// Left out where the user can't take leads.
    pub assignee: Option<usize>,
}

/// One call. What an act doesn't need of lead and user is not looked at.
#[derive(Clone, Debug)]
pub struct Operation {
    pub caller: usize,
    pub lead: usize,
    pub user: usize,
    pub act: Act,
}

#[derive(Clone, Debug)]
pub enum Act {
    Edit,
    Discard,
    Retrieve,
    Resolve,
    Reopen,
    Delete,
    Assign { policy: Option<RevocationPolicy> },
    Unassign { policy: Option<RevocationPolicy> },
    Grant { mode: GrantMode, ends: bool },
    Revoke,
    // Only the first administrator does those below, and never to themselves.
    Move { group: Option<usize> },
    Override { action: LeadAction, own: Option<Reach> },
    Join { group: usize },
    Leave { group: usize },
    ToggleActive,
    SetPolicy { policy: RevocationPolicy },
}

impl Company {
    /// The calls that put people into their groups and give them their own settings.
    pub fn setup(&self) -> Vec<Operation> {
        let mut calls = Vec::new();
        for (n, person) in self.people.iter().enumerate() {
            let joins = person.groups.iter().map(|group| Act::Join { group: *group });
            let own =
                person.own.iter().map(|(action, reach)| Act::Override { action: *action, own: Some(reach.clone()) });
            calls.extend(joins.chain(own).map(|act| Operation { caller: 0, lead: 0, user: n + 1, act }));
        }
        calls
    }
}

impl Reach {
    pub fn plain(level: AccessLevel) -> Reach {
        Reach { level, groups: BTreeSet::new(), member_groups: false, unassigned: false }
    }
}

impl Operation {
    /// Makes the places those of people and leads that are there.
    fn settle(mut self, people: usize, leads: usize) -> Operation {
        self.lead %= leads;
        if self.is_the_administrators() {
            self.caller = 0;
            self.user = 1 + self.user % people;
        } else {
            self.caller %= people + 1;
            self.user %= people + 1;
        }
        self
    }

    fn is_the_administrators(&self) -> bool {
        match self.act {
            Act::Move { .. }
            | Act::Override { .. }
            | Act::Join { .. }
            | Act::Leave { .. }
            | Act::ToggleActive
            | Act::SetPolicy { .. } => true,
            Act::Edit
            | Act::Discard
            | Act::Retrieve
            | Act::Resolve
            | Act::Reopen
            | Act::Delete
            | Act::Assign { .. }
            | Act::Unassign { .. }
            | Act::Grant { .. }
            | Act::Revoke => false,
        }
    }
}

/// Random companies. Every choice shrinks to its first.
pub fn company() -> impl Strategy<Value = Company> {
    (uniform3(profile()), vec(person(), 1..PEOPLE.len()), vec(new_lead(), 1..=10), vec(operation(), 0..=20)).prop_map(
        |(profiles, people, mut leads, operations)| {
            for lead in &mut leads {
                lead.assignee = lead.assignee.map(|user| user % (people.len() + 1));
            }
            let operations = operations.into_iter().map(|it| it.settle(people.len(), leads.len())).collect();
            Company { profiles, people, leads, operations }
        },
    )
}

fn profile() -> impl Strategy<Value = Profile> {
    (select(vec![Role::Agent, Role::Manager]), uniform8(reach()), any::<bool>(), any::<bool>()).prop_map(
        |(role, reaches, manages_access, grace_ends)| {
            let reaches = ACTIONS.into_iter().zip(reaches).collect();
            Profile { role, reaches, manages_access, grace_ends }
        },
    )
}

fn reach() -> impl Strategy<Value = Reach> {
    let level = prop_oneof![
        2 => Just(AccessLevel::None),
        4 => Just(AccessLevel::Individual),
        4 => Just(AccessLevel::Groups),
        2 => Just(AccessLevel::Complete),
    ];
    let groups = subsequence(vec![0usize, 1, 2], 0..=2);
    (level, groups, any::<bool>(), any::<bool>()).prop_map(|(level, groups, member_groups, unassigned)| {
        let by_group = level == AccessLevel::Groups;
        let partial = by_group || level == AccessLevel::Individual;
        Reach {
            level,
            member_groups: by_group && (member_groups || groups.is_empty()),
            groups: groups.into_iter().filter(|_| by_group).collect(),
            unassigned: partial && unassigned,
        }
    })
}

fn person() -> impl Strategy<Value = Person> {
    let profile = prop_oneof![2 => select(BUILT_IN_PROFILES.to_vec()), 3 => select(CUSTOM_PROFILES.to_vec())];
    let own = btree_map(select(ACTIONS.to_vec()), reach(), 0..=4);
    (profile, subsequence(vec![0usize, 1, 2], 0..=2), own).prop_map(|(profile, groups, own)| Person {
        profile,
        groups,
        own,
    })
}

fn new_lead() -> impl Strategy<Value = NewLead> {
    (maybe_group(), proptest::option::of(0..PEOPLE.len())).prop_map(|(group, assignee)| NewLead { group, assignee })
}

fn operation() -> impl Strategy<Value = Operation> {
    let caller = prop_oneof![Just(0usize), 0..PEOPLE.len()];
    (caller, 0..10usize, 0..PEOPLE.len(), act()).prop_map(|(caller, lead, user, act)| Operation {
        caller,
        lead,
        user,
        act,
    })
}

fn act() -> impl Strategy<Value = Act> {
    let mode = select(vec![GrantMode::Full, GrantMode::ViewOnly]);
    let own = proptest::option::of(reach());
    prop_oneof![
        2 => Just(Act::Edit),
        3 => Just(Act::Discard),
        2 => Just(Act::Retrieve),
        3 => Just(Act::Resolve),
        2 => Just(Act::Reopen),
        1 => Just(Act::Delete),
        6 => proptest::option::of(policy()).prop_map(|policy| Act::Assign { policy }),
        2 => proptest::option::of(policy()).prop_map(|policy| Act::Unassign { policy }),
        5 => (mode, any::<bool>()).prop_map(|(mode, ends)| Act::Grant { mode, ends }),
        5 => Just(Act::Revoke),
        2 => maybe_group().prop_map(|group| Act::Move { group }),
        2 => (select(ACTIONS.to_vec()), own).prop_map(|(action, own)| Act::Override { action, own }),
        1 => (0..GROUPS.len()).prop_map(|group| Act::Join { group }),
        1 => (0..GROUPS.len()).prop_map(|group| Act::Leave { group }),
        1 => Just(Act::ToggleActive),
        1 => policy().prop_map(|policy| Act::SetPolicy { policy }),
    ]
}

fn policy() -> impl Strategy<Value = RevocationPolicy> {
    select(vec![
        RevocationPolicy::Revoke,
        RevocationPolicy::Keep,
        RevocationPolicy::KeepViewOnly,
        RevocationPolicy::KeepUntil,
    ])
}

fn maybe_group() -> impl Strategy<Value = Option<usize>> {
    proptest::option::of(0..GROUPS.len())
}

pub fn lead_name(lead: usize) -> String {
    format!("lead-{}", lead + 1)
}

/// The facts of a lead that decide who reaches it.
pub fn facts(state: LeadState, assignee: Option<&str>, group: Option<&str>) -> String {
    format!("{state:?}, assignee {}, group {}", assignee.unwrap_or("none"), group.unwrap_or("none"))
}

/// One way in which a user reaches a lead.
pub fn way(path: AccessPath, mode: Option<GrantMode>, ends: bool, actions: &[LeadAction]) -> String {
    let mode = mode.map(|mode| format!(" {mode:?}")).unwrap_or_default();
    let ends = if ends { " until a time" } else { "" };
    format!("{path:?}{mode}{ends} gives {actions:?}")
}

impl fmt::Display for Company {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, profile) in CUSTOM_PROFILES.iter().zip(&self.profiles) {
            if self.people.iter().any(|person| person.profile == *name) {
                writeln!(f, "profile {name}: {profile}")?;
            }
        }
        for (name, person) in PEOPLE[1..].iter().zip(&self.people) {
            writeln!(f, "{name}: {person}")?;
        }
        for (n, lead) in self.leads.iter().enumerate() {
            let (assignee, group) = (lead.assignee.map(|user| PEOPLE[user]), lead.group.map(|group| GROUPS[group]));
            writeln!(f, "{}: {}", lead_name(n), facts(LeadState::Active, assignee, group))?;
        }
        for (n, operation) in self.operations.iter().enumerate() {
            writeln!(f, "{}. {operation}", n + 1)?;
        }
        Ok(())
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.role)?;
        if self.manages_access {
            write!(f, ", MANAGE_LEAD_ACCESS")?;
        }
        if self.grace_ends {
            write!(f, ", resolved_grace 0 s")?;
        }
        self.reaches.iter().try_for_each(|(action, reach)| write!(f, ", {action:?} {reach}"))
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "profile {}", self.profile)?;
        self.groups.iter().try_for_each(|group| write!(f, ", in {}", GROUPS[*group]))?;
        self.own.iter().try_for_each(|(action, reach)| write!(f, ", own {action:?} {reach}"))
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = self.groups.iter().map(|group| GROUPS[*group]);
        let own_groups = self.member_groups.then_some("own groups");
        let unassigned = self.unassigned.then_some("unassigned");
        let parameters: Vec<&str> = groups.chain(own_groups).chain(unassigned).collect();
        write!(f, "{:?}", self.level)?;
        if parameters.is_empty() { Ok(()) } else { write!(f, " ({})", parameters.join(" + ")) }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (caller, lead, user) = (PEOPLE[self.caller], lead_name(self.lead), PEOPLE[self.user]);
        match &self.act {
            Act::Edit => write!(f, "{caller} edits {lead}"),
            Act::Discard => write!(f, "{caller} discards {lead}"),
            Act::Retrieve => write!(f, "{caller} retrieves {lead}"),
            Act::Resolve => write!(f, "{caller} resolves {lead}"),
            Act::Reopen => write!(f, "{caller} reopens {lead}"),
            Act::Delete => write!(f, "{caller} deletes {lead}"),
            Act::Assign { policy: None } => write!(f, "{caller} assigns {lead} to {user}"),
            Act::Assign { policy: Some(policy) } => write!(f, "{caller} assigns {lead} to {user} with {policy:?}"),
            Act::Unassign { policy: None } => write!(f, "{caller} unassigns {lead}"),
            Act::Unassign { policy: Some(policy) } => write!(f, "{caller} unassigns {lead} with {policy:?}"),
            Act::Grant { mode, ends: false } => write!(f, "{caller} grants {lead} to {user}, {mode:?}"),
            Act::Grant { mode, ends: true } => write!(f, "{caller} grants {lead} to {user}, {mode:?}, until 2100"),
            Act::Revoke => write!(f, "{caller} revokes {lead} from {user}"),
            Act::Move { group } => {
                write!(f, "{caller} moves {lead} to group {}", group.map_or("none", |it| GROUPS[it]))
            }
            Act::Override { action, own: None } => write!(f, "{caller} sets {action:?} of {user} to same as profile"),
            Act::Override { action, own: Some(own) } => write!(f, "{caller} sets {action:?} of {user} to {own}"),
            Act::Join { group } => write!(f, "{caller} adds {user} to {}", GROUPS[*group]),
            Act::Leave { group } => write!(f, "{caller} removes {user} from {}", GROUPS[*group]),
            Act::ToggleActive => write!(f, "{caller} deactivates {user}, or reactivates them"),
            Act::SetPolicy { policy } => write!(f, "{caller} sets the revocation policy to {policy:?}"),
        }
    }
}
