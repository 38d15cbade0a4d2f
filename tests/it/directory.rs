//! Users, groups and their credentials.

mod delegation;
mod etags;
mod groups;
mod last_administrator;
mod tokens;

use leadward::proto::{
    Capability, CreateUserRequest, DeactivateUserRequest, Desk, ErrorReason, GetUserRequest, LeadAction,
    ListUsersRequest, ReactivateUserRequest, Role, UpdateUserRequest, User, UserKind, UserState, WhoAmIRequest,
};
use prost_types::FieldMask;
use tonic::Status;
use uuid::Uuid;

use crate::support::{Caller, TestServer, fact, faults, on_both_databases, refused};

async fn get(caller: &Caller, user_id: &str) -> Result<User, Status> {
    let request = GetUserRequest { user_id: user_id.to_owned() };
    Ok(caller.directory().get_user(request).await?.into_inner().user.unwrap())
}

async fn create(caller: &Caller, user: User) -> Result<User, Status> {
    let request = CreateUserRequest { user: Some(user), ..Default::default() };
    Ok(caller.directory().create_user(request).await?.into_inner().user.unwrap())
}

async fn update(caller: &Caller, user: User, mask: &[&str]) -> Result<User, Status> {
    let paths: Vec<_> = mask.iter().map(|path| (*path).to_owned()).collect();
    let update_mask = (!paths.is_empty()).then_some(FieldMask { paths });
    let request = UpdateUserRequest { user: Some(user), update_mask, ..Default::default() };
    Ok(caller.directory().update_user(request).await?.into_inner().user.unwrap())
}

async fn deactivate(caller: &Caller, user_id: &str) -> Result<User, Status> {
    let request = DeactivateUserRequest { user_id: user_id.to_owned(), ..Default::default() };
    Ok(caller.directory().deactivate_user(request).await?.into_inner().user.unwrap())
}

async fn reactivate(caller: &Caller, user_id: &str) -> Result<User, Status> {
    let request = ReactivateUserRequest { user_id: user_id.to_owned(), ..Default::default() };
    Ok(caller.directory().reactivate_user(request).await?.into_inner().user.unwrap())
}

async fn listed(caller: &Caller, group_id: &str, include_deactivated: bool) -> Vec<String> {
    let request =
        ListUsersRequest { group_id: group_id.to_owned(), include_deactivated, ..ListUsersRequest::default() };
    let users = caller.directory().list_users(request).await.unwrap().into_inner().users;
    users.iter().map(|user| user.name().to_owned()).collect()
}

on_both_databases! {
    async fn a_new_service_has_one_administrator(t: TestServer) {
        let me = t.admin().directory().who_am_i(WhoAmIRequest {}).await.unwrap().into_inner();
        assert_eq!((me.role(), me.profile_name.as_str()), (Role::Administrator, "administrator"));
        assert_eq!(me.capabilities().count(), 8);
        let user = me.user.unwrap();
        assert_eq!((user.name(), &user.email, user.state()), ("Administrator", &None, UserState::Active));
        assert_eq!(listed(&t.admin(), "", true).await, ["Administrator"]);
    }

    async fn everyone_learns_who_they_are(t: TestServer) {
        let (mia, ana) = (t.manager("mia").await, t.agent("ana").await);
        let capabilities = [
            Capability::ConfigurePermissions,
            Capability::ViewAllLeadsReport,
            Capability::ImportLeads,
            Capability::ReadAudit,
        ];
        let cases = [
            (&mia, Role::Manager, "manager", capabilities.to_vec()),
            (&ana, Role::Agent, "pre-sales", vec![]),
        ];
        for (caller, role, profile, held) in cases {
            let me = caller.directory().who_am_i(WhoAmIRequest {}).await.unwrap().into_inner();
            assert_eq!((me.role(), me.profile_name.as_str()), (role, profile));
            assert_eq!(me.capabilities().collect::<Vec<_>>(), held);
            assert_eq!(me.user.unwrap(), get(&t.admin(), &caller.id).await.unwrap());
        }
    }

    async fn a_user_is_stored_as_given(t: TestServer) {
        let given = User {
            name: Some("Ana Silva".to_owned()),
            email: Some("Ana@Example.com".to_owned()),
            kind: UserKind::Service.into(),
            profile_id: Some(t.profile_id("pre-sales").await),
            desk: Some(Desk::Sales.into()),
            ..User::default()
        };
        let ignored = User { id: Uuid::now_v7().to_string(), group_ids: vec!["x".to_owned()], ..given.clone() };
        let made = create(&t.admin(), ignored).await.unwrap();
        let expected = User {
            id: made.id.clone(),
            state: UserState::Active.into(),
            create_time: made.create_time,
            update_time: made.update_time,
            etag: made.etag.clone(),
            ..given
        };
        assert_eq!(made, expected);
        assert_eq!(get(&t.admin(), &made.id).await.unwrap(), made);
    }

    async fn an_update_changes_what_it_says(t: TestServer) {
        let before = get(&t.admin(), &t.agent("ana").await.id).await.unwrap();
        let moved = User { id: before.id.clone(), desk: Some(Desk::Retention.into()), ..User::default() };
        let seated = update(&t.admin(), moved, &[]).await.unwrap();
        let (etag, update_time) = (seated.etag.clone(), seated.update_time);
        assert_eq!(seated, User { desk: Some(Desk::Retention.into()), etag, update_time, ..before.clone() });

        let bare = User { id: before.id.clone(), name: Some("Ana".to_owned()), ..User::default() };
        let bare = update(&t.admin(), bare, &["name", "email", "desk"]).await.unwrap();
        assert_eq!((bare.name(), &bare.email, bare.desk()), ("Ana", &None, Desk::Unspecified));

        let stale = User { id: before.id.clone(), name: Some("Eva".to_owned()), etag: before.etag, ..User::default() };
        let status = refused(update(&t.admin(), stale, &[]).await, ErrorReason::StaleEtag);
        assert_eq!(fact(&status, "current_etag"), bare.etag);
        for path in ["state", "kind", "group_ids", "id"] {
            let change = User { id: before.id.clone(), name: Some("Eva".to_owned()), ..User::default() };
            let status = refused(update(&t.admin(), change, &["name", path]).await, ErrorReason::InvalidArgument);
            assert_eq!(faults(&status), ["update_mask"], "{path}");
        }
        assert_eq!(get(&t.admin(), &before.id).await.unwrap(), bare);
    }

    async fn an_email_is_taken_whatever_its_case(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let email = Some("ANA@example.COM".to_owned());
        let profile_id = Some(t.profile_id("pre-sales").await);
        let double = User { name: Some("Eva".to_owned()), email: email.clone(), profile_id, ..User::default() };
        refused(create(&t.admin(), double).await, ErrorReason::DuplicateResource);
        let change = User { id: ben.id, email: email.clone(), ..User::default() };
        refused(update(&t.admin(), change, &[]).await, ErrorReason::DuplicateResource);
        let respelled = User { id: ana.id, email, ..User::default() };
        assert_eq!(update(&t.admin(), respelled, &[]).await.unwrap().email(), "ANA@example.COM");
    }

    async fn a_user_needs_a_profile_that_exists(t: TestServer) {
        let profile_id = Some(Uuid::now_v7().to_string());
        let user = User { name: Some("Ana".to_owned()), profile_id: profile_id.clone(), ..User::default() };
        refused(create(&t.admin(), user).await, ErrorReason::ResourceNotFound);
        let change = User { id: t.agent("ana").await.id, profile_id, ..User::default() };
        refused(update(&t.admin(), change, &[]).await, ErrorReason::ResourceNotFound);
    }

    async fn a_profile_moved_to_holds_at_once(t: TestServer) {
        let (ana, lead) = (t.agent("ana").await, t.lead("lead").await);
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
        let change = User { id: ana.id.clone(), profile_id: Some(t.profile_id("manager").await), ..User::default() };
        update(&t.admin(), change, &[]).await.unwrap();
        ana.get_lead(&lead.id).await.unwrap();
        let back = User { id: ana.id.clone(), profile_id: Some(t.profile_id("pre-sales").await), ..User::default() };
        update(&t.admin(), back, &[]).await.unwrap();
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
    }

    async fn agents_read_of_the_directory_what_is_about_themselves(t: TestServer) {
        let (mia, ana) = (t.manager("mia").await, t.agent("ana").await);
        get(&ana, &ana.id).await.unwrap();
        get(&mia, &ana.id).await.unwrap();
        refused(get(&ana, &mia.id).await, ErrorReason::CapabilityRequired);
        let everyone = ana.directory().list_users(ListUsersRequest::default()).await;
        refused(everyone, ErrorReason::CapabilityRequired);
        let absent = Uuid::now_v7().to_string();
        refused(get(&ana, &absent).await, ErrorReason::CapabilityRequired);
        refused(get(&mia, &absent).await, ErrorReason::ResourceNotFound);
    }

    async fn the_directory_is_changed_by_who_keeps_it(t: TestServer) {
        let (mia, ana) = (t.manager("mia").await, t.agent("ana").await);
        let profile_id = Some(t.profile_id("pre-sales").await);
        let user = User { name: Some("Eva".to_owned()), profile_id, ..User::default() };
        let rename = User { id: ana.id.clone(), name: Some("Eva".to_owned()), ..User::default() };
        for caller in [&mia, &ana] {
            let statuses = [
                refused(create(caller, user.clone()).await, ErrorReason::CapabilityRequired),
                refused(update(caller, rename.clone(), &[]).await, ErrorReason::CapabilityRequired),
                refused(deactivate(caller, &ana.id).await, ErrorReason::CapabilityRequired),
                refused(reactivate(caller, &ana.id).await, ErrorReason::CapabilityRequired),
            ];
            for status in statuses {
                assert_eq!(fact(&status, "capability"), "MANAGE_DIRECTORY");
            }
        }
    }

    async fn a_deactivated_user_is_refused_at_once_and_let_in_again_with_the_tokens_they_had(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead_of("lead", &ana).await;
        ana.get_lead(&lead.id).await.unwrap();

        let gone = deactivate(&t.admin(), &ana.id).await.unwrap();
        assert_eq!(gone.state(), UserState::Deactivated);
        refused(ana.get_lead(&lead.id).await, ErrorReason::NotAuthenticated);
        refused(ana.list_leads(LeadAction::View).await, ErrorReason::NotAuthenticated);
        refused(ana.directory().who_am_i(WhoAmIRequest {}).await, ErrorReason::NotAuthenticated);
        assert_eq!(t.admin().get_lead(&lead.id).await.unwrap().assignee_id, ana.id);
        assert!(!t.admin().check(&ana, LeadAction::View, &lead.id).await.unwrap());
        let access = t.admin().access_list(&lead.id).await.unwrap();
        assert!(access.iter().all(|access| access.user_id != ana.id));
        assert_eq!(listed(&t.admin(), "", false).await, ["Administrator"]);
        assert_eq!(listed(&t.admin(), "", true).await, ["Administrator", "ana"]);

        assert_eq!(reactivate(&t.admin(), &ana.id).await.unwrap().state(), UserState::Active);
        ana.get_lead(&lead.id).await.unwrap();
    }
}
