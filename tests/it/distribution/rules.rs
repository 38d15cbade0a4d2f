//! The rules themselves: who keeps them, and what they may say.

use leadward::proto::{
    AccessLevel, AssignmentRule, AssignmentRuleTarget, AssignmentStrategy, Capability, DeleteAssignmentRuleRequest,
    DeleteGroupRequest, ErrorReason, LeadAction, ListAssignmentRulesRequest, Profile, Role,
    UpdateAssignmentRuleRequest,
};
use prost_types::FieldMask;
use uuid::Uuid;

use super::{change, make, make_or, round_robin, rule};
use crate::support::{Caller, TestServer, every_action, fact, faults, on_both_databases, permission, profile, refused};

async fn names(caller: &Caller) -> Vec<String> {
    let mut names = Vec::new();
    let mut request = ListAssignmentRulesRequest { page_size: 2, ..ListAssignmentRulesRequest::default() };
    loop {
        let page = caller.assignments().list_assignment_rules(request.clone()).await.unwrap().into_inner();
        names.extend(page.rules.iter().map(|rule| rule.name().to_owned()));
        if page.next_page_token.is_empty() {
            return names;
        }
        request.page_token = page.next_page_token;
    }
}

async fn delete(caller: &Caller, rule: &AssignmentRule, etag: &str) -> Result<(), tonic::Status> {
    let request = DeleteAssignmentRuleRequest { rule_id: rule.id.clone(), etag: etag.to_owned(), ..Default::default() };
    caller.assignments().delete_assignment_rule(request).await.map(drop)
}

on_both_databases! {
    async fn rules_are_tried_by_position_and_then_as_they_were_made(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let named = |name: &str, position| AssignmentRule {
            position,
            ..rule(name, AssignmentStrategy::RoundRobin, &[&ana])
        };
        for (name, position) in [("b", None), ("c", None), ("a", Some(-5)), ("d", Some(2))] {
            make(&admin, named(name, position)).await;
        }
        assert_eq!(names(&admin).await, ["a", "b", "c", "d"]);
        let last = make(&admin, named("e", None)).await;
        assert_eq!((last.position(), names(&admin).await.last().unwrap().as_str()), (3, "e"));
        change(&admin, AssignmentRule { id: last.id.clone(), position: Some(0), ..Default::default() }).await.unwrap();
        assert_eq!(names(&admin).await, ["a", "e", "b", "c", "d"]);
        delete(&admin, &last, "").await.unwrap();
        assert_eq!(names(&admin).await, ["a", "b", "c", "d"]);
        refused(delete(&admin, &last, "").await, ErrorReason::ResourceNotFound);
    }

    async fn a_rule_is_changed_field_by_field(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let group = t.group("north", &[]).await;
        let made = make(&admin, AssignmentRule { filter: Some(" country = DE ".to_owned()), ..round_robin(&[&ana, &ben]) }).await;
        assert_eq!((made.filter(), made.on_creation(), made.disabled(), made.targets[1].weight), ("country = DE", false, false, 1));
        let to_group = AssignmentRule { id: made.id.clone(), group_id: Some(group.clone()), etag: made.etag.clone(), ..Default::default() };
        let changed = change(&admin, to_group.clone()).await.unwrap();
        assert_eq!((changed.targets.len(), changed.group_id(), changed.filter()), (0, group.as_str(), "country = DE"));
        assert_ne!(changed.etag, made.etag);
        let stale = refused(change(&admin, AssignmentRule { disabled: Some(true), ..to_group }).await, ErrorReason::StaleEtag);
        assert_eq!(fact(&stale, "current_etag"), changed.etag);
        refused(delete(&admin, &made, &made.etag).await, ErrorReason::StaleEtag);

        // What is named and not given is cleared, or refused where it can't be.
        let masked = |path: &str| UpdateAssignmentRuleRequest {
            rule: Some(AssignmentRule { id: made.id.clone(), ..AssignmentRule::default() }),
            update_mask: Some(FieldMask { paths: vec![path.to_owned()] }),
            ..UpdateAssignmentRuleRequest::default()
        };
        let cleared = admin.assignments().update_assignment_rule(masked("filter")).await.unwrap().into_inner();
        assert_eq!(cleared.rule.unwrap().filter(), "");
        for (path, fault) in [
            ("name", "rule.name"),
            ("position", "rule.position"),
            ("strategy", "rule.strategy"),
            ("targets", "rule.targets"),
            ("nickname", "update_mask"),
        ] {
            let refusal = admin.assignments().update_assignment_rule(masked(path)).await;
            assert_eq!(faults(&refused(refusal, ErrorReason::InvalidArgument)), [fault]);
        }
        let in_use = admin.directory().delete_group(DeleteGroupRequest { group_id: group, ..Default::default() }).await;
        assert_eq!(fact(&refused(in_use, ErrorReason::InUse), "used_by"), "assignment rules");
    }

    async fn what_a_rule_may_not_say(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let group = t.group("north", &[]).await;
        let good = || round_robin(&[&ana]);
        let target = |user_id: &str, weight| AssignmentRuleTarget { user_id: user_id.to_owned(), weight };
        let nobody = Uuid::now_v7().to_string();
        let bad: Vec<(AssignmentRule, &[&str])> = vec![
            (AssignmentRule::default(), &["rule.name", "rule.strategy", "rule.targets"]),
            (AssignmentRule { filter: Some("NOT".to_owned()), ..good() }, &["rule.filter"]),
            (AssignmentRule { filter: Some("assignee = ana".to_owned()), ..good() }, &["rule.filter"]),
            (AssignmentRule { group_id: Some(group.clone()), ..good() }, &["rule.group_id"]),
            (AssignmentRule { targets: vec![target(&ana.id, 1001)], ..good() }, &["rule.targets[0].weight"]),
            (AssignmentRule { targets: vec![target(&ana.id, 1), target(&ana.id, 2)], ..good() }, &["rule.targets[1].user_id"]),
            (AssignmentRule { targets: vec![target(&ana.id, 1), target(&nobody, 2)], ..good() }, &["rule.targets[1].user_id"]),
            (AssignmentRule { targets: Vec::new(), group_id: Some(nobody.clone()), ..good() }, &["rule.group_id"]),
            (
                AssignmentRule { targets: Vec::new(), group_id: Some(group.clone()), ..rule("w", AssignmentStrategy::Weighted, &[]) },
                &["rule.group_id"],
            ),
            (AssignmentRule { targets: vec![target(&ana.id, 1); 201], ..good() }, &["rule.targets"]),
        ];
        for (rule, expected) in bad {
            assert_eq!(faults(&refused(make_or(&admin, rule).await, ErrorReason::InvalidArgument)), expected);
        }
        make(&admin, good()).await;
        let again = AssignmentRule { name: Some("IN Turn".to_owned()), ..good() };
        refused(make_or(&admin, again).await, ErrorReason::DuplicateResource);
    }

    /// A rule for new leads gives away everybody's, and so nobody makes one who may not.
    async fn rules_are_for_those_who_keep_the_settings(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        t.create_profile(Profile {
            permissions: every_action(AccessLevel::Individual),
            capabilities: vec![Capability::ManageSettings.into()],
            ..profile("keeper", Role::Manager)
        })
        .await;
        let keeper = t.user("keeper", "keeper").await;
        let new = make(&keeper, round_robin(&[&ana])).await;
        let on_creation = |rule: AssignmentRule| AssignmentRule { on_creation: Some(true), ..rule };
        let refusal = refused(make_or(&keeper, on_creation(rule("new", AssignmentStrategy::RoundRobin, &[&ana]))).await, ErrorReason::Escalation);
        assert_eq!(fact(&refusal, "action"), "ASSIGN");
        refused(change(&keeper, on_creation(AssignmentRule { id: new.id.clone(), ..Default::default() })).await, ErrorReason::Escalation);
        let changed = change(&admin, on_creation(AssignmentRule { id: new.id.clone(), ..Default::default() })).await.unwrap();
        let renamed = AssignmentRule { id: new.id.clone(), name: Some("mine".to_owned()), ..Default::default() };
        refused(change(&keeper, renamed).await, ErrorReason::Escalation);
        refused(delete(&keeper, &new, "").await, ErrorReason::Escalation);
        admin.set_permission(&keeper, permission(LeadAction::Assign, AccessLevel::Complete)).await.unwrap();
        change(&keeper, AssignmentRule { id: new.id, targets: changed.targets, strategy: AssignmentStrategy::LeastLoaded.into(), ..Default::default() })
            .await
            .unwrap();
        refused(make_or(&ana, round_robin(&[&ana])).await, ErrorReason::CapabilityRequired);
        let listed = ana.assignments().list_assignment_rules(ListAssignmentRulesRequest::default()).await;
        refused(listed, ErrorReason::CapabilityRequired);
    }
}
