//! AssignLeadsByFilter and TransferLeads: the plan of all of it, then part by part what becomes of the leads. Parts are carried out when the
//! transport asks for them, on PostgreSQL two at a time while nobody else calls.

use std::{
    future::{Future, ready},
    mem,
    pin::Pin,
    sync::{Arc, OnceLock},
};

use futures::{FutureExt, Stream, StreamExt, stream};
use prost::Message;
use tokio::sync::Mutex;
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
    let (head, span) = (C::Answer::from(shared.head.clone()), Span::current());
    let tell = move |part: Part, is_last: bool| {
        let shared = Arc::clone(&shared);
        let told = async move {
            // While others call, the lanes take turns, or those would wait for the machine.
            let _turn = if shared.api.calls.rest() { None } else { Some(shared.turn.lock().await) };
            shared.told(part, is_last).await.map_err(status::of)
        };
        // Begun, it goes on to its end, whoever asks for it meanwhile.
        let told = tokio::spawn(told.instrument(span.clone()));
        async move { told.await.unwrap_or_else(|died| Err(status::of(store::Error::Died(died).into()))) }
    };
    Ok(Response::new(Box::pin(stream::iter([Ok(head)]).chain(in_lanes(lanes, last, tell)))))
}

/// What is told of the parts of two lanes as they are done, and of a last one after them. Where one fails no other is begun, and the failure
/// comes after what is told of those that are under way.
fn in_lanes<P, T, F: Future<Output = Result<Option<T>, Status>>>(
    lanes: [impl Iterator<Item = P>; 2],
    last: P,
    tell: impl Fn(P, bool) -> F + Clone,
) -> impl Stream<Item = Result<T, Status>> {
    let failed = Arc::new(OnceLock::new());
    let [first, second] = lanes.map(|parts| {
        let (tell, stops, fails) = (tell.clone(), Arc::clone(&failed), Arc::clone(&failed));
        stream::iter(parts).take_while(move |_| ready(stops.get().is_none())).filter_map(move |part| {
            let (told, failed) = (tell(part, false), Arc::clone(&fails));
            told.map(move |told| {
                told.unwrap_or_else(|failure| {
                    // Of two that fail, one says why.
                    let _ = failed.set(failure);
                    None
                })
            })
        })
    });
    let last = async move {
        match failed.get() {
            Some(failure) => Some(Err(Status::clone(failure))),
            None => tell(last, true).await.transpose(),
        }
    };
    stream::select(first, second).map(Ok).chain(stream::once(last).filter_map(ready))
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
    let shared =
        Shared { api: api.clone(), caller: caller.clone(), dry_run, once, batch, head, turn: Mutex::default() };
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
    /// Whose turn it is, of the lanes.
    turn: Mutex<()>,
}

impl<C: Planned> Shared<C> {
    /// Carries a part out, and says what became of its leads; nothing where there are none.
    async fn told(&self, part: Part, is_last: bool) -> Result<Option<C::Answer>> {
        let mut caller = self.api.resolver.verified(&self.caller).await?;
        let mut done = self.done(&caller, part.clone(), is_last).await;
        if let Err(Error::Store(store::Error::Moved)) = &done {
            caller = self.api.resolver.verified(&caller).await?;
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

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;

    /// Has nothing to tell.
    const LAST: u32 = 20;

    async fn gone_through(fails: u32) -> (Vec<Result<u32, ()>>, Vec<(u32, bool)>) {
        let begun = Arc::new(std::sync::Mutex::new(Vec::new()));
        let tell = |part: u32, is_last: bool| {
            begun.lock().expect("nobody has died").push((part, is_last));
            async move {
                // The second lane is the slower one.
                for _ in 0..part {
                    yield_now().await;
                }
                if part == fails { Err(status::of(Error::PlanChanged)) } else { Ok((part != LAST).then_some(part)) }
            }
        };
        let parts = in_lanes([1..3, 11..13], LAST, tell);
        let told = parts.map(|told| told.map_err(drop)).collect().await;
        let begun = begun.lock().expect("nobody has died").clone();
        (told, begun)
    }

    #[tokio::test]
    async fn the_last_part_comes_after_both_lanes() {
        let (told, begun) = gone_through(0).await;
        assert_eq!(told, [1, 2, 11, 12].map(Ok), "of the last there is nothing to tell");
        assert_eq!(begun, [(1, false), (11, false), (2, false), (12, false), (LAST, true)]);
    }

    #[tokio::test]
    async fn a_failure_comes_after_what_is_under_way_and_nothing_is_begun_after_it() {
        assert_eq!(gone_through(1).await, (vec![Ok(11), Err(())], vec![(1, false), (11, false)]));
        let (told, begun) = gone_through(11).await;
        assert_eq!(told, [Ok(1), Ok(2), Err(())]);
        assert!(!begun.iter().any(|(part, _)| [12, LAST].contains(part)), "{begun:?}");
        let (told, _) = gone_through(LAST).await;
        assert_eq!(told.last(), Some(&Err(())));
    }
}
