//! The database is asked the same for a hidden lead as for an absent one, so that the time it takes tells nothing.

use leadward::proto::{DuplicatePolicy, Lead, LeadAction};

use super::{Watched, absent, check_batch, clerk, create, duplicates_of, get_batch, hidden_leads, hidden_people, ids};
use crate::support::{Database, TestServer, call_on_lead, methods};

#[tokio::test(flavor = "multi_thread")]
async fn every_call_on_a_hidden_lead_runs_the_statements_of_one_on_an_absent_lead() {
    let t = TestServer::start(Database::Postgres).await;
    let (clerk, ben) = (clerk(&t).await, t.agent("ben").await);
    let hidden = hidden_leads(&t, &clerk, &ben).await;
    let watched = Watched::beside(t).await;
    let (wire, clerk) = (&watched.wire, watched.caller(&clerk));

    let methods: Vec<_> = methods().into_iter().filter(|method| method.takes_lead()).collect();
    for method in methods.iter().chain(&methods) {
        drop(call_on_lead(&method.name, &clerk, &absent(), &ben, "").await);
    }
    wire.settle().await;
    for method in &methods {
        let (_, expected) = wire.during(call_on_lead(&method.name, &clerk, &absent(), &ben, "")).await;
        assert!(!expected.is_empty(), "{} asks the database", method.name);
        for lead in &hidden {
            let (_, statements) = wire.during(call_on_lead(&method.name, &clerk, &lead.id, &ben, "")).await;
            assert_eq!(statements, expected, "{} on a lead that is {}", method.name, lead.name());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_hidden_leads_runs_the_statements_of_one_of_absent_leads() {
    let t = TestServer::start(Database::Postgres).await;
    let (clerk, ben) = (clerk(&t).await, t.agent("ben").await);
    let own = t.lead_of("own", &clerk).await;
    let hidden = ids(&hidden_leads(&t, &clerk, &ben).await);
    let absent: Vec<String> = hidden.iter().map(|_| absent()).collect();
    let watched = Watched::beside(t).await;
    let (wire, clerk) = (&watched.wire, watched.caller(&clerk));

    let among_own = |others: &[String]| [&[own.id.clone()][..], others].concat();
    for (hidden, absent) in [(hidden.clone(), absent.clone()), (among_own(&hidden), among_own(&absent))] {
        for _ in 0..2 {
            get_batch(&clerk, &absent).await;
        }
        wire.settle().await;
        let (_, expected) = wire.during(get_batch(&clerk, &absent)).await;
        let (_, statements) = wire.during(get_batch(&clerk, &hidden)).await;
        assert_eq!(statements, expected);

        for user in ["", ben.id.as_str()] {
            for action in [LeadAction::View, LeadAction::Edit] {
                for _ in 0..2 {
                    check_batch(&clerk, user, action, &absent).await.unwrap();
                }
                wire.settle().await;
                let (_, expected) = wire.during(check_batch(&clerk, user, action, &absent)).await;
                let (_, statements) = wire.during(check_batch(&clerk, user, action, &hidden)).await;
                assert_eq!(statements, expected, "{action:?} of {user:?}");
            }
        }
    }
}

/// That there is a duplicate is said, and so may be told by the time; whose it is, and by which key, is neither.
#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_runs_the_same_statements_whichever_hidden_lead_it_is_of() {
    let t = TestServer::start(Database::Postgres).await;
    let (clerk, ben) = (clerk(&t).await, t.agent("ben").await);
    let (own, people) = (t.lead_of("own", &clerk).await, hidden_people(&t, &ben).await);
    let watched = Watched::beside(t).await;
    let (wire, clerk) = (&watched.wire, watched.caller(&clerk));

    for policy in [DuplicatePolicy::Reject, DuplicatePolicy::Skip, DuplicatePolicy::Update] {
        let [duplicate, ..] = duplicates_of(&people[0]);
        for _ in 0..2 {
            drop(create(&clerk, duplicate.clone(), policy).await);
        }
        wire.settle().await;
        let (_, expected) = wire.during(create(&clerk, duplicate, policy)).await;
        for duplicate in people.iter().flat_map(duplicates_of) {
            let (_, statements) = wire.during(create(&clerk, duplicate.clone(), policy)).await;
            assert_eq!(without_locks(statements), without_locks(expected.clone()), "{policy:?} {duplicate:?}");
        }
    }

    let taking =
        |person: &Lead| Lead { id: own.id.clone(), external_id: person.external_id.clone(), ..Lead::default() };
    for _ in 0..2 {
        clerk.update_lead(taking(&people[0]), &[]).await.unwrap_err();
    }
    wire.settle().await;
    let (_, expected) = wire.during(clerk.update_lead(taking(&people[0]), &[])).await;
    for person in &people {
        let (_, statements) = wire.during(clerk.update_lead(taking(person), &[])).await;
        assert_eq!(without_locks(statements), without_locks(expected.clone()), "{}", person.name());
    }
}

/// Statements without the list of locks that they take: it is made of what the request itself says.
fn without_locks(statements: Vec<String>) -> Vec<String> {
    let without = |sql: String| match (sql.find("ARRAY["), sql.find(']')) {
        (Some(start), Some(end)) if start < end => format!("{}{}", &sql[..start], &sql[end..]),
        _ => sql,
    };
    statements.into_iter().map(without).collect()
}
