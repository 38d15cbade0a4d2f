use leadward::proto::{
    AddGroupMembersRequest, CreateApiTokenRequest, CreateGroupRequest, CreateUserRequest, DeactivateUserRequest,
    DeleteGroupRequest, GetUserRequest, Group, ListApiTokensRequest, ListGroupsRequest, ListUsersRequest,
    ReactivateUserRequest, RemoveGroupMembersRequest, RevokeApiTokenRequest, UpdateGroupRequest, UpdateUserRequest,
    User,
};
use prost_types::Timestamp;

use super::{Table, UNKNOWN, bad, long, mask, x};
use crate::support::Caller;

pub async fn ask(admin: &Caller, table: &mut Table) {
    ask_about_users(admin, table).await;
    ask_about_groups(admin, table).await;
    ask_about_tokens(admin, table).await;
}

async fn ask_about_users(admin: &Caller, table: &mut Table) {
    let mut client = admin.directory();
    let user = User {
        name: Some(long(201)),
        email: Some("not an address".to_owned()),
        kind: UNKNOWN,
        profile_id: Some(x()),
        desk: Some(UNKNOWN),
        ..User::default()
    };
    bad!(table, client, create_user, CreateUserRequest::default(), ["user.name", "user.profile_id"]);
    bad!(
        table,
        client,
        create_user,
        CreateUserRequest { user: Some(user.clone()), request_id: x() },
        ["user.name", "user.email", "user.kind", "user.profile_id", "user.desk", "request_id"]
    );
    bad!(table, client, get_user, GetUserRequest { user_id: x() }, ["user_id"]);
    let request = ListUsersRequest { group_id: x(), page_size: -1, ..Default::default() };
    bad!(table, client, list_users, request, ["group_id", "page_size"]);

    let user = Some(User { id: x(), ..user });
    bad!(
        table,
        client,
        update_user,
        UpdateUserRequest { user: user.clone(), request_id: x(), ..Default::default() },
        ["user.id", "user.name", "user.email", "user.profile_id", "user.desk", "request_id"]
    );
    let request = UpdateUserRequest { user, update_mask: mask("kind"), ..Default::default() };
    bad!(table, client, update_user, request, ["user.id", "update_mask"]);
    let request = UpdateUserRequest { user: None, update_mask: mask("name"), ..Default::default() };
    bad!(table, client, update_user, request, ["user.id", "user.name"]);
    let request = DeactivateUserRequest { user_id: x(), request_id: x(), ..Default::default() };
    bad!(table, client, deactivate_user, request, ["user_id", "request_id"]);
    let request = ReactivateUserRequest { request_id: x(), ..Default::default() };
    bad!(table, client, reactivate_user, request, ["user_id", "request_id"]);
}

async fn ask_about_groups(admin: &Caller, table: &mut Table) {
    let mut client = admin.directory();
    bad!(table, client, create_group, CreateGroupRequest::default(), ["group.name"]);
    let group = Some(Group { id: x(), name: Some(long(101)), ..Group::default() });
    let request = CreateGroupRequest { group: group.clone(), request_id: x() };
    bad!(table, client, create_group, request, ["group.name", "request_id"]);
    let request = UpdateGroupRequest { group: group.clone(), request_id: x(), ..Default::default() };
    bad!(table, client, update_group, request, ["group.id", "group.name", "request_id"]);
    let request = UpdateGroupRequest { group, update_mask: mask("member_count"), ..Default::default() };
    bad!(table, client, update_group, request, ["group.id", "update_mask"]);
    bad!(table, client, list_groups, ListGroupsRequest { page_size: -1, ..Default::default() }, ["page_size"]);
    let request = DeleteGroupRequest { group_id: x(), request_id: x(), ..Default::default() };
    bad!(table, client, delete_group, request, ["group_id", "request_id"]);

    for user_ids in [vec![], vec![x(); 1001]] {
        let request = AddGroupMembersRequest { group_id: x(), user_ids: user_ids.clone(), ..Default::default() };
        bad!(table, client, add_group_members, request, ["group_id", "user_ids"]);
        let request = RemoveGroupMembersRequest { group_id: x(), user_ids, ..Default::default() };
        bad!(table, client, remove_group_members, request, ["group_id", "user_ids"]);
    }
    let (group_id, user_ids, request_id) = (x(), vec![x()], x());
    let request = AddGroupMembersRequest { group_id, user_ids, request_id, ..Default::default() };
    bad!(table, client, add_group_members, request, ["group_id", "user_ids[0]", "request_id"]);
    let (group_id, user_ids, request_id) = (x(), vec![x()], x());
    let request = RemoveGroupMembersRequest { group_id, user_ids, request_id, ..Default::default() };
    bad!(table, client, remove_group_members, request, ["group_id", "user_ids[0]", "request_id"]);
}

async fn ask_about_tokens(admin: &Caller, table: &mut Table) {
    let mut client = admin.directory();
    let expire_time = Some(Timestamp { seconds: 0, nanos: -1 });
    let request = CreateApiTokenRequest { user_id: x(), label: long(101), expire_time, request_id: x() };
    bad!(table, client, create_api_token, request, ["user_id", "label", "expire_time", "request_id"]);
    let request = ListApiTokensRequest { user_id: x(), page_size: -1, ..Default::default() };
    bad!(table, client, list_api_tokens, request, ["user_id", "page_size"]);
    let request = RevokeApiTokenRequest { api_token_id: x(), request_id: x() };
    bad!(table, client, revoke_api_token, request, ["api_token_id", "request_id"]);
}
