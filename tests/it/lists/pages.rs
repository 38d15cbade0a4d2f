//! Pages: under change nothing is lost or shown twice, and what a page token is good for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use leadward::proto::{
    AccessLevel, CountLeadsRequest, ErrorReason, ExportLeadsRequest, ExportLeadsResponse, GrantMode, ImportRow, Lead,
    LeadAction, LeadState, ListAssignedLeadsRequest, ListLeadsRequest,
};
use prost_types::{FieldMask, Timestamp};

use super::{count, filtered, ids, list, ordered, pages};
use crate::support::{
    Caller, Dice, TestServer, answer, groups_permission, named, on_both_databases, permission, refused,
};

const ORDERS: [&str; 6] =
    ["", "create_time", "name", "next_contact_time desc, name", "country desc", "external_id, create_time desc"];

fn time(day: i64) -> Timestamp {
    Timestamp { seconds: 1_900_000_000 + day * 86_400, nanos: 0 }
}

/// A lead somewhere in any order.
fn somebody(dice: &mut Dice, name: &str, number: usize) -> Lead {
    Lead {
        external_id: (dice.below(3) > 0).then(|| format!("{}/{name}/{number}", dice.below(100))),
        country: dice.one_of(&[None, Some("PT"), Some("ES"), Some("BR")]).map(str::to_owned),
        next_contact_time: (dice.below(3) > 0).then(|| time(dice.below(10) as i64)),
        ..named(&format!("{} {name}", dice.below(100)))
    }
}

/// Changes leads in every way, one after the other, until it is told to stop; the order that some are in among it, and who reaches them.
async fn churn(
    admin: Caller,
    mut dice: Dice,
    mut leads: Vec<String>,
    (ana, north): (Caller, String),
    stop: Arc<AtomicBool>,
) -> usize {
    let (first, mut done) = (dice.below(usize::MAX), 0);
    while !stop.load(Ordering::Relaxed) {
        let id = dice.one_of(&leads).clone();
        // What the lead's state doesn't allow is left.
        match dice.below(11) {
            0 => drop(admin.discard(&id).await),
            1 => drop(admin.retrieve(&id).await),
            2 => drop(admin.assign(&id, &ana).await),
            3 => drop(admin.unassign(&id).await),
            4 if leads.len() > 5 => {
                admin.delete(&id).await.unwrap();
                leads.retain(|lead| *lead != id);
            }
            5 => {
                let lead = somebody(&mut dice, "new", first.wrapping_add(done));
                leads.push(admin.create_lead(lead).await.unwrap().id);
            }
            6 => drop(admin.grant(&id, &ana, GrantMode::Full).await),
            7 => drop(admin.revoke(&id, &ana).await),
            8 => {
                let group_id = (dice.below(2) > 0).then(|| north.clone());
                admin.update_lead(Lead { id, group_id, ..Lead::default() }, &["group_id"]).await.unwrap();
            }
            _ => {
                let lead = Lead { id, ..somebody(&mut dice, "moved", first.wrapping_add(done)) };
                admin.update_lead(lead, &["name", "country", "next_contact_time", "external_id"]).await.unwrap();
            }
        }
        done += 1;
    }
    done
}

/// Leads by import, as many as they are.
async fn fill(t: &TestServer, leads: Vec<Lead>) {
    for leads in leads.chunks(200) {
        let rows = leads.iter().map(|lead| ImportRow { lead: Some(lead.clone()), ..ImportRow::default() }).collect();
        let results = t.admin().import(rows).await.unwrap();
        assert!(results.iter().all(|result| !result.lead_id.is_empty()), "{results:?}");
    }
}

async fn first_part(caller: &Caller, request: ExportLeadsRequest) -> Result<ExportLeadsResponse, tonic::Status> {
    let mut parts = caller.leads().export_leads(request).await?.into_inner();
    Ok(parts.message().await?.expect("a part"))
}

on_both_databases! {
    /// To those who see all leads, and to those who see what is assigned or given to them, or a group's.
    async fn whatever_changes_meanwhile_what_keeps_its_place_is_shown_once(t: TestServer) {
        let (mut dice, admin, ana) = (Dice::from_environment(), t.admin(), t.agent("ana").await);
        let (mia, kim, north) = (t.manager("mia").await, t.agent("kim").await, t.group("north", &[]).await);
        admin.set_permission(&kim, groups_permission(LeadAction::View, &[&north])).await.unwrap();
        let (mut stay, mut of_ana, mut of_north, mut move_about) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for number in 0..30 {
            let mut lead = somebody(&mut dice, "stays", number);
            match number % 3 {
                0 => lead.assignee_id.clone_from(&ana.id),
                1 => lead.group_id = Some(north.clone()),
                _ => {}
            }
            let id = admin.create_lead(lead).await.unwrap().id;
            match number % 3 {
                0 => of_ana.push(id.clone()),
                1 => of_north.push(id.clone()),
                _ => {
                    admin.grant(&id, &ana, GrantMode::ViewOnly).await.unwrap();
                    of_ana.push(id.clone());
                }
            }
            stay.push(id);
            move_about.push(admin.create_lead(somebody(&mut dice, "moves", number)).await.unwrap().id);
        }
        for order_by in ORDERS {
            let stop = Arc::new(AtomicBool::new(false));
            let theirs = (ana.clone(), north.clone());
            let churning = churn(admin.clone(), dice.fork(), move_about.clone(), theirs, Arc::clone(&stop));
            let churning = tokio::spawn(churning);
            for (reader, seen) in [(&mia, &stay), (&ana, &of_ana), (&kim, &of_north)] {
                let quiet = ListLeadsRequest { order_by: order_by.to_owned(), ..filtered(r#"name:"stays""#) };
                let expected = ids(&list(reader, quiet).await.unwrap());
                assert_eq!(BTreeSet::from_iter(&expected), BTreeSet::from_iter(seen), "{}", reader.name);
                assert_eq!(expected.len(), seen.len(), "{}", reader.name);
                for page_size in [1, 3, 7] {
                    let request = ListLeadsRequest { page_size, ..ordered(order_by) };
                    let mut shown = ids(&list(reader, request).await.unwrap());
                    shown.retain(|id| seen.contains(id));
                    assert_eq!(shown, expected, "{} by {order_by:?}, {page_size} a page", reader.name);
                }
            }
            stop.store(true, Ordering::Relaxed);
            let changes = churning.await.unwrap();
            assert!(changes >= 5, "{changes} changes meanwhile");
            // Those that are left.
            move_about = ids(&list(&admin, ordered("")).await.unwrap());
            move_about.retain(|id| !stay.contains(id));
        }
    }

    async fn a_page_token_is_good_for_its_filter_and_its_order_only(t: TestServer) {
        let (mia, max) = (t.manager("mia").await, t.manager("max").await);
        for number in 0..4 {
            t.lead(&format!("lead {number}")).await;
        }
        let first = ListLeadsRequest { page_size: 1, filter: r#"name:"lead""#.to_owned(), ..ordered("name") };
        let page_token = mia.leads().list_leads(first.clone()).await.unwrap().into_inner().next_page_token;
        let second = ListLeadsRequest { page_token, ..first };
        let ask = async |caller: &Caller, request: ListLeadsRequest| {
            caller.leads().list_leads(request).await.map(|page| page.into_inner().leads)
        };
        let expected = ask(&mia, second.clone()).await.unwrap();
        assert_eq!(expected[0].name(), "lead 1");

        let mut answers = Vec::new();
        for other in [
            ListLeadsRequest { filter: r#"name:"lea""#.to_owned(), ..second.clone() },
            ListLeadsRequest { filter: String::new(), ..second.clone() },
            ListLeadsRequest { order_by: "name desc".to_owned(), ..second.clone() },
            ListLeadsRequest { order_by: String::new(), ..second.clone() },
            ListLeadsRequest { action: LeadAction::Edit.into(), ..second.clone() },
            ListLeadsRequest { states: vec![LeadState::Active.into()], ..second.clone() },
        ] {
            answers.push(answer(&refused(ask(&mia, other).await, ErrorReason::InvalidPageToken)));
        }
        answers.push(answer(&refused(ask(&max, second.clone()).await, ErrorReason::InvalidPageToken)));
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        let assigned = ListAssignedLeadsRequest { page_token: second.page_token.clone(), ..Default::default() };
        refused(mia.assignments().list_assigned_leads(assigned).await, ErrorReason::InvalidPageToken);

        let larger = ListLeadsRequest { page_size: 2, ..second.clone() };
        assert_eq!(ids(&ask(&mia, larger).await.unwrap())[0], expected[0].id);
        let read_mask = Some(FieldMask { paths: vec!["name".to_owned()] });
        let masked = ListLeadsRequest { read_mask, ..second };
        assert_eq!(ask(&mia, masked).await.unwrap(), [named("lead 1")]);
    }

    async fn a_page_that_would_be_too_large_is_cut_and_the_next_goes_on(t: TestServer) {
        let attributes = BTreeMap::from_iter((0..15).map(|n| (format!("a{n}"), "x".repeat(1000))));
        let lead = |n: usize| Lead { attributes: attributes.clone(), ..named(&format!("lead {:03}", (n * 77) % 300)) };
        fill(&t, (0..300).map(lead).collect()).await;
        let request = ListLeadsRequest { page_size: 1000, ..ordered("name") };
        let pages = pages(&t.admin(), request).await.unwrap();
        assert_eq!(pages.len(), 2, "a page holds some 200 of them");
        let expected: Vec<_> = (0..300).map(|n| format!("lead {n:03}")).collect();
        assert_eq!(super::names(&pages.concat()), expected);
    }

    async fn a_level_that_is_cut_between_two_pages_shows_nothing_more(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let mut own = Vec::new();
        for number in 0..4 {
            t.lead_of(&format!("ben's {number}"), &ben).await;
            own.push(t.lead_of(&format!("own {number}"), &ana).await.id);
        }
        for order_by in ["", "name", "country, name desc", "next_contact_time"] {
            let set = async |level| {
                t.admin().set_permission(&ana, permission(LeadAction::View, level)).await.unwrap();
            };
            set(AccessLevel::Complete).await;
            let mut request = ListLeadsRequest { page_size: 3, ..ordered(order_by) };
            let first = ana.leads().list_leads(request.clone()).await.unwrap().into_inner();
            assert_eq!(first.leads.len(), 3);
            assert_eq!(count(&ana, CountLeadsRequest::default()).await.unwrap().count, 8);
            set(AccessLevel::Individual).await;
            request.page_token = first.next_page_token;
            let rest = ids(&list(&ana, request.clone()).await.unwrap());
            assert!(rest.iter().all(|id| own.contains(id)), "by {order_by:?}");
            let shown: Vec<_> = ids(&first.leads).into_iter().chain(rest).filter(|id| own.contains(id)).collect();
            assert_eq!(shown.len(), own.len(), "by {order_by:?} every own lead is shown once");
            assert_eq!(count(&ana, CountLeadsRequest::default()).await.unwrap().count, 4);
            set(AccessLevel::None).await;
            assert!(list(&ana, request).await.unwrap().is_empty());
            assert_eq!(count(&ana, CountLeadsRequest::default()).await.unwrap().count, 0);
        }
    }

    async fn a_lead_that_is_taken_between_two_pages_is_not_on_the_second(t: TestServer) {
        let (ana, admin) = (t.agent("ana").await, t.admin());
        let mut given = Vec::new();
        for number in 0..4 {
            let lead = t.lead(&format!("lead {number}")).await;
            admin.grant(&lead.id, &ana, GrantMode::Full).await.unwrap();
            given.push(lead.id);
        }
        let mut request = ListLeadsRequest { page_size: 1, ..ordered("name") };
        let first = ana.leads().list_leads(request.clone()).await.unwrap().into_inner();
        admin.revoke(&given[1], &ana).await.unwrap();
        admin.delete(&given[0]).await.unwrap();
        request.page_token = first.next_page_token;
        assert_eq!(ids(&list(&ana, request).await.unwrap()), given[2..]);
    }

    async fn an_export_takes_a_filter_and_its_cursor_is_good_for_that_only(t: TestServer) {
        let mia = t.manager("mia").await;
        let country = |n: usize| Some(["PT", "ES"][n % 2].to_owned());
        fill(&t, (0..1010).map(|n| Lead { country: country(n), ..named(&format!("lead {n}")) }).collect()).await;
        let filter = "country = PT".to_owned();
        let first = first_part(&mia, ExportLeadsRequest { filter: filter.clone(), ..Default::default() }).await.unwrap();
        assert_eq!(first.leads.len(), 500);
        let next = ExportLeadsRequest { cursor: first.cursor, filter: filter.clone(), ..Default::default() };
        let second = first_part(&mia, next.clone()).await.unwrap();
        assert_eq!((second.leads.len(), second.cursor.as_str()), (5, ""));
        let listed = ListLeadsRequest { action: LeadAction::Export.into(), filter, page_size: 1000, ..Default::default() };
        assert_eq!([first.leads, second.leads].concat(), list(&mia, listed).await.unwrap());

        for other in ["", "country = ES", "country  =  PT"] {
            let request = ExportLeadsRequest { filter: other.to_owned(), ..next.clone() };
            refused(first_part(&mia, request).await, ErrorReason::InvalidResumeToken);
        }
        let wrong = ExportLeadsRequest { filter: "assignee = nobody".to_owned(), ..Default::default() };
        refused(first_part(&mia, wrong).await, ErrorReason::InvalidArgument);
    }
}
