//! ListOrderDetails: orders beside their leads.

use leadward::proto::{
    AccessLevel, CreateOrderRequest, ErrorReason, GrantMode, Lead, LeadAction, ListOrderDetailsRequest, Money, Order,
    OrderDetail, OrderStatus, OrderVisibility, Profile, Role,
};

use super::{at, order, order_details, user_with};
use crate::support::{
    Caller, TestServer, every_action, groups_permission, named, on_both_databases, permission, refused,
};

async fn numbers(caller: &Caller, request: ListOrderDetailsRequest) -> Vec<String> {
    order_details(caller, request).await.into_iter().map(|detail| detail.order.unwrap().number).collect()
}

fn all() -> ListOrderDetailsRequest {
    ListOrderDetailsRequest::default()
}

on_both_databases! {
    async fn an_order_stands_beside_its_lead(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = Lead {
            email: Some("bo@example.com".to_owned()),
            phone: Some("+351213466111".to_owned()),
            country: Some("PT".to_owned()),
            stage: Some("New".to_owned()),
            assignee_id: ana.id.clone(),
            ..named("Bo")
        };
        let lead = t.admin().create_lead(lead).await.unwrap();
        let first = order(&t, &lead.id, "N-1", OrderStatus::Partial, 10).await;
        let nobodys = t.lead("nobody's").await;
        let second = order(&t, &nobodys.id, "N-2", OrderStatus::Completed, 20).await;

        let of_bo = OrderDetail {
            order: Some(first),
            lead_name: "Bo".to_owned(),
            lead_email: "bo@example.com".to_owned(),
            lead_phone: "+351213466111".to_owned(),
            lead_country: "PT".to_owned(),
            lead_stage: "New".to_owned(),
            ..OrderDetail::default()
        };
        let bare = OrderDetail { order: Some(second), lead_name: "nobody's".to_owned(), ..OrderDetail::default() };
        assert_eq!(order_details(&t.admin(), all()).await, [bare.clone(), of_bo.clone()]);
        let of_ana = OrderDetail { assignee_id: ana.id.clone(), assignee_name: "ana".to_owned(), ..of_bo };
        let with_agents = ListOrderDetailsRequest { include_agent: true, ..all() };
        assert_eq!(order_details(&t.admin(), with_agents.clone()).await, [bare, of_ana.clone()]);
        assert_eq!(order_details(&ana, with_agents).await, [of_ana]);
    }

    /// Whom leads are assigned to shows by ID; names are the directory's.
    async fn assignees_are_named_to_those_who_may_know_them(t: TestServer) {
        let (ana, ben, mia) = (t.agent("ana").await, t.agent("ben").await, t.manager("mia").await);
        t.admin().set_permission(&ana, permission(LeadAction::View, AccessLevel::Complete)).await.unwrap();
        for (agent, second) in [(&ana, 1), (&ben, 2)] {
            let lead = t.lead_of("lead", agent).await;
            order(&t, &lead.id, "N-1", OrderStatus::Partial, second).await;
        }
        let told = async |caller: &Caller| -> Vec<(String, String)> {
            let request = ListOrderDetailsRequest { include_agent: true, ..all() };
            let details = order_details(caller, request).await;
            details.into_iter().map(|detail| (detail.assignee_id, detail.assignee_name)).collect()
        };
        let named = |agent: &Caller, name: &str| (agent.id.clone(), name.to_owned());
        for caller in [&t.admin(), &mia] {
            assert_eq!(told(caller).await, [named(&ben, "ben"), named(&ana, "ana")], "{}", caller.name);
        }
        assert_eq!(told(&ana).await, [named(&ben, ""), named(&ana, "ana")]);
        assert_eq!(told(&ben).await, [named(&ben, "ben")]);
    }

    async fn the_latest_placed_come_first_and_of_several_the_last_created(t: TestServer) {
        let (ana, eva) = (t.lead("Ana").await, t.lead("Eva").await);
        for (lead, number, second) in
            [(&ana, "d", 40), (&eva, "a", 10), (&ana, "b", 20), (&eva, "e", 40), (&ana, "c", 30), (&ana, "f", 40)]
        {
            order(&t, &lead.id, number, OrderStatus::Partial, second).await;
        }
        for page_size in [1, 2, 3, 5, 0] {
            let request = ListOrderDetailsRequest { page_size, ..all() };
            assert_eq!(numbers(&t.admin(), request).await, ["f", "e", "d", "c", "b", "a"], "by {page_size}");
        }
    }

    async fn filters_narrow_the_list(t: TestServer) {
        use OrderStatus::{Cancelled, Completed, Partial};
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let (assigned, pooled) = (t.lead_of("assigned", &ana).await, t.lead("pooled").await);
        for (lead, number, status, second) in [
            (&assigned, "1", Partial, 10),
            (&pooled, "2", Completed, 20),
            (&assigned, "3", Cancelled, 30),
            (&pooled, "4", Partial, 40),
        ] {
            order(&t, &lead.id, number, status, second).await;
        }
        let dollars = Order {
            lead_id: pooled.id.clone(),
            number: "5".to_owned(),
            status: Partial.into(),
            amount: Some(Money { currency_code: "USD".to_owned(), units: 1, nanos: 0 }),
            place_time: at(1_700_000_050),
            ..Order::default()
        };
        admin.orders().create_order(CreateOrderRequest { order: Some(dollars), ..Default::default() }).await.unwrap();

        let in_statuses = |statuses: &[OrderStatus]| ListOrderDetailsRequest {
            statuses: statuses.iter().map(|status| i32::from(*status)).collect(),
            ..all()
        };
        assert_eq!(numbers(&admin, in_statuses(&[Partial])).await, ["5", "4", "1"]);
        assert_eq!(numbers(&admin, in_statuses(&[Cancelled, Completed])).await, ["3", "2"]);
        let in_currency = |code: &str| ListOrderDetailsRequest { currency_code: code.to_owned(), ..all() };
        assert_eq!(numbers(&admin, in_currency("USD")).await, ["5"]);
        assert_eq!(numbers(&admin, in_currency("EUR")).await, ["4", "3", "2", "1"]);
        assert!(numbers(&admin, in_currency("CHF")).await.is_empty());
        let whose = |assigned: bool| ListOrderDetailsRequest { assigned: Some(assigned), ..all() };
        assert_eq!(numbers(&admin, whose(true)).await, ["3", "1"]);
        assert_eq!(numbers(&admin, whose(false)).await, ["5", "4", "2"]);
        let between = |from: Option<i64>, to: Option<i64>| ListOrderDetailsRequest {
            min_place_time: from.and_then(|second| at(1_700_000_000 + second)),
            max_place_time: to.and_then(|second| at(1_700_000_000 + second)),
            ..all()
        };
        assert_eq!(numbers(&admin, between(Some(20), Some(40))).await, ["3", "2"], "from, and up to");
        assert_eq!(numbers(&admin, between(Some(40), None)).await, ["5", "4"]);
        assert_eq!(numbers(&admin, between(None, Some(20))).await, ["1"]);
        let all_of_it = ListOrderDetailsRequest {
            assigned: Some(false),
            currency_code: "EUR".to_owned(),
            statuses: vec![Partial.into()],
            ..between(Some(0), Some(100))
        };
        assert_eq!(numbers(&admin, all_of_it).await, ["4"]);
    }

    async fn the_list_is_of_leads_in_view(t: TestServer) {
        let (ana, mia, north) = (t.agent("ana").await, t.manager("mia").await, t.group("north", &[]).await);
        let own = t.lead_of("own", &ana).await;
        let (grouped, granted, pooled) = (t.lead_in("grouped", &north).await, t.lead("granted").await, t.lead("pooled").await);
        t.admin().grant(&granted.id, &ana, GrantMode::ViewOnly).await.unwrap();
        for (lead, second) in [(&own, 1), (&grouped, 2), (&granted, 3), (&pooled, 4)] {
            order(&t, &lead.id, lead.name(), OrderStatus::Partial, second).await;
        }
        let groups = groups_permission(LeadAction::View, &[&north]);
        for (level, expected) in [
            (permission(LeadAction::View, AccessLevel::Individual), vec!["granted", "own"]),
            (groups, vec!["granted", "grouped", "own"]),
            (permission(LeadAction::View, AccessLevel::Complete), vec!["pooled", "granted", "grouped", "own"]),
            (permission(LeadAction::View, AccessLevel::None), vec![]),
        ] {
            t.admin().set_permission(&ana, level).await.unwrap();
            for page_size in [1, 3, 0] {
                let request = ListOrderDetailsRequest { page_size, ..all() };
                assert_eq!(numbers(&ana, request).await, expected, "by {page_size}");
            }
        }
        assert_eq!(numbers(&mia, all()).await.len(), 4);
        t.admin().revoke(&own.id, &mia).await.unwrap();
        assert_eq!(numbers(&mia, all()).await, ["pooled", "granted", "grouped"]);
        refused(t.anonymous().reports().list_order_details(all()).await, ErrorReason::NotAuthenticated);
    }

    async fn who_sees_partial_orders_alone_sees_no_others(t: TestServer) {
        let like = Profile {
            permissions: every_action(AccessLevel::Complete),
            order_visibility: OrderVisibility::PartialOnly.into(),
            ..Profile::default()
        };
        let kim = user_with(&t, "kim", Role::Agent, like).await;
        let lead = t.lead("lead").await;
        for (number, status) in
            [OrderStatus::Partial, OrderStatus::Completed, OrderStatus::Cancelled, OrderStatus::Refunded].iter().enumerate()
        {
            order(&t, &lead.id, status.as_str_name(), *status, i64::try_from(number).unwrap()).await;
        }
        assert_eq!(numbers(&kim, all()).await, ["ORDER_STATUS_PARTIAL"]);
        assert_eq!(numbers(&kim, ListOrderDetailsRequest { page_size: 1, ..all() }).await.len(), 1);
        let completed = ListOrderDetailsRequest { statuses: vec![OrderStatus::Completed.into()], ..all() };
        assert!(numbers(&kim, completed).await.is_empty());
        assert_eq!(numbers(&t.admin(), all()).await.len(), 4);
    }

    async fn a_page_token_is_good_for_its_list_only(t: TestServer) {
        let (mia, max) = (t.manager("mia").await, t.manager("max").await);
        let lead = t.lead("lead").await;
        for second in 1..=3 {
            order(&t, &lead.id, &second.to_string(), OrderStatus::Partial, second).await;
        }
        let first = ListOrderDetailsRequest { page_size: 1, ..all() };
        let page_token = mia.reports().list_order_details(first).await.unwrap().into_inner().next_page_token;
        let next = |request: ListOrderDetailsRequest| ListOrderDetailsRequest { page_token: page_token.clone(), ..request };
        let with_agents = next(ListOrderDetailsRequest { include_agent: true, ..all() });
        assert_eq!(numbers(&mia, with_agents).await, ["2", "1"]);
        for (caller, request) in [
            (&max, all()),
            (&mia, ListOrderDetailsRequest { assigned: Some(false), ..all() }),
            (&mia, ListOrderDetailsRequest { currency_code: "EUR".to_owned(), ..all() }),
            (&mia, ListOrderDetailsRequest { min_place_time: at(1), ..all() }),
        ] {
            let answer = caller.reports().list_order_details(next(request)).await;
            refused(answer, ErrorReason::InvalidPageToken);
        }
    }
}
