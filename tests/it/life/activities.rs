//! What agents add to a lead's history, and how a history is read.

use std::collections::BTreeSet;

use leadward::proto::{
    Activity, AppendLeadHistoryRequest, CallOutcome, ErrorReason, GrantMode, Lead, LeadHistoryEntry, LeadHistoryKind,
    ListLeadHistoryRequest,
};
use tonic::Status;

use super::assert_untouched;
use crate::support::{
    Caller, TestServer, call, fact, faults, named, note, on_both_databases, refused, seconds, seconds_ago,
    seconds_from_now,
};

const LONGEST_TEXT: usize = 10_000;

/// One page after the other.
async fn pages(
    caller: &Caller,
    lead_id: &str,
    kinds: &[LeadHistoryKind],
    page_size: i32,
) -> Result<Vec<Vec<LeadHistoryEntry>>, Status> {
    let kinds = kinds.iter().map(|kind| i32::from(*kind)).collect();
    let lead_id = lead_id.to_owned();
    let mut request = ListLeadHistoryRequest { lead_id, page_size, kinds, ..ListLeadHistoryRequest::default() };
    let mut pages = Vec::new();
    loop {
        let page = caller.leads().list_lead_history(request.clone()).await?.into_inner();
        pages.push(page.entries);
        if page.next_page_token.is_empty() {
            return Ok(pages);
        }
        request.page_token = page.next_page_token;
    }
}

/// A lead to which much has happened.
async fn eventful(t: &TestServer, ana: &Caller) -> Lead {
    let admin = t.admin();
    let lead = t.lead_of("lead", ana).await;
    for round in 0..3 {
        let text = format!("round {round}");
        admin.append(&lead.id, LeadHistoryKind::Call, call(CallOutcome::NoAnswer, &text)).await.unwrap();
        admin.append(&lead.id, LeadHistoryKind::Email, note(&text)).await.unwrap();
        admin.append(&lead.id, LeadHistoryKind::Note, note(&text)).await.unwrap();
        admin.update_lead(Lead { id: lead.id.clone(), ..named(&text) }, &[]).await.unwrap();
        admin.discard(&lead.id).await.unwrap();
        admin.retrieve(&lead.id).await.unwrap();
    }
    admin.get_lead(&lead.id).await.unwrap()
}

on_both_databases! {
    async fn calls_emails_and_notes_are_kept_as_they_were_told(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead_of("lead", &ana).await;
        let (happen_time, reached) = (Some(seconds_ago(60)), call(CallOutcome::Reached, "Wants a quote."));
        let told = [
            (LeadHistoryKind::Call, Activity { call_duration: Some(seconds(95)), happen_time, ..reached }),
            (LeadHistoryKind::Call, Activity { happen_time, ..call(CallOutcome::Voicemail, "") }),
            (LeadHistoryKind::Email, Activity { happen_time, ..note("Dear Ana,\n\n\tour quote: 7 €.\r\nBest") }),
            (LeadHistoryKind::Note, Activity { happen_time, ..note("  spaces stay  ") }),
        ];
        let mut appended = Vec::new();
        for (kind, activity) in &told {
            let entry = ana.append(&lead.id, *kind, activity.clone()).await.unwrap();
            assert_eq!((entry.kind(), entry.activity.as_ref()), (*kind, Some(activity)));
            assert_eq!((&entry.lead_id, &entry.actor_id, entry.on_behalf_of.as_str()), (&lead.id, &ana.id, ""));
            assert!(entry.changes.is_empty() && entry.time.is_some());
            appended.insert(0, entry);
        }
        let history = ana.history(&lead.id).await.unwrap();
        assert_eq!(history[..4], appended);
        assert!(history[4].activity.is_none(), "a change is no activity");
        assert_eq!(ana.get_lead(&lead.id).await.unwrap(), lead, "the lead itself is as it was");
    }

    async fn every_outcome_of_a_call_is_kept(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead_of("lead", &ana).await;
        for outcome in [
            CallOutcome::Reached,
            CallOutcome::NoAnswer,
            CallOutcome::Busy,
            CallOutcome::Voicemail,
            CallOutcome::WrongNumber,
            CallOutcome::CallBack,
        ] {
            ana.append(&lead.id, LeadHistoryKind::Call, call(outcome, "")).await.unwrap();
            let entry = ana.history(&lead.id).await.unwrap().swap_remove(0);
            assert_eq!(entry.activity.unwrap().call_outcome(), outcome);
        }
    }

    async fn without_a_time_it_happened_when_it_was_appended(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead_of("lead", &ana).await;
        let entry = ana.append(&lead.id, LeadHistoryKind::Note, note("now")).await.unwrap();
        assert_eq!(entry.activity.unwrap().happen_time, entry.time);
    }

    async fn who_appends_on_behalf_of_another_is_named_with_them(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let lead = t.lead_of("lead", &ana).await;
        let service = admin.on_behalf_of(&ana);
        let entry = service.append(&lead.id, LeadHistoryKind::Note, note("for Ana")).await.unwrap();
        assert_eq!((&entry.actor_id, &entry.on_behalf_of), (&admin.id, &ana.id));
    }

    async fn a_text_is_as_long_as_ten_thousand_characters(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead_of("lead", &ana).await;
        for letter in ["x", "é", "語", "🙂"] {
            let text = letter.repeat(LONGEST_TEXT);
            let entry = ana.append(&lead.id, LeadHistoryKind::Note, note(&text)).await.unwrap();
            assert!(entry.activity.unwrap().text == text, "{letter}");
            let longer = ana.append(&lead.id, LeadHistoryKind::Note, note(&(text + letter))).await;
            assert_eq!(faults(&refused(longer, ErrorReason::InvalidArgument)), ["activity.text"]);
        }
    }

    async fn what_is_wrong_with_an_activity_is_said_at_once(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead_of("lead", &ana).await;
        let reached = || call(CallOutcome::Reached, "");
        let lasting = |time: i64, activity: Activity| Activity { call_duration: Some(seconds(time)), ..activity };
        let early = Activity { happen_time: Some(seconds_from_now(600)), ..note("x") };
        let cases: [(LeadHistoryKind, Activity, &[&str]); 13] = [
            (LeadHistoryKind::Unspecified, note("x"), &["kind"]),
            (LeadHistoryKind::Updated, note("x"), &["kind"]),
            (LeadHistoryKind::OrderCreated, note("x"), &["kind"]),
            (LeadHistoryKind::Call, note("x"), &["activity.call_outcome"]),
            (LeadHistoryKind::Call, Activity { call_outcome: 99, ..note("x") }, &["activity.call_outcome"]),
            (LeadHistoryKind::Call, lasting(86_401, reached()), &["activity.call_duration"]),
            (LeadHistoryKind::Call, lasting(-1, reached()), &["activity.call_duration"]),
            (LeadHistoryKind::Note, note(""), &["activity.text"]),
            (LeadHistoryKind::Email, note(""), &["activity.text"]),
            (LeadHistoryKind::Note, note("no\0text"), &["activity.text"]),
            (LeadHistoryKind::Note, call(CallOutcome::Reached, "x"), &["activity.call_outcome"]),
            (LeadHistoryKind::Email, lasting(1, note("x")), &["activity.call_duration"]),
            (LeadHistoryKind::Note, early, &["activity.happen_time"]),
        ];
        for (kind, activity, expected) in cases {
            let status = refused(ana.append(&lead.id, kind, activity.clone()).await, ErrorReason::InvalidArgument);
            assert_eq!(faults(&status), expected, "{kind:?} {activity:?}");
        }
        let activity = Activity {
            call_duration: Some(seconds(86_401)),
            call_outcome: 99,
            happen_time: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
            text: "x".repeat(LONGEST_TEXT + 1),
        };
        let everything = AppendLeadHistoryRequest {
            lead_id: "x".to_owned(),
            kind: LeadHistoryKind::Call.into(),
            activity: Some(activity),
            request_id: "x".to_owned(),
        };
        let status = refused(ana.leads().append_lead_history(everything).await, ErrorReason::InvalidArgument);
        let expected = [
            "activity.call_duration", "activity.call_outcome", "activity.happen_time", "activity.text", "lead_id",
            "request_id",
        ];
        assert_eq!(faults(&status), expected);
        assert_untouched(&t, &lead, 1).await;

        ana.append(&lead.id, LeadHistoryKind::Call, lasting(86_400, reached())).await.unwrap();
    }

    async fn appending_needs_edit(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ana).await;
        for kind in [LeadHistoryKind::Email, LeadHistoryKind::Note] {
            refused(ben.append(&lead.id, kind, note("x")).await, ErrorReason::LeadNotFound);
        }
        admin.grant(&lead.id, &ben, GrantMode::ViewOnly).await.unwrap();
        ben.history(&lead.id).await.unwrap();
        let answer = ben.append(&lead.id, LeadHistoryKind::Note, note("x")).await;
        assert_eq!(fact(&refused(answer, ErrorReason::ActionNotPermitted), "action"), "EDIT");
        admin.grant(&lead.id, &ben, GrantMode::Full).await.unwrap();
        ben.append(&lead.id, LeadHistoryKind::Note, note("x")).await.unwrap();
    }

    async fn no_entry_ever_changes(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let lead = eventful(&t, &ana).await;
        let before = admin.history(&lead.id).await.unwrap();
        ana.append(&lead.id, LeadHistoryKind::Note, note("round 0")).await.unwrap();
        admin.update_lead(Lead { id: lead.id.clone(), ..named("another") }, &[]).await.unwrap();
        admin.assign(&lead.id, &admin).await.unwrap();
        admin.discard(&lead.id).await.unwrap();
        let after = admin.history(&lead.id).await.unwrap();
        assert_eq!(after.len(), before.len() + 4);
        assert_eq!(after[4..], before);
    }

    async fn a_history_is_filtered_by_kind(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let lead = eventful(&t, &ana).await;
        let all = admin.history(&lead.id).await.unwrap();
        assert_eq!(all.len(), 19);
        let kinds: BTreeSet<_> = all.iter().map(|entry| entry.kind).collect();
        for kind in kinds.iter().map(|kind| LeadHistoryKind::try_from(*kind).unwrap()) {
            let expected: Vec<_> = all.iter().filter(|entry| entry.kind() == kind).cloned().collect();
            assert_eq!(pages(&admin, &lead.id, &[kind], 0).await.unwrap().concat(), expected, "{kind:?}");
        }
        let (email, discarded) = (LeadHistoryKind::Email, LeadHistoryKind::Discarded);
        let some = [email, discarded, email, LeadHistoryKind::Resolved];
        let expected: Vec<_> = all.iter().filter(|entry| some.contains(&entry.kind())).cloned().collect();
        assert_eq!(expected.len(), 6);
        assert_eq!(pages(&admin, &lead.id, &some, 0).await.unwrap().concat(), expected);
        assert!(pages(&admin, &lead.id, &[LeadHistoryKind::Reopened], 0).await.unwrap().concat().is_empty());
        let unknown = pages(&admin, &lead.id, &[LeadHistoryKind::Note, LeadHistoryKind::Unspecified], 0).await;
        assert_eq!(faults(&refused(unknown, ErrorReason::InvalidArgument)), ["kinds[1]"]);
    }

    async fn a_filtered_history_comes_in_pages(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let lead = eventful(&t, &ana).await;
        let kinds = [LeadHistoryKind::Call, LeadHistoryKind::Note, LeadHistoryKind::Updated];
        let whole = pages(&admin, &lead.id, &kinds, 0).await.unwrap().concat();
        let cut = pages(&admin, &lead.id, &kinds, 4).await.unwrap();
        assert_eq!(cut.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 1]);
        assert_eq!(cut.concat(), whole);
        assert!(whole.is_sorted_by(|newer, older| newer.id > older.id), "newest first");

        let lead_id = lead.id.clone();
        let kinds = vec![LeadHistoryKind::Call.into()];
        let first = ListLeadHistoryRequest { lead_id, page_size: 1, kinds, ..ListLeadHistoryRequest::default() };
        let page_token = admin.leads().list_lead_history(first.clone()).await.unwrap().into_inner().next_page_token;
        assert!(!page_token.is_empty());
        let of_others = ListLeadHistoryRequest { kinds: vec![], page_token, ..first };
        let answer = admin.leads().list_lead_history(of_others).await;
        refused(answer, ErrorReason::InvalidPageToken);
    }
}
