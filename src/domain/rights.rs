//! Changes of rights take turns: each is judged by what the others have left behind, and by what the caller still holds.

use super::Result;
pub(super) use crate::store::fence::Whose;
use crate::{
    access::{Caller, resolve},
    store::{Tx, fence},
};

/// Waits for the turn of a transaction that changes rights, ends what was resolved of those whose rights it changes, and
/// resolves the caller as they are by then.
///
/// # Errors
/// Unauthenticated where the caller may no longer call; or the database's.
pub(super) async fn turn(tx: &Tx, caller: &Caller, whose: Whose<'_>) -> Result<Caller> {
    fence::take_turn(tx).await?;
    fence::move_on(tx, whose).await?;
    resolve::again(tx, caller).await
}
