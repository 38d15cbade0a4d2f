//! What stays of deleted leads.

use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{
    Db, Error, Result, Tx,
    entity::lead_tombstone::{ActiveModel, Column, Entity, Model},
    micros, time,
};
use crate::model::{
    ids::{LeadId, TombstoneId, UserId},
    lead::{DeletionReason, Tombstone},
    page::{Page, Paged},
    user::Actor,
};

/// Leaves one for each of some leads that are being deleted.
pub(super) async fn leave(tx: &Tx, leads: &[LeadId], by: Actor, reason: DeletionReason) -> Result<()> {
    let rows = leads.iter().map(|lead| ActiveModel {
        id: Set(TombstoneId::at(tx.now()).uuid()),
        lead_id: Set(lead.uuid()),
        deleted_by: Set(by.id.uuid()),
        on_behalf_of: Set(by.on_behalf_of.map(UserId::uuid)),
        delete_time: Set(micros(tx.now())),
        reason: Set(reason.word().to_owned()),
    });
    let rows: Vec<ActiveModel> = rows.collect();
    Entity::insert_many(rows).exec_without_returning(&tx.conn().0).await?;
    Ok(())
}

/// A page of them, the last deleted first.
///
/// # Errors
/// The database's.
pub async fn list(db: &impl Db, page: &Page) -> Result<Paged<Tombstone>> {
    let rows = Entity::find()
        .filter(Condition::all().add_option(page.after.map(|before| Column::Id.lt(before))))
        .order_by_desc(Column::Id)
        .limit(u64::from(page.size) + 1)
        .all(&db.conn().0)
        .await?;
    let tombstones = rows.into_iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(page.cut(tombstones, |tombstone| tombstone.id.uuid()))
}

fn read(row: Model) -> Result<Tombstone> {
    let Model { id, lead_id, deleted_by, on_behalf_of, delete_time, reason } = row;
    Ok(Tombstone {
        id: id.into(),
        lead_id: lead_id.into(),
        deleted_by: Actor { id: deleted_by.into(), on_behalf_of: on_behalf_of.map(UserId::from) },
        delete_time: time(delete_time).ok_or(Error::Corrupt("time"))?,
        reason: DeletionReason::from_word(&reason).ok_or(Error::Corrupt("deletion reason"))?,
    })
}
