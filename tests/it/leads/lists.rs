//! Lists: what they show by action and state, and their pages.

use std::collections::BTreeMap;

use leadward::proto::{
    AccessLevel, ErrorReason, GrantMode, ImportRow, Lead, LeadAction, LeadState, ListApiTokensRequest,
    ListAssignedLeadsRequest, ListGroupsRequest, ListLeadAccessRequest, ListLeadHistoryRequest, ListLeadsRequest,
    ListPickListEntriesRequest, ListProfilesRequest, ListUsersRequest, Permission,
};

use crate::support::{Caller, TestServer, groups_permission, named, on_both_databases, permission, refused};

const NO_LEADS: [Lead; 0] = [];
const EVERY_STATE: [LeadState; 3] = [LeadState::Active, LeadState::Discarded, LeadState::Resolved];

fn ids(leads: &[Lead]) -> Vec<&str> {
    leads.iter().map(|lead| lead.id.as_str()).collect()
}

/// Callers whose scopes are made of every kind of part, over leads that lie in several of them at once.
async fn company(t: &TestServer) -> Vec<Caller> {
    let (admin, manager, ana) = (t.admin(), t.manager("mia").await, t.agent("ana").await);
    let (gil, pia) = (t.agent("gil").await, t.agent("pia").await);
    let group_id = t.group("north", &[]).await;
    for action in [LeadAction::View, LeadAction::Retrieve] {
        let in_group = Permission { include_unassigned: true, ..groups_permission(action, &[&group_id]) };
        admin.set_permission(&gil, in_group).await.unwrap();
        let pool = Permission { include_unassigned: true, ..permission(action, AccessLevel::Individual) };
        admin.set_permission(&pia, pool).await.unwrap();
    }
    for number in 0..4 {
        let own = t.lead_of("own", &ana).await;
        let granted = t.lead_of("granted", &manager).await;
        let grouped = t.lead_in("grouped", &group_id).await;
        let both = Lead { assignee_id: gil.id.clone(), group_id: Some(group_id.clone()), ..named("both") };
        let both = admin.create_lead(both).await.unwrap();
        let pooled = t.lead("pooled").await;
        for agent in [&ana, &gil, &pia] {
            admin.grant(&granted.id, agent, GrantMode::Full).await.unwrap();
        }
        for lead in [own, granted, grouped, both, pooled] {
            if number == 1 {
                admin.discard(&lead.id).await.unwrap();
            } else if number == 2 {
                admin.resolve(&lead.id).await.unwrap();
            }
        }
    }
    vec![admin, manager, ana, gil, pia]
}

/// All rows of a list, by pages of a size.
macro_rules! rows {
    ($client:expr, $call:ident, $request:expr, $rows:ident, $size:expr) => {{
        let mut request = $request.clone();
        let size: i32 = $size;
        request.page_size = size;
        let mut rows = Vec::new();
        loop {
            let page = $client.$call(request.clone()).await.unwrap().into_inner();
            assert!(page.$rows.len() <= usize::try_from(size).unwrap());
            rows.extend(page.$rows);
            if page.next_page_token.is_empty() {
                break rows;
            }
            request.page_token = page.next_page_token;
        }
    }};
}

/// Expects that pages of two rows say what one page of a thousand says, and that there are several.
macro_rules! assert_pages {
    ($client:expr, $call:ident, $request:expr, $rows:ident) => {{
        let request = $request;
        let whole = rows!($client, $call, request, $rows, 1000);
        assert!(whole.len() > 2, "{} rows", whole.len());
        assert_eq!(rows!($client, $call, request, $rows, 2), whole);
    }};
}

on_both_databases! {
    async fn pages_of_leads_concatenated_equal_the_unpaged_answer(t: TestServer) {
        let choices: [&[LeadState]; 3] = [&[], &[LeadState::Active], &EVERY_STATE];
        for caller in company(&t).await {
            for action in [LeadAction::View, LeadAction::Edit, LeadAction::Retrieve] {
                for states in choices {
                    let whole = caller.list_leads_in(action, states, 1000).await.unwrap();
                    assert!(ids(&whole).is_sorted_by(|newer, older| newer > older), "newest first, each once");
                    assert!(!whole.is_empty() || action != LeadAction::View, "{} sees something", caller.name);
                    for page_size in [1, 2, 3, 7, 0] {
                        let pages = caller.list_leads_in(action, states, page_size).await.unwrap();
                        assert_eq!(pages, whole, "{} {action:?} {states:?} by {page_size}", caller.name);
                    }
                }
            }
        }
    }

    async fn pages_of_every_list_concatenated_equal_the_unpaged_answer(t: TestServer) {
        let callers = company(&t).await;
        let (admin, ana) = (&callers[0], &callers[2]);
        let lead = t.lead_of("busy", ana).await;
        for name in ["one", "two", "three"] {
            t.group(name, &[]).await;
            t.token(&ana.id).await;
            admin.update_lead(Lead { id: lead.id.clone(), ..named(name) }, &[]).await.unwrap();
        }
        let (lead_id, user_id) = (lead.id, ana.id.clone());
        let history = ListLeadHistoryRequest { lead_id: lead_id.clone(), ..ListLeadHistoryRequest::default() };
        assert_pages!(admin.leads(), list_lead_history, history, entries);
        assert_pages!(admin.leads(), list_pick_list_entries, ListPickListEntriesRequest::default(), entries);
        let assigned = ListAssignedLeadsRequest { user_id: user_id.clone(), ..ListAssignedLeadsRequest::default() };
        assert_pages!(admin.assignments(), list_assigned_leads, assigned, leads);
        let access = ListLeadAccessRequest { lead_id, ..ListLeadAccessRequest::default() };
        assert_pages!(admin.assignments(), list_lead_access, access, accesses);
        assert_pages!(admin.permissions(), list_profiles, ListProfilesRequest::default(), profiles);
        assert_pages!(admin.directory(), list_users, ListUsersRequest::default(), users);
        assert_pages!(admin.directory(), list_groups, ListGroupsRequest::default(), groups);
        let tokens = ListApiTokensRequest { user_id, ..ListApiTokensRequest::default() };
        assert_pages!(admin.directory(), list_api_tokens, tokens, api_tokens);
    }

    async fn a_page_token_is_good_for_its_caller_and_its_arguments_only(t: TestServer) {
        let (mia, max) = (t.manager("mia").await, t.manager("max").await);
        for name in ["one", "two", "three"] {
            t.lead(name).await;
        }
        let first = ListLeadsRequest { page_size: 1, ..ListLeadsRequest::default() };
        let page_token = mia.leads().list_leads(first.clone()).await.unwrap().into_inner().next_page_token;
        let second = ListLeadsRequest { page_token: page_token.clone(), ..first };
        let once = mia.leads().list_leads(second.clone()).await.unwrap().into_inner().leads;
        let again = mia.leads().list_leads(second.clone()).await.unwrap().into_inner().leads;
        assert_eq!((once.len(), &once), (1, &again));

        refused(max.leads().list_leads(second.clone()).await, ErrorReason::InvalidPageToken);
        let other_action = ListLeadsRequest { action: LeadAction::Edit.into(), ..second.clone() };
        let other_states = ListLeadsRequest { states: vec![LeadState::Active.into()], ..second };
        for other in [other_action, other_states] {
            refused(mia.leads().list_leads(other).await, ErrorReason::InvalidPageToken);
        }
        let elsewhere = ListAssignedLeadsRequest { page_size: 1, page_token, ..ListAssignedLeadsRequest::default() };
        refused(mia.assignments().list_assigned_leads(elsewhere).await, ErrorReason::InvalidPageToken);
    }

    async fn a_forged_page_token_is_refused(t: TestServer) {
        for name in ["one", "two"] {
            t.lead(name).await;
        }
        let first = ListLeadsRequest { page_size: 1, ..ListLeadsRequest::default() };
        let token = t.admin().leads().list_leads(first.clone()).await.unwrap().into_inner().next_page_token;
        let flipped = (0..token.len() - 1).map(|at| {
            let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
            format!("{}{other}{}", &token[..at], &token[at + 1..])
        });
        let mut forged: Vec<_> = flipped.collect();
        forged.extend(["garbage".to_owned(), token[1..].to_owned(), format!("{token}A"), token[..8].to_owned()]);
        for page_token in forged {
            let request = ListLeadsRequest { page_token, ..first.clone() };
            refused(t.admin().leads().list_leads(request).await, ErrorReason::InvalidPageToken);
        }
    }

    async fn the_scope_is_applied_afresh_on_every_page(t: TestServer) {
        let ana = t.agent("ana").await;
        let (lost, _newest) = (t.lead_of("lost", &ana).await, t.lead_of("newest", &ana).await);
        let first = ListLeadsRequest { page_size: 1, ..ListLeadsRequest::default() };
        let page_token = ana.leads().list_leads(first.clone()).await.unwrap().into_inner().next_page_token;
        t.admin().unassign(&lost.id).await.unwrap();

        let second = ana.leads().list_leads(ListLeadsRequest { page_token, ..first }).await.unwrap().into_inner();
        assert_eq!((second.leads, second.next_page_token.as_str()), (vec![], ""));
    }

    async fn a_list_shows_live_leads_and_one_for_retrieve_discarded_ones(t: TestServer) {
        let (active, resolved, discarded) = (t.lead("a").await, t.lead("r").await, t.lead("d").await);
        let resolved = t.admin().resolve(&resolved.id).await.unwrap();
        let discarded = t.admin().discard(&discarded.id).await.unwrap();
        let admin = t.admin();
        assert_eq!(admin.list_leads(LeadAction::View).await.unwrap(), [resolved.clone(), active.clone()]);
        assert_eq!(admin.list_leads(LeadAction::Unspecified).await.unwrap(), [resolved.clone(), active.clone()]);
        assert_eq!(admin.list_leads(LeadAction::Retrieve).await.unwrap(), [discarded.clone()]);
        let of = |states: &'static [LeadState]| admin.list_leads_in(LeadAction::View, states, 0);
        assert_eq!(of(&[LeadState::Discarded]).await.unwrap(), [discarded.clone()]);
        assert_eq!(of(&EVERY_STATE).await.unwrap(), [discarded, resolved, active]);
    }

    /// Beyond fifty groups a list takes another way through the index.
    async fn a_level_over_many_groups_lists_them_all(t: TestServer) {
        let ana = t.agent("ana").await;
        let mut group_ids = Vec::new();
        for number in 0..52 {
            group_ids.push(t.group(&format!("group {number}"), &[]).await);
        }
        let outside = t.group("outside", &[]).await;
        t.lead_in("outside", &outside).await;
        let (first, last) = (t.lead_in("first", &group_ids[0]).await, t.lead_in("last", &group_ids[51]).await);
        let own = t.lead_of("own", &ana).await;
        let named: Vec<&str> = group_ids.iter().map(String::as_str).collect();
        t.admin().set_permission(&ana, groups_permission(LeadAction::View, &named)).await.unwrap();

        let expected = [own, last.clone(), first];
        assert_eq!(ana.list_leads(LeadAction::View).await.unwrap(), expected);
        assert_eq!(ana.list_leads_in(LeadAction::View, &EVERY_STATE, 1).await.unwrap(), expected);
        t.admin().revoke(&last.id, &ana).await.unwrap();
        assert_eq!(ana.list_leads(LeadAction::View).await.unwrap().len(), 2);
    }

    /// This client, like most, refuses an answer of more than 4 MiB.
    async fn a_page_of_large_leads_is_cut_to_what_a_client_takes(t: TestServer) {
        let value = "x".repeat(1000);
        let attributes: BTreeMap<String, String> = (0..16).map(|n| (format!("note{n}"), value.clone())).collect();
        let rows = |_| ImportRow {
            lead: Some(Lead { attributes: attributes.clone(), ..named("large") }),
            ..ImportRow::default()
        };
        for _ in 0..3 {
            t.admin().import((0..100).map(rows).collect()).await.unwrap();
        }
        let request = ListLeadsRequest { page_size: 1000, ..ListLeadsRequest::default() };
        let page = t.admin().leads().list_leads(request).await.unwrap().into_inner();
        assert!((100..300).contains(&page.leads.len()), "{} leads on a page", page.leads.len());
        let all = t.admin().list_leads_in(LeadAction::View, &[], 1000).await.unwrap();
        assert_eq!(all.len(), 300);
        assert!(all.windows(2).all(|two| two[0].id > two[1].id), "newest first, none twice");
    }

    async fn an_action_of_no_level_lists_nothing(t: TestServer) {
        let ana = t.agent("ana").await;
        t.lead_of("Ana's", &ana).await;
        assert_eq!(ana.list_leads(LeadAction::View).await.unwrap().len(), 1);
        for action in [LeadAction::Discard, LeadAction::Retrieve, LeadAction::Delete, LeadAction::Export] {
            assert_eq!(ana.list_leads_in(action, &EVERY_STATE, 0).await.unwrap(), NO_LEADS);
        }
    }

    async fn whoever_may_retrieve_every_lead_finds_and_retrieves_leads_they_may_not_view(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("Ben's", &ben).await;
        t.admin().discard(&lead.id).await.unwrap();
        assert_eq!(ana.list_leads(LeadAction::Retrieve).await.unwrap(), NO_LEADS);

        t.admin().set_permission(&ana, permission(LeadAction::Retrieve, AccessLevel::Complete)).await.unwrap();
        assert_eq!(ids(&ana.list_leads(LeadAction::Retrieve).await.unwrap()), [lead.id.as_str()]);
        assert_eq!(ana.list_leads_in(LeadAction::View, &EVERY_STATE, 0).await.unwrap(), NO_LEADS);
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
        refused(ana.discard(&lead.id).await, ErrorReason::LeadNotFound);
        assert_eq!(ana.retrieve(&lead.id).await.unwrap().assignee_id, ben.id);
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
        refused(ana.retrieve(&lead.id).await, ErrorReason::LeadState);
    }
}
