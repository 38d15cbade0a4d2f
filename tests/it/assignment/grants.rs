//! Access given to one user by hand.

use std::time::Duration;

use leadward::proto::{
    AccessLevel, AccessPath, Capability, DeactivateUserRequest, ErrorReason, GrantLeadAccessRequest, GrantMode, Lead,
    LeadAction, Profile, Role,
};

use crate::support::{
    ACTIONS, Caller, TestServer, every_action, fact, faults, named, on_both_databases, permission, profile, refused,
    seconds_from_now,
};

/// A manager who keeps access: sees everything, and may grant and revoke.
pub async fn keeper(t: &TestServer, name: &str) -> Caller {
    let keepers = Profile {
        permissions: every_action(AccessLevel::Complete),
        capabilities: vec![Capability::ManageLeadAccess.into()],
        ..profile(&format!("{name}'s"), Role::Manager)
    };
    t.create_profile(keepers).await;
    t.user(name, &format!("{name}'s")).await
}

on_both_databases! {
    async fn a_full_grant_gives_what_the_user_holds_and_lifts_nothing(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead("lead").await;
        let access = t.admin().grant(&lead.id, &ana, GrantMode::Full).await.unwrap();
        assert_eq!((access.user_id.as_str(), access.user_name.as_str()), (ana.id.as_str(), "ana"));
        let [path] = access.paths.as_slice() else { panic!("one way: {access:?}") };
        assert_eq!((path.path(), path.mode()), (AccessPath::Granted, GrantMode::Full));

        let held = [LeadAction::View, LeadAction::Edit, LeadAction::Resolve];
        assert_eq!(path.actions().collect::<Vec<_>>(), held);
        for action in ACTIONS {
            assert_eq!(t.admin().check(&ana, action, &lead.id).await.unwrap(), held.contains(&action), "{action:?}");
        }
        ana.update_lead(Lead { id: lead.id.clone(), ..named("renamed") }, &[]).await.unwrap();
        refused(ana.discard(&lead.id).await, ErrorReason::ActionNotPermitted);
    }

    async fn a_view_only_grant_gives_viewing(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead("lead").await;
        t.admin().grant(&lead.id, &ana, GrantMode::ViewOnly).await.unwrap();
        ana.get_lead(&lead.id).await.unwrap();
        ana.history(&lead.id).await.unwrap();
        for denied in [ana.resolve(&lead.id).await, ana.update_lead(Lead { id: lead.id, ..named("x") }, &[]).await] {
            refused(denied, ErrorReason::ActionNotPermitted);
        }
        assert!(ana.list_leads(LeadAction::Edit).await.unwrap().is_empty());
    }

    async fn a_grant_never_lifts_none(t: TestServer) {
        let ana = t.agent("ana").await;
        for permission in every_action(AccessLevel::None) {
            t.admin().set_permission(&ana, permission).await.unwrap();
        }
        let lead = t.lead("lead").await;
        let access = t.admin().grant(&lead.id, &ana, GrantMode::Full).await.unwrap();
        assert!(access.paths.is_empty(), "{access:?}");
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
        assert!(ana.list_leads(LeadAction::View).await.unwrap().is_empty());

        t.admin().set_permission(&ana, permission(LeadAction::View, AccessLevel::Individual)).await.unwrap();
        ana.get_lead(&lead.id).await.unwrap();
    }

    async fn a_later_grant_replaces_an_earlier_one(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead("lead").await;
        t.admin().grant(&lead.id, &ana, GrantMode::Full).await.unwrap();
        let access = t.admin().grant(&lead.id, &ana, GrantMode::ViewOnly).await.unwrap();
        assert_eq!(access.paths.len(), 1);
        refused(ana.resolve(&lead.id).await, ErrorReason::ActionNotPermitted);
        t.admin().grant(&lead.id, &ana, GrantMode::Unspecified).await.unwrap();
        ana.resolve(&lead.id).await.unwrap();
    }

    async fn a_grant_ends_at_its_time(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead("lead").await;
        let mut request = GrantLeadAccessRequest {
            lead_id: lead.id.clone(),
            user_id: ana.id.clone(),
            mode: GrantMode::Full.into(),
            expire_time: Some(seconds_from_now(3)),
            ..Default::default()
        };
        t.admin().assignments().grant_lead_access(request.clone()).await.unwrap();
        ana.get_lead(&lead.id).await.unwrap();
        assert_eq!(ana.list_leads(LeadAction::View).await.unwrap().len(), 1);

        tokio::time::sleep(Duration::from_millis(3100)).await;
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
        assert!(ana.list_leads(LeadAction::View).await.unwrap().is_empty());
        assert!(t.admin().access_list(&lead.id).await.unwrap().iter().all(|access| access.user_id != ana.id));

        request.expire_time = Some(seconds_from_now(0));
        let late = t.admin().assignments().grant_lead_access(request).await;
        assert_eq!(faults(&refused(late, ErrorReason::InvalidArgument)), ["expire_time"]);
    }

    async fn access_is_granted_downwards_by_who_keeps_it_to_active_users(t: TestServer) {
        let (kim, lee) = (keeper(&t, "kim").await, keeper(&t, "lee").await);
        let (mia, ana) = (t.manager("mia").await, t.agent("ana").await);
        let lead = t.lead("lead").await;
        let status = refused(mia.grant(&lead.id, &ana, GrantMode::Full).await, ErrorReason::CapabilityRequired);
        assert_eq!(fact(&status, "capability"), "MANAGE_LEAD_ACCESS");
        refused(ana.grant(&lead.id, &ana, GrantMode::Full).await, ErrorReason::CapabilityRequired);
        refused(kim.grant(&lead.id, &kim, GrantMode::Full).await, ErrorReason::SelfConfiguration);
        refused(kim.grant(&lead.id, &lee, GrantMode::Full).await, ErrorReason::RoleNotBelow);
        refused(kim.grant(&lead.id, &t.admin(), GrantMode::Full).await, ErrorReason::RoleNotBelow);
        kim.grant(&lead.id, &ana, GrantMode::Full).await.unwrap();

        let request = DeactivateUserRequest { user_id: ana.id.clone(), ..Default::default() };
        t.admin().directory().deactivate_user(request).await.unwrap();
        let status = refused(kim.grant(&lead.id, &ana, GrantMode::Full).await, ErrorReason::IneligibleAssignee);
        assert_eq!(fact(&status, "cause"), "USER_DEACTIVATED");
    }

    /// Otherwise whoever may grant could have a puppet do what they may not.
    async fn a_grant_gives_no_more_than_the_granter_has_and_for_no_longer(t: TestServer) {
        let (kim, ana) = (keeper(&t, "kim").await, t.agent("ana").await);
        let lead = t.lead("lead").await;
        for permission in every_action(AccessLevel::Individual) {
            t.admin().set_permission(&kim, permission).await.unwrap();
        }
        t.admin().grant(&lead.id, &kim, GrantMode::ViewOnly).await.unwrap();
        let status = refused(kim.grant(&lead.id, &ana, GrantMode::Full).await, ErrorReason::Escalation);
        assert_eq!(fact(&status, "action"), "EDIT");
        kim.grant(&lead.id, &ana, GrantMode::ViewOnly).await.unwrap();

        let until = |seconds| GrantLeadAccessRequest {
            lead_id: lead.id.clone(),
            user_id: ana.id.clone(),
            mode: GrantMode::Full.into(),
            expire_time: Some(seconds_from_now(seconds)),
            ..Default::default()
        };
        let for_a_minute = GrantLeadAccessRequest { user_id: kim.id.clone(), ..until(60) };
        t.admin().assignments().grant_lead_access(for_a_minute).await.unwrap();
        refused(kim.grant(&lead.id, &ana, GrantMode::Full).await, ErrorReason::Escalation);
        refused(kim.assignments().grant_lead_access(until(90)).await, ErrorReason::Escalation);
        kim.assignments().grant_lead_access(until(30)).await.unwrap();
    }

    /// A grant lifts a block for good, so whoever gives it must hold what the block held back.
    async fn a_grant_lifts_no_block_on_what_the_granter_does_not_have(t: TestServer) {
        let (kim, ana) = (keeper(&t, "kim").await, t.agent("ana").await);
        let lead = t.lead("lead").await;
        for action in [LeadAction::View, LeadAction::Delete] {
            t.admin().set_permission(&ana, permission(action, AccessLevel::Complete)).await.unwrap();
        }
        t.admin().revoke(&lead.id, &ana).await.unwrap();
        t.admin().set_permission(&kim, permission(LeadAction::Delete, AccessLevel::None)).await.unwrap();
        let status = refused(kim.grant(&lead.id, &ana, GrantMode::ViewOnly).await, ErrorReason::Escalation);
        assert_eq!(fact(&status, "action"), "DELETE");
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
        t.admin().set_permission(&kim, permission(LeadAction::Delete, AccessLevel::Complete)).await.unwrap();
        kim.grant(&lead.id, &ana, GrantMode::ViewOnly).await.unwrap();
        ana.delete(&lead.id).await.unwrap();
    }

    async fn who_keeps_access_does_so_for_leads_they_may_view(t: TestServer) {
        let (kim, ana) = (keeper(&t, "kim").await, t.agent("ana").await);
        let lead = t.lead("lead").await;
        t.admin().set_permission(&kim, permission(LeadAction::View, AccessLevel::Individual)).await.unwrap();
        for level in [AccessLevel::Complete, AccessLevel::None] {
            t.admin().set_permission(&kim, permission(LeadAction::Edit, level)).await.unwrap();
            refused(kim.grant(&lead.id, &ana, GrantMode::Full).await, ErrorReason::LeadNotFound);
            refused(kim.revoke(&lead.id, &ana).await, ErrorReason::LeadNotFound);
        }
    }
}
