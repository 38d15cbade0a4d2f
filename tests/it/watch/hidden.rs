//! Nothing at all is told of leads that a watcher never viewed, not even that they are there.

use leadward::proto::{AccessLevel, GrantMode, Lead, LeadAction, LeadEventKind, Permission, RemoveGroupMembersRequest};

use super::{expect, expect_gone, expect_nothing_but_a_new_lead, facts};
use crate::support::{Caller, TestServer, Watch, groups_permission, named, on_both_databases, permission};

/// A group, and an agent who views the leads of it while they are a member.
async fn member(t: &TestServer) -> (Caller, String) {
    let ana = t.agent("ana").await;
    let north = t.group("north", &[&ana]).await;
    let members = Permission { include_member_groups: true, ..groups_permission(LeadAction::View, &[]) };
    t.admin().set_permission(&ana, members).await.unwrap();
    (ana, north)
}

async fn leave(t: &TestServer, group_id: &str, member: &Caller) {
    let request = RemoveGroupMembersRequest {
        group_id: group_id.to_owned(),
        user_ids: vec![member.id.clone()],
        ..RemoveGroupMembersRequest::default()
    };
    t.admin().directory().remove_group_members(request).await.unwrap();
}

async fn move_to(admin: &Caller, lead: &Lead, group_id: &str) -> Lead {
    let change = Lead { id: lead.id.clone(), group_id: Some(group_id.to_owned()), ..Lead::default() };
    admin.update_lead(change, &["group_id"]).await.unwrap()
}

/// All that can happen to a lead.
async fn a_whole_life(admin: &Caller, lead: &Lead, of: &Caller) {
    let id = lead.id.as_str();
    admin.update_lead(Lead { id: lead.id.clone(), ..named("another name") }, &[]).await.unwrap();
    admin.assign(id, of).await.unwrap();
    admin.grant(id, of, GrantMode::Full).await.unwrap();
    admin.discard(id).await.unwrap();
    admin.retrieve(id).await.unwrap();
    admin.resolve(id).await.unwrap();
    admin.reopen(id).await.unwrap();
    admin.delete(id).await.unwrap();
}

on_both_databases! {
    async fn a_life_out_of_sight_is_not_told(t: TestServer) {
        let (admin, ben) = (t.admin(), t.agent("ben").await);
        let (ana, north) = member(&t).await;
        let south = t.group("south", &[]).await;
        let (first, second) = (t.lead_of("first", &ben).await, t.lead_in("second", &south).await);
        let mut watch = Watch::open(&ana).await;
        let third = t.lead_in("third", &south).await;
        for lead in [&first, &second, &third] {
            a_whole_life(&admin, lead, &ben).await;
        }
        let seen = t.lead_in("seen", &north).await;
        expect(&mut watch, LeadEventKind::Created, &seen).await;
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;

        let token = watch.token.clone();
        drop(watch);
        let fourth = t.lead_of("fourth", &ben).await;
        a_whole_life(&admin, &fourth, &ben).await;
        let mut watch = Watch::resume(&ana, &token).await.unwrap();
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }

    async fn a_watcher_without_any_right_to_view_is_told_nothing(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        admin.set_permission(&ana, permission(LeadAction::View, AccessLevel::None)).await.unwrap();
        let mut watch = Watch::open(&ana).await;
        let edited = permission(LeadAction::Edit, AccessLevel::Complete);
        admin.set_permission(&ana, edited).await.unwrap();
        let lead = t.lead("lead").await;
        admin.discard(&lead.id).await.unwrap();
        admin.set_permission(&ana, permission(LeadAction::View, AccessLevel::Individual)).await.unwrap();
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }

    /// What the watcher missed is told by what they could view: at the token, and now.
    async fn a_lead_that_came_to_a_group_after_the_watcher_had_left_it_is_not_told(t: TestServer) {
        let (admin, ben) = (t.admin(), t.agent("ben").await);
        let (ana, north) = member(&t).await;
        let south = t.group("south", &[]).await;
        let (known, other) = (t.lead_in("known", &north).await, t.lead_in("other", &south).await);
        let deleted = t.lead_in("deleted", &north).await;
        let moved_on = t.lead_in("moved on", &north).await;
        let token = Watch::open(&ana).await.token;

        leave(&t, &north, &ana).await;
        // It moves in, and has a life there, while the token still says that Ana views the group.
        let stranger = move_to(&admin, &other, &north).await;
        let newborn = t.lead_in("newborn", &north).await;
        a_whole_life(&admin, &newborn, &ben).await;
        admin.discard(&stranger.id).await.unwrap();
        move_to(&admin, &moved_on, &south).await;
        admin.discard(&known.id).await.unwrap();
        admin.delete(&deleted.id).await.unwrap();

        let mut watch = Watch::resume(&ana, &token).await.unwrap();
        let events = watch.take(3).await;
        let mut gone: Vec<String> = events.iter().map(|event| event.lead_id.clone()).collect();
        gone.sort_unstable();
        let mut expected = [known.id, deleted.id.clone(), moved_on.id];
        expected.sort_unstable();
        assert_eq!(gone, expected, "all that was in view, and nothing else");
        for (kind, id) in facts(&events) {
            let fits = kind == LeadEventKind::AccessLost || (kind == LeadEventKind::Deleted && id == deleted.id);
            assert!(fits, "{kind:?} of {id}");
        }
        assert!(events.iter().all(|event| event.lead.is_none()));
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }

    async fn a_lead_that_left_a_group_before_the_watcher_joined_it_is_not_told(t: TestServer) {
        let admin = t.admin();
        let (ana, north) = member(&t).await;
        let south = t.group("south", &[]).await;
        leave(&t, &north, &ana).await;
        let (leaves, stays) = (t.lead_in("leaves", &north).await, t.lead_in("stays", &north).await);
        let token = Watch::open(&ana).await.token;
        move_to(&admin, &leaves, &south).await;
        t.add_members(&north, &[&ana]).await;
        admin.discard(&leaves.id).await.unwrap();
        let mut watch = Watch::resume(&ana, &token).await.unwrap();
        expect(&mut watch, LeadEventKind::AccessGained, &stays).await;
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }

    /// In view at the token and in view now, but not in between.
    async fn whoever_left_and_came_back_ends_with_what_there_is(t: TestServer) {
        let admin = t.admin();
        let (ana, north) = member(&t).await;
        let south = t.group("south", &[]).await;
        let (stays, leaves) = (t.lead_in("stays", &north).await, t.lead_in("leaves", &north).await);
        let token = Watch::open(&ana).await.token;
        leave(&t, &north, &ana).await;
        move_to(&admin, &leaves, &south).await;
        let changed = admin.update_lead(Lead { id: stays.id.clone(), ..named("changed") }, &[]).await.unwrap();
        t.add_members(&north, &[&ana]).await;

        let mut watch = Watch::resume(&ana, &token).await.unwrap();
        let marker = t.lead_of("the next", &ana).await;
        let mut left = None;
        let mut stayed = None;
        loop {
            let event = watch.take(1).await.remove(0);
            match event.lead_id {
                id if id == marker.id => break,
                id if id == leaves.id => left = Some(event.kind),
                id if id == stays.id => stayed = event.lead,
                id => panic!("{id} was not to be told of"),
            }
        }
        assert_eq!(left, Some(LeadEventKind::AccessLost.into()));
        assert_eq!(stayed, Some(changed));
    }

    async fn what_was_lost_is_told_without_what_it_became(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let lead = t.lead_of("lead", &ana).await;
        let token = Watch::open(&ana).await.token;
        admin.unassign(&lead.id).await.unwrap();
        admin.update_lead(Lead { id: lead.id.clone(), ..named("a secret") }, &[]).await.unwrap();
        let mut watch = Watch::resume(&ana, &token).await.unwrap();
        expect_gone(&mut watch, LeadEventKind::AccessLost, &lead.id).await;
        expect_nothing_but_a_new_lead(&t, &mut watch, &ana).await;
    }
}
