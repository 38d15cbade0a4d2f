//! What holds for the whole service.

use std::time::Duration;

use super::{
    Result, audit, etag,
    rights::{self, Whose},
};
use crate::{
    access::Caller,
    model::{
        permission::Capability,
        settings::{PolicyKind, Settings},
    },
    store::{self, Store, Tx, settings},
};

/// What to change of the settings; none: leave it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SettingsPatch {
    /// What a reassignment does.
    pub policy: Option<PolicyKind>,
    /// How long KEEP_UNTIL keeps.
    pub keep_duration: Option<Duration>,
    /// Whether assignment heeds desks.
    pub enforce_desks: Option<bool>,
    /// Whether a completed order resolves its lead.
    pub resolve_on_completed_order: Option<bool>,
}

/// The settings.
///
/// # Errors
/// CAPABILITY_REQUIRED.
pub async fn get(store: &Store, caller: &Caller) -> Result<Settings> {
    caller.require_any(&[Capability::ManageSettings, Capability::ConfigurePermissions])?;
    Ok(settings::get(store).await?)
}

/// Changes the settings.
///
/// # Errors
/// CAPABILITY_REQUIRED, STALE_ETAG.
pub async fn update(tx: &Tx, caller: &Caller, patch: SettingsPatch, etag: Option<&str>) -> Result<Settings> {
    let caller = rights::turn(tx, caller, Whose::Everyones).await?;
    caller.require(Capability::ManageSettings)?;
    let before = settings::get(tx).await?;
    etag::check(etag, before.version)?;
    let SettingsPatch { policy, keep_duration, enforce_desks, resolve_on_completed_order } = patch;
    let after = Settings {
        policy: policy.unwrap_or(before.policy),
        keep_duration: keep_duration.unwrap_or(before.keep_duration),
        enforce_desks: enforce_desks.unwrap_or(before.enforce_desks),
        resolve_on_completed_order: resolve_on_completed_order.unwrap_or(before.resolve_on_completed_order),
        ..before
    };
    if after != before && !settings::update(tx, &after).await? {
        return Err(store::Error::Conflict(None).into());
    }
    audit::settings(tx, &caller, &before, &after).await?;
    Ok(settings::get(tx).await?)
}
