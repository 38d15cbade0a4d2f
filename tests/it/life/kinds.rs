//! LEAD, REGISTRATION, CLIENT: how far a person has come, by every way in, and never back.

use leadward::proto::{
    CreateLeadRequest, DuplicatePolicy, ImportOptions, ImportOutcome, ImportRow, Lead, LeadHistoryKind, LeadKind,
    LeadSource, LeadState,
};

use super::{kinds_of, known_as};
use crate::support::{Caller, TestServer, client_row, euros, named, on_both_databases, seconds_ago};

/// Expects a lead to be a client whose times are as they were.
async fn assert_still_a_client(admin: &Caller, client: &Lead, after: &str) {
    let now = admin.get_lead(&client.id).await.unwrap();
    assert_eq!(now.kind(), LeadKind::Client, "after {after}");
    assert_eq!(
        (now.register_time, now.first_deposit_time, now.source),
        (client.register_time, client.first_deposit_time, client.source),
        "after {after}"
    );
}

async fn import_one(admin: &Caller, row: ImportRow) -> ImportOutcome {
    let options = ImportOptions { on_duplicate: DuplicatePolicy::Update.into(), ..ImportOptions::default() };
    let results = admin.import_as(options, vec![row]).await.unwrap();
    assert_eq!(results.len(), 1);
    results[0].outcome()
}

async fn create_again(admin: &Caller, lead: Lead) -> Lead {
    let on_duplicate = DuplicatePolicy::Update.into();
    let request = CreateLeadRequest { lead: Some(lead), on_duplicate, ..CreateLeadRequest::default() };
    let answer = admin.leads().create_lead(request).await.unwrap().into_inner();
    assert!(!answer.created);
    answer.lead.unwrap()
}

on_both_databases! {
    async fn each_way_in_has_its_source_and_its_kind(t: TestServer) {
        let admin = t.admin();
        let created = t.lead("created").await;
        let registered = admin.register(known_as("platform-1")).await.unwrap();
        assert!(registered.created);
        let rows = vec![
            ImportRow { row_number: 1, lead: Some(named("a lead")), ..ImportRow::default() },
            ImportRow {
                row_number: 2,
                lead: Some(named("a registration")),
                register_time: Some(seconds_ago(60)),
                ..ImportRow::default()
            },
            ImportRow { row_number: 3, ..client_row("a client") },
            ImportRow {
                row_number: 4,
                lead: Some(named("a client since then")),
                register_time: Some(seconds_ago(60)),
                first_deposit_time: Some(seconds_ago(30)),
                ..ImportRow::default()
            },
        ];
        let mut leads = vec![created, registered.lead.unwrap()];
        for result in admin.import(rows).await.unwrap() {
            leads.push(admin.get_lead(&result.lead_id).await.unwrap());
        }
        let ways: Vec<_> = leads.iter().map(|lead| (lead.source(), lead.kind())).collect();
        let expected = [
            (LeadSource::Api, LeadKind::Lead),
            (LeadSource::Platform, LeadKind::Registration),
            (LeadSource::BulkUpload, LeadKind::Lead),
            (LeadSource::BulkUpload, LeadKind::Registration),
            (LeadSource::BulkUpload, LeadKind::Client),
            (LeadSource::BulkUpload, LeadKind::Client),
        ];
        assert_eq!(ways, expected);
        for (lead, (_, kind)) in leads.iter().zip(expected) {
            assert_eq!(lead.first_deposit_time.is_some(), kind == LeadKind::Client, "{}", lead.name());
            assert_eq!(lead.state(), LeadState::Active);
        }
        assert!([1, 3, 5].iter().all(|at| leads[*at].register_time.is_some()));
    }

    async fn a_registration_has_a_confirmed_address_or_not(t: TestServer) {
        for confirmed in [true, false] {
            let email = Some(format!("{confirmed}@example.com"));
            let lead = Lead { email, email_confirmed: Some(confirmed), ..known_as(&format!("platform-{confirmed}")) };
            let registered = t.admin().register(lead).await.unwrap().lead.unwrap();
            assert_eq!((registered.kind(), registered.email_confirmed()), (LeadKind::Registration, confirmed));
        }
    }

    /// Unless the same change says that it is; another case is no other address.
    async fn another_address_is_not_confirmed(t: TestServer) {
        let admin = t.admin();
        let with = |email: &str| Lead { email: Some(email.to_owned()), ..known_as("platform-1") };
        let confirmed = Lead { email_confirmed: Some(true), ..with("ana@example.com") };
        let id = admin.create_lead(confirmed.clone()).await.unwrap().id;
        let update = async |lead: Lead| admin.update_lead(Lead { id: id.clone(), ..lead }, &[]).await.unwrap();
        let is_confirmed = async || admin.get_lead(&id).await.unwrap().email_confirmed();
        assert!(is_confirmed().await);
        assert!(update(with("ANA@example.com")).await.email_confirmed());

        assert!(!update(with("eva@example.com")).await.email_confirmed());
        assert!(update(confirmed.clone()).await.email_confirmed());
        admin.register(with("eva@example.com")).await.unwrap();
        assert!(!is_confirmed().await);
        assert!(update(confirmed).await.email_confirmed());
        let row = ImportRow { lead: Some(with("eva@example.com")), ..ImportRow::default() };
        assert_eq!(import_one(&admin, row).await, ImportOutcome::Updated);
        assert!(!is_confirmed().await);
    }

    async fn a_lead_becomes_a_registration_and_then_a_client(t: TestServer) {
        let admin = t.admin();
        let lead = admin.create_lead(known_as("platform-1")).await.unwrap();
        let registered = admin.register(known_as("platform-1")).await.unwrap();
        assert!(!registered.created);
        let registered = registered.lead.unwrap();
        assert_eq!((registered.kind(), &registered.id), (LeadKind::Registration, &lead.id));
        assert_eq!((registered.source(), registered.first_deposit_time), (LeadSource::Api, None));

        let client = admin.deposit(&lead.id, "payment-1", euros(10, 0)).await.unwrap().lead.unwrap();
        assert_eq!((client.kind(), client.register_time), (LeadKind::Client, registered.register_time));
        assert!(lead.etag != registered.etag && registered.etag != client.etag);
        let expected = [LeadHistoryKind::Created, LeadHistoryKind::Registered, LeadHistoryKind::Deposited];
        assert_eq!(kinds_of(&admin, &lead.id).await, expected);
    }

    /// Some deposit before they register.
    async fn a_client_who_registers_stays_a_client(t: TestServer) {
        let admin = t.admin();
        let lead = admin.create_lead(known_as("platform-1")).await.unwrap();
        let client = admin.deposit(&lead.id, "payment-1", euros(10, 0)).await.unwrap().lead.unwrap();
        assert_eq!((client.kind(), client.register_time), (LeadKind::Client, None));
        let registered = admin.register(known_as("platform-1")).await.unwrap().lead.unwrap();
        assert_eq!((registered.kind(), registered.first_deposit_time), (LeadKind::Client, client.first_deposit_time));
        assert!(registered.register_time.is_some());
    }

    async fn an_import_moves_a_kind_forward_and_not_back(t: TestServer) {
        let admin = t.admin();
        let lead = admin.create_lead(known_as("platform-1")).await.unwrap();
        let plain = ImportRow { lead: Some(known_as("platform-1")), ..ImportRow::default() };
        let kind = async || admin.get_lead(&lead.id).await.unwrap().kind();

        assert_eq!(import_one(&admin, plain.clone()).await, ImportOutcome::Unchanged);
        assert_eq!(kind().await, LeadKind::Lead);
        let registers = ImportRow { register_time: Some(seconds_ago(60)), ..plain.clone() };
        assert_eq!(import_one(&admin, registers.clone()).await, ImportOutcome::Updated);
        assert_eq!(kind().await, LeadKind::Registration);
        assert_eq!(import_one(&admin, plain.clone()).await, ImportOutcome::Unchanged);
        assert_eq!(kind().await, LeadKind::Registration);
        let deposits = ImportRow { deposited: true, ..plain.clone() };
        assert_eq!(import_one(&admin, deposits).await, ImportOutcome::Updated);
        for row in [plain, registers] {
            assert_eq!(import_one(&admin, row).await, ImportOutcome::Unchanged);
            assert_eq!(kind().await, LeadKind::Client);
        }
    }

    /// Whatever is called, and whatever it says of the times.
    async fn no_call_takes_a_kind_back(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let lead = admin.register(known_as("platform-1")).await.unwrap().lead.unwrap();
        let client = admin.deposit(&lead.id, "payment-1", euros(10, 0)).await.unwrap().lead.unwrap();
        let id = client.id.as_str();

        // What only the service sets is ignored, however the fields are named.
        let downgraded = Lead {
            id: id.to_owned(),
            kind: LeadKind::Lead.into(),
            register_time: None,
            first_deposit_time: Some(seconds_ago(1)),
            source: LeadSource::Api.into(),
            ..named("renamed")
        };
        admin.update_lead(downgraded.clone(), &[]).await.unwrap();
        assert_still_a_client(&admin, &client, "UpdateLead").await;
        let cleared = ["email", "phone", "campaign", "stage", "attributes", "email_confirmed", "locale", "country"];
        admin.update_lead(downgraded, &cleared).await.unwrap();
        assert_still_a_client(&admin, &client, "UpdateLead with a mask").await;

        create_again(&admin, Lead { kind: LeadKind::Lead.into(), ..known_as("platform-1") }).await;
        assert_still_a_client(&admin, &client, "CreateLead with UPDATE").await;
        let row = ImportRow {
            lead: Some(Lead { name: Some("imported".to_owned()), ..known_as("platform-1") }),
            register_time: Some(seconds_ago(600)),
            first_deposit_time: Some(seconds_ago(500)),
            ..ImportRow::default()
        };
        assert_eq!(import_one(&admin, row).await, ImportOutcome::Updated);
        assert_still_a_client(&admin, &client, "ImportLeads with UPDATE").await;
        assert!(!admin.register(known_as("platform-1")).await.unwrap().created);
        assert_still_a_client(&admin, &client, "RegisterLead").await;
        admin.deposit(id, "payment-2", euros(1, 0)).await.unwrap();
        assert_still_a_client(&admin, &client, "RecordDeposit").await;

        admin.assign(id, &ana).await.unwrap();
        admin.discard(id).await.unwrap();
        assert_still_a_client(&admin, &client, "DiscardLead").await;
        admin.retrieve(id).await.unwrap();
        admin.resolve(id).await.unwrap();
        admin.reopen(id).await.unwrap();
        admin.unassign(id).await.unwrap();
        assert_still_a_client(&admin, &client, "the rest").await;
    }
}
