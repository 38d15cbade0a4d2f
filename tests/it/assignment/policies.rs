//! What a reassignment leaves to the previous assignee.

use std::time::Duration;

use leadward::proto::{
    AccessLevel, AccessPath, AssignLeadRequest, AssignLeadResponse, ErrorReason, GrantMode, Lead, LeadAction,
    RevocationPolicy, Settings, UnassignLeadRequest, UpdateSettingsRequest,
};
use tonic::Status;

use crate::support::{Caller, TestServer, fact, named, on_both_databases, permission, refused, seconds};

async fn reassign(
    caller: &Caller,
    lead: &Lead,
    to: &Caller,
    policy: RevocationPolicy,
    keep_seconds: Option<i64>,
) -> Result<AssignLeadResponse, Status> {
    let request = AssignLeadRequest {
        lead_id: lead.id.clone(),
        assignee_id: to.id.clone(),
        revocation_policy: policy.into(),
        keep_duration: keep_seconds.map(seconds),
        ..AssignLeadRequest::default()
    };
    Ok(caller.assignments().assign_lead(request).await?.into_inner())
}

async fn rename(caller: &Caller, lead: &Lead) -> Result<Lead, Status> {
    caller.update_lead(Lead { id: lead.id.clone(), ..named("renamed") }, &[]).await
}

async fn set_policy(t: &TestServer, policy: RevocationPolicy, keep_seconds: Option<i64>) {
    let keep_duration = keep_seconds.map(seconds);
    let settings = Some(Settings { revocation_policy: policy.into(), keep_duration, ..Settings::default() });
    t.admin().permissions().update_settings(UpdateSettingsRequest { settings, ..Default::default() }).await.unwrap();
}

on_both_databases! {
    async fn revoke_takes_the_lead_and_every_grant(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ana).await;
        t.admin().grant(&lead.id, &ana, GrantMode::Full).await.unwrap();
        let response = t.admin().assign(&lead.id, &ben).await.unwrap();

        let previous = response.previous_assignee.unwrap();
        assert_eq!((previous.user_id.as_str(), previous.policy()), (ana.id.as_str(), RevocationPolicy::Revoke));
        assert_eq!((previous.expire_time, previous.remaining_paths), (None, vec![]));
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
        refused(rename(&ana, &lead).await, ErrorReason::LeadNotFound);
        assert!(ana.list_leads(LeadAction::View).await.unwrap().is_empty());
        ben.get_lead(&lead.id).await.unwrap();
    }

    async fn revoke_takes_what_an_earlier_reassignment_left(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ana).await;
        reassign(&t.admin(), &lead, &ben, RevocationPolicy::Keep, None).await.unwrap();
        t.admin().assign(&lead.id, &ana).await.unwrap();
        refused(ben.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
        t.admin().assign(&lead.id, &ben).await.unwrap();
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
    }

    async fn revoke_leaves_what_a_level_reaches_and_says_so(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        t.admin().set_permission(&ana, permission(LeadAction::View, AccessLevel::Complete)).await.unwrap();
        let lead = t.lead_of("lead", &ana).await;
        let previous = t.admin().assign(&lead.id, &ben).await.unwrap().previous_assignee.unwrap();
        let [path] = previous.remaining_paths.as_slice() else { panic!("one way: {previous:?}") };
        assert_eq!((path.path(), path.actions().collect::<Vec<_>>()), (AccessPath::Complete, vec![LeadAction::View]));
        ana.get_lead(&lead.id).await.unwrap();
        refused(rename(&ana, &lead).await, ErrorReason::ActionNotPermitted);
    }

    async fn keep_leaves_every_action(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ana).await;
        let response = reassign(&t.admin(), &lead, &ben, RevocationPolicy::Keep, None).await.unwrap();
        let previous = response.previous_assignee.unwrap();
        let [path] = previous.remaining_paths.as_slice() else { panic!("one way: {previous:?}") };
        let actions = vec![LeadAction::View, LeadAction::Edit, LeadAction::Resolve];
        assert_eq!((path.path(), path.actions().collect::<Vec<_>>()), (AccessPath::Retained, actions));
        assert_eq!((path.mode(), &path.given_by), (GrantMode::Full, &t.admin().id));
        rename(&ana, &lead).await.unwrap();
        ana.resolve(&lead.id).await.unwrap();
    }

    async fn keep_view_only_leaves_viewing(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ana).await;
        t.admin().grant(&lead.id, &ana, GrantMode::Full).await.unwrap();
        let response = reassign(&t.admin(), &lead, &ben, RevocationPolicy::KeepViewOnly, None).await.unwrap();
        let previous = response.previous_assignee.unwrap();
        let [path] = previous.remaining_paths.as_slice() else { panic!("one way: {previous:?}") };
        assert_eq!((path.path(), path.mode()), (AccessPath::Retained, GrantMode::ViewOnly));
        assert_eq!(path.actions().collect::<Vec<_>>(), [LeadAction::View]);
        ana.get_lead(&lead.id).await.unwrap();
        let status = refused(rename(&ana, &lead).await, ErrorReason::ActionNotPermitted);
        assert_eq!(fact(&status, "action"), "EDIT");
        assert!(ana.list_leads(LeadAction::Edit).await.unwrap().is_empty());
    }

    async fn keep_until_ends_by_itself(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ana).await;
        let response = reassign(&t.admin(), &lead, &ben, RevocationPolicy::KeepUntil, Some(2)).await.unwrap();
        let previous = response.previous_assignee.unwrap();
        assert_eq!(previous.policy(), RevocationPolicy::KeepUntil);
        assert!(previous.expire_time.is_some());
        assert_eq!(previous.remaining_paths[0].expire_time, previous.expire_time);
        rename(&ana, &lead).await.unwrap();

        tokio::time::sleep(Duration::from_millis(2200)).await;
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
        assert!(ana.list_leads(LeadAction::View).await.unwrap().is_empty());
        let list = t.admin().access_list(&lead.id).await.unwrap();
        assert!(list.iter().all(|access| access.user_id != ana.id));
    }

    async fn the_setting_decides_where_the_call_says_nothing(t: TestServer) {
        let (mia, ana, ben) = (t.manager("mia").await, t.agent("ana").await, t.agent("ben").await);
        for (policy, left) in [
            (RevocationPolicy::Keep, true),
            (RevocationPolicy::KeepViewOnly, true),
            (RevocationPolicy::KeepUntil, true),
            (RevocationPolicy::Revoke, false),
        ] {
            set_policy(&t, policy, (policy == RevocationPolicy::KeepUntil).then_some(3600)).await;
            let lead = t.lead_of("lead", &ana).await;
            let previous = mia.assign(&lead.id, &ben).await.unwrap().previous_assignee.unwrap();
            assert_eq!(previous.policy(), policy);
            assert_eq!(ana.get_lead(&lead.id).await.is_ok(), left, "{policy:?}");
        }
    }

    async fn unassigning_applies_the_policy_too(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let (kept, lost) = (t.lead_of("kept", &ana).await, t.lead_of("lost", &ana).await);
        admin.unassign(&lost.id).await.unwrap();
        let request = UnassignLeadRequest {
            lead_id: kept.id.clone(),
            revocation_policy: RevocationPolicy::Keep.into(),
            ..UnassignLeadRequest::default()
        };
        admin.assignments().unassign_lead(request).await.unwrap();
        rename(&ana, &kept).await.unwrap();
        refused(ana.get_lead(&lost.id).await, ErrorReason::LeadNotFound);
    }

    async fn only_who_manages_access_overrides_the_setting(t: TestServer) {
        let (mia, ana, ben) = (t.manager("mia").await, t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ana).await;
        for policy in [RevocationPolicy::Revoke, RevocationPolicy::Keep, RevocationPolicy::KeepViewOnly] {
            let status = refused(reassign(&mia, &lead, &ben, policy, None).await, ErrorReason::CapabilityRequired);
            assert_eq!(fact(&status, "capability"), "MANAGE_LEAD_ACCESS");
        }
        assert_eq!(ana.get_lead(&lead.id).await.unwrap(), lead);
        mia.assign(&lead.id, &ben).await.unwrap();
    }
}
