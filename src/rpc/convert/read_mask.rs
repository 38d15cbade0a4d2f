//! Which fields of a lead are sent.

use std::collections::BTreeSet;

use prost_types::FieldMask;

use super::Faults;
use crate::proto;

/// The fields that a request asks for.
#[derive(Clone, Debug)]
pub(in crate::rpc) struct ReadMask(Option<BTreeSet<String>>);

macro_rules! readable {
    ($($field:ident),+ $(,)?) => {
        const READABLE: &[&str] = &[$(stringify!($field)),+];

        impl ReadMask {
            /// The lead with those fields alone.
            pub fn of(&self, lead: proto::Lead) -> proto::Lead {
                let Some(asked) = &self.0 else { return lead };
                // A new field doesn't compile until it can be asked for.
                let proto::Lead { $($field),+ } = lead;
                proto::Lead {
                    $($field: if asked.contains(stringify!($field)) { $field } else { Default::default() }),+
                }
            }
        }
    };
}

readable! {
    id,
    external_id,
    name,
    email,
    email_confirmed,
    phone,
    country,
    locale,
    campaign,
    attributes,
    stage,
    next_contact_time,
    group_id,
    assignee_id,
    kind,
    state,
    source,
    discard_reason,
    discard_time,
    disposition,
    resolve_time,
    register_time,
    first_deposit_time,
    created_by,
    create_time,
    update_time,
    etag,
}

impl Faults {
    /// The fields of leads that a request asks for; no mask, or an empty one: all of them.
    pub fn read_mask(&mut self, mask: Option<FieldMask>) -> ReadMask {
        let paths = mask.unwrap_or_default().paths;
        for (at, path) in paths.iter().enumerate() {
            if !READABLE.contains(&path.as_str()) {
                self.add(format!("read_mask.paths[{at}]"), "is not a field of a lead");
            }
        }
        ReadMask((!paths.is_empty()).then(|| paths.into_iter().collect()))
    }
}
