//! ExportAllLeadsReport: the report as a stream of rows.

use std::collections::BTreeMap;

use leadward::proto::{
    AccessLevel, Capability, ErrorReason, ExportAllLeadsReportRequest, ExportAllLeadsReportResponse, ImportRow, Lead,
    LeadAction, LeadState, Profile, Report, ReportRow, Role, RunAllLeadsReportRequest, SavedView, User,
};
use tonic::{Status, Streaming};

use super::{cells, in_columns, mask, pages, save, user_with, view};
use crate::support::{Caller, TestServer, answer, fact, named, on_both_databases, permission, refused};

type Parts = Streaming<ExportAllLeadsReportResponse>;

async fn start(caller: &Caller, request: ExportAllLeadsReportRequest) -> Result<Parts, Status> {
    Ok(caller.reports().export_all_leads_report(request).await?.into_inner())
}

/// Every part.
async fn parts(
    caller: &Caller,
    request: ExportAllLeadsReportRequest,
) -> Result<Vec<ExportAllLeadsReportResponse>, Status> {
    let mut stream = start(caller, request).await?;
    let mut parts = Vec::new();
    while let Some(part) = stream.message().await? {
        parts.push(part);
    }
    assert!(parts.last().is_some_and(|last| last.cursor.is_empty()), "the last part says that it is the last");
    Ok(parts)
}

/// The cells of every part.
async fn exported(caller: &Caller, request: ExportAllLeadsReportRequest) -> Vec<Vec<String>> {
    parts(caller, request).await.unwrap().iter().flat_map(|part| &part.rows).map(cells).collect()
}

fn names() -> ExportAllLeadsReportRequest {
    ExportAllLeadsReportRequest { read_mask: mask(&["name"]), ..ExportAllLeadsReportRequest::default() }
}

/// So many leads, each with so many attributes of 1,000 characters; their names are their numbers.
async fn fill(caller: &Caller, leads: usize, attributes: usize) {
    let value = "x".repeat(1000);
    let attributes: BTreeMap<String, String> = (0..attributes).map(|n| (format!("note{n}"), value.clone())).collect();
    let row = |number: usize| ImportRow {
        lead: Some(Lead { attributes: attributes.clone(), ..named(&format!("{number:04}")) }),
        ..ImportRow::default()
    };
    let rows: Vec<ImportRow> = (0..leads).map(row).collect();
    for rows in rows.chunks(100) {
        caller.import(rows.to_vec()).await.unwrap();
    }
}

/// Without the capability that the report takes.
async fn demote(t: &TestServer, user: &Caller) {
    let profile_id = Some(t.profile_id("pre-sales").await);
    t.update_user(User { id: user.id.clone(), profile_id, ..User::default() }).await;
}

/// A stream of leads with 15 attributes each, and how many rows its first part has.
async fn begun(caller: &Caller) -> (Parts, usize) {
    let notes = (0..15).map(|n| format!("attributes.note{n}"));
    let paths: Vec<String> = ["name".to_owned()].into_iter().chain(notes).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let request = ExportAllLeadsReportRequest { read_mask: mask(&paths), ..Default::default() };
    let mut stream = start(caller, request).await.unwrap();
    let first = stream.message().await.unwrap().unwrap().rows.len();
    assert!((100..300).contains(&first), "{first} large rows in a part");
    (stream, first)
}

/// What still comes, and how it ends. Parts that were on their way when rights changed may come; those that are read after the change
/// are of the new rights.
async fn rest(mut stream: Parts) -> (Vec<ReportRow>, Result<(), Status>) {
    let mut rows = Vec::new();
    loop {
        match stream.message().await {
            Ok(Some(part)) => rows.extend(part.rows),
            Ok(None) => return (rows, Ok(())),
            Err(refusal) => return (rows, Err(refusal)),
        }
    }
}

on_both_databases! {
    async fn the_stream_has_the_rows_of_the_report(t: TestServer) {
        let mia = t.manager("mia").await;
        fill(&mia, 12, 0).await;
        t.admin().discard(&t.lead("discarded").await.id).await.unwrap();
        let paths = ["name", "assignee", "state", "create_time"];
        for (filter, order_by) in [("", ""), ("name:\"1\"", "name"), ("", "name desc"), ("state = DISCARDED", "")] {
            let (filter, order_by) = (filter.to_owned(), order_by.to_owned());
            let report = RunAllLeadsReportRequest {
                filter: filter.clone(),
                order_by: order_by.clone(),
                page_size: 1000,
                ..in_columns(&paths)
            };
            let page = pages(&mia, report).await.unwrap().remove(0);
            let read_mask = mask(&paths);
            let request = ExportAllLeadsReportRequest { filter, order_by, read_mask, ..Default::default() };
            let part = parts(&mia, request).await.unwrap().remove(0);
            assert!(!page.rows.is_empty());
            assert_eq!((part.columns, part.rows), (page.columns, page.rows));
        }
        let discarded = ExportAllLeadsReportRequest { states: vec![LeadState::Discarded.into()], ..names() };
        assert_eq!(exported(&mia, discarded).await, [["discarded"]]);
        let none = ExportAllLeadsReportRequest { filter: "name = \"nobody\"".to_owned(), ..names() };
        assert_eq!(parts(&mia, none).await.unwrap().len(), 1, "one last part");
    }

    /// What leaves in bulk needs EXPORT, besides the capability.
    async fn the_rows_are_those_that_the_caller_may_export(t: TestServer) {
        let capabilities = vec![Capability::ViewAllLeadsReport.into()];
        let kim = user_with(&t, "kim", Role::Manager, Profile { capabilities, ..Profile::default() }).await;
        let ana = t.agent("ana").await;
        t.lead("nobody's").await;
        t.admin().set_permission(&kim, permission(LeadAction::View, AccessLevel::Complete)).await.unwrap();
        t.lead_of("Kim's", &kim).await;
        let refusal = refused(start(&kim, names()).await, ErrorReason::ActionNotPermitted);
        assert_eq!(fact(&refusal, "action"), "EXPORT");
        for (level, expected) in [
            (AccessLevel::Individual, vec![["Kim's"]]),
            (AccessLevel::Complete, vec![["Kim's"], ["nobody's"]]),
        ] {
            t.admin().set_permission(&kim, permission(LeadAction::Export, level)).await.unwrap();
            assert_eq!(exported(&kim, names()).await, expected, "{level:?}");
        }
        t.admin().set_permission(&ana, permission(LeadAction::Export, AccessLevel::Complete)).await.unwrap();
        refused(start(&ana, names()).await, ErrorReason::CapabilityRequired);
        refused(start(&t.anonymous(), names()).await, ErrorReason::NotAuthenticated);
    }

    async fn a_stream_goes_on_from_a_cursor_in_its_own_order(t: TestServer) {
        let mia = t.manager("mia").await;
        fill(&mia, 1100, 0).await;
        let by_name = ExportAllLeadsReportRequest { order_by: "name".to_owned(), ..names() };
        let whole = parts(&mia, by_name.clone()).await.unwrap();
        let sizes: Vec<usize> = whole.iter().map(|part| part.rows.len()).collect();
        assert_eq!(sizes, [500, 500, 100]);
        let all: Vec<String> = whole.iter().flat_map(|part| &part.rows).flat_map(cells).collect();
        assert_eq!(all, (0..1100).map(|number| format!("{number:04}")).collect::<Vec<_>>());

        let mut stream = start(&mia, by_name.clone()).await.unwrap();
        let first = stream.message().await.unwrap().unwrap();
        drop(stream);
        t.admin().delete(&first.rows[499].lead_id).await.unwrap();
        let rest = ExportAllLeadsReportRequest { cursor: first.cursor.clone(), ..by_name.clone() };
        let rest = exported(&mia, ExportAllLeadsReportRequest { read_mask: mask(&["id", "name"]), ..rest }).await;
        assert_eq!(rest.iter().map(|row| row[1].clone()).collect::<Vec<_>>(), all[500..], "and other columns");

        let from = |request: ExportAllLeadsReportRequest| ExportAllLeadsReportRequest { cursor: first.cursor.clone(), ..request };
        let mut answers = Vec::new();
        for (caller, request) in [
            (&t.manager("max").await, from(by_name.clone())),
            (&mia, from(names())),
            (&mia, from(ExportAllLeadsReportRequest { filter: "name:*".to_owned(), ..by_name.clone() })),
            (&mia, ExportAllLeadsReportRequest { cursor: "garbage".to_owned(), ..by_name.clone() }),
        ] {
            answers.push(answer(&refused(start(caller, request).await, ErrorReason::InvalidResumeToken)));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        demote(&t, &mia).await;
        refused(start(&mia, from(by_name)).await, ErrorReason::CapabilityRequired);
    }

    async fn a_view_can_be_streamed(t: TestServer) {
        let mia = t.manager("mia").await;
        fill(&mia, 3, 0).await;
        let columns = vec!["kind".to_owned(), "name".to_owned()];
        let kept = SavedView { columns, order_by: Some("name".to_owned()), ..view(Report::AllLeads, "by name") };
        let saved_view_id = save(&mia, kept).await.unwrap().id;
        let request = ExportAllLeadsReportRequest { saved_view_id, ..Default::default() };
        let part = parts(&mia, request.clone()).await.unwrap().remove(0);
        assert_eq!(part.columns, ["kind", "name"]);
        assert_eq!(exported(&mia, request.clone()).await, [["LEAD", "0000"], ["LEAD", "0001"], ["LEAD", "0002"]]);
        let own_order = ExportAllLeadsReportRequest { order_by: "name desc".to_owned(), ..request };
        assert_eq!(exported(&mia, own_order).await[0], ["LEAD", "0002"]);
    }

    async fn a_level_that_is_cut_ends_what_a_stream_shows(t: TestServer) {
        let mia = t.manager("mia").await;
        t.lead_of("oldest", &mia).await;
        fill(&t.admin(), 1100, 15).await;
        let (stream, first) = begun(&mia).await;
        t.admin().set_permission(&mia, permission(LeadAction::Export, AccessLevel::Individual)).await.unwrap();
        let (rows, end) = rest(stream).await;
        end.unwrap();
        assert!(rows.len() < 3 * first, "{} rows after the cut, by parts of {first}", rows.len());
        assert_eq!(rows.last().map(|row| cells(row).swap_remove(0)).as_deref(), Some("oldest"), "the own one still comes");

        t.admin().set_permission(&mia, permission(LeadAction::Export, AccessLevel::Complete)).await.unwrap();
        let (stream, first) = begun(&mia).await;
        t.admin().set_permission(&mia, permission(LeadAction::Export, AccessLevel::None)).await.unwrap();
        let (rows, end) = rest(stream).await;
        refused(end, ErrorReason::ActionNotPermitted);
        assert!(rows.len() < 3 * first, "{} rows after the cut, by parts of {first}", rows.len());
    }

    async fn who_loses_the_capability_gets_no_more_of_a_stream(t: TestServer) {
        let mia = t.manager("mia").await;
        fill(&t.admin(), 1100, 15).await;
        let (stream, first) = begun(&mia).await;
        demote(&t, &mia).await;
        let (rows, end) = rest(stream).await;
        refused(end, ErrorReason::CapabilityRequired);
        assert!(rows.len() < 3 * first, "{} rows after the change, by parts of {first}", rows.len());
    }
}
