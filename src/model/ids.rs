//! Identities: UUIDs of version 7, so that they sort by creation, each kind a type of its own.

use std::{
    fmt,
    str::FromStr,
    sync::{LazyLock, Mutex, PoisonError},
};

use uuid::{ContextV7, Timestamp, Uuid};

use super::Time;

/// A text that is no identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an identity")]
pub struct NotAnId;

/// Keeps identities of one instant in the order in which they are made.
static ORDER: LazyLock<Mutex<ContextV7>> = LazyLock::new(|| Mutex::new(ContextV7::new().with_additional_precision()));

#[expect(clippy::disallowed_methods, reason = "the one place where identities are made")]
fn v7(time: Time) -> Uuid {
    let seconds = u64::try_from(time.timestamp()).unwrap_or_default();
    let order = ORDER.lock().unwrap_or_else(PoisonError::into_inner);
    Uuid::new_v7(Timestamp::from_unix(&*order, seconds, time.timestamp_subsec_nanos()))
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identity, made at an instant of the database's clock; sorts after those made before.
            pub fn at(time: Time) -> Self {
                Self(v7(time))
            }

            /// The identity as stored.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let uuid = Uuid::try_parse(text).map_err(|_| NotAnId)?;
                // One identity has one spelling: lower case, with hyphens.
                if uuid.hyphenated().to_string() == text { Ok(Self(uuid)) } else { Err(NotAnId) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

id!(
    /// A lead's.
    LeadId
);
id!(
    /// A user's.
    UserId
);
id!(
    /// A batch's of assignments.
    BatchId
);
impl BatchId {
    /// What sorts before every identity made since an instant. It is nobody's.
    pub fn before(time: Time) -> Self {
        let millis = u128::try_from(time.timestamp_millis()).unwrap_or_default();
        Self(Uuid::from_u128(millis << 80))
    }
}

id!(
    /// A group's.
    GroupId
);
id!(
    /// A profile's.
    ProfileId
);
id!(
    /// An API token's; not its secret.
    TokenId
);
id!(
    /// A pick list entry's.
    EntryId
);
id!(
    /// A history entry's.
    HistoryId
);
id!(
    /// An order's.
    OrderId
);
id!(
    /// A deposit's.
    DepositId
);
id!(
    /// A tombstone's; sorts by deletion.
    TombstoneId
);
id!(
    /// A permission change's.
    PermissionChangeId
);
id!(
    /// An assignment rule's.
    RuleId
);
id!(
    /// A saved view's.
    SavedViewId
);
