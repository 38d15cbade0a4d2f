//! ExportLeads.

use prost::Message;
use tonic::{Request, Response, Status};

use super::{
    Api, Paging,
    convert::{self, Faults, ReadMask},
    parts::{Parts, Question, ROWS_PER_PART, Rest, invalid_cursor},
    status,
};
use crate::{
    access::Caller,
    domain::{
        Result,
        queries::{self, Query},
    },
    model::permission::Action,
    proto::{ExportLeadsRequest, ExportLeadsResponse},
    query::order::Order,
};

/// Starts an export, or goes on with one.
///
/// # Errors
/// What is wrong with the request, or with its caller.
pub async fn run(
    api: &Api,
    request: Request<ExportLeadsRequest>,
) -> Result<Response<Parts<ExportLeadsResponse>>, Status> {
    let caller = super::caller(&request)?;
    let caller = api.resolver.verified(&caller).await.map_err(status::of)?;
    let rest = export_of(api.clone(), caller, request.into_inner()).await.map_err(status::of)?;
    Ok(Response::new(rest.stream()))
}

/// Which leads are exported, and what of them.
#[derive(Clone)]
struct Export {
    query: Query,
    mask: ReadMask,
}

async fn export_of(api: Api, caller: Caller, request: ExportLeadsRequest) -> Result<Rest<Export>> {
    let ExportLeadsRequest { states: mut asked, read_mask, cursor, filter } = request;
    let mut faults = Faults::default();
    let states = faults.states(&asked);
    let mask = faults.read_mask(read_mask);
    let query = faults.found(queries::query(&api.store, &caller, Action::Export, states, &filter).await)?;
    let query = faults.unless(query)?;
    asked.sort_unstable();
    asked.dedup();
    let arguments = ExportLeadsRequest { states: asked, filter, ..ExportLeadsRequest::default() }.encode_to_vec();
    let paging = Paging { size: ROWS_PER_PART, token: cursor, method: "ExportLeads", arguments };
    api.slice(&caller, &paging).map_err(invalid_cursor)?;
    Ok(Rest { api, caller, question: Export { query, mask }, paging })
}

impl Question for Export {
    type Part = ExportLeadsResponse;

    async fn read(&self, api: &Api, caller: &Caller, paging: &Paging) -> Result<(Self::Part, String)> {
        let (slice, pages) = api.slice(caller, paging).map_err(invalid_cursor)?;
        let newest_first = Order::default();
        let sliced = queries::list(&api.store, caller, &self.query, &newest_first, &slice).await?;
        let sent = |lead| self.mask.of(convert::lead(lead));
        let (leads, cursor) = pages.fill_slice(sliced, |lead| newest_first.place(lead), sent)?;
        Ok((ExportLeadsResponse { leads, cursor: cursor.clone() }, cursor))
    }
}
