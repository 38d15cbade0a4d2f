//! What batches of assignments replaced, for as long as they can be undone.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::ExprTrait,
};

use super::{
    Db, Error, Insert, Result, Store, Tx, bulk, clock,
    entity::assignment::{ActiveModel, Column, Entity, Model},
    lead_access::StoredRow,
    micros, returns, sweep, time,
};
use crate::model::{
    assignment::{Replaced, ReplacedRow, Worked},
    ids::{AssignmentId, BatchId, EntryId, UserId},
};

/// How long batches can be undone.
const KEPT: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 60 * 60);

/// Makes the INSERT that keeps what assignments of a batch replaced.
///
/// # Errors
/// Only a bug's.
pub fn keeping(tx: &Tx, batch: BatchId, replaced: &[Replaced]) -> Result<Insert> {
    let rows = replaced.iter().map(|replaced| row(batch, replaced)).collect::<Result<Vec<_>>>()?;
    bulk::ready(tx, rows)
}

/// Some of a batch that haven't been undone, in its order, after one of them.
///
/// # Errors
/// The database's.
pub async fn of_batch(db: &impl Db, batch: BatchId, after: Option<AssignmentId>, most: u64) -> Result<Vec<Replaced>> {
    let rows = Entity::find()
        .filter(Column::BatchId.eq(batch.uuid()))
        .filter(Condition::all().add_option(after.map(|after| Column::Id.gt(after.uuid()))))
        .order_by_asc(Column::Id)
        .limit(most)
        .all(&db.conn().0)
        .await?;
    rows.into_iter().map(read).collect()
}

/// Forgets what has been undone.
///
/// # Errors
/// The database's.
pub async fn forget(tx: &Tx, undone: &[AssignmentId]) -> Result<()> {
    let these = Column::Id.is_in(undone.iter().map(|id| id.uuid()));
    Entity::delete_many().filter(these).exec(&tx.conn().0).await?;
    Ok(())
}

/// Lets go of what was kept long enough, but for what is to be given back some day.
///
/// # Errors
/// The database's.
pub async fn sweep(store: &Store) -> Result<()> {
    let kept_from = AssignmentId::before(clock(store).await? - KEPT);
    let old = Column::Id.lt(kept_from.uuid()).and(Column::BatchId.not_in_subquery(returns::batches()));
    sweep::sweep::<Entity>(store, Column::Id, old.into()).await
}

/// As it is stored: identities as text, times in microseconds.
#[derive(serde::Serialize, serde::Deserialize)]
struct Stored {
    assignee: Option<String>,
    assigned: Option<(String, i64)>,
    resolved: Option<(String, i64)>,
    access: Vec<(String, Option<StoredRow>, Option<StoredRow>)>,
    #[serde(default)]
    to: Option<(String, i64)>,
}

fn row(batch: BatchId, replaced: &Replaced) -> Result<ActiveModel> {
    let Replaced { id, lead_id, version, before: Worked { assignee_id, assigned, resolved }, to, access } = replaced;
    let stored = Stored {
        assignee: assignee_id.map(|id| id.to_string()),
        assigned: assigned.map(|(by, at)| (by.to_string(), micros(at))),
        resolved: resolved.map(|(how, at)| (how.to_string(), micros(at))),
        to: to.map(|(to, at)| (to.to_string(), micros(at))),
        // That whoever lost it and whoever got it had nothing and have nothing, goes without saying.
        access: access
            .iter()
            .filter(|row| row.before.is_some() || row.after.is_some())
            .map(|ReplacedRow { user_id, before, after }| {
                (user_id.to_string(), before.as_ref().map(StoredRow::from), after.as_ref().map(StoredRow::from))
            })
            .collect(),
    };
    Ok(ActiveModel {
        id: Set(id.uuid()),
        batch_id: Set(batch.uuid()),
        lead_id: Set(lead_id.uuid()),
        version: Set(*version),
        replaced: Set(serde_json::to_string(&stored).map_err(|_| corrupt())?),
    })
}

fn read(row: Model) -> Result<Replaced> {
    let Model { id, batch_id: _, lead_id, version, replaced } = row;
    let Stored { assignee, assigned, resolved, access, to } = serde_json::from_str(&replaced).map_err(|_| corrupt())?;
    let user = |text: String| text.parse::<UserId>().map_err(|_| corrupt());
    let entry = |text: String| text.parse::<EntryId>().map_err(|_| corrupt());
    let at = |micros| time(micros).ok_or_else(corrupt);
    let assignee = assignee.map(user).transpose()?;
    let to = to.map(|(to, micros)| Ok::<_, Error>((user(to)?, at(micros)?))).transpose()?;
    let access = access.into_iter().map(|(text, before, after)| {
        let user_id = user(text)?;
        let read = |row: Option<StoredRow>| row.map(|row| row.read(user_id)).transpose();
        Ok(ReplacedRow { user_id, before: read(before)?, after: read(after)? })
    });
    let mut access = access.collect::<Result<Vec<_>>>()?;
    for user_id in [assignee, to.map(|(to, _)| to)].into_iter().flatten() {
        if access.iter().all(|row| row.user_id != user_id) {
            access.push(ReplacedRow { user_id, before: None, after: None });
        }
    }
    Ok(Replaced {
        id: id.into(),
        lead_id: lead_id.into(),
        version,
        before: Worked {
            assignee_id: assignee,
            assigned: assigned.map(|(by, micros)| Ok::<_, Error>((user(by)?, at(micros)?))).transpose()?,
            resolved: resolved.map(|(how, micros)| Ok::<_, Error>((entry(how)?, at(micros)?))).transpose()?,
        },
        to,
        access,
    })
}

fn corrupt() -> Error {
    Error::Corrupt("assignment")
}
