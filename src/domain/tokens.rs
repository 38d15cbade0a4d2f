//! API tokens. Whoever makes a token for a user can act as that user: that takes ACT_ON_BEHALF, and hands out all that the user holds.

use super::{
    Error, Resource, Result, audit,
    rights::{self, Whose},
};
use crate::{
    access::{Caller, escalation::Escalation, token::ApiSecret},
    model::{
        Time,
        ids::{TokenId, UserId},
        page::{Page, Paged},
        permission::Capability,
        user::ApiToken,
    },
    store::{Store, Tx, principals, tokens},
};

/// Makes a token; the secret is in the answer and nowhere else.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, ROLE_NOT_BELOW, ESCALATION, INVALID_ARGUMENT.
pub async fn create(
    tx: &Tx,
    caller: &Caller,
    user_id: UserId,
    label: &str,
    expire_time: Option<Time>,
) -> Result<(ApiToken, ApiSecret)> {
    let caller = rights::turn(tx, caller, Whose::Nobodys).await?;
    caller.require(Capability::ManageDirectory)?;
    if caller.actor().on_behalf_of.is_some() {
        // The service would hold a credential that outlives its own.
        return Err(Escalation::OnBehalf.into());
    }
    let facts = principals::facts(tx, user_id).await?.ok_or(Error::NotFound(Resource::User))?;
    if user_id != caller.id() {
        caller.require(Capability::ActOnBehalf)?;
        caller.may_hand_out(None, &facts)?;
    }
    if expire_time.is_some_and(|end| end <= tx.now()) {
        return Err(Error::invalid("expire_time", "must be in the future"));
    }
    let secret = generate()?;
    let token = tokens::insert(tx, user_id, label, expire_time, &secret.hash()).await?;
    audit::token_created(tx, Some(&caller), &token).await?;
    Ok((token, secret))
}

/// A page of a user's tokens.
///
/// # Errors
/// CAPABILITY_REQUIRED for another's.
pub async fn list(store: &Store, caller: &Caller, user_id: UserId, page: &Page) -> Result<Paged<ApiToken>> {
    if user_id != caller.id() {
        caller.require(Capability::ManageDirectory)?;
    }
    Ok(tokens::list(store, user_id, page).await?)
}

/// Ends a token. Another's looks absent to those who may not end it.
///
/// # Errors
/// RESOURCE_NOT_FOUND, ROLE_NOT_BELOW.
pub async fn revoke(tx: &Tx, caller: &Caller, id: TokenId) -> Result<ApiToken> {
    let absent = || Error::NotFound(Resource::ApiToken);
    let whose = tokens::get(tx, id).await?.map(|token| token.user_id);
    let may_end = |whose: &UserId| *whose == caller.id() || caller.holds(Capability::ManageDirectory);
    let whose = whose.filter(may_end).ok_or_else(absent)?;
    // After the answer, no change of rights by this token goes through that was still waiting for its turn.
    let caller = rights::turn(tx, caller, Whose::Users(&[whose])).await?;
    let token = tokens::get(tx, id).await?.ok_or_else(absent)?;
    if token.user_id != caller.id() {
        if !caller.holds(Capability::ManageDirectory) {
            return Err(absent());
        }
        let facts = principals::facts(tx, token.user_id).await?.ok_or_else(absent)?;
        caller.is_above(facts.profile.role)?;
    }
    if token.revoke_time.is_none() {
        tokens::revoke(tx, id).await?;
        audit::token_revoked(tx, &caller, &token).await?;
    }
    tokens::get(tx, id).await?.ok_or_else(absent)
}

pub(super) fn generate() -> Result<ApiSecret> {
    ApiSecret::generate().map_err(|error| Error::Internal(format!("no randomness for a token: {error}")))
}
