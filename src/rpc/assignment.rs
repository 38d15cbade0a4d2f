//! AssignmentService.

mod batch;
mod distribute;
mod planned;
mod rules;
mod undo;

use tonic::{Request, Response, Status};

use super::{
    Api, answer, answer_fenced,
    convert::{self, Faults, etag},
};
use crate::{
    access::Caller,
    domain::{
        Result,
        assignment::{self, Agents, Assignment},
        distribution, lead_access, leads, queries,
    },
    model::{
        ids::{LeadId, UserId},
        permission::{Action, Capability},
    },
    proto::{self, assignment_service_server::AssignmentService},
};

#[tonic::async_trait]
impl AssignmentService for Api {
    async fn assign_lead(
        &self,
        request: Request<proto::AssignLeadRequest>,
    ) -> Result<Response<proto::AssignLeadResponse>, Status> {
        answer_fenced!(self, request, assign)
    }

    async fn claim_lead(
        &self,
        request: Request<proto::ClaimLeadRequest>,
    ) -> Result<Response<proto::ClaimLeadResponse>, Status> {
        answer_fenced!(self, request, claim)
    }

    async fn batch_assign_leads(
        &self,
        request: Request<proto::BatchAssignLeadsRequest>,
    ) -> Result<Response<proto::BatchAssignLeadsResponse>, Status> {
        answer_fenced!(self, request, batch::of_leads)
    }

    async fn assign_order_customers(
        &self,
        request: Request<proto::AssignOrderCustomersRequest>,
    ) -> Result<Response<proto::AssignOrderCustomersResponse>, Status> {
        answer_fenced!(self, request, batch::of_customers)
    }

    type AssignLeadsByFilterStream = planned::Parts<proto::AssignLeadsByFilterResponse>;

    async fn assign_leads_by_filter(
        &self,
        request: Request<proto::AssignLeadsByFilterRequest>,
    ) -> Result<Response<Self::AssignLeadsByFilterStream>, Status> {
        planned::run(self, request).await
    }

    type TransferLeadsStream = planned::Parts<proto::TransferLeadsResponse>;

    async fn transfer_leads(
        &self,
        request: Request<proto::TransferLeadsRequest>,
    ) -> Result<Response<Self::TransferLeadsStream>, Status> {
        planned::run(self, request).await
    }

    async fn create_assignment_rule(
        &self,
        request: Request<proto::CreateAssignmentRuleRequest>,
    ) -> Result<Response<proto::CreateAssignmentRuleResponse>, Status> {
        answer_fenced!(self, request, rules::create)
    }

    async fn update_assignment_rule(
        &self,
        request: Request<proto::UpdateAssignmentRuleRequest>,
    ) -> Result<Response<proto::UpdateAssignmentRuleResponse>, Status> {
        answer_fenced!(self, request, rules::update)
    }

    async fn list_assignment_rules(
        &self,
        request: Request<proto::ListAssignmentRulesRequest>,
    ) -> Result<Response<proto::ListAssignmentRulesResponse>, Status> {
        answer!(self, request, rules::list)
    }

    async fn delete_assignment_rule(
        &self,
        request: Request<proto::DeleteAssignmentRuleRequest>,
    ) -> Result<Response<proto::DeleteAssignmentRuleResponse>, Status> {
        answer_fenced!(self, request, rules::delete)
    }

    type DistributeLeadsStream = distribute::Parts;

    async fn distribute_leads(
        &self,
        request: Request<proto::DistributeLeadsRequest>,
    ) -> Result<Response<distribute::Parts>, Status> {
        distribute::run(self, request).await
    }

    async fn list_unplaced_leads(
        &self,
        request: Request<proto::ListUnplacedLeadsRequest>,
    ) -> Result<Response<proto::ListUnplacedLeadsResponse>, Status> {
        answer_fenced!(self, request, list_unplaced)
    }

    type UndoAssignmentStream = undo::Parts;

    async fn undo_assignment(
        &self,
        request: Request<proto::UndoAssignmentRequest>,
    ) -> Result<Response<undo::Parts>, Status> {
        undo::run(self, request).await
    }

    async fn unassign_lead(
        &self,
        request: Request<proto::UnassignLeadRequest>,
    ) -> Result<Response<proto::UnassignLeadResponse>, Status> {
        answer_fenced!(self, request, unassign)
    }

    async fn resolve_lead(
        &self,
        request: Request<proto::ResolveLeadRequest>,
    ) -> Result<Response<proto::ResolveLeadResponse>, Status> {
        answer_fenced!(self, request, resolve)
    }

    async fn list_assigned_leads(
        &self,
        request: Request<proto::ListAssignedLeadsRequest>,
    ) -> Result<Response<proto::ListAssignedLeadsResponse>, Status> {
        answer_fenced!(self, request, list_assigned)
    }

    async fn list_assignable_leads(
        &self,
        request: Request<proto::ListAssignableLeadsRequest>,
    ) -> Result<Response<proto::ListAssignableLeadsResponse>, Status> {
        answer_fenced!(self, request, list_assignable)
    }

    async fn list_assignable_agents(
        &self,
        request: Request<proto::ListAssignableAgentsRequest>,
    ) -> Result<Response<proto::ListAssignableAgentsResponse>, Status> {
        answer_fenced!(self, request, list_agents)
    }

    async fn list_lead_access(
        &self,
        request: Request<proto::ListLeadAccessRequest>,
    ) -> Result<Response<proto::ListLeadAccessResponse>, Status> {
        answer_fenced!(self, request, list_access)
    }

    async fn grant_lead_access(
        &self,
        request: Request<proto::GrantLeadAccessRequest>,
    ) -> Result<Response<proto::GrantLeadAccessResponse>, Status> {
        answer_fenced!(self, request, grant)
    }

    async fn revoke_lead_access(
        &self,
        request: Request<proto::RevokeLeadAccessRequest>,
    ) -> Result<Response<proto::RevokeLeadAccessResponse>, Status> {
        answer_fenced!(self, request, revoke)
    }
}

async fn assign(
    api: &Api,
    caller: &Caller,
    mut request: proto::AssignLeadRequest,
) -> Result<proto::AssignLeadResponse> {
    may_override(caller, request.revocation_policy)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let lead_id = faults.id("lead_id", &request.lead_id);
    let assignee_id = faults.id("assignee_id", &request.assignee_id);
    let policy = faults.policy(request.revocation_policy, request.keep_duration);
    let (lead_id, assignee_id) = faults.unless(lead_id.zip(assignee_id))?;
    let assignment = Assignment { lead_id, assignee_id: Some(assignee_id), policy, etag: etag(&request.etag) };
    api.change_unless(request.validate_only, caller, once, assignment, |tx, args| async move {
        let (caller, assignment) = &*args;
        let done = assignment::assign(&tx, caller, assignment).await?;
        Ok(proto::AssignLeadResponse {
            lead: done.lead.map(convert::lead),
            previous_assignee: done.previous.map(convert::previous),
        })
    })
    .await
}

async fn unassign(
    api: &Api,
    caller: &Caller,
    mut request: proto::UnassignLeadRequest,
) -> Result<proto::UnassignLeadResponse> {
    may_override(caller, request.revocation_policy)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let lead_id = faults.id("lead_id", &request.lead_id);
    let policy = faults.policy(request.revocation_policy, request.keep_duration);
    let lead_id = faults.unless(lead_id)?;
    let assignment = Assignment { lead_id, assignee_id: None, policy, etag: etag(&request.etag) };
    api.change_unless(request.validate_only, caller, once, assignment, |tx, args| async move {
        let (caller, assignment) = &*args;
        let done = assignment::assign(&tx, caller, assignment).await?;
        Ok(proto::UnassignLeadResponse {
            lead: done.lead.map(convert::lead),
            previous_assignee: done.previous.map(convert::previous),
        })
    })
    .await
}

async fn claim(api: &Api, caller: &Caller, mut request: proto::ClaimLeadRequest) -> Result<proto::ClaimLeadResponse> {
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let id = faults.id("lead_id", &request.lead_id);
    let id = faults.unless(id)?;
    // What is out of reach from here on has been lost to somebody.
    leads::get(&api.store, caller, id).await?;
    let etag = etag(&request.etag);
    api.change(caller, once, etag, move |tx, args| async move {
        let (caller, etag) = &*args;
        let lead = assignment::claim(&tx, caller, id, etag.as_deref()).await?;
        Ok(proto::ClaimLeadResponse { lead: Some(convert::lead(lead)) })
    })
    .await
}

/// Saying another policy than the settings' is a method of its own as far as capabilities go, so it is asked first.
fn may_override(caller: &Caller, policy: i32) -> Result<()> {
    if policy == proto::RevocationPolicy::Unspecified as i32 {
        return Ok(());
    }
    caller.require(Capability::ManageLeadAccess)
}

async fn resolve(
    api: &Api,
    caller: &Caller,
    mut request: proto::ResolveLeadRequest,
) -> Result<proto::ResolveLeadResponse> {
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let id = faults.id("lead_id", &request.lead_id);
    let disposition = faults.name("disposition", Some(&request.disposition), 100);
    let (id, disposition) = faults.unless(id.zip(disposition))?;
    let etag = etag(&request.etag);
    api.change(caller, once, (disposition, etag), move |tx, args| async move {
        let (caller, (disposition, etag)) = &*args;
        let lead = leads::resolve(&tx, caller, id, disposition, etag.as_deref()).await?;
        Ok(proto::ResolveLeadResponse { lead: Some(convert::lead(lead)) })
    })
    .await
}

async fn list_assigned(
    api: &Api,
    caller: &Caller,
    mut request: proto::ListAssignedLeadsRequest,
) -> Result<proto::ListAssignedLeadsResponse> {
    let mut faults = Faults::default();
    let user_id = faults.optional_id("user_id", &request.user_id).unwrap_or(caller.id());
    let states = faults.states(&request.states);
    let mask = faults.read_mask(request.read_mask.take());
    let order = faults.found(queries::order(&request.order_by))?;
    let query = faults.found(queries::query(&api.store, caller, Action::View, states, &request.filter).await)?;
    let paging = faults.paging(&mut request);
    let (query, order) = faults.unless(query.zip(order))?;
    let (slice, pages) = api.slice(caller, &paging)?;
    let sliced = assignment::assigned_leads(&api.store, caller, user_id, query, &order, &slice).await?;
    let sent = |lead| mask.of(convert::lead(lead));
    let (leads, next_page_token) = pages.fill_slice(sliced, |lead| order.place(lead), sent)?;
    Ok(proto::ListAssignedLeadsResponse { leads, next_page_token })
}

async fn list_assignable(
    api: &Api,
    caller: &Caller,
    mut request: proto::ListAssignableLeadsRequest,
) -> Result<proto::ListAssignableLeadsResponse> {
    let mut faults = Faults::default();
    let mask = faults.read_mask(request.read_mask.take());
    let order = faults.found(queries::order(&request.order_by))?;
    let filter = faults.found(queries::filter(&api.store, caller, &request.filter).await)?;
    let paging = faults.paging(&mut request);
    let (filter, order) = faults.unless(filter.zip(order))?;
    let (slice, pages) = api.slice(caller, &paging)?;
    let sliced = assignment::assignable_leads(&api.store, caller, filter, &order, &slice).await?;
    let sent = |lead| mask.of(convert::lead(lead));
    let (leads, next_page_token) = pages.fill_slice(sliced, |lead| order.place(lead), sent)?;
    Ok(proto::ListAssignableLeadsResponse { leads, next_page_token })
}

async fn list_unplaced(
    api: &Api,
    caller: &Caller,
    mut request: proto::ListUnplacedLeadsRequest,
) -> Result<proto::ListUnplacedLeadsResponse> {
    let mut faults = Faults::default();
    let mask = faults.read_mask(request.read_mask.take());
    let paging = faults.paging(&mut request);
    faults.unless(Some(()))?;
    let (page, pages) = api.page(caller, &paging)?;
    let paged = distribution::unplaced(&api.store, caller, &page).await?;
    let sent = |unplaced| convert::unplaced(unplaced, |lead| mask.of(lead));
    let (leads, next_page_token) = pages.fill(paged, |unplaced| unplaced.lead.id.uuid(), sent)?;
    Ok(proto::ListUnplacedLeadsResponse { leads, next_page_token })
}

async fn list_agents(
    api: &Api,
    caller: &Caller,
    mut request: proto::ListAssignableAgentsRequest,
) -> Result<proto::ListAssignableAgentsResponse> {
    let mut faults = Faults::default();
    let (desk, group) = (faults.desk("desk", request.desk), faults.optional_id("group_id", &request.group_id));
    let paging = faults.paging(&mut request);
    faults.unless(Some(()))?;
    let (page, pages) = api.page(caller, &paging)?;
    let paged = assignment::assignable_agents(&api.store, caller, Agents { desk, group }, &page).await?;
    let (agents, next_page_token) = pages.fill(paged, |agent| agent.user_id.uuid(), convert::agent)?;
    Ok(proto::ListAssignableAgentsResponse { agents, next_page_token })
}

async fn list_access(
    api: &Api,
    caller: &Caller,
    mut request: proto::ListLeadAccessRequest,
) -> Result<proto::ListLeadAccessResponse> {
    caller.require_directory()?;
    let mut faults = Faults::default();
    let lead_id = faults.id::<LeadId>("lead_id", &request.lead_id);
    let paging = faults.paging(&mut request);
    let lead_id = faults.unless(lead_id)?;
    let (page, pages) = api.page(caller, &paging)?;
    let paged = lead_access::list(&api.store, caller, lead_id, &page).await?;
    let (accesses, next_page_token) = pages.fill(paged, |row| row.user_id.uuid(), convert::access)?;
    Ok(proto::ListLeadAccessResponse { accesses, next_page_token })
}

async fn grant(
    api: &Api,
    caller: &Caller,
    mut request: proto::GrantLeadAccessRequest,
) -> Result<proto::GrantLeadAccessResponse> {
    caller.require(Capability::ManageLeadAccess)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let lead_id = faults.id::<LeadId>("lead_id", &request.lead_id);
    let user_id = faults.id::<UserId>("user_id", &request.user_id);
    let mode = faults.grant_mode(request.mode);
    let expires = faults.time("expire_time", request.expire_time);
    let (lead_id, user_id) = faults.unless(lead_id.zip(user_id))?;
    api.change(caller, once, etag(&request.etag), move |tx, args| async move {
        let (caller, etag) = &*args;
        let access = lead_access::grant(&tx, caller, lead_id, user_id, mode, expires, etag.as_deref()).await?;
        Ok(proto::GrantLeadAccessResponse { access: Some(convert::access(access)) })
    })
    .await
}

async fn revoke(
    api: &Api,
    caller: &Caller,
    mut request: proto::RevokeLeadAccessRequest,
) -> Result<proto::RevokeLeadAccessResponse> {
    caller.require(Capability::ManageLeadAccess)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let lead_id = faults.id::<LeadId>("lead_id", &request.lead_id);
    let user_id = faults.id::<UserId>("user_id", &request.user_id);
    let (lead_id, user_id) = faults.unless(lead_id.zip(user_id))?;
    api.change(caller, once, etag(&request.etag), move |tx, args| async move {
        let (caller, etag) = &*args;
        lead_access::revoke(&tx, caller, lead_id, user_id, etag.as_deref()).await?;
        Ok(proto::RevokeLeadAccessResponse {})
    })
    .await
}
