//! Etags of the calls on users and groups that change something else than fields.

use std::fmt::Debug;

use leadward::proto::{
    AddGroupMembersRequest, DeactivateUserRequest, DeleteGroupRequest, ErrorReason, Group, ListGroupsRequest,
    ReactivateUserRequest, RemoveGroupMembersRequest, UpdateGroupRequest, User, UserState,
};
use tonic::Status;

use super::{get, listed};
use crate::support::{Caller, TestServer, fact, on_both_databases, refused};

async fn deactivate(caller: &Caller, user_id: &str, etag: &str) -> Result<User, Status> {
    let request = DeactivateUserRequest { user_id: user_id.to_owned(), etag: etag.to_owned(), ..Default::default() };
    Ok(caller.directory().deactivate_user(request).await?.into_inner().user.unwrap())
}

async fn reactivate(caller: &Caller, user_id: &str, etag: &str) -> Result<User, Status> {
    let request = ReactivateUserRequest { user_id: user_id.to_owned(), etag: etag.to_owned(), ..Default::default() };
    Ok(caller.directory().reactivate_user(request).await?.into_inner().user.unwrap())
}

async fn add(caller: &Caller, group: &Group, etag: &str, user: &Caller) -> Result<Group, Status> {
    let request = AddGroupMembersRequest {
        group_id: group.id.clone(),
        user_ids: vec![user.id.clone()],
        etag: etag.to_owned(),
        ..Default::default()
    };
    Ok(caller.directory().add_group_members(request).await?.into_inner().group.unwrap())
}

async fn remove(caller: &Caller, group: &Group, etag: &str, user: &Caller) -> Result<Group, Status> {
    let request = RemoveGroupMembersRequest {
        group_id: group.id.clone(),
        user_ids: vec![user.id.clone()],
        etag: etag.to_owned(),
        ..Default::default()
    };
    Ok(caller.directory().remove_group_members(request).await?.into_inner().group.unwrap())
}

async fn delete(caller: &Caller, group: &Group, etag: &str) -> Result<(), Status> {
    let request = DeleteGroupRequest { group_id: group.id.clone(), etag: etag.to_owned(), ..Default::default() };
    caller.directory().delete_group(request).await.map(drop)
}

async fn groups(t: &TestServer) -> Vec<Group> {
    t.admin().directory().list_groups(ListGroupsRequest::default()).await.unwrap().into_inner().groups
}

/// A group that has been renamed, and the etag that it had before.
async fn renamed_group(t: &TestServer, members: &[&Caller]) -> (Group, String) {
    let id = t.group("north", members).await;
    let old = groups(t).await.into_iter().find(|group| group.id == id).unwrap();
    let group = Some(Group { id, name: Some("south".to_owned()), ..Group::default() });
    let request = UpdateGroupRequest { group, ..Default::default() };
    let new = t.admin().directory().update_group(request).await.unwrap().into_inner().group.unwrap();
    assert_ne!(new.etag, old.etag);
    (new, old.etag)
}

/// Expects a refusal that tells the current etag.
#[track_caller]
fn stale<T: Debug>(answer: Result<T, Status>, current: &str) {
    let status = refused(answer, ErrorReason::StaleEtag);
    assert_eq!(fact(&status, "current_etag"), current);
}

on_both_databases! {
    async fn a_user_is_deactivated_by_their_current_etag(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let old = get(&admin, &ana.id).await.unwrap().etag;
        let user = User { id: ana.id.clone(), name: Some("Ana".to_owned()), ..User::default() };
        let active = t.update_user(user).await;

        stale(deactivate(&admin, &ana.id, &old).await, &active.etag);
        assert_eq!(get(&ana, &ana.id).await.unwrap(), active);

        let gone = deactivate(&admin, &ana.id, &active.etag).await.unwrap();
        assert_eq!(gone.state(), UserState::Deactivated);
        refused(get(&ana, &ana.id).await, ErrorReason::NotAuthenticated);

        // Nothing is left to be done, yet the user is not as the caller has seen them.
        stale(deactivate(&admin, &ana.id, &active.etag).await, &gone.etag);
        assert_eq!(deactivate(&admin, &ana.id, &gone.etag).await.unwrap(), gone);
    }

    async fn a_user_is_reactivated_by_their_current_etag(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let old = get(&admin, &ana.id).await.unwrap().etag;
        let gone = deactivate(&admin, &ana.id, "").await.unwrap();

        stale(reactivate(&admin, &ana.id, &old).await, &gone.etag);
        assert_eq!(get(&admin, &ana.id).await.unwrap(), gone);
        refused(get(&ana, &ana.id).await, ErrorReason::NotAuthenticated);

        let back = reactivate(&admin, &ana.id, &gone.etag).await.unwrap();
        assert_eq!(get(&ana, &ana.id).await.unwrap(), back);
        assert_eq!(back.state(), UserState::Active);

        stale(reactivate(&admin, &ana.id, &gone.etag).await, &back.etag);
        assert_eq!(reactivate(&admin, &ana.id, &back.etag).await.unwrap(), back);
    }

    async fn members_come_by_the_current_etag_of_the_group(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let (group, old) = renamed_group(&t, &[&ana]).await;

        stale(add(&admin, &group, &old, &ben).await, &group.etag);
        assert_eq!(listed(&admin, &group.id, false).await, ["ana"]);

        add(&admin, &group, &group.etag, &ben).await.unwrap();
        assert_eq!(listed(&admin, &group.id, false).await, ["ana", "ben"]);
    }

    async fn members_go_by_the_current_etag_of_the_group(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let (group, old) = renamed_group(&t, &[&ana, &ben]).await;

        stale(remove(&admin, &group, &old, &ben).await, &group.etag);
        assert_eq!(listed(&admin, &group.id, false).await, ["ana", "ben"]);

        remove(&admin, &group, &group.etag, &ben).await.unwrap();
        assert_eq!(listed(&admin, &group.id, false).await, ["ana"]);
    }

    async fn a_group_is_deleted_by_its_current_etag(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let (group, old) = renamed_group(&t, &[&ana]).await;

        stale(delete(&admin, &group, &old).await, &group.etag);
        assert_eq!(groups(&t).await, [group.clone()]);

        // A stale etag is told before what stands in the way.
        let lead = t.lead_in("lead", &group.id).await;
        stale(delete(&admin, &group, &old).await, &group.etag);
        refused(delete(&admin, &group, &group.etag).await, ErrorReason::InUse);
        admin.delete(&lead.id).await.unwrap();

        delete(&admin, &group, &group.etag).await.unwrap();
        assert!(groups(&t).await.is_empty());
    }

    async fn who_may_not_change_a_user_or_a_group_learns_no_etag(t: TestServer) {
        let (mia, ana) = (t.manager("mia").await, t.agent("ana").await);
        let (group, old) = renamed_group(&t, &[&ana]).await;
        refused(deactivate(&mia, &ana.id, "v0").await, ErrorReason::CapabilityRequired);
        refused(reactivate(&mia, &ana.id, "v0").await, ErrorReason::CapabilityRequired);
        refused(add(&mia, &group, &old, &ana).await, ErrorReason::CapabilityRequired);
        refused(remove(&mia, &group, &old, &ana).await, ErrorReason::CapabilityRequired);
        refused(delete(&mia, &group, &old).await, ErrorReason::CapabilityRequired);

        let other = t.administrator("max").await;
        refused(deactivate(&other, &other.id, "v0").await, ErrorReason::SelfConfiguration);
        refused(reactivate(&other, &other.id, "v0").await, ErrorReason::SelfConfiguration);
        refused(add(&other, &group, &old, &other).await, ErrorReason::SelfConfiguration);
        refused(remove(&other, &group, &old, &other).await, ErrorReason::SelfConfiguration);
    }
}
