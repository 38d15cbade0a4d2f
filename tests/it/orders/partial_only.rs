//! For callers whose profile says PARTIAL_ONLY any other order doesn't exist.

use leadward::proto::{
    AccessLevel, ErrorReason, Lead, LeadHistoryKind, ListLeadHistoryRequest, ListOrdersRequest, Order, OrderStatus,
    OrderVisibility, Profile, Role, UpdateProfileRequest,
};
use prost_types::FieldMask;
use uuid::Uuid;

use super::{STATUSES, all, create, get, list, made, move_if, move_to, order};
use crate::support::{Caller, TestServer, answer, every_action, fact, on_both_databases, profile, refused};

/// An agent who sees partial orders only, and whose leads no order resolves.
async fn clerk(t: &TestServer) -> Caller {
    let clerks = Profile {
        permissions: every_action(AccessLevel::Individual),
        order_visibility: OrderVisibility::PartialOnly.into(),
        ..profile("clerk", Role::Agent)
    };
    t.create_profile(clerks).await;
    t.user("clara", "clerk").await
}

/// One order in each status, the latest placed first.
async fn one_of_each(t: &TestServer, lead: &Lead) -> Vec<Order> {
    let mut orders = Vec::new();
    for status in STATUSES {
        orders.insert(0, made(&t.admin(), order(lead, status.as_str_name(), status)).await);
    }
    orders
}

async fn assert_absent(caller: &Caller, order: &Order) {
    let never = Uuid::now_v7().to_string();
    let told = refused(get(caller, &order.id).await, ErrorReason::ResourceNotFound);
    let expected = refused(get(caller, &never).await, ErrorReason::ResourceNotFound);
    assert_eq!(answer(&told), answer(&expected));
    for etag in ["", &order.etag, "stale"] {
        for status in STATUSES {
            let told = refused(move_if(caller, &order.id, status, etag).await, ErrorReason::ResourceNotFound);
            let expected = refused(move_if(caller, &never, status, etag).await, ErrorReason::ResourceNotFound);
            assert_eq!(answer(&told), answer(&expected), "to {status:?}");
        }
    }
}

on_both_databases! {
    async fn only_partial_orders_are_there_in_any_call(t: TestServer) {
        let (admin, clara) = (t.admin(), clerk(&t).await);
        let lead = t.lead_of("Clara's", &clara).await;
        let orders = one_of_each(&t, &lead).await;
        let (partial, hidden): (Vec<_>, Vec<_>) =
            orders.iter().cloned().partition(|order| order.status() == OrderStatus::Partial);
        assert_eq!((partial.len(), hidden.len()), (1, 3));
        for order in &hidden {
            assert_absent(&clara, order).await;
        }
        assert_eq!(get(&clara, &partial[0].id).await.unwrap(), partial[0]);

        for lead_ids in [vec![], vec![lead.id.clone()]] {
            for most_recent_only in [false, true] {
                for page_size in [0, 1] {
                    let request = |statuses: &[OrderStatus]| ListOrdersRequest {
                        lead_ids: lead_ids.clone(),
                        statuses: statuses.iter().map(|status| i32::from(*status)).collect(),
                        most_recent_only,
                        page_size,
                        ..ListOrdersRequest::default()
                    };
                    assert_eq!(list(&clara, request(&[])).await, partial, "the partial one is the latest that is seen");
                    assert_eq!(list(&clara, request(&STATUSES)).await, partial);
                    assert_eq!(list(&clara, request(&[OrderStatus::Partial])).await, partial);
                    assert!(list(&clara, request(&STATUSES[1..])).await.is_empty());
                }
            }
        }
        assert_eq!(all(&admin).await, orders);
        let recent = ListOrdersRequest { most_recent_only: true, ..ListOrdersRequest::default() };
        assert_eq!(list(&admin, recent).await, orders[..1]);
    }

    async fn of_an_order_out_of_sight_only_that_its_number_is_taken_is_told(t: TestServer) {
        let (admin, clara) = (t.admin(), clerk(&t).await);
        let lead = t.lead_of("Clara's", &clara).await;
        let orders = one_of_each(&t, &lead).await;
        let mut told = Vec::new();
        for taken in &orders {
            for status in STATUSES {
                let again = create(&clara, order(&lead, &taken.number, status)).await;
                let refusal = refused(again, ErrorReason::DuplicateResource);
                assert_eq!(fact(&refusal, "field"), "number");
                told.push(answer(&refusal));
            }
        }
        told.dedup();
        assert_eq!(told.len(), 1, "the same of one that is seen and of those that are not: {told:?}");
        assert_eq!(all(&admin).await, orders);
    }

    async fn the_history_is_silent_about_orders(t: TestServer) {
        let clara = clerk(&t).await;
        let lead = t.lead_of("Clara's", &clara).await;
        let orders = one_of_each(&t, &lead).await;
        move_to(&t.admin(), &orders[3].id, OrderStatus::Cancelled).await.unwrap();
        let of_orders = [LeadHistoryKind::OrderCreated, LeadHistoryKind::OrderUpdated];
        let told = t.admin().history(&lead.id).await.unwrap();
        assert_eq!(told.iter().filter(|entry| of_orders.contains(&entry.kind())).count(), 5);

        let shown = clara.history(&lead.id).await.unwrap();
        let rest: Vec<_> = told.into_iter().filter(|entry| !of_orders.contains(&entry.kind())).collect();
        assert_eq!(shown, rest);
        let request = ListLeadHistoryRequest {
            lead_id: lead.id,
            kinds: of_orders.map(i32::from).to_vec(),
            ..ListLeadHistoryRequest::default()
        };
        let asked = clara.leads().list_lead_history(request).await.unwrap().into_inner();
        assert_eq!((asked.entries, asked.next_page_token.as_str()), (vec![], ""));
    }

    async fn an_order_that_is_moved_on_goes_out_of_sight(t: TestServer) {
        let (admin, clara) = (t.admin(), clerk(&t).await);
        let lead = t.lead_of("Clara's", &clara).await;
        for status in [OrderStatus::Completed, OrderStatus::Cancelled] {
            let stored = made(&clara, order(&lead, status.as_str_name(), OrderStatus::Partial)).await;
            let still = move_to(&clara, &stored.id, OrderStatus::Partial).await.unwrap();
            assert_eq!(still.order.as_ref(), Some(&stored));
            let answer = move_if(&clara, &stored.id, status, &stored.etag).await.unwrap();
            assert_eq!((answer.order, answer.lead_resolved), (None, false));
            assert_absent(&clara, &stored).await;
            assert_eq!(get(&admin, &stored.id).await.unwrap().status(), status);
        }
        assert!(all(&clara).await.is_empty());

        let unseen = create(&clara, order(&lead, "paid at once", OrderStatus::Completed)).await.unwrap();
        assert_eq!((unseen.order, unseen.lead_resolved), (None, false));
        let stored = &all(&admin).await[0];
        assert_eq!((stored.number.as_str(), stored.status()), ("paid at once", OrderStatus::Completed));
        assert_absent(&clara, stored).await;
    }

    async fn what_a_profile_says_holds_from_the_next_call(t: TestServer) {
        let (admin, clara) = (t.admin(), clerk(&t).await);
        let lead = t.lead_of("Clara's", &clara).await;
        let orders = one_of_each(&t, &lead).await;
        let profile_id = t.profile_id("clerk").await;
        for round in 0..3 {
            assert_eq!(all(&clara).await, orders[3..], "{round}");
            let visibilities = [(OrderVisibility::All, &orders[..]), (OrderVisibility::PartialOnly, &orders[3..])];
            for (visibility, seen) in visibilities {
                let profile =
                    Profile { id: profile_id.clone(), order_visibility: visibility.into(), ..Profile::default() };
                let update_mask = Some(FieldMask { paths: vec!["order_visibility".to_owned()] });
                let request = UpdateProfileRequest { profile: Some(profile), update_mask, ..Default::default() };
                admin.permissions().update_profile(request).await.unwrap();
                assert_eq!(all(&clara).await, seen, "{round} {visibility:?}");
                let paid = get(&clara, &orders[2].id).await;
                assert_eq!(paid.is_ok(), visibility == OrderVisibility::All, "{paid:?}");
            }
        }
    }
}
