//! Access to single leads: one row per lead and user, which is a grant, a retained access, or a block.

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, sea_query::OnConflict};

use super::{
    Db, Error, Result, Tx,
    entity::lead_access::{self, Column, Entity},
    leads::{Found, Locked},
    micros, time, times,
};
use crate::{
    access::scope::{Assign, View},
    model::{
        ids::{LeadId, UserId},
        lead_access::{AccessKind, AccessRow, GrantMode},
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

/// Puts a user's row of a viewable lead in place of the one that was there.
///
/// # Errors
/// The database's.
pub async fn put(tx: &Tx, lead: &Locked<View>, row: &AccessRow) -> Result<()> {
    write(tx, lead.lead().id, row).await
}

/// Keeps a previous assignee's access to a lead that is being reassigned.
///
/// # Errors
/// The database's.
pub async fn retain(tx: &Tx, lead: &Locked<Assign>, row: &AccessRow) -> Result<()> {
    write(tx, lead.lead().id, row).await
}

/// Takes away what a lead that is being reassigned has of a user: the previous assignee's grants, or the new one's block.
///
/// # Errors
/// The database's.
pub async fn remove(tx: &Tx, lead: &Locked<Assign>, user: UserId) -> Result<()> {
    Entity::delete_by_id((lead.lead().id.uuid(), user.uuid())).exec(&tx.conn().0).await?;
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

async fn write(tx: &Tx, lead: LeadId, row: &AccessRow) -> Result<()> {
    let AccessRow { user_id, kind, mode, expire_time, given_by, give_time } = row;
    let new = lead_access::ActiveModel {
        lead_id: Set(lead.uuid()),
        user_id: Set(user_id.uuid()),
        kind: Set(kind.word().to_owned()),
        mode: Set(mode.word().to_owned()),
        expire_time: Set(expire_time.map(micros)),
        given_by: Set(given_by.uuid()),
        give_time: Set(micros(*give_time)),
    };
    let replace = OnConflict::columns([Column::LeadId, Column::UserId])
        .update_columns([Column::Kind, Column::Mode, Column::ExpireTime, Column::GivenBy, Column::GiveTime])
        .to_owned();
    Entity::insert(new).on_conflict(replace).exec_without_returning(&tx.conn().0).await?;
    Ok(())
}

fn read(row: lead_access::Model) -> Result<AccessRow> {
    let lead_access::Model { lead_id: _, user_id, kind, mode, expire_time, given_by, give_time } = row;
    Ok(AccessRow {
        user_id: user_id.into(),
        kind: AccessKind::from_word(&kind).ok_or(Error::Corrupt("access kind"))?,
        mode: GrantMode::from_word(&mode).ok_or(Error::Corrupt("grant mode"))?,
        expire_time: times(expire_time)?,
        given_by: given_by.into(),
        give_time: time(give_time).ok_or(Error::Corrupt("time"))?,
    })
}
