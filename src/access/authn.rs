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

use super::{Caller, resolve};
use crate::{
    domain::{Error, Result},
    rpc::status,
    store::Store,
};

/// The only services that take no caller: they say nothing of leads.
const OPEN: [&str; 3] =
    ["/grpc.health.v1.Health/", "/grpc.reflection.v1.ServerReflection/", "/grpc.reflection.v1alpha.ServerReflection/"];

const ON_BEHALF_OF: &str = "x-leadward-on-behalf-of";

/// Authenticates every call but those of the open services.
#[derive(Clone, Debug)]
pub struct Authenticate {
    store: Store,
}

impl Authenticate {
    /// Over the users and tokens of a store.
    pub fn new(store: Store) -> Self {
        Self { store }
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
        if request.headers().contains_key(ON_BEHALF_OF) {
            // Who asks to be treated as another must not be answered as themselves.
            let refusal = Error::invalid(ON_BEHALF_OF, "is not supported");
            return future::ready(Err(status::of(refusal).into_http())).boxed();
        }
        let store = self.store.clone();
        let bearer = bearer(request.headers());
        async move {
            match caller(&store, bearer).await {
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

async fn caller(store: &Store, bearer: Option<String>) -> Result<Caller> {
    resolve::caller(store, &bearer.ok_or(Error::Unauthenticated)?).await
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    // Two credentials are one too many: which of them counts must not depend on who reads them.
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, bearer) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| bearer.trim().to_owned())
}
