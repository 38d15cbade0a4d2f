//! Groups and their members.

use leadward::proto::{
    AddGroupMembersRequest, CreateGroupRequest, DeleteGroupRequest, ErrorReason, Group, Lead, LeadAction,
    RemoveGroupMembersRequest, UpdateGroupRequest,
};
use tonic::Status;
use uuid::Uuid;

use super::{get, listed};
use crate::support::{Caller, TestServer, fact, groups_permission, on_both_databases, refused};

fn group(name: &str) -> Group {
    Group { name: Some(name.to_owned()), ..Group::default() }
}

async fn create(caller: &Caller, group: Group) -> Result<Group, Status> {
    let request = CreateGroupRequest { group: Some(group), ..Default::default() };
    Ok(caller.directory().create_group(request).await?.into_inner().group.unwrap())
}

async fn update(caller: &Caller, group: Group) -> Result<Group, Status> {
    let request = UpdateGroupRequest { group: Some(group), ..Default::default() };
    Ok(caller.directory().update_group(request).await?.into_inner().group.unwrap())
}

async fn delete(caller: &Caller, group_id: &str) -> Result<(), Status> {
    let request = DeleteGroupRequest { group_id: group_id.to_owned(), ..Default::default() };
    caller.directory().delete_group(request).await.map(drop)
}

async fn add(caller: &Caller, group_id: &str, user_ids: &[&str]) -> Result<Group, Status> {
    let user_ids = user_ids.iter().map(|id| (*id).to_owned()).collect();
    let request = AddGroupMembersRequest { group_id: group_id.to_owned(), user_ids, ..Default::default() };
    Ok(caller.directory().add_group_members(request).await?.into_inner().group.unwrap())
}

async fn remove(caller: &Caller, group_id: &str, user_ids: &[&str]) -> Result<Group, Status> {
    let user_ids = user_ids.iter().map(|id| (*id).to_owned()).collect();
    let request = RemoveGroupMembersRequest { group_id: group_id.to_owned(), user_ids, ..Default::default() };
    Ok(caller.directory().remove_group_members(request).await?.into_inner().group.unwrap())
}

on_both_databases! {
    async fn members_come_and_go(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let north = create(&admin, group("north")).await.unwrap();
        assert_eq!((north.name(), north.member_count), ("north", 0));
        assert_eq!(add(&admin, &north.id, &[&ana.id, &ben.id]).await.unwrap().member_count, 2);
        assert_eq!(add(&admin, &north.id, &[&ben.id]).await.unwrap().member_count, 2);
        assert_eq!(listed(&admin, &north.id, false).await, ["ana", "ben"]);
        assert_eq!(get(&admin, &ana.id).await.unwrap().group_ids, [north.id.clone()]);

        assert_eq!(remove(&admin, &north.id, &[&ana.id]).await.unwrap().member_count, 1);
        assert_eq!(remove(&admin, &north.id, &[&ana.id]).await.unwrap().member_count, 1);
        assert_eq!(listed(&admin, &north.id, false).await, ["ben"]);
        assert!(get(&admin, &ana.id).await.unwrap().group_ids.is_empty());
    }

    async fn members_are_added_all_or_not_at_all(t: TestServer) {
        let (ana, north) = (t.agent("ana").await, t.group("north", &[]).await);
        let absent = Uuid::now_v7().to_string();
        refused(add(&t.admin(), &north, &[&ana.id, &absent]).await, ErrorReason::ResourceNotFound);
        refused(add(&t.admin(), &absent, &[&ana.id]).await, ErrorReason::ResourceNotFound);
        assert!(listed(&t.admin(), &north, true).await.is_empty());
    }

    async fn a_groups_name_is_taken_whatever_its_case(t: TestServer) {
        let north = create(&t.admin(), group("north")).await.unwrap();
        refused(create(&t.admin(), group("NORTH")).await, ErrorReason::DuplicateResource);
        let south = create(&t.admin(), group("south")).await.unwrap();
        let renamed = Group { id: south.id, ..group("North") };
        refused(update(&t.admin(), renamed).await, ErrorReason::DuplicateResource);
        let respelled = Group { id: north.id, ..group("North") };
        assert_eq!(update(&t.admin(), respelled).await.unwrap().name(), "North");
    }

    async fn a_stale_etag_of_a_group_aborts_its_change(t: TestServer) {
        let old = create(&t.admin(), group("north")).await.unwrap();
        let change = |name: &str| Group { id: old.id.clone(), etag: old.etag.clone(), ..group(name) };
        let new = update(&t.admin(), change("east")).await.unwrap();
        let status = refused(update(&t.admin(), change("west")).await, ErrorReason::StaleEtag);
        assert_eq!(fact(&status, "current_etag"), new.etag);
    }

    async fn a_group_is_deleted_when_nothing_needs_it(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let (of_lead, named) = (t.group("of a lead", &[]).await, t.group("named", &[]).await);
        let lead = t.lead_in("lead", &of_lead).await;
        admin.set_permission(&ana, groups_permission(LeadAction::View, &[&named])).await.unwrap();
        for group_id in [&of_lead, &named] {
            refused(delete(&admin, group_id).await, ErrorReason::InUse);
        }
        let elsewhere = Lead { id: lead.id, group_id: Some(String::new()), ..Lead::default() };
        admin.update_lead(elsewhere, &["group_id"]).await.unwrap();
        let other = groups_permission(LeadAction::View, &[&t.group("other", &[]).await]);
        admin.set_permission(&ana, other).await.unwrap();
        for group_id in [&of_lead, &named] {
            delete(&admin, group_id).await.unwrap();
            refused(delete(&admin, group_id).await, ErrorReason::ResourceNotFound);
        }
    }

    async fn a_deleted_groups_members_are_members_no_more(t: TestServer) {
        let ana = t.agent("ana").await;
        let north = t.group("north", &[&ana]).await;
        delete(&t.admin(), &north).await.unwrap();
        assert!(get(&t.admin(), &ana.id).await.unwrap().group_ids.is_empty());
    }

    async fn groups_are_kept_by_who_keeps_the_directory(t: TestServer) {
        let (mia, ana, north) = (t.manager("mia").await, t.agent("ana").await, t.group("north", &[]).await);
        refused(create(&mia, group("south")).await, ErrorReason::CapabilityRequired);
        refused(update(&mia, Group { id: north.clone(), ..group("south") }).await, ErrorReason::CapabilityRequired);
        refused(delete(&mia, &north).await, ErrorReason::CapabilityRequired);
        refused(add(&mia, &north, &[&ana.id]).await, ErrorReason::CapabilityRequired);
        refused(remove(&mia, &north, &[&ana.id]).await, ErrorReason::CapabilityRequired);
    }

    async fn of_two_renamings_of_one_version_exactly_one_wins(t: TestServer) {
        for round in 0..10 {
            let old = create(&t.admin(), group(&format!("round {round}"))).await.unwrap();
            let renamed = |to: &str| Group { id: old.id.clone(), etag: old.etag.clone(), ..group(&format!("{to} {round}")) };
            let admin = t.admin();
            let (east, west) = tokio::join!(update(&admin, renamed("east")), update(&admin, renamed("west")));
            let refusals = [east, west].into_iter().filter_map(Result::err).collect::<Vec<_>>();
            let [refusal] = refusals.as_slice() else { panic!("round {round}: {refusals:?}") };
            refused(Err::<(), _>(refusal.clone()), ErrorReason::StaleEtag);
        }
    }
}
