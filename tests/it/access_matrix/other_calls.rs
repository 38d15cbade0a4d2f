//! The calls that are not about one lead.

use std::collections::BTreeMap;

use leadward::proto::{
    AccessCheck, AccessLevel, AddGroupMembersRequest, AssignLeadsByFilterRequest, AssignmentRule,
    BatchAssignLeadsRequest, BatchCheckAccessRequest, CountLeadsRequest, CreateApiTokenRequest,
    CreateAssignmentRuleRequest, CreateGroupRequest, CreateLeadRequest, CreatePickListEntryRequest,
    CreateProfileRequest, CreateUserRequest, DeactivateUserRequest, DeleteAssignmentRuleRequest, DeleteGroupRequest,
    DeleteProfileRequest, DeleteSavedViewRequest, DistributeLeadsRequest, ExportAllLeadsReportRequest,
    GetAgentReportRequest, GetEffectivePermissionsRequest, GetProfileRequest, GetSettingsRequest,
    GetUserPermissionsRequest, GetUserRequest, Group, ImportRow, Lead, LeadAction, ListApiTokensRequest,
    ListAssignableAgentsRequest, ListAssignableLeadsRequest, ListAssignedLeadsRequest, ListAssignmentRulesRequest,
    ListGroupsRequest, ListMyLeadsRequest, ListOrderDetailsRequest, ListOrdersRequest, ListPermissionChangesRequest,
    ListPickListEntriesRequest, ListProfilesRequest, ListSavedViewsRequest, ListUnplacedLeadsRequest, ListUsersRequest,
    PickListEntry, Profile, ReactivateUserRequest, RemoveGroupMembersRequest, RevokeApiTokenRequest, Role,
    RunAllLeadsReportRequest, SavedView, Settings, TransferLeadsRequest, UndoAssignmentRequest,
    UpdateAssignmentRuleRequest, UpdateGroupRequest, UpdatePickListEntryRequest, UpdateProfileRequest,
    UpdateSavedViewRequest, UpdateSettingsRequest, UpdateUserPermissionsRequest, UpdateUserRequest, User,
    WatchLeadsRequest, WhoAmIRequest, access_check_result::Outcome,
};
use tonic::Status;

use super::company::{Company, LEADS};
use crate::support::{Caller, item_status, named, permission, profile, reason};

/// The ways in which a call is made: what it asks for, or about whom.
pub fn variants(method: &str) -> &'static [&'static str] {
    match method {
        "ListLeads" | "CountLeads" => &["VIEW", "EDIT", "DISCARD", "RETRIEVE", "DELETE", "ASSIGN", "RESOLVE", "EXPORT"],
        "ListAssignedLeads"
        | "GetProfile"
        | "UpdateProfile"
        | "GetUserPermissions"
        | "UpdateUserPermissions"
        | "GetEffectivePermissions"
        | "BatchCheckAccess"
        | "GetUser"
        | "UpdateUser"
        | "DeactivateUser"
        | "CreateApiToken"
        | "ListApiTokens"
        | "RevokeApiToken"
        | "GetAgentReport"
        | "UpdateSavedView"
        | "DeleteSavedView" => &["self", "another"],
        _ => &[""],
    }
}

/// Makes a call; says what the answer was, where it can be more than done.
pub async fn call(method: &str, variant: &str, caller: &Caller, company: &Company) -> Result<String, Status> {
    let user_id = company.subject(caller, variant);
    let (mut leads, mut assignments) = (caller.leads(), caller.assignments());
    let (mut permissions, mut directory) = (caller.permissions(), caller.directory());
    let done = match method {
        "CreateLead" => {
            let lead = Some(named(&company.fresh("lead")));
            leads.create_lead(CreateLeadRequest { lead, ..CreateLeadRequest::default() }).await.map(drop)
        }
        "ListLeads" => {
            let action = LeadAction::from_str_name(&format!("LEAD_ACTION_{variant}")).unwrap();
            return Ok(company.kinds(caller.list_leads(action).await?.iter().map(|lead| &lead.id)));
        }
        "CountLeads" => {
            let action = LeadAction::from_str_name(&format!("LEAD_ACTION_{variant}")).unwrap();
            let mut counted = Vec::new();
            for kind in LEADS {
                let lead_id = company.lead(kind, method).await.id;
                let filter = format!("id = \"{lead_id}\"");
                let request = CountLeadsRequest { action: action.into(), filter, ..CountLeadsRequest::default() };
                if leads.count_leads(request).await?.into_inner().count > 0 {
                    counted.push(lead_id);
                }
            }
            return Ok(company.kinds(counted.iter()));
        }
        "RegisterLead" => {
            let lead = Lead { external_id: Some(company.fresh("platform")), ..named("registered") };
            caller.register(lead).await.map(drop)
        }
        "ListDeletedLeads" => caller.deleted_leads(0).await.map(drop),
        "ImportLeads" => {
            let lead = Some(named(&company.fresh("lead")));
            let results = caller.import(vec![ImportRow { row_number: 1, lead, ..ImportRow::default() }]).await?;
            results[0].error.as_ref().map_or(Ok(()), |error| Err(item_status(error)))
        }
        "ExportLeads" => return Ok(company.kinds(caller.export().await?.iter().map(|lead| &lead.id))),
        "WatchLeads" => {
            let mut answers = leads.watch_leads(WatchLeadsRequest::default()).await?.into_inner();
            answers.message().await.map(|answer| assert!(answer.is_some(), "a watch begins with an answer"))
        }
        "CreatePickListEntry" => {
            let entry = Some(company.stage());
            leads.create_pick_list_entry(CreatePickListEntryRequest { entry, ..Default::default() }).await.map(drop)
        }
        "UpdatePickListEntry" => {
            let id = company.spare_entry().await.id;
            let entry = Some(PickListEntry { id, disabled: Some(true), ..PickListEntry::default() });
            leads.update_pick_list_entry(UpdatePickListEntryRequest { entry, ..Default::default() }).await.map(drop)
        }
        "ListPickListEntries" => leads.list_pick_list_entries(ListPickListEntriesRequest::default()).await.map(drop),

        "CreateProfile" => {
            let profile = Some(profile(&company.fresh("profile"), Role::Agent));
            permissions.create_profile(CreateProfileRequest { profile, ..Default::default() }).await.map(drop)
        }
        "GetProfile" => {
            let profile_id = if variant == "self" {
                company.profile_of(user_id).await
            } else {
                company.t.profile_id("retention").await
            };
            permissions.get_profile(GetProfileRequest { profile_id }).await.map(drop)
        }
        "ListProfiles" => permissions.list_profiles(ListProfilesRequest::default()).await.map(drop),
        "UpdateProfile" => {
            let id =
                if variant == "self" { company.profile_of(user_id).await } else { company.spare_profile().await.id };
            let profile = Some(Profile { id, max_open_leads: Some(1000), ..Profile::default() });
            let request = UpdateProfileRequest { profile, validate_only: true, ..UpdateProfileRequest::default() };
            permissions.update_profile(request).await.map(drop)
        }
        "DeleteProfile" => {
            let profile_id = company.spare_profile().await.id;
            permissions.delete_profile(DeleteProfileRequest { profile_id, ..Default::default() }).await.map(drop)
        }
        "GetUserPermissions" => permissions.get_user_permissions(GetUserPermissionsRequest { user_id }).await.map(drop),
        "UpdateUserPermissions" => {
            let request = UpdateUserPermissionsRequest {
                user_id,
                permissions: vec![permission(LeadAction::View, AccessLevel::Individual)],
                validate_only: true,
                ..UpdateUserPermissionsRequest::default()
            };
            permissions.update_user_permissions(request).await.map(drop)
        }
        "GetEffectivePermissions" => {
            permissions.get_effective_permissions(GetEffectivePermissionsRequest { user_id }).await.map(drop)
        }
        "ListPermissionChanges" => {
            permissions.list_permission_changes(ListPermissionChangesRequest::default()).await.map(drop)
        }
        "BatchCheckAccess" => {
            let mut checks = Vec::new();
            for kind in LEADS {
                let lead_id = company.lead(kind, method).await.id;
                checks.push(AccessCheck { action: LeadAction::Edit.into(), lead_id });
            }
            let results =
                permissions.batch_check_access(BatchCheckAccessRequest { user_id, checks }).await?.into_inner();
            let words = results.results.iter().map(|result| match &result.outcome {
                Some(Outcome::Allowed(true)) => "may edit".to_owned(),
                Some(Outcome::Allowed(false)) => "may not edit".to_owned(),
                Some(Outcome::Error(error)) => reason(&item_status(error)),
                None => panic!("no outcome"),
            });
            let mut kinds: BTreeMap<String, Vec<&str>> = BTreeMap::new();
            for (word, kind) in words.zip(LEADS) {
                kinds.entry(word).or_default().push(kind);
            }
            let told: Vec<_> = kinds.iter().map(|(word, kinds)| format!("{word}: {}", kinds.join(", "))).collect();
            return Ok(told.join("; "));
        }
        "GetSettings" => permissions.get_settings(GetSettingsRequest {}).await.map(drop),
        "UpdateSettings" => {
            let settings = Some(Settings { enforce_desks: Some(true), ..Settings::default() });
            permissions.update_settings(UpdateSettingsRequest { settings, ..Default::default() }).await.map(drop)
        }

        "ListAssignedLeads" => {
            let request = ListAssignedLeadsRequest { user_id, page_size: 1000, ..ListAssignedLeadsRequest::default() };
            let leads = assignments.list_assigned_leads(request).await?.into_inner().leads;
            return Ok(company.kinds(leads.iter().map(|lead| &lead.id)));
        }

        "UndoAssignment" => {
            let lead_id = company.lead("in group", method).await.id;
            let (lead_ids, assignee_ids) = (vec![lead_id], vec![company.receiver.id.clone()]);
            let request = BatchAssignLeadsRequest { lead_ids, assignee_ids, ..Default::default() };
            let dealt = company.t.admin().assignments().batch_assign_leads(request).await?.into_inner();
            let request = UndoAssignmentRequest { batch_id: dealt.batch_id, validate_only: false };
            let part = assignments.undo_assignment(request).await?.into_inner().message().await?;
            let error = part.and_then(|part| part.outcomes.into_iter().find_map(|outcome| outcome.error));
            error.map_or(Ok(()), |error| Err(item_status(&error)))
        }
        "AssignLeadsByFilter" | "TransferLeads" => {
            let mut found = Vec::new();
            for kind in LEADS {
                let lead_id = company.lead(kind, method).await.id;
                let lead = company.t.admin().get_lead(&lead_id).await.unwrap_or_default();
                let (filter, assignee_ids) = (format!("id = \"{lead_id}\""), vec![company.receiver.id.clone()]);
                let plan = if method == "TransferLeads" {
                    let user_id =
                        if lead.assignee_id.is_empty() { company.manager.id.clone() } else { lead.assignee_id };
                    let request = TransferLeadsRequest { user_id, filter, assignee_ids, ..Default::default() };
                    assignments.transfer_leads(request).await?.into_inner().message().await?.unwrap().plan
                } else {
                    let request = AssignLeadsByFilterRequest { filter, assignee_ids, ..Default::default() };
                    assignments.assign_leads_by_filter(request).await?.into_inner().message().await?.unwrap().plan
                };
                if plan.expect("a plan").leads > 0 {
                    found.push(kind);
                }
            }
            return Ok(if found.is_empty() { "none".to_owned() } else { found.join(", ") });
        }
        "CreateAssignmentRule" => {
            let rule = Some(company.new_rule());
            let request = CreateAssignmentRuleRequest { rule, ..CreateAssignmentRuleRequest::default() };
            assignments.create_assignment_rule(request).await.map(drop)
        }
        "UpdateAssignmentRule" => {
            let id = company.rule().await;
            let rule = Some(AssignmentRule { id, position: Some(7), ..AssignmentRule::default() });
            let request = UpdateAssignmentRuleRequest { rule, ..UpdateAssignmentRuleRequest::default() };
            assignments.update_assignment_rule(request).await.map(drop)
        }
        "ListAssignmentRules" => {
            assignments.list_assignment_rules(ListAssignmentRulesRequest::default()).await.map(drop)
        }
        "DeleteAssignmentRule" => {
            let rule_id = company.rule().await;
            let request = DeleteAssignmentRuleRequest { rule_id, ..DeleteAssignmentRuleRequest::default() };
            assignments.delete_assignment_rule(request).await.map(drop)
        }
        "DistributeLeads" => {
            let lead_id = company.lead("in group", method).await.id;
            let (rule_id, filter) = (company.rule().await, format!("id = \"{lead_id}\""));
            let request = DistributeLeadsRequest { rule_id, filter, ..DistributeLeadsRequest::default() };
            let mut parts = assignments.distribute_leads(request).await?.into_inner();
            parts.message().await?;
            return Ok(if parts.message().await?.is_some() { "in group" } else { "none" }.to_owned());
        }
        "ListUnplacedLeads" => {
            let request = ListUnplacedLeadsRequest { page_size: 1000, ..ListUnplacedLeadsRequest::default() };
            assignments.list_unplaced_leads(request).await.map(drop)
        }
        "ListAssignableLeads" => {
            let request = ListAssignableLeadsRequest { page_size: 1000, ..ListAssignableLeadsRequest::default() };
            let leads = assignments.list_assignable_leads(request).await?.into_inner().leads;
            return Ok(company.kinds(leads.iter().map(|lead| &lead.id)));
        }

        "ListAssignableAgents" => {
            assignments.list_assignable_agents(ListAssignableAgentsRequest::default()).await.map(drop)
        }

        "ListOrders" => {
            let request = ListOrdersRequest { page_size: 1000, ..ListOrdersRequest::default() };
            let orders = caller.orders().list_orders(request).await?.into_inner().orders;
            return Ok(company.kinds(orders.iter().map(|order| &order.lead_id)));
        }

        "WhoAmI" => directory.who_am_i(WhoAmIRequest {}).await.map(drop),
        "CreateUser" => {
            let profile_id = Some(company.t.profile_id("pre-sales").await);
            let user = Some(User { name: Some(company.fresh("user")), profile_id, ..User::default() });
            directory.create_user(CreateUserRequest { user, ..Default::default() }).await.map(drop)
        }
        "GetUser" => directory.get_user(GetUserRequest { user_id }).await.map(drop),
        "ListUsers" => directory.list_users(ListUsersRequest::default()).await.map(drop),
        "UpdateUser" => {
            let user = Some(User { id: user_id, name: Some(company.fresh("renamed")), ..User::default() });
            directory.update_user(UpdateUserRequest { user, ..Default::default() }).await.map(drop)
        }
        "DeactivateUser" => {
            let user_id = if variant == "self" { user_id } else { company.spare_user().await };
            directory.deactivate_user(DeactivateUserRequest { user_id, ..Default::default() }).await.map(drop)
        }
        "ReactivateUser" => {
            let user_id = company.spare_user().await;
            company.deactivate(&user_id).await;
            directory.reactivate_user(ReactivateUserRequest { user_id, ..Default::default() }).await.map(drop)
        }
        "CreateGroup" => {
            let group = Some(Group { name: Some(company.fresh("group")), ..Group::default() });
            directory.create_group(CreateGroupRequest { group, ..Default::default() }).await.map(drop)
        }
        "UpdateGroup" => {
            let id = company.t.group(&company.fresh("group"), &[]).await;
            let group = Some(Group { id, name: Some(company.fresh("group")), ..Group::default() });
            directory.update_group(UpdateGroupRequest { group, ..Default::default() }).await.map(drop)
        }
        "ListGroups" => directory.list_groups(ListGroupsRequest::default()).await.map(drop),
        "DeleteGroup" => {
            let group_id = company.t.group(&company.fresh("group"), &[]).await;
            directory.delete_group(DeleteGroupRequest { group_id, ..Default::default() }).await.map(drop)
        }
        "AddGroupMembers" => {
            let (group_id, user_ids) = (company.group_id.clone(), vec![user_id]);
            directory
                .add_group_members(AddGroupMembersRequest { group_id, user_ids, ..Default::default() })
                .await
                .map(drop)
        }
        "RemoveGroupMembers" => {
            let (group_id, user_ids) = (company.group_id.clone(), vec![user_id]);
            directory
                .remove_group_members(RemoveGroupMembersRequest { group_id, user_ids, ..Default::default() })
                .await
                .map(drop)
        }
        "CreateApiToken" => {
            let request = CreateApiTokenRequest { user_id, ..CreateApiTokenRequest::default() };
            directory.create_api_token(request).await.map(drop)
        }
        "ListApiTokens" => {
            let request = ListApiTokensRequest { user_id, ..ListApiTokensRequest::default() };
            directory.list_api_tokens(request).await.map(drop)
        }
        "RevokeApiToken" => {
            let api_token_id = company.spare_token(user_id).await;
            directory.revoke_api_token(RevokeApiTokenRequest { api_token_id, ..Default::default() }).await.map(drop)
        }

        "RunAllLeadsReport" => {
            let request = RunAllLeadsReportRequest { page_size: 1000, ..RunAllLeadsReportRequest::default() };
            let rows = caller.reports().run_all_leads_report(request).await?.into_inner().rows;
            return Ok(company.kinds(rows.iter().map(|row| &row.lead_id)));
        }
        "ExportAllLeadsReport" => {
            let request = ExportAllLeadsReportRequest::default();
            let mut parts = caller.reports().export_all_leads_report(request).await?.into_inner();
            let mut lead_ids = Vec::new();
            while let Some(part) = parts.message().await? {
                lead_ids.extend(part.rows.into_iter().map(|row| row.lead_id));
            }
            return Ok(company.kinds(lead_ids.iter()));
        }
        "ListMyLeads" => {
            let request = ListMyLeadsRequest { page_size: 1000, ..ListMyLeadsRequest::default() };
            let leads = caller.reports().list_my_leads(request).await?.into_inner().leads;
            return Ok(company.kinds(leads.iter().map(|lead| &lead.lead_id)));
        }
        "GetAgentReport" => {
            let request = GetAgentReportRequest { user_id, page_size: 1000, ..GetAgentReportRequest::default() };
            let leads = caller.reports().get_agent_report(request).await?.into_inner().leads;
            return Ok(company.kinds(leads.iter().map(|lead| &lead.id)));
        }
        "ListOrderDetails" => {
            let request = ListOrderDetailsRequest { page_size: 1000, ..ListOrderDetailsRequest::default() };
            let details = caller.reports().list_order_details(request).await?.into_inner().details;
            let orders: Vec<_> = details.into_iter().filter_map(|detail| detail.order).collect();
            return Ok(company.kinds(orders.iter().map(|order| &order.lead_id)));
        }
        "CreateSavedView" => company.view_of(caller).await.map(drop),
        "ListSavedViews" => caller.reports().list_saved_views(ListSavedViewsRequest::default()).await.map(drop),
        "UpdateSavedView" => {
            let owner = if variant == "self" { caller } else { &company.receiver };
            let id = company.view_of(owner).await?.id;
            let saved_view = Some(SavedView { id, name: Some(company.fresh("view")), ..SavedView::default() });
            let request = UpdateSavedViewRequest { saved_view, ..UpdateSavedViewRequest::default() };
            caller.reports().update_saved_view(request).await.map(drop)
        }
        "DeleteSavedView" => {
            let owner = if variant == "self" { caller } else { &company.receiver };
            let saved_view_id = company.view_of(owner).await?.id;
            let request = DeleteSavedViewRequest { saved_view_id, ..DeleteSavedViewRequest::default() };
            caller.reports().delete_saved_view(request).await.map(drop)
        }
        unknown => panic!("add {unknown} to the access matrix"),
    };
    done.map(|()| String::new())
}
