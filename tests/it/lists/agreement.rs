//! What both leadward and the `aip-160` crate take for a filter means the same to both; and what has a meaning to that crate alone,
//! such as a search over all fields, is no filter of leadward.
//!
//! `LEADWARD_SEED` repeats the texts of an earlier run, `LEADWARD_CASES` says how many to make up (5,000).

use std::cell::Cell;

use aip_160::{Arg, Comparable, Comparator, Expression, Member, Value as Literal, parse_filter};
use leadward::query::{
    fields::Field,
    filter::{Comparison, Filter, Node, Test, Value},
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner},
};

use crate::oracle::{from_clock, setting};

#[test]
fn what_both_accept_means_the_same_to_both() {
    let seed: u64 = setting("LEADWARD_SEED").unwrap_or_else(from_clock);
    let cases: Option<u32> = setting("LEADWARD_CASES");
    let config = Config {
        cases: cases.unwrap_or(5_000),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    };
    eprintln!("LEADWARD_SEED={seed}, {} texts", config.cases);

    let agreed = Cell::new(0);
    let outcome = TestRunner::new(config).run(&texts(), |text| {
        let Some(filter) = agreement(&text).map_err(TestCaseError::fail)? else { return Ok(()) };
        agreed.set(agreed.get() + 1);
        let printed = filter.to_string();
        let again = agreement(&printed).map_err(TestCaseError::fail)?;
        prop_assert_eq!(again, Some(filter), "both accept what is printed: {}", printed);
        Ok(())
    });
    match outcome {
        Ok(()) => {
            eprintln!("{} accepted by both", agreed.get());
            assert!(cases.is_some() || agreed.get() > 1_000, "too few filters to say anything");
        }
        Err(TestError::Fail(why, text)) => panic!("repeat with LEADWARD_SEED={seed}\n{why}\n\nfor {text:?}"),
        Err(TestError::Abort(why)) => panic!("LEADWARD_SEED={seed}: no texts to try: {why}"),
    }
}

/// The filter, if both accept the text; an error if they understand it differently.
fn agreement(text: &str) -> Result<Option<Filter>, String> {
    let (Ok(ours), Ok(theirs)) = (Filter::parse(text), parse_filter(text)) else { return Ok(None) };
    let agree = match (ours.root(), &theirs.expression) {
        (None, None) => true,
        (Some(ours), Some(theirs)) => shape(theirs).is_some_and(|theirs| agree(ours, &theirs)),
        _ => false,
    };
    if agree { Ok(Some(ours)) } else { Err(format!("{:#?}\nor\n{:#?}", ours.root(), theirs.expression)) }
}

/// Their tree, without parentheses that change nothing.
#[derive(Debug)]
enum Shape<'a> {
    All(Vec<Shape<'a>>),
    Any(Vec<Shape<'a>>),
    Not(Box<Shape<'a>>),
    Test { field: Field, comparator: Comparator, value: &'a Member },
}

/// None where it has a meaning that leadward's filters don't have.
fn shape(expression: &Expression) -> Option<Shape<'_>> {
    Some(match expression {
        Expression::And(parts) => {
            let mut flat = Vec::new();
            for part in parts {
                match shape(part)? {
                    Shape::All(inner) => flat.extend(inner),
                    other => flat.push(other),
                }
            }
            Shape::All(flat)
        }
        Expression::Or(parts) => {
            let mut flat = Vec::new();
            for part in parts {
                match shape(part)? {
                    Shape::Any(inner) => flat.extend(inner),
                    other => flat.push(other),
                }
            }
            Shape::Any(flat)
        }
        Expression::Not(part) => match shape(part)? {
            Shape::Not(inner) => *inner,
            other => Shape::Not(Box::new(other)),
        },
        Expression::Restriction(restriction) => {
            let (Comparable::Member(field), Arg::Comparable(Comparable::Member(value))) =
                (&restriction.comparable, &restriction.arg)
            else {
                return None;
            };
            Shape::Test { field: field_of(field)?, comparator: restriction.comparator, value }
        }
        Expression::Global(_) | Expression::Sequence(_) => return None,
    })
}

fn field_of(member: &Member) -> Option<Field> {
    if member.is_simple() {
        return Field::parse(member.value.as_str()).ok();
    }
    let key: Vec<&str> = member.fields.iter().map(Literal::as_str).collect();
    (member.value.as_str() == "attributes").then(|| Field::Attribute(key.join(".")))
}

fn agree(ours: &Node, theirs: &Shape<'_>) -> bool {
    match (ours, theirs) {
        (Node::All(ours), Shape::All(theirs)) | (Node::Any(ours), Shape::Any(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| agree(ours, theirs))
        }
        (Node::Not(ours), Shape::Not(theirs)) => agree(ours, theirs),
        (Node::Test(ours, test), Shape::Test { field, comparator, value }) => {
            ours == field && tests_the_same(field, test, *comparator, value)
        }
        _ => false,
    }
}

fn tests_the_same(field: &Field, test: &Test, comparator: Comparator, value: &Member) -> bool {
    let segments = [&value.value].into_iter().chain(&value.fields);
    let text = segments.map(Literal::as_str).collect::<Vec<_>>().join(".");
    match test {
        Test::Present => comparator == Comparator::Has && !value.value.is_quoted() && text == "*",
        Test::Contains(part) => comparator == Comparator::Has && *part == text.to_lowercase(),
        Test::Compare(comparison, ours) => {
            let same = match comparison {
                Comparison::Eq => Comparator::Equal,
                Comparison::Ne => Comparator::NotEqual,
                Comparison::Lt => Comparator::LessThan,
                Comparison::Le => Comparator::LessThanOrEqual,
                Comparison::Gt => Comparator::GreaterThan,
                Comparison::Ge => Comparator::GreaterThanOrEqual,
            };
            comparator == same && is_the_same(field, ours, &text)
        }
    }
}

/// Their crate leaves to its users what a value means, so this says it once more.
fn is_the_same(field: &Field, ours: &Value, theirs: &str) -> bool {
    let as_kept = match field {
        Field::Email => theirs.to_lowercase(),
        Field::Country => theirs.to_uppercase(),
        _ => theirs.to_owned(),
    };
    match ours {
        Value::Text(text) => *text == as_kept,
        Value::Pattern { start, text, end } => {
            let star = |wanted: &bool| if *wanted { "*" } else { "" };
            format!("{}{text}{}", star(start), star(end)) == as_kept
        }
        Value::Word(word) => theirs.to_uppercase() == *word || theirs.to_uppercase().ends_with(&format!("_{word}")),
        Value::Time(time) => {
            let midnight = format!("{theirs}T00:00:00Z");
            let instant = if theirs.len() == 10 { &midnight } else { theirs };
            chrono::DateTime::parse_from_rfc3339(instant).is_ok_and(|instant| instant == *time)
        }
        Value::Flag(flag) => flag.to_string() == theirs,
        Value::Id(id) => id.hyphenated().to_string() == theirs.to_lowercase(),
        Value::Name(name) => name == theirs,
    }
}

/// Texts of which both accept many, and that often come close to what only one accepts.
fn texts() -> impl Strategy<Value = String> {
    let text = test().prop_recursive(4, 24, 4, |text| {
        let link = prop_oneof![6 => Just(" AND "), 6 => Just(" OR "), 1 => select(vec![" ", "AND", " and ", ") OR ("])];
        let joined = (text.clone(), vec((link, text.clone()), 1..4))
            .prop_map(|(first, rest)| rest.into_iter().fold(first, |text, (link, next)| text + link + &next));
        prop_oneof![
            4 => joined,
            2 => text.clone().prop_map(|text| format!("({text})")),
            1 => text.clone().prop_map(|text| format!("( {text}\n)")),
            1 => text.clone().prop_map(|text| format!("NOT {text}")),
            1 => text.clone().prop_map(|text| format!("NOT ({text})")),
            1 => text.prop_map(|text| format!("-({text})")),
        ]
    });
    prop_oneof![1 => Just(String::new()), 40 => text]
}

fn test() -> impl Strategy<Value = String> {
    let field = select(vec![
        "name",
        "name",
        "email",
        "phone",
        "external_id",
        "attributes.plan",
        "attributes.utm.source",
        "attributes.\"some key\"",
    ]);
    let sign = select(vec!["=", "!=", "<", "<=", ">", ">=", ":"]);
    let space = select(vec!["", " ", " \t "]);
    let value = prop_oneof![
        4 => "[A-Za-z][A-Za-z0-9_@/.+-]{0,5}[a-z]",
        1 => "-[a-z]{1,3}",
        4 => "[ -!#-)+-\\[\\]-~é€]{0,8}".prop_map(|text| format!("\"{text}\"")),
        2 => "[ -&(-)+-\\[\\]-~]{0,6}".prop_map(|text| format!("'{text}'")),
        1 => "[a-z]{1,3}".prop_map(|text| format!("\"*{text}\"")),
        1 => "[a-z]{1,3}".prop_map(|text| format!("\"{text}*\"")),
        1 => "([a-z*]|\\\\[\"'*\\\\]){0,4}".prop_map(|text| format!("\"{text}\"")),
        1 => "[0-9.*;,]{1,3}",
    ];
    let of_text = (field, space.clone(), sign, space, value)
        .prop_map(|(field, before, sign, after, value)| [field, before, sign, after, &value].concat());
    let other = select(vec![
        "state = ACTIVE",
        "state != lead_state_resolved",
        "kind=REGISTRATION",
        "stage = \"New\"",
        "stage:*",
        "assignee_id = ana@example.com",
        "group != 'North'",
        "id = 01890A5D-AC96-774B-BCCE-B302099A8057",
        "create_time >= 2026-01-01",
        "next_contact_time < \"2026-01-01T10:00:00.25+02:00\"",
        "email_confirmed = true",
        "country = PT",
        "name:*",
        "-phone:*",
        "NOT discard_reason:*",
        "prod",
        "\"prod\"",
        "has(name)",
        "name = (a OR b)",
        "state = BUSY",
    ]);
    prop_oneof![3 => of_text, 2 => other.prop_map(str::to_owned)]
}
