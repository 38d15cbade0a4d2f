//! One change of many leads: one outcome each, in the order asked.

use leadward::proto::{
    AccessLevel, DeactivateUserRequest, ErrorReason, GrantMode, ImportRow, Lead, LeadAction, LeadOutcome, LeadState,
    Profile, Role,
};
use uuid::Uuid;

use super::assert_untouched;
use crate::support::{
    Batch, BatchKind, Caller, TestServer, answer, every_action, fact, faults, item_status, named, on_both_databases,
    profile, reason, refused,
};

const KINDS: [BatchKind; 3] = [BatchKind::Discard, BatchKind::Retrieve, BatchKind::Delete];

/// Reaches own leads with every action.
async fn clerk(t: &TestServer) -> Caller {
    let clerks = Profile { permissions: every_action(AccessLevel::Individual), ..profile("clerk", Role::Agent) };
    t.create_profile(clerks).await;
    t.user("clara", "clerk").await
}

/// In short: done, or why not.
fn told(outcome: &LeadOutcome) -> String {
    assert_eq!(outcome.done, outcome.error.is_none(), "{outcome:?}");
    outcome.error.as_ref().map_or_else(|| "done".to_owned(), |error| reason(&item_status(error)))
}

/// All of an outcome but which lead it is of.
fn without_id(outcome: &LeadOutcome) -> LeadOutcome {
    LeadOutcome { lead_id: String::new(), ..outcome.clone() }
}

/// Expects that each lead, in its order, came out like this.
#[track_caller]
fn assert_told(outcomes: &[LeadOutcome], expected: &[(&str, &str)]) {
    let facts: Vec<_> = outcomes.iter().map(|outcome| (outcome.lead_id.clone(), told(outcome))).collect();
    let expected: Vec<_> = expected.iter().map(|(id, told)| ((*id).to_owned(), (*told).to_owned())).collect();
    assert_eq!(facts, expected);
}

fn absent() -> String {
    Uuid::now_v7().to_string()
}

/// A lead that a batch of this kind can change.
async fn ripe(t: &TestServer, kind: BatchKind, assignee_id: &str) -> Lead {
    let lead = Lead { assignee_id: assignee_id.to_owned(), ..named("ripe") };
    let lead = t.admin().create_lead(lead).await.unwrap();
    match kind {
        BatchKind::Retrieve => t.admin().discard(&lead.id).await.unwrap(),
        BatchKind::Discard | BatchKind::Delete => lead,
    }
}

async fn state_of(admin: &Caller, id: &str) -> Option<LeadState> {
    admin.get_lead(id).await.ok().map(|lead| lead.state())
}

on_both_databases! {
    async fn each_lead_has_its_outcome_at_its_place(t: TestServer) {
        let admin = t.admin();
        let (first, second, gone) = (t.lead("first").await, t.lead("second").await, absent());
        let resolved = admin.resolve(&t.lead("resolved").await.id).await.unwrap();
        let (a, b, c, d) = (first.id.as_str(), second.id.as_str(), resolved.id.as_str(), gone.as_str());
        let asked = [b, d, a, c, b];

        let outcomes = admin.batch(BatchKind::Discard, Batch::of(&asked)).await.unwrap();
        let expected = [(b, "done"), (d, "LEAD_NOT_FOUND"), (a, "done"), (c, "LEAD_STATE"), (b, "LEAD_STATE")];
        assert_told(&outcomes, &expected);
        for outcome in [&outcomes[0], &outcomes[2]] {
            assert_eq!(admin.get_lead(&outcome.lead_id).await.unwrap().etag, outcome.etag);
        }
        assert!([1, 3, 4].iter().all(|at| outcomes[*at].etag.is_empty()), "{outcomes:?}");
        let states = [3, 4].map(|at| fact(&item_status(outcomes[at].error.as_ref().unwrap()), "state"));
        assert_eq!(states, ["RESOLVED", "DISCARDED"], "the second time it is discarded already");
        assert_eq!(admin.get_lead(a).await.unwrap().discard_reason, "Not ready");

        let outcomes = admin.batch(BatchKind::Retrieve, Batch::of(&asked)).await.unwrap();
        assert_told(&outcomes, &expected);
        assert_eq!(state_of(&admin, b).await, Some(LeadState::Active));

        let outcomes = admin.batch(BatchKind::Delete, Batch::of(&asked)).await.unwrap();
        let expected =
            [(b, "done"), (d, "LEAD_NOT_FOUND"), (a, "done"), (c, "done"), (b, "LEAD_NOT_FOUND")];
        assert_told(&outcomes, &expected);
        assert!(outcomes.iter().all(|outcome| outcome.etag.is_empty()));
        assert_eq!(admin.deleted_leads(0).await.unwrap().len(), 3);
    }

    async fn a_retrieved_batch_has_the_stages_and_assignees_it_had(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let mut before = Vec::new();
        for (stage, assignee) in [("New", &ana), ("Callback", &ben), ("Interested", &ana)] {
            let stage = Some(stage.to_owned());
            let lead = Lead { stage, assignee_id: assignee.id.clone(), ..named("lead") };
            before.push(admin.create_lead(lead).await.unwrap());
        }
        let ids: Vec<&str> = before.iter().map(|lead| lead.id.as_str()).collect();
        admin.batch(BatchKind::Discard, Batch::of(&ids)).await.unwrap();
        let request = DeactivateUserRequest { user_id: ben.id.clone(), ..Default::default() };
        admin.directory().deactivate_user(request).await.unwrap();
        admin.batch(BatchKind::Retrieve, Batch::of(&ids)).await.unwrap();
        for lead in &before {
            let after = admin.get_lead(&lead.id).await.unwrap();
            let kept = if lead.assignee_id == ben.id { "" } else { lead.assignee_id.as_str() };
            assert_eq!((after.stage(), after.assignee_id.as_str()), (lead.stage(), kept));
            assert_eq!(after.state(), LeadState::Active);
        }
    }

    async fn a_hidden_lead_comes_out_like_an_absent_one_to_the_byte(t: TestServer) {
        let (admin, clerk, ben) = (t.admin(), clerk(&t).await, t.agent("ben").await);
        for kind in KINDS {
            for validate_only in [true, false] {
                let (own, other) = (ripe(&t, kind, &clerk.id).await, ripe(&t, kind, &clerk.id).await);
                let (assigned, pooled) = (ripe(&t, kind, &ben.id).await, ripe(&t, kind, "").await);
                let resolved = admin.resolve(&t.lead("resolved").await.id).await.unwrap();
                let deleted = t.lead_of("deleted", &clerk).await;
                admin.delete(&deleted.id).await.unwrap();
                let hidden = [&assigned, &pooled, &resolved, &deleted].map(|lead| lead.id.clone());
                for all_or_nothing in [true, false] {
                    let ask = async |others: &[String; 4], own: &str| {
                        let ids = [own, &others[0], &others[1], &others[2], &others[3]];
                        let batch = Batch { all_or_nothing, validate_only, ..Batch::of(&ids) };
                        let outcomes = clerk.batch(kind, batch).await.unwrap();
                        outcomes.iter().map(without_id).collect::<Vec<_>>()
                    };
                    let expected = ask(&[absent(), absent(), absent(), absent()], &own.id).await;
                    assert_eq!(ask(&hidden, &other.id).await, expected, "{kind:?}");
                    assert!(expected[1..].iter().all(|outcome| told(outcome) == "LEAD_NOT_FOUND"));
                    let single = clerk.get_lead(&absent()).await.unwrap_err();
                    let error = item_status(expected[1].error.as_ref().unwrap());
                    assert_eq!(answer(&error), answer(&single), "as a single call answers");
                }
                for lead in [&assigned, &pooled] {
                    assert_eq!(admin.get_lead(&lead.id).await.unwrap(), *lead, "{kind:?}");
                }
            }
        }
    }

    async fn a_lead_that_can_only_be_viewed_is_not_permitted(t: TestServer) {
        let (admin, clerk) = (t.admin(), clerk(&t).await);
        for (kind, action) in KINDS.into_iter().zip(["DISCARD", "RETRIEVE", "DELETE"]) {
            let (own, viewed) = (ripe(&t, kind, &clerk.id).await, ripe(&t, kind, "").await);
            admin.grant(&viewed.id, &clerk, GrantMode::ViewOnly).await.unwrap();
            let outcomes = clerk.batch(kind, Batch::of(&[&viewed.id, &own.id])).await.unwrap();
            assert_told(&outcomes, &[(&viewed.id, "ACTION_NOT_PERMITTED"), (&own.id, "done")]);
            assert_eq!(fact(&item_status(outcomes[0].error.as_ref().unwrap()), "action"), action);
            assert_eq!(admin.get_lead(&viewed.id).await.unwrap(), viewed);
        }
    }

    async fn all_or_nothing_is_nothing_where_one_is_refused(t: TestServer) {
        let admin = t.admin();
        for kind in KINDS {
            let (first, second, gone) = (ripe(&t, kind, "").await, ripe(&t, kind, "").await, absent());
            let (a, b) = (first.id.as_str(), second.id.as_str());
            let batch = Batch { all_or_nothing: true, ..Batch::of(&[a, &gone, b]) };
            let outcomes = admin.batch(kind, batch).await.unwrap();
            let expected = [(a, "BATCH_REFUSED"), (gone.as_str(), "LEAD_NOT_FOUND"), (b, "BATCH_REFUSED")];
            assert_told(&outcomes, &expected);
            refused(Err::<(), _>(item_status(outcomes[0].error.as_ref().unwrap())), ErrorReason::BatchRefused);
            assert!(outcomes.iter().all(|outcome| outcome.etag.is_empty()));
            for lead in [&first, &second] {
                assert_eq!(admin.get_lead(&lead.id).await.unwrap(), *lead, "{kind:?}");
            }

            let twice = Batch { all_or_nothing: true, ..Batch::of(&[a, b, a]) };
            let outcomes = admin.batch(kind, twice).await.unwrap();
            let again = if kind == BatchKind::Delete { "LEAD_NOT_FOUND" } else { "LEAD_STATE" };
            assert_told(&outcomes, &[(a, "BATCH_REFUSED"), (b, "BATCH_REFUSED"), (a, again)]);
            assert_eq!(admin.get_lead(a).await.unwrap(), first);

            let batch = Batch { all_or_nothing: true, ..Batch::of(&[a, b]) };
            assert_told(&admin.batch(kind, batch).await.unwrap(), &[(a, "done"), (b, "done")]);
            assert_ne!(state_of(&admin, a).await, Some(first.state()));
        }
    }

    async fn a_dry_run_answers_as_if_it_were_done_and_changes_nothing(t: TestServer) {
        let admin = t.admin();
        for kind in KINDS {
            let (first, gone) = (ripe(&t, kind, "").await, absent());
            let history = admin.history(&first.id).await.unwrap().len();
            let deleted = admin.deleted_leads(0).await.unwrap();
            for all_or_nothing in [false, true] {
                let ids = [first.id.as_str(), &gone];
                let dry = Batch { validate_only: true, all_or_nothing, ..Batch::of(&ids) };
                let outcomes = admin.batch(kind, dry).await.unwrap();
                let would = if all_or_nothing { "BATCH_REFUSED" } else { "done" };
                assert_told(&outcomes, &[(&first.id, would), (&gone, "LEAD_NOT_FOUND")]);
                assert_untouched(&t, &first, history).await;
            }
            assert_eq!(admin.deleted_leads(0).await.unwrap(), deleted);
            assert_told(&admin.batch(kind, Batch::of(&[&first.id])).await.unwrap(), &[(&first.id, "done")]);
        }
    }

    async fn a_batch_that_is_sent_again_is_done_once(t: TestServer) {
        let admin = t.admin();
        let (lead, gone) = (t.lead("lead").await, absent());
        let batch = Batch { request_id: absent(), ..Batch::of(&[&lead.id, &gone]) };
        let first = admin.batch(BatchKind::Discard, batch.clone()).await.unwrap();
        let retrieved = admin.retrieve(&lead.id).await.unwrap();
        assert_eq!(admin.batch(BatchKind::Discard, batch.clone()).await.unwrap(), first);
        assert_eq!(admin.get_lead(&lead.id).await.unwrap(), retrieved);
        let other = Batch { all_or_nothing: true, ..batch };
        refused(admin.batch(BatchKind::Discard, other).await, ErrorReason::RequestIdReused);
    }

    async fn a_thousand_leads_are_a_batch_and_one_more_is_none(t: TestServer) {
        let admin = t.admin();
        let row = |number: i64| {
            let lead = Some(named(&format!("lead {number}")));
            ImportRow { row_number: number, lead, ..ImportRow::default() }
        };
        let results = admin.import((1..=1000).map(row).collect()).await.unwrap();
        let ids: Vec<&str> = results.iter().map(|result| result.lead_id.as_str()).collect();
        for (kind, state) in
            [(BatchKind::Discard, LeadState::Discarded), (BatchKind::Retrieve, LeadState::Active)]
        {
            let outcomes = admin.batch(kind, Batch::of(&ids)).await.unwrap();
            let told: Vec<&str> = outcomes.iter().filter(|it| it.done).map(|it| it.lead_id.as_str()).collect();
            assert_eq!(told, ids, "{kind:?}");
            let in_state = admin.list_leads_in(LeadAction::View, &[state], 1000).await.unwrap();
            assert_eq!(in_state.len(), 1000, "{kind:?}");
        }
        let history = admin.history(ids[500]).await.unwrap();
        assert_eq!(history.len(), 3, "{history:?}");

        let too_many = [ids.as_slice(), &[ids[0]]].concat();
        for kind in KINDS {
            for bad in [&too_many[..], &[]] {
                let status = refused(admin.batch(kind, Batch::of(bad)).await, ErrorReason::InvalidArgument);
                assert_eq!(faults(&status), ["lead_ids"], "{kind:?} of {}", bad.len());
            }
            let malformed = Batch { request_id: "x".to_owned(), ..Batch::of(&[ids[0], "x"]) };
            let status = refused(admin.batch(kind, malformed).await, ErrorReason::InvalidArgument);
            assert_eq!(faults(&status), ["lead_ids[1]", "request_id"], "{kind:?}");
        }
        let outcomes = admin.batch(BatchKind::Delete, Batch::of(&ids)).await.unwrap();
        assert!(outcomes.iter().all(|outcome| outcome.done));
        let states = [LeadState::Active, LeadState::Discarded, LeadState::Resolved];
        assert!(admin.list_leads_in(LeadAction::View, &states, 0).await.unwrap().is_empty());
        assert_eq!(admin.deleted_leads(1000).await.unwrap().len(), 1000);
    }
}
