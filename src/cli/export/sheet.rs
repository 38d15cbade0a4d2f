//! Leads as rows of a file.

use std::collections::BTreeMap;

use clap::ValueEnum;
use prost_types::Timestamp;
use serde::{Serialize, Serializer};

use super::names::Names;
use crate::{
    cli::format::{Format, csv_bytes, rfc3339},
    proto::Lead,
};

/// What a file can say about a lead, by the name that `leadward import` has for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Field {
    ExternalId,
    Name,
    Email,
    EmailConfirmed,
    Phone,
    Country,
    Locale,
    Campaign,
    Stage,
    NextContactTime,
    Assignee,
    Group,
    RegisterTime,
    FirstDepositTime,
    Attributes,
    Id,
    Kind,
    State,
    Source,
    DiscardReason,
    DiscardTime,
    Disposition,
    ResolveTime,
    CreatedBy,
    CreateTime,
    UpdateTime,
}

/// All that an import takes, and so all that makes a lead the same elsewhere.
pub(super) const IMPORTABLE: [Field; 15] = [
    Field::ExternalId,
    Field::Name,
    Field::Email,
    Field::EmailConfirmed,
    Field::Phone,
    Field::Country,
    Field::Locale,
    Field::Campaign,
    Field::Stage,
    Field::NextContactTime,
    Field::Assignee,
    Field::Group,
    Field::RegisterTime,
    Field::FirstDepositTime,
    Field::Attributes,
];

impl Field {
    /// As files and the command line call it.
    pub(super) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// As the message calls it.
    pub(super) fn path(self) -> String {
        match self {
            Self::Assignee => "assignee_id".to_owned(),
            Self::Group => "group_id".to_owned(),
            _ => self.name(),
        }
    }
}

/// What stands in a cell.
#[derive(Serialize)]
#[serde(untagged)]
enum Value<'a> {
    Text(&'a str),
    Time(String),
    Flag(bool),
    Attributes(&'a BTreeMap<String, String>),
}

impl Value<'_> {
    fn cell(self) -> serde_json::Result<String> {
        Ok(match self {
            Self::Text(text) => text.to_owned(),
            Self::Time(text) => text,
            Self::Flag(flag) => flag.to_string(),
            Self::Attributes(attributes) => serde_json::to_string(attributes)?,
        })
    }
}

/// How leads are written.
pub(super) struct Sheet {
    pub(super) format: Format,
    pub(super) fields: Vec<Field>,
    pub(super) names: Names,
}

impl Sheet {
    /// What the file begins with.
    pub(super) fn header(&self) -> anyhow::Result<Vec<u8>> {
        match self.format {
            Format::Csv => csv_bytes([self.fields.iter().map(|field| field.name()).collect()]),
            Format::Jsonl => Ok(Vec::new()),
        }
    }

    /// A row for each lead.
    pub(super) fn rows(&self, leads: &[Lead]) -> anyhow::Result<Vec<u8>> {
        match self.format {
            Format::Csv => {
                let rows = leads.iter().map(|lead| self.cells(lead)).collect::<Result<Vec<_>, _>>()?;
                csv_bytes(rows)
            }
            Format::Jsonl => {
                let mut bytes = Vec::new();
                for lead in leads {
                    self.object(lead, &mut bytes)?;
                }
                Ok(bytes)
            }
        }
    }

    fn cells(&self, lead: &Lead) -> serde_json::Result<Vec<String>> {
        let cell = |field: &Field| self.value(*field, lead).map_or(Ok(String::new()), Value::cell);
        self.fields.iter().map(cell).collect()
    }

    fn object(&self, lead: &Lead, bytes: &mut Vec<u8>) -> serde_json::Result<()> {
        let values = self.fields.iter().filter_map(|field| Some((field.name(), self.value(*field, lead)?)));
        serde_json::Serializer::new(&mut *bytes).collect_map(values)?;
        bytes.push(b'\n');
        Ok(())
    }

    /// What a lead has in a field; nothing where it has none.
    fn value<'a>(&'a self, field: Field, lead: &'a Lead) -> Option<Value<'a>> {
        match field {
            Field::ExternalId => text(lead.external_id()),
            Field::Name => text(lead.name()),
            Field::Email => text(lead.email()),
            Field::EmailConfirmed => lead.email_confirmed.map(Value::Flag),
            Field::Phone => text(lead.phone()),
            Field::Country => text(lead.country()),
            Field::Locale => text(lead.locale()),
            Field::Campaign => text(lead.campaign()),
            Field::Stage => text(lead.stage()),
            Field::NextContactTime => time(lead.next_contact_time),
            Field::Assignee => text(self.names.user(&lead.assignee_id)),
            Field::Group => text(self.names.group(lead.group_id())),
            Field::RegisterTime => time(lead.register_time),
            Field::FirstDepositTime => time(lead.first_deposit_time),
            Field::Attributes => (!lead.attributes.is_empty()).then_some(Value::Attributes(&lead.attributes)),
            Field::Id => text(&lead.id),
            Field::Kind => word(lead.kind().as_str_name(), "LEAD_KIND_"),
            Field::State => word(lead.state().as_str_name(), "LEAD_STATE_"),
            Field::Source => word(lead.source().as_str_name(), "LEAD_SOURCE_"),
            Field::DiscardReason => text(&lead.discard_reason),
            Field::DiscardTime => time(lead.discard_time),
            Field::Disposition => text(&lead.disposition),
            Field::ResolveTime => time(lead.resolve_time),
            Field::CreatedBy => text(self.names.user(&lead.created_by)),
            Field::CreateTime => time(lead.create_time),
            Field::UpdateTime => time(lead.update_time),
        }
    }
}

fn text(text: &str) -> Option<Value<'_>> {
    (!text.is_empty()).then_some(Value::Text(text))
}

fn word(name: &'static str, prefix: &str) -> Option<Value<'static>> {
    name.strip_prefix(prefix).map(Value::Text)
}

fn time(time: Option<Timestamp>) -> Option<Value<'static>> {
    rfc3339(time?).map(Value::Time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(format: Format) -> Sheet {
        let fields = vec![Field::Name, Field::EmailConfirmed, Field::NextContactTime, Field::State, Field::Attributes];
        Sheet { format, fields, names: Names::default() }
    }

    fn lead() -> Lead {
        Lead {
            name: Some("Ana \"Nita\", de Sá".to_owned()),
            email_confirmed: Some(false),
            next_contact_time: Some(Timestamp { seconds: 1_577_880_000, nanos: 120_000_000 }),
            state: crate::proto::LeadState::Active.into(),
            attributes: [("b".to_owned(), "two\nlines".to_owned()), ("a".to_owned(), String::new())].into(),
            ..Lead::default()
        }
    }

    #[test]
    fn csv_has_a_header_and_quotes_what_needs_it() {
        let header = sheet(Format::Csv).header().unwrap();
        assert_eq!(String::from_utf8(header).unwrap(), "name,email_confirmed,next_contact_time,state,attributes\n");
        let rows = sheet(Format::Csv).rows(&[lead(), Lead::default()]).unwrap();
        let expected = "\"Ana \"\"Nita\"\", de Sá\",false,2020-01-01T12:00:00.120Z,ACTIVE,\
                        \"{\"\"a\"\":\"\"\"\",\"\"b\"\":\"\"two\\nlines\"\"}\"\n,,,UNSPECIFIED,\n";
        assert_eq!(String::from_utf8(rows).unwrap(), expected);
    }

    #[test]
    fn json_lines_have_the_fields_in_order_and_leave_out_what_is_not_there() {
        assert!(sheet(Format::Jsonl).header().unwrap().is_empty());
        let rows = sheet(Format::Jsonl).rows(&[lead()]).unwrap();
        let expected = "{\"name\":\"Ana \\\"Nita\\\", de Sá\",\"email_confirmed\":false,\
                        \"next_contact_time\":\"2020-01-01T12:00:00.120Z\",\"state\":\"ACTIVE\",\
                        \"attributes\":{\"a\":\"\",\"b\":\"two\\nlines\"}}\n";
        assert_eq!(String::from_utf8(rows).unwrap(), expected);
    }
}
