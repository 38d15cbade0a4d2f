//! From a credential to a caller.

use super::{Caller, token::ApiSecret};
use crate::{
    domain::{Error, Result},
    model::ids::{TokenId, UserId},
    store::{Store, Tx, principals, tokens},
};

/// Finds the caller that a credential stands for. The facts are read anew at each call, so a change holds from its commit.
///
/// # Errors
/// Unauthenticated, whatever is wrong with the credential; or the database's.
pub async fn caller(store: &Store, bearer: &str) -> Result<Caller> {
    let secret = ApiSecret::parse(bearer).ok_or(Error::Unauthenticated)?;
    // One state of the database for all that is read, or a change in between makes a caller who never was.
    let (caller, token) = store
        .snapshot(secret.hash(), |tx, hash| async move {
            let token = tokens::usable(&tx, &hash).await?.ok_or(Error::Unauthenticated)?;
            Ok::<_, Error>((authenticate(&tx, token.user_id, token.id).await?, token))
        })
        .await?;
    if token.use_is_worth_noting {
        tokens::note_use(store.clone(), token.id);
    }
    Ok(caller)
}

/// Resolves a caller again in the middle of a long call, so that what was taken since then is gone.
///
/// # Errors
/// Unauthenticated where the user or the token may no longer call; or the database's.
pub async fn anew(store: &Store, caller: &Caller) -> Result<Caller> {
    store.snapshot(caller.clone(), |tx, caller| async move { again(&tx, &caller).await }).await
}

/// The same within a transaction.
///
/// # Errors
/// Unauthenticated where the user or the token may no longer call; or the database's.
pub async fn again(tx: &Tx, caller: &Caller) -> Result<Caller> {
    if !tokens::is_usable(tx, caller.token()).await? {
        return Err(Error::Unauthenticated);
    }
    authenticate(tx, caller.id(), caller.token()).await
}

async fn authenticate(tx: &Tx, user_id: UserId, token: TokenId) -> Result<Caller> {
    let facts = principals::facts(tx, user_id).await?.ok_or(Error::Unauthenticated)?;
    Caller::authenticated(&facts, token).ok_or(Error::Unauthenticated)
}
