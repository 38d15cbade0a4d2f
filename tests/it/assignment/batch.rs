//! Many leads at once: for one user, or dealt out to several in turn.

use futures::future::join_all;
use leadward::proto::{
    AssignLeadRequest, AssignmentOutcome, AssignmentResult, BatchAssignLeadsRequest, Desk, ErrorReason, GrantMode,
    ImportRow, Lead, LeadAction, LeadHistoryKind, LeadState, ListAssignedLeadsRequest, ListPermissionChangesRequest,
    RevocationPolicy, User,
};
use uuid::Uuid;

use super::{all_told, who_takes};
use crate::support::{
    Caller, TestServer, fact, faults, groups_permission, item_status, named, on_both_databases, refused, seconds,
};

async fn leads(t: &TestServer, count: usize) -> Vec<Lead> {
    let mut leads = Vec::new();
    for number in 1..=count {
        leads.push(t.lead(&format!("lead {number}")).await);
    }
    leads
}

fn ids(leads: &[Lead]) -> Vec<&str> {
    leads.iter().map(|lead| lead.id.as_str()).collect()
}

fn request(leads: &[Lead], to: &[&Caller]) -> BatchAssignLeadsRequest {
    BatchAssignLeadsRequest {
        lead_ids: leads.iter().map(|lead| lead.id.clone()).collect(),
        assignee_ids: to.iter().map(|user| user.id.clone()).collect(),
        ..BatchAssignLeadsRequest::default()
    }
}

async fn deal(caller: &Caller, request: BatchAssignLeadsRequest) -> Vec<AssignmentOutcome> {
    caller.assignments().batch_assign_leads(request).await.unwrap().into_inner().outcomes
}

async fn open_leads(user: &Caller) -> usize {
    let request = ListAssignedLeadsRequest {
        states: vec![LeadState::Active.into()],
        page_size: 1000,
        ..ListAssignedLeadsRequest::default()
    };
    user.assignments().list_assigned_leads(request).await.unwrap().into_inner().leads.len()
}

on_both_databases! {
    async fn each_lead_has_its_outcome_at_its_place(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let group = t.group("north", &[]).await;
        let chief = t.agent("chief").await;
        admin.set_permission(&chief, groups_permission(LeadAction::Assign, &[&group])).await.unwrap();

        let (free, of_ben) = (t.lead_in("free", &group).await, t.lead_in("Ben's", &group).await);
        let (viewed, hidden) = (t.lead_of("viewed", &ben).await, t.lead_of("hidden", &ben).await);
        let (gone, discarded) = (Uuid::now_v7().to_string(), t.lead_in("discarded", &group).await);
        admin.assign(&of_ben.id, &ben).await.unwrap();
        admin.grant(&viewed.id, &chief, GrantMode::ViewOnly).await.unwrap();
        admin.discard(&discarded.id).await.unwrap();

        let asked = [&free.id, &hidden.id, &of_ben.id, &viewed.id, &gone, &discarded.id, &free.id];
        let asked: Vec<&str> = asked.map(String::as_str).to_vec();
        let outcomes = chief.deal(&asked, &[&ana]).await.unwrap();
        let places: Vec<&str> = outcomes.iter().map(|outcome| outcome.lead_id.as_str()).collect();
        assert_eq!(places, asked);
        let expected = [
            "ana",
            "LEAD_NOT_FOUND",
            "ana",
            "ACTION_NOT_PERMITTED",
            "LEAD_NOT_FOUND",
            "LEAD_STATE",
            "ana already",
        ];
        assert_eq!(all_told(&outcomes, &[&ana]), expected);
        assert_eq!(outcomes[1].error, outcomes[4].error, "hidden and absent are the same");
        for (outcome, id) in [(&outcomes[0], &free.id), (&outcomes[2], &of_ben.id)] {
            let lead = admin.get_lead(id).await.unwrap();
            assert_eq!((&lead.assignee_id, &lead.etag), (&ana.id, &outcome.etag));
        }
        assert_eq!(outcomes[0].previous_assignee, None);
        assert_eq!(outcomes[2].previous_assignee.as_ref().unwrap().user_id, ben.id);
        assert_eq!(admin.get_lead(&viewed.id).await.unwrap().assignee_id, ben.id);
    }

    /// The same reassignment by itself and in a batch: the same answer, access lists and records.
    async fn a_batch_does_to_each_lead_what_a_single_call_does(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let policies = [
            (RevocationPolicy::Unspecified, None),
            (RevocationPolicy::Keep, None),
            (RevocationPolicy::KeepViewOnly, None),
            (RevocationPolicy::KeepUntil, Some(3600)),
        ];
        for (policy, keep) in policies {
            let mut seen = Vec::new();
            for single in [true, false] {
                let lead = t.lead_of("lead", &ana).await;
                admin.grant(&lead.id, &ana, GrantMode::ViewOnly).await.unwrap();
                admin.grant(&lead.id, &ben, GrantMode::Full).await.unwrap();
                admin.revoke(&lead.id, &ben).await.unwrap();
                ana.resolve(&lead.id).await.unwrap();
                let (assign, batch) = (
                    AssignLeadRequest {
                        lead_id: lead.id.clone(),
                        assignee_id: ben.id.clone(),
                        revocation_policy: policy.into(),
                        keep_duration: keep.map(seconds),
                        ..Default::default()
                    },
                    BatchAssignLeadsRequest {
                        revocation_policy: policy.into(),
                        keep_duration: keep.map(seconds),
                        ..request(std::slice::from_ref(&lead), &[&ben])
                    },
                );
                let previous = if single {
                    let done = admin.assignments().assign_lead(assign).await.unwrap().into_inner();
                    done.previous_assignee
                } else {
                    deal(&admin, batch).await.remove(0).previous_assignee
                };
                let mut previous = previous.unwrap();
                assert_eq!(previous.expire_time.take().is_some(), keep.is_some());
                previous.remaining_paths.iter_mut().for_each(|path| (path.give_time, path.expire_time) = (None, None));
                let mut access = admin.access_list(&lead.id).await.unwrap();
                for path in access.iter_mut().flat_map(|access| &mut access.paths) {
                    (path.give_time, path.expire_time) = (None, None);
                }
                let record = ListPermissionChangesRequest { lead_id: lead.id.clone(), ..Default::default() };
                let record = admin.permission_changes(record).await.unwrap();
                let record: Vec<_> = record.iter().map(|change| (change.kind(), change.user_id.clone())).collect();
                let history = admin.history(&lead.id).await.unwrap();
                let history: Vec<_> = history.into_iter().map(|entry| (entry.kind(), entry.changes)).collect();
                seen.push((previous, access, record, history));
            }
            assert_eq!(seen[0], seen[1], "{policy:?}");
        }
    }

    async fn several_are_dealt_the_leads_in_turn(t: TestServer) {
        let (ana, ben, carl) = (t.agent("ana").await, t.agent("ben").await, t.agent("carl").await);
        let leads = leads(&t, 7).await;
        let outcomes = t.admin().deal(&ids(&leads), &[&ben, &ana, &carl]).await.unwrap();
        let expected = ["ben", "ana", "carl", "ben", "ana", "carl", "ben"];
        assert_eq!(all_told(&outcomes, &[&ana, &ben, &carl]), expected);
        for (lead, outcome) in leads.iter().zip(&outcomes) {
            let now = t.admin().get_lead(&lead.id).await.unwrap();
            assert_eq!((&now.assignee_id, &now.etag), (&outcome.assignee_id, &outcome.etag));
        }
    }

    async fn who_cant_take_a_lead_is_passed_over_and_stays_next_in_turn(t: TestServer) {
        let (sam, rita, ana) = (t.agent("sam").await, t.agent("rita").await, t.agent("ana").await);
        for (agent, desk) in [(&sam, Desk::Sales), (&rita, Desk::Retention)] {
            t.update_user(User { id: agent.id.clone(), desk: Some(desk.into()), ..User::default() }).await;
        }
        let (lead, client) = (t.lead("lead").await, t.client("client").await);
        let more = leads(&t, 2).await;
        let asked = [lead.id.as_str(), &more[0].id, &client.id, &more[1].id];
        let outcomes = t.admin().deal(&asked, &[&rita, &sam, &ana]).await.unwrap();
        assert_eq!(all_told(&outcomes, &[&sam, &rita, &ana]), ["sam", "ana", "rita", "sam"]);

        let nobody = t.admin().deal(&[&client.id], &[&sam]).await.unwrap();
        assert_eq!(fact(&item_status(nobody[0].error.as_ref().unwrap()), "cause"), "WRONG_DESK");
    }

    async fn a_full_user_is_passed_over_and_nobody_gets_more_than_they_can_take(t: TestServer) {
        let (two, three) = (who_takes(&t, "two", 2).await, who_takes(&t, "three", 3).await);
        let leads = leads(&t, 7).await;
        let outcomes = t.admin().deal(&ids(&leads), &[&two, &three]).await.unwrap();
        let full = "INELIGIBLE_ASSIGNEE";
        assert_eq!(all_told(&outcomes, &[&two, &three]), ["two", "three", "two", "three", "three", full, full]);
        assert_eq!((open_leads(&two).await, open_leads(&three).await), (2, 3));
    }

    async fn a_lead_that_leaves_makes_room_for_another(t: TestServer) {
        let (one, ana) = (who_takes(&t, "one", 1).await, t.agent("ana").await);
        let (first, second) = (t.lead_of("first", &one).await, t.lead("second").await);
        // Ana's turn is the first: the lead is taken from one, who can take the second then.
        let outcomes = t.admin().deal(&[&first.id, &second.id], &[&ana, &one]).await.unwrap();
        assert_eq!(all_told(&outcomes, &[&ana, &one]), ["ana", "one"]);
        assert_eq!(open_leads(&one).await, 1);
    }

    async fn batches_at_once_fill_nobody_beyond_what_they_can_take(t: TestServer) {
        let (four, admin) = (who_takes(&t, "four", 4).await, t.admin());
        let all = leads(&t, 12).await;
        let batches = all.chunks(3).map(|some| deal(&admin, request(some, &[&four])));
        let outcomes: Vec<AssignmentOutcome> = join_all(batches).await.into_iter().flatten().collect();
        let given = outcomes.iter().filter(|outcome| outcome.result() == AssignmentResult::Assigned).count();
        assert_eq!((given, open_leads(&four).await), (4, 4), "{outcomes:?}");
    }

    async fn who_has_a_lead_keeps_it_in_their_turn(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ana).await;
        let history = t.admin().history(&lead.id).await.unwrap();
        let outcomes = t.admin().deal(&[&lead.id], &[&ana, &ben]).await.unwrap();
        assert_eq!(all_told(&outcomes, &[&ana, &ben]), ["ana already"]);
        assert_eq!(outcomes[0].etag, lead.etag);
        assert_eq!(t.admin().history(&lead.id).await.unwrap(), history);
    }

    async fn a_batch_as_a_whole_is_done_or_not_at_all(t: TestServer) {
        let ana = t.agent("ana").await;
        let mut asked = leads(&t, 2).await;
        t.admin().discard(&asked[1].id).await.unwrap();
        let whole = |leads: &[Lead]| BatchAssignLeadsRequest { all_or_nothing: true, ..request(leads, &[&ana]) };
        let outcomes = deal(&t.admin(), whole(&asked)).await;
        assert_eq!(all_told(&outcomes, &[&ana]), ["BATCH_REFUSED", "LEAD_STATE"]);
        assert_eq!(t.admin().get_lead(&asked[0].id).await.unwrap(), asked[0]);

        asked.truncate(1);
        assert_eq!(all_told(&deal(&t.admin(), whole(&asked)).await, &[&ana]), ["ana"]);
    }

    async fn a_dry_run_answers_as_if_it_were_done_and_changes_nothing(t: TestServer) {
        let (ana, two) = (t.agent("ana").await, who_takes(&t, "two", 2).await);
        let asked = [t.lead_of("Ana's", &ana).await, t.lead("free").await, t.lead("more").await];
        let dry = BatchAssignLeadsRequest { validate_only: true, ..request(&asked, &[&two]) };
        let outcomes = deal(&t.admin(), dry).await;
        assert_eq!(all_told(&outcomes, &[&two]), ["two", "two", "INELIGIBLE_ASSIGNEE"]);
        for lead in &asked {
            assert_eq!(t.admin().get_lead(&lead.id).await.unwrap(), *lead);
        }
        assert_eq!(open_leads(&two).await, 0);
    }

    async fn assignees_must_exist(t: TestServer) {
        let (ana, lead) = (t.agent("ana").await, t.lead("lead").await);
        let nobody = || Uuid::now_v7().to_string();
        let assignee_ids = vec![nobody(), ana.id.clone(), nobody()];
        let asked = BatchAssignLeadsRequest { assignee_ids, ..request(std::slice::from_ref(&lead), &[]) };
        let status = refused(t.admin().assignments().batch_assign_leads(asked).await, ErrorReason::InvalidArgument);
        assert_eq!(faults(&status), ["assignee_ids[0]", "assignee_ids[2]"]);
        assert_eq!(t.admin().get_lead(&lead.id).await.unwrap(), lead);
    }

    async fn another_policy_than_the_settings_takes_a_capability(t: TestServer) {
        let (mia, ana) = (t.manager("mia").await, t.agent("ana").await);
        let lead = t.lead("lead").await;
        let policy = RevocationPolicy::Keep.into();
        let asked = BatchAssignLeadsRequest { revocation_policy: policy, ..request(&[lead], &[&ana]) };
        refused(mia.assignments().batch_assign_leads(asked.clone()).await, ErrorReason::CapabilityRequired);
        deal(&t.admin(), asked).await;
    }

    async fn a_thousand_leads_are_dealt_at_once(t: TestServer) {
        let agents = [t.agent("ana").await, t.agent("ben").await, t.agent("carl").await];
        let rows = (0..1000).map(|number| ImportRow {
            row_number: number + 1,
            lead: Some(named(&format!("lead {number}"))),
            ..Default::default()
        });
        let made = t.admin().import(rows.collect()).await.unwrap();
        let made: Vec<&str> = made.iter().map(|row| row.lead_id.as_str()).collect();
        let [ana, ben, carl] = &agents;
        let outcomes = t.admin().deal(&made, &[ana, ben, carl]).await.unwrap();
        assert!(outcomes.iter().all(|outcome| outcome.result() == AssignmentResult::Assigned));
        for (agent, expected) in agents.iter().zip([334, 333, 333]) {
            assert_eq!(open_leads(agent).await, expected);
        }
        let history = t.admin().history(made[999]).await.unwrap();
        assert_eq!(history[0].kind(), LeadHistoryKind::Assigned);
    }
}
