//! Orders of hidden leads: each is the same answer as an order that never was, and no list says that it is there.

use leadward::proto::{ListOrdersRequest, ListOrdersResponse, Order, OrderStatus};

use super::{absent, clerk, headers, hidden_orders, list_orders};
use crate::support::{Caller, TestServer, answer, methods, on_both_databases};

/// The pages of a list, and how long the token of each is: tokens themselves differ from call to call.
async fn pages(caller: &Caller, mut request: ListOrdersRequest) -> Vec<(Vec<Order>, usize)> {
    let mut pages = Vec::new();
    loop {
        let page = list_orders(caller, request.clone()).await;
        pages.push((page.orders, page.next_page_token.len()));
        if page.next_page_token.is_empty() {
            return pages;
        }
        request.page_token = page.next_page_token;
    }
}

/// Lists of all that a caller sees, and of some leads.
fn requests(lead_ids: &[String]) -> Vec<ListOrdersRequest> {
    let mut requests = Vec::new();
    for lead_ids in [vec![], lead_ids.to_vec()] {
        let statuses: [&[OrderStatus]; 3] = [&[], &[OrderStatus::Partial], &[OrderStatus::Completed]];
        for statuses in statuses {
            for (page_size, most_recent_only) in [(1, false), (2, false), (0, false), (1, true), (0, true)] {
                let statuses = statuses.iter().map(|status| i32::from(*status)).collect();
                let (lead_ids, page_token) = (lead_ids.clone(), String::new());
                requests.push(ListOrdersRequest { lead_ids, statuses, most_recent_only, page_size, page_token });
            }
        }
    }
    requests
}

on_both_databases! {
    async fn an_order_of_a_hidden_lead_and_one_that_never_was_are_the_same_answer(t: TestServer) {
        let (clerk, ben) = (clerk(&t).await, t.agent("ben").await);
        let hidden = hidden_orders(&t, &clerk, &ben).await;
        let methods: Vec<_> = methods().into_iter().filter(|method| method.takes_order()).collect();
        assert!(methods.len() >= 2, "{} calls take an order", methods.len());
        for method in &methods {
            let own = clerk.place_order(&t.lead_of("own", &clerk).await.id, "N-8").await.unwrap();
            method.call_on_order(&clerk, &own.id, &own.etag).await.unwrap();
            let told = async |order_id: &str, etag: &str| {
                let status = method.call_on_order(&clerk, order_id, etag).await.unwrap_err();
                (answer(&status), headers(status.metadata()))
            };
            let expected = told(&absent(), "").await;
            for (lead, order) in &hidden {
                for etag in ["", "stale", &order.etag] {
                    let case = format!("{} on an order of a lead that is {}", method.name, lead.name());
                    assert_eq!(told(&order.id, etag).await, expected, "{case}");
                }
            }
        }
    }

    async fn a_list_of_orders_is_the_same_with_hidden_leads_as_with_absent_ones(t: TestServer) {
        let (clerk, ben) = (clerk(&t).await, t.agent("ben").await);
        let hidden = hidden_orders(&t, &clerk, &ben).await;
        for (lead, _) in &hidden {
            for request in requests(&[lead.id.clone()]).into_iter().filter(|request| !request.lead_ids.is_empty()) {
                let nobodys = ListOrdersRequest { lead_ids: vec![absent()], ..request.clone() };
                assert_eq!(list_orders(&clerk, nobodys).await, ListOrdersResponse::default());
                assert_eq!(list_orders(&clerk, request).await, ListOrdersResponse::default(), "{}", lead.name());
            }
        }
    }

    /// Between the orders in sight, and before the first of them, there are hidden ones: no page is shorter for it, and the
    /// last is known as such.
    async fn hidden_orders_change_nothing_of_any_page(t: TestServer) {
        let (admin, clerk, ben) = (t.admin(), clerk(&t).await, t.agent("ben").await);
        let (own, other) = (t.lead_of("own", &clerk).await, t.lead_of("other", &clerk).await);
        let (mut lead_ids, mut shown) = (vec![own.id.clone(), other.id.clone()], Vec::new());
        for number in ["N-1", "N-2", "N-3"] {
            for (lead, order) in hidden_of(&t, &ben, number).await {
                lead_ids.push(lead);
                admin.move_order(&order, OrderStatus::Completed).await.unwrap();
            }
            shown.insert(0, clerk.place_order(&own.id, number).await.unwrap());
            shown.insert(0, clerk.place_order(&other.id, number).await.unwrap());
        }
        let all = async || {
            let mut all = Vec::new();
            for request in requests(&lead_ids) {
                all.push(pages(&clerk, request).await);
            }
            all
        };
        let before = all().await;
        for pages in &before[..2] {
            assert_eq!(pages.iter().flat_map(|(orders, _)| orders.clone()).collect::<Vec<_>>(), shown);
        }
        assert_eq!((before[0].len(), before[1].len()), (6, 3), "every page is full");

        for lead_id in &lead_ids[2..] {
            admin.place_order(lead_id, "N-9").await.unwrap();
        }
        assert_eq!(all().await, before, "once there were more hidden orders");
        for lead_id in &lead_ids[2..] {
            admin.delete(lead_id).await.unwrap();
        }
        assert_eq!(all().await, before, "without the hidden leads");
    }
}

/// Two leads that only others reach, and an order of each.
async fn hidden_of(t: &TestServer, agent: &Caller, number: &str) -> [(String, String); 2] {
    let (pooled, assigned) = (t.lead("pooled").await, t.lead_of("another's", agent).await);
    let first = t.admin().place_order(&pooled.id, number).await.unwrap();
    let second = t.admin().place_order(&assigned.id, number).await.unwrap();
    [(pooled.id, first.id), (assigned.id, second.id)]
}
