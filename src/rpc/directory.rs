//! DirectoryService.

use tonic::{Request, Response, Status};

use super::{
    Api, answer,
    convert::{self, Faults, etag},
};
use crate::{
    access::Caller,
    domain::{Result, directory, groups, tokens},
    model::{
        ids::{GroupId, TokenId, UserId},
        permission::Capability,
    },
    proto::{self, directory_service_server::DirectoryService},
};

#[tonic::async_trait]
impl DirectoryService for Api {
    async fn who_am_i(
        &self,
        request: Request<proto::WhoAmIRequest>,
    ) -> Result<Response<proto::WhoAmIResponse>, Status> {
        answer!(self, request, who_am_i)
    }

    async fn create_user(
        &self,
        request: Request<proto::CreateUserRequest>,
    ) -> Result<Response<proto::CreateUserResponse>, Status> {
        answer!(self, request, create_user)
    }

    async fn get_user(
        &self,
        request: Request<proto::GetUserRequest>,
    ) -> Result<Response<proto::GetUserResponse>, Status> {
        answer!(self, request, get_user)
    }

    async fn list_users(
        &self,
        request: Request<proto::ListUsersRequest>,
    ) -> Result<Response<proto::ListUsersResponse>, Status> {
        answer!(self, request, list_users)
    }

    async fn update_user(
        &self,
        request: Request<proto::UpdateUserRequest>,
    ) -> Result<Response<proto::UpdateUserResponse>, Status> {
        answer!(self, request, update_user)
    }

    async fn deactivate_user(
        &self,
        request: Request<proto::DeactivateUserRequest>,
    ) -> Result<Response<proto::DeactivateUserResponse>, Status> {
        answer!(self, request, deactivate_user)
    }

    async fn reactivate_user(
        &self,
        request: Request<proto::ReactivateUserRequest>,
    ) -> Result<Response<proto::ReactivateUserResponse>, Status> {
        answer!(self, request, reactivate_user)
    }

    async fn create_group(
        &self,
        request: Request<proto::CreateGroupRequest>,
    ) -> Result<Response<proto::CreateGroupResponse>, Status> {
        answer!(self, request, create_group)
    }

    async fn update_group(
        &self,
        request: Request<proto::UpdateGroupRequest>,
    ) -> Result<Response<proto::UpdateGroupResponse>, Status> {
        answer!(self, request, update_group)
    }

    async fn list_groups(
        &self,
        request: Request<proto::ListGroupsRequest>,
    ) -> Result<Response<proto::ListGroupsResponse>, Status> {
        answer!(self, request, list_groups)
    }

    async fn delete_group(
        &self,
        request: Request<proto::DeleteGroupRequest>,
    ) -> Result<Response<proto::DeleteGroupResponse>, Status> {
        answer!(self, request, delete_group)
    }

    async fn add_group_members(
        &self,
        request: Request<proto::AddGroupMembersRequest>,
    ) -> Result<Response<proto::AddGroupMembersResponse>, Status> {
        answer!(self, request, add_members)
    }

    async fn remove_group_members(
        &self,
        request: Request<proto::RemoveGroupMembersRequest>,
    ) -> Result<Response<proto::RemoveGroupMembersResponse>, Status> {
        answer!(self, request, remove_members)
    }

    async fn create_api_token(
        &self,
        request: Request<proto::CreateApiTokenRequest>,
    ) -> Result<Response<proto::CreateApiTokenResponse>, Status> {
        answer!(self, request, create_token)
    }

    async fn list_api_tokens(
        &self,
        request: Request<proto::ListApiTokensRequest>,
    ) -> Result<Response<proto::ListApiTokensResponse>, Status> {
        answer!(self, request, list_tokens)
    }

    async fn revoke_api_token(
        &self,
        request: Request<proto::RevokeApiTokenRequest>,
    ) -> Result<Response<proto::RevokeApiTokenResponse>, Status> {
        answer!(self, request, revoke_token)
    }
}

async fn who_am_i(api: &Api, caller: &Caller, _: proto::WhoAmIRequest) -> Result<proto::WhoAmIResponse> {
    let (user, profile_name) = directory::who_am_i(&api.store, caller).await?;
    Ok(proto::WhoAmIResponse {
        user: Some(convert::user(user)),
        role: convert::role(caller.role).into(),
        profile_name,
        capabilities: convert::capabilities(&caller.capabilities),
    })
}

async fn create_user(
    api: &Api,
    caller: &Caller,
    mut request: proto::CreateUserRequest,
) -> Result<proto::CreateUserResponse> {
    caller.require(Capability::ManageDirectory)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let new = faults.new_user(request.user.unwrap_or_default());
    let new = faults.unless(new)?;
    api.change(caller, once, new, |tx, args| async move {
        let (caller, new) = &*args;
        let user = directory::create(&tx, caller, new).await?;
        Ok(proto::CreateUserResponse { user: Some(convert::user(user)) })
    })
    .await
}

async fn get_user(api: &Api, caller: &Caller, request: proto::GetUserRequest) -> Result<proto::GetUserResponse> {
    let mut faults = Faults::default();
    let id = faults.id("user_id", &request.user_id);
    let user = directory::get(&api.store, caller, faults.unless(id)?).await?;
    Ok(proto::GetUserResponse { user: Some(convert::user(user)) })
}

async fn list_users(
    api: &Api,
    caller: &Caller,
    mut request: proto::ListUsersRequest,
) -> Result<proto::ListUsersResponse> {
    caller.require_directory()?;
    let mut faults = Faults::default();
    let group = faults.optional_id("group_id", &request.group_id);
    let paging = faults.paging(&mut request);
    faults.unless(Some(()))?;
    let (page, pages) = api.page(caller, &paging)?;
    let paged = directory::list(&api.store, caller, group, request.include_deactivated, &page).await?;
    let (users, next_page_token) = pages.fill(paged, |row| row.id.uuid(), convert::user)?;
    Ok(proto::ListUsersResponse { users, next_page_token })
}

async fn update_user(
    api: &Api,
    caller: &Caller,
    mut request: proto::UpdateUserRequest,
) -> Result<proto::UpdateUserResponse> {
    caller.require(Capability::ManageDirectory)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let given = request.user.unwrap_or_default();
    let id = faults.id::<UserId>("user.id", &given.id);
    let etag = etag(&given.etag);
    let patch = faults.user_patch(given, request.update_mask);
    let id = faults.unless(id)?;
    api.change(caller, once, (patch, etag), move |tx, args| async move {
        let (caller, (patch, etag)) = &*args;
        let user = directory::update(&tx, caller, id, patch, etag.as_deref()).await?;
        Ok(proto::UpdateUserResponse { user: Some(convert::user(user)) })
    })
    .await
}

async fn deactivate_user(
    api: &Api,
    caller: &Caller,
    mut request: proto::DeactivateUserRequest,
) -> Result<proto::DeactivateUserResponse> {
    caller.require(Capability::ManageDirectory)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let id = faults.id("user_id", &request.user_id);
    let id = faults.unless(id)?;
    api.change(caller, once, etag(&request.etag), move |tx, args| async move {
        let (caller, etag) = &*args;
        let user = directory::deactivate(&tx, caller, id, etag.as_deref()).await?;
        Ok(proto::DeactivateUserResponse { user: Some(convert::user(user)) })
    })
    .await
}

async fn reactivate_user(
    api: &Api,
    caller: &Caller,
    mut request: proto::ReactivateUserRequest,
) -> Result<proto::ReactivateUserResponse> {
    caller.require(Capability::ManageDirectory)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let id = faults.id("user_id", &request.user_id);
    let id = faults.unless(id)?;
    api.change(caller, once, etag(&request.etag), move |tx, args| async move {
        let (caller, etag) = &*args;
        let user = directory::reactivate(&tx, caller, id, etag.as_deref()).await?;
        Ok(proto::ReactivateUserResponse { user: Some(convert::user(user)) })
    })
    .await
}

async fn create_group(
    api: &Api,
    caller: &Caller,
    mut request: proto::CreateGroupRequest,
) -> Result<proto::CreateGroupResponse> {
    caller.require(Capability::ManageDirectory)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let name = faults.name("group.name", request.group.unwrap_or_default().name.as_deref(), 100);
    let name = faults.unless(name)?;
    api.change(caller, once, name, |tx, args| async move {
        let (caller, name) = &*args;
        let group = groups::create(&tx, caller, name).await?;
        Ok(proto::CreateGroupResponse { group: Some(convert::group(group)) })
    })
    .await
}

async fn update_group(
    api: &Api,
    caller: &Caller,
    mut request: proto::UpdateGroupRequest,
) -> Result<proto::UpdateGroupResponse> {
    caller.require(Capability::ManageDirectory)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let given = request.group.unwrap_or_default();
    let id = faults.id::<GroupId>("group.id", &given.id);
    let name = faults.group_patch(&given, request.update_mask);
    let id = faults.unless(id)?;
    api.change(caller, once, (name, etag(&given.etag)), move |tx, args| async move {
        let (caller, (name, etag)) = &*args;
        let group = groups::rename(&tx, caller, id, name.as_deref(), etag.as_deref()).await?;
        Ok(proto::UpdateGroupResponse { group: Some(convert::group(group)) })
    })
    .await
}

async fn list_groups(
    api: &Api,
    caller: &Caller,
    mut request: proto::ListGroupsRequest,
) -> Result<proto::ListGroupsResponse> {
    caller.require_directory()?;
    let mut faults = Faults::default();
    let paging = faults.paging(&mut request);
    faults.unless(Some(()))?;
    let (page, pages) = api.page(caller, &paging)?;
    let paged = groups::list(&api.store, caller, &page).await?;
    let (groups, next_page_token) = pages.fill(paged, |row| row.id.uuid(), convert::group)?;
    Ok(proto::ListGroupsResponse { groups, next_page_token })
}

async fn delete_group(
    api: &Api,
    caller: &Caller,
    mut request: proto::DeleteGroupRequest,
) -> Result<proto::DeleteGroupResponse> {
    caller.require(Capability::ManageDirectory)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let id = faults.id("group_id", &request.group_id);
    let id = faults.unless(id)?;
    api.change(caller, once, etag(&request.etag), move |tx, args| async move {
        let (caller, etag) = &*args;
        groups::delete(&tx, caller, id, etag.as_deref()).await?;
        Ok(proto::DeleteGroupResponse {})
    })
    .await
}

async fn add_members(
    api: &Api,
    caller: &Caller,
    mut request: proto::AddGroupMembersRequest,
) -> Result<proto::AddGroupMembersResponse> {
    caller.require(Capability::ManageDirectory)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let id = faults.id::<GroupId>("group_id", &request.group_id);
    let members = faults.ids::<UserId>("user_ids", &request.user_ids);
    let (id, members) = faults.unless(id.zip(members))?;
    api.change(caller, once, (members, etag(&request.etag)), move |tx, args| async move {
        let (caller, (members, etag)) = &*args;
        let group = groups::add_members(&tx, caller, id, members, etag.as_deref()).await?;
        Ok(proto::AddGroupMembersResponse { group: Some(convert::group(group)) })
    })
    .await
}

async fn remove_members(
    api: &Api,
    caller: &Caller,
    mut request: proto::RemoveGroupMembersRequest,
) -> Result<proto::RemoveGroupMembersResponse> {
    caller.require(Capability::ManageDirectory)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let id = faults.id::<GroupId>("group_id", &request.group_id);
    let members = faults.ids::<UserId>("user_ids", &request.user_ids);
    let (id, members) = faults.unless(id.zip(members))?;
    api.change(caller, once, (members, etag(&request.etag)), move |tx, args| async move {
        let (caller, (members, etag)) = &*args;
        let group = groups::remove_members(&tx, caller, id, members, etag.as_deref()).await?;
        Ok(proto::RemoveGroupMembersResponse { group: Some(convert::group(group)) })
    })
    .await
}

async fn create_token(
    api: &Api,
    caller: &Caller,
    mut request: proto::CreateApiTokenRequest,
) -> Result<proto::CreateApiTokenResponse> {
    caller.require(Capability::ManageDirectory)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let id = faults.id::<UserId>("user_id", &request.user_id);
    let label = faults.line("label", &request.label, 100);
    let expires = faults.time("expire_time", request.expire_time);
    let (id, label) = faults.unless(id.zip(label))?;
    if id != caller.id() {
        // A repeated request shows the secret again.
        caller.require(Capability::ActOnBehalf)?;
    }
    api.change(caller, once, label, move |tx, args| async move {
        let (caller, label) = &*args;
        let (token, secret) = tokens::create(&tx, caller, id, label, expires).await?;
        let secret = secret.expose().to_owned();
        Ok(proto::CreateApiTokenResponse { api_token: Some(convert::api_token(token)), secret })
    })
    .await
}

async fn list_tokens(
    api: &Api,
    caller: &Caller,
    mut request: proto::ListApiTokensRequest,
) -> Result<proto::ListApiTokensResponse> {
    let mut faults = Faults::default();
    let user_id = faults.optional_id("user_id", &request.user_id).unwrap_or(caller.id());
    let paging = faults.paging(&mut request);
    faults.unless(Some(()))?;
    let (page, pages) = api.page(caller, &paging)?;
    let paged = tokens::list(&api.store, caller, user_id, &page).await?;
    let (api_tokens, next_page_token) = pages.fill(paged, |row| row.id.uuid(), convert::api_token)?;
    Ok(proto::ListApiTokensResponse { api_tokens, next_page_token })
}

async fn revoke_token(
    api: &Api,
    caller: &Caller,
    mut request: proto::RevokeApiTokenRequest,
) -> Result<proto::RevokeApiTokenResponse> {
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let id = faults.id::<TokenId>("api_token_id", &request.api_token_id);
    let id = faults.unless(id)?;
    api.change(caller, once, (), move |tx, args| async move {
        let (caller, ()) = &*args;
        let token = tokens::revoke(&tx, caller, id).await?;
        Ok(proto::RevokeApiTokenResponse { api_token: Some(convert::api_token(token)) })
    })
    .await
}
