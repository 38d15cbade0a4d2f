//! A lead, and what hangs on it.

use std::collections::BTreeMap;

use super::{Crowd, DAY, END, MINUTE, START, time, v7};
use crate::{
    cli::demo::{
        dice::Dice,
        words::{CAMPAIGNS, COUNTRIES, Country, ITEMS, NOTES},
    },
    model::{
        history::{Activity, HistoryEntry, HistoryKind},
        ids::{HistoryId, LeadId, OrderId, UserId},
        lead::{Lead, LeadSource, LeadState},
        lead_access::{AccessKind, AccessRow, GrantMode},
        money::{Currency, Money},
        order::{Order, OrderStatus},
    },
};

impl Crowd {
    fn owner(&self, lead: u64) -> Option<UserId> {
        self.own.iter().find(|(_, part)| part.has(lead)).map(|(reader, _)| self.readers[*reader])
    }

    pub(super) fn person(&self, number: u64, dice: &mut Dice) -> Lead {
        let created = START + (i128::from(END - START) * i128::from(number) / i128::from(self.leads)) as i64;
        let (first, last) = self.name(dice);
        let name = (!dice.percent(2)).then(|| format!("{first} {last}"));
        let email = (name.is_none() || dice.percent(85)).then(|| address(last, number));
        let country = (!dice.percent(3)).then(|| &COUNTRIES[self.by_country.rank(dice)]);
        let phone = country.filter(|_| dice.percent(80)).map(|country| phone(country, number));
        let assignee = self.owner(number);
        let assignee = assignee.or_else(|| dice.percent(90).then(|| self.agents[self.by_agent.rank(dice)]));
        let assigned = assignee.map(|_| (self.base.administrator, time(later(created, DAY, dice))));
        let far = dice.below(100);
        let register_time = (far >= 65).then(|| later(created, 60 * DAY, dice));
        let deposit_time = register_time.filter(|_| far >= 90).map(|registered| later(registered, 30 * DAY, dice));
        let ended = later(created, 180 * DAY, dice);
        let state = match dice.below(100) {
            0..5 => LeadState::Discarded,
            5..15 => LeadState::Resolved,
            _ => LeadState::Active,
        };
        let (is_discarded, is_resolved) = (state == LeadState::Discarded, state == LeadState::Resolved);
        let next_contact = END - 30 * DAY + dice.below(90 * 24 * 60) as i64 * MINUTE;
        let segment = ("segment".to_owned(), dice.one(&["retail", "business", "partner"]).to_owned());
        Lead {
            id: LeadId::from(v7(created, dice)),
            external_id: dice.percent(60).then(|| format!("{number:09}")),
            email_confirmed: email.is_some() && register_time.is_some() && dice.percent(60),
            name,
            email,
            phone,
            country: country.map(|country| country.code.to_owned()),
            locale: country.map(|country| country.locale.to_owned()),
            source: dice.one(LeadSource::ALL),
            campaign: dice.percent(70).then(|| dice.one(&CAMPAIGNS).to_owned()),
            attributes: dice.percent(30).then_some(segment).into_iter().collect(),
            stage: stage(dice.below(100)).map(str::to_owned),
            next_contact_time: dice.percent(30).then(|| time(next_contact)),
            assignee_id: assignee,
            assigned,
            group_id: dice.percent(85).then(|| self.groups[self.by_group.rank(dice)]),
            state,
            discard_reason: is_discarded.then(|| dice.one(&["Not interested", "Unreachable"]).to_owned()),
            discard_time: is_discarded.then(|| time(ended)),
            disposition: is_resolved.then(|| dice.one(&["Sale", "No answer", "Declined"]).to_owned()),
            resolve_time: is_resolved.then(|| time(ended)),
            register_time: register_time.map(time),
            first_deposit_time: deposit_time.map(time),
            created_by: self.base.administrator,
            create_time: time(created),
            update_time: time(ended),
            version: 1,
        }
    }

    pub(super) fn access(&self, number: u64, lead: &Lead, dice: &mut Dice) -> Vec<AccessRow> {
        let given = |user_id, kind, mode, expire_time| AccessRow {
            user_id,
            kind,
            mode,
            expire_time,
            given_by: self.base.administrator,
            give_time: lead.create_time,
        };
        let readers = self.granted.iter().filter(|(_, part)| part.has(number)).map(|(reader, _)| self.readers[*reader]);
        let mut rows: BTreeMap<UserId, AccessRow> =
            readers.map(|user| (user, given(user, AccessKind::Granted, GrantMode::Full, None))).collect();
        // Two on average, and many of few leads.
        let others = match dice.below(100) {
            0..35 => 0,
            35..55 => 1,
            55..72 => 2,
            72..85 => 3,
            85..93 => 5,
            93..98 => 8,
            _ => 14,
        };
        for _ in 0..others {
            let user = self.agents[self.by_agent.rank(dice)];
            let kind = if dice.percent(90) { AccessKind::Granted } else { AccessKind::Retained };
            let mode = if dice.percent(70) { GrantMode::Full } else { GrantMode::ViewOnly };
            let ends = dice.percent(3).then(|| time(END + dice.below(365 * 24 * 60) as i64 * MINUTE));
            rows.insert(user, given(user, kind, mode, ends));
        }
        if let Some(assignee) = lead.assignee_id {
            rows.remove(&assignee);
        }
        rows.into_values().collect()
    }

    pub(super) fn orders(&self, number: u64, lead: &Lead, dice: &mut Dice) -> Vec<Order> {
        if !dice.percent(10) {
            return Vec::new();
        }
        let count = 1 + [0, 0, 0, 0, 0, 0, 0, 1, 1, 2][dice.below(10) as usize];
        (1..=count).filter_map(|of_lead| self.order(format!("{number}-{of_lead}"), lead, dice)).collect()
    }

    fn order(&self, number: String, lead: &Lead, dice: &mut Dice) -> Option<Order> {
        let placed = later(lead.create_time.timestamp_micros(), 365 * DAY, dice);
        let status = match dice.below(100) {
            0..40 => OrderStatus::Partial,
            40..85 => OrderStatus::Completed,
            85..95 => OrderStatus::Cancelled,
            _ => OrderStatus::Refunded,
        };
        let currency = Currency::stored(dice.one(&["EUR", "EUR", "EUR", "USD", "GBP"]))?;
        let cents = dice.below(500_000) + 500;
        Some(Order {
            id: OrderId::from(v7(placed, dice)),
            lead_id: lead.id,
            number,
            status,
            amount: Money::new(currency, (cents / 100) as i64, (cents % 100) as i32 * 10_000_000)?,
            place_time: time(placed),
            items: dice.percent(70).then(|| dice.one(&ITEMS).to_owned()),
            created_by: self.base.administrator,
            create_time: time(placed),
            update_time: time(placed),
            version: 1,
        })
    }

    /// What the assignee of one lead in five has noted.
    pub(super) fn notes(&self, lead: &Lead, dice: &mut Dice) -> Vec<HistoryEntry> {
        let Some(assignee) = lead.assignee_id.filter(|_| dice.percent(20)) else { return Vec::new() };
        let noted = later(lead.create_time.timestamp_micros(), 90 * DAY, dice);
        let text = dice.one(&NOTES).to_owned();
        let activity = Activity { text, call_outcome: None, call_duration: None, happen_time: Some(time(noted)) };
        vec![HistoryEntry {
            id: HistoryId::from(v7(noted, dice)),
            lead_id: lead.id,
            kind: HistoryKind::Note,
            time: time(noted),
            actor_id: assignee,
            on_behalf_of: None,
            changes: Vec::new(),
            activity: Some(activity),
            decision: None,
        }]
    }
}

/// So much later at most, and never after the end.
fn later(micros: i64, most: i64, dice: &mut Dice) -> i64 {
    micros + dice.below((END - micros).min(most).unsigned_abs()) as i64
}

/// Reaches nobody: the domain is kept for examples.
fn address(last_name: &str, number: u64) -> String {
    let letters: String = last_name.chars().filter(char::is_ascii_alphabetic).collect();
    format!("{}.{number}@example.com", letters.to_lowercase())
}

/// Neighbours' numbers are far apart.
fn phone(country: &Country, number: u64) -> String {
    let Country { phone, digits, .. } = country;
    let end = 10_u64.pow(*digits);
    format!("{phone}{:0width$}", number * 7_919 % end, width = *digits as usize)
}

fn stage(at: u64) -> Option<&'static str> {
    match at {
        0..55 => Some("New"),
        55..77 => Some("Contacted"),
        77..89 => Some("Interested"),
        89..95 => Some("Callback"),
        _ => None,
    }
}
