//! The record of changes of rights.

use super::{Faults, field_change, id_text, timestamp};
use crate::{
    model::permission_change::{ChangeFilter, Changed, PermissionChange, PermissionChangeKind},
    proto,
};

/// A change of rights as sent.
pub(in crate::rpc) fn permission_change(change: PermissionChange) -> proto::PermissionChange {
    let PermissionChange { id, time, actor, changed } = change;
    let Changed { kind: of, user_id, profile_id, group_id, lead_id, token_id, changes } = changed;
    proto::PermissionChange {
        id: id.to_string(),
        time: Some(timestamp(time)),
        kind: kind(of).into(),
        actor_id: id_text(actor.map(|actor| actor.id)),
        on_behalf_of: id_text(actor.and_then(|actor| actor.on_behalf_of)),
        user_id: id_text(user_id),
        profile_id: id_text(profile_id),
        group_id: id_text(group_id),
        lead_id: id_text(lead_id),
        token_id: id_text(token_id),
        changes: changes.into_iter().map(field_change).collect(),
    }
}

fn kind(kind: PermissionChangeKind) -> proto::PermissionChangeKind {
    match kind {
        PermissionChangeKind::UserCreated => proto::PermissionChangeKind::UserCreated,
        PermissionChangeKind::UserUpdated => proto::PermissionChangeKind::UserUpdated,
        PermissionChangeKind::UserDeactivated => proto::PermissionChangeKind::UserDeactivated,
        PermissionChangeKind::UserReactivated => proto::PermissionChangeKind::UserReactivated,
        PermissionChangeKind::UserPermissionsUpdated => proto::PermissionChangeKind::UserPermissionsUpdated,
        PermissionChangeKind::ProfileCreated => proto::PermissionChangeKind::ProfileCreated,
        PermissionChangeKind::ProfileUpdated => proto::PermissionChangeKind::ProfileUpdated,
        PermissionChangeKind::ProfileDeleted => proto::PermissionChangeKind::ProfileDeleted,
        PermissionChangeKind::GroupCreated => proto::PermissionChangeKind::GroupCreated,
        PermissionChangeKind::GroupUpdated => proto::PermissionChangeKind::GroupUpdated,
        PermissionChangeKind::GroupDeleted => proto::PermissionChangeKind::GroupDeleted,
        PermissionChangeKind::MemberAdded => proto::PermissionChangeKind::MemberAdded,
        PermissionChangeKind::MemberRemoved => proto::PermissionChangeKind::MemberRemoved,
        PermissionChangeKind::SettingsUpdated => proto::PermissionChangeKind::SettingsUpdated,
        PermissionChangeKind::AccessGranted => proto::PermissionChangeKind::AccessGranted,
        PermissionChangeKind::AccessRevoked => proto::PermissionChangeKind::AccessRevoked,
        PermissionChangeKind::AccessRetained => proto::PermissionChangeKind::AccessRetained,
        PermissionChangeKind::AccessEnded => proto::PermissionChangeKind::AccessEnded,
        PermissionChangeKind::AccessUnblocked => proto::PermissionChangeKind::AccessUnblocked,
        PermissionChangeKind::TokenCreated => proto::PermissionChangeKind::TokenCreated,
        PermissionChangeKind::TokenRevoked => proto::PermissionChangeKind::TokenRevoked,
    }
}

impl Faults {
    /// Which changes of rights a list asks for.
    pub fn change_filter(&mut self, given: &proto::ListPermissionChangesRequest) -> ChangeFilter {
        let user_id = self.optional_id("user_id", &given.user_id);
        let actor_id = self.optional_id("actor_id", &given.actor_id);
        let lead_id = self.optional_id("lead_id", &given.lead_id);
        let kinds = given.kinds.iter().enumerate().filter_map(|(at, given)| {
            let known = PermissionChangeKind::ALL.iter().copied().find(|known| i32::from(kind(*known)) == *given);
            self.some(format!("kinds[{at}]"), "is not a kind of change", known)
        });
        let mut kinds: Vec<PermissionChangeKind> = kinds.collect();
        kinds.sort_unstable();
        kinds.dedup();
        ChangeFilter { user_id, actor_id, lead_id, kinds }
    }
}
