//! The database is asked the same for a hidden lead as for an absent one, so that the time it takes tells nothing.

use leadward::proto::{
    CountLeadsRequest, DuplicatePolicy, ErrorReason, Lead, LeadAction, ListLeadsRequest, ListOrdersRequest,
};

use super::{
    BATCHES, Watched, absent, check_batch, clerk, create, duplicates_of, get_batch, hidden_leads, hidden_orders,
    hidden_people, ids, list_orders, without_external_ids,
};
use crate::support::{Batch, Database, TestServer, call_on_lead, euros, methods, refused};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_changes_of_hidden_leads_runs_the_statements_of_one_of_absent_leads() {
    let t = TestServer::start(Database::Postgres).await;
    let (clerk, ben) = (clerk(&t).await, t.agent("ben").await);
    // Whichever the change, one of them takes it.
    let own = [t.lead_of("active", &clerk).await.id, t.lead_of("discarded", &clerk).await.id];
    t.admin().discard(&own[1]).await.unwrap();
    let hidden = ids(&hidden_leads(&t, &clerk, &ben).await);
    let absent: Vec<String> = hidden.iter().map(|_| absent()).collect();
    let watched = Watched::beside(t).await;
    let (wire, clerk) = (&watched.wire, watched.caller(&clerk));

    let among_own = |others: &[String]| [&own[..], others].concat();
    for kind in BATCHES {
        let change = async |lead_ids: &[String]| {
            let batch = Batch { lead_ids: lead_ids.to_vec(), validate_only: true, ..Batch::default() };
            clerk.batch(kind, batch).await.unwrap()
        };
        for (hidden, absent) in [(hidden.clone(), absent.clone()), (among_own(&hidden), among_own(&absent))] {
            for _ in 0..2 {
                change(&absent).await;
            }
            wire.settle().await;
            let (_, expected) = wire.during(change(&absent)).await;
            let (_, statements) = wire.during(change(&hidden)).await;
            assert_eq!(statements, expected, "{kind:?} of {} leads", hidden.len());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_on_an_order_of_a_hidden_lead_runs_the_statements_of_one_on_an_absent_order() {
    let t = TestServer::start(Database::Postgres).await;
    let (clerk, ben) = (clerk(&t).await, t.agent("ben").await);
    let hidden = hidden_orders(&t, &clerk, &ben).await;
    let watched = Watched::beside(t).await;
    let (wire, clerk) = (&watched.wire, watched.caller(&clerk));

    let methods: Vec<_> = methods().into_iter().filter(|method| method.takes_order()).collect();
    for method in methods.iter().chain(&methods) {
        drop(method.call_on_order(&clerk, &absent(), "").await);
    }
    wire.settle().await;
    for method in &methods {
        let (_, expected) = wire.during(method.call_on_order(&clerk, &absent(), "")).await;
        assert!(!expected.is_empty(), "{} asks the database", method.name);
        for (lead, order) in &hidden {
            let (_, statements) = wire.during(method.call_on_order(&clerk, &order.id, &order.etag)).await;
            assert_eq!(statements, expected, "{} on an order of a lead that is {}", method.name, lead.name());
        }
    }

    for most_recent_only in [false, true] {
        let list = async |lead_ids: Vec<String>| {
            list_orders(&clerk, ListOrdersRequest { lead_ids, most_recent_only, ..Default::default() }).await
        };
        let nobodys: Vec<String> = hidden.iter().map(|_| absent()).collect();
        for _ in 0..2 {
            list(nobodys.clone()).await;
        }
        wire.settle().await;
        let (_, expected) = wire.during(list(nobodys)).await;
        let (_, statements) = wire.during(list(hidden.iter().map(|(lead, _)| lead.id.clone()).collect())).await;
        assert_eq!(statements, expected);
    }
}

/// What a filter finds is hidden, or there is nothing to find: in every order, and in counts.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_runs_the_same_statements_whether_a_filter_finds_hidden_leads_or_none() {
    let t = TestServer::start(Database::Postgres).await;
    let (clerk, ben) = (clerk(&t).await, t.agent("ben").await);
    t.lead_of("own", &clerk).await;
    hidden_people(&t, &ben).await;
    let watched = Watched::beside(t).await;
    let (wire, clerk) = (&watched.wire, watched.caller(&clerk));

    for order_by in ["", "create_time", "name", "next_contact_time desc", "country, name desc"] {
        let ask = async |person: &str| {
            let filter = format!(r#"name:"{person}" OR email:"{person}" OR external_id = "{person}""#);
            let (facets, order_by) = ((1..=6).collect(), order_by.to_owned());
            let counted = CountLeadsRequest { filter: filter.clone(), facets, ..Default::default() };
            assert_eq!(clerk.leads().count_leads(counted).await.unwrap().into_inner().count, 0);
            let listed = ListLeadsRequest { filter, order_by, ..Default::default() };
            assert!(clerk.leads().list_leads(listed).await.unwrap().into_inner().leads.is_empty());
        };
        for _ in 0..2 {
            ask("nobody").await;
        }
        wire.settle().await;
        // What is looked for may stand in the statement, to be planned with.
        let run = async |person: &str| -> Vec<String> {
            let ((), statements) = wire.during(ask(person)).await;
            statements.iter().map(|sql| sql.replace(person, "somebody")).collect()
        };
        let expected = run("nobody").await;
        assert!(!expected.is_empty());
        for found in ["secret", "secret 2", "person3", "platform-1"] {
            assert_eq!(run(found).await, expected, "{found} by {order_by:?}");
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

/// By the external ID, and by what people are known by who have none: which of the two it was is told by what is sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_registration_runs_the_same_statements_whichever_hidden_lead_it_is_of() {
    let t = TestServer::start(Database::Postgres).await;
    let (clerk, ben) = (clerk(&t).await, t.agent("ben").await);
    let people = hidden_people(&t, &ben).await;
    let watched = Watched::beside(t).await;
    let (wire, clerk) = (&watched.wire, watched.caller(&clerk));

    let same_for_all = async |registering: Vec<Lead>| {
        for _ in 0..2 {
            refused(clerk.register(registering[0].clone()).await, ErrorReason::DuplicateLead);
        }
        wire.settle().await;
        let (_, expected) = wire.during(clerk.register(registering[0].clone())).await;
        for lead in registering {
            let (answer, statements) = wire.during(clerk.register(lead.clone())).await;
            refused(answer, ErrorReason::DuplicateLead);
            assert_eq!(without_locks(statements), without_locks(expected.clone()), "{lead:?}");
        }
    };
    let by_id = |person: &Lead| duplicates_of(person)[0].clone();
    same_for_all(people.iter().map(by_id).collect()).await;
    let people = without_external_ids(&watched.t, &people).await;
    let by_contact = |person: &Lead| duplicates_of(person)[1..].to_vec();
    same_for_all(people.iter().flat_map(by_contact).collect()).await;
}

/// Payments and orders are told apart lead by lead.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_hidden_lead_has_runs_the_statements_of_one_that_none_has() {
    let t = TestServer::start(Database::Postgres).await;
    let (clerk, ben) = (clerk(&t).await, t.agent("ben").await);
    let (own, hidden) = (t.lead_of("own", &clerk).await, t.lead_of("hidden", &ben).await);
    t.admin().deposit(&hidden.id, "payment-7", euros(250, 0)).await.unwrap();
    t.admin().place_order(&hidden.id, "N-7").await.unwrap();
    let watched = Watched::beside(t).await;
    let (wire, clerk) = (&watched.wire, watched.caller(&clerk));

    let deposit = async |payment_id: &str| clerk.deposit(&own.id, payment_id, euros(10, 0)).await.unwrap();
    let place_order = async |number: &str| clerk.place_order(&own.id, number).await.unwrap();
    for key in ["1", "2"] {
        deposit(key).await;
        place_order(key).await;
    }
    wire.settle().await;
    let (_, expected) = wire.during(deposit("payment-8")).await;
    let (answer, statements) = wire.during(deposit("payment-7")).await;
    assert!(answer.recorded);
    assert_eq!(statements, expected);
    let (_, expected) = wire.during(place_order("N-8")).await;
    let (_, statements) = wire.during(place_order("N-7")).await;
    assert_eq!(statements, expected);
}

/// Statements without the list of locks that they take: it is made of what the request itself says.
fn without_locks(statements: Vec<String>) -> Vec<String> {
    let without = |sql: String| match (sql.find("ARRAY["), sql.find(']')) {
        (Some(start), Some(end)) if start < end => format!("{}{}", &sql[..start], &sql[end..]),
        _ => sql,
    };
    statements.into_iter().map(without).collect()
}
