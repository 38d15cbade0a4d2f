//! Every call on a lead in every state: what can't start from a state says which one it is and changes nothing.

use leadward::proto::{
    AssignLeadRequest, CreateOrderRequest, DeleteLeadRequest, DeletionReason, ErrorReason, GrantMode, Lead,
    LeadHistoryKind, LeadState, Order, OrderStatus, UnassignLeadRequest,
};
use tonic::Status;

use super::assert_untouched;
use crate::support::{
    Batch, BatchKind, Caller, TestServer, euros, fact, item_status, named, note, on_both_databases, refused,
};

const STATES: [LeadState; 3] = [LeadState::Active, LeadState::Discarded, LeadState::Resolved];

/// Every change of one lead, with the states that it can't start from.
const CALLS: [(&str, &[LeadState]); 17] = [
    ("UpdateLead", &[]),
    ("RegisterLead", &[]),
    ("RecordDeposit", &[]),
    ("AppendLeadHistory", &[]),
    ("CreateOrder", &[]),
    ("GrantLeadAccess", &[]),
    ("RevokeLeadAccess", &[]),
    ("DiscardLead", &[LeadState::Discarded, LeadState::Resolved]),
    ("BatchDiscardLeads", &[LeadState::Discarded, LeadState::Resolved]),
    ("RetrieveLead", &[LeadState::Active, LeadState::Resolved]),
    ("BatchRetrieveLeads", &[LeadState::Active, LeadState::Resolved]),
    ("ResolveLead", &[LeadState::Discarded, LeadState::Resolved]),
    ("ReopenLead", &[LeadState::Active, LeadState::Discarded]),
    ("AssignLead", &[LeadState::Discarded]),
    ("UnassignLead", &[LeadState::Discarded]),
    ("DeleteLead", &[]),
    ("BatchDeleteLeads", &[]),
];

/// A lead of Ana's in a state.
async fn lead_in(t: &TestServer, state: LeadState, external_id: &str, ana: &Caller) -> Lead {
    let lead = Lead { external_id: Some(external_id.to_owned()), assignee_id: ana.id.clone(), ..named(external_id) };
    let lead = t.admin().create_lead(lead).await.unwrap();
    match state {
        LeadState::Discarded => t.admin().discard(&lead.id).await.unwrap(),
        LeadState::Resolved => t.admin().resolve(&lead.id).await.unwrap(),
        _ => lead,
    }
}

async fn attempt(call: &str, admin: &Caller, lead: &Lead, other: &Caller, dry_run: bool) -> Result<(), Status> {
    let id = lead.id.as_str();
    match call {
        "UpdateLead" => {
            let change = Lead { id: lead.id.clone(), campaign: Some("autumn".to_owned()), ..Lead::default() };
            admin.update_lead(change, &[]).await.map(drop)
        }
        "RegisterLead" => {
            let lead = Lead { external_id: lead.external_id.clone(), ..named("registered") };
            admin.register(lead).await.map(|answer| assert!(!answer.created))
        }
        "RecordDeposit" => admin.deposit(id, "payment-1", euros(1, 0)).await.map(drop),
        "AppendLeadHistory" => admin.append(id, LeadHistoryKind::Note, note("spoke to them")).await.map(drop),
        "CreateOrder" => {
            let order = Order {
                lead_id: lead.id.clone(),
                number: "order-1".to_owned(),
                status: OrderStatus::Partial.into(),
                amount: Some(euros(1, 0)),
                ..Order::default()
            };
            let request = CreateOrderRequest { order: Some(order), ..Default::default() };
            admin.orders().create_order(request).await.map(drop)
        }
        "GrantLeadAccess" => admin.grant(id, other, GrantMode::Full).await.map(drop),
        "RevokeLeadAccess" => admin.revoke(id, other).await,
        "DiscardLead" => admin.discard(id).await.map(drop),
        "BatchDiscardLeads" => in_batch(BatchKind::Discard, admin, id, dry_run).await,
        "RetrieveLead" => admin.retrieve(id).await.map(drop),
        "BatchRetrieveLeads" => in_batch(BatchKind::Retrieve, admin, id, dry_run).await,
        "ResolveLead" => admin.resolve(id).await.map(drop),
        "ReopenLead" => admin.reopen(id).await.map(drop),
        "AssignLead" => {
            let request = AssignLeadRequest {
                lead_id: lead.id.clone(),
                assignee_id: other.id.clone(),
                validate_only: dry_run,
                ..AssignLeadRequest::default()
            };
            admin.assignments().assign_lead(request).await.map(drop)
        }
        "UnassignLead" => {
            let request = UnassignLeadRequest {
                lead_id: lead.id.clone(),
                validate_only: dry_run,
                ..UnassignLeadRequest::default()
            };
            admin.assignments().unassign_lead(request).await.map(drop)
        }
        "DeleteLead" => {
            let request = DeleteLeadRequest {
                lead_id: lead.id.clone(),
                reason: DeletionReason::Duplicate.into(),
                ..Default::default()
            };
            admin.leads().delete_lead(request).await.map(drop)
        }
        "BatchDeleteLeads" => in_batch(BatchKind::Delete, admin, id, dry_run).await,
        unknown => panic!("{unknown} is no call of this test"),
    }
}

/// The answer to the only lead of a batch.
async fn in_batch(kind: BatchKind, admin: &Caller, id: &str, validate_only: bool) -> Result<(), Status> {
    let outcomes = admin.batch(kind, Batch { validate_only, ..Batch::of(&[id]) }).await?;
    assert_eq!(outcomes.len(), 1);
    assert_eq!((outcomes[0].lead_id.as_str(), outcomes[0].done), (id, outcomes[0].error.is_none()));
    outcomes[0].error.as_ref().map_or(Ok(()), |error| Err(item_status(error)))
}

on_both_databases! {
    async fn what_a_state_forbids_is_refused_with_its_name_and_changes_nothing(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        for (number, (call, forbidden)) in CALLS.into_iter().enumerate() {
            for state in STATES {
                let before = lead_in(&t, state, &format!("platform-{number}-{}", state.as_str_name()), &ana).await;
                let history = admin.history(&before.id).await.unwrap().len();
                let answer = attempt(call, &admin, &before, &ben, false).await;
                if forbidden.contains(&state) {
                    let status = refused(answer, ErrorReason::LeadState);
                    let name = state.as_str_name().trim_start_matches("LEAD_STATE_");
                    assert_eq!(fact(&status, "state"), name, "{call}");
                    assert_untouched(&t, &before, history).await;
                } else {
                    assert!(answer.is_ok(), "{call} on a lead that is {}: {answer:?}", state.as_str_name());
                }
            }
        }
    }

    async fn a_dry_run_is_forbidden_what_the_call_is_and_changes_nothing(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let dry = ["BatchDiscardLeads", "BatchRetrieveLeads", "BatchDeleteLeads", "AssignLead", "UnassignLead"];
        for (number, (call, forbidden)) in CALLS.into_iter().filter(|(call, _)| dry.contains(call)).enumerate() {
            for state in STATES {
                let before = lead_in(&t, state, &format!("platform-{number}-{}", state.as_str_name()), &ana).await;
                let history = admin.history(&before.id).await.unwrap().len();
                let answer = attempt(call, &admin, &before, &ben, true).await;
                assert_eq!(answer.is_err(), forbidden.contains(&state), "{call} {}: {answer:?}", state.as_str_name());
                assert_untouched(&t, &before, history).await;
            }
        }
    }

    /// To the stage and the assignee that it had, whatever was called in between.
    async fn the_way_there_and_back_leads_to_where_it_began(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let lead = lead_in(&t, LeadState::Active, "platform-1", &ana).await;
        let staged = Lead { id: lead.id.clone(), stage: Some("Interested".to_owned()), ..Lead::default() };
        let before = admin.update_lead(staged, &[]).await.unwrap();
        admin.discard(&lead.id).await.unwrap();
        admin.append(&lead.id, LeadHistoryKind::Note, note("wait a while")).await.unwrap();
        admin.retrieve(&lead.id).await.unwrap();
        admin.resolve(&lead.id).await.unwrap();
        let after = admin.reopen(&lead.id).await.unwrap();
        assert_eq!(after, Lead { update_time: after.update_time, etag: after.etag.clone(), ..before });
    }
}
