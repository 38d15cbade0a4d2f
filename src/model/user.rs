//! People, programs, groups and their credentials.

use super::{
    Time,
    contact::Email,
    ids::{GroupId, ProfileId, TokenId, UserId},
    words,
};

/// Person or program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserKind {
    /// A person.
    Human,
    /// An internal service.
    Service,
}

words!(UserKind { Human = "HUMAN", Service = "SERVICE" });

/// Whether a user may call at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserState {
    /// May call.
    Active,
    /// Refused everywhere.
    Deactivated,
}

words!(UserState { Active = "ACTIVE", Deactivated = "DEACTIVATED" });

/// Which leads a user takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Desk {
    /// Leads and registrations.
    Sales,
    /// Clients.
    Retention,
}

words!(Desk { Sales = "SALES", Retention = "RETENTION" });

/// A user as stored.
#[derive(Clone, PartialEq, Debug)]
pub struct User {
    /// Their identity.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Unique whatever the case.
    pub email: Option<String>,
    /// Person or program.
    pub kind: UserKind,
    /// Whether they may call.
    pub state: UserState,
    /// Whose defaults they have.
    pub profile_id: ProfileId,
    /// Which leads they take; none: all.
    pub desk: Option<Desk>,
    /// Until when rules give them no leads. Where that is past, they have come back.
    pub away_until: Option<Time>,
    /// Whose member they are, by ID.
    pub groups: Vec<GroupId>,
    /// When they were made.
    pub create_time: Time,
    /// When they were last changed.
    pub update_time: Time,
    /// Moves with every change.
    pub version: i64,
}

/// A user to make.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Their name.
    pub name: String,
    /// Unique whatever the case.
    pub email: Option<Email>,
    /// Person or program.
    pub kind: UserKind,
    /// Whose defaults they have.
    pub profile_id: ProfileId,
    /// Which leads they take; none: all.
    pub desk: Option<Desk>,
}

/// What to change of a user; none: leave it.
#[derive(Clone, Debug, Default)]
pub struct UserPatch {
    /// Their name.
    pub name: Option<String>,
    /// Their e-mail; inner none clears it.
    pub email: Option<Option<Email>>,
    /// Whose defaults they have.
    pub profile_id: Option<ProfileId>,
    /// Which leads they take; inner none: all.
    pub desk: Option<Option<Desk>>,
    /// Until when rules give them no leads; inner none: they are there.
    pub away_until: Option<Option<Time>>,
}

/// A named team.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// Its identity.
    pub id: GroupId,
    /// Unique whatever the case.
    pub name: String,
    /// How many members it has.
    pub member_count: i64,
    /// When it was made.
    pub create_time: Time,
    /// Moves with every change.
    pub version: i64,
}

/// What is kept of a credential.
#[derive(Clone, PartialEq, Debug)]
pub struct ApiToken {
    /// Its identity.
    pub id: TokenId,
    /// Whom it authenticates.
    pub user_id: UserId,
    /// What it is for.
    pub label: String,
    /// When it was made.
    pub create_time: Time,
    /// When it stops working.
    pub expire_time: Option<Time>,
    /// When it was last used, to the minute.
    pub last_use_time: Option<Time>,
    /// When it was revoked.
    pub revoke_time: Option<Time>,
}

/// Who did something, and for whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Actor {
    /// Whose credential it was.
    pub id: UserId,
    /// The user whose rights counted, where that was another.
    pub on_behalf_of: Option<UserId>,
}

impl Actor {
    /// The user in whose name it was done.
    pub fn user(self) -> UserId {
        self.on_behalf_of.unwrap_or(self.id)
    }
}
