//! Leads: made, read and changed.

mod deletion;
mod duplicates;
mod hidden;
mod history;
mod lifecycle;
mod lists;
mod pick_lists;

use std::collections::{BTreeMap, HashSet};

use leadward::proto::{
    AccessLevel, BatchGetLeadsRequest, ErrorReason, GetLeadRequest, Lead, LeadAction, LeadKind, LeadSource, LeadState,
    lead_result,
};
use prost_types::Timestamp;
use uuid::Uuid;

use crate::support::{
    TestServer, call_on_lead, fact, faults, item_status, methods, named, on_both_databases, permission, refused,
};

/// A lead that says all that a caller can say of one.
fn whole_lead(group_id: &str) -> Lead {
    Lead {
        external_id: Some("platform-7".to_owned()),
        name: Some("Ana Silva".to_owned()),
        email: Some("Ana.Silva@Example.com".to_owned()),
        email_confirmed: Some(true),
        phone: Some("+351 910 000 000".to_owned()),
        country: Some("PT".to_owned()),
        locale: Some("pt-PT".to_owned()),
        campaign: Some("spring".to_owned()),
        attributes: attributes(&[("plan", "gold"), ("seats", "12")]),
        stage: Some("contacted".to_owned()),
        next_contact_time: Some(Timestamp { seconds: 2_000_000_000, nanos: 123_456_789 }),
        group_id: Some(group_id.to_owned()),
        ..Lead::default()
    }
}

fn attributes(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

on_both_databases! {
    async fn a_lead_is_stored_as_given_in_its_normal_form(t: TestServer) {
        let group_id = t.group("north", &[]).await;
        let made = t.admin().create_lead(whole_lead(&group_id)).await.unwrap();

        let expected = Lead {
            id: made.id.clone(),
            phone: Some("+351910000000".to_owned()),
            stage: Some("Contacted".to_owned()),
            next_contact_time: Some(Timestamp { seconds: 2_000_000_000, nanos: 123_456_000 }),
            kind: LeadKind::Lead.into(),
            state: LeadState::Active.into(),
            source: LeadSource::Api.into(),
            created_by: t.admin().id,
            create_time: made.create_time,
            update_time: made.update_time,
            etag: made.etag.clone(),
            ..whole_lead(&group_id)
        };
        assert_eq!(made, expected);
        assert_eq!(Uuid::parse_str(&made.id).unwrap().get_version_num(), 7);
        assert!(made.create_time.is_some() && made.update_time.is_some() && !made.etag.is_empty());
        assert_eq!(t.admin().get_lead(&made.id).await.unwrap(), made);
    }

    async fn what_only_the_service_sets_is_ignored_in_a_new_lead(t: TestServer) {
        let given = Lead {
            id: Uuid::now_v7().to_string(),
            kind: LeadKind::Client.into(),
            state: LeadState::Resolved.into(),
            source: LeadSource::Platform.into(),
            discard_reason: "Not ready".to_owned(),
            created_by: Uuid::now_v7().to_string(),
            etag: "mine".to_owned(),
            ..named("Ana")
        };
        let made = t.admin().create_lead(given.clone()).await.unwrap();
        assert!(made.id != given.id && made.created_by == t.admin().id && made.etag != given.etag);
        assert_eq!((made.kind(), made.state(), made.source()), (LeadKind::Lead, LeadState::Active, LeadSource::Api));
        assert_eq!(made.discard_reason, "");
    }

    async fn a_national_phone_number_is_read_by_the_country(t: TestServer) {
        let lead = Lead { phone: Some("910 000 000".to_owned()), country: Some("PT".to_owned()), ..named("Ana") };
        assert_eq!(t.admin().create_lead(lead).await.unwrap().phone(), "+351910000000");
    }

    async fn an_agent_gets_the_leads_they_make_and_may_not_place_them_elsewhere(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let group_id = t.group("north", &[]).await;
        assert_eq!(ana.create_lead(named("own")).await.unwrap().assignee_id, ana.id);

        let for_another = Lead { assignee_id: ben.id.clone(), ..named("another's") };
        let in_a_group = Lead { group_id: Some(group_id), ..named("a group's") };
        for lead in [for_another, in_a_group] {
            let status = refused(ana.create_lead(lead).await, ErrorReason::ActionNotPermitted);
            assert_eq!(fact(&status, "action"), "ASSIGN");
        }

        t.admin().set_permission(&ben, permission(LeadAction::Edit, AccessLevel::None)).await.unwrap();
        let status = refused(ben.create_lead(named("not allowed")).await, ErrorReason::ActionNotPermitted);
        assert_eq!(fact(&status, "action"), "EDIT");
    }

    async fn a_batch_answers_each_id_at_its_place(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let (own, hidden) = (t.lead_of("own", &ana).await, t.lead_of("hidden", &ben).await);
        let lead_ids = vec![own.id.clone(), hidden.id, Uuid::now_v7().to_string(), own.id.clone()];
        let response = ana.leads().batch_get_leads(BatchGetLeadsRequest { lead_ids: lead_ids.clone() }).await.unwrap();

        let results: Vec<_> = response.into_inner().results.into_iter().map(|result| result.result.unwrap()).collect();
        assert_eq!(results.len(), 4);
        for (lead_id, result) in lead_ids.iter().zip(results) {
            match result {
                lead_result::Result::Lead(lead) => assert_eq!((lead, lead_id), (own.clone(), &own.id)),
                lead_result::Result::Error(error) => {
                    assert_ne!(lead_id, &own.id);
                    refused(Err::<(), _>(item_status(&error)), ErrorReason::LeadNotFound);
                }
            }
        }
    }

    async fn without_a_mask_an_update_changes_the_populated_fields(t: TestServer) {
        let group_id = t.group("north", &[]).await;
        let before = t.admin().create_lead(whole_lead(&group_id)).await.unwrap();
        let change = Lead { id: before.id.clone(), stage: Some("Interested".to_owned()), ..named("Ana Sousa") };
        let after = t.admin().update_lead(change, &[]).await.unwrap();

        let expected = Lead {
            stage: Some("Interested".to_owned()),
            name: Some("Ana Sousa".to_owned()),
            update_time: after.update_time,
            etag: after.etag.clone(),
            ..before
        };
        assert_eq!(after, expected);
    }

    async fn a_mask_names_what_changes_and_clears_what_is_not_set(t: TestServer) {
        let group_id = t.group("north", &[]).await;
        let before = t.admin().create_lead(whole_lead(&group_id)).await.unwrap();
        let change = Lead {
            id: before.id.clone(),
            name: Some("not named in the mask".to_owned()),
            attributes: attributes(&[("plan", "silver")]),
            ..Lead::default()
        };
        let mask = [
            "external_id", "email", "email_confirmed", "phone", "country", "locale", "campaign", "attributes", "stage",
            "next_contact_time", "group_id",
        ];
        let after = t.admin().update_lead(change, &mask).await.unwrap();
        assert!(!after.email_confirmed());

        let expected = Lead {
            id: before.id,
            name: before.name,
            email_confirmed: after.email_confirmed,
            attributes: attributes(&[("plan", "silver")]),
            kind: before.kind,
            state: before.state,
            source: before.source,
            created_by: before.created_by,
            create_time: before.create_time,
            update_time: after.update_time,
            etag: after.etag.clone(),
            ..Lead::default()
        };
        assert_eq!(after, expected);
    }

    async fn a_mask_names_only_fields_that_can_be_set(t: TestServer) {
        let lead = t.lead("Ana").await;
        for path in ["nme", "state", "assignee_id", "kind", "id", "etag", "created_by", "discard_reason", "*", ""] {
            let change = Lead { id: lead.id.clone(), ..named("Eva") };
            let status = refused(t.admin().update_lead(change, &["name", path]).await, ErrorReason::InvalidArgument);
            assert_eq!(faults(&status), ["update_mask"], "{path}");
        }
        assert_eq!(t.admin().get_lead(&lead.id).await.unwrap(), lead);
    }

    async fn moving_a_lead_to_a_group_needs_assign(t: TestServer) {
        let (ana, group_id) = (t.agent("ana").await, t.group("north", &[]).await);
        let lead = t.lead_of("Ana's", &ana).await;
        let change = Lead { id: lead.id.clone(), group_id: Some(group_id.clone()), ..Lead::default() };
        let status = refused(ana.update_lead(change.clone(), &[]).await, ErrorReason::ActionNotPermitted);
        assert_eq!(fact(&status, "action"), "ASSIGN");

        t.admin().set_permission(&ana, permission(LeadAction::Assign, AccessLevel::Individual)).await.unwrap();
        assert_eq!(ana.update_lead(change, &[]).await.unwrap().group_id(), group_id);
    }

    /// The etag is looked at before the state, so every call on a lead can be asked the same way.
    async fn a_stale_etag_aborts_every_call_and_says_the_current_one(t: TestServer) {
        let ben = t.agent("ben").await;
        let stale = t.lead("Ana").await;
        let current = t.admin().update_lead(Lead { id: stale.id.clone(), ..named("Eva") }, &[]).await.unwrap();
        assert_ne!(stale.etag, current.etag);

        let methods = methods().into_iter().filter(|method| method.takes_lead() && method.takes_etag());
        let methods: Vec<_> = methods.collect();
        assert!(methods.len() >= 11, "{} calls take an etag", methods.len());
        for method in methods {
            let answer = call_on_lead(&method.name, &t.admin(), &stale.id, &ben, &stale.etag).await;
            let status = refused(answer, ErrorReason::StaleEtag);
            assert_eq!(fact(&status, "current_etag"), current.etag, "{}", method.name);
        }
        assert_eq!(t.admin().get_lead(&stale.id).await.unwrap(), current);
        call_on_lead("DiscardLead", &t.admin(), &stale.id, &ben, &current.etag).await.unwrap();
    }

    async fn every_answer_carries_an_id_of_its_request(t: TestServer) {
        let lead = t.lead("Ana").await;
        let mut ids = HashSet::new();
        for lead_id in [lead.id.clone(), lead.id, Uuid::now_v7().to_string(), "malformed".to_owned()] {
            let metadata = match t.admin().leads().get_lead(GetLeadRequest { lead_id }).await {
                Ok(response) => response.metadata().clone(),
                Err(status) => status.metadata().clone(),
            };
            let id = metadata.get("x-request-id").expect("x-request-id").to_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} twice");
        }
    }

    async fn a_lead_keeps_something_to_know_it_by(t: TestServer) {
        let lead = t.lead("only a name").await;
        let status = refused(t.admin().update_lead(Lead { id: lead.id.clone(), ..Lead::default() }, &["name"]).await, ErrorReason::InvalidArgument);
        assert_eq!(faults(&status), ["lead"]);
        assert_eq!(t.admin().get_lead(&lead.id).await.unwrap(), lead);
    }
}
