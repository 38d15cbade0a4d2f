//! Those who are away, and those who come back.

use std::time::Duration;

use leadward::proto::{AssignmentStrategy, UpdateUserRequest, User};
use prost_types::FieldMask;
use tokio::time::sleep;

use super::{counts, distribute, leads, make, round_robin, rule, told};
use crate::support::{Caller, TestServer, on_both_databases, seconds_from_now};

/// Takes somebody out of the distribution for so many seconds.
pub(super) async fn away(t: &TestServer, user: &Caller, seconds: u64) {
    let until = User { id: user.id.clone(), away_until: Some(seconds_from_now(seconds)), ..User::default() };
    t.update_user(until).await;
}

async fn back(t: &TestServer, user: &Caller) {
    let request = UpdateUserRequest {
        user: Some(User { id: user.id.clone(), ..User::default() }),
        update_mask: Some(FieldMask { paths: vec!["away_until".to_owned()] }),
        ..UpdateUserRequest::default()
    };
    t.admin().directory().update_user(request).await.unwrap();
}

on_both_databases! {
    async fn whoever_is_away_is_given_nothing_by_rules(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        make(&admin, round_robin(&[&ana, &ben])).await;
        away(&t, &ana, 3600).await;
        leads(&t, 3).await;
        assert_eq!(told(&distribute(&admin).await, &[&ana, &ben]), ["ben", "ben", "ben"]);
        // By hand they are.
        t.lead_of("by hand", &ana).await;
        back(&t, &ana).await;
        leads(&t, 2).await;
        assert_eq!(told(&distribute(&admin).await, &[&ana, &ben]), ["ben", "ana"]);
        away(&t, &ben, 1).await;
        sleep(Duration::from_millis(1_100)).await;
        leads(&t, 2).await;
        assert_eq!(told(&distribute(&admin).await, &[&ana, &ben]), ["ben", "ana"], "they come back by themselves");
    }

    /// In turn, they get one lead sooner than they would have, and then as many as the others.
    async fn who_comes_back_in_turn_gets_as_many_as_the_others(t: TestServer) {
        let (admin, ana, ben, carl) = (t.admin(), t.agent("ana").await, t.agent("ben").await, t.agent("carl").await);
        let people = [&ana, &ben, &carl];
        make(&admin, round_robin(&people)).await;
        away(&t, &ana, 2).await;
        leads(&t, 20).await;
        assert_eq!(counts(&distribute(&admin).await, &people).into_values().collect::<Vec<_>>(), [0, 10, 10]);
        sleep(Duration::from_millis(2_100)).await;
        leads(&t, 9).await;
        assert_eq!(counts(&distribute(&admin).await, &people).into_values().collect::<Vec<_>>(), [3, 3, 3]);
    }

    /// Without a lead, they would get all new ones until they had caught up with the others.
    async fn who_comes_back_with_less_to_do_is_not_flooded(t: TestServer) {
        let (admin, ana, ben, carl) = (t.admin(), t.agent("ana").await, t.agent("ben").await, t.agent("carl").await);
        let people = [&ana, &ben, &carl];
        make(&admin, rule("least", AssignmentStrategy::LeastLoaded, &people)).await;
        away(&t, &ana, 2).await;
        leads(&t, 20).await;
        assert_eq!(counts(&distribute(&admin).await, &people).into_values().collect::<Vec<_>>(), [0, 10, 10]);
        sleep(Duration::from_millis(2_100)).await;
        let new = leads(&t, 9).await;
        assert_eq!(counts(&distribute(&admin).await, &people).into_values().collect::<Vec<_>>(), [3, 3, 3]);
        let why = super::assignment(&admin, &new[0].id).await.decision.unwrap();
        assert_eq!((why.candidates[0].user_id.as_str(), why.candidates[0].open_leads()), (ana.id.as_str(), 10), "as many as the others");

        // The others get rid of theirs: whoever came back isn't starved, nor preferred, and is one of them from then on.
        for user in [&ben, &carl] {
            for lead in open(user).await.iter().skip(2) {
                user.resolve(lead).await.unwrap();
            }
        }
        leads(&t, 2).await;
        let outcomes = distribute(&admin).await;
        assert_eq!(counts(&outcomes, &people).into_values().collect::<Vec<_>>(), [0, 1, 1], "they have two, Ana three");
        for lead in open(&ana).await {
            ana.resolve(&lead).await.unwrap();
        }
        leads(&t, 3).await;
        assert_eq!(counts(&distribute(&admin).await, &people).into_values().collect::<Vec<_>>(), [3, 0, 0]);
    }

    /// So it is with those who are back before the time.
    async fn who_comes_back_early_is_not_flooded_either(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let people = [&ana, &ben];
        make(&admin, rule("least", AssignmentStrategy::LeastLoaded, &people)).await;
        away(&t, &ana, 3600).await;
        leads(&t, 6).await;
        assert_eq!(counts(&distribute(&admin).await, &people).into_values().collect::<Vec<_>>(), [0, 6]);
        back(&t, &ana).await;
        leads(&t, 6).await;
        assert_eq!(counts(&distribute(&admin).await, &people).into_values().collect::<Vec<_>>(), [3, 3]);
    }

    async fn weights_forget_the_time_of_absence(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        make(&admin, rule("by weight", AssignmentStrategy::Weighted, &[&ana, &ben])).await;
        away(&t, &ana, 2).await;
        leads(&t, 10).await;
        assert_eq!(counts(&distribute(&admin).await, &[&ana, &ben]).into_values().collect::<Vec<_>>(), [0, 10]);
        sleep(Duration::from_millis(2_100)).await;
        leads(&t, 10).await;
        assert_eq!(counts(&distribute(&admin).await, &[&ana, &ben]).into_values().collect::<Vec<_>>(), [5, 5]);
    }
}

/// The open leads of a user, the newest first.
async fn open(user: &Caller) -> Vec<String> {
    let leads = user.list_leads(leadward::proto::LeadAction::Resolve).await.unwrap();
    let theirs = leads.into_iter().filter(|lead| lead.state() == leadward::proto::LeadState::Active);
    theirs.map(|lead| lead.id).collect()
}
