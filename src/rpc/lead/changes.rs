//! The calls that change one lead.

use crate::{
    access::Caller,
    domain::{
        Result,
        creation::{self, Intake},
        deposits, history, leads,
    },
    model::{
        ids::LeadId,
        lead::{Lead, LeadSource},
    },
    proto,
    rpc::{
        Api,
        convert::{self, Faults, etag},
    },
};

pub(super) async fn create(
    api: &Api,
    caller: &Caller,
    mut request: proto::CreateLeadRequest,
) -> Result<proto::CreateLeadResponse> {
    creation::may_create(caller)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let duplicates = faults.duplicates("", request.on_duplicate, &request.match_keys);
    let new = faults.new_lead(request.lead.unwrap_or_default(), LeadSource::Api);
    let args = faults.unless(Some((new, duplicates)))?;
    api.change(caller, once, args, |tx, args| async move {
        let (caller, (new, duplicates)) = &*args;
        let (lead, created) = taken(creation::create(&tx, caller, new, duplicates).await?);
        Ok(proto::CreateLeadResponse { lead: lead.map(convert::lead), created })
    })
    .await
}

pub(super) async fn register(
    api: &Api,
    caller: &Caller,
    mut request: proto::RegisterLeadRequest,
) -> Result<proto::RegisterLeadResponse> {
    creation::may_create(caller)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let new = faults.registration(request.lead.unwrap_or_default());
    let register_time = faults.time("register_time", request.register_time);
    let new = faults.unless(Some(new))?;
    api.change(caller, once, new, move |tx, args| async move {
        let (caller, new) = &*args;
        let (lead, created) = taken(creation::register(&tx, caller, new, register_time).await?);
        Ok(proto::RegisterLeadResponse { lead: lead.map(convert::lead), created })
    })
    .await
}

/// The lead, where the caller reaches it, and whether it was made.
fn taken(intake: Intake) -> (Option<Lead>, bool) {
    match intake {
        Intake::Created(lead) => (Some(*lead), true),
        Intake::Unchanged(lead) => (Some(*lead), false),
        Intake::Updated(lead) | Intake::Skipped(lead) => (lead.map(|lead| *lead), false),
    }
}

pub(super) async fn update(
    api: &Api,
    caller: &Caller,
    mut request: proto::UpdateLeadRequest,
) -> Result<proto::UpdateLeadResponse> {
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let given = request.lead.unwrap_or_default();
    let id = faults.id("lead.id", &given.id);
    let etag = etag(&given.etag);
    let patch = faults.lead_update(given, request.update_mask);
    let id = faults.unless(id)?;
    api.change(caller, once, (patch, etag), move |tx, args| async move {
        let (caller, (patch, etag)) = &*args;
        let lead = leads::update(&tx, caller, id, patch, etag.as_deref()).await?;
        Ok(proto::UpdateLeadResponse { lead: lead.map(convert::lead) })
    })
    .await
}

pub(super) async fn record_deposit(
    api: &Api,
    caller: &Caller,
    mut request: proto::RecordDepositRequest,
) -> Result<proto::RecordDepositResponse> {
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let id = faults.id::<LeadId>("lead_id", &request.lead_id);
    let new = faults.new_deposit(&request);
    let (id, new) = faults.unless(id.zip(new))?;
    api.change(caller, once, (new, etag(&request.etag)), move |tx, args| async move {
        let (caller, (new, etag)) = &*args;
        let done = deposits::record(&tx, caller, id, new, etag.as_deref()).await?;
        Ok(proto::RecordDepositResponse {
            lead: Some(convert::lead(done.lead)),
            deposit: Some(convert::deposit(done.deposit)),
            recorded: done.newly,
        })
    })
    .await
}

pub(super) async fn discard(
    api: &Api,
    caller: &Caller,
    mut request: proto::DiscardLeadRequest,
) -> Result<proto::DiscardLeadResponse> {
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let id = faults.id::<LeadId>("lead_id", &request.lead_id);
    let reason = faults.name("reason", Some(&request.reason), 100);
    let (id, reason) = faults.unless(id.zip(reason))?;
    api.change(caller, once, (reason, etag(&request.etag)), move |tx, args| async move {
        let (caller, (reason, etag)) = &*args;
        let lead = leads::discard(&tx, caller, id, reason, etag.as_deref()).await?;
        Ok(proto::DiscardLeadResponse { lead: Some(convert::lead(lead)) })
    })
    .await
}

pub(super) async fn retrieve(
    api: &Api,
    caller: &Caller,
    mut request: proto::RetrieveLeadRequest,
) -> Result<proto::RetrieveLeadResponse> {
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let id = faults.id::<LeadId>("lead_id", &request.lead_id);
    let id = faults.unless(id)?;
    api.change(caller, once, etag(&request.etag), move |tx, args| async move {
        let (caller, etag) = &*args;
        let lead = leads::retrieve(&tx, caller, id, etag.as_deref()).await?;
        Ok(proto::RetrieveLeadResponse { lead: Some(convert::lead(lead)) })
    })
    .await
}

pub(super) async fn reopen(
    api: &Api,
    caller: &Caller,
    mut request: proto::ReopenLeadRequest,
) -> Result<proto::ReopenLeadResponse> {
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let id = faults.id::<LeadId>("lead_id", &request.lead_id);
    let id = faults.unless(id)?;
    api.change(caller, once, etag(&request.etag), move |tx, args| async move {
        let (caller, etag) = &*args;
        let lead = leads::reopen(&tx, caller, id, etag.as_deref()).await?;
        Ok(proto::ReopenLeadResponse { lead: Some(convert::lead(lead)) })
    })
    .await
}

pub(super) async fn delete(
    api: &Api,
    caller: &Caller,
    mut request: proto::DeleteLeadRequest,
) -> Result<proto::DeleteLeadResponse> {
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let id = faults.id::<LeadId>("lead_id", &request.lead_id);
    let reason = faults.deletion_reason(request.reason);
    let (id, reason) = faults.unless(id.zip(reason))?;
    api.change(caller, once, etag(&request.etag), move |tx, args| async move {
        let (caller, etag) = &*args;
        leads::delete(&tx, caller, id, reason, etag.as_deref()).await?;
        Ok(proto::DeleteLeadResponse {})
    })
    .await
}

pub(super) async fn append_history(
    api: &Api,
    caller: &Caller,
    mut request: proto::AppendLeadHistoryRequest,
) -> Result<proto::AppendLeadHistoryResponse> {
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let id = faults.id::<LeadId>("lead_id", &request.lead_id);
    let done = faults.activity(request.kind, request.activity.unwrap_or_default());
    let (id, (kind, activity)) = faults.unless(id.zip(done))?;
    api.change(caller, once, activity, move |tx, args| async move {
        let (caller, activity) = &*args;
        let entry = history::append(&tx, caller, id, kind, activity).await?;
        Ok(proto::AppendLeadHistoryResponse { entry: Some(convert::history_entry(entry)) })
    })
    .await
}
