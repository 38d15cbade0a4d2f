//! A completed order ends the work of agents who work partial orders.

use leadward::proto::{
    AccessLevel, Lead, LeadAction, LeadHistoryKind, LeadState, ListPickListEntriesRequest, Order, OrderStatus,
    OrderVisibility, PickList, PickListEntry, Profile, Role, Settings, UpdatePickListEntryRequest,
    UpdateProfileRequest, UpdateSettingsRequest,
};
use prost_types::FieldMask;

use super::{create, made, move_to, order};
use crate::support::{Caller, TestServer, every_action, on_both_databases, permission, profile};

/// A lead with a partial order that an agent works.
async fn worked_by(t: &TestServer, agent: &Caller) -> (Lead, Order) {
    let lead = t.lead("worked").await;
    let partial = made(&t.admin(), order(&lead, "N-1", OrderStatus::Partial)).await;
    let lead = t.admin().assign(&lead.id, agent).await.unwrap().lead.unwrap();
    (lead, partial)
}

/// Expects that a paid order, and one that is completed, leave a lead as it is.
async fn assert_stays(t: &TestServer, lead: &Lead, why: &str) {
    let before = t.admin().get_lead(&lead.id).await.unwrap();
    let paid = create(&t.admin(), order(lead, "paid at once", OrderStatus::Completed)).await.unwrap();
    let partial = made(&t.admin(), order(lead, "paid later", OrderStatus::Partial)).await;
    let completed = move_to(&t.admin(), &partial.id, OrderStatus::Completed).await.unwrap();
    assert!(!paid.lead_resolved && !completed.lead_resolved, "{why}");
    assert_eq!(completed.order.unwrap().status(), OrderStatus::Completed);
    assert_eq!(t.admin().get_lead(&lead.id).await.unwrap(), before, "{why}");
}

async fn rename_sale(t: &TestServer, name: &str) {
    let request = ListPickListEntriesRequest { list: PickList::Disposition.into(), ..Default::default() };
    let entries = t.admin().leads().list_pick_list_entries(request).await.unwrap().into_inner().entries;
    let sale = entries.into_iter().find(|entry| entry.name() == "Sale").unwrap();
    let entry = PickListEntry { id: sale.id, name: Some(name.to_owned()), ..PickListEntry::default() };
    let request = UpdatePickListEntryRequest { entry: Some(entry), ..Default::default() };
    t.admin().leads().update_pick_list_entry(request).await.unwrap();
}

async fn resolve_on_completed_order(t: &TestServer, yes: bool) {
    let settings = Settings { resolve_on_completed_order: Some(yes), ..Settings::default() };
    let request = UpdateSettingsRequest { settings: Some(settings), ..Default::default() };
    t.admin().permissions().update_settings(request).await.unwrap();
}

on_both_databases! {
    async fn a_completed_order_resolves_the_lead_as_a_sale(t: TestServer) {
        let (admin, ana) = (t.admin(), t.user("ana", "leads-agent").await);
        let (lead, partial) = worked_by(&t, &ana).await;
        let answer = move_to(&admin, &partial.id, OrderStatus::Completed).await.unwrap();
        assert!(answer.lead_resolved);
        assert_eq!(answer.order.unwrap().status(), OrderStatus::Completed);

        let resolved = admin.get_lead(&lead.id).await.unwrap();
        assert_eq!((resolved.state(), resolved.disposition.as_str()), (LeadState::Resolved, "Sale"));
        assert!(resolved.resolve_time.is_some() && resolved.etag != lead.etag && resolved.assignee_id == ana.id);
        let history = admin.history(&lead.id).await.unwrap();
        let newest: Vec<_> = history.iter().take(2).map(|entry| (entry.kind(), &entry.actor_id)).collect();
        assert_eq!(newest, [(LeadHistoryKind::Resolved, &admin.id), (LeadHistoryKind::OrderUpdated, &admin.id)]);

        let answer = move_to(&admin, &partial.id, OrderStatus::Refunded).await.unwrap();
        assert!(!answer.lead_resolved);
        assert_eq!(admin.get_lead(&lead.id).await.unwrap(), resolved, "what is paid back is not taken up again");
    }

    async fn an_order_that_is_paid_at_once_resolves_it_too(t: TestServer) {
        let ana = t.user("ana", "leads-agent").await;
        let (lead, _) = worked_by(&t, &ana).await;
        let answer = create(&t.admin(), order(&lead, "N-2", OrderStatus::Completed)).await.unwrap();
        assert!(answer.lead_resolved && answer.order.is_some());
        assert_eq!(t.admin().get_lead(&lead.id).await.unwrap().disposition, "Sale");

        t.admin().reopen(&lead.id).await.unwrap();
        let answer = create(&t.admin(), order(&lead, "N-3", OrderStatus::Completed)).await.unwrap();
        assert!(answer.lead_resolved, "taken up again, sold again");
    }

    /// It is the order that ends the work, not the agent: EDIT suffices.
    async fn the_agent_who_completes_an_order_needs_no_more_than_edit(t: TestServer) {
        let (admin, ana) = (t.admin(), t.user("ana", "leads-agent").await);
        admin.set_permission(&ana, permission(LeadAction::Resolve, AccessLevel::None)).await.unwrap();
        let (lead, partial) = worked_by(&t, &ana).await;
        ana.resolve(&lead.id).await.unwrap_err();
        let answer = move_to(&ana, &partial.id, OrderStatus::Completed).await.unwrap();
        assert_eq!((answer.order, answer.lead_resolved), (None, true));
        assert_eq!(admin.get_lead(&lead.id).await.unwrap().disposition, "Sale");
    }

    async fn the_disposition_of_a_sale_is_known_by_any_name(t: TestServer) {
        let ana = t.user("ana", "leads-agent").await;
        let (lead, partial) = worked_by(&t, &ana).await;
        rename_sale(&t, "Won").await;
        assert!(move_to(&t.admin(), &partial.id, OrderStatus::Completed).await.unwrap().lead_resolved);
        assert_eq!(t.admin().get_lead(&lead.id).await.unwrap().disposition, "Won");
    }

    async fn no_other_lead_is_resolved_by_an_order(t: TestServer) {
        let (admin, ana) = (t.admin(), t.user("ana", "leads-agent").await);
        let ben = t.agent("ben").await;
        assert_stays(&t, &t.lead("nobody's").await, "nobody works it").await;
        assert_stays(&t, &t.lead_of("Ben's", &ben).await, "its agent works all orders").await;
        let (discarded, _) = worked_by(&t, &ana).await;
        admin.discard(&discarded.id).await.unwrap();
        assert_stays(&t, &discarded, "it is discarded").await;
        let (declined, _) = worked_by(&t, &ana).await;
        admin.resolve(&declined.id).await.unwrap();
        assert_stays(&t, &declined, "it is resolved already").await;
        assert_eq!(admin.get_lead(&declined.id).await.unwrap().disposition, "Declined");

        let (lead, partial) = worked_by(&t, &ana).await;
        let answer = move_to(&admin, &partial.id, OrderStatus::Cancelled).await.unwrap();
        assert!(!answer.lead_resolved);
        let refunded = create(&admin, order(&lead, "N-2", OrderStatus::Refunded)).await.unwrap();
        assert!(!refunded.lead_resolved);
        assert_eq!(admin.get_lead(&lead.id).await.unwrap(), lead);
    }

    async fn the_settings_can_leave_it_to_the_agents(t: TestServer) {
        let ana = t.user("ana", "leads-agent").await;
        let (lead, partial) = worked_by(&t, &ana).await;
        resolve_on_completed_order(&t, false).await;
        assert_stays(&t, &lead, "the settings say so").await;
        resolve_on_completed_order(&t, true).await;
        assert!(move_to(&t.admin(), &partial.id, OrderStatus::Completed).await.unwrap().lead_resolved);
    }

    /// Which orders an agent sees is another matter.
    async fn the_profile_of_the_assignee_says_whose_leads_are_resolved(t: TestServer) {
        let clerks = Profile {
            permissions: every_action(AccessLevel::Individual),
            order_visibility: OrderVisibility::PartialOnly.into(),
            ..profile("clerk", Role::Agent)
        };
        let clerks = t.create_profile(clerks).await;
        let clara = t.user("clara", "clerk").await;
        let (lead, partial) = worked_by(&t, &clara).await;
        assert_stays(&t, &lead, "the profile doesn't say so").await;

        let change = Profile { id: clerks.id, assign_partial_orders_only: Some(true), ..Profile::default() };
        let update_mask = Some(FieldMask { paths: vec!["assign_partial_orders_only".to_owned()] });
        let request = UpdateProfileRequest { profile: Some(change), update_mask, ..Default::default() };
        t.admin().permissions().update_profile(request).await.unwrap();
        assert!(move_to(&t.admin(), &partial.id, OrderStatus::Completed).await.unwrap().lead_resolved);
    }
}
