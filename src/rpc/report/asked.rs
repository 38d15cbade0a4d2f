//! What requests for the leads of a report say alike, a saved view put in where they say nothing.

use prost_types::FieldMask;

use crate::{
    access::Caller,
    domain::{
        Error, Result, Violation,
        queries::{self, Query},
        reports::Asked,
        saved_views,
    },
    model::{
        ids::SavedViewId,
        lead::LeadState,
        permission::Action,
        report::{Report, SavedView},
    },
    query::{columns::Column, filter::Filter, order::Order},
    rpc::{Api, convert::Faults},
};

/// What of a request says which leads it is about, in which order, and what it shows of them.
pub(super) struct Asking<'a> {
    pub report: Report,
    /// What the caller has to be allowed on the leads.
    pub action: Action,
    pub saved_view_id: &'a mut String,
    pub states: &'a [i32],
    pub filter: &'a mut String,
    pub order_by: &'a mut String,
    pub read_mask: Option<FieldMask>,
}

/// What is asked for, as far as it could be read.
pub(super) struct Reading {
    action: Action,
    states: Vec<LeadState>,
    filter: Option<Filter>,
    order: Option<Order>,
    columns: Vec<Column>,
    view: Result<Option<SavedView>>,
}

impl Asking<'_> {
    /// Reads it. The view's filter and order stay in the request and its ID doesn't: a list is the same, be it asked for by a view or
    /// not, and another where the view has changed.
    pub async fn read(self, api: &Api, caller: &Caller, faults: &mut Faults) -> Result<Reading> {
        let Self { report, action, saved_view_id, states, filter, order_by, mut read_mask } = self;
        let view = named(api, caller, faults, report, &std::mem::take(saved_view_id)).await;
        let mut filter_of = None;
        if let Ok(Some(view)) = &view {
            if filter.is_empty() {
                filter.clone_from(&view.filter);
                filter_of = Some(view);
            }
            if order_by.is_empty() {
                order_by.clone_from(&view.order_by);
            }
            if read_mask.as_ref().is_none_or(|mask| mask.paths.is_empty()) {
                read_mask = Some(FieldMask { paths: view.columns.clone() });
            }
        }
        let states = faults.states(states);
        let columns = faults.report_columns(read_mask);
        let order = faults.found(queries::order(order_by))?;
        let filter = match report {
            Report::AllLeads => queries::all_leads_filter(&api.store, filter).await,
            Report::MyLeads => queries::filter(&api.store, caller, filter).await,
        };
        let filter = filter.map_err(|error| match filter_of {
            Some(view) => of_view(view, error),
            None => error,
        });
        let filter = faults.found(filter)?;
        Ok(Reading { action, states, filter, order, columns, view })
    }
}

impl Reading {
    /// What is asked for, unless anything is wrong with the request.
    ///
    /// # Errors
    /// INVALID_ARGUMENT with every fault noted; then RESOURCE_NOT_FOUND for the view.
    pub fn unless(self, faults: Faults) -> Result<Asked> {
        let Self { action, states, filter, order, columns, view } = self;
        let (filter, order) = faults.unless(filter.zip(order))?;
        view?;
        Ok(Asked { query: Query { action, states, filter }, order, columns })
    }
}

/// The view that a request names to be run, if it names one.
async fn named(api: &Api, caller: &Caller, faults: &mut Faults, report: Report, id: &str) -> Result<Option<SavedView>> {
    let Some(id) = faults.optional_id::<SavedViewId>("saved_view_id", id) else { return Ok(None) };
    let view = saved_views::get(&api.store, caller, report, id).await;
    faults.found(view)
}

/// Names the view whose filter doesn't work for who runs it: they may know fewer names than whoever wrote it.
fn of_view(view: &SavedView, error: Error) -> Error {
    let Error::Invalid(faults) = error else { return error };
    let of_view = |fault: Violation| Violation {
        field: "saved_view_id".to_owned(),
        description: format!("the filter of the view {:?}: {}", view.name, fault.description),
    };
    Error::Invalid(faults.into_iter().map(of_view).collect())
}
