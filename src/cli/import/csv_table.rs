//! CSV files, rejects files of earlier runs included.

use std::{fs::File, path::Path};

use anyhow::{Context, bail};
use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};

use super::table::{Record, Table};

/// The last two columns of a rejects file.
pub(super) const REJECTS_COLUMNS: [&str; 2] = ["rejected_line", "rejected_reason"];

/// A CSV file that is being read.
pub(super) struct CsvTable {
    reader: Reader<File>,
    size: u64,
    columns: Vec<String>,
    /// How many cells the header has, with trailing ones that are empty.
    header_width: usize,
    /// Whether each record ends with its line and reason of an earlier run.
    from_rejects: bool,
    /// Without a header, the record that told the columns.
    first: Option<(u64, ByteRecord)>,
    /// How many records have been read.
    number: u64,
}

impl CsvTable {
    /// Opens a file and finds out its columns.
    pub(super) fn open(path: &Path, delimiter: u8, no_header: bool) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("can't open {}", path.display()))?;
        let size = file.metadata()?.len();
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            // Where a lone CR may end a record, the reader counts the lines of CRLF files one too low.
            .terminator(Terminator::Any(b'\n'))
            .from_reader(file);
        let Some((line, head)) = read(&mut reader).with_context(|| format!("can't read {}", path.display()))? else {
            bail!("{} is empty", path.display());
        };

        let header_width = head.len();
        let mut columns: Vec<String> =
            head.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
        while columns.last().is_some_and(String::is_empty) {
            columns.pop();
        }
        let from_rejects = columns.ends_with(&REJECTS_COLUMNS.map(str::to_owned));
        let mut first = None;
        if from_rejects {
            columns.truncate(columns.len() - REJECTS_COLUMNS.len());
        } else if no_header {
            columns = (1..=header_width).map(|number| number.to_string()).collect();
            first = Some((line, head));
        }
        if columns.is_empty() {
            bail!("the header of {} is empty", path.display());
        }
        Ok(Self { reader, size, columns, header_width, from_rejects, first, number: 0 })
    }

    fn checked(&self, mut line: u64, mut cells: ByteRecord) -> Record {
        self.drop_empty_surplus(&mut cells);
        let mut fault = None;
        if self.from_rejects {
            match rejected_line(&cells) {
                Some(original) => {
                    line = original;
                    cells.truncate(cells.len() - REJECTS_COLUMNS.len());
                }
                None => fault = Some("the last two cells are not rejected_line and rejected_reason".to_owned()),
            }
        }
        let fault = fault.or_else(|| self.fault(&cells));
        Record { number: self.number, line, cells, fault }
    }

    /// A header that ends in empty names makes cells below them that nobody means.
    fn drop_empty_surplus(&self, cells: &mut ByteRecord) {
        let width = self.columns.len() + if self.from_rejects { REJECTS_COLUMNS.len() } else { 0 };
        if cells.len() <= self.header_width {
            while cells.len() > width && cells[cells.len() - 1].is_empty() {
                cells.truncate(cells.len() - 1);
            }
        }
    }

    fn fault(&self, cells: &ByteRecord) -> Option<String> {
        if cells.len() != self.columns.len() {
            let lines = cells.iter().flatten().filter(|byte| **byte == b'\n').count();
            let quote =
                if lines > 0 { format!(", over {} lines: is a quote not closed?", lines + 1) } else { String::new() };
            return Some(format!("number of cells: {} instead of {}{quote}", cells.len(), self.columns.len()));
        }
        let unreadable = cells.iter().position(|cell| str::from_utf8(cell).is_err())?;
        Some(format!("column {}: not UTF-8 text", self.columns[unreadable]))
    }
}

impl Table for CsvTable {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn is_from_rejects(&self) -> bool {
        self.from_rejects
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn position(&self) -> u64 {
        self.reader.position().byte()
    }

    fn next_record(&mut self) -> anyhow::Result<Option<Record>> {
        let next = match self.first.take() {
            Some(first) => Some(first),
            None => read(&mut self.reader).context("can't read on in the file")?,
        };
        self.number += 1;
        Ok(next.map(|(line, cells)| self.checked(line, cells)))
    }
}

/// The next record that is not a blank line, and the line on which it starts.
fn read(reader: &mut Reader<File>) -> csv::Result<Option<(u64, ByteRecord)>> {
    loop {
        let before = reader.position().line();
        let mut cells = ByteRecord::new();
        if !reader.read_byte_record(&mut cells)? {
            return Ok(None);
        }
        strip_carriage_return(&mut cells);
        if cells.len() == 1 && cells[0].is_empty() {
            continue;
        }
        let inside = cells.as_slice().iter().filter(|byte| **byte == b'\n').count() as u64;
        // Counted back from the end, as blank lines may precede; from the start where the last line has no end.
        let line = before.max(reader.position().line().saturating_sub(inside + 1));
        return Ok(Some((line, cells)));
    }
}

fn strip_carriage_return(cells: &mut ByteRecord) {
    let Some(last) = cells.len().checked_sub(1) else { return };
    if let Some(text) = cells[last].strip_suffix(b"\r") {
        let text = text.to_vec();
        cells.truncate(last);
        cells.push_field(&text);
    }
}

/// The line that a record of a rejects file had in the original one.
pub(super) fn rejected_line(cells: &ByteRecord) -> Option<u64> {
    let cell = cells.get(cells.len().checked_sub(REJECTS_COLUMNS.len())?)?;
    str::from_utf8(cell).ok()?.trim().parse().ok()
}
