//! Rules that are tried for leads as they are made.

use leadward::proto::{
    AccessLevel, AssignmentRule, AssignmentStrategy, ErrorReason, ImportOutcome, ImportRow, Lead, LeadAction,
    LeadHistoryKind, Permission,
};

use super::{assignment, change, make, round_robin, rule};
use crate::support::{TestServer, named, on_both_databases, permission, refused};

fn on_creation(rule: AssignmentRule) -> AssignmentRule {
    AssignmentRule { on_creation: Some(true), ..rule }
}

on_both_databases! {
    async fn new_leads_go_to_whom_the_rules_say(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let before = t.lead("before").await;
        let made = make(&admin, on_creation(round_robin(&[&ana, &ben]))).await;
        let created = t.lead("created").await;
        assert_eq!(created.assignee_id, ana.id);
        assert_eq!(admin.get_lead(&created.id).await.unwrap(), created);
        let registered = admin.register(Lead { external_id: Some("r-1".to_owned()), ..named("registered") }).await.unwrap();
        assert_eq!(registered.lead.unwrap().assignee_id, ben.id);
        let given = t.lead_of("given", &ana).await;
        assert_eq!(given.assignee_id, ana.id, "who is named has it");
        let row = |number: i64| ImportRow { row_number: number, lead: Some(named(&format!("row {number}"))), ..ImportRow::default() };
        let results = admin.import((1..=5).map(row).collect()).await.unwrap();
        assert!(results.iter().all(|result| result.outcome() == ImportOutcome::Created));
        let mut whose = Vec::new();
        for result in &results {
            whose.push(admin.get_lead(&result.lead_id).await.unwrap().assignee_id);
        }
        assert_eq!(whose, [&ben, &ana, &ben, &ana, &ben].map(|user| user.id.clone()));
        assert_eq!(admin.get_lead(&before.id).await.unwrap().assignee_id, "", "it was there before");

        let history = admin.history(&created.id).await.unwrap();
        let kinds: Vec<LeadHistoryKind> = history.iter().map(|entry| entry.kind()).collect();
        assert_eq!(kinds, [LeadHistoryKind::Assigned, LeadHistoryKind::Created]);
        assert_eq!(assignment(&admin, &created.id).await.decision.unwrap().rule_id, made.id);
        ana.get_lead(&created.id).await.unwrap();
        refused(ben.get_lead(&created.id).await, ErrorReason::LeadNotFound);

        change(&admin, AssignmentRule { id: made.id, disabled: Some(true), ..Default::default() }).await.unwrap();
        assert_eq!(t.lead("after").await.assignee_id, "");
    }

    /// Whoever makes a lead that a rule gives away needn't be able to assign, nor see it afterwards.
    async fn the_rules_give_it_away_whoever_makes_it(t: TestServer) {
        let (admin, ana, intake) = (t.admin(), t.agent("ana").await, t.agent("intake").await);
        for action in [LeadAction::View, LeadAction::Edit] {
            let pool = Permission { include_unassigned: true, ..permission(action, AccessLevel::Individual) };
            admin.set_permission(&intake, pool).await.unwrap();
        }
        make(&admin, on_creation(round_robin(&[&ana]))).await;
        let made = intake.create_lead(named("from the pool")).await.unwrap();
        let now = ana.get_lead(&made.id).await.unwrap();
        assert_eq!((now.assignee_id.as_str(), made.assignee_id.as_str()), (ana.id.as_str(), ""), "what they don't see isn't told");
        refused(intake.get_lead(&made.id).await, ErrorReason::LeadNotFound);
        assert_eq!(assignment(&ana, &made.id).await.actor_id, intake.id);
        // Theirs to work from the start: no rule is asked.
        let own = ana.create_lead(named("own")).await.unwrap();
        assert_eq!(own.assignee_id, ana.id);
    }

    async fn a_new_lead_that_finds_nobody_is_made_all_the_same(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        t.deactivate(&ana).await;
        let only_german = AssignmentRule { filter: Some("country = DE".to_owned()), ..rule("german", AssignmentStrategy::RoundRobin, &[&ana]) };
        make(&admin, on_creation(only_german)).await;
        let german = admin.create_lead(Lead { country: Some("DE".to_owned()), ..named("german") }).await.unwrap();
        let other = t.lead("other").await;
        assert_eq!((german.assignee_id.as_str(), other.assignee_id.as_str()), ("", ""));
        let unplaced = super::unplaced::list(&admin).await;
        assert_eq!(unplaced, [(other.id, "NO_RULE".to_owned()), (german.id, "USER_DEACTIVATED".to_owned())]);
    }

    /// What a rule asks of a lead may be all that there is to know of it: texts, attributes, groups.
    async fn a_rule_sees_the_whole_lead(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let group = t.group("north", &[]).await;
        let filter = format!("name:mith AND email:example AND attributes.job = baker AND group = {group} AND NOT country:* AND kind = LEAD");
        make(&admin, on_creation(AssignmentRule { filter: Some(filter), ..round_robin(&[&ana]) })).await;
        let whole = || Lead {
            email: Some("smith@example.com".to_owned()),
            group_id: Some(group.clone()),
            attributes: [("job".to_owned(), "baker".to_owned())].into(),
            ..named("Smith")
        };
        assert_eq!(admin.create_lead(whole()).await.unwrap().assignee_id, ana.id);
        let another = Lead { email: Some("smith2@example.com".to_owned()), country: Some("DE".to_owned()), ..whole() };
        assert_eq!(admin.create_lead(another).await.unwrap().assignee_id, "");
    }
}
