mod properties;

use super::*;

fn parse(text: &str) -> Filter {
    Filter::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

fn equals(field: Field, value: Value) -> Node {
    Node::Test(field, Test::Compare(Comparison::Eq, value))
}

#[test]
fn or_binds_tighter_than_and() {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| equals(Field::Name, Value::Text(name.to_owned())));
    let of_names = |template: &str| {
        let words = template.split(' ').map(|word| match word {
            "a" | "b" | "c" | "d" => format!("name = \"{word}\""),
            other => other.to_owned(),
        });
        parse(&words.collect::<Vec<_>>().join(" ")).root
    };
    let either = Node::Any(vec![b.clone(), c.clone()]);
    let both = Node::All(vec![b.clone(), c.clone()]);
    assert_eq!(of_names("a AND b OR c AND d"), Some(Node::All(vec![a.clone(), either.clone(), d.clone()])));
    assert_eq!(of_names("a AND ( b OR c )"), Some(Node::All(vec![a.clone(), either.clone()])));
    assert_eq!(of_names("a OR ( b AND c )"), Some(Node::Any(vec![a.clone(), both])));
    assert_eq!(of_names("NOT a OR b"), Some(Node::Any(vec![Node::Not(Box::new(a.clone())), b.clone()])));
    assert_eq!(of_names("- ( b OR c )"), Some(Node::Not(Box::new(either))));
    assert_eq!(of_names("a AND ( b AND ( c ) )"), Some(Node::All(vec![a.clone(), b, c])));
    assert_eq!(of_names("NOT ( NOT a )"), Some(a));
}

#[test]
fn an_empty_text_asks_for_all_leads() {
    for text in ["", " ", "\n\t "] {
        assert_eq!(parse(text).root(), None, "{text:?}");
    }
    assert_eq!(Filter::default().to_string(), "");
}

#[test]
fn each_filter_has_one_spelling() {
    for (text, printed) in [
        ("name='Ana'AND(-phone:*)", r#"name = "Ana" AND NOT phone:*"#),
        ("NOT(name:*)", "NOT name:*"),
        ("country=pt", r#"country = "PT""#),
        ("country > p", r#"country > "P""#),
        ("email = Ana@Example.COM", r#"email = "ana@example.com""#),
        ("email = '*@Example.com'", r#"email = "*@example.com""#),
        ("name:\"ANA Š\"", r#"name:"ana š""#),
        ("phone:555", r#"phone:"555""#),
        ("external_id = \"42\"", r#"external_id = "42""#),
        ("state = lead_state_active OR state != \"Resolved\"", "state = ACTIVE OR state != RESOLVED"),
        ("kind = LEAD", "kind = LEAD"),
        ("kind = LEAD_KIND_LEAD", "kind = LEAD"),
        ("source = bulk_upload", "source = BULK_UPLOAD"),
        ("last_order_status = ORDER_STATUS_PARTIAL", "last_order_status = PARTIAL"),
        ("email_confirmed = true", "email_confirmed = true"),
        ("create_time >= 2026-01-01", r#"create_time >= "2026-01-01T00:00:00Z""#),
        (r#"create_time < "2026-01-01T01:30:00.5+02:00""#, r#"create_time < "2025-12-31T23:30:00.500Z""#),
        (r#"update_time > "2026-01-01T00:00:00.123456789Z""#, r#"update_time > "2026-01-01T00:00:00.123456Z""#),
        ("assignee_id = ana@example.com", r#"assignee = "ana@example.com""#),
        (r#"created_by = "Ana Lima""#, r#"created_by = "Ana Lima""#),
        ("group_id != 'North'", r#"group != "North""#),
        ("group = 01890A5D-AC96-774B-BCCE-B302099A8057", r#"group = "01890a5d-ac96-774b-bcce-b302099a8057""#),
        (r#"id != "01890a5d-ac96-774b-bcce-b302099a8057""#, r#"id != "01890a5d-ac96-774b-bcce-b302099a8057""#),
        ("stage = New", r#"stage = "New""#),
        (r#"attributes.utm.source = "x""#, r#"attributes.utm.source = "x""#),
        (r#"attributes."some key" = """#, r#"attributes."some key" = """#),
        (r#"attributes."plan" = -x"#, r#"attributes.plan = "-x""#),
        (r#"name = "\"a\\b\" \*""#, r#"name = "\"a\\b\" \*""#),
        (r#"name = 'it\'s "so"'"#, r#"name = "it's \"so\"""#),
        (r#"name = "*ana*" AND name != "ana*""#, r#"name = "*ana*" AND name != "ana*""#),
        ("(name:*) OR (phone:* AND email:*)", "name:* OR (phone:* AND email:*)"),
    ] {
        let filter = parse(text);
        assert_eq!(filter.to_string(), printed);
        assert_eq!(parse(printed), filter);
    }
}

#[test]
fn values_are_of_the_kind_of_their_field() {
    let id = Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057);
    let midnight = Time::from_timestamp(1_767_225_600, 0).unwrap();
    let pattern = |start, text: &str, end| Value::Pattern { start, text: text.to_owned(), end };
    for (text, field, value) in [
        ("name = Ana", Field::Name, Value::Text("Ana".to_owned())),
        ("name = \"Ana*\"", Field::Name, pattern(false, "Ana", true)),
        ("name = \"*Ana\"", Field::Name, pattern(true, "Ana", false)),
        ("name = \"\\*Ana\"", Field::Name, Value::Text("*Ana".to_owned())),
        ("state = active", Field::State, Value::Word("ACTIVE")),
        ("create_time = \"2026-01-01\"", Field::CreateTime, Value::Time(midnight)),
        ("email_confirmed = false", Field::EmailConfirmed, Value::Flag(false)),
        ("assignee = \"01890a5d-ac96-774b-bcce-b302099a8057\"", Field::Assignee, Value::Id(id)),
        ("assignee = \"01890a5dac96774bbcceb302099a8057\"", Field::Assignee, Value::Name(id.simple().to_string())),
        ("group = North", Field::Group, Value::Name("North".to_owned())),
        ("stage = \"callback\"", Field::Stage, Value::Name("callback".to_owned())),
        ("stage = \"\\*\"", Field::Stage, Value::Name("*".to_owned())),
    ] {
        assert_eq!(parse(text).root, Some(equals(field, value)), "{text}");
    }
}

#[test]
fn faults_say_where_they_are_and_what_is_possible() {
    for (text, offset, why) in [
        ("ana", 0, "`ana` stands alone"),
        ("\"ana\" AND name:*", 0, "`ana` stands alone"),
        (
            "name:\"ana\" maria",
            11,
            "found `maria`; expected AND, OR or the end; a value of several words goes in quotes",
        ),
        ("name:\"ana\" and phone:*", 11, "write AND in capitals"),
        ("not name:*", 0, "write NOT in capitals"),
        ("name:* phone:*", 7, "expected AND, OR or the end"),
        ("name:* AND", 10, "found the end; expected a field, NOT or ("),
        ("OR name:*", 0, "found `OR`"),
        ("NOT NOT name:*", 4, "found `NOT`"),
        ("name:* AND contry = PT", 11, "did you mean `country`?"),
        ("name", 4, "found the end; expected =, !=, <, <=, >, >=, : or :* after `name`"),
        ("ñ:*", 0, "`ñ` is not a field of a lead"),
        ("name = ", 7, "found the end; expected a value"),
        ("name == \"a\"", 6, "found `=`; expected a value"),
        ("name = OR", 7, "the text \"OR\" goes in quotes"),
        ("name = ana*", 10, "found `*`"),
        ("name = *", 7, "`name:*` finds leads that have it set"),
        ("name = \"*\"", 7, "`name:*` finds leads that have it set"),
        ("name = \"**\"", 7, "`name:*` finds leads that have it set"),
        ("name = \"a*b\"", 9, "a * can stand at an end of the text only"),
        ("name = \"***\"", 9, "a * can stand at an end of the text only"),
        ("name < \"a*\"", 7, "only where text is compared by = or !="),
        ("stage = \"N*\"", 8, "only where text is compared by = or !="),
        ("name:\"a*\"", 5, "leave out the *"),
        ("name:\"\"", 5, "`name:*` finds leads that have it set"),
        ("name = \"\"", 7, "`NOT name:*` finds leads that don't"),
        ("name = \"ana", 7, "this quote is never closed"),
        ("name = 'a\\nb'", 9, "a backslash stands before"),
        ("name = 'a\\", 7 + 2, "a backslash stands before"),
        ("name = \"a\0\"", 9, "NUL"),
        ("name = “ana”", 7, "found `“`"),
        ("name = ana, phone:*", 10, "found `,`"),
        ("name ! ana", 5, "found `!`"),
        ("name = (\"a\" OR \"b\")", 7, "write `name = … OR name = …` for several"),
        ("name:(\"a\" OR \"b\")", 5, "write `name : … OR name : …` for several"),
        ("has(name)", 0, "`has` stands alone"),
        ("(name:*", 7, "found the end; expected AND, OR or )"),
        ("name:*)", 6, "found `)`; expected AND, OR or the end"),
        ("()", 1, "found `)`; expected a field, NOT or ("),
        ("NOT NOT name:*", 4, "found `NOT`; expected a field or ("),
        ("--name:*", 1, "found `-`; expected a field or ("),
        ("country = 5", 10, "`country` holds text, and 5 is a number; for the text, write \"5\""),
        ("attributes.score > -1.5e3", 19, "-1.5e3 is a number"),
        ("phone = +351910000000", 8, "+351910000000 is a number"),
        ("country = Portugal", 10, "`Portugal` is not a country code of two letters"),
        ("state = BUSY", 8, "`BUSY` is none of ACTIVE, DISCARDED, RESOLVED"),
        ("kind = LEAD_STATE_ACTIVE", 7, "none of LEAD, REGISTRATION, CLIENT"),
        ("state > ACTIVE", 6, "`state` takes =, != or :*"),
        ("state:ACTIVE", 5, "`state` takes =, != or :*"),
        ("stage:new", 5, "`stage` takes =, != or :*"),
        ("create_time:\"2026\"", 11, "`create_time` takes =, !=, <, <=, >, >= or :*"),
        ("create_time > \"yesterday\"", 14, "`yesterday` is not a time"),
        ("create_time > \"2026-1-1\"", 14, "is not a time"),
        ("create_time > \"2026-02-30\"", 14, "is not a time"),
        ("create_time > \"0000-12-31\"", 14, "is not a time"),
        ("create_time > \"9999-12-31T23:59:59-01:00\"", 14, "is not a time"),
        ("create_time > \"2026-01-01T00:00:00\"", 14, "is not a time"),
        ("create_time > 2026-01-01T00:00:00Z", 14, "write it as \"2026-01-31\" or \"2026-01-31T09:30:00Z\""),
        ("email_confirmed = yes", 18, "`yes` is neither true nor false"),
        ("email_confirmed", 15, "expected =, != or :* after `email_confirmed`"),
        ("id = 7", 5, "`7` is not an ID"),
        ("assignee = \"\"", 11, "`NOT assignee:*` finds leads that don't"),
        ("assignee = 7", 11, "7 is a number"),
        ("attributes = \"x\"", 0, "as in `attributes.plan`"),
        ("attributes.\"\" = \"x\"", 11, "needs a name after it"),
        ("attributes.\"a*\" = \"x\"", 11, "no meaning in a name"),
        ("attributes. \"a\" = \"x\"", 0, "stands alone"),
    ] {
        let fault = Filter::parse(text).unwrap_err();
        assert_eq!(fault.offset, offset, "{text}: {fault}");
        assert!(fault.message.contains(why), "{text}: {fault}");
    }
}

#[test]
fn names_are_known_by_their_places() {
    let text = r#"NOT assignee = "Ana" AND (group = North OR stage = Callback) AND assignee = 01890a5d-ac96-774b-bcce-b302099a8057"#;
    let (filter, places) = Filter::parse_with_places(text).unwrap();
    let names: Vec<&str> = filter.names().map(|(_, name)| name).collect();
    let found: Vec<&str> = places.iter().map(|place| &text[*place..*place + 5]).collect();
    assert_eq!((names, found), (vec!["Ana", "North"], vec!["\"Ana\"", "North"]));
}

#[test]
fn messages_stay_short_and_plain() {
    let text = format!("name:* {}\u{1b}[31m", "x".repeat(3_000));
    let escape = Filter::parse("name:* AND \"\u{1b}[31m\"").unwrap_err();
    assert!(escape.message.contains(r"\u{1b}[31m"), "{escape}");
    let long = Filter::parse(text.trim_end_matches("\u{1b}[31m")).unwrap_err();
    assert!(long.message.len() < 200, "{long}");
}

#[test]
fn limits_are_kept_and_just_what_they_say() {
    let nested = |depth: usize| format!("{}name:*{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(parse(&nested(16)).to_string(), "name:*");
    assert_eq!(Filter::parse(&nested(17)).unwrap_err().offset, 16);
    assert_eq!(Filter::parse(&"(".repeat(4_000)).unwrap_err().offset, 16);
    assert!(Filter::parse(&"NOT (".repeat(17)).unwrap_err().message.contains("16 deep"));

    assert_eq!(parse(&["(name:*)"; 20].join(" AND ")).tests().count(), 20);

    let many = |tests: usize| vec!["id:*"; tests].join(" AND ");
    assert_eq!(parse(&many(64)).tests().count(), 64);
    let fault = Filter::parse(&many(65)).unwrap_err();
    assert_eq!((fault.offset, fault.message.as_str()), (64 * 9, "the filter has more than 64 tests"));

    let long = |size: usize| format!("name = \"{}\"", "x".repeat(size - 9));
    assert!(Filter::parse(&long(4_096)).is_ok());
    assert_eq!(Filter::parse(&long(4_097)).unwrap_err().offset, 4_096);
    assert_eq!(Filter::parse(&"€".repeat(2_000)).unwrap_err().offset, 4_095);
}

#[test]
fn both_of_two_filters_hold() {
    let and = |one: &str, other: &str| parse(one).and(parse(other)).to_string();
    assert_eq!(and("", ""), "");
    assert_eq!(and("name:*", ""), "name:*");
    assert_eq!(and("", "name:*"), "name:*");
    assert_eq!(and("name:* AND phone:*", "email:* OR id:*"), "name:* AND phone:* AND email:* OR id:*");
    assert_eq!(parse("name:* AND phone:*").and(parse("email:*")), parse("name:* AND phone:* AND email:*"));
}

#[test]
fn users_and_groups_become_ids() {
    let filter = parse("assignee = Ana OR NOT (group = North AND created_by != Ana) OR stage = New AND name = Ana");
    let names: Vec<(&Field, &str)> = filter.names().collect();
    assert_eq!(names, [(&Field::Assignee, "Ana"), (&Field::Group, "North"), (&Field::CreatedBy, "Ana")]);

    let known = |field: &Field, name: &str| match (field, name) {
        (Field::Assignee | Field::CreatedBy, "Ana") => Some(Uuid::from_u128(1)),
        (Field::Group, "North") => Some(Uuid::from_u128(2)),
        _ => None,
    };
    let with_ids = filter.with_ids(known);
    let [ana, north] = [1, 2].map(|id| Uuid::from_u128(id).hyphenated().to_string());
    let spelled = format!(
        "assignee = \"{ana}\" OR NOT (group = \"{north}\" AND created_by != \"{ana}\") OR stage = \"New\" AND name = \"Ana\""
    );
    assert_eq!(with_ids.to_string(), spelled);
    assert_eq!(with_ids.names().count(), 0);

    let unknown = parse("group = South AND assignee = Ana").with_ids(known);
    assert_eq!(unknown.to_string(), format!("group = \"South\" AND assignee = \"{ana}\""));
    assert_eq!(unknown.names().collect::<Vec<_>>(), [(&Field::Group, "South")]);
}

#[test]
fn what_refers_to_somebody_is_what_is_read_of_their_id() {
    let id = Uuid::from_u128(1);
    assert_eq!(Filter::refers(Field::Assignee, id), parse(&format!("assignee = \"{id}\"")));
}

#[test]
fn the_manual_names_every_field_and_its_examples_are_filters() {
    let manual = include_str!("../../../docs/filters.md");
    for field in Field::NAMED {
        assert!(manual.contains(&format!("`{field}`")), "{field}");
    }
    let examples = manual.split("```").nth(1).unwrap().trim().lines();
    assert!(examples.map(parse).all(|filter| filter.root().is_some()));
    let mistake = Filter::parse("name:* AND contry = PT").unwrap_err();
    assert!(manual.contains(&mistake.to_string()), "{mistake}");
}
