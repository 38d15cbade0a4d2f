//! What batches of assignments replaced: it is kept with what the history says of each lead, for as long as they can be undone.

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use super::{
    Db, Error, Result, Store, Tx, bulk, clock,
    entity::lead_history::{Column, Entity},
    lead_access::StoredRow,
    micros, returns, sweep, time,
};
use crate::model::{
    assignment::{Replaced, ReplacedRow, Undoable, Worked},
    ids::{BatchId, EntryId, HistoryId, UserId},
};

/// How long batches can be undone.
const KEPT: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 60 * 60);

/// Some of a batch that haven't been undone, in its order, after one of them.
///
/// # Errors
/// The database's.
pub async fn of_batch(db: &impl Db, batch: BatchId, after: Option<HistoryId>, most: u64) -> Result<Vec<Undoable>> {
    let rows: Vec<(Uuid, Uuid, String)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::LeadId, Column::Replaced])
        .filter(Column::BatchId.eq(batch.uuid()))
        .filter(Condition::all().add_option(after.map(|after| Column::Id.gt(after.uuid()))))
        .order_by_asc(Column::Id)
        .limit(most)
        .into_tuple()
        .all(&db.conn().0)
        .await?;
    let undoable = |(entry, lead, text): (Uuid, Uuid, String)| {
        Ok(Undoable { entry: entry.into(), lead_id: lead.into(), replaced: read(&text)? })
    };
    rows.into_iter().map(undoable).collect()
}

/// Forgets what has been undone.
///
/// # Errors
/// The database's.
pub async fn forget(tx: &Tx, undone: &[HistoryId]) -> Result<()> {
    let these = undone.iter().map(|id| id.uuid());
    forget_all(tx, bulk::is_one_of(Column::Id, these, tx.conn().0.get_database_backend())).await?;
    Ok(())
}

/// Lets go of what was kept long enough, but for what is to be given back some day.
///
/// # Errors
/// The database's.
pub async fn sweep(store: &Store) -> Result<()> {
    let kept_from = BatchId::before(clock(store).await? - KEPT);
    let old = Column::BatchId.lt(kept_from.uuid()).and(Column::BatchId.not_in_subquery(returns::batches()));
    sweep::little_by_little(store, old, |tx, old| async move {
        let some = Entity::find().select_only().column(Column::Id).filter((*old).clone()).limit(sweep::ROWS);
        forget_all(&tx, Column::Id.in_subquery(some.into_query())).await
    })
    .await
}

async fn forget_all(tx: &Tx, these: Expr) -> Result<u64> {
    let done = Entity::update_many()
        .col_expr(Column::BatchId, Option::<Uuid>::None.into())
        .col_expr(Column::Replaced, Option::<String>::None.into())
        .filter(these)
        .exec(&tx.conn().0)
        .await?;
    Ok(done.rows_affected)
}

/// As it is stored: identities as text, times in microseconds.
#[derive(serde::Serialize, serde::Deserialize)]
struct Stored {
    version: i64,
    assignee: Option<String>,
    assigned: Option<(String, i64)>,
    resolved: Option<(String, i64)>,
    access: Vec<(String, Option<StoredRow>, Option<StoredRow>)>,
    to: Option<(String, i64)>,
}

pub(super) fn text(replaced: &Replaced) -> Result<String> {
    let Replaced { version, before: Worked { assignee_id, assigned, resolved }, to, access } = replaced;
    let stored = Stored {
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
    };
    serde_json::to_string(&stored).map_err(|_| corrupt())
}

fn read(text: &str) -> Result<Replaced> {
    let Stored { version, assignee, assigned, resolved, access, to } =
        serde_json::from_str(text).map_err(|_| corrupt())?;
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
    Error::Corrupt("what was replaced")
}
