//! How many leads there are, and of what sorts.

use std::cmp::Reverse;

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, Order as Direction,
    sea_query::{Asterisk, Expr, ExprTrait, Func, Query, SelectStatement, UnionType, WithClause},
};
use uuid::Uuid;

use super::{
    Selection,
    page::{Pages, Wanted, number_of, one_by_one, table},
    rank::Ranking,
};
use crate::{
    access::scope::LeadScope,
    model::count::{Count, Facet, FacetCounts},
    query::order::Order,
    store::{
        Db, Error, Result,
        entity::{lead, pick_list_entry as entry},
        fence,
        planned::planned,
    },
};

/// Names within the statement: the leads found, one more than are counted, and those that are.
const FOUND: &str = "found";
const COUNTED: &str = "counted";
/// What stands for all facets.
const ALL: i32 = -1;

/// Counts the scope's leads up to a cap, all in one statement, so that the numbers agree.
///
/// # Errors
/// The database's.
pub async fn count<A>(
    db: &impl Db,
    scope: &LeadScope<A>,
    selection: &Selection,
    cap: u64,
    facets: &[Facet],
) -> Result<Count> {
    let conn = db.conn().0;
    let backend = conn.get_database_backend();
    let newest = Ranking::of(&Order::default());
    let wanted = Wanted { ranking: &newest, after: None, limit: cap.saturating_add(1) };
    let Some(found) = Pages::new(scope, selection, backend).ids(wanted) else {
        fence::believed(db, scope.fence(), Vec::<Row>::new()).await?;
        return Ok(counted(Vec::new(), cap, facets));
    };
    let mut tables = WithClause::new();
    tables.cte(table(FOUND, found));
    let mut all = Query::select();
    all.expr_as(Expr::val(ALL), "facet")
        .expr_as(Expr::cust(null("text", backend)), "word")
        .expr_as(Expr::cust(null("uuid", backend)), "value_id")
        .expr_as(number_of(FOUND), "number")
        .cond_where(fence::holds(scope.fence(), backend));
    if !facets.is_empty() {
        tables.cte(table(COUNTED, leads(cap, backend)));
    }
    for (at, facet) in (0..).zip(facets) {
        all.union(UnionType::All, by(*facet, at, backend));
    }
    all.with_cte(tables);
    let rows = conn.query_all_raw(planned(&all, backend)).await?.iter().map(Row::read).collect::<Result<Vec<_>>>()?;
    // Without the number of all, the rights have moved.
    let rows = if rows.iter().any(|row| row.facet == ALL) { rows } else { Vec::new() };
    let rows = fence::believed(db, scope.fence(), rows).await?;
    Ok(counted(rows, cap, facets))
}

struct Row {
    facet: i32,
    value: Option<String>,
    number: u64,
}

impl Row {
    fn read(row: &sea_orm::QueryResult) -> Result<Self> {
        let (word, id): (Option<String>, Option<Uuid>) = (row.try_get("", "word")?, row.try_get("", "value_id")?);
        let number: i64 = row.try_get("", "number")?;
        Ok(Self {
            facet: row.try_get("", "facet")?,
            value: word.or_else(|| id.map(|id| id.hyphenated().to_string())),
            number: u64::try_from(number).map_err(|_| Error::Corrupt("count"))?,
        })
    }
}

fn counted(rows: Vec<Row>, cap: u64, facets: &[Facet]) -> Count {
    let found = rows.iter().find(|row| row.facet == ALL).map_or(0, |row| row.number);
    let facets = (0..).zip(facets).map(|(at, facet)| {
        let of_facet = rows.iter().filter(|row| row.facet == at);
        let mut values: Vec<_> = of_facet.map(|row| (row.value.clone(), row.number)).collect();
        values.sort_by_key(|(value, number)| (Reverse(*number), value.clone()));
        FacetCounts { facet: *facet, values }
    });
    Count { count: Ord::min(found, cap), capped: found > cap, facets: facets.collect() }
}

/// What is asked of the leads that are counted.
fn leads(cap: u64, backend: DbBackend) -> SelectStatement {
    let newest = Query::select().column("id").from(FOUND).order_by("id", Direction::Desc).limit(cap).to_owned();
    let kind = Expr::case(lead::Column::FirstDepositTime.is_not_null(), "CLIENT")
        .case(lead::Column::RegisterTime.is_not_null(), "REGISTRATION")
        .finally("LEAD");
    let sorts = [
        lead::Column::State,
        lead::Column::StageId,
        lead::Column::Country,
        lead::Column::AssigneeId,
        lead::Column::GroupId,
    ];
    let kinds = [lead::Column::FirstDepositTime, lead::Column::RegisterTime];
    let mut leads = Query::select();
    leads.expr_as(kind, "kind").columns(sorts.map(|column| (lead::Entity, column))).from_subquery(newest, "newest");
    one_by_one(&mut leads, "newest", sorts.into_iter().chain(kinds), Condition::all(), backend);
    leads
}

/// The numbers of one facet.
fn by(facet: Facet, at: i32, backend: DbBackend) -> SelectStatement {
    let column = |column: lead::Column| Expr::col((COUNTED, column));
    let (word, id) = match facet {
        Facet::Kind => (Some(Expr::col((COUNTED, "kind"))), None),
        Facet::State => (Some(column(lead::Column::State)), None),
        Facet::Stage => (Some(Expr::col((entry::Entity, entry::Column::Name))), None),
        Facet::Country => (Some(column(lead::Column::Country)), None),
        Facet::Assignee => (None, Some(column(lead::Column::AssigneeId))),
        Facet::Group => (None, Some(column(lead::Column::GroupId))),
    };
    let mut numbers = Query::select();
    numbers
        .expr(Expr::val(at))
        .expr(word.clone().unwrap_or_else(|| Expr::cust(null("text", backend))))
        .expr(id.clone().unwrap_or_else(|| Expr::cust(null("uuid", backend))))
        .expr(Func::count(Expr::col(Asterisk)))
        .from(COUNTED);
    if facet == Facet::Stage {
        let same = entry::Column::Id.into_expr().eq(column(lead::Column::StageId));
        numbers.left_join(entry::Entity, same);
    }
    numbers.add_group_by(word.into_iter().chain(id)).take()
}

/// PostgreSQL must know what it is that there is none of.
fn null(kind: &str, backend: DbBackend) -> String {
    if backend == DbBackend::Postgres { format!("NULL::{kind}") } else { "NULL".to_owned() }
}
