//! ACTIVE, DISCARDED, RESOLVED, and the ways between them.

use leadward::proto::{DeactivateUserRequest, ErrorReason, Lead, LeadState, ResolveLeadRequest};

use crate::support::{TestServer, call_on_lead, fact, named, on_both_databases, refused};

on_both_databases! {
    async fn a_discarded_lead_says_why_and_since_when(t: TestServer) {
        let lead = t.lead("Ana").await;
        let discarded = t.admin().discard(&lead.id).await.unwrap();
        assert_eq!((discarded.state(), discarded.discard_reason.as_str()), (LeadState::Discarded, "Not ready"));
        assert!(discarded.discard_time.is_some() && discarded.etag != lead.etag);
        assert_eq!(t.admin().get_lead(&lead.id).await.unwrap(), discarded);
    }

    async fn a_retrieved_lead_has_the_stage_and_the_assignee_it_had(t: TestServer) {
        let ana = t.agent("ana").await;
        let mut before = t.lead_of("Ana's", &ana).await;
        let staged = Lead { id: before.id.clone(), stage: Some("Callback".to_owned()), ..Lead::default() };
        before = t.admin().update_lead(staged, &[]).await.unwrap();
        t.admin().discard(&before.id).await.unwrap();

        let after = t.admin().retrieve(&before.id).await.unwrap();
        assert_eq!((after.stage(), &after.assignee_id), ("Callback", &ana.id));
        assert_eq!(after, Lead { update_time: after.update_time, etag: after.etag.clone(), ..before });
        assert_eq!(ana.get_lead(&after.id).await.unwrap(), after);
    }

    async fn a_retrieved_lead_drops_an_assignee_who_was_deactivated(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let (lost, kept) = (t.lead_of("Ana's", &ana).await, t.lead_of("Ben's", &ben).await);
        for lead in [&lost, &kept] {
            t.admin().discard(&lead.id).await.unwrap();
        }
        let request = DeactivateUserRequest { user_id: ana.id, ..Default::default() };
        t.admin().directory().deactivate_user(request).await.unwrap();

        assert_eq!(t.admin().retrieve(&lost.id).await.unwrap().assignee_id, "");
        assert_eq!(t.admin().retrieve(&kept.id).await.unwrap().assignee_id, ben.id);
    }

    async fn a_resolved_lead_says_how_it_ended_until_it_is_reopened(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead_of("Ana's", &ana).await;
        let resolved = ana.resolve(&lead.id).await.unwrap();
        assert_eq!((resolved.state(), resolved.disposition.as_str()), (LeadState::Resolved, "Declined"));
        assert!(resolved.resolve_time.is_some());

        let reopened = ana.reopen(&lead.id).await.unwrap();
        assert_eq!(reopened, Lead { update_time: reopened.update_time, etag: reopened.etag.clone(), ..lead });
    }

    async fn a_lead_is_resolved_with_a_disposition_of_sales_only(t: TestServer) {
        let lead = t.lead("Ana").await;
        let disposition = "Complaint".to_owned();
        let request = ResolveLeadRequest { lead_id: lead.id.clone(), disposition, ..Default::default() };
        refused(t.admin().assignments().resolve_lead(request).await, ErrorReason::PickListEntryUnusable);
        assert_eq!(t.admin().get_lead(&lead.id).await.unwrap(), lead);
    }

    async fn a_forbidden_step_names_the_state_it_starts_from(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let steps: [(&str, &[&str]); 3] = [
            ("ACTIVE", &["RetrieveLead", "ReopenLead"]),
            ("DISCARDED", &["DiscardLead", "ReopenLead", "ResolveLead", "AssignLead", "UnassignLead"]),
            ("RESOLVED", &["DiscardLead", "RetrieveLead", "ResolveLead"]),
        ];
        for (state, methods) in steps {
            let lead = t.lead_of(state, &ana).await;
            let before = match state {
                "DISCARDED" => t.admin().discard(&lead.id).await.unwrap(),
                "RESOLVED" => t.admin().resolve(&lead.id).await.unwrap(),
                _ => lead,
            };
            for method in methods {
                let answer = call_on_lead(method, &t.admin(), &before.id, &ben, "").await;
                let status = refused(answer, ErrorReason::LeadState);
                assert_eq!(fact(&status, "state"), state, "{method}");
            }
            assert_eq!(t.admin().get_lead(&before.id).await.unwrap(), before);
        }
    }

    async fn a_lead_can_be_changed_and_deleted_in_any_state(t: TestServer) {
        let (discarded, resolved) = (t.lead("Ana").await, t.lead("Ben").await);
        t.admin().discard(&discarded.id).await.unwrap();
        t.admin().resolve(&resolved.id).await.unwrap();
        for lead in [discarded, resolved] {
            let renamed = t.admin().update_lead(Lead { id: lead.id.clone(), ..named("Eva") }, &[]).await.unwrap();
            assert_eq!(renamed.name(), "Eva");
            t.admin().delete(&lead.id).await.unwrap();
            refused(t.admin().get_lead(&lead.id).await, ErrorReason::LeadNotFound);
        }
    }
}
