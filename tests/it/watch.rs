//! WatchLeads: what happens to leads in sight, and which come into sight and go out of it, without a gap and without a
//! word of any other lead.

mod access;
mod away;
mod hidden;
mod killed;
mod mirror;
mod moved_twice;
mod resume;
mod slow;

use leadward::proto::{DeactivateUserRequest, ErrorReason, ImportRow, Lead, LeadEvent, LeadEventKind, LeadHistoryKind};
use tonic::Code;

use crate::support::{
    Batch, BatchKind, Caller, TestServer, Watch, euros, named, note, on_both_databases, reason, refused,
};

/// What happened, and to which lead.
fn facts(events: &[LeadEvent]) -> Vec<(LeadEventKind, String)> {
    events.iter().map(|event| (event.kind(), event.lead_id.clone())).collect()
}

/// Expects the next event to be this one, with the lead as it is now.
async fn expect(watch: &mut Watch, kind: LeadEventKind, lead: &Lead) {
    let event = watch.take(1).await.remove(0);
    assert_eq!((event.kind(), &event.lead_id), (kind, &lead.id));
    assert!(event.time.is_some());
    assert_eq!(event.lead.as_ref(), Some(lead), "after {kind:?}");
}

/// Expects the next event to be this one, without a lead.
async fn expect_gone(watch: &mut Watch, kind: LeadEventKind, lead_id: &str) {
    let event = watch.take(1).await.remove(0);
    assert_eq!((event.kind(), event.lead_id.as_str()), (kind, lead_id));
    assert!(event.time.is_some());
    assert_eq!(event.lead, None, "after {kind:?}");
}

/// Expects that nothing is told before what happens next, which is that a lead of the watcher's is made.
async fn expect_nothing_but_a_new_lead(t: &TestServer, watch: &mut Watch, watcher: &Caller) {
    let lead = t.lead_of("the next", watcher).await;
    expect(watch, LeadEventKind::Created, &lead).await;
}

on_both_databases! {
    async fn what_happens_to_a_lead_is_told_in_its_order_with_the_lead(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let mut watch = Watch::open(&admin).await;
        let external_id = Some("platform-1".to_owned());
        let lead = admin.create_lead(Lead { external_id, ..named("Ana") }).await.unwrap();
        expect(&mut watch, LeadEventKind::Created, &lead).await;
        let id = lead.id.as_str();

        let renamed = admin.update_lead(Lead { id: lead.id.clone(), ..named("Eva") }, &[]).await.unwrap();
        expect(&mut watch, LeadEventKind::Changed, &renamed).await;
        let assigned = admin.assign(id, &ana).await.unwrap().lead.unwrap();
        expect(&mut watch, LeadEventKind::Assigned, &assigned).await;
        let discarded = admin.discard(id).await.unwrap();
        expect(&mut watch, LeadEventKind::Discarded, &discarded).await;
        let retrieved = admin.retrieve(id).await.unwrap();
        expect(&mut watch, LeadEventKind::Retrieved, &retrieved).await;
        let resolved = ana.resolve(id).await.unwrap();
        expect(&mut watch, LeadEventKind::Resolved, &resolved).await;
        let reopened = ana.reopen(id).await.unwrap();
        expect(&mut watch, LeadEventKind::Reopened, &reopened).await;
        let unassigned = admin.unassign(id).await.unwrap().lead.unwrap();
        expect(&mut watch, LeadEventKind::Assigned, &unassigned).await;
        let registered = admin.register(Lead { external_id: lead.external_id.clone(), ..named("Eva") }).await.unwrap();
        expect(&mut watch, LeadEventKind::Changed, &registered.lead.unwrap()).await;
        let client = admin.deposit(id, "payment-1", euros(10, 0)).await.unwrap().lead.unwrap();
        expect(&mut watch, LeadEventKind::Changed, &client).await;
        admin.delete(id).await.unwrap();
        expect_gone(&mut watch, LeadEventKind::Deleted, id).await;
    }

    async fn events_that_wait_come_in_the_order_of_what_happened(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let mut watch = Watch::open(&admin).await;
        let (first, second) = (t.lead("first").await, t.lead("second").await);
        admin.assign(&first.id, &ana).await.unwrap();
        admin.discard(&second.id).await.unwrap();
        ana.resolve(&first.id).await.unwrap();
        admin.retrieve(&second.id).await.unwrap();
        ana.reopen(&first.id).await.unwrap();
        let events = watch.take(7).await;
        let expected = [
            (LeadEventKind::Created, first.id.clone()),
            (LeadEventKind::Created, second.id.clone()),
            (LeadEventKind::Assigned, first.id.clone()),
            (LeadEventKind::Discarded, second.id.clone()),
            (LeadEventKind::Resolved, first.id.clone()),
            (LeadEventKind::Retrieved, second.id.clone()),
            (LeadEventKind::Reopened, first.id.clone()),
        ];
        assert_eq!(facts(&events), expected);
        assert!(events.is_sorted_by_key(|event| event.time.map(|time| (time.seconds, time.nanos))));
    }

    async fn what_changes_nothing_is_not_told(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let lead = t.lead_of("lead", &ana).await;
        let mut watch = Watch::open(&ana).await;
        ana.update_lead(Lead { id: lead.id.clone(), ..named("lead") }, &[]).await.unwrap();
        admin.assign(&lead.id, &ana).await.unwrap();
        ana.append(&lead.id, LeadHistoryKind::Note, note("no change")).await.unwrap();
        let dry = Batch { validate_only: true, ..Batch::of(&[&lead.id]) };
        admin.batch(BatchKind::Discard, dry.clone()).await.unwrap();
        admin.batch(BatchKind::Delete, dry).await.unwrap();
        ana.discard(&lead.id).await.unwrap_err();
        ana.reopen(&lead.id).await.unwrap_err();
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }

    async fn each_lead_of_a_batch_or_an_import_is_told(t: TestServer) {
        let admin = t.admin();
        let mut watch = Watch::open(&admin).await;
        let row = |number: i64| {
            let lead = Some(named(&format!("lead {number}")));
            ImportRow { row_number: number, lead, ..ImportRow::default() }
        };
        let results = admin.import((1..=700).map(row).collect()).await.unwrap();
        let mut ids: Vec<String> = results.iter().map(|result| result.lead_id.clone()).collect();
        ids.sort_unstable();
        let all = Batch { lead_ids: ids.clone(), ..Batch::default() };
        for (kind, event) in [
            (None, LeadEventKind::Created),
            (Some(BatchKind::Discard), LeadEventKind::Discarded),
            (Some(BatchKind::Retrieve), LeadEventKind::Retrieved),
            (Some(BatchKind::Delete), LeadEventKind::Deleted),
        ] {
            if let Some(kind) = kind {
                admin.batch(kind, all.clone()).await.unwrap();
            }
            let events = watch.take(ids.len()).await;
            assert!(events.iter().all(|told| told.kind() == event), "{event:?}");
            assert!(events.iter().all(|told| told.lead.is_none() == (event == LeadEventKind::Deleted)));
            let mut told: Vec<String> = events.into_iter().map(|told| told.lead_id).collect();
            told.sort_unstable();
            assert_eq!(told, ids, "{event:?}");
        }
    }

    async fn an_agent_is_told_of_their_own_leads_alone(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let (own, other) = (t.lead_of("Ana's", &ana).await, t.lead_of("Ben's", &ben).await);
        let mut watch = Watch::open(&ana).await;
        ben.update_lead(Lead { id: other.id.clone(), ..named("Ben's still") }, &[]).await.unwrap();
        let renamed = ana.update_lead(Lead { id: own.id.clone(), ..named("Ana's still") }, &[]).await.unwrap();
        admin.discard(&other.id).await.unwrap();
        admin.retrieve(&other.id).await.unwrap();
        t.lead("nobody's").await;
        expect(&mut watch, LeadEventKind::Changed, &renamed).await;
        admin.delete(&other.id).await.unwrap();
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }

    async fn a_watch_ends_with_the_right_to_call(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        t.lead_of("Ana's", &ana).await;
        let (mut of_ana, mut of_ben) = (Watch::open(&ana).await, Watch::open(&ben).await);
        let request = DeactivateUserRequest { user_id: ana.id.clone(), ..DeactivateUserRequest::default() };
        admin.directory().deactivate_user(request).await.unwrap();
        let lead = t.lead_of("Ben's", &ben).await;

        let status = refused(of_ana.next().await, ErrorReason::NotAuthenticated);
        assert_eq!(status.code(), Code::Unauthenticated);
        refused(Watch::resume(&ana, &of_ana.token).await.map(drop), ErrorReason::NotAuthenticated);
        expect(&mut of_ben, LeadEventKind::Created, &lead).await;
        let nobody = Watch::resume(&t.anonymous(), "").await.map(drop);
        assert_eq!(reason(&nobody.unwrap_err()), "NOT_AUTHENTICATED");
    }
}
