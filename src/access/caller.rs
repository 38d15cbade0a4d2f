//! Holding a [`Caller`] is being authenticated.

use std::{ops::Deref, sync::Arc};

use super::policy::{Facts, Principal};
use crate::{
    domain::{Error, Result},
    model::{
        ids::{TokenId, UserId},
        permission::{Capability, Role},
        user::UserState,
    },
};

/// Who is calling, with all that they may do; made by authentication only.
///
/// ```compile_fail
/// use leadward::{access::{Caller, policy::Principal}, model::ids::TokenId};
/// fn somebody(principal: std::sync::Arc<Principal>, token: TokenId) -> Caller { Caller { principal, token } }
/// ```
#[derive(Clone, Debug)]
pub struct Caller {
    principal: Arc<Principal>,
    token: TokenId,
}

impl Caller {
    /// The caller whose facts and credential these are; none for a deactivated user.
    pub(super) fn authenticated(facts: &Facts, token: TokenId) -> Option<Self> {
        match facts.state {
            UserState::Active => Some(Self { principal: Arc::new(Principal::resolve(facts)), token }),
            UserState::Deactivated => None,
        }
    }

    /// The credential that the call came with.
    pub(super) fn token(&self) -> TokenId {
        self.token
    }

    /// Who it is.
    pub fn id(&self) -> UserId {
        self.principal.user_id
    }

    /// Whether the caller holds a capability.
    pub fn holds(&self, capability: Capability) -> bool {
        self.principal.capabilities.contains(&capability)
    }

    /// Refuses a caller who doesn't hold a capability.
    ///
    /// # Errors
    /// CAPABILITY_REQUIRED.
    pub fn require(&self, capability: Capability) -> Result<()> {
        self.require_any(&[capability])
    }

    /// Refuses a caller who holds none of some capabilities; the answer names the first.
    ///
    /// # Errors
    /// CAPABILITY_REQUIRED.
    pub fn require_any(&self, capabilities: &[Capability]) -> Result<()> {
        match capabilities.first() {
            Some(first) if !capabilities.iter().any(|c| self.holds(*c)) => Err(Error::CapabilityRequired(*first)),
            _ => Ok(()),
        }
    }

    /// Refuses a caller who may not read the directory: users, groups and profiles.
    ///
    /// # Errors
    /// CAPABILITY_REQUIRED.
    pub fn require_directory(&self) -> Result<()> {
        self.require_any(&[Capability::ManageDirectory, Capability::ConfigurePermissions, Capability::ManageLeadAccess])
    }

    /// Refuses a caller whose role is below another.
    ///
    /// # Errors
    /// ROLE_REQUIRED.
    pub fn require_role(&self, role: Role) -> Result<()> {
        if self.principal.role < role { Err(Error::RoleRequired(role)) } else { Ok(()) }
    }
}

impl Deref for Caller {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.principal
    }
}
