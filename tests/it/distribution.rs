//! Leads find their agents by rules.

mod absence;
mod creation;
mod fairness;
mod rules;
mod turns;
mod unplaced;

use std::collections::BTreeMap;

use leadward::proto::{
    AssignmentRule, AssignmentRuleTarget, AssignmentStrategy, CreateAssignmentRuleRequest, DistributeLeadsRequest,
    DistributionOutcome, Lead, LeadHistoryEntry, LeadHistoryKind, UpdateAssignmentRuleRequest,
};
use tonic::Status;

use crate::support::{Caller, TestServer, named};

/// A rule of this name for these users, who are alike.
fn rule(name: &str, strategy: AssignmentStrategy, to: &[&Caller]) -> AssignmentRule {
    let target = |user: &&Caller| AssignmentRuleTarget { user_id: user.id.clone(), weight: 0 };
    AssignmentRule {
        name: Some(name.to_owned()),
        strategy: strategy.into(),
        targets: to.iter().map(target).collect(),
        ..AssignmentRule::default()
    }
}

fn round_robin(to: &[&Caller]) -> AssignmentRule {
    rule("in turn", AssignmentStrategy::RoundRobin, to)
}

async fn make_or(caller: &Caller, rule: AssignmentRule) -> Result<AssignmentRule, Status> {
    let request = CreateAssignmentRuleRequest { rule: Some(rule), ..CreateAssignmentRuleRequest::default() };
    Ok(caller.assignments().create_assignment_rule(request).await?.into_inner().rule.expect("a rule"))
}

async fn make(caller: &Caller, rule: AssignmentRule) -> AssignmentRule {
    make_or(caller, rule).await.unwrap()
}

async fn change(caller: &Caller, rule: AssignmentRule) -> Result<AssignmentRule, Status> {
    let request = UpdateAssignmentRuleRequest { rule: Some(rule), ..UpdateAssignmentRuleRequest::default() };
    Ok(caller.assignments().update_assignment_rule(request).await?.into_inner().rule.expect("a rule"))
}

/// Gives leads away, and answers the batch and what became of each.
async fn run(caller: &Caller, request: DistributeLeadsRequest) -> Result<(String, Vec<DistributionOutcome>), Status> {
    let mut parts = caller.assignments().distribute_leads(request).await?.into_inner();
    let batch = parts.message().await?.expect("a batch").batch_id;
    let mut outcomes = Vec::new();
    while let Some(part) = parts.message().await? {
        assert!((1..=200).contains(&part.outcomes.len()));
        outcomes.extend(part.outcomes);
    }
    Ok((batch, outcomes))
}

async fn distribute(caller: &Caller) -> Vec<DistributionOutcome> {
    run(caller, DistributeLeadsRequest::default()).await.unwrap().1
}

/// In short: to whom, or why to nobody.
fn told(outcomes: &[DistributionOutcome], users: &[&Caller]) -> Vec<String> {
    let word = |outcome: &DistributionOutcome| {
        assert!(outcome.error.is_none() && outcome.assignee_id.is_empty() == outcome.etag.is_empty(), "{outcome:?}");
        let whose = users.iter().find(|user| user.id == outcome.assignee_id);
        whose.map_or_else(
            || outcome.cause().as_str_name().trim_start_matches("UNPLACED_CAUSE_").to_owned(),
            |user| user.name.clone(),
        )
    };
    outcomes.iter().map(word).collect()
}

/// How many leads each user was given.
fn counts<'a>(outcomes: &'a [DistributionOutcome], users: &[&'a Caller]) -> BTreeMap<&'a str, usize> {
    let count = |user: &&'a Caller| outcomes.iter().filter(|outcome| outcome.assignee_id == user.id).count();
    users.iter().map(|user| (user.name.as_str(), count(user))).collect()
}

async fn leads(t: &TestServer, count: usize) -> Vec<Lead> {
    let mut leads = Vec::new();
    for number in 0..count {
        leads.push(t.admin().create_lead(named(&format!("lead {number}"))).await.unwrap());
    }
    leads
}

/// The entry that tells of the last assignment.
async fn assignment(caller: &Caller, lead: &str) -> LeadHistoryEntry {
    let history = caller.history(lead).await.unwrap();
    history.into_iter().find(|entry| entry.kind() == LeadHistoryKind::Assigned).expect("an assignment")
}
