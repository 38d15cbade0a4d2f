//! Settings and revocation policies.

use std::time::Duration;

use super::{Faults, Mask, duration, specified, timestamp};
use crate::{
    domain::{etag, settings::SettingsPatch},
    model::{
        permission::RevocationPolicy,
        settings::{PolicyKind, Settings},
    },
    proto,
};

/// Settings as sent.
pub(in crate::rpc) fn settings(settings: Settings) -> proto::Settings {
    let Settings { policy, keep_duration, enforce_desks, resolve_on_completed_order, update_time, version } = settings;
    proto::Settings {
        revocation_policy: policy_kind(policy).into(),
        keep_duration: Some(duration(keep_duration)),
        enforce_desks: Some(enforce_desks),
        update_time: Some(timestamp(update_time)),
        etag: etag::of(version),
        resolve_on_completed_order: Some(resolve_on_completed_order),
    }
}

fn policy_kind(policy: PolicyKind) -> proto::RevocationPolicy {
    match policy {
        PolicyKind::Revoke => proto::RevocationPolicy::Revoke,
        PolicyKind::Keep => proto::RevocationPolicy::Keep,
        PolicyKind::KeepViewOnly => proto::RevocationPolicy::KeepViewOnly,
        PolicyKind::KeepUntil => proto::RevocationPolicy::KeepUntil,
    }
}

/// A policy as sent.
pub(in crate::rpc) fn policy(policy: RevocationPolicy) -> proto::RevocationPolicy {
    policy_kind(match policy {
        RevocationPolicy::Revoke => PolicyKind::Revoke,
        RevocationPolicy::Keep => PolicyKind::Keep,
        RevocationPolicy::KeepViewOnly => PolicyKind::KeepViewOnly,
        RevocationPolicy::KeepUntil(_) => PolicyKind::KeepUntil,
    })
}

const SETTINGS_PATHS: &[&str] = &["revocation_policy", "keep_duration", "enforce_desks", "resolve_on_completed_order"];
const SECOND: Duration = Duration::from_secs(1);

impl Faults {
    /// A change of the settings.
    pub fn settings_patch(&mut self, given: &proto::Settings, mask: Option<prost_types::FieldMask>) -> SettingsPatch {
        let mask = Mask::of(mask, SETTINGS_PATHS, self);
        let mut patch = SettingsPatch::default();
        if mask.names("revocation_policy", given.revocation_policy != 0) {
            let kind = known_policy(given.revocation_policy);
            patch.policy = self.some("settings.revocation_policy", "is not a policy", kind);
        }
        if mask.names("keep_duration", given.keep_duration.is_some()) {
            let span = self.span("settings.keep_duration", given.keep_duration, SECOND);
            if given.keep_duration.is_none() {
                self.add("settings.keep_duration", "can't be cleared");
            }
            patch.keep_duration = span;
        }
        if mask.names("enforce_desks", given.enforce_desks.is_some()) {
            patch.enforce_desks = Some(given.enforce_desks.unwrap_or(true));
        }
        if mask.names("resolve_on_completed_order", given.resolve_on_completed_order.is_some()) {
            patch.resolve_on_completed_order = Some(given.resolve_on_completed_order.unwrap_or(true));
        }
        patch
    }

    /// A call's own revocation policy; none: what the settings say.
    pub fn policy(&mut self, given: i32, keep: Option<prost_types::Duration>) -> Option<RevocationPolicy> {
        let until = given == proto::RevocationPolicy::KeepUntil as i32;
        let span = self.span("keep_duration", keep, SECOND);
        if until && keep.is_none() {
            self.add("keep_duration", "is required with KEEP_UNTIL");
        }
        if !until && keep.is_some() {
            self.add("keep_duration", "goes with KEEP_UNTIL only");
        }
        if given == proto::RevocationPolicy::Unspecified as i32 {
            return None;
        }
        match self.some("revocation_policy", "is not a policy", known_policy(given))? {
            PolicyKind::Revoke => Some(RevocationPolicy::Revoke),
            PolicyKind::Keep => Some(RevocationPolicy::Keep),
            PolicyKind::KeepViewOnly => Some(RevocationPolicy::KeepViewOnly),
            PolicyKind::KeepUntil => span.map(RevocationPolicy::KeepUntil),
        }
    }
}

fn known_policy(given: i32) -> Option<PolicyKind> {
    Some(match specified(given)? {
        proto::RevocationPolicy::Revoke => PolicyKind::Revoke,
        proto::RevocationPolicy::Keep => PolicyKind::Keep,
        proto::RevocationPolicy::KeepViewOnly => PolicyKind::KeepViewOnly,
        proto::RevocationPolicy::KeepUntil => PolicyKind::KeepUntil,
        proto::RevocationPolicy::Unspecified => return None,
    })
}
