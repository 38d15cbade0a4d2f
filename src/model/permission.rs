//! Actions, levels, capabilities, roles and profiles.

use std::{collections::BTreeSet, time::Duration};

use super::{
    ids::{GroupId, ProfileId},
    words,
};

/// What can be done to a lead.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Action {
    /// See it.
    View,
    /// Change its fields.
    Edit,
    /// Set it aside.
    Discard,
    /// Bring it back.
    Retrieve,
    /// Erase it.
    Delete,
    /// Give it to a user or a group.
    Assign,
    /// End the work on it.
    Resolve,
    /// Take it out in bulk.
    Export,
}

words!(Action {
    View = "VIEW",
    Edit = "EDIT",
    Discard = "DISCARD",
    Retrieve = "RETRIEVE",
    Delete = "DELETE",
    Assign = "ASSIGN",
    Resolve = "RESOLVE",
    Export = "EXPORT",
});

/// One value per action.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PerAction<T>([T; 8]);

impl<T> PerAction<T> {
    /// Makes the value of each action.
    pub fn from_fn(mut f: impl FnMut(Action) -> T) -> Self {
        Self(std::array::from_fn(|i| f(Action::ALL[i])))
    }

    /// The action's value.
    pub fn get(&self, action: Action) -> &T {
        &self.0[action as usize]
    }

    /// The action's value, to change.
    pub fn get_mut(&mut self, action: Action) -> &mut T {
        &mut self.0[action as usize]
    }

    /// Every action with its value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Action, &T)> {
        Action::ALL.iter().map(|action| (*action, self.get(*action)))
    }
}

/// An action's level with its parameters: the leads that it covers (domain contract, section 2).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Permission {
    /// None.
    #[default]
    None,
    /// Those assigned or granted to the user.
    Individual {
        /// And those without an assignee.
        include_unassigned: bool,
    },
    /// INDIVIDUAL, and those of some groups.
    Groups {
        /// The groups named.
        named: BTreeSet<GroupId>,
        /// And the user's own.
        include_member_groups: bool,
        /// And those without an assignee.
        include_unassigned: bool,
    },
    /// Every lead.
    Complete,
}

impl Permission {
    /// INDIVIDUAL without the pool of unassigned leads.
    pub const INDIVIDUAL: Self = Self::Individual { include_unassigned: false };
}

/// Where a user stands in the no-escalation rule; a greater role is above.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// Works leads.
    Agent,
    /// Configures agents.
    Manager,
    /// Holds everything.
    Administrator,
}

words!(Role { Agent = "AGENT", Manager = "MANAGER", Administrator = "ADMINISTRATOR" });

/// A right that is not about one lead.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Capability {
    /// Set other users' permissions.
    ConfigurePermissions,
    /// Keep users, groups, profiles and tokens.
    ManageDirectory,
    /// Grant and revoke single leads.
    ManageLeadAccess,
    /// Change settings.
    ManageSettings,
    /// Open the report over everything.
    ViewAllLeadsReport,
    /// Import leads.
    ImportLeads,
    /// Act as another user.
    ActOnBehalf,
    /// Read the record of changes.
    ReadAudit,
}

words!(Capability {
    ConfigurePermissions = "CONFIGURE_PERMISSIONS",
    ManageDirectory = "MANAGE_DIRECTORY",
    ManageLeadAccess = "MANAGE_LEAD_ACCESS",
    ManageSettings = "MANAGE_SETTINGS",
    ViewAllLeadsReport = "VIEW_ALL_LEADS_REPORT",
    ImportLeads = "IMPORT_LEADS",
    ActOnBehalf = "ACT_ON_BEHALF",
    ReadAudit = "READ_AUDIT",
});

/// Which orders a profile's users see of the leads that they may view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrderVisibility {
    /// Every one.
    All,
    /// Those that are PARTIAL.
    PartialOnly,
}

words!(OrderVisibility { All = "ALL", PartialOnly = "PARTIAL_ONLY" });

/// A named set of defaults for users.
#[derive(Clone, PartialEq, Debug)]
pub struct Profile {
    /// Its identity.
    pub id: ProfileId,
    /// Unique whatever the case.
    pub name: String,
    /// Whether the service came with it.
    pub built_in: bool,
    /// Its users' role.
    pub role: Role,
    /// Its users' permissions.
    pub permissions: PerAction<Permission>,
    /// Its users' capabilities.
    pub capabilities: BTreeSet<Capability>,
    /// How long an assigned agent still reaches a lead after it was resolved; none: no limit.
    pub resolved_grace: Option<Duration>,
    /// How many open leads one of its users may be assigned; none: no limit.
    pub max_open_leads: Option<u32>,
    /// Which orders its users see.
    pub order_visibility: OrderVisibility,
    /// Whether a completed order ends the work on a lead that is assigned to one of its users.
    pub assign_partial_orders_only: bool,
    /// Moves with every change.
    pub version: i64,
}

/// What a reassignment does to the previous assignee (domain contract, section 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RevocationPolicy {
    /// Assignment and grants are gone.
    Revoke,
    /// Everything is kept.
    Keep,
    /// VIEW is kept.
    KeepViewOnly,
    /// Everything is kept for a while.
    KeepUntil(Duration),
}
