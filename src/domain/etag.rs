//! Etags: a resource's version, opaque to callers.

use super::{Error, Result};

/// The etag of a version.
pub fn of(version: i64) -> String {
    format!("v{version}")
}

/// Refuses a given etag that is not the current one; none given is no objection.
///
/// # Errors
/// [`Error::StaleEtag`].
pub fn check(given: Option<&str>, version: i64) -> Result<()> {
    let current = of(version);
    match given {
        Some(given) if given != current => Err(Error::StaleEtag { current }),
        _ => Ok(()),
    }
}
