//! What reports show beside leads: orders with whose they are, and what happened last.

use std::collections::BTreeMap;

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, Order as Direction, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, NullOrdering, Query, SelectStatement},
};
use uuid::Uuid;

use super::{
    Db, Error, Result,
    entity::{lead, lead_history as entry, order, pick_list_entry, user},
    fence, history, micros, orders, visible,
};
use crate::{
    access::scope::{LeadScope, View},
    model::{
        history::{HistoryEntry, HistoryKind},
        ids::{LeadId, UserId},
        lead::LeadState,
        order::{Order, OrderFilter},
        page::Page,
        permission::OrderVisibility,
        report::{OrderDetail, OrderDetailFilter},
    },
    query::{
        order::{Cursor, CursorValue},
        slice::{Slice, Sliced},
    },
};

/// The most recent order that is seen of each of the scope's leads among these.
///
/// # Errors
/// The database's.
pub async fn last_orders<A>(
    db: &impl Db,
    scope: &LeadScope<A>,
    visibility: OrderVisibility,
    lead_ids: Vec<LeadId>,
) -> Result<BTreeMap<LeadId, Order>> {
    // To a list of orders, no leads means all of them.
    if lead_ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let size = u32::try_from(lead_ids.len()).unwrap_or(u32::MAX);
    let filter = OrderFilter { lead_ids, most_recent_only: true, ..OrderFilter::default() };
    let found = orders::list(db, scope, visibility, &filter, &Page::first(size)).await?;
    Ok(found.rows.into_iter().map(|order| (order.lead_id, order)).collect())
}

/// A page of the orders of the scope's leads, each beside its lead, the latest placed first.
///
/// # Errors
/// The database's.
pub async fn order_details(
    db: &impl Db,
    scope: &LeadScope<View>,
    visibility: OrderVisibility,
    filter: &OrderDetailFilter,
    slice: &Slice,
) -> Result<Sliced<OrderDetail>> {
    let conn = db.conn().0;
    let backend = conn.get_database_backend();
    // As in lists of orders: which way it goes follows from the caller's level alone.
    let few = if scope.reaches_one_by_one() { visible::leads(scope, backend) } else { None };
    let reached = match few {
        Some(leads) => order::Column::LeadId.in_subquery(leads).into(),
        None => visible::covers_each(scope, backend),
    };
    let rows = orders::with_leads()
        .column_as(lead::Column::Name, "lead_name")
        .column_as(lead::Column::Email, "lead_email")
        .column_as(lead::Column::Phone, "lead_phone")
        .column_as(lead::Column::Country, "lead_country")
        .expr_as(stage(), "lead_stage")
        .column_as(lead::Column::AssigneeId, "assignee_id")
        .expr_as(assignee(), "assignee_name")
        .filter(reached)
        .filter(asked(filter))
        .filter(orders::shown(visibility))
        .filter(Condition::all().add_option(after(slice)?))
        .filter(fence::holds(scope.fence(), backend))
        .order_by_desc(order::Column::PlaceTime)
        .order_by_desc(order::Column::Id)
        .limit(u64::from(slice.size) + 1);
    let rows = rows.into_model::<DetailRow>().all(&conn).await?;
    let rows = fence::believed(db, scope.fence(), rows).await?;
    let more = rows.len() > slice.size as usize;
    let rows = rows.into_iter().take(slice.size as usize).map(DetailRow::read).collect::<Result<Vec<_>>>()?;
    let next = if more { rows.last().map(|detail| place(&detail.order)) } else { None };
    Ok(Sliced { rows, next })
}

/// Where an order stands among order details.
pub fn place(order: &Order) -> Cursor {
    Cursor { keys: vec![Some(CursorValue::Number(micros(order.place_time)))], id: order.id.uuid() }
}

/// What happened last on any of the scope's leads that are assigned to a user, newest first; without the hidden kinds.
///
/// # Errors
/// The database's.
pub async fn recent_entries(
    db: &impl Db,
    scope: &LeadScope<View>,
    assignee: UserId,
    states: &[LeadState],
    hidden: &[HistoryKind],
    count: u64,
) -> Result<Vec<HistoryEntry>> {
    let conn = db.conn().0;
    let backend = conn.get_database_backend();
    let kinds: Vec<&str> = hidden.iter().map(|kind| kind.word()).collect();
    let leads = lead::Entity::find()
        .select_only()
        .column(lead::Column::Id)
        .expr_as(subquery(last_entry(&kinds)), "last_entry")
        .filter(lead::Column::AssigneeId.eq(assignee.uuid()))
        .filter(visible::in_states(states))
        .filter(visible::covers_each(scope, backend))
        .filter(fence::holds(scope.fence(), backend))
        .into_query();
    // The newest entries are those of the leads whose last entries are the newest: one step along an index per lead finds these, however
    // long the histories are.
    let latest = Query::select()
        .column("id")
        .from_subquery(leads, "assigned")
        .order_by_with_nulls("last_entry", Direction::Desc, NullOrdering::Last)
        .limit(count)
        .to_owned();
    let rows = entry::Entity::find()
        .filter(entry::Column::LeadId.in_subquery(latest))
        .filter(Condition::all().add_option((!kinds.is_empty()).then(|| entry::Column::Kind.is_not_in(kinds))))
        .order_by_desc(entry::Column::Id)
        .limit(count)
        .all(&conn)
        .await?;
    fence::believed(db, scope.fence(), rows).await?.into_iter().map(history::read).collect()
}

/// The last entry of the lead at hand that is not of these kinds.
fn last_entry(hidden: &[&str]) -> SelectStatement {
    let of_entry = |column: entry::Column| Expr::col(("entry", column));
    let mut last = Query::select();
    last.expr(of_entry(entry::Column::Id))
        .from_as(entry::Entity, "entry")
        .and_where(of_entry(entry::Column::LeadId).eq(lead::Column::Id.into_expr()))
        .order_by(("entry", entry::Column::Id), Direction::Desc)
        .limit(1);
    if !hidden.is_empty() {
        last.and_where(of_entry(entry::Column::Kind).is_not_in(hidden.iter().copied()));
    }
    last
}

/// The name of the stage of the lead at hand.
fn stage() -> Expr {
    let name = pick_list_entry::Entity::find()
        .select_only()
        .column(pick_list_entry::Column::Name)
        .filter(pick_list_entry::Column::Id.into_expr().eq(lead::Column::StageId.into_expr()));
    subquery(name.into_query())
}

/// The name of the assignee of the lead at hand.
fn assignee() -> Expr {
    let name = user::Entity::find()
        .select_only()
        .column(user::Column::Name)
        .filter(user::Column::Id.into_expr().eq(lead::Column::AssigneeId.into_expr()));
    subquery(name.into_query())
}

fn subquery(select: SelectStatement) -> Expr {
    Expr::SubQuery(None, Box::new(select.into()))
}

fn asked(filter: &OrderDetailFilter) -> Condition {
    use order::Column;
    let OrderDetailFilter { statuses, currency, placed_since, placed_before, assigned } = filter;
    let in_statuses = (!statuses.is_empty()).then(|| Column::Status.is_in(statuses.iter().map(|status| status.word())));
    let assigned = assigned.map(|assigned| {
        if assigned { lead::Column::AssigneeId.is_not_null() } else { lead::Column::AssigneeId.is_null() }
    });
    Condition::all()
        .add_option(in_statuses)
        .add_option(currency.map(|currency| Column::Currency.eq(currency.code())))
        .add_option(placed_since.map(|time| Column::PlaceTime.gte(micros(time))))
        .add_option(placed_before.map(|time| Column::PlaceTime.lt(micros(time))))
        .add_option(assigned)
}

/// The orders after the one where the page before ended.
fn after(slice: &Slice) -> Result<Option<Expr>> {
    let Some(Cursor { keys, id }) = &slice.after else { return Ok(None) };
    let [Some(CursorValue::Number(placed))] = keys.as_slice() else { return Err(Error::Corrupt("place in a list")) };
    let columns = Expr::tuple([order::Column::PlaceTime.into_expr(), order::Column::Id.into_expr()]);
    Ok(Some(columns.lt(Expr::tuple([Expr::val(*placed), Expr::val(*id)]))))
}

#[derive(FromQueryResult)]
struct DetailRow {
    #[sea_orm(nested)]
    order: order::Model,
    lead_name: Option<String>,
    lead_email: Option<String>,
    lead_phone: Option<String>,
    lead_country: Option<String>,
    lead_stage: Option<String>,
    assignee_id: Option<Uuid>,
    assignee_name: Option<String>,
}

impl DetailRow {
    fn read(self) -> Result<OrderDetail> {
        let Self { order, lead_name, lead_email, lead_phone, lead_country, lead_stage, assignee_id, assignee_name } =
            self;
        Ok(OrderDetail {
            order: orders::read(order)?,
            lead_name,
            lead_email,
            lead_phone,
            lead_country,
            lead_stage,
            assignee: assignee_id.map(|id| (id.into(), assignee_name)),
        })
    }
}
