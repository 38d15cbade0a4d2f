//! Up to which row imports have come, and which of those they rejected, for those that are sent again after their stream broke.

use std::{collections::BTreeSet, time::Duration};

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{LockType, OnConflict},
};
use sha2::{Digest, Sha256};

use super::{
    Db, Error, Result, Store, Tx, clock,
    entity::import::{ActiveModel, Column, Entity},
    micros, sweep,
};
use crate::model::ids::UserId;

/// How long an import is remembered after its last row.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The last row of an import that has none yet.
const NONE: i64 = i64::MIN;

/// How many rejected rows are remembered.
const MOST_REJECTED: usize = 10_000;

/// Which import it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportKey(Vec<u8>);

impl ImportKey {
    /// The import that a caller calls by this name.
    pub fn of(caller: UserId, name: &str) -> Self {
        Self(Sha256::new().chain_update(caller.uuid().as_bytes()).chain_update(name).finalize().to_vec())
    }
}

/// How far an import has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Progress {
    /// None before the first row.
    last: Option<i64>,
    rejected: BTreeSet<i64>,
}

impl Progress {
    /// Whether a row was taken, or was rejected too long ago to be remembered.
    pub fn has(&self, row: i64) -> bool {
        Some(row) <= self.last && !self.rejected.contains(&row)
    }

    /// Takes in what became of a row.
    pub fn note(&mut self, row: i64, rejected: bool) {
        self.last = self.last.max(Some(row));
        if rejected {
            self.rejected.insert(row);
        } else {
            self.rejected.remove(&row);
        }
        if self.rejected.len() > MOST_REJECTED {
            self.rejected.pop_first();
        }
    }
}

/// How far an import has come durably. Keeps other streams of the same import waiting until the transaction ends, so that each
/// row is taken once; to be asked before anything else is locked.
///
/// # Errors
/// The database's.
pub async fn progress(tx: &Tx, key: &ImportKey) -> Result<Progress> {
    let conn = tx.conn().0;
    let new = ActiveModel {
        key: Set(key.0.clone()),
        last_row: Set(NONE),
        rejected: Set("[]".to_owned()),
        update_time: Set(micros(tx.now())),
    };
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
    let row = row.ok_or(Error::Conflict(None))?;
    let rejected = serde_json::from_str(&row.rejected).map_err(|_| Error::Corrupt("rejected rows"))?;
    Ok(Progress { last: (row.last_row != NONE).then_some(row.last_row), rejected })
}

/// Notes how far an import has come.
///
/// # Errors
/// The database's.
pub async fn advance(tx: &Tx, key: &ImportKey, before: &Progress, after: &Progress) -> Result<()> {
    let last_row = Set(after.last.unwrap_or(NONE));
    let mut row = ActiveModel { last_row, update_time: Set(micros(tx.now())), ..Default::default() };
    // It is long where many were rejected, so it isn't written anew by messages without any.
    if after.rejected != before.rejected {
        let rejected = serde_json::to_string(&after.rejected).map_err(|_| Error::Corrupt("rejected rows"))?;
        row.rejected = Set(rejected);
    }
    Entity::update_many().set(row).filter(Column::Key.eq(key.0.clone())).exec(&tx.conn().0).await?;
    Ok(())
}

/// Lets go of what was kept long enough.
///
/// # Errors
/// The database's.
pub async fn sweep(store: &Store) -> Result<()> {
    let before = micros(clock(store).await? - KEPT);
    sweep::sweep::<Entity>(store, Column::Key, Column::UpdateTime.lt(before).into()).await
}
