//! Two at once: one assignee, and a history without a gap.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use futures::future::join_all;
use leadward::{
    model::ids::UserId,
    proto::{AssignLeadRequest, AssignLeadResponse, ErrorReason, GrantMode, Lead, LeadHistoryKind},
    store::{self, Store, users},
};
use sea_orm::{ConnectionTrait, TransactionTrait};
use tokio::{sync::oneshot, time::timeout};
use tonic::Status;

use crate::support::{Caller, Database, TestServer, fact, on_both_databases, refused};

const ROUNDS: usize = 12;

async fn assign_version(caller: &Caller, lead: &Lead, to: &Caller) -> Result<AssignLeadResponse, Status> {
    let request = AssignLeadRequest {
        lead_id: lead.id.clone(),
        assignee_id: to.id.clone(),
        etag: lead.etag.clone(),
        ..AssignLeadRequest::default()
    };
    Ok(caller.assignments().assign_lead(request).await?.into_inner())
}

/// The assignees of a lead one after the other, where each change begins with what the one before ended with.
async fn chain_of_assignees(t: &TestServer, lead: &Lead) -> Vec<String> {
    let mut history = t.admin().history(&lead.id).await.unwrap();
    history.reverse();
    let mut chain: Vec<String> = vec![String::new()];
    for entry in history.iter().filter(|entry| entry.kind() == LeadHistoryKind::Assigned) {
        let change = entry.changes.iter().find(|change| change.field == "assignee_id").expect("the assignee changes");
        assert_eq!(Some(change.before()), chain.last().map(String::as_str), "{history:?}");
        chain.push(change.after().to_owned());
    }
    chain.split_off(1)
}

on_both_databases! {
    async fn two_assigns_at_once_leave_one_assignee_and_a_whole_history(t: TestServer) {
        let (admin, mia) = (t.admin(), t.manager("mia").await);
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        for round in 0..ROUNDS {
            let lead = t.lead(&format!("lead {round}")).await;
            let (one, two) = tokio::join!(admin.assign(&lead.id, &ana), mia.assign(&lead.id, &ben));
            one.unwrap();
            two.unwrap();

            let chain = chain_of_assignees(&t, &lead).await;
            let assignee = admin.get_lead(&lead.id).await.unwrap().assignee_id;
            assert_eq!((chain.len(), chain.last()), (2, Some(&assignee)));
            for agent in [&ana, &ben] {
                assert_eq!(agent.get_lead(&lead.id).await.is_ok(), agent.id == assignee);
            }
        }
    }

    async fn many_assigns_at_once_leave_a_whole_history(t: TestServer) {
        let admin = t.admin();
        let mut agents = Vec::new();
        for name in ["ana", "ben", "carl", "dora"] {
            agents.push(t.agent(name).await);
        }
        let lead = t.lead("lead").await;
        let assigns = agents.iter().cycle().take(24).map(|agent| admin.assign(&lead.id, agent));
        for answer in join_all(assigns).await {
            answer.unwrap();
        }
        let chain = chain_of_assignees(&t, &lead).await;
        let assignee = admin.get_lead(&lead.id).await.unwrap().assignee_id;
        assert!(chain.len() >= agents.len() && chain.last() == Some(&assignee), "{chain:?}");
        assert!(chain.windows(2).all(|pair| pair[0] != pair[1]), "assigning to the assignee is no change: {chain:?}");
        for agent in &agents {
            assert_eq!(agent.get_lead(&lead.id).await.is_ok(), agent.id == assignee);
        }
    }

    async fn of_two_assigns_of_one_version_exactly_one_wins(t: TestServer) {
        let (admin, mia) = (t.admin(), t.manager("mia").await);
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        for round in 0..ROUNDS {
            let lead = t.lead(&format!("lead {round}")).await;
            let (one, two) = tokio::join!(assign_version(&admin, &lead, &ana), assign_version(&mia, &lead, &ben));
            let (winner, won, lost) = if one.is_ok() { (&ana, one, two) } else { (&ben, two, one) };
            let won = won.unwrap().lead.unwrap();
            refused(lost, ErrorReason::StaleEtag);
            assert_eq!(admin.get_lead(&lead.id).await.unwrap(), won);
            assert_eq!(chain_of_assignees(&t, &lead).await, [winner.id.clone()]);
        }
    }

    /// Whichever comes first, the end is one of the two orders, never a mixture.
    async fn a_grant_and_a_revocation_at_once_end_as_one_of_them(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        for round in 0..ROUNDS {
            let lead = t.lead(&format!("lead {round}")).await;
            let (granted, revoked) =
                tokio::join!(admin.grant(&lead.id, &ana, GrantMode::Full), admin.revoke(&lead.id, &ana));
            granted.unwrap();
            revoked.unwrap();
            let last = admin.history(&lead.id).await.unwrap()[0].kind();
            assert_eq!(ana.get_lead(&lead.id).await.is_ok(), last == LeadHistoryKind::AccessGranted);
        }
    }
}

/// On PostgreSQL alone: SQLite has one writer, and nothing comes between what it reads and writes.
#[tokio::test(flavor = "multi_thread")]
async fn an_assignment_that_waits_for_a_deactivation_sees_it() {
    let t = TestServer::start(Database::Postgres).await;
    let (ana, lead) = (t.agent("ana").await, t.lead("lead").await);
    let database = sea_orm::Database::connect(t.database_url()).await.unwrap();
    let deactivation = database.begin().await.unwrap();
    let deactivate = format!("UPDATE users SET state = 'DEACTIVATED' WHERE id = '{}'", ana.id);
    deactivation.execute_unprepared(&deactivate).await.unwrap();

    let admin = t.admin();
    let commit = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        deactivation.commit().await.unwrap();
    };
    let (assigned, ()) = tokio::join!(admin.assign(&lead.id, &ana), commit);
    let status = refused(assigned, ErrorReason::IneligibleAssignee);
    assert_eq!(fact(&status, "cause"), "USER_DEACTIVATED");
    assert_eq!(admin.get_lead(&lead.id).await.unwrap().assignee_id, "");
}

/// Access lists refer to users, and a batch may take its time: whoever is being given leads can be granted others meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_being_given_leads_can_be_granted_others_meanwhile() {
    let t = TestServer::start(Database::Postgres).await;
    let (ana, lead) = (t.agent("ana").await, t.lead("lead").await);
    let store = Store::open(t.database_url()).await.unwrap();
    let (locked, is_locked) = oneshot::channel();
    let (let_go, is_over) = oneshot::channel::<()>();
    let channels = Mutex::new(Some((locked, is_over)));
    let user: BTreeSet<UserId> = [ana.id.parse().unwrap()].into();
    let giving = store.write((user, channels), |tx, args| async move {
        let (user, channels) = &*args;
        users::lock(&tx, user).await?;
        let (locked, is_over) = channels.lock().unwrap().take().expect("the transaction runs once");
        locked.send(()).unwrap();
        is_over.await.ok();
        Ok::<_, store::Error>(())
    });
    let granting = async {
        is_locked.await.unwrap();
        let granted = timeout(Duration::from_secs(20), t.admin().grant(&lead.id, &ana, GrantMode::Full)).await;
        drop(let_go);
        granted.expect("the grant doesn't wait").unwrap();
    };
    let (given, ()) = tokio::join!(giving, granting);
    given.unwrap();
    store.close().await;
}
