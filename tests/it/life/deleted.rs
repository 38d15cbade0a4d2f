//! What stays of deleted leads: who, when and why, for those who read the record.

use leadward::proto::{
    DeleteLeadRequest, DeletionReason, ErrorReason, Lead, LeadTombstone, ListDeletedLeadsRequest, ListLeadsRequest,
};
use prost_types::Timestamp;

use crate::support::{Batch, BatchKind, Caller, TestServer, fact, faults, named, on_both_databases, refused};

async fn delete(caller: &Caller, lead_id: &str, reason: DeletionReason) {
    let lead_id = lead_id.to_owned();
    let request = DeleteLeadRequest { lead_id, reason: reason.into(), ..DeleteLeadRequest::default() };
    caller.leads().delete_lead(request).await.unwrap();
}

fn moment(time: Timestamp) -> (i64, i32) {
    (time.seconds, time.nanos)
}

on_both_databases! {
    async fn a_tombstone_says_who_when_and_why_and_nothing_personal(t: TestServer) {
        let (admin, mia, ana) = (t.admin(), t.manager("mia").await, t.agent("ana").await);
        let person = |number: u32| Lead {
            external_id: Some(format!("platform-{number}")),
            email: Some(format!("quirin{number}@mail.example")),
            phone: Some(format!("+35191000000{number}")),
            campaign: Some("vineyard".to_owned()),
            assignee_id: ana.id.clone(),
            ..named("Quirin Vogel")
        };
        let reasons = [DeletionReason::Duplicate, DeletionReason::Obsolete, DeletionReason::ErasureRequest];
        let mut leads = Vec::new();
        for number in 1..=3 {
            leads.push(admin.create_lead(person(number)).await.unwrap());
        }
        admin.discard(&leads[1].id).await.unwrap();
        let for_mia = admin.on_behalf_of(&mia);
        for ((caller, lead), reason) in [&admin, &mia, &for_mia].into_iter().zip(&leads).zip(reasons) {
            delete(caller, &lead.id, reason).await;
        }

        let tombstones = mia.deleted_leads(0).await.unwrap();
        let told: Vec<_> = tombstones
            .iter()
            .map(|it| (it.lead_id.as_str(), it.deleted_by.as_str(), it.on_behalf_of.as_str(), it.reason()))
            .collect();
        let expected = [
            (leads[2].id.as_str(), admin.id.as_str(), mia.id.as_str(), DeletionReason::ErasureRequest),
            (leads[1].id.as_str(), mia.id.as_str(), "", DeletionReason::Obsolete),
            (leads[0].id.as_str(), admin.id.as_str(), "", DeletionReason::Duplicate),
        ];
        assert_eq!(told, expected, "the last deleted first");
        for (tombstone, lead) in tombstones.iter().rev().zip(&leads) {
            assert!(moment(tombstone.delete_time.unwrap()) >= moment(lead.create_time.unwrap()));
        }
        let said = format!("{tombstones:?}").to_lowercase();
        for trace in ["quirin", "vogel", "35191", "platform", "vineyard", "mail.example"] {
            assert!(!said.contains(trace), "{trace} in {said}");
        }
        assert!(!said.contains(&ana.id), "nor whose it was");
    }

    async fn deleted_leads_come_in_pages_the_last_deleted_first(t: TestServer) {
        let admin = t.admin();
        let mut ids = Vec::new();
        for number in 0..7 {
            ids.push(t.lead(&format!("lead {number}")).await.id);
        }
        // In an order that has nothing to do with that of their creation.
        let order = [3, 0, 6, 2, 5];
        for at in order {
            admin.delete(&ids[at]).await.unwrap();
        }
        let outcomes = admin.batch(BatchKind::Delete, Batch::of(&[&ids[1], &ids[4]])).await.unwrap();
        assert!(outcomes.iter().all(|outcome| outcome.done));

        let whole = admin.deleted_leads(0).await.unwrap();
        let told: Vec<&str> = whole.iter().map(|tombstone| tombstone.lead_id.as_str()).collect();
        let mut together = [told[0], told[1]];
        together.sort_unstable();
        assert_eq!(together, [ids[1].as_str(), ids[4].as_str()], "those that went together, last");
        let expected: Vec<&str> = order.iter().rev().map(|at| ids[*at].as_str()).collect();
        assert_eq!(told[2..], expected);
        assert!(whole.is_sorted_by_key(|tombstone| std::cmp::Reverse(moment(tombstone.delete_time.unwrap()))));
        for page_size in [1, 2, 3, 7, 1000] {
            assert_eq!(admin.deleted_leads(page_size).await.unwrap(), whole, "in pages of {page_size}");
        }
    }

    async fn only_readers_of_the_record_see_them(t: TestServer) {
        let (admin, mia, ana) = (t.admin(), t.manager("mia").await, t.agent("ana").await);
        let lead = t.lead_of("lead", &ana).await;
        admin.delete(&lead.id).await.unwrap();
        let status = refused(ana.deleted_leads(0).await, ErrorReason::CapabilityRequired);
        assert_eq!(fact(&status, "capability"), "READ_AUDIT");
        refused(t.anonymous().deleted_leads(0).await, ErrorReason::NotAuthenticated);
        let seen: Vec<LeadTombstone> = mia.deleted_leads(0).await.unwrap();
        assert_eq!(seen, admin.deleted_leads(0).await.unwrap());
        assert_eq!(seen.len(), 1);
    }

    async fn their_pages_are_their_own(t: TestServer) {
        let (admin, mia) = (t.admin(), t.manager("mia").await);
        for number in 0..4 {
            let lead = t.lead(&format!("lead {number}")).await;
            if number > 1 {
                admin.delete(&lead.id).await.unwrap();
            }
        }
        let first = ListDeletedLeadsRequest { page_size: 1, ..ListDeletedLeadsRequest::default() };
        let page = admin.leads().list_deleted_leads(first).await.unwrap().into_inner();
        let of_leads = ListLeadsRequest { page_size: 1, ..ListLeadsRequest::default() };
        let of_leads = admin.leads().list_leads(of_leads).await.unwrap().into_inner().next_page_token;
        assert!(!page.next_page_token.is_empty() && !of_leads.is_empty());
        for (caller, page_token) in [(&mia, page.next_page_token), (&admin, of_leads), (&admin, "forged".to_owned())] {
            let request = ListDeletedLeadsRequest { page_size: 1, page_token };
            refused(caller.leads().list_deleted_leads(request).await, ErrorReason::InvalidPageToken);
        }
        let status = refused(admin.deleted_leads(-1).await, ErrorReason::InvalidArgument);
        assert_eq!(faults(&status), ["page_size"]);
    }
}
