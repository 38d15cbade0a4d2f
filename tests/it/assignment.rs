//! Who works a lead, and what happens to whoever worked it before.

mod agents;
mod batch;
mod claims;
mod customers;
mod eligibility;
mod etags;
mod grants;
mod planned;
mod policies;
mod races;
mod revocation;
mod transfers;
mod undo;
mod waiting;

use std::time::Duration;

use leadward::proto::{
    AccessLevel, AccessPath, AssignLeadRequest, AssignmentOutcome, AssignmentResult, ErrorReason,
    GrantLeadAccessRequest, GrantMode, Lead, LeadAccess, LeadAccessPath, LeadAction, LeadState,
    ListAssignedLeadsRequest, Profile, Role, UnassignLeadRequest,
};

use crate::support::{
    ACTIONS, Caller, TestServer, every_action, groups_permission, item_status, named, on_both_databases, permission,
    profile, reason, refused, seconds, seconds_from_now,
};

/// In short: to whom, or why not.
fn told(outcome: &AssignmentOutcome, users: &[&Caller]) -> String {
    let name = || users.iter().find(|user| user.id == outcome.assignee_id).expect("one of them").name.clone();
    match (outcome.result(), &outcome.error) {
        (AssignmentResult::Assigned, None) => name(),
        (AssignmentResult::Unchanged, None) => format!("{} already", name()),
        (AssignmentResult::Refused, Some(error)) => {
            assert!(outcome.assignee_id.is_empty() && outcome.etag.is_empty(), "{outcome:?}");
            reason(&item_status(error))
        }
        _ => panic!("neither done nor refused: {outcome:?}"),
    }
}

fn all_told(outcomes: &[AssignmentOutcome], users: &[&Caller]) -> Vec<String> {
    outcomes.iter().map(|outcome| told(outcome, users)).collect()
}

/// An agent who takes so many leads and no more.
async fn who_takes(t: &TestServer, name: &str, most: i32) -> Caller {
    let small = Profile {
        permissions: every_action(AccessLevel::Individual),
        max_open_leads: Some(most),
        ..profile(&format!("takes {most}"), Role::Agent)
    };
    t.create_profile(small).await;
    t.user(name, &format!("takes {most}")).await
}

fn only_way(access: &LeadAccess) -> &LeadAccessPath {
    assert_eq!(access.paths.len(), 1, "{access:?}");
    &access.paths[0]
}

fn actions(way: &LeadAccessPath) -> Vec<LeadAction> {
    way.actions().collect()
}

on_both_databases! {
    async fn an_assigned_lead_is_the_assignees(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead("lead").await;
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);

        let response = t.admin().assign(&lead.id, &ana).await.unwrap();
        assert_eq!(response.previous_assignee, None);
        let assigned = response.lead.unwrap();
        assert!(assigned.assignee_id == ana.id && assigned.etag != lead.etag);
        assert_eq!(ana.get_lead(&lead.id).await.unwrap(), assigned);
        assert_eq!(ana.list_leads(LeadAction::View).await.unwrap(), [assigned]);
    }

    async fn assigning_to_the_assignee_changes_nothing(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead_of("lead", &ana).await;
        let history = t.admin().history(&lead.id).await.unwrap();
        let response = t.admin().assign(&lead.id, &ana).await.unwrap();
        assert_eq!((response.lead, response.previous_assignee), (Some(lead.clone()), None));
        assert_eq!(t.admin().history(&lead.id).await.unwrap(), history);
    }

    async fn unassigning_a_lead_without_an_assignee_changes_nothing(t: TestServer) {
        let lead = t.lead("lead").await;
        let history = t.admin().history(&lead.id).await.unwrap();
        let response = t.admin().unassign(&lead.id).await.unwrap();
        assert_eq!((response.lead, response.previous_assignee), (Some(lead.clone()), None));
        assert_eq!(t.admin().history(&lead.id).await.unwrap(), history);
    }

    async fn whoever_reached_a_lead_as_its_assignee_only_unassigns_it_out_of_sight(t: TestServer) {
        let ana = t.agent("ana").await;
        t.admin().set_permission(&ana, permission(LeadAction::Assign, AccessLevel::Individual)).await.unwrap();
        let lead = t.lead_of("lead", &ana).await;
        let response = ana.unassign(&lead.id).await.unwrap();
        assert_eq!(response.lead, None);
        assert_eq!(response.previous_assignee.unwrap().user_id, ana.id);
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
        assert_eq!(t.admin().get_lead(&lead.id).await.unwrap().assignee_id, "");
    }

    async fn assigning_a_resolved_lead_makes_it_active(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ana).await;
        ana.resolve(&lead.id).await.unwrap();
        let again = t.admin().assign(&lead.id, &ben).await.unwrap().lead.unwrap();
        assert_eq!((again.state(), again.disposition.as_str(), again.resolve_time), (LeadState::Active, "", None));
        assert_eq!(again.assignee_id, ben.id);
    }

    async fn a_dry_run_answers_as_if_it_were_done_and_changes_nothing(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ana).await;
        let history = admin.history(&lead.id).await.unwrap();
        let (lead_id, assignee_id) = (lead.id.clone(), ben.id.clone());
        let assign = AssignLeadRequest { lead_id, assignee_id, validate_only: true, ..AssignLeadRequest::default() };
        let response = admin.assignments().assign_lead(assign).await.unwrap().into_inner();
        assert_eq!(response.lead.unwrap().assignee_id, ben.id);
        assert_eq!(response.previous_assignee.unwrap().user_id, ana.id);

        let lead_id = lead.id.clone();
        let unassign = UnassignLeadRequest { lead_id, validate_only: true, ..UnassignLeadRequest::default() };
        let response = admin.assignments().unassign_lead(unassign).await.unwrap().into_inner();
        assert_eq!(response.lead.unwrap().assignee_id, "");
        assert_eq!(response.previous_assignee.unwrap().user_id, ana.id);

        assert_eq!(ana.get_lead(&lead.id).await.unwrap(), lead);
        assert_eq!(admin.history(&lead.id).await.unwrap(), history);
        refused(ben.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
    }

    async fn a_dry_run_is_refused_like_the_call(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead("lead").await;
        t.admin().discard(&lead.id).await.unwrap();
        let (lead_id, assignee_id) = (lead.id, ana.id);
        let assign = AssignLeadRequest { lead_id, assignee_id, validate_only: true, ..AssignLeadRequest::default() };
        refused(t.admin().assignments().assign_lead(assign).await, ErrorReason::LeadState);
    }

    async fn a_users_leads_are_listed_for_themselves_and_for_who_reads_the_directory(t: TestServer) {
        let (mia, ana, ben) = (t.manager("mia").await, t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("Ana's", &ana).await;
        t.admin().grant(&t.lead("granted").await.id, &ana, GrantMode::Full).await.unwrap();
        let of = |user_id: &str| {
            ListAssignedLeadsRequest { user_id: user_id.to_owned(), ..ListAssignedLeadsRequest::default() }
        };
        for (caller, user_id) in [(&ana, ""), (&ana, ana.id.as_str()), (&mia, ana.id.as_str())] {
            let listed = caller.assignments().list_assigned_leads(of(user_id)).await.unwrap().into_inner().leads;
            assert_eq!(listed, [lead.clone()], "{} asks for {user_id}", caller.name);
        }
        refused(ben.assignments().list_assigned_leads(of(&ana.id)).await, ErrorReason::CapabilityRequired);
    }

    async fn the_access_list_names_everyone_and_every_way(t: TestServer) {
        let (admin, mia, ana, ben) = (t.admin(), t.manager("mia").await, t.agent("ana").await, t.agent("ben").await);
        let (gil, _ida) = (t.agent("gil").await, t.agent("ida").await);
        let group_id = t.group("north", &[]).await;
        admin.set_permission(&gil, groups_permission(LeadAction::View, &[&group_id])).await.unwrap();
        let lead = admin.create_lead(Lead { group_id: Some(group_id), ..named("lead") }).await.unwrap();
        mia.assign(&lead.id, &ana).await.unwrap();
        let expire_time = Some(seconds_from_now(3600));
        let mode = GrantMode::ViewOnly.into();
        let (lead_id, user_id) = (lead.id.clone(), ben.id.clone());
        let grant = GrantLeadAccessRequest { lead_id, user_id, mode, expire_time, ..Default::default() };
        admin.assignments().grant_lead_access(grant).await.unwrap();

        let list = admin.access_list(&lead.id).await.unwrap();
        let who: Vec<_> = list.iter().map(|access| (&access.user_id, &access.user_name)).collect();
        let expected = [&admin, &mia, &ana, &ben, &gil].map(|user| (&user.id, &user.name));
        assert_eq!(who, expected, "in the order the users were made; Ida reaches nothing");

        let (complete, assigned) = (only_way(&list[1]), only_way(&list[2]));
        assert_eq!((complete.path(), actions(complete)), (AccessPath::Complete, ACTIONS.to_vec()));
        assert_eq!((complete.given_by.as_str(), complete.give_time, complete.expire_time), ("", None, None));
        let worked = vec![LeadAction::View, LeadAction::Edit, LeadAction::Resolve];
        assert_eq!((assigned.path(), actions(assigned)), (AccessPath::Assigned, worked));
        assert!(assigned.given_by == mia.id && assigned.give_time.is_some() && assigned.expire_time.is_none());

        let (granted, grouped) = (only_way(&list[3]), only_way(&list[4]));
        assert_eq!((granted.path(), actions(granted)), (AccessPath::Granted, vec![LeadAction::View]));
        assert_eq!((granted.mode(), &granted.given_by), (GrantMode::ViewOnly, &admin.id));
        assert_eq!(granted.expire_time.map(|time| time.seconds), expire_time.map(|time| time.seconds));
        assert_eq!((grouped.path(), actions(grouped)), (AccessPath::Group, vec![LeadAction::View]));

        let administrator = list[0].paths.iter().find(|way| way.path() == AccessPath::Administrator).unwrap();
        assert_eq!(actions(administrator), ACTIONS);
    }

    async fn the_access_list_is_for_who_keeps_access_or_the_directory(t: TestServer) {
        let (mia, ana) = (t.manager("mia").await, t.agent("ana").await);
        let lead = t.lead_of("lead", &ana).await;
        mia.access_list(&lead.id).await.unwrap();
        refused(ana.access_list(&lead.id).await, ErrorReason::CapabilityRequired);
    }

    async fn an_assignee_loses_a_resolved_lead_after_the_grace_of_their_profile(t: TestServer) {
        let graced = Profile {
            permissions: every_action(AccessLevel::Individual),
            resolved_grace: Some(seconds(2)),
            ..profile("graced", Role::Agent)
        };
        t.create_profile(graced).await;
        let (ana, ben) = (t.user("ana", "graced").await, t.agent("ben").await);
        let (lead, lasting) = (t.lead_of("lead", &ana).await, t.lead_of("lasting", &ben).await);
        ana.resolve(&lead.id).await.unwrap();
        ben.resolve(&lasting.id).await.unwrap();
        ana.get_lead(&lead.id).await.unwrap();

        tokio::time::sleep(Duration::from_millis(2200)).await;
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
        refused(ana.reopen(&lead.id).await, ErrorReason::LeadNotFound);
        assert!(ana.list_leads(LeadAction::View).await.unwrap().is_empty());
        assert!(!t.admin().check(&ana, LeadAction::View, &lead.id).await.unwrap());
        ben.get_lead(&lasting.id).await.unwrap();

        t.admin().reopen(&lead.id).await.unwrap();
        ana.get_lead(&lead.id).await.unwrap();
    }
}
