//! The calls of a life, and what their answers show.

use leadward::proto::{
    AppendLeadHistoryRequest, AssignLeadRequest, CallOutcome, CreateLeadRequest, CreateOrderRequest, DeleteLeadRequest,
    DeletionReason, Deposit, DiscardLeadRequest, Lead, LeadHistoryEntry, LeadHistoryKind, LeadOutcome, Order,
    RecordDepositRequest, RegisterLeadRequest, ReopenLeadRequest, ResolveLeadRequest, RetrieveLeadRequest,
    UnassignLeadRequest, UpdateLeadRequest, UpdateOrderStatusRequest,
};
use prost_types::Timestamp;
use tonic::Status;

use super::steps::{Act, CAMPAIGNS, STAGES};
use crate::support::{Batch, Caller, call, euros, named, note};

/// When every deposit was made.
const DEPOSITED_AT: Timestamp = Timestamp { seconds: 1_700_000_000, nanos: 0 };

/// A call with all that it says.
#[derive(Clone, Debug)]
pub struct Call {
    pub caller: usize,
    pub act: Act,
    /// The person's ID at the platform.
    pub external_id: String,
    /// One, or those of a batch.
    pub lead_ids: Vec<String>,
    pub assignee_id: String,
    pub order_id: String,
    pub etag: String,
    pub request_id: String,
}

/// What an answer shows.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Shown {
    pub lead: Option<Lead>,
    /// Whether it made the lead, recorded the deposit, or sold.
    pub flag: bool,
    pub order: Option<Order>,
    pub outcomes: Vec<LeadOutcome>,
    deposit: Option<Deposit>,
    entry: Option<LeadHistoryEntry>,
}

impl Shown {
    fn of(lead: Option<Lead>) -> Self {
        Self { lead, ..Self::default() }
    }
}

impl Call {
    pub async fn send(&self, callers: &[Caller; 2]) -> Result<Shown, Status> {
        let caller = &callers[self.caller];
        let lead_id = self.lead_ids[0].clone();
        let (etag, request_id) = (self.etag.clone(), self.request_id.clone());
        match &self.act {
            Act::Create => {
                let lead = Some(self.person());
                let request = CreateLeadRequest { lead, request_id, ..CreateLeadRequest::default() };
                let answer = caller.leads().create_lead(request).await?.into_inner();
                Ok(Shown { flag: answer.created, ..Shown::of(answer.lead) })
            }
            Act::Register => {
                let lead = Some(self.person());
                let request = RegisterLeadRequest { lead, request_id, ..RegisterLeadRequest::default() };
                let answer = caller.leads().register_lead(request).await?.into_inner();
                Ok(Shown { flag: answer.created, ..Shown::of(answer.lead) })
            }
            Act::Update { campaign, stage } => {
                let lead = Lead {
                    id: lead_id,
                    etag,
                    campaign: campaign.map(|at| CAMPAIGNS[at].to_owned()),
                    stage: stage.map(|at| STAGES[at].to_owned()),
                    ..Lead::default()
                };
                let request = UpdateLeadRequest { lead: Some(lead), update_mask: None, request_id };
                Ok(Shown::of(caller.leads().update_lead(request).await?.into_inner().lead))
            }
            Act::Discard => {
                let request = DiscardLeadRequest { lead_id, reason: "Not ready".to_owned(), etag, request_id };
                Ok(Shown::of(caller.leads().discard_lead(request).await?.into_inner().lead))
            }
            Act::Retrieve => {
                let request = RetrieveLeadRequest { lead_id, etag, request_id };
                Ok(Shown::of(caller.leads().retrieve_lead(request).await?.into_inner().lead))
            }
            Act::Resolve => {
                let request = ResolveLeadRequest { lead_id, disposition: "Declined".to_owned(), etag, request_id };
                Ok(Shown::of(caller.assignments().resolve_lead(request).await?.into_inner().lead))
            }
            Act::Reopen => {
                let request = ReopenLeadRequest { lead_id, etag, request_id };
                Ok(Shown::of(caller.leads().reopen_lead(request).await?.into_inner().lead))
            }
            Act::Assign { .. } => {
                let assignee_id = self.assignee_id.clone();
                let request = AssignLeadRequest { lead_id, assignee_id, etag, request_id, ..Default::default() };
                Ok(Shown::of(caller.assignments().assign_lead(request).await?.into_inner().lead))
            }
            Act::Unassign => {
                let request = UnassignLeadRequest { lead_id, etag, request_id, ..UnassignLeadRequest::default() };
                Ok(Shown::of(caller.assignments().unassign_lead(request).await?.into_inner().lead))
            }
            Act::Deposit { payment, amount } => {
                let request = RecordDepositRequest {
                    lead_id,
                    payment_id: format!("payment-{payment}"),
                    amount: Some(euros(10, *amount as i32)),
                    deposit_time: Some(DEPOSITED_AT),
                    etag,
                    request_id,
                };
                let answer = caller.leads().record_deposit(request).await?.into_inner();
                Ok(Shown { flag: answer.recorded, deposit: answer.deposit, ..Shown::of(answer.lead) })
            }
            Act::Append { kind, text } => {
                let activity = match kind {
                    LeadHistoryKind::Call => call(CallOutcome::Reached, text),
                    _ => note(text),
                };
                let (kind, activity) = (i32::from(*kind), Some(activity));
                let request = AppendLeadHistoryRequest { lead_id, kind, activity, request_id };
                let entry = caller.leads().append_lead_history(request).await?.into_inner().entry;
                Ok(Shown { entry, ..Shown::default() })
            }
            Act::CreateOrder { number, status } => {
                let order = Order {
                    lead_id,
                    number: order_number(*number),
                    status: i32::from(*status),
                    amount: Some(euros(99, 0)),
                    ..Order::default()
                };
                let request = CreateOrderRequest { order: Some(order), request_id };
                let answer = caller.orders().create_order(request).await?.into_inner();
                Ok(Shown { order: answer.order, flag: answer.lead_resolved, ..Shown::default() })
            }
            Act::MoveOrder { status, .. } => {
                let (order_id, status) = (self.order_id.clone(), i32::from(*status));
                let request = UpdateOrderStatusRequest { order_id, status, etag, request_id };
                let answer = caller.orders().update_order_status(request).await?.into_inner();
                Ok(Shown { order: answer.order, flag: answer.lead_resolved, ..Shown::default() })
            }
            Act::Delete => {
                let reason = DeletionReason::Obsolete.into();
                let request = DeleteLeadRequest { lead_id, reason, etag, request_id };
                caller.leads().delete_lead(request).await.map(|_| Shown::default())
            }
            Act::Batch { kind, all_or_nothing, validate_only, .. } => {
                let (all_or_nothing, validate_only) = (*all_or_nothing, *validate_only);
                let batch = Batch { lead_ids: self.lead_ids.clone(), all_or_nothing, validate_only, request_id };
                Ok(Shown { outcomes: caller.batch(*kind, batch).await?, ..Shown::default() })
            }
            Act::Repeat { .. } | Act::Reuse { .. } => panic!("they are made of other calls"),
        }
    }

    fn person(&self) -> Lead {
        Lead { external_id: Some(self.external_id.clone()), ..named("a person") }
    }
}

pub fn order_number(number: usize) -> String {
    format!("order-{number}")
}
