//! Changes of rights take turns: each is judged by what the others have left behind, and by what the caller still holds.

use super::Result;
use crate::{
    access::{Caller, resolve},
    store::{Tx, principals},
};

/// Waits for the turn of a transaction that changes rights, and resolves the caller as they are by then.
///
/// # Errors
/// Unauthenticated where the caller may no longer call; or the database's.
pub(super) async fn turn(tx: &Tx, caller: &Caller) -> Result<Caller> {
    principals::lock_rights(tx).await?;
    resolve::again(tx, caller).await
}
