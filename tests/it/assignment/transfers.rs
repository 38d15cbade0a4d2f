//! Somebody's leads given to others, for good or for some time.

use std::time::Duration;

use leadward::proto::{
    AccessLevel, AssignmentOutcome, AssignmentPlan, ErrorReason, Lead, LeadAction, LeadHistoryKind, LeadState,
    RevocationPolicy, TransferLeadsRequest,
};
use prost_types::Timestamp;
use tokio::time::{Instant, sleep};
use tonic::Status;
use uuid::Uuid;

use super::{all_told, undo::undo, who_takes};
use crate::support::{
    Caller, TestServer, faults, named, on_both_databases, permission, refused, seconds_ago, seconds_from_now,
};

fn transfer(of: &Caller, to: &[&Caller]) -> TransferLeadsRequest {
    TransferLeadsRequest {
        user_id: of.id.clone(),
        assignee_ids: to.iter().map(|user| user.id.clone()).collect(),
        ..TransferLeadsRequest::default()
    }
}

async fn run(
    caller: &Caller,
    request: TransferLeadsRequest,
) -> Result<(AssignmentPlan, String, Vec<AssignmentOutcome>), Status> {
    let mut parts = caller.assignments().transfer_leads(request).await?.into_inner();
    let first = parts.message().await?.expect("a plan");
    let mut outcomes = Vec::new();
    while let Some(part) = parts.message().await? {
        outcomes.extend(part.outcomes);
    }
    Ok((first.plan.expect("a plan"), first.batch_id, outcomes))
}

/// Until a lead is somebody's.
async fn becomes(caller: &Caller, lead: &Lead, whose: &Caller) {
    let until = Instant::now() + Duration::from_secs(60);
    while caller.get_lead(&lead.id).await.unwrap().assignee_id != whose.id {
        assert!(Instant::now() < until, "{} has not gone to {}", lead.name(), whose.name);
        sleep(Duration::from_millis(200)).await;
    }
}

on_both_databases! {
    async fn whoever_leaves_leaves_no_open_lead(t: TestServer) {
        let (admin, gone, ana, ben) = (t.admin(), t.agent("gone").await, t.agent("ana").await, t.agent("ben").await);
        let (one, two, three) = (t.lead_of("one", &gone).await, t.lead_of("two", &gone).await, t.lead_of("three", &gone).await);
        let (resolved, discarded, other) = (t.lead_of("resolved", &gone).await, t.lead_of("discarded", &gone).await, t.lead_of("other", &ben).await);
        gone.resolve(&resolved.id).await.unwrap();
        admin.discard(&discarded.id).await.unwrap();
        t.deactivate(&gone).await;

        let told = run(&admin, TransferLeadsRequest { validate_only: true, ..transfer(&gone, &[&ana, &ben]) }).await.unwrap();
        assert_eq!((told.0.leads, told.1.as_str()), (3, ""));
        assert_eq!(all_told(&told.2, &[&ana, &ben]), ["ana", "ben", "ana"]);
        let request = TransferLeadsRequest { plan_token: told.0.plan_token, ..transfer(&gone, &[&ana, &ben]) };
        let (plan, batch, outcomes) = run(&admin, request.clone()).await.unwrap();
        assert_eq!((plan.leads, all_told(&outcomes, &[&ana, &ben])), (3, vec!["ana".to_owned(), "ben".to_owned(), "ana".to_owned()]));
        assert_eq!(outcomes[0].previous_assignee.as_ref().unwrap().user_id, gone.id);
        for (lead, whose) in [(&one, &ana), (&two, &ben), (&three, &ana), (&resolved, &gone), (&discarded, &gone), (&other, &ben)] {
            assert_eq!(admin.get_lead(&lead.id).await.unwrap().assignee_id, whose.id, "{}", lead.name());
        }
        refused(run(&admin, request).await.map(drop), ErrorReason::PlanChanged);
        // They can't go back to somebody who is gone.
        let back = undo(&admin, &batch).await;
        assert!(back.iter().all(|outcome| !outcome.done), "{back:?}");
        let same = refused(run(&admin, transfer(&gone, &[&ana, &gone])).await.map(drop), ErrorReason::InvalidArgument);
        assert_eq!(faults(&same), ["assignee_ids[1]"]);
        let nobody = TransferLeadsRequest { user_id: Uuid::now_v7().to_string(), ..transfer(&gone, &[&ana]) };
        refused(run(&admin, nobody).await.map(drop), ErrorReason::ResourceNotFound);
    }

    async fn a_part_of_somebodys_leads(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let german = Lead { country: Some("DE".to_owned()), assignee_id: ana.id.clone(), ..named("german") };
        let german = admin.create_lead(german).await.unwrap();
        let other = t.lead_of("other", &ana).await;
        let request = TransferLeadsRequest { filter: "country = DE".to_owned(), ..transfer(&ana, &[&ben]) };
        let (plan, _, _) = run(&admin, request).await.unwrap();
        assert_eq!(plan.leads, 1);
        assert_eq!(ben.get_lead(&german.id).await.unwrap().assignee_id, ben.id);
        assert_eq!(ana.get_lead(&other.id).await.unwrap().assignee_id, ana.id);
        // Whoever may assign their own gives those away, and of another's there are none.
        for agent in [&ana, &ben] {
            admin.set_permission(agent, permission(LeadAction::Assign, AccessLevel::Individual)).await.unwrap();
        }
        assert_eq!(run(&ana, transfer(&ben, &[&ana])).await.unwrap().0.leads, 0);
        assert_eq!(run(&ben, transfer(&ben, &[&ana])).await.unwrap().0.leads, 1);
    }

    async fn what_was_given_for_some_time_goes_back(t: TestServer) {
        let (admin, ana, ben, carl) = (t.admin(), t.agent("ana").await, t.agent("ben").await, t.agent("carl").await);
        let mut leads = Vec::new();
        for name in ["untouched", "worked", "reassigned", "reassigned and back", "resolved", "discarded", "deleted", "revoked"] {
            leads.push(t.lead_of(name, &ana).await);
        }
        let [untouched, worked, reassigned, circled, resolved, discarded, deleted, revoked] = leads.as_slice() else {
            panic!("eight leads")
        };
        for return_time in [seconds_ago(60), Timestamp { seconds: 253_402_300_799, nanos: 0 }] {
            let request = TransferLeadsRequest { return_time: Some(return_time), ..transfer(&ana, &[&ben]) };
            assert_eq!(faults(&refused(run(&admin, request).await.map(drop), ErrorReason::InvalidArgument)), ["return_time"]);
        }
        let return_time = Some(seconds_from_now(4));
        let (plan, _, _) = run(&admin, TransferLeadsRequest { return_time, ..transfer(&ana, &[&ben]) }).await.unwrap();
        assert_eq!(plan.leads, 8);
        refused(ana.get_lead(&untouched.id).await, ErrorReason::LeadNotFound);
        let campaign = Lead { id: worked.id.clone(), campaign: Some("spring".to_owned()), ..Lead::default() };
        ben.update_lead(campaign, &[]).await.unwrap();
        admin.assign(&reassigned.id, &carl).await.unwrap();
        admin.assign(&circled.id, &carl).await.unwrap();
        admin.assign(&circled.id, &ben).await.unwrap();
        ben.resolve(&resolved.id).await.unwrap();
        admin.discard(&discarded.id).await.unwrap();
        admin.delete(&deleted.id).await.unwrap();
        admin.revoke(&revoked.id, &ana).await.unwrap();

        becomes(&admin, untouched, &ana).await;
        becomes(&admin, worked, &ana).await;
        for (lead, whose) in [(reassigned, &carl), (circled, &ben), (resolved, &ben), (discarded, &ben), (revoked, &ben)] {
            assert_eq!(admin.get_lead(&lead.id).await.unwrap().assignee_id, whose.id, "{}", lead.name());
        }
        assert_eq!(admin.get_lead(&resolved.id).await.unwrap().state(), LeadState::Resolved);
        refused(ben.get_lead(&untouched.id).await, ErrorReason::LeadNotFound);
        let history = admin.history(&untouched.id).await.unwrap();
        assert_eq!((history[0].kind(), history[0].actor_id.as_str()), (LeadHistoryKind::Assigned, admin.id.as_str()));
    }

    /// Whoever comes back is full at that time, and has room later; and a batch that was undone before has nothing left to go back.
    async fn what_goes_back_is_still_judged(t: TestServer) {
        let (admin, small, ben) = (t.admin(), who_takes(&t, "small", 1).await, t.agent("ben").await);
        let lead = t.lead_of("lead", &small).await;
        let return_time = Some(seconds_from_now(2));
        run(&admin, TransferLeadsRequest { return_time, ..transfer(&small, &[&ben]) }).await.unwrap();
        let instead = t.lead_of("instead", &small).await;

        let (ana, early) = (t.agent("ana").await, t.agent("early").await);
        let undone = t.lead_of("undone", &ana).await;
        let request = TransferLeadsRequest { return_time, ..transfer(&ana, &[&early]) };
        let (_, batch, _) = run(&admin, request).await.unwrap();
        assert!(undo(&admin, &batch).await[0].done);
        admin.assign(&undone.id, &early).await.unwrap();

        sleep(Duration::from_secs(12)).await;
        assert_eq!(admin.get_lead(&lead.id).await.unwrap().assignee_id, ben.id, "who is full gets nothing back");
        assert_eq!(admin.get_lead(&undone.id).await.unwrap().assignee_id, early.id, "it went back before");
        assert_eq!(admin.get_lead(&instead.id).await.unwrap().assignee_id, small.id);
    }

    async fn a_transfer_keeps_what_its_policy_says(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ana).await;
        let keep = RevocationPolicy::KeepViewOnly.into();
        let request = TransferLeadsRequest { revocation_policy: keep, ..transfer(&ana, &[&ben]) };
        let (plan, _, outcomes) = run(&admin, request.clone()).await.unwrap();
        assert_eq!(plan.revocation_policy(), RevocationPolicy::KeepViewOnly);
        assert_eq!(outcomes[0].previous_assignee.as_ref().unwrap().remaining_paths.len(), 1);
        ana.get_lead(&lead.id).await.unwrap();
        refused(run(&ben, request).await.map(drop), ErrorReason::CapabilityRequired);
    }
}
