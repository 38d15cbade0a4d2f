//! Reports and saved views.

use std::collections::BTreeSet;

use prost_types::FieldMask;

use super::{Faults, Mask, id_text, lead, order, timestamp};
use crate::{
    domain::{etag, saved_views::FIXED_COLUMNS},
    model::{
        ids::GroupId,
        money::Currency,
        report::{Cell, MyLead, NewSavedView, OrderDetail, OrderDetailFilter, Report, Row, SavedView, SavedViewPatch},
    },
    proto::{self, report_cell},
    query::{columns::Column, filter::Filter, order::Order},
};

const SETTABLE: &[&str] = &["name", "columns", "filter", "order_by", "group_ids"];
const MOST_GROUPS: usize = 100;

/// A row of the All Leads report as sent.
pub(in crate::rpc) fn report_row(row: Row) -> proto::ReportRow {
    let Row { lead, cells } = row;
    let cell = |cell: Option<Cell>| proto::ReportCell {
        value: cell.map(|cell| match cell {
            Cell::Text(text) => report_cell::Value::Text(text),
            Cell::Time(time) => report_cell::Value::Time(timestamp(time)),
            Cell::Flag(flag) => report_cell::Value::Flag(flag),
        }),
    };
    proto::ReportRow { lead_id: lead.id.to_string(), cells: cells.into_iter().map(cell).collect() }
}

/// A lead of the caller's as sent.
pub(in crate::rpc) fn my_lead(mine: MyLead) -> proto::MyLead {
    let MyLead { lead, last_order_status } = mine;
    proto::MyLead {
        lead_id: lead.id.to_string(),
        kind: lead::kind(lead.kind()).into(),
        name: lead.name.unwrap_or_default(),
        country: lead.country.unwrap_or_default(),
        stage: lead.stage.unwrap_or_default(),
        next_contact_time: lead.next_contact_time.map(timestamp),
        last_order_status: last_order_status.map_or(proto::OrderStatus::Unspecified, order::status).into(),
        create_time: Some(timestamp(lead.create_time)),
    }
}

/// An order with its lead as sent.
pub(in crate::rpc) fn order_detail(detail: OrderDetail) -> proto::OrderDetail {
    let OrderDetail { order, lead_name, lead_email, lead_phone, lead_country, lead_stage, assignee } = detail;
    let (assignee_id, assignee_name) = assignee.unzip();
    proto::OrderDetail {
        order: Some(order::order(order)),
        lead_name: lead_name.unwrap_or_default(),
        lead_email: lead_email.unwrap_or_default(),
        lead_phone: lead_phone.unwrap_or_default(),
        lead_country: lead_country.unwrap_or_default(),
        lead_stage: lead_stage.unwrap_or_default(),
        assignee_id: id_text(assignee_id),
        assignee_name: assignee_name.flatten().unwrap_or_default(),
    }
}

/// A saved view as sent.
pub(in crate::rpc) fn saved_view(view: SavedView) -> proto::SavedView {
    let SavedView {
        id,
        report: of,
        owner_id,
        name,
        columns,
        filter,
        order_by,
        group_ids,
        create_time,
        update_time,
        version,
    } = view;
    proto::SavedView {
        id: id.to_string(),
        report: report(of).into(),
        owner_id: owner_id.to_string(),
        name: Some(name),
        columns,
        filter: Some(filter),
        order_by: Some(order_by),
        group_ids: group_ids.iter().map(GroupId::to_string).collect(),
        create_time: Some(timestamp(create_time)),
        update_time: Some(timestamp(update_time)),
        etag: etag::of(version),
    }
}

fn report(report: Report) -> proto::Report {
    match report {
        Report::AllLeads => proto::Report::AllLeads,
        Report::MyLeads => proto::Report::MyLeads,
    }
}

/// A report of a request: none where it is no report, inner none where it is unspecified.
pub(in crate::rpc) fn report_of(given: i32) -> Option<Option<Report>> {
    Some(match proto::Report::try_from(given).ok()? {
        proto::Report::Unspecified => None,
        proto::Report::AllLeads => Some(Report::AllLeads),
        proto::Report::MyLeads => Some(Report::MyLeads),
    })
}

impl Faults {
    /// The columns of a report, in their order; no mask, or an empty one: the report's own.
    pub fn report_columns(&mut self, mask: Option<FieldMask>) -> Vec<Column> {
        let paths = mask.unwrap_or_default().paths;
        if paths.is_empty() { Column::DEFAULT.to_vec() } else { self.columns("read_mask.paths", &paths) }
    }

    fn columns(&mut self, field: &str, paths: &[String]) -> Vec<Column> {
        if paths.len() > Column::MOST {
            self.add(field, format!("names more than {} columns", Column::MOST));
            return Vec::new();
        }
        let mut columns = Vec::with_capacity(paths.len());
        for (at, path) in paths.iter().enumerate() {
            match Column::parse(path) {
                Ok(column) if columns.contains(&column) => self.add(format!("{field}[{at}]"), "is there twice"),
                Ok(column) => columns.push(column),
                Err(wrong) => self.add(format!("{field}[{at}]"), wrong),
            }
        }
        columns
    }

    /// Which orders order details are asked of.
    pub fn order_detail_filter(&mut self, given: &proto::ListOrderDetailsRequest) -> OrderDetailFilter {
        let statuses = given.statuses.iter().enumerate();
        let statuses = statuses.filter_map(|(at, status)| self.order_status(format!("statuses[{at}]"), *status));
        let statuses: BTreeSet<_> = statuses.collect();
        let currency = match given.currency_code.as_str() {
            "" => None,
            // What was paid in a currency that is no longer one can be asked for still.
            code => self.some("currency_code", "is not an ISO 4217 code in upper case", Currency::stored(code)),
        };
        let placed_since = self.time("min_place_time", given.min_place_time);
        let placed_before = self.time("max_place_time", given.max_place_time);
        if placed_since.zip(placed_before).is_some_and(|(since, before)| since >= before) {
            self.add("max_place_time", "is not after min_place_time");
        }
        OrderDetailFilter {
            statuses: statuses.into_iter().collect(),
            currency,
            placed_since,
            placed_before,
            assigned: given.assigned,
        }
    }

    /// A view to keep.
    pub fn new_saved_view(&mut self, given: proto::SavedView) -> Option<NewSavedView> {
        // Output-only fields are ignored, and so listed: a new field must be put on one side or the other.
        let proto::SavedView {
            report,
            name,
            columns,
            filter,
            order_by,
            group_ids,
            id: _,
            owner_id: _,
            create_time: _,
            update_time: _,
            etag: _,
        } = given;
        let description = if report == 0 { "is required" } else { "is not a report" };
        let report = self.some("saved_view.report", description, report_of(report).flatten());
        let name = self.name("saved_view.name", name.as_deref(), 100);
        let columns = self.view_columns(&columns);
        if report == Some(Report::MyLeads) && !columns.is_empty() {
            self.add("saved_view.columns", FIXED_COLUMNS);
        }
        let filter = self.view_filter(filter.unwrap_or_default());
        let order_by = self.view_order(order_by.unwrap_or_default());
        let group_ids = self.view_groups(&group_ids);
        Some(NewSavedView { report: report?, name: name?, columns, filter, order_by, group_ids })
    }

    /// A change of a view.
    pub fn saved_view_patch(&mut self, given: &proto::SavedView, mask: Option<FieldMask>) -> SavedViewPatch {
        let mask = Mask::of(mask, SETTABLE, self);
        let name = mask.names("name", given.name.is_some());
        let columns = mask.names("columns", !given.columns.is_empty());
        let filter = mask.names("filter", given.filter.is_some());
        let order_by = mask.names("order_by", given.order_by.is_some());
        let group_ids = mask.names("group_ids", !given.group_ids.is_empty());
        SavedViewPatch {
            name: name.then(|| self.name("saved_view.name", given.name.as_deref(), 100)).flatten(),
            columns: columns.then(|| self.view_columns(&given.columns)),
            filter: filter.then(|| self.view_filter(given.filter().to_owned())),
            order_by: order_by.then(|| self.view_order(given.order_by().to_owned())),
            group_ids: group_ids.then(|| self.view_groups(&given.group_ids)),
        }
    }

    fn view_columns(&mut self, paths: &[String]) -> Vec<String> {
        self.columns("saved_view.columns", paths).iter().map(Column::to_string).collect()
    }

    /// Names in it are looked up when the view is run, since it depends on who runs it which names they know.
    fn view_filter(&mut self, text: String) -> String {
        if let Err(fault) = Filter::parse(&text) {
            self.add("saved_view.filter", fault.to_string());
        }
        text
    }

    fn view_order(&mut self, text: String) -> String {
        if let Err(fault) = Order::parse(&text) {
            self.add("saved_view.order_by", fault);
        }
        text
    }

    fn view_groups(&mut self, given: &[String]) -> Vec<GroupId> {
        if given.len() > MOST_GROUPS {
            self.add("saved_view.group_ids", format!("names more than {MOST_GROUPS} groups"));
            return Vec::new();
        }
        let ids = given.iter().enumerate();
        ids.filter_map(|(at, id)| self.id(format!("saved_view.group_ids[{at}]"), id)).collect()
    }
}
