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
    csv_table::REJECTS_COLUMNS,
    listed::Listed,
    table::{Record, Table},
};
use crate::cli::files;

/// Made with the first reject, under a name of its own until the import is through, as the file that is imported may be the
/// rejects file itself. Where the import is killed, the next run finds it under that name.
pub(super) struct Rejects {
    target: PathBuf,
    partial: PathBuf,
    columns: Vec<String>,
    delimiter: u8,
    writer: Option<Writer<File>>,
    in_place: bool,
    earlier: Option<Listed>,
    /// The rejects that are there have other columns, so they are those of another file, or in another order.
    other_columns: bool,
    /// An earlier run was told what this one is not.
    goes_on: bool,
    /// A row was taken that no earlier run had rejected.
    took: bool,
}

impl Rejects {
    /// Finds out where rejects go, and that nothing else would be lost there.
    pub(super) fn new(args: &Args, table: &dyn Table) -> anyhow::Result<Self> {
        let target = match &args.rejects {
            Some(path) => path.clone(),
            None if table.is_from_rejects() => args.file.clone(),
            None => files::with_suffix(&args.file, ".rejects.csv"),
        };
        let in_place = is_same_file(&target, &args.file);
        // Apart from what a killed run of the original has left, which goes on by that.
        let partial = files::with_suffix(&target, if in_place { ".left" } else { ".partial" });
        for path in [&target, &partial] {
            let replaceable = is_replaceable(path).with_context(|| format!("can't read {}", path.display()))?;
            ensure!(replaceable, "{} is there and is not a rejects file: name another with --rejects", path.display());
        }
        let columns = table.columns().iter().map(String::as_str).chain(REJECTS_COLUMNS).map(str::to_owned).collect();
        let mut rejects = Self {
            target,
            partial,
            columns,
            delimiter: args.delimiter,
            writer: None,
            in_place,
            earlier: None,
            other_columns: false,
            goes_on: false,
            took: false,
        };
        if !in_place {
            rejects.take_over()?;
            let earlier = rejects.listed(&rejects.target)?;
            rejects.other_columns = earlier.as_ref().is_some_and(|earlier| !earlier.fits());
            rejects.earlier = earlier.filter(Listed::fits);
        }
        // Found out now, not with the first reject of many rows.
        files::create(&rejects.partial).with_context(|| format!("can't write {}", rejects.partial.display()))?;
        files::remove(&rejects.partial).with_context(|| format!("can't remove {}", rejects.partial.display()))?;
        Ok(rejects)
    }

    /// Adds what a run that was killed had rejected to the rejects of the runs before it.
    fn take_over(&self) -> anyhow::Result<()> {
        let Some(mut killed) = self.listed(&self.partial)? else {
            return files::remove(&self.partial).with_context(|| format!("can't remove {}", self.partial.display()));
        };
        let mut earlier = self.listed(&self.target)?;
        ensure!(
            killed.fits() && earlier.as_ref().is_none_or(Listed::fits),
            "{} is left of a run that was killed, and its columns are not those of this file and of {}: move it away",
            self.partial.display(),
            self.target.display(),
        );
        killed.strike_torn()?;
        if let Some(earlier) = &mut earlier {
            killed.strike_from(earlier)?;
        }
        self.merge(earlier.as_mut(), Some(&mut killed)).map(drop)
    }

    /// Whether the file that is imported is replaced by what is still refused of it.
    pub(super) fn are_in_place(&self) -> bool {
        self.in_place
    }

    /// Writes a record as it stood in its file, with its line and what is wrong with it.
    pub(super) fn push(&mut self, record: &Record, reason: &str) -> anyhow::Result<()> {
        if let Some(earlier) = &mut self.earlier {
            earlier.strike_same(record.line, &record.cells)?;
            if self.goes_on && earlier.lists(record.line) {
                return Ok(());
            }
        }
        let cause = || format!("can't write {}", self.partial.display());
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.start(&self.partial).with_context(cause)?,
        };
        let line = record.line.to_string();
        let written = writer.write_record(record.cells.iter().chain([line.as_bytes(), reason.as_bytes()]));
        written.with_context(cause)?;
        self.writer = Some(writer);
        Ok(())
    }

    /// What an earlier run was told of a row that the server doesn't look at again, where that was rejected.
    pub(super) fn of_earlier_run(&mut self, record: &Record) -> anyhow::Result<Option<String>> {
        self.goes_on = true;
        let target = self.target.display();
        ensure!(!self.other_columns, "{target} has other columns than this file: name another with --rejects");
        match &mut self.earlier {
            Some(earlier) => earlier.reason(record.line),
            None => Ok(None),
        }
    }

    /// A row is not rejected, whatever an earlier run was told.
    pub(super) fn taken(&mut self, record: &Record) {
        match &mut self.earlier {
            Some(earlier) if earlier.lists(record.line) => earlier.strike(record.line),
            _ => self.took = true,
        }
    }

    /// Makes sure that what is written stays where the import is killed.
    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        match &mut self.writer {
            Some(writer) => writer.flush().with_context(|| format!("can't write {}", self.partial.display())),
            None => Ok(()),
        }
    }

    fn start(&self, path: &Path) -> csv::Result<Writer<File>> {
        let mut writer =
            WriterBuilder::new().delimiter(self.delimiter).flexible(true).from_writer(files::create(path)?);
        writer.write_record(&self.columns)?;
        Ok(writer)
    }

    fn listed(&self, path: &Path) -> anyhow::Result<Option<Listed>> {
        Listed::open(path, self.delimiter, &self.columns).with_context(|| format!("can't read {}", path.display()))
    }

    /// Leaves everything as it was: an import that failed before anything was taken finds the same rejects when it is run
    /// again.
    pub(super) fn discard(mut self) -> anyhow::Result<()> {
        if self.writer.take().is_some() {
            files::remove(&self.partial).with_context(|| format!("can't remove {}", self.partial.display()))?;
        }
        Ok(())
    }

    /// Puts the rejects of an import that broke off where the run that goes on finds them, and tells where; what is worked
    /// off in place stays as it was.
    pub(super) fn keep(self) -> anyhow::Result<Option<PathBuf>> {
        if self.in_place || (self.goes_on && self.other_columns) {
            self.discard()?;
            return Ok(None);
        }
        self.finish()
    }

    /// Puts the rejects in the place of those of another import, or with those of earlier runs of this one, and tells where;
    /// nothing stays there if there are none.
    pub(super) fn finish(mut self) -> anyhow::Result<Option<PathBuf>> {
        self.flush()?;
        let has_written = self.writer.take().is_some();
        // Where nothing else was taken, nothing tells either that these are not the rows of earlier runs.
        let may_go_on = self.goes_on || !self.took;
        let cause = format!("can't write {}", self.target.display());
        let are_left = match self.earlier.take().filter(|_| may_go_on) {
            Some(mut earlier) => {
                let mut own = if has_written { self.listed(&self.partial)? } else { None };
                if let Some(own) = own.as_mut().filter(|_| self.goes_on) {
                    own.strike_all_of(&earlier);
                }
                self.merge(Some(&mut earlier), own.as_mut())?
            }
            None if has_written => fs::rename(&self.partial, &self.target).map(|()| true).context(cause)?,
            None if self.in_place => false,
            None => files::remove(&self.target).map(|()| false).context(cause)?,
        };
        Ok(are_left.then_some(self.target))
    }

    /// Puts what stands of both in the place of the earlier ones, and tells whether there is any.
    fn merge(&self, earlier: Option<&mut Listed>, later: Option<&mut Listed>) -> anyhow::Result<bool> {
        let merged = files::with_suffix(&self.target, ".merged");
        let cause = || format!("can't write {}", merged.display());
        let mut writer = self.start(&merged).with_context(cause)?;
        let mut rows = 0;
        if let Some(earlier) = earlier {
            // People may have broken what says the line.
            rows += earlier.copy_to(&mut writer, true).with_context(cause)?;
        }
        if let Some(later) = later {
            rows += later.copy_to(&mut writer, false).with_context(cause)?;
        }
        writer.flush().with_context(cause)?;
        fs::rename(&merged, &self.target).with_context(cause)?;
        files::remove(&self.partial).with_context(|| format!("can't remove {}", self.partial.display()))?;
        if rows == 0 {
            files::remove(&self.target).with_context(|| format!("can't remove {}", self.target.display()))?;
        }
        Ok(rows > 0)
    }
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
