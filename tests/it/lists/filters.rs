//! Every field and every operator of filters on real leads, and what is wrong with those that are refused.

mod tables;

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, SecondsFormat};
use leadward::proto::{
    AccessLevel, CountLeadsRequest, ErrorReason, Lead, LeadAction, LeadState, ListAssignedLeadsRequest,
    ListLeadsRequest, OrderStatus, User,
};
use prost_types::Timestamp;
use tokio::time::sleep;

use self::tables::{CHOICES, TEXTS, TIMES, TOGETHER, WRONG};
use super::{count, filtered, list, names, told};
use crate::support::{Caller, TestServer, answer, client_row, on_both_databases, permission, refused};

/// Six leads, whose names begin with A to E; the last one has no name.
struct People {
    ana: Caller,
    ben: Caller,
    north: String,
    leads: Vec<Lead>,
}

impl People {
    async fn of(t: &TestServer) -> Self {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let (north, south) = (t.group("North", &[&ana]).await, t.group("South", &[]).await);
        let mut ids = Vec::new();
        for lead in [ana_silva(&ana, &north), bruno_costa(&ben), cleo_unal(&south)] {
            ids.push(admin.create_lead(lead).await.unwrap().id);
            pause().await;
        }
        admin.resolve(&ids[1]).await.unwrap();
        pause().await;
        admin.discard(&ids[2]).await.unwrap();
        pause().await;
        let registration = Lead { external_id: text("platform-9"), name: text("Dora"), ..Lead::default() };
        ids.push(admin.register(registration).await.unwrap().lead.unwrap().id);
        pause().await;
        ids.push(admin.import(vec![client_row("Eva")]).await.unwrap().swap_remove(0).lead_id);
        pause().await;
        ids.push(admin.create_lead(Lead { email: text("zed@example.org"), ..Lead::default() }).await.unwrap().id);

        admin.place_order(&ids[0], "N-1").await.unwrap();
        let cancelled = admin.place_order(&ids[1], "N-2").await.unwrap();
        admin.move_order(&cancelled.id, OrderStatus::Cancelled).await.unwrap();
        for number in ["N-3", "N-4"] {
            let order = admin.place_order(&ids[4], number).await.unwrap();
            pause().await;
            if number == "N-4" {
                admin.move_order(&order.id, OrderStatus::Completed).await.unwrap();
            }
        }
        let mut leads = Vec::new();
        for id in ids {
            leads.push(admin.get_lead(&id).await.unwrap());
        }
        Self { ana, ben, north, leads }
    }

    /// The initials of those that a filter finds, the oldest first; Z is the one without a name.
    async fn found(&self, caller: &Caller, filter: &str) -> String {
        let found = list(caller, filtered(filter)).await;
        initials(&found.unwrap_or_else(|status| panic!("{filter}: {status:?}")))
    }
}

/// So that no two leads are of the same millisecond.
async fn pause() {
    sleep(Duration::from_millis(5)).await;
}

fn initials(leads: &[Lead]) -> String {
    leads.iter().rev().map(|lead| lead.name().chars().next().unwrap_or('Z')).collect()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn attributes(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn time(rfc3339: &str) -> Option<Timestamp> {
    Some(Timestamp { seconds: DateTime::parse_from_rfc3339(rfc3339).unwrap().timestamp(), nanos: 0 })
}

/// As a filter takes it.
fn written(time: Option<Timestamp>) -> String {
    let Timestamp { seconds, nanos } = time.unwrap();
    let time = DateTime::from_timestamp(seconds, u32::try_from(nanos).unwrap()).unwrap();
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn ana_silva(assignee: &Caller, group_id: &str) -> Lead {
    Lead {
        external_id: text("platform-42"),
        name: text("Ana Silva"),
        email: text("Ana.Silva@Example.com"),
        email_confirmed: Some(true),
        phone: text("+351910000001"),
        country: text("PT"),
        locale: text("pt-PT"),
        campaign: text("spring"),
        attributes: attributes(&[("plan", "gold"), ("seats.max", "12")]),
        stage: text("Contacted"),
        next_contact_time: time("2030-01-01T00:00:00Z"),
        assignee_id: assignee.id.clone(),
        group_id: text(group_id),
        ..Lead::default()
    }
}

fn bruno_costa(assignee: &Caller) -> Lead {
    Lead {
        external_id: text("platform-7"),
        name: text("Bruno Costa"),
        email: text("bruno@example.org"),
        country: text("ES"),
        locale: text("es"),
        campaign: text("Spring sale"),
        attributes: attributes(&[("plan", "silver")]),
        stage: text("New"),
        next_contact_time: time("2030-06-01T00:00:00Z"),
        assignee_id: assignee.id.clone(),
        ..Lead::default()
    }
}

fn cleo_unal(group_id: &str) -> Lead {
    Lead {
        name: text("Cléo Ünal"),
        phone: text("+33612345678"),
        country: text("FR"),
        attributes: attributes(&[("plan", "100%_")]),
        group_id: text(group_id),
        ..Lead::default()
    }
}

on_both_databases! {
    async fn every_field_is_held_against_every_kind_of_value(t: TestServer) {
        let people = People::of(&t).await;
        for (filter, expected) in [TEXTS, CHOICES, TIMES, TOGETHER].concat() {
            assert_eq!(people.found(&t.admin(), filter).await, expected, "{filter}");
        }
    }

    async fn users_and_groups_are_known_by_id_and_by_name(t: TestServer) {
        let people = People::of(&t).await;
        let (ana, north) = (&people.ana.id, &people.north);
        for (filter, expected) in [
            (format!("assignee = \"{ana}\""), "A"),
            (format!("assignee_id = {ana}"), "A"),
            ("assignee = ana".to_owned(), "A"),
            (r#"assignee = "Ana@Example.com""#.to_owned(), "A"),
            (r#"assignee = 'ben'"#.to_owned(), "B"),
            ("assignee != ana".to_owned(), "BCDEZ"),
            ("assignee = ana OR assignee = ben".to_owned(), "AB"),
            (format!("assignee = \"{}\"", people.leads[0].id), ""),
            ("assignee:*".to_owned(), "AB"),
            ("NOT assignee:*".to_owned(), "CDEZ"),
            (format!("group = \"{north}\""), "A"),
            ("group = north".to_owned(), "A"),
            (r#"group_id = "NORTH""#.to_owned(), "A"),
            ("group != South".to_owned(), "ABDEZ"),
            ("group:*".to_owned(), "AC"),
            ("created_by = Administrator".to_owned(), "ABCDEZ"),
            ("created_by = ana".to_owned(), ""),
            ("created_by:*".to_owned(), "ABCDEZ"),
        ] {
            assert_eq!(people.found(&t.admin(), &filter).await, expected, "{filter}");
        }
    }

    async fn a_lead_is_found_by_its_id_and_its_times(t: TestServer) {
        let people = People::of(&t).await;
        let cleo = &people.leads[2];
        let (id, made) = (&cleo.id, written(cleo.create_time));
        for (filter, expected) in [
            (format!("id = \"{id}\""), "C"),
            (format!("id = {id}"), "C"),
            (format!("id != {id}"), "ABDEZ"),
            ("id:*".to_owned(), "ABCDEZ"),
            (format!("id = {}", people.ana.id), ""),
            (format!("create_time = \"{made}\""), "C"),
            (format!("create_time != \"{made}\""), "ABDEZ"),
            (format!("create_time < \"{made}\""), "AB"),
            (format!("create_time <= \"{made}\""), "ABC"),
            (format!("create_time > \"{made}\""), "DEZ"),
            (format!("create_time >= \"{made}\""), "CDEZ"),
            (format!("update_time = \"{}\"", written(cleo.update_time)), "C"),
            (format!("discard_time = \"{}\"", written(cleo.discard_time)), "C"),
        ] {
            assert_eq!(people.found(&t.admin(), &filter).await, expected, "{filter}");
        }
    }

    async fn a_filter_follows_what_changes(t: TestServer) {
        let people = People::of(&t).await;
        let admin = t.admin();
        let renamed = Lead { id: people.leads[0].id.clone(), name: text("Zoë"), ..Lead::default() };
        admin.update_lead(renamed, &[]).await.unwrap();
        admin.retrieve(&people.leads[2].id).await.unwrap();
        let without = Lead { id: people.leads[5].id.clone(), name: text("Fay"), ..Lead::default() };
        admin.update_lead(without, &["name", "email"]).await.unwrap();
        admin.delete(&people.leads[1].id).await.unwrap();
        for (filter, expected) in [
            (r#"name:"silva""#, ""),
            (r#"name:"zoË""#, "Z"),
            (r#"name:"bruno""#, ""),
            (r#"external_id:"platform-7""#, ""),
            (r#"email:"zed""#, ""),
            (r#"name:"fay""#, "F"),
            ("state = DISCARDED", ""),
            ("discard_reason:*", ""),
        ] {
            assert_eq!(people.found(&admin, filter).await, expected, "{filter}");
        }
    }

    async fn a_fault_names_its_byte(t: TestServer) {
        let admin = t.admin();
        for (filter, byte, word) in WRONG {
            let status = refused(list(&admin, filtered(filter)).await, ErrorReason::InvalidArgument);
            let faults = told(&status, "filter");
            let [fault] = faults.as_slice() else { panic!("{filter}: {faults:?}") };
            assert!(fault.starts_with(&format!("at byte {byte}: ")) && fault.contains(word), "{filter}: {fault}");
        }
    }

    async fn filters_have_limits(t: TestServer) {
        let admin = t.admin();
        let deep = |depth: usize| format!("{}name:*{}", "(".repeat(depth), ")".repeat(depth));
        let many = |tests: usize| vec!["name:*"; tests].join(" AND ");
        let long = |bytes: usize| format!("name = \"{}\"", "x".repeat(bytes - 9));
        for fits in [deep(16), many(64), long(4096)] {
            list(&admin, filtered(&fits)).await.unwrap();
        }
        for (filter, byte) in [(deep(17), 16), (many(65), 704), (long(4097), 4096)] {
            let status = refused(list(&admin, filtered(&filter)).await, ErrorReason::InvalidArgument);
            let faults = told(&status, "filter");
            assert!(faults[0].starts_with(&format!("at byte {byte}: ")), "{faults:?}");
        }
    }

    async fn names_that_nobody_has_are_all_told(t: TestServer) {
        let filter = "assignee = nobody OR created_by = ana AND group = nowhere OR assignee = nobody";
        t.agent("ana").await;
        let status = refused(list(&t.admin(), filtered(filter)).await, ErrorReason::InvalidArgument);
        let faults = told(&status, "filter");
        assert_eq!(faults.len(), 3, "{faults:?}");
        for (fault, (byte, _)) in faults.iter().zip(filter.match_indices("no")) {
            let name = filter[byte..].split(' ').next().unwrap();
            assert!(fault.starts_with(&format!("at byte {byte}: ")) && fault.contains(name), "{fault}");
        }
    }

    async fn a_name_that_two_have_is_refused_and_an_address_is_not(t: TestServer) {
        let (sam, other) = (t.agent("sam").await, t.agent("other").await);
        t.update_user(User { id: other.id.clone(), name: text("sam"), ..User::default() }).await;
        t.lead_of("Sam's", &sam).await;
        t.lead_of("the other's", &other).await;
        let status = refused(list(&t.admin(), filtered("assignee = sam")).await, ErrorReason::InvalidArgument);
        let faults = told(&status, "filter");
        assert!(faults.len() == 1 && faults[0].contains("sam"), "{faults:?}");
        for (address, expected) in [("sam@example.com", "Sam's"), ("other@example.com", "the other's")] {
            let found = list(&t.admin(), filtered(&format!("assignee = \"{address}\""))).await.unwrap();
            assert_eq!(names(&found), [expected]);
        }
        assert_eq!(names(&list(&sam, filtered("assignee = sam")).await.unwrap()), ["Sam's"], "only themselves");
    }

    /// What other languages take for more than text is text.
    async fn text_is_found_as_it_is_written(t: TestServer) {
        let texts = [r"o'brien\", "100%", "a_b", "$1", "?", "\"", "'; DROP TABLE leads; --"];
        let others = ["obrien", "o'brien", "100", "100x", "ab", "axb", "$2", "1", "x", "DROP TABLE leads"];
        for value in texts.iter().chain(&others) {
            let attributes = attributes(&[("note", *value)]);
            let lead = Lead { name: text(value), campaign: text(value), attributes, ..Lead::default() };
            t.admin().create_lead(lead).await.unwrap();
        }
        let all = texts.len() + others.len();
        for value in texts {
            let quoted = format!("\"{}\"", value.replace('\\', r"\\").replace('"', "\\\""));
            for field in ["name", "campaign", "attributes.note"] {
                for operator in ["=", ":"] {
                    let filter = format!("{field}{operator}{quoted}");
                    let found = list(&t.admin(), filtered(&filter)).await.unwrap();
                    assert_eq!(names(&found), [value], "{filter}");
                }
                let found = list(&t.admin(), filtered(&format!("{field} != {quoted}"))).await.unwrap();
                assert!(found.len() == all - 1 && !names(&found).contains(&value), "{field} != {quoted}");
            }
        }
        assert_eq!(list(&t.admin(), filtered("")).await.unwrap().len(), all);
    }

    /// Whoever may not read the directory learns nothing of it here either.
    async fn names_tell_agents_nothing_of_the_directory(t: TestServer) {
        let people = People::of(&t).await;
        let ana = &people.ana;
        t.admin().set_permission(ana, permission(LeadAction::View, AccessLevel::Complete)).await.unwrap();
        for (filter, expected) in [
            ("assignee = ana".to_owned(), "A"),
            (r#"assignee = "ana@example.com""#.to_owned(), "A"),
            ("group = north".to_owned(), "A"),
            (format!("assignee = {}", people.ben.id), "B"),
        ] {
            assert_eq!(people.found(ana, &filter).await, expected, "{filter}");
        }
        let mut answers = Vec::new();
        for name in ["ben", "ben@example.com", "Administrator", "nobody", "nobody@example.com"] {
            let request = filtered(&format!("assignee = \"{name}\""));
            answers.push(answer(&refused(list(ana, request).await, ErrorReason::InvalidArgument)));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        let mut answers = Vec::new();
        for name in ["south", "nowhere"] {
            let request = filtered(&format!("group = \"{name}\""));
            answers.push(answer(&refused(list(ana, request).await, ErrorReason::InvalidArgument)));
        }
        assert_eq!(answers[0], answers[1]);
    }

    /// Orders are shown with leads that may be viewed.
    async fn what_reaches_more_than_view_can_t_be_asked_of_orders(t: TestServer) {
        let people = People::of(&t).await;
        let (admin, ana) = (t.admin(), &people.ana);
        admin.set_permission(ana, permission(LeadAction::Edit, AccessLevel::Complete)).await.unwrap();
        let asked = |action: LeadAction, filter: &str| ListLeadsRequest { action: action.into(), ..filtered(filter) };
        let editing = asked(LeadAction::Edit, "NOT (name:* AND last_order_status != COMPLETED)");
        let status = refused(list(ana, editing.clone()).await, ErrorReason::InvalidArgument);
        assert_eq!(told(&status, "filter").len(), 1);
        let counted = CountLeadsRequest { action: editing.action, filter: editing.filter.clone(), ..Default::default() };
        let status = refused(count(ana, counted).await, ErrorReason::InvalidArgument);
        assert_eq!(told(&status, "filter").len(), 1);
        assert_eq!(initials(&list(ana, asked(LeadAction::Edit, "kind = CLIENT")).await.unwrap()), "E");
        assert_eq!(initials(&list(ana, asked(LeadAction::View, "last_order_status = PARTIAL")).await.unwrap()), "A");

        admin.set_permission(ana, permission(LeadAction::View, AccessLevel::Complete)).await.unwrap();
        assert_eq!(initials(&list(ana, editing).await.unwrap()), "EZ");
    }

    /// Of their most recent order, as far as the caller sees orders.
    async fn whoever_sees_partial_orders_only_finds_by_these_only(t: TestServer) {
        let (admin, lea) = (t.admin(), t.user("lea", "leads-agent").await);
        admin.set_permission(&lea, permission(LeadAction::View, AccessLevel::Complete)).await.unwrap();
        let (first, second) = (t.lead("first").await, t.lead("second").await);
        for number in ["N-1", "N-2"] {
            admin.place_order(&first.id, number).await.unwrap();
            pause().await;
        }
        let last = admin.place_order(&first.id, "N-3").await.unwrap();
        admin.move_order(&last.id, OrderStatus::Cancelled).await.unwrap();
        let only = admin.place_order(&second.id, "N-1").await.unwrap();
        admin.move_order(&only.id, OrderStatus::Refunded).await.unwrap_err();
        admin.move_order(&only.id, OrderStatus::Completed).await.unwrap();
        for (filter, all, partial) in [
            ("last_order_status = PARTIAL", vec![], vec!["first"]),
            ("last_order_status = CANCELLED", vec!["first"], vec![]),
            ("last_order_status = COMPLETED", vec!["second"], vec![]),
            ("last_order_status:*", vec!["second", "first"], vec!["first"]),
            ("last_order_status != PARTIAL", vec!["second", "first"], vec!["second"]),
        ] {
            assert_eq!(names(&list(&admin, filtered(filter)).await.unwrap()), all, "{filter}");
            assert_eq!(names(&list(&lea, filtered(filter)).await.unwrap()), partial, "{filter}, partial only");
        }
    }

    async fn a_filter_that_asks_for_a_state_asks_for_any(t: TestServer) {
        People::of(&t).await;
        let admin = t.admin();
        let found = async |states: Vec<i32>, action: LeadAction, filter: &str| {
            let request = ListLeadsRequest { action: action.into(), states, ..filtered(filter) };
            initials(&list(&admin, request).await.unwrap())
        };
        let active = vec![LeadState::Active.into()];
        assert_eq!(found(vec![], LeadAction::View, r#"name:"o""#).await, "BD");
        assert_eq!(found(vec![], LeadAction::View, r#"name:"o" AND state = DISCARDED"#).await, "C");
        assert_eq!(found(vec![], LeadAction::View, "NOT state = ACTIVE").await, "BC");
        assert_eq!(found(vec![], LeadAction::Retrieve, "").await, "C");
        assert_eq!(found(vec![], LeadAction::Retrieve, "state = RESOLVED").await, "B");
        assert_eq!(found(active.clone(), LeadAction::View, "state = DISCARDED").await, "");
        assert_eq!(found(active, LeadAction::View, "state != DISCARDED").await, "ADEZ");
    }

    async fn assigned_leads_are_filtered_and_ordered_too(t: TestServer) {
        let ana = t.agent("ana").await;
        for (name, country) in [("one", "PT"), ("two", "ES"), ("three", "PT")] {
            let lead = Lead { country: text(country), assignee_id: ana.id.clone(), name: text(name), ..Lead::default() };
            t.admin().create_lead(lead).await.unwrap();
        }
        t.admin().create_lead(Lead { country: text("PT"), name: text("another's"), ..Lead::default() }).await.unwrap();
        for (caller, filter, order_by, expected) in [
            (&ana, "country = PT", "", vec!["three", "one"]),
            (&ana, "", "name desc", vec!["two", "three", "one"]),
            (&ana, "country = PT OR country = ES", "country, name", vec!["two", "one", "three"]),
            (&t.admin(), "NOT country = ES", "name", vec!["one", "three"]),
        ] {
            let mut request = ListAssignedLeadsRequest {
                user_id: ana.id.clone(),
                filter: filter.to_owned(),
                order_by: order_by.to_owned(),
                page_size: 1,
                ..ListAssignedLeadsRequest::default()
            };
            let mut found = Vec::new();
            loop {
                let page = caller.assignments().list_assigned_leads(request.clone()).await.unwrap().into_inner();
                found.extend(page.leads);
                if page.next_page_token.is_empty() {
                    break;
                }
                request.page_token = page.next_page_token;
            }
            assert_eq!(names(&found), expected, "{filter} {order_by}");
        }
    }
}
