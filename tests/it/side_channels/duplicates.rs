//! That somebody with an identity exists is told to whoever would make them again; who it is, and by what, is not.

use leadward::proto::{
    DuplicatePolicy, ErrorReason, ImportLeadsRequest, ImportOptions, ImportOutcome, ImportResult, ImportRow, Lead,
    LeadAction,
};

use super::{clerk, create, duplicates_of, hidden_people, without_external_ids};
use crate::support::{Caller, TestServer, answer, item_status, named, on_both_databases, refused};

/// Rows in one message.
async fn import(caller: &Caller, policy: DuplicatePolicy, leads: Vec<Lead>) -> Vec<ImportResult> {
    let row = |lead| ImportRow { row_number: 7, lead: Some(lead), ..ImportRow::default() };
    let options = Some(ImportOptions { on_duplicate: policy.into(), ..Default::default() });
    let rows = leads.into_iter().map(row).collect();
    let messages = tokio_stream::iter([ImportLeadsRequest { options, rows }]);
    let mut responses = caller.leads().import_leads(messages).await.unwrap().into_inner();
    let mut results = Vec::new();
    while let Some(response) = responses.message().await.unwrap() {
        results.extend(response.results);
    }
    results
}

/// All that tells people apart.
fn secrets(people: &[Lead]) -> Vec<String> {
    let of = |person: &Lead| {
        let Lead { id, external_id, name, email, phone, .. } = person.clone();
        [Some(id), external_id, name, email, phone].into_iter().flatten().collect::<Vec<_>>()
    };
    people.iter().flat_map(of).collect()
}

async fn unchanged(t: &TestServer, people: &[Lead]) {
    for person in people {
        assert_eq!(&t.admin().get_lead(&person.id).await.unwrap(), person);
    }
}

on_both_databases! {
    async fn a_taken_identity_is_refused_in_the_same_words_whoever_has_it_and_whichever_it_is(t: TestServer) {
        let (clerk, ben) = (clerk(&t).await, t.agent("ben").await);
        let people = hidden_people(&t, &ben).await;
        let everybody = Lead {
            external_id: people[0].external_id.clone(),
            email: people[1].email.clone(),
            phone: people[2].phone.clone(),
            ..named("Eva")
        };
        let mut duplicates: Vec<Lead> = people.iter().flat_map(duplicates_of).collect();
        duplicates.push(everybody);

        let mut answers = Vec::new();
        for policy in [DuplicatePolicy::Unspecified, DuplicatePolicy::Reject, DuplicatePolicy::Update] {
            for duplicate in &duplicates {
                let status = refused(create(&clerk, duplicate.clone(), policy).await, ErrorReason::DuplicateLead);
                answers.push(answer(&status));
            }
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        let (_, message, details) = &answers[0];
        let words = format!("{message} {}", String::from_utf8_lossy(details));
        for secret in secrets(&people) {
            assert!(!words.contains(&secret), "{secret} in {words}");
        }
        for field in ["external_id", "email", "phone", "EXTERNAL_ID", "EMAIL", "PHONE"] {
            assert!(!words.contains(field), "{field} in {words}");
        }

        for duplicate in duplicates {
            let skipped = create(&clerk, duplicate, DuplicatePolicy::Skip).await.unwrap();
            assert_eq!((skipped.lead, skipped.created), (None, false));
        }
        unchanged(&t, &people).await;
    }

    async fn an_update_is_refused_an_external_id_in_the_same_words_whoever_has_it(t: TestServer) {
        let (clerk, ben) = (clerk(&t).await, t.agent("ben").await);
        let (own, people) = (t.lead_of("own", &clerk).await, hidden_people(&t, &ben).await);
        let masks: [&[&str]; 3] = [&[], &["external_id"], &["name", "external_id", "email"]];
        let mut answers = Vec::new();
        for person in &people {
            let change = Lead { id: own.id.clone(), external_id: person.external_id.clone(), ..named("renamed") };
            for mask in masks {
                let status = refused(clerk.update_lead(change.clone(), mask).await, ErrorReason::DuplicateLead);
                answers.push(answer(&status));
            }
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        let (_, message, details) = &answers[0];
        let words = format!("{message} {}", String::from_utf8_lossy(details));
        for secret in secrets(&people).into_iter().chain(["external_id".to_owned()]) {
            assert!(!words.contains(&secret), "{secret} in {words}");
        }
        assert_eq!(clerk.get_lead(&own.id).await.unwrap(), own);

        // Addresses and numbers are shared by people, so nothing is to be learned by taking one.
        for person in &people {
            let (email, phone) = (person.email.clone(), person.phone.clone());
            let change = Lead { id: own.id.clone(), email, phone, ..Lead::default() };
            let changed = clerk.update_lead(change, &[]).await.unwrap();
            assert_eq!((&changed.email, &changed.phone), (&person.email, &person.phone));
        }
        unchanged(&t, &people).await;
    }

    /// Whether it is known by its external ID, or has none yet and is known by its address or its phone.
    async fn a_registration_is_refused_in_the_same_words_whoever_is_hidden(t: TestServer) {
        let (clerk, ben) = (clerk(&t).await, t.agent("ben").await);
        let people = hidden_people(&t, &ben).await;
        let [by_id, ..] = duplicates_of(&people[0]);
        let expected = answer(&create(&clerk, by_id, DuplicatePolicy::Reject).await.unwrap_err());
        for person in &people {
            let [by_id, ..] = duplicates_of(person);
            let status = refused(clerk.register(by_id).await, ErrorReason::DuplicateLead);
            assert_eq!(answer(&status), expected, "{}", person.name());
        }
        unchanged(&t, &people).await;

        let people = without_external_ids(&t, &people).await;
        for person in &people {
            let [_, by_email, by_phone] = duplicates_of(person);
            for registering in [by_email, by_phone] {
                let status = refused(clerk.register(registering).await, ErrorReason::DuplicateLead);
                assert_eq!(answer(&status), expected, "{}", person.name());
            }
        }
        unchanged(&t, &people).await;
        assert!(clerk.list_leads(LeadAction::View).await.unwrap().is_empty(), "nobody was registered");
        let (_, message, details) = &expected;
        let words = format!("{message} {}", String::from_utf8_lossy(details));
        for secret in secrets(&people) {
            assert!(!words.contains(&secret), "{secret} in {words}");
        }
    }

    async fn the_outcome_of_a_row_is_the_same_whichever_hidden_lead_it_is_taken_for(t: TestServer) {
        let (clerk, ben) = (clerk(&t).await, t.agent("ben").await);
        let people = hidden_people(&t, &ben).await;
        let own = Lead { external_id: Some("platform-7".to_owned()), ..named("own") };
        let own = clerk.create_lead(own).await.unwrap();
        for policy in [DuplicatePolicy::Reject, DuplicatePolicy::Skip, DuplicatePolicy::Update] {
            let mut outcomes = Vec::new();
            for duplicate in people.iter().flat_map(duplicates_of) {
                let again = Lead { external_id: own.external_id.clone(), ..named("own") };
                let rows = vec![named("before"), duplicate, again, named("after")];
                let [before, outcome, mine, after] = import(&clerk, policy, rows).await.try_into().unwrap();
                for neighbour in [before, after] {
                    assert_eq!((neighbour.outcome(), neighbour.error), (ImportOutcome::Created, None), "{policy:?}");
                    assert!(!neighbour.lead_id.is_empty());
                }
                let named_where_it_is_seen = match policy {
                    DuplicatePolicy::Reject => mine.error.is_some_and(|error| says(&error.details, &own.id)),
                    _ => mine.lead_id == own.id,
                };
                assert!(named_where_it_is_seen, "{policy:?}");
                outcomes.push(outcome);
            }
            let first = &outcomes[0];
            assert!(outcomes.iter().all(|outcome| outcome == first), "{policy:?} {outcomes:?}");
            assert_eq!(first.lead_id, "", "{policy:?}");
            match (policy, &first.error) {
                (DuplicatePolicy::Skip, None) => assert_eq!(first.outcome(), ImportOutcome::Skipped),
                (DuplicatePolicy::Reject | DuplicatePolicy::Update, Some(error)) => {
                    let single = create(&clerk, duplicates_of(&people[0])[0].clone(), policy).await.unwrap_err();
                    assert_eq!(answer(&item_status(error)), answer(&single), "{policy:?}");
                    let words = format!("{} {:?}", error.message, error.details);
                    for secret in secrets(&people) {
                        assert!(!words.contains(&secret) && !says(&error.details, &secret), "{secret} in {words}");
                    }
                }
                (_, error) => panic!("{policy:?}: {error:?}"),
            }
        }
        unchanged(&t, &people).await;
    }
}

fn says(details: &[prost_types::Any], text: &str) -> bool {
    details.iter().any(|detail| detail.value.windows(text.len()).any(|window| window == text.as_bytes()))
}
