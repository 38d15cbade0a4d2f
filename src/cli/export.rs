//! `leadward export`: leads as a file, through ExportLeads of any server.

mod names;
mod sheet;
mod source;

use std::{path::PathBuf, process::ExitCode};

use anyhow::ensure;
use indicatif::{ProgressBar, ProgressStyle};

use self::{
    names::Names,
    sheet::{Field, IMPORTABLE, Sheet},
    source::Source,
};
use super::{
    format::Format,
    output::{Output, ReaderGone},
    remote::{Remote, unless_interrupted},
};
use crate::proto::LeadState;

/// Exports leads into a file through a running server.
///
/// Every lead that the token's user may export, newest first. `leadward import` takes the file as it is and makes new ACTIVE
/// leads of it; back in the same company, those without an external ID are recognised with --match external_id,email,phone
/// alone. Users are given by their e-mail and groups by their name where the user may read the directory, else by their IDs.
///
/// An export whose connection breaks goes on by itself. Ends with 0 where the file is complete, else with 1 and without a
/// file.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file, replaced where it is there, private to its owner; - is standard output
    #[arg(default_value = "-")]
    file: PathBuf,

    #[command(flatten)]
    remote: Remote,

    /// How the file is written, by default as its name ends: .jsonl is JSON lines, anything else CSV
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Which fields, in which order, separated by commas
    ///
    /// `attributes` is a JSON object of texts; times are RFC 3339, in UTC. The default is what `leadward import` can take.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = IMPORTABLE)]
    fields: Vec<Field>,

    /// Only leads in this state, by default ACTIVE and RESOLVED; may be repeated
    #[arg(long = "state", value_enum, value_delimiter = ',', ignore_case = true)]
    states: Vec<State>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
enum State {
    Active,
    Discarded,
    Resolved,
}

/// Runs the export.
///
/// # Errors
/// Where the command line is wrong, the file can't be written, or the server is lost or refuses.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    for (at, field) in args.fields.iter().enumerate() {
        ensure!(!args.fields[..at].contains(field), "--fields: {} is given twice", field.name());
    }
    let connection = args.remote.connect().await?;
    let names = Names::read(&connection, &args.fields).await?;
    let states = args.states.iter().map(|state| match state {
        State::Active => LeadState::Active,
        State::Discarded => LeadState::Discarded,
        State::Resolved => LeadState::Resolved,
    });
    let output = Output::open(&args.file)?;
    let bar = progress_bar()?;
    let source = Source::new(&connection, states.collect(), &args.fields, &bar);
    let sheet = Sheet { format: Format::of(args.format, &args.file), fields: args.fields, names };

    let copied = unless_interrupted(copy(source, &sheet, output, &bar)).await;
    let leads = bar.position();
    bar.finish_and_clear();
    match copied {
        Ok(()) => eprintln!("{leads} leads exported"),
        Err(error) if error.is::<ReaderGone>() => {}
        Err(error) => return Err(error),
    }
    Ok(ExitCode::SUCCESS)
}

async fn copy(mut source: Source<'_>, sheet: &Sheet, mut output: Output, bar: &ProgressBar) -> anyhow::Result<()> {
    output.write(&sheet.header()?)?;
    while let Some(leads) = source.next().await? {
        output.write(&sheet.rows(&leads)?)?;
        bar.inc(leads.len() as u64);
    }
    output.finish()
}

fn progress_bar() -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{spinner} {human_pos} leads  {per_sec}  {elapsed}")?;
    Ok(ProgressBar::new_spinner().with_style(style))
}
