//! Records as rows of ImportLeads.

use super::{
    BadPhone,
    mapping::{Field, Mapping},
    table::Record,
    values::{attributes, country, flag, shown, time},
};
use crate::{
    model::{contact::normalise_phone, ids::GroupId},
    proto::{ImportRow, Lead},
};

/// The attribute that keeps a phone which is not a phone number.
const PHONE_AS_WRITTEN: &str = "phone_as_written";

/// How records become rows.
pub(super) struct Rows {
    pub(super) mapping: Mapping,
    pub(super) date_formats: Vec<String>,
    pub(super) bad_phone: BadPhone,
}

impl Rows {
    /// The row that a record makes, and whether its phone went to an attribute; or everything that is wrong with it.
    pub(super) fn row(&self, record: &Record) -> Result<(ImportRow, bool), String> {
        if let Some(fault) = &record.fault {
            return Err(fault.clone());
        }
        let mut row = ImportRow { row_number: record.number.cast_signed(), ..ImportRow::default() };
        let mut lead = Lead::default();
        let mut faults = Vec::new();
        for mapped in self.mapping.fields() {
            let set = mapped.value(record).and_then(|value| match value {
                Some(text) => self.set(&mapped.field, text, &mut row, &mut lead),
                None => Ok(()),
            });
            if let Err(fault) = set {
                faults.push(format!("{}: {fault}", mapped.name));
            }
        }
        // Last, as a national number is read by its country.
        let bad_phone = lead.phone.take_if(|phone| normalise_phone(phone, lead.country.as_deref()).is_none());
        let phone_kept = bad_phone.is_some();
        if let Some(phone) = bad_phone {
            match self.bad_phone {
                BadPhone::Keep => _ = lead.attributes.insert(PHONE_AS_WRITTEN.to_owned(), phone),
                BadPhone::Reject => faults.push(format!("phone: {} is not a phone number", shown(&phone))),
            }
        }
        row.lead = Some(lead);
        if faults.is_empty() { Ok((row, phone_kept)) } else { Err(faults.join("; ")) }
    }

    fn set(&self, field: &Field, text: String, row: &mut ImportRow, lead: &mut Lead) -> Result<(), String> {
        let time = |text: &str| time(text, &self.date_formats).map(Some);
        match field {
            Field::ExternalId => lead.external_id = Some(text),
            Field::Name => lead.name = Some(text),
            Field::Email => lead.email = Some(text),
            Field::EmailConfirmed => lead.email_confirmed = Some(flag(&text)?),
            Field::Phone => lead.phone = Some(text),
            Field::Country => lead.country = Some(country(&text)?),
            Field::Locale => lead.locale = Some(text),
            Field::Campaign => lead.campaign = Some(text),
            Field::Stage => lead.stage = Some(text),
            Field::NextContactTime => lead.next_contact_time = time(&text)?,
            Field::Assignee if text.contains('@') => row.assignee_email = text,
            Field::Assignee => lead.assignee_id = text,
            Field::Group if text.parse::<GroupId>().is_ok() => lead.group_id = Some(text),
            Field::Group => row.group_name = text,
            Field::RegisterTime => row.register_time = time(&text)?,
            Field::FirstDepositTime => row.first_deposit_time = time(&text)?,
            Field::Deposited => row.deposited = flag(&text)?,
            Field::Attributes => lead.attributes.extend(attributes(&text)?),
            Field::Attribute(name) => _ = lead.attributes.insert(name.clone(), text),
        }
        Ok(())
    }
}
