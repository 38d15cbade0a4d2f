//! There is always an active administrator.

use leadward::proto::{ErrorReason, User, UserState};
use tonic::Status;

use super::{deactivate, get, reactivate, update};
use crate::support::{Caller, TestServer, on_both_databases, reason, refused};

const ROUNDS: usize = 12;

async fn demote(caller: &Caller, user: &Caller, profile_id: &str) -> Result<User, Status> {
    let change = User { id: user.id.clone(), profile_id: Some(profile_id.to_owned()), ..User::default() };
    update(caller, change, &[]).await
}

/// Expects that of two administrators who went at each other one is left, and says who and whom.
async fn survivor<'a>(
    one: &'a Caller,
    two: &'a Caller,
    by_one: Result<User, Status>,
    by_two: Result<User, Status>,
) -> (&'a Caller, &'a Caller) {
    let (winner, loser, lost) = match (by_one, by_two) {
        (Ok(_), Err(status)) => (one, two, status),
        (Err(status), Ok(_)) => (two, one, status),
        both => panic!("exactly one wins: {both:?}"),
    };
    let known = ["LAST_ADMINISTRATOR", "NOT_AUTHENTICATED", "CAPABILITY_REQUIRED", "ROLE_NOT_BELOW"];
    assert!(known.contains(&reason(&lost).as_str()), "{lost:?}");
    assert_eq!(get(winner, &winner.id).await.unwrap().state(), UserState::Active);
    (winner, loser)
}

on_both_databases! {
    async fn the_only_administrator_stays_one(t: TestServer) {
        let (admin, manager) = (t.admin(), t.profile_id("manager").await);
        refused(deactivate(&admin, &admin.id).await, ErrorReason::LastAdministrator);
        refused(demote(&admin, &admin, &manager).await, ErrorReason::LastAdministrator);
        get(&admin, &admin.id).await.unwrap();
    }

    async fn of_two_administrators_each_may_let_the_other_go_and_neither_themselves(t: TestServer) {
        let (admin, adam) = (t.admin(), t.administrator("adam").await);
        refused(deactivate(&admin, &admin.id).await, ErrorReason::SelfConfiguration);
        refused(demote(&admin, &admin, &t.profile_id("manager").await).await, ErrorReason::SelfConfiguration);
        deactivate(&adam, &admin.id).await.unwrap();
        refused(deactivate(&adam, &adam.id).await, ErrorReason::LastAdministrator);
    }

    async fn two_administrators_who_deactivate_each_other_at_once_leave_one(t: TestServer) {
        let (one, two) = (t.admin(), t.administrator("adam").await);
        for _ in 0..ROUNDS {
            let (by_one, by_two) = tokio::join!(deactivate(&one, &two.id), deactivate(&two, &one.id));
            let (winner, loser) = survivor(&one, &two, by_one, by_two).await;
            assert_eq!(reactivate(winner, &loser.id).await.unwrap().state(), UserState::Active);
        }
    }

    async fn two_administrators_who_demote_each_other_at_once_leave_one(t: TestServer) {
        let (one, two) = (t.admin(), t.administrator("adam").await);
        let (administrator, manager) = (t.profile_id("administrator").await, t.profile_id("manager").await);
        for _ in 0..ROUNDS {
            let (by_one, by_two) = tokio::join!(demote(&one, &two, &manager), demote(&two, &one, &manager));
            let (winner, loser) = survivor(&one, &two, by_one, by_two).await;
            demote(winner, loser, &administrator).await.unwrap();
        }
    }
}
