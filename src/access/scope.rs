//! The rows that one action reaches for one caller.
//!
//! No query on leads is made without a scope, and only this module makes one:
//!
//! ```compile_fail
//! use leadward::{access::{policy::Reach, scope::{LeadScope, View}}, model::{ids::UserId, permission::Action}};
//! fn everything(user: UserId) -> LeadScope<View> {
//!     let acts = std::marker::PhantomData;
//!     LeadScope { user, administrator: true, action: Action::View, reach: Reach::Complete, grace: None, acts }
//! }
//! ```
//! ```compile_fail
//! let everything = leadward::access::scope::LeadScope::<leadward::access::scope::View>::default();
//! ```
//! Only a caller has a scope to write with; what is known of other users gives scopes that read:
//! ```compile_fail
//! use leadward::access::{policy::Principal, scope::{Delete, LeadScope}};
//! fn theirs(principal: &Principal) -> LeadScope<Delete> { principal.scope() }
//! ```
//! The scope of one action doesn't open another's statement:
//! ```compile_fail
//! use leadward::{access::scope::{Discard, View}, store::leads::Locked};
//! fn discard(lead: Locked<Discard>) {}
//! fn view_is_not_enough(lead: Locked<View>) { discard(lead) }
//! ```
//! And the tables can't be reached around it:
//! ```compile_fail
//! use leadward::store::entity::lead::Entity;
//! ```

use std::{marker::PhantomData, time::Duration};

use uuid::Uuid;

use super::{
    Caller,
    policy::{Principal, Reach},
};
use crate::model::{
    ids::{GroupId, UserId},
    permission::Action,
};

mod sealed {
    pub trait Sealed {}
}

/// An action as a type, so that a statement can ask for the scope of *its* action.
pub trait Acts: sealed::Sealed + Send + Sync + 'static {
    /// The action.
    const ACTION: Action;
}

macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}
            impl sealed::Sealed for $name {}
            impl Acts for $name {
                const ACTION: Action = Action::$name;
            }
        )+
    };
}

acts!(
    /// [`Action::View`].
    View,
    /// [`Action::Edit`].
    Edit,
    /// [`Action::Discard`].
    Discard,
    /// [`Action::Retrieve`].
    Retrieve,
    /// [`Action::Delete`].
    Delete,
    /// [`Action::Assign`].
    Assign,
    /// [`Action::Resolve`].
    Resolve,
);

/// An action that is known only at run time: enough to read, never to write.
#[derive(Debug)]
pub enum Chosen {}

/// The leads on which a user may do one action.
#[derive(Debug)]
pub struct LeadScope<A> {
    user: UserId,
    administrator: bool,
    action: Action,
    reach: Reach,
    grace: Option<Duration>,
    acts: PhantomData<fn() -> A>,
}

impl<A> Clone for LeadScope<A> {
    fn clone(&self) -> Self {
        Self { reach: self.reach.clone(), ..*self }
    }
}

impl<A> LeadScope<A> {
    fn new(principal: &Principal, action: Action) -> Self {
        Self {
            user: principal.user_id,
            administrator: principal.is_administrator(),
            action,
            reach: principal.reach(action).clone(),
            grace: principal.resolved_grace(),
            acts: PhantomData,
        }
    }

    /// Whose scope it is.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// Whether blocks don't count.
    pub fn is_administrator(&self) -> bool {
        self.administrator
    }

    /// Which action's scope it is.
    pub fn action(&self) -> Action {
        self.action
    }

    /// What the level reaches.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// How long an assigned lead is still reached after it was resolved; none: no limit.
    pub fn grace(&self) -> Option<Duration> {
        self.grace
    }

    /// Whether a lead that is being made would be covered. It has no grants and no blocks yet.
    pub fn covers_new(&self, assignee: Option<UserId>, group: Option<GroupId>) -> bool {
        match &self.reach {
            Reach::None => false,
            Reach::Individual { unassigned } => assignee == Some(self.user) || (*unassigned && assignee.is_none()),
            Reach::Groups { groups, unassigned } => {
                assignee == Some(self.user)
                    || (*unassigned && assignee.is_none())
                    || group.is_some_and(|group| groups.contains(&group))
            }
            Reach::Complete => true,
        }
    }
}

impl Caller {
    /// The leads on which the caller may do the action.
    pub fn scope<A: Acts>(&self) -> LeadScope<A> {
        LeadScope::new(self, A::ACTION)
    }
}

impl LeadScope<Chosen> {
    /// Every lead, to read: for what the service itself must know, whatever the caller may see. What comes of it must not
    /// reach the caller but as the reason allows.
    pub fn system(reason: &'static str) -> Self {
        tracing::trace!(reason, "a system scope");
        Self {
            user: Uuid::nil().into(),
            administrator: true,
            action: Action::View,
            reach: Reach::Complete,
            grace: None,
            acts: PhantomData,
        }
    }
}

impl Principal {
    /// The leads on which the user may do an action that is known only at run time.
    pub fn scope_to(&self, action: Action) -> LeadScope<Chosen> {
        LeadScope::new(self, action)
    }
}
