//! Changes of many leads at once: hidden leads come out as absent ones do, and nothing of them is done.

use leadward::proto::{Lead, LeadAction, LeadOutcome, LeadState};

use super::{BATCHES, absent, clerk, hidden_leads, ids};
use crate::support::{Batch, BatchKind, Caller, TestServer, answer, item_status, on_both_databases};

/// What became of each lead, without its ID: that is what was asked.
async fn outcomes(caller: &Caller, kind: BatchKind, batch: Batch) -> Vec<LeadOutcome> {
    let asked = batch.lead_ids.clone();
    let outcomes = caller.batch(kind, batch).await.unwrap();
    let told: Vec<&String> = outcomes.iter().map(|outcome| &outcome.lead_id).collect();
    assert_eq!(told, asked.iter().collect::<Vec<_>>(), "each at its place");
    outcomes.into_iter().map(|outcome| LeadOutcome { lead_id: String::new(), ..outcome }).collect()
}

async fn every_lead(admin: &Caller) -> Vec<Lead> {
    let states = [LeadState::Active, LeadState::Discarded, LeadState::Resolved];
    admin.list_leads_in(LeadAction::View, &states, 0).await.unwrap()
}

on_both_databases! {
    async fn a_batch_of_changes_is_the_same_with_hidden_leads_as_with_absent_ones(t: TestServer) {
        let (admin, clerk, ben) = (t.admin(), clerk(&t).await, t.agent("ben").await);
        // Whichever the change, one of them takes it.
        let (first, last) = (t.lead_of("active", &clerk).await, t.lead_of("discarded", &clerk).await);
        admin.discard(&last.id).await.unwrap();
        let hidden = ids(&hidden_leads(&t, &clerk, &ben).await);
        let nobodys: Vec<_> = hidden.iter().map(|_| absent()).collect();
        let before = every_lead(&admin).await;

        for kind in BATCHES {
            let single = match kind {
                BatchKind::Discard => clerk.discard(&absent()).await.map(drop),
                BatchKind::Retrieve => clerk.retrieve(&absent()).await.map(drop),
                BatchKind::Delete => clerk.delete(&absent()).await,
            };
            let single = answer(&single.unwrap_err());
            for all_or_nothing in [false, true] {
                let among_own = async |others: &[String]| {
                    let lead_ids = [&[first.id.clone()][..], others, &[last.id.clone()]].concat();
                    let batch = Batch { lead_ids, all_or_nothing, validate_only: true, ..Batch::default() };
                    outcomes(&clerk, kind, batch).await
                };
                let told = among_own(&hidden).await;
                assert_eq!(told, among_own(&nobodys).await, "{kind:?}");
                assert_eq!(told.iter().any(|outcome| outcome.done), !all_or_nothing, "{kind:?}: {told:?}");
                for outcome in &told[1..=hidden.len()] {
                    assert_eq!(answer(&item_status(outcome.error.as_ref().unwrap())), single, "{kind:?}");
                }
                let alone = async |lead_ids: &[String]| {
                    let batch = Batch { lead_ids: lead_ids.to_vec(), all_or_nothing, ..Batch::default() };
                    outcomes(&clerk, kind, batch).await
                };
                assert_eq!(alone(&hidden).await, alone(&nobodys).await, "{kind:?}");
            }
        }
        assert_eq!(every_lead(&admin).await, before);
    }
}
