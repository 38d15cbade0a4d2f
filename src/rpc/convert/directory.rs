//! Users, groups and tokens.

use super::{Faults, Mask, specified, timestamp};
use crate::{
    domain::etag,
    model::{
        contact::Email,
        ids::GroupId,
        user::{ApiToken, Desk, Group, NewUser, User, UserKind, UserPatch, UserState},
    },
    proto,
};

/// A user as sent.
pub(in crate::rpc) fn user(user: User) -> proto::User {
    let User { id, name, email, kind, state, profile_id, desk, away_until, groups, create_time, update_time, version } =
        user;
    proto::User {
        id: id.to_string(),
        name: Some(name),
        email,
        kind: match kind {
            UserKind::Human => proto::UserKind::Human,
            UserKind::Service => proto::UserKind::Service,
        }
        .into(),
        state: match state {
            UserState::Active => proto::UserState::Active,
            UserState::Deactivated => proto::UserState::Deactivated,
        }
        .into(),
        profile_id: Some(profile_id.to_string()),
        desk: Some(self::desk(desk).into()),
        group_ids: groups.iter().map(GroupId::to_string).collect(),
        create_time: Some(timestamp(create_time)),
        update_time: Some(timestamp(update_time)),
        etag: etag::of(version),
        away_until: away_until.map(timestamp),
    }
}

/// A desk as sent.
pub(super) fn desk(desk: Option<Desk>) -> proto::Desk {
    match desk {
        None => proto::Desk::Unspecified,
        Some(Desk::Sales) => proto::Desk::Sales,
        Some(Desk::Retention) => proto::Desk::Retention,
    }
}

/// A group as sent.
pub(in crate::rpc) fn group(group: Group) -> proto::Group {
    let Group { id, name, member_count, create_time, version } = group;
    proto::Group {
        id: id.to_string(),
        name: Some(name),
        member_count: i32::try_from(member_count).unwrap_or(i32::MAX),
        create_time: Some(timestamp(create_time)),
        etag: etag::of(version),
    }
}

/// A token as sent.
pub(in crate::rpc) fn api_token(token: ApiToken) -> proto::ApiToken {
    let ApiToken { id, user_id, label, create_time, expire_time, last_use_time, revoke_time } = token;
    proto::ApiToken {
        id: id.to_string(),
        user_id: user_id.to_string(),
        label,
        create_time: Some(timestamp(create_time)),
        expire_time: expire_time.map(timestamp),
        last_use_time: last_use_time.map(timestamp),
        revoke_time: revoke_time.map(timestamp),
    }
}

const USER_PATHS: &[&str] = &["name", "email", "profile_id", "desk", "away_until"];

impl Faults {
    /// A user to make.
    pub fn new_user(&mut self, given: proto::User) -> Option<NewUser> {
        let proto::User {
            id: _,
            name,
            email,
            kind,
            state: _,
            profile_id,
            desk,
            group_ids: _,
            create_time: _,
            update_time: _,
            etag: _,
            away_until: _,
        } = given;
        let kind = match proto::UserKind::try_from(kind) {
            Ok(proto::UserKind::Unspecified | proto::UserKind::Human) => Some(UserKind::Human),
            Ok(proto::UserKind::Service) => Some(UserKind::Service),
            Err(_) => None,
        };
        let kind = self.some("user.kind", "is not a kind", kind);
        let name = self.name("user.name", name.as_deref(), 200);
        let email = self.user_email(email);
        let profile_id = self.id("user.profile_id", profile_id.as_deref().unwrap_or_default());
        let desk = self.desk("user.desk", desk.unwrap_or_default());
        Some(NewUser { name: name?, email, kind: kind?, profile_id: profile_id?, desk })
    }

    /// A change of a user.
    pub fn user_patch(&mut self, given: proto::User, mask: Option<prost_types::FieldMask>) -> UserPatch {
        let mask = Mask::of(mask, USER_PATHS, self);
        let mut patch = UserPatch::default();
        if mask.names("name", given.name.is_some()) {
            patch.name = self.name("user.name", given.name.as_deref(), 200);
        }
        if mask.names("email", given.email.is_some()) {
            patch.email = Some(self.user_email(given.email));
        }
        if mask.names("profile_id", given.profile_id.is_some()) {
            patch.profile_id = self.id("user.profile_id", given.profile_id.as_deref().unwrap_or_default());
        }
        if mask.names("desk", given.desk.is_some()) {
            patch.desk = Some(self.desk("user.desk", given.desk.unwrap_or_default()));
        }
        if mask.names("away_until", given.away_until.is_some()) {
            patch.away_until = Some(self.time("user.away_until", given.away_until));
        }
        patch
    }

    /// Whether a change of a group names it anew, and to what.
    pub fn group_patch(&mut self, given: &proto::Group, mask: Option<prost_types::FieldMask>) -> Option<String> {
        let mask = Mask::of(mask, &["name"], self);
        let named = mask.names("name", given.name.is_some());
        if named { self.name("group.name", given.name.as_deref(), 100) } else { None }
    }

    /// Whether a change of an entry names it anew or switches it.
    pub fn entry_patch(
        &mut self,
        given: &proto::PickListEntry,
        mask: Option<prost_types::FieldMask>,
    ) -> (Option<String>, Option<bool>) {
        let mask = Mask::of(mask, &["name", "disabled"], self);
        let named = mask.names("name", given.name.is_some());
        let name = if named { self.name("entry.name", given.name.as_deref(), 100) } else { None };
        let switched = mask.names("disabled", given.disabled.is_some());
        (name, switched.then(|| given.disabled.unwrap_or_default()))
    }

    fn user_email(&mut self, given: Option<String>) -> Option<Email> {
        let text = given.as_deref().map(str::trim).filter(|text| !text.is_empty())?;
        self.some("user.email", "is not an e-mail address with a dotted domain", Email::parse(text))
    }

    /// A desk; unspecified is none.
    pub fn desk(&mut self, field: &str, given: i32) -> Option<Desk> {
        if given == proto::Desk::Unspecified as i32 {
            return None;
        }
        let desk = match specified(given) {
            Some(proto::Desk::Sales) => Some(Desk::Sales),
            Some(proto::Desk::Retention) => Some(Desk::Retention),
            Some(proto::Desk::Unspecified) | None => None,
        };
        self.some(field, "is not a desk", desk)
    }
}
