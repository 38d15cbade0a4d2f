//! The formats of files with leads.

use std::path::Path;

/// How leads are written in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(super) enum Format {
    /// Comma-separated values
    Csv,
    /// JSON lines: an object a line
    Jsonl,
}

impl Format {
    /// As said, else as the file's name says, else CSV.
    pub(super) fn of(said: Option<Self>, file: &Path) -> Self {
        let is_jsonl = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("jsonl"));
        said.unwrap_or(if is_jsonl { Self::Jsonl } else { Self::Csv })
    }
}
