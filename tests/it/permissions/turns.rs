//! A write and a change of its caller's rights take turns. On PostgreSQL alone: SQLite has one writer.

use std::time::{Duration, Instant};

use leadward::proto::{AccessLevel, ErrorReason, Lead, LeadAction, OrderStatus};
use sea_orm::{ConnectionTrait, DatabaseTransaction, TransactionTrait};
use tokio::time::sleep;

use crate::support::{Caller, Database, TestServer, named, permission, refused};

/// Long enough for a call to come to where it waits.
const A_WHILE: Duration = Duration::from_millis(400);

/// A transaction of somebody else's, in which a statement has locked what it touched.
async fn locked(t: &TestServer, sql: &str) -> DatabaseTransaction {
    let database = sea_orm::Database::connect(t.database_url()).await.unwrap();
    let transaction = database.begin().await.unwrap();
    transaction.execute_unprepared(sql).await.unwrap();
    transaction
}

async fn rename(caller: &Caller, lead: &Lead) -> Result<Lead, tonic::Status> {
    caller.update_lead(Lead { id: lead.id.clone(), ..named("renamed") }, &["name"]).await
}

async fn take_edit(t: &TestServer, user: &Caller) {
    t.admin().set_permission(user, permission(LeadAction::Edit, AccessLevel::None)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_is_acknowledged_after_the_writes_that_it_found_under_way() {
    let t = TestServer::start(Database::Postgres).await;
    let ana = t.agent("ana").await;
    let lead = t.lead_of("lead", &ana).await;
    let elsewhere = locked(&t, &format!("SELECT 1 FROM leads WHERE id = '{}' FOR UPDATE", lead.id)).await;

    let writing = rename(&ana, &lead);
    let revoking = async {
        sleep(A_WHILE).await;
        take_edit(&t, &ana).await;
        Instant::now()
    };
    let releasing = async {
        sleep(3 * A_WHILE).await;
        let released = Instant::now();
        elsewhere.commit().await.unwrap();
        released
    };
    let (renamed, revoked, released) = tokio::join!(writing, revoking, releasing);
    assert_eq!(renamed.unwrap().name(), "renamed");
    assert!(revoked > released, "the revocation was acknowledged while the write was waiting");
    refused(rename(&ana, &lead).await, ErrorReason::ActionNotPermitted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_finds_a_revocation_under_way_waits_and_is_refused() {
    let t = TestServer::start(Database::Postgres).await;
    let ana = t.agent("ana").await;
    let lead = t.lead_of("lead", &ana).await;
    let order = t.admin().place_order(&lead.id, "N-7").await.unwrap();
    ana.get_lead(&lead.id).await.unwrap();
    let elsewhere = locked(&t, &format!("SELECT 1 FROM users WHERE id = '{}' FOR UPDATE", ana.id)).await;

    let writing = async {
        sleep(A_WHILE).await;
        tokio::join!(rename(&ana, &lead), ana.move_order(&order.id, OrderStatus::Completed))
    };
    let releasing = async {
        sleep(3 * A_WHILE).await;
        elsewhere.commit().await.unwrap();
    };
    let ((), (renamed, moved), ()) = tokio::join!(take_edit(&t, &ana), writing, releasing);
    refused(renamed, ErrorReason::ActionNotPermitted);
    refused(moved, ErrorReason::ActionNotPermitted);
    assert_eq!(t.admin().get_lead(&lead.id).await.unwrap().name(), "lead");
    assert_eq!(t.admin().get_order(&order.id).await.unwrap(), order);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_the_work_on_a_lead_that_is_hidden_from_them() {
    let t = TestServer::start(Database::Postgres).await;
    let (ana, lead) = (t.agent("ana").await, t.lead("hidden").await);
    let order = t.admin().place_order(&lead.id, "N-7").await.unwrap();
    let elsewhere = locked(&t, &format!("SELECT 1 FROM leads WHERE id = '{}' FOR UPDATE", lead.id)).await;
    refused(rename(&ana, &lead).await, ErrorReason::LeadNotFound);
    refused(ana.move_order(&order.id, OrderStatus::Completed).await, ErrorReason::ResourceNotFound);
    elsewhere.commit().await.unwrap();
}
