//! Leads that come into sight and go out of it, by every way that there is.

use leadward::proto::{
    AccessLevel, AssignLeadRequest, GrantLeadAccessRequest, GrantMode, Lead, LeadAction, LeadEventKind, Permission,
    Profile, RemoveGroupMembersRequest, RevocationPolicy, Role, UpdateProfileRequest, User,
};
use prost_types::FieldMask;

use super::{expect, expect_gone, expect_nothing_but_a_new_lead, facts};
use crate::support::{
    Caller, TestServer, Watch, every_action, groups_permission, on_both_databases, permission, profile, seconds,
    seconds_from_now,
};

const GAINED: LeadEventKind = LeadEventKind::AccessGained;
const LOST: LeadEventKind = LeadEventKind::AccessLost;

/// Expects these leads next, in whatever order, all for the same cause.
async fn expect_all(watch: &mut Watch, kind: LeadEventKind, leads: &[&Lead]) {
    let events = watch.take(leads.len()).await;
    let mut told = facts(&events);
    told.sort_by_key(|(_, id)| id.clone());
    let mut expected: Vec<_> = leads.iter().map(|lead| (kind, lead.id.clone())).collect();
    expected.sort_by_key(|(_, id)| id.clone());
    assert_eq!(told, expected);
    for event in &events {
        let lead = leads.iter().find(|lead| lead.id == event.lead_id).filter(|_| kind == GAINED);
        assert_eq!(event.lead.as_ref(), lead.copied(), "{kind:?}");
    }
}

async fn move_to(admin: &Caller, lead: &Lead, group_id: &str) -> Lead {
    let change = Lead { id: lead.id.clone(), group_id: Some(group_id.to_owned()), ..Lead::default() };
    admin.update_lead(change, &["group_id"]).await.unwrap()
}

async fn remove_member(admin: &Caller, group_id: &str, member: &Caller) {
    let request = RemoveGroupMembersRequest {
        group_id: group_id.to_owned(),
        user_ids: vec![member.id.clone()],
        ..RemoveGroupMembersRequest::default()
    };
    admin.directory().remove_group_members(request).await.unwrap();
}

on_both_databases! {
    async fn by_an_assignment(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ben).await;
        let mut watch = Watch::open(&ana).await;
        let assigned = admin.assign(&lead.id, &ana).await.unwrap().lead.unwrap();
        expect(&mut watch, GAINED, &assigned).await;
        admin.assign(&lead.id, &ben).await.unwrap();
        expect_gone(&mut watch, LOST, &lead.id).await;
        ben.resolve(&lead.id).await.unwrap();
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }

    async fn by_an_assignment_after_which_something_is_kept(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ana).await;
        let mut watch = Watch::open(&ana).await;
        let keeping = |policy: RevocationPolicy, to: &Caller| AssignLeadRequest {
            lead_id: lead.id.clone(),
            assignee_id: to.id.clone(),
            revocation_policy: policy.into(),
            keep_duration: (policy == RevocationPolicy::KeepUntil).then(|| seconds(2)),
            ..AssignLeadRequest::default()
        };
        let assigned = admin.assignments().assign_lead(keeping(RevocationPolicy::KeepViewOnly, &ben)).await.unwrap();
        expect(&mut watch, LeadEventKind::Assigned, &assigned.into_inner().lead.unwrap()).await;
        let back = admin.assign(&lead.id, &ana).await.unwrap().lead.unwrap();
        expect(&mut watch, LeadEventKind::Assigned, &back).await;

        let assigned = admin.assignments().assign_lead(keeping(RevocationPolicy::KeepUntil, &ben)).await.unwrap();
        expect(&mut watch, LeadEventKind::Assigned, &assigned.into_inner().lead.unwrap()).await;
        expect_gone(&mut watch, LOST, &lead.id).await;
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }

    async fn by_the_pool_of_unassigned_leads(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let own = permission(LeadAction::View, AccessLevel::Individual);
        admin.set_permission(&ana, Permission { include_unassigned: true, ..own }).await.unwrap();
        let lead = t.lead_of("lead", &ben).await;
        let mut watch = Watch::open(&ana).await;
        let unassigned = admin.unassign(&lead.id).await.unwrap().lead.unwrap();
        expect(&mut watch, GAINED, &unassigned).await;
        let discarded = admin.discard(&lead.id).await.unwrap();
        expect(&mut watch, LeadEventKind::Discarded, &discarded).await;
        admin.retrieve(&lead.id).await.unwrap();
        assert_eq!(watch.take(1).await[0].kind(), LeadEventKind::Retrieved);
        admin.assign(&lead.id, &ben).await.unwrap();
        expect_gone(&mut watch, LOST, &lead.id).await;
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }

    async fn by_a_grant_and_a_revocation(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let lead = t.lead("lead").await;
        let mut watch = Watch::open(&ana).await;
        admin.grant(&lead.id, &ana, GrantMode::ViewOnly).await.unwrap();
        expect(&mut watch, GAINED, &lead).await;
        // Reached as before, if by more.
        admin.grant(&lead.id, &ana, GrantMode::Full).await.unwrap();
        admin.revoke(&lead.id, &ana).await.unwrap();
        expect_gone(&mut watch, LOST, &lead.id).await;
        admin.revoke(&lead.id, &ana).await.unwrap();
        admin.discard(&lead.id).await.unwrap();
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }

    async fn by_a_revocation_of_what_a_level_gives(t: TestServer) {
        let (admin, mia) = (t.admin(), t.manager("mia").await);
        let lead = t.lead("lead").await;
        let mut watch = Watch::open(&mia).await;
        admin.revoke(&lead.id, &mia).await.unwrap();
        expect_gone(&mut watch, LOST, &lead.id).await;
        admin.grant(&lead.id, &mia, GrantMode::Full).await.unwrap();
        expect(&mut watch, GAINED, &lead).await;
        expect_nothing_but_a_new_lead(&t, &mut watch, &mia).await;
    }

    async fn by_the_end_of_a_grant(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let lead = t.lead("lead").await;
        let mut watch = Watch::open(&ana).await;
        let request = GrantLeadAccessRequest {
            lead_id: lead.id.clone(),
            user_id: ana.id.clone(),
            expire_time: Some(seconds_from_now(2)),
            ..GrantLeadAccessRequest::default()
        };
        admin.assignments().grant_lead_access(request).await.unwrap();
        expect(&mut watch, GAINED, &lead).await;
        expect_gone(&mut watch, LOST, &lead.id).await;
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }

    async fn by_the_end_of_the_grace_after_a_resolution(t: TestServer) {
        let graced = Profile {
            permissions: every_action(AccessLevel::Individual),
            resolved_grace: Some(seconds(2)),
            ..profile("graced", Role::Agent)
        };
        t.create_profile(graced).await;
        let (admin, ana) = (t.admin(), t.user("ana", "graced").await);
        let lead = t.lead_of("lead", &ana).await;
        let mut watch = Watch::open(&ana).await;
        let resolved = ana.resolve(&lead.id).await.unwrap();
        expect(&mut watch, LeadEventKind::Resolved, &resolved).await;
        expect_gone(&mut watch, LOST, &lead.id).await;
        let reopened = admin.reopen(&lead.id).await.unwrap();
        expect(&mut watch, GAINED, &reopened).await;
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }

    async fn by_a_move_of_the_lead_between_groups(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let (north, south) = (t.group("north", &[]).await, t.group("south", &[]).await);
        let west = t.group("west", &[]).await;
        let groups = groups_permission(LeadAction::View, &[&north, &west]);
        admin.set_permission(&ana, groups).await.unwrap();
        let lead = t.lead_in("lead", &south).await;
        let mut watch = Watch::open(&ana).await;
        let moved = move_to(&admin, &lead, &north).await;
        expect(&mut watch, GAINED, &moved).await;
        let moved = move_to(&admin, &lead, &west).await;
        expect(&mut watch, LeadEventKind::Changed, &moved).await;
        move_to(&admin, &lead, &south).await;
        expect_gone(&mut watch, LOST, &lead.id).await;
        admin.discard(&lead.id).await.unwrap();
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }

    async fn by_a_membership(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let (north, south) = (t.group("north", &[]).await, t.group("south", &[]).await);
        let member = Permission { include_member_groups: true, ..groups_permission(LeadAction::View, &[]) };
        admin.set_permission(&ana, member).await.unwrap();
        let (first, second) = (t.lead_in("first", &north).await, t.lead_in("second", &north).await);
        t.lead_in("other", &south).await;
        let mut watch = Watch::open(&ana).await;
        t.add_members(&north, &[&ana]).await;
        expect_all(&mut watch, GAINED, &[&first, &second]).await;
        let discarded = admin.discard(&first.id).await.unwrap();
        expect(&mut watch, LeadEventKind::Discarded, &discarded).await;
        remove_member(&admin, &north, &ana).await;
        expect_all(&mut watch, LOST, &[&first, &second]).await;
        admin.retrieve(&first.id).await.unwrap();
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }

    /// Each token is of the answer that told of the change, and of nothing after it.
    async fn once_a_change_of_rights_is_told_what_happens_is_judged_by_the_new_ones(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let north = t.group("north", &[]).await;
        let member = Permission { include_member_groups: true, ..groups_permission(LeadAction::View, &[]) };
        admin.set_permission(&ana, member).await.unwrap();
        let lead = t.lead_in("lead", &north).await;
        let mut watch = Watch::open(&ana).await;
        t.add_members(&north, &[&ana]).await;
        expect(&mut watch, GAINED, &lead).await;

        let discarded = admin.discard(&lead.id).await.unwrap();
        let mut watch = Watch::resume(&ana, &watch.token).await.unwrap();
        expect(&mut watch, LeadEventKind::Discarded, &discarded).await;
        remove_member(&admin, &north, &ana).await;
        expect_gone(&mut watch, LOST, &lead.id).await;

        admin.retrieve(&lead.id).await.unwrap();
        let mut watch = Watch::resume(&ana, &watch.token).await.unwrap();
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }

    async fn by_a_level(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let own = t.lead_of("own", &ana).await;
        let others = [t.lead_of("Ben's", &ben).await, t.lead("nobody's").await, t.lead("discarded").await];
        let discarded = admin.discard(&others[2].id).await.unwrap();
        let others = [&others[0], &others[1], &discarded];
        let mut watch = Watch::open(&ana).await;
        admin.set_permission(&ana, permission(LeadAction::View, AccessLevel::Complete)).await.unwrap();
        expect_all(&mut watch, GAINED, &others).await;
        admin.set_permission(&ana, permission(LeadAction::View, AccessLevel::SameAsProfile)).await.unwrap();
        expect_all(&mut watch, LOST, &others).await;
        admin.set_permission(&ana, permission(LeadAction::View, AccessLevel::None)).await.unwrap();
        expect_gone(&mut watch, LOST, &own.id).await;
        admin.set_permission(&ana, permission(LeadAction::View, AccessLevel::Individual)).await.unwrap();
        expect(&mut watch, GAINED, &own).await;
        // What is no right to view changes nothing.
        admin.set_permission(&ana, permission(LeadAction::Edit, AccessLevel::Complete)).await.unwrap();
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }

    async fn by_a_profile(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let others = [t.lead_of("Ben's", &ben).await, t.lead("nobody's").await];
        let others = [&others[0], &others[1]];
        t.lead_of("own", &ana).await;
        let (manager, agent) = (t.profile_id("manager").await, t.profile_id("pre-sales").await);
        let give = async |profile_id: &str| {
            let profile_id = Some(profile_id.to_owned());
            t.update_user(User { id: ana.id.clone(), profile_id, ..User::default() }).await;
        };
        let mut watch = Watch::open(&ana).await;
        give(&manager).await;
        expect_all(&mut watch, GAINED, &others).await;
        give(&agent).await;
        expect_all(&mut watch, LOST, &others).await;

        let reach = async |level: AccessLevel| {
            let permissions = vec![permission(LeadAction::View, level)];
            let request = UpdateProfileRequest {
                profile: Some(Profile { id: agent.clone(), permissions, ..Profile::default() }),
                update_mask: Some(FieldMask { paths: vec!["permissions".to_owned()] }),
                ..UpdateProfileRequest::default()
            };
            admin.permissions().update_profile(request).await.unwrap();
        };
        reach(AccessLevel::Complete).await;
        expect_all(&mut watch, GAINED, &others).await;
        reach(AccessLevel::Individual).await;
        expect_all(&mut watch, LOST, &others).await;
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }
}
