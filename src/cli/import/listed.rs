//! A rejects file as earlier runs and people have left it.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    path::Path,
};

use anyhow::Context;
use csv::{ByteRecord, Position, Reader, ReaderBuilder, Writer};

use super::csv_table::{REJECTS_COLUMNS, rejected_line};

const UNREADABLE: &str = "can't read the rejects of an earlier run";

/// The records of the file, in whatever order they are by now; those that stand are to be kept.
pub(super) struct Listed {
    reader: Reader<File>,
    fits: bool,
    /// Where the records begin.
    start: u64,
    /// Where the last one does.
    last: u64,
    /// Where those of each line stand.
    places: HashMap<u64, Vec<u64>>,
}

impl Listed {
    /// Goes through a file that may not be there, or be empty.
    pub(super) fn open(path: &Path, delimiter: u8, columns: &[String]) -> anyhow::Result<Option<Self>> {
        let Some(file) = open(path)? else { return Ok(None) };
        let reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(file);
        let mut listed = Self { reader, fits: false, start: 0, last: 0, places: HashMap::new() };
        let Some(header) = listed.read()? else { return Ok(None) };
        listed.fits = header.iter().map(<[u8]>::trim_ascii).eq(columns.iter().map(String::as_bytes));
        listed.start = listed.reader.position().byte();
        while let Some(record) = listed.read()? {
            listed.last = place(&record);
            if let Some(line) = rejected_line(&record) {
                listed.places.entry(line).or_default().push(place(&record));
            }
        }
        Ok(Some(listed))
    }

    /// Whether its columns are those that were asked for.
    pub(super) fn fits(&self) -> bool {
        self.fits
    }

    /// Whether a record of the line stands.
    pub(super) fn lists(&self, line: u64) -> bool {
        self.places.contains_key(&line)
    }

    /// Why the line was rejected, where a record of it stands.
    pub(super) fn reason(&mut self, line: u64) -> anyhow::Result<Option<String>> {
        let Some(place) = self.places.get(&line).and_then(|places| places.first().copied()) else { return Ok(None) };
        let record = self.at(place)?;
        Ok(record.iter().next_back().map(|cell| String::from_utf8_lossy(cell).into_owned()))
    }

    /// The last record doesn't stand where a run was killed while it wrote it.
    pub(super) fn strike_torn(&mut self) -> anyhow::Result<()> {
        let file = self.reader.get_ref();
        let mut end = [0];
        file.read_exact_at(&mut end, file.metadata()?.len().saturating_sub(1))?;
        if end != *b"\n" {
            let last = self.last;
            self.places.retain(|_, places| *places != [last]);
        }
        Ok(())
    }

    /// No record of the line stands any more.
    pub(super) fn strike(&mut self, line: u64) {
        self.places.remove(&line);
    }

    /// No record of a line that the other lists stands any more.
    pub(super) fn strike_all_of(&mut self, other: &Self) {
        self.places.retain(|line, _| !other.lists(*line));
    }

    /// Records of the line that say just this don't stand any more; those that somebody has mended do.
    pub(super) fn strike_same(&mut self, line: u64, cells: &ByteRecord) -> anyhow::Result<()> {
        let mut mended = Vec::new();
        for place in self.places.remove(&line).unwrap_or_default() {
            if without_reason(self.at(place)?) != *cells {
                mended.push(place);
            }
        }
        if !mended.is_empty() {
            self.places.insert(line, mended);
        }
        Ok(())
    }

    /// Strikes from another what is here too.
    pub(super) fn strike_from(&mut self, other: &mut Self) -> anyhow::Result<()> {
        self.seek(self.start)?;
        while let Some(record) = self.read()? {
            if let Some(line) = rejected_line(&record) {
                other.strike_same(line, &without_reason(record))?;
            }
        }
        Ok(())
    }

    /// Copies the records that stand, with or without those that say no line, and tells how many.
    pub(super) fn copy_to(&mut self, writer: &mut Writer<File>, without_line: bool) -> anyhow::Result<u64> {
        self.seek(self.start)?;
        let mut copied = 0;
        while let Some(record) = self.read()? {
            let stands = match rejected_line(&record) {
                Some(line) => self.places.get(&line).is_some_and(|places| places.contains(&place(&record))),
                None => without_line,
            };
            if stands {
                writer.write_byte_record(&record)?;
                copied += 1;
            }
        }
        Ok(copied)
    }

    fn at(&mut self, place: u64) -> anyhow::Result<ByteRecord> {
        self.seek(place)?;
        self.read()?.context(UNREADABLE)
    }

    fn seek(&mut self, place: u64) -> anyhow::Result<()> {
        let mut position = Position::new();
        position.set_byte(place);
        self.reader.seek(position).context(UNREADABLE)
    }

    fn read(&mut self) -> anyhow::Result<Option<ByteRecord>> {
        let mut record = ByteRecord::new();
        let read = self.reader.read_byte_record(&mut record).context(UNREADABLE)?;
        Ok(read.then_some(record))
    }
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        file => file.map(Some),
    }
}

fn place(record: &ByteRecord) -> u64 {
    record.position().map_or(0, Position::byte)
}

/// The cells of the file that was imported.
fn without_reason(mut record: ByteRecord) -> ByteRecord {
    record.truncate(record.len().saturating_sub(REJECTS_COLUMNS.len()));
    record
}
