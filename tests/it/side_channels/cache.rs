//! What a server keeps of its callers, seen on the wire to its database: it asks little, and believes nothing stale.

use std::time::Duration;

use futures::future::join_all;
use leadward::{
    access::token::ApiSecret,
    proto::{
        AccessLevel, DeactivateUserRequest, ErrorReason, Lead, LeadAction, ListApiTokensRequest, Permission, Profile,
        ReactivateUserRequest, RemoveGroupMembersRequest, RevokeApiTokenRequest, Role, UpdateProfileRequest,
    },
};
use tokio::time::sleep;

use super::Watched;
use crate::support::{Caller, Database, TestServer, Wire, every_action, permission, profile, reason, refused};

/// An agent with a lead of their own, whom the watched server doesn't know yet.
struct Desk {
    watched: Watched,
    ana: Caller,
    lead: Lead,
}

impl Desk {
    async fn open() -> Self {
        let t = TestServer::start(Database::Postgres).await;
        let ana = t.agent("ana").await;
        let lead = t.lead_of("Ana's", &ana).await;
        let watched = Watched::beside(t).await;
        let ana = watched.caller(&ana);
        watched.wire.settle().await;
        Self { watched, ana, lead }
    }

    async fn warm_up(&self) {
        for _ in 0..2 {
            self.ana.get_lead(&self.lead.id).await.unwrap();
        }
        self.watched.wire.settle().await;
    }
}

/// How often a credential was looked up.
fn look_ups(statements: &[String]) -> usize {
    statements.iter().filter(|sql| is_look_up(sql)).count()
}

fn is_look_up(sql: &str) -> bool {
    sql.starts_with("SELECT") && sql.contains("\"api_tokens\"")
}

fn is_about_leads(sql: &str) -> bool {
    sql.contains("FROM \"leads\"")
}

/// Waits for a statement; on a wire that is held, it is stuck there.
async fn asked(wire: &Wire) {
    while wire.statements().is_empty() {
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_caller_gets_a_lead_with_one_statement() {
    let desk = Desk::open().await;
    desk.warm_up().await;
    let (answer, statements) = desk.watched.wire.during(desk.ana.get_lead(&desk.lead.id)).await;
    assert_eq!(answer.unwrap(), desk.lead);
    assert_eq!(statements.len(), 1, "{statements:#?}");
    assert!(is_about_leads(&statements[0]) && statements[0].contains("rights_version"), "{statements:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_first_calls_at_once_look_their_caller_up_together() {
    let desk = Desk::open().await;
    let wire = &desk.watched.wire;
    wire.hold();
    let calls = join_all((0..200).map(|_| desk.ana.get_lead(&desk.lead.id)));
    let all_are_there = async {
        sleep(Duration::from_millis(500)).await;
        wire.release();
    };
    let (answers, ()) = tokio::join!(calls, all_are_there);
    for answer in answers {
        assert_eq!(answer.unwrap(), desk.lead);
    }
    let statements = wire.statements();
    assert!((1..=3).contains(&look_ups(&statements)), "{} times", look_ups(&statements));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_goes_away_is_known_when_they_come_back() {
    let desk = Desk::open().await;
    let wire = &desk.watched.wire;
    wire.hold();
    let (ana, lead_id) = (desk.ana.clone(), desk.lead.id.clone());
    let call = tokio::spawn(async move { ana.get_lead(&lead_id).await });
    asked(wire).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    // Long enough for the server to learn that nobody waits any more.
    sleep(Duration::from_millis(200)).await;
    wire.release();
    wire.settle().await;

    let (answer, statements) = wire.during(desk.ana.get_lead(&desk.lead.id)).await;
    assert_eq!(answer.unwrap(), desk.lead);
    assert_eq!(statements.len(), 1, "{statements:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_is_not_good_is_looked_up_each_time() {
    let desk = Desk::open().await;
    let (t, wire) = (&desk.watched.t, &desk.watched.wire);
    let unknown = ApiSecret::generate().unwrap().expose().to_owned();
    let revoked = t.token(&desk.ana.id).await;
    revoke_last_token(t, &desk.ana).await;
    for token in [unknown, revoked] {
        let nobody = Caller::at(desk.watched.server.addr(), &token);
        for _ in 0..2 {
            let (answer, statements) = wire.during(nobody.get_lead(&desk.lead.id)).await;
            refused(answer, ErrorReason::NotAuthenticated);
            assert_eq!(look_ups(&statements), 1, "{statements:#?}");
        }
    }
    let stranger = Caller::at(desk.watched.server.addr(), "lw_nobody");
    let (answer, statements) = wire.during(stranger.get_lead(&desk.lead.id)).await;
    refused(answer, ErrorReason::NotAuthenticated);
    assert!(statements.is_empty(), "{statements:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_was_refused_is_let_in_as_soon_as_they_may() {
    let desk = Desk::open().await;
    let user_id = desk.ana.id.clone();
    let mut directory = desk.watched.t.admin().directory();
    directory.deactivate_user(DeactivateUserRequest { user_id: user_id.clone(), ..Default::default() }).await.unwrap();
    for _ in 0..2 {
        refused(desk.ana.get_lead(&desk.lead.id).await, ErrorReason::NotAuthenticated);
    }
    directory.reactivate_user(ReactivateUserRequest { user_id, ..Default::default() }).await.unwrap();
    assert_eq!(desk.ana.get_lead(&desk.lead.id).await.unwrap(), desk.lead);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_fails_while_a_caller_is_looked_up_is_asked_again() {
    let desk = Desk::open().await;
    let wire = &desk.watched.wire;
    wire.hold();
    let cut = async {
        asked(wire).await;
        assert!(wire.cut() > 0, "there are connections");
        wire.release();
    };
    let (answer, ()) = tokio::join!(desk.ana.get_lead(&desk.lead.id), cut);
    if let Err(status) = answer {
        assert_eq!(reason(&status), "UNAVAILABLE", "{status:?}");
    }
    // Each connection that was cut can fail one call more.
    for _ in 0..32 {
        if let Ok(lead) = desk.ana.get_lead(&desk.lead.id).await {
            assert_eq!(lead, desk.lead);
            return;
        }
    }
    panic!("the failure is kept");
}

/// Notices only hurry: what was taken at another server is gone here for the next call, heard of or not.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_at_another_server_is_gone_at_once_even_if_nobody_listens() {
    let t = TestServer::start(Database::Postgres).await;
    let group_id = t.group("north", &[]).await;
    let viewers = Profile { permissions: every_action(AccessLevel::Complete), ..profile("viewer", Role::Agent) };
    let viewers = t.create_profile(viewers).await;
    let (narrowed, leaver) = (t.agent("narrowed").await, t.agent("leaver").await);
    let (locked_out, gone) = (t.agent("locked-out").await, t.agent("gone").await);
    let viewer = t.user("viewer", "viewer").await;
    t.add_members(&group_id, &[&leaver]).await;
    let own_groups = Permission { include_member_groups: true, ..permission(LeadAction::View, AccessLevel::Groups) };
    t.admin().set_permission(&leaver, own_groups).await.unwrap();
    let of = async |agent: &Caller| t.lead_of(&agent.name, agent).await.id;
    let leads = [of(&narrowed).await, t.lead_in("north", &group_id).await.id, of(&locked_out).await, of(&gone).await];
    let [narrowed_lead, group_lead, locked_out_lead, gone_lead] = leads;
    let watched = Watched::beside(t).await;
    let (t, admin) = (&watched.t, watched.t.admin());
    watched.wire.settle().await;

    deaf(&watched, &narrowed, &narrowed_lead).await;
    admin.set_permission(&narrowed, permission(LeadAction::View, AccessLevel::None)).await.unwrap();
    refused(watched.caller(&narrowed).get_lead(&narrowed_lead).await, ErrorReason::LeadNotFound);

    deaf(&watched, &leaver, &group_lead).await;
    let leaving = RemoveGroupMembersRequest { group_id, user_ids: vec![leaver.id.clone()], ..Default::default() };
    admin.directory().remove_group_members(leaving).await.unwrap();
    refused(watched.caller(&leaver).get_lead(&group_lead).await, ErrorReason::LeadNotFound);

    deaf(&watched, &locked_out, &locked_out_lead).await;
    revoke_last_token(t, &locked_out).await;
    refused(watched.caller(&locked_out).get_lead(&locked_out_lead).await, ErrorReason::NotAuthenticated);

    deaf(&watched, &gone, &gone_lead).await;
    admin
        .directory()
        .deactivate_user(DeactivateUserRequest { user_id: gone.id.clone(), ..Default::default() })
        .await
        .unwrap();
    refused(watched.caller(&gone).get_lead(&gone_lead).await, ErrorReason::NotAuthenticated);

    deaf(&watched, &viewer, &group_lead).await;
    let narrower = Profile {
        id: viewers.id,
        permissions: vec![permission(LeadAction::View, AccessLevel::Individual)],
        ..Profile::default()
    };
    let request = UpdateProfileRequest { profile: Some(narrower), ..UpdateProfileRequest::default() };
    admin.permissions().update_profile(request).await.unwrap();
    refused(watched.caller(&viewer).get_lead(&group_lead).await, ErrorReason::LeadNotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_listens_lets_go_of_a_caller_before_they_call_again() {
    let desk = Desk::open().await;
    let admin = desk.watched.t.admin();
    let levels = [AccessLevel::Individual, AccessLevel::None];
    // Notices can be late, but not every time.
    for level in levels.into_iter().cycle().take(10) {
        desk.warm_up().await;
        admin.set_permission(&desk.ana, permission(LeadAction::Discard, level)).await.unwrap();
        sleep(Duration::from_millis(300)).await;
        let (answer, statements) = desk.watched.wire.during(desk.ana.get_lead(&desk.lead.id)).await;
        assert_eq!(answer.unwrap(), desk.lead);
        let looked_up = statements.iter().position(|sql| is_look_up(sql)).expect("what was kept is stale");
        let read = statements.iter().position(|sql| is_about_leads(sql)).expect("a lead is read");
        if looked_up < read {
            return;
        }
    }
    panic!("the server tried what it had kept, each time");
}

/// Makes the watched server know a caller while it hears nothing, which lasts for a moment.
async fn deaf(watched: &Watched, caller: &Caller, lead_id: &str) {
    watched.wire.cut_listeners();
    sleep(Duration::from_millis(100)).await;
    for _ in 0..2 {
        watched.caller(caller).get_lead(lead_id).await.unwrap();
    }
}

/// Ends the token of a user that was made last.
async fn revoke_last_token(t: &TestServer, user: &Caller) {
    let request = ListApiTokensRequest { user_id: user.id.clone(), ..ListApiTokensRequest::default() };
    let tokens = t.admin().directory().list_api_tokens(request).await.unwrap().into_inner().api_tokens;
    let api_token_id = tokens.last().unwrap().id.clone();
    t.admin().directory().revoke_api_token(RevokeApiTokenRequest { api_token_id, ..Default::default() }).await.unwrap();
}
