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
    sea_query::Query,
};
use uuid::Uuid;

pub use self::counts::count;
use self::{
    page::{Pages, Wanted, one_by_one},
    rank::{Part, Ranking, Stages},
};
use super::{
    Db, Result,
    entity::lead,
    fence,
    lead_filter::Filters,
    leads::{self, Row},
    planned::planned,
    visible,
};
use crate::{
    access::scope::LeadScope,
    model::{
        ids::LeadId,
        lead::{Lead, LeadState},
        permission::OrderVisibility,
    },
    query::{
        filter::Filter,
        order::Order,
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
    let conn = db.conn().0;
    let backend = conn.get_database_backend();
    let ranking = Ranking::of(order);
    let limit = u64::from(slice.size) + 1;
    let wanted = Wanted { ranking: &ranking, after: slice.after.as_ref(), limit };
    let Some(ids) = Pages::new(scope, selection, backend).ids(wanted) else {
        return Ok(Sliced { rows: fence::believed(db, scope.fence(), Vec::new()).await?, next: None });
    };
    // The rows are fetched once it is known which: in the same statement, so that no change comes between.
    let mut rows = Query::select();
    one_by_one(rows.from_subquery(ids, "page"), "page", lead::Column::iter(), Condition::all(), backend);
    leads::select_rows(&mut rows);
    rows.cond_where(fence::holds(scope.fence(), backend)).limit(limit);
    ranking.sort(&mut rows, Part::Whole, Stages::Joined(leads::STAGE));
    let found = Row::find_by_statement(planned(&rows, backend)).all(&conn).await?;
    let mut found = fence::believed(db, scope.fence(), found).await?;
    let more = found.len() > slice.size as usize;
    found.truncate(slice.size as usize);
    let rows = found.into_iter().map(Row::read).collect::<Result<Vec<Lead>>>()?;
    let next = if more { rows.last().map(|lead| order.place(lead)) } else { None };
    Ok(Sliced { rows, next })
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
