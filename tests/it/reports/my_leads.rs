//! ListMyLeads: the caller's own leads, in short.

use leadward::proto::{
    AccessLevel, ErrorReason, GrantMode, ImportRow, Lead, LeadAction, LeadKind, LeadState, ListMyLeadsRequest, MyLead,
    OrderStatus, Profile, Report, Role, SavedView,
};

use super::{at, my_leads, order, save, user_with, view};
use crate::support::{Caller, TestServer, every_action, named, on_both_databases, permission, refused};

async fn names(caller: &Caller, request: ListMyLeadsRequest) -> Vec<String> {
    my_leads(caller, request).await.into_iter().map(|lead| lead.name).collect()
}

fn filtered(filter: &str) -> ListMyLeadsRequest {
    ListMyLeadsRequest { filter: filter.to_owned(), ..ListMyLeadsRequest::default() }
}

on_both_databases! {
    async fn the_list_says_what_is_needed_to_go_on_with_a_lead(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = Lead {
            country: Some("PT".to_owned()),
            stage: Some("Contacted".to_owned()),
            next_contact_time: at(1_800_000_000),
            assignee_id: ana.id.clone(),
            ..named("Bo")
        };
        let row = ImportRow { lead: Some(lead), register_time: at(1_700_000_000), ..ImportRow::default() };
        let lead_id = t.admin().import(vec![row]).await.unwrap().remove(0).lead_id;
        order(&t, &lead_id, "N-1", OrderStatus::Completed, 10).await;
        order(&t, &lead_id, "N-2", OrderStatus::Partial, 20).await;
        let bare = t.lead_of("bare", &ana).await;

        let expected = MyLead {
            lead_id: lead_id.clone(),
            name: "Bo".to_owned(),
            country: "PT".to_owned(),
            kind: LeadKind::Registration.into(),
            stage: "Contacted".to_owned(),
            next_contact_time: at(1_800_000_000),
            last_order_status: OrderStatus::Partial.into(),
            create_time: t.admin().get_lead(&lead_id).await.unwrap().create_time,
        };
        let short = MyLead {
            lead_id: bare.id,
            name: "bare".to_owned(),
            kind: LeadKind::Lead.into(),
            create_time: bare.create_time,
            ..MyLead::default()
        };
        assert_eq!(my_leads(&ana, ListMyLeadsRequest::default()).await, [short, expected]);
    }

    /// However far the caller's level reaches.
    async fn the_list_is_of_leads_that_are_assigned_to_the_caller(t: TestServer) {
        let (ana, mia, north) = (t.agent("ana").await, t.manager("mia").await, t.group("north", &[]).await);
        t.lead_of("Ana's", &ana).await;
        t.lead_of("Mia's", &mia).await;
        t.lead_in("the group's", &north).await;
        let granted = t.lead("granted").await;
        t.admin().grant(&granted.id, &ana, GrantMode::Full).await.unwrap();
        t.admin().discard(&t.lead_of("discarded", &ana).await.id).await.unwrap();
        t.admin().resolve(&t.lead_of("resolved", &ana).await.id).await.unwrap();

        let all = ListMyLeadsRequest::default;
        assert_eq!(names(&ana, all()).await, ["resolved", "Ana's"]);
        assert_eq!(names(&mia, all()).await, ["Mia's"]);
        assert!(names(&t.admin(), all()).await.is_empty());
        t.admin().set_permission(&ana, permission(LeadAction::View, AccessLevel::Complete)).await.unwrap();
        assert_eq!(names(&ana, all()).await, ["resolved", "Ana's"]);
        let discarded = ListMyLeadsRequest { states: vec![LeadState::Discarded.into()], ..all() };
        assert_eq!(names(&ana, discarded).await, ["discarded"]);
        assert_eq!(names(&ana, filtered("state = DISCARDED")).await, ["discarded"]);
        t.admin().set_permission(&ana, permission(LeadAction::View, AccessLevel::None)).await.unwrap();
        assert!(names(&ana, all()).await.is_empty());
        refused(t.anonymous().reports().list_my_leads(all()).await, ErrorReason::NotAuthenticated);
    }

    async fn filters_and_orders_narrow_it_page_by_page(t: TestServer) {
        let ana = t.agent("ana").await;
        for (name, seconds) in [("Ana", Some(30)), ("Bo", None), ("Cy", Some(10)), ("Di", Some(20))] {
            let next_contact_time = seconds.and_then(at);
            let lead = Lead { next_contact_time, assignee_id: ana.id.clone(), ..named(name) };
            t.admin().create_lead(lead).await.unwrap();
        }
        t.lead("Dian, nobody's").await;
        assert_eq!(names(&ana, filtered("name:\"i\"")).await, ["Di"]);
        assert!(names(&ana, filtered("NOT assignee:*")).await.is_empty());
        assert_eq!(names(&ana, filtered("name:\"A\" OR name:\"B\"")).await, ["Bo", "Ana"]);
        let order_by = "next_contact_time".to_owned();
        let soonest = ListMyLeadsRequest { order_by, ..filtered("") };
        for page_size in [1, 2, 3, 0] {
            let request = ListMyLeadsRequest { page_size, ..soonest.clone() };
            assert_eq!(names(&ana, request).await, ["Cy", "Di", "Ana", "Bo"], "by {page_size}");
        }
    }

    async fn a_view_of_ones_leads_is_run_by_its_id(t: TestServer) {
        let ana = t.agent("ana").await;
        for name in ["Ana", "Bo", "Cy"] {
            t.lead_of(name, &ana).await;
        }
        let arguments = (Some("NOT name = \"Bo\"".to_owned()), Some("name".to_owned()));
        let kept = SavedView { filter: arguments.0, order_by: arguments.1, ..view(Report::MyLeads, "not Bo") };
        let saved_view_id = save(&ana, kept).await.unwrap().id;
        let run = |filter: &str| ListMyLeadsRequest { saved_view_id: saved_view_id.clone(), ..filtered(filter) };
        assert_eq!(names(&ana, run("")).await, ["Ana", "Cy"]);
        assert_eq!(names(&ana, run("name = \"Bo\"")).await, ["Bo"], "the request's own filter takes its place");
    }

    async fn who_sees_partial_orders_alone_is_told_of_these(t: TestServer) {
        let like = Profile {
            permissions: every_action(AccessLevel::Individual),
            order_visibility: leadward::proto::OrderVisibility::PartialOnly.into(),
            ..Profile::default()
        };
        let kim = user_with(&t, "kim", Role::Agent, like).await;
        let lead = t.lead_of("Kim's", &kim).await;
        order(&t, &lead.id, "N-1", OrderStatus::Completed, 20).await;
        let status = async || my_leads(&kim, ListMyLeadsRequest::default()).await[0].last_order_status();
        assert_eq!(status().await, OrderStatus::Unspecified);
        assert!(names(&kim, filtered("last_order_status:*")).await.is_empty());
        order(&t, &lead.id, "N-2", OrderStatus::Partial, 10).await;
        assert_eq!(status().await, OrderStatus::Partial);
        assert_eq!(names(&kim, filtered("last_order_status = PARTIAL")).await, ["Kim's"]);
        assert!(names(&kim, filtered("last_order_status = COMPLETED")).await.is_empty());
    }
}
