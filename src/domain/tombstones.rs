//! What stays of deleted leads, for those who read the record of changes.

use super::Result;
use crate::{
    access::Caller,
    model::{
        lead::Tombstone,
        page::{Page, Paged},
        permission::Capability,
    },
    store::{Store, tombstones},
};

/// A page of the deleted leads, the last deleted first.
///
/// # Errors
/// CAPABILITY_REQUIRED.
pub async fn list(store: &Store, caller: &Caller, page: &Page) -> Result<Paged<Tombstone>> {
    caller.require(Capability::ReadAudit)?;
    Ok(tombstones::list(store, page).await?)
}
