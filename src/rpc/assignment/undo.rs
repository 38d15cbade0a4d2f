//! UndoAssignment.

use std::pin::Pin;

use futures::{Stream, stream};
use tonic::{Request, Response, Status};
use tracing::{Instrument, Span};

use crate::{
    access::Caller,
    domain::{
        Error, Resource, Result,
        assignment::{self, Back, Undone},
    },
    model::ids::{BatchId, HistoryId},
    proto::{UndoAssignmentRequest, UndoAssignmentResponse, UndoOutcome},
    rpc::{
        Api,
        convert::{Faults, id_text},
        status,
    },
    store,
};

/// How many leads one message tells of.
const AT_ONCE: usize = 1_000;

/// What became of a batch, part by part.
pub type Parts = Pin<Box<dyn Stream<Item = Result<UndoAssignmentResponse, Status>> + Send>>;

/// Begins to take a batch back.
///
/// # Errors
/// What is wrong with the request, or with its caller.
pub async fn run(api: &Api, request: Request<UndoAssignmentRequest>) -> Result<Response<Parts>, Status> {
    let caller = crate::rpc::caller(&request)?;
    let caller = api.resolver.verified(&caller).await.map_err(status::of)?;
    let UndoAssignmentRequest { batch_id, validate_only } = request.into_inner();
    let mut faults = Faults::default();
    let batch = faults.id("batch_id", &batch_id);
    let batch = faults.unless(batch).map_err(status::of)?;
    let rest =
        Rest { api: api.clone(), caller, batch, dry_run: validate_only, after: None, more: true, waiting: Vec::new() };
    let span = Span::current();
    let parts = stream::try_unfold(Some(rest), move |rest| {
        let part = async move {
            match rest {
                Some(rest) => rest.part().await.map(Some).map_err(status::of),
                None => Ok(None),
            }
        };
        part.instrument(span.clone())
    });
    Ok(Response::new(Box::pin(parts)))
}

/// What is still to be taken back.
struct Rest {
    api: Api,
    caller: Caller,
    batch: BatchId,
    dry_run: bool,
    after: Option<HistoryId>,
    more: bool,
    /// What became of leads, to be told with others: how many are told at once must not say how many are hidden between them.
    waiting: Vec<UndoOutcome>,
}

impl Rest {
    async fn part(mut self) -> Result<(UndoAssignmentResponse, Option<Self>)> {
        let is_first = self.after.is_none();
        while self.more && self.waiting.len() <= AT_ONCE {
            let mut undone = self.undone().await;
            if let Err(Error::Store(store::Error::Moved)) = &undone {
                self.caller = self.api.resolver.verified(&self.caller).await?;
                undone = self.undone().await;
            }
            let Undone { leads, next } = undone?;
            self.waiting.extend(leads.into_iter().map(outcome));
            (self.after, self.more) = (next, next.is_some());
        }
        if is_first && self.waiting.is_empty() {
            return Err(Error::NotFound(Resource::AssignmentBatch));
        }
        let rest = self.waiting.split_off(AT_ONCE.min(self.waiting.len()));
        let outcomes = std::mem::replace(&mut self.waiting, rest);
        let more = !self.waiting.is_empty();
        Ok((UndoAssignmentResponse { outcomes }, more.then_some(self)))
    }

    async fn undone(&self) -> Result<Undone> {
        let args = (self.caller.clone(), self.batch, self.after);
        let undo = |tx, args: std::sync::Arc<(Caller, BatchId, Option<HistoryId>)>| async move {
            let (caller, batch, after) = &*args;
            assignment::undo(&tx, caller, *batch, *after).await
        };
        self.api.store.write_unless(self.dry_run, args, undo).await
    }
}

fn outcome(back: Back) -> UndoOutcome {
    let Back { lead_id, done } = back;
    let lead_id = lead_id.to_string();
    match done {
        Ok((assignee, etag)) => {
            UndoOutcome { lead_id, done: true, assignee_id: id_text(assignee), etag, ..UndoOutcome::default() }
        }
        Err(refusal) => UndoOutcome { lead_id, error: Some(status::item(refusal)), ..UndoOutcome::default() },
    }
}
