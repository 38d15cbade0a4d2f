//! The ID of the request at hand, for the one error that sends it along.

use std::task::{Context, Poll};

use tokio::task::futures::TaskLocalFuture;
use tonic::codegen::http::{HeaderName, HeaderValue, Request, Response};
use tower::{Layer, Service};
use tower_http::request_id::RequestId;

tokio::task_local! {
    static CURRENT: String;
}

/// The ID of the request that this task answers; empty outside of one.
pub fn current() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// The header that carries it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST: usize = 64;

/// Drops an ID that a caller chose where it is none to put in a log: then the request gets one of ours.
pub fn drop_odd<B>(mut request: Request<B>) -> Request<B> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let odd = |value: &HeaderValue| value.is_empty() || value.len() > LONGEST || !value.as_bytes().iter().all(plain);
    if request.headers().get(REQUEST_ID).is_some_and(odd) {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

/// Keeps the ID of the request at hand for a task of its own.
pub fn keep<F: Future>(task: F) -> TaskLocalFuture<String, F> {
    CURRENT.scope(current(), task)
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
