//! Leads. Every query starts from a scope, and every write from a lead that was locked under the scope of *its* action.

mod duplicates;
mod insert;
mod row;
mod write;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt,
};

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, Iterable, JoinType, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, LockType, SelectStatement},
};

pub(super) use self::row::Row;
pub use self::{
    duplicates::{Existing, Keys, existing, lock_keys, registrable},
    insert::NewLeads,
    write::{
        Written, delete, reassigned, set_active, set_assignees, set_claimed, set_deposited, set_discarded, set_fields,
        set_resolved, set_resolved_by_sale, set_retrieved, set_worked,
    },
};
use super::{
    Db, Error, Result, Tx, bulk,
    entity::{lead, user},
    fence, now, time, visible,
};
use crate::{
    access::scope::{Acts, Assign, Chosen, LeadScope, Retrieve, View},
    model::{
        Time,
        ids::{EntryId, GroupId, LeadId, UserId},
        lead::{Lead, LeadState},
        user::UserState,
    },
};

/// A lead read under a scope: holding one is the proof that the scope covers it.
pub struct Found<A> {
    lead: Lead,
    scope: LeadScope<A>,
}

/// A lead locked under the scope of an action, until the transaction ends.
pub struct Locked<A>(Found<A>);

/// What a caller's scopes make of one lead.
#[derive(Debug)]
pub enum Reached<A> {
    /// The action covers it.
    Covered(Box<Locked<A>>),
    /// It may be viewed, and that is all.
    ViewOnly,
    /// Hidden or absent.
    Hidden,
}

impl<A> Found<A> {
    /// The lead.
    pub fn lead(&self) -> &Lead {
        &self.lead
    }

    /// The lead alone.
    pub fn into_lead(self) -> Lead {
        self.lead
    }
}

impl<A> Locked<A> {
    /// The lead as it was when it was locked.
    pub fn lead(&self) -> &Lead {
        self.0.lead()
    }

    fn scope(&self) -> &LeadScope<A> {
        &self.0.scope
    }
}

impl<A> fmt::Debug for Found<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Found").field(&self.lead.id).finish()
    }
}

impl<A> fmt::Debug for Locked<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Locked").field(&self.lead().id).finish()
    }
}

/// One lead, if the scope covers it.
///
/// # Errors
/// The database's.
pub async fn get<A>(db: &impl Db, scope: &LeadScope<A>, id: LeadId) -> Result<Option<Found<A>>> {
    Ok(get_many(db, scope, &[id]).await?.pop())
}

/// Those of several leads that the scope covers, in no order.
///
/// # Errors
/// The database's.
pub async fn get_many<A>(db: &impl Db, scope: &LeadScope<A>, ids: &[LeadId]) -> Result<Vec<Found<A>>> {
    let conn = db.conn().0;
    let backend = conn.get_database_backend();
    let rows = rows()
        .filter(bulk::is_one_of(lead::Column::Id, ids.iter().map(|id| id.uuid()), backend))
        .filter(visible::covers(scope, backend))
        .filter(fence::holds(scope.fence(), backend))
        .into_model::<Row>()
        .all(&conn)
        .await?;
    let rows = fence::believed(db, scope.fence(), rows).await?;
    rows.into_iter().map(|row| Ok(Found { lead: row.read()?, scope: scope.clone() })).collect()
}

/// What some scopes make of a lead, for whoever asks.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Whether whoever asks may view it.
    pub viewable: bool,
    /// Whether each of the scopes covers it, in their order.
    pub covered: Vec<bool>,
    /// When that was so.
    pub time: Time,
}

/// What one user's scopes make of several leads, all in one statement. Left out are leads that whoever asks may not view, unless the
/// scopes are their own and one of them covers the lead.
///
/// # Errors
/// The database's.
pub async fn judge(
    db: &impl Db,
    asker: &LeadScope<View>,
    scopes: &[LeadScope<Chosen>],
    ids: &[LeadId],
) -> Result<HashMap<LeadId, Verdict>> {
    let conn = db.conn().0;
    let backend = conn.get_database_backend();
    let column = |at: usize| format!("covered_{at}");
    let mut query = lead::Entity::find()
        .select_only()
        .column(lead::Column::Id)
        .expr_as(Expr::expr(visible::covers(asker, backend)), "viewable")
        .expr_as(now(backend), "time")
        .filter(lead::Column::Id.is_in(ids.iter().map(|id| id.uuid())))
        .filter(fence::holds(asker.fence(), backend));
    for (at, scope) in scopes.iter().enumerate() {
        query = query.expr_as(Expr::expr(visible::covers(scope, backend)), column(at));
    }
    let of_oneself = scopes.iter().all(|scope| scope.user() == asker.user());
    let mut verdicts = Vec::new();
    for row in conn.query_all(&query.into_query()).await? {
        // NULL where a comparison was with NULL, such as the assignee of a lead that has none.
        let yes = |name: &str| Ok::<_, Error>(row.try_get::<Option<bool>>("", name)?.unwrap_or(false));
        let covered = (0..scopes.len()).map(|at| yes(&column(at))).collect::<Result<Vec<bool>>>()?;
        let viewable = yes("viewable")?;
        if viewable || (of_oneself && covered.contains(&true)) {
            let id: uuid::Uuid = row.try_get("", "id")?;
            let time = time(row.try_get("", "time")?).ok_or(Error::Corrupt("clock"))?;
            verdicts.push((id.into(), Verdict { viewable, covered, time }));
        }
    }
    // What is hidden counts as absent here too, or the one more statement would tell them apart.
    Ok(fence::believed(db, asker.fence(), verdicts).await?.into_iter().collect())
}

/// How many of the scope's ACTIVE leads are assigned to each of some users; who has none is left out.
///
/// # Errors
/// The database's.
pub async fn count_open<A>(db: &impl Db, scope: &LeadScope<A>, assignees: &[UserId]) -> Result<HashMap<UserId, u64>> {
    if assignees.is_empty() {
        return Ok(HashMap::new());
    }
    let conn = db.conn().0;
    let backend = conn.get_database_backend();
    let open: Vec<(uuid::Uuid, i64)> = lead::Entity::find()
        .select_only()
        .column(lead::Column::AssigneeId)
        .column_as(lead::Column::Id.count(), "number")
        .filter(lead::Column::AssigneeId.is_in(assignees.iter().map(|id| id.uuid())))
        .filter(lead::Column::State.eq(LeadState::Active.word()))
        .filter(visible::covers_each(scope, backend))
        .filter(fence::holds(scope.fence(), backend))
        .group_by(lead::Column::AssigneeId)
        .into_tuple()
        .all(&conn)
        .await?;
    let open = fence::believed(db, scope.fence(), open).await?;
    let number = |number| u64::try_from(number).map_err(|_| Error::Corrupt("count"));
    open.into_iter().map(|(id, count)| Ok((id.into(), number(count)?))).collect()
}

/// With which entries the work on leads that are being reassigned has ended.
///
/// # Errors
/// The database's.
pub async fn dispositions(tx: &Tx, leads: &[&Locked<Assign>]) -> Result<HashMap<LeadId, EntryId>> {
    let ended = leads.iter().filter(|lead| lead.lead().disposition.is_some()).map(|lead| lead.lead().id.uuid());
    let ended: Vec<uuid::Uuid> = ended.collect();
    if ended.is_empty() {
        return Ok(HashMap::new());
    }
    let entries: Vec<(uuid::Uuid, uuid::Uuid)> = lead::Entity::find()
        .select_only()
        .columns([lead::Column::Id, lead::Column::DispositionId])
        .filter(lead::Column::Id.is_in(ended))
        .filter(lead::Column::DispositionId.is_not_null())
        .into_tuple()
        .all(&tx.conn().0)
        .await?;
    Ok(entries.into_iter().map(|(lead, entry)| (lead.into(), entry.into())).collect())
}

/// Whether any of the scope's leads belongs to a group.
///
/// # Errors
/// The database's.
pub async fn any_in_group(db: &impl Db, scope: &LeadScope<Chosen>, group: GroupId) -> Result<bool> {
    let conn = db.conn().0;
    let one = lead::Entity::find()
        .filter(lead::Column::GroupId.eq(group.uuid()))
        .filter(visible::covers(scope, conn.get_database_backend()))
        .one(&conn)
        .await?;
    Ok(one.is_some())
}

/// Locks a lead until the transaction ends, and says what the two scopes make of it.
///
/// # Errors
/// The database's.
pub async fn lock<A: Acts>(tx: &Tx, scope: &LeadScope<A>, view: &LeadScope<View>, id: LeadId) -> Result<Reached<A>> {
    Ok(lock_many(tx, scope, view, &[id]).await?.remove(&id).unwrap_or(Reached::Hidden))
}

/// Locks several leads until the transaction ends, and says what the two scopes make of each.
///
/// # Errors
/// The database's.
pub async fn lock_many<A: Acts, V>(
    tx: &Tx,
    scope: &LeadScope<A>,
    view: &LeadScope<V>,
    ids: &[LeadId],
) -> Result<HashMap<LeadId, Reached<A>>> {
    let conn = tx.conn().0;
    let backend = conn.get_database_backend();
    fence::hold(tx, scope.fence()).await?;
    let acts = visible::covers(scope, backend);
    let reached = Condition::any().add(acts.clone()).add(visible::covers(view, backend));
    let these = bulk::is_one_of(lead::Column::Id, ids.iter().map(|id| id.uuid()), backend);
    let asked = Condition::all().add(these).add(reached);
    // The rows first, what is said of them after: a statement that waits for a lock must not judge by what it saw before. A row that
    // nothing reaches isn't waited for: how long it takes would tell that somebody works on it. In one order, or two who lock several
    // wait for each other.
    let locked = lead::Entity::find()
        .select_only()
        .column(lead::Column::Id)
        .filter(asked.clone())
        .order_by_asc(lead::Column::Id)
        .lock(LockType::Update);
    // That there are none isn't looked at: what is absent takes the same steps as what is hidden.
    let locked: Vec<uuid::Uuid> = locked.into_tuple().all(&conn).await?;
    let locked: HashSet<LeadId> = locked.into_iter().map(LeadId::from).collect();
    tx.read_clock().await?;
    let judged = rows().expr_as(Expr::expr(acts), "acts").filter(asked).into_model::<Judged>().all(&conn).await?;
    let mut found: HashMap<LeadId, Reached<A>> = ids.iter().map(|id| (*id, Reached::Hidden)).collect();
    for Judged { row, acts } in judged {
        let lead = row.read()?;
        let id = lead.id;
        let reached = match acts {
            None | Some(false) => Reached::ViewOnly,
            Some(true) if locked.contains(&id) => {
                Reached::Covered(Box::new(Locked(Found { lead, scope: scope.clone() })))
            }
            // It came into reach between the two statements.
            Some(true) => return Err(Error::Conflict(None)),
        };
        found.insert(id, reached);
    }
    Ok(found)
}

/// Those of some leads that are still in the version given, locked under the scope until the transaction ends, in one statement: a lead that
/// somebody changes while it waits is in another version by then, and is not among them.
///
/// # Errors
/// The database's.
pub async fn lock_unchanged<A: Acts>(
    tx: &Tx,
    scope: &LeadScope<A>,
    versions: &HashMap<LeadId, i64>,
) -> Result<HashMap<LeadId, Locked<A>>> {
    let conn = tx.conn().0;
    let backend = conn.get_database_backend();
    fence::hold(tx, scope.fence()).await?;
    let mut asked = rows()
        .filter(bulk::is_one_of(lead::Column::Id, versions.keys().map(|id| id.uuid()), backend))
        .filter(visible::covers(scope, backend))
        .order_by_asc(lead::Column::Id);
    QuerySelect::query(&mut asked).lock_with_tables(LockType::Update, [lead::Entity]);
    let rows = asked.into_model::<Row>().all(&conn).await?;
    tx.read_clock().await?;
    let mut unchanged = HashMap::with_capacity(rows.len());
    for row in rows {
        let lead = row.read()?;
        if versions.get(&lead.id) == Some(&lead.version) {
            unchanged.insert(lead.id, Locked(Found { lead, scope: scope.clone() }));
        }
    }
    Ok(unchanged)
}

/// Keeps a lead from being deleted until the transaction ends; false: it is gone.
///
/// # Errors
/// The database's.
pub(super) async fn hold(tx: &Tx, scope: &LeadScope<Chosen>, id: LeadId) -> Result<bool> {
    let conn = tx.conn().0;
    let held: Option<uuid::Uuid> = lead::Entity::find()
        .select_only()
        .column(lead::Column::Id)
        .filter(lead::Column::Id.eq(id.uuid()))
        .filter(visible::covers(scope, conn.get_database_backend()))
        .lock(LockType::KeyShare)
        .into_tuple()
        .one(&conn)
        .await?;
    Ok(held.is_some())
}

/// Which assignees of some leads may no longer call. Their rows are locked until the transaction ends, in one order: what is
/// decided on it still holds when it is written.
///
/// # Errors
/// The database's.
pub async fn gone_assignees(tx: &Tx, leads: &[&Locked<Retrieve>]) -> Result<BTreeSet<UserId>> {
    let mut assignees: BTreeSet<UserId> = leads.iter().filter_map(|lead| lead.lead().assignee_id).collect();
    if assignees.is_empty() {
        return Ok(assignees);
    }
    let users: Vec<(uuid::Uuid, String)> = user::Entity::find()
        .select_only()
        .columns([user::Column::Id, user::Column::State])
        .filter(user::Column::Id.is_in(assignees.iter().map(|id| id.uuid())))
        .order_by_asc(user::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple()
        .all(&tx.conn().0)
        .await?;
    for (id, state) in users {
        if UserState::from_word(&state) == Some(UserState::Active) {
            assignees.remove(&UserId::from(id));
        }
    }
    Ok(assignees)
}

#[derive(FromQueryResult)]
struct Judged {
    #[sea_orm(nested)]
    row: Row,
    /// NULL where a comparison was with NULL, such as the assignee of a lead that has none.
    acts: Option<bool>,
}

fn rows() -> sea_orm::Select<lead::Entity> {
    let mut rows = lead::Entity::find().select_only();
    select_rows(QuerySelect::query(&mut rows));
    rows
}

/// What the stage of a lead is joined as in [`select_rows`].
pub(super) const STAGE: &str = "stage_entry";

/// Every column of the leads of a statement, with the names of their pick list entries. Joined, since the entries are then read once
/// for all leads.
pub(super) fn select_rows(leads: &mut SelectStatement) {
    leads.columns(lead::Column::iter().map(|column| (lead::Entity, column)));
    for (column, entry, name) in [
        (lead::Column::StageId, STAGE, "stage"),
        (lead::Column::DiscardReasonId, "discard_entry", "discard_reason"),
        (lead::Column::DispositionId, "disposition_entry", "disposition"),
    ] {
        use super::entity::pick_list_entry::{Column, Entity};
        let same = Expr::col((entry, Column::Id)).eq(column.into_expr());
        leads.join_as(JoinType::LeftJoin, Entity, entry, same).expr_as(Expr::col((entry, Column::Name)), name);
    }
}
