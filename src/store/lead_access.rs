//! Access to single leads: one row per lead and user, which is a grant, a retained access, or a block.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, sea_query::OnConflict};

use super::{
    Db, Error, Result, Tx,
    entity::lead_access::{self, Column, Entity},
    lead_events,
    leads::{Found, Locked},
    micros, time, times,
};
use crate::{
    access::scope::{Assign, Edit, View},
    model::{
        ids::{LeadId, UserId},
        lead::Lead,
        lead_access::{AccessKind, AccessRow, GrantMode},
        lead_event::{LeadEvent, LeadEventKind, Was},
    },
};

/// The rows of a lead that is at hand, for some users.
///
/// # Errors
/// The database's.
pub async fn of_users(db: &impl Db, lead: &impl AtHand, users: &[UserId]) -> Result<Vec<AccessRow>> {
    let rows = Entity::find()
        .filter(Column::LeadId.eq(lead.lead_id().uuid()))
        .filter(Column::UserId.is_in(users.iter().map(|user| user.uuid())))
        .all(&db.conn().0)
        .await?;
    rows.into_iter().map(read).collect()
}

/// One user's rows of some leads.
pub(super) async fn of_user(db: &impl Db, user: UserId, ids: &[LeadId]) -> Result<HashMap<LeadId, AccessRow>> {
    let found = Entity::find()
        .filter(Column::UserId.eq(user.uuid()))
        .filter(Column::LeadId.is_in(ids.iter().map(|id| id.uuid())));
    let rows = found.all(&db.conn().0).await?;
    rows.into_iter().map(|row| Ok((row.lead_id.into(), read(row)?))).collect()
}

/// Every row of some leads.
pub(super) async fn of_leads(db: &impl Db, ids: &[LeadId]) -> Result<HashMap<LeadId, Vec<AccessRow>>> {
    let found = Entity::find().filter(Column::LeadId.is_in(ids.iter().map(|id| id.uuid()))).all(&db.conn().0).await?;
    let mut rows: HashMap<LeadId, Vec<AccessRow>> = HashMap::new();
    for row in found {
        rows.entry(row.lead_id.into()).or_default().push(read(row)?);
    }
    Ok(rows)
}

/// Puts a user's row of a viewable lead in place of the one that was there.
///
/// # Errors
/// The database's.
pub async fn put(tx: &Tx, lead: &Locked<View>, before: Option<&AccessRow>, row: &AccessRow) -> Result<()> {
    write(tx, lead.lead(), before, row).await
}

/// Keeps a previous assignee's access to a lead that is being reassigned.
///
/// # Errors
/// The database's.
pub async fn retain(tx: &Tx, lead: &Locked<Assign>, before: Option<&AccessRow>, row: &AccessRow) -> Result<()> {
    write(tx, lead.lead(), before, row).await
}

/// Takes away what a lead that is being reassigned has of a user: the previous assignee's grants, or the new one's block.
///
/// # Errors
/// The database's.
pub async fn remove(tx: &Tx, lead: &Locked<Assign>, row: &AccessRow) -> Result<()> {
    note(tx, lead.lead(), row.user_id, Some(row));
    Entity::delete_by_id((lead.lead().id.uuid(), row.user_id.uuid())).exec(&tx.conn().0).await?;
    Ok(())
}

/// Writes into a lead's rows when it is to be contacted next, where that has changed.
pub(super) async fn follow(tx: &Tx, lead: &Locked<Edit>, after: &Lead) -> Result<()> {
    if after.next_contact_time == lead.lead().next_contact_time {
        return Ok(());
    }
    let row =
        lead_access::ActiveModel { next_contact_time: Set(after.next_contact_time.map(micros)), ..Default::default() };
    Entity::update_many().set(row).filter(Column::LeadId.eq(after.id.uuid())).exec(&tx.conn().0).await?;
    Ok(())
}

/// A lead that the caller has reached.
pub trait AtHand: Sync {
    /// Which.
    fn lead_id(&self) -> LeadId;
}

impl<A> AtHand for Found<A> {
    fn lead_id(&self) -> LeadId {
        self.lead().id
    }
}

impl<A> AtHand for Locked<A> {
    fn lead_id(&self) -> LeadId {
        self.lead().id
    }
}

async fn write(tx: &Tx, lead: &Lead, before: Option<&AccessRow>, row: &AccessRow) -> Result<()> {
    note(tx, lead, row.user_id, before);
    let AccessRow { user_id, kind, mode, expire_time, given_by, give_time } = row;
    let new = lead_access::ActiveModel {
        lead_id: Set(lead.id.uuid()),
        user_id: Set(user_id.uuid()),
        kind: Set(kind.word().to_owned()),
        mode: Set(mode.word().to_owned()),
        expire_time: Set(expire_time.map(micros)),
        given_by: Set(given_by.uuid()),
        give_time: Set(micros(*give_time)),
        next_contact_time: Set(lead.next_contact_time.map(micros)),
    };
    let replace = OnConflict::columns([Column::LeadId, Column::UserId])
        .update_columns([
            Column::Kind,
            Column::Mode,
            Column::ExpireTime,
            Column::GivenBy,
            Column::GiveTime,
            Column::NextContactTime,
        ])
        .to_owned();
    Entity::insert(new).on_conflict(replace).exec_without_returning(&tx.conn().0).await?;
    Ok(())
}

/// Tells the watchers whose access changes, and from what.
fn note(tx: &Tx, lead: &Lead, user: UserId, before: Option<&AccessRow>) {
    let event = LeadEvent {
        lead_id: lead.id,
        kind: LeadEventKind::Access,
        was: Some(Was::of(lead)),
        rows: BTreeMap::from([(user, before.cloned())]),
    };
    lead_events::note(tx, event);
}

fn read(row: lead_access::Model) -> Result<AccessRow> {
    let lead_access::Model { lead_id: _, user_id, kind, mode, expire_time, given_by, give_time, next_contact_time: _ } =
        row;
    Ok(AccessRow {
        user_id: user_id.into(),
        kind: AccessKind::from_word(&kind).ok_or(Error::Corrupt("access kind"))?,
        mode: GrantMode::from_word(&mode).ok_or(Error::Corrupt("grant mode"))?,
        expire_time: times(expire_time)?,
        given_by: given_by.into(),
        give_time: time(give_time).ok_or(Error::Corrupt("time"))?,
    })
}
