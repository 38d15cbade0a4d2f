//! What a caller's facts were resolved at, and so how a statement tells that they still hold.

use crate::model::{Time, ids::UserId};

/// The versions of the rights that a caller was resolved at, and when their credential ends. Versions only grow: facts whose
/// versions stand now have held ever since they were read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fence {
    /// The version of everyone's rights: profiles, groups, settings.
    pub everyone: i64,
    /// The version of each user whose rights count: the caller, and the service that calls on their behalf.
    pub users: Vec<(UserId, i64)>,
    /// When the credential ends by itself.
    pub until: Option<Time>,
}
