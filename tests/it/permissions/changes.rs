//! The record of changes of rights: what is written of each.

mod calls;
mod nothing;
mod reading;

use std::{process::Command, time::SystemTime};

use leadward::proto::{
    AccessLevel, Capability, Desk, GrantLeadAccessRequest, GrantMode, LeadAction, ListPermissionChangesRequest,
    OrderVisibility, Permission, PermissionChange, PermissionChangeKind, Profile, RevocationPolicy, Role, Settings,
    User, UserKind,
};
use prost_types::Timestamp;

use self::calls::{
    create_group, create_token, create_user, deactivate, delete_group, delete_profile, reactivate, reassign,
    remove_members, rename_group, revoke_token, set_permissions, update_profile, update_settings,
};
use crate::support::{Caller, TestServer, groups_permission, named, on_both_databases, permission, profile, seconds};

/// The year 2100.
const LATER: Timestamp = Timestamp { seconds: 4_102_444_800, nanos: 0 };

/// All that is on the record, oldest first.
async fn all(t: &TestServer) -> Vec<PermissionChange> {
    let mut changes = t.admin().permission_changes(ListPermissionChangesRequest::default()).await.unwrap();
    changes.reverse();
    changes
}

/// What comes of some work, and what that puts on the record, oldest first. What stood there stays as it was.
async fn recorded<T>(t: &TestServer, work: impl Future<Output = T>) -> (T, Vec<PermissionChange>) {
    let before = all(t).await;
    let output = work.await;
    let mut now = all(t).await;
    let new = now.split_off(before.len());
    assert_eq!(now, before, "an entry is never edited");
    assert!(new.is_sorted_by(|older, newer| older.id < newer.id), "in order: {new:?}");
    let clock = Timestamp::from(SystemTime::now()).seconds;
    assert!(new.iter().all(|change| change.time.is_some_and(|time| (time.seconds - clock).abs() < 60)), "{new:?}");
    (output, new)
}

/// Each entry in a line: its kind, and each field's value before and after.
fn lines(changes: &[PermissionChange]) -> Vec<String> {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let line = |change: &PermissionChange| {
        let kind = change.kind().as_str_name().trim_start_matches("PERMISSION_CHANGE_KIND_");
        let fields = change.changes.iter();
        let fields =
            fields.map(|field| format!("{}: {} -> {}", field.field, value(&field.before), value(&field.after)));
        format!("{kind} {}", fields.collect::<Vec<_>>().join(", ")).trim_end().to_owned()
    };
    changes.iter().map(line).collect()
}

/// Expects that each entry says that the caller did it, for themselves.
#[track_caller]
fn all_by(changes: &[PermissionChange], caller: &Caller) {
    let theirs = |change: &&PermissionChange| change.actor_id == caller.id && change.on_behalf_of.is_empty();
    assert_eq!(changes.iter().filter(theirs).count(), changes.len(), "{changes:?}");
}

/// Expects that each entry is about the user.
#[track_caller]
fn all_of(changes: &[PermissionChange], user_id: &str) {
    assert!(changes.iter().all(|change| change.user_id == user_id), "{changes:?}");
}

on_both_databases! {
    async fn whoever_holds_the_database_is_nobody_on_the_record(t: TestServer) {
        let administrators = t.profile_id("administrator").await;
        let first = all(&t).await;
        let expected = [
            format!("USER_CREATED name: - -> Administrator, kind: - -> HUMAN, profile_id: - -> {administrators}, state: - -> ACTIVE"),
            "TOKEN_CREATED label: - -> first start".to_owned(),
        ];
        assert_eq!(lines(&first), expected);
        all_of(&first, &t.admin().id);

        let ((), changes) = recorded(&t, async {
            let arguments = ["token", "--database-url", t.database_url()];
            let issued = Command::new(env!("CARGO_BIN_EXE_leadward")).args(arguments).output().unwrap();
            assert!(issued.status.success(), "{issued:?}");
        })
        .await;
        assert_eq!(lines(&changes), ["TOKEN_CREATED label: - -> command line"]);
        all_of(&changes, &t.admin().id);
        for change in first.iter().chain(&changes) {
            assert_eq!((change.actor_id.as_str(), change.on_behalf_of.as_str()), ("", ""));
        }
    }

    async fn changes_of_users_are_recorded(t: TestServer) {
        let admin = t.admin();
        let (agents, managers) = (t.profile_id("pre-sales").await, t.profile_id("manager").await);
        let ana = User {
            name: Some("ana".to_owned()),
            email: Some("ana@example.com".to_owned()),
            profile_id: Some(agents.clone()),
            desk: Some(Desk::Sales.into()),
            ..User::default()
        };
        let (id, changes) = recorded(&t, async {
            let id = create_user(&admin, ana).await.id;
            let (name, email) = (Some("Eva".to_owned()), Some("eva@example.com".to_owned()));
            t.update_user(User { id: id.clone(), name, email, ..User::default() }).await;
            let (profile_id, desk) = (Some(managers.clone()), Some(Desk::Unspecified.into()));
            t.update_user(User { id: id.clone(), profile_id, desk, ..User::default() }).await;
            deactivate(&admin, &id).await;
            reactivate(&admin, &id).await;
            id
        })
        .await;
        let expected = [
            format!(
                "USER_CREATED name: - -> ana, email: - -> ana@example.com, kind: - -> HUMAN, profile_id: - -> {agents}, \
                 desk: - -> SALES, state: - -> ACTIVE"
            ),
            "USER_UPDATED name: ana -> Eva, email: ana@example.com -> eva@example.com".to_owned(),
            format!("USER_UPDATED profile_id: {agents} -> {managers}, desk: SALES -> -"),
            "USER_DEACTIVATED state: ACTIVE -> DEACTIVATED".to_owned(),
            "USER_REACTIVATED state: DEACTIVATED -> ACTIVE".to_owned(),
        ];
        assert_eq!(lines(&changes), expected);
        all_by(&changes, &admin);
        all_of(&changes, &id);
    }

    async fn changes_of_a_users_own_permissions_are_recorded_action_by_action(t: TestServer) {
        let (mia, ana, north) = (t.manager("mia").await, t.agent("ana").await, t.group("north", &[]).await);
        let pool = |permission: Permission| Permission { include_unassigned: true, ..permission };
        let groups = Permission { include_member_groups: true, ..groups_permission(LeadAction::View, &[&north]) };
        let ((), changes) = recorded(&t, async {
            let own = vec![
                permission(LeadAction::Edit, AccessLevel::Complete),
                pool(groups),
                permission(LeadAction::Discard, AccessLevel::None),
                pool(permission(LeadAction::Resolve, AccessLevel::Individual)),
            ];
            set_permissions(&mia, &ana, own).await;
            let back = vec![
                permission(LeadAction::View, AccessLevel::SameAsProfile),
                permission(LeadAction::Edit, AccessLevel::Complete),
            ];
            set_permissions(&mia, &ana, back).await;
        })
        .await;
        let groups = format!("GROUPS {north} + own groups + unassigned");
        let expected = [
            format!(
                "USER_PERMISSIONS_UPDATED VIEW: SAME_AS_PROFILE -> {groups}, EDIT: SAME_AS_PROFILE -> COMPLETE, \
                 DISCARD: SAME_AS_PROFILE -> NONE, RESOLVE: SAME_AS_PROFILE -> INDIVIDUAL + unassigned"
            ),
            format!("USER_PERMISSIONS_UPDATED VIEW: {groups} -> SAME_AS_PROFILE"),
        ];
        assert_eq!(lines(&changes), expected);
        all_by(&changes, &mia);
        all_of(&changes, &ana.id);
    }

    async fn changes_of_profiles_are_recorded(t: TestServer) {
        let admin = t.admin();
        let (id, changes) = recorded(&t, async {
            let scouts = Profile {
                permissions: vec![permission(LeadAction::View, AccessLevel::Individual)],
                capabilities: vec![Capability::ImportLeads.into()],
                resolved_grace: Some(seconds(90)),
                max_open_leads: Some(40),
                ..profile("scouts", Role::Agent)
            };
            let id = t.create_profile(scouts).await.id;
            let wider = Profile {
                permissions: vec![permission(LeadAction::View, AccessLevel::Complete)],
                capabilities: vec![Capability::ReadAudit.into(), Capability::ImportLeads.into()],
                role: Some(Role::Manager.into()),
                ..Profile::default()
            };
            update_profile(&admin, Profile { id: id.clone(), ..wider }, &[]).await;
            let renamed = Profile { id: id.clone(), ..profile("Scouts", Role::Manager) };
            update_profile(&admin, renamed, &["name", "resolved_grace"]).await;
            let partial = Profile {
                id: id.clone(),
                order_visibility: OrderVisibility::PartialOnly.into(),
                assign_partial_orders_only: Some(true),
                ..Profile::default()
            };
            update_profile(&admin, partial, &[]).await;
            delete_profile(&admin, &id).await;
            id
        })
        .await;
        let expected = [
            "PROFILE_CREATED name: - -> scouts, role: - -> AGENT, VIEW: - -> INDIVIDUAL, EDIT: - -> NONE, \
             DISCARD: - -> NONE, RETRIEVE: - -> NONE, DELETE: - -> NONE, ASSIGN: - -> NONE, RESOLVE: - -> NONE, \
             EXPORT: - -> NONE, capabilities: - -> IMPORT_LEADS, resolved_grace: - -> 90s, max_open_leads: - -> 40, \
             order_visibility: - -> ALL, assign_partial_orders_only: - -> false",
            "PROFILE_UPDATED role: AGENT -> MANAGER, VIEW: INDIVIDUAL -> COMPLETE, \
             capabilities: IMPORT_LEADS -> IMPORT_LEADS READ_AUDIT",
            "PROFILE_UPDATED name: scouts -> Scouts, resolved_grace: 90s -> -",
            "PROFILE_UPDATED order_visibility: ALL -> PARTIAL_ONLY, assign_partial_orders_only: false -> true",
            "PROFILE_DELETED name: Scouts -> -, role: MANAGER -> -, VIEW: COMPLETE -> -, EDIT: NONE -> -, \
             DISCARD: NONE -> -, RETRIEVE: NONE -> -, DELETE: NONE -> -, ASSIGN: NONE -> -, RESOLVE: NONE -> -, \
             EXPORT: NONE -> -, capabilities: IMPORT_LEADS READ_AUDIT -> -, max_open_leads: 40 -> -, \
             order_visibility: PARTIAL_ONLY -> -, assign_partial_orders_only: true -> -",
        ];
        assert_eq!(lines(&changes), expected);
        all_by(&changes, &admin);
        assert!(changes.iter().all(|change| change.profile_id == id && change.user_id.is_empty()), "{changes:?}");
    }

    async fn changes_of_groups_and_memberships_are_recorded(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let (id, changes) = recorded(&t, async {
            let id = create_group(&admin, "north").await;
            rename_group(&admin, &id, "south").await;
            t.add_members(&id, &[&ana]).await;
            t.add_members(&id, &[&ben, &ana, &ben]).await;
            remove_members(&admin, &id, &[&ana, &ben]).await;
            remove_members(&admin, &id, &[&ana, &ben]).await;
            t.add_members(&id, &[&ana, &ben]).await;
            deactivate(&admin, &ben.id).await;
            delete_group(&admin, &id).await;
            id
        })
        .await;
        let entries = lines(&changes);
        let facts: Vec<_> = entries.iter().zip(&changes).map(|(line, change)| (&**line, &*change.user_id)).collect();
        let (ana, ben) = (ana.id.as_str(), ben.id.as_str());
        let expected = [
            ("GROUP_CREATED name: - -> north", ""),
            ("GROUP_UPDATED name: north -> south", ""),
            ("MEMBER_ADDED", ana),
            ("MEMBER_ADDED", ben),
            ("MEMBER_REMOVED", ana),
            ("MEMBER_REMOVED", ben),
            ("MEMBER_ADDED", ana),
            ("MEMBER_ADDED", ben),
            ("USER_DEACTIVATED state: ACTIVE -> DEACTIVATED", ben),
            ("GROUP_DELETED name: south -> -", ""),
            ("MEMBER_REMOVED", ana),
            ("MEMBER_REMOVED", ben),
        ];
        assert_eq!(facts, expected);
        all_by(&changes, &admin);
        let of_group = |change: &&PermissionChange| change.kind() != PermissionChangeKind::UserDeactivated;
        assert!(changes.iter().filter(of_group).all(|change| change.group_id == id), "{changes:?}");
    }

    async fn changes_of_settings_are_recorded(t: TestServer) {
        let settings = Settings {
            revocation_policy: RevocationPolicy::KeepUntil.into(),
            keep_duration: Some(prost_types::Duration { seconds: 60, nanos: 500_000_000 }),
            enforce_desks: Some(false),
            resolve_on_completed_order: Some(false),
            ..Settings::default()
        };
        let ((), changes) = recorded(&t, update_settings(&t.admin(), settings)).await;
        let expected = "SETTINGS_UPDATED revocation_policy: REVOKE -> KEEP_UNTIL, keep_duration: 604800s -> 60.500s, \
                        enforce_desks: true -> false, resolve_on_completed_order: true -> false";
        assert_eq!(lines(&changes), [expected]);
        all_by(&changes, &t.admin());
        all_of(&changes, "");
    }

    async fn changes_of_tokens_are_recorded_without_their_secrets(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let ((id, secret), changes) = recorded(&t, async {
            let made = create_token(&admin, &ana, "laptop", Some(LATER)).await;
            revoke_token(&admin, &made.0).await;
            made
        })
        .await;
        let expected = [
            "TOKEN_CREATED label: - -> laptop, expire_time: - -> 2100-01-01T00:00:00Z",
            "TOKEN_REVOKED label: laptop -> -, expire_time: 2100-01-01T00:00:00Z -> -",
        ];
        assert_eq!(lines(&changes), expected);
        all_by(&changes, &admin);
        all_of(&changes, &ana.id);
        assert!(changes.iter().all(|change| change.token_id == id), "{changes:?}");

        let ((id, own), changes) = recorded(&t, async {
            let made = create_token(&admin, &ana, "", None).await;
            revoke_token(&ana, &made.0).await;
            made
        })
        .await;
        assert_eq!(lines(&changes), ["TOKEN_CREATED", "TOKEN_REVOKED"]);
        all_by(&changes[1..], &ana);
        assert!(changes.iter().all(|change| change.token_id == id), "{changes:?}");

        let record = format!("{:?}", all(&t).await);
        for secret in [secret, own, ana.token, admin.token] {
            assert!(!record.contains(&secret[3..]), "a secret is on the record");
        }
    }

    async fn changes_of_the_access_to_a_lead_are_recorded(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead("lead").await;
        let ((), changes) = recorded(&t, async {
            let request = GrantLeadAccessRequest {
                lead_id: lead.id.clone(),
                user_id: ana.id.clone(),
                mode: GrantMode::ViewOnly.into(),
                expire_time: Some(LATER),
                ..Default::default()
            };
            admin.assignments().grant_lead_access(request).await.unwrap();
            admin.grant(&lead.id, &ana, GrantMode::Full).await.unwrap();
            admin.revoke(&lead.id, &ana).await.unwrap();
            reassign(&admin, &lead.id, &ana, RevocationPolicy::Unspecified).await;
            reassign(&admin, &lead.id, &ben, RevocationPolicy::KeepViewOnly).await;
            reassign(&admin, &lead.id, &ana, RevocationPolicy::Revoke).await;
            admin.unassign(&lead.id).await.unwrap();
        })
        .await;
        let expected = [
            "ACCESS_GRANTED access: - -> GRANTED VIEW_ONLY until 2100-01-01T00:00:00Z",
            "ACCESS_GRANTED access: GRANTED VIEW_ONLY until 2100-01-01T00:00:00Z -> GRANTED FULL",
            "ACCESS_REVOKED access: GRANTED FULL -> BLOCKED",
            "ACCESS_UNBLOCKED access: BLOCKED -> -",
            "ACCESS_RETAINED access: - -> RETAINED VIEW_ONLY",
            "ACCESS_ENDED access: RETAINED VIEW_ONLY -> -",
        ];
        assert_eq!(lines(&changes), expected);
        all_by(&changes, &admin);
        all_of(&changes, &ana.id);
        assert!(changes.iter().all(|change| change.lead_id == lead.id), "{changes:?}");
    }

    async fn what_is_done_on_anothers_behalf_names_both(t: TestServer) {
        let (mia, ana) = (t.manager("mia").await, t.agent("ana").await);
        let robots = Profile { capabilities: vec![Capability::ActOnBehalf.into()], ..profile("robots", Role::Manager) };
        let user = User {
            name: Some("robot".to_owned()),
            kind: UserKind::Service.into(),
            profile_id: Some(t.create_profile(robots).await.id),
            ..User::default()
        };
        let robot_id = create_user(&t.admin(), user).await.id;
        let as_mia = t.bearer(&t.token(&robot_id).await).on_behalf_of(&mia);
        let (lead, changes) = recorded(&t, async {
            as_mia.set_permission(&ana, permission(LeadAction::View, AccessLevel::Complete)).await.unwrap();
            as_mia.create_lead(named("lead")).await.unwrap()
        })
        .await;
        assert_eq!(lines(&changes), ["USER_PERMISSIONS_UPDATED VIEW: SAME_AS_PROFILE -> COMPLETE"]);
        assert_eq!((&changes[0].actor_id, &changes[0].on_behalf_of), (&robot_id, &mia.id));
        let history = mia.history(&lead.id).await.unwrap();
        assert_eq!((&history[0].actor_id, &history[0].on_behalf_of), (&robot_id, &mia.id));

        for actor_id in [robot_id, mia.id] {
            let request = ListPermissionChangesRequest { actor_id, ..ListPermissionChangesRequest::default() };
            assert_eq!(t.admin().permission_changes(request).await.unwrap(), changes);
        }
    }
}
