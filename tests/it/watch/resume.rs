//! A watch that goes on from a token: without a gap, and with nothing told twice.

use leadward::proto::{
    ErrorReason, ExportLeadsRequest, Lead, LeadAction, LeadEventKind, ListLeadsRequest, WatchLeadsRequest,
};
use tonic::Code;

use super::{expect, expect_nothing_but_a_new_lead, facts};
use crate::support::{Caller, Database, RunningServer, Storage, TestServer, Watch, named, on_both_databases, refused};

/// Changes a lead so many times.
async fn change(admin: &Caller, lead: &Lead, times: usize) -> Lead {
    let mut lead = lead.clone();
    for time in 0..times {
        let name = format!("{} {time}", lead.name());
        lead = admin.update_lead(Lead { id: lead.id.clone(), ..named(&name) }, &[]).await.unwrap();
    }
    lead
}

on_both_databases! {
    async fn what_was_missed_is_told_once_and_in_order(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let (first, second) = (t.lead_of("first", &ana).await, t.lead_of("second", &ana).await);
        let mut watch = Watch::open(&ana).await;
        let renamed = change(&admin, &first, 1).await;
        expect(&mut watch, LeadEventKind::Changed, &renamed).await;
        let token = watch.token.clone();
        drop(watch);

        admin.discard(&first.id).await.unwrap();
        change(&admin, &second, 2).await;
        admin.retrieve(&first.id).await.unwrap();
        ana.resolve(&second.id).await.unwrap();
        let expected = [
            (LeadEventKind::Discarded, first.id.clone()),
            (LeadEventKind::Changed, second.id.clone()),
            (LeadEventKind::Changed, second.id.clone()),
            (LeadEventKind::Retrieved, first.id.clone()),
            (LeadEventKind::Resolved, second.id.clone()),
        ];
        // As often as one likes: nothing is used up.
        for _ in 0..2 {
            let mut watch = Watch::resume(&ana, &token).await.unwrap();
            assert_eq!(facts(&watch.take(5).await), expected);
        }
        let mut watch = Watch::resume(&ana, &token).await.unwrap();
        watch.take(5).await;
        let mut watch = Watch::resume(&ana, &watch.token).await.unwrap();
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }

    async fn every_token_goes_on_right_after_its_answer(t: TestServer) {
        let admin = t.admin();
        let mut watch = Watch::open(&admin).await;
        let mut tokens = vec![watch.token.clone()];
        let mut lead = t.lead("lead").await;
        expect(&mut watch, LeadEventKind::Created, &lead).await;
        for _ in 0..8 {
            tokens.push(watch.token.clone());
            lead = change(&admin, &lead, 1).await;
            expect(&mut watch, LeadEventKind::Changed, &lead).await;
        }
        tokens.push(watch.token.clone());
        admin.discard(&lead.id).await.unwrap();
        for (told, token) in tokens.iter().enumerate() {
            let mut watch = Watch::resume(&admin, token).await.unwrap();
            let mut expected = vec![LeadEventKind::Created];
            expected.extend([LeadEventKind::Changed; 8]);
            expected.push(LeadEventKind::Discarded);
            let events = watch.take(expected.len() - told).await;
            let kinds: Vec<_> = events.iter().map(|event| event.kind()).collect();
            assert_eq!(kinds, expected[told..], "after {told} events");
        }
    }

    async fn a_token_is_its_callers_and_made_by_the_service(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        for number in 0..3 {
            t.lead(&format!("lead {number}")).await;
        }
        let token = Watch::open(&admin).await.token;
        Watch::resume(&admin, &token).await.unwrap();
        let page = ListLeadsRequest { page_size: 1, ..ListLeadsRequest::default() };
        let page_token = admin.leads().list_leads(page).await.unwrap().into_inner().next_page_token;
        let mut parts = admin.leads().export_leads(ExportLeadsRequest::default()).await.unwrap().into_inner();
        let mut cursor = String::new();
        while let Some(part) = parts.message().await.unwrap() {
            cursor = if part.cursor.is_empty() { cursor } else { part.cursor };
        }
        let (start, end) = token.split_at(token.len() / 2);
        let other = if end.starts_with('A') { 'B' } else { 'A' };
        let flipped = format!("{start}{other}{}", &end[1..]);
        let forged = [flipped, start.to_owned(), format!("{token}AAAA"), page_token, cursor, "forged".to_owned()];
        for bad in forged.iter().filter(|bad| !bad.is_empty()) {
            let answer = Watch::resume(&admin, bad).await.map(drop);
            refused(answer, ErrorReason::InvalidResumeToken);
        }
        refused(Watch::resume(&ana, &token).await.map(drop), ErrorReason::InvalidResumeToken);
        refused(Watch::resume(&admin.on_behalf_of(&ana), &token).await.map(drop), ErrorReason::InvalidResumeToken);
        let of_a_watch = ListLeadsRequest { page_token: token, ..ListLeadsRequest::default() };
        refused(admin.leads().list_leads(of_a_watch).await, ErrorReason::InvalidPageToken);
    }

    /// The refusal comes before the stream does.
    async fn a_bad_token_is_refused_by_the_call_itself(t: TestServer) {
        let request = WatchLeadsRequest { resume_token: "forged".to_owned() };
        let answer = t.admin().leads().watch_leads(request).await.map(drop);
        refused(answer, ErrorReason::InvalidResumeToken);
    }

    /// As a replica list and watch do: first the watch, then the list, and nothing between them is missed.
    async fn what_happens_between_the_watch_and_the_list_is_in_one_of_them(t: TestServer) {
        let admin = t.admin();
        let lead = t.lead("lead").await;
        let mut watch = Watch::open(&admin).await;
        let between = change(&admin, &lead, 1).await;
        let listed = admin.list_leads(LeadAction::View).await.unwrap();
        assert_eq!(listed, [between.clone()]);
        let after = change(&admin, &between, 1).await;
        let events = watch.take(2).await;
        assert_eq!(facts(&events), [(LeadEventKind::Changed, lead.id.clone()), (LeadEventKind::Changed, lead.id)]);
        assert_eq!(events[1].lead.as_ref(), Some(&after));
    }
}

mod a_watch_goes_on_at_another_start_of_the_service {
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
    let server = RunningServer::start(storage.url()).await;
    let token = server.first_token().expect("a first start").to_owned();
    let admin = Caller::at(server.addr(), &token);
    let mut watch = Watch::open(&admin).await;
    let lead = admin.create_lead(named("lead")).await.unwrap();
    expect(&mut watch, LeadEventKind::Created, &lead).await;
    let resume_token = watch.token.clone();
    let changed = change(&admin, &lead, 3).await;
    // A watch that is open doesn't keep the service from stopping.
    drop(server);
    let ended = watch.take_until_it_ends().await;
    assert_eq!(ended.code(), Code::Unavailable, "{ended:?}");

    let server = RunningServer::start(storage.url()).await;
    let admin = Caller::at(server.addr(), &token);
    let mut watch = Watch::resume(&admin, &resume_token).await.unwrap();
    let events = watch.take(3).await;
    assert_eq!(facts(&events), vec![(LeadEventKind::Changed, lead.id.clone()); 3]);
    assert_eq!(events[2].lead.as_ref(), Some(&changed));
    let discarded = admin.discard(&lead.id).await.unwrap();
    expect(&mut watch, LeadEventKind::Discarded, &discarded).await;
}
