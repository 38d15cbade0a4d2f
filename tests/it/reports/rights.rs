//! A report that is open while its reader's rights are cut shows nothing beyond the new ones from the next page on.

use leadward::access::Engine;
use leadward::proto::{
    AccessLevel, Capability, ErrorReason, GetAgentReportRequest, LeadAction, ListMyLeadsRequest,
    ListOrderDetailsRequest, OrderStatus, OrderVisibility, Profile, Role, RunAllLeadsReportRequest,
    RunAllLeadsReportResponse, UpdateProfileRequest, User,
};
use tonic::Status;

use super::{cells, in_columns, mask, order};
use crate::support::{
    Caller, RunningServer, TestServer, every_action, groups_permission, named, on_both_databases, permission, profile,
    refused,
};

async fn run(caller: &Caller, request: &RunAllLeadsReportRequest) -> Result<RunAllLeadsReportResponse, Status> {
    Ok(caller.reports().run_all_leads_report(request.clone()).await?.into_inner())
}

async fn move_to(t: &TestServer, user: &Caller, profile: &str) {
    let profile_id = Some(t.profile_id(profile).await);
    t.update_user(User { id: user.id.clone(), profile_id, ..User::default() }).await;
}

async fn three_leads_of(t: &TestServer, agent: &Caller) {
    for name in ["one", "two", "three"] {
        t.lead_of(name, agent).await;
    }
}

on_both_databases! {
    /// At a server that is told of no change, too: each page finds out by itself.
    async fn the_capability_is_asked_for_each_page(t: TestServer) {
        let deaf = Engine { listen: false, ..Engine::default() };
        let beside = RunningServer::start_with(t.database_url(), deaf).await;
        let mia = t.manager("mia").await;
        let there = mia.at_server(beside.addr());
        three_leads_of(&t, &mia).await;
        let mut request = RunAllLeadsReportRequest { page_size: 1, include_totals: true, ..in_columns(&["name"]) };
        let first = run(&there, &request).await.unwrap();
        assert_eq!(first.totals.map(|totals| totals.count), Some(3));
        for (page, name) in [(first.next_page_token, "two"), (String::new(), "three")] {
            request.page_token = page;
            run(&there, &request).await.unwrap();
            move_to(&t, &mia, "retention").await;
            refused(run(&there, &request).await, ErrorReason::CapabilityRequired);
            move_to(&t, &mia, "manager").await;
            assert_eq!(run(&there, &request).await.unwrap().rows.iter().flat_map(cells).collect::<Vec<_>>(), [name]);
        }
    }

    async fn what_is_seen_of_orders_is_asked_for_each_page(t: TestServer) {
        let scouts = Profile {
            capabilities: vec![Capability::ViewAllLeadsReport.into()],
            permissions: every_action(AccessLevel::Complete),
            ..profile("scouts", Role::Agent)
        };
        let scouts = t.create_profile(scouts).await;
        let kim = t.user("kim", "scouts").await;
        for name in ["one", "two"] {
            let lead = t.lead(name).await;
            order(&t, &lead.id, "N-1", OrderStatus::Completed, 10).await;
        }
        let columns = in_columns(&["name", "last_order_status"]);
        let mut request = RunAllLeadsReportRequest { page_size: 1, ..columns };
        let first = run(&kim, &request).await.unwrap();
        assert_eq!(cells(&first.rows[0]), ["two", "COMPLETED"]);
        let mut details = ListOrderDetailsRequest { page_size: 1, ..ListOrderDetailsRequest::default() };
        let orders = kim.reports().list_order_details(details.clone()).await.unwrap().into_inner();

        let narrower = Profile { id: scouts.id, order_visibility: OrderVisibility::PartialOnly.into(), ..Profile::default() };
        let narrower = UpdateProfileRequest { profile: Some(narrower), update_mask: mask(&["order_visibility"]), ..Default::default() };
        t.admin().permissions().update_profile(narrower).await.unwrap();
        request.page_token = first.next_page_token;
        assert_eq!(cells(&run(&kim, &request).await.unwrap().rows[0]), ["one", ""]);
        details.page_token = orders.next_page_token;
        assert!(!details.page_token.is_empty());
        let rest = kim.reports().list_order_details(details).await.unwrap().into_inner();
        assert!(rest.details.is_empty() && rest.next_page_token.is_empty());
    }

    async fn a_level_that_is_cut_cuts_ones_own_leads(t: TestServer) {
        let ana = t.agent("ana").await;
        three_leads_of(&t, &ana).await;
        let mut request = ListMyLeadsRequest { page_size: 1, ..ListMyLeadsRequest::default() };
        let first = ana.reports().list_my_leads(request.clone()).await.unwrap().into_inner();
        request.page_token = first.next_page_token;
        let second = ana.reports().list_my_leads(request.clone()).await.unwrap().into_inner();
        assert_eq!(second.leads[0].name, "two");
        t.admin().set_permission(&ana, permission(LeadAction::View, AccessLevel::None)).await.unwrap();
        let cut = ana.reports().list_my_leads(request).await.unwrap().into_inner();
        assert!(cut.leads.is_empty() && cut.next_page_token.is_empty());
    }

    async fn a_lead_that_is_moved_away_is_on_no_further_page(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let (oldest, taken) = (t.lead_of("oldest", &ana).await, t.lead_of("taken", &ana).await);
        let newest = t.lead_of("newest", &ana).await;
        let mut mine = ListMyLeadsRequest { page_size: 1, ..ListMyLeadsRequest::default() };
        let mut report = GetAgentReportRequest { page_size: 1, ..GetAgentReportRequest::default() };
        let leads = ana.reports().list_my_leads(mine.clone()).await.unwrap().into_inner();
        let of_ana = ana.reports().get_agent_report(report.clone()).await.unwrap().into_inner();
        assert_eq!((leads.leads[0].lead_id.as_str(), of_ana.leads[0].id.as_str()), (newest.id.as_str(), newest.id.as_str()));
        t.admin().assign(&taken.id, &ben).await.unwrap();
        mine.page_token = leads.next_page_token;
        report.page_token = of_ana.next_page_token;
        let leads = ana.reports().list_my_leads(mine).await.unwrap().into_inner();
        assert_eq!((leads.leads[0].lead_id.as_str(), leads.next_page_token.as_str()), (oldest.id.as_str(), ""));
        let of_ana = ana.reports().get_agent_report(report).await.unwrap().into_inner();
        assert_eq!((of_ana.leads[0].id.as_str(), of_ana.next_page_token.as_str()), (oldest.id.as_str(), ""));
    }

    async fn a_level_that_is_cut_cuts_the_report_of_another(t: TestServer) {
        let (mia, ana, north) = (t.manager("mia").await, t.agent("ana").await, t.group("north", &[]).await);
        let grouped = leadward::proto::Lead {
            group_id: Some(north.clone()),
            assignee_id: ana.id.clone(),
            ..named("grouped")
        };
        t.admin().create_lead(grouped).await.unwrap();
        three_leads_of(&t, &ana).await;
        let mut request =
            GetAgentReportRequest { user_id: ana.id.clone(), page_size: 2, ..GetAgentReportRequest::default() };
        let first = mia.reports().get_agent_report(request.clone()).await.unwrap().into_inner();
        assert_eq!((first.leads.len(), first.recent_entries.len()), (2, 4));
        t.admin().set_permission(&mia, groups_permission(LeadAction::View, &[&north])).await.unwrap();
        request.page_token = first.next_page_token;
        let rest = mia.reports().get_agent_report(request.clone()).await.unwrap().into_inner();
        let names: Vec<&str> = rest.leads.iter().map(|lead| lead.name()).collect();
        assert_eq!((names, rest.next_page_token.as_str()), (vec!["grouped"], ""));

        move_to(&t, &mia, "retention").await;
        refused(mia.reports().get_agent_report(request).await, ErrorReason::CapabilityRequired);
    }

    async fn a_level_that_is_cut_cuts_order_details(t: TestServer) {
        let (mia, ana) = (t.manager("mia").await, t.agent("ana").await);
        for (name, agent, second) in [("Mia's", &mia, 1), ("Ana's", &ana, 2), ("Ana's too", &ana, 3)] {
            let lead = t.lead_of(name, agent).await;
            order(&t, &lead.id, "N-1", OrderStatus::Partial, second).await;
        }
        let mut request = ListOrderDetailsRequest { page_size: 1, ..ListOrderDetailsRequest::default() };
        let first = mia.reports().list_order_details(request.clone()).await.unwrap().into_inner();
        assert_eq!(first.details[0].lead_name, "Ana's too");
        t.admin().set_permission(&mia, permission(LeadAction::View, AccessLevel::Individual)).await.unwrap();
        request.page_token = first.next_page_token;
        let rest = mia.reports().list_order_details(request).await.unwrap().into_inner();
        assert_eq!((rest.details.len(), rest.details[0].lead_name.as_str()), (1, "Mia's"));
        assert!(rest.next_page_token.is_empty());
    }
}
