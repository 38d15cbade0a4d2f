//! The only place that builds a status: what each refusal is in gRPC's words. Unknown to the caller means unsaid.

use std::{any::Any, collections::HashMap, time::Duration};

use prost::Message;
use tonic::{Code, Status, body::Body, codegen::http::Response};
use tonic_types::{ErrorDetails, FieldViolation, QuotaViolation, StatusExt, pb};

use super::request_id;
use crate::{
    access::escalation::Escalation,
    domain::{Error, Violation},
    proto::{self, ErrorReason},
    store,
};

const DOMAIN: &str = "leadward";
const LEAD: &str = "leadward.v1.Lead";
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Messages travel in a header, and long headers break connections.
const LONGEST_MESSAGE: usize = 1024;
/// So do details: clients take 8 KiB of headers and more, and these bytes travel as base64.
const LARGEST_FAULTS: usize = 3 * 1024;
/// What a fault takes besides its words.
const FAULT_FRAME: usize = 8;

/// The status of a refusal. What a caller must not know is logged here, once, and not sent.
pub fn of(error: Error) -> Status {
    let (code, reason) = kind(&error);
    let mut details = ErrorDetails::with_error_info(name(reason), DOMAIN, metadata(&error));
    let mut message = error.to_string();
    match &error {
        Error::Invalid(violations) => {
            details.set_bad_request(shown(violations));
        }
        Error::InvalidPageToken => {
            details.set_bad_request(vec![FieldViolation::new("page_token", message.clone())]);
        }
        Error::InvalidPlanToken => {
            details.set_bad_request(vec![FieldViolation::new("plan_token", message.clone())]);
        }
        Error::RequestIdReused => {
            details.set_bad_request(vec![FieldViolation::new("request_id", message.clone())]);
        }
        Error::InvalidResumeToken(field) => {
            details.set_bad_request(vec![FieldViolation::new(*field, message.clone())]);
        }
        Error::Draining => {
            details.set_retry_info(Some(RETRY_AFTER));
        }
        Error::SlowReader => {
            details.set_retry_info(Some(Duration::ZERO));
            details.set_quota_failure(vec![QuotaViolation::new("stream", message.clone())]);
        }
        Error::LeadNotFound => {
            details.set_resource_info(LEAD, "", "", message.clone());
        }
        Error::NotFound(resource) | Error::DuplicateResource { resource, .. } => {
            details.set_resource_info(resource.message(), "", "", message.clone());
        }
        Error::DuplicateLead(Some((id, _))) => {
            details.set_resource_info(LEAD, id.to_string(), "", message.clone());
        }
        Error::Store(_) | Error::Internal(_) if code == Code::Unavailable => {
            match &error {
                Error::Store(store::Error::Moved) => tracing::info!("a caller's rights changed twice during a call"),
                away => tracing::warn!(error = ?away, "the database is unavailable"),
            }
            details.set_retry_info(Some(RETRY_AFTER));
            message = "the service is unavailable, try again".to_owned();
        }
        Error::Store(_) | Error::Internal(_) => {
            tracing::error!(error = ?error, "a call failed");
            details.set_request_info(request_id::current(), "");
            message = "the service failed; its log knows why by the request ID".to_owned();
        }
        _ if code == Code::FailedPrecondition => {
            details.add_precondition_failure_violation(name(reason), "", message.clone());
        }
        _ => {}
    }
    message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
    Status::with_error_details(code, message, details)
}

/// As many faults as a header can carry, and how many more there are.
fn shown(violations: &[Violation]) -> Vec<FieldViolation> {
    let mut room = LARGEST_FAULTS;
    let mut fit = |violation: &Violation| {
        let size = FAULT_FRAME + violation.field.len() + violation.description.len();
        room = room.checked_sub(size)?;
        Some(FieldViolation::new(&violation.field, &violation.description))
    };
    let mut faults: Vec<FieldViolation> = violations.iter().map_while(&mut fit).collect();
    let more = violations.len() - faults.len();
    if more > 0 {
        faults.push(FieldViolation::new("", format!("and {more} more")));
    }
    faults
}

/// The answer of a call whose handler panicked.
pub fn of_panic(_: Box<dyn Any + Send>) -> Response<Body> {
    of(Error::Internal("a handler panicked".to_owned())).into_http()
}

/// A refusal that the transport made before any handler saw the call, in our words.
pub fn of_transport(status: Status) -> Status {
    match status.code() {
        Code::Internal if status.message().contains("decode") => {
            of(Error::invalid("", "the bytes are not a message of this call"))
        }
        Code::OutOfRange => of(Error::invalid("", "the message is larger than 4 MiB")),
        Code::Unimplemented => of(Error::Unimplemented),
        _ => status,
    }
}

/// Puts every refusal that carries no details, and so is not ours, in our words.
pub fn rescue(response: Response<Body>) -> Response<Body> {
    match Status::from_header_map(response.headers()) {
        Some(status) if status.code() != Code::Ok && status.details().is_empty() => {
            let mut rescued = of_transport(status).into_http();
            // What the layers inside have put on it stays.
            for (name, value) in response.headers() {
                rescued.headers_mut().entry(name).or_insert_with(|| value.clone());
            }
            rescued
        }
        _ => response,
    }
}

/// The same refusal as one item's error in a batch.
pub fn item(error: Error) -> proto::ItemError {
    let status = of(error);
    let details = pb::Status::decode(status.details()).map(|status| status.details).unwrap_or_default();
    proto::ItemError { code: status.code().into(), message: status.message().to_owned(), details }
}

fn kind(error: &Error) -> (Code, ErrorReason) {
    match error {
        Error::Unauthenticated => (Code::Unauthenticated, ErrorReason::NotAuthenticated),
        Error::ActionNotPermitted(_) => (Code::PermissionDenied, ErrorReason::ActionNotPermitted),
        Error::CapabilityRequired(_) => (Code::PermissionDenied, ErrorReason::CapabilityRequired),
        Error::RoleRequired(_) => (Code::PermissionDenied, ErrorReason::RoleRequired),
        Error::NotOwner => (Code::PermissionDenied, ErrorReason::NotOwner),
        Error::Escalation(Escalation::Myself) => (Code::PermissionDenied, ErrorReason::SelfConfiguration),
        Error::Escalation(Escalation::NotBelow(_)) => (Code::PermissionDenied, ErrorReason::RoleNotBelow),
        Error::Escalation(Escalation::Action(_) | Escalation::Capability(_) | Escalation::OnBehalf) => {
            (Code::PermissionDenied, ErrorReason::Escalation)
        }
        Error::LeadNotFound => (Code::NotFound, ErrorReason::LeadNotFound),
        Error::NotFound(_) => (Code::NotFound, ErrorReason::ResourceNotFound),
        Error::Invalid(_) => (Code::InvalidArgument, ErrorReason::InvalidArgument),
        Error::InvalidPageToken => (Code::InvalidArgument, ErrorReason::InvalidPageToken),
        Error::LeadState(_) => (Code::FailedPrecondition, ErrorReason::LeadState),
        Error::Ineligible(_) => (Code::FailedPrecondition, ErrorReason::IneligibleAssignee),
        Error::Unrevocable(_) => (Code::FailedPrecondition, ErrorReason::RevocationRefused),
        Error::LastAdministrator => (Code::FailedPrecondition, ErrorReason::LastAdministrator),
        Error::Fixed(_) => (Code::FailedPrecondition, ErrorReason::Fixed),
        Error::InUse { .. } => (Code::FailedPrecondition, ErrorReason::InUse),
        Error::EntryUnusable(_) => (Code::FailedPrecondition, ErrorReason::PickListEntryUnusable),
        Error::DuplicateLead(_) => (Code::AlreadyExists, ErrorReason::DuplicateLead),
        Error::DuplicateResource { .. } => (Code::AlreadyExists, ErrorReason::DuplicateResource),
        Error::StaleEtag { .. } => (Code::Aborted, ErrorReason::StaleEtag),
        Error::RequestIdReused => (Code::InvalidArgument, ErrorReason::RequestIdReused),
        Error::BatchRefused => (Code::Aborted, ErrorReason::BatchRefused),
        Error::PlanChanged => (Code::Aborted, ErrorReason::PlanChanged),
        Error::InvalidPlanToken => (Code::InvalidArgument, ErrorReason::InvalidPlanToken),
        Error::LeadChanged => (Code::FailedPrecondition, ErrorReason::LeadChanged),
        Error::ClaimLost => (Code::Aborted, ErrorReason::ClaimLost),
        Error::OrderStatus(_) => (Code::FailedPrecondition, ErrorReason::OrderStatus),
        Error::PaymentIdReused => (Code::AlreadyExists, ErrorReason::PaymentIdReused),
        Error::InvalidResumeToken(_) => (Code::InvalidArgument, ErrorReason::InvalidResumeToken),
        Error::ResumeTokenExpired => (Code::FailedPrecondition, ErrorReason::ResumeTokenExpired),
        Error::Draining => (Code::Unavailable, ErrorReason::Unavailable),
        Error::SlowReader => (Code::ResourceExhausted, ErrorReason::SlowReader),
        Error::Unimplemented => (Code::Unimplemented, ErrorReason::Unimplemented),
        Error::Store(store::Error::Unavailable(_) | store::Error::Conflict(_) | store::Error::Moved) => {
            (Code::Unavailable, ErrorReason::Unavailable)
        }
        Error::Store(_) | Error::Internal(_) => (Code::Internal, ErrorReason::Internal),
    }
}

fn metadata(error: &Error) -> HashMap<String, String> {
    let entry = match error {
        Error::ActionNotPermitted(action) | Error::Escalation(Escalation::Action(action)) => ("action", action.word()),
        Error::CapabilityRequired(capability) | Error::Escalation(Escalation::Capability(capability)) => {
            ("capability", capability.word())
        }
        Error::RoleRequired(role) | Error::Escalation(Escalation::NotBelow(role)) => ("role", role.word()),
        Error::LeadState(state) => ("state", state.word()),
        Error::OrderStatus(status) => ("status", status.word()),
        Error::Ineligible(cause) => ("cause", cause.word()),
        Error::Unrevocable(cause) => ("cause", cause.word()),
        Error::InUse { used_by, .. } => ("used_by", *used_by),
        Error::StaleEtag { current } => ("current_etag", current.as_str()),
        Error::DuplicateLead(Some((_, key))) => ("field", key.word()),
        Error::DuplicateResource { field, .. } => ("field", *field),
        _ => return HashMap::new(),
    };
    HashMap::from([(entry.0.to_owned(), entry.1.to_owned())])
}

fn name(reason: ErrorReason) -> &'static str {
    reason.as_str_name().trim_start_matches("ERROR_REASON_")
}
