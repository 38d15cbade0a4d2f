//! Lists without an end, as streams: a part is read when the transport asks for it, so that none waits while rights change.

use std::{
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};

use futures::{Stream, stream};
use tonic::Status;
use tracing::{Instrument, Span};

use super::{Api, Paging, status};
use crate::{
    access::Caller,
    domain::{Error, Result},
    store,
};

/// The parts of a list as they are read.
pub type Parts<P> = Pin<Box<dyn Stream<Item = Result<P, Status>> + Send>>;

/// How many rows a part has at most.
pub(super) const ROWS_PER_PART: u32 = 500;
/// How old a part may be when the transport takes it.
const FRESH: Duration = Duration::from_secs(1);

/// What a list is of.
pub(super) trait Question: Clone + Send + Sync + 'static {
    /// What is sent at once.
    type Part: Send + 'static;

    /// The next part as the caller may have it now, and the cursor after it: empty with the last part.
    fn read(
        &self,
        api: &Api,
        caller: &Caller,
        paging: &Paging,
    ) -> impl Future<Output = Result<(Self::Part, String)>> + Send;
}

/// What is still to be sent of a list.
#[derive(Clone)]
pub(super) struct Rest<Q> {
    pub api: Api,
    pub caller: Caller,
    pub question: Q,
    pub paging: Paging,
}

impl<Q: Question> Rest<Q> {
    /// All of it, part by part.
    pub fn stream(self) -> Parts<Q::Part> {
        let span = Span::current();
        Box::pin(stream::try_unfold(Some(self), move |rest| {
            let part = async move {
                let Some(rest) = rest else { return Ok(None) };
                rest.fresh().await.map(Some).map_err(status::of)
            };
            part.instrument(span.clone())
        }))
    }

    /// The next part as it is when the transport takes it. It is read in a task of its own: a reader who stands still must not hold a
    /// connection of the database.
    async fn fresh(self) -> Result<(Q::Part, Option<Self>)> {
        loop {
            let rest = self.clone();
            let reading = async move { (rest.part().await, Instant::now()) };
            let read = tokio::spawn(reading.in_current_span()).await;
            let (part, read) = read.map_err(|died| Error::Internal(format!("a part of a list died: {died}")))?;
            if read.elapsed() < FRESH {
                return part;
            }
        }
    }

    /// The next part, and what is to be sent after it.
    async fn part(mut self) -> Result<(Q::Part, Option<Self>)> {
        self.caller = self.api.resolver.verified(&self.caller).await?;
        let mut part = self.question.read(&self.api, &self.caller, &self.paging).await;
        if let Err(Error::Store(store::Error::Moved)) = &part {
            self.caller = self.api.resolver.verified(&self.caller).await?;
            part = self.question.read(&self.api, &self.caller, &self.paging).await;
        }
        let (part, cursor) = part?;
        let more = !cursor.is_empty();
        self.paging.token = cursor;
        Ok((part, more.then_some(self)))
    }
}

/// What a page token is to lists, a cursor is to streams.
pub(super) fn invalid_cursor(error: Error) -> Error {
    match error {
        Error::InvalidPageToken => Error::InvalidResumeToken("cursor"),
        other => other,
    }
}
