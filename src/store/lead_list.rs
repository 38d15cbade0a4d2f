//! Lists of leads: filtered, ordered, cut into pages, counted. Which statement it is follows from what is asked and from the caller's
//! level alone; what others have must not show in it.

mod counts;
mod page;
mod rank;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, Iterable, QueryFilter, QuerySelect,
    sea_query::{Query, SelectStatement},
};
use uuid::Uuid;

pub use self::counts::count;
use self::{
    page::{Pages, Wanted, one_by_one},
    rank::{Part, Ranking, Stages},
};
use super::{
    Db, Error, Result,
    entity::lead,
    fence,
    lead_filter::Filters,
    leads::{self, Row},
    planned::planned,
    times, visible,
};
use crate::{
    access::scope::LeadScope,
    model::{
        assignment::Held,
        ids::LeadId,
        lead::{Lead, LeadKind, LeadState},
        permission::OrderVisibility,
    },
    query::{
        filter::Filter,
        order::{Cursor, Order},
        slice::{Slice, Sliced},
    },
};

/// Which of a scope's leads.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Those in these states.
    pub states: Vec<LeadState>,
    /// Those that pass this, in which no user or group is given by name.
    pub filter: Filter,
    /// Which orders the caller sees, and so what `last_order_status` is.
    pub orders: OrderVisibility,
}

/// A page of the scope's leads in an order.
///
/// # Errors
/// The database's.
pub async fn list<A>(
    db: &impl Db,
    scope: &LeadScope<A>,
    selection: &Selection,
    order: &Order,
    slice: &Slice,
) -> Result<Sliced<Lead>> {
    let page: Option<(Vec<Row>, bool)> = page(db, scope, selection, order, slice, leads::select_rows).await?;
    let (rows, more) = page.unwrap_or_default();
    let rows = rows.into_iter().map(Row::read).collect::<Result<Vec<Lead>>>()?;
    let next = if more { rows.last().map(|lead| order.place(lead)) } else { None };
    Ok(Sliced { rows, next })
}

/// The same in the order of creation, and of each lead no more than what is looked at before it is given to anybody.
///
/// # Errors
/// The database's.
pub async fn held<A>(
    db: &impl Db,
    scope: &LeadScope<A>,
    selection: &Selection,
    after: Option<Cursor>,
    size: u32,
) -> Result<Sliced<Held>> {
    let (order, slice) = (Order::oldest_first(), Slice { size, after });
    let columns = |rows: &mut SelectStatement| {
        rows.columns(HeldRow::COLUMNS.map(|column| (lead::Entity, column)));
    };
    let page: Option<(Vec<HeldRow>, bool)> = page(db, scope, selection, &order, &slice, columns).await?;
    let (rows, more) = page.unwrap_or_default();
    let rows = rows.into_iter().map(HeldRow::read).collect::<Result<Vec<Held>>>()?;
    let next = if more { rows.last().map(|held| Cursor { keys: vec![None], id: held.id.uuid() }) } else { None };
    Ok(Sliced { rows, next })
}

#[derive(FromQueryResult)]
struct HeldRow {
    id: Uuid,
    state: String,
    assignee_id: Option<Uuid>,
    register_time: Option<i64>,
    first_deposit_time: Option<i64>,
    version: i64,
}

impl HeldRow {
    const COLUMNS: [lead::Column; 6] = [
        lead::Column::Id,
        lead::Column::State,
        lead::Column::AssigneeId,
        lead::Column::RegisterTime,
        lead::Column::FirstDepositTime,
        lead::Column::Version,
    ];

    fn read(self) -> Result<Held> {
        let Self { id, state, assignee_id, register_time, first_deposit_time, version } = self;
        Ok(Held {
            id: id.into(),
            kind: LeadKind::of(times(register_time)?, times(first_deposit_time)?),
            state: LeadState::from_word(&state).ok_or(Error::Corrupt("lead state"))?,
            assignee_id: assignee_id.map(Into::into),
            version,
        })
    }
}

/// The rows of a page, in their order, and whether there are more. None where the scope is empty.
async fn page<A, R: FromQueryResult + Send + Sync>(
    db: &impl Db,
    scope: &LeadScope<A>,
    selection: &Selection,
    order: &Order,
    slice: &Slice,
    columns: impl FnOnce(&mut SelectStatement),
) -> Result<Option<(Vec<R>, bool)>> {
    let conn = db.conn().0;
    let backend = conn.get_database_backend();
    let ranking = Ranking::of(order);
    let limit = u64::from(slice.size) + 1;
    let wanted = Wanted { ranking: &ranking, after: slice.after.as_ref(), limit };
    let Some(ids) = Pages::new(scope, selection, backend).ids(wanted) else {
        fence::believed(db, scope.fence(), Vec::<()>::new()).await?;
        return Ok(None);
    };
    // The rows are fetched once it is known which: in the same statement, so that no change comes between.
    let mut rows = Query::select();
    one_by_one(rows.from_subquery(ids, "page"), "page", lead::Column::iter(), Condition::all(), backend);
    columns(&mut rows);
    rows.cond_where(fence::holds(scope.fence(), backend)).limit(limit);
    ranking.sort(&mut rows, Part::Whole, Stages::Joined(leads::STAGE));
    let found = R::find_by_statement(planned(&rows, backend)).all(&conn).await?;
    let mut found = fence::believed(db, scope.fence(), found).await?;
    let more = found.len() > slice.size as usize;
    found.truncate(slice.size as usize);
    Ok(Some((found, more)))
}

/// Those of some leads that the scope covers and that pass a filter, for whoever sees so many orders.
///
/// # Errors
/// The database's.
pub async fn passing<A>(
    db: &impl Db,
    scope: &LeadScope<A>,
    ids: &[LeadId],
    filter: &Filter,
    orders: OrderVisibility,
) -> Result<HashSet<LeadId>> {
    let conn = db.conn().0;
    let backend = conn.get_database_backend();
    let filters = Filters { orders, backend, by_index: false, by_lead: true };
    let passing: Vec<Uuid> = lead::Entity::find()
        .select_only()
        .column(lead::Column::Id)
        .filter(lead::Column::Id.is_in(ids.iter().map(|id| id.uuid())))
        .filter(visible::covers(scope, backend))
        .filter(filters.passes(filter))
        .filter(fence::holds(scope.fence(), backend))
        .into_tuple()
        .all(&conn)
        .await?;
    let passing = fence::believed(db, scope.fence(), passing).await?;
    Ok(passing.into_iter().map(LeadId::from).collect())
}
