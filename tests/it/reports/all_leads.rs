//! The All Leads report: which leads, in which order, page by page, and how many.

use std::collections::BTreeSet;

use leadward::proto::{
    AccessLevel, Capability, ErrorReason, FacetCounts, Lead, LeadAction, LeadFacet, LeadState, Profile, ReportTotals,
    Role, RunAllLeadsReportRequest,
};

use super::{column, in_columns, pages, user_with};
use crate::support::{Caller, TestServer, every_action, named, on_both_databases, permission, refused};

fn filtered(filter: &str) -> RunAllLeadsReportRequest {
    RunAllLeadsReportRequest { filter: filter.to_owned(), ..in_columns(&["name"]) }
}

fn ordered(order_by: &str) -> RunAllLeadsReportRequest {
    RunAllLeadsReportRequest { order_by: order_by.to_owned(), ..in_columns(&["name"]) }
}

/// A lead with a country and a stage, where these are not empty.
fn lead(name: &str, country: &str, stage: &str) -> Lead {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Lead { country: given(country), stage: given(stage), ..named(name) }
}

/// What a facet of the totals says, the most frequent first, names where there are some.
fn says(totals: &ReportTotals, facet: LeadFacet) -> Vec<(String, i64)> {
    let counts: &FacetCounts = totals.facets.iter().find(|counts| counts.facet() == facet).unwrap();
    let named = |value: &str, name: &str| if name.is_empty() { value.to_owned() } else { name.to_owned() };
    counts.values.iter().map(|it| (named(&it.value, &it.display_name), it.count)).collect()
}

on_both_databases! {
    /// It is of the whole company: the capability is what it takes, and no level.
    async fn the_report_has_every_lead_whatever_the_caller_may_view(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let capabilities = vec![Capability::ViewAllLeadsReport.into()];
        let kim = user_with(&t, "kim", Role::Agent, Profile { capabilities, ..Profile::default() }).await;
        t.lead("nobody's").await;
        t.lead_of("Ana's", &ana).await;
        let blocked = t.lead_of("Ben's", &ben).await;
        t.admin().revoke(&blocked.id, &kim).await.unwrap();

        for caller in [&t.admin(), &t.manager("mia").await, &kim] {
            assert_eq!(column(caller, in_columns(&["name"])).await, ["Ben's", "Ana's", "nobody's"], "{}", caller.name);
        }
        assert!(kim.list_leads(LeadAction::View).await.unwrap().is_empty());
        let complete = Profile { permissions: every_action(AccessLevel::Complete), ..Profile::default() };
        let max = user_with(&t, "max", Role::Manager, complete).await;
        for caller in [&ana, &max] {
            refused(pages(caller, in_columns(&["name"])).await, ErrorReason::CapabilityRequired);
        }
        refused(pages(&t.anonymous(), in_columns(&["name"])).await, ErrorReason::NotAuthenticated);
    }

    async fn a_filter_and_several_keys_make_the_list(t: TestServer) {
        for (name, country, stage) in [
            ("Ana", "PT", "New"),
            ("Bo", "ES", "Contacted"),
            ("Cy", "PT", "Contacted"),
            ("Di", "", "New"),
            ("Ed", "ES", ""),
        ] {
            t.admin().create_lead(lead(name, country, stage)).await.unwrap();
        }
        let admin = t.admin();
        assert_eq!(column(&admin, filtered("country = \"PT\"")).await, ["Cy", "Ana"]);
        assert_eq!(column(&admin, filtered("country = \"PT\" AND stage = \"New\"")).await, ["Ana"]);
        assert_eq!(column(&admin, filtered("NOT country:*")).await, ["Di"]);
        assert_eq!(column(&admin, ordered("country, name desc")).await, ["Ed", "Bo", "Cy", "Ana", "Di"]);
        assert_eq!(column(&admin, ordered("country desc, name")).await, ["Ana", "Cy", "Bo", "Ed", "Di"]);
        let both = RunAllLeadsReportRequest { filter: "stage:*".to_owned(), ..ordered("name desc") };
        assert_eq!(column(&admin, both.clone()).await, ["Di", "Cy", "Bo", "Ana"]);
        for page_size in [1, 2, 3, 4] {
            let by_page = RunAllLeadsReportRequest { page_size, ..both.clone() };
            assert_eq!(column(&admin, by_page).await, ["Di", "Cy", "Bo", "Ana"], "by {page_size}");
        }
    }

    async fn the_filter_knows_agents_by_name(t: TestServer) {
        let (mia, ana) = (t.manager("mia").await, t.agent("ana").await);
        t.lead_of("Ana's", &ana).await;
        t.lead("nobody's").await;
        for filter in ["assignee = \"ana\"", "assignee = \"ANA@example.com\"", "assignee:*"] {
            assert_eq!(column(&mia, filtered(filter)).await, ["Ana's"], "{filter}");
        }
        refused(pages(&mia, filtered("assignee = \"nobody\"")).await, ErrorReason::InvalidArgument);
    }

    /// Discarded leads are in it where somebody asks for them.
    async fn live_leads_are_in_it_unless_other_states_are_asked_for(t: TestServer) {
        let admin = t.admin();
        t.lead("active").await;
        admin.resolve(&t.lead("resolved").await.id).await.unwrap();
        admin.discard(&t.lead("discarded").await.id).await.unwrap();
        assert_eq!(column(&admin, in_columns(&["name"])).await, ["resolved", "active"]);
        assert_eq!(column(&admin, filtered("state != ACTIVE")).await, ["discarded", "resolved"]);
        let in_state = |state: LeadState, filter: &str| {
            RunAllLeadsReportRequest { states: vec![state.into()], ..filtered(filter) }
        };
        assert_eq!(column(&admin, in_state(LeadState::Discarded, "")).await, ["discarded"]);
        assert!(column(&admin, in_state(LeadState::Discarded, "state = ACTIVE")).await.is_empty());
    }

    async fn totals_count_what_the_report_has(t: TestServer) {
        let (mia, ana) = (t.manager("mia").await, t.agent("ana").await);
        for (name, country, stage) in
            [("Ana", "PT", "New"), ("Bo", "PT", "New"), ("Cy", "PT", "Contacted"), ("Di", "", "New")]
        {
            let assignee_id = if country.is_empty() { String::new() } else { ana.id.clone() };
            t.admin().create_lead(Lead { assignee_id, ..lead(name, country, stage) }).await.unwrap();
        }
        t.client("Ed").await;
        t.admin().discard(&t.lead("discarded").await.id).await.unwrap();

        let request = RunAllLeadsReportRequest { include_totals: true, page_size: 2, ..in_columns(&["name"]) };
        let pages_of_all = pages(&mia, request.clone()).await.unwrap();
        assert_eq!(pages_of_all.len(), 3);
        assert!(pages_of_all[1..].iter().all(|page| page.totals.is_none()), "with the first page alone");
        let totals = pages_of_all[0].totals.clone().unwrap();
        assert_eq!((totals.count, totals.capped), (5, false));
        let counts = |facet: LeadFacet| says(&totals, facet);
        let pairs = |pairs: &[(&str, i64)]| pairs.iter().map(|(value, n)| ((*value).to_owned(), *n)).collect::<Vec<_>>();
        assert_eq!(counts(LeadFacet::Kind), pairs(&[("LEAD_KIND_LEAD", 4), ("LEAD_KIND_CLIENT", 1)]));
        assert_eq!(counts(LeadFacet::Stage)[0], ("New".to_owned(), 3));
        assert_eq!(counts(LeadFacet::Stage).len(), 3);
        assert_eq!(counts(LeadFacet::Country), pairs(&[("PT", 3), ("", 2)]));
        assert_eq!(counts(LeadFacet::Assignee), pairs(&[("ana", 3), ("", 2)]));

        let narrow = RunAllLeadsReportRequest { filter: "country = \"PT\"".to_owned(), ..request.clone() };
        let totals = pages(&mia, narrow).await.unwrap()[0].totals.clone().unwrap();
        assert_eq!((totals.count, says(&totals, LeadFacet::Country)), (3, pairs(&[("PT", 3)])));
        let capped = RunAllLeadsReportRequest { max_count: 2, ..request };
        let capped = pages(&mia, capped).await.unwrap();
        let totals = capped[0].totals.clone().unwrap();
        assert_eq!((totals.count, totals.capped), (2, true));
        assert_eq!(capped.len(), 3, "the list itself is not cut");
        let silent = pages(&mia, in_columns(&["name"])).await.unwrap();
        assert!(silent[0].totals.is_none());
    }

    /// The rows have everybody's names, and so may the filter; the totals name those whom the caller knows.
    async fn whoever_has_the_report_asks_for_anybody_by_name(t: TestServer) {
        let ana = t.agent("ana").await;
        let like = Profile {
            capabilities: vec![Capability::ViewAllLeadsReport.into()],
            permissions: every_action(AccessLevel::Individual),
            ..Profile::default()
        };
        let kim = user_with(&t, "kim", Role::Agent, like).await;
        t.lead_of("Ana's", &ana).await;
        t.lead_of("Kim's", &kim).await;
        for (filter, expected) in [
            ("assignee = ana", vec!["Ana's"]),
            ("assignee = 'ana@example.com' OR assignee = kim", vec!["Kim's", "Ana's"]),
            ("created_by != Administrator", vec![]),
        ] {
            assert_eq!(column(&kim, filtered(filter)).await, expected, "{filter}");
        }
        refused(pages(&kim, filtered("assignee = nobody")).await, ErrorReason::InvalidArgument);

        let request = RunAllLeadsReportRequest { include_totals: true, ..in_columns(&["assignee"]) };
        assert_eq!(column(&kim, request.clone()).await, ["kim", "ana"]);
        let totals = async |caller: &Caller| -> BTreeSet<(String, i64)> {
            let page = pages(caller, request.clone()).await.unwrap().swap_remove(0);
            says(&page.totals.unwrap(), LeadFacet::Assignee).into_iter().collect()
        };
        assert_eq!(totals(&kim).await, BTreeSet::from([(ana.id.clone(), 1), ("kim".to_owned(), 1)]));
        assert_eq!(totals(&t.admin()).await, BTreeSet::from([("ana".to_owned(), 1), ("kim".to_owned(), 1)]));
    }

    /// Columns and size may differ from page to page; what the list is may not.
    async fn a_page_token_is_good_for_its_list_only(t: TestServer) {
        let (mia, max) = (t.manager("mia").await, t.manager("max").await);
        for name in ["Ana", "Bo", "Cy"] {
            t.lead(name).await;
        }
        let first = RunAllLeadsReportRequest { page_size: 1, include_totals: true, ..ordered("name") };
        let page_token = mia.reports().run_all_leads_report(first).await.unwrap().into_inner().next_page_token;
        let next = |request: RunAllLeadsReportRequest| RunAllLeadsReportRequest { page_token: page_token.clone(), ..request };
        let other_columns = RunAllLeadsReportRequest { read_mask: None, page_size: 2, ..ordered("name") };
        let page = mia.reports().run_all_leads_report(next(other_columns)).await.unwrap().into_inner();
        assert_eq!((page.rows.len(), page.columns.len(), page.totals), (2, 12, None));

        let live = vec![LeadState::Active.into()];
        for (caller, request) in [
            (&max, ordered("name")),
            (&mia, ordered("name desc")),
            (&mia, ordered("")),
            (&mia, RunAllLeadsReportRequest { filter: "name:*".to_owned(), ..ordered("name") }),
            (&mia, RunAllLeadsReportRequest { states: live, ..ordered("name") }),
        ] {
            let answer = caller.reports().run_all_leads_report(next(request)).await;
            refused(answer, ErrorReason::InvalidPageToken);
        }
    }

    /// A lead whose place doesn't change is on exactly one page, whatever comes and goes around it.
    async fn pages_neither_repeat_nor_lose_what_stays(t: TestServer) {
        let admin = t.admin();
        let mut leads = Vec::new();
        for name in ["a", "c", "e", "g", "i"] {
            leads.push(admin.create_lead(lead(name, "PT", "")).await.unwrap());
        }
        let mut request = RunAllLeadsReportRequest { page_size: 2, ..ordered("country, name") };
        let mut seen = Vec::new();
        for change in 0.. {
            let page = admin.reports().run_all_leads_report(request.clone()).await.unwrap().into_inner();
            seen.extend(page.rows.iter().flat_map(super::cells));
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
            match change {
                0 => {
                    admin.delete(&leads[1].id).await.unwrap();
                    t.admin().create_lead(lead("b", "PT", "")).await.unwrap();
                    t.admin().create_lead(lead("h", "PT", "")).await.unwrap();
                }
                _ => admin.discard(&leads[0].id).await.map(drop).unwrap(),
            }
        }
        assert_eq!(seen, ["a", "c", "e", "g", "h", "i"]);
    }

    /// A caller who may view nothing has the report, and nothing else by it.
    async fn the_report_gives_no_right_to_its_leads(t: TestServer) {
        let mia = t.manager("mia").await;
        for action in [LeadAction::View, LeadAction::Export] {
            t.admin().set_permission(&mia, permission(action, AccessLevel::None)).await.unwrap();
        }
        let lead = t.lead("Ida").await;
        assert_eq!(column(&mia, in_columns(&["id"])).await, [lead.id.clone()]);
        refused(mia.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
    }
}
