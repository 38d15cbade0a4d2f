//! What happens to leads: registrations, deposits, activities, batches; and the streams that tell of leads.

use leadward::proto::{
    Activity, AppendLeadHistoryRequest, BatchDeleteLeadsRequest, BatchDiscardLeadsRequest, BatchRetrieveLeadsRequest,
    CallOutcome, ExportLeadsRequest, LeadHistoryKind, ListDeletedLeadsRequest, ListLeadHistoryRequest,
    RecordDepositRequest, RegisterLeadRequest, WatchLeadsRequest,
};

use super::{
    Table, UNKNOWN, bad,
    leads::{NEVER, bad_lead},
    long, mask, x,
};
use crate::support::{Caller, call, euros, note, seconds};

pub async fn ask(admin: &Caller, table: &mut Table) {
    ask_about_registrations(admin, table).await;
    ask_about_deposits(admin, table).await;
    ask_about_batches(admin, table).await;
    ask_about_history(admin, table).await;
    ask_about_streams(admin, table).await;
}

async fn ask_about_registrations(admin: &Caller, table: &mut Table) {
    let mut client = admin.leads();
    bad!(table, client, register_lead, RegisterLeadRequest::default(), ["lead.external_id"]);
    let request = RegisterLeadRequest { lead: Some(bad_lead()), register_time: Some(NEVER), request_id: x() };
    bad!(
        table,
        client,
        register_lead,
        request,
        [
            "lead.external_id",
            "lead.name",
            "lead.email",
            "lead.phone",
            "lead.country",
            "lead.locale",
            "lead.campaign",
            "lead.attributes",
            "lead.stage",
            "lead.next_contact_time",
            "lead.group_id",
            "lead.assignee_id",
            "register_time",
            "request_id",
        ]
    );
}

async fn ask_about_deposits(admin: &Caller, table: &mut Table) {
    let mut client = admin.leads();
    bad!(table, client, record_deposit, RecordDepositRequest::default(), ["lead_id", "payment_id", "amount"]);
    let mut amount = euros(1, 1_000_000_000);
    amount.currency_code = "eur".to_owned();
    let request = RecordDepositRequest {
        lead_id: x(),
        payment_id: long(129),
        amount: Some(amount),
        deposit_time: Some(NEVER),
        etag: x(),
        request_id: x(),
    };
    bad!(
        table,
        client,
        record_deposit,
        request,
        ["lead_id", "payment_id", "amount.currency_code", "amount.nanos", "deposit_time", "request_id"]
    );
    for amount in [euros(0, 0), euros(-1, 0), euros(0, -1)] {
        let request = RecordDepositRequest { payment_id: x(), amount: Some(amount), ..Default::default() };
        bad!(table, client, record_deposit, request, ["lead_id", "amount"]);
    }
}

async fn ask_about_batches(admin: &Caller, table: &mut Table) {
    let mut client = admin.leads();
    for lead_ids in [vec![], vec![x(); 1001]] {
        let request = BatchDiscardLeadsRequest { lead_ids: lead_ids.clone(), ..Default::default() };
        bad!(table, client, batch_discard_leads, request, ["lead_ids", "reason"]);
        let request = BatchRetrieveLeadsRequest { lead_ids: lead_ids.clone(), ..Default::default() };
        bad!(table, client, batch_retrieve_leads, request, ["lead_ids"]);
        let request = BatchDeleteLeadsRequest { lead_ids, ..Default::default() };
        bad!(table, client, batch_delete_leads, request, ["lead_ids", "reason"]);
    }
    let lead_ids = || vec![x(), String::new()];
    let (reason, request_id) = (long(101), x());
    let request = BatchDiscardLeadsRequest { lead_ids: lead_ids(), reason, request_id, ..Default::default() };
    bad!(table, client, batch_discard_leads, request, ["lead_ids[0]", "lead_ids[1]", "reason", "request_id"]);
    let request = BatchRetrieveLeadsRequest { lead_ids: lead_ids(), request_id: x(), ..Default::default() };
    bad!(table, client, batch_retrieve_leads, request, ["lead_ids[0]", "lead_ids[1]", "request_id"]);
    let (reason, request_id) = (UNKNOWN, x());
    let request = BatchDeleteLeadsRequest { lead_ids: lead_ids(), reason, request_id, ..Default::default() };
    bad!(table, client, batch_delete_leads, request, ["lead_ids[0]", "lead_ids[1]", "reason", "request_id"]);
    let request = ListDeletedLeadsRequest { page_size: -1, ..Default::default() };
    bad!(table, client, list_deleted_leads, request, ["page_size"]);
}

async fn ask_about_history(admin: &Caller, table: &mut Table) {
    let mut client = admin.leads();
    bad!(table, client, append_lead_history, AppendLeadHistoryRequest::default(), ["lead_id", "kind"]);
    let request = |kind: LeadHistoryKind, activity: Activity| AppendLeadHistoryRequest {
        lead_id: x(),
        kind: kind.into(),
        activity: Some(activity),
        request_id: x(),
    };
    for kind in [UNKNOWN, LeadHistoryKind::Created.into(), LeadHistoryKind::Deposited.into()] {
        let request = AppendLeadHistoryRequest { kind, ..request(LeadHistoryKind::Note, note("seen")) };
        bad!(table, client, append_lead_history, request, ["lead_id", "kind", "request_id"]);
    }
    for kind in [LeadHistoryKind::Note, LeadHistoryKind::Email] {
        let activity =
            Activity { call_duration: Some(seconds(1)), happen_time: Some(NEVER), ..call(CallOutcome::Reached, " ") };
        bad!(
            table,
            client,
            append_lead_history,
            request(kind, activity),
            [
                "lead_id",
                "activity.text",
                "activity.call_outcome",
                "activity.call_duration",
                "activity.happen_time",
                "request_id",
            ]
        );
    }
    let unanswered = Activity { call_duration: Some(seconds(86_401)), ..note(&long(10_001)) };
    let unknown = Activity { call_outcome: UNKNOWN, call_duration: Some(seconds(-1)), ..note("a\0b") };
    for activity in [unanswered, unknown] {
        bad!(
            table,
            client,
            append_lead_history,
            request(LeadHistoryKind::Call, activity),
            ["lead_id", "activity.text", "activity.call_outcome", "activity.call_duration", "request_id"]
        );
    }

    let kinds = vec![LeadHistoryKind::Created.into(), 0, UNKNOWN];
    let request = ListLeadHistoryRequest { lead_id: x(), page_size: -1, kinds, ..Default::default() };
    bad!(table, client, list_lead_history, request, ["lead_id", "page_size", "kinds[1]", "kinds[2]"]);
}

/// Refused before they begin. Where to go on from is a token, which is good or it is not.
async fn ask_about_streams(admin: &Caller, table: &mut Table) {
    let mut client = admin.leads();
    let (states, filter) = (vec![1, 0, UNKNOWN], "assignee = \"nobody\"".to_owned());
    let request = ExportLeadsRequest { states, read_mask: mask("nickname"), cursor: x(), filter };
    bad!(table, client, export_leads, request, ["states[1]", "states[2]", "read_mask.paths[0]", "filter"]);
    let request = ExportLeadsRequest { cursor: x(), ..Default::default() };
    let answer = client.export_leads(request).await.map(drop);
    table.expect_because("INVALID_RESUME_TOKEN", "export_leads", answer, &["cursor"]);
    let answer = client.watch_leads(WatchLeadsRequest { resume_token: x() }).await.map(drop);
    table.expect_because("INVALID_RESUME_TOKEN", "watch_leads", answer, &["resume_token"]);
}
