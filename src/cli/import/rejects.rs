//! The file of rows that were not taken.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, ErrorKind, Read},
    mem,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use csv::{ByteRecord, ByteRecordsIntoIter, ReaderBuilder, Writer, WriterBuilder};

use super::{
    Args,
    csv_table::{REJECTS_COLUMNS, rejected_line},
    table::{Record, Table},
};

/// Made with the first reject, under a name of its own until the import is through, as the file that is imported may be the
/// rejects file itself.
pub(super) struct Rejects {
    target: PathBuf,
    partial: PathBuf,
    columns: Vec<String>,
    delimiter: u8,
    writer: Option<Writer<File>>,
    in_place: bool,
    earlier: Option<Earlier>,
    /// Whether an earlier run was told what this one is not.
    goes_on: bool,
}

impl Rejects {
    /// Finds out where rejects go, and that nothing else would be lost there.
    pub(super) fn new(args: &Args, table: &dyn Table) -> anyhow::Result<Self> {
        let target = match &args.rejects {
            Some(path) => path.clone(),
            None if table.is_from_rejects() => args.file.clone(),
            None => with_suffix(&args.file, ".rejects.csv"),
        };
        let cause = || format!("can't read {}", target.display());
        let replaceable = is_replaceable(&target).with_context(cause)?;
        ensure!(replaceable, "{} is there and is not a rejects file: name another with --rejects", target.display());
        let in_place = is_same_file(&target, &args.file);
        let earlier = if in_place { None } else { Earlier::open(&target, args.delimiter).with_context(cause)? };
        let columns = table.columns().iter().map(String::as_str).chain(REJECTS_COLUMNS).map(str::to_owned).collect();
        Ok(Self {
            partial: with_suffix(&target, ".partial"),
            target,
            columns,
            delimiter: args.delimiter,
            writer: None,
            in_place,
            earlier,
            goes_on: false,
        })
    }

    /// Whether the file that is imported is replaced by what is still refused of it.
    pub(super) fn are_in_place(&self) -> bool {
        self.in_place
    }

    /// Writes a record as it stood in its file, with its line and what is wrong with it.
    pub(super) fn push(&mut self, record: &Record, reason: &str) -> anyhow::Result<()> {
        if let Some(earlier) = &mut self.earlier {
            earlier.take(record.line)?;
        }
        let line = record.line.to_string();
        self.write(record.cells.iter().chain([line.as_bytes(), reason.as_bytes()]))
    }

    /// What an earlier run was told of a row that the server doesn't look at again, where that was rejected.
    pub(super) fn of_earlier_run(&mut self, record: &Record) -> anyhow::Result<Option<String>> {
        self.goes_on = true;
        match &mut self.earlier {
            Some(earlier) => earlier.take(record.line),
            None => Ok(None),
        }
    }

    fn write<'a>(&mut self, cells: impl Iterator<Item = &'a [u8]>) -> anyhow::Result<()> {
        let cause = || format!("can't write {}", self.partial.display());
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.start().with_context(cause)?,
        };
        self.writer.insert(writer).write_record(cells).with_context(cause)
    }

    fn start(&self) -> csv::Result<Writer<File>> {
        let mut writer = WriterBuilder::new().delimiter(self.delimiter).flexible(true).from_path(&self.partial)?;
        writer.write_record(&self.columns)?;
        Ok(writer)
    }

    /// Puts the rejects of an import that broke off where the run that goes on finds them, and tells where; what is worked
    /// off in place stays as it was.
    pub(super) fn keep(mut self) -> anyhow::Result<Option<PathBuf>> {
        if self.in_place {
            return Ok(None);
        }
        if let Some(mut earlier) = self.earlier.take().filter(|_| self.goes_on) {
            while let Some(cells) = earlier.advance()? {
                self.write(cells.iter())?;
            }
        }
        self.finish()
    }

    /// Puts the rejects in the place of an earlier run's, and tells where; nothing stays there if there are none.
    pub(super) fn finish(mut self) -> anyhow::Result<Option<PathBuf>> {
        self.earlier = None;
        let cause = format!("can't write {}", self.target.display());
        if let Some(writer) = &mut self.writer {
            writer.flush().context(cause.clone())?;
            fs::rename(&self.partial, &self.target).context(cause)?;
            self.writer = None;
            return Ok(Some(self.target.clone()));
        }
        if self.target.exists() && !self.in_place {
            fs::remove_file(&self.target).with_context(|| format!("can't remove {}", self.target.display()))?;
        }
        Ok(None)
    }
}

impl Drop for Rejects {
    /// An import that failed before anything was taken finds the same rejects when it is run again.
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            _ = fs::remove_file(&self.partial);
        }
    }
}

/// The rejects of an earlier run, which come in the order of the file that is imported again.
struct Earlier {
    records: ByteRecordsIntoIter<File>,
    next: Option<ByteRecord>,
}

impl Earlier {
    fn open(path: &Path, delimiter: u8) -> anyhow::Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let reader = ReaderBuilder::new().delimiter(delimiter).flexible(true).from_path(path)?;
        let mut earlier = Self { records: reader.into_byte_records(), next: None };
        earlier.advance()?;
        Ok(Some(earlier))
    }

    fn advance(&mut self) -> anyhow::Result<Option<ByteRecord>> {
        let after = self.records.next().transpose().context("can't read the rejects of an earlier run")?;
        Ok(mem::replace(&mut self.next, after))
    }

    /// The reason of the next one, where that is the one of this line.
    fn take(&mut self, line: u64) -> anyhow::Result<Option<String>> {
        if self.next.as_ref().and_then(rejected_line) != Some(line) {
            return Ok(None);
        }
        let reason =
            |cells: ByteRecord| cells.iter().next_back().map(|cell| String::from_utf8_lossy(cell).into_owned());
        Ok(self.advance()?.and_then(reason))
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Whether nobody would miss the file: it isn't there, is empty, or is the rejects file of an earlier run.
fn is_replaceable(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    let mut header = Vec::new();
    BufReader::new(file).take(1 << 20).read_until(b'\n', &mut header)?;
    let header = String::from_utf8_lossy(&header);
    let header = header.trim_end_matches(|char: char| !char.is_alphanumeric());
    let [line, reason] = REJECTS_COLUMNS;
    Ok(header.is_empty() || (header.contains(line) && header.ends_with(reason)))
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}
