//! Everything that a filter finds, or that somebody works, given to others: told before, and done as it was told.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use leadward::proto::{
    AccessLevel, AssignLeadsByFilterRequest, AssignLeadsByFilterResponse, AssignmentOutcome, AssignmentPlan,
    AssignmentResult, ErrorReason, GrantMode, ImportOptions, ImportRow, Lead, LeadAction, LeadState, Profile,
    ReactivateUserRequest, RevocationPolicy, Role,
};
use tonic::{Code, Status, Streaming};
use uuid::Uuid;

use super::{all_told, undo::undo, who_takes};
use crate::support::{
    Caller, TestServer, every_action, faults, groups_permission, named, on_both_databases, permission, profile, refused,
};

/// What a stream has told: the plan, the batch, and the outcomes.
pub(super) struct Told {
    pub plan: AssignmentPlan,
    pub batch_id: String,
    pub outcomes: Vec<AssignmentOutcome>,
}

pub(super) fn by_filter(filter: &str, to: &[&Caller]) -> AssignLeadsByFilterRequest {
    AssignLeadsByFilterRequest {
        filter: filter.to_owned(),
        assignee_ids: to.iter().map(|user| user.id.clone()).collect(),
        ..AssignLeadsByFilterRequest::default()
    }
}

async fn start(
    caller: &Caller,
    request: AssignLeadsByFilterRequest,
) -> Result<Streaming<AssignLeadsByFilterResponse>, Status> {
    Ok(caller.assignments().assign_leads_by_filter(request).await?.into_inner())
}

pub(super) async fn run(caller: &Caller, request: AssignLeadsByFilterRequest) -> Result<Told, Status> {
    let mut parts = start(caller, request).await?;
    let first = parts.message().await?.expect("a plan");
    let mut told = Told { plan: first.plan.expect("a plan"), batch_id: first.batch_id, outcomes: first.outcomes };
    while let Some(part) = parts.message().await? {
        assert!(part.plan.is_none() && part.batch_id.is_empty() && (1..=400).contains(&part.outcomes.len()));
        assert!(part.outcomes.is_sorted_by_key(|outcome| &outcome.lead_id), "oldest first");
        told.outcomes.extend(part.outcomes);
    }
    Ok(told)
}

async fn plan(caller: &Caller, request: &AssignLeadsByFilterRequest) -> Told {
    run(caller, AssignLeadsByFilterRequest { validate_only: true, ..request.clone() }).await.unwrap()
}

async fn commit(caller: &Caller, request: &AssignLeadsByFilterRequest, plan: &Told) -> Result<Told, Status> {
    let plan_token = plan.plan.plan_token.clone();
    assert!(!plan_token.is_empty());
    run(caller, AssignLeadsByFilterRequest { plan_token, ..request.clone() }).await
}

/// Who gets how many, and how many are theirs already.
fn shares(plan: &AssignmentPlan) -> Vec<(&str, i64, i64)> {
    plan.shares.iter().map(|share| (share.assignee_id.as_str(), share.assigned, share.unchanged)).collect()
}

fn refusals(plan: &AssignmentPlan) -> Vec<(&str, i64)> {
    plan.refusals.iter().map(|refusals| (refusals.cause.as_str(), refusals.leads)).collect()
}

/// Many leads without an assignee.
pub(super) async fn import_many(t: &TestServer, count: i64) -> Vec<String> {
    let mut ids = Vec::new();
    for from in (0..count).step_by(1000) {
        let row = |number| ImportRow {
            row_number: number,
            lead: Some(named(&format!("lead {number}"))),
            ..ImportRow::default()
        };
        let rows = (from..count.min(from + 1000)).map(row).collect();
        let results = t.admin().import_as(ImportOptions::default(), rows).await.unwrap();
        ids.extend(results.into_iter().map(|result| result.lead_id));
    }
    ids
}

async fn assignees(t: &TestServer, ids: &[&str]) -> Vec<String> {
    let mut assignees = Vec::new();
    for id in ids {
        assignees.push(t.admin().get_lead(id).await.unwrap().assignee_id);
    }
    assignees
}

on_both_databases! {
    async fn what_a_filter_finds_is_dealt_out_oldest_first(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let mut leads = Vec::new();
        for (name, country) in [("a", "DE"), ("b", "FR"), ("c", "DE"), ("d", "DE"), ("e", "DE"), ("f", "DE")] {
            leads.push(admin.create_lead(Lead { country: Some(country.to_owned()), ..named(name) }).await.unwrap().id);
        }
        let [a, _, c, d, resolved, discarded] = leads.as_slice() else { panic!("six leads") };
        admin.assign(c, &ana).await.unwrap();
        admin.resolve(resolved).await.unwrap();
        admin.discard(discarded).await.unwrap();

        let told = run(&admin, by_filter("country = DE", &[&ana, &ben])).await.unwrap();
        assert_eq!((told.plan.leads, shares(&told.plan)), (3, vec![(ana.id.as_str(), 2, 0), (ben.id.as_str(), 1, 0)]));
        assert_eq!((told.plan.revocation_policy(), told.plan.plan_token.as_str()), (RevocationPolicy::Revoke, ""));
        assert_eq!(told.outcomes.iter().map(|outcome| &outcome.lead_id).collect::<Vec<_>>(), [a, c, d]);
        assert_eq!(all_told(&told.outcomes, &[&ana, &ben]), ["ana", "ben", "ana"]);
        assert_eq!(told.outcomes[1].previous_assignee.as_ref().unwrap().user_id, ana.id);
        refused(ana.get_lead(c).await, ErrorReason::LeadNotFound);
        assert_eq!(told.outcomes[1].etag, ben.get_lead(c).await.unwrap().etag);

        // Again, they are theirs.
        let again = run(&admin, by_filter("country = DE", &[&ana, &ben])).await.unwrap();
        assert_eq!(all_told(&again.outcomes, &[&ana, &ben]), ["ana already", "ben already", "ana already"]);
        assert_eq!((again.batch_id.as_str(), shares(&again.plan)[0]), ("", (ana.id.as_str(), 0, 2)));

        // Resolved ones are asked for, and are open again; discarded ones never.
        let told = run(&admin, by_filter("country = DE AND NOT state = ACTIVE", &[&ben])).await.unwrap();
        assert_eq!(told.outcomes.iter().map(|outcome| &outcome.lead_id).collect::<Vec<_>>(), [resolved]);
        assert_eq!(ben.get_lead(resolved).await.unwrap().state(), LeadState::Active);

        let none = run(&admin, by_filter("country = ES", &[&ben])).await.unwrap();
        assert_eq!((none.plan.leads, none.batch_id.as_str(), none.outcomes.len()), (0, "", 0));
        undo(&admin, &told.batch_id).await;
        assert_eq!(admin.get_lead(resolved).await.unwrap().state(), LeadState::Resolved);
    }

    async fn a_plan_is_told_and_done_as_it_was_told(t: TestServer) {
        let admin = t.admin();
        let small = who_takes(&t, "small", 1).await;
        let gone = t.agent("gone").await;
        t.deactivate(&gone).await;
        let mut leads = Vec::new();
        for name in ["a", "b", "c", "d"] {
            leads.push(t.lead(name).await.id);
        }
        let request = by_filter("name:\"a\" OR name:\"b\" OR name:\"c\" OR name:\"d\"", &[&small, &gone]);
        let told = plan(&admin, &request).await;
        assert_eq!((told.plan.leads, shares(&told.plan)), (4, vec![(small.id.as_str(), 1, 0)]));
        // Whose turn it was: the one who is gone stays next.
        assert_eq!(refusals(&told.plan), [("USER_DEACTIVATED", 3)]);
        let answered = all_told(&told.outcomes, &[&small, &gone]);
        assert_eq!(answered, ["small", "INELIGIBLE_ASSIGNEE", "INELIGIBLE_ASSIGNEE", "INELIGIBLE_ASSIGNEE"]);
        assert!(told.batch_id.is_empty());
        let ids: Vec<&str> = leads.iter().map(String::as_str).collect();
        assert_eq!(assignees(&t, &ids).await, ["", "", "", ""], "nothing is done");

        let done = commit(&admin, &request, &told).await.unwrap();
        assert_eq!(all_told(&done.outcomes, &[&small, &gone]), answered);
        assert_eq!(assignees(&t, &ids).await, [small.id.as_str(), "", "", ""]);
        let again = commit(&admin, &request, &told).await.map(drop);
        refused(again, ErrorReason::PlanChanged);
    }

    async fn a_plan_that_would_be_another_by_now_is_refused(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, who_takes(&t, "ben", 3).await);
        let lead = |name: &str| Lead { country: Some("DE".to_owned()), ..named(name) };
        let (one, two) = (admin.create_lead(lead("one")).await.unwrap().id, admin.create_lead(lead("two")).await.unwrap().id);
        let request = by_filter("country = DE", &[&ana, &ben]);

        // What is said of leads beside the filter changes nothing.
        let told = plan(&admin, &request).await;
        let campaign = Lead { id: one.clone(), campaign: Some("spring".to_owned()), ..Lead::default() };
        admin.update_lead(campaign, &[]).await.unwrap();
        assert_eq!(plan(&admin, &request).await.outcomes.len(), 2);
        let done = commit(&admin, &request, &told).await.unwrap();
        assert_eq!(all_told(&done.outcomes, &[&ana, &ben]), ["ana", "ben"]);
        undo(&admin, &done.batch_id).await;

        let told = plan(&admin, &request).await;
        let three = admin.create_lead(lead("three")).await.unwrap().id;
        refused(commit(&admin, &request, &told).await.map(drop), ErrorReason::PlanChanged);

        let told = plan(&admin, &request).await;
        admin.assign(&two, &ben).await.unwrap();
        refused(commit(&admin, &request, &told).await.map(drop), ErrorReason::PlanChanged);

        let told = plan(&admin, &request).await;
        admin.discard(&three).await.unwrap();
        refused(commit(&admin, &request, &told).await.map(drop), ErrorReason::PlanChanged);

        let told = plan(&admin, &request).await;
        admin.resolve(&two).await.unwrap();
        refused(commit(&admin, &request, &told).await.map(drop), ErrorReason::PlanChanged);

        // Somebody can no longer take theirs.
        admin.create_lead(lead("four")).await.unwrap();
        let told = plan(&admin, &request).await;
        for number in 0..3 {
            t.lead_of(&format!("Ben's {number}"), &ben).await;
        }
        refused(commit(&admin, &request, &told).await.map(drop), ErrorReason::PlanChanged);
        assert_eq!(assignees(&t, &[&one, &three]).await, ["", ""], "nothing was done");
    }

    async fn a_plan_token_is_good_for_its_caller_and_request_alone(t: TestServer) {
        let (admin, other, ana) = (t.admin(), t.administrator("other").await, t.agent("ana").await);
        t.lead("lead").await;
        let request = by_filter("name:lead", &[&ana]);
        let told = plan(&admin, &request).await;
        let policy = AssignLeadsByFilterRequest { revocation_policy: RevocationPolicy::Keep.into(), ..request.clone() };
        let all = by_filter("state = ACTIVE", &[&ana]);
        for (caller, request) in [(&other, &request), (&admin, &policy), (&admin, &all)] {
            let refusal = commit(caller, request, &told).await.map(drop);
            assert_eq!(faults(&refused(refusal, ErrorReason::InvalidPlanToken)), ["plan_token"]);
        }
        for token in ["x".to_owned(), told.plan.plan_token.replace(|letter: char| letter.is_ascii_digit(), "A")] {
            let request = AssignLeadsByFilterRequest { plan_token: token, ..request.clone() };
            refused(run(&admin, request).await.map(drop), ErrorReason::InvalidPlanToken);
        }
        commit(&admin, &request, &told).await.unwrap();
    }

    async fn a_filter_is_asked_for(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        for filter in ["", "  ", "NOT", "nickname = x"] {
            let refusal = refused(run(&admin, by_filter(filter, &[&ana])).await.map(drop), ErrorReason::InvalidArgument);
            assert_eq!(faults(&refusal), ["filter"]);
        }
        let unknown = AssignLeadsByFilterRequest {
            assignee_ids: vec![ana.id.clone(), Uuid::now_v7().to_string()],
            ..by_filter("state = ACTIVE", &[])
        };
        let refusal = refused(run(&admin, unknown).await.map(drop), ErrorReason::InvalidArgument);
        assert_eq!(faults(&refusal), ["assignee_ids[1]"]);
    }

    /// Which leads there are follows from ASSIGN, and nothing is told of others.
    async fn nobody_gives_away_more_than_they_may(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let group = t.group("north", &[]).await;
        let chief = t.agent("chief").await;
        admin.set_permission(&chief, groups_permission(LeadAction::Assign, &[&group])).await.unwrap();
        let inside = t.lead_in("inside", &group).await;
        let (own, viewed) = (t.lead_of("own", &chief).await, t.lead_of("viewed", &ben).await);
        admin.grant(&viewed.id, &chief, GrantMode::ViewOnly).await.unwrap();
        t.lead("hidden").await;

        let told = run(&chief, by_filter("state = ACTIVE", &[&ana])).await.unwrap();
        let given: BTreeSet<&str> = told.outcomes.iter().map(|outcome| outcome.lead_id.as_str()).collect();
        assert_eq!((told.plan.leads, given), (2, BTreeSet::from([inside.id.as_str(), own.id.as_str()])));
        assert_eq!(admin.get_lead(&viewed.id).await.unwrap().assignee_id, ben.id);
        let keep = RevocationPolicy::Keep.into();
        let overriding = AssignLeadsByFilterRequest { revocation_policy: keep, ..by_filter("state = ACTIVE", &[&ana]) };
        refused(run(&chief, overriding).await.map(drop), ErrorReason::CapabilityRequired);
        // Orders are shown with leads that may be viewed.
        let of_orders = by_filter("last_order_status = PARTIAL", &[&ana]);
        refused(run(&chief, of_orders).await.map(drop), ErrorReason::InvalidArgument);
    }

    async fn many_leads_go_part_by_part_and_come_back(t: TestServer) {
        let (admin, ana, ben, carl) = (t.admin(), t.agent("ana").await, t.agent("ben").await, t.agent("carl").await);
        let ids = import_many(&t, 2300).await;
        let first = run(&admin, by_filter("name:lead", &[&ana])).await.unwrap();
        assert_eq!((first.outcomes.len(), first.plan.leads), (2300, 2300));
        let keep = RevocationPolicy::Keep.into();
        let request = AssignLeadsByFilterRequest { revocation_policy: keep, ..by_filter("name:lead", &[&ben, &carl]) };
        // What is only told comes in order; what is done, message by message as it is done.
        let foretold = plan(&admin, &request).await;
        assert_eq!(foretold.outcomes.iter().map(|outcome| &outcome.lead_id).collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
        let mut told = run(&admin, request).await.unwrap();
        told.outcomes.sort_by_cached_key(|outcome| ids.iter().position(|id| *id == outcome.lead_id));
        assert_eq!(told.outcomes.iter().map(|outcome| &outcome.lead_id).collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
        for (at, outcome) in told.outcomes.iter().enumerate() {
            let whose = if at % 2 == 0 { &ben } else { &carl };
            assert_eq!((outcome.result(), &outcome.assignee_id), (AssignmentResult::Assigned, &whose.id));
            assert_eq!(outcome.previous_assignee.as_ref().unwrap().remaining_paths.len(), 1);
        }
        ana.get_lead(&ids[2299]).await.unwrap();
        let back = undo(&admin, &told.batch_id).await;
        assert_eq!((back.len(), back.iter().all(|outcome| outcome.assignee_id == ana.id)), (2300, true));
        refused(ben.get_lead(&ids[0]).await, ErrorReason::LeadNotFound);
    }

    /// Whoever loses a lead has room for another, and not before.
    async fn room_is_there_in_the_order_of_the_plan(t: TestServer) {
        let (admin, small, ben) = (t.admin(), who_takes(&t, "small", 2).await, t.agent("ben").await);
        import_many(&t, 900).await;
        let kept = t.lead_of("lead that is kept", &small).await.id;
        let lost = t.lead_of("lead that is lost", &small).await.id;
        let got = t.lead("lead that is got").await.id;
        let request = by_filter("name:lead", &[&small, &ben]);
        let told = plan(&admin, &request).await;
        let expected = vec![(ben.id.as_str(), 901, 0), (small.id.as_str(), 1, 1)];
        assert_eq!((shares(&told.plan), refusals(&told.plan)), (expected, vec![]));
        let done = commit(&admin, &request, &told).await.unwrap();
        assert!(done.outcomes.iter().all(|outcome| outcome.error.is_none()), "{:?}", all_told(&done.outcomes, &[&small, &ben]));
        assert_eq!(assignees(&t, &[&kept, &lost, &got]).await, [&small, &ben, &small].map(|user| user.id.as_str()));
    }

    /// The reader takes little, so that the rest waits.
    async fn what_changes_while_the_call_runs_is_left_alone(t: TestServer) {
        let (admin, ana, chief) = (t.admin(), t.agent("ana").await, t.manager("chief").await);
        let ids = import_many(&t, 4000).await;
        let last = ids.last().unwrap();
        let mut parts = start(&chief.with_small_windows(t.addr()), by_filter("name:lead", &[&ana])).await.unwrap();
        assert_eq!(parts.message().await.unwrap().unwrap().plan.unwrap().leads, 4000);
        let campaign = Lead { id: last.clone(), campaign: Some("spring".to_owned()), ..Lead::default() };
        admin.update_lead(campaign, &[]).await.unwrap();
        admin.set_permission(&chief, permission(LeadAction::Assign, AccessLevel::None)).await.unwrap();
        let mut words: BTreeMap<String, usize> = BTreeMap::new();
        while let Some(part) = parts.message().await.unwrap() {
            for word in all_told(&part.outcomes, &[&ana]) {
                *words.entry(word).or_default() += 1;
            }
        }
        // Whoever lost ASSIGN gives nothing from then on, and isn't told whose the leads would be.
        let given = words.remove("ana").unwrap_or_default();
        let refused = words.remove("ACTION_NOT_PERMITTED").unwrap_or_default();
        assert!(given < 4000 && refused >= 1000 && given + refused == 4000 && words.is_empty(), "{given} {words:?}");
        assert_eq!(admin.get_lead(last).await.unwrap().assignee_id, "");

        let mut parts = start(&admin.with_small_windows(t.addr()), by_filter("name:lead", &[&ana])).await.unwrap();
        parts.message().await.unwrap();
        let campaign = Lead { id: last.clone(), campaign: Some("summer".to_owned()), ..Lead::default() };
        admin.update_lead(campaign, &[]).await.unwrap();
        let mut outcomes = Vec::new();
        while let Some(part) = parts.message().await.unwrap() {
            outcomes.extend(part.outcomes);
        }
        let told = all_told(&outcomes, &[&ana]);
        assert_eq!((told.len(), told.last().unwrap().as_str()), (4000, "LEAD_CHANGED"));
        assert_eq!(told.iter().filter(|word| *word == "LEAD_CHANGED").count(), 1);
        assert_eq!(admin.get_lead(last).await.unwrap().assignee_id, "");
    }

    async fn a_call_that_fails_has_told_of_all_that_it_gave(t: TestServer) {
        let (admin, ana, ben, chief) = (t.admin(), t.agent("ana").await, t.agent("ben").await, t.manager("chief").await);
        import_many(&t, 4000).await;
        let request_id = Uuid::new_v4().to_string();
        let request = AssignLeadsByFilterRequest { request_id, ..by_filter("NOT assignee:*", &[&ana, &ben]) };
        let mut parts = start(&chief.with_small_windows(t.addr()), request.clone()).await.unwrap();
        parts.message().await.unwrap();
        let first = parts.message().await.unwrap().unwrap().outcomes;
        t.deactivate(&chief).await;
        let mut told: BTreeSet<String> = first.into_iter().map(|outcome| outcome.lead_id).collect();
        let failure = loop {
            match parts.message().await {
                Ok(part) => told.extend(part.unwrap().outcomes.into_iter().map(|outcome| outcome.lead_id)),
                Err(failure) => break failure,
            }
        };
        assert_eq!(failure.code(), Code::Unauthenticated);
        let given = plan(&admin, &by_filter("assignee:*", &[&ana])).await.outcomes;
        let given: BTreeSet<String> = given.into_iter().map(|outcome| outcome.lead_id).collect();
        assert!(told == given && (1..4000).contains(&given.len()), "{} told, {} given", told.len(), given.len());

        // Nothing was kept for the request, so that it gives the rest.
        let again = ReactivateUserRequest { user_id: chief.id.clone(), ..ReactivateUserRequest::default() };
        admin.directory().reactivate_user(again).await.unwrap();
        let rest = run(&chief, request).await.unwrap();
        assert_eq!(rest.plan.leads, 4000 - i64::try_from(given.len()).unwrap());
        assert_eq!(plan(&admin, &by_filter("NOT assignee:*", &[&ana])).await.plan.leads, 0);
    }

    async fn a_request_that_was_done_to_its_end_is_done_once(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        t.lead("lead 1").await;
        let request =
            AssignLeadsByFilterRequest { request_id: Uuid::new_v4().to_string(), ..by_filter("name:lead", &[&ana]) };
        let first = run(&admin, request.clone()).await.unwrap();
        assert_eq!(first.outcomes.len(), 1);
        let later = t.lead("lead 2").await;
        let again = run(&admin, request.clone()).await.unwrap();
        assert_eq!((again.plan, again.batch_id, again.outcomes.len()), (first.plan, first.batch_id, 0));
        assert_eq!(admin.get_lead(&later.id).await.unwrap().assignee_id, "");
        let another = AssignLeadsByFilterRequest { filter: "state = ACTIVE".to_owned(), ..request };
        refused(run(&admin, another).await.map(drop), ErrorReason::RequestIdReused);
        // So is one that found nothing.
        let none = AssignLeadsByFilterRequest { request_id: Uuid::new_v4().to_string(), ..by_filter("name:none", &[&ana]) };
        run(&admin, none.clone()).await.unwrap();
        let found_now = t.lead("none").await;
        assert_eq!(run(&admin, none).await.unwrap().plan.leads, 0);
        assert_eq!(admin.get_lead(&found_now.id).await.unwrap().assignee_id, "");
    }

    /// Several calls, and batches between them, give the same few people leads.
    async fn nobody_gets_more_than_they_have_room_for(t: TestServer) {
        let admin = t.admin();
        t.create_profile(Profile {
            permissions: every_action(AccessLevel::Individual),
            max_open_leads: Some(40),
            ..profile("takes 40", Role::Agent)
        })
        .await;
        let (one, two) = (t.user("one", "takes 40").await, t.user("two", "takes 40").await);
        let ids = import_many(&t, 300).await;
        let parts: Vec<Vec<&str>> = ids.chunks(50).map(|some| some.iter().map(String::as_str).collect()).collect();
        let people = [&one, &two];
        let batches = parts.iter().map(|some| async { admin.deal(some, &people).await.unwrap().len() });
        let filters = (0..4).map(|_| async { run(&admin, by_filter("name:lead AND NOT assignee:*", &people)).await.unwrap().outcomes.len() });
        tokio::join!(join_all(batches), join_all(filters));
        for user in [&one, &two] {
            let theirs = plan(&admin, &by_filter(&format!("assignee = {}", user.id), &[user])).await;
            assert_eq!(theirs.plan.leads, 40, "{}", user.name);
        }
    }
}
