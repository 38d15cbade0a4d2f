//! ExportLeads: what an export has, how it goes on, and where it ends.

use std::collections::BTreeMap;

use leadward::proto::{
    AccessLevel, ErrorReason, ExportLeadsRequest, ExportLeadsResponse, FILE_DESCRIPTOR_SET, GrantMode, ImportRow, Lead,
    LeadAction, LeadState, ListApiTokensRequest, ListLeadsRequest, RevokeApiTokenRequest,
};
use prost::Message;
use prost_types::{FieldMask, FileDescriptorSet, Timestamp};
use tonic::{Status, Streaming};

use crate::support::{
    Caller, TestServer, answer, faults, groups_permission, named, on_both_databases, permission, refused,
};

const NO_LEADS: [Lead; 0] = [];
const EVERY_STATE: [LeadState; 3] = [LeadState::Active, LeadState::Discarded, LeadState::Resolved];

/// A whole export, part by part.
async fn export(caller: &Caller, request: ExportLeadsRequest) -> Result<Vec<ExportLeadsResponse>, Status> {
    let mut parts = start(caller, request).await?;
    let mut received = Vec::new();
    while let Some(part) = parts.message().await? {
        received.push(part);
    }
    assert!(received.last().is_some_and(|last| last.cursor.is_empty()), "the last part says that it is the last");
    assert!(received.iter().rev().skip(1).all(|part| !part.cursor.is_empty() && !part.leads.is_empty()));
    Ok(received)
}

async fn start(caller: &Caller, request: ExportLeadsRequest) -> Result<Streaming<ExportLeadsResponse>, Status> {
    Ok(caller.leads().export_leads(request).await?.into_inner())
}

/// Every lead of an export.
async fn exported(caller: &Caller, request: ExportLeadsRequest) -> Vec<Lead> {
    export(caller, request).await.unwrap().into_iter().flat_map(|part| part.leads).collect()
}

fn in_states(states: &[LeadState]) -> ExportLeadsRequest {
    let states = states.iter().map(|state| i32::from(*state)).collect();
    ExportLeadsRequest { states, ..ExportLeadsRequest::default() }
}

fn with_mask(paths: &[&str]) -> ExportLeadsRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    ExportLeadsRequest { read_mask: Some(FieldMask { paths }), ..ExportLeadsRequest::default() }
}

fn from_cursor(cursor: &str) -> ExportLeadsRequest {
    ExportLeadsRequest { cursor: cursor.to_owned(), ..ExportLeadsRequest::default() }
}

/// Makes so many leads as one caller, each with so many bytes of attributes.
async fn fill(caller: &Caller, leads: usize, bytes: usize) {
    let value = "x".repeat(1000);
    let attributes: BTreeMap<String, String> = (0..bytes / 1000).map(|n| (format!("note{n}"), value.clone())).collect();
    let row = |_| ImportRow {
        lead: Some(Lead { attributes: attributes.clone(), ..named("one of many") }),
        ..ImportRow::default()
    };
    let rows: Vec<ImportRow> = (0..leads).map(row).collect();
    for rows in rows.chunks(100) {
        caller.import(rows.to_vec()).await.unwrap();
    }
}

/// Leads that are many parts of an export, more than client and server keep on the way. The oldest is returned.
async fn fill_many_parts(t: &TestServer, agent: &Caller) -> Lead {
    let oldest = t.lead_of("oldest", agent).await;
    fill(&t.admin(), 1100, 16_000).await;
    oldest
}

/// What is received until the end.
async fn rest(mut parts: Streaming<ExportLeadsResponse>) -> (Vec<Lead>, Result<(), Status>) {
    let mut leads = Vec::new();
    loop {
        match parts.message().await {
            Ok(Some(part)) => leads.extend(part.leads),
            Ok(None) => return (leads, Ok(())),
            Err(refusal) => return (leads, Err(refusal)),
        }
    }
}

fn names(leads: &[Lead]) -> Vec<&str> {
    leads.iter().map(Lead::name).collect()
}

/// The names of a lead's fields.
fn fields() -> Vec<String> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let mut messages =
        set.file.iter().filter(|file| file.package() == "leadward.v1").flat_map(|file| &file.message_type);
    let lead = messages.find(|message| message.name() == "Lead").unwrap();
    lead.field.iter().map(|field| field.name().to_owned()).collect()
}

on_both_databases! {
    async fn an_export_has_exactly_the_leads_of_the_export_scope(t: TestServer) {
        let (admin, mia, ana) = (t.admin(), t.manager("mia").await, t.agent("ana").await);
        let group_id = t.group("north", &[]).await;
        t.lead_of("own", &ana).await;
        t.lead_in("grouped", &group_id).await;
        let granted = t.lead("granted").await;
        admin.grant(&granted.id, &ana, GrantMode::ViewOnly).await.unwrap();
        admin.resolve(&t.lead_of("resolved", &ana).await.id).await.unwrap();
        admin.discard(&t.lead_of("discarded", &ana).await.id).await.unwrap();

        assert_eq!(exported(&ana, in_states(&EVERY_STATE)).await, NO_LEADS, "agents export nothing");
        for (level, expected) in [
            (permission(LeadAction::Export, AccessLevel::Individual), vec!["resolved", "own"]),
            (groups_permission(LeadAction::Export, &[&group_id]), vec!["resolved", "grouped", "own"]),
        ] {
            admin.set_permission(&ana, level).await.unwrap();
            assert_eq!(names(&exported(&ana, in_states(&[])).await), expected);
        }
        admin.set_permission(&ana, permission(LeadAction::View, AccessLevel::None)).await.unwrap();
        assert_eq!(exported(&ana, in_states(&[])).await.len(), 3, "each action stands by itself");

        assert_eq!(names(&exported(&mia, in_states(&[])).await), ["resolved", "granted", "grouped", "own"]);
        assert_eq!(names(&exported(&mia, in_states(&[LeadState::Discarded])).await), ["discarded"]);
        let all = mia.list_leads_in(LeadAction::Export, &EVERY_STATE, 0).await.unwrap();
        assert_eq!(all.len(), 5);
        assert_eq!(exported(&mia, in_states(&EVERY_STATE)).await, all);
        refused(start(&t.anonymous(), in_states(&[])).await, ErrorReason::NotAuthenticated);
    }

    async fn an_export_of_nothing_is_one_last_part(t: TestServer) {
        for caller in [t.admin(), t.agent("ana").await] {
            let parts = export(&caller, ExportLeadsRequest::default()).await.unwrap();
            assert_eq!(parts, [ExportLeadsResponse::default()]);
        }
    }

    /// Each field asked for alone is sent alone, and together they are the lead.
    async fn a_read_mask_says_which_fields_are_sent(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let lead = Lead {
            external_id: Some("7".to_owned()),
            email: Some("bo@example.com".to_owned()),
            email_confirmed: Some(true),
            phone: Some("+351213466111".to_owned()),
            country: Some("PT".to_owned()),
            locale: Some("pt-PT".to_owned()),
            campaign: Some("spring".to_owned()),
            attributes: [("age".to_owned(), "30".to_owned()), ("job".to_owned(), "cook".to_owned())].into(),
            stage: Some("New".to_owned()),
            next_contact_time: Some(Timestamp { seconds: 1_800_000_000, nanos: 0 }),
            group_id: Some(t.group("north", &[]).await),
            assignee_id: ana.id.clone(),
            ..named("Bo")
        };
        let time = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let row = ImportRow {
            lead: Some(lead),
            register_time: time(1_700_000_000),
            first_deposit_time: time(1_700_000_001),
            ..ImportRow::default()
        };
        let id = admin.import(vec![row]).await.unwrap().remove(0).lead_id;
        let resolved = admin.resolve(&id).await.unwrap();
        let discarded = admin.discard(&t.lead("discarded").await.id).await.unwrap();

        for whole in [resolved, discarded] {
            let states = vec![whole.state];
            let (mut merged, mut size) = (Lead::default(), 0);
            for field in fields() {
                let request = ExportLeadsRequest { states: states.clone(), ..with_mask(&[&field]) };
                let part = exported(&admin, request).await.remove(0);
                size += part.encoded_len();
                merged.merge(part.encode_to_vec().as_slice()).unwrap();
            }
            assert_eq!(merged, whole);
            assert_eq!(size, whole.encoded_len(), "nothing is sent that is not asked for");

            let two = ExportLeadsRequest { states: states.clone(), ..with_mask(&["email", "id", "email"]) };
            let expected = Lead { id: whole.id.clone(), email: whole.email.clone(), ..Lead::default() };
            assert_eq!(exported(&admin, two).await, [expected]);
            let empty = ExportLeadsRequest { states, ..with_mask(&[]) };
            assert_eq!(exported(&admin, empty).await, [whole]);
        }
    }

    async fn faults_of_an_export_are_told_before_it_starts(t: TestServer) {
        let unspecified = i32::from(LeadState::Unspecified);
        for (request, expected) in [
            (with_mask(&["id", "nickname", "Email"]), vec!["read_mask.paths[1]", "read_mask.paths[2]"]),
            (with_mask(&["attributes.age"]), vec!["read_mask.paths[0]"]),
            (with_mask(&["", "*"]), vec!["read_mask.paths[0]", "read_mask.paths[1]"]),
            (
                ExportLeadsRequest { states: vec![1, unspecified], ..with_mask(&["x"]) },
                vec!["read_mask.paths[0]", "states[1]"],
            ),
        ] {
            let refusal = refused(start(&t.admin(), request).await, ErrorReason::InvalidArgument);
            assert_eq!(faults(&refusal), expected);
        }
    }

    async fn an_export_goes_on_from_a_cursor_without_repeats_or_gaps(t: TestServer) {
        let mia = t.manager("mia").await;
        fill(&mia, 1100, 0).await;
        let expected = mia.list_leads_in(LeadAction::Export, &[], 1000).await.unwrap();
        let sizes = |parts: &[ExportLeadsResponse]| parts.iter().map(|part| part.leads.len()).collect::<Vec<_>>();
        let whole = export(&mia, ExportLeadsRequest::default()).await.unwrap();
        assert_eq!(sizes(&whole), [500, 500, 100]);
        assert_eq!(whole.into_iter().flat_map(|part| part.leads).collect::<Vec<_>>(), expected);

        let mut parts = start(&mia, ExportLeadsRequest::default()).await.unwrap();
        let first = parts.message().await.unwrap().unwrap();
        drop(parts);
        let last = first.leads.last().unwrap();
        t.admin().delete(&last.id).await.unwrap();
        t.lead("newer").await;

        let rest = export(&mia, from_cursor(&first.cursor)).await.unwrap();
        assert_eq!(sizes(&rest), [500, 100]);
        let all: Vec<Lead> = first.leads.iter().cloned().chain(rest.into_iter().flat_map(|part| part.leads)).collect();
        assert_eq!(all, expected, "what was made since is not in it");
        let masked = ExportLeadsRequest { read_mask: with_mask(&["id"]).read_mask, ..from_cursor(&first.cursor) };
        assert_eq!(exported(&mia, masked).await.len(), 600, "a cursor is good for another mask");
    }

    async fn a_cursor_is_good_for_its_caller_and_its_states_only(t: TestServer) {
        let (mia, max) = (t.manager("mia").await, t.manager("max").await);
        fill(&mia, 501, 0).await;
        let request = in_states(&[LeadState::Resolved, LeadState::Active]);
        let first = export(&mia, request.clone()).await.unwrap().remove(0);
        let next = |cursor: &str| ExportLeadsRequest { cursor: cursor.to_owned(), ..request.clone() };
        assert_eq!(exported(&mia, next(&first.cursor)).await.len(), 1);
        let reordered = in_states(&[LeadState::Active, LeadState::Resolved, LeadState::Active]);
        let reordered = ExportLeadsRequest { cursor: first.cursor.clone(), ..reordered };
        assert_eq!(exported(&mia, reordered).await.len(), 1, "the same states");

        let action = LeadAction::Export.into();
        let listed = ListLeadsRequest { page_size: 1, action, ..ListLeadsRequest::default() };
        let page_token = mia.leads().list_leads(listed.clone()).await.unwrap().into_inner().next_page_token;
        let mut answers = Vec::new();
        for (caller, request) in [
            (&max, next(&first.cursor)),
            (&mia, from_cursor(&first.cursor)),
            (&mia, next(&format!("{}A", first.cursor))),
            (&mia, next(&first.cursor[1..])),
            (&mia, next("garbage")),
            (&mia, next(&page_token)),
        ] {
            answers.push(answer(&refused(start(caller, request).await, ErrorReason::InvalidResumeToken)));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        let as_page = ListLeadsRequest { page_token: first.cursor, ..listed };
        refused(mia.leads().list_leads(as_page).await, ErrorReason::InvalidPageToken);
    }

    /// Parts that were on their way may still come; those that are read after the change are of the new scope.
    async fn a_scope_that_is_cut_ends_what_an_export_shows(t: TestServer) {
        let ana = t.agent("ana").await;
        t.admin().set_permission(&ana, permission(LeadAction::Export, AccessLevel::Complete)).await.unwrap();
        let oldest = fill_many_parts(&t, &ana).await;
        let mut parts = start(&ana, ExportLeadsRequest::default()).await.unwrap();
        let first = parts.message().await.unwrap().unwrap().leads.len();
        assert!((100..300).contains(&first), "{first} large leads in a part");
        t.admin().set_permission(&ana, permission(LeadAction::Export, AccessLevel::Individual)).await.unwrap();

        let (leads, end) = rest(parts).await;
        end.unwrap();
        assert!(leads.len() < 3 * first, "{} leads after the cut, by parts of {first}", leads.len());
        assert_eq!(leads.last(), Some(&oldest), "the new scope's leads still come");
    }

    async fn a_caller_who_may_no_longer_call_gets_no_more_of_an_export(t: TestServer) {
        let mia = t.manager("mia").await;
        fill_many_parts(&t, &mia).await;
        let mut parts = start(&mia, ExportLeadsRequest::default()).await.unwrap();
        let first = parts.message().await.unwrap().unwrap().leads.len();
        let tokens = ListApiTokensRequest { user_id: mia.id.clone(), ..ListApiTokensRequest::default() };
        let tokens = t.admin().directory().list_api_tokens(tokens).await.unwrap().into_inner().api_tokens;
        for token in tokens {
            let request = RevokeApiTokenRequest { api_token_id: token.id, ..RevokeApiTokenRequest::default() };
            t.admin().directory().revoke_api_token(request).await.unwrap();
        }

        let (leads, end) = rest(parts).await;
        refused(end, ErrorReason::NotAuthenticated);
        assert!(leads.len() < 3 * first, "{} leads after the end, by parts of {first}", leads.len());
    }
}
