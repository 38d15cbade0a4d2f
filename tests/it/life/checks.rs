//! In which order a change is judged, permission before the etag, and what is told of a lead that it takes out of reach.

use leadward::proto::{
    AccessLevel, Capability, CreateLeadRequest, DuplicatePolicy, ErrorReason, GrantLeadAccessRequest, Lead, LeadAction,
    Profile, RevokeLeadAccessRequest, Role, UpdateLeadRequest, UpdateLeadResponse,
};
use tonic::Status;

use super::{assert_untouched, known_as};
use crate::support::{
    Caller, TestServer, every_action, fact, groups_permission, named, on_both_databases, permission, profile, refused,
};

const STALE: &str = "stale";

async fn update(caller: &Caller, lead: Lead) -> Result<UpdateLeadResponse, Status> {
    let request = UpdateLeadRequest { lead: Some(lead), ..UpdateLeadRequest::default() };
    Ok(caller.leads().update_lead(request).await?.into_inner())
}

async fn grant(caller: &Caller, lead: &Lead, user: &Caller) -> Result<(), Status> {
    let (lead_id, user_id, etag) = (lead.id.clone(), user.id.clone(), STALE.to_owned());
    let request = GrantLeadAccessRequest { lead_id, user_id, etag, ..GrantLeadAccessRequest::default() };
    caller.assignments().grant_lead_access(request).await.map(drop)
}

async fn revoke(caller: &Caller, lead: &Lead, user: &Caller) -> Result<(), Status> {
    let (lead_id, user_id, etag) = (lead.id.clone(), user.id.clone(), STALE.to_owned());
    let request = RevokeLeadAccessRequest { lead_id, user_id, etag, ..RevokeLeadAccessRequest::default() };
    caller.assignments().revoke_lead_access(request).await.map(drop)
}

on_both_databases! {
    async fn a_lead_that_is_moved_out_of_reach_is_not_told(t: TestServer) {
        let (admin, nora) = (t.admin(), t.agent("nora").await);
        let (north, south) = (t.group("north", &[]).await, t.group("south", &[]).await);
        for action in [LeadAction::View, LeadAction::Edit, LeadAction::Assign] {
            admin.set_permission(&nora, groups_permission(action, &[&north])).await.unwrap();
        }
        let in_group = |lead: Lead, group: &str| Lead { group_id: Some(group.to_owned()), ..lead };
        let first = admin.create_lead(in_group(known_as("platform-1"), &north)).await.unwrap();
        let second = admin.create_lead(in_group(known_as("platform-2"), &north)).await.unwrap();

        let renamed = update(&nora, Lead { id: first.id.clone(), ..named("renamed") }).await.unwrap();
        assert_eq!(renamed.lead.unwrap().name(), "renamed");
        let moved = Lead { id: first.id.clone(), ..in_group(Lead::default(), &south) };
        assert_eq!(update(&nora, moved).await.unwrap(), UpdateLeadResponse { lead: None });

        let request = CreateLeadRequest {
            lead: Some(in_group(known_as("platform-2"), &south)),
            on_duplicate: DuplicatePolicy::Update.into(),
            ..CreateLeadRequest::default()
        };
        let answer = nora.leads().create_lead(request).await.unwrap().into_inner();
        assert_eq!((answer.lead, answer.created), (None, false));

        for lead in [first, second] {
            refused(nora.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
            let now = admin.get_lead(&lead.id).await.unwrap();
            assert_eq!(now.group_id(), south);
            let back = Lead { id: lead.id, ..in_group(Lead::default(), &north) };
            assert_eq!(update(&admin, back).await.unwrap().lead.unwrap().group_id(), north);
        }
    }

    async fn whether_a_lead_may_be_moved_is_said_before_its_etag(t: TestServer) {
        let (admin, ana, group) = (t.admin(), t.agent("ana").await, t.group("north", &[]).await);
        let lead = t.lead_of("Ana's", &ana).await;
        let stale = Lead { id: lead.id.clone(), etag: STALE.to_owned(), ..Lead::default() };
        let moved = Lead { group_id: Some(group), ..stale.clone() };
        let status = refused(update(&ana, moved.clone()).await, ErrorReason::ActionNotPermitted);
        assert_eq!(fact(&status, "action"), "ASSIGN");
        refused(update(&ana, Lead { name: Some("renamed".to_owned()), ..stale }).await, ErrorReason::StaleEtag);

        admin.set_permission(&ana, permission(LeadAction::Assign, AccessLevel::Individual)).await.unwrap();
        let status = refused(update(&ana, moved).await, ErrorReason::StaleEtag);
        assert_eq!(fact(&status, "current_etag"), lead.etag);
        assert_untouched(&t, &lead, 1).await;
    }

    async fn whether_access_may_be_changed_is_said_before_the_etag(t: TestServer) {
        let keepers = Profile {
            permissions: every_action(AccessLevel::Complete),
            capabilities: vec![Capability::ManageLeadAccess.into()],
            ..profile("keeper", Role::Manager)
        };
        t.create_profile(keepers).await;
        let (kim, lee, ana) = (t.user("kim", "keeper").await, t.user("lee", "keeper").await, t.agent("ana").await);
        let lead = t.lead("lead").await;
        for (user, reason) in [
            (&kim, ErrorReason::SelfConfiguration),
            (&lee, ErrorReason::RoleNotBelow),
            (&ana, ErrorReason::StaleEtag),
        ] {
            refused(grant(&kim, &lead, user).await, reason);
            refused(revoke(&kim, &lead, user).await, reason);
        }
        refused(revoke(&kim, &lead, &t.admin()).await, ErrorReason::StaleEtag);
        refused(kim.revoke(&lead.id, &t.admin()).await, ErrorReason::RevocationRefused);
        assert_untouched(&t, &lead, 1).await;
    }
}
