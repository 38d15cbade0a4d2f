//! `leadward import` as people run it: the real binary, from a folder of theirs, against a real server.

pub mod desk;
mod kept_rejects;
mod resume;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
};

use leadward::proto::{Lead, LeadAction, LeadKind, User};

use self::desk::{Desk, Report, records, rejects};
use crate::support::{Caller, Database, TestServer, on_both_databases};

/// Every live lead by its external ID.
async fn by_external_id(user: &Caller) -> BTreeMap<String, Lead> {
    let leads = user.list_leads_in(LeadAction::View, &[], 1000).await.unwrap();
    let count = leads.len();
    let leads: BTreeMap<_, _> = leads.into_iter().map(|lead| (lead.external_id().to_owned(), lead)).collect();
    assert_eq!(leads.len(), count, "external IDs are unique");
    leads
}

/// A phone that is not a phone number is kept beside the lead, and the summary counts those.
fn assert_every_phone_is_kept(leads: &BTreeMap<String, Lead>, with_phone: usize, report: &Report) {
    let as_written = leads.values().filter(|lead| lead.attributes.contains_key("phone_as_written")).count();
    let normalised = leads.values().filter(|lead| lead.phone().starts_with('+')).count();
    assert_eq!(normalised + as_written, with_phone);
    assert_eq!(report.rows("phones kept as written"), as_written);
}

const CUSTOMERS: &[&str] = &[
    "--map=external_id=CustomerId",
    "--map=name={FirstName} {LastName}",
    "--map=email=Email",
    "--map=phone=Phone",
    "--map=country=Country",
    "--map=attributes.company=Company",
    "--map=assignee=SupportRepId",
    "--translate=assignee=Employee.csv:EmployeeId:Email",
];

const PROSPECTS: &[&str] = &[
    "--delimiter=|",
    "--no-header",
    "--map=external_id=1",
    "--map=name={3} {4} {5}",
    "--map=email=9",
    "--map=phone=22",
    "--map=attributes.line={line}",
    "--set=country=US",
];

const CONTACTS: &[&str] = &[
    "--map=external_id=bank-{line}",
    "--map=deposited=deposit",
    "--map=attributes.age=age",
    "--map=attributes.job=job",
    "--map=attributes.balance=balance",
    "--map=attributes.poutcome=poutcome",
    "--set=country=PT",
];

on_both_databases! {
    /// Chinook: 59 customers go to their three support reps, and each rep lists only their own.
    async fn customers_go_to_their_support_reps(t: TestServer) {
        let manager = t.manager("Nancy").await;
        let desk = Desk::of(&manager, &t);
        let customers = records(&desk.fetch("chinook/Customer.csv"));
        let employees = records(&desk.fetch("chinook/Employee.csv"));
        let mut reps = Vec::new();
        for employee in employees.iter().filter(|employee| employee["Title"] == "Sales Support Agent") {
            let rep = t.agent(&employee["FirstName"]).await;
            let email = Some(employee["Email"].clone());
            t.update_user(User { id: rep.id.clone(), email, ..User::default() }).await;
            reps.push((&employee["EmployeeId"], rep));
        }

        let report = desk.import("Customer.csv", CUSTOMERS).await;

        report.expect(0, &[("created", 59)]);
        let mut counts = Vec::new();
        for (employee_id, rep) in &reps {
            let theirs = by_external_id(rep).await;
            let expected: BTreeSet<_> = customers
                .iter()
                .filter(|customer| customer["SupportRepId"] == **employee_id)
                .map(|customer| customer["CustomerId"].clone())
                .collect();
            assert_eq!(theirs.keys().cloned().collect::<BTreeSet<_>>(), expected);
            assert!(theirs.values().all(|lead| lead.assignee_id == rep.id));
            counts.push(theirs.len());
        }
        assert_eq!(counts, [21, 20, 18]);

        let leads = by_external_id(&manager).await;
        let first = &leads["1"];
        assert_eq!((first.name(), first.email()), ("Luís Gonçalves", "luisg@embraer.com.br"));
        assert_eq!((first.phone(), first.country()), ("+551239235555", "BR"));
        assert_eq!(first.attributes["company"], "Embraer - Empresa Brasileira de Aeronáutica S.A.");
        assert_eq!(leads["45"].phone, None, "the cell is blank");
        assert!(!leads["2"].attributes.contains_key("company"), "the cell is blank");
        let of = |country: &str| leads.values().filter(|lead| lead.country() == country).count();
        assert_eq!((of("US"), of("GB"), of("CZ"), of("CA")), (13, 3, 2, 8));
        assert_every_phone_is_kept(&leads, 58, &report);

        let again = desk.import("Customer.csv", CUSTOMERS).await;
        again.expect(0, &[("already taken", 59)]);
        assert!(again.out.contains("already taken by an earlier run of this import: 59"), "{again:#?}");
        assert!(again.out.contains("--again imports the file anew"), "{again:#?}");
        desk.import("Customer.csv", &[CUSTOMERS, &["--again"][..]].concat()).await.expect(0, &[("skipped", 59)]);
        assert_eq!(by_external_id(&manager).await, leads, "neither import changes anything");
    }

    /// AdventureWorks: exactly the 105 prospects without a real address are rejected, and once mended they come in too.
    async fn malformed_prospects_are_rejected_by_line_and_mended(t: TestServer) {
        let manager = t.manager("marta").await;
        let desk = Desk::of(&manager, &t);
        let prospects = desk.fetch("adventureworks_dw/ProspectiveBuyer.csv");
        let has_domain = |line: &str| line.split('|').nth(8).unwrap().split_once('@').unwrap().1.contains('.');
        let (good, bad): (Vec<_>, Vec<_>) = (1..).zip(prospects.lines()).partition(|(_, line)| has_domain(line));
        assert_eq!((good.len(), bad.len()), (1954, 105));

        let report = desk.import("ProspectiveBuyer.csv", PROSPECTS).await;

        report.expect(2, &[("created", 1954), ("rejected", 105)]);
        assert!(report.out.contains("105 × email: "), "{report:#?}");
        let leads = by_external_id(&manager).await;
        let expected: BTreeSet<_> = good.iter().map(|(_, line)| line.split('|').next().unwrap()).collect();
        assert_eq!(leads.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected);
        assert_eq!(leads["3"].name(), "Alfredo B Alvarez");
        assert_eq!(leads["1"].name(), "Adam Alexander", "an empty middle name leaves no gap");
        assert_every_phone_is_kept(&leads, 1954, &report);

        let rejected = desk.read("ProspectiveBuyer.csv.rejects.csv");
        for ((line, cells), row) in bad.iter().zip(rejected.lines().skip(1)) {
            assert!(row.starts_with(&format!("{cells}|{line}|email: ")), "{row}");
        }
        assert_eq!(rejects(&rejected, b'|').len(), 105);

        let again = desk.import("ProspectiveBuyer.csv", PROSPECTS).await;
        again.expect(2, &[("already taken", 1954), ("rejected", 105)]);
        assert_eq!(by_external_id(&manager).await, leads, "the second import changes nothing");
        assert_eq!(desk.read("ProspectiveBuyer.csv.rejects.csv"), rejected, "what was rejected stays so");

        let mended = rejected.replace("@consolidatedmessenger|", "@consolidatedmessenger.example|");
        desk.write("ProspectiveBuyer.csv.rejects.csv", &mended);
        desk.import("ProspectiveBuyer.csv.rejects.csv", PROSPECTS).await.expect(0, &[("created", 105)]);
        let leads = by_external_id(&manager).await;
        assert_eq!(leads.len(), 2059);
        for (line, cells) in &bad {
            let lead = &leads[cells.split('|').next().unwrap()];
            assert!(lead.email().ends_with("@consolidatedmessenger.example"));
            assert_eq!(lead.attributes["line"], line.to_string(), "the line in the original file");
        }
        assert_eq!(desk.read("ProspectiveBuyer.csv.rejects.csv"), mended, "an import leaves its own input alone");
    }

    /// Every kind of bad row keeps its line and gets its reasons, and stops no other.
    async fn bad_rows_are_rejected_with_their_line_and_reasons(t: TestServer) {
        let manager = t.manager("marta").await;
        let desk = Desk::of(&manager, &t);
        let rows: [&[u8]; 10] = [
            b"name,email,phone,country,next_contact_time,email_confirmed,remarks,",
            b"Ana,ana@example.com,+351 213 466 111,Portugal,2026-01-02,yes,,",
            b"Bo,bo@example.com,  ,dk,,,\"two\r\nlines\"",
            b"",
            b"Cid,cid@example.com,,Narnia,31/02/2026,maybe,",
            b"Dot,dot@example.com,,PT",
            b"\xc9va,eva@example.com,,PT,,,",
            b"Flo,flo@example.com,ask for Flo,PT,,,",
            b"Gus,gus@nowhere,,PT,,,",
            b"Ana again,ANA@example.com,,PT,,,",
        ];
        let file = rows.join(b"\r\n".as_slice());
        desk.write("people.csv", &file);

        let report = desk.import("people.csv", &[]).await;

        report.expect(2, &[("created", 3), ("skipped", 1), ("rejected", 4)]);
        let found = rejects(&desk.read("people.csv.rejects.csv"), b',');
        let reasons: BTreeMap<usize, &str> = found.iter().map(|(line, reason)| (*line, reason.as_str())).collect();
        assert_eq!(reasons.keys().copied().collect::<Vec<_>>(), [6, 7, 8, 10]);
        assert_eq!(
            reasons[&6],
            "country: \"Narnia\" is not a country; \
             next_contact_time: \"31/02/2026\" is not a time in a format that is expected; \
             email_confirmed: \"maybe\" is neither yes nor no"
        );
        assert_eq!(reasons[&7], "number of cells: 4 instead of 7");
        assert_eq!(reasons[&8], "column name: not UTF-8 text");
        assert!(reasons[&10].starts_with("email: "), "{}", reasons[&10]);
        let raw = desk.bytes("people.csv.rejects.csv");
        assert!(raw.windows(3).any(|bytes| bytes == b"\xc9va"), "cells stay as they were");

        let leads = manager.list_leads(LeadAction::View).await.unwrap();
        let named = |name: &str| leads.iter().find(|lead| lead.name() == name).unwrap();
        assert_eq!(named("Ana").next_contact_time.unwrap().seconds, 1_767_312_000);
        assert_eq!(named("Ana").email_confirmed, Some(true));
        assert_eq!((named("Ana").phone(), named("Ana").country()), ("+351213466111", "PT"));
        assert_eq!((named("Bo").phone.as_deref(), named("Bo").country()), (None, "DK"));
        assert_eq!(named("Flo").attributes["phone_as_written"], "ask for Flo");
        assert_eq!(report.rows("phones kept as written"), 1);

        let strict = desk.import("people.csv", &["--bad-phone=reject", "--rejects=strict.csv"]).await;
        strict.expect(2, &[("skipped", 3), ("rejected", 5)]);
        let strict = rejects(&desk.read("strict.csv"), b',');
        assert!(strict.contains(&(9, "phone: \"ask for Flo\" is not a phone number".to_owned())), "{strict:?}");
    }

    /// A rejects file that is mended in part holds, after its import, what is still to be mended.
    async fn rejects_are_worked_off_in_place(t: TestServer) {
        let manager = t.manager("marta").await;
        let desk = Desk::of(&manager, &t);
        desk.write("people.csv", "external_id,email\n1,ana@nowhere\n2,bo@example.com\n3,cid@nowhere\n");
        desk.import("people.csv", &[]).await.expect(2, &[("created", 1), ("rejected", 2)]);

        let rejected = desk.read("people.csv.rejects.csv");
        desk.write("people.csv.rejects.csv", rejected.replace("cid@nowhere", "cid@example.com"));
        desk.import("people.csv.rejects.csv", &[]).await.expect(2, &[("created", 1), ("rejected", 1)]);

        let left = desk.read("people.csv.rejects.csv");
        assert!(left.contains("1,ana@nowhere,2,"), "{left}");
        assert!(!left.contains("cid@"), "{left}");
        assert!(!desk.has("people.csv.rejects.csv.partial"));
    }

    /// Rows without anything unique are taken once, however often the command is given; other flags make another import.
    async fn the_same_import_takes_each_row_once(t: TestServer) {
        let manager = t.manager("marta").await;
        let desk = Desk::of(&manager, &t);
        desk.write("people.csv", "name,company\nAna,Sul\nAna,Sul\n");
        desk.import("people.csv", &[]).await.expect(0, &[("created", 2)]);
        desk.import("people.csv", &[]).await.expect(0, &[("already taken", 2)]);
        desk.import("./people.csv", &["--rejects=other.csv"]).await.expect(0, &[("already taken", 2)]);
        desk.import("people.csv", &["--set=country=PT"]).await.expect(0, &[("created", 2)]);
        desk.import("people.csv", &["--again"]).await.expect(0, &[("created", 2)]);
        desk.import("people.csv", &["--again"]).await.expect(0, &[("created", 2)]);

        desk.write("companies.csv", "short,long\nSul,Sul Lda\n");
        let translated = ["--map=name=company", "--translate=name=companies.csv:short:long"];
        desk.import("people.csv", &translated).await.expect(0, &[("created", 2)]);
        desk.import("people.csv", &translated).await.expect(0, &[("already taken", 2)]);
        desk.write("companies.csv", "short,long\nSul,Sul SA\n");
        desk.import("people.csv", &translated).await.expect(0, &[("created", 2)]);
        assert_eq!(manager.list_leads(LeadAction::View).await.unwrap().len(), 12);
    }

    /// What an earlier run was told of its rows stays in the rejects of the run that goes on.
    async fn an_import_that_goes_on_keeps_its_rejects(t: TestServer) {
        let manager = t.manager("marta").await;
        let desk = Desk::of(&manager, &t);
        let start = "name,email,country\nAna,ana@example.com,PT\nBo,bo@nowhere,PT\nCid,cid@example.com,Narnia\n";
        let rest = "Dot,dot@example.com,PT\nEva,eva@nowhere,PT\n";
        desk.write("people.csv", start);
        let flags = ["--import-id=spring"];
        desk.import("people.csv", &flags).await.expect(2, &[("created", 1), ("rejected", 2)]);

        desk.write("people.csv", format!("{start}{rest}"));
        let report = desk.import("people.csv", &flags).await;

        report.expect(2, &[("already taken", 1), ("created", 1), ("rejected", 3)]);
        let rejected = rejects(&desk.read("people.csv.rejects.csv"), b',');
        assert_eq!(rejected.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4, 6]);
        assert!(rejected[0].1.starts_with("email: ") && rejected[2].1.starts_with("email: "), "{rejected:?}");
        let report = desk.import("people.csv.rejects.csv", &flags).await;
        report.expect_failure(&["a rejects file that is replaced takes no --import-id"]);
    }

    /// What refused a row can be mended on the server's side, so rejects as they are get another chance.
    async fn rejects_are_looked_at_in_every_run(t: TestServer) {
        let manager = t.manager("marta").await;
        let desk = Desk::of(&manager, &t);
        for (file, name) in [("people.csv", "Ana"), ("others.csv", "Bo")] {
            desk.write(file, format!("name,assignee\n{name},rui@example.com\n"));
            desk.import(file, &[]).await.expect(2, &[("rejected", 1)]);
            desk.import(&format!("{file}.rejects.csv"), &[]).await.expect(2, &[("rejected", 1)]);
        }
        t.agent("Rui").await;
        desk.import("people.csv.rejects.csv", &[]).await.expect(0, &[("created", 1)]);
        desk.import("others.csv", &[]).await.expect(0, &[("created", 1)]);
        assert!(!desk.has("others.csv.rejects.csv"), "nothing is rejected any more");
        desk.import("others.csv", &[]).await.expect(0, &[("already taken", 1)]);
    }

    /// JSON lines go the same way as CSV; their rejects are CSV.
    async fn json_lines_are_imported_by_their_keys(t: TestServer) {
        let manager = t.manager("marta").await;
        let north = t.group("North", &[]).await;
        let desk = Desk::of(&manager, &t);
        let group_by_id = format!(r#"{{"external_id": "9", "group": "{north}"}}"#);
        let lines = [
            "\u{feff}{\"external_id\": 7, \"name\": \"Ana\", \"attributes\": {\"a\": \" 1\"}, \"remarks\": [1]}",
            "",
            r#"{"name": "Bo", "email": "bo@nowhere"}"#,
            r#"{"name": "Cid""#,
            r#"{"external_id": "8", "name": null, "email_confirmed": true, "attributes": {"n": 1}}"#,
            group_by_id.as_str(),
        ];
        desk.write("people.jsonl", lines.join("\r\n"));

        desk.import("people.jsonl", &[]).await.expect(2, &[("created", 2), ("rejected", 3)]);

        let leads = by_external_id(&manager).await;
        assert_eq!((leads["7"].name(), leads["7"].attributes["a"].as_str()), ("Ana", " 1"));
        assert_eq!(leads["9"].group_id(), north);
        let rejected = rejects(&desk.read("people.jsonl.rejects.csv"), b',');
        assert_eq!(rejected.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4, 5]);
        assert!(rejected[0].1.starts_with("email: "), "{rejected:?}");
        assert_eq!(rejected[1].1, "not a JSON object");
        assert_eq!(rejected[2].1, r#"attributes: "{\"n\":1}" is not a JSON object of texts"#);

        let mended = desk.read("people.jsonl.rejects.csv").replace("bo@nowhere", "bo@example.com");
        desk.write("people.jsonl.rejects.csv", mended.replace(r#"{""n"":1}"#, r#"{""n"":""1""}"#));
        desk.import("people.jsonl.rejects.csv", &[]).await.expect(2, &[("created", 2), ("rejected", 1)]);
        assert!(desk.read("people.jsonl.rejects.csv").contains("number of cells: 8 instead of 7"));

        desk.write("others", r#"{"first": "Eva", "last": "Sá", "mail": "eva@nowhere"}"#);
        let flags = ["--format=jsonl", "--map=name={first} {last}", "--map=email=mail"];
        desk.import("others", &flags).await.expect(2, &[("rejected", 1)]);
        let mended = desk.read("others.rejects.csv").replace("eva@nowhere", "eva@example.com");
        desk.write("others.rejects.csv", mended);
        desk.import("others.rejects.csv", &flags).await.expect(0, &[("created", 1)]);
        desk.write("nothing.jsonl", "\n");
        desk.import("nothing.jsonl", &[]).await.expect_failure(&["nothing tells who a lead is"]);
    }

    /// An existing lead is left, refused or changed, as the command says; a clean run removes the rejects of the one before.
    async fn an_existing_lead_is_skipped_rejected_or_updated(t: TestServer) {
        let manager = t.manager("marta").await;
        let north = t.group("North", &[]).await;
        let desk = Desk::of(&manager, &t);
        let flags = ["--delimiter=\\t", "--set=group=North"];
        desk.write("people.csv", "external_id\tname\tstage\n1\tAna\tNew\n2\tBo\tNew\n");
        desk.import("people.csv", &flags).await.expect(0, &[("created", 2)]);
        desk.write("people.csv", "external_id\tname\tstage\n1\tAna\tNew\n2\tBo\tContacted\n");
        let import = async |policy: &str| desk.import("people.csv", &[flags[0], flags[1], policy]).await;

        import("--on-duplicate=reject").await.expect(2, &[("rejected", 2)]);
        assert!(desk.has("people.csv.rejects.csv"));
        import("--on-duplicate=skip").await.expect(0, &[("skipped", 2)]);
        assert!(!desk.has("people.csv.rejects.csv"), "nothing is rejected any more");
        assert_eq!(by_external_id(&manager).await["2"].stage(), "New");
        import("--on-duplicate=update").await.expect(0, &[("updated", 1), ("unchanged", 1)]);

        let leads = by_external_id(&manager).await;
        assert_eq!((leads["1"].stage(), leads["2"].stage()), ("New", "Contacted"));
        assert!(leads.values().all(|lead| lead.group_id() == north));
    }

    /// Keys are chosen once for a file, so rows without the one that was chosen are told of.
    async fn rows_without_an_id_become_new_leads_unless_other_keys_are_given(t: TestServer) {
        let desk = Desk::of(&t.manager("marta").await, &t);
        let rows = "1,Ana,ana@example.com\n,Bo,bo@example.com\n,Cid,cid@example.com\n";
        desk.write("people.csv", format!("external_id,name,email\n{rows}"));
        let first = desk.import("people.csv", &[]).await;
        first.expect(0, &[("created", 3)]);
        let note = "note: line 3 has no external ID, and leads are recognised by that alone: such rows become new leads each \
                    time, unless --match external_id,email is given";
        assert!(first.err.contains(note), "{first:#?}");
        assert_eq!(first.err.matches("note:").count(), 1, "{first:#?}");

        let by_any = desk.import("people.csv", &["--again", "--match=external_id,email"]).await;
        by_any.expect(0, &[("skipped", 3)]);
        assert!(!by_any.err.contains("note:"), "{by_any:#?}");
        let by_id = desk.import("people.csv", &["--again"]).await;
        by_id.expect(0, &[("skipped", 1), ("created", 2)]);
        assert!(by_id.err.contains(note), "{by_id:#?}");
    }

    /// Faults of the command line are told all at once, the server's in a line; nothing is imported or overwritten.
    async fn an_import_that_cannot_start_says_why(t: TestServer) {
        let manager = t.manager("marta").await;
        let mut desk = Desk::of(&manager, &t);
        desk.write("people.csv", "Id,Full name,Id\n1,Ana,2\n");
        let faults = [
            "--map=email=Emial",
            "--map=nickname=Full name",
            "--map=external_id=Id",
            "--map=name={Full name",
            "--set=country=",
            "--translate=stage=nowhere.csv:a:b",
            "--match=phone",
            "--date-format=%Q",
        ];
        let report = desk.import("people.csv", &faults).await;
        report.expect_failure(&[
            "--map email=Emial: no column \"Emial\"",
            "--map nickname=Full name: no field \"nickname\"",
            "--map external_id=Id: several columns are called \"Id\", so give a number",
            "--map name={Full name: a { has no }",
            "--set country=: FIELD=VALUE is expected",
            "--translate stage=nowhere.csv:a:b: can't open nowhere.csv",
            "--match phone: phone is not mapped",
            "--date-format %Q: not a format",
            "columns: Id, Full name, Id",
            "fields: external_id, name, email,",
        ]);
        desk.import("people.csv", &[]).await.expect_failure(&["nothing tells who a lead is"]);
        desk.import("nowhere.csv", &[]).await.expect_failure(&["can't open nowhere.csv"]);

        let by_name = ["--map=name=Full name"];
        desk.write("notes.txt", "dear to somebody");
        let report = desk.import("people.csv", &[by_name[0], "--rejects=notes.txt"]).await;
        report.expect_failure(&["notes.txt is there and is not a rejects file"]);
        assert_eq!(desk.read("notes.txt"), "dear to somebody");

        desk.token = t.agent("ana").await.token;
        let report = desk.import("people.csv", &by_name).await;
        report.expect_failure(&["before any row was acknowledged", "PermissionDenied"]);
        desk.token = "lw_nobody".to_owned();
        let report = desk.import("people.csv", &by_name).await;
        report.expect_failure(&["before any row was acknowledged", "Unauthenticated"]);
        desk.server = SocketAddr::from(([127, 0, 0, 1], 1));
        desk.import("people.csv", &by_name).await.expect_failure(&["can't reach a server at http://127.0.0.1:1"]);
        assert!(manager.list_leads(LeadAction::View).await.unwrap().is_empty());
    }
}

/// The bank's 45,211 contacts, under a header that is longer than its rows. On SQLite alone, as so many rows take a debug
/// build a while; the other database takes their start below, by the same rules.
#[tokio::test(flavor = "multi_thread")]
async fn all_contacts_of_the_bank_are_imported_and_depositors_are_clients() {
    contacts_are_imported(Database::Sqlite, 45_211, 5_289).await;
}

/// The first 2,000 of them.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_contacts_of_the_bank_are_imported_and_depositors_are_clients() {
    contacts_are_imported(Database::Postgres, 2_000, 46).await;
}

async fn contacts_are_imported(database: Database, count: usize, clients: usize) {
    let t = TestServer::start(database).await;
    let manager = t.manager("marta").await;
    let desk = Desk::of(&manager, &t);
    let contacts = desk.fetch("uci_bank_marketing/bank-full.csv");
    let start: Vec<&str> = contacts.lines().take(1 + count).collect();
    desk.write("bank-full.csv", start.join("\n"));

    desk.import("bank-full.csv", CONTACTS).await.expect(0, &[("created", count)]);

    let leads = by_external_id(&manager).await;
    assert_eq!(leads.len(), count);
    assert_eq!(leads.values().filter(|lead| lead.kind() == LeadKind::Client).count(), clients);
    let columns: Vec<&str> = start[0].split(',').collect();
    for (line, row) in (1..).zip(&start).skip(1) {
        let cells: HashMap<&str, &str> = columns.iter().copied().zip(row.split(',')).collect();
        let lead = &leads[&format!("bank-{line}")];
        for name in ["age", "job", "balance", "poutcome"] {
            assert_eq!(lead.attributes[name], cells[name], "{name} of line {line}");
        }
        assert_eq!(lead.kind() == LeadKind::Client, cells["deposit"] == "yes", "line {line}");
        assert_eq!(lead.country(), "PT");
    }
    assert_eq!((leads["bank-2"].attributes["job"].as_str(), leads["bank-2"].kind()), ("management", LeadKind::Lead));
}
