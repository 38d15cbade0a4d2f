//! Rows as they are printed.

use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use prost_types::Timestamp;
use serde::{Serialize, Serializer};

use crate::{
    cli::{
        format::{csv_bytes, rfc3339},
        output::Output,
    },
    model::money,
    proto::Money,
};

/// So many rows are a table of their own: how wide its columns are can't be told before.
const ROWS_OF_A_TABLE: usize = 1_000;

/// How rows are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    Table,
    Csv,
    Json,
}

/// What stands in a cell.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Cell {
    Text(String),
    Flag(bool),
    Number(i64),
}

/// One per column; none where there is nothing to say.
pub(super) type Row = Vec<Option<Cell>>;

impl Cell {
    pub(super) fn text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self::Text(text.to_owned()))
    }

    pub(super) fn time(time: Option<Timestamp>) -> Option<Self> {
        rfc3339(time?).map(Self::Text)
    }

    /// The name of a value without its prefix; none for the one that says nothing.
    pub(super) fn word(name: &str, prefix: &str) -> Option<Self> {
        Self::text(name.strip_prefix(prefix).filter(|word| *word != "UNSPECIFIED")?)
    }

    /// How much, as a plain decimal, and in which currency.
    pub(super) fn money(amount: Option<&Money>) -> [Option<Self>; 2] {
        let told = amount.and_then(|Money { currency_code, units, nanos }| {
            let currency = money::Currency::stored(currency_code)?;
            Some(money::Money::new(currency, *units, *nanos)?.to_string())
        });
        let (amount, currency) = told.as_deref().and_then(|told| told.split_once(' ')).unwrap_or_default();
        [Self::text(amount), Self::text(currency)]
    }

    fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
        }
    }
}

/// Where rows go.
pub(super) struct Sheet {
    style: Style,
    columns: Vec<String>,
    output: Output,
    /// Rows of the table that is being put together.
    table: Vec<Row>,
    begun: bool,
}

impl Sheet {
    /// On standard output.
    pub(super) fn new(style: Style, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Self { style, columns, output: Output::Stdout, table: Vec::new(), begun: false }
    }

    /// What the server says that the columns are.
    pub(super) fn set_columns(&mut self, columns: Vec<String>) {
        self.columns = columns;
    }

    pub(super) fn print(&mut self, rows: Vec<Row>) -> anyhow::Result<()> {
        match self.style {
            Style::Table => {
                self.table.extend(rows);
                if self.table.len() >= ROWS_OF_A_TABLE { self.print_table() } else { Ok(()) }
            }
            Style::Csv => {
                let header = (!self.begun).then(|| self.columns.clone());
                self.begun = true;
                let cell = |cell: Option<Cell>| cell.map(|cell| cell.shown()).unwrap_or_default();
                let rows = rows.into_iter().map(|row| row.into_iter().map(cell).collect());
                self.output.write(&csv_bytes(header.into_iter().chain(rows))?)
            }
            Style::Json => {
                let mut bytes = Vec::new();
                for row in &rows {
                    let values = self.columns.iter().zip(row).filter_map(|(name, cell)| Some((name, cell.as_ref()?)));
                    serde_json::Serializer::new(&mut bytes).collect_map(values)?;
                    bytes.push(b'\n');
                }
                self.output.write(&bytes)
            }
        }
    }

    /// Prints what is left.
    pub(super) fn finish(&mut self) -> anyhow::Result<()> {
        if self.style == Style::Table && !(self.begun && self.table.is_empty()) { self.print_table() } else { Ok(()) }
    }

    /// Tells the reader of a table something beside it.
    pub(super) fn remark(&self, text: &str) {
        if self.style == Style::Table {
            eprintln!("{text}");
        }
    }

    fn print_table(&mut self) -> anyhow::Result<()> {
        self.begun = true;
        let mut table = Table::new();
        table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(&self.columns);
        for row in self.table.drain(..) {
            table.add_row(row.into_iter().map(|cell| cell.map(|cell| printable(&cell.shown())).unwrap_or_default()));
        }
        self.output.write(format!("{table}\n").as_bytes())
    }
}

/// A terminal takes some characters for orders, and whoever wrote a lead's name is not to give any.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_no_cell() {
        assert_eq!(Cell::text(""), None);
        assert_eq!(Cell::word("ORDER_STATUS_UNSPECIFIED", "ORDER_STATUS_"), None);
        assert_eq!(Cell::word("ORDER_STATUS_PARTIAL", "ORDER_STATUS_"), Some(Cell::Text("PARTIAL".to_owned())));
        assert_eq!(Cell::time(Some(Timestamp::default())), Some(Cell::Text("1970-01-01T00:00:00Z".to_owned())));
        let amount = Money { currency_code: "EUR".to_owned(), units: 12, nanos: 500_000_000 };
        assert_eq!(Cell::money(Some(&amount)), [Cell::text("12.5"), Cell::text("EUR")]);
        assert_eq!(Cell::money(None), [None, None]);
    }

    #[test]
    fn names_give_a_terminal_no_orders() {
        assert_eq!(printable("Ana\u{1b}[2J\r\nSá"), "Ana\u{fffd}[2J\u{fffd}\u{fffd}Sá");
    }
}
