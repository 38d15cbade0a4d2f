//! Identities: UUIDs of version 7, so that they sort by creation, each kind a type of its own.

use std::{fmt, str::FromStr};

use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identity, after every one that this process made before.
            #[allow(clippy::new_without_default, reason = "an identity has no default")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
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
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
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
