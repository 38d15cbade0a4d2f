//! Reports are those of a company without the hidden leads: in rows, in entries, in how many pages there are.

use leadward::proto::{
    GetAgentReportRequest, GetAgentReportResponse, Lead, LeadAction, LeadHistoryKind, LeadState, ListMyLeadsRequest,
    ListMyLeadsResponse, ListOrderDetailsRequest, ListOrderDetailsResponse, OrderStatus,
};

use super::order;
use crate::support::{Caller, TestServer, groups_permission, named, note, on_both_databases};

/// All that one sees of reports, page by page; of tokens, which differ from call to call, only that there is one.
#[derive(PartialEq, Debug)]
struct Seen {
    mine: Vec<ListMyLeadsResponse>,
    reports: Vec<GetAgentReportResponse>,
    orders: Vec<ListOrderDetailsResponse>,
}

fn blank(token: &mut String) -> String {
    let whole = std::mem::take(token);
    token.push_str(if whole.is_empty() { "" } else { "more" });
    whole
}

/// What a caller sees, of an agent's report too.
async fn see(caller: &Caller, agent: &Caller) -> Seen {
    let mut seen = Seen { mine: Vec::new(), reports: Vec::new(), orders: Vec::new() };
    for order_by in ["", "name"] {
        let order_by = order_by.to_owned();
        let mut request = ListMyLeadsRequest { page_size: 1, order_by, ..ListMyLeadsRequest::default() };
        loop {
            let mut page = caller.reports().list_my_leads(request.clone()).await.unwrap().into_inner();
            request.page_token = blank(&mut page.next_page_token);
            seen.mine.push(page);
            if request.page_token.is_empty() {
                break;
            }
        }
    }
    let states = [LeadState::Active, LeadState::Discarded, LeadState::Resolved].map(i32::from).to_vec();
    let user_id = agent.id.clone();
    let mut request = GetAgentReportRequest { user_id, states, page_size: 1, ..GetAgentReportRequest::default() };
    loop {
        let mut page = caller.reports().get_agent_report(request.clone()).await.unwrap().into_inner();
        request.page_token = blank(&mut page.next_page_token);
        seen.reports.push(page);
        if request.page_token.is_empty() {
            break;
        }
    }
    for include_agent in [false, true] {
        let mut request = ListOrderDetailsRequest { page_size: 1, include_agent, ..ListOrderDetailsRequest::default() };
        loop {
            let mut page = caller.reports().list_order_details(request.clone()).await.unwrap().into_inner();
            request.page_token = blank(&mut page.next_page_token);
            seen.orders.push(page);
            if request.page_token.is_empty() {
                break;
            }
        }
    }
    seen
}

on_both_databases! {
    async fn hidden_leads_change_nothing_of_any_report(t: TestServer) {
        let (mia, ana, ben) = (t.manager("mia").await, t.agent("ana").await, t.agent("ben").await);
        let (north, south) = (t.group("north", &[]).await, t.group("south", &[]).await);
        t.admin().set_permission(&mia, groups_permission(LeadAction::View, &[&north])).await.unwrap();
        let make = async |name: &str, group_id: &str, number: i64| {
            let lead = Lead { group_id: Some(group_id.to_owned()), assignee_id: ana.id.clone(), ..named(name) };
            let lead = t.admin().create_lead(lead).await.unwrap();
            order(&t, &lead.id, "N-1", OrderStatus::Partial, number).await;
            t.admin().append(&lead.id, LeadHistoryKind::Note, note(name)).await.unwrap();
            lead
        };
        let mut hidden = Vec::new();
        for number in 0..3 {
            hidden.push(make("hidden", &south, 10 * number).await.id);
            make("shown", &north, 10 * number + 5).await;
        }
        hidden.push(make("hidden", &south, 100).await.id);

        let before = see(&mia, &ana).await;
        assert_eq!((before.mine.len(), before.reports.len(), before.orders.len()), (2, 3, 6));
        assert_eq!(before.reports[0].recent_entries.len(), 9, "of each: made, ordered, noted");
        assert_eq!(see(&ana, &ana).await.reports[0].recent_entries.len(), 10);

        for id in &hidden {
            t.admin().append(id, LeadHistoryKind::Note, note("more of it")).await.unwrap();
            order(&t, id, "N-2", OrderStatus::Completed, 200).await;
        }
        t.admin().assign(&hidden[0], &ben).await.unwrap();
        t.admin().discard(&hidden[1]).await.unwrap();
        t.admin().resolve(&hidden[2]).await.unwrap();
        make("hidden", &south, 12).await;
        assert_eq!(see(&mia, &ana).await, before, "once more had happened to hidden leads");
        for id in &hidden {
            t.admin().delete(id).await.unwrap();
        }
        assert_eq!(see(&mia, &ana).await, before, "without the hidden leads");
    }

    /// Which leads are assigned to whom shows in nobody else's lists.
    async fn ones_own_list_is_the_same_whatever_others_have(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let own = t.lead_of("own", &ana).await;
        order(&t, &own.id, "N-1", OrderStatus::Partial, 1).await;
        let before = see(&ana, &ana).await;
        assert_eq!((before.mine.len(), before.orders.len()), (2, 2), "one page of each");
        for number in 0..3 {
            let bens = t.lead_of("Ben's", &ben).await;
            order(&t, &bens.id, "N-1", OrderStatus::Partial, number).await;
            t.lead("nobody's").await;
        }
        assert_eq!(see(&ana, &ana).await, before);
    }
}
