//! A random small company: what is in it, how it is made up and shrunk.

use std::collections::{BTreeMap, BTreeSet};

use leadward::proto::{AccessLevel, GrantMode, LeadAction, RevocationPolicy, Role};
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
pub const BUILT_IN_PROFILES: [&str; 6] =
    ["pre-sales", "leads-agent", "account-manager", "retention", "manager", "administrator"];

/// People, groups and leads are meant by their places in the lists.
#[derive(Clone, Debug)]
pub struct Company {
    pub profiles: [Profile; 3],
    /// Those beside the first administrator.
    pub people: Vec<Person>,
    pub leads: Vec<NewLead>,
    pub operations: Vec<Operation>,
    /// Answers that are turned round in the end, by the smallest change that the service names.
    pub questions: Vec<Question>,
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
    Grant { mode: GrantMode, until: Until },
    Revoke,
    // Only the first administrator does those below, and never to themselves.
    Move { group: Option<usize> },
    Override { action: LeadAction, own: Option<Reach> },
    Join { group: usize },
    Leave { group: usize },
    ToggleActive,
    GiveProfile { profile: &'static str },
    NewToken,
    ChangeProfile { profile: usize, action: LeadAction, reach: Reach },
    ToggleGrace { profile: usize },
    SetPolicy { policy: RevocationPolicy },
}

/// When what was given ends, the earliest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Until {
    /// Has ended.
    Past,
    /// Ends before the next call.
    Soon,
    ADay,
    Year2100,
    Never,
}

/// Whether a user may do an action on a lead. Never about the first administrator.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    pub user: usize,
    pub action: LeadAction,
    pub lead: usize,
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
            | Act::GiveProfile { .. }
            | Act::NewToken
            | Act::ChangeProfile { .. }
            | Act::ToggleGrace { .. }
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

impl Act {
    /// The one action whose leads it changes, if it is about one.
    pub fn action(&self) -> Option<LeadAction> {
        match self {
            Act::Override { action, .. } | Act::ChangeProfile { action, .. } => Some(*action),
            _ => None,
        }
    }
}

impl Question {
    fn settle(self, people: usize, leads: usize) -> Question {
        Question { user: 1 + self.user % people, lead: self.lead % leads, ..self }
    }
}

/// Random companies. Every choice shrinks to its first.
pub fn company() -> impl Strategy<Value = Company> {
    let parts = (
        uniform3(profile()),
        vec(person(), 1..PEOPLE.len()),
        vec(new_lead(), 1..=10),
        vec(operation(), 0..=24),
        vec(question(), 1..=2),
    );
    parts.prop_map(|(profiles, people, mut leads, operations, questions)| {
        for lead in &mut leads {
            lead.assignee = lead.assignee.map(|user| user % (people.len() + 1));
        }
        let operations = operations.into_iter().map(|it| it.settle(people.len(), leads.len())).collect();
        let questions = questions.into_iter().map(|it| it.settle(people.len(), leads.len())).collect();
        Company { profiles, people, leads, operations, questions }
    })
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
    let own = btree_map(select(ACTIONS.to_vec()), reach(), 0..=4);
    (profile_name(), subsequence(vec![0usize, 1, 2], 0..=2), own).prop_map(|(profile, groups, own)| Person {
        profile,
        groups,
        own,
    })
}

fn profile_name() -> impl Strategy<Value = &'static str> {
    prop_oneof![2 => select(BUILT_IN_PROFILES.to_vec()), 3 => select(CUSTOM_PROFILES.to_vec())]
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

fn question() -> impl Strategy<Value = Question> {
    (0..PEOPLE.len(), select(ACTIONS.to_vec()), 0..10usize).prop_map(|(user, action, lead)| Question {
        user,
        action,
        lead,
    })
}

fn act() -> impl Strategy<Value = Act> {
    let mode = select(vec![GrantMode::Full, GrantMode::ViewOnly]);
    let until = select(vec![Until::Never, Until::Year2100, Until::Soon]);
    let own = proptest::option::of(reach());
    let profile = 0..CUSTOM_PROFILES.len();
    prop_oneof![
        2 => Just(Act::Edit),
        3 => Just(Act::Discard),
        2 => Just(Act::Retrieve),
        3 => Just(Act::Resolve),
        2 => Just(Act::Reopen),
        1 => Just(Act::Delete),
        6 => proptest::option::of(policy()).prop_map(|policy| Act::Assign { policy }),
        2 => proptest::option::of(policy()).prop_map(|policy| Act::Unassign { policy }),
        5 => (mode, until).prop_map(|(mode, until)| Act::Grant { mode, until }),
        5 => Just(Act::Revoke),
        2 => maybe_group().prop_map(|group| Act::Move { group }),
        2 => (select(ACTIONS.to_vec()), own).prop_map(|(action, own)| Act::Override { action, own }),
        1 => (0..GROUPS.len()).prop_map(|group| Act::Join { group }),
        1 => (0..GROUPS.len()).prop_map(|group| Act::Leave { group }),
        1 => Just(Act::ToggleActive),
        2 => profile_name().prop_map(|profile| Act::GiveProfile { profile }),
        1 => Just(Act::NewToken),
        2 => (profile.clone(), select(ACTIONS.to_vec()), reach())
            .prop_map(|(profile, action, reach)| Act::ChangeProfile { profile, action, reach }),
        1 => profile.prop_map(|profile| Act::ToggleGrace { profile }),
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
