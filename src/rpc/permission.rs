//! PermissionService.

use tonic::{Request, Response, Status};

use super::{
    Api, answer, answer_fenced,
    convert::{self, Faults, etag},
    status,
};
use crate::{
    access::{Caller, policy::Principal},
    domain::{Result, audit, permissions, profiles, settings},
    model::{
        ids::{ProfileId, UserId},
        permission::Capability,
    },
    proto::{self, access_check_result, permission_service_server::PermissionService},
};

#[tonic::async_trait]
impl PermissionService for Api {
    async fn create_profile(
        &self,
        request: Request<proto::CreateProfileRequest>,
    ) -> Result<Response<proto::CreateProfileResponse>, Status> {
        answer!(self, request, create_profile)
    }

    async fn get_profile(
        &self,
        request: Request<proto::GetProfileRequest>,
    ) -> Result<Response<proto::GetProfileResponse>, Status> {
        answer!(self, request, get_profile)
    }

    async fn list_profiles(
        &self,
        request: Request<proto::ListProfilesRequest>,
    ) -> Result<Response<proto::ListProfilesResponse>, Status> {
        answer!(self, request, list_profiles)
    }

    async fn update_profile(
        &self,
        request: Request<proto::UpdateProfileRequest>,
    ) -> Result<Response<proto::UpdateProfileResponse>, Status> {
        answer!(self, request, update_profile)
    }

    async fn delete_profile(
        &self,
        request: Request<proto::DeleteProfileRequest>,
    ) -> Result<Response<proto::DeleteProfileResponse>, Status> {
        answer!(self, request, delete_profile)
    }

    async fn get_user_permissions(
        &self,
        request: Request<proto::GetUserPermissionsRequest>,
    ) -> Result<Response<proto::GetUserPermissionsResponse>, Status> {
        answer!(self, request, get_permissions)
    }

    async fn update_user_permissions(
        &self,
        request: Request<proto::UpdateUserPermissionsRequest>,
    ) -> Result<Response<proto::UpdateUserPermissionsResponse>, Status> {
        answer!(self, request, update_permissions)
    }

    async fn get_effective_permissions(
        &self,
        request: Request<proto::GetEffectivePermissionsRequest>,
    ) -> Result<Response<proto::GetEffectivePermissionsResponse>, Status> {
        answer!(self, request, get_effective)
    }

    async fn check_access(
        &self,
        request: Request<proto::CheckAccessRequest>,
    ) -> Result<Response<proto::CheckAccessResponse>, Status> {
        answer_fenced!(self, request, check_access)
    }

    async fn batch_check_access(
        &self,
        request: Request<proto::BatchCheckAccessRequest>,
    ) -> Result<Response<proto::BatchCheckAccessResponse>, Status> {
        answer_fenced!(self, request, batch_check_access)
    }

    async fn explain_access(
        &self,
        request: Request<proto::ExplainAccessRequest>,
    ) -> Result<Response<proto::ExplainAccessResponse>, Status> {
        answer_fenced!(self, request, explain_access)
    }

    async fn list_permission_changes(
        &self,
        request: Request<proto::ListPermissionChangesRequest>,
    ) -> Result<Response<proto::ListPermissionChangesResponse>, Status> {
        answer_fenced!(self, request, list_changes)
    }

    async fn get_settings(
        &self,
        request: Request<proto::GetSettingsRequest>,
    ) -> Result<Response<proto::GetSettingsResponse>, Status> {
        answer!(self, request, get_settings)
    }

    async fn update_settings(
        &self,
        request: Request<proto::UpdateSettingsRequest>,
    ) -> Result<Response<proto::UpdateSettingsResponse>, Status> {
        answer!(self, request, update_settings)
    }
}

async fn create_profile(
    api: &Api,
    caller: &Caller,
    mut request: proto::CreateProfileRequest,
) -> Result<proto::CreateProfileResponse> {
    caller.require(Capability::ManageDirectory)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let new = faults.new_profile(request.profile.unwrap_or_default());
    let new = faults.unless(new)?;
    api.change(caller, once, new, move |tx, args| async move {
        let (caller, new) = &*args;
        let profile = profiles::create(&tx, caller, new).await?;
        Ok(proto::CreateProfileResponse { profile: Some(convert::profile(profile)) })
    })
    .await
}

async fn get_profile(
    api: &Api,
    caller: &Caller,
    request: proto::GetProfileRequest,
) -> Result<proto::GetProfileResponse> {
    let mut faults = Faults::default();
    let id = faults.id("profile_id", &request.profile_id);
    let profile = profiles::get(&api.store, caller, faults.unless(id)?).await?;
    Ok(proto::GetProfileResponse { profile: Some(convert::profile(profile)) })
}

async fn list_profiles(
    api: &Api,
    caller: &Caller,
    mut request: proto::ListProfilesRequest,
) -> Result<proto::ListProfilesResponse> {
    caller.require_directory()?;
    let mut faults = Faults::default();
    let paging = faults.paging(&mut request);
    faults.unless(Some(()))?;
    let (page, pages) = api.page(caller, &paging)?;
    let paged = profiles::list(&api.store, caller, &page).await?;
    let (profiles, next_page_token) = pages.fill(paged, |row| row.id.uuid(), convert::profile)?;
    Ok(proto::ListProfilesResponse { profiles, next_page_token })
}

async fn update_profile(
    api: &Api,
    caller: &Caller,
    mut request: proto::UpdateProfileRequest,
) -> Result<proto::UpdateProfileResponse> {
    caller.require(Capability::ManageDirectory)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let dry_run = request.validate_only;
    let given = request.profile.unwrap_or_default();
    let id = faults.id::<ProfileId>("profile.id", &given.id);
    let etag = etag(&given.etag);
    let patch = faults.profile_patch(given, request.update_mask);
    let id = faults.unless(id)?;
    api.change_unless(dry_run, caller, once, (patch, etag), move |tx, args| async move {
        let (caller, (patch, etag)) = &*args;
        let profile = profiles::update(&tx, caller, id, patch, etag.as_deref(), dry_run).await?;
        Ok(proto::UpdateProfileResponse { profile: Some(convert::profile(profile)) })
    })
    .await
}

async fn delete_profile(
    api: &Api,
    caller: &Caller,
    mut request: proto::DeleteProfileRequest,
) -> Result<proto::DeleteProfileResponse> {
    caller.require(Capability::ManageDirectory)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let id = faults.id::<ProfileId>("profile_id", &request.profile_id);
    let id = faults.unless(id)?;
    api.change(caller, once, etag(&request.etag), move |tx, args| async move {
        let (caller, etag) = &*args;
        profiles::delete(&tx, caller, id, etag.as_deref()).await?;
        Ok(proto::DeleteProfileResponse {})
    })
    .await
}

async fn get_permissions(
    api: &Api,
    caller: &Caller,
    request: proto::GetUserPermissionsRequest,
) -> Result<proto::GetUserPermissionsResponse> {
    let mut faults = Faults::default();
    let id = faults.id("user_id", &request.user_id);
    let facts = permissions::get(&api.store, caller, faults.unless(id)?).await?;
    Ok(proto::GetUserPermissionsResponse { user_permissions: Some(convert::user_permissions(&facts)) })
}

async fn update_permissions(
    api: &Api,
    caller: &Caller,
    mut request: proto::UpdateUserPermissionsRequest,
) -> Result<proto::UpdateUserPermissionsResponse> {
    caller.require(Capability::ConfigurePermissions)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let id = faults.id::<UserId>("user_id", &request.user_id);
    let settings = faults.permissions("permissions", &request.permissions, true);
    if request.permissions.is_empty() {
        faults.add("permissions", "names no action");
    }
    let id = faults.unless(id)?;
    let (etag, dry_run) = (etag(&request.etag), request.validate_only);
    api.change_unless(dry_run, caller, once, (settings, etag), move |tx, args| async move {
        let (caller, (settings, etag)) = &*args;
        let facts = permissions::update(&tx, caller, id, settings, etag.as_deref(), dry_run).await?;
        Ok(proto::UpdateUserPermissionsResponse { user_permissions: Some(convert::user_permissions(&facts)) })
    })
    .await
}

async fn get_effective(
    api: &Api,
    caller: &Caller,
    request: proto::GetEffectivePermissionsRequest,
) -> Result<proto::GetEffectivePermissionsResponse> {
    let mut faults = Faults::default();
    let id = faults.optional_id("user_id", &request.user_id).unwrap_or(caller.id());
    let facts = permissions::get(&api.store, caller, faults.unless(Some(id))?).await?;
    Ok(convert::effective(&Principal::resolve(&facts)))
}

async fn check_access(
    api: &Api,
    caller: &Caller,
    request: proto::CheckAccessRequest,
) -> Result<proto::CheckAccessResponse> {
    let mut faults = Faults::default();
    let user_id = faults.optional_id("user_id", &request.user_id).unwrap_or(caller.id());
    let action = faults.action(request.action);
    let lead_id = faults.id("lead_id", &request.lead_id);
    let lead_id = faults.unless(lead_id)?;
    let allowed = permissions::check(&api.store, caller, user_id, action, lead_id).await?;
    Ok(proto::CheckAccessResponse { allowed })
}

async fn batch_check_access(
    api: &Api,
    caller: &Caller,
    request: proto::BatchCheckAccessRequest,
) -> Result<proto::BatchCheckAccessResponse> {
    let mut faults = Faults::default();
    let user_id = faults.optional_id("user_id", &request.user_id).unwrap_or(caller.id());
    let checks = faults.checks(&request.checks);
    let checks = faults.unless(Some(checks))?;
    let answers = permissions::check_many(&api.store, caller, user_id, checks).await?;
    let outcome = |answer| match answer {
        Ok(allowed) => access_check_result::Outcome::Allowed(allowed),
        Err(refusal) => access_check_result::Outcome::Error(status::item(refusal)),
    };
    let results = answers.into_iter().map(|answer| proto::AccessCheckResult { outcome: Some(outcome(answer)) });
    Ok(proto::BatchCheckAccessResponse { results: results.collect() })
}

async fn explain_access(
    api: &Api,
    caller: &Caller,
    request: proto::ExplainAccessRequest,
) -> Result<proto::ExplainAccessResponse> {
    let mut faults = Faults::default();
    let user_id = faults.optional_id("user_id", &request.user_id).unwrap_or(caller.id());
    let action = faults.action(request.action);
    let lead_id = faults.id("lead_id", &request.lead_id);
    let lead_id = faults.unless(lead_id)?;
    let explanation = permissions::explain(&api.store, caller, user_id, action, lead_id).await?;
    Ok(convert::explanation(explanation))
}

async fn list_changes(
    api: &Api,
    caller: &Caller,
    mut request: proto::ListPermissionChangesRequest,
) -> Result<proto::ListPermissionChangesResponse> {
    caller.require(Capability::ReadAudit)?;
    let mut faults = Faults::default();
    let filter = faults.change_filter(&request);
    let paging = faults.paging(&mut request);
    let filter = faults.unless(Some(filter))?;
    let (page, pages) = api.page(caller, &paging)?;
    let paged = audit::list(&api.store, caller, &filter, &page).await?;
    let (changes, next_page_token) = pages.fill(paged, |row| row.id.uuid(), convert::permission_change)?;
    Ok(proto::ListPermissionChangesResponse { changes, next_page_token })
}

async fn get_settings(api: &Api, caller: &Caller, _: proto::GetSettingsRequest) -> Result<proto::GetSettingsResponse> {
    let settings = settings::get(&api.store, caller).await?;
    Ok(proto::GetSettingsResponse { settings: Some(convert::settings(settings)) })
}

async fn update_settings(
    api: &Api,
    caller: &Caller,
    mut request: proto::UpdateSettingsRequest,
) -> Result<proto::UpdateSettingsResponse> {
    caller.require(Capability::ManageSettings)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let given = request.settings.unwrap_or_default();
    let patch = faults.settings_patch(&given, request.update_mask);
    let patch = faults.unless(Some(patch))?;
    api.change(caller, once, etag(&given.etag), move |tx, args| async move {
        let (caller, etag) = &*args;
        let settings = settings::update(&tx, caller, patch, etag.as_deref()).await?;
        Ok(proto::UpdateSettingsResponse { settings: Some(convert::settings(settings)) })
    })
    .await
}
