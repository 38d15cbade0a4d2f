//! How the import went.

use std::{cmp::Reverse, collections::BTreeMap, fmt::Write, path::Path, time::Duration};

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};

/// Distinct reasons that are counted one by one; some hold the row's own values, so there may be one a row.
const REASONS_COUNTED: usize = 1_000;
/// Reasons that are shown.
const REASONS_SHOWN: usize = 5;

/// Counts of what became of the rows.
#[derive(Default)]
pub(super) struct Tally {
    created: u64,
    updated: u64,
    unchanged: u64,
    skipped: u64,
    already_taken: u64,
    rejected: u64,
    phones_kept: u64,
    acknowledged: u64,
    repeated: u64,
    reasons: BTreeMap<String, Reason>,
}

struct Reason {
    rows: u64,
    first_line: u64,
}

impl Tally {
    /// The server answered for a row.
    pub(super) fn acknowledge(&mut self) {
        self.acknowledged += 1;
    }

    /// How many rows the server answered for.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// The server did not look at a row again.
    pub(super) fn repeat(&mut self) {
        self.repeated += 1;
    }

    /// A lead was made.
    pub(super) fn created(&mut self, phone_kept: bool) {
        self.created += 1;
        self.phones_kept += u64::from(phone_kept);
    }

    /// A lead was changed.
    pub(super) fn updated(&mut self, phone_kept: bool) {
        self.updated += 1;
        self.phones_kept += u64::from(phone_kept);
    }

    /// A lead said it all already.
    pub(super) fn unchanged(&mut self) {
        self.unchanged += 1;
    }

    /// A lead was there and was left alone.
    pub(super) fn skipped(&mut self) {
        self.skipped += 1;
    }

    /// An earlier run of the same import took a row.
    pub(super) fn already_taken(&mut self) {
        self.already_taken += 1;
    }

    /// A row was refused, here or by the server.
    pub(super) fn reject(&mut self, line: u64, reason: String) {
        self.rejected += 1;
        if self.reasons.len() < REASONS_COUNTED || self.reasons.contains_key(&reason) {
            self.reasons.entry(reason).or_insert(Reason { rows: 0, first_line: line }).rows += 1;
        }
    }

    /// How many rows were refused.
    pub(super) fn rejected(&self) -> u64 {
        self.rejected
    }

    fn rows(&self) -> u64 {
        self.created + self.updated + self.unchanged + self.skipped + self.already_taken + self.rejected
    }

    /// A line for while it runs.
    pub(super) fn progress(&self) -> String {
        format!("{} rows, {} rejected", self.rows(), self.rejected)
    }

    /// The report at the end; the flags are those under which rejects are imported.
    pub(super) fn summary(&self, elapsed: Duration, rejects_file: Option<&Path>, flags: &str) -> String {
        let mut table = Table::new();
        table.load_preset(UTF8_FULL_CONDENSED).set_header(["outcome", "rows"]);
        for (outcome, rows) in [
            ("created", self.created),
            ("updated", self.updated),
            ("unchanged", self.unchanged),
            ("skipped", self.skipped),
            ("already taken", self.already_taken),
            ("rejected", self.rejected),
            ("total", self.rows()),
            ("phones kept as written", self.phones_kept),
        ] {
            table.add_row([outcome.to_owned(), rows.to_string()]);
        }
        let seconds = elapsed.as_secs_f64();
        table.add_row(["seconds".to_owned(), format!("{seconds:.1}")]);
        table.add_row(["rows/s".to_owned(), format!("{:.0}", self.rows() as f64 / seconds)]);
        if let Some(numbers) = table.column_mut(1) {
            numbers.set_cell_alignment(CellAlignment::Right);
        }

        let mut report = table.to_string();
        if self.already_taken > 0 {
            _ = write!(report, "\nalready taken by an earlier run of this import: {}", self.already_taken);
        }
        if self.repeated > 0 && self.repeated == self.acknowledged {
            report += "\nAn earlier run went through every row: --again imports the file anew.";
        }
        if let Some(path) = rejects_file {
            if self.rejected > 0 {
                report += "\nrejected:";
                report += &self.reasons();
            }
            _ = write!(report, "\nRejected rows are in {}: mend it and import it with {flags}.", path.display());
        }
        report
    }

    fn reasons(&self) -> String {
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, reason)| Reverse(reason.rows));
        reasons.truncate(REASONS_SHOWN);
        let mut list = String::new();
        for (text, reason) in &reasons {
            _ = write!(list, "\n{:>7} × {text} (first on line {})", reason.rows, reason.first_line);
        }
        let shown: u64 = reasons.iter().map(|(_, reason)| reason.rows).sum();
        if shown < self.rejected {
            _ = write!(list, "\n{:>7} × other reasons", self.rejected - shown);
        }
        list
    }
}
