//! Leads that nobody works, and agents who take them.

use std::time::Duration;

use futures::future::join_all;
use leadward::proto::{
    AccessLevel, ClaimLeadRequest, Desk, ErrorReason, LeadAction, LeadHistoryKind, LeadState, Permission, Profile,
    Role, User,
};
use sea_orm::{ConnectionTrait, TransactionTrait};

use crate::support::{
    Caller, Database, TestServer, every_action, fact, on_both_databases, permission, profile, reason, refused,
};

const ROUNDS: usize = 8;

/// Lets an agent see the leads that nobody works.
async fn with_the_pool(t: &TestServer, agent: &Caller) {
    let pool = Permission { include_unassigned: true, ..permission(LeadAction::View, AccessLevel::Individual) };
    t.admin().set_permission(agent, pool).await.unwrap();
}

async fn agent_of_the_pool(t: &TestServer, name: &str) -> Caller {
    let agent = t.agent(name).await;
    with_the_pool(t, &agent).await;
    agent
}

on_both_databases! {
    async fn an_agent_claims_a_lead_that_nobody_works(t: TestServer) {
        let (ana, ben) = (agent_of_the_pool(&t, "ana").await, agent_of_the_pool(&t, "ben").await);
        let lead = t.lead("lead").await;
        ben.get_lead(&lead.id).await.unwrap();

        let claimed = ana.claim(&lead.id).await.unwrap();
        assert_eq!(claimed.assignee_id, ana.id);
        assert_eq!(ana.get_lead(&lead.id).await.unwrap(), claimed);
        refused(ben.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
        let history = t.admin().history(&lead.id).await.unwrap();
        assert_eq!((history[0].kind(), history[0].actor_id.as_str()), (LeadHistoryKind::Assigned, ana.id.as_str()));
    }

    async fn of_many_who_claim_a_lead_at_once_exactly_one_gets_it(t: TestServer) {
        let mut agents = Vec::new();
        for name in ["ana", "ben", "carl", "dora", "emil", "fay"] {
            agents.push(agent_of_the_pool(&t, name).await);
        }
        for round in 0..ROUNDS {
            let lead = t.lead(&format!("lead {round}")).await;
            let answers = join_all(agents.iter().map(|agent| agent.claim(&lead.id))).await;
            let assignee = t.admin().get_lead(&lead.id).await.unwrap().assignee_id;
            for (agent, answer) in agents.iter().zip(answers) {
                match answer {
                    Ok(claimed) => assert_eq!((&claimed.assignee_id, &assignee), (&agent.id, &agent.id)),
                    // Whoever called after the winner was answered has lost sight of it.
                    Err(status) => assert!(["CLAIM_LOST", "LEAD_NOT_FOUND"].contains(&reason(&status).as_str())),
                }
            }
            assert!(agents.iter().any(|agent| agent.id == assignee), "somebody gets it");
            let history = t.admin().history(&lead.id).await.unwrap();
            let given = history.iter().filter(|entry| entry.kind() == LeadHistoryKind::Assigned);
            assert_eq!(given.count(), 1, "{history:?}");
        }
    }

    async fn what_somebody_works_is_not_to_be_claimed(t: TestServer) {
        let (mia, ana) = (t.manager("mia").await, t.agent("ana").await);
        let lead = t.lead_of("lead", &ana).await;
        refused(mia.claim(&lead.id).await, ErrorReason::ClaimLost);
        assert_eq!(t.admin().get_lead(&lead.id).await.unwrap(), lead);
        assert_eq!(ana.claim(&lead.id).await.unwrap(), lead, "one's own is claimed already");
    }

    async fn what_is_out_of_reach_is_not_there_to_be_claimed(t: TestServer) {
        let ana = t.agent("ana").await;
        refused(ana.claim(&t.lead("lead").await.id).await, ErrorReason::LeadNotFound);
    }

    async fn only_active_leads_are_claimed_and_by_their_etag(t: TestServer) {
        let (admin, ana) = (t.admin(), agent_of_the_pool(&t, "ana").await);
        let (resolved, lead) = (t.lead("resolved").await, t.lead("lead").await);
        admin.resolve(&resolved.id).await.unwrap();
        let status = refused(ana.claim(&resolved.id).await, ErrorReason::LeadState);
        assert_eq!(fact(&status, "state"), "RESOLVED");

        let by_etag = async |etag: &str| {
            let request = ClaimLeadRequest { lead_id: lead.id.clone(), etag: etag.to_owned(), ..Default::default() };
            ana.assignments().claim_lead(request).await
        };
        let stale = admin.get_lead(&resolved.id).await.unwrap().etag;
        refused(by_etag(&stale).await, ErrorReason::StaleEtag);
        let claimed = by_etag(&lead.etag).await.unwrap().into_inner().lead.unwrap();
        assert_eq!((claimed.state(), claimed.assignee_id), (LeadState::Active, ana.id));
    }

    async fn a_claim_asks_what_every_assignment_asks(t: TestServer) {
        let admin = t.admin();
        let rita = agent_of_the_pool(&t, "rita").await;
        t.update_user(User { id: rita.id.clone(), desk: Some(Desk::Retention.into()), ..User::default() }).await;
        let small = Profile {
            permissions: every_action(AccessLevel::Individual),
            max_open_leads: Some(1),
            ..profile("small", Role::Agent)
        };
        t.create_profile(small).await;
        let (sam, lea) = (t.user("sam", "small").await, t.user("lea", "leads-agent").await);
        for agent in [&sam, &lea] {
            with_the_pool(&t, agent).await;
        }
        t.lead_of("Sam's", &sam).await;
        let (lead, ordered) = (t.lead("lead").await, t.lead("ordered").await);
        admin.place_order(&ordered.id, "N-1").await.unwrap();

        for (agent, cause) in [(&rita, "WRONG_DESK"), (&sam, "OVER_CAPACITY"), (&lea, "NO_PARTIAL_ORDER")] {
            let status = refused(agent.claim(&lead.id).await, ErrorReason::IneligibleAssignee);
            assert_eq!(fact(&status, "cause"), cause);
        }
        assert_eq!(lea.claim(&ordered.id).await.unwrap().assignee_id, lea.id);
        assert_eq!(admin.get_lead(&lead.id).await.unwrap(), lead);
    }
}

/// A lead that is there when the call begins, and somebody else's when its turn comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_lead_that_is_taken_while_a_claim_waits_is_lost() {
    let t = TestServer::start(Database::Postgres).await;
    let (ana, ben) = (agent_of_the_pool(&t, "ana").await, t.agent("ben").await);
    let lead = t.lead("lead").await;
    let database = sea_orm::Database::connect(t.database_url()).await.unwrap();
    let other = database.begin().await.unwrap();
    let take = format!("UPDATE leads SET assignee_id = '{}', version = version + 1 WHERE id = '{}'", ben.id, lead.id);
    other.execute_unprepared(&take).await.unwrap();

    let commit = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        other.commit().await.unwrap();
    };
    let (claimed, ()) = tokio::join!(ana.claim(&lead.id), commit);
    refused(claimed, ErrorReason::ClaimLost);
    assert_eq!(t.admin().get_lead(&lead.id).await.unwrap().assignee_id, ben.id);
}
