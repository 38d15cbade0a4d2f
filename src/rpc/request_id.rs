//! The ID of the request at hand, for the one error that sends it along.

use std::task::{Context, Poll};

use tokio::task::futures::TaskLocalFuture;
use tonic::codegen::http::{Request, Response};
use tower::{Layer, Service};
use tower_http::request_id::RequestId;

tokio::task_local! {
    static CURRENT: String;
}

/// The ID of the request that this task answers; empty outside of one.
pub fn current() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// Keeps the request's ID at hand while it is answered.
#[derive(Clone, Copy, Debug)]
pub struct KeepRequestId;

/// See [`KeepRequestId`].
#[derive(Clone, Debug)]
pub struct Keeping<S>(S);

impl<S> Layer<S> for KeepRequestId {
    type Service = Keeping<S>;

    fn layer(&self, inner: S) -> Keeping<S> {
        Keeping(inner)
    }
}

impl<S, B, R> Service<Request<B>> for Keeping<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = TaskLocalFuture<String, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
        let id = id.unwrap_or_default().to_owned();
        CURRENT.scope(id, self.0.call(request))
    }
}
