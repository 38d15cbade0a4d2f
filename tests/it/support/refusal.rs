use std::{collections::BTreeSet, fmt::Debug};

use leadward::proto::{ErrorReason, ItemError};
use prost::Message;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// The reason of a refusal, or nothing where it has none.
pub fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// What a refusal says beside its reason, such as `current_etag`; nothing where it doesn't.
pub fn fact(status: &Status, key: &str) -> String {
    let metadata = status.get_details_error_info().map(|info| info.metadata).unwrap_or_default();
    metadata.get(key).cloned().unwrap_or_default()
}

/// The fields that a malformed request was refused for, in order and each once. What lies inside of a map or a mask
/// counts as the field itself.
pub fn faults(status: &Status) -> Vec<String> {
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    let fields: BTreeSet<_> = violations.iter().map(|violation| field_of(&violation.field)).collect();
    fields.into_iter().collect()
}

fn field_of(path: &str) -> String {
    let whole = ["attributes", "update_mask"];
    let end = whole.iter().find_map(|name| path.find(name).map(|start| start + name.len()));
    path[..end.unwrap_or(path.len())].to_owned()
}

/// All of a refusal that its caller can act on; the rest of it, such as the request's ID, differs from call to call.
pub fn answer(status: &Status) -> (Code, String, Vec<u8>) {
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

/// Expects a refusal for this reason, with the code and the domain that go with it.
#[track_caller]
pub fn refused<T: Debug>(result: Result<T, Status>, expected: ErrorReason) -> Status {
    let status = result.expect_err("a refusal");
    let expected_reason = expected.as_str_name().trim_start_matches("ERROR_REASON_");
    assert_eq!((status.code(), reason(&status).as_str()), (code_of(expected), expected_reason), "{status:?}");
    assert_eq!(status.get_details_error_info().map(|info| info.domain), Some("leadward".to_owned()));
    status
}

fn code_of(reason: ErrorReason) -> Code {
    match reason {
        ErrorReason::Unspecified => Code::Unknown,
        ErrorReason::NotAuthenticated => Code::Unauthenticated,
        ErrorReason::ActionNotPermitted
        | ErrorReason::CapabilityRequired
        | ErrorReason::RoleRequired
        | ErrorReason::RoleNotBelow
        | ErrorReason::SelfConfiguration
        | ErrorReason::NotOwner
        | ErrorReason::Escalation => Code::PermissionDenied,
        ErrorReason::LeadNotFound | ErrorReason::ResourceNotFound => Code::NotFound,
        ErrorReason::InvalidArgument
        | ErrorReason::InvalidPageToken
        | ErrorReason::InvalidResumeToken
        | ErrorReason::InvalidPlanToken
        | ErrorReason::RequestIdReused => Code::InvalidArgument,
        ErrorReason::LeadState
        | ErrorReason::IneligibleAssignee
        | ErrorReason::LeadChanged
        | ErrorReason::RevocationRefused
        | ErrorReason::LastAdministrator
        | ErrorReason::Fixed
        | ErrorReason::InUse
        | ErrorReason::OrderStatus
        | ErrorReason::ResumeTokenExpired
        | ErrorReason::PickListEntryUnusable => Code::FailedPrecondition,
        ErrorReason::DuplicateLead | ErrorReason::DuplicateResource | ErrorReason::PaymentIdReused => {
            Code::AlreadyExists
        }
        ErrorReason::StaleEtag | ErrorReason::BatchRefused | ErrorReason::ClaimLost | ErrorReason::PlanChanged => {
            Code::Aborted
        }
        ErrorReason::SlowReader => Code::ResourceExhausted,
        ErrorReason::Unavailable => Code::Unavailable,
        ErrorReason::Unimplemented => Code::Unimplemented,
        ErrorReason::Internal => Code::Internal,
    }
}

/// The status that a single call would have answered with.
pub fn item_status(error: &ItemError) -> Status {
    let status =
        tonic_types::pb::Status { code: error.code, message: error.message.clone(), details: error.details.clone() };
    Status::with_details(Code::from_i32(error.code), error.message.clone(), status.encode_to_vec().into())
}
