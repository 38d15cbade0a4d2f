//! The calls that change several leads alike.

use crate::{
    access::Caller,
    domain::{
        Result,
        batches::{self, Batch, Outcome},
    },
    proto,
    rpc::{Api, convert::Faults, status},
};

pub(super) async fn discard(
    api: &Api,
    caller: &Caller,
    mut request: proto::BatchDiscardLeadsRequest,
) -> Result<proto::BatchDiscardLeadsResponse> {
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let ids = faults.ids("lead_ids", &request.lead_ids);
    let reason = faults.name("reason", Some(&request.reason), 100);
    let (ids, reason) = faults.unless(ids.zip(reason))?;
    let batch = Batch { ids, all_or_nothing: request.all_or_nothing };
    api.change_unless(request.validate_only, caller, once, (batch, reason), |tx, args| async move {
        let (caller, (batch, reason)) = &*args;
        let outcomes = batches::discard(&tx, caller, batch, reason).await?;
        Ok(proto::BatchDiscardLeadsResponse { outcomes: outcomes.into_iter().map(outcome).collect() })
    })
    .await
}

pub(super) async fn retrieve(
    api: &Api,
    caller: &Caller,
    mut request: proto::BatchRetrieveLeadsRequest,
) -> Result<proto::BatchRetrieveLeadsResponse> {
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let ids = faults.ids("lead_ids", &request.lead_ids);
    let batch = Batch { ids: faults.unless(ids)?, all_or_nothing: request.all_or_nothing };
    api.change_unless(request.validate_only, caller, once, batch, |tx, args| async move {
        let (caller, batch) = &*args;
        let outcomes = batches::retrieve(&tx, caller, batch).await?;
        Ok(proto::BatchRetrieveLeadsResponse { outcomes: outcomes.into_iter().map(outcome).collect() })
    })
    .await
}

pub(super) async fn delete(
    api: &Api,
    caller: &Caller,
    mut request: proto::BatchDeleteLeadsRequest,
) -> Result<proto::BatchDeleteLeadsResponse> {
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let ids = faults.ids("lead_ids", &request.lead_ids);
    let reason = faults.deletion_reason(request.reason);
    let (ids, reason) = faults.unless(ids.zip(reason))?;
    let batch = Batch { ids, all_or_nothing: request.all_or_nothing };
    api.change_unless(request.validate_only, caller, once, batch, move |tx, args| async move {
        let (caller, batch) = &*args;
        let outcomes = batches::delete(&tx, caller, batch, reason).await?;
        Ok(proto::BatchDeleteLeadsResponse { outcomes: outcomes.into_iter().map(outcome).collect() })
    })
    .await
}

fn outcome(outcome: Outcome) -> proto::LeadOutcome {
    let Outcome { lead_id, done } = outcome;
    let lead_id = lead_id.to_string();
    match done {
        Ok(etag) => proto::LeadOutcome { lead_id, done: true, error: None, etag: etag.unwrap_or_default() },
        Err(refusal) => {
            proto::LeadOutcome { lead_id, done: false, error: Some(status::item(refusal)), etag: String::new() }
        }
    }
}
