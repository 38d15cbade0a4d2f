//! Bad input of every field of every call: refused with all that is wrong at once, by the path of its field.

mod directory;
mod leads;
mod life;
mod orders;
mod reports;

use std::collections::BTreeSet;

use leadward::proto::{
    AccessCheck, AccessLevel, AssignLeadRequest, AssignLeadsByFilterRequest, AssignOrderCustomersRequest,
    AssignmentRule, BatchAssignLeadsRequest, BatchCheckAccessRequest, BatchGetLeadsRequest, Capability,
    CheckAccessRequest, ClaimLeadRequest, CreateAssignmentRuleRequest, CreateProfileRequest,
    DeleteAssignmentRuleRequest, DeleteProfileRequest, DistributeLeadsRequest, ErrorReason, ExplainAccessRequest,
    GetEffectivePermissionsRequest, GetProfileRequest, GetUserPermissionsRequest, GrantLeadAccessRequest,
    ImportOutcome, ImportRow, LeadAction, ListAssignableAgentsRequest, ListAssignableLeadsRequest,
    ListAssignedLeadsRequest, ListAssignmentRulesRequest, ListLeadAccessRequest, ListPermissionChangesRequest,
    ListProfilesRequest, ListUnplacedLeadsRequest, Permission, PermissionChangeKind, Profile, ResolveLeadRequest,
    RevocationPolicy, RevokeLeadAccessRequest, Role, Settings, TransferLeadsRequest, UnassignLeadRequest,
    UndoAssignmentRequest, UpdateAssignmentRuleRequest, UpdateProfileRequest, UpdateSettingsRequest,
    UpdateUserPermissionsRequest,
};
use prost_types::FieldMask;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::support::{
    Caller, TestServer, faults, methods, named, on_both_databases, permission, profile, reason, refused, seconds,
};

/// No value of any enum.
const UNKNOWN: i32 = 99;

/// What was asked, and what was answered otherwise than expected.
#[derive(Default)]
pub struct Table {
    asked: BTreeSet<String>,
    asked_with_an_id: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Table {
    /// Expects that a call was refused for exactly these fields.
    fn expect(&mut self, method: &str, answer: Result<(), Status>, fields: &[&str]) {
        self.expect_because("INVALID_ARGUMENT", method, answer, fields);
    }

    fn expect_because(&mut self, expected: &str, method: &str, answer: Result<(), Status>, fields: &[&str]) {
        self.asked.insert(method.to_owned());
        if fields.contains(&"request_id") {
            self.asked_with_an_id.insert(method.to_owned());
        }
        let mut fields = fields.to_vec();
        fields.sort_unstable();
        match answer {
            Ok(()) => self.wrong.push(format!("{method} took bad {fields:?}")),
            Err(status) => {
                let named = faults(&status);
                let malformed = status.code() == Code::InvalidArgument && reason(&status) == expected;
                if !malformed || named != fields {
                    let answered = format!("{:?} {}", status.code(), status.message());
                    self.wrong.push(format!("{method} should name {fields:?}: {answered}"));
                }
            }
        }
    }
}

/// Makes a call, and expects that it is refused for exactly these fields.
macro_rules! bad {
    ($table:ident, $client:expr, $method:ident, $request:expr, [$($field:literal),* $(,)?]) => {
        $table.expect(stringify!($method), $client.$method($request).await.map(drop), &[$($field),*])
    };
}
use bad;

fn long(characters: usize) -> String {
    "x".repeat(characters)
}

fn x() -> String {
    "x".to_owned()
}

fn mask(path: &str) -> Option<FieldMask> {
    Some(FieldMask { paths: vec![path.to_owned()] })
}

/// A method's name in the generated client.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

on_both_databases! {
    /// Details travel in a header, and clients take 8 KiB of headers, some 16.
    async fn more_faults_than_a_header_holds_are_counted(t: TestServer) {
        let lead_ids = vec!["bad".to_owned(); 1000];
        let answer = t.admin().leads().batch_get_leads(BatchGetLeadsRequest { lead_ids }).await;
        let status = refused(answer, ErrorReason::InvalidArgument);
        let faults = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(faults[0].field, "lead_ids[0]");
        let told = faults.len() - 1;
        assert_eq!(faults[told].description, format!("and {} more", 1000 - told));
        let size = status.details().len() * 4 / 3 + status.message().len();
        assert!(size < 8 * 1024, "{size} bytes of headers");
    }

    async fn a_bad_row_stops_no_other(t: TestServer) {
        let row = |name: &str| ImportRow { lead: Some(named(name)), ..ImportRow::default() };
        let rows = vec![
            row("first"),
            ImportRow { group_name: "a\0b".to_owned(), ..row("bad group") },
            ImportRow { assignee_email: "a\0b@example.com".to_owned(), ..row("bad assignee") },
            ImportRow { group_name: "nobody's".to_owned(), ..row("unknown group") },
            row("bad\0name"),
            row("last"),
        ];
        let outcomes = t.admin().import(rows).await.unwrap();
        let created: Vec<bool> = outcomes.iter().map(|row| row.outcome() == ImportOutcome::Created).collect();
        assert_eq!(created, [true, false, false, false, false, true], "{outcomes:?}");
        assert_eq!(t.admin().list_leads(LeadAction::View).await.unwrap().len(), 2);
    }

    async fn every_fault_of_a_request_is_named_at_once(t: TestServer) {
        let (admin, mut table) = (t.admin(), Table::default());
        leads::ask(&admin, &mut table).await;
        life::ask(&admin, &mut table).await;
        orders::ask(&admin, &mut table).await;
        reports::ask(&admin, &mut table).await;
        ask_about_permissions(&admin, &mut table).await;
        ask_about_assignments(&admin, &mut table).await;
        directory::ask(&admin, &mut table).await;
        assert!(table.wrong.is_empty(), "{}", table.wrong.join("\n"));

        let takes_input = methods().into_iter().filter(|method| method.takes_input());
        let expected: BTreeSet<_> = takes_input.map(|method| snake(&method.name)).collect();
        assert_eq!(table.asked, expected, "every call with input is asked");
        let takes_request_id = methods().into_iter().filter(|method| method.takes_request_id());
        let expected: BTreeSet<_> = takes_request_id.map(|method| snake(&method.name)).collect();
        assert_eq!(table.asked_with_an_id, expected, "every call with a request ID is asked with a bad one");
    }
}

fn bad_profile() -> Profile {
    let groups = |group_ids: Vec<String>| Permission { group_ids, ..permission(LeadAction::Edit, AccessLevel::Groups) };
    Profile {
        role: Some(Role::Administrator.into()),
        permissions: vec![
            Permission { action: 0, ..permission(LeadAction::View, AccessLevel::Individual) },
            permission(LeadAction::View, AccessLevel::SameAsProfile),
            groups(vec![]),
            Permission { action: LeadAction::Discard.into(), ..groups(vec![Uuid::now_v7().to_string(), x()]) },
            Permission {
                group_ids: vec![Uuid::now_v7().to_string()],
                include_member_groups: true,
                include_unassigned: true,
                ..permission(LeadAction::Assign, AccessLevel::Complete)
            },
            Permission { level: UNKNOWN, ..permission(LeadAction::Resolve, AccessLevel::None) },
            permission(LeadAction::View, AccessLevel::Individual),
        ],
        capabilities: vec![Capability::ImportLeads.into(), 0, UNKNOWN],
        resolved_grace: Some(seconds(-1)),
        max_open_leads: Some(0),
        order_visibility: UNKNOWN,
        ..profile(&long(101), Role::Agent)
    }
}

async fn ask_about_permissions(admin: &Caller, table: &mut Table) {
    let mut client = admin.permissions();
    bad!(table, client, create_profile, CreateProfileRequest::default(), ["profile.name", "profile.role"]);
    let request = CreateProfileRequest { profile: Some(bad_profile()), request_id: x() };
    bad!(
        table,
        client,
        create_profile,
        request,
        [
            "profile.name",
            "profile.role",
            "profile.permissions[0].action",
            "profile.permissions[1].level",
            "profile.permissions[2].group_ids",
            "profile.permissions[3].group_ids[1]",
            "profile.permissions[4].group_ids",
            "profile.permissions[4].include_member_groups",
            "profile.permissions[4].include_unassigned",
            "profile.permissions[5].level",
            "profile.permissions[6].action",
            "profile.capabilities[1]",
            "profile.capabilities[2]",
            "profile.resolved_grace",
            "profile.max_open_leads",
            "profile.order_visibility",
            "request_id",
        ]
    );
    let missing =
        Permission { group_ids: vec![Uuid::now_v7().to_string()], ..permission(LeadAction::View, AccessLevel::Groups) };
    let permissions = vec![permission(LeadAction::Edit, AccessLevel::None), missing.clone()];
    let request = CreateProfileRequest {
        profile: Some(Profile { permissions, ..profile("lost", Role::Agent) }),
        ..Default::default()
    };
    bad!(table, client, create_profile, request, ["profile.permissions[1].group_ids"]);

    bad!(table, client, get_profile, GetProfileRequest { profile_id: x() }, ["profile_id"]);
    bad!(table, client, list_profiles, ListProfilesRequest { page_size: -1, ..Default::default() }, ["page_size"]);
    let profile = Profile { id: x(), max_open_leads: Some(1_000_001), order_visibility: UNKNOWN, ..Profile::default() };
    let request = UpdateProfileRequest {
        profile: Some(profile),
        validate_only: true,
        request_id: x(),
        ..UpdateProfileRequest::default()
    };
    bad!(
        table,
        client,
        update_profile,
        request,
        ["profile.id", "profile.max_open_leads", "profile.order_visibility", "request_id"]
    );
    let profile = Some(Profile { id: x(), ..Profile::default() });
    let request = UpdateProfileRequest { profile, update_mask: mask("built_in"), ..Default::default() };
    bad!(table, client, update_profile, request, ["profile.id", "update_mask"]);
    let request = DeleteProfileRequest { profile_id: x(), etag: x(), request_id: x() };
    bad!(table, client, delete_profile, request, ["profile_id", "request_id"]);

    bad!(table, client, get_user_permissions, GetUserPermissionsRequest::default(), ["user_id"]);
    let request = UpdateUserPermissionsRequest { user_id: x(), request_id: x(), ..Default::default() };
    bad!(table, client, update_user_permissions, request, ["user_id", "permissions", "request_id"]);
    let permissions =
        vec![Permission { action: UNKNOWN, ..missing.clone() }, Permission { level: 0, ..missing.clone() }];
    let request = UpdateUserPermissionsRequest { user_id: x(), permissions, ..Default::default() };
    bad!(table, client, update_user_permissions, request, ["user_id", "permissions[0].action", "permissions[1].level"]);
    let user_id = x();
    bad!(table, client, get_effective_permissions, GetEffectivePermissionsRequest { user_id }, ["user_id"]);
    let request = CheckAccessRequest { user_id: x(), action: UNKNOWN, lead_id: x() };
    bad!(table, client, check_access, request, ["user_id", "action", "lead_id"]);
    bad!(
        table,
        client,
        batch_check_access,
        BatchCheckAccessRequest { user_id: x(), checks: vec![] },
        ["user_id", "checks"]
    );
    let check = |action: i32, lead_id: String| AccessCheck { action, lead_id };
    let checks = vec![check(0, Uuid::now_v7().to_string()), check(UNKNOWN, x())];
    let request = BatchCheckAccessRequest { user_id: x(), checks };
    bad!(table, client, batch_check_access, request, ["user_id", "checks[1].action", "checks[1].lead_id"]);
    let checks = vec![check(0, Uuid::now_v7().to_string()); 1001];
    let request = BatchCheckAccessRequest { user_id: String::new(), checks };
    bad!(table, client, batch_check_access, request, ["checks"]);
    let request = ExplainAccessRequest { user_id: x(), action: UNKNOWN, lead_id: x() };
    bad!(table, client, explain_access, request, ["user_id", "action", "lead_id"]);

    let request = ListPermissionChangesRequest {
        user_id: x(),
        actor_id: x(),
        lead_id: x(),
        kinds: vec![PermissionChangeKind::UserCreated.into(), 0, UNKNOWN],
        page_size: -1,
        page_token: String::new(),
    };
    bad!(
        table,
        client,
        list_permission_changes,
        request,
        ["user_id", "actor_id", "lead_id", "kinds[1]", "kinds[2]", "page_size"]
    );

    let keep_duration = Some(seconds(0));
    let settings = Some(Settings { revocation_policy: UNKNOWN, keep_duration, ..Settings::default() });
    let request = UpdateSettingsRequest { settings, update_mask: None, request_id: x() };
    bad!(
        table,
        client,
        update_settings,
        request,
        ["settings.revocation_policy", "settings.keep_duration", "request_id"]
    );
    let request = UpdateSettingsRequest { update_mask: mask("revocation_policy"), ..Default::default() };
    bad!(table, client, update_settings, request, ["settings.revocation_policy"]);
}

async fn ask_about_assignments(admin: &Caller, table: &mut Table) {
    let mut client = admin.assignments();
    let request = AssignLeadRequest { revocation_policy: UNKNOWN, ..Default::default() };
    bad!(table, client, assign_lead, request, ["lead_id", "assignee_id", "revocation_policy"]);
    let request = AssignLeadRequest {
        lead_id: x(),
        assignee_id: x(),
        revocation_policy: RevocationPolicy::KeepUntil.into(),
        keep_duration: Some(seconds(0)),
        request_id: x(),
        ..Default::default()
    };
    bad!(table, client, assign_lead, request, ["lead_id", "assignee_id", "keep_duration", "request_id"]);
    let request = ClaimLeadRequest { lead_id: x(), request_id: x(), ..Default::default() };
    bad!(table, client, claim_lead, request, ["lead_id", "request_id"]);
    let (lead_ids, assignee_ids) = (vec![x()], vec![admin.id.clone(), x()]);
    let request = BatchAssignLeadsRequest {
        lead_ids,
        assignee_ids,
        revocation_policy: RevocationPolicy::KeepUntil.into(),
        request_id: x(),
        ..Default::default()
    };
    let fields = ["lead_ids[0]", "assignee_ids[1]", "keep_duration", "request_id"];
    table.expect("batch_assign_leads", client.batch_assign_leads(request).await.map(drop), &fields);
    bad!(table, client, batch_assign_leads, BatchAssignLeadsRequest::default(), ["lead_ids", "assignee_ids"]);
    let lead_ids = vec![Uuid::now_v7().to_string()];
    let assignee_ids = vec![admin.id.clone(), admin.id.clone()];
    let request = BatchAssignLeadsRequest { lead_ids, assignee_ids, ..Default::default() };
    bad!(table, client, batch_assign_leads, request, ["assignee_ids[1]"]);
    let order_ids = vec![Uuid::now_v7().to_string(); 1001];
    let assignee_ids = vec![admin.id.clone(); 1001];
    let request = AssignOrderCustomersRequest {
        order_ids,
        assignee_ids,
        revocation_policy: UNKNOWN,
        request_id: x(),
        ..Default::default()
    };
    let fields = ["order_ids", "assignee_ids", "revocation_policy", "request_id"];
    table.expect("assign_order_customers", client.assign_order_customers(request).await.map(drop), &fields);
    let (filter, order_by, read_mask) = ("NOT".to_owned(), "name,".to_owned(), mask("nickname"));
    let request = ListAssignableLeadsRequest { page_size: -1, filter, order_by, read_mask, ..Default::default() };
    bad!(table, client, list_assignable_leads, request, ["page_size", "filter", "order_by", "read_mask.paths[0]"]);
    let request = ListAssignableAgentsRequest { page_size: -1, desk: UNKNOWN, group_id: x(), ..Default::default() };
    bad!(table, client, list_assignable_agents, request, ["page_size", "desk", "group_id"]);
    let request = AssignLeadsByFilterRequest {
        filter: "NOT".to_owned(),
        assignee_ids: vec![admin.id.clone(); 2],
        revocation_policy: UNKNOWN,
        keep_duration: Some(seconds(-5)),
        request_id: x(),
        ..Default::default()
    };
    let fields = ["filter", "assignee_ids[1]", "revocation_policy", "keep_duration", "request_id"];
    table.expect("assign_leads_by_filter", client.assign_leads_by_filter(request).await.map(drop), &fields);
    let request = TransferLeadsRequest {
        user_id: x(),
        filter: "NOT".to_owned(),
        return_time: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
        revocation_policy: UNKNOWN,
        request_id: x(),
        ..Default::default()
    };
    let fields = ["user_id", "filter", "assignee_ids", "return_time", "revocation_policy", "request_id"];
    table.expect("transfer_leads", client.transfer_leads(request).await.map(drop), &fields);
    let request = CreateAssignmentRuleRequest { request_id: x(), ..Default::default() };
    bad!(table, client, create_assignment_rule, request, ["rule.name", "rule.strategy", "rule.targets", "request_id"]);
    let rule = Some(AssignmentRule { id: x(), strategy: UNKNOWN, ..AssignmentRule::default() });
    let request = UpdateAssignmentRuleRequest { rule, request_id: x(), update_mask: mask("nickname") };
    bad!(table, client, update_assignment_rule, request, ["rule.id", "update_mask", "request_id"]);
    let request = ListAssignmentRulesRequest { page_size: -1, ..Default::default() };
    bad!(table, client, list_assignment_rules, request, ["page_size"]);
    let request = DeleteAssignmentRuleRequest { rule_id: x(), request_id: x(), ..Default::default() };
    bad!(table, client, delete_assignment_rule, request, ["rule_id", "request_id"]);
    let request =
        DistributeLeadsRequest { filter: "NOT".to_owned(), rule_id: x(), request_id: x(), ..Default::default() };
    bad!(table, client, distribute_leads, request, ["filter", "rule_id", "request_id"]);
    let request = ListUnplacedLeadsRequest { page_size: -1, read_mask: mask("nickname"), ..Default::default() };
    bad!(table, client, list_unplaced_leads, request, ["page_size", "read_mask.paths[0]"]);
    let request = UndoAssignmentRequest { batch_id: x(), validate_only: true };
    bad!(table, client, undo_assignment, request, ["batch_id"]);
    let keep_duration = Some(seconds(-5));
    let request = UnassignLeadRequest { lead_id: x(), keep_duration, request_id: x(), ..Default::default() };
    bad!(table, client, unassign_lead, request, ["lead_id", "keep_duration", "request_id"]);
    let request = ResolveLeadRequest { lead_id: x(), request_id: x(), ..Default::default() };
    bad!(table, client, resolve_lead, request, ["lead_id", "disposition", "request_id"]);
    let request = ListAssignedLeadsRequest { user_id: x(), states: vec![UNKNOWN], page_size: -1, ..Default::default() };
    bad!(table, client, list_assigned_leads, request, ["user_id", "states[0]", "page_size"]);
    let (filter, order_by) = ("NOT".to_owned(), "name,".to_owned());
    let read_mask = mask("nickname");
    let request = ListAssignedLeadsRequest { user_id: x(), filter, order_by, read_mask, ..Default::default() };
    bad!(table, client, list_assigned_leads, request, ["user_id", "filter", "order_by", "read_mask.paths[0]"]);
    let request = ListLeadAccessRequest { page_size: i32::MIN, ..Default::default() };
    bad!(table, client, list_lead_access, request, ["lead_id", "page_size"]);
    let expire_time = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 });
    let request = GrantLeadAccessRequest {
        lead_id: x(),
        user_id: x(),
        mode: UNKNOWN,
        expire_time,
        request_id: x(),
        ..Default::default()
    };
    bad!(table, client, grant_lead_access, request, ["lead_id", "user_id", "mode", "expire_time", "request_id"]);
    let request = RevokeLeadAccessRequest { request_id: x(), ..Default::default() };
    bad!(table, client, revoke_lead_access, request, ["lead_id", "user_id", "request_id"]);
}
