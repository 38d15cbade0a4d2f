//! What batches of assignments replaced, for as long as they can be undone.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{ExprTrait, LockType},
};

use super::{
    Db, Error, Insert, Result, Store, Tx, at_once, bulk, clock,
    entity::batch_part::{ActiveModel, Column, Entity, Model},
    lead_access::StoredRow,
    micros, returns, sweep, time,
};
use crate::model::{
    assignment::{BatchPart, Replaced, ReplacedRow, Worked},
    ids::{BatchId, BatchPartId, EntryId, LeadId, UserId},
};

/// How long batches can be undone.
const KEPT: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 60 * 60);

/// Makes the INSERT that keeps what assignments of a batch replaced, as many together as go back together.
///
/// # Errors
/// Only a bug's.
pub fn keeping(tx: &Tx, batch: BatchId, replaced: &[Replaced]) -> Result<Insert> {
    let row = |leads: &[Replaced]| {
        let id = BatchPartId::at(tx.now());
        Ok(ActiveModel { id: Set(id.uuid()), batch_id: Set(batch.uuid()), replaced: Set(text(leads)?) })
    };
    let rows = replaced.chunks(at_once(tx) as usize).map(row).collect::<Result<Vec<_>>>()?;
    bulk::ready(tx, rows)
}

/// The first part of a batch after one of them, with what hasn't been undone. Nobody else undoes it until the transaction ends.
///
/// # Errors
/// The database's.
pub async fn lock_next(tx: &Tx, batch: BatchId, after: Option<BatchPartId>) -> Result<Option<BatchPart>> {
    let row = Entity::find()
        .filter(Column::BatchId.eq(batch.uuid()))
        .filter(Condition::all().add_option(after.map(|after| Column::Id.gt(after.uuid()))))
        .order_by_asc(Column::Id)
        .limit(1)
        .lock(LockType::Update)
        .one(&tx.conn().0)
        .await?;
    row.map(read).transpose()
}

/// Forgets what has been undone of a part, and keeps the rest.
///
/// # Errors
/// The database's.
pub async fn keep(tx: &Tx, part: BatchPartId, rest: &[&Replaced]) -> Result<()> {
    if rest.is_empty() {
        Entity::delete_by_id(part.uuid()).exec(&tx.conn().0).await?;
    } else {
        let row =
            ActiveModel { id: Set(part.uuid()), replaced: Set(text(rest.iter().copied())?), ..Default::default() };
        Entity::update(row).exec(&tx.conn().0).await?;
    }
    Ok(())
}

/// Lets go of what was kept long enough, but for what is to be given back some day.
///
/// # Errors
/// The database's.
pub async fn sweep(store: &Store) -> Result<()> {
    let kept_from = BatchPartId::before(clock(store).await? - KEPT);
    let old = Column::Id.lt(kept_from.uuid()).and(Column::BatchId.not_in_subquery(returns::batches()));
    sweep::sweep::<Entity>(store, Column::Id, old.into(), sweep::ROWS / u64::from(at_once(store))).await
}

/// A lead as it is stored: identities as text, times in microseconds.
#[derive(serde::Serialize, serde::Deserialize)]
struct Stored {
    lead: String,
    version: i64,
    assignee: Option<String>,
    assigned: Option<(String, i64)>,
    resolved: Option<(String, i64)>,
    access: Vec<(String, Option<StoredRow>, Option<StoredRow>)>,
    #[serde(default)]
    to: Option<(String, i64)>,
}

fn text<'a>(leads: impl IntoIterator<Item = &'a Replaced>) -> Result<String> {
    let leads: Vec<Stored> = leads.into_iter().map(Stored::of).collect();
    serde_json::to_string(&leads).map_err(|_| corrupt())
}

fn read(row: Model) -> Result<BatchPart> {
    let Model { id, batch_id: _, replaced } = row;
    let leads: Vec<Stored> = serde_json::from_str(&replaced).map_err(|_| corrupt())?;
    Ok(BatchPart { id: id.into(), leads: leads.into_iter().map(Stored::read).collect::<Result<_>>()? })
}

impl Stored {
    fn of(replaced: &Replaced) -> Self {
        let Replaced { lead_id, version, before: Worked { assignee_id, assigned, resolved }, to, access } = replaced;
        Self {
            lead: lead_id.to_string(),
            version: *version,
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
        }
    }

    fn read(self) -> Result<Replaced> {
        let Self { lead, version, assignee, assigned, resolved, access, to } = self;
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
            lead_id: lead.parse::<LeadId>().map_err(|_| corrupt())?,
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
}

fn corrupt() -> Error {
    Error::Corrupt("part of a batch")
}
