//! Leads and pick lists.

use std::collections::BTreeMap;

use super::{Faults, Mask, id_text, specified, timestamp};
use crate::{
    domain::{creation, etag},
    model::{
        contact::{self, Email, Phone},
        lead::{
            DeletionReason, DuplicatePolicy, Duplicates, Lead, LeadKind, LeadPatch, LeadSource, LeadState, MatchKey,
            NewLead,
        },
        pick_list::{Category, Entry, PickList},
    },
    proto,
};

const SETTABLE: &[&str] = &[
    "external_id",
    "name",
    "email",
    "email_confirmed",
    "phone",
    "country",
    "locale",
    "campaign",
    "attributes",
    "stage",
    "next_contact_time",
    "group_id",
];
const MOST_ATTRIBUTES: usize = 64;
const LARGEST_ATTRIBUTES: usize = 16 * 1024;

/// A lead as sent.
pub(in crate::rpc) fn lead(lead: Lead) -> proto::Lead {
    let kind = kind(lead.kind());
    let Lead {
        id,
        external_id,
        name,
        email,
        email_confirmed,
        phone,
        country,
        locale,
        source,
        campaign,
        attributes,
        stage,
        next_contact_time,
        assignee_id,
        assigned: _,
        group_id,
        state,
        discard_reason,
        discard_time,
        disposition,
        resolve_time,
        register_time,
        first_deposit_time,
        created_by,
        create_time,
        update_time,
        version,
    } = lead;
    proto::Lead {
        id: id.to_string(),
        external_id,
        name,
        email,
        email_confirmed: Some(email_confirmed),
        phone,
        country,
        locale,
        campaign,
        attributes,
        stage,
        next_contact_time: next_contact_time.map(timestamp),
        group_id: group_id.map(|id| id.to_string()),
        assignee_id: id_text(assignee_id),
        kind: kind.into(),
        state: lead_state(state).into(),
        source: match source {
            LeadSource::Api => proto::LeadSource::Api,
            LeadSource::BulkUpload => proto::LeadSource::BulkUpload,
            LeadSource::Platform => proto::LeadSource::Platform,
        }
        .into(),
        discard_reason: discard_reason.unwrap_or_default(),
        discard_time: discard_time.map(timestamp),
        disposition: disposition.unwrap_or_default(),
        resolve_time: resolve_time.map(timestamp),
        register_time: register_time.map(timestamp),
        first_deposit_time: first_deposit_time.map(timestamp),
        created_by: created_by.to_string(),
        create_time: Some(timestamp(create_time)),
        update_time: Some(timestamp(update_time)),
        etag: etag::of(version),
    }
}

pub(super) fn kind(kind: LeadKind) -> proto::LeadKind {
    match kind {
        LeadKind::Lead => proto::LeadKind::Lead,
        LeadKind::Registration => proto::LeadKind::Registration,
        LeadKind::Client => proto::LeadKind::Client,
    }
}

fn lead_state(state: LeadState) -> proto::LeadState {
    match state {
        LeadState::Active => proto::LeadState::Active,
        LeadState::Discarded => proto::LeadState::Discarded,
        LeadState::Resolved => proto::LeadState::Resolved,
    }
}

impl Faults {
    /// The states that a list asks for.
    pub fn states(&mut self, given: &[i32]) -> Vec<LeadState> {
        let states = given.iter().enumerate().filter_map(|(at, state)| {
            let state = match specified(*state) {
                Some(proto::LeadState::Active) => Some(LeadState::Active),
                Some(proto::LeadState::Discarded) => Some(LeadState::Discarded),
                Some(proto::LeadState::Resolved) => Some(LeadState::Resolved),
                Some(proto::LeadState::Unspecified) | None => None,
            };
            self.some(format!("states[{at}]"), "is not a state", state)
        });
        let mut states: Vec<LeadState> = states.collect();
        states.sort_unstable();
        states.dedup();
        states
    }

    /// A lead to make.
    pub fn new_lead(&mut self, given: proto::Lead, source: LeadSource) -> NewLead {
        let named = [&given.external_id, &given.name, &given.email, &given.phone];
        if named.iter().all(|field| field.as_deref().is_none_or(|text| text.trim().is_empty())) {
            self.add("lead", "needs an external_id, a name, an email or a phone");
        }
        self.lead_of(given, source)
    }

    /// A person who registered.
    pub fn registration(&mut self, given: proto::Lead) -> NewLead {
        if given.external_id.as_deref().is_none_or(|id| id.trim().is_empty()) {
            self.add("lead.external_id", "is required");
        }
        self.lead_of(given, LeadSource::Platform)
    }

    fn lead_of(&mut self, given: proto::Lead, source: LeadSource) -> NewLead {
        let assignee_id = self.optional_id("lead.assignee_id", &given.assignee_id);
        let mut fields = self.lead_patch(given, &Mask(None));
        // Nothing can be cleared that was never there.
        fields.group_id = fields.group_id.filter(Option::is_some);
        NewLead { fields, assignee_id, source }
    }

    /// A change of a lead's fields.
    pub fn lead_update(&mut self, given: proto::Lead, mask: Option<prost_types::FieldMask>) -> LeadPatch {
        let mask = Mask::of(mask, SETTABLE, self);
        self.lead_patch(given, &mask)
    }

    fn lead_patch(&mut self, given: proto::Lead, mask: &Mask) -> LeadPatch {
        // Output-only fields are ignored, and so listed: a new field must be put on one side or the other.
        let proto::Lead {
            id: _,
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
            assignee_id: _,
            kind: _,
            state: _,
            source: _,
            discard_reason: _,
            discard_time: _,
            disposition: _,
            resolve_time: _,
            register_time: _,
            first_deposit_time: _,
            created_by: _,
            create_time: _,
            update_time: _,
            etag: _,
        } = given;
        let region = country.clone().filter(|code| contact::is_country(code));
        let time_named = mask.names("next_contact_time", next_contact_time.is_some());
        let time = if time_named { self.time("lead.next_contact_time", next_contact_time) } else { None };
        LeadPatch {
            external_id: self.field(mask, "external_id", external_id, |f, name, text| f.line(name, text, 128)),
            name: self.field(mask, "name", name, |f, name, text| f.line(name, text, 200)),
            email: self.field(mask, "email", email, |f, name, text| {
                f.some(name, "is not an e-mail address with a dotted domain", Email::parse(text))
            }),
            email_confirmed: mask
                .names("email_confirmed", email_confirmed.is_some())
                .then(|| email_confirmed.unwrap_or_default()),
            phone: self.field(mask, "phone", phone, |f, name, text| {
                let phone = Phone::parse(text, region.as_deref());
                f.some(name, "is neither an international number nor a national one of lead.country", phone)
            }),
            country: self.field(mask, "country", country, |f, name, text| {
                let code = contact::is_country(text).then(|| text.to_owned());
                f.some(name, "is not an ISO 3166-1 alpha-2 code in upper case", code)
            }),
            locale: self.field(mask, "locale", locale, |f, name, text| {
                f.some(name, "is not a BCP 47 language tag", contact::is_locale(text).then(|| text.to_owned()))
            }),
            campaign: self.field(mask, "campaign", campaign, |f, name, text| f.line(name, text, 200)),
            attributes: mask.names("attributes", !attributes.is_empty()).then(|| self.attributes(attributes)),
            stage: self.field(mask, "stage", stage, |f, name, text| f.line(name, text, 100)),
            next_contact_time: time_named.then_some(time),
            group_id: self.field(mask, "group_id", group_id, |f, name, text| f.id(name, text)),
            register_time: None,
            first_deposit_time: None,
        }
    }

    /// A text field: left alone, cleared (named and blank), or parsed.
    fn field<T>(
        &mut self,
        mask: &Mask,
        path: &str,
        given: Option<String>,
        parse: impl FnOnce(&mut Self, String, &str) -> Option<T>,
    ) -> Option<Option<T>> {
        if !mask.names(path, given.is_some()) {
            return None;
        }
        match given.as_deref().map(str::trim) {
            None | Some("") => Some(None),
            Some(text) => Some(parse(self, format!("lead.{path}"), text)),
        }
    }

    fn attributes(&mut self, attributes: BTreeMap<String, String>) -> BTreeMap<String, String> {
        if attributes.len() > MOST_ATTRIBUTES {
            self.add("lead.attributes", format!("has more than {MOST_ATTRIBUTES} entries"));
            return attributes;
        }
        for (name, value) in &attributes {
            let shown: String = name.chars().take(64).collect();
            let valid = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            if name.is_empty() || name.len() > 64 || !name.chars().all(valid) {
                self.add(format!("lead.attributes[{shown}]"), "is not a name of 1 to 64 characters [A-Za-z0-9_.-]");
            }
            if value.chars().count() > 1024 || value.contains('\0') {
                self.add(format!("lead.attributes[{shown}]"), "is longer than 1024 characters, or no text");
            }
        }
        let size: usize = attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
        if size > LARGEST_ATTRIBUTES {
            self.add("lead.attributes", format!("are larger than {LARGEST_ATTRIBUTES} bytes together"));
        }
        attributes
    }

    /// How duplicates are treated.
    pub fn duplicates(&mut self, prefix: &str, policy: i32, keys: &[i32]) -> Duplicates {
        let policy = match proto::DuplicatePolicy::try_from(policy) {
            Ok(proto::DuplicatePolicy::Unspecified | proto::DuplicatePolicy::Reject) => Some(DuplicatePolicy::Reject),
            Ok(proto::DuplicatePolicy::Skip) => Some(DuplicatePolicy::Skip),
            Ok(proto::DuplicatePolicy::Update) => Some(DuplicatePolicy::Update),
            Err(_) => None,
        };
        let policy = self.some(format!("{prefix}on_duplicate"), "is not a policy", policy);
        let keys: Vec<MatchKey> = keys
            .iter()
            .enumerate()
            .filter_map(|(at, key)| {
                let key = match specified(*key) {
                    Some(proto::LeadMatchKey::ExternalId) => Some(MatchKey::ExternalId),
                    Some(proto::LeadMatchKey::Email) => Some(MatchKey::Email),
                    Some(proto::LeadMatchKey::Phone) => Some(MatchKey::Phone),
                    Some(proto::LeadMatchKey::Unspecified) | None => None,
                };
                self.some(format!("{prefix}match_keys[{at}]"), "is not a key", key)
            })
            .collect();
        let keys = if keys.is_empty() { MatchKey::ALL.to_vec() } else { keys };
        Duplicates { policy: policy.unwrap_or(DuplicatePolicy::Reject), keys }
    }

    /// Why a lead is deleted.
    pub fn deletion_reason(&mut self, given: i32) -> Option<DeletionReason> {
        let reason = match specified(given) {
            Some(proto::DeletionReason::Duplicate) => Some(DeletionReason::Duplicate),
            Some(proto::DeletionReason::Obsolete) => Some(DeletionReason::Obsolete),
            Some(proto::DeletionReason::ErasureRequest) => Some(DeletionReason::ErasureRequest),
            Some(proto::DeletionReason::Unspecified) | None => None,
        };
        self.some("reason", "is required", reason)
    }

    /// One row of an import.
    pub fn import_row(&mut self, given: proto::ImportRow) -> creation::Row {
        let proto::ImportRow {
            row_number: _,
            lead,
            assignee_email,
            group_name,
            register_time,
            first_deposit_time,
            deposited,
        } = given;
        let lead = lead.unwrap_or_default();
        if !assignee_email.is_empty() && !lead.assignee_id.is_empty() {
            self.add("assignee_email", "is given together with lead.assignee_id");
        }
        if !group_name.is_empty() && lead.group_id.as_deref().is_some_and(|id| !id.is_empty()) {
            self.add("group_name", "is given together with lead.group_id");
        }
        let mut lead = self.new_lead(lead, LeadSource::BulkUpload);
        lead.fields.register_time = self.time("register_time", register_time);
        lead.fields.first_deposit_time = self.time("first_deposit_time", first_deposit_time);
        let assignee_email = self.line("assignee_email", &assignee_email, 254).filter(|email| !email.is_empty());
        let group_name = self.line("group_name", &group_name, 100).filter(|name| !name.is_empty());
        creation::Row { lead, assignee_email, group_name, deposited }
    }

    /// A pick list that must be given.
    pub fn pick_list(&mut self, field: &str, given: i32) -> Option<PickList> {
        let list = pick_list(given).flatten();
        self.some(field, "is required", list)
    }

    /// A disposition's category; other lists have none.
    pub fn category(&mut self, list: Option<PickList>, given: i32) -> Option<Category> {
        let category = match specified(given) {
            Some(proto::DispositionCategory::Sales) => Some(Category::Sales),
            Some(proto::DispositionCategory::Service) => Some(Category::Service),
            Some(proto::DispositionCategory::Unspecified) | None => None,
        };
        match (list, category) {
            (Some(PickList::Disposition), None) => self.add("entry.category", "is required for a disposition"),
            (Some(PickList::Stage | PickList::DiscardReason), _) if given != 0 => {
                self.add("entry.category", "is for dispositions only");
            }
            _ => {}
        }
        category
    }
}

/// A pick list of a request: none where it is no list, inner none where it is unspecified.
pub(in crate::rpc) fn pick_list(given: i32) -> Option<Option<PickList>> {
    Some(match proto::PickList::try_from(given).ok()? {
        proto::PickList::Unspecified => None,
        proto::PickList::Stage => Some(PickList::Stage),
        proto::PickList::DiscardReason => Some(PickList::DiscardReason),
        proto::PickList::Disposition => Some(PickList::Disposition),
    })
}

/// A pick list entry as sent.
pub(in crate::rpc) fn entry(entry: Entry) -> proto::PickListEntry {
    let Entry { id, list, name, category, disabled, version } = entry;
    proto::PickListEntry {
        id: id.to_string(),
        list: match list {
            PickList::Stage => proto::PickList::Stage,
            PickList::DiscardReason => proto::PickList::DiscardReason,
            PickList::Disposition => proto::PickList::Disposition,
        }
        .into(),
        name: Some(name),
        category: match category {
            None => proto::DispositionCategory::Unspecified,
            Some(Category::Sales) => proto::DispositionCategory::Sales,
            Some(Category::Service) => proto::DispositionCategory::Service,
        }
        .into(),
        disabled: Some(disabled),
        etag: etag::of(version),
    }
}
