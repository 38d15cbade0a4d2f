//! What leaves nothing on the record, and that nothing takes anything off it.

use leadward::proto::{
    AccessLevel, AddGroupMembersRequest, AssignLeadRequest, CreateGroupRequest, CreateUserRequest, ErrorReason,
    GrantMode, Group, LeadAction, Profile, Role, Settings, UpdateProfileRequest, UpdateUserPermissionsRequest, User,
};
use uuid::Uuid;

use super::{
    calls::{
        create_token, deactivate, delete_group, delete_profile, reactivate, remove_members, rename_group, revoke_token,
        set_permissions, update_profile, update_settings,
    },
    lines, recorded,
};
use crate::support::{TestServer, methods, on_both_databases, permission, profile, refused};

on_both_databases! {
    async fn what_changes_nothing_leaves_no_entry(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let (north, lead) = (t.group("north", &[&ana]).await, t.lead("lead").await);
        let scouts = t.create_profile(profile("scouts", Role::Agent)).await;
        let (token, _) = create_token(&admin, &ana, "laptop", None).await;
        revoke_token(&admin, &token).await;
        deactivate(&admin, &ben.id).await;
        admin.grant(&lead.id, &ana, GrantMode::Full).await.unwrap();
        let ((), changes) = recorded(&t, async {
            t.update_user(User { id: ana.id.clone(), name: Some(ana.name.clone()), ..User::default() }).await;
            deactivate(&admin, &ben.id).await;
            reactivate(&admin, &ana.id).await;
            set_permissions(&admin, &ana, vec![permission(LeadAction::View, AccessLevel::SameAsProfile)]).await;
            update_profile(&admin, Profile { id: scouts.id, ..profile("scouts", Role::Agent) }, &[]).await;
            rename_group(&admin, &north, "north").await;
            t.add_members(&north, &[&ana]).await;
            remove_members(&admin, &north, &[&ben]).await;
            update_settings(&admin, Settings { enforce_desks: Some(true), ..Settings::default() }).await;
            revoke_token(&admin, &token).await;
            admin.grant(&lead.id, &ana, GrantMode::Full).await.unwrap();
            admin.assign(&lead.id, &ana).await.unwrap();
            admin.resolve(&lead.id).await.unwrap();
        })
        .await;
        assert_eq!(lines(&changes), [""; 0]);
    }

    async fn what_is_refused_leaves_no_entry(t: TestServer) {
        let (admin, mia, ana) = (t.admin(), t.manager("mia").await, t.agent("ana").await);
        let (north, south) = (t.group("north", &[]).await, t.group("south", &[]).await);
        let lead = t.lead_of("lead", &ana).await;
        let scouts = t.create_profile(profile("scouts", Role::Agent)).await;
        let agents = t.profile_id("pre-sales").await;
        let ((), changes) = recorded(&t, async {
            let double = User {
                name: Some("Eva".to_owned()),
                email: Some("ana@example.com".to_owned()),
                profile_id: Some(agents),
                ..User::default()
            };
            let reasons = [ErrorReason::CapabilityRequired, ErrorReason::DuplicateResource];
            for (caller, reason) in [&mia, &admin].into_iter().zip(reasons) {
                let request = CreateUserRequest { user: Some(double.clone()), ..Default::default() };
                refused(caller.directory().create_user(request).await, reason);
                let group = Some(Group { name: Some("North".to_owned()), ..Group::default() });
                let request = CreateGroupRequest { group, ..Default::default() };
                refused(caller.directory().create_group(request).await, reason);
                let renamed = Profile { id: scouts.id.clone(), ..profile("Manager", Role::Agent) };
                let request = UpdateProfileRequest { profile: Some(renamed), ..UpdateProfileRequest::default() };
                refused(caller.permissions().update_profile(request).await, reason);
            }
            let user_ids = vec![ana.id.clone(), Uuid::now_v7().to_string()];
            let request = AddGroupMembersRequest { group_id: south, user_ids, ..Default::default() };
            refused(admin.directory().add_group_members(request).await, ErrorReason::ResourceNotFound);
            let view = permission(LeadAction::View, AccessLevel::None);
            refused(admin.set_permission(&admin, view.clone()).await, ErrorReason::SelfConfiguration);
            refused(mia.set_permission(&admin, view).await, ErrorReason::RoleNotBelow);
            refused(admin.revoke(&lead.id, &ana).await, ErrorReason::RevocationRefused);
            refused(mia.grant(&lead.id, &ana, GrantMode::Full).await, ErrorReason::CapabilityRequired);
            let members_of_nothing = AddGroupMembersRequest { group_id: north, user_ids: vec![], ..Default::default() };
            refused(admin.directory().add_group_members(members_of_nothing).await, ErrorReason::InvalidArgument);
        })
        .await;
        assert_eq!(lines(&changes), [""; 0]);
    }

    async fn a_dry_run_leaves_no_entry(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let lead = t.lead("lead").await;
        admin.revoke(&lead.id, &ana).await.unwrap();
        let scouts = t.create_profile(profile("scouts", Role::Agent)).await;
        let ((), changes) = recorded(&t, async {
            let request = UpdateUserPermissionsRequest {
                user_id: ana.id.clone(),
                permissions: vec![permission(LeadAction::View, AccessLevel::Complete)],
                validate_only: true,
                ..UpdateUserPermissionsRequest::default()
            };
            admin.permissions().update_user_permissions(request).await.unwrap();
            let profile = Some(Profile { id: scouts.id, max_open_leads: Some(7), ..Profile::default() });
            let request = UpdateProfileRequest { profile, validate_only: true, ..Default::default() };
            admin.permissions().update_profile(request).await.unwrap();
            let request = AssignLeadRequest {
                lead_id: lead.id.clone(),
                assignee_id: ana.id.clone(),
                validate_only: true,
                ..AssignLeadRequest::default()
            };
            admin.assignments().assign_lead(request).await.unwrap();
        })
        .await;
        assert_eq!(lines(&changes), [""; 0]);
    }

    /// `recorded` sees to it that what was on the record stays as it was.
    async fn what_is_recorded_outlives_what_it_is_about(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let (north, lead) = (t.group("north", &[&ana]).await, t.lead("lead").await);
        let scouts = t.create_profile(profile("scouts", Role::Agent)).await;
        let (token, _) = create_token(&admin, &ana, "laptop", None).await;
        admin.grant(&lead.id, &ana, GrantMode::Full).await.unwrap();
        let ((), changes) = recorded(&t, async {
            admin.delete(&lead.id).await.unwrap();
            delete_group(&admin, &north).await;
            delete_profile(&admin, &scouts.id).await;
            revoke_token(&admin, &token).await;
            t.update_user(User { id: ana.id.clone(), name: Some("Eva".to_owned()), ..User::default() }).await;
            deactivate(&admin, &ana.id).await;
        })
        .await;
        assert_eq!(changes.len(), 6, "{changes:?}");
    }
}

#[test]
fn the_record_can_only_be_read() {
    let calls = methods().into_iter().map(|method| method.name).filter(|name| name.contains("PermissionChange"));
    assert_eq!(calls.collect::<Vec<_>>(), ["ListPermissionChanges"]);
}
