//! The life of a lead: the ways in, registrations and deposits, states, batches, what is appended, and what stays in the end.

mod activities;
mod batches;
mod checks;
mod deleted;
mod deposits;
mod erasure;
mod kinds;
mod registration;
mod rows;
mod transitions;

use leadward::proto::{Lead, LeadHistoryKind};

use crate::support::{Caller, TestServer, named};

/// A lead by whom the platform knows the person.
fn known_as(external_id: &str) -> Lead {
    Lead { external_id: Some(external_id.to_owned()), ..named("Ana") }
}

/// What happened to a lead, from the first to the last.
async fn kinds_of(admin: &Caller, id: &str) -> Vec<LeadHistoryKind> {
    let mut entries = admin.history(id).await.unwrap();
    entries.reverse();
    entries.iter().map(|entry| entry.kind()).collect()
}

/// Expects a lead and its history to be as they were.
async fn assert_untouched(t: &TestServer, before: &Lead, history: usize) {
    assert_eq!(t.admin().get_lead(&before.id).await.unwrap(), *before);
    assert_eq!(t.admin().history(&before.id).await.unwrap().len(), history);
}
