//! Why somebody may or may not do something to a lead: what gives it, what withholds it, and what would change that.

mod asking;

use std::{fmt::Debug, time::Duration};

use leadward::proto::{
    AccessGround, AccessLevel, AccessObstacle, AccessObstacleKind, AccessPath, AccessStep, AccessStepKind,
    AssignLeadRequest, Capability, DeactivateUserRequest, ExplainAccessResponse, GrantLeadAccessRequest, GrantMode,
    Lead, LeadAccessPath, LeadAction, LevelSource, Permission, PermissionOrigin, Profile, RevocationPolicy, Role, User,
};
use prost_types::Timestamp;

use crate::support::{
    Caller, TestServer, every_action, groups_permission, named, on_both_databases, permission, profile, seconds,
    seconds_from_now,
};

async fn why(t: &TestServer, user: &Caller, action: LeadAction, lead: &Lead) -> ExplainAccessResponse {
    t.admin().explain(user, action, &lead.id).await.unwrap()
}

#[track_caller]
fn only<T: Debug>(all: &[T]) -> &T {
    let [one] = all else { panic!("one alone: {all:?}") };
    one
}

fn kinds(answer: &ExplainAccessResponse) -> Vec<AccessObstacleKind> {
    answer.obstacles.iter().map(AccessObstacle::kind).collect()
}

fn ways(answer: &ExplainAccessResponse) -> Vec<AccessPath> {
    answer.grounds.iter().map(AccessGround::path).collect()
}

fn steps(answer: &ExplainAccessResponse) -> Vec<AccessStepKind> {
    answer.smallest_change.iter().map(AccessStep::kind).collect()
}

async fn level(t: &TestServer, profile: &str, level: AccessLevel, origin: PermissionOrigin) -> Option<LevelSource> {
    Some(LevelSource {
        origin: origin.into(),
        profile_id: t.profile_id(profile).await,
        profile_name: profile.to_owned(),
        level: level.into(),
    })
}

async fn of_profile(t: &TestServer, profile: &str, at: AccessLevel) -> Option<LevelSource> {
    level(t, profile, at, PermissionOrigin::Profile).await
}

/// How the access list of a lead tells of one way.
async fn listed(t: &TestServer, user: &Caller, lead: &Lead, way: AccessPath) -> LeadAccessPath {
    let accesses = t.admin().access_list(&lead.id).await.unwrap();
    let access = accesses.into_iter().find(|access| access.user_id == user.id).expect("the user reaches the lead");
    access.paths.into_iter().find(|path| path.path() == way).expect("this way is listed")
}

/// When the last change of a lead was made.
async fn last_change(t: &TestServer, lead: &Lead) -> Option<Timestamp> {
    t.admin().history(&lead.id).await.unwrap()[0].time
}

/// A manager who keeps access: sees everything, and may grant and revoke.
async fn keeper(t: &TestServer) -> Caller {
    let permissions = every_action(AccessLevel::Complete);
    let capabilities = vec![Capability::ManageLeadAccess.into()];
    t.create_profile(Profile { permissions, capabilities, ..profile("keepers", Role::Manager) }).await;
    t.user("kim", "keepers").await
}

async fn deactivate(t: &TestServer, user: &Caller) {
    let request = DeactivateUserRequest { user_id: user.id.clone(), ..Default::default() };
    t.admin().directory().deactivate_user(request).await.unwrap();
}

on_both_databases! {
    async fn an_assignment_is_a_ground_with_who_made_it_and_when(t: TestServer) {
        let (mia, ana, lead) = (t.manager("mia").await, t.agent("ana").await, t.lead("lead").await);
        mia.assign(&lead.id, &ana).await.unwrap();
        let answer = why(&t, &ana, LeadAction::Edit, &lead).await;
        let ground = AccessGround {
            path: AccessPath::Assigned.into(),
            level: of_profile(&t, "pre-sales", AccessLevel::Individual).await,
            given_by: mia.id.clone(),
            give_time: last_change(&t, &lead).await,
            ..AccessGround::default()
        };
        let step = AccessStep { kind: AccessStepKind::ReassignLead.into(), mode: 0 };
        let expected = ExplainAccessResponse {
            allowed: true,
            grounds: vec![ground],
            obstacles: vec![],
            smallest_change: vec![step],
        };
        assert_eq!(answer, expected);
    }

    async fn an_assignment_ends_with_the_grace_after_the_lead_was_resolved(t: TestServer) {
        let lea = t.user("lea", "leads-agent").await;
        let lead = t.lead_of("lead", &lea).await;
        assert_eq!(only(&why(&t, &lea, LeadAction::View, &lead).await.grounds).expire_time, None);
        let resolved = lea.resolve(&lead.id).await.unwrap().resolve_time.unwrap();
        let answer = why(&t, &lea, LeadAction::View, &lead).await;
        let an_hour_later = Timestamp { seconds: resolved.seconds + 3600, ..resolved };
        assert_eq!(only(&answer.grounds).expire_time, Some(an_hour_later));
        assert!(answer.obstacles.is_empty(), "{answer:?}");
    }

    async fn a_grant_is_a_ground_with_its_mode_its_giver_and_its_end(t: TestServer) {
        let (kim, ana, lead) = (keeper(&t).await, t.agent("ana").await, t.lead("lead").await);
        let request = GrantLeadAccessRequest {
            lead_id: lead.id.clone(),
            user_id: ana.id.clone(),
            mode: GrantMode::Full.into(),
            expire_time: Some(seconds_from_now(600)),
            ..Default::default()
        };
        kim.assignments().grant_lead_access(request).await.unwrap();
        let answer = why(&t, &ana, LeadAction::Resolve, &lead).await;
        let ground = AccessGround {
            path: AccessPath::Granted.into(),
            level: of_profile(&t, "pre-sales", AccessLevel::Individual).await,
            mode: GrantMode::Full.into(),
            given_by: kim.id.clone(),
            give_time: last_change(&t, &lead).await,
            expire_time: listed(&t, &ana, &lead, AccessPath::Granted).await.expire_time,
            ..AccessGround::default()
        };
        assert_eq!(only(&answer.grounds), &ground);
        assert!(ground.expire_time.is_some() && answer.obstacles.is_empty(), "{answer:?}");
        assert_eq!(steps(&answer), [AccessStepKind::RevokeLead]);
    }

    async fn what_was_retained_is_a_ground_with_who_reassigned_the_lead(t: TestServer) {
        let (kim, ana, ben) = (keeper(&t).await, t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ana).await;
        let request = AssignLeadRequest {
            lead_id: lead.id.clone(),
            assignee_id: ben.id.clone(),
            revocation_policy: RevocationPolicy::KeepViewOnly.into(),
            ..AssignLeadRequest::default()
        };
        kim.assignments().assign_lead(request).await.unwrap();
        let answer = why(&t, &ana, LeadAction::View, &lead).await;
        let ground = only(&answer.grounds);
        assert_eq!((ground.path(), ground.mode()), (AccessPath::Retained, GrantMode::ViewOnly));
        assert_eq!((&ground.given_by, ground.give_time), (&kim.id, last_change(&t, &lead).await));
    }

    async fn a_group_is_a_ground_by_name_by_membership_or_by_both(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let north = t.group("north", &[&ana]).await;
        let south = t.group("south", &[]).await;
        let lead = Lead { group_id: Some(north.clone()), assignee_id: ben.id.clone(), ..named("lead") };
        let lead = t.admin().create_lead(lead).await.unwrap();
        let own = level(&t, "pre-sales", AccessLevel::Groups, PermissionOrigin::User).await;
        for (names, members, named, membership) in
            [(&north, false, true, false), (&south, true, false, true), (&north, true, true, true)]
        {
            let groups = groups_permission(LeadAction::Delete, &[names]);
            let groups = Permission { include_member_groups: members, ..groups };
            t.admin().set_permission(&ana, groups).await.unwrap();
            let answer = why(&t, &ana, LeadAction::Delete, &lead).await;
            let ground = AccessGround {
                path: AccessPath::Group.into(),
                level: own.clone(),
                group_id: north.clone(),
                group_named: named,
                group_membership: membership,
                ..AccessGround::default()
            };
            assert_eq!(only(&answer.grounds), &ground);
            assert_eq!(steps(&answer), [AccessStepKind::RevokeLead]);
        }
    }

    async fn the_pool_a_complete_level_and_the_administrator_role_are_grounds(t: TestServer) {
        let (mia, adam, ana) = (t.manager("mia").await, t.administrator("adam").await, t.agent("ana").await);
        let pool = Permission { include_unassigned: true, ..permission(LeadAction::View, AccessLevel::Individual) };
        t.admin().set_permission(&ana, pool).await.unwrap();
        let lead = t.lead("lead").await;
        let by_role = level(&t, "administrator", AccessLevel::Complete, PermissionOrigin::Administrator).await;
        let cases = [
            (
                &ana,
                AccessPath::Unassigned,
                level(&t, "pre-sales", AccessLevel::Individual, PermissionOrigin::User).await,
                AccessStepKind::RevokeLead,
            ),
            (
                &mia,
                AccessPath::Complete,
                of_profile(&t, "manager", AccessLevel::Complete).await,
                AccessStepKind::RevokeLead,
            ),
            (&adam, AccessPath::Administrator, by_role, AccessStepKind::DeactivateUser),
        ];
        for (user, path, level, step) in cases {
            let answer = why(&t, user, LeadAction::View, &lead).await;
            let expected = AccessGround { path: path.into(), level, ..AccessGround::default() };
            assert!(answer.allowed && answer.obstacles.is_empty(), "{answer:?}");
            assert_eq!(only(&answer.grounds), &expected);
            assert_eq!(steps(&answer), [step]);
        }
    }

    /// All that gives is told, and all that would withhold if the rest did not give.
    async fn grounds_stand_beside_each_other_and_beside_obstacles(t: TestServer) {
        let (mia, adam) = (t.manager("mia").await, t.administrator("adam").await);
        let lead = t.lead_of("lead", &mia).await;
        let answer = why(&t, &mia, LeadAction::Edit, &lead).await;
        assert_eq!(ways(&answer), [AccessPath::Assigned, AccessPath::Complete]);
        assert_eq!(steps(&answer), [AccessStepKind::ReassignLead, AccessStepKind::RevokeLead]);

        t.admin().grant(&lead.id, &mia, GrantMode::ViewOnly).await.unwrap();
        let answer = why(&t, &mia, LeadAction::Edit, &lead).await;
        assert_eq!(ways(&answer), [AccessPath::Assigned, AccessPath::Complete]);
        assert_eq!(kinds(&answer), [AccessObstacleKind::GrantViewOnly]);

        t.admin().assign(&lead.id, &adam).await.unwrap();
        let answer = why(&t, &adam, LeadAction::Edit, &lead).await;
        assert_eq!(ways(&answer), [AccessPath::Assigned, AccessPath::Administrator]);
        assert_eq!(steps(&answer), [AccessStepKind::DeactivateUser]);
    }

    async fn a_deactivated_user_is_told_of_beside_what_they_would_reach(t: TestServer) {
        let ana = t.agent("ana").await;
        let (own, granted, other) = (t.lead_of("own", &ana).await, t.lead("granted").await, t.lead("other").await);
        t.admin().grant(&granted.id, &ana, GrantMode::Full).await.unwrap();
        deactivate(&t, &ana).await;
        for lead in [&own, &granted] {
            let answer = why(&t, &ana, LeadAction::Edit, lead).await;
            assert!(!answer.allowed && answer.grounds.is_empty(), "{answer:?}");
            assert_eq!(kinds(&answer), [AccessObstacleKind::UserDeactivated], "{}", lead.name());
            assert_eq!(steps(&answer), [AccessStepKind::ReactivateUser]);
        }
        let answer = why(&t, &ana, LeadAction::Delete, &other).await;
        assert_eq!(kinds(&answer), [AccessObstacleKind::UserDeactivated, AccessObstacleKind::LevelNone]);
        let all = [AccessStepKind::ReactivateUser, AccessStepKind::RaiseToIndividual, AccessStepKind::GrantLead];
        assert_eq!(steps(&answer), all);
    }

    async fn a_level_of_none_is_an_obstacle_with_where_it_comes_from(t: TestServer) {
        let ana = t.agent("ana").await;
        let (own, other) = (t.lead_of("own", &ana).await, t.lead("other").await);
        t.admin().set_permission(&ana, permission(LeadAction::Edit, AccessLevel::None)).await.unwrap();
        for (action, origin) in
            [(LeadAction::Delete, PermissionOrigin::Profile), (LeadAction::Edit, PermissionOrigin::User)]
        {
            let none = AccessObstacle {
                kind: AccessObstacleKind::LevelNone.into(),
                level: level(&t, "pre-sales", AccessLevel::None, origin).await,
                ..AccessObstacle::default()
            };
            let answer = why(&t, &ana, action, &own).await;
            assert_eq!((answer.allowed, only(&answer.obstacles)), (false, &none));
            assert_eq!(steps(&answer), [AccessStepKind::RaiseToIndividual]);
            let answer = why(&t, &ana, action, &other).await;
            assert_eq!(only(&answer.obstacles), &none);
            assert_eq!(steps(&answer), [AccessStepKind::RaiseToIndividual, AccessStepKind::GrantLead]);
        }
    }

    async fn a_lead_outside_the_level_takes_the_grant_that_suffices(t: TestServer) {
        let (ana, lead) = (t.agent("ana").await, t.lead("lead").await);
        let outside = AccessObstacle {
            kind: AccessObstacleKind::OutsideLevel.into(),
            level: of_profile(&t, "pre-sales", AccessLevel::Individual).await,
            ..AccessObstacle::default()
        };
        for (action, mode) in [(LeadAction::View, GrantMode::ViewOnly), (LeadAction::Edit, GrantMode::Full)] {
            let answer = why(&t, &ana, action, &lead).await;
            assert_eq!((answer.allowed, only(&answer.obstacles)), (false, &outside));
            let step = only(&answer.smallest_change);
            assert_eq!((step.kind(), step.mode()), (AccessStepKind::GrantLead, mode));
        }
    }

    async fn a_revocation_is_an_obstacle_with_who_revoked_and_when(t: TestServer) {
        let (kim, ana, lead) = (keeper(&t).await, t.agent("ana").await, t.lead("lead").await);
        t.admin().set_permission(&ana, permission(LeadAction::View, AccessLevel::Complete)).await.unwrap();
        kim.revoke(&lead.id, &ana).await.unwrap();
        let answer = why(&t, &ana, LeadAction::View, &lead).await;
        let revoked = AccessObstacle {
            kind: AccessObstacleKind::Revoked.into(),
            given_by: kim.id.clone(),
            give_time: last_change(&t, &lead).await,
            ..AccessObstacle::default()
        };
        assert_eq!((answer.allowed, only(&answer.obstacles)), (false, &revoked));
        assert_eq!(steps(&answer), [AccessStepKind::GrantLead]);

        // Administrators are not held by it.
        let profile_id = Some(t.profile_id("administrator").await);
        t.update_user(User { id: ana.id.clone(), profile_id, ..User::default() }).await;
        let answer = why(&t, &ana, LeadAction::View, &lead).await;
        assert_eq!((ways(&answer), kinds(&answer)), (vec![AccessPath::Administrator], vec![]));
    }

    async fn a_grant_that_gives_less_or_has_ended_is_an_obstacle(t: TestServer) {
        let (kim, ana, lead) = (keeper(&t).await, t.agent("ana").await, t.lead("lead").await);
        let request = GrantLeadAccessRequest {
            lead_id: lead.id.clone(),
            user_id: ana.id.clone(),
            mode: GrantMode::ViewOnly.into(),
            expire_time: Some(seconds_from_now(3)),
            ..Default::default()
        };
        kim.assignments().grant_lead_access(request).await.unwrap();
        let granted = listed(&t, &ana, &lead, AccessPath::Granted).await;
        let answer = why(&t, &ana, LeadAction::Edit, &lead).await;
        let view_only = AccessObstacle {
            kind: AccessObstacleKind::GrantViewOnly.into(),
            given_by: kim.id.clone(),
            give_time: granted.give_time,
            ..AccessObstacle::default()
        };
        assert!(!answer.allowed && answer.obstacles.contains(&view_only), "{answer:?}");
        assert_eq!(kinds(&answer), [AccessObstacleKind::GrantViewOnly, AccessObstacleKind::OutsideLevel]);
        assert!(why(&t, &ana, LeadAction::View, &lead).await.allowed);

        tokio::time::sleep(Duration::from_millis(3100)).await;
        let ended = AccessObstacle {
            kind: AccessObstacleKind::GrantExpired.into(),
            expire_time: granted.expire_time,
            ..view_only
        };
        for action in [LeadAction::View, LeadAction::Edit] {
            let answer = why(&t, &ana, action, &lead).await;
            assert!(!answer.allowed && answer.obstacles.contains(&ended), "{answer:?}");
            assert_eq!(kinds(&answer), [AccessObstacleKind::GrantExpired, AccessObstacleKind::OutsideLevel]);
            assert_eq!(steps(&answer), [AccessStepKind::GrantLead]);
        }
    }

    async fn a_discarded_lead_is_not_reassigned_so_its_assignee_loses_it_by_their_level(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead_of("lead", &ana).await;
        t.admin().discard(&lead.id).await.unwrap();
        assert_eq!(steps(&why(&t, &ana, LeadAction::View, &lead).await), [AccessStepKind::LowerToNone]);
    }

    async fn a_grant_to_view_withholds_nothing_of_viewing(t: TestServer) {
        let (ana, lead) = (t.agent("ana").await, t.lead("lead").await);
        t.admin().grant(&lead.id, &ana, GrantMode::ViewOnly).await.unwrap();
        assert_eq!(kinds(&why(&t, &ana, LeadAction::View, &lead).await), []);
        assert_eq!(kinds(&why(&t, &ana, LeadAction::Edit, &lead).await), [
            AccessObstacleKind::GrantViewOnly,
            AccessObstacleKind::OutsideLevel,
        ]);
    }

    async fn a_grace_that_has_lapsed_is_an_obstacle_with_when_it_did(t: TestServer) {
        let permissions = every_action(AccessLevel::Individual);
        let grace = Some(seconds(0));
        t.create_profile(Profile { permissions, resolved_grace: grace, ..profile("closers", Role::Agent) }).await;
        let cleo = t.user("cleo", "closers").await;
        let lead = t.lead_of("lead", &cleo).await;
        let resolved = cleo.resolve(&lead.id).await.unwrap();
        let answer = why(&t, &cleo, LeadAction::View, &lead).await;
        let lapsed = AccessObstacle {
            kind: AccessObstacleKind::GraceLapsed.into(),
            expire_time: resolved.resolve_time,
            ..AccessObstacle::default()
        };
        assert_eq!((answer.allowed, only(&answer.obstacles)), (false, &lapsed));
        assert_eq!(steps(&answer), [AccessStepKind::GrantLead]);
    }
}
