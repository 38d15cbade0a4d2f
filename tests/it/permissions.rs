//! What people may do, and where it comes from.

mod changes;
mod escalation;
mod explain;
mod profiles;
mod settings;
mod turns;
mod versions;

use leadward::proto::{
    AccessLevel, Capability, CheckAccessRequest, EffectivePermission, ErrorReason, GetEffectivePermissionsRequest,
    GetEffectivePermissionsResponse, GetUserPermissionsRequest, GrantMode, Lead, LeadAction, LeadState, Permission,
    PermissionOrigin, RemoveGroupMembersRequest, Role, UpdateUserPermissionsRequest, UserPermissions,
};
use tonic::Status;

use crate::support::{
    ACTIONS, Caller, TestServer, every_action, fact, groups_permission, named, on_both_databases, permission, refused,
};

async fn own_settings(caller: &Caller, of: &Caller) -> Result<UserPermissions, Status> {
    let request = GetUserPermissionsRequest { user_id: of.id.clone() };
    Ok(caller.permissions().get_user_permissions(request).await?.into_inner().user_permissions.unwrap())
}

async fn effective(caller: &Caller, of: &Caller) -> Result<GetEffectivePermissionsResponse, Status> {
    let request = GetEffectivePermissionsRequest { user_id: of.id.clone() };
    Ok(caller.permissions().get_effective_permissions(request).await?.into_inner())
}

fn in_force(action: LeadAction, level: AccessLevel, origin: PermissionOrigin) -> EffectivePermission {
    let (action, level, origin) = (action.into(), level.into(), origin.into());
    EffectivePermission { action, level, origin, ..EffectivePermission::default() }
}

fn with_unassigned(permission: Permission) -> Permission {
    Permission { include_unassigned: true, ..permission }
}

on_both_databases! {
    /// Every action has the same levels, whatever the others are.
    async fn each_level_reaches_the_leads_it_says(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let (north, south) = (t.group("north", &[]).await, t.group("south", &[&ana]).await);
        let of_ben = |name: &str| Lead { assignee_id: ben.id.clone(), ..named(name) };
        let own = t.lead_of("own", &ana).await;
        let granted = admin.create_lead(of_ben("granted")).await.unwrap();
        admin.grant(&granted.id, &ana, GrantMode::Full).await.unwrap();
        let in_north = admin.create_lead(Lead { group_id: Some(north.clone()), ..of_ben("north") }).await.unwrap();
        let in_south = admin.create_lead(Lead { group_id: Some(south), ..of_ben("south") }).await.unwrap();
        let (pooled, foreign) = (t.lead("pool").await, admin.create_lead(of_ben("foreign")).await.unwrap());
        let leads = [own, granted, in_north, in_south, pooled, foreign];

        for action in ACTIONS {
            let individual = permission(action, AccessLevel::Individual);
            let groups = groups_permission(action, &[&north]);
            let member = Permission { include_member_groups: true, ..groups_permission(action, &[]) };
            let cases: [(Permission, &[&str]); 8] = [
                (permission(action, AccessLevel::None), &[]),
                (individual.clone(), &["own", "granted"]),
                (with_unassigned(individual), &["own", "granted", "pool"]),
                (groups.clone(), &["own", "granted", "north"]),
                (with_unassigned(groups.clone()), &["own", "granted", "north", "pool"]),
                (member, &["own", "granted", "south"]),
                (Permission { include_member_groups: true, ..groups }, &["own", "granted", "north", "south"]),
                (permission(action, AccessLevel::Complete), &["own", "granted", "north", "south", "pool", "foreign"]),
            ];
            for (level, expected) in cases {
                admin.set_permission(&ana, level.clone()).await.unwrap();
                let mut listed = ana.list_leads_in(action, &[LeadState::Active], 0).await.unwrap();
                listed.reverse();
                assert_eq!(listed.iter().map(Lead::name).collect::<Vec<_>>(), expected, "{level:?}");
                for lead in &leads {
                    let reached = admin.check(&ana, action, &lead.id).await.unwrap();
                    assert_eq!(reached, expected.contains(&lead.name()), "{level:?} on {}", lead.name());
                }
            }
            admin.set_permission(&ana, permission(action, AccessLevel::None)).await.unwrap();
        }
    }

    async fn the_leads_of_a_members_groups_come_and_go_with_the_membership(t: TestServer) {
        let (ana, group_id) = (t.agent("ana").await, t.group("north", &[]).await);
        let member = Permission { include_member_groups: true, ..groups_permission(LeadAction::View, &[]) };
        t.admin().set_permission(&ana, member).await.unwrap();
        let lead = t.lead_in("lead", &group_id).await;
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);

        t.add_members(&group_id, &[&ana]).await;
        ana.get_lead(&lead.id).await.unwrap();
        assert_eq!(ana.list_leads(LeadAction::View).await.unwrap().len(), 1);

        let request = RemoveGroupMembersRequest { group_id, user_ids: vec![ana.id.clone()], ..Default::default() };
        t.admin().directory().remove_group_members(request).await.unwrap();
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
        assert!(ana.list_leads(LeadAction::View).await.unwrap().is_empty());
    }

    async fn same_as_profile_is_the_default_and_takes_a_setting_back(t: TestServer) {
        let (ana, lead) = (t.agent("ana").await, t.lead("lead").await);
        let before = own_settings(&ana, &ana).await.unwrap();
        assert_eq!((&before.user_id, &before.permissions), (&ana.id, &every_action(AccessLevel::SameAsProfile)));

        let complete = permission(LeadAction::View, AccessLevel::Complete);
        t.admin().set_permission(&ana, complete.clone()).await.unwrap();
        ana.get_lead(&lead.id).await.unwrap();
        let changed = own_settings(&ana, &ana).await.unwrap();
        assert_eq!((&changed.permissions[0], &changed.permissions[1..]), (&complete, &before.permissions[1..]));

        let back = permission(LeadAction::View, AccessLevel::SameAsProfile);
        t.admin().set_permission(&ana, back).await.unwrap();
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
        assert_eq!(own_settings(&ana, &ana).await.unwrap().permissions, before.permissions);
    }

    async fn a_users_own_setting_may_be_narrower_than_the_profiles(t: TestServer) {
        let mia = t.manager("mia").await;
        let (own, other) = (t.lead_of("own", &mia).await, t.lead("other").await);
        t.admin().set_permission(&mia, permission(LeadAction::View, AccessLevel::Individual)).await.unwrap();
        t.admin().set_permission(&mia, permission(LeadAction::Delete, AccessLevel::None)).await.unwrap();
        mia.get_lead(&own.id).await.unwrap();
        refused(mia.get_lead(&other.id).await, ErrorReason::LeadNotFound);
        refused(mia.delete(&own.id).await, ErrorReason::ActionNotPermitted);
    }

    async fn effective_permissions_say_what_is_in_force_and_where_it_comes_from(t: TestServer) {
        let ana = t.agent("ana").await;
        let (north, south) = (t.group("north", &[]).await, t.group("south", &[&ana]).await);
        let own = Permission { include_member_groups: true, ..groups_permission(LeadAction::Edit, &[&north]) };
        t.admin().set_permission(&ana, with_unassigned(own)).await.unwrap();
        t.admin().set_permission(&ana, permission(LeadAction::Export, AccessLevel::Individual)).await.unwrap();

        let (none, individual) = (AccessLevel::None, AccessLevel::Individual);
        let (profile, user) = (PermissionOrigin::Profile, PermissionOrigin::User);
        let mut edit = in_force(LeadAction::Edit, AccessLevel::Groups, user);
        edit.group_ids = vec![north, south];
        edit.group_ids.sort();
        edit.include_unassigned = true;
        let expected = [
            in_force(LeadAction::View, individual, profile),
            edit,
            in_force(LeadAction::Discard, none, profile),
            in_force(LeadAction::Retrieve, none, profile),
            in_force(LeadAction::Delete, none, profile),
            in_force(LeadAction::Assign, none, profile),
            in_force(LeadAction::Resolve, individual, profile),
            in_force(LeadAction::Export, individual, user),
        ];
        for caller in [&t.admin(), &ana] {
            let answer = effective(caller, &ana).await.unwrap();
            assert_eq!((&answer.user_id, answer.role()), (&ana.id, Role::Agent));
            assert!(answer.capabilities.is_empty());
            assert_eq!(answer.permissions, expected);
        }

        let answer = effective(&t.admin(), &t.admin()).await.unwrap();
        assert_eq!(answer.role(), Role::Administrator);
        let complete = |action| in_force(action, AccessLevel::Complete, PermissionOrigin::Administrator);
        assert_eq!(answer.permissions, ACTIONS.map(complete));
    }

    async fn an_empty_user_id_means_the_caller(t: TestServer) {
        let ana = t.agent("ana").await;
        let request = GetEffectivePermissionsRequest::default();
        let answer = ana.permissions().get_effective_permissions(request).await.unwrap().into_inner();
        assert_eq!(answer, effective(&ana, &ana).await.unwrap());
        let lead = t.lead_of("own", &ana).await;
        let request = CheckAccessRequest { lead_id: lead.id, ..CheckAccessRequest::default() };
        assert!(ana.permissions().check_access(request).await.unwrap().into_inner().allowed);
    }

    async fn permissions_of_others_are_for_who_configures_them(t: TestServer) {
        let (mia, ana, ben) = (t.manager("mia").await, t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ben).await;
        own_settings(&mia, &ana).await.unwrap();
        effective(&mia, &ana).await.unwrap();
        assert!(!mia.check(&ana, LeadAction::View, &lead.id).await.unwrap());

        let statuses = [
            refused(own_settings(&ben, &ana).await, ErrorReason::CapabilityRequired),
            refused(effective(&ben, &ana).await, ErrorReason::CapabilityRequired),
            refused(ben.check(&ana, LeadAction::View, &lead.id).await, ErrorReason::CapabilityRequired),
            refused(
                ben.set_permission(&ana, permission(LeadAction::View, AccessLevel::None)).await,
                ErrorReason::CapabilityRequired,
            ),
        ];
        for status in statuses {
            assert_eq!(fact(&status, "capability"), "CONFIGURE_PERMISSIONS");
        }
    }

    async fn a_check_reveals_no_hidden_lead(t: TestServer) {
        let (mia, ana) = (t.manager("mia").await, t.agent("ana").await);
        t.admin().set_permission(&mia, permission(LeadAction::View, AccessLevel::Individual)).await.unwrap();
        let lead = t.lead_of("lead", &ana).await;
        refused(mia.check(&ana, LeadAction::View, &lead.id).await, ErrorReason::LeadNotFound);
        assert!(mia.check(&mia, LeadAction::Edit, &lead.id).await.unwrap());
    }

    async fn a_stale_etag_or_a_dry_run_changes_no_permission(t: TestServer) {
        let ana = t.agent("ana").await;
        let old = own_settings(&ana, &ana).await.unwrap();
        t.admin().set_permission(&ana, permission(LeadAction::View, AccessLevel::Complete)).await.unwrap();
        let new = own_settings(&ana, &ana).await.unwrap();

        let stale = UpdateUserPermissionsRequest {
            user_id: ana.id.clone(),
            permissions: every_action(AccessLevel::None),
            etag: old.etag,
            ..Default::default()
        };
        let status = t.admin().permissions().update_user_permissions(stale.clone()).await;
        assert_eq!(fact(&refused(status, ErrorReason::StaleEtag), "current_etag"), new.etag);

        let dry = UpdateUserPermissionsRequest { etag: new.etag.clone(), validate_only: true, ..stale };
        let answer = t.admin().permissions().update_user_permissions(dry).await.unwrap().into_inner();
        assert_eq!(answer.user_permissions.unwrap().permissions, every_action(AccessLevel::None));
        assert_eq!(own_settings(&ana, &ana).await.unwrap(), new);
    }

    async fn the_permissions_of_administrators_are_fixed(t: TestServer) {
        let adam = t.administrator("adam").await;
        let narrow = permission(LeadAction::View, AccessLevel::Individual);
        refused(t.admin().set_permission(&adam, narrow).await, ErrorReason::Fixed);
        let held: Vec<_> = effective(&adam, &adam).await.unwrap().capabilities().collect();
        assert_eq!(held.len(), 8);
        assert!(held.contains(&Capability::ManageLeadAccess));
    }
}
