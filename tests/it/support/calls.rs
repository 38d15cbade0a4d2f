use leadward::proto::{
    AssignLeadRequest, AssignOrderCustomersRequest, AssignmentOutcome, AssignmentResult, BatchGetLeadsRequest,
    CheckAccessRequest, ClaimLeadRequest, CreateOrderRequest, DeleteLeadRequest, DeletionReason, DiscardLeadRequest,
    ExplainAccessRequest, ExportLeadsRequest, FILE_DESCRIPTOR_SET, GetLeadRequest, GetOrderRequest,
    GrantLeadAccessRequest, Lead, LeadAction, LeadHistoryKind, LeadOutcome, ListLeadAccessRequest,
    ListLeadHistoryRequest, Order, OrderStatus, RecordDepositRequest, ReopenLeadRequest, ResolveLeadRequest,
    RetrieveLeadRequest, RevokeLeadAccessRequest, UnassignLeadRequest, UpdateLeadRequest, UpdateOrderStatusRequest,
    lead_result,
};
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::Status;

use super::{Batch, BatchKind, Caller, euros, item_status, named, note};

/// The keys that the calls here give to what they record of a lead.
const NUMBER: &str = "N-8";
const PAYMENT_ID: &str = "payment-8";

/// A call of the service, as its descriptors have it.
pub struct Method {
    pub service: String,
    pub name: String,
    fields: Vec<String>,
}

impl Method {
    /// Whether the call is about one lead that exists.
    pub fn takes_lead(&self) -> bool {
        // Lists can be narrowed to leads, and refuse none: the record of changes is asked about leads that are gone.
        let filters = ["ListPermissionChanges", "ListOrders"].contains(&self.name.as_str());
        let within = ["UpdateLead", "CreateOrder"].contains(&self.name.as_str());
        within || (!filters && (self.has("lead_id") || self.has("lead_ids")))
    }

    /// Whether the call is about one order that exists.
    pub fn takes_order(&self) -> bool {
        self.has("order_id") || self.has("order_ids")
    }

    /// Whether a call about a lead can be told which version of it is meant.
    pub fn takes_etag(&self) -> bool {
        self.name == "UpdateLead" || self.has("etag")
    }

    /// Whether the call is safe to repeat under an ID.
    pub fn takes_request_id(&self) -> bool {
        self.has("request_id")
    }

    /// Whether the request says anything at all.
    pub fn takes_input(&self) -> bool {
        !self.fields.is_empty()
    }

    fn has(&self, field: &str) -> bool {
        self.fields.iter().any(|name| name == field)
    }

    /// Makes a call about one order.
    pub async fn call_on_order(&self, caller: &Caller, order_id: &str, etag: &str) -> Result<(), Status> {
        let (order_id, etag) = (order_id.to_owned(), etag.to_owned());
        match self.name.as_str() {
            "GetOrder" => caller.orders().get_order(GetOrderRequest { order_id }).await.map(drop),
            "UpdateOrderStatus" => {
                let status = OrderStatus::Cancelled.into();
                let request = UpdateOrderStatusRequest { order_id, status, etag, ..Default::default() };
                caller.orders().update_order_status(request).await.map(drop)
            }
            "AssignOrderCustomers" => {
                let (order_ids, assignee_ids) = (vec![order_id], vec![caller.id.clone()]);
                let request = AssignOrderCustomersRequest { order_ids, assignee_ids, ..Default::default() };
                let outcomes = caller.assignments().assign_order_customers(request).await?.into_inner().outcomes;
                given(outcomes.into_iter().filter_map(|outcome| outcome.outcome).collect())
            }
            unknown => panic!("add {unknown} to the access matrix"),
        }
    }
}

impl Caller {
    /// Records a partial order.
    pub async fn place_order(&self, lead_id: &str, number: &str) -> Result<Order, Status> {
        let order = Order {
            lead_id: lead_id.to_owned(),
            number: number.to_owned(),
            status: OrderStatus::Partial.into(),
            amount: Some(euros(1, 0)),
            ..Order::default()
        };
        let request = CreateOrderRequest { order: Some(order), ..CreateOrderRequest::default() };
        Ok(self.orders().create_order(request).await?.into_inner().order.unwrap())
    }

    pub async fn get_order(&self, order_id: &str) -> Result<Order, Status> {
        let request = GetOrderRequest { order_id: order_id.to_owned() };
        Ok(self.orders().get_order(request).await?.into_inner().order.unwrap())
    }

    pub async fn move_order(&self, order_id: &str, status: OrderStatus) -> Result<(), Status> {
        let order_id = order_id.to_owned();
        let request = UpdateOrderStatusRequest { order_id, status: status.into(), ..Default::default() };
        self.orders().update_order_status(request).await.map(drop)
    }

    /// Gives a lead an order and a deposit under the keys that `call_on_lead` uses: to whoever reaches the lead they are
    /// taken.
    pub async fn take_keys(&self, lead_id: &str) -> Order {
        self.deposit(lead_id, PAYMENT_ID, euros(2, 0)).await.unwrap();
        self.place_order(lead_id, NUMBER).await.unwrap()
    }

    /// Every lead of an export.
    pub async fn export(&self) -> Result<Vec<Lead>, Status> {
        let mut parts = self.leads().export_leads(ExportLeadsRequest::default()).await?.into_inner();
        let mut leads = Vec::new();
        while let Some(part) = parts.message().await? {
            leads.extend(part.leads);
        }
        Ok(leads)
    }
}

/// Every method of leadward's own services.
pub fn methods() -> Vec<Method> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let files: Vec<_> = set.file.iter().filter(|file| file.package() == "leadward.v1").collect();
    let mut methods = Vec::new();
    for service in files.iter().flat_map(|file| &file.service) {
        for method in &service.method {
            let mut messages = files.iter().flat_map(|file| &file.message_type);
            let input =
                messages.find(|message| method.input_type().ends_with(&format!(".{}", message.name()))).unwrap();
            let fields = input.field.iter().map(|field| field.name().to_owned()).collect();
            methods.push(Method { service: service.name().to_owned(), name: method.name().to_owned(), fields });
        }
    }
    methods
}

/// Makes a call about one lead; `other` is whoever else it needs. Says what the answer was, where it can be more than
/// done.
pub async fn call_on_lead(
    method: &str,
    caller: &Caller,
    lead_id: &str,
    other: &Caller,
    etag: &str,
) -> Result<&'static str, Status> {
    let (lead_id, etag, user_id) = (lead_id.to_owned(), etag.to_owned(), other.id.clone());
    let done = match method {
        "GetLead" => caller.leads().get_lead(GetLeadRequest { lead_id }).await.map(drop),
        "BatchGetLeads" => {
            let request = BatchGetLeadsRequest { lead_ids: vec![lead_id] };
            let results = caller.leads().batch_get_leads(request).await?.into_inner().results;
            match results.into_iter().next().and_then(|result| result.result) {
                Some(lead_result::Result::Lead(_)) => Ok(()),
                Some(lead_result::Result::Error(error)) => Err(item_status(&error)),
                None => panic!("no result"),
            }
        }
        "UpdateLead" => {
            let lead = Lead { id: lead_id, etag, ..named("renamed") };
            let request = UpdateLeadRequest { lead: Some(lead), ..Default::default() };
            caller.leads().update_lead(request).await.map(drop)
        }
        "DiscardLead" => {
            let request = DiscardLeadRequest { lead_id, reason: "Not ready".to_owned(), etag, ..Default::default() };
            caller.leads().discard_lead(request).await.map(drop)
        }
        "RetrieveLead" => {
            caller.leads().retrieve_lead(RetrieveLeadRequest { lead_id, etag, ..Default::default() }).await.map(drop)
        }
        "ReopenLead" => {
            caller.leads().reopen_lead(ReopenLeadRequest { lead_id, etag, ..Default::default() }).await.map(drop)
        }
        "DeleteLead" => {
            let request =
                DeleteLeadRequest { lead_id, reason: DeletionReason::Obsolete.into(), etag, ..Default::default() };
            caller.leads().delete_lead(request).await.map(drop)
        }
        "RecordDeposit" => {
            let (payment_id, amount) = (PAYMENT_ID.to_owned(), Some(euros(1, 0)));
            let request = RecordDepositRequest { lead_id, payment_id, amount, etag, ..Default::default() };
            caller.leads().record_deposit(request).await.map(drop)
        }
        "BatchDiscardLeads" => of_one(caller.batch(BatchKind::Discard, Batch::of(&[&lead_id])).await?),
        "BatchRetrieveLeads" => of_one(caller.batch(BatchKind::Retrieve, Batch::of(&[&lead_id])).await?),
        "BatchDeleteLeads" => of_one(caller.batch(BatchKind::Delete, Batch::of(&[&lead_id])).await?),
        "AppendLeadHistory" => caller.append(&lead_id, LeadHistoryKind::Note, note("seen")).await.map(drop),
        "ListLeadHistory" => {
            let request = ListLeadHistoryRequest { lead_id, ..ListLeadHistoryRequest::default() };
            caller.leads().list_lead_history(request).await.map(drop)
        }
        "CheckAccess" => {
            let request = CheckAccessRequest { user_id: String::new(), action: LeadAction::Edit.into(), lead_id };
            let allowed = caller.permissions().check_access(request).await?.into_inner().allowed;
            return Ok(if allowed { "may edit" } else { "may not edit" });
        }
        "ExplainAccess" => {
            let request = ExplainAccessRequest { user_id: String::new(), action: LeadAction::Edit.into(), lead_id };
            let allowed = caller.permissions().explain_access(request).await?.into_inner().allowed;
            return Ok(if allowed { "may edit" } else { "may not edit" });
        }
        "AssignLead" => {
            let request = AssignLeadRequest { lead_id, assignee_id: user_id, etag, ..AssignLeadRequest::default() };
            caller.assignments().assign_lead(request).await.map(drop)
        }
        "ClaimLead" => {
            let request = ClaimLeadRequest { lead_id, etag, ..ClaimLeadRequest::default() };
            caller.assignments().claim_lead(request).await.map(drop)
        }
        "BatchAssignLeads" => given(caller.deal(&[&lead_id], &[other]).await?),
        "UnassignLead" => {
            let request = UnassignLeadRequest { lead_id, etag, ..UnassignLeadRequest::default() };
            caller.assignments().unassign_lead(request).await.map(drop)
        }
        "ResolveLead" => {
            let request =
                ResolveLeadRequest { lead_id, disposition: "Declined".to_owned(), etag, ..Default::default() };
            caller.assignments().resolve_lead(request).await.map(drop)
        }
        "ListLeadAccess" => {
            let request = ListLeadAccessRequest { lead_id, ..ListLeadAccessRequest::default() };
            caller.assignments().list_lead_access(request).await.map(drop)
        }
        "GrantLeadAccess" => {
            let request = GrantLeadAccessRequest { lead_id, user_id, etag, ..Default::default() };
            caller.assignments().grant_lead_access(request).await.map(drop)
        }
        "RevokeLeadAccess" => {
            let request = RevokeLeadAccessRequest { lead_id, user_id, etag, ..Default::default() };
            caller.assignments().revoke_lead_access(request).await.map(drop)
        }
        "CreateOrder" => caller.place_order(&lead_id, NUMBER).await.map(drop),
        unknown => panic!("add {unknown} to the access matrix"),
    };
    done.map(|()| "")
}

/// What became of the only lead of a batch.
fn of_one(outcomes: Vec<LeadOutcome>) -> Result<(), Status> {
    let [outcome]: [LeadOutcome; 1] = outcomes.try_into().expect("one outcome");
    assert_eq!(outcome.done, outcome.error.is_none(), "{outcome:?}");
    outcome.error.map_or(Ok(()), |error| Err(item_status(&error)))
}

/// What became of the only lead that was dealt.
fn given(outcomes: Vec<AssignmentOutcome>) -> Result<(), Status> {
    let [outcome]: [AssignmentOutcome; 1] = outcomes.try_into().expect("one outcome");
    assert_eq!(outcome.result() == AssignmentResult::Refused, outcome.error.is_some(), "{outcome:?}");
    outcome.error.map_or(Ok(()), |error| Err(item_status(&error)))
}
