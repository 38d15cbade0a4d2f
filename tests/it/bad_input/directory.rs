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
        CreateUserRequest { user: Some(user.clone()) },
        ["user.name", "user.email", "user.kind", "user.profile_id", "user.desk",]
    );
    bad!(table, client, get_user, GetUserRequest { user_id: x() }, ["user_id"]);
    let request = ListUsersRequest { group_id: x(), page_size: -1, ..Default::default() };
    bad!(table, client, list_users, request, ["group_id", "page_size"]);

    let user = Some(User { id: x(), ..user });
    bad!(
        table,
        client,
        update_user,
        UpdateUserRequest { user: user.clone(), update_mask: None },
        ["user.id", "user.name", "user.email", "user.profile_id", "user.desk",]
    );
    let request = UpdateUserRequest { user, update_mask: mask("kind") };
    bad!(table, client, update_user, request, ["user.id", "update_mask"]);
    let request = UpdateUserRequest { user: None, update_mask: mask("name") };
    bad!(table, client, update_user, request, ["user.id", "user.name"]);
    bad!(table, client, deactivate_user, DeactivateUserRequest { user_id: x() }, ["user_id"]);
    bad!(table, client, reactivate_user, ReactivateUserRequest::default(), ["user_id"]);
}

async fn ask_about_groups(admin: &Caller, table: &mut Table) {
    let mut client = admin.directory();
    bad!(table, client, create_group, CreateGroupRequest::default(), ["group.name"]);
    let group = Some(Group { id: x(), name: Some(long(101)), ..Group::default() });
    bad!(table, client, create_group, CreateGroupRequest { group: group.clone() }, ["group.name"]);
    let request = UpdateGroupRequest { group: group.clone(), update_mask: None };
    bad!(table, client, update_group, request, ["group.id", "group.name"]);
    let request = UpdateGroupRequest { group, update_mask: mask("member_count") };
    bad!(table, client, update_group, request, ["group.id", "update_mask"]);
    bad!(table, client, list_groups, ListGroupsRequest { page_size: -1, ..Default::default() }, ["page_size"]);
    bad!(table, client, delete_group, DeleteGroupRequest { group_id: x() }, ["group_id"]);

    for user_ids in [vec![], vec![x(); 1001]] {
        let request = AddGroupMembersRequest { group_id: x(), user_ids: user_ids.clone() };
        bad!(table, client, add_group_members, request, ["group_id", "user_ids"]);
        let request = RemoveGroupMembersRequest { group_id: x(), user_ids };
        bad!(table, client, remove_group_members, request, ["group_id", "user_ids"]);
    }
    let request = AddGroupMembersRequest { group_id: x(), user_ids: vec![x()] };
    bad!(table, client, add_group_members, request, ["group_id", "user_ids[0]"]);
}

async fn ask_about_tokens(admin: &Caller, table: &mut Table) {
    let mut client = admin.directory();
    let expire_time = Some(Timestamp { seconds: 0, nanos: -1 });
    let request = CreateApiTokenRequest { user_id: x(), label: long(101), expire_time };
    bad!(table, client, create_api_token, request, ["user_id", "label", "expire_time"]);
    let request = ListApiTokensRequest { user_id: x(), page_size: -1, ..Default::default() };
    bad!(table, client, list_api_tokens, request, ["user_id", "page_size"]);
    bad!(table, client, revoke_api_token, RevokeApiTokenRequest { api_token_id: x() }, ["api_token_id"]);
}
