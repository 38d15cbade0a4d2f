//! Who reads the record, and what of it.

use leadward::proto::{
    AccessLevel, ErrorReason, GrantMode, Lead, LeadAction, ListPermissionChangesRequest, PermissionChange,
    PermissionChangeKind, Role, Settings,
};
use tonic::Status;
use uuid::Uuid;

use super::{all, calls::update_settings, lines, recorded};
use crate::support::{Caller, TestServer, fact, on_both_databases, permission, profile, refused};

type Request = ListPermissionChangesRequest;

/// The leads of the grants that a caller sees, newest first.
async fn grants_seen(caller: &Caller, page_size: i32) -> Vec<String> {
    let kinds = vec![PermissionChangeKind::AccessGranted.into()];
    let changes = caller.permission_changes(Request { kinds, page_size, ..Request::default() }).await.unwrap();
    changes.into_iter().map(|change| change.lead_id).collect()
}

async fn read(caller: &Caller, request: Request) -> Result<(), Status> {
    caller.permissions().list_permission_changes(request).await.map(drop)
}

on_both_databases! {
    async fn the_newest_come_first_page_by_page(t: TestServer) {
        let ana = t.agent("ana").await;
        for level in [AccessLevel::Complete, AccessLevel::None, AccessLevel::Individual, AccessLevel::SameAsProfile] {
            t.admin().set_permission(&ana, permission(LeadAction::View, level)).await.unwrap();
        }
        let mut expected = all(&t).await;
        expected.reverse();
        assert!(expected.is_sorted_by(|newer, older| newer.id > older.id), "{expected:?}");
        let newest = "USER_PERMISSIONS_UPDATED VIEW: INDIVIDUAL -> SAME_AS_PROFILE";
        assert_eq!((expected.len(), lines(&expected)[0].as_str()), (8, newest));

        let mut request = Request { page_size: 3, ..Request::default() };
        let mut pages = Vec::new();
        loop {
            let page = t.admin().permissions().list_permission_changes(request.clone()).await.unwrap().into_inner();
            pages.push(page.changes);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 2]);
        assert_eq!(pages.concat(), expected);

        let elsewhere = Request { user_id: ana.id, ..request };
        refused(read(&t.admin(), elsewhere).await, ErrorReason::InvalidPageToken);
    }

    async fn the_record_is_asked_for_by_user_actor_lead_and_kind(t: TestServer) {
        let (admin, mia, ana, ben) = (t.admin(), t.manager("mia").await, t.agent("ana").await, t.agent("ben").await);
        let (lead, other) = (t.lead("lead").await, t.lead("other").await);
        let ((), changes) = recorded(&t, async {
            mia.set_permission(&ana, permission(LeadAction::View, AccessLevel::None)).await.unwrap();
            mia.set_permission(&ben, permission(LeadAction::View, AccessLevel::None)).await.unwrap();
            admin.grant(&lead.id, &ana, GrantMode::Full).await.unwrap();
            admin.grant(&other.id, &ana, GrantMode::Full).await.unwrap();
            admin.revoke(&lead.id, &ben).await.unwrap();
            update_settings(&admin, Settings { enforce_desks: Some(false), ..Settings::default() }).await;
        })
        .await;
        let changes: [PermissionChange; 6] = changes.try_into().unwrap();
        let [of_ana, of_ben, granted, elsewhere, revoked, settings] = changes;

        let by_mia = Request { actor_id: mia.id.clone(), ..Request::default() };
        let kinds = vec![PermissionChangeKind::SettingsUpdated.into(), PermissionChangeKind::AccessGranted.into()];
        let of_kinds = Request { kinds: kinds.clone(), ..Request::default() };
        let on_lead = Request { lead_id: lead.id.clone(), ..Request::default() };
        let for_ana = Request { user_id: ana.id.clone(), ..of_kinds.clone() };
        let all_at_once = Request { user_id: ana.id.clone(), actor_id: admin.id.clone(), kinds, ..on_lead.clone() };
        let nobodys = Request { user_id: Uuid::now_v7().to_string(), ..Request::default() };
        let cases = [
            (by_mia.clone(), vec![of_ben, of_ana.clone()]),
            (Request { user_id: ana.id.clone(), ..by_mia }, vec![of_ana]),
            (of_kinds, vec![settings, elsewhere.clone(), granted.clone()]),
            (on_lead, vec![revoked, granted.clone()]),
            (for_ana, vec![elsewhere, granted.clone()]),
            (all_at_once, vec![granted]),
            (nobodys, vec![]),
        ];
        for (request, expected) in cases {
            assert_eq!(admin.permission_changes(request.clone()).await.unwrap(), expected, "{request:?}");
        }

        let of_ana = Request { user_id: ana.id, ..Request::default() };
        let all_of_ana = lines(&admin.permission_changes(of_ana).await.unwrap());
        let kinds: Vec<_> = all_of_ana.iter().filter_map(|line| line.split(' ').next()).collect();
        let (granted, updated) = ("ACCESS_GRANTED", "USER_PERMISSIONS_UPDATED");
        assert_eq!(kinds, [granted, granted, updated, "TOKEN_CREATED", "USER_CREATED"]);
    }

    async fn the_record_is_for_who_reads_the_audit(t: TestServer) {
        let (mia, ana) = (t.manager("mia").await, t.agent("ana").await);
        t.create_profile(profile("blind managers", Role::Manager)).await;
        let bob = t.user("bob", "blind managers").await;
        read(&mia, Request::default()).await.unwrap();
        let malformed = Request { page_size: -1, ..Request::default() };
        for (caller, request) in [(&ana, Request::default()), (&bob, Request::default()), (&ana, malformed)] {
            let status = refused(read(caller, request).await, ErrorReason::CapabilityRequired);
            assert_eq!(fact(&status, "capability"), "READ_AUDIT");
        }
    }

    /// Pages come out full, so that they don't tell how many entries were left out.
    async fn a_leads_entries_are_for_who_may_view_it_while_it_exists(t: TestServer) {
        let (admin, mia, ana) = (t.admin(), t.manager("mia").await, t.agent("ana").await);
        let (own, foreign) = (t.lead_of("own", &mia).await, t.lead("foreign").await);
        let last = t.lead_of("last", &mia).await;
        for lead in [&own, &foreign, &last] {
            admin.grant(&lead.id, &ana, GrantMode::Full).await.unwrap();
        }
        let ids = |leads: &[&Lead]| leads.iter().map(|lead| lead.id.clone()).collect::<Vec<_>>();
        assert_eq!(grants_seen(&mia, 0).await, ids(&[&last, &foreign, &own]));

        admin.set_permission(&mia, permission(LeadAction::View, AccessLevel::Individual)).await.unwrap();
        let (visible, with_hidden) = (all(&t).await.len() - 1, all(&t).await.len());
        assert_eq!(mia.permission_changes(Request::default()).await.unwrap().len(), visible);
        assert_eq!(admin.permission_changes(Request::default()).await.unwrap().len(), with_hidden);
        for page_size in [0, 1, 2] {
            assert_eq!(grants_seen(&mia, page_size).await, ids(&[&last, &own]), "{page_size} a page");
        }
        let on_foreign = Request { lead_id: foreign.id.clone(), ..Request::default() };
        assert!(mia.permission_changes(on_foreign.clone()).await.unwrap().is_empty());
        let kinds = vec![PermissionChangeKind::AccessGranted.into()];
        let page = Request { page_size: 2, kinds, ..Request::default() };
        let page = mia.permissions().list_permission_changes(page).await.unwrap().into_inner();
        assert_eq!((page.changes.len(), page.next_page_token.as_str()), (2, ""));

        admin.set_permission(&mia, permission(LeadAction::View, AccessLevel::None)).await.unwrap();
        assert!(grants_seen(&mia, 0).await.is_empty());
        admin.delete(&foreign.id).await.unwrap();
        assert!(grants_seen(&mia, 0).await.is_empty());
        admin.set_permission(&mia, permission(LeadAction::View, AccessLevel::Complete)).await.unwrap();
        assert_eq!(mia.permission_changes(on_foreign).await.unwrap().len(), 1);
    }

    async fn who_was_taken_off_a_lead_no_longer_reads_of_it(t: TestServer) {
        let (admin, mia, ana) = (t.admin(), t.manager("mia").await, t.agent("ana").await);
        let lead = t.lead("lead").await;
        admin.grant(&lead.id, &ana, GrantMode::Full).await.unwrap();
        admin.revoke(&lead.id, &mia).await.unwrap();
        assert!(grants_seen(&mia, 0).await.is_empty());
        admin.grant(&lead.id, &mia, GrantMode::ViewOnly).await.unwrap();
        assert_eq!(grants_seen(&mia, 0).await, [lead.id.clone(), lead.id]);
    }
}
