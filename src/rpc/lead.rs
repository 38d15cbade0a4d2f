//! LeadService.

use tonic::{Request, Response, Status, Streaming};

use super::{
    Api, answer, answer_fenced, caller,
    convert::{self, Faults, etag},
    import, status,
};
use crate::{
    access::Caller,
    domain::{Error, Result, creation, leads, pick_lists},
    model::{
        ids::{EntryId, LeadId},
        lead::LeadSource,
        permission::Role,
    },
    proto::{self, lead_result, lead_service_server::LeadService},
};

#[tonic::async_trait]
impl LeadService for Api {
    async fn create_lead(
        &self,
        request: Request<proto::CreateLeadRequest>,
    ) -> Result<Response<proto::CreateLeadResponse>, Status> {
        answer_fenced!(self, request, create)
    }

    async fn get_lead(
        &self,
        request: Request<proto::GetLeadRequest>,
    ) -> Result<Response<proto::GetLeadResponse>, Status> {
        answer_fenced!(self, request, get)
    }

    async fn batch_get_leads(
        &self,
        request: Request<proto::BatchGetLeadsRequest>,
    ) -> Result<Response<proto::BatchGetLeadsResponse>, Status> {
        answer_fenced!(self, request, batch_get)
    }

    async fn list_leads(
        &self,
        request: Request<proto::ListLeadsRequest>,
    ) -> Result<Response<proto::ListLeadsResponse>, Status> {
        answer_fenced!(self, request, list)
    }

    async fn update_lead(
        &self,
        request: Request<proto::UpdateLeadRequest>,
    ) -> Result<Response<proto::UpdateLeadResponse>, Status> {
        answer_fenced!(self, request, update)
    }

    async fn discard_lead(
        &self,
        request: Request<proto::DiscardLeadRequest>,
    ) -> Result<Response<proto::DiscardLeadResponse>, Status> {
        answer_fenced!(self, request, discard)
    }

    async fn retrieve_lead(
        &self,
        request: Request<proto::RetrieveLeadRequest>,
    ) -> Result<Response<proto::RetrieveLeadResponse>, Status> {
        answer_fenced!(self, request, retrieve)
    }

    async fn reopen_lead(
        &self,
        request: Request<proto::ReopenLeadRequest>,
    ) -> Result<Response<proto::ReopenLeadResponse>, Status> {
        answer_fenced!(self, request, reopen)
    }

    async fn delete_lead(
        &self,
        request: Request<proto::DeleteLeadRequest>,
    ) -> Result<Response<proto::DeleteLeadResponse>, Status> {
        answer_fenced!(self, request, delete)
    }

    async fn list_lead_history(
        &self,
        request: Request<proto::ListLeadHistoryRequest>,
    ) -> Result<Response<proto::ListLeadHistoryResponse>, Status> {
        answer_fenced!(self, request, history)
    }

    type ImportLeadsStream = import::Outcomes;

    async fn import_leads(
        &self,
        request: Request<Streaming<proto::ImportLeadsRequest>>,
    ) -> Result<Response<import::Outcomes>, Status> {
        let caller = self.resolver.verified(&caller(&request)?).await.map_err(status::of)?;
        creation::may_import(&caller).map_err(status::of)?;
        Ok(Response::new(import::run(self.clone(), caller, request.into_inner())))
    }

    async fn create_pick_list_entry(
        &self,
        request: Request<proto::CreatePickListEntryRequest>,
    ) -> Result<Response<proto::CreatePickListEntryResponse>, Status> {
        answer_fenced!(self, request, create_entry)
    }

    async fn update_pick_list_entry(
        &self,
        request: Request<proto::UpdatePickListEntryRequest>,
    ) -> Result<Response<proto::UpdatePickListEntryResponse>, Status> {
        answer_fenced!(self, request, update_entry)
    }

    async fn list_pick_list_entries(
        &self,
        request: Request<proto::ListPickListEntriesRequest>,
    ) -> Result<Response<proto::ListPickListEntriesResponse>, Status> {
        answer!(self, request, list_entries)
    }
}

async fn create(api: &Api, caller: &Caller, request: proto::CreateLeadRequest) -> Result<proto::CreateLeadResponse> {
    creation::may_create(caller)?;
    let mut faults = Faults::default();
    let duplicates = faults.duplicates("", request.on_duplicate, &request.match_keys);
    let new = faults.new_lead(request.lead.unwrap_or_default(), LeadSource::Api);
    let (new, duplicates) = faults.unless(Some((new, duplicates)))?;
    let (lead, created) = match creation::create(&api.store, caller, new, duplicates).await? {
        creation::Intake::Created(lead) => (Some(lead), true),
        creation::Intake::Updated(lead) | creation::Intake::Unchanged(lead) => (Some(lead), false),
        creation::Intake::Skipped(lead) => (lead, false),
    };
    Ok(proto::CreateLeadResponse { lead: lead.map(|lead| convert::lead(*lead)), created })
}

async fn get(api: &Api, caller: &Caller, request: proto::GetLeadRequest) -> Result<proto::GetLeadResponse> {
    let mut faults = Faults::default();
    let id = faults.id("lead_id", &request.lead_id);
    let lead = leads::get(&api.store, caller, faults.unless(id)?).await?;
    Ok(proto::GetLeadResponse { lead: Some(convert::lead(lead)) })
}

async fn batch_get(
    api: &Api,
    caller: &Caller,
    request: proto::BatchGetLeadsRequest,
) -> Result<proto::BatchGetLeadsResponse> {
    let mut faults = Faults::default();
    let ids = faults.ids::<LeadId>("lead_ids", &request.lead_ids);
    let ids = faults.unless(ids)?;
    let found = leads::get_many(&api.store, caller, &ids).await?;
    let result = |id: &LeadId| match found.get(id) {
        Some(lead) => lead_result::Result::Lead(convert::lead(lead.clone())),
        None => lead_result::Result::Error(status::item(Error::LeadNotFound)),
    };
    let results = ids.iter().map(|id| proto::LeadResult { result: Some(result(id)) }).collect();
    Ok(proto::BatchGetLeadsResponse { results })
}

async fn list(api: &Api, caller: &Caller, mut request: proto::ListLeadsRequest) -> Result<proto::ListLeadsResponse> {
    let mut faults = Faults::default();
    let action = faults.action(request.action);
    let states = faults.states(&request.states);
    let paging = faults.paging(&mut request);
    faults.unless(Some(()))?;
    let (page, pages) = api.page(caller, &paging)?;
    let paged = leads::list(&api.store, caller, action, &states, &page).await?;
    let (leads, next_page_token) = pages.fill(paged, |lead| lead.id.uuid(), convert::lead)?;
    Ok(proto::ListLeadsResponse { leads, next_page_token })
}

async fn update(api: &Api, caller: &Caller, request: proto::UpdateLeadRequest) -> Result<proto::UpdateLeadResponse> {
    let mut faults = Faults::default();
    let given = request.lead.unwrap_or_default();
    let id = faults.id("lead.id", &given.id);
    let etag = etag(&given.etag);
    let patch = faults.lead_update(given, request.update_mask);
    let lead = leads::update(&api.store, caller, faults.unless(id)?, patch, etag).await?;
    Ok(proto::UpdateLeadResponse { lead: Some(convert::lead(lead)) })
}

async fn discard(api: &Api, caller: &Caller, request: proto::DiscardLeadRequest) -> Result<proto::DiscardLeadResponse> {
    let mut faults = Faults::default();
    let id = faults.id("lead_id", &request.lead_id);
    let reason = faults.name("reason", Some(&request.reason), 100);
    let (id, reason) = faults.unless(id.zip(reason))?;
    let lead = leads::discard(&api.store, caller, id, reason, etag(&request.etag)).await?;
    Ok(proto::DiscardLeadResponse { lead: Some(convert::lead(lead)) })
}

async fn retrieve(
    api: &Api,
    caller: &Caller,
    request: proto::RetrieveLeadRequest,
) -> Result<proto::RetrieveLeadResponse> {
    let mut faults = Faults::default();
    let id = faults.id("lead_id", &request.lead_id);
    let lead = leads::retrieve(&api.store, caller, faults.unless(id)?, etag(&request.etag)).await?;
    Ok(proto::RetrieveLeadResponse { lead: Some(convert::lead(lead)) })
}

async fn reopen(api: &Api, caller: &Caller, request: proto::ReopenLeadRequest) -> Result<proto::ReopenLeadResponse> {
    let mut faults = Faults::default();
    let id = faults.id("lead_id", &request.lead_id);
    let lead = leads::reopen(&api.store, caller, faults.unless(id)?, etag(&request.etag)).await?;
    Ok(proto::ReopenLeadResponse { lead: Some(convert::lead(lead)) })
}

async fn delete(api: &Api, caller: &Caller, request: proto::DeleteLeadRequest) -> Result<proto::DeleteLeadResponse> {
    let mut faults = Faults::default();
    let id = faults.id("lead_id", &request.lead_id);
    let reason = faults.deletion_reason(request.reason);
    let (id, reason) = faults.unless(id.zip(reason))?;
    leads::delete(&api.store, caller, id, reason, etag(&request.etag)).await?;
    Ok(proto::DeleteLeadResponse {})
}

async fn history(
    api: &Api,
    caller: &Caller,
    mut request: proto::ListLeadHistoryRequest,
) -> Result<proto::ListLeadHistoryResponse> {
    let mut faults = Faults::default();
    let id = faults.id("lead_id", &request.lead_id);
    let paging = faults.paging(&mut request);
    let id = faults.unless(id)?;
    let (page, pages) = api.page(caller, &paging)?;
    let paged = leads::history(&api.store, caller, id, &page).await?;
    let (entries, next_page_token) = pages.fill(paged, |entry| entry.id.uuid(), convert::history_entry)?;
    Ok(proto::ListLeadHistoryResponse { entries, next_page_token })
}

async fn create_entry(
    api: &Api,
    caller: &Caller,
    request: proto::CreatePickListEntryRequest,
) -> Result<proto::CreatePickListEntryResponse> {
    caller.require_role(Role::Manager)?;
    let mut faults = Faults::default();
    let given = request.entry.unwrap_or_default();
    let list = faults.pick_list("entry.list", given.list);
    let name = faults.name("entry.name", given.name.as_deref(), 100);
    let category = faults.category(list, given.category);
    let (list, name) = faults.unless(list.zip(name))?;
    let entry = pick_lists::create(&api.store, caller, list, name, category).await?;
    Ok(proto::CreatePickListEntryResponse { entry: Some(convert::entry(entry)) })
}

async fn update_entry(
    api: &Api,
    caller: &Caller,
    request: proto::UpdatePickListEntryRequest,
) -> Result<proto::UpdatePickListEntryResponse> {
    caller.require_role(Role::Manager)?;
    let mut faults = Faults::default();
    let given = request.entry.unwrap_or_default();
    let id = faults.id::<EntryId>("entry.id", &given.id);
    let (name, disabled) = faults.entry_patch(&given, request.update_mask);
    let entry = pick_lists::update(&api.store, caller, faults.unless(id)?, name, disabled, etag(&given.etag)).await?;
    Ok(proto::UpdatePickListEntryResponse { entry: Some(convert::entry(entry)) })
}

async fn list_entries(
    api: &Api,
    caller: &Caller,
    mut request: proto::ListPickListEntriesRequest,
) -> Result<proto::ListPickListEntriesResponse> {
    let mut faults = Faults::default();
    let list = faults.some("list", "is not a pick list", convert::pick_list(request.list));
    let paging = faults.paging(&mut request);
    let list = faults.unless(list)?;
    let (page, pages) = api.page(caller, &paging)?;
    let paged = pick_lists::list(&api.store, list, request.include_disabled, &page).await?;
    let (entries, next_page_token) = pages.fill(paged, |entry| entry.id.uuid(), convert::entry)?;
    Ok(proto::ListPickListEntriesResponse { entries, next_page_token })
}
