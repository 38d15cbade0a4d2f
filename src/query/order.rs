//! Orders of lists, and where in one a page ends.

use std::fmt;

use serde_json::Value as Json;
use uuid::Uuid;

use super::{fields::Field, filter::shown};
use crate::model::{Time, lead::Lead};

/// What a list is ordered by, the first key first; never empty. Unset values come last, whatever the direction.
///
/// The identity breaks ties, in the direction of the last key. Identities are made in the order of creation, so `create_time`
/// is ordered by the identity alone, and is the last key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order(pub Vec<Key>);

/// One key of an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// A sortable field.
    pub field: Field,
    /// The greatest first.
    pub descending: bool,
}

impl Default for Order {
    /// The newest first.
    fn default() -> Self {
        Self(vec![Key { field: Field::CreateTime, descending: true }])
    }
}

impl Order {
    /// As they were made.
    pub fn oldest_first() -> Self {
        Self(vec![Key { field: Field::CreateTime, descending: false }])
    }

    /// How many keys an order may have.
    pub const MOST_KEYS: usize = 4;

    /// Reads an order such as `next_contact_time desc, name`; an empty text means the newest first.
    ///
    /// # Errors
    /// A sentence on the first fault.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let mut keys: Vec<Key> = Vec::new();
        for part in text.split(',') {
            if keys.len() == Self::MOST_KEYS {
                return Err(format!("more than {} keys", Self::MOST_KEYS));
            }
            let key = Key::parse(part)?;
            if keys.iter().any(|earlier| earlier.field == key.field) {
                return Err(format!("`{}` is there twice", key.field));
            }
            if keys.last().is_some_and(|last| last.field == Field::CreateTime) {
                return Err(format!(
                    "no two leads have the same `create_time`, so `{}` after it changes nothing",
                    key.field
                ));
            }
            keys.push(key);
        }
        Ok(Self(keys))
    }

    /// Where a lead stands.
    pub fn place(&self, lead: &Lead) -> Cursor {
        Cursor { keys: self.0.iter().map(|key| key.of(lead)).collect(), id: lead.id.uuid() }
    }
}

impl Key {
    /// What a lead is ordered by; a stage, by its name whatever the case.
    fn of(&self, lead: &Lead) -> Option<CursorValue> {
        let text = |text: &Option<String>| text.clone().map(CursorValue::Text);
        let time = |time: Option<Time>| time.map(|time| CursorValue::Number(time.timestamp_micros()));
        match self.field {
            Field::UpdateTime => time(Some(lead.update_time)),
            Field::NextContactTime => time(lead.next_contact_time),
            Field::Name => text(&lead.name),
            Field::Country => text(&lead.country),
            Field::Stage => lead.stage.as_deref().map(str::to_lowercase).map(CursorValue::Text),
            Field::ExternalId => text(&lead.external_id),
            Field::RegisterTime => time(lead.register_time),
            Field::FirstDepositTime => time(lead.first_deposit_time),
            Field::AssignTime => time(lead.assigned.map(|(_, at)| at)),
            // The time of creation says nothing that the identity doesn't; the others are no keys.
            _ => None,
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (name, descending) = match words.as_slice() {
            [] => return Err("a key between the commas is empty".to_owned()),
            [name] | [name, "asc"] => (name, false),
            [name, "desc"] => (name, true),
            [name, ..] => return Err(format!("after {} only `asc` or `desc` is possible", shown(name))),
        };
        let sortable: Vec<String> =
            Field::NAMED.iter().filter(|field| field.sortable()).map(ToString::to_string).collect();
        let field = Field::parse_among(name, &sortable)?;
        if field.sortable() {
            return Ok(Self { field, descending });
        }
        Err(format!("lists can't be ordered by `{field}`; possible are {}", sortable.join(", ")))
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Key { field, descending }) in self.0.iter().enumerate() {
            let between = if at > 0 { ", " } else { "" };
            let direction = if *descending { " desc" } else { "" };
            write!(f, "{between}{field}{direction}")?;
        }
        Ok(())
    }
}

/// The place of a lead in an ordered list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// What the lead has for each key; none where it is unset.
    pub keys: Vec<Option<CursorValue>>,
    /// The lead's identity.
    pub id: Uuid,
}

/// What a lead has for one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CursorValue {
    /// Text.
    Text(String),
    /// A number; for instants, their microseconds.
    Number(i64),
}

impl Cursor {
    /// For a page token.
    pub fn to_bytes(&self) -> Vec<u8> {
        let key = |value: &Option<CursorValue>| match value {
            None => Json::Null,
            Some(CursorValue::Text(text)) => Json::from(text.as_str()),
            Some(CursorValue::Number(number)) => Json::from(*number),
        };
        let values = self.keys.iter().map(key).chain([Json::from(self.id.hyphenated().to_string())]);
        Json::Array(values.collect()).to_string().into_bytes()
    }

    /// From a page token; none where the bytes are no cursor.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut values: Vec<Json> = serde_json::from_slice(bytes).ok()?;
        let id = Uuid::try_parse(values.pop()?.as_str()?).ok()?;
        let key = |value: Json| match value {
            Json::Null => Some(None),
            Json::String(text) => Some(Some(CursorValue::Text(text))),
            Json::Number(number) => number.as_i64().map(|number| Some(CursorValue::Number(number))),
            _ => None,
        };
        let keys = values.into_iter().map(key).collect::<Option<Vec<_>>>()?;
        Some(Self { keys, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        Order::parse(text).unwrap().to_string()
    }

    #[test]
    fn keys_ascend_unless_they_say_otherwise() {
        assert_eq!(read("next_contact_time desc, name"), "next_contact_time desc, name");
        assert_eq!(read(" country  asc ,stage desc"), "country, stage desc");
        assert_eq!(read("name,country,stage,create_time desc"), "name, country, stage, create_time desc");
    }

    #[test]
    fn the_newest_come_first_where_nothing_is_said() {
        assert_eq!(Order::parse(""), Ok(Order::default()));
        assert_eq!(Order::parse("  "), Ok(Order::default()));
        assert_eq!(Order::default().to_string(), "create_time desc");
    }

    #[test]
    fn every_order_is_read_as_it_is_printed() {
        for first in Field::NAMED.iter().filter(|field| field.sortable() && **field != Field::CreateTime) {
            for second in Field::NAMED.iter().filter(|field| field.sortable() && *field != first) {
                for descending in [false, true] {
                    let key = |field: &Field, descending| Key { field: field.clone(), descending };
                    let order = Order(vec![key(first, descending), key(second, !descending)]);
                    assert_eq!(Order::parse(&order.to_string()), Ok(order));
                }
            }
        }
    }

    #[test]
    fn faults_say_what_is_wrong() {
        for (text, why) in [
            ("nam", "did you mean `name`"),
            ("foo", "possible are external_id, name"),
            ("email", "lists can't be ordered by `email`; possible are external_id, name"),
            ("id", "lists can't be ordered by `id`"),
            ("attributes.plan", "lists can't be ordered by `attributes.plan`"),
            ("name down", "only `asc` or `desc`"),
            ("name desc desc", "only `asc` or `desc`"),
            ("name, country, name desc", "`name` is there twice"),
            ("create_time, name", "`name` after it changes nothing"),
            ("name,", "empty"),
            (",", "empty"),
            ("name, country, stage, external_id, update_time", "more than 4 keys"),
        ] {
            let fault = Order::parse(text).unwrap_err();
            assert!(fault.contains(why), "{text}: {fault}");
        }
    }

    #[test]
    fn a_cursor_comes_back_as_it_was() {
        let id = Uuid::from_u128(7);
        let text = |text: &str| Some(CursorValue::Text(text.to_owned()));
        for keys in [
            vec![],
            vec![None],
            vec![text(""), text("a \"quoted\" ñ"), None],
            vec![Some(CursorValue::Number(i64::MIN)), Some(CursorValue::Number(i64::MAX)), text("7")],
        ] {
            let cursor = Cursor { keys, id };
            assert_eq!(Cursor::from_bytes(&cursor.to_bytes()), Some(cursor));
        }
    }

    #[test]
    fn other_bytes_are_no_cursor() {
        for bytes in ["", "[]", "{}", "[1]", "[null]", "[\"name\"]", "[true, \"00000000-0000-0000-0000-000000000007\"]"]
        {
            assert_eq!(Cursor::from_bytes(bytes.as_bytes()), None, "{bytes}");
        }
        assert_eq!(Cursor::from_bytes(&[0xff]), None);
    }
}
