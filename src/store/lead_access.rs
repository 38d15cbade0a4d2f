//! Access to single leads: one row per lead and user, which is a grant, a retained access, or a block.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, Func, OnConflict, Query},
};
use uuid::Uuid;

use super::{
    Db, Error, Insert, Result, Tx, bulk,
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

/// The rows of users on leads that are being reassigned, of each user on one lead.
///
/// # Errors
/// The database's.
pub async fn among(db: &impl Db, pairs: &[(&Locked<Assign>, UserId)]) -> Result<HashMap<(LeadId, UserId), AccessRow>> {
    if pairs.is_empty() {
        return Ok(HashMap::new());
    }
    let conn = db.conn().0;
    let wanted: BTreeSet<(Uuid, Uuid)> =
        pairs.iter().map(|(lead, user)| (lead.lead().id.uuid(), user.uuid())).collect();
    let (leads, users): (Vec<Uuid>, Vec<Uuid>) = wanted.iter().copied().unzip();
    let asked = match conn.get_database_backend() {
        DbBackend::Postgres => {
            let mut asked = Query::select();
            for values in [leads, users] {
                asked.expr(Func::cust("unnest").arg(Expr::val(bulk::uuids(values))));
            }
            Expr::tuple([Column::LeadId.into_expr(), Column::UserId.into_expr()]).in_subquery(asked)
        }
        // Asked for pairs, SQLite looks at everything that one of the users was ever given, and asked for some users of some leads, for each
        // of them of each lead. The rows of one lead are few.
        _ => Column::LeadId.is_in(leads.into_iter().collect::<BTreeSet<_>>()),
    };
    let rows = Entity::find().filter(asked).all(&conn).await?;
    let rows = rows.into_iter().filter(|row| wanted.contains(&(row.lead_id, row.user_id)));
    rows.map(|row| Ok(((row.lead_id.into(), row.user_id.into()), read(row)?))).collect()
}

/// Who is blocked from which of some leads that are at hand.
///
/// # Errors
/// The database's.
pub async fn blocked(db: &impl Db, ids: &[LeadId]) -> Result<HashSet<(LeadId, UserId)>> {
    let conn = db.conn().0;
    let these = bulk::is_one_of(Column::LeadId, ids.iter().map(|id| id.uuid()), conn.get_database_backend());
    let blocked: Vec<(Uuid, Uuid)> = Entity::find()
        .select_only()
        .columns([Column::LeadId, Column::UserId])
        .filter(these)
        .filter(Column::Kind.eq(AccessKind::Blocked.word()))
        .into_tuple()
        .all(&conn)
        .await?;
    Ok(blocked.into_iter().map(|(lead, user)| (lead.into(), user.into())).collect())
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
    note(tx, lead.lead(), row.user_id, before);
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
    let row = model(lead.lead(), row);
    Entity::insert(row).on_conflict(replace).exec_without_returning(&tx.conn().0).await?;
    Ok(())
}

/// Takes away what blocks a user from a lead that they claim.
///
/// # Errors
/// The database's.
pub async fn unblock(tx: &Tx, lead: &Locked<View>, block: &AccessRow) -> Result<()> {
    note(tx, lead.lead(), block.user_id, Some(block));
    Entity::delete_by_id((lead.lead().id.uuid(), block.user_id.uuid())).exec(&tx.conn().0).await?;
    Ok(())
}

/// One user's row of a lead that is being reassigned, before and after.
#[derive(Clone, Debug)]
pub struct RowChange<'a> {
    /// Of which lead.
    pub lead: &'a Locked<Assign>,
    /// Whose.
    pub user_id: UserId,
    /// The row that is there.
    pub before: Option<AccessRow>,
    /// The row that is to be there.
    pub after: Option<AccessRow>,
}

/// Puts new rows in place of those that are there.
///
/// # Errors
/// The database's.
pub async fn change(tx: &Tx, changes: &[RowChange<'_>], new: Insert) -> Result<()> {
    let mut gone: BTreeMap<UserId, Vec<Uuid>> = BTreeMap::new();
    for RowChange { lead, user_id, before, .. } in changes {
        note(tx, lead.lead(), *user_id, before.as_ref());
        if before.is_some() {
            gone.entry(*user_id).or_default().push(lead.lead().id.uuid());
        }
    }
    for (user, leads) in gone {
        let theirs = Column::UserId.eq(user.uuid());
        Entity::delete_many().filter(theirs).filter(Column::LeadId.is_in(leads)).exec(&tx.conn().0).await?;
    }
    new.run(tx).await
}

/// Makes the INSERT of the rows that are to be there.
///
/// # Errors
/// Only a bug's.
pub fn new_rows(tx: &Tx, changes: &[RowChange<'_>]) -> Result<Insert> {
    bulk::ready(tx, changes.iter().filter_map(|change| Some(model(change.lead.lead(), change.after.as_ref()?))))
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

fn model(lead: &Lead, row: &AccessRow) -> lead_access::ActiveModel {
    let AccessRow { user_id, kind, mode, expire_time, given_by, give_time } = row;
    lead_access::ActiveModel {
        lead_id: Set(lead.id.uuid()),
        user_id: Set(user_id.uuid()),
        kind: Set(kind.word().to_owned()),
        mode: Set(mode.word().to_owned()),
        expire_time: Set(expire_time.map(micros)),
        given_by: Set(given_by.uuid()),
        give_time: Set(micros(*give_time)),
        next_contact_time: Set(lead.next_contact_time.map(micros)),
    }
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

/// A row as it is kept elsewhere, in JSON, whosever it is.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct StoredRow {
    kind: String,
    mode: String,
    expire_time: Option<i64>,
    given_by: String,
    give_time: i64,
}

impl From<&AccessRow> for StoredRow {
    fn from(row: &AccessRow) -> Self {
        let AccessRow { user_id: _, kind, mode, expire_time, given_by, give_time } = row;
        Self {
            kind: kind.word().to_owned(),
            mode: mode.word().to_owned(),
            expire_time: expire_time.map(micros),
            given_by: given_by.to_string(),
            give_time: micros(*give_time),
        }
    }
}

impl StoredRow {
    /// The row of this user.
    pub(super) fn read(self, user_id: UserId) -> Result<AccessRow> {
        let corrupt = || Error::Corrupt("access row");
        let Self { kind, mode, expire_time, given_by, give_time } = self;
        Ok(AccessRow {
            user_id,
            kind: AccessKind::from_word(&kind).ok_or_else(corrupt)?,
            mode: GrantMode::from_word(&mode).ok_or_else(corrupt)?,
            expire_time: times(expire_time)?,
            given_by: given_by.parse().map_err(|_| corrupt())?,
            give_time: time(give_time).ok_or_else(corrupt)?,
        })
    }
}
