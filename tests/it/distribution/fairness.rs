//! Many who distribute at once, in several processes, are as fair as one; and the same leads go to the same people.

use std::collections::BTreeMap;

use futures::future::join_all;
use leadward::proto::{
    AccessLevel, AssignmentRule, AssignmentRuleTarget, AssignmentStrategy, DistributeLeadsRequest, ImportRow, Lead,
    Profile, Role,
};
use tokio::task::spawn_blocking;

use super::{leads, make, round_robin, rule, run};
use crate::support::{Caller, Database, Serve, TestServer, every_action, named, on_both_databases, profile};

/// Eight at once, each over leads of its own, in two processes beside the test's.
async fn distribute_at_once(t: &TestServer, each: usize) -> Vec<String> {
    let mut rows = Vec::new();
    for number in 0..8 * each {
        let lead = Lead { campaign: Some(format!("campaign {}", number % 8)), ..named(&format!("lead {number}")) };
        rows.push(ImportRow { row_number: number as i64, lead: Some(lead), ..ImportRow::default() });
    }
    t.admin().import(rows).await.unwrap();
    let mut servers = Vec::new();
    for _ in 0..2 {
        let url = t.database_url().to_owned();
        servers.push(spawn_blocking(move || Serve::listening(&url)).await.unwrap());
    }
    let runs = (0..8).map(|number| {
        let caller = t.admin().at_server(servers[number % 2].addr());
        async move {
            let filter = format!("campaign = \"campaign {number}\"");
            let (_, outcomes) = run(&caller, DistributeLeadsRequest { filter, ..Default::default() }).await.unwrap();
            assert_eq!(outcomes.len(), each);
            outcomes
        }
    });
    let outcomes = join_all(runs).await.into_iter().flatten();
    outcomes.map(|outcome| outcome.assignee_id).collect()
}

fn has(given: &[String], user: &Caller) -> usize {
    given.iter().filter(|id| **id == user.id).count()
}

on_both_databases! {
    async fn eight_who_distribute_in_turn_are_as_fair_as_one(t: TestServer) {
        let mut agents = Vec::new();
        for number in 0..7 {
            agents.push(t.agent(&format!("agent-{number}")).await);
        }
        make(&t.admin(), round_robin(&agents.iter().collect::<Vec<_>>())).await;
        let given = distribute_at_once(&t, 57).await;
        let each: Vec<usize> = agents.iter().map(|agent| has(&given, agent)).collect();
        assert_eq!(each.iter().sum::<usize>(), 456);
        assert!(each.iter().max().unwrap() - each.iter().min().unwrap() <= 1, "{each:?}");
    }

    async fn eight_who_distribute_by_load_are_as_fair_as_one(t: TestServer) {
        let mut agents = Vec::new();
        for number in 0..7 {
            agents.push(t.agent(&format!("agent-{number}")).await);
        }
        make(&t.admin(), rule("least", AssignmentStrategy::LeastLoaded, &agents.iter().collect::<Vec<_>>())).await;
        let given = distribute_at_once(&t, 57).await;
        let each: Vec<usize> = agents.iter().map(|agent| has(&given, agent)).collect();
        assert_eq!(each.iter().sum::<usize>(), 456);
        assert!(each.iter().max().unwrap() - each.iter().min().unwrap() <= 1, "{each:?}");
    }

    async fn eight_who_distribute_by_weight_keep_the_weights(t: TestServer) {
        let weights = [7, 4, 4, 2, 1];
        let mut agents = Vec::new();
        for (number, weight) in weights.into_iter().enumerate() {
            agents.push((t.agent(&format!("agent-{number}")).await, weight));
        }
        let target = |(agent, weight): &(Caller, i32)| AssignmentRuleTarget { user_id: agent.id.clone(), weight: *weight };
        let targets = agents.iter().map(target).collect();
        make(&t.admin(), AssignmentRule { targets, ..rule("by weight", AssignmentStrategy::Weighted, &[]) }).await;
        let given = distribute_at_once(&t, 57).await;
        assert_eq!(given.len(), 456);
        for (agent, weight) in &agents {
            let due = 456.0 * f64::from(*weight) / 18.0;
            let has = has(&given, agent) as f64;
            assert!((has - due).abs() < 1.0, "{} has {has}, {due} are due", agent.name);
        }
    }

    /// While leads are distributed, given by hand and made, all at once.
    async fn nobody_has_more_than_they_have_room_for_at_any_time(t: TestServer) {
        t.create_profile(Profile { max_open_leads: Some(25), permissions: every_action(AccessLevel::Individual), ..profile("small", Role::Agent) }).await;
        let (one, two) = (t.user("one", "small").await, t.user("two", "small").await);
        let admin = t.admin();
        make(&admin, AssignmentRule { on_creation: Some(true), filter: Some("campaign = new".to_owned()), ..round_robin(&[&one, &two]) }).await;
        make(&admin, rule("rest", AssignmentStrategy::LeastLoaded, &[&one, &two])).await;
        let by_hand = leads(&t, 30).await;
        leads(&t, 60).await;
        let (admin, people) = (&admin, [&one, &two]);
        let hands = by_hand.iter().map(|lead| async { admin.deal(&[&lead.id], &people).await.unwrap().len() });
        let runs = (0..3).map(|_| async { run(admin, DistributeLeadsRequest::default()).await.unwrap().1.len() });
        let new = (0..20).map(|number| {
            let lead = Lead { campaign: Some("new".to_owned()), ..named(&format!("new {number}")) };
            admin.create_lead(lead)
        });
        let watched = async {
            let mut most = 0;
            for _ in 0..50 {
                for user in [&one, &two] {
                    most = most.max(user.list_leads(leadward::proto::LeadAction::View).await.unwrap().len());
                }
            }
            most
        };
        let (_, _, made, most) = tokio::join!(join_all(hands), join_all(runs), join_all(new), watched);
        assert!(made.iter().all(Result::is_ok));
        assert!(most <= 25, "{most}");
        for user in [&one, &two] {
            assert_eq!(user.list_leads(leadward::proto::LeadAction::View).await.unwrap().len(), 25, "{}", user.name);
        }
    }

    /// The first 5,000 contacts of the bank, over 20 agents, twice from the start.
    async fn the_same_contacts_go_to_the_same_agents(t: TestServer) {
        let database = if t.database_url().starts_with("postgres") { Database::Postgres } else { Database::Sqlite };
        let first = ledger(&t).await;
        assert_eq!(first.len(), 5_000);
        assert_eq!(first, ledger(&TestServer::start(database).await).await);
        let mut each: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, agent) in &first {
            *each.entry(agent).or_default() += 1;
        }
        assert_eq!(each.len(), 20, "{each:?}");
    }
}

/// Which contact went to whom.
async fn ledger(t: &TestServer) -> Vec<(String, String)> {
    let admin = t.admin();
    let mut agents = Vec::new();
    for number in 0..20 {
        agents.push(t.agent(&format!("agent-{number:02}")).await);
    }
    let [first, second, third] =
        [&agents[..8], &agents[8..14], &agents[14..]].map(|some| some.iter().collect::<Vec<_>>());
    let of = |name: &str, filter: &str, strategy, to: &[&Caller]| AssignmentRule {
        filter: Some(filter.to_owned()),
        ..rule(name, strategy, to)
    };
    make(&admin, of("married", "attributes.marital = married", AssignmentStrategy::RoundRobin, &first)).await;
    make(&admin, of("single", "attributes.marital = single", AssignmentStrategy::LeastLoaded, &second)).await;
    make(&admin, of("others", "", AssignmentStrategy::Weighted, &third)).await;
    let contacts = include_str!("../../data/uci_bank_marketing/bank-full.csv");
    let row = |(line, row): (usize, &str)| {
        let cells: Vec<&str> = row.split(',').collect();
        let attributes =
            [("job", cells[1]), ("marital", cells[2])].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let lead = Lead { external_id: Some(format!("bank-{line}")), attributes: attributes.into(), ..Lead::default() };
        ImportRow { row_number: line as i64, lead: Some(lead), ..ImportRow::default() }
    };
    let rows: Vec<ImportRow> = contacts.lines().enumerate().skip(1).take(5_000).map(row).collect();
    let mut contact_of = BTreeMap::new();
    for rows in rows.chunks(1_000) {
        let results = admin.import(rows.to_vec()).await.unwrap();
        for (row, result) in rows.iter().zip(results) {
            contact_of.insert(result.lead_id, row.lead.as_ref().unwrap().external_id().to_owned());
        }
    }
    let name_of: BTreeMap<&str, &str> = agents.iter().map(|agent| (agent.id.as_str(), agent.name.as_str())).collect();
    let (_, outcomes) = run(&admin, DistributeLeadsRequest::default()).await.unwrap();
    let told = outcomes
        .iter()
        .map(|outcome| (contact_of[&outcome.lead_id].clone(), name_of[outcome.assignee_id.as_str()].to_owned()));
    told.collect()
}
