//! AssignLeadsByFilter and TransferLeads: the plan of all of it, then part by part what becomes of the leads. Parts are carried out when the
//! transport asks for them, on PostgreSQL two at a time.

use std::{
    future::{Future, ready},
    mem,
    pin::Pin,
    sync::{Arc, OnceLock},
};

use futures::{Stream, StreamExt, stream};
use prost::Message;
use tonic::{Request, Response, Status};
use tracing::{Instrument, Span};

use super::{batch, may_override};
use crate::{
    access::Caller,
    domain::{
        Error, Result,
        assignment::{self, Outcome, Part, Plan, Summary, Wanted},
        queries, requests,
    },
    model::ids::BatchId,
    proto::{self, AssignmentOutcome, AssignmentPlan},
    query::page_token::Binding,
    rpc::{
        Api,
        convert::{Faults, id_text, policy},
        once::{Change, Once},
        status,
    },
    store,
};

/// What becomes of the leads, part by part.
pub type Parts<M> = Pin<Box<dyn Stream<Item = Result<M, Status>> + Send>>;

/// A call that is planned as a whole.
pub(super) trait Planned: Change<Answer: From<Told> + Clone> + Clone {
    /// Takes out what the plan of a request doesn't follow from: whether it is only told, and the token of one that was told.
    fn take_commitment(&mut self) -> (bool, String);

    /// Which leads, and how.
    fn wanted(self, api: &Api, caller: &Caller, faults: Faults) -> impl Future<Output = Result<Wanted>> + Send;
}

/// What one message tells.
#[derive(Clone, Default)]
pub(super) struct Told {
    plan: Option<AssignmentPlan>,
    batch_id: String,
    outcomes: Vec<AssignmentOutcome>,
}

/// Plans, and begins to carry out.
///
/// # Errors
/// What is wrong with the request, or with its caller.
pub(super) async fn run<C: Planned>(api: &Api, request: Request<C>) -> Result<Response<Parts<C::Answer>>, Status> {
    let caller = crate::rpc::caller(&request)?;
    let request = request.into_inner();
    let mut caller = api.resolver.verified(&caller).await.map_err(status::of)?;
    let mut begun = begin(api, &caller, request.clone()).await;
    if let Err(Error::Store(store::Error::Moved)) = &begun {
        caller = api.resolver.verified(&caller).await.map_err(status::of)?;
        begun = begin(api, &caller, request).await;
    }
    let (shared, plan) = match begun.map_err(status::of)? {
        Begun::Before(answer) => return Ok(Response::new(Box::pin(stream::iter([Ok(answer)])))),
        Begun::Now { shared, plan } => (shared, plan),
    };
    // What is only foretold is read, and comes in order.
    let side_by_side = !shared.dry_run && store::writes_side_by_side(&api.store);
    let (lanes, last) = plan.lanes(store::at_once(&api.store), side_by_side);
    let lanes = lanes.map(|lane| {
        let shared = Arc::clone(&shared);
        Box::pin(stream::iter(lane).filter_map(move |part| Arc::clone(&shared).before_the_last(part)))
    });
    let head = stream::iter([Ok(C::Answer::from(shared.head.clone()))]);
    let last = stream::once(shared.at_last(last)).filter_map(ready);
    Ok(Response::new(Box::pin(head.chain(stream::select_all(lanes).map(Ok)).chain(last))))
}

/// What becomes of a request.
enum Begun<C: Planned> {
    /// It was done before, and answered this.
    Before(C::Answer),
    /// It is planned.
    Now { shared: Arc<Shared<C>>, plan: Plan },
}

async fn begin<C: Planned>(api: &Api, caller: &Caller, mut request: C) -> Result<Begun<C>> {
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let (dry_run, token) = request.take_commitment();
    let binding = Binding::new(caller.id(), C::METHOD, &request.encode_to_vec());
    let told = match token.as_str() {
        "" => None,
        token => Some(api.page_tokens.open(&binding, token).ok_or(Error::InvalidPlanToken)),
    };
    let wanted = request.wanted(api, caller, faults).await?;
    let told = told.transpose()?;
    if !dry_run && let Some(answer) = api.answered(caller, &once).await? {
        return Ok(Begun::Before(answer));
    }
    let plan = assignment::plan(&api.store, caller, &wanted).await?;
    if told.is_some_and(|digest| digest != plan.digest()) {
        return Err(Error::PlanChanged);
    }
    let batch = plan.batch().filter(|_| !dry_run);
    let token = if dry_run { api.page_tokens.seal(&binding, plan.digest()) } else { Some(String::new()) };
    let token = token.ok_or_else(|| Error::Internal("no randomness for a plan token".to_owned()))?;
    let head = Told { plan: Some(summary(&plan, token)), batch_id: id_text(batch), outcomes: Vec::new() };
    let (api, caller, span) = (api.clone(), caller.clone(), Span::current());
    let shared = Shared { api, caller, dry_run, once, batch, head, span, failed: OnceLock::new() };
    Ok(Begun::Now { shared: Arc::new(shared), plan })
}

/// What is the same for all parts.
struct Shared<C> {
    api: Api,
    caller: Caller,
    dry_run: bool,
    once: Once<C>,
    batch: Option<BatchId>,
    /// The first message.
    head: Told,
    span: Span,
    /// Why no other part is begun.
    failed: OnceLock<Status>,
}

impl<C: Planned> Shared<C> {
    /// What became of a part; nothing where it failed, or another has.
    async fn before_the_last(self: Arc<Self>, part: Part) -> Option<C::Answer> {
        if self.failed.get().is_some() {
            return None;
        }
        match Arc::clone(&self).to_the_end(part, false).await {
            Ok(told) => told,
            Err(failure) => {
                // Of two lanes that fail, one says why.
                let _ = self.failed.set(status::of(failure));
                None
            }
        }
    }

    /// What became of the last part; or why others have failed, once all that was done besides has been told.
    async fn at_last(self: Arc<Self>, part: Part) -> Option<Result<C::Answer, Status>> {
        match self.failed.get() {
            Some(failed) => Some(Err(failed.clone())),
            None => self.to_the_end(part, true).await.map_err(status::of).transpose(),
        }
    }

    /// A part that is begun doesn't stop half-way while nobody asks for it.
    async fn to_the_end(self: Arc<Self>, part: Part, is_last: bool) -> Result<Option<C::Answer>> {
        let span = self.span.clone();
        let told = async move { self.told(part, is_last).await };
        tokio::spawn(told.instrument(span)).await.map_err(store::Error::Died)?
    }

    /// Carries a part out, and says what became of its leads; nothing where there are none.
    async fn told(&self, part: Part, is_last: bool) -> Result<Option<C::Answer>> {
        let mut caller = self.api.resolver.verified(&self.caller).await?;
        let mut done = self.done(&caller, part.clone(), is_last).await;
        if let Err(Error::Store(store::Error::Moved)) = &done {
            caller = self.api.resolver.verified(&self.caller).await?;
            done = self.done(&caller, part, is_last).await;
        }
        let outcomes: Vec<AssignmentOutcome> = done?.into_iter().map(batch::outcome).collect();
        Ok((!outcomes.is_empty()).then(|| Told { outcomes, ..Told::default() }.into()))
    }

    async fn done(&self, caller: &Caller, part: Part, is_last: bool) -> Result<Vec<Outcome>> {
        if self.dry_run {
            return part.foretell(&self.api.store, caller).await;
        }
        // With the last part, what the request was answered is kept.
        let request = self.once.request(caller).filter(|_| is_last);
        let answer = C::Answer::from(self.head.clone()).encode_to_vec();
        let args = (caller.clone(), part, self.batch, request, answer);
        type Args = (Caller, Part, Option<BatchId>, Option<requests::Request>, Vec<u8>);
        let work = |tx, args: Arc<Args>| async move {
            let (caller, part, batch, request, answer) = &*args;
            let first = match request {
                Some(request) => request.answered(&tx, caller).await?.is_none().then_some(request),
                None => None,
            };
            let outcomes = part.carry_out(&tx, caller, *batch).await?;
            if let Some(request) = first {
                request.keep(&tx, answer, None).await?;
            }
            Ok(outcomes)
        };
        self.api.store.write(args, work).await
    }
}

fn summary(plan: &Plan, plan_token: String) -> AssignmentPlan {
    let Summary { policy: applied, shares, refused } = plan.summary();
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let share = |(assignee, assigned, unchanged): (_, u64, u64)| proto::AssignmentShare {
        assignee_id: id_text(Some(assignee)),
        assigned: number(assigned),
        unchanged: number(unchanged),
    };
    let refusals = refused
        .into_iter()
        .map(|(cause, leads)| proto::AssignmentRefusals { cause: cause.word().to_owned(), leads: number(leads) });
    AssignmentPlan {
        leads: number(plan.leads() as u64),
        shares: shares.into_iter().map(share).collect(),
        refusals: refusals.collect(),
        revocation_policy: policy(applied).into(),
        plan_token,
    }
}

impl Planned for proto::AssignLeadsByFilterRequest {
    fn take_commitment(&mut self) -> (bool, String) {
        (mem::take(&mut self.validate_only), mem::take(&mut self.plan_token))
    }

    async fn wanted(self, api: &Api, caller: &Caller, mut faults: Faults) -> Result<Wanted> {
        may_override(caller, self.revocation_policy)?;
        let assignees = faults.assignees(&self.assignee_ids);
        let policy = faults.policy(self.revocation_policy, self.keep_duration);
        if self.filter.trim().is_empty() {
            faults.add("filter", "is required; `state = ACTIVE` finds every open lead");
        }
        let filter = faults.found(queries::filter(&api.store, caller, &self.filter).await)?;
        let (assignees, filter) = faults.unless(assignees.zip(filter))?;
        Ok(Wanted::found(filter, assignees, policy))
    }
}

impl From<Told> for proto::AssignLeadsByFilterResponse {
    fn from(Told { plan, batch_id, outcomes }: Told) -> Self {
        Self { plan, batch_id, outcomes }
    }
}

impl Planned for proto::TransferLeadsRequest {
    fn take_commitment(&mut self) -> (bool, String) {
        (mem::take(&mut self.validate_only), mem::take(&mut self.plan_token))
    }

    async fn wanted(self, api: &Api, caller: &Caller, mut faults: Faults) -> Result<Wanted> {
        may_override(caller, self.revocation_policy)?;
        let user = faults.id("user_id", &self.user_id);
        let assignees = faults.assignees(&self.assignee_ids);
        let policy = faults.policy(self.revocation_policy, self.keep_duration);
        let return_time = faults.time("return_time", self.return_time);
        let filter = faults.found(queries::filter(&api.store, caller, &self.filter).await)?;
        if let (Some(user), Some(assignees)) = (user, &assignees)
            && let Some(at) = assignees.iter().position(|assignee| *assignee == user)
        {
            faults.add(format!("assignee_ids[{at}]"), "is the user whose leads are to be given to others");
        }
        let ((user, assignees), filter) = faults.unless(user.zip(assignees).zip(filter))?;
        Wanted::held_by(&api.store, user, filter, assignees, policy, return_time).await
    }
}

impl From<Told> for proto::TransferLeadsResponse {
    fn from(Told { plan, batch_id, outcomes }: Told) -> Self {
        Self { plan, batch_id, outcomes }
    }
}
