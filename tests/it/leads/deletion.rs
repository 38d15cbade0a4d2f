//! A deleted lead is gone for good.

use std::collections::BTreeMap;

use leadward::proto::{ErrorReason, GrantMode, Lead, LeadAction, LeadState};

use crate::support::{TestServer, database_rows, named, on_both_databases, refused};

/// What the test lead says, none of it said by anything else.
const TRACES: [&str; 7] =
    ["quirin vogel", "q.vogel@mail.example", "+351910000000", "platform-7731", "gold-plan", "vineyard", "earlier-name"];

/// Whether a row says something, in letters or in bytes.
fn says(row: &str, trace: &str) -> bool {
    let (row, bytes) = (row.to_lowercase(), trace.bytes().map(|byte| format!("{byte:02x}")));
    row.contains(trace) || row.contains(&bytes.collect::<String>())
}

/// Whether a row mentions an ID, in letters or in bytes.
fn mentions(row: &str, id: &str) -> bool {
    let row = row.to_lowercase();
    row.contains(id) || row.contains(&id.replace('-', ""))
}

on_both_databases! {
    async fn a_deleted_lead_leaves_a_tombstone_and_nothing_else(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let lead = Lead {
            external_id: Some("platform-7731".to_owned()),
            email: Some("Q.Vogel@Mail.Example".to_owned()),
            phone: Some("+351910000000".to_owned()),
            campaign: Some("vineyard".to_owned()),
            attributes: BTreeMap::from([("plan".to_owned(), "gold-plan".to_owned())]),
            assignee_id: ana.id.clone(),
            ..named("Earlier-Name")
        };
        let id = admin.create_lead(lead).await.unwrap().id;
        ana.update_lead(Lead { id: id.clone(), ..named("Quirin Vogel") }, &[]).await.unwrap();
        admin.assign(&id, &ben).await.unwrap();
        admin.grant(&id, &ana, GrantMode::Full).await.unwrap();
        ben.resolve(&id).await.unwrap();
        let before = database_rows(t.database_url()).await;
        for trace in TRACES {
            assert!(before.iter().any(|row| says(row, trace)), "{trace} is stored");
        }

        admin.delete(&id).await.unwrap();
        let after = database_rows(t.database_url()).await;
        for trace in TRACES {
            let left: Vec<_> = after.iter().filter(|row| says(row, trace)).collect();
            assert!(left.is_empty(), "{trace} is left in {left:?}");
        }
        // The record of who was granted what, and for days that of what happened, name it by its ID alone.
        let records = ["permission_changes: ", "lead_events: "];
        let mentioning = after.iter().filter(|row| mentions(row, &id));
        let (recorded, left): (Vec<&String>, Vec<&String>) =
            mentioning.partition(|row| records.iter().any(|table| row.starts_with(table)));
        assert!(records.iter().all(|table| recorded.iter().any(|row| row.starts_with(table))), "{recorded:?}");
        assert_eq!(left.len(), 1, "one tombstone: {left:?}");
        assert!(left[0].starts_with("lead_tombstones: "), "{left:?}");
        assert!(mentions(left[0], &admin.id) && left[0].contains("OBSOLETE"), "who and why: {left:?}");
    }

    async fn nobody_reads_retrieves_or_deletes_a_deleted_lead(t: TestServer) {
        let lead = t.lead("Ana").await;
        t.admin().discard(&lead.id).await.unwrap();
        t.admin().delete(&lead.id).await.unwrap();
        refused(t.admin().get_lead(&lead.id).await, ErrorReason::LeadNotFound);
        refused(t.admin().retrieve(&lead.id).await, ErrorReason::LeadNotFound);
        refused(t.admin().history(&lead.id).await, ErrorReason::LeadNotFound);
        refused(t.admin().delete(&lead.id).await, ErrorReason::LeadNotFound);
        let states = [LeadState::Active, LeadState::Discarded, LeadState::Resolved];
        assert!(t.admin().list_leads_in(LeadAction::View, &states, 0).await.unwrap().is_empty());
    }

    async fn what_a_deleted_lead_was_known_by_is_free_again(t: TestServer) {
        let lead = || Lead { external_id: Some("platform-7".to_owned()), ..named("Ana") };
        let first = t.admin().create_lead(lead()).await.unwrap();
        t.admin().create_lead(lead()).await.unwrap_err();
        t.admin().delete(&first.id).await.unwrap();
        assert_ne!(t.admin().create_lead(lead()).await.unwrap().id, first.id);
    }
}
