//! New leads, many at a time.

use sea_orm::{ActiveValue::Set, ConnectionTrait};

use super::write::fields;
use crate::{
    access::scope::{Edit, LeadScope},
    model::{
        ids::{EntryId, UserId},
        lead::Lead,
        lead_event::{LeadEvent, LeadEventKind},
    },
    store::{Db, Error, Result, Tx, bulk::Insert, entity::lead, lead_events, lead_search, micros},
};

/// A lead to insert.
#[derive(Clone, Debug)]
pub struct NewRow {
    /// The lead, whole.
    pub lead: Lead,
    /// The stage that its name stands for.
    pub stage: Option<EntryId>,
}

/// Makes the INSERT of leads that lie in their creator's EDIT scope. Run, it answers [`Error::Unique`] for an external ID that is taken.
///
/// # Errors
/// [`Error::OutOfScope`] where one doesn't.
pub fn insert_many(tx: &Tx, creator: &LeadScope<Edit>, new: &[NewRow]) -> Result<Insert> {
    if !new.iter().all(|new| creator.covers_new(new.lead.assignee_id, new.lead.group_id)) {
        return Err(Error::OutOfScope);
    }
    let backend = tx.conn().0.get_database_backend();
    let leads = Insert::of(new.iter().map(row).collect::<Result<Vec<_>>>()?, backend)?;
    let searched = new.iter().map(|new| lead_search::row(&new.lead)).collect::<Result<Vec<_>>>()?;
    let insert = leads.then(Insert::of(searched, backend)?);
    for new in new {
        let (lead_id, kind) = (new.lead.id, LeadEventKind::Created);
        lead_events::note(tx, LeadEvent { lead_id, kind, was: None, rows: Default::default() });
    }
    Ok(insert)
}

fn row(new: &NewRow) -> Result<lead::ActiveModel> {
    let lead = &new.lead;
    Ok(lead::ActiveModel {
        id: Set(lead.id.uuid()),
        source: Set(lead.source.word().to_owned()),
        stage_id: Set(new.stage.map(EntryId::uuid)),
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
