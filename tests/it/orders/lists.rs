//! Lists of orders: filters, each lead's most recent one, and pages.

use leadward::proto::{ErrorReason, Lead, ListLeadsRequest, ListOrdersRequest, Order, OrderStatus};
use prost_types::Timestamp;
use uuid::Uuid;

use super::{STATUSES, all, create, list, made, move_to, order};
use crate::support::{TestServer, faults, on_both_databases, refused, seconds_from_now};

fn of(leads: &[&Lead], statuses: &[OrderStatus], most_recent_only: bool) -> ListOrdersRequest {
    ListOrdersRequest {
        lead_ids: leads.iter().map(|lead| lead.id.clone()).collect(),
        statuses: statuses.iter().map(|status| i32::from(*status)).collect(),
        most_recent_only,
        ..ListOrdersRequest::default()
    }
}

/// An order that was placed at some second.
fn placed(lead: &Lead, number: &str, second: i64) -> Order {
    let place_time = Some(Timestamp { seconds: 1_700_000_000 + second, nanos: 0 });
    Order { place_time, ..order(lead, number, OrderStatus::Partial) }
}

/// A lead's orders, all of them partial, in their order of creation.
async fn some_orders(t: &TestServer, lead: &Lead, how_many: usize) -> Vec<Order> {
    let mut orders = Vec::new();
    for number in 0..how_many {
        orders.push(made(&t.admin(), order(lead, &number.to_string(), OrderStatus::Partial)).await);
    }
    orders
}

on_both_databases! {
    async fn a_list_is_of_some_leads_and_in_some_statuses(t: TestServer) {
        use OrderStatus::{Cancelled, Completed, Partial, Refunded};
        let (admin, ana, eva) = (t.admin(), t.lead("Ana").await, t.lead("Eva").await);
        let mut orders = Vec::new();
        for (lead, status) in [(&ana, Partial), (&eva, Completed), (&ana, Cancelled), (&eva, Partial)] {
            orders.push(made(&admin, order(lead, status.as_str_name(), status)).await);
        }
        let [a1, e1, a2, e2] = <[Order; 4]>::try_from(orders).unwrap();
        let none: [Order; 0] = [];
        assert_eq!(all(&admin).await, [e2.clone(), a2.clone(), e1.clone(), a1.clone()]);
        assert_eq!(list(&admin, of(&[&ana], &[], false)).await, [a2.clone(), a1.clone()]);
        assert_eq!(list(&admin, of(&[&eva, &ana, &eva], &[], false)).await.len(), 4);
        assert_eq!(list(&admin, of(&[], &[Partial], false)).await, [e2.clone(), a1.clone()]);
        assert_eq!(list(&admin, of(&[], &STATUSES, false)).await.len(), 4);
        assert_eq!(list(&admin, of(&[&eva], &[Completed, Refunded, Completed], false)).await, [e1.clone()]);
        assert_eq!(list(&admin, of(&[&ana], &[Completed], false)).await, none);

        assert_eq!(list(&admin, of(&[], &[], true)).await, [e2.clone(), a2.clone()]);
        assert_eq!(list(&admin, of(&[&ana], &[], true)).await, [a2.clone()]);
        assert_eq!(list(&admin, of(&[], &[Partial], true)).await, [e2.clone()], "Ana's latest is cancelled");
        assert_eq!(list(&admin, of(&[&ana], &[Partial], true)).await, none);
        let moved = move_to(&admin, &e2.id, Completed).await.unwrap().order.unwrap();
        assert_eq!(list(&admin, of(&[], &[Partial], true)).await, none);
        assert_eq!(list(&admin, of(&[], &[Completed], true)).await, [moved]);
    }

    async fn the_latest_placed_is_the_most_recent_and_of_several_the_last_created(t: TestServer) {
        let (admin, ana, eva) = (t.admin(), t.lead("Ana").await, t.lead("Eva").await);
        made(&admin, placed(&ana, "second", 20)).await;
        made(&admin, placed(&ana, "latest", 30)).await;
        made(&admin, placed(&eva, "only", 40)).await;
        let latest = made(&admin, placed(&ana, "as late", 30)).await;
        made(&admin, placed(&ana, "first", 10)).await;
        assert_eq!(list(&admin, of(&[&ana], &[], true)).await, [latest.clone()]);
        let numbers = |orders: Vec<Order>| orders.into_iter().map(|order| order.number).collect::<Vec<_>>();
        assert_eq!(numbers(list(&admin, of(&[], &[], true)).await), ["as late", "only"]);
        assert_eq!(numbers(all(&admin).await), ["first", "as late", "only", "latest", "second"]);
    }

    /// Clocks differ a little.
    async fn an_order_placed_less_than_a_minute_ahead_is_the_most_recent(t: TestServer) {
        let (admin, ana) = (t.admin(), t.lead("Ana").await);
        let at = |number: &str, seconds| {
            Order { place_time: Some(seconds_from_now(seconds)), ..order(&ana, number, OrderStatus::Partial) }
        };
        let ahead = made(&admin, at("ahead", 30)).await;
        made(&admin, order(&ana, "now", OrderStatus::Partial)).await;
        let status = refused(create(&admin, at("too far", 90)).await, ErrorReason::InvalidArgument);
        assert_eq!(faults(&status), ["order.place_time"]);
        assert_eq!(list(&admin, of(&[&ana], &[], true)).await, [ahead]);
    }

    async fn pages_of_orders_concatenated_equal_the_unpaged_answer(t: TestServer) {
        let (admin, mia) = (t.admin(), t.manager("mia").await);
        let ana = t.agent("ana").await;
        let mut leads = Vec::new();
        for number in 0..5 {
            let lead = if number % 2 == 0 { t.lead_of("Ana's", &ana).await } else { t.lead("nobody's").await };
            let orders = some_orders(&t, &lead, number + 1).await;
            move_to(&admin, &orders[0].id, OrderStatus::Completed).await.unwrap();
            leads.push(lead);
        }
        let of_leads: [&[&Lead]; 2] = [&[], &[&leads[2], &leads[3]]];
        let in_statuses: [&[OrderStatus]; 2] = [&[], &[OrderStatus::Partial]];
        for (caller, seen) in [(&admin, 15), (&mia, 15), (&ana, 9)] {
            assert_eq!(all(caller).await.len(), seen, "{}", caller.name);
            for leads in of_leads {
                for statuses in in_statuses {
                    for most_recent_only in [false, true] {
                        let request = of(leads, statuses, most_recent_only);
                        let whole = list(caller, ListOrdersRequest { page_size: 1000, ..request.clone() }).await;
                        assert!(!whole.is_empty());
                        assert!(whole.is_sorted_by(|newer, older| newer.id > older.id), "newest first, each once");
                        for page_size in [1, 2, 3, 7, 0] {
                            let pages = list(caller, ListOrdersRequest { page_size, ..request.clone() }).await;
                            assert_eq!(pages, whole, "{} {request:?} by {page_size}", caller.name);
                        }
                    }
                }
            }
        }
    }

    async fn hidden_and_absent_leads_have_no_orders(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let (own, hidden) = (t.lead_of("own", &ana).await, t.lead_of("hidden", &ben).await);
        let absent = Lead { id: Uuid::now_v7().to_string(), ..Lead::default() };
        let mut seen = some_orders(&t, &own, 2).await;
        seen.reverse();
        some_orders(&t, &hidden, 2).await;
        for most_recent_only in [false, true] {
            let expected = if most_recent_only { &seen[..1] } else { &seen[..] };
            assert_eq!(list(&ana, of(&[&hidden, &own, &absent], &[], most_recent_only)).await, expected);
            for leads in [&[&hidden][..], &[&absent], &[&absent, &hidden]] {
                let request = ListOrdersRequest { page_size: 1, ..of(leads, &[], most_recent_only) };
                let page = ana.orders().list_orders(request).await.unwrap().into_inner();
                assert_eq!((page.orders, page.next_page_token.as_str()), (vec![], ""));
            }
        }
    }

    async fn the_scope_is_applied_afresh_on_every_page(t: TestServer) {
        let ana = t.agent("ana").await;
        let (lost, kept) = (t.lead_of("lost", &ana).await, t.lead_of("kept", &ana).await);
        some_orders(&t, &lost, 3).await;
        let kept = some_orders(&t, &kept, 1).await;
        let first = ListOrdersRequest { page_size: 1, ..ListOrdersRequest::default() };
        let page = ana.orders().list_orders(first.clone()).await.unwrap().into_inner();
        assert_eq!(page.orders, kept);
        t.admin().unassign(&lost.id).await.unwrap();

        let second = ListOrdersRequest { page_token: page.next_page_token, ..first };
        let page = ana.orders().list_orders(second).await.unwrap().into_inner();
        assert_eq!((page.orders, page.next_page_token.as_str()), (vec![], ""));
    }

    async fn a_page_token_is_good_for_its_caller_and_its_arguments_only(t: TestServer) {
        let (mia, max) = (t.manager("mia").await, t.manager("max").await);
        let lead = t.lead("Ana").await;
        some_orders(&t, &lead, 3).await;
        let first = ListOrdersRequest { page_size: 1, ..ListOrdersRequest::default() };
        let page_token = mia.orders().list_orders(first.clone()).await.unwrap().into_inner().next_page_token;
        let second = ListOrdersRequest { page_token: page_token.clone(), ..first };
        assert_eq!(mia.orders().list_orders(second.clone()).await.unwrap().into_inner().orders.len(), 1);

        refused(max.orders().list_orders(second.clone()).await, ErrorReason::InvalidPageToken);
        for other in [
            ListOrdersRequest { lead_ids: vec![lead.id.clone()], ..second.clone() },
            ListOrdersRequest { statuses: vec![OrderStatus::Partial.into()], ..second.clone() },
            ListOrdersRequest { most_recent_only: true, ..second },
        ] {
            refused(mia.orders().list_orders(other).await, ErrorReason::InvalidPageToken);
        }
        let elsewhere = ListLeadsRequest { page_size: 1, page_token, ..ListLeadsRequest::default() };
        refused(mia.leads().list_leads(elsewhere).await, ErrorReason::InvalidPageToken);
    }
}
