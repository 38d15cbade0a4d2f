//! ExportAllLeadsReport.

use prost::Message;
use tonic::{Request, Response, Status};

use super::asked::Asking;
use crate::{
    access::Caller,
    domain::{
        Result,
        reports::{self, Asked},
    },
    model::{permission::Action, report::Report},
    proto::{ExportAllLeadsReportRequest, ExportAllLeadsReportResponse},
    rpc::{
        Api, Paging,
        convert::{self, Faults},
        parts::{Parts, Question, ROWS_PER_PART, Rest, invalid_cursor},
        status,
    },
};

/// Starts an export of the report, or goes on with one.
///
/// # Errors
/// What is wrong with the request, or with its caller.
pub(super) async fn run(
    api: &Api,
    request: Request<ExportAllLeadsReportRequest>,
) -> Result<Response<Parts<ExportAllLeadsReportResponse>>, Status> {
    let caller = crate::rpc::caller(&request)?;
    let caller = api.resolver.verified(&caller).await.map_err(status::of)?;
    let rest = export_of(api.clone(), caller, request.into_inner()).await.map_err(status::of)?;
    Ok(Response::new(rest.stream()))
}

async fn export_of(api: Api, caller: Caller, mut request: ExportAllLeadsReportRequest) -> Result<Rest<Asked>> {
    reports::may_export_all_leads(&caller)?;
    let mut faults = Faults::default();
    let asking = Asking {
        report: Report::AllLeads,
        action: Action::Export,
        saved_view_id: &mut request.saved_view_id,
        states: &request.states,
        filter: &mut request.filter,
        order_by: &mut request.order_by,
        read_mask: request.read_mask.take(),
    };
    let reading = asking.read(&api, &caller, &mut faults).await?;
    let question = reading.unless(faults)?;
    // A stream goes on with the same leads in the same order.
    request.states.sort_unstable();
    request.states.dedup();
    let token = std::mem::take(&mut request.cursor);
    let arguments = request.encode_to_vec();
    let paging = Paging { size: ROWS_PER_PART, token, method: "ExportAllLeadsReport", arguments };
    api.slice(&caller, &paging).map_err(invalid_cursor)?;
    Ok(Rest { api, caller, question, paging })
}

impl Question for Asked {
    type Part = ExportAllLeadsReportResponse;

    async fn read(&self, api: &Api, caller: &Caller, paging: &Paging) -> Result<(Self::Part, String)> {
        let (slice, pages) = api.slice(caller, paging).map_err(invalid_cursor)?;
        let sliced = reports::export_all_leads(&api.store, caller, self, &slice).await?;
        let (rows, cursor) = pages.fill_slice(sliced, |row| self.order.place(&row.lead), convert::report_row)?;
        let part = ExportAllLeadsReportResponse { columns: super::paths(&self.columns), rows, cursor: cursor.clone() };
        Ok((part, cursor))
    }
}
