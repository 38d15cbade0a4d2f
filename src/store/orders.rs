//! Orders. They are reached through their leads: what reads them takes a scope, what writes one takes its lead, locked.

use std::collections::HashMap;

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect,
    RelationTrait, Select,
    sea_query::{Expr, ExprTrait, Query},
};
use uuid::Uuid;

use super::{
    Db, Error, Result, Tx,
    entity::order::{ActiveModel, Column, Entity, Model, Relation},
    fence,
    leads::Locked,
    micros, time, visible,
};
use crate::{
    access::scope::{Edit, LeadScope, View},
    model::{
        ids::{LeadId, OrderId},
        money::{Currency, Money},
        order::{Order, OrderFilter, OrderStatus},
        page::{Page, Paged},
        permission::OrderVisibility,
    },
};

/// One order, if the scope covers its lead.
///
/// # Errors
/// The database's.
pub async fn get(
    db: &impl Db,
    scope: &LeadScope<View>,
    visibility: OrderVisibility,
    id: OrderId,
) -> Result<Option<Order>> {
    let conn = db.conn().0;
    let backend = conn.get_database_backend();
    let rows = with_leads()
        .filter(Column::Id.eq(id.uuid()))
        .filter(shown(visibility))
        .filter(visible::covers(scope, backend))
        .filter(fence::holds(scope.fence(), backend))
        .all(&conn)
        .await?;
    let rows = fence::believed(db, scope.fence(), rows).await?;
    rows.into_iter().next().map(read).transpose()
}

/// A page of the orders of the scope's leads, the last created first.
///
/// # Errors
/// The database's.
pub async fn list<A>(
    db: &impl Db,
    scope: &LeadScope<A>,
    visibility: OrderVisibility,
    filter: &OrderFilter,
    page: &Page,
) -> Result<Paged<Order>> {
    let conn = db.conn().0;
    let backend = conn.get_database_backend();
    let on_page = |orders: Select<Entity>| {
        orders
            .filter(asked(filter, visibility))
            .filter(shown(visibility))
            .filter(fence::holds(scope.fence(), backend))
            .filter(after(page))
            .order_by_desc(Column::Id)
            .limit(u64::from(page.size) + 1)
    };
    // Few leads are looked up for their orders; where leads come in by the group, a walk along the orders soon fills a page. Which it is
    // follows from the caller's level alone: what others have must not show in the statements.
    let few = Some(scope).filter(|scope| filter.lead_ids.is_empty() && scope.reaches_one_by_one());
    let orders = match few.and_then(|scope| visible::leads(scope, backend)) {
        Some(leads) => Entity::find().filter(Column::LeadId.in_subquery(leads)),
        None => with_leads().filter(visible::covers(scope, backend)),
    };
    let rows = on_page(orders).all(&conn).await?;
    let rows = fence::believed(db, scope.fence(), rows).await?;
    let orders = rows.into_iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(page.cut(orders, |order| order.id.uuid()))
}

/// The lead of an order, if either scope of one caller covers it: to be locked before the order is looked at again.
///
/// # Errors
/// The database's.
pub async fn lead_of(
    db: &impl Db,
    edit: &LeadScope<Edit>,
    view: &LeadScope<View>,
    visibility: OrderVisibility,
    id: OrderId,
) -> Result<Option<LeadId>> {
    let conn = db.conn().0;
    let backend = conn.get_database_backend();
    let reached = Condition::any().add(visible::covers(edit, backend)).add(visible::covers(view, backend));
    let found: Vec<Uuid> = with_leads()
        .select_only()
        .column(Column::LeadId)
        .filter(Column::Id.eq(id.uuid()))
        .filter(shown(visibility))
        .filter(reached)
        .filter(fence::holds(view.fence(), backend))
        .into_tuple()
        .all(&conn)
        .await?;
    let found = fence::believed(db, view.fence(), found).await?;
    Ok(found.first().map(|id| LeadId::from(*id)))
}

/// The customers of some orders, each a lead that the scope covers; an order of another, or one that isn't seen, is left out.
///
/// # Errors
/// The database's.
pub async fn customers(
    db: &impl Db,
    scope: &LeadScope<View>,
    visibility: OrderVisibility,
    ids: &[OrderId],
) -> Result<HashMap<OrderId, LeadId>> {
    let conn = db.conn().0;
    let backend = conn.get_database_backend();
    let found: Vec<(Uuid, Uuid)> = with_leads()
        .select_only()
        .columns([Column::Id, Column::LeadId])
        .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())))
        .filter(shown(visibility))
        .filter(visible::covers(scope, backend))
        .filter(fence::holds(scope.fence(), backend))
        .into_tuple()
        .all(&conn)
        .await?;
    let found = fence::believed(db, scope.fence(), found).await?;
    Ok(found.into_iter().map(|(order, lead)| (order.into(), lead.into())).collect())
}

/// The status of a locked lead's most recent order, whoever may see it; of several placed at once, the last created counts.
///
/// # Errors
/// The database's.
pub async fn last_status<A>(tx: &Tx, lead: &Locked<A>) -> Result<Option<OrderStatus>> {
    let last: Option<String> = Entity::find()
        .select_only()
        .column(Column::Status)
        .filter(Column::LeadId.eq(lead.lead().id.uuid()))
        .order_by_desc(Column::PlaceTime)
        .order_by_desc(Column::Id)
        .limit(1)
        .into_tuple()
        .one(&tx.conn().0)
        .await?;
    last.map(|word| OrderStatus::from_word(&word).ok_or(Error::Corrupt("order status"))).transpose()
}

/// An order of a locked lead: nobody else changes it until the transaction ends.
///
/// # Errors
/// The database's.
pub async fn of_locked(
    tx: &Tx,
    lead: &Locked<Edit>,
    visibility: OrderVisibility,
    id: OrderId,
) -> Result<Option<Order>> {
    let row = Entity::find()
        .filter(Column::Id.eq(id.uuid()))
        .filter(Column::LeadId.eq(lead.lead().id.uuid()))
        .filter(shown(visibility))
        .one(&tx.conn().0)
        .await?;
    row.map(read).transpose()
}

/// Stores a new order of a locked lead.
///
/// # Errors
/// [`Error::Unique`] for a number that another of the lead's orders has; or the database's.
pub async fn insert(tx: &Tx, lead: &Locked<Edit>, order: &Order) -> Result<()> {
    let Order {
        id,
        lead_id: _,
        number,
        status,
        amount,
        place_time,
        items,
        created_by,
        create_time,
        update_time,
        version,
    } = order;
    let row = ActiveModel {
        id: Set(id.uuid()),
        lead_id: Set(lead.lead().id.uuid()),
        number: Set(number.clone()),
        status: Set(status.word().to_owned()),
        currency: Set(amount.currency().code().to_owned()),
        units: Set(amount.units()),
        nanos: Set(amount.nanos()),
        place_time: Set(micros(*place_time)),
        items: Set(items.clone()),
        created_by: Set(created_by.uuid()),
        create_time: Set(micros(*create_time)),
        update_time: Set(micros(*update_time)),
        version: Set(*version),
    };
    Entity::insert(row).exec_without_returning(&tx.conn().0).await?;
    Ok(())
}

/// Moves an order of a locked lead on.
///
/// # Errors
/// The database's.
pub async fn set_status(tx: &Tx, lead: &Locked<Edit>, order: &Order, status: OrderStatus) -> Result<Order> {
    let done = Entity::update_many()
        .col_expr(Column::Status, Expr::val(status.word()))
        .col_expr(Column::UpdateTime, Expr::val(micros(tx.now())))
        .col_expr(Column::Version, Column::Version.into_expr().add(1))
        .filter(Column::Id.eq(order.id.uuid()))
        .filter(Column::LeadId.eq(lead.lead().id.uuid()))
        .filter(Column::Version.eq(order.version))
        .exec(&tx.conn().0)
        .await?;
    if done.rows_affected != 1 {
        return Err(Error::Conflict(None));
    }
    Ok(Order { status, update_time: tx.now(), version: order.version + 1, ..order.clone() })
}

/// Orders beside their leads, for a scope to look at these.
pub(super) fn with_leads() -> Select<Entity> {
    Entity::find().join(JoinType::InnerJoin, Relation::Lead.def())
}

fn after(page: &Page) -> Condition {
    Condition::all().add_option(page.after.map(|after| Column::Id.lt(after)))
}

/// Whether whoever sees so many orders sees the one at hand.
pub(super) fn shown(visibility: OrderVisibility) -> Condition {
    Condition::all().add_option(only(visibility).map(|status| Column::Status.eq(status.word())))
}

/// The one status in which orders are seen, where there is only one.
fn only(visibility: OrderVisibility) -> Option<OrderStatus> {
    match visibility {
        OrderVisibility::All => None,
        OrderVisibility::PartialOnly => Some(OrderStatus::Partial),
    }
}

fn asked(filter: &OrderFilter, visibility: OrderVisibility) -> Condition {
    let OrderFilter { lead_ids, statuses, most_recent_only } = filter;
    let of_leads = (!lead_ids.is_empty()).then(|| Column::LeadId.is_in(lead_ids.iter().map(|id| id.uuid())));
    let in_statuses = (!statuses.is_empty()).then(|| Column::Status.is_in(statuses.iter().map(|status| status.word())));
    Condition::all()
        .add_option(of_leads)
        .add_option(in_statuses)
        .add_option(most_recent_only.then(|| most_recent(visibility)))
}

/// No other order that is seen of the lead was placed later; of several placed at once, the last created counts.
fn most_recent(visibility: OrderVisibility) -> Expr {
    let later = |column: Column| Expr::col(("later", column));
    let placed = Expr::tuple([Column::PlaceTime.into_expr(), Column::Id.into_expr()]);
    let mut others = Query::select();
    others
        .expr(Expr::val(1))
        .from_as(Entity, "later")
        .and_where(later(Column::LeadId).eq(Column::LeadId.into_expr()))
        .and_where(Expr::tuple([later(Column::PlaceTime), later(Column::Id)]).gt(placed));
    if let Some(status) = only(visibility) {
        others.and_where(later(Column::Status).eq(status.word()));
    }
    Expr::exists(others).not()
}

pub(super) fn read(row: Model) -> Result<Order> {
    let Model {
        id,
        lead_id,
        number,
        status,
        currency,
        units,
        nanos,
        place_time,
        items,
        created_by,
        create_time,
        update_time,
        version,
    } = row;
    let instant = |micros| time(micros).ok_or(Error::Corrupt("time"));
    let amount = Currency::stored(&currency).and_then(|currency| Money::new(currency, units, nanos));
    Ok(Order {
        id: id.into(),
        lead_id: lead_id.into(),
        number,
        status: OrderStatus::from_word(&status).ok_or(Error::Corrupt("order status"))?,
        amount: amount.ok_or(Error::Corrupt("amount"))?,
        place_time: instant(place_time)?,
        items,
        created_by: created_by.into(),
        create_time: instant(create_time)?,
        update_time: instant(update_time)?,
        version,
    })
}
