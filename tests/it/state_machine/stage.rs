//! A real server, the model of what it should answer, and what is known of the leads that are on it.

use std::collections::BTreeMap;

use leadward::proto::{Lead, LeadAction, LeadHistoryKind, LeadKind, LeadState, ListOrdersRequest, Order, OrderStatus};
use tonic::{Code, Status};
use uuid::Uuid;

use super::{
    calls::{Call, Shown, order_number},
    model::{Done, Model, Person},
    steps::{ADMIN, AGENT, Act, CAMPAIGNS, Etag, PLACES, STAGES, Step},
};
use crate::support::{Caller, Database, TestServer, Told, item_status, reason};

const EVERY_STATE: [LeadState; 3] = [LeadState::Active, LeadState::Discarded, LeadState::Resolved];

pub struct Stage {
    model: Model,
    held: [Held; PLACES],
    callers: [Caller; 2],
    /// Requests with IDs that were done.
    sent: Vec<Sent>,
    changes: usize,
    _server: TestServer,
}

/// What is known of the lead at a place, or of the last one that was there.
#[derive(Clone, Default)]
struct Held {
    id: String,
    /// All that it had, the current one last.
    etags: Vec<String>,
    orders: BTreeMap<String, Order>,
    order_etags: BTreeMap<String, Vec<String>>,
}

#[derive(Clone)]
struct Sent {
    call: Call,
    shown: Shown,
    /// The leads that it was about.
    about: Vec<(usize, String)>,
}

/// Makes the calls one after the other; says how many changed something, or the first difference.
pub async fn play(steps: &[Step], database: Database) -> Result<usize, String> {
    let mut stage = Stage::build(database).await;
    // Leads to begin with: the administrator's and the agent's by turns.
    let first = (0..PLACES).map(|place| Step::of(place % 2, place, Act::Create));
    for step in first.chain(steps.iter().cloned()) {
        stage.perform(&step).await.map_err(|why| format!("when {step:?}: {why}"))?;
    }
    stage.look_back().await?;
    Ok(stage.changes)
}

impl Stage {
    async fn build(database: Database) -> Self {
        let server = TestServer::start(database).await;
        let callers = [server.admin(), server.user("ana", "leads-agent").await];
        let held = [(); PLACES].map(|()| Held { id: fresh_id(), ..Held::default() });
        Self { model: Model::default(), held, callers, sent: Vec::new(), changes: 0, _server: server }
    }

    async fn perform(&mut self, step: &Step) -> Result<(), String> {
        match step.act {
            Act::Repeat { which } => self.repeat(which).await,
            Act::Reuse { which } => self.reuse(which).await,
            _ => self.call(step).await,
        }
    }

    async fn call(&mut self, step: &Step) -> Result<(), String> {
        let call = self.spell_out(step);
        let expected = self.model.apply(step);
        let answer = call.send(&self.callers).await;
        let (done, shown) = match (expected, answer) {
            (Ok(done), Ok(shown)) => (done, shown),
            (Ok(done), Err(status)) => return Err(format!("expected {done:?}, got {}", refusal(&status))),
            (Err(expected), Ok(shown)) => return Err(format!("expected {expected}, got {shown:?}")),
            (Err(expected), Err(status)) => {
                same("the refusal", &(expected.to_owned(), code_of(expected)), &(reason(&status), status.code()))?;
                return self.expect_the_same(&step.places()).await;
            }
        };
        same("created, recorded or sold", &done.flag, &shown.flag)?;
        if matches!(step.act, Act::Create | Act::Register) && shown.flag {
            let id = shown.lead.as_ref().ok_or("a lead made is shown")?.id.clone();
            self.held[step.place] = Held { id, ..Held::default() };
        }
        self.judge(step, &done, &shown).await?;
        self.changes += 1;
        // Of a dry run nothing stays, not even that it was asked for.
        if step.keyed && !matches!(step.act, Act::Batch { validate_only: true, .. }) {
            let there = step.places().into_iter().filter(|place| self.model.person(*place).is_some());
            let about = there.map(|place| (place, self.held[place].id.clone())).collect();
            self.sent.push(Sent { call, shown, about });
        }
        Ok(())
    }

    /// What a step says to the server.
    fn spell_out(&self, step: &Step) -> Call {
        let held = &self.held[step.place];
        let (order_id, etags) = match step.act {
            Act::MoveOrder { number, .. } => {
                let number = order_number(number);
                let etags = held.order_etags.get(&number).map(Vec::as_slice).unwrap_or_default();
                (held.orders.get(&number).map_or_else(fresh_id, |order| order.id.clone()), etags)
            }
            _ => (fresh_id(), held.etags.as_slice()),
        };
        let etag = match step.etag {
            Etag::None => String::new(),
            Etag::Current => etags.last().cloned().unwrap_or_default(),
            // The last but one, if there was one.
            Etag::Stale => etags.iter().rev().nth(1).cloned().unwrap_or_else(|| "never".to_owned()),
        };
        let assignee_id = match step.act {
            Act::Assign { to } => self.callers[to].id.clone(),
            _ => String::new(),
        };
        Call {
            caller: step.caller,
            act: step.act.clone(),
            external_id: format!("platform-{}", step.place),
            lead_ids: step.places().into_iter().map(|place| self.held[place].id.clone()).collect(),
            assignee_id,
            order_id,
            etag,
            request_id: if step.keyed { fresh_id() } else { String::new() },
        }
    }

    /// Compares the leads with the model, and what was shown with the leads.
    async fn judge(&mut self, step: &Step, done: &Done, shown: &Shown) -> Result<(), String> {
        let mut places = step.places();
        places.sort_unstable();
        places.dedup();
        for place in places {
            let moved = done.moved.contains(&place);
            let lead = self.compare(place, moved).await?;
            if let (Some(shown), Some(lead)) = (&shown.lead, &lead) {
                same("the lead shown", lead, shown)?;
            }
        }
        if let Act::Batch { places, validate_only, .. } = &step.act {
            same("the outcomes", &done.outcomes.len(), &shown.outcomes.len())?;
            for ((place, expected), got) in places.iter().zip(&done.outcomes).zip(&shown.outcomes) {
                let outcome = got.error.as_ref().map_or(Ok(()), |error| Err(reason(&item_status(error))));
                same("an outcome", &expected.map_err(str::to_owned), &outcome)?;
                same("an outcome's lead", &self.held[*place].id, &got.lead_id)?;
                same("done", &expected.is_ok(), &got.done)?;
                let there = self.model.person(*place).is_some();
                let etag = if got.done && there { self.held[*place].etags.last() } else { None };
                if !validate_only {
                    same("an outcome's etag", &etag.cloned().unwrap_or_default(), &got.etag)?;
                }
            }
        }
        if let Some(order) = &shown.order {
            same("the order shown", &self.held[step.place].orders.get(&order.number), &Some(order))?;
        }
        Ok(())
    }

    async fn expect_the_same(&mut self, places: &[usize]) -> Result<(), String> {
        for place in places {
            self.compare(*place, false).await?;
        }
        Ok(())
    }

    /// Compares the lead at a place with the model, and whether its etag moved.
    async fn compare(&mut self, place: usize, moved: bool) -> Result<Option<Lead>, String> {
        let id = self.held[place].id.clone();
        let lead = self.callers[ADMIN].get_lead(&id).await;
        let Some(person) = self.model.person(place) else {
            let answer = lead.map_err(|status| reason(&status));
            return same("a lead that is not there", &Err("LEAD_NOT_FOUND".to_owned()), &answer).map(|()| None);
        };
        let lead = lead.map_err(|status| format!("the lead at {place} should be there: {}", refusal(&status)))?;
        same("the lead", &self.expected(person), &Facts::of(&lead))?;
        let held = &mut self.held[place];
        if moved {
            same("that the etag is new", &false, &held.etags.contains(&lead.etag))?;
            held.etags.push(lead.etag.clone());
        } else {
            same("the etag", &held.etags.last(), &Some(&lead.etag))?;
        }
        let expected = person.orders.iter().map(|(number, status)| (order_number(*number), *status)).collect();
        self.compare_orders(place, expected).await?;
        Ok(Some(lead))
    }

    async fn compare_orders(&mut self, place: usize, expected: BTreeMap<String, OrderStatus>) -> Result<(), String> {
        let held = &mut self.held[place];
        let request = ListOrdersRequest { lead_ids: vec![held.id.clone()], ..ListOrdersRequest::default() };
        let orders = self.callers[ADMIN].orders().list_orders(request).await;
        let orders = orders.map_err(|status| refusal(&status))?.into_inner().orders;
        let got = orders.iter().map(|order| (order.number.clone(), order.status())).collect();
        same("the orders", &expected, &got)?;
        for order in &orders {
            let etags = held.order_etags.entry(order.number.clone()).or_default();
            if etags.last() != Some(&order.etag) {
                etags.push(order.etag.clone());
            }
        }
        held.orders = orders.into_iter().map(|order| (order.number.clone(), order)).collect();
        Ok(())
    }

    /// The same answer as before, and nothing is done. What was said of a lead that is gone, or out of reach, is not said
    /// again.
    async fn repeat(&mut self, which: usize) -> Result<(), String> {
        let Some(sent) = self.earlier(which) else { return Ok(()) };
        let answer = sent.call.send(&self.callers).await;
        if self.still_reached(&sent) {
            same("the answer to a repeated request", &Ok(sent.shown), &answer.map_err(|status| refusal(&status)))?;
        }
        self.expect_the_same(&[0, 1, 2, 3]).await
    }

    async fn reuse(&mut self, which: usize) -> Result<(), String> {
        let Some(sent) = self.earlier(which).filter(|sent| self.still_reached(sent) && !sent.about.is_empty()) else {
            return Ok(());
        };
        let act = Act::Append { kind: LeadHistoryKind::Note, text: "something else" };
        let call = Call { act, lead_ids: vec![sent.about[0].1.clone()], ..sent.call };
        let answer = call.send(&self.callers).await.map(drop).map_err(|status| (reason(&status), status.code()));
        let expected = Err(("REQUEST_ID_REUSED".to_owned(), Code::InvalidArgument));
        same("the answer to another request of the same ID", &expected, &answer)?;
        self.expect_the_same(&[0, 1, 2, 3]).await
    }

    fn earlier(&self, which: usize) -> Option<Sent> {
        if self.sent.is_empty() { None } else { Some(self.sent[which % self.sent.len()].clone()) }
    }

    fn still_reached(&self, sent: &Sent) -> bool {
        let is_there =
            |(place, id): &(usize, String)| self.model.views(sent.call.caller, *place) && self.held[*place].id == *id;
        !sent.about.is_empty() && sent.about.iter().all(is_there)
    }

    /// Each lead's history is what was acknowledged, by whom and in this order, and leads to what the lead is.
    async fn look_back(&self) -> Result<(), String> {
        let admin = &self.callers[ADMIN];
        let mut there = 0;
        for place in 0..PLACES {
            let Some(person) = self.model.person(place) else { continue };
            there += 1;
            let id = &self.held[place].id;
            let mut history = admin.history(id).await.map_err(|status| refusal(&status))?;
            history.reverse();
            let happened: Vec<_> = history.iter().map(|entry| (entry.kind(), entry.actor_id.clone())).collect();
            let expected: Vec<_> =
                person.history.iter().map(|(kind, caller)| (*kind, self.callers[*caller].id.clone())).collect();
            same(&format!("the history at {place}"), &expected, &happened)?;

            let mut told = Told::default();
            history.iter().for_each(|entry| told.and(entry));
            let lead = admin.get_lead(id).await.map_err(|status| refusal(&status))?;
            same(&format!("what the history at {place} leads to"), &Told::of(&lead), &told)?;

            if self.model.views(AGENT, place) {
                let mut seen = self.callers[AGENT].history(id).await.map_err(|status| refusal(&status))?;
                seen.reverse();
                let of_orders = [LeadHistoryKind::OrderCreated, LeadHistoryKind::OrderUpdated];
                history.retain(|entry| !of_orders.contains(&entry.kind()));
                same("what whoever sees partial orders only sees of it", &history, &seen)?;
            }
        }
        let leads = admin.list_leads_in(LeadAction::View, &EVERY_STATE, 0).await;
        same("how many leads there are", &there, &leads.map_err(|status| refusal(&status))?.len())?;
        let deleted = admin.deleted_leads(0).await.map_err(|status| refusal(&status))?;
        same("how many were deleted", &self.model.deleted, &deleted.len())
    }

    fn expected(&self, person: &Person) -> Facts {
        Facts {
            kind: person.kind(),
            state: person.state,
            campaign: person.campaign.map(|at| CAMPAIGNS[at].to_owned()),
            stage: person.stage.map(|at| STAGES[at].to_owned()),
            assignee_id: person.assignee.map(|caller| self.callers[caller].id.clone()).unwrap_or_default(),
            discard_reason: if person.state == LeadState::Discarded { "Not ready" } else { "" }.to_owned(),
            disposition: person.disposition.unwrap_or_default().to_owned(),
        }
    }
}

/// What the model knows of a lead.
#[derive(PartialEq, Debug)]
struct Facts {
    kind: LeadKind,
    state: LeadState,
    campaign: Option<String>,
    stage: Option<String>,
    assignee_id: String,
    discard_reason: String,
    disposition: String,
}

impl Facts {
    fn of(lead: &Lead) -> Self {
        Self {
            kind: lead.kind(),
            state: lead.state(),
            campaign: lead.campaign.clone(),
            stage: lead.stage.clone(),
            assignee_id: lead.assignee_id.clone(),
            discard_reason: lead.discard_reason.clone(),
            disposition: lead.disposition.clone(),
        }
    }
}

fn fresh_id() -> String {
    Uuid::now_v7().to_string()
}

/// `Err` in words where the two differ.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, got: &T) -> Result<(), String> {
    if expected == got { Ok(()) } else { Err(format!("{what}: expected {expected:#?}, got {got:#?}")) }
}

fn refusal(status: &Status) -> String {
    format!("{:?} {}: {}", status.code(), reason(status), status.message())
}

/// The code that goes with each refusal of the model.
fn code_of(reason: &str) -> Code {
    match reason {
        "LEAD_NOT_FOUND" | "RESOURCE_NOT_FOUND" => Code::NotFound,
        "ACTION_NOT_PERMITTED" => Code::PermissionDenied,
        "LEAD_STATE" | "ORDER_STATUS" | "INELIGIBLE_ASSIGNEE" => Code::FailedPrecondition,
        "DUPLICATE_LEAD" | "DUPLICATE_RESOURCE" | "PAYMENT_ID_REUSED" => Code::AlreadyExists,
        "STALE_ETAG" => Code::Aborted,
        other => panic!("the model refuses nothing as {other}"),
    }
}
