//! The formats of files with leads.

use std::path::Path;

use chrono::{DateTime, SecondsFormat};
use prost_types::Timestamp;

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

/// A time as files have it, in UTC.
pub(super) fn rfc3339(time: Timestamp) -> Option<String> {
    let Timestamp { seconds, nanos } = time;
    let time = DateTime::from_timestamp(seconds, u32::try_from(nanos).ok()?)?;
    Some(time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// Rows as CSV has them.
pub(super) fn csv_bytes(rows: impl IntoIterator<Item = Vec<String>>) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut writer = csv::Writer::from_writer(&mut bytes);
    for row in rows {
        writer.write_record(row)?;
    }
    writer.flush()?;
    drop(writer);
    Ok(bytes)
}
