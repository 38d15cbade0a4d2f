//! DistributeLeads: part by part, each given away when the transport asks for it.

use std::{pin::Pin, sync::Arc};

use futures::{Stream, stream};
use prost::Message;
use tonic::{Request, Response, Status};
use tracing::{Instrument, Span};

use crate::{
    access::Caller,
    domain::{
        Error, Result,
        distribution::{self, PART, Placement, Trial},
        queries, requests,
    },
    model::{
        ids::{BatchId, LeadId, RuleId},
        lead::Lead,
    },
    proto::{DistributeLeadsRequest, DistributeLeadsResponse},
    query::{
        filter::Filter,
        order::Cursor,
        slice::{Slice, Sliced},
    },
    rpc::{
        Api,
        convert::{self, Faults},
        once::Once,
        status,
    },
    store,
};

/// What becomes of the leads, part by part.
pub type Parts = Pin<Box<dyn Stream<Item = Result<DistributeLeadsResponse, Status>> + Send>>;

/// Begins to give leads away.
///
/// # Errors
/// What is wrong with the request, or with its caller.
pub(super) async fn run(api: &Api, request: Request<DistributeLeadsRequest>) -> Result<Response<Parts>, Status> {
    let caller = crate::rpc::caller(&request)?;
    let caller = api.resolver.verified(&caller).await.map_err(status::of)?;
    let rest = match begin(api, caller, request.into_inner()).await.map_err(status::of)? {
        Begun::Before(answer) => return Ok(Response::new(Box::pin(stream::iter([Ok(answer)])))),
        Begun::Now(rest) => *rest,
    };
    let span = Span::current();
    let parts = stream::try_unfold(Some(rest), move |rest| {
        let part = async move {
            match rest {
                Some(rest) => rest.next().await.map_err(status::of),
                None => Ok(None),
            }
        };
        part.instrument(span.clone())
    });
    Ok(Response::new(Box::pin(parts)))
}

/// What becomes of a request.
enum Begun {
    /// It was done before, and answered this.
    Before(DistributeLeadsResponse),
    /// It is to be done.
    Now(Box<Rest>),
}

async fn begin(api: &Api, caller: Caller, mut request: DistributeLeadsRequest) -> Result<Begun> {
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let rule = faults.optional_id("rule_id", &request.rule_id);
    let filter = faults.found(queries::filter(&api.store, &caller, &request.filter).await)?;
    let filter = faults.unless(filter)?;
    let (trial, batch) = if request.validate_only {
        (Some(Trial::begin(&api.store, rule).await?), None)
    } else {
        if let Some(answer) = api.answered(&caller, &once).await? {
            return Ok(Begun::Before(answer));
        }
        distribution::tried(&api.store, rule).await?;
        (None, Some(BatchId::at(store::clock(&api.store).await?)))
    };
    let (api, once) = (api.clone(), Arc::new(once));
    Ok(Begun::Now(Box::new(Rest { api, caller, once, filter, rule, trial, batch, after: None, begun: false })))
}

/// What is still to be done.
struct Rest {
    api: Api,
    caller: Caller,
    once: Arc<Once<DistributeLeadsRequest>>,
    filter: Filter,
    rule: Option<RuleId>,
    trial: Option<Trial>,
    /// None where it is only tried.
    batch: Option<BatchId>,
    /// The last lead that was told of.
    after: Option<Cursor>,
    /// Whether the first message has been sent.
    begun: bool,
}

impl Rest {
    async fn next(mut self) -> Result<Option<(DistributeLeadsResponse, Option<Self>)>> {
        if !self.begun {
            self.begun = true;
            return Ok(Some((self.head(), Some(self))));
        }
        self.caller = self.api.resolver.verified(&self.caller).await?;
        let mut part = self.part().await;
        if let Err(Error::Store(store::Error::Moved)) = &part {
            self.caller = self.api.resolver.verified(&self.caller).await?;
            part = self.part().await;
        }
        let (placed, next) = part?;
        if placed.is_empty() {
            return Ok(None);
        }
        let outcomes = placed.into_iter().map(convert::placement).collect();
        let more = next.is_some();
        self.after = next;
        Ok(Some((DistributeLeadsResponse { outcomes, ..Default::default() }, more.then_some(self))))
    }

    fn head(&self) -> DistributeLeadsResponse {
        DistributeLeadsResponse { batch_id: convert::id_text(self.batch), outcomes: Vec::new() }
    }

    /// What became of the next leads, and where to go on.
    async fn part(&mut self) -> Result<(Vec<Placement>, Option<Cursor>)> {
        let slice = Slice { size: PART.min(store::at_once(&self.api.store)), after: self.after.clone() };
        let Sliced { rows, next } =
            distribution::waiting(&self.api.store, &self.caller, self.filter.clone(), &slice).await?;
        let placed = match (&mut self.trial, self.batch) {
            (Some(trial), _) => trial.part(&self.api.store, &self.caller, &rows).await?,
            (None, Some(batch)) => self.placed(&rows, batch, next.is_none()).await?,
            (None, None) => Vec::new(),
        };
        Ok((placed, next))
    }

    async fn placed(&self, rows: &[Lead], batch: BatchId, is_last: bool) -> Result<Vec<Placement>> {
        type Args = (Caller, Vec<LeadId>, Option<RuleId>, BatchId, Option<requests::Request>, Vec<u8>);
        let ids = rows.iter().map(|lead| lead.id).collect();
        // With the last part, what the request was answered is kept.
        let request = self.once.request(&self.caller).filter(|_| is_last);
        let args: Args = (self.caller.clone(), ids, self.rule, batch, request, self.head().encode_to_vec());
        let work = |tx, args: Arc<Args>| async move {
            let (caller, ids, rule, batch, request, answer) = &*args;
            let first = match request {
                Some(request) => request.answered(&tx, caller).await?.is_none().then_some(request),
                None => None,
            };
            let placed = distribution::distribute(&tx, caller, ids, *rule, *batch).await?;
            if let Some(request) = first {
                request.keep(&tx, answer, None).await?;
            }
            Ok(placed)
        };
        self.api.store.write(args, work).await
    }
}
