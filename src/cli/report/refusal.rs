//! Refusals, as told to the person who gave the command.

use tonic::Status;
use tonic_types::StatusExt;

use crate::cli::remote::failed;

/// What the server has to say; of a filter, with a mark at the place.
pub(super) fn told(status: &Status, filter: &str) -> anyhow::Error {
    let faults = status.get_details_bad_request().map(|request| request.field_violations).unwrap_or_default();
    let of_filter = faults.into_iter().find(|fault| fault.field == "filter");
    match of_filter.and_then(|fault| marked(&fault.description, filter)) {
        Some(text) => anyhow::Error::msg(text),
        None => failed(status),
    }
}

fn marked(description: &str, filter: &str) -> Option<String> {
    let (byte, _) = description.strip_prefix("at byte ")?.split_once(':')?;
    let before = filter.get(..byte.parse().ok()?)?;
    if filter.contains('\n') {
        return None;
    }
    Some(format!("--filter: {description}\n  {filter}\n  {}^", " ".repeat(before.chars().count())))
}

#[cfg(test)]
mod tests {
    use super::marked;

    #[test]
    fn a_fault_is_marked_where_it_is() {
        let text = marked("at byte 10: no value", "name:\"Sá\" x").unwrap();
        assert_eq!(text, "--filter: at byte 10: no value\n  name:\"Sá\" x\n           ^");
        for (description, filter) in [("no user has it", "x"), ("at byte 99: no value", "x"), ("at byte 0: no", "a\nb")]
        {
            assert_eq!(marked(description, filter), None, "{description}");
        }
    }
}
