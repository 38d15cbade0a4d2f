//! ExportLeads: a list without an end. A page is read when the transport asks for it, so that none waits while rights change.

use std::{
    pin::Pin,
    time::{Duration, Instant},
};

use futures::{Stream, stream};
use prost::Message;
use tonic::{Request, Response, Status};
use tracing::{Instrument, Span};

use super::{
    Api, Paging,
    convert::{self, Faults, ReadMask},
    status,
};
use crate::{
    access::Caller,
    domain::{Error, Result, leads},
    model::{lead::LeadState, permission::Action},
    proto::{ExportLeadsRequest, ExportLeadsResponse},
    store,
};

/// The parts of an export as they are read.
pub type Parts = Pin<Box<dyn Stream<Item = Result<ExportLeadsResponse, Status>> + Send>>;

/// How many leads a part has at most.
const LEADS_PER_PART: u32 = 500;
/// How old a part may be when the transport takes it.
const FRESH: Duration = Duration::from_secs(1);

/// Starts an export, or goes on with one.
///
/// # Errors
/// What is wrong with the request, or with its caller.
pub async fn run(api: &Api, request: Request<ExportLeadsRequest>) -> Result<Response<Parts>, Status> {
    let caller = super::caller(&request)?;
    let caller = api.resolver.verified(&caller).await.map_err(status::of)?;
    let export = Export::of(api.clone(), caller, request.into_inner()).map_err(status::of)?;
    let span = Span::current();
    let parts = stream::try_unfold(Some(export), move |export| {
        let part = async move {
            let Some(export) = export else { return Ok(None) };
            export.fresh().await.map(Some).map_err(status::of)
        };
        part.instrument(span.clone())
    });
    let parts: Parts = Box::pin(parts);
    Ok(Response::new(parts))
}

/// What is still to be exported.
#[derive(Clone)]
struct Export {
    api: Api,
    caller: Caller,
    states: Vec<LeadState>,
    mask: ReadMask,
    paging: Paging,
}

impl Export {
    fn of(api: Api, caller: Caller, request: ExportLeadsRequest) -> Result<Self> {
        let ExportLeadsRequest { states: mut asked, read_mask, cursor } = request;
        let mut faults = Faults::default();
        let states = faults.states(&asked);
        let mask = faults.read_mask(read_mask);
        faults.unless(Some(()))?;
        asked.sort_unstable();
        asked.dedup();
        let arguments = ExportLeadsRequest { states: asked, ..ExportLeadsRequest::default() }.encode_to_vec();
        let paging = Paging { size: LEADS_PER_PART, token: cursor, method: "ExportLeads", arguments };
        api.page(&caller, &paging).map_err(invalid_cursor)?;
        Ok(Self { api, caller, states, mask, paging })
    }

    /// The next part as it is when the transport takes it. It is read in a task of its own: a reader who stands still must not hold a
    /// connection of the database.
    async fn fresh(self) -> Result<(ExportLeadsResponse, Option<Self>)> {
        loop {
            let export = self.clone();
            let reading = async move { (export.part().await, Instant::now()) };
            let read = tokio::spawn(reading.in_current_span()).await;
            let (part, read) = read.map_err(|died| Error::Internal(format!("a part of an export died: {died}")))?;
            if read.elapsed() < FRESH {
                return part;
            }
        }
    }

    /// The next part, and what is to be exported after it.
    async fn part(mut self) -> Result<(ExportLeadsResponse, Option<Self>)> {
        self.caller = self.api.resolver.verified(&self.caller).await?;
        let mut part = self.read().await;
        if let Err(Error::Store(store::Error::Moved)) = &part {
            self.caller = self.api.resolver.verified(&self.caller).await?;
            part = self.read().await;
        }
        let part = part?;
        self.paging.token.clone_from(&part.cursor);
        let rest = (!part.cursor.is_empty()).then_some(self);
        Ok((part, rest))
    }

    async fn read(&self) -> Result<ExportLeadsResponse> {
        let (page, pages) = self.api.page(&self.caller, &self.paging).map_err(invalid_cursor)?;
        let paged = leads::list(&self.api.store, &self.caller, Action::Export, &self.states, &page).await?;
        let sent = |lead| self.mask.of(convert::lead(lead));
        let (leads, cursor) = pages.fill(paged, |lead| lead.id.uuid(), sent)?;
        Ok(ExportLeadsResponse { leads, cursor })
    }
}

fn invalid_cursor(error: Error) -> Error {
    match error {
        Error::InvalidPageToken => Error::InvalidResumeToken("cursor"),
        other => other,
    }
}
