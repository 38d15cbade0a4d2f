//! The calls that change rights.

use leadward::proto::{
    AssignLeadRequest, CreateApiTokenRequest, CreateGroupRequest, CreateUserRequest, DeactivateUserRequest,
    DeleteGroupRequest, DeleteProfileRequest, Group, Permission, Profile, ReactivateUserRequest,
    RemoveGroupMembersRequest, RevocationPolicy, RevokeApiTokenRequest, Settings, UpdateGroupRequest,
    UpdateProfileRequest, UpdateSettingsRequest, UpdateUserPermissionsRequest, User,
};
use prost_types::{FieldMask, Timestamp};

use crate::support::Caller;

pub async fn create_user(caller: &Caller, user: User) -> User {
    let request = CreateUserRequest { user: Some(user), ..Default::default() };
    caller.directory().create_user(request).await.unwrap().into_inner().user.unwrap()
}

pub async fn deactivate(caller: &Caller, user_id: &str) {
    let request = DeactivateUserRequest { user_id: user_id.to_owned(), ..Default::default() };
    caller.directory().deactivate_user(request).await.unwrap();
}

pub async fn reactivate(caller: &Caller, user_id: &str) {
    let request = ReactivateUserRequest { user_id: user_id.to_owned(), ..Default::default() };
    caller.directory().reactivate_user(request).await.unwrap();
}

pub async fn set_permissions(caller: &Caller, user: &Caller, permissions: Vec<Permission>) {
    let request = UpdateUserPermissionsRequest {
        user_id: user.id.clone(),
        permissions,
        ..UpdateUserPermissionsRequest::default()
    };
    caller.permissions().update_user_permissions(request).await.unwrap();
}

pub async fn update_profile(caller: &Caller, profile: Profile, mask: &[&str]) {
    let paths: Vec<_> = mask.iter().map(|path| (*path).to_owned()).collect();
    let update_mask = (!paths.is_empty()).then_some(FieldMask { paths });
    let request = UpdateProfileRequest { profile: Some(profile), update_mask, ..Default::default() };
    caller.permissions().update_profile(request).await.unwrap();
}

pub async fn delete_profile(caller: &Caller, profile_id: &str) {
    let request = DeleteProfileRequest { profile_id: profile_id.to_owned(), ..Default::default() };
    caller.permissions().delete_profile(request).await.unwrap();
}

pub async fn create_group(caller: &Caller, name: &str) -> String {
    let group = Some(Group { name: Some(name.to_owned()), ..Group::default() });
    caller
        .directory()
        .create_group(CreateGroupRequest { group, ..Default::default() })
        .await
        .unwrap()
        .into_inner()
        .group
        .unwrap()
        .id
}

pub async fn rename_group(caller: &Caller, group_id: &str, name: &str) {
    let group = Some(Group { id: group_id.to_owned(), name: Some(name.to_owned()), ..Group::default() });
    caller.directory().update_group(UpdateGroupRequest { group, ..Default::default() }).await.unwrap();
}

pub async fn remove_members(caller: &Caller, group_id: &str, members: &[&Caller]) {
    let user_ids = members.iter().map(|member| member.id.clone()).collect();
    let request = RemoveGroupMembersRequest { group_id: group_id.to_owned(), user_ids, ..Default::default() };
    caller.directory().remove_group_members(request).await.unwrap();
}

pub async fn delete_group(caller: &Caller, group_id: &str) {
    let request = DeleteGroupRequest { group_id: group_id.to_owned(), ..Default::default() };
    caller.directory().delete_group(request).await.unwrap();
}

pub async fn update_settings(caller: &Caller, settings: Settings) {
    let request = UpdateSettingsRequest { settings: Some(settings), ..Default::default() };
    caller.permissions().update_settings(request).await.unwrap();
}

/// The ID of a new token, and its secret.
pub async fn create_token(
    caller: &Caller,
    user: &Caller,
    label: &str,
    expire_time: Option<Timestamp>,
) -> (String, String) {
    let request =
        CreateApiTokenRequest { user_id: user.id.clone(), label: label.to_owned(), expire_time, ..Default::default() };
    let made = caller.directory().create_api_token(request).await.unwrap().into_inner();
    (made.api_token.unwrap().id, made.secret)
}

pub async fn revoke_token(caller: &Caller, token_id: &str) {
    let request = RevokeApiTokenRequest { api_token_id: token_id.to_owned(), ..Default::default() };
    caller.directory().revoke_api_token(request).await.unwrap();
}

pub async fn reassign(caller: &Caller, lead_id: &str, to: &Caller, policy: RevocationPolicy) {
    let request = AssignLeadRequest {
        lead_id: lead_id.to_owned(),
        assignee_id: to.id.clone(),
        revocation_policy: policy.into(),
        ..AssignLeadRequest::default()
    };
    caller.assignments().assign_lead(request).await.unwrap();
}
