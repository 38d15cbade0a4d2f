//! Holding a [`Caller`] is being authenticated.

use std::{ops::Deref, sync::Arc};

use super::{
    fence::Fence,
    policy::{Facts, Principal},
    token::SecretHash,
};
use crate::{
    domain::{Error, Result},
    model::{
        ids::{TokenId, UserId},
        permission::{Capability, Role},
        user::{Actor, UserState},
    },
};

/// Who is calling, with all that they may do; made by authentication only.
///
/// ```compile_fail
/// use leadward::access::{Caller, policy::Principal};
/// fn somebody(principal: std::sync::Arc<Principal>, other: Caller) -> Caller { Caller { principal, ..other } }
/// ```
#[derive(Clone, Debug)]
pub struct Caller {
    principal: Arc<Principal>,
    fence: Option<Arc<Fence>>,
    credential: Arc<Credential>,
}

/// What a caller is known by.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Credential {
    /// Which token it is.
    pub token: TokenId,
    /// Whose token it is, where that is a service which calls on the caller's behalf.
    pub service: Option<UserId>,
    /// What the token came as.
    pub claim: Claim,
}

/// What a call says of its caller, before anybody has looked whether it is true.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Claim {
    /// The token.
    pub hash: SecretHash,
    /// On whose behalf.
    pub on_behalf_of: Option<UserId>,
}

impl Caller {
    /// The caller whose facts and credential these are; none for a deactivated user.
    pub(super) fn authenticated(facts: &Facts, fence: Option<Fence>, credential: Credential) -> Option<Self> {
        match facts.state {
            UserState::Active => Some(Self {
                principal: Arc::new(Principal::resolve(facts)),
                fence: fence.map(Arc::new),
                credential: Arc::new(credential),
            }),
            UserState::Deactivated => None,
        }
    }

    /// The same without a fence: a switch of the engine.
    pub(super) fn unfenced(self) -> Self {
        Self { fence: None, ..self }
    }

    /// The credential that the call came with.
    pub(super) fn credential(&self) -> &Credential {
        &self.credential
    }

    /// What they may do, and what that was resolved at.
    pub(super) fn standing(&self) -> (Arc<Principal>, Option<Arc<Fence>>) {
        (Arc::clone(&self.principal), self.fence.clone())
    }

    /// What must stand for the caller's facts to hold; none where they can't be stale.
    pub fn fence(&self) -> Option<&Fence> {
        self.fence.as_deref()
    }

    /// What they may do, apart from their credential.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// Who it is that does what this caller does.
    pub fn actor(&self) -> Actor {
        match self.credential.service {
            Some(id) => Actor { id, on_behalf_of: Some(self.id()) },
            None => Actor { id: self.id(), on_behalf_of: None },
        }
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
