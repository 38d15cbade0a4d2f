//! Granting and revoking with a version of the lead in mind.

use leadward::proto::{
    AccessLevel, ErrorReason, GrantLeadAccessRequest, GrantMode, Lead, LeadAction, RevokeLeadAccessRequest,
};
use uuid::Uuid;

use super::grants::keeper;
use crate::support::{Caller, TestServer, answer, fact, named, on_both_databases, permission, refused};

fn granting(lead_id: &str, user: &Caller, etag: &str) -> GrantLeadAccessRequest {
    let (lead_id, user_id, etag) = (lead_id.to_owned(), user.id.clone(), etag.to_owned());
    GrantLeadAccessRequest { lead_id, user_id, etag, ..Default::default() }
}

fn revoking(lead_id: &str, user: &Caller, etag: &str) -> RevokeLeadAccessRequest {
    let (lead_id, user_id, etag) = (lead_id.to_owned(), user.id.clone(), etag.to_owned());
    RevokeLeadAccessRequest { lead_id, user_id, etag, ..Default::default() }
}

async fn rename(t: &TestServer, lead: &Lead) -> Lead {
    t.admin().update_lead(Lead { id: lead.id.clone(), ..named("renamed") }, &[]).await.unwrap()
}

on_both_databases! {
    async fn access_to_another_version_is_not_granted(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let seen = t.lead("lead").await;
        let current = rename(&t, &seen).await;
        let history = admin.history(&seen.id).await.unwrap();

        let stale = admin.assignments().grant_lead_access(granting(&seen.id, &ana, &seen.etag)).await;
        assert_eq!(fact(&refused(stale, ErrorReason::StaleEtag), "current_etag"), current.etag);
        refused(ana.get_lead(&seen.id).await, ErrorReason::LeadNotFound);
        assert_eq!(admin.history(&seen.id).await.unwrap(), history);

        admin.assignments().grant_lead_access(granting(&seen.id, &ana, &current.etag)).await.unwrap();
        assert_eq!(ana.get_lead(&seen.id).await.unwrap(), current);
    }

    async fn access_to_another_version_is_not_revoked(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let seen = t.lead("lead").await;
        admin.grant(&seen.id, &ana, GrantMode::Full).await.unwrap();
        let current = rename(&t, &seen).await;
        let history = admin.history(&seen.id).await.unwrap();

        let stale = admin.assignments().revoke_lead_access(revoking(&seen.id, &ana, &seen.etag)).await;
        assert_eq!(fact(&refused(stale, ErrorReason::StaleEtag), "current_etag"), current.etag);
        assert_eq!(ana.get_lead(&seen.id).await.unwrap(), current);
        assert_eq!(admin.history(&seen.id).await.unwrap(), history);

        admin.assignments().revoke_lead_access(revoking(&seen.id, &ana, &current.etag)).await.unwrap();
        refused(ana.get_lead(&seen.id).await, ErrorReason::LeadNotFound);
    }

    /// Otherwise etags could be tried until one says that there is a lead.
    async fn a_hidden_lead_has_no_etag(t: TestServer) {
        let (kim, ana) = (keeper(&t, "kim").await, t.agent("ana").await);
        let lead = t.lead("lead").await;
        t.admin().set_permission(&kim, permission(LeadAction::View, AccessLevel::Individual)).await.unwrap();
        let absent = Uuid::now_v7().to_string();
        let expected = answer(&refused(kim.get_lead(&absent).await, ErrorReason::LeadNotFound));
        for etag in ["", lead.etag.as_str(), "v99"] {
            for id in [&lead.id, &absent] {
                let granted = kim.assignments().grant_lead_access(granting(id, &ana, etag)).await;
                assert_eq!(answer(&refused(granted, ErrorReason::LeadNotFound)), expected, "{etag:?}");
                let revoked = kim.assignments().revoke_lead_access(revoking(id, &ana, etag)).await;
                assert_eq!(answer(&refused(revoked, ErrorReason::LeadNotFound)), expected, "{etag:?}");
            }
        }
    }
}
