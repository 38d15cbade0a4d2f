//! Whoever doesn't reach a lead can't tell its orders from those that never were.

use std::{collections::BTreeSet, time::Duration};

use leadward::proto::{
    AccessLevel, ErrorReason, GrantLeadAccessRequest, GrantMode, Lead, LeadAction, LeadState, ListOrdersRequest, Order,
    OrderStatus, Permission, Profile, Role,
};
use uuid::Uuid;

use super::{STATUSES, all, create, get, list, made, move_if, move_to, order};
use crate::support::{
    Caller, Dice, TestServer, answer, every_action, fact, groups_permission, named, on_both_databases, permission,
    profile, refused, seconds, seconds_from_now,
};

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

/// Agents who reach what is theirs; half of them no longer do once it is resolved.
async fn some_agents(t: &TestServer) -> Vec<Caller> {
    let mut agents = Vec::new();
    for (name, resolved_grace) in [("ends", Some(seconds(0))), ("lasts", None)] {
        let permissions = every_action(AccessLevel::Individual);
        t.create_profile(Profile { permissions, resolved_grace, ..profile(name, Role::Agent) }).await;
        for n in 0..4 {
            agents.push(t.user(&format!("{name}{n}"), name).await);
        }
    }
    agents
}

/// Leads in any state and with an order or a few, of anyone or no one, in any group or none.
async fn some_leads(t: &TestServer, dice: &mut Dice, agents: &[Caller], groups: &[String]) -> Vec<Lead> {
    let (admin, mut leads) = (t.admin(), Vec::new());
    for n in 0..30 {
        let assignee_id = if dice.below(3) == 0 { String::new() } else { dice.one_of(agents).id.clone() };
        let group_id = if dice.below(4) == 0 { None } else { Some(dice.one_of(groups).clone()) };
        let lead = Lead { assignee_id, group_id, ..named(&format!("lead {n}")) };
        let lead = admin.create_lead(lead).await.unwrap();
        for number in 0..=dice.below(3) {
            made(&admin, order(&lead, &number.to_string(), *dice.one_of(&STATUSES))).await;
        }
        match dice.below(4) {
            0 => drop(admin.resolve(&lead.id).await.unwrap()),
            1 => drop(admin.discard(&lead.id).await.unwrap()),
            _ => {}
        }
        leads.push(lead);
    }
    leads
}

/// Gives an agent some of the leads, for a while or for good, or takes them; what is refused, as taking an assignee's, is left.
async fn give_and_take(t: &TestServer, dice: &mut Dice, agent: &Caller, leads: &[Lead]) {
    let admin = t.admin();
    for lead in leads {
        match dice.below(8) {
            0 => drop(admin.grant(&lead.id, agent, GrantMode::Full).await),
            1 => drop(admin.grant(&lead.id, agent, GrantMode::ViewOnly).await),
            2 => {
                let for_a_moment = GrantLeadAccessRequest {
                    lead_id: lead.id.clone(),
                    user_id: agent.id.clone(),
                    mode: GrantMode::Full.into(),
                    expire_time: Some(seconds_from_now(2)),
                    ..Default::default()
                };
                drop(admin.assignments().grant_lead_access(for_a_moment).await);
            }
            3 => drop(admin.revoke(&lead.id, agent).await),
            _ => {}
        }
    }
}

on_both_databases! {
    /// Scopes of every sort over leads and accesses made up at random.
    async fn the_orders_listed_are_those_of_the_leads_listed(t: TestServer) {
        let (mut dice, admin) = (Dice::from_environment(), t.admin());
        let agents = some_agents(&t).await;
        let groups = [t.group("a", &[]).await, t.group("b", &[&agents[2]]).await, t.group("c", &[&agents[6]]).await];
        let leads = some_leads(&t, &mut dice, &agents, &groups).await;
        let individual = permission(LeadAction::View, AccessLevel::Individual);
        let in_groups = groups_permission(LeadAction::View, &[&groups[0]]);
        let levels = [
            individual.clone(),
            Permission { include_unassigned: true, ..individual },
            Permission { include_unassigned: true, include_member_groups: true, ..in_groups.clone() },
            in_groups,
            permission(LeadAction::View, AccessLevel::Complete),
            permission(LeadAction::View, AccessLevel::None),
            groups_permission(LeadAction::View, &[&groups[1], &groups[2]]),
        ];
        for agent in &agents {
            give_and_take(&t, &mut dice, agent, &leads).await;
        }
        for (agent, level) in agents.iter().zip(levels) {
            admin.set_permission(agent, level).await.unwrap();
        }
        // What was given for a moment has ended, so that nothing ends between two lists.
        tokio::time::sleep(Duration::from_millis(2100)).await;

        let every = all(&admin).await;
        let lead_ids: Vec<String> = leads.into_iter().map(|lead| lead.id).collect();
        for agent in &agents {
            let states = [LeadState::Active, LeadState::Discarded, LeadState::Resolved];
            let seen = agent.list_leads_in(LeadAction::View, &states, 0).await.unwrap();
            let seen: BTreeSet<String> = seen.into_iter().map(|lead| lead.id).collect();
            let orders: Vec<Order> = every.iter().filter(|order| seen.contains(&order.lead_id)).cloned().collect();
            assert_eq!(all(agent).await, orders, "{}", agent.name);

            let statuses: [&[OrderStatus]; 2] = [&[], &[OrderStatus::Partial]];
            for (statuses, most_recent_only) in statuses.into_iter().flat_map(|some| [(some, false), (some, true)]) {
                let statuses = statuses.iter().map(|status| i32::from(*status)).collect();
                let of_any = ListOrdersRequest { statuses, most_recent_only, ..ListOrdersRequest::default() };
                let of_all = ListOrdersRequest { lead_ids: lead_ids.clone(), ..of_any.clone() };
                let expected = list(agent, of_all).await;
                for page_size in [1, 2, 0] {
                    let request = ListOrdersRequest { page_size, ..of_any.clone() };
                    assert_eq!(list(agent, request.clone()).await, expected, "{} {request:?}", agent.name);
                }
            }
        }
        let seen = all(&agents[0]).await.len();
        assert!((1..every.len()).contains(&seen), "{seen} of {}", every.len());
    }

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
