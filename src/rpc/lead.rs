//! LeadService.

mod batches;
mod changes;

use tonic::{Request, Response, Status, Streaming};

use super::{
    Api, answer, answer_fenced, caller,
    convert::{self, Faults},
    export, import,
    parts::Parts,
    pick_lists, status, watch,
};
use crate::{
    access::Caller,
    domain::{Error, Result, creation, history, leads, queries, tombstones},
    model::{ids::LeadId, permission::Capability},
    proto::{self, lead_result, lead_service_server::LeadService},
};

#[tonic::async_trait]
impl LeadService for Api {
    async fn create_lead(
        &self,
        request: Request<proto::CreateLeadRequest>,
    ) -> Result<Response<proto::CreateLeadResponse>, Status> {
        answer_fenced!(self, request, changes::create)
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

    async fn count_leads(
        &self,
        request: Request<proto::CountLeadsRequest>,
    ) -> Result<Response<proto::CountLeadsResponse>, Status> {
        answer_fenced!(self, request, count)
    }

    async fn update_lead(
        &self,
        request: Request<proto::UpdateLeadRequest>,
    ) -> Result<Response<proto::UpdateLeadResponse>, Status> {
        answer_fenced!(self, request, changes::update)
    }

    async fn discard_lead(
        &self,
        request: Request<proto::DiscardLeadRequest>,
    ) -> Result<Response<proto::DiscardLeadResponse>, Status> {
        answer_fenced!(self, request, changes::discard)
    }

    async fn retrieve_lead(
        &self,
        request: Request<proto::RetrieveLeadRequest>,
    ) -> Result<Response<proto::RetrieveLeadResponse>, Status> {
        answer_fenced!(self, request, changes::retrieve)
    }

    async fn reopen_lead(
        &self,
        request: Request<proto::ReopenLeadRequest>,
    ) -> Result<Response<proto::ReopenLeadResponse>, Status> {
        answer_fenced!(self, request, changes::reopen)
    }

    async fn delete_lead(
        &self,
        request: Request<proto::DeleteLeadRequest>,
    ) -> Result<Response<proto::DeleteLeadResponse>, Status> {
        answer_fenced!(self, request, changes::delete)
    }

    async fn register_lead(
        &self,
        request: Request<proto::RegisterLeadRequest>,
    ) -> Result<Response<proto::RegisterLeadResponse>, Status> {
        answer_fenced!(self, request, changes::register)
    }

    async fn record_deposit(
        &self,
        request: Request<proto::RecordDepositRequest>,
    ) -> Result<Response<proto::RecordDepositResponse>, Status> {
        answer_fenced!(self, request, changes::record_deposit)
    }

    async fn batch_discard_leads(
        &self,
        request: Request<proto::BatchDiscardLeadsRequest>,
    ) -> Result<Response<proto::BatchDiscardLeadsResponse>, Status> {
        answer_fenced!(self, request, batches::discard)
    }

    async fn batch_retrieve_leads(
        &self,
        request: Request<proto::BatchRetrieveLeadsRequest>,
    ) -> Result<Response<proto::BatchRetrieveLeadsResponse>, Status> {
        answer_fenced!(self, request, batches::retrieve)
    }

    async fn batch_delete_leads(
        &self,
        request: Request<proto::BatchDeleteLeadsRequest>,
    ) -> Result<Response<proto::BatchDeleteLeadsResponse>, Status> {
        answer_fenced!(self, request, batches::delete)
    }

    async fn list_deleted_leads(
        &self,
        request: Request<proto::ListDeletedLeadsRequest>,
    ) -> Result<Response<proto::ListDeletedLeadsResponse>, Status> {
        answer!(self, request, list_deleted)
    }

    async fn append_lead_history(
        &self,
        request: Request<proto::AppendLeadHistoryRequest>,
    ) -> Result<Response<proto::AppendLeadHistoryResponse>, Status> {
        answer_fenced!(self, request, changes::append_history)
    }

    async fn list_lead_history(
        &self,
        request: Request<proto::ListLeadHistoryRequest>,
    ) -> Result<Response<proto::ListLeadHistoryResponse>, Status> {
        answer_fenced!(self, request, list_history)
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

    type ExportLeadsStream = Parts<proto::ExportLeadsResponse>;

    async fn export_leads(
        &self,
        request: Request<proto::ExportLeadsRequest>,
    ) -> Result<Response<Self::ExportLeadsStream>, Status> {
        export::run(self, request).await
    }

    type WatchLeadsStream = watch::Events;

    async fn watch_leads(&self, request: Request<proto::WatchLeadsRequest>) -> Result<Response<watch::Events>, Status> {
        watch::run(self, request).await
    }

    async fn create_pick_list_entry(
        &self,
        request: Request<proto::CreatePickListEntryRequest>,
    ) -> Result<Response<proto::CreatePickListEntryResponse>, Status> {
        answer_fenced!(self, request, pick_lists::create_entry)
    }

    async fn update_pick_list_entry(
        &self,
        request: Request<proto::UpdatePickListEntryRequest>,
    ) -> Result<Response<proto::UpdatePickListEntryResponse>, Status> {
        answer_fenced!(self, request, pick_lists::update_entry)
    }

    async fn list_pick_list_entries(
        &self,
        request: Request<proto::ListPickListEntriesRequest>,
    ) -> Result<Response<proto::ListPickListEntriesResponse>, Status> {
        answer!(self, request, pick_lists::list_entries)
    }
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
    let mask = faults.read_mask(request.read_mask.take());
    let order = faults.found(queries::order(&request.order_by))?;
    let query = faults.found(queries::query(&api.store, caller, action, states, &request.filter).await)?;
    let paging = faults.paging(&mut request);
    let (query, order) = faults.unless(query.zip(order))?;
    let (slice, pages) = api.slice(caller, &paging)?;
    let sliced = queries::list(&api.store, caller, &query, &order, &slice).await?;
    let sent = |lead| mask.of(convert::lead(lead));
    let (leads, next_page_token) = pages.fill_slice(sliced, |lead| order.place(lead), sent)?;
    Ok(proto::ListLeadsResponse { leads, next_page_token })
}

async fn count(api: &Api, caller: &Caller, request: proto::CountLeadsRequest) -> Result<proto::CountLeadsResponse> {
    let mut faults = Faults::default();
    let action = faults.action(request.action);
    let states = faults.states(&request.states);
    let cap = faults.max_count(request.max_count);
    let facets = faults.facets(&request.facets);
    let query = faults.found(queries::query(&api.store, caller, action, states, &request.filter).await)?;
    let query = faults.unless(query)?;
    Ok(convert::counted(queries::count(&api.store, caller, &query, cap, &facets).await?))
}

async fn list_deleted(
    api: &Api,
    caller: &Caller,
    mut request: proto::ListDeletedLeadsRequest,
) -> Result<proto::ListDeletedLeadsResponse> {
    caller.require(Capability::ReadAudit)?;
    let mut faults = Faults::default();
    let paging = faults.paging(&mut request);
    faults.unless(Some(()))?;
    let (page, pages) = api.page(caller, &paging)?;
    let paged = tombstones::list(&api.store, caller, &page).await?;
    let (tombstones, next_page_token) = pages.fill(paged, |row| row.id.uuid(), convert::tombstone)?;
    Ok(proto::ListDeletedLeadsResponse { tombstones, next_page_token })
}

async fn list_history(
    api: &Api,
    caller: &Caller,
    mut request: proto::ListLeadHistoryRequest,
) -> Result<proto::ListLeadHistoryResponse> {
    let mut faults = Faults::default();
    let id = faults.id("lead_id", &request.lead_id);
    let kinds = faults.history_kinds(&request.kinds);
    let paging = faults.paging(&mut request);
    let id = faults.unless(id)?;
    let (page, pages) = api.page(caller, &paging)?;
    let paged = history::list(&api.store, caller, id, kinds, &page).await?;
    let (entries, next_page_token) = pages.fill(paged, |entry| entry.id.uuid(), convert::history_entry)?;
    Ok(proto::ListLeadHistoryResponse { entries, next_page_token })
}
