//! Changes of leads, each under the scope of its action.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};

use super::{Locked, row::Row, rows};
use crate::{
    access::scope::{Acts, Assign, Delete, Discard, Edit, LeadScope, Resolve, Retrieve},
    model::{
        ids::{EntryId, UserId},
        lead::{DeletionReason, Lead, LeadState},
        user::Actor,
    },
    store::{
        Db, Error, Result, Tx,
        entity::{lead, lead_tombstone},
        key, micros, visible,
    },
};

/// A lead to insert.
#[derive(Clone, Debug)]
pub struct NewRow {
    /// The lead, whole.
    pub lead: Lead,
    /// The stage that its name stands for.
    pub stage: Option<EntryId>,
}

/// Rows of one insert: columns times rows must stay below SQLite's 32,766 parameters.
const ROWS_PER_INSERT: usize = 500;

/// Inserts leads that lie in their creator's EDIT scope.
///
/// # Errors
/// [`Error::OutOfScope`] where one doesn't; [`Error::Unique`] for an external ID that is taken; or the database's.
pub async fn insert_many(tx: &Tx, creator: &LeadScope<Edit>, new: &[NewRow]) -> Result<()> {
    if !new.iter().all(|new| creator.covers_new(new.lead.assignee_id, new.lead.group_id)) {
        return Err(Error::OutOfScope);
    }
    for chunk in new.chunks(ROWS_PER_INSERT) {
        let rows = chunk.iter().map(insert_row).collect::<Result<Vec<_>>>()?;
        lead::Entity::insert_many(rows).exec_without_returning(&tx.conn().0).await?;
    }
    Ok(())
}

fn insert_row(new: &NewRow) -> Result<lead::ActiveModel> {
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

/// Writes the fields of a lead as they are to be; `stage` where it changes too.
///
/// # Errors
/// [`Error::Unique`] for an external ID that is taken; or the database's.
pub async fn set_fields(tx: &Tx, lead: &Locked<Edit>, after: &Lead, stage: Option<Option<EntryId>>) -> Result<Lead> {
    let mut row = fields(after)?;
    if let Some(stage) = stage {
        row.stage_id = Set(stage.map(EntryId::uuid));
    }
    write(tx, lead, row).await
}

/// The columns that are a lead's fields. What else it has is written by the change that it belongs to.
fn fields(lead: &Lead) -> Result<lead::ActiveModel> {
    let Lead {
        external_id,
        name,
        email,
        email_confirmed,
        phone,
        country,
        locale,
        campaign,
        attributes,
        next_contact_time,
        group_id,
        register_time,
        first_deposit_time,
        id: _,
        source: _,
        stage: _,
        assignee_id: _,
        assigned: _,
        state: _,
        discard_reason: _,
        discard_time: _,
        disposition: _,
        resolve_time: _,
        created_by: _,
        create_time: _,
        update_time: _,
        version: _,
    } = lead;
    Ok(lead::ActiveModel {
        external_id: Set(external_id.clone()),
        name: Set(name.clone()),
        email: Set(email.clone()),
        email_key: Set(email.as_deref().map(key)),
        email_confirmed: Set(*email_confirmed),
        phone: Set(phone.clone()),
        country: Set(country.clone()),
        locale: Set(locale.clone()),
        campaign: Set(campaign.clone()),
        attributes: Set(serde_json::to_string(attributes).map_err(|_| Error::Corrupt("attributes"))?),
        next_contact_time: Set(next_contact_time.map(micros)),
        group_id: Set(group_id.map(|group| group.uuid())),
        register_time: Set(register_time.map(micros)),
        first_deposit_time: Set(first_deposit_time.map(micros)),
        ..Default::default()
    })
}

/// Sets a lead aside. Stage and assignee stay, for the day it is retrieved.
///
/// # Errors
/// The database's.
pub async fn set_discarded(tx: &Tx, lead: &Locked<Discard>, reason: EntryId) -> Result<Lead> {
    let row = lead::ActiveModel {
        state: Set(LeadState::Discarded.word().to_owned()),
        discard_reason_id: Set(Some(reason.uuid())),
        discard_time: Set(Some(micros(tx.now()))),
        ..Default::default()
    };
    write(tx, lead, row).await
}

/// Brings a lead back, without its assignee where that one may no longer call.
///
/// # Errors
/// The database's.
pub async fn set_retrieved(tx: &Tx, lead: &Locked<Retrieve>, drop_assignee: bool) -> Result<Lead> {
    let mut row = lead::ActiveModel {
        state: Set(LeadState::Active.word().to_owned()),
        discard_reason_id: Set(None),
        discard_time: Set(None),
        ..Default::default()
    };
    if drop_assignee {
        row.assignee_id = Set(None);
        row.assigned_by = Set(None);
        row.assign_time = Set(None);
    }
    write(tx, lead, row).await
}

/// Ends the work.
///
/// # Errors
/// The database's.
pub async fn set_resolved(tx: &Tx, lead: &Locked<Resolve>, disposition: EntryId) -> Result<Lead> {
    let row = lead::ActiveModel {
        state: Set(LeadState::Resolved.word().to_owned()),
        disposition_id: Set(Some(disposition.uuid())),
        resolve_time: Set(Some(micros(tx.now()))),
        ..Default::default()
    };
    write(tx, lead, row).await
}

/// Takes the work up again.
///
/// # Errors
/// The database's.
pub async fn set_active(tx: &Tx, lead: &Locked<Resolve>) -> Result<Lead> {
    write(tx, lead, active()).await
}

/// Gives a lead to a user, or to nobody; the work on a given one is taken up again.
///
/// # Errors
/// The database's.
pub async fn set_assignee(tx: &Tx, lead: &Locked<Assign>, assignee: Option<UserId>, by: UserId) -> Result<Lead> {
    let base = if assignee.is_some() { active() } else { lead::ActiveModel::default() };
    let row = lead::ActiveModel {
        assignee_id: Set(assignee.map(UserId::uuid)),
        assigned_by: Set(assignee.map(|_| by.uuid())),
        assign_time: Set(assignee.map(|_| micros(tx.now()))),
        ..base
    };
    write(tx, lead, row).await
}

fn active() -> lead::ActiveModel {
    lead::ActiveModel {
        state: Set(LeadState::Active.word().to_owned()),
        disposition_id: Set(None),
        resolve_time: Set(None),
        ..Default::default()
    }
}

/// Erases a lead and, by the foreign keys, every record of it; leaves a tombstone without personal data.
///
/// # Errors
/// The database's.
pub async fn delete(tx: &Tx, lead: &Locked<Delete>, by: Actor, reason: DeletionReason) -> Result<()> {
    let conn = tx.conn().0;
    let done = lead::Entity::delete_many()
        .filter(lead::Column::Id.eq(lead.lead().id.uuid()))
        .filter(visible::covers(lead.scope(), conn.get_database_backend()))
        .exec(&conn)
        .await?;
    if done.rows_affected != 1 {
        return Err(Error::Conflict(None));
    }
    let tombstone = lead_tombstone::ActiveModel {
        lead_id: Set(lead.lead().id.uuid()),
        deleted_by: Set(by.id.uuid()),
        on_behalf_of: Set(by.on_behalf_of.map(UserId::uuid)),
        delete_time: Set(micros(tx.now())),
        reason: Set(reason.word().to_owned()),
    };
    lead_tombstone::Entity::insert(tombstone).exec_without_returning(&conn).await?;
    Ok(())
}

/// Writes under the next version, where the scope still covers the row, and reads back in the same transaction.
async fn write<A: Acts>(tx: &Tx, lead: &Locked<A>, mut row: lead::ActiveModel) -> Result<Lead> {
    let conn = tx.conn().0;
    row.update_time = Set(micros(tx.now()));
    let done = lead::Entity::update_many()
        .set(row)
        .col_expr(lead::Column::Version, lead::Column::Version.into_expr().add(Expr::val(1_i64)))
        .filter(lead::Column::Id.eq(lead.lead().id.uuid()))
        .filter(lead::Column::Version.eq(lead.lead().version))
        .filter(visible::covers(lead.scope(), conn.get_database_backend()))
        .exec(&conn)
        .await?;
    if done.rows_affected != 1 {
        return Err(Error::Conflict(None));
    }
    let row = rows().filter(lead::Column::Id.eq(lead.lead().id.uuid())).into_model::<Row>().one(&conn).await?;
    row.ok_or(Error::Corrupt("lead"))?.read()
}
