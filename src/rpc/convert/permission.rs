//! Actions, levels, profiles and permissions.

use std::{collections::BTreeSet, time::Duration};

use super::{Faults, MOST_ITEMS, Mask, duration, specified};
use crate::{
    access::policy::{Effective, Facts, Origin, Principal, Reach},
    domain::{
        etag,
        profiles::{NewProfile, ProfilePatch},
    },
    model::{
        ids::GroupId,
        permission::{Action, Capability, OrderVisibility, Permission, Profile, Role},
    },
    proto,
};

/// An action as sent.
pub(in crate::rpc) fn action(action: Action) -> proto::LeadAction {
    match action {
        Action::View => proto::LeadAction::View,
        Action::Edit => proto::LeadAction::Edit,
        Action::Discard => proto::LeadAction::Discard,
        Action::Retrieve => proto::LeadAction::Retrieve,
        Action::Delete => proto::LeadAction::Delete,
        Action::Assign => proto::LeadAction::Assign,
        Action::Resolve => proto::LeadAction::Resolve,
        Action::Export => proto::LeadAction::Export,
    }
}

/// A role as sent.
pub(in crate::rpc) fn role(role: Role) -> proto::Role {
    match role {
        Role::Administrator => proto::Role::Administrator,
        Role::Manager => proto::Role::Manager,
        Role::Agent => proto::Role::Agent,
    }
}

/// Capabilities as sent.
pub(in crate::rpc) fn capabilities(capabilities: &BTreeSet<Capability>) -> Vec<i32> {
    let one = |capability: &Capability| match capability {
        Capability::ConfigurePermissions => proto::Capability::ConfigurePermissions,
        Capability::ManageDirectory => proto::Capability::ManageDirectory,
        Capability::ManageLeadAccess => proto::Capability::ManageLeadAccess,
        Capability::ManageSettings => proto::Capability::ManageSettings,
        Capability::ViewAllLeadsReport => proto::Capability::ViewAllLeadsReport,
        Capability::ImportLeads => proto::Capability::ImportLeads,
        Capability::ActOnBehalf => proto::Capability::ActOnBehalf,
        Capability::ReadAudit => proto::Capability::ReadAudit,
    };
    capabilities.iter().map(|capability| one(capability).into()).collect()
}

fn permission(of: Action, permission: &Permission) -> proto::Permission {
    let mut sent = proto::Permission { action: action(of).into(), ..Default::default() };
    let level = match permission {
        Permission::None => proto::AccessLevel::None,
        Permission::Individual { include_unassigned } => {
            sent.include_unassigned = *include_unassigned;
            proto::AccessLevel::Individual
        }
        Permission::Groups { named, include_member_groups, include_unassigned } => {
            sent.group_ids = named.iter().map(GroupId::to_string).collect();
            sent.include_member_groups = *include_member_groups;
            sent.include_unassigned = *include_unassigned;
            proto::AccessLevel::Groups
        }
        Permission::Complete => proto::AccessLevel::Complete,
    };
    sent.level = level.into();
    sent
}

/// A user's own settings as sent.
pub(in crate::rpc) fn user_permissions(facts: &Facts) -> proto::UserPermissions {
    let one = |(of, setting): (Action, &Option<Permission>)| match setting {
        Some(own) => permission(of, own),
        None => proto::Permission {
            action: action(of).into(),
            level: proto::AccessLevel::SameAsProfile.into(),
            ..Default::default()
        },
    };
    proto::UserPermissions {
        user_id: facts.user_id.to_string(),
        permissions: facts.overrides.iter().map(one).collect(),
        etag: etag::of(facts.permissions_version),
    }
}

/// A level in force as sent.
pub(super) fn level(reach: &Reach) -> proto::AccessLevel {
    match reach {
        Reach::None => proto::AccessLevel::None,
        Reach::Individual { .. } => proto::AccessLevel::Individual,
        Reach::Groups { .. } => proto::AccessLevel::Groups,
        Reach::Complete => proto::AccessLevel::Complete,
    }
}

/// Where a level comes from as sent.
pub(super) fn origin(origin: Origin) -> proto::PermissionOrigin {
    match origin {
        Origin::Profile => proto::PermissionOrigin::Profile,
        Origin::User => proto::PermissionOrigin::User,
        Origin::Administrator => proto::PermissionOrigin::Administrator,
    }
}

/// What a user may do as sent.
pub(in crate::rpc) fn effective(principal: &Principal) -> proto::GetEffectivePermissionsResponse {
    let one = |(of, effective): (Action, &Effective)| proto::EffectivePermission {
        action: action(of).into(),
        level: level(&effective.reach).into(),
        group_ids: effective.reach.groups().into_iter().flatten().map(GroupId::to_string).collect(),
        include_unassigned: effective.reach.pool(),
        origin: origin(effective.origin).into(),
    };
    proto::GetEffectivePermissionsResponse {
        user_id: principal.user_id.to_string(),
        role: role(principal.role).into(),
        permissions: principal.permissions.iter().map(one).collect(),
        capabilities: capabilities(&principal.capabilities),
    }
}

/// A profile as sent.
pub(in crate::rpc) fn profile(profile: Profile) -> proto::Profile {
    let Profile {
        id,
        name,
        built_in,
        role: of,
        permissions,
        capabilities: held,
        resolved_grace,
        max_open_leads,
        order_visibility: orders,
        assign_partial_orders_only,
        version,
    } = profile;
    proto::Profile {
        id: id.to_string(),
        name: Some(name),
        built_in,
        role: Some(role(of).into()),
        permissions: permissions.iter().map(|(action, setting)| permission(action, setting)).collect(),
        capabilities: capabilities(&held),
        resolved_grace: resolved_grace.map(duration),
        max_open_leads: max_open_leads.map(|most| i32::try_from(most).unwrap_or(i32::MAX)),
        etag: etag::of(version),
        order_visibility: order_visibility(orders).into(),
        assign_partial_orders_only: Some(assign_partial_orders_only),
    }
}

fn order_visibility(visibility: OrderVisibility) -> proto::OrderVisibility {
    match visibility {
        OrderVisibility::All => proto::OrderVisibility::All,
        OrderVisibility::PartialOnly => proto::OrderVisibility::PartialOnly,
    }
}

const PROFILE_PATHS: &[&str] = &[
    "name",
    "role",
    "permissions",
    "capabilities",
    "resolved_grace",
    "max_open_leads",
    "order_visibility",
    "assign_partial_orders_only",
];

impl Faults {
    /// An action; unspecified means VIEW.
    pub fn action(&mut self, given: i32) -> Action {
        self.action_of("action", given)
    }

    /// The same in another field.
    pub fn action_of(&mut self, field: impl Into<String>, given: i32) -> Action {
        if given == proto::LeadAction::Unspecified as i32 {
            return Action::View;
        }
        self.some(field, "is not an action", known_action(given)).unwrap_or(Action::View)
    }

    /// Permissions of a list, each action at most once; none stands for SAME_AS_PROFILE, where that may be said.
    pub fn permissions(
        &mut self,
        field: &str,
        given: &[proto::Permission],
        same_as_profile: bool,
    ) -> Vec<(Action, Option<Permission>)> {
        let mut seen = BTreeSet::new();
        let mut permissions = Vec::new();
        for (at, given) in given.iter().enumerate() {
            let at = format!("{field}[{at}]");
            let action = self.some(format!("{at}.action"), "is required", known_action(given.action));
            if action.is_some_and(|action| !seen.insert(action)) {
                self.add(format!("{at}.action"), "is given twice");
            }
            let setting = self.permission(&at, given, same_as_profile);
            permissions.extend(action.zip(setting));
        }
        permissions
    }

    /// Outer none: a fault. Inner none: same as profile.
    fn permission(&mut self, at: &str, given: &proto::Permission, same_as_profile: bool) -> Option<Option<Permission>> {
        let proto::Permission { action: _, level, group_ids, include_member_groups, include_unassigned } = given;
        let (include_member_groups, include_unassigned) = (*include_member_groups, *include_unassigned);
        let level = specified::<proto::AccessLevel>(*level)
            .filter(|level| same_as_profile || *level != proto::AccessLevel::SameAsProfile);
        let level = self.some(format!("{at}.level"), "is required", level)?;
        let grouped = level == proto::AccessLevel::Groups;
        if !grouped && !group_ids.is_empty() {
            self.add(format!("{at}.group_ids"), "goes with GROUPS only");
        }
        if !grouped && include_member_groups {
            self.add(format!("{at}.include_member_groups"), "goes with GROUPS only");
        }
        if !grouped && level != proto::AccessLevel::Individual && include_unassigned {
            self.add(format!("{at}.include_unassigned"), "goes with INDIVIDUAL and GROUPS only");
        }
        Some(match level {
            proto::AccessLevel::Unspecified | proto::AccessLevel::SameAsProfile => None,
            proto::AccessLevel::None => Some(Permission::None),
            proto::AccessLevel::Individual => Some(Permission::Individual { include_unassigned }),
            proto::AccessLevel::Groups => {
                if group_ids.is_empty() && !include_member_groups || group_ids.len() > MOST_ITEMS {
                    self.add(format!("{at}.group_ids"), format!("names 1 to {MOST_ITEMS} groups"));
                }
                let named = group_ids
                    .iter()
                    .enumerate()
                    .filter_map(|(n, id)| self.id(format!("{at}.group_ids[{n}]"), id))
                    .collect();
                Some(Permission::Groups { named, include_member_groups, include_unassigned })
            }
            proto::AccessLevel::Complete => Some(Permission::Complete),
        })
    }

    fn set_permissions(&mut self, given: &[proto::Permission]) -> Vec<(Action, Permission)> {
        let permissions = self.permissions("profile.permissions", given, false);
        permissions.into_iter().filter_map(|(action, setting)| Some((action, setting?))).collect()
    }

    fn role(&mut self, given: Option<i32>) -> Option<Role> {
        let role = match given.and_then(specified) {
            Some(proto::Role::Manager) => Some(Role::Manager),
            Some(proto::Role::Agent) => Some(Role::Agent),
            Some(proto::Role::Administrator | proto::Role::Unspecified) | None => None,
        };
        self.some("profile.role", "must be MANAGER or AGENT", role)
    }

    fn capabilities(&mut self, given: &[i32]) -> BTreeSet<Capability> {
        let known = |given: i32| {
            Some(match specified(given)? {
                proto::Capability::ConfigurePermissions => Capability::ConfigurePermissions,
                proto::Capability::ManageDirectory => Capability::ManageDirectory,
                proto::Capability::ManageLeadAccess => Capability::ManageLeadAccess,
                proto::Capability::ManageSettings => Capability::ManageSettings,
                proto::Capability::ViewAllLeadsReport => Capability::ViewAllLeadsReport,
                proto::Capability::ImportLeads => Capability::ImportLeads,
                proto::Capability::ActOnBehalf => Capability::ActOnBehalf,
                proto::Capability::ReadAudit => Capability::ReadAudit,
                proto::Capability::Unspecified => return None,
            })
        };
        let held = given.iter().enumerate().filter_map(|(at, given)| {
            self.some(format!("profile.capabilities[{at}]"), "is not a capability", known(*given))
        });
        held.collect()
    }

    fn capacity(&mut self, given: Option<i32>) -> Option<u32> {
        let given = given?;
        let most = u32::try_from(given).ok().filter(|most| (1..=1_000_000).contains(most));
        self.some("profile.max_open_leads", "is not 1 to 1,000,000", most)
    }

    fn order_visibility(&mut self, given: i32) -> Option<OrderVisibility> {
        let visibility = proto::OrderVisibility::try_from(given).ok().map(|visibility| match visibility {
            proto::OrderVisibility::Unspecified | proto::OrderVisibility::All => OrderVisibility::All,
            proto::OrderVisibility::PartialOnly => OrderVisibility::PartialOnly,
        });
        self.some("profile.order_visibility", "is not a visibility of orders", visibility)
    }

    /// A profile to make.
    pub fn new_profile(&mut self, given: proto::Profile) -> Option<NewProfile> {
        let proto::Profile {
            id: _,
            name,
            built_in: _,
            role,
            permissions,
            capabilities,
            resolved_grace,
            max_open_leads,
            etag: _,
            order_visibility,
            assign_partial_orders_only,
        } = given;
        let name = self.name("profile.name", name.as_deref(), 100);
        let role = self.role(role);
        let permissions = self.set_permissions(&permissions);
        let capabilities = self.capabilities(&capabilities);
        let resolved_grace = self.span("profile.resolved_grace", resolved_grace, Duration::ZERO);
        let max_open_leads = self.capacity(max_open_leads);
        let order_visibility = self.order_visibility(order_visibility);
        Some(NewProfile {
            name: name?,
            role: role?,
            permissions,
            capabilities,
            resolved_grace,
            max_open_leads,
            order_visibility: order_visibility?,
            assign_partial_orders_only: assign_partial_orders_only.unwrap_or(false),
        })
    }

    /// A change of a profile.
    pub fn profile_patch(&mut self, given: proto::Profile, mask: Option<prost_types::FieldMask>) -> ProfilePatch {
        let mask = Mask::of(mask, PROFILE_PATHS, self);
        let mut patch = ProfilePatch::default();
        if mask.names("name", given.name.is_some()) {
            patch.name = self.name("profile.name", given.name.as_deref(), 100);
        }
        if mask.names("role", given.role.is_some()) {
            patch.role = self.role(given.role);
        }
        if mask.names("permissions", !given.permissions.is_empty()) {
            patch.permissions = self.set_permissions(&given.permissions);
        }
        if mask.names("capabilities", !given.capabilities.is_empty()) {
            patch.capabilities = Some(self.capabilities(&given.capabilities));
        }
        if mask.names("resolved_grace", given.resolved_grace.is_some()) {
            patch.resolved_grace = Some(self.span("profile.resolved_grace", given.resolved_grace, Duration::ZERO));
        }
        if mask.names("max_open_leads", given.max_open_leads.is_some()) {
            patch.max_open_leads = Some(self.capacity(given.max_open_leads));
        }
        if mask.names("order_visibility", given.order_visibility != 0) {
            patch.order_visibility = self.order_visibility(given.order_visibility);
        }
        if mask.names("assign_partial_orders_only", given.assign_partial_orders_only.is_some()) {
            patch.assign_partial_orders_only = Some(given.assign_partial_orders_only.unwrap_or(false));
        }
        patch
    }
}

fn known_action(given: i32) -> Option<Action> {
    Some(match specified(given)? {
        proto::LeadAction::View => Action::View,
        proto::LeadAction::Edit => Action::Edit,
        proto::LeadAction::Discard => Action::Discard,
        proto::LeadAction::Retrieve => Action::Retrieve,
        proto::LeadAction::Delete => Action::Delete,
        proto::LeadAction::Assign => Action::Assign,
        proto::LeadAction::Resolve => Action::Resolve,
        proto::LeadAction::Export => Action::Export,
        proto::LeadAction::Unspecified => return None,
    })
}
