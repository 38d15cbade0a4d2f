//! Up to which row imports have come, for those that are sent again after their stream broke.

use std::time::Duration;

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{LockType, OnConflict},
};
use sha2::{Digest, Sha256};

use super::{
    Db, Error, Result, Store, Tx, clock,
    entity::import::{ActiveModel, Column, Entity},
    micros,
};
use crate::model::ids::UserId;

/// How long an import is remembered after its last row.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The last row of an import that has none yet.
const NONE: i64 = i64::MIN;

/// Which import it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportKey(Vec<u8>);

impl ImportKey {
    /// The import that a caller calls by this name.
    pub fn of(caller: UserId, name: &str) -> Self {
        Self(Sha256::new().chain_update(caller.uuid().as_bytes()).chain_update(name).finalize().to_vec())
    }
}

/// The last row of an import that was made durable. Keeps other streams of the same import waiting until the transaction
/// ends, so that each row is taken once; to be asked before anything else is locked.
///
/// # Errors
/// The database's.
pub async fn last_row(tx: &Tx, key: &ImportKey) -> Result<Option<i64>> {
    let conn = tx.conn().0;
    let new = ActiveModel { key: Set(key.0.clone()), last_row: Set(NONE), update_time: Set(micros(tx.now())) };
    let made = Entity::insert(new)
        .on_conflict(OnConflict::column(Column::Key).do_nothing().to_owned())
        .exec_without_returning(&conn)
        .await;
    match made {
        Ok(_) | Err(DbErr::RecordNotInserted) => {}
        Err(error) => return Err(error.into()),
    }
    let row = Entity::find_by_id(key.0.clone()).lock(LockType::Update).one(&conn).await?;
    tx.read_clock().await?;
    // Where it is gone it was swept between the two statements.
    let last = row.ok_or(Error::Conflict(None))?.last_row;
    Ok((last != NONE).then_some(last))
}

/// Notes that an import has come up to a row.
///
/// # Errors
/// The database's.
pub async fn advance(tx: &Tx, key: &ImportKey, last_row: i64) -> Result<()> {
    let row = ActiveModel { last_row: Set(last_row), update_time: Set(micros(tx.now())), ..Default::default() };
    Entity::update_many().set(row).filter(Column::Key.eq(key.0.clone())).exec(&tx.conn().0).await?;
    Ok(())
}

/// Lets go of what was kept long enough.
///
/// # Errors
/// The database's.
pub async fn sweep(store: &Store) -> Result<()> {
    store
        .write((), |tx, _| async move {
            let before = micros(clock(&tx).await? - KEPT);
            Entity::delete_many().filter(Column::UpdateTime.lt(before)).exec(&tx.conn().0).await?;
            Ok(())
        })
        .await
}
