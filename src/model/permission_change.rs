//! The record of changes of what people may do.

use super::{
    Time,
    history::Change,
    ids::{GroupId, LeadId, PermissionChangeId, ProfileId, TokenId, UserId},
    user::Actor,
    words,
};

/// What was changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PermissionChangeKind {
    /// A user was made.
    UserCreated,
    /// A user's name, e-mail, profile or desk.
    UserUpdated,
    /// A user may no longer call.
    UserDeactivated,
    /// A user may call again.
    UserReactivated,
    /// A user's own permissions.
    UserPermissionsUpdated,
    /// A profile was made.
    ProfileCreated,
    /// A profile, and so what each of its users may do.
    ProfileUpdated,
    /// A profile is gone.
    ProfileDeleted,
    /// A group was made.
    GroupCreated,
    /// A group's name.
    GroupUpdated,
    /// A group is gone.
    GroupDeleted,
    /// A user became a member of a group.
    MemberAdded,
    /// A user is no longer a member of a group.
    MemberRemoved,
    /// The service's settings.
    SettingsUpdated,
    /// A user was granted a lead.
    AccessGranted,
    /// A user's access to a lead was revoked.
    AccessRevoked,
    /// A reassignment let the previous assignee keep a lead.
    AccessRetained,
    /// A reassignment took what the previous assignee had been granted on a lead.
    AccessEnded,
    /// An assignment lifted the new assignee's block on a lead.
    AccessUnblocked,
    /// An API token was made.
    TokenCreated,
    /// An API token was revoked.
    TokenRevoked,
}

words!(PermissionChangeKind {
    UserCreated = "USER_CREATED",
    UserUpdated = "USER_UPDATED",
    UserDeactivated = "USER_DEACTIVATED",
    UserReactivated = "USER_REACTIVATED",
    UserPermissionsUpdated = "USER_PERMISSIONS_UPDATED",
    ProfileCreated = "PROFILE_CREATED",
    ProfileUpdated = "PROFILE_UPDATED",
    ProfileDeleted = "PROFILE_DELETED",
    GroupCreated = "GROUP_CREATED",
    GroupUpdated = "GROUP_UPDATED",
    GroupDeleted = "GROUP_DELETED",
    MemberAdded = "MEMBER_ADDED",
    MemberRemoved = "MEMBER_REMOVED",
    SettingsUpdated = "SETTINGS_UPDATED",
    AccessGranted = "ACCESS_GRANTED",
    AccessRevoked = "ACCESS_REVOKED",
    AccessRetained = "ACCESS_RETAINED",
    AccessEnded = "ACCESS_ENDED",
    AccessUnblocked = "ACCESS_UNBLOCKED",
    TokenCreated = "TOKEN_CREATED",
    TokenRevoked = "TOKEN_REVOKED",
});

/// What was changed of what, and how.
#[derive(Clone, PartialEq, Debug)]
pub struct Changed {
    /// What kind of change.
    pub kind: PermissionChangeKind,
    /// Whose rights, where it was one user's.
    pub user_id: Option<UserId>,
    /// Which profile.
    pub profile_id: Option<ProfileId>,
    /// Which group.
    pub group_id: Option<GroupId>,
    /// The access to which lead.
    pub lead_id: Option<LeadId>,
    /// Which API token.
    pub token_id: Option<TokenId>,
    /// What differs.
    pub changes: Vec<Change>,
}

impl Changed {
    /// Of nothing in particular.
    pub fn new(kind: PermissionChangeKind, changes: Vec<Change>) -> Self {
        Self { kind, user_id: None, profile_id: None, group_id: None, lead_id: None, token_id: None, changes }
    }
}

/// One entry of the record, never edited.
#[derive(Clone, PartialEq, Debug)]
pub struct PermissionChange {
    /// Its identity; sorts by time.
    pub id: PermissionChangeId,
    /// When.
    pub time: Time,
    /// Who did it; none: whoever holds the database itself.
    pub actor: Option<Actor>,
    /// What they did.
    pub changed: Changed,
}

/// Which entries of the record are asked for; what is left out selects nothing.
#[derive(Clone, Debug, Default)]
pub struct ChangeFilter {
    /// Only changes of this user's rights.
    pub user_id: Option<UserId>,
    /// Only changes by this user, or on their behalf.
    pub actor_id: Option<UserId>,
    /// Only changes of the access to this lead.
    pub lead_id: Option<LeadId>,
    /// Only changes of these kinds; empty: of all.
    pub kinds: Vec<PermissionChangeKind>,
}
