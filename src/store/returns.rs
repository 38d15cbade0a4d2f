//! Batches of assignments that are only for some time, until their leads have gone back.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{LockType, OnConflict, SelectStatement},
};

use super::{
    Db, Error, Result, Store, Tx, clock,
    entity::assignment_return::{ActiveModel, Column, Entity, Model},
    micros, time,
};
use crate::model::{
    Time,
    assignment::Return,
    ids::{BatchId, UserId},
    user::Actor,
};

/// Says that the leads of a batch go back. Until the transaction ends, none of them do.
///
/// # Errors
/// The database's.
pub async fn order(tx: &Tx, order: &Return) -> Result<()> {
    let Return { batch_id, actor, return_time } = order;
    let row = ActiveModel {
        batch_id: Set(batch_id.uuid()),
        actor_id: Set(actor.id.uuid()),
        on_behalf_of: Set(actor.on_behalf_of.map(UserId::uuid)),
        return_time: Set(micros(*return_time)),
        next_time: Set(micros(*return_time)),
    };
    // Where it is said already, this is to lock it.
    let again = OnConflict::column(Column::BatchId).update_column(Column::BatchId).to_owned();
    Entity::insert(row).on_conflict(again).exec_without_returning(&tx.conn().0).await?;
    Ok(())
}

/// The batches whose leads are to go back by now.
///
/// # Errors
/// The database's.
pub async fn due(store: &Store) -> Result<Vec<BatchId>> {
    let now = micros(clock(store).await?);
    let due = Entity::find().filter(Column::NextTime.lte(now)).order_by_asc(Column::NextTime);
    Ok(due.all(&store.conn().0).await?.into_iter().map(|row| row.batch_id.into()).collect())
}

/// What was said of a batch, which nobody else gives back until the transaction ends; none where that is done.
///
/// # Errors
/// The database's.
pub async fn lock(tx: &Tx, batch: BatchId) -> Result<Option<Return>> {
    let row = Entity::find_by_id(batch.uuid()).lock(LockType::Update).one(&tx.conn().0).await?;
    tx.read_clock().await?;
    row.filter(|row| row.next_time <= micros(tx.now())).map(read).transpose()
}

/// Its leads have gone back.
///
/// # Errors
/// The database's.
pub async fn end(tx: &Tx, batch: BatchId) -> Result<()> {
    Entity::delete_by_id(batch.uuid()).exec(&tx.conn().0).await?;
    Ok(())
}

/// Some of its leads can't go back yet.
///
/// # Errors
/// The database's.
pub async fn put_off(tx: &Tx, batch: BatchId, until: Time) -> Result<()> {
    let later = ActiveModel { batch_id: Set(batch.uuid()), next_time: Set(micros(until)), ..Default::default() };
    Entity::update(later).exec(&tx.conn().0).await?;
    Ok(())
}

/// All of these batches.
pub(super) fn batches() -> SelectStatement {
    Entity::find().select_only().column(Column::BatchId).into_query()
}

fn read(row: Model) -> Result<Return> {
    let Model { batch_id, actor_id, on_behalf_of, return_time, next_time: _ } = row;
    Ok(Return {
        batch_id: batch_id.into(),
        actor: Actor { id: actor_id.into(), on_behalf_of: on_behalf_of.map(UserId::from) },
        return_time: time(return_time).ok_or(Error::Corrupt("time"))?,
    })
}
