//! The lead, and what may be asked of one.

use std::collections::BTreeMap;

use super::{
    Time,
    contact::{Email, Phone},
    ids::{GroupId, LeadId, TombstoneId, UserId},
    user::Actor,
    words,
};

/// Where the work on a lead stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LeadState {
    /// Being worked.
    Active,
    /// Set aside.
    Discarded,
    /// Ended.
    Resolved,
}

words!(LeadState { Active = "ACTIVE", Discarded = "DISCARDED", Resolved = "RESOLVED" });

/// How a lead came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeadSource {
    /// By a single call.
    Api,
    /// By an import.
    BulkUpload,
    /// By registration.
    Platform,
}

words!(LeadSource { Api = "API", BulkUpload = "BULK_UPLOAD", Platform = "PLATFORM" });

/// How far a person has come; derived from the lead's times.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LeadKind {
    /// Arrived.
    Lead,
    /// Registered on the platform.
    Registration,
    /// Deposited.
    Client,
}

words!(LeadKind { Lead = "LEAD", Registration = "REGISTRATION", Client = "CLIENT" });

impl LeadKind {
    /// The kind that the two times make.
    pub fn of(register_time: Option<Time>, first_deposit_time: Option<Time>) -> Self {
        match (register_time, first_deposit_time) {
            (_, Some(_)) => Self::Client,
            (Some(_), None) => Self::Registration,
            (None, None) => Self::Lead,
        }
    }
}

/// Why a lead was deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeletionReason {
    /// Entered twice.
    Duplicate,
    /// No longer to be kept.
    Obsolete,
    /// The person asked.
    ErasureRequest,
}

words!(DeletionReason { Duplicate = "DUPLICATE", Obsolete = "OBSOLETE", ErasureRequest = "ERASURE_REQUEST" });

/// What stays of a deleted lead: nothing personal.
#[derive(Clone, PartialEq, Debug)]
pub struct Tombstone {
    /// Its identity; sorts by deletion.
    pub id: TombstoneId,
    /// The lead that was.
    pub lead_id: LeadId,
    /// Who deleted it.
    pub deleted_by: Actor,
    /// When.
    pub delete_time: Time,
    /// Why.
    pub reason: DeletionReason,
}

/// A lead as stored, its pick list entries by name.
#[derive(Clone, PartialEq, Debug)]
pub struct Lead {
    /// Its identity; sorts by creation.
    pub id: LeadId,
    /// The platform's user ID.
    pub external_id: Option<String>,
    /// Full name.
    pub name: Option<String>,
    /// As written.
    pub email: Option<String>,
    /// Whether the address is confirmed.
    pub email_confirmed: bool,
    /// E.164.
    pub phone: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// BCP 47.
    pub locale: Option<String>,
    /// How it came in.
    pub source: LeadSource,
    /// What brought it.
    pub campaign: Option<String>,
    /// Custom attributes.
    pub attributes: BTreeMap<String, String>,
    /// The stage's name.
    pub stage: Option<String>,
    /// When to contact it next.
    pub next_contact_time: Option<Time>,
    /// Who works it.
    pub assignee_id: Option<UserId>,
    /// Who assigned it, and when.
    pub assigned: Option<(UserId, Time)>,
    /// The team it belongs to.
    pub group_id: Option<GroupId>,
    /// Where the work stands.
    pub state: LeadState,
    /// The discard reason's name.
    pub discard_reason: Option<String>,
    /// When it was discarded.
    pub discard_time: Option<Time>,
    /// The disposition's name.
    pub disposition: Option<String>,
    /// When it was resolved.
    pub resolve_time: Option<Time>,
    /// When the person registered.
    pub register_time: Option<Time>,
    /// When the person first deposited.
    pub first_deposit_time: Option<Time>,
    /// Who created it.
    pub created_by: UserId,
    /// When it was created.
    pub create_time: Time,
    /// When it was last changed.
    pub update_time: Time,
    /// Moves with every change.
    pub version: i64,
}

impl Lead {
    /// How far the person has come.
    pub fn kind(&self) -> LeadKind {
        LeadKind::of(self.register_time, self.first_deposit_time)
    }
}

/// What to change of a lead's fields. Outer none: leave it; inner none: clear it.
#[derive(Clone, Debug, Default)]
pub struct LeadPatch {
    /// The platform's user ID.
    pub external_id: Option<Option<String>>,
    /// Full name.
    pub name: Option<Option<String>>,
    /// E-mail.
    pub email: Option<Option<Email>>,
    /// Whether the address is confirmed.
    pub email_confirmed: Option<bool>,
    /// Phone.
    pub phone: Option<Option<Phone>>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<Option<String>>,
    /// BCP 47.
    pub locale: Option<Option<String>>,
    /// What brought it.
    pub campaign: Option<Option<String>>,
    /// Custom attributes, all of them.
    pub attributes: Option<BTreeMap<String, String>>,
    /// The stage's name.
    pub stage: Option<Option<String>>,
    /// When to contact it next.
    pub next_contact_time: Option<Option<Time>>,
    /// The team it belongs to.
    pub group_id: Option<Option<GroupId>>,
    /// When the person registered; only forward.
    pub register_time: Option<Time>,
    /// When the person first deposited; only forward.
    pub first_deposit_time: Option<Time>,
}

impl LeadPatch {
    /// The lead as it is after the change. Times of registration and deposit that are set stay as they are: a kind only moves forward.
    pub fn applied_to(&self, lead: &Lead) -> Lead {
        let Self {
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
            register_time,
            first_deposit_time,
        } = self.clone();
        let key = |email: &Option<String>| email.as_deref().map(str::to_lowercase);
        let email = email.map(|email| email.map(|email| email.as_str().to_owned()));
        let email = email.unwrap_or_else(|| lead.email.clone());
        // Whoever confirmed one address has not confirmed the next.
        let confirmed = lead.email_confirmed && key(&email) == key(&lead.email);
        let phone = phone.map(|phone| phone.map(|phone| phone.as_str().to_owned()));
        let old = lead.clone();
        Lead {
            external_id: external_id.unwrap_or(old.external_id),
            name: name.unwrap_or(old.name),
            email,
            email_confirmed: email_confirmed.unwrap_or(confirmed),
            phone: phone.unwrap_or(old.phone),
            country: country.unwrap_or(old.country),
            locale: locale.unwrap_or(old.locale),
            campaign: campaign.unwrap_or(old.campaign),
            attributes: attributes.unwrap_or(old.attributes),
            stage: stage.unwrap_or(old.stage),
            next_contact_time: next_contact_time.unwrap_or(old.next_contact_time),
            group_id: group_id.unwrap_or(old.group_id),
            register_time: old.register_time.or(register_time),
            first_deposit_time: old.first_deposit_time.or(first_deposit_time),
            ..old
        }
    }
}

/// A lead to make: the fields of a patch, and what only creation sets.
#[derive(Clone, Debug)]
pub struct NewLead {
    /// The fields.
    pub fields: LeadPatch,
    /// Who is to work it.
    pub assignee_id: Option<UserId>,
    /// How it comes in.
    pub source: LeadSource,
}

/// By what a new lead is recognised as one that exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MatchKey {
    /// The same external ID.
    ExternalId,
    /// The same address whatever the case.
    Email,
    /// The same number.
    Phone,
}

words!(MatchKey { ExternalId = "external_id", Email = "email", Phone = "phone" });

/// What is done with a lead that exists already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DuplicatePolicy {
    /// Refuse.
    Reject,
    /// Leave it.
    Skip,
    /// Change it.
    Update,
}

/// How a new lead is held against those that exist.
#[derive(Clone, Debug)]
pub struct Duplicates {
    /// What is done.
    pub policy: DuplicatePolicy,
    /// What it is recognised by.
    pub keys: Vec<MatchKey>,
}
