use std::time::{Duration, SystemTime};

use leadward::proto::{AccessLevel, ImportRow, Lead, LeadAction, Permission, Profile, Role};

/// Every action, in the order in which the service lists them.
pub const ACTIONS: [LeadAction; 8] = [
    LeadAction::View,
    LeadAction::Edit,
    LeadAction::Discard,
    LeadAction::Retrieve,
    LeadAction::Delete,
    LeadAction::Assign,
    LeadAction::Resolve,
    LeadAction::Export,
];

pub fn named(name: &str) -> Lead {
    Lead { name: Some(name.to_owned()), ..Lead::default() }
}

/// The row of a person who has deposited.
pub fn client_row(name: &str) -> ImportRow {
    ImportRow { row_number: 1, lead: Some(named(name)), deposited: true, ..ImportRow::default() }
}

pub fn permission(action: LeadAction, level: AccessLevel) -> Permission {
    Permission { action: action.into(), level: level.into(), ..Permission::default() }
}

pub fn groups_permission(action: LeadAction, group_ids: &[&str]) -> Permission {
    let group_ids = group_ids.iter().map(|id| (*id).to_owned()).collect();
    Permission { group_ids, ..permission(action, AccessLevel::Groups) }
}

/// One permission per action, all of one level.
pub fn every_action(level: AccessLevel) -> Vec<Permission> {
    ACTIONS.iter().map(|action| permission(*action, level)).collect()
}

/// A profile to create, every action NONE.
pub fn profile(name: &str, role: Role) -> Profile {
    Profile { name: Some(name.to_owned()), role: Some(role.into()), ..Profile::default() }
}

pub fn seconds(seconds: i64) -> prost_types::Duration {
    prost_types::Duration { seconds, nanos: 0 }
}

pub fn seconds_from_now(seconds: u64) -> prost_types::Timestamp {
    (SystemTime::now() + Duration::from_secs(seconds)).into()
}
