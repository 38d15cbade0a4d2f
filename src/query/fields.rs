//! The one table of what leads can be filtered, ordered and reported by.

use std::fmt;

use crate::{
    model::{
        lead::{LeadKind, LeadSource, LeadState},
        order::OrderStatus,
    },
    query::filter::{is_word, quoted, shown, unquoted},
};

/// What a field holds, and so what it can be compared with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldKind {
    /// Text, compared as written unless the field says otherwise.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// An instant.
    Time,
    /// Yes or no; always set.
    Flag,
    /// A user, by ID, e-mail or name.
    User,
    /// A group, by ID or name.
    Group,
    /// A lead's own identity.
    Id,
    /// An entry of a pick list, by name whatever the case.
    Entry,
}

const KINDS: &[&str] = &[LeadKind::Lead.word(), LeadKind::Registration.word(), LeadKind::Client.word()];
const STATES: &[&str] = &[LeadState::Active.word(), LeadState::Discarded.word(), LeadState::Resolved.word()];
const SOURCES: &[&str] = &[LeadSource::Api.word(), LeadSource::BulkUpload.word(), LeadSource::Platform.word()];
const ORDER_STATUSES: &[&str] = &[
    OrderStatus::Partial.word(),
    OrderStatus::Completed.word(),
    OrderStatus::Cancelled.word(),
    OrderStatus::Refunded.word(),
];

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $kind:expr;)+) => {
        /// Something of a lead that lists can be asked by.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Field {
            $($(#[$doc])* $variant,)+
            /// A custom attribute, by its name.
            Attribute(String),
        }

        impl Field {
            /// Every field but the custom attributes.
            pub const NAMED: &[Self] = &[$(Self::$variant),+];

            fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    "assignee_id" => Some(Self::Assignee),
                    "group_id" => Some(Self::Group),
                    _ => None,
                }
            }

            /// What it holds.
            pub const fn kind(&self) -> FieldKind {
                match self {
                    $(Self::$variant => $kind,)+
                    Self::Attribute(_) => FieldKind::Text,
                }
            }
        }

        impl fmt::Display for Field {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant => f.write_str($name),)+
                    Self::Attribute(key) if key.chars().all(is_word) => write!(f, "attributes.{key}"),
                    Self::Attribute(key) => write!(f, "attributes.{}", quoted(key)),
                }
            }
        }
    };
}

fields! {
    /// Its identity.
    Id = "id", FieldKind::Id;
    /// The platform's user ID.
    ExternalId = "external_id", FieldKind::Text;
    /// Full name.
    Name = "name", FieldKind::Text;
    /// E-mail, compared whatever the case.
    Email = "email", FieldKind::Text;
    /// Whether the address is confirmed.
    EmailConfirmed = "email_confirmed", FieldKind::Flag;
    /// Phone in E.164.
    Phone = "phone", FieldKind::Text;
    /// ISO 3166-1 alpha-2.
    Country = "country", FieldKind::Text;
    /// BCP 47.
    Locale = "locale", FieldKind::Text;
    /// How it came in.
    Source = "source", FieldKind::Word(SOURCES);
    /// What brought it.
    Campaign = "campaign", FieldKind::Text;
    /// How far the person has come.
    Kind = "kind", FieldKind::Word(KINDS);
    /// Where the work stands.
    State = "state", FieldKind::Word(STATES);
    /// The stage.
    Stage = "stage", FieldKind::Entry;
    /// Why it was discarded.
    DiscardReason = "discard_reason", FieldKind::Entry;
    /// How the work ended.
    Disposition = "disposition", FieldKind::Entry;
    /// When to contact it next.
    NextContactTime = "next_contact_time", FieldKind::Time;
    /// Who works it.
    Assignee = "assignee", FieldKind::User;
    /// The team it belongs to.
    Group = "group", FieldKind::Group;
    /// Who created it.
    CreatedBy = "created_by", FieldKind::User;
    /// When the person registered.
    RegisterTime = "register_time", FieldKind::Time;
    /// When the person first deposited.
    FirstDepositTime = "first_deposit_time", FieldKind::Time;
    /// When it was assigned to who works it.
    AssignTime = "assign_time", FieldKind::Time;
    /// When it was discarded.
    DiscardTime = "discard_time", FieldKind::Time;
    /// When it was resolved.
    ResolveTime = "resolve_time", FieldKind::Time;
    /// When it was created.
    CreateTime = "create_time", FieldKind::Time;
    /// When it was last changed.
    UpdateTime = "update_time", FieldKind::Time;
    /// The status of its most recent order that the caller may see.
    LastOrderStatus = "last_order_status", FieldKind::Word(ORDER_STATUSES);
}

impl Field {
    /// How long the name of an attribute may be, in characters.
    pub const LONGEST_KEY: usize = 64;

    /// The field of a path such as `country`, `attributes.plan` or `attributes."some key"`.
    ///
    /// # Errors
    /// A sentence on what is wrong with the path, with the nearest field.
    pub fn parse(path: &str) -> Result<Self, String> {
        let names = Self::NAMED.iter().map(ToString::to_string);
        Self::parse_among(path, &names.chain(["attributes.NAME".to_owned()]).collect::<Vec<_>>())
    }

    /// The field of a path; whoever gives none is told of these.
    pub(super) fn parse_among(path: &str, possible: &[String]) -> Result<Self, String> {
        match path.strip_prefix("attributes.") {
            None => Self::named(path).ok_or_else(|| unknown(path, possible)),
            Some(key) if key.chars().all(is_word) => Self::attribute(key.to_owned()),
            Some(key) => match unquoted(key) {
                Some(key) => Self::attribute(key),
                None => Err(format!(
                    "{} is no name of an attribute; a name that is not of letters and digits goes in quotes",
                    shown(key)
                )),
            },
        }
    }

    /// The custom attribute of this name.
    pub(super) fn attribute(key: String) -> Result<Self, String> {
        if key.is_empty() {
            return Err("`attributes.` needs a name after it, as in `attributes.plan`".to_owned());
        }
        if key.chars().count() > Self::LONGEST_KEY || key.chars().any(char::is_control) {
            let most = Self::LONGEST_KEY;
            return Err(format!(
                "{} is no name of an attribute: at most {most} characters, none of control",
                shown(&key)
            ));
        }
        Ok(Self::Attribute(key))
    }

    /// Whether lists can be ordered by it.
    pub const fn sortable(&self) -> bool {
        matches!(
            self,
            Self::CreateTime
                | Self::UpdateTime
                | Self::NextContactTime
                | Self::Name
                | Self::Country
                | Self::Stage
                | Self::ExternalId
                | Self::RegisterTime
                | Self::FirstDepositTime
                | Self::AssignTime
        )
    }

    /// Whether it refers to a user or group.
    pub const fn is_reference(&self) -> bool {
        matches!(self.kind(), FieldKind::User | FieldKind::Group)
    }

    /// What the full names of its words begin with.
    pub(super) const fn prefix(&self) -> &'static str {
        match self {
            Self::Kind => "LEAD_KIND_",
            Self::State => "LEAD_STATE_",
            Self::Source => "LEAD_SOURCE_",
            Self::LastOrderStatus => "ORDER_STATUS_",
            _ => "",
        }
    }
}

fn unknown(path: &str, possible: &[String]) -> String {
    let found = shown(path);
    if path == "attributes" {
        return format!("{found} needs the name of one, as in `attributes.plan`");
    }
    match possible.iter().map(|name| (strangeness(path, name), name)).min() {
        Some((far, name)) if far <= 2 && far < path.len() => {
            format!("{found} is not a field of a lead; did you mean `{name}`?")
        }
        _ => format!("{found} is not a field of a lead; possible are {}", possible.join(", ")),
    }
}

/// How far a path is from the name of a field; up to 2 it may well be meant.
fn strangeness(path: &str, name: &str) -> usize {
    if path.len() > 64 {
        return path.len();
    }
    let part = |of: &str, part: &str| part.len() > 3 && of.contains(part);
    let edits = distance(path, name);
    if part(name, path) || part(path, name) { edits.min(2) } else { edits }
}

/// How many characters have to be put in, taken out or changed.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (line, c) in one.chars().enumerate() {
        let mut corner = line;
        row[0] = line + 1;
        for (column, o) in other.chars().enumerate() {
            let above = row[column + 1];
            row[column + 1] = (corner + usize::from(c != o)).min(above + 1).min(row[column] + 1);
            corner = above;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_read_as_it_is_printed() {
        let keys = ["plan", "utm.source", "a-b", "some key", "\"", "*", "\\", "ñ", "été fini"];
        let attributes = keys.map(|key| Field::Attribute(key.to_owned()));
        for field in Field::NAMED.iter().chain(&attributes) {
            assert_eq!(Field::parse(&field.to_string()).as_ref(), Ok(field));
        }
    }

    #[test]
    fn ids_are_other_names_of_what_they_identify() {
        assert_eq!(Field::parse("assignee_id"), Ok(Field::Assignee));
        assert_eq!(Field::parse("group_id"), Ok(Field::Group));
    }

    #[test]
    fn attributes_are_named_with_and_without_quotes() {
        for (path, key) in [
            ("attributes.plan", "plan"),
            ("attributes.utm.source", "utm.source"),
            ("attributes.\"some key\"", "some key"),
            ("attributes.'some key'", "some key"),
            (r#"attributes."a \"quote\"""#, r#"a "quote""#),
        ] {
            assert_eq!(Field::parse(path), Ok(Field::Attribute(key.to_owned())), "{path}");
        }
    }

    #[test]
    fn other_paths_are_told_what_they_may_have_meant() {
        let long = "x".repeat(1_000_000);
        for (path, why) in [
            ("contry", "did you mean `country`?"),
            ("Country", "did you mean `country`?"),
            ("created_time", "did you mean `create_time`?"),
            ("order_status", "did you mean `last_order_status`?"),
            ("full_name", "did you mean `name`?"),
            ("owner", "possible are id, external_id"),
            ("", "possible are id"),
            (&long, "possible are id"),
            ("attributes", "as in `attributes.plan`"),
            ("attributes.", "`attributes.` needs a name"),
            ("attributes.\"\"", "`attributes.` needs a name"),
            ("attributes.\"a\u{7}\"", "at most 64 characters, none of control"),
            ("attributes.a b", "goes in quotes"),
            ("attributes.\"a", "goes in quotes"),
            ("attributes.\"a\" b", "goes in quotes"),
            ("attributes.\"a*\"", "goes in quotes"),
            (" name", "did you mean `name`?"),
        ] {
            let fault = Field::parse(path).unwrap_err();
            assert!(fault.contains(why), "{path}: {fault}");
            assert!(fault.len() < 600, "{fault}");
        }
        assert!(Field::parse(&format!("attributes.{}", "x".repeat(64))).is_ok());
        assert!(Field::parse(&format!("attributes.{}", "x".repeat(65))).is_err());
    }

    #[test]
    fn a_field_of_words_knows_every_word_of_its_kind() {
        let words = |field: Field| match field.kind() {
            FieldKind::Word(words) => words.to_vec(),
            other => panic!("{field} is {other:?}"),
        };
        assert_eq!(words(Field::Kind), LeadKind::ALL.iter().map(|it| it.word()).collect::<Vec<_>>());
        assert_eq!(words(Field::State), LeadState::ALL.iter().map(|it| it.word()).collect::<Vec<_>>());
        assert_eq!(words(Field::Source), LeadSource::ALL.iter().map(|it| it.word()).collect::<Vec<_>>());
        assert_eq!(words(Field::LastOrderStatus), OrderStatus::ALL.iter().map(|it| it.word()).collect::<Vec<_>>());
    }
}
