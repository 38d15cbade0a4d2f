//! `leadward report orders`.

use chrono::{DateTime, NaiveDate, NaiveTime};
use clap::ValueEnum;
use prost_types::Timestamp;

use super::{
    Page, Show, client, print,
    sheet::{Cell, Row, Sheet},
};
use crate::proto::{ListOrderDetailsRequest, OrderDetail, OrderStatus};

/// Prints orders beside their leads, the latest placed first
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only orders in this status; may be repeated
    #[arg(long = "status", value_enum, value_delimiter = ',', ignore_case = true)]
    statuses: Vec<Status>,

    /// Only orders in this currency, such as EUR
    #[arg(long, default_value = "", hide_default_value = true)]
    currency: String,

    /// Only orders placed at this time or later: RFC 3339, or a date, which is its midnight in UTC
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Option<Timestamp>,

    /// Only orders placed before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Timestamp>,

    /// Only orders whose lead has an assignee
    #[arg(long)]
    assigned: bool,

    /// Only orders whose lead has none
    #[arg(long, conflicts_with = "assigned")]
    unassigned: bool,

    /// Print who works the lead, too
    #[arg(long)]
    agent: bool,

    #[command(flatten)]
    show: Show,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    Partial,
    Completed,
    Cancelled,
    Refunded,
}

impl From<Status> for OrderStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Partial => Self::Partial,
            Status::Completed => Self::Completed,
            Status::Cancelled => Self::Cancelled,
            Status::Refunded => Self::Refunded,
        }
    }
}

const COLUMNS: [&str; 12] = [
    "order_id",
    "number",
    "status",
    "amount",
    "currency",
    "place_time",
    "lead_id",
    "lead_name",
    "lead_email",
    "lead_phone",
    "lead_country",
    "lead_stage",
];
const OF_THE_AGENT: [&str; 2] = ["assignee_id", "assignee"];

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let connection = args.show.connect().await?;
    let request = ListOrderDetailsRequest {
        statuses: args.statuses.iter().map(|status| OrderStatus::from(*status).into()).collect(),
        currency_code: args.currency.clone(),
        min_place_time: args.from,
        max_place_time: args.until,
        assigned: (args.assigned || args.unassigned).then_some(args.assigned),
        include_agent: args.agent,
        ..ListOrderDetailsRequest::default()
    };
    let mut columns = COLUMNS.to_vec();
    if args.agent {
        columns.extend(OF_THE_AGENT);
    }
    let mut client = client(&connection);
    let page = async |page_size, page_token| {
        let asked = ListOrderDetailsRequest { page_size, page_token, ..request.clone() };
        let page = client.list_order_details(asked).await?.into_inner();
        let rows = page.details.iter().map(|detail| row(detail, args.agent)).collect();
        Ok::<_, tonic::Status>(Page { columns: None, rows, next: page.next_page_token })
    };
    print(&mut Sheet::new(args.show.style(), &columns), args.show.limit(), "", page).await
}

fn row(detail: &OrderDetail, agent: bool) -> Row {
    let order = detail.order.clone().unwrap_or_default();
    let [amount, currency] = Cell::money(order.amount.as_ref());
    let mut row = vec![
        Cell::text(&order.id),
        Cell::text(&order.number),
        Cell::word(order.status().as_str_name(), "ORDER_STATUS_"),
        amount,
        currency,
        Cell::time(order.place_time),
        Cell::text(&order.lead_id),
        Cell::text(&detail.lead_name),
        Cell::text(&detail.lead_email),
        Cell::text(&detail.lead_phone),
        Cell::text(&detail.lead_country),
        Cell::text(&detail.lead_stage),
    ];
    if agent {
        row.extend([Cell::text(&detail.assignee_id), Cell::text(&detail.assignee_name)]);
    }
    row
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    let time = time.or_else(|_| text.parse().map(midnight)).map_err(|_| "neither RFC 3339 nor a date".to_owned())?;
    let nanos = i32::try_from(time.timestamp_subsec_nanos()).map_err(|_| "no such second".to_owned())?;
    Ok(Timestamp { seconds: time.timestamp(), nanos })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_whole_or_a_date() {
        let seconds = |text| parse_time(text).map(|time| time.seconds);
        assert_eq!(seconds("1970-01-02"), Ok(86_400));
        assert_eq!(seconds("1970-01-01T02:00:00+01:00"), Ok(3_600));
        assert!(parse_time("yesterday").is_err());
    }
}
