//! `leadward report my-leads`.

use tonic::Status;

use super::{
    Page, Show, client, print,
    sheet::{Cell, Row, Sheet},
    view,
};
use crate::proto::{ListMyLeadsRequest, MyLead, Report};

/// Prints the leads that are assigned to the token's user
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which of them, such as 'stage = "Callback"'; ACTIVE and RESOLVED ones, unless it tests the state
    #[arg(long, default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    filter: String,

    /// In which order, such as 'next_contact_time, name'; by default the newest first
    #[arg(long, default_value = "", hide_default_value = true, value_name = "FIELDS")]
    order_by: String,

    /// A saved view, by its name or ID; what else is given takes the place of what it says
    #[arg(long)]
    view: Option<String>,

    #[command(flatten)]
    show: Show,
}

const COLUMNS: [&str; 8] =
    ["lead_id", "name", "country", "kind", "stage", "next_contact_time", "last_order_status", "create_time"];

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let connection = args.show.connect().await?;
    let saved_view_id = view::id(&connection, Report::MyLeads, args.view.as_deref()).await?;
    let (filter, order_by) = (args.filter.clone(), args.order_by.clone());
    let request = ListMyLeadsRequest { filter, order_by, saved_view_id, ..ListMyLeadsRequest::default() };
    let mut client = client(&connection);
    let page = async |page_size, page_token| {
        let asked = ListMyLeadsRequest { page_size, page_token, ..request.clone() };
        let page = client.list_my_leads(asked).await?.into_inner();
        Ok::<_, Status>(Page { columns: None, rows: page.leads.iter().map(row).collect(), next: page.next_page_token })
    };
    print(&mut Sheet::new(args.show.style(), &COLUMNS), args.show.limit(), &args.filter, page).await
}

fn row(lead: &MyLead) -> Row {
    vec![
        Cell::text(&lead.lead_id),
        Cell::text(&lead.name),
        Cell::text(&lead.country),
        Cell::word(lead.kind().as_str_name(), "LEAD_KIND_"),
        Cell::text(&lead.stage),
        Cell::time(lead.next_contact_time),
        Cell::word(lead.last_order_status().as_str_name(), "ORDER_STATUS_"),
        Cell::time(lead.create_time),
    ]
}
