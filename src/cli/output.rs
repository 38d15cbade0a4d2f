//! Where an export or a report goes.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};

use crate::cli::files;

/// Whoever read standard output has had enough of it.
#[derive(Debug, thiserror::Error)]
#[error("standard output is closed")]
pub(super) struct ReaderGone;

/// Standard output, or a file.
pub(super) enum Output {
    Stdout,
    File(Partial),
}

/// A file under a name of its own until it is complete.
pub(super) struct Partial {
    file: File,
    partial: PathBuf,
    target: PathBuf,
}

impl Output {
    /// Makes sure that there is a place to write to.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") { Ok(Self::Stdout) } else { Partial::create(path).map(Self::File) }
    }

    /// Writes what comes next.
    pub(super) fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout();
                match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(ReaderGone.into()),
                    written => written.context("can't write to standard output"),
                }
            }
            Self::File(to) => to.file.write_all(bytes).with_context(|| format!("can't write {}", to.partial.display())),
        }
    }

    /// Everything is written.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Stdout => Ok(()),
            Self::File(to) => to.take_its_place().with_context(|| format!("can't write {}", to.target.display())),
        }
    }
}

impl Partial {
    fn create(target: &Path) -> anyhow::Result<Self> {
        let is_file = fs::metadata(target).map_or(true, |target| target.is_file());
        ensure!(is_file, "{} is there and is not a file", target.display());
        let partial = files::with_suffix(target, ".partial");
        let file = files::create(&partial).with_context(|| format!("can't write {}", partial.display()))?;
        Ok(Self { file, partial, target: target.to_owned() })
    }

    fn take_its_place(&self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.partial, &self.target)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // What is complete has another name by now.
        _ = fs::remove_file(&self.partial);
    }
}
