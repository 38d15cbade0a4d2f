//! What a field can be compared with: values judged against its kind.

use chrono::{DateTime, NaiveDate, NaiveTime};
use uuid::Uuid;

use super::{
    Comparison, Value,
    lexer::Quoted,
    print::{quoted, shown},
};
use crate::{
    model::Time,
    query::fields::{Field, FieldKind},
};

/// A value as it is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Literal {
    pub text: Quoted,
    /// Without quotes.
    pub bare: bool,
}

/// Whether a field can be compared so.
pub(super) fn takes(field: &Field, comparison: Comparison) -> bool {
    matches!(comparison, Comparison::Eq | Comparison::Ne) || matches!(field.kind(), FieldKind::Text | FieldKind::Time)
}

/// Whether a field has parts to look for.
pub(super) fn contains_text(field: &Field) -> bool {
    field.kind() == FieldKind::Text
}

/// The operators that a field takes, for messages.
pub(super) fn operators(field: &Field) -> &'static str {
    match field.kind() {
        FieldKind::Text => "=, !=, <, <=, >, >=, : or :*",
        FieldKind::Time => "=, !=, <, <=, >, >= or :*",
        _ => "=, != or :*",
    }
}

/// The part that `:` looks for.
pub(super) fn contained(field: &Field, literal: Literal) -> Result<String, String> {
    let Quoted { text, start, end } = literal.text;
    if start || end {
        return Err(
            r"`:` looks for a part of the text anyway: leave out the *, or write \* for the character".to_owned()
        );
    }
    if text.is_empty() {
        return Err(format!("this text is empty; `{field}:*` finds leads that have it set"));
    }
    Ok(text.to_lowercase())
}

/// The value that a field is compared with.
pub(super) fn value(field: &Field, comparison: Comparison, literal: Literal) -> Result<Value, String> {
    let Literal { text: Quoted { text, start, end }, bare } = literal;
    let kind = field.kind();
    let pattern = start || end;
    if pattern && (kind != FieldKind::Text || !matches!(comparison, Comparison::Eq | Comparison::Ne)) {
        let why = "a * stands for anything only where text is compared by = or !=";
        return Err(format!(r"{why}; write \* for the character itself"));
    }
    match kind {
        FieldKind::Word(words) => word(field, words, &text),
        FieldKind::Time => time(&text).map(Value::Time).ok_or_else(|| {
            format!(r#"{} is not a time; write it as "2026-01-31" or "2026-01-31T09:30:00Z""#, shown(&text))
        }),
        FieldKind::Flag => match text.as_str() {
            "true" => Ok(Value::Flag(true)),
            "false" => Ok(Value::Flag(false)),
            _ => Err(format!("{} is neither true nor false", shown(&text))),
        },
        FieldKind::Id => id(&text).map(Value::Id).ok_or_else(|| format!("{} is not an ID", shown(&text))),
        FieldKind::User | FieldKind::Group if id(&text).is_some() => Ok(id(&text).map_or(Value::Name(text), Value::Id)),
        // 9 is less than 10, and "9" is not.
        _ if bare && is_number(&text) => {
            Err(format!("`{field}` holds text, and {text} is a number; for the text, write {}", quoted(&text)))
        }
        FieldKind::User | FieldKind::Group | FieldKind::Entry if text.is_empty() => Err(empty(field)),
        FieldKind::User | FieldKind::Group | FieldKind::Entry => Ok(Value::Name(text)),
        FieldKind::Text if pattern && text.is_empty() => {
            Err(format!("a * alone; `{field}:*` finds leads that have it set, `NOT {field}:*` those that don't"))
        }
        FieldKind::Text if pattern => Ok(Value::Pattern { start, text: folded(field, text), end }),
        FieldKind::Text => plain(field, comparison, text),
    }
}

fn word(field: &Field, words: &'static [&'static str], text: &str) -> Result<Value, String> {
    let upper = text.to_ascii_uppercase();
    let short = upper.strip_prefix(field.prefix()).unwrap_or(&upper);
    let word = words.iter().find(|word| **word == short);
    word.map(|word| Value::Word(word)).ok_or_else(|| format!("{} is none of {}", shown(text), words.join(", ")))
}

fn plain(field: &Field, comparison: Comparison, text: String) -> Result<Value, String> {
    let equality = matches!(comparison, Comparison::Eq | Comparison::Ne);
    if text.is_empty() && !matches!(field, Field::Attribute(_)) {
        return Err(empty(field));
    }
    if *field == Field::Country && equality && !(text.len() == 2 && text.chars().all(|c| c.is_ascii_alphabetic())) {
        return Err(format!("{} is not a country code of two letters such as PT (ISO 3166-1)", shown(&text)));
    }
    Ok(Value::Text(folded(field, text)))
}

fn empty(field: &Field) -> String {
    format!("`{field}` is never an empty text; `NOT {field}:*` finds leads that don't have it set")
}

/// As the field is kept for comparison.
fn folded(field: &Field, text: String) -> String {
    match field {
        Field::Email => text.to_lowercase(),
        Field::Country => text.to_ascii_uppercase(),
        _ => text,
    }
}

fn is_number(text: &str) -> bool {
    text.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok()
}

fn id(text: &str) -> Option<Uuid> {
    // Of the layouts of UUIDs, only the one with hyphens has this length.
    if text.len() == 36 { Uuid::try_parse(text).ok() } else { None }
}

/// An instant of RFC 3339, or a date's midnight in UTC; of the years 1 to 9999, cut to microseconds.
fn time(text: &str) -> Option<Time> {
    let instant = DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
    let time = instant.or_else(|| {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        (text.len() == 10).then(|| date.and_time(NaiveTime::MIN).and_utc())
    })?;
    (-62_135_596_800..=253_402_300_799).contains(&time.timestamp()).then_some(time)?;
    Time::from_timestamp_micros(time.timestamp_micros())
}
