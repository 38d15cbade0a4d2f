//! The file as records, each with its line.

use csv::ByteRecord;

use super::{Args, csv_table::CsvTable, json_table::JsonTable};
use crate::cli::format::Format;

/// One record as it stands in the file.
pub(super) struct Record {
    /// Its number among the records of this file, from 1. Rejects keep the lines that they had, in whatever order people have
    /// brought them since; these numbers always ascend.
    pub(super) number: u64,
    /// Where it starts in the original file.
    pub(super) line: u64,
    /// The cells, untouched.
    pub(super) cells: ByteRecord,
    /// Why it can't be read as a row.
    pub(super) fault: Option<String>,
}

impl Record {
    /// A cell's text without the space around it.
    pub(super) fn cell(&self, index: usize) -> &str {
        self.cells.get(index).and_then(|cell| str::from_utf8(cell).ok()).unwrap_or_default().trim()
    }
}

/// A file that is being read.
pub(super) trait Table: Send {
    /// The columns' names, or their numbers where they have none.
    fn columns(&self) -> &[String];

    /// Whether this is a rejects file of an earlier run.
    fn is_from_rejects(&self) -> bool;

    /// The file's size in bytes.
    fn size(&self) -> u64;

    /// How many bytes have been read.
    fn position(&self) -> u64;

    /// The next record.
    fn next_record(&mut self) -> anyhow::Result<Option<Record>>;
}

/// Opens the file that is imported and finds out its columns.
pub(super) fn open(args: &Args) -> anyhow::Result<Box<dyn Table>> {
    let table: Box<dyn Table> = if args.format() == Format::Csv || is_rejects(args) {
        Box::new(CsvTable::open(&args.file, args.delimiter, args.no_header)?)
    } else {
        Box::new(JsonTable::open(&args.file)?)
    };
    Ok(table)
}

/// Rejects are CSV under the flags of any file.
fn is_rejects(args: &Args) -> bool {
    // A pipe can't be looked at first.
    args.file.is_file() && CsvTable::open(&args.file, args.delimiter, false).is_ok_and(|table| table.is_from_rejects())
}
