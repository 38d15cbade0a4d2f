//! A request that is sent again under its `request_id`: it is answered as before, and not made twice.

use futures::future::join_all;
use leadward::proto::{
    AccessLevel, AddGroupMembersRequest, AssignLeadRequest, AssignOrderCustomersRequest, AssignmentOutcome,
    AssignmentResult, BatchAssignLeadsRequest, BatchDiscardLeadsRequest, Capability, CreateApiTokenRequest,
    CreateGroupRequest, CreateLeadRequest, CreateOrderRequest, CreatePickListEntryRequest, CreateProfileRequest,
    CreateSavedViewRequest, CreateUserRequest, DeleteLeadRequest, DeleteSavedViewRequest, DeletionReason,
    DiscardLeadRequest, DuplicatePolicy, ErrorReason, GrantLeadAccessRequest, Group, Lead, LeadAction, LeadState,
    ListApiTokensRequest, Money, Order, OrderCustomerOutcome, OrderStatus, PickList, PickListEntry, Profile,
    RecordDepositRequest, RemoveGroupMembersRequest, Report, Role, SavedView, Settings, UpdateLeadRequest,
    UpdateSavedViewRequest, UpdateSettingsRequest, User,
};
use prost::Message;
use tonic::{Response, Status};
use uuid::Uuid;

use crate::support::{
    Caller, Database, RunningServer, Storage, TestServer, database_rows, faults, named, on_both_databases, permission,
    profile, refused,
};

fn fresh_id() -> String {
    Uuid::now_v7().to_string()
}

fn creation(name: &str) -> CreateLeadRequest {
    CreateLeadRequest { lead: Some(named(name)), request_id: fresh_id(), ..Default::default() }
}

/// All that is stored, but for the tokens: when they were last used is noted beside the calls.
async fn stored(t: &TestServer) -> Vec<String> {
    let rows = database_rows(t.database_url()).await;
    rows.into_iter().filter(|row| !row.starts_with("api_tokens:")).collect()
}

/// Makes a request, lets something happen, and makes it again: the answer must be the same to the byte, and nothing change.
async fn twice<R: Clone, A: Message + std::fmt::Debug>(
    t: &TestServer,
    request: R,
    call: impl AsyncFn(R) -> Result<Response<A>, Status>,
    meanwhile: impl Future<Output = ()>,
) -> A {
    let answer = call(request.clone()).await.unwrap().into_inner();
    meanwhile.await;
    let before = stored(t).await;
    let again = call(request).await.unwrap().into_inner();
    assert_eq!(again.encode_to_vec(), answer.encode_to_vec(), "{again:?} after {answer:?}");
    assert_eq!(stored(t).await, before);
    answer
}

/// Sends one request twenty times at once, to each of the servers in turn.
async fn one_lead_for_all(t: &TestServer, callers: &[Caller]) {
    let request = creation("Ana");
    let calls = callers.iter().cycle().take(20).map(|caller| {
        let request = request.clone();
        async move { caller.leads().create_lead(request).await }
    });
    let answers: Vec<_> = join_all(calls).await.into_iter().map(|answer| answer.unwrap().into_inner()).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(t.admin().list_leads(LeadAction::View).await.unwrap(), [answers[0].lead.clone().unwrap()]);
}

on_both_databases! {
    async fn a_lead_is_made_once(t: TestServer) {
        let admin = t.admin();
        let attributes = [("colour", "red"), ("size", "large"), ("age", "40")];
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let request = CreateLeadRequest { lead: Some(Lead { attributes, ..named("Ana") }), ..creation("") };
        let call = async |request| admin.leads().create_lead(request).await;
        let answer = twice(&t, request, call, async {}).await;
        assert!(answer.created);
        assert_eq!(admin.list_leads(LeadAction::View).await.unwrap(), [answer.lead.unwrap()]);
    }

    async fn a_lead_is_made_once_however_many_ask_at_once(t: TestServer) {
        one_lead_for_all(&t, &[t.admin()]).await;
    }

    /// Each that waits finds that its caller's rights have moved, by the first of them.
    async fn everyones_rights_are_changed_once_however_many_ask_at_once(t: TestServer) {
        let admin = t.admin();
        let settings = Some(Settings { enforce_desks: Some(false), ..Settings::default() });
        let request = UpdateSettingsRequest { settings, request_id: fresh_id(), ..UpdateSettingsRequest::default() };
        let calls = (0..16).map(|_| {
            let request = request.clone();
            async { admin.permissions().update_settings(request).await.unwrap().into_inner() }
        });
        let answers = join_all(calls).await;
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }

    async fn without_an_id_every_request_is_another(t: TestServer) {
        let request = CreateLeadRequest { request_id: String::new(), ..creation("Ana") };
        for made in 1..=2 {
            t.admin().leads().create_lead(request.clone()).await.unwrap();
            assert_eq!(t.admin().list_leads(LeadAction::View).await.unwrap().len(), made);
        }
    }

    /// In between, each change is taken back or overtaken: made again, it would show.
    async fn a_change_of_a_lead_is_made_once(t: TestServer) {
        let (admin, ana, lead_id) = (t.admin(), t.agent("ana").await, t.lead("Eva").await.id);
        let renamed = |name| Some(Lead { id: lead_id.clone(), ..named(name) });
        let update = UpdateLeadRequest { lead: renamed("Ida"), request_id: fresh_id(), ..Default::default() };
        let call = async |request| admin.leads().update_lead(request).await;
        twice(&t, update, call, async {
            admin.update_lead(renamed("Una").unwrap(), &[]).await.unwrap();
        })
        .await;
        assert_eq!(admin.get_lead(&lead_id).await.unwrap().name(), "Una");

        let reason = "Not ready".to_owned();
        let discard =
            DiscardLeadRequest { lead_id: lead_id.clone(), reason, request_id: fresh_id(), ..Default::default() };
        let call = async |request| admin.leads().discard_lead(request).await;
        twice(&t, discard, call, async {
            admin.retrieve(&lead_id).await.unwrap();
        })
        .await;
        assert_eq!(admin.get_lead(&lead_id).await.unwrap().state(), LeadState::Active);

        let (assignee_id, request_id) = (ana.id.clone(), fresh_id());
        let assign = AssignLeadRequest { lead_id: lead_id.clone(), assignee_id, request_id, ..Default::default() };
        let call = async |request| admin.assignments().assign_lead(request).await;
        twice(&t, assign, call, async {
            admin.unassign(&lead_id).await.unwrap();
        })
        .await;
        assert_eq!(admin.get_lead(&lead_id).await.unwrap().assignee_id, "");

        let (user_id, request_id) = (ana.id.clone(), fresh_id());
        let grant = GrantLeadAccessRequest { lead_id: lead_id.clone(), user_id, request_id, ..Default::default() };
        let call = async |request| admin.assignments().grant_lead_access(request).await;
        twice(&t, grant, call, async {
            admin.revoke(&lead_id, &ana).await.unwrap();
        })
        .await;
        refused(ana.get_lead(&lead_id).await, ErrorReason::LeadNotFound);
    }

    async fn money_and_orders_are_recorded_once(t: TestServer) {
        let (admin, lead_id) = (t.admin(), t.lead("Ana").await.id);
        let amount = Some(Money { currency_code: "EUR".to_owned(), units: 99, nanos: 500_000_000 });
        let (payment_id, request_id) = ("payment".to_owned(), fresh_id());
        let (of, paid) = (lead_id.clone(), amount.clone());
        let deposit = RecordDepositRequest { lead_id: of, payment_id, amount: paid, request_id, ..Default::default() };
        let call = async |request| admin.leads().record_deposit(request).await;
        assert!(twice(&t, deposit, call, async {}).await.recorded);

        let (number, status) = ("1001".to_owned(), OrderStatus::Partial.into());
        let order = Some(Order { lead_id, number, status, amount, ..Order::default() });
        let order = CreateOrderRequest { order, request_id: fresh_id() };
        let call = async |request| admin.orders().create_order(request).await;
        twice(&t, order, call, async {}).await;
    }

    async fn a_batch_is_done_once(t: TestServer) {
        let admin = t.admin();
        let (ana, absent, eva) = (t.lead("Ana").await.id, fresh_id(), t.lead("Eva").await.id);
        let request = BatchDiscardLeadsRequest {
            lead_ids: vec![ana.clone(), absent, eva],
            reason: "Not ready".to_owned(),
            request_id: fresh_id(),
            ..Default::default()
        };
        let call = async |request| admin.leads().batch_discard_leads(request).await;
        let answer = twice(&t, request, call, async {
            admin.retrieve(&ana).await.unwrap();
        })
        .await;
        assert_eq!(answer.outcomes.iter().map(|outcome| outcome.done).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(admin.get_lead(&ana).await.unwrap().state(), LeadState::Active);
    }

    /// What a repeated answer tells of leads is withheld from whoever has lost sight of them.
    async fn a_repeated_deal_tells_nothing_of_leads_out_of_view(t: TestServer) {
        let (admin, mia, ana) = (t.admin(), t.manager("mia").await, t.agent("ana").await);
        let lead = t.lead_of("Ana's", &ana).await;
        let (order, absent) = (admin.place_order(&lead.id, "N-1").await.unwrap(), fresh_id());
        let deal = BatchAssignLeadsRequest {
            lead_ids: vec![lead.id.clone(), absent.clone()],
            assignee_ids: vec![mia.id.clone()],
            request_id: fresh_id(),
            ..Default::default()
        };
        let call = async |request| mia.assignments().batch_assign_leads(request).await;
        let told = twice(&t, deal.clone(), call, async {}).await;
        let customers = AssignOrderCustomersRequest {
            order_ids: vec![order.id.clone()],
            assignee_ids: vec![ana.id.clone()],
            request_id: fresh_id(),
            ..Default::default()
        };
        let call = async |request| mia.assignments().assign_order_customers(request).await;
        twice(&t, customers.clone(), call, async {}).await;

        for action in [LeadAction::View, LeadAction::Assign] {
            admin.set_permission(&mia, permission(action, AccessLevel::None)).await.unwrap();
        }
        let again = mia.assignments().batch_assign_leads(deal).await.unwrap().into_inner();
        let result = AssignmentResult::Assigned.into();
        let withheld = AssignmentOutcome { result, ..AssignmentOutcome::default() };
        let done = AssignmentOutcome { lead_id: lead.id, ..withheld.clone() };
        assert_eq!(again.outcomes, [done, told.outcomes[1].clone()], "what was never there is answered as before");
        assert_eq!(again.batch_id, told.batch_id);
        let again = mia.assignments().assign_order_customers(customers).await.unwrap().into_inner();
        assert_eq!(again.outcomes, [OrderCustomerOutcome { order_id: order.id, outcome: Some(withheld) }]);
    }

    async fn a_change_of_the_directory_is_made_once(t: TestServer) {
        let (admin, ben) = (t.admin(), t.agent("ben").await);
        let profile_id = Some(t.profile_id("pre-sales").await);
        let user = Some(User { name: Some("Ana".to_owned()), profile_id, ..User::default() });
        let user = CreateUserRequest { user, request_id: fresh_id() };
        let call = async |request| admin.directory().create_user(request).await;
        twice(&t, user, call, async {}).await;

        let group = Some(Group { name: Some("north".to_owned()), ..Group::default() });
        let group = CreateGroupRequest { group, request_id: fresh_id() };
        let call = async |request| admin.directory().create_group(request).await;
        let group_id = twice(&t, group, call, async {}).await.group.unwrap().id;

        let user_ids = vec![ben.id.clone()];
        let (of, members) = (group_id.clone(), user_ids.clone());
        let add =
            AddGroupMembersRequest { group_id: of, user_ids: members, request_id: fresh_id(), ..Default::default() };
        let call = async |request| admin.directory().add_group_members(request).await;
        let added = twice(&t, add, call, async {
            let remove = RemoveGroupMembersRequest { group_id, user_ids, ..Default::default() };
            admin.directory().remove_group_members(remove).await.unwrap();
        })
        .await;
        assert_eq!(added.group.unwrap().member_count, 1);
    }

    async fn a_token_is_made_once_and_its_secret_is_not_stored(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let request =
            CreateApiTokenRequest { user_id: ana.id.clone(), request_id: fresh_id(), ..Default::default() };
        let call = async |request| admin.directory().create_api_token(request).await;
        let made = twice(&t, request, call, async {}).await;
        let list = ListApiTokensRequest { user_id: ana.id.clone(), ..Default::default() };
        let tokens = admin.directory().list_api_tokens(list).await.unwrap().into_inner().api_tokens;
        assert_eq!(tokens.len(), 2, "the one that she came with, and this: {tokens:?}");
        assert_eq!(tokens.last(), made.api_token.as_ref());
        t.bearer(&made.secret).list_leads(LeadAction::View).await.unwrap();

        let bytes: String = made.secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        for row in database_rows(t.database_url()).await {
            assert!(!row.contains(&made.secret) && !row.to_lowercase().contains(&bytes), "{row}");
        }
    }

    async fn a_change_of_the_configuration_is_made_once(t: TestServer) {
        let admin = t.admin();
        let enforcing = |enforce_desks| Some(Settings { enforce_desks: Some(enforce_desks), ..Settings::default() });
        let request =
            UpdateSettingsRequest { settings: enforcing(false), request_id: fresh_id(), ..Default::default() };
        let call = async |request| admin.permissions().update_settings(request).await;
        let answer = twice(&t, request, call, async {
            let back = UpdateSettingsRequest { settings: enforcing(true), ..Default::default() };
            admin.permissions().update_settings(back).await.unwrap();
        })
        .await;
        assert!(!answer.settings.unwrap().enforce_desks());

        let request =
            CreateProfileRequest { profile: Some(profile("scouts", Role::Agent)), request_id: fresh_id() };
        let call = async |request| admin.permissions().create_profile(request).await;
        twice(&t, request, call, async {}).await;

        let (list, name) = (PickList::Stage.into(), Some("Negotiating".to_owned()));
        let entry = Some(PickListEntry { list, name, ..PickListEntry::default() });
        let request = CreatePickListEntryRequest { entry, request_id: fresh_id() };
        let call = async |request| admin.leads().create_pick_list_entry(request).await;
        twice(&t, request, call, async {}).await;
    }

    /// In between, each change is overtaken: made again, it would show.
    async fn a_change_of_a_saved_view_is_made_once(t: TestServer) {
        let ana = t.agent("ana").await;
        let view = SavedView { report: Report::MyLeads.into(), name: Some("mine".to_owned()), ..SavedView::default() };
        let request = CreateSavedViewRequest { saved_view: Some(view), request_id: fresh_id() };
        let call = async |request| ana.reports().create_saved_view(request).await;
        let id = twice(&t, request, call, async {}).await.saved_view.unwrap().id;

        let named = |name: &str| Some(SavedView { id: id.clone(), name: Some(name.to_owned()), ..SavedView::default() });
        let update = UpdateSavedViewRequest { saved_view: named("hot"), request_id: fresh_id(), ..Default::default() };
        let call = async |request| ana.reports().update_saved_view(request).await;
        twice(&t, update, call, async {
            let cold = UpdateSavedViewRequest { saved_view: named("cold"), ..Default::default() };
            ana.reports().update_saved_view(cold).await.unwrap();
        })
        .await;

        let delete = DeleteSavedViewRequest { saved_view_id: id.clone(), request_id: fresh_id(), ..Default::default() };
        let call = async |request| ana.reports().delete_saved_view(request).await;
        twice(&t, delete, call, async {}).await;
        let again = DeleteSavedViewRequest { saved_view_id: id, ..Default::default() };
        refused(ana.reports().delete_saved_view(again).await, ErrorReason::ResourceNotFound);
    }

    async fn an_id_is_of_one_request(t: TestServer) {
        let admin = t.admin();
        let first = creation("Ana");
        admin.leads().create_lead(first.clone()).await.unwrap();
        let before = stored(&t).await;
        let another_lead = CreateLeadRequest { lead: Some(named("Eva")), ..first.clone() };
        refused(admin.leads().create_lead(another_lead).await, ErrorReason::RequestIdReused);
        let another_policy = CreateLeadRequest { on_duplicate: DuplicatePolicy::Skip.into(), ..first.clone() };
        refused(admin.leads().create_lead(another_policy).await, ErrorReason::RequestIdReused);
        let group = Some(Group { name: Some("north".to_owned()), ..Group::default() });
        let another_call = CreateGroupRequest { group, request_id: first.request_id };
        refused(admin.directory().create_group(another_call).await, ErrorReason::RequestIdReused);
        assert_eq!(stored(&t).await, before);
    }

    async fn two_users_may_have_one_id(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let request_id = fresh_id();
        for (agent, name) in [(&ana, "Eva"), (&ben, "Ida")] {
            let request = CreateLeadRequest { request_id: request_id.clone(), ..creation(name) };
            let call = async |request| agent.leads().create_lead(request).await;
            let lead = twice(&t, request, call, async {}).await.lead.unwrap();
            assert_eq!((lead.name(), &lead.assignee_id), (name, &agent.id));
        }
    }

    async fn an_id_is_a_uuid(t: TestServer) {
        let (admin, before) = (t.admin(), stored(&t).await);
        for request_id in ["7", "Ana's first", "0190b5a0-7e3d-7c4e-8f0a-1b2c3d4e5f6"] {
            let request = CreateLeadRequest { request_id: request_id.to_owned(), ..creation("Ana") };
            let status = refused(admin.leads().create_lead(request).await, ErrorReason::InvalidArgument);
            assert_eq!(faults(&status), ["request_id"]);
        }
        let request = AssignLeadRequest { request_id: "7".to_owned(), ..Default::default() };
        let status = refused(admin.assignments().assign_lead(request).await, ErrorReason::InvalidArgument);
        assert_eq!(faults(&status), ["assignee_id", "lead_id", "request_id"]);
        assert_eq!(stored(&t).await, before);
    }

    async fn a_refused_request_is_not_remembered(t: TestServer) {
        let (admin, ana, lead_id) = (t.admin(), t.agent("ana").await, t.lead("Eva").await.id);
        admin.discard(&lead_id).await.unwrap();
        let (of, assignee_id, request_id) = (lead_id.clone(), ana.id.clone(), fresh_id());
        let request = AssignLeadRequest { lead_id: of, assignee_id, request_id, ..Default::default() };
        for _ in 0..2 {
            refused(admin.assignments().assign_lead(request.clone()).await, ErrorReason::LeadState);
        }
        admin.retrieve(&lead_id).await.unwrap();
        let call = async |request| admin.assignments().assign_lead(request).await;
        let answer = twice(&t, request, call, async {
            admin.unassign(&lead_id).await.unwrap();
        })
        .await;
        assert_eq!(answer.lead.unwrap().assignee_id, ana.id);
    }

    async fn a_dry_run_is_not_remembered(t: TestServer) {
        let (admin, ana, lead_id) = (t.admin(), t.agent("ana").await, t.lead("Eva").await.id);
        let (assignee_id, request_id) = (ana.id.clone(), fresh_id());
        let dry_run = AssignLeadRequest { lead_id, assignee_id, validate_only: true, request_id, ..Default::default() };
        let before = stored(&t).await;
        for _ in 0..2 {
            admin.assignments().assign_lead(dry_run.clone()).await.unwrap();
        }
        assert_eq!(stored(&t).await, before);
        let request = AssignLeadRequest { validate_only: false, ..dry_run };
        let call = async |request| admin.assignments().assign_lead(request).await;
        let answer = twice(&t, request, call, async {}).await;
        assert_eq!(answer.lead.unwrap().assignee_id, ana.id);
    }

    async fn who_has_lost_the_lead_gets_no_answer_about_it(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let request = creation("Eva");
        let answer = ana.leads().create_lead(request.clone()).await.unwrap().into_inner();
        let lead_id = &answer.lead.as_ref().unwrap().id;
        admin.unassign(lead_id).await.unwrap();
        let before = stored(&t).await;
        refused(ana.leads().create_lead(request.clone()).await, ErrorReason::LeadNotFound);
        assert_eq!(stored(&t).await, before);
        admin.assign(lead_id, &ana).await.unwrap();
        assert_eq!(ana.leads().create_lead(request).await.unwrap().into_inner(), answer);
    }

    async fn who_has_lost_the_capability_gets_no_answer(t: TestServer) {
        let capabilities = vec![Capability::ManageDirectory.into()];
        t.create_profile(Profile { capabilities, ..profile("clerks", Role::Manager) }).await;
        let kim = t.user("kim", "clerks").await;
        let group = Some(Group { name: Some("north".to_owned()), ..Group::default() });
        let request = CreateGroupRequest { group, request_id: fresh_id() };
        let call = async |request| kim.directory().create_group(request).await;
        twice(&t, request.clone(), call, async {}).await;

        let profile_id = Some(t.profile_id("pre-sales").await);
        t.update_user(User { id: kim.id.clone(), profile_id, ..User::default() }).await;
        let before = stored(&t).await;
        refused(kim.directory().create_group(request).await, ErrorReason::CapabilityRequired);
        assert_eq!(stored(&t).await, before);
    }

    async fn a_deleted_lead_is_not_made_again(t: TestServer) {
        let admin = t.admin();
        let creation = creation("Ana");
        let lead_id = admin.leads().create_lead(creation.clone()).await.unwrap().into_inner().lead.unwrap().id;
        let (reason, request_id) = (DeletionReason::ErasureRequest.into(), fresh_id());
        let deletion = DeleteLeadRequest { lead_id, reason, request_id, ..Default::default() };
        let call = async |request| admin.leads().delete_lead(request).await;
        twice(&t, deletion, call, async {}).await;

        let before = stored(&t).await;
        refused(admin.leads().create_lead(creation).await, ErrorReason::LeadNotFound);
        assert_eq!(stored(&t).await, before);
        let states = [LeadState::Active, LeadState::Discarded, LeadState::Resolved];
        assert!(admin.list_leads_in(LeadAction::View, &states, 0).await.unwrap().is_empty());
    }
}

/// On PostgreSQL alone: it is what several servers share.
#[tokio::test(flavor = "multi_thread")]
async fn a_lead_is_made_once_by_two_servers() {
    let t = TestServer::start(Database::Postgres).await;
    let beside = RunningServer::start(t.database_url()).await;
    let admin = t.admin();
    one_lead_for_all(&t, &[admin.clone(), admin.at_server(beside.addr())]).await;
}

mod answers_outlive_the_server {
    use super::{Database, restart};

    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        Box::pin(restart(Database::Sqlite)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        Box::pin(restart(Database::Postgres)).await;
    }
}

async fn restart(database: Database) {
    let storage = Storage::create(database).await;
    let (mut token, mut answers) = (String::new(), Vec::new());
    let creation = creation("Ana");
    let mut another_token = CreateApiTokenRequest { request_id: fresh_id(), ..Default::default() };
    for _ in 0..2 {
        let server = RunningServer::start(storage.url()).await;
        token = server.first_token().map_or(token, str::to_owned);
        let admin = Caller::at(server.addr(), &token);
        let lead = admin.leads().create_lead(creation.clone()).await.unwrap().into_inner();
        another_token.user_id = lead.lead.clone().unwrap().created_by;
        let made = admin.directory().create_api_token(another_token.clone()).await.unwrap().into_inner();
        assert_eq!(admin.list_leads(LeadAction::View).await.unwrap(), [lead.lead.clone().unwrap()]);
        answers.push((lead, made));
    }
    assert_eq!(answers[0], answers[1]);
}
