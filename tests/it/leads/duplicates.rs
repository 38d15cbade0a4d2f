//! A lead that exists is recognised, and its secrets are kept.

use std::collections::HashMap;

use futures::future::join_all;
use leadward::proto::{
    AccessLevel, CreateLeadRequest, CreateLeadResponse, DuplicatePolicy, ErrorReason, ImportOptions, ImportOutcome,
    ImportRow, Lead, LeadAction, LeadMatchKey,
};
use tonic::Status;
use tonic_types::StatusExt;

use crate::support::{Caller, TestServer, answer, fact, item_status, named, on_both_databases, permission, refused};

async fn create(caller: &Caller, lead: Lead, policy: DuplicatePolicy) -> Result<CreateLeadResponse, Status> {
    let request = CreateLeadRequest { lead: Some(lead), on_duplicate: policy.into(), ..Default::default() };
    Ok(caller.leads().create_lead(request).await?.into_inner())
}

fn existing() -> Lead {
    Lead {
        external_id: Some("platform-7".to_owned()),
        email: Some("Ana@Example.com".to_owned()),
        phone: Some("+351910000000".to_owned()),
        ..named("Ana")
    }
}

/// Leads that match the existing one by one field each, in another spelling where there is one.
fn matching() -> [(&'static str, Lead); 5] {
    let phone = |text: &str| Lead { phone: Some(text.to_owned()), country: Some("PT".to_owned()), ..named("Eva") };
    [
        ("external_id", Lead { external_id: existing().external_id, ..named("Eva") }),
        ("email", Lead { email: Some("ANA@example.COM".to_owned()), ..named("Eva") }),
        ("phone", phone("+351 910-000-000")),
        ("phone", phone("910 000 000")),
        ("phone", phone("+351 (910) 000.000")),
    ]
}

on_both_databases! {
    async fn a_duplicate_is_rejected_and_names_the_lead_that_exists(t: TestServer) {
        let lead = t.admin().create_lead(existing()).await.unwrap();
        for policy in [DuplicatePolicy::Unspecified, DuplicatePolicy::Reject] {
            for (field, duplicate) in matching() {
                let status = refused(create(&t.admin(), duplicate, policy).await, ErrorReason::DuplicateLead);
                assert_eq!(fact(&status, "field"), field);
                assert_eq!(status.get_details_resource_info().unwrap().resource_name, lead.id);
            }
        }
        assert_eq!(t.admin().list_leads(LeadAction::View).await.unwrap(), [lead]);
    }

    async fn a_skipped_duplicate_answers_with_the_lead_that_exists_as_it_is(t: TestServer) {
        let lead = t.admin().create_lead(existing()).await.unwrap();
        for (field, duplicate) in matching() {
            let response = create(&t.admin(), duplicate, DuplicatePolicy::Skip).await.unwrap();
            assert_eq!(response, CreateLeadResponse { lead: Some(lead.clone()), created: false }, "{field}");
        }
    }

    async fn an_updating_duplicate_changes_the_lead_that_exists(t: TestServer) {
        let lead = t.admin().create_lead(existing()).await.unwrap();
        for (number, (field, duplicate)) in matching().into_iter().enumerate() {
            let name = Some(format!("Eva {number}"));
            let duplicate = Lead { name: name.clone(), ..duplicate };
            let response = create(&t.admin(), duplicate, DuplicatePolicy::Update).await.unwrap();
            let changed = response.lead.unwrap();
            assert_eq!((response.created, &changed.id, &changed.name), (false, &lead.id, &name), "{field}");
            assert_eq!((changed.external_id(), changed.phone()), (lead.external_id(), lead.phone()), "{field}");
        }
        assert_eq!(t.admin().list_leads(LeadAction::View).await.unwrap().len(), 1);
    }

    async fn whoever_may_not_view_the_existing_lead_learns_no_more_than_that_there_is_one(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let lead = t.admin().create_lead(Lead { assignee_id: ben.id, ..existing() }).await.unwrap();
        let mut answers = Vec::new();
        for (_, duplicate) in matching() {
            let rejected = create(&ana, duplicate.clone(), DuplicatePolicy::Reject).await;
            let status = refused(rejected, ErrorReason::DuplicateLead);
            let resource = status.get_details_resource_info().map(|info| info.resource_name).unwrap_or_default();
            assert_eq!((resource, fact(&status, "field")), (String::new(), String::new()));
            answers.push(answer(&status));

            let skipped = create(&ana, duplicate.clone(), DuplicatePolicy::Skip).await.unwrap();
            assert_eq!(skipped, CreateLeadResponse { lead: None, created: false });
            create(&ana, duplicate, DuplicatePolicy::Update).await.unwrap_err();
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        assert_eq!(t.admin().list_leads(LeadAction::View).await.unwrap(), [lead]);
    }

    async fn whoever_may_only_view_the_existing_lead_does_not_update_it(t: TestServer) {
        let ana = t.agent("ana").await;
        t.admin().set_permission(&ana, permission(LeadAction::View, AccessLevel::Complete)).await.unwrap();
        let lead = t.admin().create_lead(existing()).await.unwrap();
        for (_, duplicate) in matching() {
            let answer = create(&ana, duplicate, DuplicatePolicy::Update).await;
            let status = refused(answer, ErrorReason::ActionNotPermitted);
            assert_eq!(fact(&status, "action"), "EDIT");
        }
        assert_eq!(ana.get_lead(&lead.id).await.unwrap(), lead);
    }

    /// Families share phones: who has another external ID is somebody else, and is not changed.
    async fn a_lead_with_another_external_id_is_not_updated(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let mother = admin.create_lead(existing()).await.unwrap();
        let child = Lead { external_id: Some("platform-8".to_owned()), phone: existing().phone, ..named("Eva") };
        let pupil = Lead { email: existing().email, ..child.clone() };
        for (lead, field) in [(&child, "phone"), (&pupil, "email")] {
            let answer = create(&admin, lead.clone(), DuplicatePolicy::Update).await;
            let status = refused(answer, ErrorReason::DuplicateLead);
            assert_eq!(fact(&status, "field"), field);
            assert_eq!(status.get_details_resource_info().unwrap().resource_name, mother.id);
        }
        let status = refused(create(&ana, child.clone(), DuplicatePolicy::Update).await, ErrorReason::DuplicateLead);
        assert_eq!(fact(&status, "field"), "", "a hidden one is not named");
        let options = ImportOptions { on_duplicate: DuplicatePolicy::Update.into(), ..ImportOptions::default() };
        let row = ImportRow { row_number: 1, lead: Some(child.clone()), ..ImportRow::default() };
        let results = admin.import_as(options.clone(), vec![row.clone()]).await.unwrap();
        let status = item_status(results[0].error.as_ref().unwrap());
        refused(Err::<(), _>(status), ErrorReason::DuplicateLead);
        assert_eq!(admin.get_lead(&mother.id).await.unwrap(), mother);

        // Of a family, the one is meant whom the platform doesn't know yet.
        let nameless = CreateLeadRequest {
            lead: Some(Lead { phone: existing().phone, ..named("unknown") }),
            match_keys: vec![LeadMatchKey::ExternalId.into()],
            ..CreateLeadRequest::default()
        };
        let unknown = admin.leads().create_lead(nameless).await.unwrap().into_inner().lead.unwrap();
        let results = admin.import_as(options, vec![row]).await.unwrap();
        assert_eq!((results[0].outcome(), &results[0].lead_id), (ImportOutcome::Updated, &unknown.id));
        assert_eq!(admin.get_lead(&unknown.id).await.unwrap().external_id(), "platform-8");
        assert_eq!(admin.get_lead(&mother.id).await.unwrap(), mother);

        let anonymous = Lead { phone: existing().phone, ..named("Ana Maria") };
        let updated = create(&admin, anonymous, DuplicatePolicy::Update).await.unwrap().lead.unwrap();
        assert_eq!((&updated.id, updated.name()), (&mother.id, "Ana Maria"), "who gives no ID may mean her");
    }

    /// The rows of a message are written in parts, while later ones are looked at.
    async fn a_row_is_recognised_as_one_of_the_same_message_however_far_apart_they_are(t: TestServer) {
        let row = |policy: DuplicatePolicy, number: i64| {
            // Every 20th row is the one 15, 115, 215 or 315 rows before it again.
            let same = if number % 20 == 19 { number - 15 - number / 20 % 4 * 100 } else { number };
            let external_id = Some(format!("{policy:?}-{}", if same > 0 { same } else { number }));
            let lead = Some(Lead { external_id, ..named(&format!("row {number}")) });
            ImportRow { row_number: number, lead, ..ImportRow::default() }
        };
        for policy in [DuplicatePolicy::Reject, DuplicatePolicy::Skip, DuplicatePolicy::Update] {
            let rows: Vec<ImportRow> = (1..=1_000).map(|number| row(policy, number)).collect();
            let options = ImportOptions { on_duplicate: policy.into(), ..ImportOptions::default() };
            let results = t.admin().import_as(options, rows.clone()).await.unwrap();
            let (mut first, mut again): (HashMap<&str, &str>, HashMap<&str, &str>) = Default::default();
            for (row, result) in rows.iter().zip(&results) {
                let key = row.lead.as_ref().unwrap().external_id();
                let Some(lead) = first.get(key) else {
                    assert_eq!(result.outcome(), ImportOutcome::Created, "row {}", row.row_number);
                    first.insert(key, &result.lead_id);
                    continue;
                };
                if policy == DuplicatePolicy::Reject {
                    let status = item_status(result.error.as_ref().unwrap());
                    let named = status.get_details_resource_info().map(|info| info.resource_name);
                    assert_eq!(named.as_deref(), Some(*lead), "row {}", row.row_number);
                    continue;
                }
                let outcome =
                    if policy == DuplicatePolicy::Skip { ImportOutcome::Skipped } else { ImportOutcome::Updated };
                assert_eq!((result.outcome(), result.lead_id.as_str()), (outcome, *lead), "row {}", row.row_number);
                again.insert(*lead, row.lead.as_ref().unwrap().name());
            }
            assert_eq!((results.len(), first.len()), (rows.len(), 956));
            // By the last row that was it.
            for (lead, name) in again.into_iter().filter(|_| policy == DuplicatePolicy::Update) {
                assert_eq!(t.admin().get_lead(lead).await.unwrap().name(), name);
            }
        }
    }

    async fn a_lead_is_recognised_by_the_keys_that_the_call_names(t: TestServer) {
        t.admin().create_lead(existing()).await.unwrap();
        let same_mail = Lead { email: existing().email, ..named("Eva") };
        let by_phone = CreateLeadRequest {
            lead: Some(same_mail),
            match_keys: vec![LeadMatchKey::Phone.into()],
            ..CreateLeadRequest::default()
        };
        assert!(t.admin().leads().create_lead(by_phone.clone()).await.unwrap().into_inner().created);

        let same_id = Some(Lead { external_id: existing().external_id, ..named("Eva") });
        let status = t.admin().leads().create_lead(CreateLeadRequest { lead: same_id, ..by_phone }).await;
        refused(status, ErrorReason::DuplicateLead);
    }

    async fn an_update_may_not_take_an_external_id(t: TestServer) {
        let taken = t.admin().create_lead(existing()).await.unwrap();
        let lead = t.lead("Eva").await;
        let change = Lead { id: lead.id, external_id: taken.external_id.clone(), ..Lead::default() };
        let status = refused(t.admin().update_lead(change, &[]).await, ErrorReason::DuplicateLead);
        assert_eq!(fact(&status, "field"), "external_id");
        let itself = Lead { id: taken.id, external_id: taken.external_id, ..named("Eva") };
        t.admin().update_lead(itself, &[]).await.unwrap();
    }

    async fn of_creations_at_once_one_makes_the_lead(t: TestServer) {
        let admin = t.admin();
        for (field, lead) in matching().into_iter().take(3) {
            let creations = (0..8).map(|_| create(&admin, lead.clone(), DuplicatePolicy::Reject));
            let (made, others): (Vec<_>, Vec<_>) = join_all(creations).await.into_iter().partition(Result::is_ok);
            assert_eq!((made.len(), others.len()), (1, 7), "{field}");
            for other in others {
                refused(other, ErrorReason::DuplicateLead);
            }
        }
        assert_eq!(admin.list_leads(LeadAction::View).await.unwrap().len(), 3);
    }

    async fn a_hidden_lead_with_the_same_address_does_not_shadow_ones_own(t: TestServer) {
        let ana = t.agent("ana").await;
        t.admin().create_lead(existing()).await.unwrap();
        let own = Lead { email: existing().email, assignee_id: ana.id.clone(), ..named("Ana's") };
        let by_phone = CreateLeadRequest {
            lead: Some(own.clone()),
            on_duplicate: DuplicatePolicy::Reject.into(),
            match_keys: vec![LeadMatchKey::Phone.into()],
            ..Default::default()
        };
        let own = t.admin().leads().create_lead(by_phone).await.unwrap().into_inner().lead.unwrap();
        let again = |name: &str| Lead { email: existing().email, ..named(name) };

        let skipped = create(&ana, again("again"), DuplicatePolicy::Skip).await.unwrap();
        assert_eq!(skipped, CreateLeadResponse { lead: Some(own.clone()), created: false });
        let status = refused(create(&ana, again("again"), DuplicatePolicy::Reject).await, ErrorReason::DuplicateLead);
        assert_eq!(status.get_details_resource_info().unwrap().resource_name, own.id);
        let updated = create(&ana, again("renamed"), DuplicatePolicy::Update).await.unwrap().lead.unwrap();
        assert_eq!((updated.id.as_str(), updated.name()), (own.id.as_str(), "renamed"));
    }
}
