//! Who may ask what somebody may do, about which leads, and about how many at once.

use std::collections::BTreeSet;

use leadward::proto::{
    AccessCheck, AccessCheckResult, AccessLevel, BatchCheckAccessRequest, CheckAccessRequest, ErrorReason,
    ExplainAccessRequest, GrantMode, ImportRow, LeadAction, LeadState, Permission, access_check_result::Outcome,
};
use tonic::Status;
use uuid::Uuid;

use crate::support::{
    ACTIONS, Caller, TestServer, answer, fact, faults, groups_permission, item_status, named, on_both_databases,
    permission, refused,
};

const STATES: [LeadState; 3] = [LeadState::Active, LeadState::Discarded, LeadState::Resolved];

/// The three questions, answered alike or refused alike.
async fn asks(caller: &Caller, about: &Caller, action: LeadAction, lead_id: &str) -> [Result<bool, Status>; 3] {
    let check = caller.check(about, action, lead_id).await;
    let batch =
        check_all(caller, &about.id, &[AccessCheck { action: action.into(), lead_id: lead_id.to_owned() }]).await;
    let batch = batch.and_then(|results| match results[0].outcome.as_ref().expect("an outcome") {
        Outcome::Allowed(allowed) => Ok(*allowed),
        Outcome::Error(error) => Err(item_status(error)),
    });
    let explained = caller.explain(about, action, lead_id).await;
    [check, batch, explained.map(|answer| answer.allowed)]
}

async fn check_all(caller: &Caller, user_id: &str, checks: &[AccessCheck]) -> Result<Vec<AccessCheckResult>, Status> {
    let request = BatchCheckAccessRequest { user_id: user_id.to_owned(), checks: checks.to_vec() };
    Ok(caller.permissions().batch_check_access(request).await?.into_inner().results)
}

on_both_databases! {
    async fn others_are_asked_about_by_who_configures_them(t: TestServer) {
        let (mia, lee) = (t.manager("mia").await, t.manager("lee").await);
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ben).await;
        for asker in [&mia, &t.admin()] {
            for answer in asks(asker, &ben, LeadAction::Edit, &lead.id).await {
                assert!(answer.unwrap());
            }
        }
        for refusal in asks(&ana, &ben, LeadAction::View, &lead.id).await {
            let status = refused(refusal, ErrorReason::CapabilityRequired);
            assert_eq!(fact(&status, "capability"), "CONFIGURE_PERMISSIONS");
        }
        for above in [&lee, &t.admin()] {
            for refusal in asks(&mia, above, LeadAction::View, &lead.id).await {
                refused(refusal, ErrorReason::RoleNotBelow);
            }
        }
        let mut nobody = ana.clone();
        nobody.id = Uuid::now_v7().to_string();
        for refusal in asks(&mia, &nobody, LeadAction::View, &lead.id).await {
            refused(refusal, ErrorReason::ResourceNotFound);
        }
    }

    async fn everyone_asks_about_themselves(t: TestServer) {
        let ana = t.agent("ana").await;
        let own = t.lead_of("own", &ana).await;
        for (action, allowed) in [(LeadAction::Edit, true), (LeadAction::Delete, false)] {
            for answer in asks(&ana, &ana, action, &own.id).await {
                assert_eq!(answer.unwrap(), allowed);
            }
        }
        // No user means the caller, and no action means VIEW.
        let (user_id, lead_id) = (String::new(), own.id.clone());
        let request = CheckAccessRequest { user_id: user_id.clone(), action: 0, lead_id: lead_id.clone() };
        assert!(ana.permissions().check_access(request).await.unwrap().into_inner().allowed);
        let results = check_all(&ana, "", &[AccessCheck { action: 0, lead_id: lead_id.clone() }]).await.unwrap();
        assert_eq!(results[0].outcome, Some(Outcome::Allowed(true)));
        let request = ExplainAccessRequest { user_id, action: 0, lead_id };
        let explained = ana.permissions().explain_access(request).await.unwrap().into_inner();
        assert_eq!(explained, ana.explain(&ana, LeadAction::View, &own.id).await.unwrap());
    }

    /// Each action stands by itself: a list for DELETE shows the lead too. Its reasons tell more than that it is there.
    async fn a_lead_that_an_action_covers_and_view_does_not_is_checked_but_not_explained(t: TestServer) {
        let (ana, lead) = (t.agent("ana").await, t.lead("lead").await);
        t.admin().set_permission(&ana, permission(LeadAction::Delete, AccessLevel::Complete)).await.unwrap();
        let [check, batch, explained] = asks(&ana, &ana, LeadAction::Delete, &lead.id).await;
        assert!(check.unwrap() && batch.unwrap());
        refused(explained, ErrorReason::LeadNotFound);
        for refusal in asks(&ana, &ana, LeadAction::Edit, &lead.id).await {
            refused(refusal, ErrorReason::LeadNotFound);
        }
    }

    /// What the user in question may do says nothing to somebody who may not view the lead.
    async fn a_hidden_lead_and_an_absent_one_are_the_same_answer_to_every_question(t: TestServer) {
        let (mia, ana) = (t.manager("mia").await, t.agent("ana").await);
        t.admin().set_permission(&mia, permission(LeadAction::View, AccessLevel::Individual)).await.unwrap();
        let absent = Uuid::now_v7().to_string();
        for hidden in [t.lead_of("Ana's", &ana).await, t.lead("pooled").await] {
            for action in ACTIONS {
                let about_hidden = asks(&mia, &ana, action, &hidden.id).await;
                let about_absent = asks(&mia, &ana, action, &absent).await;
                for (hidden, absent) in about_hidden.into_iter().zip(about_absent) {
                    let hidden = refused(hidden, ErrorReason::LeadNotFound);
                    assert_eq!(answer(&hidden), answer(&absent.unwrap_err()));
                }
            }
        }
    }

    async fn a_batch_keeps_its_order_and_its_duplicates_and_a_lead_not_found_stops_no_other(t: TestServer) {
        let ana = t.agent("ana").await;
        let (own, hidden) = (t.lead_of("own", &ana).await, t.lead("hidden").await);
        let absent = Uuid::now_v7().to_string();
        let checks = [
            (LeadAction::Delete, own.id.as_str()),
            (LeadAction::View, absent.as_str()),
            (LeadAction::Edit, own.id.as_str()),
            (LeadAction::View, hidden.id.as_str()),
            (LeadAction::Edit, own.id.as_str()),
            (LeadAction::Delete, own.id.as_str()),
        ];
        let not_found = || Err("LEAD_NOT_FOUND".to_owned());
        let results = ana.batch_check(&ana, &checks).await.unwrap();
        assert_eq!(results, [Ok(false), not_found(), Ok(true), not_found(), Ok(true), Ok(false)]);
        let results = t.admin().batch_check(&ana, &checks).await.unwrap();
        assert_eq!(results, [Ok(false), not_found(), Ok(true), Ok(false), Ok(true), Ok(false)]);
    }

    async fn a_batch_holds_one_to_a_thousand_pairs(t: TestServer) {
        let ana = t.agent("ana").await;
        let own = t.lead_of("own", &ana).await;
        let check = AccessCheck { action: LeadAction::View.into(), lead_id: own.id };
        for many in [0, 1001] {
            let refusal = check_all(&ana, "", &vec![check.clone(); many]).await;
            assert_eq!(faults(&refused(refusal, ErrorReason::InvalidArgument)), ["checks"]);
        }
        for many in [1, 1000] {
            let results = check_all(&ana, "", &vec![check.clone(); many]).await.unwrap();
            assert_eq!(results.len(), many);
            assert!(results.iter().all(|result| result.outcome == Some(Outcome::Allowed(true))));
        }
    }

    /// 125 leads by eight actions: with what the lists show, and with single questions.
    async fn a_thousand_answers_agree_with_lists_and_with_single_checks(t: TestServer) {
        let ana = t.agent("ana").await;
        let north = t.group("north", &[&ana]).await;
        let leads = company_of(&t, &ana).await;
        let pool = Permission { include_unassigned: true, ..permission(LeadAction::Retrieve, AccessLevel::Individual) };
        let member = Permission { include_member_groups: true, ..groups_permission(LeadAction::Export, &[]) };
        for level in [
            groups_permission(LeadAction::View, &[&north]),
            pool,
            member,
            permission(LeadAction::Delete, AccessLevel::Complete),
            permission(LeadAction::Assign, AccessLevel::None),
        ] {
            t.admin().set_permission(&ana, level).await.unwrap();
        }

        let pairs: Vec<(LeadAction, &str)> =
            leads.iter().flat_map(|id| ACTIONS.map(|action| (action, id.as_str()))).collect();
        assert_eq!(pairs.len(), 1_000);
        let results = t.admin().batch_check(&ana, &pairs).await.unwrap();
        for action in ACTIONS {
            let listed = ana.list_leads_in(action, &STATES, 1_000).await.unwrap();
            let listed: BTreeSet<String> = listed.into_iter().map(|lead| lead.id).collect();
            let answers = pairs.iter().zip(&results).filter(|((asked, _), result)| *asked == action && **result == Ok(true));
            let allowed: BTreeSet<String> = answers.map(|((_, id), _)| (*id).to_owned()).collect();
            assert_eq!(allowed, listed, "{action:?}");
        }
        for ((action, id), result) in pairs.iter().zip(&results).step_by(37) {
            assert_eq!(t.admin().check(&ana, *action, id).await.ok(), result.clone().ok(), "{action:?}");
        }
        let viewed: BTreeSet<&str> = pairs
            .iter()
            .zip(&results)
            .filter(|((action, _), result)| *action == LeadAction::View && **result == Ok(true))
            .map(|((_, id), _)| *id)
            .collect();
        let by_herself = ana.batch_check(&ana, &pairs).await.unwrap();
        for (((_, id), about), by) in pairs.iter().zip(&results).zip(&by_herself) {
            let shown = viewed.contains(id) || *about == Ok(true);
            let expected = if shown { about.clone() } else { Err("LEAD_NOT_FOUND".to_owned()) };
            assert_eq!(*by, expected);
        }
    }
}

/// 125 leads: of the user, of the group "north", granted, revoked, discarded, resolved, and others.
async fn company_of(t: &TestServer, ana: &Caller) -> Vec<String> {
    let ben = t.agent("ben").await;
    let row = |n: i64| {
        let assignee = ["ana", "ben", ""][usize::try_from(n % 3).unwrap()];
        let assignee_email = if assignee.is_empty() { String::new() } else { format!("{assignee}@example.com") };
        let group_name = if n % 4 == 0 { "north".to_owned() } else { String::new() };
        let lead = Some(named(&format!("lead {n}")));
        ImportRow { row_number: n, lead, assignee_email, group_name, ..ImportRow::default() }
    };
    let results = t.admin().import((0..125).map(row).collect()).await.unwrap();
    let ids: Vec<String> = results.into_iter().map(|result| result.lead_id).collect();
    for (n, id) in ids.iter().enumerate() {
        match n % 15 {
            1 => drop(t.admin().grant(id, ana, GrantMode::ViewOnly).await.unwrap()),
            3 => drop(t.admin().assign(id, &ben).await.unwrap()),
            4 => drop(t.admin().grant(id, ana, GrantMode::Full).await.unwrap()),
            5 | 8 => t.admin().revoke(id, ana).await.unwrap(),
            6 => drop(t.admin().discard(id).await.unwrap()),
            9 => drop(t.admin().resolve(id).await.unwrap()),
            _ => {}
        }
    }
    ids
}
