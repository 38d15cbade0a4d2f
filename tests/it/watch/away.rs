//! What befell leads while their watcher was away, or while nobody read.

use std::time::Duration;

use leadward::proto::{
    AccessLevel, AddGroupMembersRequest, ExportLeadsRequest, GrantLeadAccessRequest, GrantMode, Lead, LeadAction,
    LeadEventKind, Permission, Profile, RemoveGroupMembersRequest, Role, WatchLeadsRequest,
};
use prost_types::FieldMask;
use tokio::time::{sleep, timeout};

use super::{expect_nothing_but_a_new_lead, facts};
use crate::support::{
    Caller, TestServer, Watch, every_action, groups_permission, named, on_both_databases, permission, profile, seconds,
    seconds_from_now,
};

/// More than the service has connections.
const STALLED: usize = 24;
const WHILE: Duration = Duration::from_secs(2);

async fn grant_for(admin: &Caller, lead: &Lead, user: &Caller, seconds: u64) {
    let request = GrantLeadAccessRequest {
        lead_id: lead.id.clone(),
        user_id: user.id.clone(),
        mode: GrantMode::Full.into(),
        expire_time: Some(seconds_from_now(seconds)),
        ..GrantLeadAccessRequest::default()
    };
    admin.assignments().grant_lead_access(request).await.unwrap();
}

async fn leave(admin: &Caller, group_id: &str, member: &Caller) {
    let (group_id, user_ids) = (group_id.to_owned(), vec![member.id.clone()]);
    let request = RemoveGroupMembersRequest { group_id, user_ids, ..RemoveGroupMembersRequest::default() };
    admin.directory().remove_group_members(request).await.unwrap();
}

async fn join(admin: &Caller, group_id: &str, member: &Caller) {
    let (group_id, user_ids) = (group_id.to_owned(), vec![member.id.clone()]);
    let request = AddGroupMembersRequest { group_id, user_ids, ..AddGroupMembersRequest::default() };
    admin.directory().add_group_members(request).await.unwrap();
}

async fn move_to(admin: &Caller, lead: &Lead, group_id: &str) {
    let change = Lead { id: lead.id.clone(), group_id: Some(group_id.to_owned()), ..Lead::default() };
    admin.update_lead(change, &["group_id"]).await.unwrap();
}

/// Events of these leads that take them away, as they come, until all are told.
async fn expect_lost(watch: &mut Watch, leads: &[&Lead]) {
    let mut missing: Vec<&str> = leads.iter().map(|lead| lead.id.as_str()).collect();
    while !missing.is_empty() {
        for (kind, id) in facts(&watch.next().await.unwrap()) {
            assert!(matches!(kind, LeadEventKind::AccessLost | LeadEventKind::Deleted), "{kind:?} of {id}");
            missing.retain(|missing| *missing != id);
        }
    }
}

on_both_databases! {
    async fn a_grant_that_ended_is_told_whatever_befell_the_lead_then(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let mut leads = Vec::new();
        for name in ["left alone", "revoked", "deleted", "renamed"] {
            leads.push(t.lead(name).await);
        }
        let mut watch = Watch::open(&ana).await;
        for lead in &leads {
            grant_for(&admin, lead, &ana, 4).await;
        }
        let told = facts(&watch.take(leads.len()).await);
        assert!(told.iter().all(|(kind, _)| *kind == LeadEventKind::AccessGained), "{told:?}");
        let token = watch.token.clone();
        drop(watch);
        sleep(Duration::from_secs(5)).await;
        admin.revoke(&leads[1].id, &ana).await.unwrap();
        admin.delete(&leads[2].id).await.unwrap();
        admin.update_lead(Lead { id: leads[3].id.clone(), ..named("another") }, &[]).await.unwrap();
        let mut watch = Watch::resume(&ana, &token).await.unwrap();
        expect_lost(&mut watch, &leads.iter().collect::<Vec<_>>()).await;
    }

    async fn a_reassignment_that_takes_a_grant_is_told(t: TestServer) {
        let graced = Profile {
            permissions: every_action(AccessLevel::Individual),
            resolved_grace: Some(seconds(1)),
            ..profile("graced", Role::Agent)
        };
        t.create_profile(graced).await;
        let (admin, ana, ben) = (t.admin(), t.user("ana", "graced").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ana).await;
        admin.resolve(&lead.id).await.unwrap();
        sleep(WHILE).await;
        let mut watch = Watch::open(&ana).await;
        admin.grant(&lead.id, &ana, GrantMode::Full).await.unwrap();
        let told = facts(&watch.take(1).await);
        assert_eq!(told, [(LeadEventKind::AccessGained, lead.id.clone())]);
        admin.assign(&lead.id, &ben).await.unwrap();
        let told = facts(&watch.take(1).await);
        assert_eq!(told, [(LeadEventKind::AccessLost, lead.id.clone())]);
    }

    /// Their rights are the same as before, but weren't in between.
    async fn a_lead_that_passed_through_a_group_while_the_watcher_was_out_of_it_is_not_told(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let (north, south) = (t.group("north", &[&ana]).await, t.group("south", &[]).await);
        let members = Permission { include_member_groups: true, ..groups_permission(LeadAction::View, &[]) };
        admin.set_permission(&ana, members).await.unwrap();
        let lead = t.lead_in("lead", &south).await;
        let watch = Watch::open(&ana).await;
        let token = watch.token.clone();
        drop(watch);
        leave(&admin, &north, &ana).await;
        move_to(&admin, &lead, &north).await;
        move_to(&admin, &lead, &south).await;
        join(&admin, &north, &ana).await;
        let mut watch = Watch::resume(&ana, &token).await.unwrap();
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }

    async fn what_ended_before_a_watcher_could_view_is_not_told(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        admin.set_permission(&ana, permission(LeadAction::View, AccessLevel::None)).await.unwrap();
        let lead = t.lead("lead").await;
        grant_for(&admin, &lead, &ana, 2).await;
        let watch = Watch::open(&ana).await;
        let token = watch.token.clone();
        drop(watch);
        sleep(Duration::from_secs(3)).await;
        admin.set_permission(&ana, permission(LeadAction::View, AccessLevel::Individual)).await.unwrap();
        let mut watch = Watch::resume(&ana, &token).await.unwrap();
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }

    async fn readers_who_stand_still_take_nothing_from_others(t: TestServer) {
        let admin = t.admin();
        let lead = t.lead("lead").await;
        let mut stalled = Vec::new();
        for _ in 0..STALLED {
            stalled.push(admin.leads().watch_leads(WatchLeadsRequest::default()).await.unwrap());
        }
        let read_mask = Some(FieldMask { paths: vec!["id".to_owned()] });
        let mut exports = Vec::new();
        for _ in 0..STALLED {
            let request = ExportLeadsRequest { read_mask: read_mask.clone(), ..ExportLeadsRequest::default() };
            exports.push(admin.leads().export_leads(request).await.unwrap());
        }
        for round in 0..4 {
            let change = Lead { id: lead.id.clone(), ..named(&format!("lead {round}")) };
            let both = async {
                admin.update_lead(change, &[]).await.unwrap();
                admin.get_lead(&lead.id).await.unwrap();
            };
            timeout(Duration::from_secs(8), both).await.expect("the database has connections left");
            sleep(Duration::from_millis(300)).await;
        }
    }
}
