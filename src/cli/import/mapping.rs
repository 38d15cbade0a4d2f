//! Which column, template or constant gives which field of a lead.

use std::{collections::HashMap, path::Path};

use anyhow::{Context, bail};
use chrono::format::{Item, StrftimeItems};

use super::{
    Args,
    csv_table::CsvTable,
    table::{Record, Table},
    values::shown,
};

/// What a row can say about a lead.
#[derive(Clone, PartialEq, Eq, Debug)]
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
    Deposited,
    Attributes,
    Attribute(String),
}

static FIELDS: [(&str, Field); 16] = [
    ("external_id", Field::ExternalId),
    ("name", Field::Name),
    ("email", Field::Email),
    ("email_confirmed", Field::EmailConfirmed),
    ("phone", Field::Phone),
    ("country", Field::Country),
    ("locale", Field::Locale),
    ("campaign", Field::Campaign),
    ("stage", Field::Stage),
    ("next_contact_time", Field::NextContactTime),
    ("assignee", Field::Assignee),
    ("group", Field::Group),
    ("register_time", Field::RegisterTime),
    ("first_deposit_time", Field::FirstDepositTime),
    ("deposited", Field::Deposited),
    ("attributes", Field::Attributes),
];

impl Field {
    fn parse(name: &str) -> Result<Self, String> {
        if let Some(attribute) = name.strip_prefix("attributes.") {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
            return if (1..=64).contains(&attribute.len()) && attribute.bytes().all(allowed) {
                Ok(Self::Attribute(attribute.to_owned()))
            } else {
                Err("an attribute's name is 1 to 64 characters of A-Z a-z 0-9 _ . -".to_owned())
            };
        }
        let known = FIELDS.iter().find(|(known, _)| *known == name);
        known.map(|(_, field)| field.clone()).ok_or_else(|| format!("no field {}", shown(name)))
    }
}

enum Part {
    Text(String),
    Column(usize),
    Line,
}

/// A field and where its value comes from.
pub(super) struct Mapped {
    /// As the command line calls it.
    pub(super) name: String,
    pub(super) field: Field,
    source: Vec<Part>,
    translation: Option<Translation>,
}

impl Mapped {
    /// From `FIELD=SOURCE`.
    fn of_columns(text: &str, columns: &[String]) -> Result<Self, String> {
        let (name, source) = text.split_once('=').ok_or("FIELD=SOURCE is expected")?;
        Self::new(name, parse_source(source.trim(), columns)?)
    }

    /// From `FIELD=VALUE`.
    fn of_constant(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !value.trim().is_empty() => {
                Self::new(name, vec![Part::Text(value.trim().to_owned())])
            }
            _ => Err("FIELD=VALUE is expected".to_owned()),
        }
    }

    fn new(name: &str, source: Vec<Part>) -> Result<Self, String> {
        let name = name.trim();
        Ok(Self { name: name.to_owned(), field: Field::parse(name)?, source, translation: None })
    }

    /// What a record says of the field, if anything.
    pub(super) fn value(&self, record: &Record) -> Result<Option<String>, String> {
        match (self.text(record), &self.translation) {
            (Some(text), Some(translation)) => translation.value(&text).map(Some),
            (text, _) => Ok(text),
        }
    }

    fn text(&self, record: &Record) -> Option<String> {
        let blank = |part: &Part| matches!(part, Part::Column(index) if record.cell(*index).is_empty());
        let fixed = |part: &Part| matches!(part, Part::Text(_));
        // A template around nothing says nothing: an empty ID must not become "shop-".
        if self.source.iter().any(blank) && self.source.iter().all(|part| blank(part) || fixed(part)) {
            return None;
        }
        let text: String = self
            .source
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Column(index) => record.cell(*index).to_owned(),
                Part::Line => record.line.to_string(),
            })
            .collect();
        // Parts that are empty leave their separators behind.
        let tidy = if self.source.len() > 1 { text.split_whitespace().collect::<Vec<_>>().join(" ") } else { text };
        (!tidy.is_empty()).then_some(tidy)
    }
}

fn parse_source(source: &str, columns: &[String]) -> Result<Vec<Part>, String> {
    let is_column = columns.iter().any(|column| column == source);
    if is_column || !source.contains('{') {
        return Ok(vec![Part::Column(find_column(source, columns)?)]);
    }
    let mut parts = Vec::new();
    let mut rest = source;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("a { has no }")?;
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(match name.trim() {
            "line" => Part::Line,
            name => Part::Column(find_column(name, columns)?),
        });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}

fn find_column(name: &str, columns: &[String]) -> Result<usize, String> {
    let mut named = (0..columns.len()).filter(|index| columns[*index] == name);
    match (named.next(), named.next()) {
        (Some(index), None) => Ok(index),
        (Some(_), Some(_)) => Err(format!("several columns are called {}, so give a number", shown(name))),
        (None, _) => match name.parse::<usize>() {
            Ok(number) if (1..=columns.len()).contains(&number) => Ok(number - 1),
            _ => Err(format!("no column {}", shown(name))),
        },
    }
}

/// Another file in which values are looked up.
struct Translation {
    file: String,
    column: String,
    values: HashMap<String, String>,
}

impl Translation {
    /// From `FIELD=FILE:KEYCOLUMN:VALUECOLUMN`, with the field's name.
    fn read(text: &str, delimiter: u8) -> anyhow::Result<(String, Self)> {
        let expected = || "FIELD=FILE:KEYCOLUMN:VALUECOLUMN is expected";
        let (name, lookup) = text.split_once('=').with_context(expected)?;
        // From the right, as a path may hold colons too.
        let (lookup, column) = lookup.rsplit_once(':').with_context(expected)?;
        let (file, key) = lookup.rsplit_once(':').with_context(expected)?;

        let mut table = CsvTable::open(Path::new(file), delimiter, false)?;
        let find = |name: &str| find_column(name, table.columns()).map_err(anyhow::Error::msg);
        let (key, value) = (find(key)?, find(column)?);
        let mut values = HashMap::new();
        while let Some(record) = table.next_record()? {
            if let Some(fault) = &record.fault {
                bail!("line {} of {file}: {fault}", record.line);
            }
            let (key, value) = (record.cell(key).to_owned(), record.cell(value).to_owned());
            if !value.is_empty() && values.insert(key.clone(), value.clone()).is_some_and(|before| before != value) {
                bail!("{file} has several values for {}", shown(&key));
            }
        }
        Ok((name.trim().to_owned(), Self { file: file.to_owned(), column: column.to_owned(), values }))
    }

    fn value(&self, key: &str) -> Result<String, String> {
        let value = self.values.get(key).cloned();
        value.ok_or_else(|| format!("no {} for {} in {}", self.column.escape_debug(), shown(key), self.file))
    }
}

/// Where every field comes from.
pub(super) struct Mapping {
    fields: Vec<Mapped>,
}

impl Mapping {
    /// Reads the command line against the file's columns, and tells every fault at once.
    pub(super) fn new(args: &Args, columns: &[String]) -> anyhow::Result<Self> {
        let mut faults = Vec::new();
        let mut mapping = Self { fields: Vec::new() };
        for text in &maps(args, columns) {
            mapping
                .add(Mapped::of_columns(text, columns))
                .unwrap_or_else(|f| faults.push(format!("--map {text}: {f}")));
        }
        for text in &args.set {
            mapping.add(Mapped::of_constant(text)).unwrap_or_else(|f| faults.push(format!("--set {text}: {f}")));
        }
        for text in &args.translate {
            let translated = mapping.translate(text, args.delimiter);
            translated.unwrap_or_else(|f| faults.push(format!("--translate {text}: {f:#}")));
        }
        for key in args.match_keys.iter().map(|key| key.field()).filter(|key| !mapping.gives(key)) {
            faults.push(format!("--match {key}: {key} is not mapped"));
        }
        for format in args.date_format.iter().filter(|format| !is_date_format(format)) {
            faults.push(format!("--date-format {format}: not a format"));
        }
        if faults.is_empty() && !["external_id", "name", "email", "phone"].iter().any(|name| mapping.gives(name)) {
            faults.push("nothing tells who a lead is: map external_id, name, email or phone".to_owned());
        }
        if !faults.is_empty() {
            let fields: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
            bail!(
                "{} can't be imported so:\n  {}\ncolumns: {}\nfields: {}, attributes.NAME",
                args.file.display(),
                faults.join("\n  "),
                columns.iter().map(|column| column.escape_debug().to_string()).collect::<Vec<_>>().join(", "),
                fields.join(", "),
            );
        }
        Ok(mapping)
    }

    /// Every field that rows can give.
    pub(super) fn fields(&self) -> &[Mapped] {
        &self.fields
    }

    /// The files in which values are looked up.
    pub(super) fn lookup_files(&self) -> impl Iterator<Item = &Path> {
        self.fields.iter().filter_map(|mapped| Some(Path::new(&mapped.translation.as_ref()?.file)))
    }

    /// Whether rows can give this field.
    pub(super) fn gives(&self, name: &str) -> bool {
        self.fields.iter().any(|mapped| mapped.name == name)
    }

    fn add(&mut self, mapped: Result<Mapped, String>) -> Result<(), String> {
        let mapped = mapped?;
        if self.gives(&mapped.name) {
            return Err(format!("{} is given twice", mapped.name));
        }
        self.fields.push(mapped);
        Ok(())
    }

    fn translate(&mut self, text: &str, delimiter: u8) -> anyhow::Result<()> {
        let (name, translation) = Translation::read(text, delimiter)?;
        let mapped = self.fields.iter_mut().find(|mapped| mapped.name == name);
        mapped.with_context(|| format!("{} is not mapped", shown(&name)))?.translation = Some(translation);
        Ok(())
    }
}

/// What `--map` says; without it, the columns that are called like a field.
fn maps(args: &Args, columns: &[String]) -> Vec<String> {
    if !args.map.is_empty() {
        return args.map.clone();
    }
    let set =
        |name: &str| args.set.iter().any(|set| set.split_once('=').is_some_and(|(field, _)| field.trim() == name));
    let own = columns.iter().filter(|column| Field::parse(column).is_ok() && !set(column));
    own.map(|column| format!("{column}={column}")).collect()
}

fn is_date_format(format: &str) -> bool {
    !StrftimeItems::new(format).any(|item| matches!(item, Item::Error))
}

#[cfg(test)]
mod tests {
    use csv::ByteRecord;

    use super::*;

    fn value(source: &str, cells: &[&str]) -> Result<Option<String>, String> {
        let columns: Vec<String> = ["First", "Last", "3"].map(str::to_owned).to_vec();
        let record = Record { number: 1, line: 7, cells: ByteRecord::from(cells), fault: None };
        Mapped::of_columns(&format!("name={source}"), &columns)?.value(&record)
    }

    #[test]
    fn a_source_is_a_name_a_number_or_a_template() {
        let cells = [" Ana ", "de  Sá", ""];
        for (source, text) in [
            ("First", Some("Ana")),
            ("2", Some("de  Sá")),
            ("3", None),
            ("{First} {3} {Last}", Some("Ana de Sá")),
            ("shop-{line}", Some("shop-7")),
            ("shop-{3}", None),
            ("shop-{3}{First}", Some("shop-Ana")),
        ] {
            assert_eq!(value(source, &cells), Ok(text.map(str::to_owned)), "{source}");
        }
    }

    #[test]
    fn a_source_that_is_not_there_is_named() {
        for (source, fault) in [
            ("Frist", "no column \"Frist\""),
            ("4", "no column \"4\""),
            ("0", "no column \"0\""),
            ("", "no column \"\""),
            ("{First} {Lst}", "no column \"Lst\""),
            ("{First", "a { has no }"),
        ] {
            assert_eq!(value(source, &["a", "b", "c"]), Err(fault.to_owned()), "{source}");
        }
    }
}
