//! Reports: what they show, in which columns and which order, and under whose rights.

mod agent;
mod all_leads;
mod columns;
mod export;
mod hidden;
mod my_leads;
mod order_details;
mod rights;
mod saved_views;

use leadward::proto::{
    CreateOrderRequest, CreateSavedViewRequest, ListMyLeadsRequest, ListOrderDetailsRequest, Money, MyLead, Order,
    OrderDetail, OrderStatus, Profile, Report, ReportRow, Role, RunAllLeadsReportRequest, RunAllLeadsReportResponse,
    SavedView, report_cell::Value,
};
use prost_types::{FieldMask, Timestamp};
use tonic::Status;

use crate::support::{Caller, TestServer};

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}

/// The All Leads report in these columns.
fn in_columns(paths: &[&str]) -> RunAllLeadsReportRequest {
    RunAllLeadsReportRequest { read_mask: mask(paths), ..RunAllLeadsReportRequest::default() }
}

/// Every page of the All Leads report.
async fn pages(
    caller: &Caller,
    mut request: RunAllLeadsReportRequest,
) -> Result<Vec<RunAllLeadsReportResponse>, Status> {
    let mut pages = Vec::new();
    loop {
        let page = caller.reports().run_all_leads_report(request.clone()).await?.into_inner();
        request.page_token.clone_from(&page.next_page_token);
        pages.push(page);
        if request.page_token.is_empty() {
            return Ok(pages);
        }
    }
}

/// The cells of all pages.
async fn table(caller: &Caller, request: RunAllLeadsReportRequest) -> Vec<Vec<String>> {
    let pages = pages(caller, request).await.unwrap();
    pages.iter().flat_map(|page| &page.rows).map(cells).collect()
}

/// The first column of all pages.
async fn column(caller: &Caller, request: RunAllLeadsReportRequest) -> Vec<String> {
    table(caller, request).await.into_iter().map(|mut row| row.swap_remove(0)).collect()
}

/// What the cells of a row say: times in seconds, nothing where nothing is set.
fn cells(row: &ReportRow) -> Vec<String> {
    let cell = |value: &Option<Value>| match value {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Time(time)) => time.seconds.to_string(),
        Some(Value::Flag(flag)) => flag.to_string(),
        None => String::new(),
    };
    row.cells.iter().map(|it| cell(&it.value)).collect()
}

/// Every page of a caller's leads.
async fn my_leads(caller: &Caller, mut request: ListMyLeadsRequest) -> Vec<MyLead> {
    let mut leads = Vec::new();
    loop {
        let page = caller.reports().list_my_leads(request.clone()).await.unwrap().into_inner();
        leads.extend(page.leads);
        if page.next_page_token.is_empty() {
            return leads;
        }
        request.page_token = page.next_page_token;
    }
}

/// Every page of order details.
async fn order_details(caller: &Caller, mut request: ListOrderDetailsRequest) -> Vec<OrderDetail> {
    let mut details = Vec::new();
    loop {
        let page = caller.reports().list_order_details(request.clone()).await.unwrap().into_inner();
        details.extend(page.details);
        if page.next_page_token.is_empty() {
            return details;
        }
        request.page_token = page.next_page_token;
    }
}

/// Records an order of 12.5 euros that was placed at some second.
async fn order(t: &TestServer, lead_id: &str, number: &str, status: OrderStatus, second: i64) -> Order {
    let order = Order {
        lead_id: lead_id.to_owned(),
        number: number.to_owned(),
        status: status.into(),
        amount: Some(Money { currency_code: "EUR".to_owned(), units: 12, nanos: 500_000_000 }),
        place_time: at(1_700_000_000 + second),
        ..Order::default()
    };
    let request = CreateOrderRequest { order: Some(order), ..CreateOrderRequest::default() };
    t.admin().orders().create_order(request).await.unwrap().into_inner().order.unwrap()
}

/// A user of a profile of their own, which is otherwise like this one.
async fn user_with(t: &TestServer, name: &str, role: Role, like: Profile) -> Caller {
    let title = format!("{name}'s");
    t.create_profile(Profile { name: Some(title.clone()), role: Some(role.into()), ..like }).await;
    t.user(name, &title).await
}

/// A view to keep.
fn view(report: Report, name: &str) -> SavedView {
    SavedView { report: report.into(), name: Some(name.to_owned()), ..SavedView::default() }
}

async fn save(caller: &Caller, view: SavedView) -> Result<SavedView, Status> {
    let request = CreateSavedViewRequest { saved_view: Some(view), ..CreateSavedViewRequest::default() };
    Ok(caller.reports().create_saved_view(request).await?.into_inner().saved_view.unwrap())
}
