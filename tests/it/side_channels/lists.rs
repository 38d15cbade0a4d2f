//! Lists of leads, page by page, are those of a company without the hidden leads.

use leadward::proto::{
    CountLeadsRequest, CountLeadsResponse, FILE_DESCRIPTOR_SET, Lead, LeadAction, LeadState, ListAssignedLeadsRequest,
    ListGroupsRequest, ListLeadsRequest, ListUsersRequest, Permission,
};
use prost::Message;
use prost_types::{FileDescriptorSet, field_descriptor_proto::Label};

use crate::support::{ACTIONS, Caller, TestServer, groups_permission, named, on_both_databases};

const STATES: [&[LeadState]; 4] = [
    &[],
    &[LeadState::Active],
    &[LeadState::Discarded],
    &[LeadState::Active, LeadState::Discarded, LeadState::Resolved],
];

/// Which list it is of, its leads, and how long its token is: tokens themselves differ from call to call.
type Page = (String, Vec<Lead>, usize);

/// Filters that find hidden leads, or would if they weren't, with orders in which these would stand in between.
const SELECTIONS: [(&str, &str); 5] = [
    (r#"name:"hid" OR name:"show""#, ""),
    (r#"NOT name = "shown 1""#, "name"),
    ("assignee:*", "update_time desc"),
    (r#"group:* AND create_time > "2020-01-01""#, "name desc, update_time"),
    ("NOT stage:*", "country, create_time"),
];

/// Every page of every list of leads that a caller can ask for.
async fn every_page(caller: &Caller) -> Vec<Page> {
    let mut pages = Vec::new();
    for states in STATES {
        for page_size in [1, 2, 3] {
            for action in ACTIONS {
                pages.extend(pages_of_leads(caller, action, states, page_size, ("", "")).await);
            }
            pages.extend(pages_of_assigned_leads(caller, states, page_size).await);
        }
    }
    for selection in SELECTIONS {
        for action in [LeadAction::View, LeadAction::Retrieve] {
            pages.extend(pages_of_leads(caller, action, STATES[3], 2, selection).await);
        }
    }
    pages
}

/// Counts, with all that they say of the leads counted.
async fn counts(caller: &Caller) -> Vec<CountLeadsResponse> {
    let mut answers = Vec::new();
    for states in STATES {
        for action in [LeadAction::View, LeadAction::Retrieve, LeadAction::Export] {
            for (filter, _) in SELECTIONS.into_iter().chain([("", "")]) {
                for max_count in [0, 2] {
                    let request = CountLeadsRequest {
                        action: action.into(),
                        states: states.iter().map(|state| i32::from(*state)).collect(),
                        filter: filter.to_owned(),
                        max_count,
                        facets: (1..=6).collect(),
                    };
                    answers.push(caller.leads().count_leads(request).await.unwrap().into_inner());
                }
            }
        }
    }
    answers
}

async fn pages_of_leads(
    caller: &Caller,
    action: LeadAction,
    states: &[LeadState],
    page_size: i32,
    (filter, order_by): (&str, &str),
) -> Vec<Page> {
    let name = format!("{action:?} {states:?} by {page_size} {filter} {order_by}").trim_end().to_owned();
    let states = states.iter().map(|state| i32::from(*state)).collect();
    let (filter, order_by) = (filter.to_owned(), order_by.to_owned());
    let mut request =
        ListLeadsRequest { action: action.into(), states, page_size, filter, order_by, ..ListLeadsRequest::default() };
    let mut pages = Vec::new();
    loop {
        let page = caller.leads().list_leads(request.clone()).await.unwrap().into_inner();
        pages.push((name.clone(), page.leads, page.next_page_token.len()));
        if page.next_page_token.is_empty() {
            return pages;
        }
        request.page_token = page.next_page_token;
    }
}

async fn pages_of_assigned_leads(caller: &Caller, states: &[LeadState], page_size: i32) -> Vec<Page> {
    let name = format!("assigned {states:?} by {page_size}");
    let states = states.iter().map(|state| i32::from(*state)).collect();
    let mut request = ListAssignedLeadsRequest { states, page_size, ..ListAssignedLeadsRequest::default() };
    let mut pages = Vec::new();
    loop {
        let page = caller.assignments().list_assigned_leads(request.clone()).await.unwrap().into_inner();
        pages.push((name.clone(), page.leads, page.next_page_token.len()));
        if page.next_page_token.is_empty() {
            return pages;
        }
        request.page_token = page.next_page_token;
    }
}

/// Those who look on: by assignment, by a group and the pool, and by a level that reaches all that isn't blocked.
struct Onlookers([Caller; 3]);

/// All that they see of leads, and of the company.
#[derive(PartialEq, Debug)]
struct Seen {
    pages: [Vec<Page>; 3],
    counts: [Vec<CountLeadsResponse>; 3],
    company: String,
}

impl Onlookers {
    async fn see(&self) -> Seen {
        let Self([ana, gil, mia]) = self;
        let pages: [Vec<Page>; 3] = tokio::join!(every_page(ana), every_page(gil), every_page(mia)).into();
        let counts = tokio::join!(counts(ana), counts(gil), counts(mia)).into();
        let groups = mia.directory().list_groups(ListGroupsRequest::default()).await.unwrap().into_inner();
        let users = mia.directory().list_users(ListUsersRequest::default()).await.unwrap().into_inner();
        Seen { pages, counts, company: format!("{groups:?} {users:?}") }
    }
}

/// A lead that none of the onlookers reaches: another's, of another group, and blocked for whom a level would give it.
async fn hidden(t: &TestServer, group_id: &str, agent: &Caller, blocked: &Caller) -> Lead {
    let group_id = Some(group_id.to_owned());
    let lead = Lead { assignee_id: agent.id.clone(), group_id, ..named("hidden") };
    let lead = t.admin().create_lead(lead).await.unwrap();
    t.admin().revoke(&lead.id, blocked).await.unwrap();
    lead
}

on_both_databases! {
    async fn hidden_leads_change_nothing_of_any_page(t: TestServer) {
        let (admin, ana, gil, mia) = (t.admin(), t.agent("ana").await, t.agent("gil").await, t.manager("mia").await);
        let (zoe, yan) = (t.agent("zoe").await, t.agent("yan").await);
        let (north, south) = (t.group("north", &[]).await, t.group("south", &[]).await);
        let east = t.group("east", &[]).await;
        for action in [LeadAction::View, LeadAction::Edit, LeadAction::Retrieve] {
            let level = Permission { include_unassigned: true, ..groups_permission(action, &[&north]) };
            admin.set_permission(&gil, level).await.unwrap();
        }
        let (mut shown, mut others) = (Vec::new(), Vec::new());
        for number in 0..4 {
            others.push(hidden(&t, &south, &zoe, &mia).await.id);
            let (assignee_id, group_id) = (ana.id.clone(), Some(north.clone()));
            let lead = Lead { assignee_id, group_id, ..named(&format!("shown {number}")) };
            shown.push(admin.create_lead(lead).await.unwrap().id);
        }
        others.push(hidden(&t, &south, &zoe, &mia).await.id);
        admin.discard(&shown[1]).await.unwrap();
        admin.resolve(&shown[3]).await.unwrap();
        let onlookers = Onlookers([ana, gil, mia.clone()]);
        let seen = onlookers.see().await;
        for pages in &seen.pages {
            assert!(pages.iter().any(|(name, leads, token)| name == "View [] by 2" && leads.len() == 2 && *token > 0));
        }

        admin.assign(&others[0], &yan).await.unwrap();
        let to_east = Lead { id: others[1].clone(), group_id: Some(east), ..Lead::default() };
        admin.update_lead(to_east, &[]).await.unwrap();
        admin.discard(&others[2]).await.unwrap();
        admin.resolve(&others[3]).await.unwrap();
        others.push(hidden(&t, &south, &zoe, &mia).await.id);
        assert_eq!(onlookers.see().await, seen, "once hidden leads were added, moved, discarded and resolved");

        for id in &others {
            admin.delete(id).await.unwrap();
        }
        assert_eq!(onlookers.see().await, seen, "without the hidden leads");
    }

    /// Another's list says what the one who asks may view of it.
    async fn the_leads_of_another_are_listed_without_the_hidden_ones(t: TestServer) {
        let (mia, zoe, south) = (t.manager("mia").await, t.agent("zoe").await, t.group("south", &[]).await);
        let mut shown = Vec::new();
        for _ in 0..3 {
            hidden(&t, &south, &zoe, &mia).await;
            shown.insert(0, t.lead_of("shown", &zoe).await);
        }
        let mut request =
            ListAssignedLeadsRequest { user_id: zoe.id, page_size: 1, ..ListAssignedLeadsRequest::default() };
        for lead in &shown {
            let page = mia.assignments().list_assigned_leads(request.clone()).await.unwrap().into_inner();
            assert_eq!(page.leads, [lead.clone()]);
            assert_eq!(page.next_page_token.is_empty(), lead.id == shown[2].id, "the last page is known as such");
            request.page_token = page.next_page_token;
        }
    }

    async fn the_access_list_of_a_lead_says_nothing_of_others(t: TestServer) {
        let (mia, zoe, yan) = (t.manager("mia").await, t.agent("zoe").await, t.agent("yan").await);
        let (south, lead) = (t.group("south", &[]).await, t.lead_of("shown", &zoe).await);
        let before = mia.access_list(&lead.id).await.unwrap();
        let other = hidden(&t, &south, &zoe, &mia).await;
        t.admin().assign(&other.id, &yan).await.unwrap();
        t.admin().delete(&other.id).await.unwrap();
        let after = mia.access_list(&lead.id).await.unwrap();
        assert_eq!(after, before);
        assert!(before.len() >= 3 && before.iter().any(|access| access.user_id == zoe.id));
    }
}

/// A total would count what is hidden, or be wrong.
#[test]
fn no_list_says_how_much_there_is() {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let files = set.file.iter().filter(|file| file.package() == "leadward.v1");
    let is_list = |name: &str| name.starts_with("List") && name.ends_with("Response");
    let lists: Vec<_> = files.flat_map(|file| &file.message_type).filter(|message| is_list(message.name())).collect();
    assert!(lists.len() >= 10, "{} lists", lists.len());
    for list in lists {
        let fields: Vec<_> = list.field.iter().map(|field| (field.name(), field.label())).collect();
        let only_rows = matches!(fields[..], [(_, Label::Repeated), ("next_page_token", Label::Optional)]);
        assert!(only_rows, "{}: {fields:?}", list.name());
    }
}
