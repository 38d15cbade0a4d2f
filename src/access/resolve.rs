//! From a credential to a caller.

use super::{Caller, token::ApiSecret};
use crate::{
    domain::{Error, Result},
    model::ids::{TokenId, UserId},
    store::{Store, principals, tokens},
};

/// Finds the caller that a credential stands for. The facts are read anew at each call, so a change holds from its commit.
///
/// # Errors
/// Unauthenticated, whatever is wrong with the credential; or the database's.
pub async fn caller(store: &Store, bearer: &str) -> Result<Caller> {
    let secret = ApiSecret::parse(bearer).ok_or(Error::Unauthenticated)?;
    let token = tokens::usable(store, &secret.hash()).await?.ok_or(Error::Unauthenticated)?;
    let caller = authenticate(store, token.user_id, token.id).await?;
    if token.use_is_worth_noting {
        tokens::note_use(store.clone(), token.id);
    }
    Ok(caller)
}

/// Resolves a caller again in the middle of a long call, so that what was taken since then is gone.
///
/// # Errors
/// Unauthenticated where the user or the token may no longer call; or the database's.
pub async fn again(store: &Store, caller: &Caller) -> Result<Caller> {
    if !tokens::is_usable(store, caller.token()).await? {
        return Err(Error::Unauthenticated);
    }
    authenticate(store, caller.id(), caller.token()).await
}

async fn authenticate(store: &Store, user_id: UserId, token: TokenId) -> Result<Caller> {
    let facts = principals::facts(store, user_id).await?.ok_or(Error::Unauthenticated)?;
    Caller::authenticated(&facts, token).ok_or(Error::Unauthenticated)
}
