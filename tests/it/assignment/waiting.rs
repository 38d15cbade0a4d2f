//! Leads that wait for an agent: their most recent order is partial, and nobody works them.

use leadward::proto::{AccessLevel, ErrorReason, LeadAction, ListAssignableLeadsRequest, OrderStatus, Permission};
use prost_types::FieldMask;

use crate::support::{Caller, TestServer, groups_permission, on_both_databases, permission, refused};

async fn waiting(caller: &Caller, request: ListAssignableLeadsRequest) -> Vec<String> {
    let (mut names, mut request) = (Vec::new(), request);
    loop {
        let page = caller.assignments().list_assignable_leads(request.clone()).await.unwrap().into_inner();
        names.extend(page.leads.into_iter().map(|lead| lead.name().to_owned()));
        if page.next_page_token.is_empty() {
            return names;
        }
        request.page_token = page.next_page_token;
    }
}

async fn all(caller: &Caller) -> Vec<String> {
    waiting(caller, ListAssignableLeadsRequest::default()).await
}

on_both_databases! {
    async fn those_with_a_partial_order_and_without_an_agent_wait(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let mut leads = Vec::new();
        for name in ["first", "second", "completed last", "partial last", "Ana's", "resolved", "discarded"] {
            let lead = t.lead(name).await;
            admin.place_order(&lead.id, "N-1").await.unwrap();
            leads.push(lead);
        }
        t.lead("without an order").await;
        let [_, _, completed, partial, of_ana, resolved, discarded] = leads.as_slice() else { panic!("seven leads") };
        let last = admin.place_order(&completed.id, "N-2").await.unwrap();
        admin.move_order(&last.id, OrderStatus::Completed).await.unwrap();
        let first = admin.place_order(&partial.id, "N-0").await.unwrap();
        admin.move_order(&first.id, OrderStatus::Cancelled).await.unwrap();
        admin.place_order(&partial.id, "N-2").await.unwrap();
        admin.assign(&of_ana.id, &ana).await.unwrap();
        admin.resolve(&resolved.id).await.unwrap();
        admin.discard(&discarded.id).await.unwrap();

        assert_eq!(all(&admin).await, ["partial last", "second", "first"]);
        let paged = ListAssignableLeadsRequest { page_size: 1, ..ListAssignableLeadsRequest::default() };
        assert_eq!(waiting(&admin, paged).await, ["partial last", "second", "first"]);
        let asked = ListAssignableLeadsRequest {
            filter: "name:\"s\"".to_owned(),
            order_by: "name".to_owned(),
            read_mask: Some(FieldMask { paths: vec!["name".to_owned()] }),
            ..ListAssignableLeadsRequest::default()
        };
        assert_eq!(waiting(&admin, asked.clone()).await, ["first", "partial last", "second"]);
        let page = admin.assignments().list_assignable_leads(asked).await.unwrap().into_inner();
        assert_eq!(page.leads[0].id, "", "as the mask says");

        admin.deal(&[&leads[1].id], &[&ana]).await.unwrap();
        assert_eq!(all(&admin).await, ["partial last", "first"], "who has an agent waits no more");
    }

    async fn who_may_assign_them_and_view_them_finds_them(t: TestServer) {
        let (admin, chief) = (t.admin(), t.agent("chief").await);
        let (north, south) = (t.group("north", &[]).await, t.group("south", &[]).await);
        for (name, group) in [("north", &north), ("south", &south)] {
            admin.place_order(&t.lead_in(name, group).await.id, "N-1").await.unwrap();
        }
        assert!(all(&chief).await.is_empty(), "who assigns none finds none");

        admin.set_permission(&chief, groups_permission(LeadAction::Assign, &[&north])).await.unwrap();
        let asked = chief.assignments().list_assignable_leads(ListAssignableLeadsRequest::default()).await;
        refused(asked, ErrorReason::ActionNotPermitted);
        admin.set_permission(&chief, groups_permission(LeadAction::View, &[&north, &south])).await.unwrap();
        assert_eq!(all(&chief).await, ["north"]);

        let pool = Permission { include_unassigned: true, ..permission(LeadAction::Assign, AccessLevel::Individual) };
        admin.set_permission(&chief, pool).await.unwrap();
        admin.set_permission(&chief, permission(LeadAction::View, AccessLevel::Complete)).await.unwrap();
        assert_eq!(all(&chief).await, ["south", "north"]);
    }
}
