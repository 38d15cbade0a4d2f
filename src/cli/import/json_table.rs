//! JSON lines: an object a line, its keys the columns.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use anyhow::{Context, ensure};
use csv::ByteRecord;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use super::table::{Record, Table};

/// Where keys are data, such as IDs, there may be one a line, and each would be a column of all.
const MOST_COLUMNS: usize = 1_000;
/// What some programs begin a file with.
const BYTE_ORDER_MARK: &[u8; 3] = b"\xef\xbb\xbf";

/// A file of JSON lines that is being read.
pub(super) struct JsonTable {
    lines: Lines,
    size: u64,
    columns: Vec<String>,
    number: u64,
}

impl JsonTable {
    /// Opens a file and finds out every key that occurs in it.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let cause = || format!("can't open {}", path.display());
        let file = path.metadata().with_context(cause)?;
        ensure!(file.is_file(), "{} is not a file: JSON lines are read twice", path.display());
        let size = file.len();
        ensure!(size > 0, "{} is empty", path.display());
        let mut columns = BTreeSet::new();
        let mut lines = Lines::open(path).with_context(cause)?;
        while let Some(text) = lines.next().with_context(|| format!("can't read {}", path.display()))? {
            if let Ok(object) = object::<IgnoredAny>(&text) {
                columns.extend(object.into_keys());
            }
            ensure!(columns.len() <= MOST_COLUMNS, "{} has more than {MOST_COLUMNS} keys", path.display());
        }
        let lines = Lines::open(path).with_context(cause)?;
        Ok(Self { lines, size, columns: columns.into_iter().collect(), number: 0 })
    }

    fn cells(&self, text: &[u8]) -> Result<ByteRecord, String> {
        let object = object::<Value>(text)?;
        Ok(self.columns.iter().map(|key| object.get(key).map(cell).unwrap_or_default()).collect())
    }

    /// The line itself, with a cell too many: so it is a fault in the rejects file too, whatever it says.
    fn unread(&self, text: &[u8]) -> ByteRecord {
        let mut cells = ByteRecord::from(vec![text]);
        for _ in &self.columns {
            cells.push_field(b"");
        }
        cells
    }
}

impl Table for JsonTable {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn is_from_rejects(&self) -> bool {
        false
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn position(&self) -> u64 {
        self.lines.position
    }

    fn next_record(&mut self) -> anyhow::Result<Option<Record>> {
        let Some(text) = self.lines.next().context("can't read on in the file")? else { return Ok(None) };
        let (cells, fault) = match self.cells(&text) {
            Ok(cells) => (cells, None),
            Err(fault) => (self.unread(&text), Some(fault)),
        };
        self.number += 1;
        Ok(Some(Record { number: self.number, line: self.lines.number, cells, fault }))
    }
}

fn object<V: DeserializeOwned>(text: &[u8]) -> Result<BTreeMap<String, V>, String> {
    serde_json::from_slice(text).map_err(|_| "not a JSON object".to_owned())
}

/// Text as it is, and anything else as its JSON.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// The lines that are not blank.
struct Lines {
    reader: BufReader<File>,
    /// Of the last line, from 1.
    number: u64,
    /// How many bytes have been read.
    position: u64,
}

impl Lines {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { reader: BufReader::new(File::open(path)?), number: 0, position: 0 })
    }

    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let mut line = Vec::new();
            let read = self.reader.read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            self.position += read as u64;
            let text = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line).trim_ascii();
            if !text.is_empty() {
                return Ok(Some(text.to_vec()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_taken_as_it_is_and_anything_else_as_its_json() {
        let values =
            object::<Value>(br#"{"a": "0042", "b": 42, "c": true, "d": null, "e": {"z": "1", "y": ""}}"#).unwrap();
        let cells: Vec<String> = values.values().map(cell).collect();
        assert_eq!(cells, ["0042", "42", "true", "", r#"{"y":"","z":"1"}"#]);
    }

    #[test]
    fn what_is_no_object_is_a_fault() {
        for text in ["[1]", "null", "\"a\"", "{\"a\": oops}", "{\"a\": 1} {", "{\"a\""] {
            assert_eq!(object::<Value>(text.as_bytes()), Err("not a JSON object".to_owned()), "{text}");
        }
    }
}
