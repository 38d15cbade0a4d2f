//! Whose turn it is.

use leadward::proto::{
    AccessLevel, AssignmentRule, AssignmentRuleTarget, AssignmentStrategy, Capability, DecidingKey, Desk,
    DistributeLeadsRequest, ErrorReason, GrantMode, Lead, LeadAction, Profile, Role, UndoAssignmentRequest, User,
};
use uuid::Uuid;

use super::{assignment, change, counts, distribute, leads, make, round_robin, rule, run, told};
use crate::support::{
    Caller, TestServer, every_action, groups_permission, named, on_both_databases, permission, profile, refused,
};

fn with_weights(to: &[(&Caller, i32)]) -> AssignmentRule {
    let target = |(user, weight): &(&Caller, i32)| AssignmentRuleTarget { user_id: user.id.clone(), weight: *weight };
    AssignmentRule { targets: to.iter().map(target).collect(), ..rule("by weight", AssignmentStrategy::Weighted, &[]) }
}

on_both_databases! {
    async fn whoever_has_waited_longest_is_next_by_whomever_they_were_given_leads(t: TestServer) {
        let (admin, ana, ben, carl) = (t.admin(), t.agent("ana").await, t.agent("ben").await, t.agent("carl").await);
        let people = [&ana, &ben, &carl];
        make(&admin, round_robin(&people)).await;
        leads(&t, 4).await;
        assert_eq!(told(&distribute(&admin).await, &people), ["ana", "ben", "carl", "ana"]);
        t.lead_of("by hand", &ben).await;
        let by_hand = t.lead("by hand").await;
        admin.assign(&by_hand.id, &ana).await.unwrap();
        leads(&t, 4).await;
        assert_eq!(told(&distribute(&admin).await, &people), ["carl", "ben", "ana", "carl"]);
        let claimed = t.lead("claimed").await;
        admin.grant(&claimed.id, &ben, GrantMode::Full).await.unwrap();
        ben.claim(&claimed.id).await.unwrap();
        leads(&t, 3).await;
        assert_eq!(told(&distribute(&admin).await, &people), ["ana", "carl", "ben"]);
        assert_eq!(distribute(&admin).await.len(), 0, "nothing is left");
    }

    async fn whoever_has_the_least_to_do_is_next(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let people = [&ana, &ben];
        for number in 0..3 {
            t.lead_of(&format!("Ana's {number}"), &ana).await;
        }
        let resolved = t.lead_of("resolved", &ben).await;
        ben.resolve(&resolved.id).await.unwrap();
        make(&admin, rule("least", AssignmentStrategy::LeastLoaded, &people)).await;
        let new = leads(&t, 6).await;
        assert_eq!(told(&distribute(&admin).await, &people), ["ben", "ben", "ben", "ana", "ben", "ana"]);
        let why = assignment(&admin, &new[3].id).await.decision.unwrap();
        // Both had three; Ana had waited longer.
        assert_eq!((why.decided_by(), why.candidates[0].open_leads(), why.candidates[1].open_leads()), (DecidingKey::Waiting, 3, 3));
        let why = assignment(&admin, &new[0].id).await.decision.unwrap();
        assert_eq!((why.decided_by(), why.candidates[0].open_leads(), why.candidates[1].open_leads()), (DecidingKey::OpenLeads, 0, 3));
    }

    /// At any moment, nobody is a whole lead from what their weight gives them. The second set is one for which giving to whoever is owed most would
    /// be more than that.
    async fn weights_are_kept_to_within_one_lead(t: TestServer) {
        let admin = t.admin();
        let sets: [&[i32]; 3] = [&[5, 3, 1], &[10, 10, 10, 1, 1, 1, 1, 1, 1, 1], &[7]];
        for (set, weights) in sets.into_iter().enumerate() {
            let mut people = Vec::new();
            for (number, weight) in weights.iter().enumerate() {
                people.push((t.agent(&format!("agent-{set}-{number}")).await, *weight));
            }
            let everybody: Vec<&Caller> = people.iter().map(|(user, _)| user).collect();
            let targets: Vec<(&Caller, i32)> = people.iter().map(|(user, weight)| (user, *weight)).collect();
            let made = make(&admin, AssignmentRule { name: Some(format!("set {set}")), ..with_weights(&targets) }).await;
            let mut given = Vec::new();
            for count in [1, 2, 7, 13, 14] {
                leads(&t, count).await;
                given.extend(told(&distribute(&admin).await, &everybody));
            }
            let all: i32 = weights.iter().sum();
            for so_far in 1..=given.len() {
                for (user, weight) in &people {
                    let has = given[..so_far].iter().filter(|name| **name == user.name).count();
                    let due = f64::from(*weight) / f64::from(all) * so_far as f64;
                    assert!((has as f64 - due).abs() < 1.0, "{} has {has} of {due} after {so_far}: {given:?}", user.name);
                }
            }
            change(&admin, AssignmentRule { id: made.id, disabled: Some(true), ..Default::default() }).await.unwrap();
        }
    }

    async fn who_cant_take_a_lead_is_passed_over_and_it_is_kept_why(t: TestServer) {
        let admin = t.admin();
        t.create_profile(Profile { max_open_leads: Some(1), permissions: every_action(AccessLevel::Individual), ..profile("small", Role::Agent) }).await;
        let (gone, full, blind, retention, away, able) = (
            t.agent("gone").await,
            t.user("full", "small").await,
            t.agent("blind").await,
            t.agent("retention").await,
            t.agent("away").await,
            t.agent("able").await,
        );
        t.lead_of("full", &full).await;
        t.deactivate(&gone).await;
        admin.set_permission(&blind, permission(LeadAction::View, AccessLevel::None)).await.unwrap();
        t.update_user(User { id: retention.id.clone(), desk: Some(Desk::Retention.into()), ..User::default() }).await;
        super::absence::away(&t, &away, 3600).await;
        let people = [&gone, &full, &blind, &retention, &away, &able];
        let rule = make(&admin, round_robin(&people)).await;
        let lead = t.lead("lead").await;
        assert_eq!(told(&distribute(&admin).await, &people), ["able"]);

        let entry = assignment(&admin, &lead.id).await;
        assert_eq!((entry.actor_id.as_str(), entry.on_behalf_of.as_str()), (admin.id.as_str(), ""));
        let why = entry.decision.unwrap();
        assert_eq!((why.rule_id.as_str(), why.strategy(), why.decided_by()), (rule.id.as_str(), AssignmentStrategy::RoundRobin, DecidingKey::OnlyOne));
        let judged: Vec<(&str, &str)> = why.candidates.iter().map(|candidate| (candidate.user_id.as_str(), candidate.cause.as_str())).collect();
        let expected = [
            (&able, ""),
            (&gone, "USER_DEACTIVATED"),
            (&full, "OVER_CAPACITY"),
            (&blind, "CANNOT_VIEW"),
            (&retention, "WRONG_DESK"),
            (&away, "AWAY"),
        ];
        assert_eq!(judged, expected.map(|(user, cause)| (user.id.as_str(), cause)));
        // Whom else there is, is told to those alone who may read the directory.
        assert_eq!(assignment(&able, &lead.id).await.decision, None);
        let by_hand = t.lead_of("by hand", &able).await;
        admin.assign(&by_hand.id, &away).await.unwrap();
        assert_eq!(assignment(&admin, &by_hand.id).await.decision, None);
    }

    async fn nobody_gets_more_than_they_have_room_for(t: TestServer) {
        let admin = t.admin();
        t.create_profile(Profile { max_open_leads: Some(3), permissions: every_action(AccessLevel::Individual), ..profile("small", Role::Agent) }).await;
        let (one, two) = (t.user("one", "small").await, t.user("two", "small").await);
        for strategy in [AssignmentStrategy::RoundRobin, AssignmentStrategy::LeastLoaded, AssignmentStrategy::Weighted] {
            let made = make(&admin, rule("rule", strategy, &[&one, &two])).await;
            let new = leads(&t, 8).await;
            let outcomes = distribute(&admin).await;
            assert_eq!(counts(&outcomes, &[&one, &two]).into_values().collect::<Vec<_>>(), [3, 3]);
            assert_eq!(told(&outcomes, &[&one, &two])[6..], ["OVER_CAPACITY", "OVER_CAPACITY"]);
            for lead in new {
                admin.delete(&lead.id).await.unwrap();
            }
            change(&admin, AssignmentRule { id: made.id, name: Some(format!("{strategy:?}")), disabled: Some(true), ..Default::default() }).await.unwrap();
        }
    }

    async fn the_first_rule_whose_filter_a_lead_passes_decides(t: TestServer) {
        let (admin, ana, ben, carl) = (t.admin(), t.agent("ana").await, t.agent("ben").await, t.agent("carl").await);
        let people = [&ana, &ben, &carl];
        let of = |name: &str, filter: &str, to: &Caller| AssignmentRule {
            filter: Some(filter.to_owned()),
            ..rule(name, AssignmentStrategy::RoundRobin, &[to])
        };
        let german = make(&admin, of("german", "country = DE", &ana)).await;
        make(&admin, of("named", "name:Smith", &ben)).await;
        for (name, country) in [("Smith", "DE"), ("Smith", "FR"), ("Jones", "FR"), ("Jones", "DE")] {
            admin.create_lead(Lead { country: Some(country.to_owned()), ..named(name) }).await.unwrap();
        }
        assert_eq!(told(&distribute(&admin).await, &people), ["ana", "ben", "NO_RULE", "ana"]);
        make(&admin, of("rest", "", &carl)).await;
        assert_eq!(told(&distribute(&admin).await, &people), ["carl"]);

        // By one rule alone, and only some leads.
        for (name, country) in [("Smith", "DE"), ("Smith", "FR")] {
            admin.create_lead(Lead { country: Some(country.to_owned()), ..named(name) }).await.unwrap();
        }
        let by = |rule_id: &str, filter: &str| DistributeLeadsRequest { rule_id: rule_id.to_owned(), filter: filter.to_owned(), ..Default::default() };
        assert_eq!(told(&run(&admin, by(&german.id, "country = FR")).await.unwrap().1, &people), ["NO_RULE"]);
        assert_eq!(told(&run(&admin, by("", "country = FR")).await.unwrap().1, &people), ["ben"]);
        assert_eq!(told(&run(&admin, by(&german.id, "")).await.unwrap().1, &people), ["ana"]);
        refused(run(&admin, by(&Uuid::now_v7().to_string(), "")).await, ErrorReason::ResourceNotFound);
        change(&admin, AssignmentRule { id: german.id.clone(), disabled: Some(true), ..Default::default() }).await.unwrap();
        refused(run(&admin, by(&german.id, "")).await, ErrorReason::InvalidArgument);
        refused(run(&admin, by("", "nickname = x")).await, ErrorReason::InvalidArgument);
    }

    async fn a_groups_members_are_those_of_that_time(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let group = t.group("north", &[&ana]).await;
        make(&admin, AssignmentRule { group_id: Some(group.clone()), ..round_robin(&[]) }).await;
        leads(&t, 2).await;
        assert_eq!(told(&distribute(&admin).await, &[&ana, &ben]), ["ana", "ana"]);
        t.add_members(&group, &[&ben]).await;
        leads(&t, 3).await;
        assert_eq!(told(&distribute(&admin).await, &[&ana, &ben]), ["ben", "ana", "ben"]);
    }

    async fn a_trial_tells_what_would_be_done(t: TestServer) {
        let (admin, ana, ben, carl) = (t.admin(), t.agent("ana").await, t.agent("ben").await, t.agent("carl").await);
        let people = [&ana, &ben, &carl];
        for (name, strategy, letter) in [
            ("a", AssignmentStrategy::RoundRobin, "x"),
            ("b", AssignmentStrategy::LeastLoaded, "y"),
            ("c", AssignmentStrategy::Weighted, "z"),
        ] {
            make(&admin, AssignmentRule { filter: Some(format!("name:{letter}")), ..rule(name, strategy, &people) }).await;
        }
        let mut rows = Vec::new();
        for number in 0..450 {
            rows.push(leadward::proto::ImportRow { row_number: number, lead: Some(named(["x", "y", "z", "w"][number as usize % 4])), ..Default::default() });
        }
        admin.import(rows).await.unwrap();
        let trial = DistributeLeadsRequest { validate_only: true, ..DistributeLeadsRequest::default() };
        let (batch, tried) = run(&admin, trial).await.unwrap();
        assert_eq!((batch.as_str(), tried.len()), ("", 450));
        let (batch, done) = run(&admin, DistributeLeadsRequest::default()).await.unwrap();
        assert_eq!(told(&tried, &people), told(&done, &people));
        let whose: Vec<_> = done.iter().map(|outcome| (&outcome.lead_id, &outcome.rule_id)).collect();
        assert_eq!(tried.iter().map(|outcome| (&outcome.lead_id, &outcome.rule_id)).collect::<Vec<_>>(), whose);

        // And it can be taken back.
        let mut parts = admin.assignments().undo_assignment(UndoAssignmentRequest { batch_id: batch, validate_only: false }).await.unwrap().into_inner();
        let mut back = 0;
        while let Some(part) = parts.message().await.unwrap() {
            assert!(part.outcomes.iter().all(|outcome| outcome.done && outcome.assignee_id.is_empty()));
            back += part.outcomes.len();
        }
        assert_eq!(back, 450 - 112);
    }

    async fn nobody_gives_away_more_than_they_may(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let group = t.group("north", &[]).await;
        let chief = t.agent("chief").await;
        admin.set_permission(&chief, groups_permission(LeadAction::Assign, &[&group])).await.unwrap();
        make(&admin, round_robin(&[&ana])).await;
        let inside = t.lead_in("inside", &group).await;
        let outside = t.lead("outside").await;
        let outcomes = distribute(&chief).await;
        assert_eq!(outcomes.iter().map(|outcome| &outcome.lead_id).collect::<Vec<_>>(), [&inside.id]);
        assert_eq!(admin.get_lead(&outside.id).await.unwrap().assignee_id, "");
        assert_eq!(distribute(&ana).await.len(), 0);
    }

    /// Revoked is revoked, until somebody decides otherwise: a rule is nobody.
    async fn no_rule_gives_a_lead_to_whom_it_was_taken_from(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        make(&admin, round_robin(&[&ana, &ben])).await;
        let lead = t.lead("revoked").await;
        admin.revoke(&lead.id, &ana).await.unwrap();
        let trial = DistributeLeadsRequest { validate_only: true, ..DistributeLeadsRequest::default() };
        assert_eq!(told(&run(&admin, trial).await.unwrap().1, &[&ana, &ben]), ["ben"]);
        assert_eq!(told(&distribute(&admin).await, &[&ana, &ben]), ["ben"]);
        let why = assignment(&admin, &lead.id).await.decision.unwrap();
        assert_eq!((why.candidates[1].user_id.as_str(), why.candidates[1].cause.as_str()), (ana.id.as_str(), "CANNOT_VIEW"));
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
        admin.assign(&lead.id, &ana).await.unwrap();
        ana.get_lead(&lead.id).await.unwrap();
    }

    /// How many leads somebody has, be it beside others, is told to those alone who may view all of them.
    async fn why_it_was_this_agent_tells_nothing_of_hidden_leads(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        t.create_profile(Profile {
            permissions: every_action(AccessLevel::Individual),
            capabilities: vec![Capability::ManageDirectory.into()],
            ..profile("clerk", Role::Manager)
        })
        .await;
        let clerk = t.user("clerk", "clerk").await;
        t.lead_of("hidden", &ben).await;
        make(&admin, rule("least", AssignmentStrategy::LeastLoaded, &[&ana, &ben])).await;
        let lead = t.lead("lead").await;
        distribute(&admin).await;
        admin.grant(&lead.id, &clerk, GrantMode::ViewOnly).await.unwrap();
        let why = assignment(&admin, &lead.id).await.decision.unwrap();
        assert_eq!((why.candidates[1].open_leads, why.candidates[1].last_assign_time.is_some()), (Some(1), true));
        assert_eq!(assignment(&clerk, &lead.id).await.decision, None);
    }

    /// Which rule decides tells of what the rule asks.
    async fn rules_about_orders_are_for_those_who_see_them(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let group = t.group("north", &[]).await;
        let chief = t.agent("chief").await;
        admin.set_permission(&chief, groups_permission(LeadAction::Assign, &[&group])).await.unwrap();
        let lead = t.lead_in("lead", &group).await;
        make(&admin, AssignmentRule { filter: Some("last_order_status = COMPLETED".to_owned()), ..round_robin(&[&ana]) }).await;
        for validate_only in [true, false] {
            let request = DistributeLeadsRequest { validate_only, ..DistributeLeadsRequest::default() };
            let refusal = refused(run(&chief, request).await, ErrorReason::ActionNotPermitted);
            assert_eq!(crate::support::fact(&refusal, "action"), "VIEW");
        }
        admin.set_permission(&chief, groups_permission(LeadAction::View, &[&group])).await.unwrap();
        assert_eq!(told(&distribute(&chief).await, &[&ana]), ["NO_RULE"]);
        assert_eq!(super::unplaced::list(&chief).await, [(lead.id, "NO_RULE".to_owned())]);
    }

    async fn a_request_that_was_done_to_its_end_is_done_once(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        make(&admin, round_robin(&[&ana])).await;
        leads(&t, 2).await;
        let request = DistributeLeadsRequest { request_id: Uuid::new_v4().to_string(), ..Default::default() };
        let (batch, outcomes) = run(&admin, request.clone()).await.unwrap();
        assert_eq!(outcomes.len(), 2);
        let later = t.lead("later").await;
        let (again, outcomes) = run(&admin, request).await.unwrap();
        assert_eq!((again, outcomes.len()), (batch, 0));
        assert_eq!(admin.get_lead(&later.id).await.unwrap().assignee_id, "");
    }
}
