//! Orders: every key in either direction, several keys, what is not set last, and the ID where nothing else decides.

use std::{collections::HashMap, time::Duration};

use leadward::proto::{AccessLevel, ErrorReason, GrantMode, Lead, LeadAction, ListLeadsRequest, Permission};
use prost_types::Timestamp;
use tokio::time::sleep;

use super::{Direction, Key, ids, key, list, order_by, ordered, sort, told};
use crate::support::{Caller, TestServer, euros, groups_permission, named, on_both_databases, permission, refused};

const KEYS: [&str; 10] = [
    "create_time",
    "update_time",
    "next_contact_time",
    "name",
    "country",
    "stage",
    "external_id",
    "register_time",
    "first_deposit_time",
    "assign_time",
];

/// Leads of which some have a key set and some have the same, and who may see which of them.
struct Company {
    callers: Vec<Caller>,
    /// When each lead was assigned, by turns.
    assigned: HashMap<String, u64>,
}

impl Company {
    async fn of(t: &TestServer) -> Self {
        let (admin, ana, gil, mia) = (t.admin(), t.agent("ana").await, t.agent("gil").await, t.manager("mia").await);
        let (north, south) = (t.group("north", &[&gil]).await, t.group("south", &[]).await);
        let level = Permission { include_unassigned: true, ..groups_permission(LeadAction::View, &[&north, &south]) };
        admin.set_permission(&gil, level).await.unwrap();
        let (mut leads, mut assigned) = (Vec::new(), HashMap::new());
        for n in 0..20 {
            let pick =
                |choices: &[&str]| Some(choices[n % choices.len()].to_owned()).filter(|choice| !choice.is_empty());
            let given = Lead {
                external_id: pick(&["7", "", "10", "x-1", "", "X-1", "é"]).map(|id| format!("{id}/{n}")),
                name: pick(&["Bea", "", "ana", "Ana", "Zé", "Zaa", "Ána", "Bea"]),
                email: Some(format!("lead{n}@example.com")),
                country: pick(&["PT", "ES", "", "PT", "BR"]),
                stage: pick(&["New", "", "Contacted"]),
                next_contact_time: [Some(1), None, Some(0), Some(1), Some(-1)][n % 5].map(time),
                group_id: pick(&["", &north, "", &south]),
                ..Lead::default()
            };
            leads.push(admin.create_lead(given).await.unwrap().id);
        }
        for n in [3, 17, 0, 8, 12, 5] {
            let registering = Lead { external_id: Some(format!("p/{n}")), ..named("registered") };
            leads.push(admin.register(registering).await.unwrap().lead.unwrap().id);
        }
        for n in [11, 2, 20, 19] {
            admin.deposit(&leads[n], "payment", euros(1, 0)).await.unwrap();
        }
        for (turn, n) in [9, 4, 13, 1, 22, 0, 7].into_iter().enumerate() {
            // No two in the same millisecond.
            sleep(Duration::from_millis(5)).await;
            admin.assign(&leads[n], &ana).await.unwrap();
            assigned.insert(leads[n].clone(), turn as u64);
        }
        for n in [6, 14, 15, 23] {
            admin.grant(&leads[n], &ana, GrantMode::Full).await.unwrap();
        }
        admin.revoke(&leads[18], &mia).await.unwrap();
        Self { callers: vec![admin, mia, ana, gil], assigned }
    }

    fn sort(&self, leads: &mut [Lead], keys: &[Direction<'_>]) {
        let assigned = |lead: &Lead| self.assigned.get(&lead.id).map(|turn| Key::Turn(*turn));
        sort(leads, keys, |lead| &lead.id, |lead, field| key(lead, field, assigned(lead)));
    }

    /// Expects that every caller has their leads in this order, whatever the size of the pages.
    async fn assert_ordered(&self, keys: &[Direction<'_>]) {
        let order_by = order_by(keys);
        for caller in &self.callers {
            let mut expected = list(caller, ordered("")).await.unwrap();
            self.sort(&mut expected, keys);
            for page_size in [1, 4, 0] {
                let request = ListLeadsRequest { page_size, ..ordered(&order_by) };
                let leads = list(caller, request).await.unwrap();
                assert_eq!(ids(&leads), ids(&expected), "{} by {order_by:?}, {page_size} a page", caller.name);
            }
        }
    }
}

fn time(day: i64) -> Timestamp {
    Timestamp { seconds: 1_900_000_000 + day * 86_400, nanos: 0 }
}

on_both_databases! {
    async fn each_key_orders_in_either_direction_and_what_is_not_set_comes_last(t: TestServer) {
        let company = Company::of(&t).await;
        company.assert_ordered(&[]).await;
        for field in KEYS {
            for descending in [false, true] {
                company.assert_ordered(&[(field, descending)]).await;
            }
        }
    }

    async fn later_keys_decide_where_earlier_ones_don_t(t: TestServer) {
        let company = Company::of(&t).await;
        for keys in [
            &[("country", false), ("name", false)][..],
            &[("country", true), ("name", false)],
            &[("stage", false), ("country", true), ("next_contact_time", true)],
            &[("next_contact_time", true), ("stage", true), ("country", false), ("name", true)],
            &[("country", false), ("create_time", false)],
            &[("stage", true), ("create_time", true)],
            &[("first_deposit_time", false), ("register_time", true), ("assign_time", false), ("external_id", true)],
            &[("name", true), ("update_time", false)],
        ] {
            company.assert_ordered(keys).await;
        }
    }

    async fn an_order_goes_with_a_filter_and_any_action(t: TestServer) {
        let company = Company::of(&t).await;
        let filter = r#"country:* AND (name:"a" OR stage = "New")"#;
        for caller in &company.callers {
            for (action, keys) in [
                (LeadAction::View, [("name", true)]),
                (LeadAction::Edit, [("country", false)]),
                (LeadAction::Resolve, [("next_contact_time", false)]),
            ] {
                let asked = |order_by: &str| {
                    let filter = filter.to_owned();
                    ListLeadsRequest { action: action.into(), filter, page_size: 2, ..ordered(order_by) }
                };
                let mut expected = list(caller, asked("")).await.unwrap();
                company.sort(&mut expected, &keys);
                let leads = list(caller, asked(&order_by(&keys))).await.unwrap();
                assert_eq!(ids(&leads), ids(&expected), "{} {action:?} by {keys:?}", caller.name);
            }
        }
    }

    async fn the_newest_come_first_where_nothing_is_said(t: TestServer) {
        let mut made = Vec::new();
        for name in ["first", "second", "third"] {
            made.insert(0, t.lead(name).await.id);
        }
        for order_by in ["", "  ", "create_time desc"] {
            assert_eq!(ids(&list(&t.admin(), ordered(order_by)).await.unwrap()), made);
        }
        made.reverse();
        assert_eq!(ids(&list(&t.admin(), ordered("create_time asc")).await.unwrap()), made);
    }

    async fn other_orders_are_refused(t: TestServer) {
        for (order_by, word) in [
            ("nam", "name"),
            ("email", "email"),
            ("attributes.plan", "attributes.plan"),
            ("last_order_status", "last_order_status"),
            ("name up", "desc"),
            ("name,,country", "empty"),
            ("name, country desc, name desc", "twice"),
            ("create_time, name", "create_time"),
            ("name, country, stage, external_id, update_time", "4"),
        ] {
            let status = refused(list(&t.admin(), ordered(order_by)).await, ErrorReason::InvalidArgument);
            let faults = told(&status, "order_by");
            assert!(faults.len() == 1 && faults[0].contains(word), "{order_by}: {faults:?}");
        }
    }

    /// No level, and no leads, are no fault.
    async fn whoever_reaches_nothing_gets_an_empty_page_in_any_order(t: TestServer) {
        let ana = t.agent("ana").await;
        t.lead("nobody's").await;
        for level in [AccessLevel::Individual, AccessLevel::None] {
            t.admin().set_permission(&ana, permission(LeadAction::View, level)).await.unwrap();
            for field in KEYS {
                assert!(list(&ana, ordered(field)).await.unwrap().is_empty(), "{field} at {level:?}");
            }
        }
    }
}
