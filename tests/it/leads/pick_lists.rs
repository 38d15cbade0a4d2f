//! Stages, discard reasons and dispositions.

use leadward::proto::{
    CreatePickListEntryRequest, DiscardLeadRequest, DispositionCategory, ErrorReason, Lead, ListPickListEntriesRequest,
    PickList, PickListEntry, ResolveLeadRequest, UpdatePickListEntryRequest,
};
use tonic::Status;

use crate::support::{Caller, TestServer, fact, faults, named, on_both_databases, refused};

fn stage(name: &str) -> PickListEntry {
    PickListEntry { list: PickList::Stage.into(), name: Some(name.to_owned()), ..PickListEntry::default() }
}

/// Disables or enables an entry.
fn switched(entry: &PickListEntry, disabled: bool) -> PickListEntry {
    PickListEntry { id: entry.id.clone(), disabled: Some(disabled), ..PickListEntry::default() }
}

async fn create(caller: &Caller, entry: PickListEntry) -> Result<PickListEntry, Status> {
    let request = CreatePickListEntryRequest { entry: Some(entry), ..Default::default() };
    Ok(caller.leads().create_pick_list_entry(request).await?.into_inner().entry.unwrap())
}

async fn update(caller: &Caller, entry: PickListEntry) -> Result<PickListEntry, Status> {
    let request = UpdatePickListEntryRequest { entry: Some(entry), ..Default::default() };
    Ok(caller.leads().update_pick_list_entry(request).await?.into_inner().entry.unwrap())
}

async fn names(caller: &Caller, list: PickList, include_disabled: bool) -> Vec<String> {
    let request =
        ListPickListEntriesRequest { list: list.into(), include_disabled, ..ListPickListEntriesRequest::default() };
    let entries = caller.leads().list_pick_list_entries(request).await.unwrap().into_inner().entries;
    entries.iter().map(|entry| entry.name().to_owned()).collect()
}

on_both_databases! {
    async fn a_new_service_has_choices_in_every_list(t: TestServer) {
        let ana = t.agent("ana").await;
        let stages = ["New", "Contacted", "Interested", "Callback"];
        let reasons = ["Not ready", "Not interested", "Unreachable", "Wrong contact"];
        let dispositions = ["Sale", "No answer", "Declined", "Complaint"];
        assert_eq!(names(&ana, PickList::Stage, false).await, stages);
        assert_eq!(names(&ana, PickList::DiscardReason, false).await, reasons);
        assert_eq!(names(&ana, PickList::Disposition, false).await, dispositions);
        assert_eq!(names(&ana, PickList::Unspecified, false).await.len(), 12);

        let entries = ana.leads().list_pick_list_entries(ListPickListEntriesRequest::default()).await.unwrap();
        for entry in entries.into_inner().entries {
            let category = match entry.name() {
                "Complaint" => DispositionCategory::Service,
                _ if entry.list() == PickList::Disposition => DispositionCategory::Sales,
                _ => DispositionCategory::Unspecified,
            };
            assert_eq!(entry.category(), category, "{}", entry.name());
        }
    }

    async fn managers_keep_the_lists_and_agents_read_them(t: TestServer) {
        let (mia, ana) = (t.manager("mia").await, t.agent("ana").await);
        let made = create(&mia, stage("Demo")).await.unwrap();
        assert!(names(&ana, PickList::Stage, false).await.contains(&"Demo".to_owned()));
        let status = refused(create(&ana, stage("Trial")).await, ErrorReason::RoleRequired);
        assert_eq!(fact(&status, "role"), "MANAGER");
        refused(update(&ana, switched(&made, true)).await, ErrorReason::RoleRequired);
    }

    async fn a_name_is_taken_whatever_its_case_even_by_a_disabled_entry(t: TestServer) {
        let made = create(&t.admin(), stage("Demo")).await.unwrap();
        update(&t.admin(), switched(&made, true)).await.unwrap();
        refused(create(&t.admin(), stage("DEMO")).await, ErrorReason::DuplicateResource);
        let other = create(&t.admin(), stage("Trial")).await.unwrap();
        let renamed = PickListEntry { id: other.id, name: Some("demo".to_owned()), ..PickListEntry::default() };
        refused(update(&t.admin(), renamed).await, ErrorReason::DuplicateResource);
        let same_in_another_list = PickListEntry { list: PickList::DiscardReason.into(), ..stage("Demo") };
        create(&t.admin(), same_in_another_list).await.unwrap();
    }

    async fn a_disabled_choice_stays_with_its_leads_and_is_chosen_no_more(t: TestServer) {
        let admin = t.admin();
        let entry = create(&admin, stage("Demo")).await.unwrap();
        let staged = admin.create_lead(Lead { stage: Some("Demo".to_owned()), ..named("Ana") }).await.unwrap();
        let off = update(&admin, switched(&entry, true)).await.unwrap();
        assert!(off.disabled() && off.etag != entry.etag);

        assert_eq!(admin.get_lead(&staged.id).await.unwrap().stage(), "Demo");
        let another = Lead { stage: Some("Demo".to_owned()), ..named("Ben") };
        refused(admin.create_lead(another.clone()).await, ErrorReason::PickListEntryUnusable);
        assert!(!names(&admin, PickList::Stage, false).await.contains(&"Demo".to_owned()));
        assert!(names(&admin, PickList::Stage, true).await.contains(&"Demo".to_owned()));

        update(&admin, switched(&entry, false)).await.unwrap();
        admin.create_lead(another).await.unwrap();
    }

    async fn what_is_not_in_the_list_is_malformed(t: TestServer) {
        let lead = t.lead("Ana").await;
        let staged = t.admin().create_lead(Lead { stage: Some("Nowhere".to_owned()), ..named("Ben") }).await;
        assert_eq!(faults(&refused(staged, ErrorReason::InvalidArgument)), ["lead.stage"]);
        let change = Lead { id: lead.id.clone(), stage: Some("Nowhere".to_owned()), ..Lead::default() };
        let changed = t.admin().update_lead(change, &[]).await;
        assert_eq!(faults(&refused(changed, ErrorReason::InvalidArgument)), ["lead.stage"]);
        let (lead_id, reason) = (lead.id.clone(), "New".to_owned());
        let discard = DiscardLeadRequest { lead_id, reason, ..Default::default() };
        let discarded = t.admin().leads().discard_lead(discard).await;
        assert_eq!(faults(&refused(discarded, ErrorReason::InvalidArgument)), ["reason"]);
        let resolve = ResolveLeadRequest { lead_id: lead.id, disposition: "New".to_owned(), ..Default::default() };
        let resolved = t.admin().assignments().resolve_lead(resolve).await;
        assert_eq!(faults(&refused(resolved, ErrorReason::InvalidArgument)), ["disposition"]);
    }

    async fn a_disabled_reason_discards_nothing(t: TestServer) {
        let reason = PickListEntry { list: PickList::DiscardReason.into(), ..stage("Moved away") };
        let made = create(&t.admin(), reason).await.unwrap();
        update(&t.admin(), switched(&made, true)).await.unwrap();
        let lead = t.lead("Ana").await;
        let request = DiscardLeadRequest { lead_id: lead.id, reason: "Moved away".to_owned(), ..Default::default() };
        refused(t.admin().leads().discard_lead(request).await, ErrorReason::PickListEntryUnusable);
    }

    async fn a_stale_etag_of_an_entry_aborts_its_change(t: TestServer) {
        let old = create(&t.admin(), stage("Demo")).await.unwrap();
        let change = |name: &str, etag: &str| {
            let entry = PickListEntry { id: old.id.clone(), etag: etag.to_owned(), ..PickListEntry::default() };
            PickListEntry { name: Some(name.to_owned()), ..entry }
        };
        let new = update(&t.admin(), change("Trial", &old.etag)).await.unwrap();
        let status = refused(update(&t.admin(), change("Call", &old.etag)).await, ErrorReason::StaleEtag);
        assert_eq!(fact(&status, "current_etag"), new.etag);
        assert_eq!(new.name(), "Trial");
    }

    async fn a_renaming_and_a_disabling_at_once_are_both_kept(t: TestServer) {
        for round in 0..10 {
            let old = create(&t.admin(), stage(&format!("old {round}"))).await.unwrap();
            let renamed = PickListEntry { id: old.id.clone(), name: Some(format!("new {round}")), ..PickListEntry::default() };
            let disabled = PickListEntry { id: old.id.clone(), disabled: Some(true), ..PickListEntry::default() };
            let admin = t.admin();
            let (one, other) = tokio::join!(update(&admin, renamed), update(&admin, disabled));
            one.unwrap();
            other.unwrap();
            let now = update(&admin, PickListEntry { id: old.id, ..PickListEntry::default() }).await.unwrap();
            assert_eq!((now.name(), now.disabled()), (format!("new {round}").as_str(), true));
        }
    }
}
