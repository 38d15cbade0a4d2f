//! What a watch asks of the database besides the outbox.

use std::{collections::HashMap, time::Duration};

use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::ExprTrait};
use uuid::Uuid;

use super::{
    Db, Result,
    entity::{lead, lead_access as access},
    lead_access, micros, micros_of, time, visible,
};
use crate::{
    access::scope::{Chosen, LeadScope},
    model::{
        Time,
        ids::{LeadId, UserId},
        lead::LeadState,
        lead_access::{AccessKind, AccessRow},
        lead_event::Was,
        page::Page,
    },
};

/// A user's rows of the access lists of some leads.
///
/// # Errors
/// The database's.
pub async fn rows_of(db: &impl Db, user: UserId, leads: &[LeadId]) -> Result<HashMap<LeadId, AccessRow>> {
    lead_access::of_user(db, user, leads).await
}

/// The IDs of the scope's leads in any state after a page's cursor, newest first; one more than the page holds, if there are.
///
/// # Errors
/// The database's.
pub async fn ids(db: &impl Db, scope: &LeadScope<Chosen>, page: &Page) -> Result<Vec<Uuid>> {
    let conn = db.conn().0;
    let Some(query) = visible::page(scope, LeadState::ALL, page, conn.get_database_backend()) else {
        return Ok(Vec::new());
    };
    let rows = conn.query_all(&query).await?;
    rows.iter().map(|row| Ok(row.try_get("", "id")?)).collect()
}

/// A way to a lead that ended by itself.
#[derive(Clone, Debug)]
pub struct Lapse {
    /// To which lead.
    pub lead_id: LeadId,
    /// When.
    pub end: Time,
    /// How the lead is placed now.
    pub placed: Was,
}

/// What ended by itself of a user's ways to leads after one time and up to another: grants that were given until then, and
/// the time for which a resolved lead stays in its assignee's reach.
///
/// # Errors
/// The database's.
pub async fn lapses(
    db: &impl Db,
    scope: &LeadScope<Chosen>,
    user: UserId,
    graces: &[Duration],
    (from, to): (Time, Time),
) -> Result<Vec<Lapse>> {
    let conn = db.conn().0;
    let covered = visible::covers(scope, conn.get_database_backend());
    let placed = || {
        lead::Entity::find().select_only().columns([
            lead::Column::Id,
            lead::Column::AssigneeId,
            lead::Column::GroupId,
            lead::Column::ResolveTime,
        ])
    };
    type Placed = (Uuid, Option<Uuid>, Option<Uuid>, Option<i64>, i64);
    let within = |end: sea_orm::sea_query::Expr, grace: i64| {
        Condition::all().add(end.clone().gt(micros(from) - grace)).add(end.lte(micros(to) - grace))
    };
    let same = access::Column::LeadId.into_expr().eq(lead::Column::Id.into_expr());
    let mut granted = placed().column_as(access::Column::ExpireTime, "end").filter(covered.clone());
    QuerySelect::query(&mut granted)
        .inner_join(access::Entity, same)
        .cond_where(access::Column::UserId.eq(user.uuid()))
        .cond_where(access::Column::Kind.ne(AccessKind::Blocked.word()))
        .cond_where(within(access::Column::ExpireTime.into_expr(), 0));
    let mut found: Vec<(Placed, i64)> =
        granted.into_tuple::<Placed>().all(&conn).await?.into_iter().map(|row| (row, 0)).collect();
    for grace in graces.iter().map(|grace| micros_of(*grace)) {
        let resolved = placed()
            .column_as(lead::Column::ResolveTime, "end")
            .filter(lead::Column::AssigneeId.eq(user.uuid()))
            .filter(within(lead::Column::ResolveTime.into_expr(), grace))
            .filter(covered.clone());
        found.extend(resolved.into_tuple::<Placed>().all(&conn).await?.into_iter().map(|row| (row, grace)));
    }
    let lapses = found.into_iter().filter_map(|((id, assignee, group, resolved, end), grace)| {
        let placed = Was {
            assignee_id: assignee.map(Into::into),
            group_id: group.map(Into::into),
            resolve_time: resolved.and_then(time),
        };
        Some(Lapse { lead_id: id.into(), end: time(end + grace)?, placed })
    });
    Ok(lapses.collect())
}
