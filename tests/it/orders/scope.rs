//! Whoever doesn't reach a lead can't tell its orders from those that never were.

use leadward::proto::{AccessLevel, ErrorReason, GrantMode, Lead, LeadAction, OrderStatus};
use uuid::Uuid;

use super::{all, create, get, made, move_if, move_to, order};
use crate::support::{Caller, TestServer, answer, fact, groups_permission, on_both_databases, permission, refused};

/// Expects that neither the order nor its lead is there for a caller.
async fn assert_absent(caller: &Caller, lead: &Lead, order_id: &str, etag: &str) {
    let never = Uuid::now_v7().to_string();
    let expected = refused(get(caller, &never).await, ErrorReason::ResourceNotFound);
    let told = refused(get(caller, order_id).await, ErrorReason::ResourceNotFound);
    assert_eq!(answer(&told), answer(&expected), "GetOrder on {}", lead.name());
    for etag in ["", etag, "stale"] {
        for status in [OrderStatus::Partial, OrderStatus::Completed, OrderStatus::Refunded] {
            let expected = refused(move_if(caller, &never, status, etag).await, ErrorReason::ResourceNotFound);
            let told = refused(move_if(caller, order_id, status, etag).await, ErrorReason::ResourceNotFound);
            assert_eq!(answer(&told), answer(&expected), "UpdateOrderStatus on {}", lead.name());
        }
    }
    for number in ["N-7", "N-8"] {
        let nobodys = Lead { id: never.clone(), ..Lead::default() };
        let expected = create(caller, order(&nobodys, number, OrderStatus::Partial)).await;
        let told = create(caller, order(lead, number, OrderStatus::Partial)).await;
        let expected = refused(expected, ErrorReason::LeadNotFound);
        let told = refused(told, ErrorReason::LeadNotFound);
        assert_eq!(answer(&told), answer(&expected), "CreateOrder on {}", lead.name());
    }
    assert!(all(caller).await.iter().all(|seen| seen.id != order_id && seen.lead_id != lead.id));
}

/// Expects that a caller sees an order and may change nothing of its lead.
async fn assert_view_only(caller: &Caller, lead: &Lead, order_id: &str) {
    get(caller, order_id).await.unwrap();
    assert!(all(caller).await.iter().any(|seen| seen.id == order_id));
    let created = create(caller, order(lead, "more", OrderStatus::Partial)).await;
    let moved = move_to(caller, order_id, OrderStatus::Cancelled).await;
    // What may not be done is not done, whatever the etag or the step.
    let stale = move_if(caller, order_id, OrderStatus::Partial, "stale").await;
    for status in [
        refused(created, ErrorReason::ActionNotPermitted),
        refused(moved, ErrorReason::ActionNotPermitted),
        refused(stale, ErrorReason::ActionNotPermitted),
    ] {
        assert_eq!(fact(&status, "action"), "EDIT");
    }
}

on_both_databases! {
    async fn an_order_of_a_hidden_lead_and_one_that_never_was_are_the_same_answer(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let (pooled, foreign) = (t.lead("pooled").await, t.lead_of("foreign", &ben).await);
        let (lost, deleted) = (t.lead_of("lost", &ana).await, t.lead_of("deleted", &ana).await);
        let mut orders = Vec::new();
        for lead in [&pooled, &foreign, &lost, &deleted] {
            orders.push((lead, made(&admin, order(lead, "N-7", OrderStatus::Partial)).await));
        }
        admin.unassign(&lost.id).await.unwrap();
        admin.delete(&deleted.id).await.unwrap();
        for (lead, order) in &orders {
            assert_absent(&ana, lead, &order.id, &order.etag).await;
        }
        assert_eq!(get(&ben, &orders[1].1.id).await.unwrap(), orders[1].1);
        assert_eq!(all(&ben).await, [orders[1].1.clone()]);
    }

    async fn a_grant_gives_the_orders_and_a_full_one_lets_change_them(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let lead = t.lead("granted").await;
        let stored = made(&admin, order(&lead, "N-7", OrderStatus::Partial)).await;
        assert_absent(&ana, &lead, &stored.id, &stored.etag).await;
        admin.grant(&lead.id, &ana, GrantMode::ViewOnly).await.unwrap();
        assert_view_only(&ana, &lead, &stored.id).await;

        admin.grant(&lead.id, &ana, GrantMode::Full).await.unwrap();
        let own = made(&ana, order(&lead, "N-8", OrderStatus::Completed)).await;
        move_to(&ana, &stored.id, OrderStatus::Cancelled).await.unwrap();
        assert_eq!(all(&ana).await, [own.clone(), get(&admin, &stored.id).await.unwrap()]);

        admin.revoke(&lead.id, &ana).await.unwrap();
        for order in [&stored, &own] {
            assert_absent(&ana, &lead, &order.id, &order.etag).await;
        }
    }

    async fn a_level_over_groups_gives_the_orders_of_their_leads(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let (north, south) = (t.group("north", &[]).await, t.group("south", &[]).await);
        let (inside, outside) = (t.lead_in("inside", &north).await, t.lead_in("outside", &south).await);
        let stored = made(&admin, order(&inside, "N-7", OrderStatus::Partial)).await;
        let hidden = made(&admin, order(&outside, "N-7", OrderStatus::Partial)).await;
        admin.set_permission(&ana, groups_permission(LeadAction::View, &[&north])).await.unwrap();
        assert_view_only(&ana, &inside, &stored.id).await;
        assert_absent(&ana, &outside, &hidden.id, &hidden.etag).await;
        assert_eq!(all(&ana).await, [stored.clone()]);

        admin.set_permission(&ana, groups_permission(LeadAction::Edit, &[&north])).await.unwrap();
        move_to(&ana, &stored.id, OrderStatus::Completed).await.unwrap();
        made(&ana, order(&inside, "N-8", OrderStatus::Partial)).await;
        admin.revoke(&inside.id, &ana).await.unwrap();
        assert_absent(&ana, &inside, &stored.id, "").await;
    }

    /// Each action stands by itself: EDIT reaches what VIEW doesn't, to change it and not to read it.
    async fn orders_are_changed_by_edit_and_read_by_view(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let lead = t.lead("not hers").await;
        admin.set_permission(&ana, permission(LeadAction::Edit, AccessLevel::Complete)).await.unwrap();
        let stored = made(&ana, order(&lead, "N-7", OrderStatus::Partial)).await;
        let moved = move_to(&ana, &stored.id, OrderStatus::Completed).await.unwrap().order.unwrap();
        assert_eq!(get(&admin, &stored.id).await.unwrap(), moved);
        refused(get(&ana, &stored.id).await, ErrorReason::ResourceNotFound);
        assert!(all(&ana).await.is_empty());

        admin.set_permission(&ana, permission(LeadAction::Edit, AccessLevel::None)).await.unwrap();
        assert_absent(&ana, &lead, &stored.id, &moved.etag).await;
    }
}
