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
    model::ids::{AssignmentId, BatchId},
    proto::{UndoAssignmentRequest, UndoAssignmentResponse, UndoOutcome},
    rpc::{
        Api,
        convert::{Faults, id_text},
        status,
    },
    store,
};

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
    let rest = Rest { api: api.clone(), caller, batch, dry_run: validate_only, after: None, is_empty: true };
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
    after: Option<AssignmentId>,
    /// Nothing has been told yet.
    is_empty: bool,
}

impl Rest {
    async fn part(mut self) -> Result<(UndoAssignmentResponse, Option<Self>)> {
        let mut undone = self.undone().await;
        if let Err(Error::Store(store::Error::Moved)) = &undone {
            self.caller = self.api.resolver.verified(&self.caller).await?;
            undone = self.undone().await;
        }
        let Undone { leads, next } = undone?;
        self.is_empty &= leads.is_empty();
        if self.is_empty && next.is_none() {
            return Err(Error::NotFound(Resource::AssignmentBatch));
        }
        self.after = next;
        let outcomes = leads.into_iter().map(outcome).collect();
        Ok((UndoAssignmentResponse { outcomes }, next.is_some().then_some(self)))
    }

    async fn undone(&self) -> Result<Undone> {
        let args = (self.caller.clone(), self.batch, self.after);
        let undo = |tx, args: std::sync::Arc<(Caller, BatchId, Option<AssignmentId>)>| async move {
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
