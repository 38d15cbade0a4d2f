//! Who can be given a lead.

use std::fmt::Write;

use leadward::proto::{
    AccessLevel, AssignLeadRequest, BatchAssignLeadsRequest, DeactivateUserRequest, Desk, ErrorReason, Lead,
    LeadAction, LeadKind, OrderStatus, Permission, Profile, Role, Settings, UpdateSettingsRequest, User,
};
use tonic::Status;
use uuid::Uuid;

use crate::support::{
    Caller, TestServer, every_action, fact, faults, groups_permission, item_status, named, on_both_databases,
    permission, profile, reason, refused,
};

async fn seat(t: &TestServer, user: &Caller, desk: Desk) {
    t.update_user(User { id: user.id.clone(), desk: Some(desk.into()), ..User::default() }).await;
}

/// Expects that not even the administrator gives this lead to this user.
async fn assert_ineligible(t: &TestServer, lead: &Lead, user: &Caller, cause: &str) {
    let status = refused(t.admin().assign(&lead.id, user).await, ErrorReason::IneligibleAssignee);
    assert_eq!(fact(&status, "cause"), cause);
    assert_eq!(t.admin().get_lead(&lead.id).await.unwrap(), *lead);
}

/// Whoever can be given leads or not, each without any but the full one.
async fn users(t: &TestServer) -> Vec<(&'static str, Caller)> {
    let small = Profile { max_open_leads: Some(1), permissions: individual(), ..profile("small", Role::Agent) };
    t.create_profile(small).await;
    let mut users = Vec::new();
    for (name, profile, desk) in [
        ("without a desk", "pre-sales", None),
        ("of sales", "pre-sales", Some(Desk::Sales)),
        ("of retention", "pre-sales", Some(Desk::Retention)),
        ("full", "small", None),
        ("who views nothing", "pre-sales", None),
        ("deactivated", "pre-sales", None),
        ("for partial orders", "leads-agent", None),
        ("for partial orders, of retention", "leads-agent", Some(Desk::Retention)),
    ] {
        let user = t.user(&name.replace([' ', ','], "-"), profile).await;
        if let Some(desk) = desk {
            seat(t, &user, desk).await;
        }
        let level = if name == "who views nothing" { AccessLevel::None } else { AccessLevel::Individual };
        let pool = level == AccessLevel::Individual;
        let view = Permission { include_unassigned: pool, ..permission(LeadAction::View, level) };
        t.admin().set_permission(&user, view).await.unwrap();
        users.push((name, user));
    }
    t.lead_of("who fills up", &users[3].1).await;
    let request = DeactivateUserRequest { user_id: users[5].1.id.clone(), ..Default::default() };
    t.admin().directory().deactivate_user(request).await.unwrap();
    users
}

fn individual() -> Vec<Permission> {
    every_action(AccessLevel::Individual)
}

/// One lead of each kind, and with each kind of most recent order.
async fn leads(t: &TestServer) -> Vec<(&'static str, Lead)> {
    let registered = Lead { external_id: Some("platform 1".to_owned()), ..named("registration") };
    let registration = t.admin().register(registered).await.unwrap().lead.unwrap();
    let mut leads =
        vec![("lead", t.lead("lead").await), ("registration", registration), ("client", t.client("client").await)];
    let then = [("partial order", None), ("cancelled order", Some(OrderStatus::Cancelled))];
    for (name, status) in then {
        let lead = t.lead(name).await;
        t.admin().place_order(&lead.id, "N-1").await.unwrap();
        if let Some(status) = status {
            let last = t.admin().place_order(&lead.id, "N-2").await.unwrap();
            t.admin().move_order(&last.id, status).await.unwrap();
        }
        leads.push((name, lead));
    }
    leads
}

const CALLS: [&str; 3] = ["AssignLead", "BatchAssignLeads", "ClaimLead"];

/// What a call that gives this lead to this user is answered. Nothing stays of it.
async fn given(t: &TestServer, call: &str, lead: &Lead, user: &Caller) -> Result<(), Status> {
    let (lead_id, assignee_id) = (lead.id.clone(), user.id.clone());
    match call {
        "AssignLead" => {
            let request = AssignLeadRequest { lead_id, assignee_id, validate_only: true, ..Default::default() };
            t.admin().assignments().assign_lead(request).await.map(drop)
        }
        "BatchAssignLeads" => {
            let (lead_ids, assignee_ids) = (vec![lead_id], vec![assignee_id]);
            let request = BatchAssignLeadsRequest { lead_ids, assignee_ids, validate_only: true, ..Default::default() };
            let outcomes = t.admin().assignments().batch_assign_leads(request).await?.into_inner().outcomes;
            outcomes[0].error.as_ref().map_or(Ok(()), |error| Err(item_status(error)))
        }
        _ => {
            user.claim(&lead_id).await?;
            t.admin().unassign(&lead_id).await.map(drop)
        }
    }
}

async fn table(t: &TestServer) -> String {
    let (users, leads) = (users(t).await, leads(t).await);
    let mut table = String::new();
    for (name, user) in users {
        writeln!(table, "{name}").unwrap();
        for call in CALLS {
            let mut answers: Vec<(String, Vec<&str>)> = Vec::new();
            for (kind, lead) in &leads {
                let answer = match given(t, call, lead, &user).await {
                    Ok(()) => "OK".to_owned(),
                    Err(status) if reason(&status) == "INELIGIBLE_ASSIGNEE" => fact(&status, "cause"),
                    Err(status) => reason(&status),
                };
                match answers.iter_mut().find(|(known, _)| *known == answer) {
                    Some((_, kinds)) => kinds.push(kind),
                    None => answers.push((answer, vec![kind])),
                }
            }
            for (row, (answer, kinds)) in answers.iter().enumerate() {
                let call = if row == 0 { call } else { "" };
                let kinds = if kinds.len() == leads.len() { "every lead".to_owned() } else { kinds.join(", ") };
                writeln!(table, "  {call:<18}{answer:<18}{kinds}").unwrap();
            }
        }
    }
    table
}

on_both_databases! {
    async fn who_can_be_given_which_lead_by_which_call(t: TestServer) {
        insta::assert_snapshot!("eligibility", table(&t).await);
    }

    async fn a_lead_by_itself_is_for_partial_orders_alone_only_where_its_last_one_is(t: TestServer) {
        let (admin, lea) = (t.admin(), t.user("lea", "leads-agent").await);
        let lead = t.lead("lead").await;
        assert_ineligible(&t, &lead, &lea, "NO_PARTIAL_ORDER").await;
        let order = admin.place_order(&lead.id, "N-1").await.unwrap();
        admin.assign(&lead.id, &lea).await.unwrap();
        admin.unassign(&lead.id).await.unwrap();
        admin.move_order(&order.id, OrderStatus::Cancelled).await.unwrap();
        assert_ineligible(&t, &admin.get_lead(&lead.id).await.unwrap(), &lea, "NO_PARTIAL_ORDER").await;
        // Among others, and as one that is made, it needs none.
        admin.deal(&[&lead.id], &[&lea]).await.unwrap();
        assert_eq!(admin.get_lead(&lead.id).await.unwrap().assignee_id, lea.id);
        t.lead_of("made", &lea).await;
    }

    /// Whoever may assign a lead and not view it isn't told of its orders.
    async fn giving_a_lead_for_its_partial_order_takes_sight_of_it(t: TestServer) {
        let (admin, chief, lea) = (t.admin(), t.agent("chief").await, t.user("lea", "leads-agent").await);
        let group = t.group("north", &[]).await;
        admin.set_permission(&chief, groups_permission(LeadAction::Assign, &[&group])).await.unwrap();
        let (with, without) = (t.lead_in("with", &group).await, t.lead_in("without", &group).await);
        admin.place_order(&with.id, "N-1").await.unwrap();
        for lead in [&with, &without] {
            let status = refused(chief.assign(&lead.id, &lea).await, ErrorReason::ActionNotPermitted);
            assert_eq!(fact(&status, "action"), "VIEW");
        }
        admin.set_permission(&chief, groups_permission(LeadAction::View, &[&group])).await.unwrap();
        chief.assign(&with.id, &lea).await.unwrap();
    }

    async fn a_deactivated_user_gets_no_leads_and_keeps_their_old_ones(t: TestServer) {
        let ana = t.agent("ana").await;
        let old = t.lead_of("old", &ana).await;
        let request = DeactivateUserRequest { user_id: ana.id.clone(), ..Default::default() };
        t.admin().directory().deactivate_user(request).await.unwrap();
        assert_ineligible(&t, &t.lead("new").await, &ana, "USER_DEACTIVATED").await;
        assert_eq!(t.admin().get_lead(&old.id).await.unwrap().assignee_id, ana.id);
    }

    async fn a_user_who_views_nothing_gets_no_leads(t: TestServer) {
        let ana = t.agent("ana").await;
        t.admin().set_permission(&ana, permission(LeadAction::View, AccessLevel::None)).await.unwrap();
        assert_ineligible(&t, &t.lead("lead").await, &ana, "CANNOT_VIEW").await;
    }

    async fn a_full_user_gets_no_more_leads_until_one_is_closed(t: TestServer) {
        let small = Profile {
            permissions: every_action(AccessLevel::Individual),
            max_open_leads: Some(2),
            ..profile("small", Role::Agent)
        };
        t.create_profile(small).await;
        let ana = t.user("ana", "small").await;
        let (first, _second) = (t.lead_of("first", &ana).await, t.lead_of("second", &ana).await);
        let third = t.lead("third").await;
        assert_ineligible(&t, &third, &ana, "OVER_CAPACITY").await;
        let new = Lead { assignee_id: ana.id.clone(), ..named("fourth") };
        refused(t.admin().create_lead(new).await, ErrorReason::IneligibleAssignee);

        ana.resolve(&first.id).await.unwrap();
        t.admin().assign(&third.id, &ana).await.unwrap();
        assert_ineligible(&t, &t.lead("fifth").await, &ana, "OVER_CAPACITY").await;
    }

    async fn each_desk_takes_its_kind_of_leads(t: TestServer) {
        let (sam, rita, ana) = (t.agent("sam").await, t.agent("rita").await, t.agent("ana").await);
        seat(&t, &sam, Desk::Sales).await;
        seat(&t, &rita, Desk::Retention).await;
        let (lead, client) = (t.lead("lead").await, t.client("client").await);
        assert_eq!((lead.kind(), client.kind()), (LeadKind::Lead, LeadKind::Client));

        assert_ineligible(&t, &lead, &rita, "WRONG_DESK").await;
        assert_ineligible(&t, &client, &sam, "WRONG_DESK").await;
        let new = Lead { assignee_id: rita.id.clone(), ..named("new") };
        let status = refused(t.admin().create_lead(new).await, ErrorReason::IneligibleAssignee);
        assert_eq!(fact(&status, "cause"), "WRONG_DESK");
        for (lead, user) in [(&lead, &sam), (&client, &rita), (&lead, &ana), (&client, &ana)] {
            t.admin().assign(&lead.id, user).await.unwrap();
        }
    }

    async fn a_setting_turns_the_desks_off(t: TestServer) {
        let rita = t.agent("rita").await;
        seat(&t, &rita, Desk::Retention).await;
        let settings = Some(Settings { enforce_desks: Some(false), ..Settings::default() });
        let request = UpdateSettingsRequest { settings, ..Default::default() };
        t.admin().permissions().update_settings(request).await.unwrap();
        t.admin().assign(&t.lead("lead").await.id, &rita).await.unwrap();
    }

    async fn an_assignee_must_exist(t: TestServer) {
        let lead = t.lead("lead").await;
        let mut nobody = t.anonymous();
        nobody.id = Uuid::now_v7().to_string();
        refused(t.admin().assign(&lead.id, &nobody).await, ErrorReason::ResourceNotFound);
        let new = t.admin().create_lead(Lead { assignee_id: nobody.id, ..named("new") }).await;
        assert_eq!(faults(&refused(new, ErrorReason::InvalidArgument)), ["lead.assignee_id"]);
    }
}
