//! Why a use case refuses. Knows no transport: `rpc::status` says it in gRPC's words.

use crate::{
    access::escalation::Escalation,
    model::{
        distribution::Ineligible,
        ids::LeadId,
        lead::{LeadState, MatchKey},
        order::OrderStatus,
        permission::{Action, Capability, Role},
    },
    store,
};

/// A use case's answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One fault of a request, by the path of its field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The proto path, such as `lead.email`.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

/// A kind of resource that can be missing or double.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resource {
    /// A user.
    User,
    /// A group.
    Group,
    /// A profile.
    Profile,
    /// An API token.
    ApiToken,
    /// A pick list entry.
    PickListEntry,
    /// An order.
    Order,
    /// A saved view.
    SavedView,
    /// A batch of assignments.
    AssignmentBatch,
    /// An assignment rule.
    AssignmentRule,
}

/// Why access can't be revoked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unrevocable {
    /// Administrators reach everything.
    Administrator,
    /// The assignee loses a lead by reassignment.
    CurrentAssignee,
}

/// Every refusal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The credential is missing or not good.
    #[error("the call carries no valid credential")]
    Unauthenticated,
    /// The lead is viewable, and the action doesn't cover it; or the action covers none.
    #[error("{} is not permitted", .0.word())]
    ActionNotPermitted(Action),
    /// The call needs a capability.
    #[error("this call needs the capability {}", .0.word())]
    CapabilityRequired(Capability),
    /// The call needs a role.
    #[error("this call needs the role {} or one above", .0.word())]
    RoleRequired(Role),
    /// The saved view is somebody else's.
    #[error("only its owner or an administrator can change this saved view")]
    NotOwner,
    /// The no-escalation rule.
    #[error("{}", escalation_text(.0))]
    Escalation(Escalation),
    /// Hidden or absent.
    #[error("lead not found")]
    LeadNotFound,
    /// Absent.
    #[error("{} not found", .0.word())]
    NotFound(Resource),
    /// Malformed, with every fault.
    #[error("the request is malformed: {}", violations_text(.0))]
    Invalid(Vec<Violation>),
    /// A page token that was not made for this caller and these arguments.
    #[error("the page token is not one of this list")]
    InvalidPageToken,
    /// The lead's state forbids it.
    #[error("the lead is {}", .0.word())]
    LeadState(LeadState),
    /// The assignee can't take it.
    #[error("the user can't take this lead: {}", ineligible_text(*.0))]
    Ineligible(Ineligible),
    /// The access can't be revoked.
    #[error("{}", .0.text())]
    Unrevocable(Unrevocable),
    /// The last active administrator.
    #[error("the last active administrator must stay one")]
    LastAdministrator,
    /// The administrator profile and its users' permissions, and the built-in profiles' existence.
    #[error("{0} can't be changed")]
    Fixed(&'static str),
    /// Something refers to it.
    #[error("{} is still in use by {used_by}", .resource.word())]
    InUse {
        /// What is in use.
        resource: Resource,
        /// By what.
        used_by: &'static str,
    },
    /// Disabled, or of another category.
    #[error("{0}")]
    EntryUnusable(&'static str),
    /// The lead exists; named only where the caller may view it.
    #[error("a lead with these details exists already")]
    DuplicateLead(Option<(LeadId, MatchKey)>),
    /// The name or e-mail is taken.
    #[error("{} with this {field} exists already", .resource.word())]
    DuplicateResource {
        /// What exists.
        resource: Resource,
        /// What it has in common.
        field: &'static str,
    },
    /// The etag is not the current one.
    #[error("the resource has changed since it was read")]
    StaleEtag {
        /// The current one.
        current: String,
    },
    /// The request ID was used for another request.
    #[error("the request ID was used for another request")]
    RequestIdReused,
    /// In a batch that is done as a whole or not at all, other items were refused.
    #[error("nothing was done, since other items of the batch were refused")]
    BatchRefused,
    /// What was to be taken back, or given as planned, is no longer how it was left.
    #[error("the lead has changed since it was assigned, or since that was planned")]
    LeadChanged,
    /// A plan token that was not made for this caller and these arguments.
    #[error("the plan token is not one of this call with these arguments")]
    InvalidPlanToken,
    /// What was planned is no longer what would be done.
    #[error("other leads would be assigned by now, or to others; plan again")]
    PlanChanged,
    /// Somebody else took the lead first.
    #[error("the lead is somebody else's by now")]
    ClaimLost,
    /// The order's status forbids it.
    #[error("the order is {}", .0.word())]
    OrderStatus(OrderStatus),
    /// The lead has another deposit of this payment.
    #[error("this payment is recorded with another amount or time")]
    PaymentIdReused,
    /// A resume token or cursor that was not made for this caller and these arguments, by its field.
    #[error("the token is not one of this stream")]
    InvalidResumeToken(&'static str),
    /// What has happened since is no longer kept.
    #[error("what has happened since is no longer kept; list, and watch anew")]
    ResumeTokenExpired,
    /// A stream's reader is too slow.
    #[error("the reader is too slow; go on from the last token")]
    SlowReader,
    /// The server is about to stop.
    #[error("the server is about to stop")]
    Draining,
    /// The database's.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// There is no such call.
    #[error("there is no such call")]
    Unimplemented,
    /// A bug.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// A malformed request with one fault.
    pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation { field: field.into(), description: description.into() }])
    }
}

impl From<Escalation> for Error {
    fn from(escalation: Escalation) -> Self {
        Self::Escalation(escalation)
    }
}

impl store::Retryable for Error {
    fn is_retryable(&self) -> bool {
        matches!(self, Self::Store(error) if store::Retryable::is_retryable(error))
    }
}

impl Resource {
    /// How it is spoken of.
    pub const fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Profile => "profile",
            Self::ApiToken => "API token",
            Self::PickListEntry => "pick list entry",
            Self::Order => "order",
            Self::SavedView => "saved view",
            Self::AssignmentBatch => "batch of assignments",
            Self::AssignmentRule => "assignment rule",
        }
    }

    /// The proto message that it is.
    pub const fn message(self) -> &'static str {
        match self {
            Self::User => "leadward.v1.User",
            Self::Group => "leadward.v1.Group",
            Self::Profile => "leadward.v1.Profile",
            Self::ApiToken => "leadward.v1.ApiToken",
            Self::PickListEntry => "leadward.v1.PickListEntry",
            Self::Order => "leadward.v1.Order",
            Self::SavedView => "leadward.v1.SavedView",
            Self::AssignmentBatch => "leadward.v1.AssignmentBatch",
            Self::AssignmentRule => "leadward.v1.AssignmentRule",
        }
    }
}

fn ineligible_text(cause: Ineligible) -> &'static str {
    match cause {
        Ineligible::UserDeactivated => "they are deactivated",
        Ineligible::CannotView => "they may not view leads",
        Ineligible::OverCapacity => "they have as many open leads as their profile allows",
        Ineligible::WrongDesk => "they are of the other desk",
        Ineligible::NoPartialOrder => "its most recent order is not partial, and they are there for those that are",
        Ineligible::Away => "they are away",
    }
}

impl Unrevocable {
    /// How it is spoken of in metadata.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Administrator => "ADMINISTRATOR",
            Self::CurrentAssignee => "CURRENT_ASSIGNEE",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Administrator => "an administrator's access can't be revoked",
            Self::CurrentAssignee => "the current assignee's access can't be revoked; reassign the lead instead",
        }
    }
}

fn escalation_text(escalation: &Escalation) -> String {
    match escalation {
        Escalation::Myself => "callers can't configure themselves".to_owned(),
        Escalation::NotBelow(role) => format!("the role {} is not below the caller's", role.word()),
        Escalation::Action(action) => format!("the caller doesn't hold {} at this level", action.word()),
        Escalation::OnBehalf => "tokens can't be made on behalf of others".to_owned(),
        Escalation::Capability(capability) => format!("the caller doesn't hold {}", capability.word()),
    }
}

fn violations_text(violations: &[Violation]) -> String {
    let text = |violation: &Violation| match violation.field.as_str() {
        "" => violation.description.clone(),
        field => format!("{field}: {}", violation.description),
    };
    let texts: Vec<String> = violations.iter().map(text).collect();
    texts.join("; ")
}
