//! Who can be given a lead.

use leadward::proto::{
    AccessLevel, DeactivateUserRequest, Desk, ErrorReason, Lead, LeadAction, LeadKind, Profile, Role, Settings,
    UpdateSettingsRequest, User,
};
use uuid::Uuid;

use crate::support::{
    Caller, TestServer, every_action, fact, faults, named, on_both_databases, permission, profile, refused,
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

on_both_databases! {
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
