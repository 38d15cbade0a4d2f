//! What holds of every filter and of every text. `LEADWARD_SEED` repeats a run, `LEADWARD_CASES` makes it longer.

use std::{
    env,
    hash::{BuildHasher, RandomState},
};

use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    strategy::ValueTree,
    test_runner::{Config, RngSeed, TestCaseResult, TestError, TestRunner},
};

use super::*;
use crate::query::fields::FieldKind;

#[test]
fn a_filter_is_read_as_it_is_printed() {
    try_all("filters", filters(), |filter| {
        let printed = filter.to_string();
        prop_assert_eq!(Filter::parse(&printed), Ok(filter), "{}", printed);
        Ok(())
    });
}

#[test]
fn any_text_is_a_filter_or_has_a_fault_within_it() {
    try_all("texts", prop_oneof![any::<String>(), pieces()], |text| {
        match Filter::parse(&text) {
            Ok(filter) => {
                let printed = filter.to_string();
                // Quotes and spaces can make the print longer than a filter may be.
                prop_assert!(printed.len() > Filter::LONGEST || Filter::parse(&printed) == Ok(filter), "{}", printed);
            }
            Err(Fault { offset, message }) => {
                prop_assert!(text.is_char_boundary(offset), "{} in {:?}", offset, text);
                prop_assert!(!message.is_empty() && message.len() < 1_000, "{}", message);
            }
        }
        Ok(())
    });
}

#[test]
fn pieces_of_filters_are_often_filters() {
    let mut runner = TestRunner::deterministic();
    let strategy = pieces();
    let accepted = (0..2_000).filter(|_| {
        let text = strategy.new_tree(&mut runner).unwrap().current();
        Filter::parse(&text).is_ok_and(|filter| filter.root().is_some())
    });
    assert!(accepted.count() > 100, "too few to say anything");
}

fn try_all<S: Strategy>(what: &str, strategy: S, test: impl Fn(S::Value) -> TestCaseResult) {
    let setting = |name| env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let seed = setting("LEADWARD_SEED").unwrap_or_else(|| RandomState::new().hash_one(what));
    let cases = setting("LEADWARD_CASES").map_or(2_000, |cases| u32::try_from(cases).unwrap());
    println!("{what}: LEADWARD_SEED={seed} repeats the run");
    let config = Config { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() };
    match TestRunner::new(config).run(&strategy, test) {
        Ok(()) => {}
        Err(TestError::Fail(why, value)) => panic!("LEADWARD_SEED={seed}\n{why}\nfor {value:#?}"),
        Err(TestError::Abort(why)) => panic!("LEADWARD_SEED={seed}: {why}"),
    }
}

fn filters() -> impl Strategy<Value = Filter> {
    let nodes = tests().prop_recursive(6, 32, 4, |node| {
        prop_oneof![
            vec(node.clone(), 2..5).prop_map(Node::all),
            vec(node.clone(), 2..5).prop_map(Node::any),
            node.prop_map(Node::not),
        ]
    });
    let fits =
        |filter: &Filter| filter.tests().count() <= Filter::MOST_TESTS && filter.to_string().len() <= Filter::LONGEST;
    proptest::option::weighted(0.98, nodes).prop_map(|root| Filter { root }).prop_filter("within the limits", fits)
}

fn tests() -> impl Strategy<Value = Node> {
    let field = prop_oneof![9 => select(Field::NAMED.to_vec()), 1 => key().prop_map(Field::Attribute)];
    field.prop_flat_map(|field| {
        let present = Just(Test::Present).boxed();
        let test = match field.kind() {
            FieldKind::Text => texts(field.clone()),
            FieldKind::Word(words) => equality(select(words).prop_map(Value::Word)),
            FieldKind::Time => compared(select(Comparison::ALL), times()),
            FieldKind::Flag => equality(any::<bool>().prop_map(Value::Flag)),
            FieldKind::Id => equality(ids()),
            FieldKind::User | FieldKind::Group => equality(prop_oneof![ids(), line().prop_map(Value::Name)]),
            FieldKind::Entry => equality(line().prop_map(Value::Name)),
        };
        prop_oneof![1 => present, 4 => test].prop_map(move |test| Node::Test(field.clone(), test))
    })
}

fn texts(field: Field) -> BoxedStrategy<Test> {
    let fold = move |text: String| match field {
        Field::Email => text.to_lowercase(),
        Field::Country => text.to_ascii_uppercase(),
        _ => text,
    };
    let country = matches!(fold("é".to_owned()).as_str(), "é") && fold("a".to_owned()) == "A";
    let exact = if country { "[A-Z]{2}".boxed() } else { line().prop_map(fold.clone()).boxed() };
    let ordered = select(&Comparison::ALL[2..]);
    let end = select(vec![(true, false), (false, true), (true, true)]);
    let pattern = (end, line().prop_map(fold.clone()));
    prop_oneof![
        line().prop_map(|text| Test::Contains(text.to_lowercase())),
        equality(exact.prop_map(Value::Text)),
        equality(pattern.prop_map(|((start, end), text)| Value::Pattern { start, text, end })),
        compared(ordered, line().prop_map(fold).prop_map(Value::Text)),
    ]
    .boxed()
}

fn equality(values: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Test> {
    compared(select(&Comparison::ALL[..2]), values)
}

fn compared(
    comparisons: impl Strategy<Value = Comparison> + 'static,
    values: impl Strategy<Value = Value> + 'static,
) -> BoxedStrategy<Test> {
    (comparisons, values).prop_map(|(comparison, value)| Test::Compare(comparison, value)).boxed()
}

/// A text that is not empty, with what has a meaning in filters more often than by chance.
fn line() -> impl Strategy<Value = String> {
    let special = select(vec!['"', '\'', '\\', '*', ' ', '-', '.', ':', '(', ')', '\n', 'İ', 'Σ', 'ß', '\u{301}']);
    let c = prop_oneof![3 => proptest::char::range(' ', '~'), 2 => special, 1 => any::<char>()];
    vec(c.prop_filter("no NUL", |c| *c != '\0'), 1..12).prop_map(|chars| chars.into_iter().collect())
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![Just("plan".to_owned()), line().prop_filter("no control", |key| !key.chars().any(char::is_control))]
}

fn times() -> impl Strategy<Value = Value> {
    let micros = -62_135_596_800_000_000..=253_402_300_799_999_999_i64;
    micros.prop_map(|micros| Value::Time(Time::from_timestamp_micros(micros).unwrap()))
}

fn ids() -> impl Strategy<Value = Value> {
    any::<u128>().prop_map(|id| Value::Id(Uuid::from_u128(id)))
}

/// Texts that are almost filters.
fn pieces() -> impl Strategy<Value = String> {
    let test = select(vec![
        "name:*",
        "name=\"a\"",
        "name = 'a*'",
        "state = ACTIVE",
        "create_time > 2026-01-01",
        "assignee=x@y.z",
        "phone:\"5\"",
        "attributes.\"k\" != -1",
        "country = 5",
        "stage=New",
        "(",
        "(",
        ")",
        ")",
        "NOT ",
        "-",
        "-",
        "€",
        "\"",
        "\\",
        "*",
    ]);
    let link = select(vec![" AND ", " OR ", " AND ", " OR ", " AND NOT ", " OR -", ") AND (", "", " ", " and "]);
    let part = prop_oneof![9 => test.prop_map(str::to_owned), 1 => any::<String>()];
    (vec((part.clone(), link), 0..6), part).prop_map(|(parts, last)| {
        let mut text: String = parts.iter().flat_map(|(part, link)| [part.as_str(), link]).collect();
        text.push_str(&last);
        text
    })
}
