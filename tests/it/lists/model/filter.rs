//! Random filters: how each is written, and which leads pass it, test by test.

use std::{cmp::Ordering, fmt};

use chrono::{DateTime, SecondsFormat};
use leadward::proto::Lead;
use prost_types::Timestamp;

use super::company::{Company, Facts, Person};
use crate::support::Dice;

const TEXTS: [&str; 9] = [
    "name",
    "external_id",
    "email",
    "phone",
    "country",
    "locale",
    "campaign",
    "attributes.plan",
    r#"attributes."a.b""#,
];
const TIMES: [&str; 8] = [
    "next_contact_time",
    "create_time",
    "update_time",
    "register_time",
    "first_deposit_time",
    "discard_time",
    "resolve_time",
    "assign_time",
];
/// A field, what the full names of its words begin with, and the words.
const WORDS: [(&str, &str, &[&str]); 4] = [
    ("kind", "LEAD_KIND_", &["LEAD", "REGISTRATION", "CLIENT"]),
    ("state", "LEAD_STATE_", &["ACTIVE", "DISCARDED", "RESOLVED"]),
    ("source", "LEAD_SOURCE_", &["API", "BULK_UPLOAD", "PLATFORM"]),
    ("last_order_status", "ORDER_STATUS_", &["PARTIAL", "COMPLETED", "CANCELLED", "REFUNDED"]),
];
const ENTRIES: [(&str, &[&str]); 3] = [
    ("stage", &["New", "Contacted", "Callback", "Interested", "no such stage"]),
    ("discard_reason", &["Not ready", "Unreachable"]),
    ("disposition", &["Declined", "Sale"]),
];

pub enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Test(Test),
}

pub struct Test {
    field: &'static str,
    text: String,
    passes: Passes,
}

type Passes = Box<dyn Fn(&Person, &Facts) -> bool>;
type Operator = (&'static str, fn(Ordering) -> bool);

/// What leads are compared with: mostly what some of them have.
pub struct Pool {
    leads: Vec<Lead>,
    assigned: Vec<Timestamp>,
    /// ID, name, and e-mail.
    users: Vec<(String, String, Option<String>)>,
    /// Name and ID.
    groups: Vec<(&'static str, String)>,
}

impl Pool {
    pub fn of(company: &Company) -> Self {
        let user = |person: &Person| {
            let (id, name) = (person.caller.id.clone(), person.caller.name.clone());
            let email = (name != "Administrator").then(|| format!("{name}@example.com"));
            (id, name, email)
        };
        Self {
            leads: company.leads.iter().map(|facts| facts.lead.clone()).collect(),
            assigned: company.leads.iter().filter_map(Facts::assign_time).collect(),
            users: company.people.iter().map(user).collect(),
            groups: company.groups.iter().map(|(name, id)| (*name, id.clone())).collect(),
        }
    }

    /// A text that some lead has in this field, or in any.
    fn text(&self, dice: &mut Dice, field: &str) -> String {
        let field = if dice.below(8) == 0 { *dice.one_of(&TEXTS) } else { field };
        text(dice.one_of(&self.leads), field).unwrap_or_else(|| "a".to_owned())
    }

    fn time(&self, dice: &mut Dice) -> Timestamp {
        let lead = dice.one_of(&self.leads);
        let times = [
            lead.next_contact_time,
            lead.create_time,
            lead.update_time,
            lead.register_time,
            lead.first_deposit_time,
            lead.discard_time,
            lead.resolve_time,
            self.assigned.first().copied(),
        ];
        dice.one_of(&times).unwrap_or(Timestamp { seconds: 1_800_000_000, nanos: 0 })
    }
}

impl Node {
    pub fn any(dice: &mut Dice, pool: &Pool, who: &Person, depth: usize) -> Self {
        let some = |dice: &mut Dice| (0..2 + dice.below(2)).map(|_| Self::any(dice, pool, who, depth - 1)).collect();
        match dice.below(8) {
            0 | 1 if depth > 0 => Self::All(some(dice)),
            2 | 3 if depth > 0 => Self::Any(some(dice)),
            4 if depth > 0 => Self::Not(Box::new(Self::any(dice, pool, who, depth - 1))),
            _ => Self::Test(Test::any(dice, pool, who)),
        }
    }

    pub fn passes(&self, who: &Person, facts: &Facts) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.passes(who, facts)),
            Self::Any(nodes) => nodes.iter().any(|node| node.passes(who, facts)),
            Self::Not(node) => !node.passes(who, facts),
            Self::Test(test) => (test.passes)(who, facts),
        }
    }

    pub fn tests(&self, field: &str) -> bool {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().any(|node| node.tests(field)),
            Self::Not(node) => node.tests(field),
            Self::Test(test) => test.field == field,
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |nodes: &[Self], between: &str| {
            let texts = nodes.iter().map(|node| match node {
                Self::Test(test) => test.text.clone(),
                node => format!("({node})"),
            });
            texts.collect::<Vec<_>>().join(between)
        };
        match self {
            Self::All(nodes) => f.write_str(&joined(nodes, " AND ")),
            Self::Any(nodes) => f.write_str(&joined(nodes, " OR ")),
            Self::Not(node) => write!(f, "NOT ({node})"),
            Self::Test(test) => f.write_str(&test.text),
        }
    }
}

impl Test {
    fn any(dice: &mut Dice, pool: &Pool, who: &Person) -> Self {
        match dice.below(12) {
            0..=4 => {
                let field = *dice.one_of(&TEXTS);
                Self::of_text(dice, pool, field)
            }
            5 | 6 => {
                let field = *dice.one_of(&TIMES);
                Self::of_time(dice, pool, field)
            }
            7 | 8 => Self::of_word(dice),
            9 => Self::of_entry(dice),
            10 => Self::of_whom(dice, pool, who),
            _ => Self::of_flag_or_id(dice, pool),
        }
    }

    fn new(field: &'static str, text: String, passes: impl Fn(&Person, &Facts) -> bool + 'static) -> Self {
        Self { field, text, passes: Box::new(passes) }
    }

    /// Equal, or not.
    fn is(
        dice: &mut Dice,
        field: &'static str,
        value: &str,
        holds: impl Fn(&Person, &Facts) -> bool + 'static,
    ) -> Self {
        if dice.below(3) == 0 {
            Self::new(field, format!("{field} != {value}"), move |who, facts| !holds(who, facts))
        } else {
            Self::new(field, format!("{field} = {value}"), holds)
        }
    }

    fn is_set(field: &'static str, held: impl Fn(&Person, &Facts) -> bool + 'static) -> Self {
        Self::new(field, format!("{field}:*"), held)
    }

    fn of_text(dice: &mut Dice, pool: &Pool, field: &'static str) -> Self {
        let held = move |facts: &Facts| text(&facts.lead, field).map(|held| folded(field, &held));
        let sample = pool.text(dice, field);
        match dice.below(6) {
            0 => Self::is_set(field, move |_, facts| held(facts).is_some()),
            1 | 2 => {
                let part = part(dice, &sample);
                let part = in_any_case(dice, &part);
                let text = format!("{field}:{}", quoted(&part));
                let contains = move |facts: &Facts| {
                    held(facts).is_some_and(|held| held.to_lowercase().contains(&part.to_lowercase()))
                };
                Self::new(field, text, move |_, facts| contains(facts))
            }
            3 => {
                let (part, start) = (part(dice, &sample), dice.below(2) == 0);
                let end = !start || dice.below(2) == 0;
                let star = |star: bool| if star { "*" } else { "" };
                let written = format!("\"{}{}{}\"", star(start), escaped(&part), star(end));
                let part = folded(field, &part);
                let matches = move |held: String| match (start, end) {
                    (true, true) => held.contains(&part),
                    (true, false) => held.ends_with(&part),
                    (false, _) => held.starts_with(&part),
                };
                Self::is(dice, field, &written, move |_, facts| held(facts).is_some_and(&matches))
            }
            4 => {
                // Only codes can be equal to a country, and only attributes are ever empty.
                let sample = match (field, sample.as_str()) {
                    ("country", code) if code.len() != 2 || !code.is_ascii() => "XX".to_owned(),
                    ("country", code) => code.replace(|c: char| !c.is_ascii_alphabetic(), "X"),
                    (field, "") if !field.starts_with("attributes.") => "a".to_owned(),
                    _ => sample,
                };
                let value = folded(field, &sample);
                Self::is(dice, field, &quoted(&sample), move |_, facts| held(facts).as_ref() == Some(&value))
            }
            _ => {
                let sample = if sample.is_empty() { "a".to_owned() } else { sample };
                let value = folded(field, &sample);
                Self::compared(dice, field, &quoted(&sample), move |facts| held(facts).map(|held| held.cmp(&value)))
            }
        }
    }

    fn of_time(dice: &mut Dice, pool: &Pool, field: &'static str) -> Self {
        let held = move |facts: &Facts| time(facts, field).map(|time| (time.seconds, time.nanos));
        if dice.below(4) == 0 {
            return Self::is_set(field, move |_, facts| held(facts).is_some());
        }
        let time = pool.time(dice);
        let value = (time.seconds, time.nanos);
        let written = DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).unwrap()).unwrap();
        let written = format!("\"{}\"", written.to_rfc3339_opts(SecondsFormat::Micros, true));
        if dice.below(4) == 0 {
            return Self::is(dice, field, &written, move |_, facts| held(facts) == Some(value));
        }
        Self::compared(dice, field, &written, move |facts| held(facts).map(|held| held.cmp(&value)))
    }

    /// Before or after.
    fn compared(
        dice: &mut Dice,
        field: &'static str,
        value: &str,
        against: impl Fn(&Facts) -> Option<Ordering> + 'static,
    ) -> Self {
        let operators: [Operator; 4] =
            [("<", Ordering::is_lt), ("<=", Ordering::is_le), (">", Ordering::is_gt), (">=", Ordering::is_ge)];
        let (operator, holds) = *dice.one_of(&operators);
        let text = format!("{field} {operator} {value}");
        Self::new(field, text, move |_, facts| against(facts).is_some_and(holds))
    }

    fn of_word(dice: &mut Dice) -> Self {
        let (field, prefix, words) = *dice.one_of(&WORDS);
        let held = move |who: &Person, facts: &Facts| word(who, facts, field);
        if dice.below(5) == 0 {
            return Self::is_set(field, move |who, facts| held(who, facts).is_some());
        }
        let word = (*dice.one_of(words)).to_owned();
        let written = match dice.below(3) {
            0 => word.clone(),
            1 => word.to_lowercase(),
            _ => format!("{prefix}{word}"),
        };
        Self::is(dice, field, &written, move |who, facts| held(who, facts).as_ref() == Some(&word))
    }

    fn of_entry(dice: &mut Dice) -> Self {
        let (field, entries) = *dice.one_of(&ENTRIES);
        let held = move |facts: &Facts| {
            let lead = &facts.lead;
            let held = match field {
                "stage" => lead.stage.clone().unwrap_or_default(),
                "discard_reason" => lead.discard_reason.clone(),
                _ => lead.disposition.clone(),
            };
            Some(held.to_lowercase()).filter(|held| !held.is_empty())
        };
        if dice.below(4) == 0 {
            return Self::is_set(field, move |_, facts| held(facts).is_some());
        }
        let entry = *dice.one_of(entries);
        let written = quoted(&in_any_case(dice, entry));
        let value = entry.to_lowercase();
        Self::is(dice, field, &written, move |_, facts| held(facts).as_ref() == Some(&value))
    }

    /// Agents know nobody else by name.
    fn of_whom(dice: &mut Dice, pool: &Pool, who: &Person) -> Self {
        let field = *dice.one_of(&["assignee", "created_by", "group"]);
        let held = move |facts: &Facts| {
            let lead = &facts.lead;
            let held = match field {
                "assignee" => lead.assignee_id.clone(),
                "created_by" => lead.created_by.clone(),
                _ => lead.group_id.clone().unwrap_or_default(),
            };
            Some(held).filter(|held| !held.is_empty())
        };
        let by_name = who.reads_directory && dice.below(2) == 0;
        let (id, written) = match (dice.below(4), field) {
            (0, _) => return Self::is_set(field, move |_, facts| held(facts).is_some()),
            (_, "group") => {
                let (name, id) = dice.one_of(&pool.groups).clone();
                (id.clone(), if by_name { in_any_case(dice, name) } else { id })
            }
            _ => {
                let (id, name, email) = dice.one_of(&pool.users).clone();
                let known = by_name || id == who.caller.id;
                let email = email.filter(|_| dice.below(2) == 0).map(|email| in_any_case(dice, &email));
                (id.clone(), if known { email.unwrap_or(name) } else { id })
            }
        };
        Self::is(dice, field, &quoted(&written), move |_, facts| held(facts).as_ref() == Some(&id))
    }

    fn of_flag_or_id(dice: &mut Dice, pool: &Pool) -> Self {
        match dice.below(4) {
            0 => Self::is_set("email_confirmed", |_, _| true),
            1 => Self::is_set("id", |_, _| true),
            2 => {
                let yes = dice.below(2) == 0;
                let passes = move |_: &Person, facts: &Facts| facts.lead.email_confirmed() == yes;
                Self::is(dice, "email_confirmed", &yes.to_string(), passes)
            }
            _ => {
                let id = dice.one_of(&pool.leads).id.clone();
                let written = quoted(&id);
                Self::is(dice, "id", &written, move |_, facts| facts.lead.id == id)
            }
        }
    }
}

fn text(lead: &Lead, field: &str) -> Option<String> {
    match field {
        "name" => lead.name.clone(),
        "external_id" => lead.external_id.clone(),
        "email" => lead.email.clone(),
        "phone" => lead.phone.clone(),
        "country" => lead.country.clone(),
        "locale" => lead.locale.clone(),
        "campaign" => lead.campaign.clone(),
        "attributes.plan" => lead.attributes.get("plan").cloned(),
        r#"attributes."a.b""# => lead.attributes.get("a.b").cloned(),
        other => panic!("{other} is no text"),
    }
}

fn time(facts: &Facts, field: &str) -> Option<Timestamp> {
    let lead = &facts.lead;
    match field {
        "next_contact_time" => lead.next_contact_time,
        "create_time" => lead.create_time,
        "update_time" => lead.update_time,
        "register_time" => lead.register_time,
        "first_deposit_time" => lead.first_deposit_time,
        "discard_time" => lead.discard_time,
        "resolve_time" => lead.resolve_time,
        "assign_time" => facts.assign_time(),
        other => panic!("{other} is no time"),
    }
}

fn word(who: &Person, facts: &Facts, field: &str) -> Option<String> {
    let short = |full: &str, prefix: &str| Some(full.trim_start_matches(prefix).to_owned());
    match field {
        "kind" => short(facts.lead.kind().as_str_name(), "LEAD_KIND_"),
        "state" => short(facts.lead.state().as_str_name(), "LEAD_STATE_"),
        "source" => short(facts.lead.source().as_str_name(), "LEAD_SOURCE_"),
        _ => who.last_order_status(facts),
    }
}

/// As a field is compared where the case counts otherwise.
fn folded(field: &str, text: &str) -> String {
    match field {
        "email" => text.to_lowercase(),
        "country" => text.to_ascii_uppercase(),
        _ => text.to_owned(),
    }
}

/// Some characters of a text that stand together.
fn part(dice: &mut Dice, text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.is_empty() {
        return "a".to_owned();
    }
    let from = dice.below(letters.len());
    let length = 1 + dice.below((letters.len() - from).min(6));
    letters[from..from + length].iter().collect()
}

fn in_any_case(dice: &mut Dice, text: &str) -> String {
    match dice.below(3) {
        0 => text.to_owned(),
        1 => text.to_lowercase(),
        _ => text.to_uppercase(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace('*', r"\*")
}
