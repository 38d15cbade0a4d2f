//! AssignLeadsByFilter and TransferLeads: the plan of all of it, then part by part what becomes of the leads. A part is carried out when the
//! transport asks for it.

use std::{future::Future, pin::Pin, sync::Arc};

use futures::{Stream, stream};
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
    let rest = match begun.map_err(status::of)? {
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
enum Begun<C: Planned> {
    /// It was done before, and answered this.
    Before(C::Answer),
    /// It is planned.
    Now(Box<Rest<C>>),
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
    let (api, caller, once) = (api.clone(), caller.clone(), Arc::new(once));
    let rest = Rest { api, caller, dry_run, once, plan: Arc::new(plan), batch, head, at: None };
    Ok(Begun::Now(Box::new(rest)))
}

/// What is still to be done.
struct Rest<C> {
    api: Api,
    caller: Caller,
    dry_run: bool,
    once: Arc<Once<C>>,
    plan: Arc<Plan>,
    batch: Option<BatchId>,
    head: Told,
    /// How many leads have been told of; none before the plan has been told.
    at: Option<usize>,
}

impl<C: Planned> Rest<C> {
    async fn next(mut self) -> Result<Option<(C::Answer, Option<Self>)>> {
        let Some(at) = self.at else {
            self.at = Some(0);
            return Ok(Some((self.head.clone().into(), Some(self))));
        };
        let part = self.plan.part(at, store::at_once(&self.api.store));
        let end = at + part.leads();
        let is_last = end == self.plan.leads();
        self.caller = self.api.resolver.verified(&self.caller).await?;
        let mut done = self.done(part.clone(), is_last).await;
        if let Err(Error::Store(store::Error::Moved)) = &done {
            self.caller = self.api.resolver.verified(&self.caller).await?;
            done = self.done(part, is_last).await;
        }
        let outcomes: Vec<AssignmentOutcome> = done?.into_iter().map(batch::outcome).collect();
        if outcomes.is_empty() {
            return Ok(None);
        }
        self.at = Some(end);
        Ok(Some((Told { outcomes, ..Told::default() }.into(), (!is_last).then_some(self))))
    }

    async fn done(&self, part: Part, is_last: bool) -> Result<Vec<Outcome>> {
        if self.dry_run {
            return part.foretell(&self.api.store, &self.caller).await;
        }
        // With the last part, what the request was answered is kept.
        let request = self.once.request(&self.caller).filter(|_| is_last);
        let answer = C::Answer::from(self.head.clone()).encode_to_vec();
        let args = (self.caller.clone(), part, self.batch, request, answer);
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
        (std::mem::take(&mut self.validate_only), std::mem::take(&mut self.plan_token))
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
        (std::mem::take(&mut self.validate_only), std::mem::take(&mut self.plan_token))
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
