//! `leadward report` as people run it in a pipe: as CSV, and as JSON lines.

use std::process::Stdio;

use leadward::proto::{
    AccessLevel, CreateSavedViewRequest, Lead, LeadAction, LeadHistoryKind, Report as Kind, SavedView,
};
use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::{
    import::desk::{Desk, Report, records},
    support::{Caller, TestServer, named, note, on_both_databases, permission},
};

const ALL_FOUR: [&str; 4] = ["all-leads", "my-leads", "agent", "orders"];

async fn report(desk: &Desk, arguments: &[&str]) -> Report {
    let mut command = desk.command(&[&["report"][..], arguments].concat());
    Report::of(spawn_blocking(move || command.output()).await.unwrap().unwrap())
}

/// What a report prints.
async fn printed(desk: &Desk, arguments: &[&str]) -> String {
    let report = report(desk, arguments).await;
    report.expect_success();
    report.out
}

async fn objects(desk: &Desk, arguments: &[&str]) -> Vec<Value> {
    let lines = printed(desk, &[arguments, &["--json"]].concat()).await;
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Ana and Cid in Portugal, who are an agent's; and between them Bo in Spain, who is nobody's.
async fn three_leads(t: &TestServer, agent: &Caller) -> [Lead; 3] {
    let lead = |name: &str, country: &str| Lead { country: Some(country.to_owned()), ..named(name) };
    let ana = Lead {
        email: Some("ana@example.org".to_owned()),
        assignee_id: agent.id.clone(),
        attributes: [("plan".to_owned(), "gold".to_owned())].into(),
        ..lead("Ana", "PT")
    };
    let cid = Lead { assignee_id: agent.id.clone(), ..lead("Cid", "PT") };
    let admin = t.admin();
    [
        admin.create_lead(ana).await.unwrap(),
        admin.create_lead(lead("Bo, Jr", "ES")).await.unwrap(),
        admin.create_lead(cid).await.unwrap(),
    ]
}

async fn save(caller: &Caller, view: SavedView) -> String {
    let request = CreateSavedViewRequest { saved_view: Some(view), ..CreateSavedViewRequest::default() };
    caller.reports().create_saved_view(request).await.unwrap().into_inner().saved_view.unwrap().id
}

/// A view by which leads in Portugal are looked at.
fn portugal(report: Kind) -> SavedView {
    SavedView {
        report: report.into(),
        name: Some("Portugal".to_owned()),
        filter: Some("country = \"PT\"".to_owned()),
        order_by: Some("name".to_owned()),
        ..SavedView::default()
    }
}

on_both_databases! {
    async fn leads_are_shown_in_the_columns_that_are_asked_for(t: TestServer) {
        let rui = t.agent("Rui").await;
        three_leads(&t, &rui).await;
        let desk = Desk::of(&t.manager("Marta").await, &t);
        let columns = "--columns=name, attributes.plan,attributes.\"size, in cm\",assignee,country";

        let csv = "name,attributes.plan,\"attributes.\"\"size, in cm\"\"\",assignee,country\n\
                   Cid,,,Rui,PT\n\"Bo, Jr\",,,,ES\nAna,gold,,Rui,PT\n";
        assert_eq!(printed(&desk, &["all-leads", columns]).await, csv);
        let json = "{\"name\":\"Cid\",\"assignee\":\"Rui\",\"country\":\"PT\"}\n\
                    {\"name\":\"Bo, Jr\",\"country\":\"ES\"}\n\
                    {\"name\":\"Ana\",\"attributes.plan\":\"gold\",\"assignee\":\"Rui\",\"country\":\"PT\"}\n";
        assert_eq!(printed(&desk, &["all-leads", columns, "--json"]).await, json);
        let twice = printed(&desk, &["all-leads", "--columns=country", "--columns=name", "--filter=name:\"ci\""]).await;
        assert_eq!(twice, "country,name\nPT,Cid\n");

        let fault = report(&desk, &["all-leads", "--columns=name,nickname"]).await;
        fault.expect_failure(&["InvalidArgument"]);
        report(&Desk::of(&rui, &t), &["all-leads"]).await.expect_failure(&["PermissionDenied"]);
    }

    /// Streams have what may be exported, and say so; pages have all.
    async fn a_limit_shows_some_and_a_stream_what_may_be_exported(t: TestServer) {
        three_leads(&t, &t.agent("Rui").await).await;
        let marta = t.manager("Marta").await;
        let desk = Desk::of(&marta, &t);
        let by_name = ["all-leads", "--columns=name", "--order-by=name"];
        let whole = "name\nAna\n\"Bo, Jr\"\nCid\n";

        let two = report(&desk, &[&by_name[..], &["--limit=2"]].concat()).await;
        two.expect_success();
        assert_eq!((two.out.as_str(), two.err.as_str()), ("name\nAna\n\"Bo, Jr\"\n", ""));
        let all: [&[&str]; 3] = [&[], &["--all"], &["--csv"]];
        for flags in all {
            let stream = report(&desk, &[&by_name[..], flags].concat()).await;
            stream.expect_success();
            assert_eq!(stream.out, whole, "{flags:?}");
            assert_eq!(stream.err.matches("may EXPORT").count(), 1, "{stream:#?}");
        }

        t.admin().set_permission(&marta, permission(LeadAction::Export, AccessLevel::Individual)).await.unwrap();
        let stream = report(&desk, &by_name).await;
        assert_eq!(stream.out, "name\n");
        assert!(stream.err.contains("may EXPORT"), "{stream:#?}");
        assert_eq!(printed(&desk, &[&by_name[..], &["--limit=9"]].concat()).await, whole);
        t.admin().set_permission(&marta, permission(LeadAction::Export, AccessLevel::None)).await.unwrap();
        report(&desk, &by_name).await.expect_failure(&["PermissionDenied", "EXPORT is not permitted"]);
        report(&desk, &["all-leads", "--all", "--limit=1"]).await.expect_failure(&["--all", "--limit"]);
    }

    async fn totals_say_whether_they_are_of_all(t: TestServer) {
        three_leads(&t, &t.agent("Rui").await).await;
        let desk = Desk::of(&t.manager("Marta").await, &t);
        let totals = printed(&desk, &["all-leads", "--totals"]).await;
        assert!(totals.starts_with("by,value,name,leads,capped\nall,,,3,false\nkind,LEAD,"), "{totals}");
        let by_country: Vec<_> = totals.lines().filter(|line| line.starts_with("country,")).collect();
        assert!(by_country[0].starts_with("country,PT,") && by_country[0].ends_with(",2,false"), "{totals}");
        assert!(by_country[1].starts_with("country,ES,") && by_country[1].ends_with(",1,false"), "{totals}");
        let of_two = printed(&desk, &["all-leads", "--totals", "--max-count=2"]).await;
        assert!(of_two.contains("\nall,,,2,true\n"), "{of_two}");
        let objects = objects(&desk, &["all-leads", "--totals", "--filter=country = ES"]).await;
        assert_eq!(objects[0], serde_json::json!({"by": "all", "leads": 1, "capped": false}));
        report(&desk, &["all-leads", "--totals", "--limit=1"]).await.expect_failure(&["--totals", "--limit"]);
    }

    async fn a_fault_of_a_filter_is_shown_where_it_is(t: TestServer) {
        let desk = Desk::of(&t.manager("Marta").await, &t);
        let filter = "--filter=country = PT AND contry = \"ES\"";
        let shown = format!("\n  country = PT AND contry = \"ES\"\n  {}^\n", " ".repeat(17));
        let ways: [&[&str]; 4] =
            [&["all-leads"], &["all-leads", "--limit=1"], &["all-leads", "--totals"], &["my-leads"]];
        for arguments in ways {
            let fault = report(&desk, &[arguments, &[filter]].concat()).await;
            fault.expect_failure(&["--filter: at byte 17: ", "did you mean `country`?", &shown]);
            assert_eq!(fault.out, "", "{arguments:?}");
        }
    }

    async fn a_saved_view_is_run_by_its_name_or_its_id(t: TestServer) {
        let (rui, marta) = (t.agent("Rui").await, t.manager("Marta").await);
        three_leads(&t, &rui).await;
        let columns = vec!["name".to_owned()];
        let id = save(&marta, SavedView { columns, ..portugal(Kind::AllLeads) }).await;
        save(&rui, portugal(Kind::MyLeads)).await;
        let desk = Desk::of(&marta, &t);
        for view in ["Portugal", "pORTUGAL", &id] {
            assert_eq!(printed(&desk, &["all-leads", "--view", view]).await, "name\nAna\nCid\n", "{view}");
            let own = ["all-leads", "--view", view, "--columns=country,name", "--order-by=name desc", "--limit=1"];
            assert_eq!(printed(&desk, &own).await, "country,name\nPT,Cid\n", "{view}");
        }
        report(&desk, &["all-leads", "--view=Spain"]).await.expect_failure(&["you see no view", "Spain"]);
        report(&desk, &["my-leads", "--view=Portugal"]).await.expect_failure(&["you see no view", "Portugal"]);
        let mine = records(&printed(&Desk::of(&rui, &t), &["my-leads", "--view=portugal"]).await);
        assert_eq!(mine.iter().map(|lead| lead["name"].as_str()).collect::<Vec<_>>(), ["Ana", "Cid"]);

        let of_admin = save(&t.admin(), portugal(Kind::AllLeads)).await;
        let desk = Desk::of(&t.admin(), &t);
        let several = report(&desk, &["all-leads", "--view=Portugal"]).await;
        several.expect_failure(&["several views are called Portugal", &id, &of_admin]);
    }

    async fn my_leads_are_those_that_are_assigned_to_me(t: TestServer) {
        let rui = t.agent("Rui").await;
        let [ana, _, cid] = three_leads(&t, &rui).await;
        t.admin().place_order(&ana.id, "N-1").await.unwrap();
        let desk = Desk::of(&rui, &t);
        let csv = printed(&desk, &["my-leads"]).await;
        let header = "lead_id,name,country,kind,stage,next_contact_time,last_order_status,create_time\n";
        assert!(csv.starts_with(header), "{csv}");
        let leads = records(&csv);
        assert_eq!(leads.iter().map(|lead| lead["lead_id"].as_str()).collect::<Vec<_>>(), [&cid.id, &ana.id]);
        assert_eq!((leads[0]["last_order_status"].as_str(), leads[1]["last_order_status"].as_str()), ("", "PARTIAL"));

        let json = objects(&desk, &["my-leads", "--filter=name:\"AN\"", "--order-by=name", "--all"]).await;
        assert_eq!(json.len(), 1);
        assert_eq!((&json[0]["name"], &json[0]["kind"]), (&Value::from("Ana"), &Value::from("LEAD")));
        assert_eq!(json[0].get("stage"), None);
        assert_eq!(objects(&desk, &["my-leads", "--limit=1"]).await.len(), 1);
    }

    /// One's own by any name; others' by e-mail too, for those who may read the directory.
    async fn an_agent_is_named_by_id_or_by_e_mail(t: TestServer) {
        let (rui, marta) = (t.agent("Rui").await, t.manager("Marta").await);
        let [ana, _, cid] = three_leads(&t, &rui).await;
        rui.append(&ana.id, LeadHistoryKind::Note, note("called")).await.unwrap();
        let (own, managers) = (Desk::of(&rui, &t), Desk::of(&marta, &t));
        let named: [(&Desk, &[&str]); 4] = [
            (&own, &["agent"]),
            (&own, &["agent", "RUI@example.com"]),
            (&managers, &["agent", "rui@Example.com"]),
            (&managers, &["agent", &rui.id]),
        ];
        for (desk, arguments) in named {
            let leads = records(&printed(desk, arguments).await);
            let ids: Vec<_> = leads.iter().map(|lead| lead["lead_id"].as_str()).collect();
            assert_eq!(ids, [&cid.id, &ana.id], "{arguments:?}");
        }
        assert_eq!(objects(&managers, &["agent", &rui.id, "--limit=1"]).await.len(), 1);

        let recent = printed(&managers, &["agent", "rui@example.com", "--recent"]).await;
        assert!(recent.starts_with("time,lead_id,lead_name,kind,actor_id,what\n"), "{recent}");
        let entries = records(&recent);
        let latest = ["lead_id", "lead_name", "kind", "actor_id", "what"].map(|column| entries[0][column].as_str());
        assert_eq!(latest, [ana.id.as_str(), "Ana", "NOTE", rui.id.as_str(), "called"]);
        let entries = objects(&own, &["agent", "--recent"]).await;
        assert_eq!((&entries[0]["what"], &entries[1]["lead_name"]), (&Value::from("called"), &Value::from("Cid")));

        report(&managers, &["agent", "nobody@example.com"]).await.expect_failure(&["nobody has the e-mail"]);
        report(&own, &["agent", "marta@example.com"]).await.expect_failure(&["can't look up marta@example.com"]);
        report(&own, &["agent", "--recent", "--limit=1"]).await.expect_failure(&["--recent", "--limit"]);
    }

    async fn orders_stand_beside_their_leads(t: TestServer) {
        let rui = t.agent("Rui").await;
        let [ana, bo, _] = three_leads(&t, &rui).await;
        let order = t.admin().place_order(&ana.id, "N-1").await.unwrap();
        t.admin().place_order(&bo.id, "N-2").await.unwrap();
        let desk = Desk::of(&t.manager("Marta").await, &t);
        let header = "order_id,number,status,amount,currency,place_time,lead_id,lead_name,lead_email,lead_phone,\
                      lead_country,lead_stage";

        let csv = printed(&desk, &["orders", "--agent", "--assigned"]).await;
        assert!(csv.starts_with(&format!("{header},assignee_id,assignee\n{},N-1,PARTIAL,1,EUR,", order.id)), "{csv}");
        let after = format!(",{},Ana,ana@example.org,,PT,,{},Rui\n", ana.id, rui.id);
        assert!(csv.ends_with(&after) && csv.lines().count() == 2, "{csv}");
        let json = objects(&desk, &["orders", "--unassigned"]).await;
        assert_eq!(json.len(), 1);
        for (column, text) in [("number", "N-2"), ("amount", "1"), ("currency", "EUR"), ("lead_name", "Bo, Jr")] {
            assert_eq!(json[0][column], text, "{column}");
        }
        assert_eq!(json[0].get("lead_email"), None);

        let nothing = format!("{header}\n");
        for flag in ["--currency=USD", "--status=COMPLETED", "--until=2020-01-01"] {
            assert_eq!(printed(&desk, &["orders", flag]).await, nothing, "{flag}");
        }
        assert_eq!(objects(&desk, &["orders", "--status=PARTIAL", "--from=2020-01-01"]).await.len(), 2);
        assert_eq!(objects(&desk, &["orders", "--limit=1"]).await.len(), 1);
    }

    /// As `leadward report | head` does.
    async fn a_reader_that_goes_away_is_no_failure(t: TestServer) {
        let desk = Desk::of(&t.manager("Marta").await, &t);
        for name in ALL_FOUR {
            let mut command = desk.command(&["report", name]);
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            drop(child.stdout.take());
            let report = Report::of(spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap());
            report.expect_success();
            assert_eq!(report.err, "", "{name}");
        }
    }
}
