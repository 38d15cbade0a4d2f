//! What is recorded of leads and of rights says nothing of leads that the reader may not view.

use leadward::proto::{
    DuplicatePolicy, GrantMode, Lead, LeadHistoryEntry, ListLeadHistoryRequest, ListPermissionChangesRequest,
    PermissionChange,
};

use super::{absent, clerk, create, duplicates_of, hidden_leads, hidden_people, said};
use crate::support::{Caller, TestServer, euros, named, on_both_databases};

/// The pages of a lead's history, and how long the token of each is.
async fn history(caller: &Caller, lead_id: &str, page_size: i32) -> Vec<(Vec<LeadHistoryEntry>, usize)> {
    let mut request = ListLeadHistoryRequest { lead_id: lead_id.to_owned(), page_size, ..Default::default() };
    let mut pages = Vec::new();
    loop {
        let page = caller.leads().list_lead_history(request.clone()).await.unwrap().into_inner();
        pages.push((page.entries, page.next_page_token.len()));
        if page.next_page_token.is_empty() {
            return pages;
        }
        request.page_token = page.next_page_token;
    }
}

/// The pages of the record of changes of rights, and how long the token of each is.
async fn record(caller: &Caller, user_id: &str, page_size: i32) -> Vec<(Vec<PermissionChange>, usize)> {
    let user_id = user_id.to_owned();
    let mut request = ListPermissionChangesRequest { user_id, page_size, ..ListPermissionChangesRequest::default() };
    let mut pages = Vec::new();
    loop {
        let page = caller.permissions().list_permission_changes(request.clone()).await.unwrap().into_inner();
        pages.push((page.changes, page.next_page_token.len()));
        if page.next_page_token.is_empty() {
            return pages;
        }
        request.page_token = page.next_page_token;
    }
}

on_both_databases! {
    async fn the_history_of_a_lead_says_nothing_of_hidden_ones(t: TestServer) {
        let (admin, clerk, ben) = (t.admin(), clerk(&t).await, t.agent("ben").await);
        let own = t.lead_of("own", &clerk).await;
        for name in ["one", "two", "three"] {
            clerk.update_lead(Lead { id: own.id.clone(), ..named(name) }, &[]).await.unwrap();
        }
        let all = async || [history(&clerk, &own.id, 1).await, history(&clerk, &own.id, 2).await];
        let before = all().await;

        let people = hidden_people(&t, &ben).await;
        for person in &people {
            admin.grant(&person.id, &ben, GrantMode::Full).await.unwrap();
            admin.update_lead(Lead { id: person.id.clone(), ..named("renamed") }, &[]).await.unwrap();
            let taking = Lead { id: own.id.clone(), external_id: person.external_id.clone(), ..Lead::default() };
            clerk.update_lead(taking, &[]).await.unwrap_err();
            for duplicate in duplicates_of(person) {
                create(&clerk, duplicate.clone(), DuplicatePolicy::Update).await.unwrap_err();
                create(&clerk, duplicate, DuplicatePolicy::Skip).await.unwrap();
            }
        }
        assert_eq!(all().await, before);
        for person in &people {
            let told = admin.history(&person.id).await.unwrap();
            assert!(told.iter().all(|entry| entry.actor_id == admin.id), "what was refused was not recorded: {told:?}");
        }
    }

    /// The keys of payments and orders are each lead's own.
    async fn a_deposit_or_an_order_of_a_hidden_lead_is_in_nobodys_way(t: TestServer) {
        let (admin, clerk, ben) = (t.admin(), clerk(&t).await, t.agent("ben").await);
        let (own, twin) = (t.lead_of("own", &clerk).await, t.lead_of("own", &clerk).await);
        let hidden = t.lead_of("hidden", &ben).await;
        let first = admin.deposit(&hidden.id, "payment-7", euros(250, 0)).await.unwrap();
        let order = admin.place_order(&hidden.id, "N-7").await.unwrap();
        let before = admin.history(&hidden.id).await.unwrap();

        let taken = clerk.deposit(&own.id, "payment-7", euros(10, 0)).await.unwrap();
        let free = clerk.deposit(&twin.id, "payment-8", euros(10, 0)).await.unwrap();
        assert!(taken.recorded && free.recorded);
        let deposit = taken.deposit.unwrap();
        assert_eq!((&deposit.lead_id, deposit.amount), (&own.id, Some(euros(10, 0))));
        assert_eq!(taken.lead.unwrap().etag, free.lead.unwrap().etag);
        assert_eq!(clerk.place_order(&own.id, "N-7").await.unwrap().lead_id, own.id);
        clerk.place_order(&twin.id, "N-8").await.unwrap();
        assert_eq!(history(&clerk, &own.id, 0).await[0].0.len(), history(&clerk, &twin.id, 0).await[0].0.len());

        let again = admin.deposit(&hidden.id, "payment-7", euros(250, 0)).await.unwrap();
        assert_eq!((again.recorded, again.deposit, again.lead), (false, first.deposit, first.lead));
        assert_eq!(admin.get_order(&order.id).await.unwrap(), order);
        assert_eq!(admin.history(&hidden.id).await.unwrap(), before);
    }

    /// What was done about the access to a hidden lead is left out, and no page is shorter for it.
    async fn the_record_of_rights_says_nothing_of_hidden_leads(t: TestServer) {
        let (admin, clerk, ben) = (t.admin(), clerk(&t).await, t.agent("ben").await);
        let own = t.lead_of("own", &clerk).await;
        let hidden = hidden_leads(&t, &clerk, &ben).await;
        let live: Vec<_> = hidden.iter().filter(|lead| lead.name() != "deleted").collect();
        for _ in 0..3 {
            admin.grant(&own.id, &ben, GrantMode::Full).await.unwrap();
            admin.grant(&live[0].id, &ben, GrantMode::Full).await.unwrap();
            admin.revoke(&own.id, &ben).await.unwrap();
        }
        let all = async || {
            let mut pages = Vec::new();
            for (user_id, page_size) in [("", 1), ("", 3), (ben.id.as_str(), 1), (ben.id.as_str(), 2)] {
                pages.push(record(&clerk, user_id, page_size).await);
            }
            pages
        };
        let before = all().await;
        let told = before.iter().flatten().flat_map(|(changes, _)| changes);
        assert!(told.clone().any(|change| change.lead_id == own.id), "what is about a lead in sight is there");
        assert!(!told.clone().any(|change| live.iter().any(|lead| lead.id == change.lead_id)));
        for (changes, token) in before.iter().flatten() {
            assert!(!changes.is_empty() || *token == 0, "a page that is empty is the last");
        }

        for lead in &live {
            admin.grant(&lead.id, &ben, GrantMode::ViewOnly).await.unwrap();
            admin.grant(&lead.id, &ben, GrantMode::Full).await.unwrap();
        }
        assert_eq!(all().await, before);

        let about = async |lead_id: String| {
            let request = ListPermissionChangesRequest { lead_id, ..ListPermissionChangesRequest::default() };
            said(clerk.permissions().list_permission_changes(request).await)
        };
        let expected = about(absent()).await;
        for lead in live {
            assert_eq!(about(lead.id.clone()).await, expected, "a lead that is {}", lead.name());
        }
    }
}
