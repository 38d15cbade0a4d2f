//! What holds for the whole service.

use std::time::Duration;

use super::{Time, permission::RevocationPolicy, words};

/// A revocation policy without its duration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PolicyKind {
    /// See [`RevocationPolicy::Revoke`].
    Revoke,
    /// See [`RevocationPolicy::Keep`].
    Keep,
    /// See [`RevocationPolicy::KeepViewOnly`].
    KeepViewOnly,
    /// See [`RevocationPolicy::KeepUntil`].
    KeepUntil,
}

words!(PolicyKind {
    Revoke = "REVOKE",
    Keep = "KEEP",
    KeepViewOnly = "KEEP_VIEW_ONLY",
    KeepUntil = "KEEP_UNTIL",
});

/// The settings as stored.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// What a reassignment does where the call doesn't say.
    pub policy: PolicyKind,
    /// How long KEEP_UNTIL keeps.
    pub keep_duration: Duration,
    /// Whether assignment heeds desks.
    pub enforce_desks: bool,
    /// Whether a completed order resolves its lead, where the assignee's profile assigns partial orders only.
    pub resolve_on_completed_order: bool,
    /// When they were last changed.
    pub update_time: Time,
    /// Moves with every change.
    pub version: i64,
}

impl Settings {
    /// The policy with its duration.
    pub fn revocation_policy(&self) -> RevocationPolicy {
        match self.policy {
            PolicyKind::Revoke => RevocationPolicy::Revoke,
            PolicyKind::Keep => RevocationPolicy::Keep,
            PolicyKind::KeepViewOnly => RevocationPolicy::KeepViewOnly,
            PolicyKind::KeepUntil => RevocationPolicy::KeepUntil(self.keep_duration),
        }
    }
}
