//! Every change of rights moves the versions by which the servers know that what they keep of a caller is stale.

use std::collections::BTreeMap;

use leadward::access::Engine;
use leadward::proto::{
    AccessLevel, AddGroupMembersRequest, AssignLeadsByFilterRequest, AssignOrderCustomersRequest, AssignmentRule,
    AssignmentRuleTarget, AssignmentStrategy, BatchGetLeadsRequest, CountLeadsRequest, CreateApiTokenRequest,
    CreateAssignmentRuleRequest, DeactivateUserRequest, DeleteGroupRequest, DistributeLeadsRequest, ErrorReason,
    ExportAllLeadsReportRequest, GetAgentReportRequest, GrantMode, Lead, LeadAction, LeadHistoryKind,
    ListAssignedLeadsRequest, ListMyLeadsRequest, ListOrderDetailsRequest, ListOrdersRequest,
    ListPermissionChangesRequest, ListUnplacedLeadsRequest, Order, OrderStatus, Profile, ReactivateUserRequest,
    RemoveGroupMembersRequest, RevokeApiTokenRequest, Role, Settings, TransferLeadsRequest, UpdateProfileRequest,
    UpdateSettingsRequest, UpdateUserPermissionsRequest, UpdateUserRequest, User, lead_result,
};
use sea_orm::{ConnectionTrait, Database, Statement};
use uuid::Uuid;

use crate::support::{
    Caller, RunningServer, TestServer, euros, every_action, named, note, on_both_databases, permission, profile,
    refused,
};

const EVERYONE: &str = "everyone";

/// The version of each user's rights by their name, and that of everyone's.
async fn versions(t: &TestServer) -> BTreeMap<String, i64> {
    let db = Database::connect(t.database_url()).await.unwrap();
    let sql =
        format!("SELECT name, rights_version FROM users UNION ALL SELECT '{EVERYONE}', rights_version FROM settings");
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
    let versions =
        rows.iter().map(|row| (row.try_get("", "name").unwrap(), row.try_get("", "rights_version").unwrap()));
    let versions = versions.collect();
    db.close().await.unwrap();
    versions
}

/// Expects that a change moves the versions of these and of nobody else.
async fn moves<T>(t: &TestServer, whose: &[&str], change: impl Future<Output = Result<T, tonic::Status>>) -> T {
    let before = versions(t).await;
    let done = change.await.unwrap();
    let after = versions(t).await;
    let moved: Vec<_> =
        before.iter().filter(|(name, version)| after[*name] > **version).map(|(name, _)| name).collect();
    assert_eq!(moved, whose);
    done
}

on_both_databases! {
    async fn every_change_of_rights_moves_the_versions_of_those_it_concerns(t: TestServer) {
        let (ana, bo, admin) = (t.agent("ana").await, t.agent("bo").await, t.admin());
        let group_id = t.group("night shift", &[]).await;
        let own = t.create_profile(profile("own", Role::Agent)).await;
        let (directory, permissions) = (|| admin.directory(), || admin.permissions());
        let user_id = ana.id.clone();

        moves(&t, &["ana"], admin.set_permission(&ana, permission(LeadAction::View, AccessLevel::Complete))).await;
        let user = User { id: ana.id.clone(), profile_id: Some(own.id.clone()), ..User::default() };
        let moving = UpdateUserRequest { user: Some(user), ..Default::default() };
        moves(&t, &["ana"], directory().update_user(moving)).await;
        let going = DeactivateUserRequest { user_id: user_id.clone(), ..Default::default() };
        moves(&t, &["ana"], directory().deactivate_user(going)).await;
        let coming_back = ReactivateUserRequest { user_id: user_id.clone(), ..Default::default() };
        moves(&t, &["ana"], directory().reactivate_user(coming_back)).await;

        let user_ids = vec![ana.id.clone(), bo.id.clone()];
        let joining = AddGroupMembersRequest { group_id: group_id.clone(), user_ids, ..Default::default() };
        moves(&t, &["ana", "bo"], directory().add_group_members(joining)).await;
        let user_ids = vec![bo.id.clone()];
        let leaving = RemoveGroupMembersRequest { group_id: group_id.clone(), user_ids, ..Default::default() };
        moves(&t, &["bo"], directory().remove_group_members(leaving)).await;
        moves(&t, &[EVERYONE], directory().delete_group(DeleteGroupRequest { group_id, ..Default::default() })).await;

        let wider = Profile { id: own.id, permissions: every_action(AccessLevel::Complete), ..Profile::default() };
        let request = UpdateProfileRequest { profile: Some(wider), ..UpdateProfileRequest::default() };
        moves(&t, &[EVERYONE], permissions().update_profile(request)).await;
        let settings = Settings { enforce_desks: Some(false), ..Settings::default() };
        let request = UpdateSettingsRequest { settings: Some(settings), ..Default::default() };
        moves(&t, &[EVERYONE], permissions().update_settings(request)).await;

        let request = CreateApiTokenRequest { user_id, ..CreateApiTokenRequest::default() };
        let token = moves(&t, &[], directory().create_api_token(request)).await.into_inner().api_token.unwrap();
        let ending = RevokeApiTokenRequest { api_token_id: token.id, ..Default::default() };
        moves(&t, &["ana"], directory().revoke_api_token(ending)).await;
    }

    async fn what_is_refused_or_only_tried_moves_nothing(t: TestServer) {
        let (ana, mia, admin) = (t.agent("ana").await, t.manager("mia").await, t.admin());
        let request = UpdateUserPermissionsRequest {
            user_id: ana.id.clone(),
            permissions: every_action(AccessLevel::Complete),
            validate_only: true,
            ..UpdateUserPermissionsRequest::default()
        };
        moves(&t, &[], admin.permissions().update_user_permissions(request)).await;
        let before = versions(&t).await;
        let all = permission(LeadAction::View, AccessLevel::Complete);
        refused(mia.set_permission(&mia, all.clone()).await, ErrorReason::SelfConfiguration);
        refused(ana.set_permission(&mia, all).await, ErrorReason::CapabilityRequired);
        assert_eq!(versions(&t).await, before);
    }

    async fn a_caller_known_to_a_server_that_hears_nothing_loses_and_gets_each_right_at_once(t: TestServer) {
        let deaf = Engine { listen: false, ..Engine::default() };
        let beside = RunningServer::start_with(t.database_url(), deaf).await;
        let (mia, admin) = (t.manager("mia").await, t.admin());
        let there = mia.at_server(beside.addr());
        let lead = t.lead_of("lead", &mia).await;
        let order = admin.place_order(&lead.id, "N-7").await.unwrap();
        let ana = t.agent("ana").await;
        admin.grant(&lead.id, &ana, GrantMode::Full).await.unwrap();

        // Of no rule for it, a lead of nobody's is told.
        let rule = AssignmentRule {
            name: Some("elsewhere".to_owned()),
            filter: Some("country = AQ".to_owned()),
            strategy: AssignmentStrategy::RoundRobin.into(),
            targets: vec![AssignmentRuleTarget { user_id: mia.id.clone(), weight: 1 }],
            on_creation: Some(true),
            ..AssignmentRule::default()
        };
        let request = CreateAssignmentRuleRequest { rule: Some(rule), ..Default::default() };
        admin.assignments().create_assignment_rule(request).await.unwrap();
        t.lead("nobody's").await;

        let set = async |level| {
            for action in [LeadAction::View, LeadAction::Edit, LeadAction::Export, LeadAction::Assign] {
                admin.set_permission(&mia, permission(action, level)).await.unwrap();
            }
        };
        // Each call comes right after a change, and must find out by itself.
        for call in CALLS {
            for (before, level) in [(AccessLevel::Complete, AccessLevel::None), (AccessLevel::None, AccessLevel::Complete)] {
                set(before).await;
                there.list_leads(LeadAction::View).await.unwrap();
                set(level).await;
                assert_eq!(shows(call, &there, &order, &ana).await, level == AccessLevel::Complete, "{call} at {level:?}");
            }
        }
    }
}

/// A watch isn't here: its answers come by themselves.
const CALLS: [&str; 29] = [
    "BatchCheckAccess",
    "GetLead",
    "BatchGetLeads",
    "ListLeads",
    "CountLeads",
    "ListAssignedLeads",
    "ListLeadHistory",
    "ListLeadAccess",
    "CheckAccess",
    "ExplainAccess",
    "ListPermissionChanges",
    "ExportLeads",
    "GetOrder",
    "ListOrders",
    "ExportAllLeadsReport",
    "ListMyLeads",
    "GetAgentReport",
    "ListOrderDetails",
    "UpdateLead",
    "AppendLeadHistory",
    "RecordDeposit",
    "CreateOrder",
    "UpdateOrderStatus",
    "ClaimLead",
    "AssignOrderCustomers",
    "AssignLeadsByFilter",
    "TransferLeads",
    "DistributeLeads",
    "ListUnplacedLeads",
];

/// Whether a call shows or touches a lead that has this order.
async fn shows(call: &str, caller: &Caller, order: &Order, other: &Caller) -> bool {
    let lead_id = order.lead_id.clone();
    match call {
        "GetLead" => caller.get_lead(&lead_id).await.is_ok(),
        "BatchGetLeads" => {
            let request = BatchGetLeadsRequest { lead_ids: vec![lead_id] };
            let results = caller.leads().batch_get_leads(request).await.unwrap().into_inner().results;
            matches!(results[0].result, Some(lead_result::Result::Lead(_)))
        }
        "ListLeads" => !caller.list_leads(LeadAction::View).await.unwrap().is_empty(),
        "CountLeads" => {
            let request = CountLeadsRequest::default();
            caller.leads().count_leads(request).await.unwrap().into_inner().count > 0
        }
        "ListAssignedLeads" => {
            let request = ListAssignedLeadsRequest::default();
            !caller.assignments().list_assigned_leads(request).await.unwrap().into_inner().leads.is_empty()
        }
        "ListLeadHistory" => caller.history(&lead_id).await.is_ok(),
        "ListLeadAccess" => caller.access_list(&lead_id).await.is_ok(),
        "CheckAccess" => caller.check(caller, LeadAction::View, &lead_id).await.unwrap_or(false),
        "BatchCheckAccess" => {
            let answers = caller.batch_check(caller, &[(LeadAction::View, lead_id.as_str())]).await.unwrap();
            answers == [Ok(true)]
        }
        "ExplainAccess" => caller.explain(caller, LeadAction::View, &lead_id).await.is_ok(),
        "ListPermissionChanges" => {
            let request = ListPermissionChangesRequest { lead_id, ..ListPermissionChangesRequest::default() };
            !caller.permission_changes(request).await.unwrap().is_empty()
        }
        "ExportLeads" => !caller.export().await.unwrap().is_empty(),
        "GetOrder" => caller.get_order(&order.id).await.is_ok(),
        "ListOrders" => {
            let request = ListOrdersRequest { lead_ids: vec![lead_id], ..ListOrdersRequest::default() };
            !caller.orders().list_orders(request).await.unwrap().into_inner().orders.is_empty()
        }
        "ExportAllLeadsReport" => {
            let request = ExportAllLeadsReportRequest::default();
            match caller.reports().export_all_leads_report(request).await {
                Ok(parts) => !parts.into_inner().message().await.unwrap().unwrap().rows.is_empty(),
                Err(refusal) => {
                    refused(Err::<(), _>(refusal), ErrorReason::ActionNotPermitted);
                    false
                }
            }
        }
        "ListMyLeads" => {
            let request = ListMyLeadsRequest::default();
            !caller.reports().list_my_leads(request).await.unwrap().into_inner().leads.is_empty()
        }
        "GetAgentReport" => {
            let request = GetAgentReportRequest::default();
            let report = caller.reports().get_agent_report(request).await.unwrap().into_inner();
            assert_eq!(report.leads.is_empty(), report.recent_entries.is_empty());
            !report.leads.is_empty()
        }
        "ListOrderDetails" => {
            let request = ListOrderDetailsRequest::default();
            !caller.reports().list_order_details(request).await.unwrap().into_inner().details.is_empty()
        }
        "UpdateLead" => caller.update_lead(Lead { id: lead_id, ..named("renamed") }, &["name"]).await.is_ok(),
        "AppendLeadHistory" => caller.append(&lead_id, LeadHistoryKind::Note, note("seen")).await.is_ok(),
        "RecordDeposit" => caller.deposit(&lead_id, &Uuid::now_v7().to_string(), euros(1, 0)).await.is_ok(),
        "CreateOrder" => caller.place_order(&lead_id, &Uuid::now_v7().to_string()).await.is_ok(),
        // Where it goes is where it is.
        "UpdateOrderStatus" => caller.move_order(&order.id, OrderStatus::Partial).await.is_ok(),
        // It is theirs already.
        "ClaimLead" => caller.claim(&lead_id).await.is_ok(),
        "AssignOrderCustomers" => {
            let (order_ids, assignee_ids) = (vec![order.id.clone()], vec![caller.id.clone()]);
            let request = AssignOrderCustomersRequest { order_ids, assignee_ids, ..Default::default() };
            let done = caller.assignments().assign_order_customers(request).await.unwrap().into_inner();
            done.outcomes[0].outcome.as_ref().unwrap().error.is_none()
        }
        "AssignLeadsByFilter" => {
            let (filter, assignee_ids) = ("state = ACTIVE".to_owned(), vec![caller.id.clone()]);
            let request =
                AssignLeadsByFilterRequest { filter, assignee_ids, validate_only: true, ..Default::default() };
            let mut parts = caller.assignments().assign_leads_by_filter(request).await.unwrap().into_inner();
            parts.message().await.unwrap().unwrap().plan.unwrap().leads > 0
        }
        "TransferLeads" => {
            let (user_id, assignee_ids) = (caller.id.clone(), vec![other.id.clone()]);
            let request = TransferLeadsRequest { user_id, assignee_ids, validate_only: true, ..Default::default() };
            let mut parts = caller.assignments().transfer_leads(request).await.unwrap().into_inner();
            parts.message().await.unwrap().unwrap().plan.unwrap().leads > 0
        }
        "DistributeLeads" => {
            let request = DistributeLeadsRequest { validate_only: true, ..DistributeLeadsRequest::default() };
            let mut parts = caller.assignments().distribute_leads(request).await.unwrap().into_inner();
            parts.message().await.unwrap();
            parts.message().await.unwrap().is_some()
        }
        "ListUnplacedLeads" => {
            let request = ListUnplacedLeadsRequest::default();
            !caller.assignments().list_unplaced_leads(request).await.unwrap().into_inner().leads.is_empty()
        }
        other => panic!("{other} is not known here"),
    }
}
