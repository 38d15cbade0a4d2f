use leadward::proto::{
    CreateSavedViewRequest, DeleteSavedViewRequest, ExportAllLeadsReportRequest, GetAgentReportRequest,
    ListMyLeadsRequest, ListOrderDetailsRequest, ListSavedViewsRequest, Report, RunAllLeadsReportRequest, SavedView,
    UpdateSavedViewRequest,
};
use prost_types::{FieldMask, Timestamp};

use super::{Table, UNKNOWN, bad, leads::NEVER, long, mask, x};
use crate::support::Caller;

pub async fn ask(admin: &Caller, table: &mut Table) {
    ask_about_leads(admin, table).await;
    ask_about_orders(admin, table).await;
    ask_about_views(admin, table).await;
}

async fn ask_about_leads(admin: &Caller, table: &mut Table) {
    let mut client = admin.reports();
    let (states, order_by) = (vec![1, 0, UNKNOWN], "email".to_owned());
    let request = RunAllLeadsReportRequest {
        states: states.clone(),
        filter: "name =".to_owned(),
        order_by: order_by.clone(),
        read_mask: mask("nickname"),
        saved_view_id: x(),
        max_count: -1,
        page_size: -1,
        ..Default::default()
    };
    let fields = [
        "states[1]",
        "states[2]",
        "filter",
        "order_by",
        "read_mask.paths[0]",
        "saved_view_id",
        "max_count",
        "page_size",
    ];
    table.expect("run_all_leads_report", client.run_all_leads_report(request).await.map(drop), &fields);
    let paths = ["id", "name", "id", "attributes.", "assignee", "assignee_id", "etag"].map(str::to_owned).to_vec();
    let request = RunAllLeadsReportRequest { read_mask: Some(FieldMask { paths }), ..Default::default() };
    let fields = ["read_mask.paths[2]", "read_mask.paths[3]", "read_mask.paths[6]"];
    table.expect("run_all_leads_report", client.run_all_leads_report(request).await.map(drop), &fields);
    let paths = (0..101).map(|at| format!("attributes.a{at}")).collect();
    let request = RunAllLeadsReportRequest { read_mask: Some(FieldMask { paths }), ..Default::default() };
    bad!(table, client, run_all_leads_report, request, ["read_mask.paths"]);

    let request = ExportAllLeadsReportRequest {
        states: states.clone(),
        filter: "assignee = \"nobody\"".to_owned(),
        order_by: order_by.clone(),
        read_mask: mask("nickname"),
        saved_view_id: x(),
        cursor: x(),
    };
    let fields = ["states[1]", "states[2]", "filter", "order_by", "read_mask.paths[0]", "saved_view_id"];
    table.expect("export_all_leads_report", client.export_all_leads_report(request).await.map(drop), &fields);
    let request = ExportAllLeadsReportRequest { cursor: x(), ..Default::default() };
    let answer = client.export_all_leads_report(request).await.map(drop);
    table.expect_because("INVALID_RESUME_TOKEN", "export_all_leads_report", answer, &["cursor"]);

    let request = ListMyLeadsRequest {
        states: states.clone(),
        filter: "NOT".to_owned(),
        order_by,
        saved_view_id: x(),
        page_size: -1,
        ..Default::default()
    };
    let fields = ["states[1]", "states[2]", "filter", "order_by", "saved_view_id", "page_size"];
    table.expect("list_my_leads", client.list_my_leads(request).await.map(drop), &fields);

    let read_mask = mask("nickname");
    let request = GetAgentReportRequest { user_id: x(), states, page_size: -1, read_mask, ..Default::default() };
    let fields = ["user_id", "states[1]", "states[2]", "page_size", "read_mask.paths[0]"];
    table.expect("get_agent_report", client.get_agent_report(request).await.map(drop), &fields);
}

async fn ask_about_orders(admin: &Caller, table: &mut Table) {
    let mut client = admin.reports();
    let request = ListOrderDetailsRequest {
        statuses: vec![1, 0, UNKNOWN],
        currency_code: "eur".to_owned(),
        min_place_time: Some(NEVER),
        max_place_time: Some(NEVER),
        page_size: -1,
        ..Default::default()
    };
    let fields = ["statuses[1]", "statuses[2]", "currency_code", "min_place_time", "max_place_time", "page_size"];
    table.expect("list_order_details", client.list_order_details(request).await.map(drop), &fields);
    let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
    for (min_place_time, max_place_time) in [(at(7), at(7)), (at(8), at(7))] {
        let request = ListOrderDetailsRequest { min_place_time, max_place_time, ..Default::default() };
        bad!(table, client, list_order_details, request, ["max_place_time"]);
    }
}

async fn ask_about_views(admin: &Caller, table: &mut Table) {
    let mut client = admin.reports();
    let request = CreateSavedViewRequest::default();
    bad!(table, client, create_saved_view, request, ["saved_view.report", "saved_view.name"]);
    let view = SavedView {
        report: UNKNOWN,
        name: Some(long(101)),
        columns: ["id", "nickname", "id"].map(str::to_owned).to_vec(),
        filter: Some("\"name\" = 7 OR".to_owned()),
        order_by: Some("name,".to_owned()),
        group_ids: vec![x(), String::new()],
        ..SavedView::default()
    };
    let request = CreateSavedViewRequest { saved_view: Some(view.clone()), request_id: x() };
    let fields = [
        "saved_view.report",
        "saved_view.name",
        "saved_view.columns[1]",
        "saved_view.columns[2]",
        "saved_view.filter",
        "saved_view.order_by",
        "saved_view.group_ids[0]",
        "saved_view.group_ids[1]",
        "request_id",
    ];
    table.expect("create_saved_view", client.create_saved_view(request).await.map(drop), &fields);
    let mine = SavedView {
        report: Report::MyLeads.into(),
        name: Some(x()),
        columns: vec!["id".to_owned()],
        ..SavedView::default()
    };
    let request = CreateSavedViewRequest { saved_view: Some(mine.clone()), ..Default::default() };
    bad!(table, client, create_saved_view, request, ["saved_view.columns"]);
    let group_ids = vec![uuid::Uuid::now_v7().to_string(); 101];
    let mine = SavedView { columns: vec![], group_ids, ..mine };
    let request = CreateSavedViewRequest { saved_view: Some(mine.clone()), ..Default::default() };
    bad!(table, client, create_saved_view, request, ["saved_view.group_ids"]);
    let mine = SavedView { group_ids: mine.group_ids[..1].to_vec(), ..mine };
    let request = CreateSavedViewRequest { saved_view: Some(mine), ..Default::default() };
    bad!(table, client, create_saved_view, request, ["saved_view.group_ids[0]"]);

    let request = ListSavedViewsRequest { report: UNKNOWN, page_size: -1, ..Default::default() };
    bad!(table, client, list_saved_views, request, ["report", "page_size"]);

    let saved_view = Some(SavedView { id: x(), ..view });
    let request = UpdateSavedViewRequest { saved_view, request_id: x(), ..Default::default() };
    let fields = [
        "saved_view.id",
        "saved_view.name",
        "saved_view.columns[1]",
        "saved_view.columns[2]",
        "saved_view.filter",
        "saved_view.order_by",
        "saved_view.group_ids[0]",
        "saved_view.group_ids[1]",
        "request_id",
    ];
    table.expect("update_saved_view", client.update_saved_view(request).await.map(drop), &fields);
    let request = UpdateSavedViewRequest { update_mask: mask("owner_id"), ..Default::default() };
    bad!(table, client, update_saved_view, request, ["saved_view.id", "update_mask"]);
    let request = UpdateSavedViewRequest { update_mask: mask("name"), ..Default::default() };
    bad!(table, client, update_saved_view, request, ["saved_view.id", "saved_view.name"]);

    let request = DeleteSavedViewRequest { saved_view_id: x(), request_id: x(), ..Default::default() };
    bad!(table, client, delete_saved_view, request, ["saved_view_id", "request_id"]);
}
