//! Access taken from one user, whatever gives it.

use leadward::proto::{AccessLevel, ErrorReason, GrantMode, LeadAction, Permission};

use super::grants::keeper;
use crate::support::{TestServer, fact, groups_permission, on_both_databases, permission, refused};

on_both_databases! {
    async fn a_revocation_takes_a_grant(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead("lead").await;
        t.admin().grant(&lead.id, &ana, GrantMode::Full).await.unwrap();
        t.admin().revoke(&lead.id, &ana).await.unwrap();
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
        assert!(ana.list_leads(LeadAction::View).await.unwrap().is_empty());
    }

    /// Until granted again, or assigned again.
    async fn a_revocation_blocks_whatever_level_still_reaches_the_lead(t: TestServer) {
        let (ana, group_id) = (t.agent("ana").await, t.group("north", &[]).await);
        let pool = permission(LeadAction::View, AccessLevel::Individual);
        let levels = [
            groups_permission(LeadAction::View, &[&group_id]),
            permission(LeadAction::View, AccessLevel::Complete),
            Permission { include_unassigned: true, ..pool },
        ];
        for level in levels {
            let (lead, other) = (t.lead_in("lead", &group_id).await, t.lead_in("other", &group_id).await);
            t.admin().set_permission(&ana, level.clone()).await.unwrap();
            ana.get_lead(&lead.id).await.unwrap();

            t.admin().revoke(&lead.id, &ana).await.unwrap();
            refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
            assert!(!t.admin().check(&ana, LeadAction::View, &lead.id).await.unwrap());
            let listed = ana.list_leads(LeadAction::View).await.unwrap();
            assert!(listed.iter().all(|listed| listed.id != lead.id), "{level:?}");
            assert!(listed.iter().any(|listed| listed.id == other.id), "{level:?}");
            let access = t.admin().access_list(&lead.id).await.unwrap();
            assert!(access.iter().all(|access| access.user_id != ana.id), "{level:?}");

            t.admin().grant(&lead.id, &ana, GrantMode::ViewOnly).await.unwrap();
            ana.get_lead(&lead.id).await.unwrap();
            t.admin().revoke(&lead.id, &ana).await.unwrap();
            refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
            t.admin().assign(&lead.id, &ana).await.unwrap();
            ana.get_lead(&lead.id).await.unwrap();
        }
    }

    async fn a_revocation_blocks_a_group_that_the_user_joins_later(t: TestServer) {
        let (ana, group_id) = (t.agent("ana").await, t.group("north", &[]).await);
        let member = Permission { include_member_groups: true, ..groups_permission(LeadAction::View, &[]) };
        t.admin().set_permission(&ana, member).await.unwrap();
        let (lead, other) = (t.lead_in("lead", &group_id).await, t.lead_in("other", &group_id).await);
        t.admin().revoke(&lead.id, &ana).await.unwrap();
        t.add_members(&group_id, &[&ana]).await;
        ana.get_lead(&other.id).await.unwrap();
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
    }

    async fn a_revocation_twice_is_a_revocation(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead("lead").await;
        t.admin().revoke(&lead.id, &ana).await.unwrap();
        t.admin().revoke(&lead.id, &ana).await.unwrap();
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
    }

    async fn administrators_and_the_assignee_keep_their_access(t: TestServer) {
        let (adam, ana) = (t.administrator("adam").await, t.agent("ana").await);
        let lead = t.lead_of("lead", &ana).await;
        for (user, cause) in [(&adam, "ADMINISTRATOR"), (&ana, "CURRENT_ASSIGNEE")] {
            let status = refused(t.admin().revoke(&lead.id, user).await, ErrorReason::RevocationRefused);
            assert_eq!(fact(&status, "cause"), cause);
            user.get_lead(&lead.id).await.unwrap();
        }
    }

    async fn access_is_revoked_downwards_by_who_keeps_it(t: TestServer) {
        let (kim, lee) = (keeper(&t, "kim").await, keeper(&t, "lee").await);
        let (mia, ana) = (t.manager("mia").await, t.agent("ana").await);
        let lead = t.lead("lead").await;
        refused(mia.revoke(&lead.id, &ana).await, ErrorReason::CapabilityRequired);
        refused(kim.revoke(&lead.id, &kim).await, ErrorReason::SelfConfiguration);
        refused(kim.revoke(&lead.id, &lee).await, ErrorReason::RoleNotBelow);
        kim.revoke(&lead.id, &ana).await.unwrap();
        t.admin().revoke(&lead.id, &lee).await.unwrap();
        refused(lee.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
    }
}
