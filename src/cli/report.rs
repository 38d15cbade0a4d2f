//! `leadward report`: what sales teams look at, through ReportService of any server.

mod agent;
mod all_leads;
mod columns;
mod my_leads;
mod orders;
mod refusal;
mod sheet;
mod user;
mod view;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use clap::Subcommand;
use tonic::Status;

use self::sheet::{Row, Sheet, Style};
use super::{
    output::ReaderGone,
    remote::{Connection, LARGEST_ANSWER, Remote, unless_interrupted},
};
use crate::proto::report_service_client::ReportServiceClient;

const MOST_ROWS_OF_A_PAGE: u64 = 1_000;
/// The rows of a table that nobody limits.
const ROWS_OF_A_TABLE: u64 = 50;

/// Prints a report from a running server.
///
/// A table on a terminal, CSV elsewhere. docs/filters.md tells what `--filter` and `--order-by` take.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    report: Report,
}

#[derive(Debug, Subcommand)]
enum Report {
    AllLeads(Box<all_leads::Args>),
    MyLeads(my_leads::Args),
    Agent(agent::Args),
    Orders(orders::Args),
}

/// Where from, and how it is shown.
#[derive(Debug, clap::Args)]
struct Show {
    #[command(flatten)]
    remote: Remote,

    /// Print CSV, on a terminal too
    #[arg(long, conflicts_with = "json")]
    csv: bool,

    /// Print JSON lines: an object a line, without what is not set
    #[arg(long)]
    json: bool,

    /// How many rows at most; by default 50 in a table, and all as CSV or JSON
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// Print all rows, in a table too
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

impl Show {
    fn style(&self) -> Style {
        match (self.csv, self.json) {
            (true, _) => Style::Csv,
            (_, true) => Style::Json,
            _ if io::stdout().is_terminal() => Style::Table,
            _ => Style::Csv,
        }
    }

    /// None: all of them.
    fn limit(&self) -> Option<u64> {
        let of_a_table = (self.style() == Style::Table && !self.all).then_some(ROWS_OF_A_TABLE);
        self.limit.or(of_a_table)
    }

    async fn connect(&self) -> anyhow::Result<Connection> {
        self.remote.connect().await
    }
}

/// Runs the report.
///
/// # Errors
/// Where the command line is wrong, or the server is lost or refuses.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let printed = unless_interrupted(async {
        match args.report {
            Report::AllLeads(args) => all_leads::run(*args).await,
            Report::MyLeads(args) => my_leads::run(args).await,
            Report::Agent(args) => agent::run(args).await,
            Report::Orders(args) => orders::run(args).await,
        }
    });
    match printed.await {
        Err(error) if !error.is::<ReaderGone>() => Err(error),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn client(connection: &Connection) -> ReportServiceClient<Connection> {
    ReportServiceClient::new(connection.clone()).max_decoding_message_size(LARGEST_ANSWER)
}

/// A page of a report.
struct Page {
    /// Where the server says what the columns are.
    columns: Option<Vec<String>>,
    rows: Vec<Row>,
    /// The token of the next page; empty after the last.
    next: String,
}

/// Prints page after page, up to a limit, and says so where that leaves rows out. `page` is asked for so many rows after a token.
async fn print(
    sheet: &mut Sheet,
    limit: Option<u64>,
    filter: &str,
    mut page: impl AsyncFnMut(i32, String) -> Result<Page, Status>,
) -> anyhow::Result<()> {
    let mut left = limit.unwrap_or(u64::MAX);
    let mut token = String::new();
    loop {
        let size = i32::try_from(left.min(MOST_ROWS_OF_A_PAGE))?;
        let Page { columns, rows, next } = page(size, token).await.map_err(|status| refusal::told(&status, filter))?;
        if let Some(columns) = columns {
            sheet.set_columns(columns);
        }
        left = left.saturating_sub(rows.len() as u64);
        sheet.print(rows)?;
        if next.is_empty() || left == 0 {
            sheet.finish()?;
            if !next.is_empty() {
                sheet.remark("There are more: --limit ROWS or --all prints them.");
            }
            return Ok(());
        }
        token = next;
    }
}
