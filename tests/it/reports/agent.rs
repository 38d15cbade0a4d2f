//! GetAgentReport: an agent's leads, and what happened last on them.

use leadward::proto::{
    AccessLevel, Capability, ErrorReason, GetAgentReportRequest, GetAgentReportResponse, Lead, LeadAction,
    LeadHistoryKind, LeadState, OrderStatus, OrderVisibility, Profile, Role,
};
use tonic::Status;
use uuid::Uuid;

use super::{order, user_with};
use crate::support::{
    Caller, TestServer, every_action, groups_permission, named, note, on_both_databases, permission, refused,
};

async fn report(caller: &Caller, of: &Caller) -> Result<GetAgentReportResponse, Status> {
    report_of(caller, &of.id).await
}

async fn report_of(caller: &Caller, user_id: &str) -> Result<GetAgentReportResponse, Status> {
    let request = GetAgentReportRequest { user_id: user_id.to_owned(), ..GetAgentReportRequest::default() };
    Ok(caller.reports().get_agent_report(request).await?.into_inner())
}

/// The texts of the notes among the entries, and the kinds of the others.
fn told(report: &GetAgentReportResponse) -> Vec<String> {
    let told = report.recent_entries.iter().map(|entry| match &entry.activity {
        Some(activity) => activity.text.clone(),
        None => entry.kind().as_str_name().trim_start_matches("LEAD_HISTORY_KIND_").to_owned(),
    });
    told.collect()
}

fn names(report: &GetAgentReportResponse) -> Vec<&str> {
    report.leads.iter().map(Lead::name).collect()
}

async fn write(caller: &Caller, lead: &Lead, text: &str) {
    caller.append(&lead.id, LeadHistoryKind::Note, note(text)).await.unwrap();
}

on_both_databases! {
    async fn the_ten_entries_are_the_most_recent_of_all_of_the_leads(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let mut leads = Vec::new();
        for name in ["one", "two", "three"] {
            leads.push(t.lead_of(name, &ana).await);
        }
        let bens = t.lead_of("Ben's", &ben).await;
        for round in 0..3 {
            for (lead, number) in leads.iter().zip(1..) {
                write(&ana, lead, &format!("{round}.{number}")).await;
            }
            write(&ben, &bens, "Ben's").await;
        }
        let mine = ana.reports().get_agent_report(GetAgentReportRequest::default()).await.unwrap().into_inner();
        assert_eq!(names(&mine), ["three", "two", "one"]);
        assert_eq!(told(&mine), ["2.3", "2.2", "2.1", "1.3", "1.2", "1.1", "0.3", "0.2", "0.1", "CREATED"]);
        assert!(mine.recent_entries.is_sorted_by(|newer, older| newer.id > older.id));
        assert_eq!(mine.recent_entries[9].lead_id, leads[2].id, "the last that was created");
        assert_eq!(mine, report(&ana, &ana).await.unwrap());
        for entry in &mine.recent_entries {
            assert!(ana.history(&entry.lead_id).await.unwrap().contains(entry));
        }

        for text in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"] {
            write(&ana, &leads[0], text).await;
        }
        assert_eq!(told(&report(&ana, &ana).await.unwrap()), ["k", "j", "i", "h", "g", "f", "e", "d", "c", "b"]);
        t.admin().assign(&leads[0].id, &ben).await.unwrap();
        assert_eq!(told(&report(&ana, &ana).await.unwrap())[..2], ["2.3", "2.2"], "what was told of a lead goes with it");
        assert_eq!(told(&report(&ben, &ben).await.unwrap())[..2], ["ASSIGNED", "k"]);
    }

    /// Entries are of all of the report's leads, on whatever page these are.
    async fn the_first_page_has_the_entries_and_every_page_its_leads(t: TestServer) {
        let ana = t.agent("ana").await;
        for name in ["one", "two", "three"] {
            let lead = t.lead_of(name, &ana).await;
            write(&ana, &lead, name).await;
        }
        let mut request = GetAgentReportRequest { page_size: 2, ..GetAgentReportRequest::default() };
        let first = ana.reports().get_agent_report(request.clone()).await.unwrap().into_inner();
        assert_eq!(names(&first), ["three", "two"]);
        assert_eq!(told(&first), ["three", "CREATED", "two", "CREATED", "one", "CREATED"]);
        request.page_token = first.next_page_token;
        let last = ana.reports().get_agent_report(request.clone()).await.unwrap().into_inner();
        assert_eq!((names(&last), told(&last), last.next_page_token.as_str()), (vec!["one"], vec![], ""));
        request.states = vec![LeadState::Active.into()];
        let other = ana.reports().get_agent_report(request).await;
        refused(other, ErrorReason::InvalidPageToken);
    }

    async fn states_are_of_leads_and_entries_alike(t: TestServer) {
        let ana = t.agent("ana").await;
        t.lead_of("active", &ana).await;
        t.admin().discard(&t.lead_of("discarded", &ana).await.id).await.unwrap();
        let in_states = async |states: &[LeadState]| {
            let states = states.iter().map(|state| i32::from(*state)).collect();
            let request = GetAgentReportRequest { states, ..GetAgentReportRequest::default() };
            let report = ana.reports().get_agent_report(request).await.unwrap().into_inner();
            (names(&report).join(" "), told(&report).join(" "))
        };
        assert_eq!(in_states(&[]).await, ("active".to_owned(), "CREATED".to_owned()));
        let discarded = ("discarded".to_owned(), "DISCARDED CREATED".to_owned());
        assert_eq!(in_states(&[LeadState::Discarded]).await, discarded);
        let both = ("discarded active".to_owned(), "DISCARDED CREATED CREATED".to_owned());
        assert_eq!(in_states(&[LeadState::Active, LeadState::Discarded]).await, both);
    }

    async fn a_report_of_nothing_is_empty(t: TestServer) {
        let ana = t.agent("ana").await;
        assert_eq!(report(&ana, &ana).await.unwrap(), GetAgentReportResponse::default());
    }

    /// By role, or by the capability for the report over all leads; whoever asks.
    async fn anothers_report_is_for_those_above_them(t: TestServer) {
        let (mia, max, ana, ben) =
            (t.manager("mia").await, t.manager("max").await, t.agent("ana").await, t.agent("ben").await);
        let viewing = Profile { permissions: every_action(AccessLevel::Complete), ..Profile::default() };
        let boss = user_with(&t, "boss", Role::Manager, viewing).await;
        let capabilities = vec![Capability::ViewAllLeadsReport.into()];
        let watcher = user_with(&t, "watcher", Role::Agent, Profile { capabilities, ..Profile::default() }).await;
        t.lead_of("Ana's", &ana).await;
        t.lead_of("Mia's", &mia).await;

        for caller in [&t.admin(), &mia, &max, &boss] {
            assert_eq!(names(&report(caller, &ana).await.unwrap()), ["Ana's"], "{}", caller.name);
        }
        for caller in [&t.admin(), &mia, &max] {
            assert_eq!(names(&report(caller, &mia).await.unwrap()), ["Mia's"], "{}", caller.name);
        }
        refused(report(&boss, &mia).await, ErrorReason::CapabilityRequired);
        refused(report(&ana, &ben).await, ErrorReason::CapabilityRequired);
        refused(report(&ben, &mia).await, ErrorReason::CapabilityRequired);
        assert!(report(&watcher, &mia).await.unwrap().leads.is_empty(), "who may view nothing sees nothing");

        let nobody = Uuid::now_v7().to_string();
        for caller in [&t.admin(), &boss, &watcher] {
            refused(report_of(caller, &nobody).await, ErrorReason::ResourceNotFound);
        }
        refused(report_of(&ben, &nobody).await, ErrorReason::CapabilityRequired);
        refused(report(&t.anonymous(), &ana).await, ErrorReason::NotAuthenticated);
    }

    async fn of_anothers_leads_only_those_in_view_are_shown(t: TestServer) {
        let (mia, ana, north) = (t.manager("mia").await, t.agent("ana").await, t.group("north", &[]).await);
        let level = groups_permission(LeadAction::View, &[&north]);
        t.admin().set_permission(&mia, level).await.unwrap();
        let shown = Lead { group_id: Some(north), assignee_id: ana.id.clone(), ..named("shown") };
        let shown = t.admin().create_lead(shown).await.unwrap();
        let hidden = t.lead_of("hidden", &ana).await;
        write(&ana, &shown, "seen").await;
        write(&ana, &hidden, "unseen").await;

        let of_ana = report(&mia, &ana).await.unwrap();
        assert_eq!((names(&of_ana), told(&of_ana)), (vec!["shown"], vec!["seen".to_owned(), "CREATED".to_owned()]));
        t.admin().delete(&hidden.id).await.unwrap();
        assert_eq!(report(&mia, &ana).await.unwrap(), of_ana, "byte for byte as without the hidden lead");
        t.admin().set_permission(&mia, permission(LeadAction::View, AccessLevel::None)).await.unwrap();
        assert_eq!(report(&mia, &ana).await.unwrap(), GetAgentReportResponse::default());
    }

    /// Entries of orders out of sight neither show nor take up room.
    async fn who_sees_partial_orders_alone_is_told_of_no_order(t: TestServer) {
        let like = Profile {
            permissions: every_action(AccessLevel::Individual),
            order_visibility: OrderVisibility::PartialOnly.into(),
            ..Profile::default()
        };
        let kim = user_with(&t, "kim", Role::Agent, like).await;
        let (quiet, loud) = (t.lead_of("quiet", &kim).await, t.lead_of("loud", &kim).await);
        write(&kim, &quiet, "a note").await;
        for number in 0..12 {
            order(&t, &loud.id, &format!("N-{number}"), OrderStatus::Completed, number).await;
        }
        assert_eq!(told(&report(&kim, &kim).await.unwrap()), ["a note", "CREATED", "CREATED"]);
        assert_eq!(told(&report(&t.admin(), &kim).await.unwrap()), ["ORDER_CREATED"; 10]);
    }
}
