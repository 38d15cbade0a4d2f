//! The operations as calls.

use std::time::{Duration, SystemTime};

use leadward::proto::{
    AccessLevel, AddGroupMembersRequest, AssignLeadRequest, Capability, CreateApiTokenRequest, DeactivateUserRequest,
    GrantLeadAccessRequest, GrantLeadAccessResponse, Lead, LeadAction, ListApiTokensRequest, Permission,
    Profile as ProfileMessage, ReactivateUserRequest, RemoveGroupMembersRequest, RevocationPolicy,
    RevokeApiTokenRequest, Settings, UnassignLeadRequest, UpdateProfileRequest, UpdateSettingsRequest,
    UpdateUserPermissionsRequest, UpdateUserRequest, User,
};
use prost_types::{Duration as Span, FieldMask, Timestamp};
use tokio::time::sleep;
use tonic::{Response, Status};

use super::{Seen, Stage};
use crate::{
    oracle::company::{Act, CUSTOM_PROFILES, Operation, Profile, Reach, Until},
    support::{Caller, reason},
};

impl Stage {
    /// Makes the call of an operation, which the model has done already.
    pub(super) async fn send(&self, operation: &Operation) -> Result<Seen, Status> {
        let callers = &self.callers[self.operations % 2];
        let (caller, user) = (&callers[operation.caller], &callers[operation.user]);
        let (user_id, user_ids) = (user.id.clone(), vec![user.id.clone()]);
        // Groups are joined before there are leads.
        let lead_id = self.leads.get(operation.lead).cloned().unwrap_or_default();
        match &operation.act {
            Act::Edit => {
                let lead = Lead { id: lead_id, campaign: Some("autumn".to_owned()), ..Lead::default() };
                caller.update_lead(lead, &["campaign"]).await.map(Seen::lead)
            }
            Act::Discard => caller.discard(&lead_id).await.map(Seen::lead),
            Act::Retrieve => caller.retrieve(&lead_id).await.map(Seen::lead),
            Act::Resolve => caller.resolve(&lead_id).await.map(Seen::lead),
            Act::Reopen => caller.reopen(&lead_id).await.map(Seen::lead),
            Act::Delete => caller.delete(&lead_id).await.map(|()| Seen::default()),
            Act::Assign { policy } => {
                let request = AssignLeadRequest {
                    lead_id,
                    assignee_id: user_id,
                    revocation_policy: policy.unwrap_or_default() as i32,
                    keep_duration: policy.and_then(keep_duration),
                    ..AssignLeadRequest::default()
                };
                let answer = caller.assignments().assign_lead(request).await?.into_inner();
                Ok(Seen { lead: answer.lead, previous: answer.previous_assignee, ..Seen::default() })
            }
            Act::Unassign { policy } => {
                let request = UnassignLeadRequest {
                    lead_id,
                    revocation_policy: policy.unwrap_or_default() as i32,
                    keep_duration: policy.and_then(keep_duration),
                    ..UnassignLeadRequest::default()
                };
                let answer = caller.assignments().unassign_lead(request).await?.into_inner();
                Ok(Seen { lead: answer.lead, previous: answer.previous_assignee, ..Seen::default() })
            }
            Act::Grant { mode, until } => {
                let request = GrantLeadAccessRequest { lead_id, user_id, mode: *mode as i32, ..Default::default() };
                let answer = grant(caller, request, *until).await?;
                Ok(Seen { paths: Some(answer.access.unwrap_or_default().paths), ..Seen::default() })
            }
            Act::Revoke => caller.revoke(&lead_id, user).await.map(|()| Seen::default()),
            Act::Move { group } => {
                let group_id = group.map(|group| self.groups[group].clone());
                caller
                    .update_lead(Lead { id: lead_id, group_id, ..Lead::default() }, &["group_id"])
                    .await
                    .map(Seen::lead)
            }
            Act::Override { action, own } => {
                let same_as_profile = Reach::plain(AccessLevel::SameAsProfile);
                let permissions = vec![permission(*action, own.as_ref().unwrap_or(&same_as_profile), &self.groups)];
                let request = UpdateUserPermissionsRequest { user_id, permissions, ..Default::default() };
                caller.permissions().update_user_permissions(request).await.map(|_| Seen::default())
            }
            Act::Join { group } => {
                let request =
                    AddGroupMembersRequest { group_id: self.groups[*group].clone(), user_ids, ..Default::default() };
                caller.directory().add_group_members(request).await.map(|_| Seen::default())
            }
            Act::Leave { group } => {
                let request =
                    RemoveGroupMembersRequest { group_id: self.groups[*group].clone(), user_ids, ..Default::default() };
                caller.directory().remove_group_members(request).await.map(|_| Seen::default())
            }
            Act::ToggleActive if self.model.is_active(operation.user) => caller
                .directory()
                .reactivate_user(ReactivateUserRequest { user_id, ..Default::default() })
                .await
                .map(|_| Seen::default()),
            Act::ToggleActive => caller
                .directory()
                .deactivate_user(DeactivateUserRequest { user_id, ..Default::default() })
                .await
                .map(|_| Seen::default()),
            Act::GiveProfile { profile } => {
                let profile_id = Some(self.profiles[*profile].clone());
                let user = Some(User { id: user_id, profile_id, ..User::default() });
                let request = UpdateUserRequest { user, ..Default::default() };
                caller.directory().update_user(request).await.map(|_| Seen::default())
            }
            Act::NewToken => Ok(Seen { token: Some(new_token(caller, &user_id).await?), ..Seen::default() }),
            Act::ChangeProfile { profile, action, reach } => {
                let permissions = vec![permission(*action, reach, &self.groups)];
                let id = self.profiles[CUSTOM_PROFILES[*profile]].clone();
                let profile = Some(ProfileMessage { id, permissions, ..ProfileMessage::default() });
                let request = UpdateProfileRequest { profile, ..UpdateProfileRequest::default() };
                caller.permissions().update_profile(request).await.map(|_| Seen::default())
            }
            Act::ToggleGrace { profile } => {
                let name = CUSTOM_PROFILES[*profile];
                let resolved_grace = self.model.grace_ends(name).then(Span::default);
                let id = self.profiles[name].clone();
                let profile = Some(ProfileMessage { id, resolved_grace, ..ProfileMessage::default() });
                let update_mask = Some(FieldMask { paths: vec!["resolved_grace".to_owned()] });
                let request = UpdateProfileRequest { profile, update_mask, ..Default::default() };
                caller.permissions().update_profile(request).await.map(|_| Seen::default())
            }
            Act::SetPolicy { policy } => {
                let request = settings_request(*policy);
                caller.permissions().update_settings(request).await.map(|_| Seen::default())
            }
        }
    }
}

impl Seen {
    fn lead(lead: Lead) -> Seen {
        Seen { lead: Some(lead), ..Seen::default() }
    }
}

/// Grants, and lets the moment pass that the grant was for, if it was for one.
async fn grant(
    caller: &Caller,
    mut request: GrantLeadAccessRequest,
    until: Until,
) -> Result<GrantLeadAccessResponse, Status> {
    if until != Until::Soon {
        let in_2100 = Timestamp { seconds: 4_102_444_800, nanos: 0 };
        request.expire_time = (until != Until::Never).then_some(in_2100);
        return caller.assignments().grant_lead_access(request).await.map(Response::into_inner);
    }
    let mut moment = Duration::from_millis(20);
    loop {
        let end = SystemTime::now() + moment;
        request.expire_time = Some(end.into());
        match caller.assignments().grant_lead_access(request.clone()).await {
            Ok(answer) => {
                let left = end.duration_since(SystemTime::now()).unwrap_or_default();
                sleep(left + Duration::from_millis(10)).await;
                return Ok(answer.into_inner());
            }
            // The moment was over before the database looked at its clock.
            Err(status) if reason(&status) == "INVALID_ARGUMENT" && moment < Duration::from_secs(10) => moment *= 2,
            Err(status) => return Err(status),
        }
    }
}

/// Gives a user another token, and revokes those that they had.
async fn new_token(caller: &Caller, user_id: &str) -> Result<String, Status> {
    let mut directory = caller.directory();
    let request = ListApiTokensRequest { user_id: user_id.to_owned(), ..ListApiTokensRequest::default() };
    let old = directory.list_api_tokens(request).await?.into_inner().api_tokens;
    let request = CreateApiTokenRequest { user_id: user_id.to_owned(), ..CreateApiTokenRequest::default() };
    let new = directory.create_api_token(request).await?.into_inner();
    for token in old {
        directory.revoke_api_token(RevokeApiTokenRequest { api_token_id: token.id, ..Default::default() }).await?;
    }
    Ok(new.secret)
}

pub(super) fn profile_message(name: &str, profile: &Profile, groups: &[String]) -> ProfileMessage {
    let capability = profile.manages_access.then_some(Capability::ManageLeadAccess as i32);
    ProfileMessage {
        name: Some(name.to_owned()),
        role: Some(profile.role as i32),
        permissions: profile.reaches.iter().map(|(action, reach)| permission(*action, reach, groups)).collect(),
        capabilities: capability.into_iter().collect(),
        resolved_grace: profile.grace_ends.then(Span::default),
        ..ProfileMessage::default()
    }
}

fn permission(action: LeadAction, reach: &Reach, groups: &[String]) -> Permission {
    Permission {
        action: action as i32,
        level: reach.level as i32,
        group_ids: reach.groups.iter().map(|group| groups[*group].clone()).collect(),
        include_member_groups: reach.member_groups,
        include_unassigned: reach.unassigned,
    }
}

fn keep_duration(policy: RevocationPolicy) -> Option<Span> {
    (policy == RevocationPolicy::KeepUntil).then_some(Span { seconds: 86_400, nanos: 0 })
}

fn settings_request(policy: RevocationPolicy) -> UpdateSettingsRequest {
    let settings =
        Settings { revocation_policy: policy as i32, keep_duration: keep_duration(policy), ..Settings::default() };
    let mut paths = vec!["revocation_policy".to_owned()];
    paths.extend(settings.keep_duration.is_some().then(|| "keep_duration".to_owned()));
    UpdateSettingsRequest { settings: Some(settings), update_mask: Some(FieldMask { paths }), ..Default::default() }
}
