//! Batches that are taken back.

use chrono::{TimeDelta, Utc};
use leadward::{
    model::ids::BatchId,
    proto::{
        AccessLevel, BatchAssignLeadsRequest, DeactivateUserRequest, ErrorReason, GrantMode, ImportRow, Lead,
        LeadAccess, LeadAction, LeadHistoryKind, LeadState, ListPickListEntriesRequest, PickList, PickListEntry,
        Profile, RevocationPolicy, Role, UndoAssignmentRequest, UndoOutcome, UpdatePickListEntryRequest,
    },
    store::{Store, replaced},
};
use leadward_migrations::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, Database, Statement};
use tonic::Status;
use uuid::Uuid;

use crate::support::{
    Caller, TestServer, answer, every_action, fact, groups_permission, item_status, named, note, on_both_databases,
    profile, reason, refused,
};

/// Gives leads to a user, and answers the batch.
async fn give(caller: &Caller, leads: &[&Lead], to: &Caller, policy: RevocationPolicy) -> String {
    let request = BatchAssignLeadsRequest {
        lead_ids: leads.iter().map(|lead| lead.id.clone()).collect(),
        assignee_ids: vec![to.id.clone()],
        revocation_policy: policy.into(),
        ..BatchAssignLeadsRequest::default()
    };
    let done = caller.assignments().batch_assign_leads(request).await.unwrap().into_inner();
    assert!(done.outcomes.iter().all(|outcome| outcome.error.is_none()), "{done:?}");
    done.batch_id
}

async fn undo_or(caller: &Caller, batch_id: &str, validate_only: bool) -> Result<Vec<UndoOutcome>, Status> {
    let request = UndoAssignmentRequest { batch_id: batch_id.to_owned(), validate_only };
    let mut parts = caller.assignments().undo_assignment(request).await?.into_inner();
    let mut outcomes = Vec::new();
    while let Some(part) = parts.message().await? {
        outcomes.extend(part.outcomes);
    }
    Ok(outcomes)
}

pub(super) async fn undo(caller: &Caller, batch_id: &str) -> Vec<UndoOutcome> {
    undo_or(caller, batch_id, false).await.unwrap()
}

/// In short: done, or why not.
fn told(outcomes: &[UndoOutcome]) -> Vec<(&str, String)> {
    let word = |outcome: &UndoOutcome| {
        assert_eq!(outcome.done, outcome.error.is_none(), "{outcome:?}");
        outcome.error.as_ref().map_or_else(|| "done".to_owned(), |error| reason(&item_status(error)))
    };
    outcomes.iter().map(|outcome| (outcome.lead_id.as_str(), word(outcome))).collect()
}

/// A lead but for what moves with every change, and who reaches it.
async fn seen(t: &TestServer, id: &str) -> (Lead, Vec<LeadAccess>) {
    let lead = t.admin().get_lead(id).await.unwrap();
    (Lead { etag: String::new(), update_time: None, ..lead }, t.admin().access_list(id).await.unwrap())
}

on_both_databases! {
    async fn each_lead_goes_back_to_whoever_had_it_with_its_access_list(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let (free, of_ana, resolved, blocked) = (
            t.lead("free").await,
            t.lead_of("Ana's", &ana).await,
            t.lead_of("resolved", &ana).await,
            t.lead_of("without Ben", &ana).await,
        );
        admin.grant(&of_ana.id, &ana, GrantMode::ViewOnly).await.unwrap();
        admin.grant(&of_ana.id, &ben, GrantMode::Full).await.unwrap();
        ana.resolve(&resolved.id).await.unwrap();
        admin.revoke(&blocked.id, &ben).await.unwrap();
        let leads = [&free, &of_ana, &resolved, &blocked];
        let policies = [
            RevocationPolicy::Unspecified,
            RevocationPolicy::Keep,
            RevocationPolicy::KeepViewOnly,
        ];
        for policy in policies {
            let mut before = Vec::new();
            for lead in leads {
                before.push(seen(&t, &lead.id).await);
            }
            assert_eq!(before[2].0.state(), LeadState::Resolved);
            let batch = give(&admin, &leads, &ben, policy).await;
            for lead in leads {
                let now = ben.get_lead(&lead.id).await.unwrap();
                assert_eq!((&now.assignee_id, now.state()), (&ben.id, LeadState::Active));
            }

            let outcomes = undo(&admin, &batch).await;
            let expected: Vec<_> = leads.iter().map(|lead| (lead.id.as_str(), "done".to_owned())).collect();
            assert_eq!(told(&outcomes), expected);
            for ((lead, before), outcome) in leads.iter().zip(before).zip(&outcomes) {
                assert_eq!(seen(&t, &lead.id).await, before, "{policy:?}");
                assert_eq!(outcome.assignee_id, before.0.assignee_id);
                assert_eq!(admin.get_lead(&lead.id).await.unwrap().etag, outcome.etag);
            }
            refused(ben.get_lead(&free.id).await, ErrorReason::LeadNotFound);
            refused(ben.get_lead(&blocked.id).await, ErrorReason::LeadNotFound);
            ben.get_lead(&of_ana.id).await.unwrap();
        }
        let history = admin.history(&free.id).await.unwrap();
        let kinds: Vec<LeadHistoryKind> = history.iter().take(2).map(|entry| entry.kind()).collect();
        assert_eq!(kinds, [LeadHistoryKind::Unassigned, LeadHistoryKind::Assigned]);
    }

    async fn leads_that_have_changed_since_are_refused_one_by_one(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let mut leads = Vec::new();
        for name in ["edited", "reassigned", "granted", "unchanged", "resolved", "noted", "deleted"] {
            leads.push(t.lead_of(name, &ana).await);
        }
        let [edited, reassigned, granted, unchanged, resolved, noted, deleted] = leads.as_slice() else { panic!("seven leads") };
        let batch = give(&admin, &leads.iter().collect::<Vec<_>>(), &ben, RevocationPolicy::Keep).await;
        ben.update_lead(Lead { id: edited.id.clone(), campaign: Some("spring".to_owned()), ..Lead::default() }, &[])
            .await
            .unwrap();
        admin.assign(&reassigned.id, &t.agent("carl").await).await.unwrap();
        admin.grant(&granted.id, &ana, GrantMode::ViewOnly).await.unwrap();
        ben.resolve(&resolved.id).await.unwrap();
        ben.append(&noted.id, LeadHistoryKind::Note, note("called")).await.unwrap();
        admin.delete(&deleted.id).await.unwrap();
        let mut before = Vec::new();
        for lead in &leads[..6] {
            before.push(seen(&t, &lead.id).await);
        }

        let (changed, done) = ("LEAD_CHANGED".to_owned(), "done".to_owned());
        let refused_ones = [edited, reassigned, granted, resolved].map(|lead| (lead.id.as_str(), changed.clone()));
        let outcomes = undo(&admin, &batch).await;
        let mut expected = refused_ones.to_vec();
        expected.insert(3, (&unchanged.id, done.clone()));
        expected.push((&noted.id, done));
        assert_eq!(told(&outcomes), expected, "what is gone isn't told of");
        for (at, lead) in leads[..6].iter().enumerate() {
            let same = seen(&t, &lead.id).await == before[at];
            assert_eq!(same, ![3, 5].contains(&at), "{}", lead.name());
        }
        let again = undo(&admin, &batch).await;
        assert_eq!(told(&again), refused_ones, "what went back is no longer of the batch");
    }

    /// The default policy leaves no row of whoever loses a lead, and so there is none that a revocation would have replaced.
    async fn a_revocation_since_is_not_taken_back(t: TestServer) {
        let (admin, ana, ben, max) = (t.admin(), t.agent("ana").await, t.agent("ben").await, t.manager("max").await);
        let (of_ana, of_max) = (t.lead_of("Ana's", &ana).await, t.lead_of("Max's", &max).await);
        let batch = give(&admin, &[&of_ana, &of_max], &ben, RevocationPolicy::Unspecified).await;
        for (lead, user) in [(&of_ana, &ana), (&of_max, &max)] {
            admin.revoke(&lead.id, user).await.unwrap();
        }
        let changed = [&of_ana, &of_max].map(|lead| (lead.id.as_str(), "LEAD_CHANGED".to_owned()));
        assert_eq!(told(&undo(&admin, &batch).await), changed);
        refused(ana.get_lead(&of_ana.id).await, ErrorReason::LeadNotFound);
        refused(max.get_lead(&of_max.id).await, ErrorReason::LeadNotFound);
    }

    async fn a_renamed_disposition_is_still_how_the_work_ended(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ana).await;
        let resolved = ana.resolve(&lead.id).await.unwrap();
        let batch = give(&admin, &[&lead], &ben, RevocationPolicy::Unspecified).await;
        let request = ListPickListEntriesRequest { list: PickList::Disposition.into(), ..Default::default() };
        let entries = admin.leads().list_pick_list_entries(request).await.unwrap().into_inner().entries;
        let entry = entries.into_iter().find(|entry| entry.name() == resolved.disposition).unwrap();
        let entry = Some(PickListEntry { id: entry.id, name: Some("Thanks, no".to_owned()), ..Default::default() });
        let request = UpdatePickListEntryRequest { entry, ..Default::default() };
        admin.leads().update_pick_list_entry(request).await.unwrap();

        assert_eq!(told(&undo(&admin, &batch).await), [(lead.id.as_str(), "done".to_owned())]);
        let back = ana.get_lead(&lead.id).await.unwrap();
        assert_eq!((back.state(), back.disposition.as_str()), (LeadState::Resolved, "Thanks, no"));
        assert_eq!(back.resolve_time, resolved.resolve_time);
    }

    /// A thousand, each assigned at a time of its own.
    async fn a_full_batch_goes_back_at_once_and_is_kept_meanwhile(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let rows = (0..1000).map(|number| ImportRow {
            row_number: number + 1,
            lead: Some(named(&format!("lead {number}"))),
            ..ImportRow::default()
        });
        let made = admin.import(rows.collect()).await.unwrap();
        let made: Vec<&str> = made.iter().map(|row| row.lead_id.as_str()).collect();
        for ids in made.chunks(10) {
            admin.deal(ids, &[&ana]).await.unwrap();
        }
        let request = BatchAssignLeadsRequest {
            lead_ids: made.iter().map(|id| (*id).to_owned()).collect(),
            assignee_ids: vec![ben.id.clone()],
            ..BatchAssignLeadsRequest::default()
        };
        let batch = admin.assignments().batch_assign_leads(request).await.unwrap().into_inner().batch_id;
        let store = Store::open(t.database_url()).await.unwrap();
        replaced::sweep(&store).await.unwrap();
        store.close().await;
        let outcomes = undo(&admin, &batch).await;
        assert!(outcomes.len() == 1000 && outcomes.iter().all(|outcome| outcome.assignee_id == ana.id));
    }

    async fn two_who_undo_a_batch_at_once_share_it(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let mut leads = Vec::new();
        for number in 0..60 {
            leads.push(t.lead_of(&format!("lead {number}"), &ana).await);
        }
        let batch = give(&admin, &leads.iter().collect::<Vec<_>>(), &ben, RevocationPolicy::Keep).await;
        let (one, other) = tokio::join!(undo_or(&admin, &batch, false), undo_or(&admin, &batch, false));
        let mut back = Vec::new();
        for undone in [one, other] {
            match undone {
                Ok(outcomes) => back.extend(outcomes),
                // Nothing was left.
                Err(status) => drop(refused(Err::<(), _>(status), ErrorReason::ResourceNotFound)),
            }
        }
        assert!(back.iter().all(|outcome| outcome.done), "{back:?}");
        let mut back: Vec<&str> = back.iter().map(|outcome| outcome.lead_id.as_str()).collect();
        back.sort_unstable();
        let mut given: Vec<&str> = leads.iter().map(|lead| lead.id.as_str()).collect();
        given.sort_unstable();
        assert_eq!(back, given);
    }

    async fn batches_can_be_undone_for_thirty_days(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let database = Database::connect(t.database_url()).await.unwrap();
        let mut aged = Vec::new();
        for days in [29, 31] {
            let lead = t.lead(&format!("given {days} days ago")).await;
            let batch = give(&admin, &[&lead], &ana, RevocationPolicy::Unspecified).await;
            let then = BatchId::before(Utc::now() - TimeDelta::days(days)).uuid();
            let sql = "UPDATE lead_history SET batch_id = $1 WHERE batch_id = $2";
            let values = [then.into(), Uuid::parse_str(&batch).unwrap().into()];
            let update = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
            assert_eq!(database.execute_raw(update).await.unwrap().rows_affected(), 1);
            aged.push(then.to_string());
        }
        database.close().await.unwrap();
        let store = Store::open(t.database_url()).await.unwrap();
        replaced::sweep(&store).await.unwrap();
        store.close().await;

        assert_eq!(undo(&admin, &aged[0]).await.len(), 1);
        refused(undo_or(&admin, &aged[1], false).await, ErrorReason::ResourceNotFound);
    }

    /// It was in a table of its own, until a migration.
    async fn what_was_kept_in_its_own_table_can_still_be_undone(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let leads = [t.lead_of("first", &ana).await, t.lead_of("second", &ana).await, t.lead("third").await];
        let before = [seen(&t, &leads[0].id).await, seen(&t, &leads[1].id).await, seen(&t, &leads[2].id).await];
        let deleted = t.lead_of("deleted", &ana).await;
        let given = [&leads[0], &deleted, &leads[1], &leads[2]];
        let batch = give(&admin, &given, &ben, RevocationPolicy::Keep).await;
        admin.delete(&deleted.id).await.unwrap();

        let database = Database::connect(t.database_url()).await.unwrap();
        let since = Migrator::migrations().into_iter().rev().take_while(|migration| !migration.name().ends_with("distribution"));
        Migrator::down(&database, Some(u32::try_from(since.count()).unwrap())).await.unwrap();
        Migrator::up(&database, None).await.unwrap();
        database.close().await.unwrap();

        let outcomes = undo(&admin, &batch).await;
        assert_eq!(told(&outcomes), leads.each_ref().map(|lead| (lead.id.as_str(), "done".to_owned())));
        for (lead, before) in leads.iter().zip(before) {
            assert_eq!(seen(&t, &lead.id).await, before);
        }
    }

    async fn a_batch_of_which_nothing_is_left_and_one_that_never_was_are_the_same(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let batch = give(&admin, &[&t.lead("lead").await], &ana, RevocationPolicy::Unspecified).await;
        undo(&admin, &batch).await;
        let over = refused(undo_or(&admin, &batch, false).await, ErrorReason::ResourceNotFound);
        let never = undo_or(&admin, &Uuid::now_v7().to_string(), false).await.unwrap_err();
        assert_eq!(answer(&over), answer(&never));
    }

    async fn a_dry_run_answers_as_if_it_were_done_and_changes_nothing(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ana).await;
        let batch = give(&admin, &[&lead], &ben, RevocationPolicy::Keep).await;
        let before = seen(&t, &lead.id).await;
        let tried = undo_or(&admin, &batch, true).await.unwrap();
        assert_eq!((tried[0].done, &tried[0].assignee_id), (true, &ana.id));
        assert_eq!(seen(&t, &lead.id).await, before);
        assert_eq!(undo(&admin, &batch).await.len(), 1, "it can still be done");
    }

    async fn who_cant_take_a_lead_any_more_doesnt_get_it_back(t: TestServer) {
        let admin = t.admin();
        let small = Profile {
            permissions: every_action(AccessLevel::Individual),
            max_open_leads: Some(1),
            ..profile("small", Role::Agent)
        };
        t.create_profile(small).await;
        let (full, gone, ben) = (t.user("full", "small").await, t.agent("gone").await, t.agent("ben").await);
        let (of_full, of_gone, ended) =
            (t.lead_of("full's", &full).await, t.lead_of("gone's", &gone).await, t.lead("ended").await);
        let batch = give(&admin, &[&of_full, &of_gone, &ended], &ben, RevocationPolicy::Unspecified).await;
        t.lead_of("another", &full).await;
        let request = DeactivateUserRequest { user_id: gone.id.clone(), ..Default::default() };
        admin.directory().deactivate_user(request).await.unwrap();

        let outcomes = undo(&admin, &batch).await;
        let ineligible = "INELIGIBLE_ASSIGNEE".to_owned();
        let expected =
            [(of_full.id.as_str(), ineligible.clone()), (&of_gone.id, ineligible), (&ended.id, "done".to_owned())];
        assert_eq!(told(&outcomes), expected);
        let causes = outcomes[..2].iter().map(|outcome| fact(&item_status(outcome.error.as_ref().unwrap()), "cause"));
        assert_eq!(causes.collect::<Vec<_>>(), ["OVER_CAPACITY", "USER_DEACTIVATED"]);
        assert_eq!(admin.get_lead(&of_full.id).await.unwrap().assignee_id, ben.id);
    }

    async fn of_leads_out_of_reach_nothing_is_told(t: TestServer) {
        let (admin, ana, chief) = (t.admin(), t.agent("ana").await, t.agent("chief").await);
        let (north, south) = (t.group("north", &[]).await, t.group("south", &[]).await);
        admin.set_permission(&chief, groups_permission(LeadAction::Assign, &[&north])).await.unwrap();
        let (ours, theirs) = (t.lead_in("ours", &north).await, t.lead_in("theirs", &south).await);
        let viewed = t.lead_in("viewed", &south).await;
        admin.grant(&viewed.id, &chief, GrantMode::ViewOnly).await.unwrap();
        let batch = give(&admin, &[&ours, &theirs, &viewed], &ana, RevocationPolicy::Unspecified).await;

        refused(undo_or(&t.agent("foreigner").await, &batch, false).await, ErrorReason::ResourceNotFound);
        let outcomes = undo(&chief, &batch).await;
        let expected = [(ours.id.as_str(), "done".to_owned()), (&viewed.id, "ACTION_NOT_PERMITTED".to_owned())];
        assert_eq!(told(&outcomes), expected);
        assert_eq!(admin.get_lead(&theirs.id).await.unwrap().assignee_id, ana.id);
        assert_eq!(told(&undo(&admin, &batch).await).len(), 2, "the others are still of the batch");
    }
}
