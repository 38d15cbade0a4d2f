//! Rights that move again before all is told that followed from how they moved before, while access to a lead changes.

use std::collections::BTreeMap;

use leadward::proto::{AccessLevel, GrantMode, ImportRow, Lead, LeadAction, LeadEventKind, Permission};

use super::facts;
use crate::support::{Caller, TestServer, Watch, groups_permission, named, on_both_databases, permission};

const GAINED: LeadEventKind = LeadEventKind::AccessGained;
const LOST: LeadEventKind = LeadEventKind::AccessLost;
/// As many events as are looked at in one step.
const EVENTS: i64 = 500;
/// More leads than are compared in one step.
const LEADS: usize = 8;

type Facts = Vec<(LeadEventKind, String)>;

fn of_groups(group_ids: &[&str]) -> Permission {
    groups_permission(LeadAction::View, group_ids)
}

fn of_level(level: AccessLevel) -> Permission {
    permission(LeadAction::View, level)
}

/// Goes on from a token for one answer, and breaks off: what it told, and its token.
async fn one_answer(watcher: &Caller, token: &str) -> (Facts, String) {
    let mut watch = Watch::resume(watcher, token).await.unwrap();
    let told = facts(&watch.next().await.unwrap());
    (told, watch.token)
}

/// All that is told from a token on.
async fn all_that_is_told(t: &TestServer, watcher: &Caller, token: &str) -> Facts {
    let mut watch = Watch::resume(watcher, token).await.unwrap();
    let last = t.lead_of("the last", watcher).await;
    let mut told = Vec::new();
    loop {
        let event = watch.take(1).await.remove(0);
        if event.lead_id == last.id {
            return told;
        }
        told.push((event.kind(), event.lead_id));
    }
}

on_both_databases! {
    /// The comparison comes to the lead last, and leaves it to its events, for one has come by then. They must not count on the
    /// comparison.
    async fn a_lead_that_is_granted_between_two_pages_of_the_comparison_is_told(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let (north, south) = (t.group("north", &[]).await, t.group("south", &[]).await);
        let mut leads = Vec::new();
        for number in 0..LEADS {
            leads.push(t.lead_in(&format!("lead {number}"), &north).await);
        }
        // The newest are compared first.
        let oldest = leads[0].id.as_str();
        let token = Watch::open(&ana).await.token;

        // More events than one step takes in, the first of them the lead's. Ana views nothing of the group yet.
        admin.update_lead(Lead { id: oldest.to_owned(), ..named("renamed") }, &[]).await.unwrap();
        let before = t.lead_of("before the others", &ana).await;
        let row = |number: i64| {
            let lead = Some(named(&format!("other {number}")));
            ImportRow { row_number: number, lead, ..ImportRow::default() }
        };
        admin.import((1..=EVENTS).map(row).collect()).await.unwrap();
        let after = t.lead_of("after the others", &ana).await;

        // Her rights move, and she breaks off after one step of events: what came after them waits.
        admin.set_permission(&ana, of_groups(&[&south])).await.unwrap();
        let (told, token) = one_answer(&ana, &token).await;
        assert_eq!(told, [(LeadEventKind::Created, before.id)]);

        // They move again, and she breaks off after one page of the comparison.
        admin.set_permission(&ana, of_groups(&[&south, &north])).await.unwrap();
        let (compared, token) = one_answer(&ana, &token).await;
        assert!(compared.iter().all(|(kind, id)| *kind == GAINED && id != oldest), "{compared:?}");

        // She views the lead before and after.
        admin.grant(oldest, &ana, GrantMode::Full).await.unwrap();
        let rest = all_that_is_told(&t, &ana, &token).await;
        let (mut gained, others): (Facts, Facts) =
            compared.into_iter().chain(rest).partition(|(kind, _)| *kind == GAINED);
        gained.sort_by(|(_, one), (_, other)| one.cmp(other));
        let expected: Facts = leads.iter().map(|lead| (GAINED, lead.id.clone())).collect();
        assert_eq!(gained, expected);
        assert_eq!(others, [(LeadEventKind::Created, after.id)]);
    }

    /// The comparison has told that the lead is lost. That it is back is left to its events, as before.
    async fn a_lead_that_was_lost_in_between_is_told_whatever_was_granted_meanwhile(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let north = t.group("north", &[]).await;
        admin.set_permission(&ana, of_groups(&[&north])).await.unwrap();
        let (own, lead) = (t.lead_of("own", &ana).await, t.lead_in("lead", &north).await);
        let token = Watch::open(&ana).await.token;

        // By the group or by the grant, nothing comes and nothing goes; the first answer's token knows as much.
        admin.grant(&lead.id, &ana, GrantMode::ViewOnly).await.unwrap();
        admin.set_permission(&ana, of_level(AccessLevel::Individual)).await.unwrap();
        let token = Watch::resume(&ana, &token).await.unwrap().token;

        admin.set_permission(&ana, of_level(AccessLevel::None)).await.unwrap();
        let (told, token) = one_answer(&ana, &token).await;
        assert_eq!(told, [(LOST, lead.id.clone()), (LOST, own.id.clone())]);

        admin.set_permission(&ana, of_level(AccessLevel::Individual)).await.unwrap();
        let (told, token) = one_answer(&ana, &token).await;
        assert_eq!(told, [(GAINED, own.id)]);

        // She views it by less before, and by more after.
        admin.grant(&lead.id, &ana, GrantMode::Full).await.unwrap();
        let told = all_that_is_told(&t, &ana, &token).await;
        // Once or more.
        assert!(!told.is_empty() && told.iter().all(|fact| *fact == (GAINED, lead.id.clone())), "{told:?}");
    }

    /// The comparison has told that the lead is lost; what gives it back comes before the events are followed again.
    async fn a_lead_that_is_given_back_right_after_it_was_lost_is_told(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let north = t.group("north", &[]).await;
        admin.set_permission(&ana, of_groups(&[&north])).await.unwrap();
        let lead = t.lead_in("lead", &north).await;
        let token = Watch::open(&ana).await.token;
        admin.set_permission(&ana, of_level(AccessLevel::Individual)).await.unwrap();
        let (told, token) = one_answer(&ana, &token).await;
        assert_eq!(told, [(LOST, lead.id.clone())]);
        admin.grant(&lead.id, &ana, GrantMode::Full).await.unwrap();
        assert_eq!(all_that_is_told(&t, &ana, &token).await, [(GAINED, lead.id)]);
    }

    /// What brings the lead into sight is an event of a later step: it isn't told by the one before, or its loss would count as told.
    async fn a_lead_that_comes_into_sight_in_a_later_step_is_not_told_before(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let (north, south) = (t.group("north", &[]).await, t.group("south", &[]).await);
        admin.set_permission(&ana, of_groups(&[&north])).await.unwrap();
        let (lead, other) = (t.lead_in("lead", &south).await, t.lead_in("other", &north).await);
        let token = Watch::open(&ana).await.token;

        admin.update_lead(Lead { id: lead.id.clone(), ..named("renamed") }, &[]).await.unwrap();
        admin.update_lead(Lead { id: other.id.clone(), ..named("renamed too") }, &[]).await.unwrap();
        let row = |n: i64| ImportRow { row_number: n, lead: Some(named(&format!("other {n}"))), ..ImportRow::default() };
        admin.import((1..=EVENTS).map(row).collect()).await.unwrap();
        let moved = Lead { id: lead.id.clone(), group_id: Some(north.clone()), ..Lead::default() };
        admin.update_lead(moved, &["group_id"]).await.unwrap();

        // One step of events, before the one that moves the lead.
        let (told, token) = one_answer(&ana, &token).await;
        assert_eq!(told, [(LeadEventKind::Changed, other.id.clone())]);
        admin.set_permission(&ana, of_level(AccessLevel::Individual)).await.unwrap();
        assert_eq!(all_that_is_told(&t, &ana, &token).await, [(LOST, other.id)]);
    }

    /// What was told of a step that takes more than one answer is known to the token of each.
    async fn what_half_of_a_step_has_told_is_told_lost_once_it_is_lost(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        for number in 0..5 {
            let attributes = BTreeMap::from_iter((0..12).map(|page| (format!("page-{page}"), "long ".repeat(200))));
            admin.create_lead(Lead { attributes, ..named(&format!("lead {number}")) }).await.unwrap();
        }
        let token = Watch::open(&ana).await.token;
        admin.set_permission(&ana, of_level(AccessLevel::Complete)).await.unwrap();
        let (gained, token) = one_answer(&ana, &token).await;
        assert_eq!(gained.len(), 2, "an answer held all of the step: {gained:?}");
        admin.set_permission(&ana, of_level(AccessLevel::Individual)).await.unwrap();
        let lost = all_that_is_told(&t, &ana, &token).await;
        assert!(gained.into_iter().all(|(_, id)| lost.contains(&(LOST, id))), "{lost:?}");
    }
}
