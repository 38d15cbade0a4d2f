//! How a company, its operations and its answers read, in failures and wherever an answer is compared.

use std::fmt;

use leadward::proto::{
    AccessLevel, AccessObstacleKind, AccessPath, AccessStepKind, GrantMode, LeadAction, LeadState, PermissionOrigin,
};

use super::company::{Act, CUSTOM_PROFILES, Company, GROUPS, Operation, PEOPLE, Person, Profile, Question, Reach};

pub fn lead_name(lead: usize) -> String {
    format!("lead-{}", lead + 1)
}

/// The facts of a lead that decide who reaches it.
pub fn facts(state: LeadState, assignee: Option<&str>, group: Option<&str>) -> String {
    format!("{state:?}, assignee {}, group {}", assignee.unwrap_or("none"), group.unwrap_or("none"))
}

/// One way in which a user reaches a lead, and what it gives.
pub fn way(path: AccessPath, mode: Option<GrantMode>, ends: bool, actions: &[LeadAction]) -> String {
    format!("{} gives {actions:?}", by(path, mode, ends))
}

/// One way that gives an action, by a level.
pub fn ground(path: AccessPath, mode: Option<GrantMode>, ends: bool, group: Option<String>, level: &str) -> String {
    let group = group.map(|group| format!(" {group}")).unwrap_or_default();
    format!("{}{group} by {level}", by(path, mode, ends))
}

fn by(path: AccessPath, mode: Option<GrantMode>, ends: bool) -> String {
    let mode = mode.map(|mode| format!(" {mode:?}")).unwrap_or_default();
    let ends = if ends { " until a time" } else { "" };
    format!("{path:?}{mode}{ends}")
}

/// A lead's group, and how a level comes to it.
pub fn group(name: &str, named: bool, membership: bool) -> String {
    format!("{name}, named {named}, membership {membership}")
}

/// A level, and where it comes from.
pub fn level(level: AccessLevel, origin: PermissionOrigin, profile: &str) -> String {
    format!("{level:?} of {origin:?}, profile {profile}")
}

/// What withholds an action; a level where it is the level.
pub fn obstacle(kind: AccessObstacleKind, level: Option<String>) -> String {
    level.map_or_else(|| format!("{kind:?}"), |level| format!("{kind:?} by {level}"))
}

/// One step of a change.
pub fn step(kind: AccessStepKind, mode: Option<GrantMode>) -> String {
    mode.map_or_else(|| format!("{kind:?}"), |mode| format!("{kind:?} {mode:?}"))
}

impl fmt::Display for Company {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, profile) in CUSTOM_PROFILES.iter().zip(&self.profiles) {
            writeln!(f, "profile {name}: {profile}")?;
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
        self.questions.iter().try_for_each(|question| writeln!(f, "then {question} is turned round"))
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

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "whether {} may {:?} {}", PEOPLE[self.user], self.action, lead_name(self.lead))
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
            Act::Grant { mode, until } => write!(f, "{caller} grants {lead} to {user}, {mode:?}, until {until:?}"),
            Act::Revoke => write!(f, "{caller} revokes {lead} from {user}"),
            Act::Move { group } => {
                write!(f, "{caller} moves {lead} to group {}", group.map_or("none", |it| GROUPS[it]))
            }
            Act::Override { action, own: None } => write!(f, "{caller} sets {action:?} of {user} to same as profile"),
            Act::Override { action, own: Some(own) } => write!(f, "{caller} sets {action:?} of {user} to {own}"),
            Act::Join { group } => write!(f, "{caller} adds {user} to {}", GROUPS[*group]),
            Act::Leave { group } => write!(f, "{caller} removes {user} from {}", GROUPS[*group]),
            Act::ToggleActive => write!(f, "{caller} deactivates {user}, or reactivates them"),
            Act::GiveProfile { profile } => write!(f, "{caller} moves {user} to profile {profile}"),
            Act::NewToken => write!(f, "{caller} gives {user} a new token and revokes the old one"),
            Act::ChangeProfile { profile, action, reach } => {
                write!(f, "{caller} sets {action:?} of profile {} to {reach}", CUSTOM_PROFILES[*profile])
            }
            Act::ToggleGrace { profile } => {
                write!(f, "{caller} sets resolved_grace of profile {} to 0 s, or unsets it", CUSTOM_PROFILES[*profile])
            }
            Act::SetPolicy { policy } => write!(f, "{caller} sets the revocation policy to {policy:?}"),
        }
    }
}
