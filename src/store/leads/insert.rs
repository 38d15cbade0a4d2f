//! New leads, many at a time.

use std::collections::HashSet;

use sea_orm::{ActiveValue::Set, ConnectionTrait};

use super::write::fields;
use crate::{
    access::scope::{Edit, LeadScope},
    model::{
        ids::{EntryId, LeadId, UserId},
        lead::Lead,
        lead_event::{LeadEvent, LeadEventKind},
    },
    store::{
        Db, Error, Result, Tx,
        bulk::{Insert, Rows},
        entity::{lead, lead_search::ActiveModel as Searched},
        lead_events, lead_search, micros,
    },
};

/// New leads, gathered to be inserted at once.
#[derive(Debug, Default)]
pub struct NewLeads {
    ids: HashSet<LeadId>,
    leads: Rows<lead::ActiveModel>,
    searched: Rows<Searched>,
}

impl NewLeads {
    /// Adds a lead that lies in its creator's EDIT scope, and the stage that its name stands for.
    ///
    /// # Errors
    /// [`Error::OutOfScope`] where it doesn't.
    pub fn add(&mut self, tx: &Tx, creator: &LeadScope<Edit>, lead: &Lead, stage: Option<EntryId>) -> Result<()> {
        if !creator.covers_new(lead.assignee_id, lead.group_id) {
            return Err(Error::OutOfScope);
        }
        self.leads.add(row(lead, stage)?)?;
        self.searched.add(lead_search::row(lead)?)?;
        self.ids.insert(lead.id);
        let (lead_id, kind) = (lead.id, LeadEventKind::Created);
        lead_events::note(tx, LeadEvent { lead_id, kind, was: None, rows: Default::default() });
        Ok(())
    }

    /// Whether one of them is this one.
    pub fn has(&self, id: LeadId) -> bool {
        self.ids.contains(&id)
    }

    /// Makes their INSERT. Run, it answers [`Error::Unique`] for an external ID that is taken.
    ///
    /// # Errors
    /// Only a bug's.
    pub fn insert(self, tx: &Tx) -> Result<Insert> {
        let backend = tx.conn().0.get_database_backend();
        Ok(self.leads.insert(backend)?.then(self.searched.insert(backend)?))
    }
}

fn row(lead: &Lead, stage: Option<EntryId>) -> Result<lead::ActiveModel> {
    Ok(lead::ActiveModel {
        id: Set(lead.id.uuid()),
        source: Set(lead.source.word().to_owned()),
        stage_id: Set(stage.map(EntryId::uuid)),
        assignee_id: Set(lead.assignee_id.map(UserId::uuid)),
        assigned_by: Set(lead.assigned.map(|(by, _)| by.uuid())),
        assign_time: Set(lead.assigned.map(|(_, at)| micros(at))),
        state: Set(lead.state.word().to_owned()),
        discard_reason_id: Set(None),
        discard_time: Set(None),
        disposition_id: Set(None),
        resolve_time: Set(None),
        created_by: Set(lead.created_by.uuid()),
        create_time: Set(micros(lead.create_time)),
        update_time: Set(micros(lead.update_time)),
        version: Set(lead.version),
        ..fields(lead)?
    })
}
