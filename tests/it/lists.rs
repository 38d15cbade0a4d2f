//! Lists of leads by filter and by order, page by page, and the counts of what is on them.

mod agreement;
mod counts;
mod filters;
mod large;
mod masks;
mod model;
mod orders;
mod pages;
mod plans;

use std::cmp::Reverse;

use leadward::proto::{CountLeadsRequest, CountLeadsResponse, Lead, LeadFacet, LeadState, ListLeadsRequest};
use prost_types::Timestamp;
use tonic::Status;
use tonic_types::StatusExt;

use crate::support::Caller;

const FACETS: [LeadFacet; 6] =
    [LeadFacet::Kind, LeadFacet::State, LeadFacet::Stage, LeadFacet::Country, LeadFacet::Assignee, LeadFacet::Group];

fn every_state() -> Vec<i32> {
    [LeadState::Active, LeadState::Discarded, LeadState::Resolved].map(i32::from).to_vec()
}

/// In any state.
fn filtered(filter: &str) -> ListLeadsRequest {
    ListLeadsRequest { states: every_state(), filter: filter.to_owned(), ..ListLeadsRequest::default() }
}

fn ordered(order_by: &str) -> ListLeadsRequest {
    ListLeadsRequest { order_by: order_by.to_owned(), ..filtered("") }
}

/// Every page.
async fn list(caller: &Caller, request: ListLeadsRequest) -> Result<Vec<Lead>, Status> {
    Ok(pages(caller, request).await?.concat())
}

/// Page by page.
async fn pages(caller: &Caller, mut request: ListLeadsRequest) -> Result<Vec<Vec<Lead>>, Status> {
    let mut pages = Vec::new();
    loop {
        let page = caller.leads().list_leads(request.clone()).await?.into_inner();
        pages.push(page.leads);
        if page.next_page_token.is_empty() {
            return Ok(pages);
        }
        request.page_token = page.next_page_token;
    }
}

async fn count(caller: &Caller, request: CountLeadsRequest) -> Result<CountLeadsResponse, Status> {
    Ok(caller.leads().count_leads(request).await?.into_inner())
}

fn ids(leads: &[Lead]) -> Vec<String> {
    leads.iter().map(|lead| lead.id.clone()).collect()
}

fn names(leads: &[Lead]) -> Vec<&str> {
    leads.iter().map(Lead::name).collect()
}

/// What is said to be wrong with a field.
fn told(status: &Status, field: &str) -> Vec<String> {
    let faults = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    faults.into_iter().filter(|fault| fault.field == field).map(|fault| fault.description).collect()
}

/// A key of an order, and whether it descends.
type Direction<'a> = (&'a str, bool);

/// What a lead has for a key. Text is ordered by its characters, and not as a dictionary has it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Text(String),
    Time(i64, i32),
    Turn(u64),
}

/// What a lead says of itself for a key; that doesn't tell when it was assigned.
fn key(lead: &Lead, field: &str, assigned: Option<Key>) -> Option<Key> {
    let text = |text: &Option<String>| text.clone().map(Key::Text);
    let time = |time: Option<Timestamp>| time.map(|time| Key::Time(time.seconds, time.nanos));
    match field {
        "create_time" => Some(Key::Text(lead.id.clone())),
        "update_time" => time(lead.update_time),
        "next_contact_time" => time(lead.next_contact_time),
        "name" => text(&lead.name),
        "country" => text(&lead.country),
        "stage" => lead.stage.as_deref().map(str::to_lowercase).map(Key::Text),
        "external_id" => text(&lead.external_id),
        "register_time" => time(lead.register_time),
        "first_deposit_time" => time(lead.first_deposit_time),
        "assign_time" => assigned,
        other => panic!("{other} is no key"),
    }
}

/// Where a lead comes by one key: what is not set, last in either direction.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Up(Key),
    Down(Reverse<Key>),
    Unset,
}

impl Rank {
    fn of(key: Option<Key>, descending: bool) -> Self {
        match key {
            Some(key) if descending => Self::Down(Reverse(key)),
            Some(key) => Self::Up(key),
            None => Self::Unset,
        }
    }
}

/// Puts leads in the order of some keys: what is not set comes last, and the ID decides where nothing else does, in the direction of the
/// last key. No keys: the newest first.
fn sort<T>(leads: &mut [T], keys: &[Direction<'_>], id: impl Fn(&T) -> &str, key: impl Fn(&T, &str) -> Option<Key>) {
    let last = keys.last().is_none_or(|(_, descending)| *descending);
    leads.sort_by_cached_key(|lead| {
        let by_key = |(field, descending): &Direction<'_>| Rank::of(key(lead, field), *descending);
        let by_id = Rank::of(Some(Key::Text(id(lead).to_owned())), last);
        keys.iter().map(by_key).chain([by_id]).collect::<Vec<_>>()
    });
}

/// As a request says it.
fn order_by(keys: &[Direction<'_>]) -> String {
    let words = |(field, descending): &Direction<'_>| format!("{field}{}", if *descending { " desc" } else { "" });
    keys.iter().map(words).collect::<Vec<_>>().join(", ")
}
