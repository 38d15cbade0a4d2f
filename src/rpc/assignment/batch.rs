//! The calls that assign several leads.

use super::may_override;
use crate::{
    access::Caller,
    domain::{
        Error, Result,
        assignment::{self, Batch, Deal, Dealt, OrderOutcome, Outcome},
    },
    model::ids::{LeadId, OrderId},
    proto,
    rpc::{
        Api,
        convert::{self, Faults},
        status,
    },
};

pub(super) async fn of_leads(
    api: &Api,
    caller: &Caller,
    mut request: proto::BatchAssignLeadsRequest,
) -> Result<proto::BatchAssignLeadsResponse> {
    may_override(caller, request.revocation_policy)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let ids = faults.ids::<LeadId>("lead_ids", &request.lead_ids);
    let assignees = faults.assignees(&request.assignee_ids);
    let policy = faults.policy(request.revocation_policy, request.keep_duration);
    let (ids, assignees) = faults.unless(ids.zip(assignees))?;
    let deal = Deal { assignees, policy, all_or_nothing: request.all_or_nothing };
    let dry_run = request.validate_only;
    api.change_unless(dry_run, caller, once, (ids, deal), move |tx, args| async move {
        let (caller, (ids, deal)) = &*args;
        let Batch { id, outcomes } = assignment::assign_many(&tx, caller, ids, deal).await?;
        let outcomes = outcomes.into_iter().map(outcome).collect();
        Ok(proto::BatchAssignLeadsResponse { outcomes, batch_id: convert::id_text(id.filter(|_| !dry_run)) })
    })
    .await
}

pub(super) async fn of_customers(
    api: &Api,
    caller: &Caller,
    mut request: proto::AssignOrderCustomersRequest,
) -> Result<proto::AssignOrderCustomersResponse> {
    may_override(caller, request.revocation_policy)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let ids = faults.ids::<OrderId>("order_ids", &request.order_ids);
    let assignees = faults.assignees(&request.assignee_ids);
    let policy = faults.policy(request.revocation_policy, request.keep_duration);
    let (ids, assignees) = faults.unless(ids.zip(assignees))?;
    let deal = Deal { assignees, policy, all_or_nothing: request.all_or_nothing };
    let dry_run = request.validate_only;
    api.change_unless(dry_run, caller, once, (ids, deal), move |tx, args| async move {
        let (caller, (ids, deal)) = &*args;
        let Batch { id, outcomes } = assignment::assign_customers(&tx, caller, ids, deal).await?;
        let outcomes = outcomes.into_iter().map(of_order).collect();
        Ok(proto::AssignOrderCustomersResponse { outcomes, batch_id: convert::id_text(id.filter(|_| !dry_run)) })
    })
    .await
}

fn of_order(outcome: OrderOutcome) -> proto::OrderCustomerOutcome {
    let OrderOutcome { order_id, done } = outcome;
    let outcome = match done {
        Ok(of_lead) => self::outcome(of_lead),
        Err(refusal) => refused(refusal),
    };
    proto::OrderCustomerOutcome { order_id: order_id.to_string(), outcome: Some(outcome) }
}

pub(super) fn outcome(outcome: Outcome) -> proto::AssignmentOutcome {
    let Outcome { lead_id, done } = outcome;
    let told = match done {
        Ok(Dealt { assignee_id, changed, previous, etag }) => proto::AssignmentOutcome {
            result: if changed { proto::AssignmentResult::Assigned } else { proto::AssignmentResult::Unchanged }.into(),
            assignee_id: assignee_id.to_string(),
            previous_assignee: previous.map(convert::previous),
            etag,
            ..Default::default()
        },
        Err(refusal) => refused(refusal),
    };
    proto::AssignmentOutcome { lead_id: lead_id.to_string(), ..told }
}

fn refused(refusal: Error) -> proto::AssignmentOutcome {
    proto::AssignmentOutcome {
        result: proto::AssignmentResult::Refused.into(),
        error: Some(status::item(refusal)),
        ..Default::default()
    }
}
