use std::collections::BTreeMap;

use leadward::proto::{
    BatchGetLeadsRequest, CountLeadsRequest, CreateLeadRequest, CreatePickListEntryRequest, DeleteLeadRequest,
    DiscardLeadRequest, DispositionCategory, GetLeadRequest, ImportLeadsRequest, ImportOptions, ImportResult,
    ImportRow, Lead, LeadMatchKey, ListLeadsRequest, ListPickListEntriesRequest, PickList, PickListEntry,
    ReopenLeadRequest, RetrieveLeadRequest, UpdateLeadRequest, UpdatePickListEntryRequest,
};
use prost_types::Timestamp;
use tonic::Status;

use super::{Table, UNKNOWN, bad, long, mask, x};
use crate::support::{Caller, item_status, named};

/// A time that no clock shows.
pub const NEVER: Timestamp = Timestamp { seconds: 0, nanos: -1 };

/// Wrong in every field that a caller can set.
pub fn bad_lead() -> Lead {
    Lead {
        external_id: Some(long(129)),
        name: Some(long(201)),
        email: Some("not an address".to_owned()),
        phone: Some("call me".to_owned()),
        country: Some("ZZ".to_owned()),
        locale: Some("not a locale".to_owned()),
        campaign: Some(long(201)),
        attributes: BTreeMap::from([("not a name".to_owned(), x())]),
        stage: Some(long(101)),
        next_contact_time: Some(NEVER),
        group_id: Some(x()),
        assignee_id: x(),
        ..Lead::default()
    }
}

/// Leads that are wrong in one field each.
fn leads_with_one_fault() -> Vec<(&'static str, Lead)> {
    let email = |text: &str| ("lead.email", Lead { email: Some(text.to_owned()), ..named("Ana") });
    let phone = |text: &str| ("lead.phone", Lead { phone: Some(text.to_owned()), ..named("Ana") });
    let country = |text: &str| ("lead.country", Lead { country: Some(text.to_owned()), ..named("Ana") });
    let locale = |text: &str| ("lead.locale", Lead { locale: Some(text.to_owned()), ..named("Ana") });
    let attributes = |attributes| ("lead.attributes", Lead { attributes, ..named("Ana") });
    let attribute = |name: &str, value: String| attributes(BTreeMap::from([(name.to_owned(), value)]));
    let time = |time| ("lead.next_contact_time", Lead { next_contact_time: Some(time), ..named("Ana") });
    vec![
        ("lead", Lead { campaign: Some("spring".to_owned()), ..Lead::default() }),
        ("lead", Lead { name: Some(" ".to_owned()), email: Some(String::new()), ..Lead::default() }),
        email("ana"),
        email("ana@localhost"),
        email("@example.com"),
        email("ana silva@example.com"),
        email(&format!("{}@example.com", long(250))),
        phone("12"),
        phone("910 000 000"),
        phone("+351 910 000 000 000 000 000"),
        country("pt"),
        country("PRT"),
        locale("-"),
        locale("pt_PT"),
        attribute("", x()),
        attribute(&long(65), x()),
        attribute("größe", x()),
        attribute("size", long(1025)),
        attributes((0..65).map(|number| (format!("a{number}"), x())).collect()),
        time(Timestamp { seconds: 0, nanos: 1_000_000_000 }),
        time(Timestamp { seconds: 253_402_300_800, nanos: 0 }),
    ]
}

/// The first row's refusal, or the stream's.
async fn import(admin: &Caller, options: Option<ImportOptions>, rows: Vec<ImportRow>) -> Result<(), Status> {
    let messages = tokio_stream::iter([ImportLeadsRequest { options, rows }]);
    let mut responses = admin.leads().import_leads(messages).await?.into_inner();
    let results = responses.message().await?.expect("one answer").results;
    match results.as_slice() {
        [ImportResult { error: Some(error), .. }, ..] => Err(item_status(error)),
        _ => Ok(()),
    }
}

pub async fn ask(admin: &Caller, table: &mut Table) {
    let mut client = admin.leads();
    for (field, lead) in leads_with_one_fault() {
        let request = CreateLeadRequest { lead: Some(lead), ..Default::default() };
        table.expect("create_lead", client.create_lead(request).await.map(drop), &[field]);
    }
    let (lead, match_keys) = (Some(bad_lead()), vec![0, UNKNOWN]);
    bad!(
        table,
        client,
        create_lead,
        CreateLeadRequest { lead, on_duplicate: UNKNOWN, match_keys, request_id: x() },
        [
            "lead.external_id",
            "lead.name",
            "lead.email",
            "lead.phone",
            "lead.country",
            "lead.locale",
            "lead.campaign",
            "lead.attributes",
            "lead.stage",
            "lead.next_contact_time",
            "lead.group_id",
            "lead.assignee_id",
            "on_duplicate",
            "match_keys[0]",
            "match_keys[1]",
            "request_id",
        ]
    );
    bad!(table, client, create_lead, CreateLeadRequest::default(), ["lead"]);

    bad!(table, client, get_lead, GetLeadRequest { lead_id: x() }, ["lead_id"]);
    bad!(table, client, get_lead, GetLeadRequest::default(), ["lead_id"]);
    for lead_ids in [vec![], vec![x(); 1001]] {
        bad!(table, client, batch_get_leads, BatchGetLeadsRequest { lead_ids }, ["lead_ids"]);
    }
    let request = BatchGetLeadsRequest { lead_ids: vec![x(), String::new()] };
    bad!(table, client, batch_get_leads, request, ["lead_ids[0]", "lead_ids[1]"]);
    let request =
        ListLeadsRequest { action: UNKNOWN, states: vec![1, 0, UNKNOWN], page_size: -1, ..Default::default() };
    bad!(table, client, list_leads, request, ["action", "states[1]", "states[2]", "page_size"]);
    let request = ListLeadsRequest {
        action: UNKNOWN,
        states: vec![0],
        filter: "nickname = \"ana\"".to_owned(),
        order_by: "nickname".to_owned(),
        read_mask: mask("nickname"),
        page_size: -1,
        ..Default::default()
    };
    let fields = ["action", "states[0]", "filter", "order_by", "read_mask.paths[0]", "page_size"];
    table.expect("list_leads", client.list_leads(request).await.map(drop), &fields);
    // A name is looked up before anything is refused, so that its fault is told with the others.
    for filter in ["assignee = \"nobody@example.com\"", "group = \"nowhere\" OR created_by = \"nobody\""] {
        let request = ListLeadsRequest { filter: filter.to_owned(), page_size: -1, ..Default::default() };
        bad!(table, client, list_leads, request, ["filter", "page_size"]);
    }
    let request = CountLeadsRequest {
        action: UNKNOWN,
        states: vec![1, 0, UNKNOWN],
        filter: "name =".to_owned(),
        max_count: -1,
        facets: vec![1, 0, UNKNOWN],
    };
    let fields = ["action", "states[1]", "states[2]", "filter", "max_count", "facets[1]", "facets[2]"];
    table.expect("count_leads", client.count_leads(request).await.map(drop), &fields);

    let lead = Some(Lead { id: x(), ..bad_lead() });
    bad!(
        table,
        client,
        update_lead,
        UpdateLeadRequest { lead: lead.clone(), request_id: x(), ..Default::default() },
        [
            "lead.id",
            "lead.external_id",
            "lead.name",
            "lead.email",
            "lead.phone",
            "lead.country",
            "lead.locale",
            "lead.campaign",
            "lead.attributes",
            "lead.stage",
            "lead.next_contact_time",
            "lead.group_id",
            "request_id",
        ]
    );
    let request = UpdateLeadRequest { lead: lead.clone(), update_mask: mask("email"), ..Default::default() };
    bad!(table, client, update_lead, request, ["lead.id", "lead.email"]);
    let request = UpdateLeadRequest { lead, update_mask: mask("assignee_id"), ..Default::default() };
    bad!(table, client, update_lead, request, ["lead.id", "update_mask"]);

    let request = DiscardLeadRequest { lead_id: x(), request_id: x(), ..Default::default() };
    bad!(table, client, discard_lead, request, ["lead_id", "reason", "request_id"]);
    let request = RetrieveLeadRequest { lead_id: x(), etag: x(), request_id: x() };
    bad!(table, client, retrieve_lead, request, ["lead_id", "request_id"]);
    let request = ReopenLeadRequest { request_id: x(), ..Default::default() };
    bad!(table, client, reopen_lead, request, ["lead_id", "request_id"]);
    bad!(table, client, delete_lead, DeleteLeadRequest::default(), ["lead_id", "reason"]);
    let request = DeleteLeadRequest { lead_id: x(), reason: UNKNOWN, request_id: x(), ..Default::default() };
    bad!(table, client, delete_lead, request, ["lead_id", "reason", "request_id"]);

    ask_about_imports(admin, table).await;
    ask_about_pick_lists(admin, table).await;
}

async fn ask_about_imports(admin: &Caller, table: &mut Table) {
    let row = ImportRow {
        lead: Some(bad_lead()),
        assignee_email: "ana@example.com".to_owned(),
        group_name: "north".to_owned(),
        register_time: Some(NEVER),
        first_deposit_time: Some(NEVER),
        ..ImportRow::default()
    };
    let fields = [
        "lead.external_id",
        "lead.name",
        "lead.email",
        "lead.phone",
        "lead.country",
        "lead.locale",
        "lead.campaign",
        "lead.attributes",
        "lead.stage",
        "lead.next_contact_time",
        "lead.group_id",
        "lead.assignee_id",
        "assignee_email",
        "group_name",
        "register_time",
        "first_deposit_time",
    ];
    table.expect("import_leads", import(admin, None, vec![row.clone()]).await, &fields);
    table.expect("import_leads", import(admin, None, vec![ImportRow::default()]).await, &["lead"]);
    table.expect("import_leads", import(admin, None, vec![row; 1001]).await, &["rows"]);
    let options =
        ImportOptions { on_duplicate: UNKNOWN, match_keys: vec![LeadMatchKey::Email.into(), 0], ..Default::default() };
    let fields = ["options.on_duplicate", "options.match_keys[1]"];
    table.expect("import_leads", import(admin, Some(options), vec![]).await, &fields);
    for import_id in [long(129), " ".to_owned()] {
        let options = ImportOptions { on_duplicate: UNKNOWN, import_id, ..Default::default() };
        let fields = ["options.on_duplicate", "options.import_id"];
        table.expect("import_leads", import(admin, Some(options), vec![]).await, &fields);
    }
    let options = ImportOptions { import_id: "backwards".to_owned(), ..Default::default() };
    let row = |row_number| ImportRow { row_number, lead: Some(named("Ana")), ..ImportRow::default() };
    let backwards = import(admin, Some(options), vec![row(2), row(1)]).await;
    table.expect("import_leads", backwards, &["rows[1].row_number"]);
    for (field, row) in [
        ("assignee_email", ImportRow { assignee_email: "nobody@example.com".to_owned(), ..ImportRow::default() }),
        ("group_name", ImportRow { group_name: "nowhere".to_owned(), ..ImportRow::default() }),
    ] {
        let row = ImportRow { lead: Some(named("Ana")), ..row };
        table.expect("import_leads", import(admin, None, vec![row]).await, &[field]);
    }
}

async fn ask_about_pick_lists(admin: &Caller, table: &mut Table) {
    let mut client = admin.leads();
    let request = CreatePickListEntryRequest { request_id: x(), ..Default::default() };
    bad!(table, client, create_pick_list_entry, request, ["entry.list", "entry.name", "request_id"]);
    let entry = |list: PickList, category: DispositionCategory| {
        let (list, category, name) = (list.into(), category.into(), Some(long(101)));
        CreatePickListEntryRequest {
            entry: Some(PickListEntry { list, category, name, ..PickListEntry::default() }),
            ..Default::default()
        }
    };
    for request in [
        entry(PickList::Disposition, DispositionCategory::Unspecified),
        entry(PickList::Stage, DispositionCategory::Sales),
        entry(PickList::DiscardReason, DispositionCategory::Service),
    ] {
        bad!(table, client, create_pick_list_entry, request, ["entry.name", "entry.category"]);
    }
    let entry = Some(PickListEntry { id: x(), name: Some(" ".to_owned()), ..PickListEntry::default() });
    let request = UpdatePickListEntryRequest { entry: entry.clone(), request_id: x(), ..Default::default() };
    bad!(table, client, update_pick_list_entry, request, ["entry.id", "entry.name", "request_id"]);
    let request = UpdatePickListEntryRequest { entry, update_mask: mask("list"), ..Default::default() };
    bad!(table, client, update_pick_list_entry, request, ["entry.id", "update_mask"]);
    let request = ListPickListEntriesRequest { list: UNKNOWN, page_size: -1, ..Default::default() };
    bad!(table, client, list_pick_list_entries, request, ["list", "page_size"]);
}
