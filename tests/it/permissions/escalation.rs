//! Nobody configures themselves or their equals, and nobody hands out what they don't hold.

use leadward::proto::{
    AccessLevel, AddGroupMembersRequest, ApiToken, Capability, CreateApiTokenRequest, CreateProfileRequest,
    CreateUserRequest, DeactivateUserRequest, ErrorReason, LeadAction, ListApiTokensRequest, OrderVisibility,
    Permission, Profile, ReactivateUserRequest, RemoveGroupMembersRequest, RevokeApiTokenRequest, Role,
    UpdateProfileRequest, UpdateUserRequest, User,
};
use tonic::Status;

use crate::support::{
    Caller, TestServer, every_action, fact, groups_permission, on_both_databases, permission, profile, refused,
};

/// A manager who keeps the directory, and holds VIEW at COMPLETE and all else at INDIVIDUAL.
async fn deputy(t: &TestServer, name: &str) -> Caller {
    let mut permissions = every_action(AccessLevel::Individual);
    permissions[0] = permission(LeadAction::View, AccessLevel::Complete);
    let capabilities = vec![Capability::ConfigurePermissions.into(), Capability::ManageDirectory.into()];
    let deputies = Profile { permissions, capabilities, ..profile(&format!("{name}'s"), Role::Manager) };
    t.create_profile(deputies).await;
    t.user(name, &format!("{name}'s")).await
}

/// An agent of a profile that reaches further than a deputy: EDIT at COMPLETE.
async fn editor(t: &TestServer, name: &str) -> Caller {
    let permissions = vec![permission(LeadAction::Edit, AccessLevel::Complete)];
    t.create_profile(Profile { permissions, ..profile(&format!("{name}'s"), Role::Agent) }).await;
    t.user(name, &format!("{name}'s")).await
}

async fn create_profile(caller: &Caller, profile: Profile) -> Result<(), Status> {
    let request = CreateProfileRequest { profile: Some(profile), ..Default::default() };
    caller.permissions().create_profile(request).await.map(drop)
}

async fn update_profile(caller: &Caller, profile: Profile) -> Result<(), Status> {
    let request = UpdateProfileRequest { profile: Some(profile), ..UpdateProfileRequest::default() };
    caller.permissions().update_profile(request).await.map(drop)
}

async fn create_user(caller: &Caller, profile_id: String) -> Result<(), Status> {
    let user = User { name: Some("somebody".to_owned()), profile_id: Some(profile_id), ..User::default() };
    caller.directory().create_user(CreateUserRequest { user: Some(user), ..Default::default() }).await.map(drop)
}

async fn move_user(caller: &Caller, user: &Caller, profile_id: String) -> Result<(), Status> {
    let user = User { id: user.id.clone(), profile_id: Some(profile_id), ..User::default() };
    caller.directory().update_user(UpdateUserRequest { user: Some(user), ..Default::default() }).await.map(drop)
}

async fn rename(caller: &Caller, user: &Caller) -> Result<(), Status> {
    let user = User { id: user.id.clone(), name: Some("renamed".to_owned()), ..User::default() };
    caller.directory().update_user(UpdateUserRequest { user: Some(user), ..Default::default() }).await.map(drop)
}

async fn deactivate(caller: &Caller, user: &Caller) -> Result<(), Status> {
    caller
        .directory()
        .deactivate_user(DeactivateUserRequest { user_id: user.id.clone(), ..Default::default() })
        .await
        .map(drop)
}

async fn reactivate(caller: &Caller, user: &Caller) -> Result<(), Status> {
    caller
        .directory()
        .reactivate_user(ReactivateUserRequest { user_id: user.id.clone(), ..Default::default() })
        .await
        .map(drop)
}

async fn make_token(caller: &Caller, user: &Caller) -> Result<(), Status> {
    let request = CreateApiTokenRequest { user_id: user.id.clone(), ..CreateApiTokenRequest::default() };
    caller.directory().create_api_token(request).await.map(drop)
}

async fn add_to(caller: &Caller, group_id: &str, user: &Caller) -> Result<(), Status> {
    let request =
        AddGroupMembersRequest { group_id: group_id.to_owned(), user_ids: vec![user.id.clone()], ..Default::default() };
    caller.directory().add_group_members(request).await.map(drop)
}

async fn tokens_of(t: &TestServer, user: &Caller) -> Vec<ApiToken> {
    let request = ListApiTokensRequest { user_id: user.id.clone(), ..ListApiTokensRequest::default() };
    t.admin().directory().list_api_tokens(request).await.unwrap().into_inner().api_tokens
}

on_both_databases! {
    async fn permissions_are_configured_downwards_only(t: TestServer) {
        let (mia, max, ana) = (t.manager("mia").await, t.manager("max").await, t.agent("ana").await);
        let view = permission(LeadAction::View, AccessLevel::Individual);
        refused(mia.set_permission(&mia, view.clone()).await, ErrorReason::SelfConfiguration);
        refused(t.admin().set_permission(&t.admin(), view.clone()).await, ErrorReason::SelfConfiguration);
        let status = refused(mia.set_permission(&max, view.clone()).await, ErrorReason::RoleNotBelow);
        assert_eq!(fact(&status, "role"), "MANAGER");
        let status = refused(mia.set_permission(&t.admin(), view.clone()).await, ErrorReason::RoleNotBelow);
        assert_eq!(fact(&status, "role"), "ADMINISTRATOR");
        mia.set_permission(&ana, view.clone()).await.unwrap();
        t.admin().set_permission(&max, view).await.unwrap();
    }

    async fn nobody_hands_out_a_level_they_do_not_hold(t: TestServer) {
        let (mia, ana) = (t.manager("mia").await, t.agent("ana").await);
        let (north, south) = (t.group("north", &[]).await, t.group("south", &[]).await);
        let action = LeadAction::Delete;
        let pool = Permission { include_unassigned: true, ..permission(action, AccessLevel::Individual) };
        let member = Permission { include_member_groups: true, ..groups_permission(action, &[&north]) };
        let individual = permission(action, AccessLevel::Individual);
        let complete = permission(action, AccessLevel::Complete);
        let (in_north, in_south) = (groups_permission(action, &[&north]), groups_permission(action, &[&south]));
        let none = permission(action, AccessLevel::None);
        // What the manager holds, what they may give, and what they may not.
        let cases = [
            (none.clone(), vec![none.clone()], vec![&individual, &in_north, &complete, &pool]),
            (individual.clone(), vec![individual.clone()], vec![&in_north, &complete, &pool]),
            (in_north.clone(), vec![individual.clone(), in_north.clone(), member], vec![&in_south, &complete, &pool]),
            (complete.clone(), vec![pool.clone(), in_south.clone(), complete.clone()], vec![]),
        ];
        for (held, given, kept) in cases {
            t.admin().set_permission(&mia, held.clone()).await.unwrap();
            for given in given {
                t.admin().set_permission(&ana, none.clone()).await.unwrap();
                mia.set_permission(&ana, given).await.unwrap();
            }
            t.admin().set_permission(&ana, none.clone()).await.unwrap();
            for kept in kept {
                let status = refused(mia.set_permission(&ana, kept.clone()).await, ErrorReason::Escalation);
                assert_eq!(fact(&status, "action"), "DELETE", "{held:?} gives {kept:?}");
            }
        }
    }

    async fn what_the_user_has_already_may_stay_beside_what_is_handed_out(t: TestServer) {
        let (dan, ana) = (deputy(&t, "dan").await, t.agent("ana").await);
        let (mine, theirs) = (t.group("mine", &[]).await, t.group("theirs", &[]).await);
        t.admin().set_permission(&dan, groups_permission(LeadAction::Edit, &[&mine])).await.unwrap();
        t.admin().set_permission(&ana, groups_permission(LeadAction::Edit, &[&theirs])).await.unwrap();
        dan.set_permission(&ana, groups_permission(LeadAction::Edit, &[&mine, &theirs])).await.unwrap();
        dan.set_permission(&ana, groups_permission(LeadAction::Edit, &[&mine])).await.unwrap();
        let back = dan.set_permission(&ana, groups_permission(LeadAction::Edit, &[&mine, &theirs])).await;
        refused(back, ErrorReason::Escalation);
    }

    async fn taking_a_setting_back_may_hand_out_too_much_as_well(t: TestServer) {
        let mia = t.manager("mia").await;
        let permissions = vec![permission(LeadAction::Delete, AccessLevel::Individual)];
        t.create_profile(Profile { permissions, ..profile("deleters", Role::Agent) }).await;
        let ana = t.user("ana", "deleters").await;
        for user in [&mia, &ana] {
            t.admin().set_permission(user, permission(LeadAction::Delete, AccessLevel::None)).await.unwrap();
        }
        let back = permission(LeadAction::Delete, AccessLevel::SameAsProfile);
        refused(mia.set_permission(&ana, back.clone()).await, ErrorReason::Escalation);
        t.admin().set_permission(&ana, back).await.unwrap();
    }

    async fn profiles_hand_out_no_more_than_their_maker_holds(t: TestServer) {
        let dan = deputy(&t, "dan").await;
        create_profile(&dan, profile("fine", Role::Agent)).await.unwrap();
        refused(create_profile(&dan, profile("equals", Role::Manager)).await, ErrorReason::RoleNotBelow);
        let permissions = vec![permission(LeadAction::Edit, AccessLevel::Complete)];
        let wide = Profile { permissions, ..profile("wide", Role::Agent) };
        let status = refused(create_profile(&dan, wide.clone()).await, ErrorReason::Escalation);
        assert_eq!(fact(&status, "action"), "EDIT");
        let capabilities = vec![Capability::ImportLeads.into()];
        let able = Profile { capabilities, ..profile("able", Role::Agent) };
        let status = refused(create_profile(&dan, able.clone()).await, ErrorReason::Escalation);
        assert_eq!(fact(&status, "capability"), "IMPORT_LEADS");

        let id = t.profile_id("fine").await;
        for change in [wide, able] {
            refused(update_profile(&dan, Profile { id: id.clone(), ..change }).await, ErrorReason::Escalation);
        }
        let promoted = Profile { id, role: Some(Role::Manager.into()), ..Profile::default() };
        refused(update_profile(&dan, promoted).await, ErrorReason::RoleNotBelow);
        for (name, reason) in [("dan's", ErrorReason::SelfConfiguration), ("manager", ErrorReason::RoleNotBelow)] {
            let id = t.profile_id(name).await;
            let change = Profile { id, max_open_leads: Some(5), ..Profile::default() };
            refused(update_profile(&dan, change).await, reason);
        }
    }

    /// How far VIEW goes includes which orders are seen.
    async fn whoever_sees_partial_orders_alone_hands_out_no_sight_of_others(t: TestServer) {
        let (dan, ana) = (deputy(&t, "dan").await, t.user("ana", "leads-agent").await);
        let capabilities = vec![Capability::ManageDirectory.into(), Capability::ActOnBehalf.into()];
        let order_visibility = i32::from(OrderVisibility::PartialOnly);
        let id = t.profile_id("dan's").await;
        let partial = Profile { id, capabilities, order_visibility, ..Profile::default() };
        update_profile(&t.admin(), partial).await.unwrap();
        let max = t.agent("max").await;
        let (all, own) = (t.profile_id("pre-sales").await, t.profile_id("leads-agent").await);

        create_profile(&dan, Profile { order_visibility, ..profile("few", Role::Agent) }).await.unwrap();
        let few = Profile { id: t.profile_id("few").await, ..Profile::default() };
        let raised = Profile { order_visibility: OrderVisibility::All.into(), ..few.clone() };
        deactivate(&dan, &max).await.unwrap();
        for refusal in [
            create_profile(&dan, profile("many", Role::Agent)).await,
            update_profile(&dan, raised.clone()).await,
            create_user(&dan, all.clone()).await,
            move_user(&dan, &ana, all).await,
            reactivate(&dan, &max).await,
            make_token(&dan, &max).await,
        ] {
            assert_eq!(fact(&refused(refusal, ErrorReason::Escalation), "action"), "VIEW");
        }

        create_user(&dan, own.clone()).await.unwrap();
        make_token(&dan, &ana).await.unwrap();
        move_user(&dan, &ana, few.id.clone()).await.unwrap();
        // What was given by others stays, and may be taken.
        update_profile(&t.admin(), raised).await.unwrap();
        update_profile(&dan, Profile { max_open_leads: Some(5), ..few }).await.unwrap();
        refused(make_token(&dan, &ana).await, ErrorReason::Escalation);
        move_user(&dan, &ana, own).await.unwrap();
    }

    async fn users_are_made_and_moved_below_and_within_what_is_held(t: TestServer) {
        let (dan, max, ana) = (deputy(&t, "dan").await, t.manager("max").await, t.agent("ana").await);
        let eve = editor(&t, "eve").await;
        let (agents, managers) = (t.profile_id("pre-sales").await, t.profile_id("manager").await);
        let (editors, administrators) = (t.profile_id("eve's").await, t.profile_id("administrator").await);
        create_user(&dan, agents.clone()).await.unwrap();
        for above in [&managers, &administrators] {
            refused(create_user(&dan, above.clone()).await, ErrorReason::RoleNotBelow);
            refused(move_user(&dan, &ana, above.clone()).await, ErrorReason::RoleNotBelow);
        }
        refused(create_user(&dan, editors.clone()).await, ErrorReason::Escalation);
        refused(move_user(&dan, &ana, editors).await, ErrorReason::Escalation);
        refused(move_user(&dan, &dan, agents.clone()).await, ErrorReason::SelfConfiguration);
        refused(move_user(&dan, &max, agents.clone()).await, ErrorReason::RoleNotBelow);
        refused(rename(&dan, &max).await, ErrorReason::RoleNotBelow);
        move_user(&dan, &eve, agents).await.unwrap();
        rename(&dan, &dan).await.unwrap();
    }

    async fn users_are_let_go_downwards_and_let_in_within_what_is_held(t: TestServer) {
        let (dan, max, ana) = (deputy(&t, "dan").await, t.manager("max").await, t.agent("ana").await);
        let eve = editor(&t, "eve").await;
        refused(deactivate(&dan, &dan).await, ErrorReason::SelfConfiguration);
        refused(deactivate(&dan, &max).await, ErrorReason::RoleNotBelow);
        for user in [&ana, &eve] {
            deactivate(&dan, user).await.unwrap();
        }
        deactivate(&t.admin(), &max).await.unwrap();
        reactivate(&dan, &ana).await.unwrap();
        refused(reactivate(&dan, &eve).await, ErrorReason::Escalation);
        refused(reactivate(&dan, &max).await, ErrorReason::RoleNotBelow);
        reactivate(&t.admin(), &eve).await.unwrap();
    }

    /// Whoever makes a token for a user can act as that user.
    async fn tokens_are_made_for_those_below_who_hold_no_more(t: TestServer) {
        let (dan, max, ana) = (deputy(&t, "dan").await, t.manager("max").await, t.agent("ana").await);
        let eve = editor(&t, "eve").await;
        make_token(&dan, &dan).await.unwrap();
        let status = refused(make_token(&dan, &ana).await, ErrorReason::CapabilityRequired);
        assert_eq!(fact(&status, "capability"), "ACT_ON_BEHALF");

        let capabilities = vec![Capability::ManageDirectory.into(), Capability::ActOnBehalf.into()];
        let trusted = Profile { id: t.profile_id("dan's").await, capabilities, ..Profile::default() };
        update_profile(&t.admin(), trusted).await.unwrap();
        make_token(&dan, &ana).await.unwrap();
        refused(make_token(&dan, &max).await, ErrorReason::RoleNotBelow);
        refused(make_token(&dan, &t.admin()).await, ErrorReason::RoleNotBelow);
        refused(make_token(&dan, &eve).await, ErrorReason::Escalation);

        for (user, revocable) in [(&max, false), (&t.admin(), false), (&eve, true)] {
            let api_token_id = tokens_of(&t, user).await.remove(0).id;
            let request = RevokeApiTokenRequest { api_token_id, ..Default::default() };
            let answer = dan.directory().revoke_api_token(request).await;
            if revocable {
                answer.unwrap();
            } else {
                refused(answer, ErrorReason::RoleNotBelow);
            }
        }
    }

    /// Either change is allowed by itself; both together would give a group that dan doesn't hold.
    async fn two_changes_at_once_hand_out_no_more_than_one_after_the_other(t: TestServer) {
        let (dan, ana) = (deputy(&t, "dan").await, t.agent("ana").await);
        let held = t.group("held", &[]).await;
        t.admin().set_permission(&dan, groups_permission(LeadAction::View, &[&held])).await.unwrap();
        for round in 0..10 {
            t.admin().set_permission(&ana, permission(LeadAction::View, AccessLevel::Individual)).await.unwrap();
            let group_id = t.group(&format!("group {round}"), &[]).await;
            let widen = Permission { include_member_groups: true, ..groups_permission(LeadAction::View, &[]) };
            let (widened, added) = tokio::join!(dan.set_permission(&ana, widen), add_to(&dan, &group_id, &ana));
            let refusals = [widened, added].into_iter().filter_map(Result::err).collect::<Vec<_>>();
            let [refusal] = refusals.as_slice() else { panic!("round {round}: one is refused, not {refusals:?}") };
            refused(Err::<(), _>(refusal.clone()), ErrorReason::Escalation);
            t.admin().set_permission(&ana, permission(LeadAction::View, AccessLevel::Individual)).await.unwrap();
            let request = RemoveGroupMembersRequest { group_id, user_ids: vec![ana.id.clone()], ..Default::default() };
            t.admin().directory().remove_group_members(request).await.unwrap();
        }
    }

    async fn memberships_hand_out_no_group_that_is_not_held(t: TestServer) {
        let (dan, max) = (deputy(&t, "dan").await, t.manager("max").await);
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let group_id = t.group("north", &[]).await;
        let member = Permission { include_member_groups: true, ..groups_permission(LeadAction::Edit, &[]) };
        t.admin().set_permission(&ben, member).await.unwrap();
        add_to(&dan, &group_id, &ana).await.unwrap();
        refused(add_to(&dan, &group_id, &dan).await, ErrorReason::SelfConfiguration);
        refused(add_to(&dan, &group_id, &max).await, ErrorReason::RoleNotBelow);
        let status = refused(add_to(&dan, &group_id, &ben).await, ErrorReason::Escalation);
        assert_eq!(fact(&status, "action"), "EDIT");

        t.admin().set_permission(&dan, groups_permission(LeadAction::Edit, &[&group_id])).await.unwrap();
        add_to(&dan, &group_id, &ben).await.unwrap();
        for (user, reason) in [(&dan, ErrorReason::SelfConfiguration), (&max, ErrorReason::RoleNotBelow)] {
            let user_ids = vec![ana.id.clone(), user.id.clone()];
            let request = RemoveGroupMembersRequest { group_id: group_id.clone(), user_ids, ..Default::default() };
            refused(dan.directory().remove_group_members(request).await, reason);
        }
    }
}
