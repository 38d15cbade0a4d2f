//! A row of `leads` with the names of its pick list entries.

use sea_orm::FromQueryResult;

use crate::{
    model::lead::{Lead, LeadSource, LeadState},
    store::{Error, Result, entity::lead, time, times},
};

#[derive(FromQueryResult)]
pub(in crate::store) struct Row {
    #[sea_orm(nested)]
    lead: lead::Model,
    stage: Option<String>,
    discard_reason: Option<String>,
    disposition: Option<String>,
}

impl Row {
    pub(in crate::store) fn read(self) -> Result<Lead> {
        let Self { lead, stage, discard_reason, disposition } = self;
        let lead::Model {
            id,
            external_id,
            name,
            email,
            email_key: _,
            email_confirmed,
            phone,
            country,
            locale,
            source,
            campaign,
            attributes,
            stage_id: _,
            next_contact_time,
            assignee_id,
            assigned_by,
            assign_time,
            group_id,
            state,
            discard_reason_id: _,
            discard_time,
            disposition_id: _,
            resolve_time,
            register_time,
            first_deposit_time,
            created_by,
            create_time,
            update_time,
            version,
        } = lead;
        Ok(Lead {
            id: id.into(),
            external_id,
            name,
            email,
            email_confirmed,
            phone,
            country,
            locale,
            source: LeadSource::from_word(&source).ok_or(Error::Corrupt("lead source"))?,
            campaign,
            attributes: serde_json::from_str(&attributes).map_err(|_| Error::Corrupt("attributes"))?,
            stage,
            next_contact_time: times(next_contact_time)?,
            assignee_id: assignee_id.map(Into::into),
            assigned: assigned_by.map(Into::into).zip(times(assign_time)?),
            group_id: group_id.map(Into::into),
            state: LeadState::from_word(&state).ok_or(Error::Corrupt("lead state"))?,
            discard_reason,
            discard_time: times(discard_time)?,
            disposition,
            resolve_time: times(resolve_time)?,
            register_time: times(register_time)?,
            first_deposit_time: times(first_deposit_time)?,
            created_by: created_by.into(),
            create_time: time(create_time).ok_or(Error::Corrupt("time"))?,
            update_time: time(update_time).ok_or(Error::Corrupt("time"))?,
            version,
        })
    }
}
