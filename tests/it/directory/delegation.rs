//! A service that calls on behalf of a user.

use leadward::proto::{
    AccessLevel, Capability, CreateApiTokenRequest, DeactivateUserRequest, ErrorReason, Lead, LeadAction, Profile,
    Role, UpdateProfileRequest, User, WhoAmIRequest,
};
use tonic::{Request, Status};

use crate::support::{
    Caller, TestServer, database_rows, named, on_both_databases, permission, profile, reason, refused,
};

/// A service that may act for users of its own role and below, and may do nothing by itself.
async fn gateway(t: &TestServer, role: Role) -> Caller {
    let gateways = Profile { capabilities: vec![Capability::ActOnBehalf.into()], ..profile("gateways", role) };
    t.create_profile(gateways).await;
    t.user("gateway", "gateways").await
}

/// A call with this said of whom it is for.
async fn calls_for(caller: &Caller, said: &[&str]) -> Result<User, Status> {
    let mut request = Request::new(WhoAmIRequest {});
    for user in said {
        request.metadata_mut().append("x-leadward-on-behalf-of", user.parse().unwrap());
    }
    Ok(caller.directory().who_am_i(request).await?.into_inner().user.unwrap())
}

on_both_databases! {
    async fn a_service_reaches_what_the_user_reaches_and_nothing_else(t: TestServer) {
        let (gateway, ana) = (gateway(&t, Role::Agent).await, t.agent("ana").await);
        let (own, foreign) = (t.lead_of("Ana's", &ana).await, t.lead("foreign").await);
        let as_ana = gateway.on_behalf_of(&ana);
        assert_eq!(as_ana.get_lead(&own.id).await.unwrap(), own);
        refused(as_ana.get_lead(&foreign.id).await, ErrorReason::LeadNotFound);
        refused(as_ana.discard(&own.id).await, ErrorReason::ActionNotPermitted);
        refused(gateway.get_lead(&own.id).await, ErrorReason::LeadNotFound);
        let shown: Vec<_> = as_ana.list_leads(LeadAction::View).await.unwrap();
        assert_eq!(shown, [own]);
        assert_eq!(calls_for(&gateway, &[&ana.id]).await.unwrap().id, ana.id);
        assert_eq!(calls_for(&gateway, &[&gateway.id]).await.unwrap().id, gateway.id);
    }

    async fn the_history_of_a_lead_names_both(t: TestServer) {
        let (gateway, ana) = (gateway(&t, Role::Agent).await, t.agent("ana").await);
        let lead = t.lead_of("Ana's", &ana).await;
        let as_ana = gateway.on_behalf_of(&ana);
        as_ana.update_lead(Lead { id: lead.id.clone(), ..named("new name") }, &["name"]).await.unwrap();
        let entry = ana.history(&lead.id).await.unwrap().remove(0);
        assert_eq!((entry.actor_id, entry.on_behalf_of), (gateway.id, ana.id));
    }

    async fn only_a_service_with_the_capability_acts_for_others_and_only_up_to_its_role(t: TestServer) {
        let (gateway, mia, ana) = (gateway(&t, Role::Manager).await, t.manager("mia").await, t.agent("ana").await);
        assert_eq!(calls_for(&gateway, &[&mia.id]).await.unwrap().id, mia.id);
        refused(calls_for(&gateway, &[&t.admin().id]).await, ErrorReason::RoleRequired);
        refused(calls_for(&mia, &[&ana.id]).await, ErrorReason::CapabilityRequired);
        assert_eq!(calls_for(&t.admin(), &[&mia.id]).await.unwrap().id, mia.id);
        refused(t.anonymous().on_behalf_of(&ana).get_lead(&ana.id).await, ErrorReason::NotAuthenticated);
    }

    async fn whoever_is_not_there_can_not_be_acted_for(t: TestServer) {
        let (gateway, ana, absent) = (gateway(&t, Role::Agent).await, t.agent("ana").await, t.lead("none").await);
        refused(calls_for(&gateway, &[&absent.id]).await, ErrorReason::NotAuthenticated);
        for said in [&["ana"][..], &[""], &[&ana.id, &ana.id], &[&ana.id.to_uppercase()]] {
            refused(calls_for(&gateway, said).await, ErrorReason::InvalidArgument);
            let stranger = calls_for(&t.bearer("lw_none"), said).await.unwrap_err();
            assert_eq!(reason(&stranger), "NOT_AUTHENTICATED", "{said:?}");
        }
    }

    async fn what_is_taken_from_either_is_gone_at_once(t: TestServer) {
        let gateway = gateway(&t, Role::Agent).await;
        let (ana, bo, cy) = (t.agent("ana").await, t.agent("bo").await, t.agent("cy").await);
        let lead = t.lead_of("Ana's", &ana).await;
        let (as_ana, as_bo, as_cy) = (gateway.on_behalf_of(&ana), gateway.on_behalf_of(&bo), gateway.on_behalf_of(&cy));
        as_ana.get_lead(&lead.id).await.unwrap();
        t.admin().set_permission(&ana, permission(LeadAction::View, AccessLevel::None)).await.unwrap();
        refused(as_ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);

        as_bo.list_leads(LeadAction::View).await.unwrap();
        let request = DeactivateUserRequest { user_id: bo.id.clone(), ..Default::default() };
        t.admin().directory().deactivate_user(request).await.unwrap();
        refused(as_bo.list_leads(LeadAction::View).await, ErrorReason::NotAuthenticated);

        as_cy.list_leads(LeadAction::View).await.unwrap();
        let gateways = Profile { id: t.profile_id("gateways").await, ..Profile::default() };
        let mask = prost_types::FieldMask { paths: vec!["capabilities".to_owned()] };
        let request = UpdateProfileRequest { profile: Some(gateways), update_mask: Some(mask), ..Default::default() };
        t.admin().permissions().update_profile(request).await.unwrap();
        refused(as_cy.list_leads(LeadAction::View).await, ErrorReason::CapabilityRequired);
    }

    async fn a_service_keeps_nothing_of_whom_it_acts_for(t: TestServer) {
        let keepers = Profile {
            capabilities: vec![Capability::ManageDirectory.into(), Capability::ActOnBehalf.into()],
            ..profile("keepers", Role::Manager)
        };
        t.create_profile(keepers).await;
        let (gateway, dora) = (gateway(&t, Role::Manager).await, t.user("dora", "keepers").await);
        let as_dora = gateway.on_behalf_of(&dora);
        let request = CreateApiTokenRequest { user_id: dora.id.clone(), ..CreateApiTokenRequest::default() };
        refused(as_dora.directory().create_api_token(request.clone()).await, ErrorReason::Escalation);
        dora.directory().create_api_token(request).await.unwrap();
    }

    async fn a_tombstone_names_both(t: TestServer) {
        let (gateway, mia) = (gateway(&t, Role::Manager).await, t.manager("mia").await);
        let lead = t.lead("lead").await;
        gateway.on_behalf_of(&mia).delete(&lead.id).await.unwrap();
        let rows = database_rows(t.database_url()).await;
        let tombstone = rows.iter().find(|row| row.starts_with("lead_tombstones: ")).unwrap().to_lowercase();
        for id in [&gateway.id, &mia.id] {
            assert!(tombstone.contains(id.as_str()) || tombstone.contains(&id.replace('-', "")), "{tombstone}");
        }
    }

    async fn a_deactivated_service_acts_for_nobody(t: TestServer) {
        let (gateway, ana) = (gateway(&t, Role::Agent).await, t.agent("ana").await);
        let as_ana = gateway.on_behalf_of(&ana);
        as_ana.list_leads(LeadAction::View).await.unwrap();
        let request = DeactivateUserRequest { user_id: gateway.id.clone(), ..Default::default() };
        t.admin().directory().deactivate_user(request).await.unwrap();
        refused(as_ana.list_leads(LeadAction::View).await, ErrorReason::NotAuthenticated);
    }
}
