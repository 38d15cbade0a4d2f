//! A person registers on the platform: whose lead that is, and what is said where it is hidden.

use futures::future::join_all;
use leadward::proto::{
    AccessLevel, CreateLeadRequest, ErrorReason, Lead, LeadAction, LeadHistoryKind, LeadKind, LeadMatchKey, LeadSource,
    LeadState, RegisterLeadRequest,
};
use tonic_types::StatusExt;

use super::{assert_untouched, kinds_of, known_as};
use crate::support::{
    Caller, TestServer, answer, fact, faults, named, on_both_databases, permission, refused, seconds_ago,
    seconds_from_now,
};

fn email(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// A lead that is made whoever else has the same address or phone.
async fn another(admin: &Caller, lead: Lead) -> Lead {
    let request = CreateLeadRequest {
        lead: Some(lead),
        match_keys: vec![LeadMatchKey::ExternalId.into()],
        ..CreateLeadRequest::default()
    };
    admin.leads().create_lead(request).await.unwrap().into_inner().lead.unwrap()
}

/// A person in one spelling and in another.
fn spellings() -> [(Lead, Lead); 3] {
    let by_mail = |text: &str| Lead { email: email(text), ..named("Ana") };
    let by_phone = |text: &str| Lead { phone: Some(text.to_owned()), country: Some("PT".to_owned()), ..named("Ana") };
    [
        (by_mail("Ana@Example.com"), by_mail("ANA@example.COM")),
        (by_phone("+351910000000"), by_phone("910 000 000")),
        (by_phone("+351920000000"), by_phone("+351 (92) 000-0000")),
    ]
}

on_both_databases! {
    async fn the_lead_with_the_external_id_is_the_one(t: TestServer) {
        let admin = t.admin();
        let known = Lead { campaign: Some("spring".to_owned()), ..known_as("platform-1") };
        let before = admin.create_lead(known).await.unwrap();
        let at = seconds_ago(60);
        let name = Some("Ana Silva".to_owned());
        let request = RegisterLeadRequest {
            lead: Some(Lead { name, email_confirmed: Some(true), ..known_as("platform-1") }),
            register_time: Some(at),
            ..RegisterLeadRequest::default()
        };
        let answer = admin.leads().register_lead(request).await.unwrap().into_inner();
        assert!(!answer.created);
        let after = answer.lead.unwrap();
        let expected = Lead {
            name: Some("Ana Silva".to_owned()),
            email_confirmed: Some(true),
            kind: LeadKind::Registration.into(),
            register_time: Some(at),
            update_time: after.update_time,
            etag: after.etag.clone(),
            ..before.clone()
        };
        assert_eq!(after, expected);
        assert_eq!(kinds_of(&admin, &before.id).await, [LeadHistoryKind::Created, LeadHistoryKind::Registered]);
    }

    async fn without_it_the_address_or_the_phone_tells_in_any_spelling(t: TestServer) {
        let admin = t.admin();
        for (number, (known, registering)) in spellings().into_iter().enumerate() {
            let before = admin.create_lead(known).await.unwrap();
            let external_id = format!("platform-{number}");
            let answer = admin.register(Lead { external_id: Some(external_id.clone()), ..registering }).await.unwrap();
            let after = answer.lead.unwrap();
            assert_eq!((answer.created, &after.id, after.external_id()), (false, &before.id, external_id.as_str()));
            assert_eq!((after.kind(), after.source()), (LeadKind::Registration, LeadSource::Api));
        }
        assert_eq!(admin.list_leads(LeadAction::View).await.unwrap().len(), 3);
    }

    /// People share phones, and change them: whoever has an ID of their own is somebody else.
    async fn a_lead_with_another_external_id_is_left_alone(t: TestServer) {
        let admin = t.admin();
        for (number, (known, registering)) in spellings().into_iter().enumerate() {
            let other = Some(format!("other-{number}"));
            let before = admin.create_lead(Lead { external_id: other, ..known }).await.unwrap();
            let external_id = Some(format!("platform-{number}"));
            let registering = Lead { external_id: external_id.clone(), ..registering };
            let answer = admin.register(registering.clone()).await.unwrap();
            assert!(answer.created);
            let made = answer.lead.unwrap();
            assert!(made.id != before.id && made.external_id == external_id);
            assert_eq!((made.kind(), made.source()), (LeadKind::Registration, LeadSource::Platform));
            assert_untouched(&t, &before, 1).await;

            let again = admin.register(registering).await.unwrap();
            assert_eq!((again.created, again.lead), (false, Some(made)));
        }
    }

    async fn the_external_id_comes_before_the_address_and_the_phone(t: TestServer) {
        let admin = t.admin();
        let by_id = admin.create_lead(known_as("platform-1")).await.unwrap();
        let by_mail = another(&admin, Lead { email: email("ana@example.com"), ..named("Ana") }).await;
        let registering = Lead { email: email("ana@example.com"), ..known_as("platform-1") };
        let answer = admin.register(registering).await.unwrap();
        assert_eq!((answer.created, answer.lead.unwrap().id), (false, by_id.id));
        assert_untouched(&t, &by_mail, 1).await;
    }

    async fn nobody_known_is_made_in_the_callers_reach(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let unassigned = admin.register(known_as("platform-1")).await.unwrap().lead.unwrap();
        assert_eq!((unassigned.assignee_id.as_str(), unassigned.source()), ("", LeadSource::Platform));
        let own = ana.register(known_as("platform-2")).await.unwrap().lead.unwrap();
        assert_eq!((&own.assignee_id, &own.created_by), (&ana.id, &ana.id));

        let for_another = Lead { assignee_id: ben.id.clone(), ..known_as("platform-3") };
        let status = refused(ana.register(for_another).await, ErrorReason::ActionNotPermitted);
        assert_eq!(fact(&status, "action"), "ASSIGN");
        admin.set_permission(&ben, permission(LeadAction::Edit, AccessLevel::None)).await.unwrap();
        let status = refused(ben.register(known_as("platform-4")).await, ErrorReason::ActionNotPermitted);
        assert_eq!(fact(&status, "action"), "EDIT");
    }

    async fn a_repeated_registration_changes_nothing(t: TestServer) {
        let admin = t.admin();
        let first = admin.register(known_as("platform-1")).await.unwrap();
        let again = admin.register(known_as("platform-1")).await.unwrap();
        assert_eq!((again.created, &again.lead), (false, &first.lead));
        let request = RegisterLeadRequest {
            lead: Some(known_as("platform-1")),
            register_time: Some(seconds_ago(3600)),
            ..RegisterLeadRequest::default()
        };
        let another_time = admin.leads().register_lead(request).await.unwrap().into_inner();
        assert_eq!((another_time.created, &another_time.lead), (false, &first.lead));
        assert_eq!(kinds_of(&admin, &first.lead.unwrap().id).await, [LeadHistoryKind::Created]);
    }

    async fn a_lead_registers_in_any_state_and_stays_in_it(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        for state in [LeadState::Discarded, LeadState::Resolved] {
            let external_id = format!("platform-{}", state.as_str_name());
            let lead = Lead { assignee_id: ana.id.clone(), ..known_as(&external_id) };
            let before = admin.create_lead(lead).await.unwrap();
            let before = match state {
                LeadState::Discarded => admin.discard(&before.id).await.unwrap(),
                _ => admin.resolve(&before.id).await.unwrap(),
            };
            let after = admin.register(known_as(&external_id)).await.unwrap().lead.unwrap();
            assert_eq!((after.state(), after.kind()), (state, LeadKind::Registration));
            assert_eq!(after.assignee_id, before.assignee_id);
            assert_eq!((after.discard_time, after.resolve_time), (before.discard_time, before.resolve_time));
        }
    }

    async fn whoever_may_not_view_the_lead_learns_no_more_than_that_there_is_one(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let mut hidden = Vec::new();
        for number in 1..=4 {
            let lead = Lead { assignee_id: ben.id.clone(), ..known_as(&format!("platform-{number}")) };
            hidden.push(admin.create_lead(lead).await.unwrap());
        }
        hidden[1] = admin.discard(&hidden[1].id).await.unwrap();
        hidden[2] = admin.resolve(&hidden[2].id).await.unwrap();
        hidden[3] = admin.unassign(&hidden[3].id).await.unwrap().lead.unwrap();
        let mut answers = Vec::new();
        for lead in &hidden {
            let registering = Lead { external_id: lead.external_id.clone(), ..named("Eva") };
            let status = refused(ana.register(registering).await, ErrorReason::DuplicateLead);
            let resource = status.get_details_resource_info().map(|info| info.resource_name).unwrap_or_default();
            assert_eq!((resource, fact(&status, "field")), (String::new(), String::new()));
            answers.push(answer(&status));
            assert_eq!(admin.get_lead(&lead.id).await.unwrap(), *lead);
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }

    /// They are told that there is one: never which, by what, or whose.
    async fn a_hidden_address_or_phone_shows_nothing_and_is_left_alone(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        for (number, (known, registering)) in spellings().into_iter().enumerate() {
            let hidden = admin.create_lead(Lead { assignee_id: ben.id.clone(), ..known }).await.unwrap();
            let registering = Lead { external_id: Some(format!("platform-{number}")), ..registering };
            let status = refused(ana.register(registering).await, ErrorReason::DuplicateLead);
            let resource = status.get_details_resource_info().map(|info| info.resource_name).unwrap_or_default();
            assert_eq!((resource, fact(&status, "field")), (String::new(), String::new()));
            assert_untouched(&t, &hidden, 1).await;
        }
    }

    async fn whoever_may_only_view_the_lead_does_not_register_it(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        admin.set_permission(&ana, permission(LeadAction::View, AccessLevel::Complete)).await.unwrap();
        let lead = admin.create_lead(known_as("platform-1")).await.unwrap();
        let status = refused(ana.register(known_as("platform-1")).await, ErrorReason::ActionNotPermitted);
        assert_eq!(fact(&status, "action"), "EDIT");
        assert_untouched(&t, &lead, 1).await;
    }

    async fn of_registrations_at_once_one_makes_the_lead(t: TestServer) {
        let admin = t.admin();
        let answers = join_all((0..8).map(|_| admin.register(known_as("platform-1")))).await;
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().filter(|answer| answer.created).count(), 1);
        let leads = admin.list_leads(LeadAction::View).await.unwrap();
        assert_eq!(leads.len(), 1);
        assert!(answers.iter().all(|answer| answer.lead.as_ref() == Some(&leads[0])));
    }

    /// By its address and by its phone: neither is given the other's external ID.
    async fn of_two_registrations_of_one_lead_at_once_one_takes_it(t: TestServer) {
        let admin = t.admin();
        for round in 0..12 {
            let (mail, phone) = (Some(format!("ana{round}@example.com")), Some(format!("+3519100000{round:02}")));
            let known = admin.create_lead(Lead { email: mail.clone(), phone: phone.clone(), ..named("Ana") }).await;
            let known = known.unwrap();
            let by = |key: &str| known_as(&format!("{key}-{round}"));
            let (by_mail, by_phone) = (Lead { email: mail, ..by("mail") }, Lead { phone, ..by("phone") });
            let (one, other) = tokio::join!(admin.register(by_mail), admin.register(by_phone));
            let answers = [one.unwrap(), other.unwrap()];
            assert_eq!(answers.iter().filter(|answer| answer.created).count(), 1);
            for (answer, key) in answers.into_iter().zip(["mail", "phone"]) {
                let lead = answer.lead.unwrap();
                assert_eq!((lead.id == known.id, lead.external_id()), (!answer.created, &*format!("{key}-{round}")));
                assert_eq!(admin.get_lead(&lead.id).await.unwrap(), lead, "nobody overwrites it");
            }
        }
    }

    async fn a_registration_needs_an_external_id_and_lies_in_the_past(t: TestServer) {
        let admin = t.admin();
        let nameless = admin.register(Lead { email: email("ana@nowhere"), ..named("Ana") }).await;
        assert_eq!(faults(&refused(nameless, ErrorReason::InvalidArgument)), ["lead.email", "lead.external_id"]);
        let request = RegisterLeadRequest {
            lead: Some(known_as("platform-1")),
            register_time: Some(seconds_from_now(600)),
            ..RegisterLeadRequest::default()
        };
        let early = admin.leads().register_lead(request).await;
        assert_eq!(faults(&refused(early, ErrorReason::InvalidArgument)), ["register_time"]);
        assert!(admin.list_leads(LeadAction::View).await.unwrap().is_empty());
    }
}
