//! The rows that one action reaches for one caller.
//!
//! No query on leads is made without a scope, and only this module makes one:
//!
//! ```compile_fail
//! use leadward::{access::{policy::Principal, scope::{LeadScope, View}}, model::permission::Action};
//! fn everything(principal: std::sync::Arc<Principal>) -> LeadScope<View> {
//!     let acts = std::marker::PhantomData;
//!     LeadScope { principal, action: Action::View, fence: None, acts }
//! }
//! ```
//! ```compile_fail
//! let everything = leadward::access::scope::LeadScope::<leadward::access::scope::View>::default();
//! ```
//! Only a caller has a scope to write with, and the service where it assigns; what is known of other users gives scopes that read:
//! ```compile_fail
//! use leadward::{access::{policy::Principal, scope::{Delete, LeadScope}}, model::permission::Action};
//! fn theirs(principal: &std::sync::Arc<Principal>) -> LeadScope<Delete> { LeadScope::<Delete>::of(principal, Action::Delete) }
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

use std::{
    marker::PhantomData,
    sync::{Arc, LazyLock},
};

use super::{
    Caller,
    fence::Fence,
    policy::{Principal, Reach},
    rule::{Clause, Situation},
};
use crate::model::{
    Time,
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
    principal: Arc<Principal>,
    action: Action,
    fence: Option<Arc<Fence>>,
    acts: PhantomData<fn() -> A>,
}

impl<A> Clone for LeadScope<A> {
    fn clone(&self) -> Self {
        Self {
            principal: Arc::clone(&self.principal),
            action: self.action,
            fence: self.fence.clone(),
            acts: PhantomData,
        }
    }
}

impl<A> LeadScope<A> {
    /// Whose scope it is.
    pub fn user(&self) -> UserId {
        self.principal.user_id
    }

    /// The ways in which leads come into it; any of them suffices.
    pub fn clauses(&self) -> Vec<Clause<'_>> {
        self.principal.clauses(self.action)
    }

    /// What every statement under this scope must find unmoved. None where the facts were read in the statement's own
    /// transaction, or the scope is the service's.
    pub fn fence(&self) -> Option<&Fence> {
        self.fence.as_deref()
    }

    /// Whether every lead is in it, but for those from which its user is blocked.
    pub fn reaches_all(&self) -> bool {
        *self.principal.reach(self.action) == Reach::Complete
    }

    /// Whether leads come into it one by one alone, assigned or given: not by groups, by a pool, or all of them.
    pub fn reaches_one_by_one(&self) -> bool {
        *self.principal.reach(self.action) == Reach::Individual { unassigned: false }
    }

    /// Whether a lead that is being made would be covered. It has no grants and no blocks yet.
    pub fn covers_new(&self, assignee: Option<UserId>, group: Option<GroupId>) -> bool {
        let at = Situation {
            user_id: self.user(),
            assignee_id: assignee,
            group_id: group,
            resolve_time: None,
            row: None,
            now: Time::default(),
        };
        self.clauses().iter().any(|clause| clause.reaches(&at))
    }
}

impl Caller {
    /// The leads on which the caller may do the action.
    pub fn scope<A: Acts>(&self) -> LeadScope<A> {
        self.scope_of(A::ACTION)
    }

    /// The leads on which the caller may do an action that is known only at run time.
    pub fn scope_to(&self, action: Action) -> LeadScope<Chosen> {
        self.scope_of(action)
    }

    fn scope_of<A>(&self, action: Action) -> LeadScope<A> {
        let (principal, fence) = self.standing();
        LeadScope { principal, action, fence, acts: PhantomData }
    }
}

static SERVICE: LazyLock<Arc<Principal>> = LazyLock::new(|| Arc::new(Principal::service()));

impl LeadScope<Assign> {
    /// Every lead, to be given away by the service itself: as somebody has ordered who could, and under rules. What comes of it must
    /// not reach a caller but as the reason allows.
    pub fn service(reason: &'static str) -> Self {
        tracing::trace!(reason, "a scope of the service");
        Self { principal: Arc::clone(&SERVICE), action: Action::Assign, fence: None, acts: PhantomData }
    }
}

impl LeadScope<Chosen> {
    /// Every lead, to read: for what the service itself must know, whatever the caller may see. What comes of it must not
    /// reach the caller but as the reason allows.
    pub fn system(reason: &'static str) -> Self {
        tracing::trace!(reason, "a system scope");
        Self { principal: Arc::clone(&SERVICE), action: Action::View, fence: None, acts: PhantomData }
    }

    /// The leads on which a user may do an action, for a transaction that has read the user's facts itself.
    pub fn of(principal: &Arc<Principal>, action: Action) -> Self {
        Self { principal: Arc::clone(principal), action, fence: None, acts: PhantomData }
    }
}
