//! `leadward import`: leads of a CSV file, through ImportLeads of any server.

mod mapping;
mod rejects;
mod rows;
mod summary;
mod table;
mod transfer;
mod values;

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use secrecy::SecretString;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

use self::{mapping::Mapping, rejects::Rejects, rows::Rows, summary::Tally, table::Table, transfer::Transfer};
use crate::proto::{DuplicatePolicy, ImportOptions, LeadMatchKey};

/// Imports leads from a CSV file into a running server.
///
/// Existing leads are skipped, so that the same file again changes nothing. Rows that are refused go to a rejects file
/// with their line and the reason; mend it and import it with the same flags.
///
/// Ends with 0 where every row was taken, 2 where some were rejected, 1 where the import failed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The CSV file, or the rejects file of an earlier run
    file: PathBuf,

    /// The server to import into
    #[arg(long, env = "LEADWARD_SERVER", default_value = "http://127.0.0.1:50051", value_name = "URL")]
    server: String,

    /// An API token of a user who may import leads
    #[arg(long, env = "LEADWARD_TOKEN", hide_env_values = true)]
    token: SecretString,

    /// Where a field comes from; may be repeated
    ///
    /// FIELD is external_id, name, email, email_confirmed, phone, country, locale, campaign, stage, next_contact_time,
    /// assignee (e-mail or ID), group (name), register_time, first_deposit_time, deposited or attributes.NAME. SOURCE is a
    /// column's name, its number from 1, or a template such as '{First} {Last}' or 'shop-{line}' ({line} is the row's line
    /// in the file). Without --map, columns that are called like a field give that field.
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

    /// What an existing lead is recognised by; by default external_id where it is given, else email and phone
    #[arg(long = "match", value_enum, value_delimiter = ',', value_name = "KEYS")]
    match_keys: Vec<MatchKey>,

    /// Where refused rows go, by default FILE.rejects.csv
    ///
    /// A rejects file that is imported is replaced by what is still refused; where nothing is, it stays as it was.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
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
    let table = Table::open(&args.file, args.delimiter, args.no_header)?;
    let mapping = Mapping::new(&args, table.columns())?;
    let mut rejects = Rejects::new(&args, &table)?;
    let options = options(&args, &mapping);
    if options.match_keys.is_empty() {
        eprintln!(
            "note: nothing unique is mapped (external_id, email, phone), so a second import makes every lead again"
        );
    }
    let channel = connect(&args.server).await?;

    let bar = progress_bar(table.size())?;
    let mut tally = Tally::default();
    let rows = Rows { mapping, date_formats: args.date_format.clone(), bad_phone: args.bad_phone };
    let transfer = Transfer { tally: &mut tally, rejects: &mut rejects, bar: &bar };
    let result = transfer.run(&channel, &args.token, options, table, rows).await;
    bar.finish_and_clear();
    result.with_context(|| broken_off(args.on_duplicate, tally.acknowledged()))?;

    let rejects_file = rejects.finish()?;
    println!("{}", tally.summary(started.elapsed(), rejects_file.as_deref()));
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
    ImportOptions { on_duplicate: policy.into(), match_keys: keys.map(i32::from).collect() }
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

async fn connect(server: &str) -> anyhow::Result<Channel> {
    let url = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
    let mut endpoint =
        Endpoint::from_shared(url.clone()).with_context(|| format!("{url} is not the URL of a server"))?;
    if url.starts_with("https://") {
        endpoint = endpoint.tls_config(ClientTlsConfig::new().with_enabled_roots())?;
    }
    endpoint
        .connect_timeout(Duration::from_secs(10))
        // A server that is gone without a word would leave the import waiting for ever.
        .http2_keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20))
        .connect()
        .await
        .with_context(|| format!("can't reach a server at {url}"))
}

fn progress_bar(bytes: u64) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}  {elapsed}")?;
    Ok(ProgressBar::new(bytes).with_style(style))
}

fn broken_off(on_duplicate: OnDuplicate, acknowledged: u64) -> String {
    if acknowledged == 0 {
        return "the import failed before any row was acknowledged".to_owned();
    }
    let advice = match on_duplicate {
        OnDuplicate::Skip => "run the same command again to go on: existing leads are skipped",
        OnDuplicate::Update => "run the same command again to go on: leads that say the same are left unchanged",
        OnDuplicate::Reject => "run the command again with --on-duplicate skip to go on",
    };
    format!("the import broke off after {acknowledged} rows were acknowledged; {advice}")
}

fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [b'"' | b'\r' | b'\n'] => Err("quotes and line ends can't separate cells".to_owned()),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("one ASCII character, or \\t".to_owned()),
    }
}
