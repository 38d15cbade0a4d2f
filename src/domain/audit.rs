//! The record of changes of rights: what it says of each, and who reads it. What changes nothing leaves no entry.

use std::time::Duration;

use super::Result;
use crate::{
    access::{Caller, policy::Facts, scope::View},
    model::{
        Time,
        history::Change,
        ids::{GroupId, LeadId, UserId},
        lead_access::{AccessKind, AccessRow},
        page::{Page, Paged},
        permission::{Capability, Permission, Profile},
        permission_change::{ChangeFilter, Changed, PermissionChange, PermissionChangeKind},
        settings::Settings,
        user::{Actor, ApiToken, Group, User, UserState},
    },
    store::{Insert, Store, Tx, lead_access::RowChange, permission_changes},
};

/// A page of the record, newest first, without the access to leads that the caller may not view.
///
/// # Errors
/// CAPABILITY_REQUIRED.
pub async fn list(
    store: &Store,
    caller: &Caller,
    filter: &ChangeFilter,
    page: &Page,
) -> Result<Paged<PermissionChange>> {
    caller.require(Capability::ReadAudit)?;
    Ok(permission_changes::list(store, &caller.scope::<View>(), filter, page).await?)
}

/// A user was made; by nobody where that was the first start.
pub(super) async fn user_created(tx: &Tx, by: Option<&Caller>, user: &User) -> Result<()> {
    let changes = differing(&[], &of_user(user));
    let kind = PermissionChangeKind::UserCreated;
    record(tx, by, Changed { user_id: Some(user.id), ..Changed::new(kind, changes) }).await
}

/// A user was changed, or their state was.
pub(super) async fn user_changed(tx: &Tx, caller: &Caller, before: &User, after: &User) -> Result<()> {
    let kind = match after.state {
        same if same == before.state => PermissionChangeKind::UserUpdated,
        UserState::Active => PermissionChangeKind::UserReactivated,
        UserState::Deactivated => PermissionChangeKind::UserDeactivated,
    };
    let changes = differing(&of_user(before), &of_user(after));
    record(tx, Some(caller), Changed { user_id: Some(after.id), ..Changed::new(kind, changes) }).await
}

/// A user's own permissions were set.
pub(super) async fn permissions(tx: &Tx, caller: &Caller, before: &Facts, after: &Facts) -> Result<()> {
    let told = |facts: &Facts| -> Vec<Told> {
        facts.overrides.iter().map(|(action, own)| (action.word(), Some(setting(own.as_ref())))).collect()
    };
    let changes = differing(&told(before), &told(after));
    let kind = PermissionChangeKind::UserPermissionsUpdated;
    record(tx, Some(caller), Changed { user_id: Some(after.user_id), ..Changed::new(kind, changes) }).await
}

/// A profile was made.
pub(super) async fn profile_created(tx: &Tx, caller: &Caller, profile: &Profile) -> Result<()> {
    let changes = differing(&[], &of_profile(profile));
    let kind = PermissionChangeKind::ProfileCreated;
    record(tx, Some(caller), Changed { profile_id: Some(profile.id), ..Changed::new(kind, changes) }).await
}

/// A profile was changed.
pub(super) async fn profile_changed(tx: &Tx, caller: &Caller, before: &Profile, after: &Profile) -> Result<()> {
    let changes = differing(&of_profile(before), &of_profile(after));
    let kind = PermissionChangeKind::ProfileUpdated;
    record(tx, Some(caller), Changed { profile_id: Some(after.id), ..Changed::new(kind, changes) }).await
}

/// A profile was deleted.
pub(super) async fn profile_deleted(tx: &Tx, caller: &Caller, profile: &Profile) -> Result<()> {
    let changes = differing(&of_profile(profile), &[]);
    let kind = PermissionChangeKind::ProfileDeleted;
    record(tx, Some(caller), Changed { profile_id: Some(profile.id), ..Changed::new(kind, changes) }).await
}

/// A group was made.
pub(super) async fn group_created(tx: &Tx, caller: &Caller, group: &Group) -> Result<()> {
    let changes = differing(&[], &of_group(group));
    let kind = PermissionChangeKind::GroupCreated;
    record(tx, Some(caller), Changed { group_id: Some(group.id), ..Changed::new(kind, changes) }).await
}

/// A group was renamed.
pub(super) async fn group_changed(tx: &Tx, caller: &Caller, before: &Group, after: &Group) -> Result<()> {
    let changes = differing(&of_group(before), &of_group(after));
    let kind = PermissionChangeKind::GroupUpdated;
    record(tx, Some(caller), Changed { group_id: Some(after.id), ..Changed::new(kind, changes) }).await
}

/// A group was deleted, and its members are members no more.
pub(super) async fn group_deleted(tx: &Tx, caller: &Caller, group: &Group, members: &[UserId]) -> Result<()> {
    let changes = differing(&of_group(group), &[]);
    let kind = PermissionChangeKind::GroupDeleted;
    let mut changed = vec![Changed { group_id: Some(group.id), ..Changed::new(kind, changes) }];
    changed.extend(memberships(PermissionChangeKind::MemberRemoved, group.id, members));
    Ok(permission_changes::append(tx, Some(caller.actor()), changed).await?)
}

/// Users became members of a group.
pub(super) async fn members_added(tx: &Tx, caller: &Caller, group: GroupId, users: &[UserId]) -> Result<()> {
    let changed = memberships(PermissionChangeKind::MemberAdded, group, users);
    Ok(permission_changes::append(tx, Some(caller.actor()), changed).await?)
}

/// Users are no longer members of a group.
pub(super) async fn members_removed(tx: &Tx, caller: &Caller, group: GroupId, users: &[UserId]) -> Result<()> {
    let changed = memberships(PermissionChangeKind::MemberRemoved, group, users);
    Ok(permission_changes::append(tx, Some(caller.actor()), changed).await?)
}

fn memberships(kind: PermissionChangeKind, group: GroupId, users: &[UserId]) -> Vec<Changed> {
    let one = |user: &UserId| Changed { user_id: Some(*user), group_id: Some(group), ..Changed::new(kind, Vec::new()) };
    users.iter().map(one).collect()
}

/// The settings were changed.
pub(super) async fn settings(tx: &Tx, caller: &Caller, before: &Settings, after: &Settings) -> Result<()> {
    let changes = differing(&of_settings(before), &of_settings(after));
    record(tx, Some(caller), Changed::new(PermissionChangeKind::SettingsUpdated, changes)).await
}

/// A user's access to a lead was given, taken, or blocked; nothing where there was or is no row.
pub(super) async fn access(
    tx: &Tx,
    caller: &Caller,
    kind: PermissionChangeKind,
    lead: LeadId,
    user: UserId,
    before: Option<&AccessRow>,
    after: Option<&AccessRow>,
) -> Result<()> {
    record(tx, Some(caller), access_changed(kind, (lead, user), before, after)).await
}

/// What reassignments left or took of previous assignees' access, and which blocks they lifted.
pub(super) async fn accesses<'a>(
    tx: &Tx,
    by: Actor,
    changes: impl Iterator<Item = (&'a RowChange<'a>, PermissionChangeKind)>,
) -> Result<()> {
    Ok(accesses_ready(tx, by, changes)?.run(tx).await?)
}

/// The same, ready to be written.
pub(super) fn accesses_ready<'a>(
    tx: &Tx,
    by: Actor,
    changes: impl Iterator<Item = (&'a RowChange<'a>, PermissionChangeKind)>,
) -> Result<Insert> {
    let changed = changes.map(|(RowChange { lead, user_id, before, after }, kind)| {
        access_changed(kind, (lead.lead().id, *user_id), before.as_ref(), after.as_ref())
    });
    let changed = changed.filter(|changed| !changed.changes.is_empty());
    Ok(permission_changes::ready(tx, Some(by), changed)?)
}

fn access_changed(
    kind: PermissionChangeKind,
    (lead, user): (LeadId, UserId),
    before: Option<&AccessRow>,
    after: Option<&AccessRow>,
) -> Changed {
    let changes = Change::of("access", before.map(told), after.map(told)).into_iter().collect();
    Changed { user_id: Some(user), lead_id: Some(lead), ..Changed::new(kind, changes) }
}

/// A token was made; by nobody where that was the command line or the first start.
pub(super) async fn token_created(tx: &Tx, by: Option<&Caller>, token: &ApiToken) -> Result<()> {
    let changes = differing(&[], &of_token(token));
    token_changed(tx, by, PermissionChangeKind::TokenCreated, token, changes).await
}

/// A token was revoked.
pub(super) async fn token_revoked(tx: &Tx, caller: &Caller, token: &ApiToken) -> Result<()> {
    let changes = differing(&of_token(token), &[]);
    token_changed(tx, Some(caller), PermissionChangeKind::TokenRevoked, token, changes).await
}

/// A token may have no label and no end, and then there is nothing to say of it but that it is there.
async fn token_changed(
    tx: &Tx,
    by: Option<&Caller>,
    kind: PermissionChangeKind,
    token: &ApiToken,
    changes: Vec<Change>,
) -> Result<()> {
    let changed = Changed { user_id: Some(token.user_id), token_id: Some(token.id), ..Changed::new(kind, changes) };
    Ok(permission_changes::append(tx, by.map(Caller::actor), vec![changed]).await?)
}

/// Appends what differs, if anything does.
async fn record(tx: &Tx, by: Option<&Caller>, changed: Changed) -> Result<()> {
    if changed.changes.is_empty() {
        return Ok(());
    }
    Ok(permission_changes::append(tx, by.map(Caller::actor), vec![changed]).await?)
}

/// A field, and its value as text.
type Told = (&'static str, Option<String>);

/// What differs, by field; empty: there was nothing before, or is nothing after.
fn differing(before: &[Told], after: &[Told]) -> Vec<Change> {
    let fields = if after.is_empty() { before } else { after };
    let value = |told: &[Told], at: usize| told.get(at).and_then(|(_, value)| value.clone());
    let change = |(at, (field, _)): (usize, &Told)| Change::of(*field, value(before, at), value(after, at));
    fields.iter().enumerate().filter_map(change).collect()
}

fn of_user(user: &User) -> Vec<Told> {
    // Every field is named, here and below, so that a new one can't be forgotten.
    let User {
        id: _,
        name,
        email,
        kind,
        state,
        profile_id,
        desk,
        away_until: _,
        groups: _,
        create_time: _,
        update_time: _,
        version: _,
    } = user;
    vec![
        ("name", Some(name.clone())),
        ("email", email.clone()),
        ("kind", Some(kind.word().to_owned())),
        ("profile_id", Some(profile_id.to_string())),
        ("desk", desk.map(|desk| desk.word().to_owned())),
        ("state", Some(state.word().to_owned())),
    ]
}

fn of_profile(profile: &Profile) -> Vec<Told> {
    let Profile {
        id: _,
        name,
        built_in: _,
        role,
        permissions,
        capabilities,
        resolved_grace,
        max_open_leads,
        order_visibility,
        assign_partial_orders_only,
        version: _,
    } = profile;
    let words: Vec<&str> = capabilities.iter().map(|capability| capability.word()).collect();
    let mut told = vec![("name", Some(name.clone())), ("role", Some(role.word().to_owned()))];
    told.extend(permissions.iter().map(|(action, permission)| (action.word(), Some(setting(Some(permission))))));
    told.extend([
        ("capabilities", (!words.is_empty()).then(|| words.join(" "))),
        ("resolved_grace", resolved_grace.map(span)),
        ("max_open_leads", max_open_leads.map(|most| most.to_string())),
        ("order_visibility", Some(order_visibility.word().to_owned())),
        ("assign_partial_orders_only", Some(assign_partial_orders_only.to_string())),
    ]);
    told
}

fn of_group(group: &Group) -> Vec<Told> {
    let Group { id: _, name, member_count: _, create_time: _, version: _ } = group;
    vec![("name", Some(name.clone()))]
}

fn of_settings(settings: &Settings) -> Vec<Told> {
    let Settings { policy, keep_duration, enforce_desks, resolve_on_completed_order, update_time: _, version: _ } =
        settings;
    vec![
        ("revocation_policy", Some(policy.word().to_owned())),
        ("keep_duration", Some(span(*keep_duration))),
        ("enforce_desks", Some(enforce_desks.to_string())),
        ("resolve_on_completed_order", Some(resolve_on_completed_order.to_string())),
    ]
}

fn of_token(token: &ApiToken) -> Vec<Told> {
    let ApiToken { id: _, user_id: _, label, create_time: _, expire_time, last_use_time: _, revoke_time: _ } = token;
    vec![("label", (!label.is_empty()).then(|| label.clone())), ("expire_time", expire_time.map(instant))]
}

/// A row of a lead's access list in words.
pub(super) fn told(row: &AccessRow) -> String {
    match row.kind {
        AccessKind::Blocked => row.kind.word().to_owned(),
        AccessKind::Granted | AccessKind::Retained => {
            let until = row.expire_time.map(|end| format!(" until {}", instant(end)));
            format!("{} {}{}", row.kind.word(), row.mode.word(), until.unwrap_or_default())
        }
    }
}

/// A permission in words; none: what the profile says.
fn setting(permission: Option<&Permission>) -> String {
    let also = |included: &bool, what: &'static str| if *included { what } else { "" };
    match permission {
        None => "SAME_AS_PROFILE".to_owned(),
        Some(Permission::None) => "NONE".to_owned(),
        Some(Permission::Individual { include_unassigned }) => {
            format!("INDIVIDUAL{}", also(include_unassigned, " + unassigned"))
        }
        Some(Permission::Groups { named, include_member_groups, include_unassigned }) => {
            let ids: Vec<String> = named.iter().map(GroupId::to_string).collect();
            let space = if ids.is_empty() { "" } else { " " };
            let own = also(include_member_groups, " + own groups");
            format!("GROUPS{space}{}{own}{}", ids.join(","), also(include_unassigned, " + unassigned"))
        }
        Some(Permission::Complete) => "COMPLETE".to_owned(),
    }
}

fn instant(time: Time) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// Seconds with the decimals that are needed, in threes: as JSON has durations.
fn span(span: Duration) -> String {
    match (span.as_secs(), span.subsec_micros()) {
        (seconds, 0) => format!("{seconds}s"),
        (seconds, micros) if micros % 1000 == 0 => format!("{seconds}.{:03}s", micros / 1000),
        (seconds, micros) => format!("{seconds}.{micros:06}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_as_json_has_them() {
        for (micros, text) in
            [(3_600_000_000, "3600s"), (0, "0s"), (1_500_000, "1.500s"), (90_000_001, "90.000001s"), (1_000, "0.001s")]
        {
            assert_eq!(span(Duration::from_micros(micros)), text);
        }
    }

    #[test]
    fn permissions_are_told_with_all_that_they_include() {
        let (north, south) = (GroupId::from(uuid::Uuid::from_u128(1)), GroupId::from(uuid::Uuid::from_u128(2)));
        let groups = |named: &[GroupId], include_member_groups, include_unassigned| Permission::Groups {
            named: named.iter().copied().collect(),
            include_member_groups,
            include_unassigned,
        };
        for (permission, text) in [
            (None, "SAME_AS_PROFILE".to_owned()),
            (Some(Permission::None), "NONE".to_owned()),
            (Some(Permission::INDIVIDUAL), "INDIVIDUAL".to_owned()),
            (Some(Permission::Individual { include_unassigned: true }), "INDIVIDUAL + unassigned".to_owned()),
            (Some(groups(&[south, north], false, false)), format!("GROUPS {north},{south}")),
            (Some(groups(&[north], true, true)), format!("GROUPS {north} + own groups + unassigned")),
            (Some(groups(&[], true, false)), "GROUPS + own groups".to_owned()),
            (Some(Permission::Complete), "COMPLETE".to_owned()),
        ] {
            assert_eq!(setting(permission.as_ref()), text);
        }
    }
}
