//! ReportService.

mod asked;
mod export;
mod views;

use tonic::{Request, Response, Status};

use self::asked::Asking;
use super::{
    Api, answer, answer_fenced,
    convert::{self, Faults},
    parts::Parts,
};
use crate::{
    access::Caller,
    domain::{
        Result,
        queries::Counted,
        reports::{self, Asked},
    },
    model::{
        permission::{Action, Capability},
        report::Report,
    },
    proto::{self, report_service_server::ReportService},
    query::{columns::Column, order::Order},
};

#[tonic::async_trait]
impl ReportService for Api {
    async fn run_all_leads_report(
        &self,
        request: Request<proto::RunAllLeadsReportRequest>,
    ) -> Result<Response<proto::RunAllLeadsReportResponse>, Status> {
        answer_fenced!(self, request, run_all_leads)
    }

    type ExportAllLeadsReportStream = Parts<proto::ExportAllLeadsReportResponse>;

    async fn export_all_leads_report(
        &self,
        request: Request<proto::ExportAllLeadsReportRequest>,
    ) -> Result<Response<Self::ExportAllLeadsReportStream>, Status> {
        export::run(self, request).await
    }

    async fn list_my_leads(
        &self,
        request: Request<proto::ListMyLeadsRequest>,
    ) -> Result<Response<proto::ListMyLeadsResponse>, Status> {
        answer_fenced!(self, request, list_my_leads)
    }

    async fn get_agent_report(
        &self,
        request: Request<proto::GetAgentReportRequest>,
    ) -> Result<Response<proto::GetAgentReportResponse>, Status> {
        answer_fenced!(self, request, get_agent_report)
    }

    async fn list_order_details(
        &self,
        request: Request<proto::ListOrderDetailsRequest>,
    ) -> Result<Response<proto::ListOrderDetailsResponse>, Status> {
        answer_fenced!(self, request, list_order_details)
    }

    async fn create_saved_view(
        &self,
        request: Request<proto::CreateSavedViewRequest>,
    ) -> Result<Response<proto::CreateSavedViewResponse>, Status> {
        answer_fenced!(self, request, views::create)
    }

    async fn list_saved_views(
        &self,
        request: Request<proto::ListSavedViewsRequest>,
    ) -> Result<Response<proto::ListSavedViewsResponse>, Status> {
        answer!(self, request, views::list)
    }

    async fn update_saved_view(
        &self,
        request: Request<proto::UpdateSavedViewRequest>,
    ) -> Result<Response<proto::UpdateSavedViewResponse>, Status> {
        answer_fenced!(self, request, views::update)
    }

    async fn delete_saved_view(
        &self,
        request: Request<proto::DeleteSavedViewRequest>,
    ) -> Result<Response<proto::DeleteSavedViewResponse>, Status> {
        answer_fenced!(self, request, views::delete)
    }
}

async fn run_all_leads(
    api: &Api,
    caller: &Caller,
    mut request: proto::RunAllLeadsReportRequest,
) -> Result<proto::RunAllLeadsReportResponse> {
    caller.require(Capability::ViewAllLeadsReport)?;
    let mut faults = Faults::default();
    let asking = Asking {
        report: Report::AllLeads,
        action: Action::View,
        saved_view_id: &mut request.saved_view_id,
        states: &request.states,
        filter: &mut request.filter,
        order_by: &mut request.order_by,
        read_mask: request.read_mask.take(),
    };
    let reading = asking.read(api, caller, &mut faults).await?;
    let most = faults.max_count(std::mem::take(&mut request.max_count));
    let include_totals = std::mem::take(&mut request.include_totals);
    let paging = faults.paging(&mut request);
    let asked = reading.unless(faults)?;
    let (slice, pages) = api.slice(caller, &paging)?;
    let cap = (include_totals && slice.after.is_none()).then_some(most);
    let (sliced, totals) = reports::all_leads(&api.store, caller, &asked, &slice, cap).await?;
    let (rows, next_page_token) = pages.fill_slice(sliced, |row| asked.order.place(&row.lead), convert::report_row)?;
    Ok(proto::RunAllLeadsReportResponse {
        columns: paths(&asked.columns),
        rows,
        totals: totals.map(report_totals),
        next_page_token,
    })
}

fn paths(columns: &[Column]) -> Vec<String> {
    columns.iter().map(Column::to_string).collect()
}

fn report_totals(totals: Counted) -> proto::ReportTotals {
    let proto::CountLeadsResponse { count, capped, facets } = convert::counted(totals);
    proto::ReportTotals { count, capped, facets }
}

async fn list_my_leads(
    api: &Api,
    caller: &Caller,
    mut request: proto::ListMyLeadsRequest,
) -> Result<proto::ListMyLeadsResponse> {
    let mut faults = Faults::default();
    let asking = Asking {
        report: Report::MyLeads,
        action: Action::View,
        saved_view_id: &mut request.saved_view_id,
        states: &request.states,
        filter: &mut request.filter,
        order_by: &mut request.order_by,
        read_mask: None,
    };
    let reading = asking.read(api, caller, &mut faults).await?;
    let paging = faults.paging(&mut request);
    let Asked { query, order, columns: _ } = reading.unless(faults)?;
    let (slice, pages) = api.slice(caller, &paging)?;
    let sliced = reports::my_leads(&api.store, caller, query, &order, &slice).await?;
    let (leads, next_page_token) = pages.fill_slice(sliced, |mine| order.place(&mine.lead), convert::my_lead)?;
    Ok(proto::ListMyLeadsResponse { leads, next_page_token })
}

async fn get_agent_report(
    api: &Api,
    caller: &Caller,
    mut request: proto::GetAgentReportRequest,
) -> Result<proto::GetAgentReportResponse> {
    let mut faults = Faults::default();
    let user_id = faults.optional_id("user_id", &request.user_id).unwrap_or(caller.id());
    let states = faults.states(&request.states);
    let mask = faults.read_mask(request.read_mask.take());
    let paging = faults.paging(&mut request);
    faults.unless(Some(()))?;
    let (slice, pages) = api.slice(caller, &paging)?;
    let report = reports::of_agent(&api.store, caller, user_id, states, &slice).await?;
    let order = Order::default();
    let sent = |lead| mask.of(convert::lead(lead));
    let (leads, next_page_token) = pages.fill_slice(report.leads, |lead| order.place(lead), sent)?;
    let recent_entries = report.recent_entries.into_iter().map(convert::history_entry).collect();
    Ok(proto::GetAgentReportResponse { leads, recent_entries, next_page_token })
}

async fn list_order_details(
    api: &Api,
    caller: &Caller,
    mut request: proto::ListOrderDetailsRequest,
) -> Result<proto::ListOrderDetailsResponse> {
    let mut faults = Faults::default();
    let filter = faults.order_detail_filter(&request);
    let include_agent = std::mem::take(&mut request.include_agent);
    let paging = faults.paging(&mut request);
    faults.unless(Some(()))?;
    let (slice, pages) = api.slice(caller, &paging)?;
    let sliced = reports::order_details(&api.store, caller, &filter, include_agent, &slice).await?;
    let (details, next_page_token) = pages.fill_slice(sliced, reports::place, convert::order_detail)?;
    Ok(proto::ListOrderDetailsResponse { details, next_page_token })
}
