//! What happened to a lead.

use std::collections::BTreeMap;

use leadward::proto::{FieldChange, GrantMode, Lead, LeadHistoryEntry, LeadHistoryKind};

use crate::support::{TestServer, named, on_both_databases};

fn change(field: &str, before: Option<&str>, after: Option<&str>) -> FieldChange {
    FieldChange { field: field.to_owned(), before: before.map(str::to_owned), after: after.map(str::to_owned) }
}

async fn last_change(t: &TestServer, lead: &Lead) -> LeadHistoryEntry {
    t.admin().history(&lead.id).await.unwrap().swap_remove(0)
}

on_both_databases! {
    async fn every_change_is_recorded_with_what_it_was_and_who_did_it(t: TestServer) {
        let (admin, mia) = (t.admin(), t.manager("mia").await);
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead("Ana").await;
        mia.update_lead(Lead { id: lead.id.clone(), ..named("Eva") }, &[]).await.unwrap();
        mia.assign(&lead.id, &ana).await.unwrap();
        ana.resolve(&lead.id).await.unwrap();
        ana.reopen(&lead.id).await.unwrap();
        mia.unassign(&lead.id).await.unwrap();
        admin.grant(&lead.id, &ben, GrantMode::ViewOnly).await.unwrap();
        admin.revoke(&lead.id, &ben).await.unwrap();
        mia.discard(&lead.id).await.unwrap();
        mia.retrieve(&lead.id).await.unwrap();

        let mut history = mia.history(&lead.id).await.unwrap();
        assert!(history.is_sorted_by(|newer, older| newer.id > older.id), "newest first");
        history.reverse();
        let facts: Vec<_> = history.iter().map(|entry| (entry.kind(), &entry.actor_id)).collect();
        let expected = [
            (LeadHistoryKind::Created, &admin.id),
            (LeadHistoryKind::Updated, &mia.id),
            (LeadHistoryKind::Assigned, &mia.id),
            (LeadHistoryKind::Resolved, &ana.id),
            (LeadHistoryKind::Reopened, &ana.id),
            (LeadHistoryKind::Unassigned, &mia.id),
            (LeadHistoryKind::AccessGranted, &admin.id),
            (LeadHistoryKind::AccessRevoked, &admin.id),
            (LeadHistoryKind::Discarded, &mia.id),
            (LeadHistoryKind::Retrieved, &mia.id),
        ];
        assert_eq!(facts, expected);
        assert!(history.iter().all(|entry| entry.lead_id == lead.id && entry.time.is_some()));
        assert!(history.is_sorted_by_key(|entry| entry.time.map(|time| (time.seconds, time.nanos))));
    }

    async fn a_change_says_what_each_field_was_and_is(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead("Ana").await;
        let id = lead.id.clone();
        t.admin().update_lead(Lead { id: id.clone(), ..named("Eva") }, &[]).await.unwrap();
        assert_eq!(last_change(&t, &lead).await.changes, [change("name", Some("Ana"), Some("Eva"))]);

        let attributes = BTreeMap::from([("plan".to_owned(), "gold".to_owned())]);
        t.admin().update_lead(Lead { id, attributes, ..Lead::default() }, &[]).await.unwrap();
        assert_eq!(last_change(&t, &lead).await.changes, [change("attributes.plan", None, Some("gold"))]);

        t.admin().assign(&lead.id, &ana).await.unwrap();
        assert_eq!(last_change(&t, &lead).await.changes, [change("assignee_id", None, Some(&ana.id))]);
        t.admin().unassign(&lead.id).await.unwrap();
        assert_eq!(last_change(&t, &lead).await.changes, [change("assignee_id", Some(&ana.id), None)]);
    }

    async fn a_refused_change_is_not_recorded(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead_of("Ana's", &ana).await;
        let before = t.admin().history(&lead.id).await.unwrap();
        ana.discard(&lead.id).await.unwrap_err();
        ana.retrieve(&lead.id).await.unwrap_err();
        t.admin().reopen(&lead.id).await.unwrap_err();
        t.admin().revoke(&lead.id, &ana).await.unwrap_err();
        assert_eq!(t.admin().history(&lead.id).await.unwrap(), before);
    }
}
