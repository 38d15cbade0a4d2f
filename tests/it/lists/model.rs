//! A random company asked at random: what is listed and counted is what a model says, lead by lead.
//!
//! `LEADWARD_SEED` repeats a run, `LEADWARD_CASES` says how many questions to ask (250).

pub mod company;
pub mod filter;

use std::fmt;

use leadward::proto::{CountLeadsRequest, Lead, LeadAction, LeadState, ListLeadsRequest};

use self::{
    company::{Company, Facts, Person},
    filter::{Node, Pool},
};
use super::{Direction, FACETS, count, counts::assert_is_of, ids, key, list, order_by, sort};
use crate::{
    oracle::setting,
    support::{ACTIONS, Dice, TestServer, on_both_databases},
};

const KEYS: [&str; 10] = [
    "name",
    "country",
    "stage",
    "next_contact_time",
    "external_id",
    "update_time",
    "register_time",
    "first_deposit_time",
    "assign_time",
    "create_time",
];

/// A list that somebody asks for.
pub struct Question<'a> {
    pub who: &'a Person,
    action: LeadAction,
    states: Vec<LeadState>,
    filter: Option<Node>,
    pub keys: Vec<Direction<'static>>,
}

impl<'a> Question<'a> {
    pub fn any(dice: &mut Dice, company: &'a Company, pool: &Pool) -> Self {
        let who = dice.one_of(&company.people);
        let action = if dice.below(2) == 0 { LeadAction::View } else { *dice.one_of(&ACTIONS) };
        let mut states = vec![LeadState::Active, LeadState::Discarded, LeadState::Resolved];
        match dice.below(4) {
            0 => states.clear(),
            1 => drop(states.remove(dice.below(3))),
            _ => {}
        }
        let filter = (dice.below(8) > 0).then(|| Node::any(dice, pool, who, 3));
        // What reaches more than VIEW can't be asked of orders.
        let of_orders = filter.as_ref().is_some_and(|filter| filter.tests("last_order_status"));
        let action = if of_orders && !who.reads_directory { LeadAction::View } else { action };
        let mut keys: Vec<Direction<'static>> = Vec::new();
        for _ in 0..dice.below(4) {
            let field = *dice.one_of(&KEYS);
            // Nothing comes after the time of creation, and no key twice.
            if keys.iter().all(|(earlier, _)| *earlier != field && *earlier != "create_time") {
                keys.push((field, dice.below(2) == 0));
            }
        }
        Self { who, action, states, filter, keys }
    }

    /// What the model says, in the order asked.
    fn expected<'b>(&self, company: &'b Company, keys: &[Direction<'_>]) -> Vec<&'b Facts> {
        let mut leads = self.passing(company);
        rank(&mut leads, keys);
        leads
    }

    /// The leads that the model has on the list.
    pub fn passing<'b>(&self, company: &'b Company) -> Vec<&'b Facts> {
        let tests_state = self.filter.as_ref().is_some_and(|filter| filter.tests("state"));
        let states = match (self.states.as_slice(), self.action) {
            ([], _) if tests_state => vec![LeadState::Active, LeadState::Discarded, LeadState::Resolved],
            ([], LeadAction::Retrieve) => vec![LeadState::Discarded],
            ([], _) => vec![LeadState::Active, LeadState::Resolved],
            (states, _) => states.to_vec(),
        };
        let passes = |facts: &&Facts| {
            states.contains(&facts.lead.state())
                && self.who.covers(self.action, facts)
                && self.filter.as_ref().is_none_or(|filter| filter.passes(self.who, facts))
        };
        company.leads.iter().filter(passes).collect()
    }

    fn filter(&self) -> String {
        self.filter.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    fn states(&self) -> Vec<i32> {
        self.states.iter().map(|state| i32::from(*state)).collect()
    }

    pub fn list_request(&self) -> ListLeadsRequest {
        ListLeadsRequest {
            action: self.action.into(),
            states: self.states(),
            filter: self.filter(),
            order_by: order_by(&self.keys),
            ..ListLeadsRequest::default()
        }
    }

    pub fn count_request(&self, cap: usize) -> CountLeadsRequest {
        CountLeadsRequest {
            action: self.action.into(),
            states: self.states(),
            filter: self.filter(),
            max_count: i64::try_from(cap).unwrap(),
            facets: FACETS.map(i32::from).to_vec(),
        }
    }

    async fn listed(&self, page_size: i32) -> Vec<Lead> {
        let request = ListLeadsRequest { page_size, ..self.list_request() };
        let what = format!("{self}");
        list(&self.who.caller, request).await.unwrap_or_else(|status| panic!("{what}: {status:?}"))
    }
}

/// Puts leads in the order of some keys.
pub fn rank(leads: &mut [&Facts], keys: &[Direction<'_>]) {
    sort(leads, keys, |facts| &facts.lead.id, |facts, field| key(&facts.lead, field, facts.assigned()));
}

impl fmt::Display for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { who, action, states, .. } = self;
        write!(f, "{} {action:?} {states:?} {:?} by {:?}", who.caller.name, self.filter(), order_by(&self.keys))
    }
}

on_both_databases! {
    async fn lists_and_counts_are_what_the_model_says(t: TestServer) {
        let mut dice = Dice::from_environment();
        let company = Company::any(&t, &mut dice).await;
        let pool = Pool::of(&company);
        let questions: usize = setting("LEADWARD_CASES").unwrap_or(250);
        let mut some = 0;
        for _ in 0..questions {
            let question = Question::any(&mut dice, &company, &pool);
            let expected: Vec<Lead> =
                question.expected(&company, &question.keys).into_iter().map(|facts| facts.lead.clone()).collect();
            let page_size = if expected.len() < 12 { 1 + dice.below(3) } else { 3 + dice.below(40) };
            let listed = question.listed(i32::try_from(page_size).unwrap()).await;
            assert_eq!(ids(&listed), ids(&expected), "{question}, {page_size} a page");
            assert_eq!(listed, expected, "{question}");

            let cap = 1 + dice.below(company.leads.len());
            let newest = question.expected(&company, &[]).into_iter().take(cap).map(|facts| facts.lead.clone());
            let counted = count(&question.who.caller, question.count_request(cap)).await.unwrap();
            assert_eq!(counted.capped, expected.len() > cap, "{question} up to {cap}");
            assert_is_of(&counted, &newest.collect::<Vec<_>>(), &format!("{question} up to {cap}"));
            some += usize::from(!expected.is_empty());
        }
        assert!(some * 10 > questions || questions < 100, "{some} of {questions} lists had leads on them");
    }
}
