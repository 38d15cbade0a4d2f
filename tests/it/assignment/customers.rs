//! The customers of selected orders.

use leadward::proto::{
    AccessLevel, AssignOrderCustomersRequest, AssignmentResult, ErrorReason, LeadAction, OrderCustomerOutcome,
    OrderStatus,
};
use uuid::Uuid;

use crate::support::{Caller, TestServer, answer, item_status, on_both_databases, permission, reason, refused};

async fn deal(caller: &Caller, order_ids: &[&str], to: &[&Caller], all_or_nothing: bool) -> Vec<OrderCustomerOutcome> {
    let request = AssignOrderCustomersRequest {
        order_ids: order_ids.iter().map(|id| (*id).to_owned()).collect(),
        assignee_ids: to.iter().map(|user| user.id.clone()).collect(),
        all_or_nothing,
        ..AssignOrderCustomersRequest::default()
    };
    let outcomes = caller.assignments().assign_order_customers(request).await.unwrap().into_inner().outcomes;
    let places: Vec<&str> = outcomes.iter().map(|outcome| outcome.order_id.as_str()).collect();
    assert_eq!(places, order_ids, "each at its place");
    outcomes
}

/// In short: which lead and to whom, or why not.
fn told(outcome: &OrderCustomerOutcome) -> (String, String) {
    let outcome = outcome.outcome.as_ref().unwrap();
    let word = match (outcome.result(), &outcome.error) {
        (AssignmentResult::Refused, Some(error)) => reason(&item_status(error)),
        (AssignmentResult::Assigned, None) => outcome.assignee_id.clone(),
        (AssignmentResult::Unchanged, None) => "unchanged".to_owned(),
        _ => panic!("neither done nor refused: {outcome:?}"),
    };
    (outcome.lead_id.clone(), word)
}

on_both_databases! {
    async fn the_customers_of_orders_are_dealt_in_turn_each_once(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let (one, two) = (t.lead("one").await, t.lead("two").await);
        let first = admin.place_order(&one.id, "N-1").await.unwrap();
        let again = admin.place_order(&one.id, "N-2").await.unwrap();
        let other = admin.place_order(&two.id, "N-1").await.unwrap();
        let outcomes = deal(&admin, &[&first.id, &again.id, &other.id], &[&ana, &ben], false).await;
        let expected = [
            (one.id.clone(), ana.id.clone()),
            (one.id.clone(), "unchanged".to_owned()),
            (two.id.clone(), ben.id.clone()),
        ];
        assert_eq!(outcomes.iter().map(told).collect::<Vec<_>>(), expected);
        assert_eq!(admin.get_lead(&one.id).await.unwrap().assignee_id, ana.id);
        assert_eq!(admin.get_lead(&two.id).await.unwrap().assignee_id, ben.id);
    }

    async fn an_order_out_of_sight_and_one_that_never_was_are_the_same(t: TestServer) {
        let (admin, ana, lea) = (t.admin(), t.agent("ana").await, t.user("lea", "leads-agent").await);
        admin.set_permission(&lea, permission(LeadAction::Assign, AccessLevel::Individual)).await.unwrap();
        let own = t.lead_of("own", &lea).await;
        let (partial, done) = (admin.place_order(&own.id, "N-1").await.unwrap(), admin.place_order(&own.id, "N-2").await.unwrap());
        admin.move_order(&done.id, OrderStatus::Cancelled).await.unwrap();
        let foreign = admin.place_order(&t.lead("foreign").await.id, "N-1").await.unwrap();
        let absent = Uuid::now_v7().to_string();

        let outcomes = deal(&lea, &[&foreign.id, &absent, &done.id], &[&ana], false).await;
        let single = answer(&lea.get_order(&absent).await.unwrap_err());
        for outcome in &outcomes {
            let outcome = outcome.outcome.as_ref().unwrap();
            assert_eq!((outcome.lead_id.as_str(), outcome.result()), ("", AssignmentResult::Refused));
            assert_eq!(answer(&item_status(outcome.error.as_ref().unwrap())), single);
        }
        assert_eq!(admin.get_lead(&own.id).await.unwrap().assignee_id, lea.id);

        let whole = deal(&lea, &[&partial.id, &absent], &[&ana], true).await;
        let words: Vec<String> = whole.iter().map(|outcome| told(outcome).1).collect();
        assert_eq!(words, ["BATCH_REFUSED", "RESOURCE_NOT_FOUND"]);
        assert_eq!(admin.get_lead(&own.id).await.unwrap().assignee_id, lea.id);
        assert_eq!(told(&deal(&lea, &[&partial.id], &[&ana], true).await[0]), (own.id.clone(), ana.id));
        refused(lea.get_lead(&own.id).await, ErrorReason::LeadNotFound);
    }

    async fn customers_are_assigned_by_who_may_assign_them(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ana).await;
        let order = admin.place_order(&lead.id, "N-1").await.unwrap();
        let outcomes = deal(&ana, &[&order.id], &[&ben], false).await;
        assert_eq!(told(&outcomes[0]), (lead.id, "ACTION_NOT_PERMITTED".to_owned()));
        assert_eq!(ana.list_leads(LeadAction::View).await.unwrap().len(), 1);
    }
}
