//! The file of rows that were not taken.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, ErrorKind, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use csv::{Writer, WriterBuilder};

use super::{
    Args,
    table::{REJECTS_COLUMNS, Record, Table},
};

/// Made with the first reject, under a name of its own until the import is through, as the file that is imported may be the
/// rejects file itself.
pub(super) struct Rejects {
    input: PathBuf,
    target: PathBuf,
    partial: PathBuf,
    columns: Vec<String>,
    delimiter: u8,
    writer: Option<Writer<File>>,
}

impl Rejects {
    /// Finds out where rejects go, and that nothing else would be lost there.
    pub(super) fn new(args: &Args, table: &Table) -> anyhow::Result<Self> {
        let target = match &args.rejects {
            Some(path) => path.clone(),
            None if table.is_from_rejects() => args.file.clone(),
            None => with_suffix(&args.file, ".rejects.csv"),
        };
        let replaceable = is_replaceable(&target).with_context(|| format!("can't read {}", target.display()))?;
        ensure!(replaceable, "{} is there and is not a rejects file: name another with --rejects", target.display());
        let columns = table.columns().iter().map(String::as_str).chain(REJECTS_COLUMNS).map(str::to_owned).collect();
        Ok(Self {
            input: args.file.clone(),
            partial: with_suffix(&target, ".partial"),
            target,
            columns,
            delimiter: args.delimiter,
            writer: None,
        })
    }

    /// Writes a record as it stood in its file, with its line and what is wrong with it.
    pub(super) fn push(&mut self, record: &Record, reason: &str) -> anyhow::Result<()> {
        let cause = || format!("can't write {}", self.partial.display());
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.start().with_context(cause)?,
        };
        let line = record.line.to_string();
        let cells = record.cells.iter().chain([line.as_bytes(), reason.as_bytes()]);
        self.writer.insert(writer).write_record(cells).with_context(cause)
    }

    fn start(&self) -> csv::Result<Writer<File>> {
        let mut writer = WriterBuilder::new().delimiter(self.delimiter).flexible(true).from_path(&self.partial)?;
        writer.write_record(&self.columns)?;
        Ok(writer)
    }

    /// Puts the rejects in the place of an earlier run's, and tells where; nothing stays there if there are none.
    pub(super) fn finish(mut self) -> anyhow::Result<Option<PathBuf>> {
        let cause = format!("can't write {}", self.target.display());
        if let Some(writer) = &mut self.writer {
            writer.flush().context(cause.clone())?;
            fs::rename(&self.partial, &self.target).context(cause)?;
            self.writer = None;
            return Ok(Some(self.target.clone()));
        }
        if self.target.exists() && !is_same_file(&self.target, &self.input) {
            fs::remove_file(&self.target).with_context(|| format!("can't remove {}", self.target.display()))?;
        }
        Ok(None)
    }
}

impl Drop for Rejects {
    /// An import that failed is run again on the same file, and finds the same rejects.
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            _ = fs::remove_file(&self.partial);
        }
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
