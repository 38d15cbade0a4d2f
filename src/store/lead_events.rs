//! The outbox: what happened to leads, in the order of the commits. Events are noted as leads are written, and written
//! themselves right before the commit, one transaction at a time, so that nobody can read a later one and miss an earlier one.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::ExprTrait,
};
use uuid::Uuid;

use super::{
    Db, Error, Result, Store, Tx, bulk, clock,
    entity::lead_event::{ActiveModel, Column, Entity, Model},
    fence,
    lead_access::StoredRow,
    micros, sweep, time, times,
};
use crate::model::{
    ids::{LeadId, UserId},
    lead_access::AccessRow,
    lead_event::{Happened, LeadEvent, LeadEventKind, Was},
};

/// The turn in which events are written, from here to the end of the commit.
const TURN: fence::Lock = (72_395, 0);
/// How long events are kept; a day longer than positions among them are good for.
const KEPT: std::time::Duration = std::time::Duration::from_secs(8 * 24 * 60 * 60);

/// Notes what happens to a lead in a transaction.
pub(super) fn note(tx: &Tx, event: LeadEvent) {
    tx.notes().events.push(event);
}

/// Writes what was noted, and answers whether anything was. Nothing may be locked after this but by the commit.
pub(super) async fn write(tx: &Tx) -> Result<bool> {
    let events = merged(std::mem::take(&mut tx.notes().events));
    if events.is_empty() {
        return Ok(false);
    }
    let at = micros(tx.now());
    let rows = events.into_iter().map(|event| row(at, event)).collect::<Result<Vec<_>>>()?;
    fence::lock(tx, "pg_advisory_xact_lock", [TURN]).await?;
    bulk::insert(tx, rows).await?;
    Ok(true)
}

/// One event a lead: how it was placed before the first of them, every row that they changed, and what else happened than to
/// access.
fn merged(noted: Vec<LeadEvent>) -> Vec<LeadEvent> {
    let mut events: Vec<LeadEvent> = Vec::with_capacity(noted.len());
    let mut places: HashMap<LeadId, usize> = HashMap::with_capacity(noted.len());
    for event in noted {
        match places.get(&event.lead_id).and_then(|at| events.get_mut(*at)) {
            None => {
                places.insert(event.lead_id, events.len());
                events.push(event);
            }
            Some(first) => {
                if first.kind == LeadEventKind::Access || event.kind == LeadEventKind::Deleted {
                    first.kind = event.kind;
                }
                for (user, row) in event.rows {
                    first.rows.entry(user).or_insert(row);
                }
            }
        }
    }
    events
}

fn row(at: i64, event: LeadEvent) -> Result<ActiveModel> {
    let LeadEvent { lead_id, kind, was, rows } = event;
    let access = (!rows.is_empty()).then(|| {
        let rows: BTreeMap<String, Option<StoredRow>> =
            rows.iter().map(|(user, row)| (user.to_string(), row.as_ref().map(StoredRow::from))).collect();
        serde_json::to_string(&rows).map_err(|_| Error::Corrupt("lead event"))
    });
    Ok(ActiveModel {
        seq: NotSet,
        lead_id: Set(lead_id.uuid()),
        kind: Set(kind.word().to_owned()),
        time: Set(at),
        existed: Set(was.is_some()),
        was_assignee_id: Set(was.and_then(|was| was.assignee_id).map(UserId::uuid)),
        was_group_id: Set(was.and_then(|was| was.group_id).map(|group| group.uuid())),
        was_resolve_time: Set(was.and_then(|was| was.resolve_time).map(micros)),
        was_access: Set(access.transpose()?),
    })
}

/// The last event's place; 0 where nothing has happened yet.
///
/// # Errors
/// The database's.
pub async fn head(db: &impl Db) -> Result<i64> {
    let last = Entity::find().select_only().column(Column::Seq).order_by_desc(Column::Seq).limit(1);
    Ok(last.into_tuple().one(&db.conn().0).await?.unwrap_or(0))
}

/// Up to so many events after a place, in order.
///
/// # Errors
/// The database's.
pub async fn after(db: &impl Db, place: i64, most: u64) -> Result<Vec<Happened>> {
    let rows = Entity::find().filter(Column::Seq.gt(place)).order_by_asc(Column::Seq).limit(most);
    rows.all(&db.conn().0).await?.into_iter().map(read).collect()
}

/// What happened to some leads after a place that took or gave access one by one, deletions among it, in order.
///
/// # Errors
/// The database's.
pub async fn access_after(db: &impl Db, leads: &[LeadId], place: i64) -> Result<Vec<Happened>> {
    let rows = Entity::find()
        .filter(Column::LeadId.is_in(leads.iter().map(|id| id.uuid())))
        .filter(Column::Seq.gt(place))
        .filter(Column::WasAccess.is_not_null().or(Column::Kind.eq(LeadEventKind::Deleted.word())))
        .order_by_asc(Column::Seq);
    rows.all(&db.conn().0).await?.into_iter().map(read).collect()
}

/// The first and the last event of each of some leads after a place; none: nothing has happened to it since.
///
/// # Errors
/// The database's.
pub async fn span_after(db: &impl Db, leads: &[LeadId], place: i64) -> Result<HashMap<LeadId, (i64, i64)>> {
    let rows: Vec<(Uuid, i64, i64)> = Entity::find()
        .select_only()
        .column(Column::LeadId)
        .column_as(Column::Seq.min(), "first")
        .column_as(Column::Seq.max(), "last")
        .filter(Column::LeadId.is_in(leads.iter().map(|id| id.uuid())))
        .filter(Column::Seq.gt(place))
        .group_by(Column::LeadId)
        .into_tuple()
        .all(&db.conn().0)
        .await?;
    Ok(rows.into_iter().map(|(lead, first, last)| (lead.into(), (first, last))).collect())
}

/// The first event of each of some leads after a place.
///
/// # Errors
/// The database's.
pub async fn first_after(db: &impl Db, leads: &[LeadId], place: i64) -> Result<Vec<Happened>> {
    let firsts = span_after(db, leads, place).await?.into_values().map(|(first, _)| first);
    let rows = Entity::find().filter(Column::Seq.is_in(firsts)).all(&db.conn().0).await?;
    rows.into_iter().map(read).collect()
}

/// Lets go of what was kept long enough.
///
/// # Errors
/// The database's.
pub async fn sweep(store: &Store) -> Result<()> {
    let before = micros(clock(store).await? - KEPT);
    // The last one says how far the positions of those who watch go.
    let last = head(store).await?;
    sweep::sweep::<Entity>(store, Column::Seq, Column::Time.lt(before).and(Column::Seq.lt(last)).into()).await
}

fn read(row: Model) -> Result<Happened> {
    let Model { seq, lead_id, kind, time: at, existed, was_assignee_id, was_group_id, was_resolve_time, was_access } =
        row;
    let was = Was {
        assignee_id: was_assignee_id.map(UserId::from),
        group_id: was_group_id.map(Into::into),
        resolve_time: times(was_resolve_time)?,
    };
    let event = LeadEvent {
        lead_id: lead_id.into(),
        kind: LeadEventKind::from_word(&kind).ok_or(Error::Corrupt("lead event kind"))?,
        was: existed.then_some(was),
        rows: was_access.as_deref().map(read_rows).transpose()?.unwrap_or_default(),
    };
    Ok(Happened { seq, time: time(at).ok_or(Error::Corrupt("time"))?, event })
}

fn read_rows(text: &str) -> Result<BTreeMap<UserId, Option<AccessRow>>> {
    let corrupt = || Error::Corrupt("lead event");
    let rows: BTreeMap<String, Option<StoredRow>> = serde_json::from_str(text).map_err(|_| corrupt())?;
    let rows = rows.into_iter().map(|(user, row)| {
        let user_id: UserId = user.parse().map_err(|_| corrupt())?;
        Ok((user_id, row.map(|row| row.read(user_id)).transpose()?))
    });
    rows.collect()
}
