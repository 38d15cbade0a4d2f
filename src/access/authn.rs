//! The tower layer that turns a credential into a [`Caller`](super::Caller) in the request's extensions, or refuses the call.

use futures::{
    FutureExt,
    future::{self, BoxFuture},
};
use tonic::{
    body::Body,
    codegen::http::{HeaderMap, Request, Response, header::AUTHORIZATION},
};
use tower_http::auth::AsyncAuthorizeRequest;

use super::{Caller, Resolver};
use crate::{
    domain::{Error, Result},
    model::ids::UserId,
    rpc::status,
};

/// The only services that take no caller: they say nothing of leads.
const OPEN: [&str; 3] =
    ["/grpc.health.v1.Health/", "/grpc.reflection.v1.ServerReflection/", "/grpc.reflection.v1alpha.ServerReflection/"];

/// By which a service that may act on behalf of others says for whom it calls.
const ON_BEHALF_OF: &str = "x-leadward-on-behalf-of";

/// Authenticates every call but those of the open services.
#[derive(Clone, Debug)]
pub struct Authenticate {
    resolver: Resolver,
}

impl Authenticate {
    /// By whoever knows the callers.
    pub fn new(resolver: Resolver) -> Self {
        Self { resolver }
    }
}

impl<B: Send + 'static> AsyncAuthorizeRequest<B> for Authenticate {
    type RequestBody = B;
    type ResponseBody = Body;
    type Future = BoxFuture<'static, std::result::Result<Request<B>, Response<Body>>>;

    fn authorize(&mut self, mut request: Request<B>) -> Self::Future {
        if OPEN.iter().any(|service| request.uri().path().starts_with(service)) {
            return future::ready(Ok(request)).boxed();
        }
        let resolver = self.resolver.clone();
        async move {
            match caller(&resolver, request.headers()).await {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                    Ok(request)
                }
                Err(error) => Err(status::of(error).into_http()),
            }
        }
        .boxed()
    }
}

async fn caller(resolver: &Resolver, headers: &HeaderMap) -> Result<Caller> {
    let bearer = bearer(headers).ok_or(Error::Unauthenticated)?;
    match on_behalf_of(headers) {
        Ok(user) => resolver.caller(bearer, user).await,
        Err(invalid) => {
            // Strangers aren't told what would be right.
            resolver.verified(&resolver.caller(bearer, None).await?).await?;
            Err(invalid)
        }
    }
}

fn on_behalf_of(headers: &HeaderMap) -> Result<Option<UserId>> {
    let mut values = headers.get_all(ON_BEHALF_OF).iter();
    let invalid = || Error::invalid(ON_BEHALF_OF, "must be the ID of one user");
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let user = value.to_str().ok().and_then(|text| text.parse().ok());
            user.map(Some).ok_or_else(invalid)
        }
        (Some(_), Some(_)) => Err(invalid()),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    // Two credentials are one too many: which of them counts must not depend on who reads them.
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, bearer) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| bearer.trim())
}
