//! `leadward import`: leads of a file, through ImportLeads of any server.

mod csv_table;
mod import_id;
mod json_table;
mod listed;
mod mapping;
mod rejects;
mod rows;
mod summary;
mod table;
mod transfer;
mod values;

use std::{path::PathBuf, process::ExitCode, time::Instant};

use indicatif::{ProgressBar, ProgressStyle};

use self::{import_id::ImportId, mapping::Mapping, rejects::Rejects, rows::Rows, summary::Tally, transfer::Transfer};
use super::{
    format::Format,
    remote::{Remote, unless_interrupted},
};
use crate::proto::{DuplicatePolicy, ImportOptions, LeadMatchKey};

/// Imports leads from a file through a running server.
///
/// The file is CSV or JSON lines; what `leadward export` writes is understood as it is. Existing leads are skipped, and rows
/// that an earlier run of the same command took are not looked at again, so an import that broke off goes on. Rows that
/// are refused go to a rejects file with their line and the reason; mend it and import it with the same flags (but for
/// --import-id). The file is for its owner alone.
///
/// Ends with 0 where every row was taken, 2 where some were rejected, 1 where the import failed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file, or the rejects file of an earlier run
    file: PathBuf,

    #[command(flatten)]
    remote: Remote,

    /// How the file is written, by default as its name ends: .jsonl is JSON lines, anything else CSV
    ///
    /// In JSON lines, the keys of the objects are the columns. A rejects file is read as CSV whatever is said here.
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Where a field comes from; may be repeated
    ///
    /// FIELD is external_id, name, email, email_confirmed, phone, country, locale, campaign, stage, next_contact_time,
    /// assignee (e-mail or ID), group (name or ID), register_time, first_deposit_time, deposited, attributes (a JSON object of
    /// texts) or attributes.NAME. SOURCE is a column's name, its number from 1, or a template such as '{First} {Last}' or
    /// 'shop-{line}' ({line} is the row's line in the file). Without --map, columns that are called like a field give that
    /// field, and the others are ignored.
    #[arg(long, value_name = "FIELD=SOURCE")]
    map: Vec<String>,

    /// The same value for every row; may be repeated
    #[arg(long, value_name = "FIELD=VALUE")]
    set: Vec<String>,

    /// Looks a field's value up in another CSV file with a header; may be repeated
    #[arg(long, value_name = "FIELD=FILE:KEYCOLUMN:VALUECOLUMN")]
    translate: Vec<String>,

    /// What separates the cells: one character, or \t
    #[arg(long, default_value = ",", value_name = "CHARACTER", value_parser = parse_delimiter)]
    delimiter: u8,

    /// The first row is a lead already; columns go by their numbers
    #[arg(long)]
    no_header: bool,

    /// How times are written, in UTC unless the format has a zone; may be repeated
    ///
    /// For example '%d/%m/%Y %H:%M'. Replaces the formats that are tried otherwise: RFC 3339, '%Y-%m-%d %H:%M:%S' and
    /// '%Y-%m-%d'.
    #[arg(long, value_name = "FORMAT")]
    date_format: Vec<String>,

    /// What to do with a phone that is not a phone number
    #[arg(long, value_enum, default_value_t = BadPhone::Keep)]
    bad_phone: BadPhone,

    /// What to do with a row whose lead exists
    #[arg(long, value_enum, default_value_t = OnDuplicate::Skip)]
    on_duplicate: OnDuplicate,

    /// What an existing lead is recognised by; by default external_id where that is mapped, else email and phone
    ///
    /// That holds for the whole file, whatever a row gives: where external_id is mapped, a row without one becomes a new lead
    /// each time. `--match external_id,email,phone` recognises it by any of them; but people share addresses and phones.
    #[arg(long = "match", value_enum, value_delimiter = ',', value_name = "KEYS")]
    match_keys: Vec<MatchKey>,

    /// What the server knows the import by, for 30 days; by default made of the file and what its rows are to mean
    ///
    /// Rows that an earlier run of the same user and ID took are not looked at again. A rejects file that is replaced has none:
    /// whatever is left in it is looked at in every run.
    #[arg(long, value_name = "ID")]
    import_id: Option<String>,

    /// Looks at every row anew, whatever earlier runs took
    #[arg(long, conflicts_with = "import_id")]
    again: bool,

    /// Where refused rows go, by default FILE.rejects.csv; CSV, whatever the file is
    ///
    /// A rejects file that is imported is replaced by what is still refused; where nothing is, it stays as it was. An import
    /// that goes on keeps the rejects of its earlier runs, with what has been mended in them.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
}

impl Args {
    fn format(&self) -> Format {
        Format::of(self.format, &self.file)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum BadPhone {
    /// Import the row, the text going to the attribute phone_as_written
    Keep,
    /// Reject the row
    Reject,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum OnDuplicate {
    /// Leave the lead as it is
    Skip,
    /// Reject the row
    Reject,
    /// Change the lead to what the row says
    Update,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum MatchKey {
    ExternalId,
    Email,
    Phone,
}

impl MatchKey {
    const fn field(self) -> &'static str {
        match self {
            Self::ExternalId => "external_id",
            Self::Email => "email",
            Self::Phone => "phone",
        }
    }
}

/// Runs the import and tells how it went.
///
/// # Errors
/// Where the command line is wrong, the file can't be read, or the server is lost or refuses.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let table = table::open(&args)?;
    let mapping = Mapping::new(&args, table.columns())?;
    let mut rejects = Rejects::new(&args, table.as_ref())?;
    let mut options = options(&args, &mapping);
    if options.match_keys.is_empty() {
        eprintln!(
            "note: nothing unique is mapped (external_id, email, phone), so no lead is recognised as one that exists"
        );
    }
    let import_id = ImportId::choose(&args, &mapping, &options, &rejects)?;
    options.import_id = import_id.text.clone();
    let note = without_id(&options, &mapping);
    let connection = args.remote.connect().await?;

    let bar = progress_bar(table.size())?;
    let mut tally = Tally::default();
    let rows = Rows { mapping, date_formats: args.date_format.clone(), bad_phone: args.bad_phone };
    let transfer = Transfer { tally: &mut tally, rejects: &mut rejects, bar: &bar, note };
    let result = unless_interrupted(transfer.run(&connection, options, table, rows)).await;
    bar.finish_and_clear();
    if let Err(error) = result {
        return Err(error.context(broken_off(&import_id, tally.acknowledged(), rejects)?));
    }

    let rejects_file = rejects.finish()?;
    let flags = if args.import_id.is_some() { "the same flags, but for --import-id" } else { "the same flags" };
    println!("{}", tally.summary(started.elapsed(), rejects_file.as_deref(), flags));
    Ok(if tally.rejected() == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

fn options(args: &Args, mapping: &Mapping) -> ImportOptions {
    let policy = match args.on_duplicate {
        OnDuplicate::Skip => DuplicatePolicy::Skip,
        OnDuplicate::Reject => DuplicatePolicy::Reject,
        OnDuplicate::Update => DuplicatePolicy::Update,
    };
    let keys = match_keys(args, mapping).into_iter().map(|key| match key {
        MatchKey::ExternalId => LeadMatchKey::ExternalId,
        MatchKey::Email => LeadMatchKey::Email,
        MatchKey::Phone => LeadMatchKey::Phone,
    });
    ImportOptions { on_duplicate: policy.into(), match_keys: keys.map(i32::from).collect(), import_id: String::new() }
}

/// People share phones and addresses, so those tell nobody apart where there is an ID.
fn match_keys(args: &Args, mapping: &Mapping) -> Vec<MatchKey> {
    let mapped = |key: &MatchKey| mapping.gives(key.field());
    if !args.match_keys.is_empty() {
        args.match_keys.clone()
    } else if mapped(&MatchKey::ExternalId) {
        vec![MatchKey::ExternalId]
    } else {
        [MatchKey::Email, MatchKey::Phone].into_iter().filter(mapped).collect()
    }
}

/// What to tell of rows without an external ID, where nothing else tells them apart.
fn without_id(options: &ImportOptions, mapping: &Mapping) -> Option<String> {
    if options.match_keys != [i32::from(LeadMatchKey::ExternalId)] {
        return None;
    }
    let mut note = "and leads are recognised by that alone: such rows become new leads each time".to_owned();
    let others: Vec<&str> = ["email", "phone"].into_iter().filter(|name| mapping.gives(name)).collect();
    if !others.is_empty() {
        note += &format!(", unless --match external_id,{} is given", others.join(","));
    }
    Some(note)
}

fn progress_bar(bytes: u64) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}  {elapsed}")?;
    Ok(ProgressBar::new(bytes).with_style(style))
}

/// What became of an import that did not come to its end, with its rejects put where the next run finds them.
fn broken_off(import_id: &ImportId, acknowledged: u64, rejects: Rejects) -> anyhow::Result<String> {
    if acknowledged == 0 {
        rejects.discard()?;
        return Ok("the import failed before any row was acknowledged".to_owned());
    }
    let rejected = rejects.keep()?.map(|path| format!("; rows rejected by then are in {}", path.display()));
    let rejected = rejected.unwrap_or_default();
    Ok(format!("the import broke off after {acknowledged} rows were acknowledged; {}{rejected}", import_id.to_go_on))
}

fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [b'"' | b'\r' | b'\n'] => Err("quotes and line ends can't separate cells".to_owned()),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("one ASCII character, or \\t".to_owned()),
    }
}
