//! Who may be given leads, and how much they have to do.

use leadward::proto::{
    AccessLevel, AddGroupMembersRequest, AssignableAgent, DeactivateUserRequest, Desk, ErrorReason, Lead, LeadAction,
    ListAssignableAgentsRequest, Profile, Role, User,
};

use crate::support::{
    Caller, TestServer, every_action, groups_permission, named, on_both_databases, permission, profile, refused,
};

/// Every page of two.
async fn agents(caller: &Caller, request: ListAssignableAgentsRequest) -> Vec<AssignableAgent> {
    let (mut agents, mut request) = (Vec::new(), ListAssignableAgentsRequest { page_size: 2, ..request });
    loop {
        let page = caller.assignments().list_assignable_agents(request.clone()).await.unwrap().into_inner();
        assert!(page.agents.len() <= 2);
        agents.extend(page.agents);
        if page.next_page_token.is_empty() {
            return agents;
        }
        request.page_token = page.next_page_token;
    }
}

fn names(agents: &[AssignableAgent]) -> Vec<&str> {
    agents.iter().map(|agent| agent.user_name.as_str()).collect()
}

async fn all(caller: &Caller) -> Vec<AssignableAgent> {
    agents(caller, ListAssignableAgentsRequest::default()).await
}

async fn one(caller: &Caller, user: &Caller) -> AssignableAgent {
    all(caller).await.into_iter().find(|agent| agent.user_id == user.id).expect("they are listed")
}

on_both_databases! {
    async fn those_who_are_active_and_view_leads_may_be_given_some(t: TestServer) {
        let admin = t.admin();
        let (_ana, blind, gone) = (t.agent("ana").await, t.agent("blind").await, t.agent("gone").await);
        let (sam, _mia) = (t.agent("sam").await, t.manager("mia").await);
        admin.set_permission(&blind, permission(LeadAction::View, AccessLevel::None)).await.unwrap();
        let request = DeactivateUserRequest { user_id: gone.id.clone(), ..Default::default() };
        admin.directory().deactivate_user(request).await.unwrap();
        t.update_user(User { id: sam.id.clone(), desk: Some(Desk::Sales.into()), ..User::default() }).await;
        let group_id = t.group("north", &[&sam, &blind]).await;

        let first = admin.name.clone();
        assert_eq!(names(&all(&admin).await), [first.as_str(), "ana", "sam", "mia"]);
        let of_retention = ListAssignableAgentsRequest { desk: Desk::Retention.into(), ..Default::default() };
        assert_eq!(names(&agents(&admin, of_retention).await), [first.as_str(), "ana", "mia"]);
        let of_north = ListAssignableAgentsRequest { group_id, ..Default::default() };
        let of_north = agents(&admin, of_north).await;
        assert_eq!((names(&of_north), of_north[0].desk()), (vec!["sam"], Desk::Sales));
    }

    async fn they_are_told_with_how_much_they_have_to_do(t: TestServer) {
        let admin = t.admin();
        let small = Profile {
            permissions: every_action(AccessLevel::Individual),
            max_open_leads: Some(2),
            ..profile("small", Role::Agent)
        };
        t.create_profile(small).await;
        let (ana, lea) = (t.user("ana", "small").await, t.user("lea", "leads-agent").await);
        let before = one(&admin, &ana).await;
        assert_eq!((before.open_leads, before.max_open_leads, before.has_room), (0, Some(2), true));
        assert_eq!((before.last_assign_time, before.assign_partial_orders_only), (None, false));
        assert!(one(&admin, &lea).await.assign_partial_orders_only);

        let (first, second) = (t.lead_of("first", &ana).await, t.lead("second").await);
        let made = one(&admin, &ana).await;
        assert_eq!((made.open_leads, made.has_room), (1, true));
        assert!(made.last_assign_time.is_some(), "making a lead for somebody gives it to them");
        let given = admin.assign(&second.id, &ana).await.unwrap().lead.unwrap();
        let full = one(&admin, &ana).await;
        assert_eq!((full.open_leads, full.has_room), (2, false));
        assert!(given.update_time.is_some() && full.last_assign_time == given.update_time);

        ana.resolve(&first.id).await.unwrap();
        admin.unassign(&second.id).await.unwrap();
        let free = one(&admin, &ana).await;
        assert_eq!((free.open_leads, free.has_room), (0, true));
        assert_eq!(free.last_assign_time, full.last_assign_time, "what is taken away was given all the same");

        let third = t.lead("third").await;
        admin.deal(&[&third.id], &[&lea]).await.unwrap();
        assert_eq!(one(&admin, &lea).await.open_leads, 1);
        assert!(one(&admin, &lea).await.last_assign_time.is_some());
    }

    async fn leads_out_of_view_are_not_counted_though_they_take_room(t: TestServer) {
        let (admin, chief) = (t.admin(), t.agent("chief").await);
        let small = Profile {
            permissions: every_action(AccessLevel::Individual),
            max_open_leads: Some(1),
            ..profile("small", Role::Agent)
        };
        t.create_profile(small).await;
        let ana = t.user("ana", "small").await;
        let north = t.group("north", &[]).await;
        refused(
            chief.assignments().list_assignable_agents(ListAssignableAgentsRequest::default()).await,
            ErrorReason::ActionNotPermitted,
        );
        admin.set_permission(&chief, groups_permission(LeadAction::Assign, &[&north])).await.unwrap();
        admin.set_permission(&chief, groups_permission(LeadAction::View, &[&north])).await.unwrap();
        assert!(all(&chief).await.is_empty(), "whom they don't know isn't told");
        for user in [&ana, &chief] {
            let (group_id, user_ids) = (north.clone(), vec![user.id.clone()]);
            let joining = AddGroupMembersRequest { group_id, user_ids, ..Default::default() };
            admin.directory().add_group_members(joining).await.unwrap();
        }
        t.agent("stranger").await;
        t.lead_of("hidden", &ana).await;
        let seen = one(&chief, &ana).await;
        assert_eq!((seen.open_leads, seen.has_room, seen.last_assign_time), (0, false, None));
        let in_north = Lead { group_id: Some(north), assignee_id: chief.id.clone(), ..named("theirs") };
        admin.create_lead(in_north).await.unwrap();
        assert_eq!(one(&chief, &chief).await.open_leads, 1);
        assert_eq!(names(&all(&chief).await), ["chief", "ana"]);
        admin.set_permission(&chief, permission(LeadAction::Assign, AccessLevel::Complete)).await.unwrap();
        assert_eq!(all(&chief).await.len(), 4, "who assigns every lead may give it to anybody");
    }
}
