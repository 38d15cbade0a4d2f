//! `leadward report agent`.

use std::collections::HashMap;

use tonic::Status;

use super::{
    Page, Show, client, print,
    sheet::{Cell, Row, Sheet, Style},
    user,
};
use crate::{
    cli::remote::{Connection, LARGEST_ANSWER, failed},
    proto::{
        BatchGetLeadsRequest, GetAgentReportRequest, Lead, LeadHistoryEntry, lead_result,
        lead_service_client::LeadServiceClient,
    },
};

/// Prints an agent's leads, and what happened to them last
///
/// One's own report is open to everybody. The 10 most recent entries in the history of all of the agent's leads come after a table of the
/// leads; as CSV or JSON, `--recent` prints them in place of the leads.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Whose report, by the user's ID or e-mail; by default one's own
    #[arg(default_value = "", hide_default_value = true)]
    user: String,

    /// Print the recent entries alone
    #[arg(long, conflicts_with_all = ["limit", "all"])]
    recent: bool,

    #[command(flatten)]
    show: Show,
}

const OF_LEADS: [&str; 8] = ["lead_id", "name", "phone", "country", "kind", "state", "stage", "next_contact_time"];
const OF_ENTRIES: [&str; 6] = ["time", "lead_id", "lead_name", "kind", "actor_id", "what"];

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let connection = args.show.connect().await?;
    let user_id = user::id(&connection, &args.user).await?;
    let style = args.show.style();
    let mut client = client(&connection);
    let mut entries = Vec::new();
    let page = async |page_size, page_token| {
        let user_id = user_id.clone();
        let asked = GetAgentReportRequest { user_id, page_size, page_token, ..GetAgentReportRequest::default() };
        let mut page = client.get_agent_report(asked).await?.into_inner();
        entries.append(&mut page.recent_entries);
        Ok::<_, Status>(Page {
            columns: None,
            rows: page.leads.iter().map(of_lead).collect(),
            next: page.next_page_token,
        })
    };
    if args.recent {
        // Those of all leads come with the first page, however small it is.
        let mut page = page;
        page(1, String::new()).await.map_err(|status| failed(&status))?;
    } else {
        print(&mut Sheet::new(style, &OF_LEADS), args.show.limit(), "", page).await?;
    }
    if args.recent || style == Style::Table {
        let names = names(&connection, &entries).await?;
        let mut sheet = Sheet::new(style, &OF_ENTRIES);
        sheet.print(entries.iter().map(|entry| of_entry(entry, &names)).collect())?;
        sheet.finish()?;
    }
    Ok(())
}

fn of_lead(lead: &Lead) -> Row {
    vec![
        Cell::text(&lead.id),
        Cell::text(lead.name()),
        Cell::text(lead.phone()),
        Cell::text(lead.country()),
        Cell::word(lead.kind().as_str_name(), "LEAD_KIND_"),
        Cell::word(lead.state().as_str_name(), "LEAD_STATE_"),
        Cell::text(lead.stage()),
        Cell::time(lead.next_contact_time),
    ]
}

/// What the leads of some entries are called, by their IDs.
async fn names(connection: &Connection, entries: &[LeadHistoryEntry]) -> anyhow::Result<HashMap<String, String>> {
    let lead_ids: Vec<String> = entries.iter().map(|entry| entry.lead_id.clone()).collect();
    if lead_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let mut client = LeadServiceClient::new(connection.clone()).max_decoding_message_size(LARGEST_ANSWER);
    let answer = client.batch_get_leads(BatchGetLeadsRequest { lead_ids }).await.map_err(|status| failed(&status))?;
    let name = |result| match result {
        Some(lead_result::Result::Lead(lead)) => Some((lead.id, lead.name?)),
        // It may be gone since.
        _ => None,
    };
    Ok(answer.into_inner().results.into_iter().filter_map(|result| name(result.result)).collect())
}

fn of_entry(entry: &LeadHistoryEntry, names: &HashMap<String, String>) -> Row {
    let said = entry.activity.as_ref().map(|activity| activity.text.clone());
    let fields = || entry.changes.iter().map(|change| change.field.as_str()).collect::<Vec<_>>().join(", ");
    vec![
        Cell::time(entry.time),
        Cell::text(&entry.lead_id),
        names.get(&entry.lead_id).and_then(|name| Cell::text(name)),
        Cell::word(entry.kind().as_str_name(), "LEAD_HISTORY_KIND_"),
        Cell::text(&entry.actor_id),
        Cell::text(&said.unwrap_or_else(fields)),
    ]
}
