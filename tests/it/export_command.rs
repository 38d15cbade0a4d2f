//! `leadward export` as people run it, and `leadward import` of what it wrote.

use std::{
    convert::Infallible,
    fs,
    io::Read,
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt,
    process::Stdio,
    task::{Context, Poll},
    time::Duration,
    vec,
};

use leadward::proto::{
    AccessLevel, ExportLeadsRequest, ExportLeadsResponse, ImportRow, Lead, LeadAction, LeadState, WhoAmIRequest,
};
use prost_types::Timestamp;
use serde_json::Value;
use tokio::{task::spawn_blocking, time::sleep};
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{BoxFuture, Service, http},
    server::{Grpc, NamedService},
    transport::{Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::{
    import::desk::{Desk, Report},
    support::{Caller, Database, RunningServer, Serve, Storage, TestServer, named, on_both_databases, permission},
};

const HEADER: &str = "external_id,name,email,email_confirmed,phone,country,locale,campaign,stage,next_contact_time,\
                      assignee,group,register_time,first_deposit_time,attributes\n";
const GROUP: &str = "North, \"Sul\"";

/// What breaks files that are written or read carelessly. Assigned to the agent Ana, in the group.
fn awkward() -> Vec<ImportRow> {
    let attributes = [
        ("quotes", "say \"hi\", ok"),
        ("lines", "one\r\ntwo\n\tthree\n"),
        ("space", "  x  "),
        ("empty", ""),
        ("json", "{\"a\": [1]}"),
        ("leading", "007"),
        ("bell", "\u{7}"),
        ("formula", "=1+1"),
    ];
    let all = Lead {
        external_id: Some("00042".to_owned()),
        name: Some("Ana \"Nita\", de  Sá; 李 👩‍🚀".to_owned()),
        email: Some("Ana.Sa+x@Example.com".to_owned()),
        email_confirmed: Some(true),
        phone: Some("+351213466111".to_owned()),
        country: Some("PT".to_owned()),
        locale: Some("pt-PT".to_owned()),
        campaign: Some("{line} spring\u{a0}2026".to_owned()),
        stage: Some("Contacted".to_owned()),
        next_contact_time: Some(Timestamp { seconds: 1_780_000_000, nanos: 123_456_000 }),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..Lead::default()
    };
    let all = ImportRow {
        lead: Some(all),
        assignee_email: "ana@example.com".to_owned(),
        group_name: GROUP.to_owned(),
        register_time: Some(Timestamp { seconds: 1_700_000_000, nanos: 1_000 }),
        ..ImportRow::default()
    };
    let client = ImportRow {
        first_deposit_time: Some(Timestamp { seconds: -62_135_596_800, nanos: 0 }),
        ..row(Lead { external_id: Some("007,x".to_owned()), ..named("-5") })
    };
    let literal = Lead { external_id: Some("null".to_owned()), ..named("true") };
    let reached = Lead { phone: Some("+390639733434".to_owned()), ..Lead::default() };
    vec![all, client, row(literal), row(reached), row(named("=HYPERLINK(\"x\")")), row(named("'"))]
}

fn row(lead: Lead) -> ImportRow {
    ImportRow { lead: Some(lead), ..ImportRow::default() }
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

async fn delete_all(user: &Caller) {
    for lead in user.list_leads_in(LeadAction::View, &[], 1000).await.unwrap() {
        user.delete(&lead.id).await.unwrap();
    }
}

on_both_databases! {
    /// Newest first in the file, and so the other way round after an import: it is the rows that are the same.
    async fn what_is_imported_from_an_export_is_exported_the_same(t: TestServer) {
        let manager = t.manager("Marta").await;
        t.agent("Ana").await;
        t.group(GROUP, &[]).await;
        let rows = awkward();
        let count = rows.len();
        assert!(manager.import(rows).await.unwrap().iter().all(|result| result.error.is_none()));
        let desk = Desk::of(&manager, &t);

        desk.export("leads.csv", &[]).await.expect_success();
        desk.export("leads.jsonl", &[]).await.expect_success();
        let (csv, json) = (desk.read("leads.csv"), desk.read("leads.jsonl"));
        assert!(csv.starts_with(HEADER), "{csv}");
        assert_eq!((csv.lines().count(), json.lines().count()), (1 + count, count));
        assert!(csv.contains(&format!("\nnull,true,,false{}\n", ",".repeat(11))), "{csv}");
        assert!(csv.contains("2026-05-28T20:26:40.123456Z,ana@example.com,\"North, \"\"Sul\"\"\","), "{csv}");
        assert!(json.contains("{\"external_id\":\"null\",\"name\":\"true\",\"email_confirmed\":false}\n"), "{json}");
        assert!(json.contains("\"first_deposit_time\":\"0001-01-01T00:00:00Z\""), "{json}");

        for (file, other) in [("leads.csv", "again.csv"), ("leads.jsonl", "again.jsonl")] {
            delete_all(&manager).await;
            desk.import(file, &[]).await.expect(0, &[("created", count)]);
            desk.export(other, &[]).await.expect_success();
            assert_eq!(sorted(&desk.read(other)), sorted(&desk.read(file)), "{file}");
        }
        desk.export("again.csv", &[]).await.expect_success();
        assert_eq!(sorted(&desk.read("again.csv")), sorted(&csv), "over the other format too");
    }

    /// Fields in the order in which they are asked for, and leads in the states that are.
    async fn fields_and_states_are_as_asked_for(t: TestServer) {
        let manager = t.manager("Marta").await;
        let rui = t.agent("Rui").await;
        let ana = t.lead_of("Ana", &rui).await.id;
        let (bo, cid) = (t.lead("Bo").await.id, t.lead("Cid").await.id);
        manager.discard(&bo).await.unwrap();
        manager.resolve(&cid).await.unwrap();
        let desk = Desk::of(&manager, &t);
        let fields = "--fields=state,name,id,assignee,discard_reason,disposition";
        let header = "state,name,id,assignee,discard_reason,disposition\n";
        let active = format!("ACTIVE,Ana,{ana},rui@example.com,,\n");
        let discarded = format!("DISCARDED,Bo,{bo},,Not ready,\n");
        let resolved = format!("RESOLVED,Cid,{cid},,,Declined\n");

        let live = desk.export("-", &[fields]).await;
        assert_eq!(live.out, format!("{header}{resolved}{active}"));
        assert!(live.err.contains("2 leads exported"), "{live:#?}");
        assert_eq!(desk.export("-", &[fields, "--state=discarded"]).await.out, format!("{header}{discarded}"));
        let two = desk.export("-", &[fields, "--state=ACTIVE", "--state=DISCARDED"]).await;
        assert_eq!(two.out, format!("{header}{discarded}{active}"));
        let json = desk.export("-", &["--format=jsonl", "--fields=name,kind,created_by"]).await;
        let admin = t.admin().id;
        let object = |name| format!("{{\"name\":\"{name}\",\"kind\":\"LEAD\",\"created_by\":\"{admin}\"}}\n");
        assert_eq!(json.out, format!("{}{}", object("Cid"), object("Ana")), "the administrator has no e-mail");

        desk.export("-", &["--fields=name,id,name"]).await.expect_failure(&["name is given twice"]);
        desk.export("-", &["--fields=nickname"]).await.expect_failure(&["nickname"]);
    }

    /// Whoever may export nothing gets a file of nothing; whoever may export some gets those.
    async fn an_export_has_what_its_user_may_export(t: TestServer) {
        let rui = t.agent("Rui").await;
        t.lead_of("Ana", &rui).await;
        t.lead("Bo").await;
        let desk = Desk::of(&rui, &t);
        let nothing = desk.export("-", &[]).await;
        nothing.expect_success();
        assert_eq!(nothing.out, HEADER);
        assert_eq!(desk.export("-", &["--format=jsonl"]).await.out, "");

        t.admin().set_permission(&rui, permission(LeadAction::Export, AccessLevel::Individual)).await.unwrap();
        let own = desk.export("-", &["--fields=name,assignee,group"]).await;
        assert_eq!(own.out, format!("name,assignee,group\nAna,{},\n", rui.id));
        assert_eq!(own.err.matches("by their IDs").count(), 1, "{own:#?}");
        assert!(!desk.export("-", &["--fields=name"]).await.err.contains("by their IDs"));
    }

    /// A file is there when it is whole, and is its owner's alone.
    async fn a_file_is_private_and_whole_or_as_it_was(t: TestServer) {
        let manager = t.manager("Marta").await;
        t.lead("Ana").await;
        let mut desk = Desk::of(&manager, &t);
        desk.write("leads.csv", "of yesterday");
        desk.write("leads.csv.partial", "of a run that was killed");
        desk.token = "lw_nobody".to_owned();
        desk.export("leads.csv", &["--fields=name"]).await.expect_failure(&["Unauthenticated"]);
        assert_eq!(desk.read("leads.csv"), "of yesterday");
        assert!(!desk.has("leads.csv.partial"));
        desk.export("new.csv", &["--fields=name"]).await.expect_failure(&["Unauthenticated"]);
        assert!(!desk.has("new.csv") && !desk.has("new.csv.partial"));

        desk.token = manager.token.clone();
        desk.export("leads.csv", &["--fields=name"]).await.expect_success();
        assert_eq!(desk.read("leads.csv"), "name\nAna\n");
        assert_eq!(fs::metadata(desk.path("leads.csv")).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!desk.has("leads.csv.partial"));
        desk.export(".", &[]).await.expect_failure(&[". is there and is not a file"]);
        desk.export("nowhere/leads.csv", &[]).await.expect_failure(&["can't write nowhere/leads.csv"]);
    }

    /// As `leadward export | head` does.
    async fn a_reader_that_goes_away_is_no_failure(t: TestServer) {
        let desk = Desk::of(&t.manager("Marta").await, &t);
        let mut export = desk.command(&["export"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(export.stdout.take());
        let report = Report::of(spawn_blocking(move || export.wait_with_output()).await.unwrap().unwrap());
        report.expect_success();
        assert_eq!(report.err, "");
    }
}

/// As a proxy may: it ends every stream in good order after its first part, or before.
#[derive(Clone)]
struct EndsStreams;

impl NamedService for EndsStreams {
    const NAME: &'static str = "leadward.v1.LeadService";
}

impl Service<http::Request<Body>> for EndsStreams {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let codec = ProstCodec::<ExportLeadsResponse, ExportLeadsRequest>::default();
            Ok(Grpc::new(codec).server_streaming(service_fn(first_part), request).await)
        })
    }
}

type Parts = tokio_stream::Iter<vec::IntoIter<Result<ExportLeadsResponse, Status>>>;

/// Three leads of which each is a part; none of those that are discarded.
async fn first_part(request: Request<ExportLeadsRequest>) -> Result<Response<Parts>, Status> {
    let ExportLeadsRequest { states, cursor, .. } = request.into_inner();
    let (name, cursor) = match cursor.as_str() {
        "" => ("Ana", "after Ana"),
        "after Ana" => ("Bo", "after Bo"),
        _ => ("Cid", ""),
    };
    let part = ExportLeadsResponse { leads: vec![named(name)], cursor: cursor.to_owned() };
    let parts = if states.contains(&LeadState::Discarded.into()) { Vec::new() } else { vec![Ok(part)] };
    Ok(Response::new(tokio_stream::iter(parts)))
}

/// What ends an export is its last part, not the end of a stream.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_goes_on_where_its_stream_just_ends() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let desk = Desk::at(listener.local_addr().unwrap(), "lw_anybody");
    tokio::spawn(Server::builder().add_service(EndsStreams).serve_with_incoming(TcpIncoming::from(listener)));

    let whole = desk.export("leads.csv", &["--fields=name"]).await;
    whole.expect_success();
    assert_eq!(desk.read("leads.csv"), "name\nAna\nBo\nCid\n");
    assert_eq!(whole.err.matches("the connection broke").count(), 2, "{whole:#?}");

    let nothing = desk.export("none.csv", &["--fields=name", "--state=DISCARDED"]).await;
    nothing.expect_failure(&["the stream ended before the last part of the export"]);
    assert!(!desk.has("none.csv") && !desk.has("none.csv.partial"));
}

mod an_export_goes_on_at_a_server_that_was_killed {
    use super::{Database, kill_the_server};

    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        Box::pin(kill_the_server(Database::Sqlite)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        Box::pin(kill_the_server(Database::Postgres)).await;
    }
}

/// More than a connection and a pipe hold, so that much of it is not sent yet while nobody reads.
const MESSAGES: usize = 6;
const ROWS_OF_A_MESSAGE: usize = 500;
const SIZE_OF_A_LEAD: usize = 4 * 1024;

async fn kill_the_server(database: Database) {
    let storage = Storage::create(database).await;
    let token = RunningServer::start(storage.url()).await.first_token().expect("a first start").to_owned();
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = serve(addr, storage.url(), &token).await;
    let admin = Caller::at(addr, &token);
    for message in 0..MESSAGES {
        let results = admin.import(large_rows(message * ROWS_OF_A_MESSAGE)).await.unwrap();
        assert!(results.iter().all(|result| result.error.is_none()));
    }

    let desk = Desk::at(addr, &token);
    let mut command = desk.command(&["export", "-", "--format=jsonl", "--fields=external_id,attributes"]);
    let mut export = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = export.stdout.take().unwrap();
    let mut text = vec![0; 10 * SIZE_OF_A_LEAD];
    out.read_exact(&mut text).unwrap();
    drop(server);
    let reading = spawn_blocking(move || out.read_to_end(&mut text).map(|_| text));
    let _server = serve(addr, storage.url(), &token).await;

    let text = String::from_utf8(reading.await.unwrap().unwrap()).unwrap();
    let report = Report::of(export.wait_with_output().unwrap());
    report.expect_success();
    assert!(report.err.contains("the connection broke"), "{report:#?}");
    let ids = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["external_id"].as_str().unwrap().to_owned());
    let expected = (0..MESSAGES * ROWS_OF_A_MESSAGE).rev().map(external_id);
    assert!(ids.eq(expected), "every lead once, newest first");
}

fn external_id(number: usize) -> String {
    format!("lead-{number:06}")
}

fn large_rows(first: usize) -> Vec<ImportRow> {
    let large = |number: usize| {
        let values = ('a'..='d').map(|name| (name.to_string(), "x".repeat(SIZE_OF_A_LEAD / 4)));
        let lead = Lead { external_id: Some(external_id(number)), attributes: values.collect(), ..Lead::default() };
        ImportRow { row_number: number as i64, ..row(lead) }
    };
    (first..first + ROWS_OF_A_MESSAGE).map(large).collect()
}

/// The binary at an address, once it serves.
async fn serve(addr: SocketAddr, database_url: &str, token: &str) -> Serve {
    let server = Serve::start(&["--listen", &addr.to_string(), "--database-url", database_url]);
    let admin = Caller::at(addr, token);
    for _ in 0..600 {
        if admin.directory().who_am_i(WhoAmIRequest {}).await.is_ok() {
            return server;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the server does not come up");
}
