use leadward::proto::{
    AssignLeadRequest, BatchGetLeadsRequest, CheckAccessRequest, DeleteLeadRequest, DeletionReason, DiscardLeadRequest,
    ExplainAccessRequest, FILE_DESCRIPTOR_SET, GetLeadRequest, GrantLeadAccessRequest, Lead, LeadAction,
    ListLeadAccessRequest, ListLeadHistoryRequest, ReopenLeadRequest, ResolveLeadRequest, RetrieveLeadRequest,
    RevokeLeadAccessRequest, UnassignLeadRequest, UpdateLeadRequest, lead_result,
};
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::Status;

use super::{Caller, item_status, named};

/// A call of the service, as its descriptors have it.
pub struct Method {
    pub service: String,
    pub name: String,
    fields: Vec<String>,
}

impl Method {
    /// Whether the call is about one lead that exists.
    pub fn takes_lead(&self) -> bool {
        // The record of changes can be asked about one lead, which may well be gone.
        let filters = self.name == "ListPermissionChanges";
        self.name == "UpdateLead" || (self.has("lead_id") && !filters) || self.has("lead_ids")
    }

    /// Whether a call about a lead can be told which version of it is meant.
    pub fn takes_etag(&self) -> bool {
        self.name == "UpdateLead" || self.has("etag")
    }

    /// Whether the request says anything at all.
    pub fn takes_input(&self) -> bool {
        !self.fields.is_empty()
    }

    fn has(&self, field: &str) -> bool {
        self.fields.iter().any(|name| name == field)
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
            let request = UpdateLeadRequest { lead: Some(lead), update_mask: None };
            caller.leads().update_lead(request).await.map(drop)
        }
        "DiscardLead" => {
            let request = DiscardLeadRequest { lead_id, reason: "Not ready".to_owned(), etag };
            caller.leads().discard_lead(request).await.map(drop)
        }
        "RetrieveLead" => caller.leads().retrieve_lead(RetrieveLeadRequest { lead_id, etag }).await.map(drop),
        "ReopenLead" => caller.leads().reopen_lead(ReopenLeadRequest { lead_id, etag }).await.map(drop),
        "DeleteLead" => {
            let request = DeleteLeadRequest { lead_id, reason: DeletionReason::Obsolete.into(), etag };
            caller.leads().delete_lead(request).await.map(drop)
        }
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
        "UnassignLead" => {
            let request = UnassignLeadRequest { lead_id, etag, ..UnassignLeadRequest::default() };
            caller.assignments().unassign_lead(request).await.map(drop)
        }
        "ResolveLead" => {
            let request = ResolveLeadRequest { lead_id, disposition: "Declined".to_owned(), etag };
            caller.assignments().resolve_lead(request).await.map(drop)
        }
        "ListLeadAccess" => {
            let request = ListLeadAccessRequest { lead_id, ..ListLeadAccessRequest::default() };
            caller.assignments().list_lead_access(request).await.map(drop)
        }
        "GrantLeadAccess" => {
            let request = GrantLeadAccessRequest { lead_id, user_id, ..GrantLeadAccessRequest::default() };
            caller.assignments().grant_lead_access(request).await.map(drop)
        }
        "RevokeLeadAccess" => {
            let request = RevokeLeadAccessRequest { lead_id, user_id };
            caller.assignments().revoke_lead_access(request).await.map(drop)
        }
        unknown => panic!("add {unknown} to the access matrix"),
    };
    done.map(|()| "")
}
