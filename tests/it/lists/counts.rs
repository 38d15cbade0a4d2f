//! Counts: as many as there are on the list, up to a cap, and how they fall.

use std::collections::BTreeMap;

use leadward::proto::{
    AccessLevel, CountLeadsRequest, CountLeadsResponse, ErrorReason, GrantMode, Lead, LeadAction, LeadFacet, LeadState,
    ListLeadsRequest, Permission,
};

use super::{FACETS, count, every_state, list};
use crate::support::{
    ACTIONS, Caller, TestServer, client_row, faults, groups_permission, named, on_both_databases, permission, refused,
};

fn all_facets() -> Vec<i32> {
    FACETS.map(i32::from).to_vec()
}

/// Leads of every kind and state, some with a country and a stage; and callers who reach all, some, or none.
async fn company(t: &TestServer) -> Vec<Caller> {
    let (admin, mia, ana, gil) = (t.admin(), t.manager("mia").await, t.agent("ana").await, t.agent("gil").await);
    let (north, south) = (t.group("north", &[&gil]).await, t.group("south", &[]).await);
    for action in ACTIONS {
        let level = Permission { include_unassigned: true, ..groups_permission(action, &[&north]) };
        admin.set_permission(&gil, level).await.unwrap();
    }
    let mut ids = Vec::new();
    for number in 0..18 {
        let pick =
            |choices: &[&str]| Some(choices[number % choices.len()].to_owned()).filter(|choice| !choice.is_empty());
        let lead = Lead {
            country: pick(&["PT", "ES", "PT", "", "FR", "PT"]),
            stage: pick(&["New", "", "Contacted", "New"]),
            group_id: pick(&[&north, &south, ""]),
            assignee_id: pick(&[&ana.id, "", &gil.id, &mia.id]).unwrap_or_default(),
            ..named(&format!("lead {number}"))
        };
        ids.push(admin.create_lead(lead).await.unwrap().id);
    }
    for name in ["Ina", "Ivo"] {
        admin.import(vec![client_row(name)]).await.unwrap();
    }
    let registered = Lead { external_id: Some("platform-1".to_owned()), ..named("Rui") };
    admin.register(registered).await.unwrap();
    for id in &ids[..4] {
        admin.discard(id).await.unwrap();
    }
    for id in &ids[4..7] {
        admin.resolve(id).await.unwrap();
    }
    for id in &ids[9..12] {
        admin.grant(id, &ana, GrantMode::ViewOnly).await.unwrap();
    }
    admin.revoke(&ids[17], &mia).await.unwrap();
    vec![admin, mia, ana, gil, t.agent("nobody's").await]
}

/// How many of some leads have each value of a facet.
fn fall(leads: &[Lead], facet: LeadFacet) -> BTreeMap<String, i64> {
    let value = |lead: &Lead| match facet {
        LeadFacet::Kind => lead.kind().as_str_name().to_owned(),
        LeadFacet::State => lead.state().as_str_name().to_owned(),
        LeadFacet::Stage => lead.stage().to_owned(),
        LeadFacet::Country => lead.country().to_owned(),
        LeadFacet::Assignee => lead.assignee_id.clone(),
        LeadFacet::Group => lead.group_id().to_owned(),
        LeadFacet::Unspecified => panic!("no facet"),
    };
    let mut counts = BTreeMap::new();
    for lead in leads {
        *counts.entry(value(lead)).or_default() += 1;
    }
    counts
}

/// Expects that a count is of these leads and no others, and says of each facet how they fall.
pub fn assert_is_of(counted: &CountLeadsResponse, leads: &[Lead], what: &str) {
    assert_eq!(counted.count, leads.len() as i64, "{what}");
    assert_eq!(counted.facets.iter().map(|counts| counts.facet).collect::<Vec<_>>(), all_facets(), "{what}");
    for counts in &counted.facets {
        let told: Vec<i64> = counts.values.iter().map(|value| value.count).collect();
        assert_eq!(told.iter().sum::<i64>(), counted.count, "{what}: {counts:?} adds up");
        assert!(told.is_sorted_by(|more, less| more >= less), "{what}: {counts:?} has the most frequent first");
        let told: BTreeMap<_, _> = counts.values.iter().map(|value| (value.value.clone(), value.count)).collect();
        assert_eq!(told, fall(leads, counts.facet()), "{what}: {:?}", counts.facet());
        assert_eq!(told.len(), counts.values.len(), "{what}: each value of {counts:?} once");
    }
}

on_both_databases! {
    async fn a_count_is_of_what_the_list_shows(t: TestServer) {
        let callers = company(&t).await;
        let (mut none, mut some) = (0, 0);
        for caller in &callers {
            for action in ACTIONS {
                for states in [vec![], every_state(), vec![LeadState::Discarded.into()]] {
                    for filter in ["", "country = PT", r#"name:"lead 1" AND NOT stage:*"#, "kind != LEAD", "state = RESOLVED"] {
                        let what = format!("{} {action:?} {states:?} {filter}", caller.name);
                        let (action, filter) = (action.into(), filter.to_owned());
                        let listed = ListLeadsRequest { action, states: states.clone(), filter: filter.clone(), ..Default::default() };
                        let listed = list(caller, listed).await.unwrap();
                        let asked = CountLeadsRequest { action, states: states.clone(), filter, facets: all_facets(), max_count: 0 };
                        let counted = count(caller, asked).await.unwrap();
                        assert!(!counted.capped, "{what}");
                        assert_is_of(&counted, &listed, &what);
                        if listed.is_empty() { none += 1 } else { some += 1 }
                    }
                }
            }
        }
        assert!(none > 100 && some > 100, "{none} counts of nothing, {some} of something");
    }

    async fn a_count_that_is_capped_says_so_and_is_of_the_newest(t: TestServer) {
        let callers = company(&t).await;
        for caller in &callers {
            let whole = list(caller, ListLeadsRequest { states: every_state(), ..Default::default() }).await.unwrap();
            let all = whole.len();
            for cap in [1, 2, all.saturating_sub(1), all, all + 1, 1_000_000, 2_000_000] {
                let max_count = cap as i64;
                let asked = CountLeadsRequest { states: every_state(), facets: all_facets(), max_count, ..Default::default() };
                let counted = count(caller, asked).await.unwrap();
                // 0 stands for the default.
                let cap = if cap == 0 { all } else { cap };
                let what = format!("{} up to {cap} of {all}", caller.name);
                assert_eq!(counted.capped, cap < all, "{what}");
                assert_is_of(&counted, &whole[..cap.min(all)], &what);
            }
        }
    }

    async fn facets_are_answered_as_asked_and_each_once(t: TestServer) {
        let admin = t.admin();
        t.lead("lead").await;
        let ask = async |facets: Vec<i32>| count(&admin, CountLeadsRequest { facets, ..Default::default() }).await;
        assert!(ask(vec![]).await.unwrap().facets.is_empty());
        let (group, kind) = (LeadFacet::Group.into(), LeadFacet::Kind.into());
        let answered = ask(vec![group, kind, group]).await.unwrap();
        assert_eq!(answered.facets.iter().map(|counts| counts.facet).collect::<Vec<_>>(), [group, kind]);
        let status = refused(ask(vec![kind, 0, 7]).await, ErrorReason::InvalidArgument);
        assert_eq!(faults(&status), ["facets[1]", "facets[2]"]);
        let negative = CountLeadsRequest { max_count: -1, ..Default::default() };
        let status = refused(count(&admin, negative).await, ErrorReason::InvalidArgument);
        assert_eq!(faults(&status), ["max_count"]);
    }

    /// Whom leads are assigned to shows by ID; names are the directory's.
    async fn names_are_told_to_those_who_may_know_them(t: TestServer) {
        let (ana, ben, mia) = (t.agent("ana").await, t.agent("ben").await, t.manager("mia").await);
        let (north, south) = (t.group("north", &[&ana]).await, t.group("south", &[]).await);
        t.admin().set_permission(&ana, permission(LeadAction::View, AccessLevel::Complete)).await.unwrap();
        for (assignee, group) in [(&ana, &north), (&ben, &south)] {
            let group_id = Some(group.clone());
            t.admin().create_lead(Lead { assignee_id: assignee.id.clone(), group_id, ..named("lead") }).await.unwrap();
        }
        t.lead("nobody's").await;
        let told = async |caller: &Caller| -> BTreeMap<String, String> {
            let facets = all_facets();
            let counted = count(caller, CountLeadsRequest { facets, ..Default::default() }).await.unwrap();
            let values = counted.facets.into_iter().flat_map(|counts| counts.values);
            values.filter(|value| !value.display_name.is_empty()).map(|value| (value.value, value.display_name)).collect()
        };
        let named = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(id, name)| ((*id).to_owned(), (*name).to_owned())).collect()
        };
        let everybody = named(&[(&ana.id, "ana"), (&ben.id, "ben"), (&north, "north"), (&south, "south")]);
        assert_eq!(told(&t.admin()).await, everybody);
        assert_eq!(told(&mia).await, everybody);
        assert_eq!(told(&ana).await, named(&[(&ana.id, "ana"), (&north, "north")]));
        assert!(told(&ben).await.len() == 1, "only themselves");
    }
}
