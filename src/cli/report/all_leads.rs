//! `leadward report all-leads`.

use indicatif::ProgressBar;
use prost_types::FieldMask;
use tonic::{Status, Streaming};

use super::{
    Page, Show, client, columns, print, refusal,
    sheet::{Cell, Row, Sheet, Style},
    view,
};
use crate::{
    cli::{
        remote::Connection,
        resumed::{Parts, Resumed},
    },
    proto::{
        ExportAllLeadsReportRequest, ExportAllLeadsReportResponse, FacetCounts, FacetValue, LeadFacet, Report,
        ReportCell, ReportRow, ReportTotals, RunAllLeadsReportRequest, report_cell,
        report_service_client::ReportServiceClient,
    },
};

/// Prints leads of the whole company, in columns
///
/// For users who may view this report. As CSV or JSON, without a limit, it is a stream of those leads alone that the user may export, and goes
/// on by itself where the connection breaks.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which columns, in which order, separated by commas
    ///
    /// id, external_id, name, email, email_confirmed, phone, country, locale, source, campaign, attributes.NAME or attributes."A NAME", kind,
    /// state, stage, discard_reason, disposition, next_contact_time, assignee, assignee_id, group, group_id, created_by, register_time,
    /// first_deposit_time, assign_time, discard_time, resolve_time, create_time, update_time, last_order_status, last_order_number,
    /// last_order_amount, last_order_place_time.
    #[arg(long)]
    columns: Vec<String>,

    /// Which leads, such as 'country = "PT" AND NOT next_contact_time:*'; ACTIVE and RESOLVED ones, unless it tests the state
    #[arg(long, default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    filter: String,

    /// In which order, such as 'next_contact_time desc, name'; by default the newest first
    #[arg(long, default_value = "", hide_default_value = true, value_name = "FIELDS")]
    order_by: String,

    /// A saved view, by its name or ID; what else is given takes the place of what it says
    #[arg(long)]
    view: Option<String>,

    /// Print how many leads there are, by kind, stage, country and assignee: after a table, or else in place of the rows
    #[arg(long, conflicts_with = "limit")]
    totals: bool,

    /// Up to how many leads the totals count, by default 10,000
    #[arg(long, requires = "totals", value_name = "LEADS", value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
    max_count: Option<i64>,

    #[command(flatten)]
    show: Show,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let connection = args.show.connect().await?;
    let saved_view_id = view::id(&connection, Report::AllLeads, args.view.as_deref()).await?;
    let columns: Vec<String> = args.columns.iter().flat_map(|list| columns::split(list)).collect();
    let request = RunAllLeadsReportRequest {
        filter: args.filter.clone(),
        order_by: args.order_by.clone(),
        read_mask: (!columns.is_empty()).then_some(FieldMask { paths: columns }),
        saved_view_id,
        include_totals: args.totals,
        max_count: args.max_count.unwrap_or_default(),
        ..RunAllLeadsReportRequest::default()
    };
    let style = args.show.style();
    match args.show.limit() {
        _ if args.totals && style != Style::Table => print_totals_alone(client(&connection), request, style).await,
        None if style != Style::Table => print_stream(&connection, request, style).await,
        limit => print_pages(client(&connection), request, style, limit).await,
    }
}

async fn print_pages(
    mut client: ReportServiceClient<Connection>,
    request: RunAllLeadsReportRequest,
    style: Style,
    limit: Option<u64>,
) -> anyhow::Result<()> {
    let mut totals = None;
    let page = async |page_size, page_token| {
        let asked = RunAllLeadsReportRequest { page_size, page_token, ..request.clone() };
        let page = client.run_all_leads_report(asked).await?.into_inner();
        totals = totals.take().or(page.totals);
        let rows = page.rows.into_iter().map(row).collect();
        Ok::<_, Status>(Page { columns: Some(page.columns), rows, next: page.next_page_token })
    };
    print(&mut Sheet::new(style, &[]), limit, &request.filter, page).await?;
    totals.map_or(Ok(()), |totals| print_totals(totals, style))
}

async fn print_totals_alone(
    mut client: ReportServiceClient<Connection>,
    request: RunAllLeadsReportRequest,
    style: Style,
) -> anyhow::Result<()> {
    let asked = RunAllLeadsReportRequest { page_size: 1, ..request.clone() };
    let answer = client.run_all_leads_report(asked).await.map_err(|status| refusal::told(&status, &request.filter))?;
    print_totals(answer.into_inner().totals.unwrap_or_default(), style)
}

fn print_totals(totals: ReportTotals, style: Style) -> anyhow::Result<()> {
    let ReportTotals { count, capped, facets } = totals;
    // Where there are more, all numbers are of the leads that were counted.
    let of_some = || Some(Cell::Flag(capped));
    let mut rows = vec![vec![Cell::text("all"), None, None, Some(Cell::Number(count)), of_some()]];
    for FacetCounts { facet, values } in &facets {
        let by = LeadFacet::try_from(*facet).unwrap_or_default().as_str_name();
        let by = by.strip_prefix("LEAD_FACET_").unwrap_or(by).to_lowercase();
        rows.extend(values.iter().map(|FacetValue { value, display_name, count }| {
            let value = value.strip_prefix("LEAD_KIND_").unwrap_or(value);
            let count = Some(Cell::Number(*count));
            vec![Cell::text(&by), Cell::text(value), Cell::text(display_name), count, of_some()]
        }));
    }
    let mut sheet = Sheet::new(style, &["by", "value", "name", "leads", "capped"]);
    sheet.print(rows)?;
    sheet.finish()
}

async fn print_stream(connection: &Connection, request: RunAllLeadsReportRequest, style: Style) -> anyhow::Result<()> {
    let RunAllLeadsReportRequest { filter, order_by, read_mask, saved_view_id, .. } = request;
    let request = ExportAllLeadsReportRequest { filter, order_by, read_mask, saved_view_id, ..Default::default() };
    let bar = ProgressBar::new_spinner();
    let mut parts = Resumed::new(Export { client: client(connection), request }, &bar);
    let mut sheet = Sheet::new(style, &[]);
    while let Some(part) = parts.next().await? {
        sheet.set_columns(part.columns);
        bar.inc(part.rows.len() as u64);
        sheet.print(part.rows.into_iter().map(row).collect())?;
    }
    bar.finish_and_clear();
    eprintln!(
        "note: these are the leads that this user may EXPORT; a table, or --limit, shows those of the whole company"
    );
    sheet.finish()
}

struct Export {
    client: ReportServiceClient<Connection>,
    request: ExportAllLeadsReportRequest,
}

impl Parts for Export {
    const NAME: &'static str = "report";
    type Part = ExportAllLeadsReportResponse;

    async fn ask(&mut self, cursor: &str) -> Result<Streaming<ExportAllLeadsReportResponse>, Status> {
        let request = ExportAllLeadsReportRequest { cursor: cursor.to_owned(), ..self.request.clone() };
        Ok(self.client.export_all_leads_report(request).await?.into_inner())
    }

    fn cursor(part: &ExportAllLeadsReportResponse) -> &str {
        &part.cursor
    }

    fn told(&self, refusal: &Status) -> anyhow::Error {
        refusal::told(refusal, &self.request.filter)
    }
}

fn row(row: ReportRow) -> Row {
    row.cells.into_iter().map(cell).collect()
}

fn cell(cell: ReportCell) -> Option<Cell> {
    match cell.value? {
        report_cell::Value::Text(text) => Some(Cell::Text(text)),
        report_cell::Value::Time(time) => Cell::time(Some(time)),
        report_cell::Value::Flag(flag) => Some(Cell::Flag(flag)),
    }
}
