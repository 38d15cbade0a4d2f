//! Lists of more leads than are sorted, for people who reach many leads, some, few or none, by filters that leave many and few, in every
//! order: whichever way the leads are found, what is listed and counted is what a model says.
//!
//! `LEADWARD_SEED` repeats a run, `LEADWARD_CASES` says how many questions to make up besides those that are always asked (30).

mod company;

use futures::{StreamExt, stream};
use leadward::proto::{CountLeadsRequest, Lead, LeadAction, LeadState, ListLeadsRequest};
use prost_types::FieldMask;

use self::company::{FAR_REACHING, FEW_FOUND, Large};
use super::{
    Direction, FACETS, count,
    counts::assert_is_of,
    ids, key, list,
    model::{
        Question,
        company::{Facts, Person},
        filter::Pool,
        rank,
    },
    order_by, sort,
};
use crate::{
    oracle::setting,
    support::{Caller, Dice, TestServer, on_both_databases},
};

/// What the number of leads goes by here, as it stands in the source.
const BOUNDS: [(&str, &str); 5] = [
    (PAGES, "const FEW: u64 = 10_000;"),
    (PAGES, "const FEW_ON_SQLITE: u64 = 5_000;"),
    (PAGES, "const FEW_FOUND: u64 = 1_000;"),
    (PAGES, "const SMALL: u64 = 3_000;"),
    (SCOPES, "const MOST_GROUP_ARMS: usize = 50;"),
];
const PAGES: &str = include_str!("../../../src/store/lead_list/page.rs");
const SCOPES: &str = include_str!("../../../src/store/visible.rs");

const ORDERS: [&[Direction<'static>]; 15] = [
    &[],
    &[("create_time", false)],
    &[("next_contact_time", false)],
    &[("next_contact_time", true)],
    &[("next_contact_time", false), ("create_time", true)],
    &[("name", false)],
    &[("name", true), ("next_contact_time", true)],
    &[("country", false)],
    &[("country", true), ("stage", false)],
    &[("stage", false)],
    &[("stage", true)],
    &[("stage", false), ("country", true), ("create_time", false)],
    &[("register_time", true)],
    &[("update_time", true)],
    &[("assign_time", false)],
];

/// What filters leave.
enum Leaves {
    /// More than few.
    Many,
    /// Few, even of those found by a text.
    Few,
}

/// A filter, and what it means.
struct Filter {
    leaves: Leaves,
    text: &'static str,
    passes: fn(&Lead) -> bool,
}

const fn filter(leaves: Leaves, text: &'static str, passes: fn(&Lead) -> bool) -> Filter {
    Filter { leaves, text, passes }
}

static FILTERS: [Filter; 12] = [
    filter(Leaves::Many, "", |_| true),
    filter(Leaves::Many, "state:*", |_| true),
    filter(Leaves::Few, "state = DISCARDED", |lead| lead.state() == LeadState::Discarded),
    // Values that an index has, and starts of such.
    filter(Leaves::Many, r#"stage = "New""#, |lead| lead.stage() == "New"),
    filter(Leaves::Few, r#"stage = "Callback""#, |lead| lead.stage() == "Callback"),
    filter(Leaves::Few, r#"stage = "Contacted" AND country = PT"#, |lead| {
        lead.stage() == "Contacted" && lead.country() == "PT"
    }),
    filter(Leaves::Few, r#"name = "Ana S*""#, |lead| lead.name().starts_with("Ana S")),
    // Parts of texts; the last is too short for an index.
    filter(Leaves::Many, r#"name:"marques""#, |lead| lead.name().to_lowercase().contains("marques")),
    filter(Leaves::Few, r#"name:"QUIXOTE""#, |lead| lead.name().to_lowercase().contains("quixote")),
    filter(Leaves::Few, r#"name:"wolfeschlegelsteinhausenbergerdorff-quixo""#, |lead| {
        lead.name().to_lowercase().contains("wolfeschlegelsteinhausenbergerdorff-quixo")
    }),
    filter(Leaves::Few, r#"name:"xa""#, |lead| lead.name().to_lowercase().contains("xa")),
    // What no index has.
    filter(Leaves::Few, r#"campaign = "Fair""#, |lead| lead.campaign() == "Fair"),
];

impl Filter {
    /// Of the discarded leads, lists show those that are asked for alone.
    fn lists(&self, lead: &Lead) -> bool {
        (self.text.contains("state") || lead.state() != LeadState::Discarded) && (self.passes)(lead)
    }
}

/// Lists that are read to their end: who has them, by which filter, in which order.
const TO_THE_END: [(&str, &str, &[Direction<'static>]); 3] = [
    ("olga", "", &[("next_contact_time", false)]),
    ("gina", r#"stage = "New""#, &[("name", false)]),
    ("gus", "", &[("stage", true)]),
];

/// Somebody, and which of all leads they reach.
struct Reader<'a> {
    person: &'a Person,
    reaches: Vec<bool>,
}

impl<'a> Reader<'a> {
    fn of(person: &'a Person, leads: &[Facts]) -> Self {
        Self { person, reaches: leads.iter().map(|facts| person.covers(LeadAction::View, facts)).collect() }
    }

    /// Those of some leads that a list of theirs shows, in the order in which they are given.
    fn listed<'b>(&self, filter: &Filter, leads: &[Ranked<'b>]) -> Vec<&'b Lead> {
        let listed = leads.iter().filter(|(at, facts)| self.reaches[*at] && filter.lists(&facts.lead));
        listed.map(|(_, facts)| &facts.lead).collect()
    }
}

/// A lead, and which it is of all.
type Ranked<'a> = (usize, &'a Facts);

fn ranked<'a>(leads: &'a [Facts], keys: &[Direction<'_>]) -> Vec<Ranked<'a>> {
    let mut ranked: Vec<Ranked<'_>> = leads.iter().enumerate().collect();
    sort(&mut ranked, keys, |(_, facts)| &facts.lead.id, |(_, facts), field| key(&facts.lead, field, facts.assigned()));
    ranked
}

/// A list that somebody asks for, and what is to be on it.
struct Case<'a> {
    caller: &'a Caller,
    request: ListLeadsRequest,
    expected: Vec<&'a Lead>,
}

impl Case<'_> {
    /// So many leads are read to the last.
    const SHORT: usize = 300;

    /// Expects the first two pages, or where the list is short, all of it in three.
    async fn assert_its_pages(&self) {
        let all = self.expected.len();
        let (page_size, pages) = if all <= Self::SHORT { (all / 3 + 1, 3) } else { (40, 2) };
        let mut request = ListLeadsRequest { page_size: i32::try_from(page_size).unwrap(), ..self.request.clone() };
        for (at, expected) in self.pages(page_size).into_iter().take(pages).enumerate() {
            let what = format!("page {} for {}: {request:?}", at + 1, self.caller.name);
            let answer = self.caller.leads().list_leads(request.clone()).await;
            let page = answer.unwrap_or_else(|status| panic!("{what}: {status:?}")).into_inner();
            assert_eq!(ids(&page.leads), expected.iter().map(|lead| lead.id.as_str()).collect::<Vec<_>>(), "{what}");
            assert!(page.leads.iter().eq(expected.iter().copied()), "{what}: the leads are as they are");
            let is_last = at * page_size + expected.len() == all;
            assert_eq!(page.next_page_token.is_empty(), is_last, "{what}: {all} leads");
            request.page_token = page.next_page_token;
        }
    }

    /// Where there are no leads, one page.
    fn pages(&self, page_size: usize) -> Vec<&[&Lead]> {
        if self.expected.is_empty() {
            return vec![self.expected.as_slice()];
        }
        self.expected.chunks(page_size).collect()
    }

    /// Expects all of it, in the largest pages.
    async fn assert_all(&self) {
        let read_mask = Some(FieldMask { paths: vec!["id".to_owned()] });
        let request = ListLeadsRequest { page_size: 1_000, read_mask, ..self.request.clone() };
        let what = format!("{}: {request:?}", self.caller.name);
        let listed = list(self.caller, request).await.unwrap_or_else(|status| panic!("{what}: {status:?}"));
        let differs = listed.iter().zip(&self.expected).position(|(listed, expected)| listed.id != expected.id);
        assert_eq!(
            (listed.len(), differs),
            (self.expected.len(), None),
            "{what}: how many, and the first that differs"
        );
    }
}

async fn assert_counted(caller: &Caller, request: CountLeadsRequest, newest: &[&Lead]) {
    let what = format!("{}: {request:?}", caller.name);
    let cap = if request.max_count == 0 { 10_000 } else { usize::try_from(request.max_count).unwrap() };
    let counted = count(caller, request).await.unwrap_or_else(|status| panic!("{what}: {status:?}"));
    assert_eq!(counted.capped, newest.len() > cap, "{what}");
    let newest: Vec<Lead> = newest.iter().take(cap).map(|lead| (*lead).clone()).collect();
    assert_is_of(&counted, &newest, &what);
}

/// The leads, their readers and the filters are such that every way is gone.
fn assert_all_sizes(large: &Large, readers: &[Reader<'_>]) {
    for (source, bound) in BOUNDS {
        assert!(source.contains(bound), "`{bound}` has moved, and so must the numbers of leads here");
    }
    for (reader, expected) in readers.iter().zip(&large.reach) {
        let reached = reader.reaches.iter().filter(|reaches| **reaches).count();
        assert!(expected.contains(&reached), "{} reaches {reached}, not {expected:?}", reader.person.caller.name);
    }
    for filter in &FILTERS {
        let left = large.company.leads.iter().filter(|facts| filter.lists(&facts.lead)).count();
        let as_said = match filter.leaves {
            Leaves::Many => left > large.few,
            Leaves::Few => (1..=FEW_FOUND).contains(&left),
        };
        assert!(as_said, "{left} leads pass {:?}", filter.text);
    }
}

fn request(filter: &Filter, keys: &[Direction<'_>]) -> ListLeadsRequest {
    ListLeadsRequest { filter: filter.text.to_owned(), order_by: order_by(keys), ..ListLeadsRequest::default() }
}

/// Every order with every filter: asked by somebody who reaches many leads, and by one of the others, in turns.
async fn ask_in_every_order(large: &Large, readers: &[Reader<'_>], turn: usize) {
    let (far, others) = readers.split_at(FAR_REACHING);
    for (order, keys) in ORDERS.iter().enumerate() {
        let leads = ranked(&large.company.leads, keys);
        let mut cases = Vec::new();
        for (at, filter) in FILTERS.iter().enumerate() {
            let turn = turn + order + at;
            for reader in [&far[turn % far.len()], &others[turn % others.len()]] {
                let request = request(filter, keys);
                let expected = reader.listed(filter, &leads);
                cases.push(Case { caller: &reader.person.caller, request, expected });
            }
        }
        stream::iter(&cases).for_each_concurrent(4, |case| case.assert_its_pages()).await;
    }
}

async fn read_to_the_end(large: &Large, readers: &[Reader<'_>]) {
    for (name, text, keys) in TO_THE_END {
        let reader = readers.iter().find(|reader| reader.person.caller.name == name).unwrap();
        let filter = FILTERS.iter().find(|filter| filter.text == text).unwrap();
        let leads = ranked(&large.company.leads, keys);
        let (request, expected) = (request(filter, keys), reader.listed(filter, &leads));
        Case { caller: &reader.person.caller, request, expected }.assert_all().await;
    }
}

/// Each with half of the filters.
async fn count_for_everybody(large: &Large, readers: &[Reader<'_>], dice: &mut Dice) {
    let leads = ranked(&large.company.leads, &[]);
    let half = dice.below(2);
    for (turn, reader) in readers.iter().enumerate() {
        for filter in FILTERS.iter().skip((turn + half) % 2).step_by(2) {
            let newest = reader.listed(filter, &leads);
            // As many as are counted where nothing is said, more than there are, or some.
            let some = 1 + dice.below(newest.len() + 1) as i64;
            let max_count = *dice.one_of(&[0, 1_000_000, some]);
            let (filter, facets) = (filter.text.to_owned(), FACETS.map(i32::from).to_vec());
            let request = CountLeadsRequest { filter, facets, max_count, ..CountLeadsRequest::default() };
            assert_counted(&reader.person.caller, request, &newest).await;
        }
    }
}

/// Any action in any states, filters and orders.
async fn ask_at_random(large: &Large, dice: &mut Dice) {
    let pool = Pool::of(&large.company);
    let questions: usize = setting("LEADWARD_CASES").unwrap_or(30);
    for _ in 0..questions {
        let question = Question::any(dice, &large.company, &pool);
        let mut leads = question.passing(&large.company);
        let newest: Vec<&Lead> = leads.iter().rev().map(|facts| &facts.lead).collect();
        let cap = 1 + dice.below(large.company.leads.len());
        assert_counted(&question.who.caller, question.count_request(cap), &newest).await;

        rank(&mut leads, &question.keys);
        let expected = leads.into_iter().map(|facts| &facts.lead).collect();
        let case = Case { caller: &question.who.caller, request: question.list_request(), expected };
        case.assert_its_pages().await;
    }
}

on_both_databases! {
    async fn what_the_model_says_is_found_whichever_way_is_gone(t: TestServer) {
        let mut dice = Dice::from_environment();
        let large = Large::new(&t, &mut dice).await;
        let people = large.company.people.iter();
        let readers: Vec<Reader<'_>> = people.map(|person| Reader::of(person, &large.company.leads)).collect();
        assert_all_sizes(&large, &readers);
        let turn = dice.below(FILTERS.len());
        ask_in_every_order(&large, &readers, turn).await;
        read_to_the_end(&large, &readers).await;
        count_for_everybody(&large, &readers, &mut dice).await;
        ask_at_random(&large, &mut dice).await;
    }
}
