//! The identities of a page of leads: which indexes are walked.
//!
//! Along the orders that have an index for each way into a scope, the walks along all of them are merged, and little else is looked at.
//! In other orders, the scope is sorted where it holds few leads or the order has no index; otherwise the index is walked, with a look
//! at each lead.
//! Before either, what the filter leaves is sorted where an index knows that to be few. Which of these it is turns out within the one
//! statement.

use sea_orm::{
    ColumnTrait, Condition, DbBackend, JoinType,
    sea_query::{
        Asterisk, CommonTableExpression, Expr, ExprTrait, Func, Query, SelectStatement, UnionType, WithClause,
    },
};
use uuid::Uuid;

use super::{
    Selection,
    rank::{Part, Rank, Ranking, Stages},
};
use crate::{
    access::scope::LeadScope,
    model::{lead::LeadState, pick_list::PickList},
    query::{
        fields::Field,
        order::{Cursor, CursorValue},
    },
    store::{
        entity::{lead, pick_list_entry as entry},
        lead_filter::{Filters, possible},
        visible::{self, Along, Walk},
    },
};

/// Up to so many leads are sorted: it takes less time than to find a page of them along an index of millions.
const FEW: u64 = 10_000;
const FEW_ON_SQLITE: u64 = 5_000;
/// Up to so many leads found by a text are sorted on PostgreSQL, which takes its time to find more.
const FEW_FOUND: u64 = 1_000;

/// Up to so many leads of the caller are walked, however few of them the filter leaves.
const SMALL: u64 = 3_000;

/// Names within a statement: what the caller reaches, what the filter leaves, what has the first key, the stages.
const SCOPE: &str = "in_scope";
const PICKED: &str = "picked";
const SET: &str = "having_key";
const STAGE: &str = "stage";

/// What the pages are of.
pub(super) struct Pages<'a, A> {
    scope: &'a LeadScope<A>,
    selection: &'a Selection,
    states: Vec<LeadState>,
    backend: DbBackend,
}

/// The page that is wanted.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) ranking: &'a Ranking,
    pub(super) after: Option<&'a Cursor>,
    pub(super) limit: u64,
}

impl<'a, A> Pages<'a, A> {
    pub(super) fn new(scope: &'a LeadScope<A>, selection: &'a Selection, backend: DbBackend) -> Self {
        let states = possible(&selection.filter, &selection.states);
        Self { scope, selection, states, backend }
    }

    /// The identities of a page, in no order. None where the scope is empty.
    pub(super) fn ids(&self, wanted: Wanted<'_>) -> Option<SelectStatement> {
        let (wide, along) = (visible::is_wide(self.scope), self.along(wanted.ranking));
        let mut ways = Ways::default();
        let indexed = wanted.ranking.keys().first().is_none_or(Rank::is_indexed);
        if along.is_none() && !wide && indexed {
            let few = self.few();
            let scope = visible::some(self.scope, few + 1, self.backend)?;
            ways.add(SCOPE, scope, (None, few), |gates| self.sorted(SCOPE, Condition::all(), wanted, gates));
        }
        if let Some((picked, few)) = self.picked(wanted) {
            let covered = visible::covers_each(self.scope, self.backend);
            let mut only = None;
            if along.is_some() && !wide {
                // A small scope is walked without a look at what else the filter finds: how long that takes would tell of hidden leads.
                let scope = visible::some(self.scope, SMALL + 1, self.backend)?;
                ways.tables.push(table(SCOPE, scope));
                only = Some(fewer(SCOPE, SMALL + 1).not());
            }
            ways.add(PICKED, picked, (only, few), |gates| self.sorted(PICKED, covered, wanted, gates));
        }
        match along {
            Some(along) => {
                let page = self.merged(along, wanted)?;
                ways.pages.push(one_of(page, &ways.gates));
            }
            None if indexed || wide => self.walk(wanted, &mut ways),
            None => {
                ways.tables.push(table(SCOPE, visible::leads(self.scope, self.backend)?));
                ways.pages.push(self.sorted(SCOPE, Condition::all(), wanted, &ways.gates));
            }
        }
        ways.ids()
    }

    fn few(&self) -> u64 {
        if self.backend == DbBackend::Postgres { FEW } else { FEW_ON_SQLITE }
    }

    /// The order for which each way into the scope has an index.
    fn along(&self, ranking: &Ranking) -> Option<Along> {
        let live = !self.states.contains(&LeadState::Discarded);
        match ranking.keys() {
            [] => Some(Along::Created),
            // Where every lead is in the scope there is one way, and its walk is like others.
            [Rank { field: Field::NextContactTime, descending }]
                if live && *descending == ranking.descending && !visible::is_wide(self.scope) =>
            {
                Some(Along::Contact)
            }
            _ => None,
        }
    }

    fn filters(&self) -> Filters {
        Filters { orders: self.selection.orders, backend: self.backend, by_index: false, by_lead: true }
    }

    /// Which leads of the scope count.
    fn among(&self, filters: Filters) -> Condition {
        let passes = filters.passes(&self.selection.filter);
        Condition::all().add(visible::in_states(&self.states)).add(passes)
    }

    /// Whether there is one walk in the order, and nothing to leave out before it: the databases know by themselves which index has
    /// what the filter asks.
    fn is_planned(&self, wanted: Wanted<'_>) -> bool {
        visible::is_wide(self.scope) && self.along(wanted.ranking).is_some() && wanted.after.is_none()
    }

    fn merged(&self, along: Along, wanted: Wanted<'_>) -> Option<SelectStatement> {
        match along {
            Along::Created => {
                // Where there is one walk, an index of what the filter asks may have it in the same order.
                let wide = visible::is_wide(self.scope);
                let by_lead = !self.is_planned(wanted);
                let among = self.among(Filters { by_index: wide, by_lead, ..self.filters() });
                self.along_all(along, wanted, among, wanted.after.map(|place| (None, place.id)))
            }
            Along::Contact => self.to_contact(wanted),
        }
    }

    fn along_all(
        &self,
        along: Along,
        wanted: Wanted<'_>,
        among: Condition,
        after: Option<(Option<i64>, Uuid)>,
    ) -> Option<SelectStatement> {
        let walk = Walk { along, descending: wanted.ranking.descending, among, after, limit: wanted.limit };
        visible::walked(self.scope, &walk, self.backend)
    }

    /// Those that are to be contacted, and where they don't fill the page, those that are not.
    fn to_contact(&self, wanted: Wanted<'_>) -> Option<SelectStatement> {
        let unset = self.among(self.filters()).add(lead::Column::NextContactTime.is_null());
        let after = match wanted.after {
            None => None,
            Some(place) => match place.keys.first() {
                Some(Some(CursorValue::Number(key))) => Some((Some(*key), place.id)),
                _ => return self.along_all(Along::Created, wanted, unset, Some((None, place.id))),
            },
        };
        let set = self.along_all(Along::Contact, wanted, self.among(self.filters()), after)?;
        let rest = self.along_all(Along::Created, wanted, unset, None)?;
        let mut ids = Query::select().column("id").from(SET).to_owned();
        ids.union(UnionType::All, one_of(rest, &[fewer(SET, wanted.limit)])).with_cte(table(SET, set));
        Some(ids)
    }

    /// What the filter leaves, as far as an index knows, and how many of that are few. Where there is one walk, the databases know by
    /// themselves whether to begin with what is tested; and PostgreSQL with what is looked for, on the first page.
    fn picked(&self, wanted: Wanted<'_>) -> Option<(SelectStatement, u64)> {
        let (filter, filters) = (&self.selection.filter, Filters { by_index: true, ..self.filters() });
        let one_walk = visible::is_wide(self.scope) && self.along(wanted.ranking).is_some();
        match (filters.found(filter), self.backend) {
            (Some(_), DbBackend::Postgres) if self.is_planned(wanted) => None,
            (Some(mut found), DbBackend::Postgres) => Some((found.limit(FEW_FOUND + 1).take(), FEW_FOUND)),
            (Some(mut found), _) => Some((found.limit(self.few() + 1).take(), self.few())),
            (None, _) if one_walk => None,
            (None, _) => {
                let picks = filters.picks(filter)?;
                let mut picked = Query::select();
                picked.expr_as(lead::Column::Id.into_expr(), "id").from(lead::Entity);
                picked.cond_where(visible::in_states(&self.states)).cond_where(picks).limit(self.few() + 1);
                Some((picked, self.few()))
            }
        }
    }

    /// The first of some leads that are looked at one by one.
    fn sorted(&self, those: &'static str, covered: Condition, wanted: Wanted<'_>, gates: &[Expr]) -> SelectStatement {
        let each = Condition::all()
            .add(self.among(self.filters()))
            .add(covered)
            .add_option(wanted.after.map(|place| wanted.ranking.after(place, Part::Whole, Stages::Apart)));
        let mut page = Query::select();
        page.expr_as(lead::Column::Id.into_expr(), "id")
            .from_subquery(Query::select().distinct().column("id").from(those).to_owned(), those);
        one_by_one(&mut page, those, sorted_by(wanted.ranking), each, self.backend);
        wanted.ranking.sort(&mut page, Part::Whole, Stages::Apart);
        one_of(gated(page.limit(wanted.limit), gates), &[])
    }

    /// The first along the index of the order: those that have its first key, and where they don't fill the page, those that don't.
    fn walk(&self, wanted: Wanted<'_>, ways: &mut Ways) {
        let Wanted { ranking, after, limit } = wanted;
        let Some(rank) = ranking.keys().first().filter(|rank| rank.is_nullable()) else {
            let page = self.walked(Part::Whole, wanted);
            ways.pages.push(one_of(gated(page.clone().limit(limit), &ways.gates), &[]));
            return;
        };
        let among_unset = after.is_some_and(|place| place.keys.first().is_none_or(Option::is_none));
        let mut gates = ways.gates.clone();
        if !among_unset {
            let set = if rank.field == Field::Stage { self.by_stage(wanted) } else { self.walked(Part::Set, wanted) };
            ways.tables.push(table(SET, gated(set.clone().limit(limit), &gates)));
            ways.pages.push(Query::select().column("id").from(SET).to_owned());
            gates.push(fewer(SET, limit));
        }
        let after = after.filter(|_| among_unset);
        let page = self.walked(Part::Unset, Wanted { after, ..wanted });
        ways.pages.push(one_of(gated(page.clone().limit(limit), &gates), &[]));
    }

    /// The scope's leads in the order of the wanted page, and after its place.
    fn walked(&self, part: Part, wanted: Wanted<'_>) -> SelectStatement {
        let mut leads = Query::select();
        leads.expr_as(lead::Column::Id.into_expr(), "id").from(lead::Entity).cond_where(self.each(part, wanted));
        wanted.ranking.sort(&mut leads, part, Stages::Apart);
        leads
    }

    /// Which leads are passed by on a walk, and which are not.
    fn each(&self, part: Part, wanted: Wanted<'_>) -> Condition {
        let stages = if part == Part::OfStage { Stages::Joined(STAGE) } else { Stages::Apart };
        let key = wanted.ranking.keys().first().map(Rank::column);
        let key = key.and_then(|key| match part {
            Part::Whole | Part::OfStage => None,
            Part::Set => Some(key.is_not_null()),
            Part::Unset => Some(key.is_null()),
        });
        // The texts have the order of the leads' identities, and only a walk that has it too could be along them.
        let by_lead = matches!(part, Part::OfStage | Part::Unset);
        Condition::all()
            .add(self.among(Filters { by_lead, ..self.filters() }))
            .add_option(key)
            .add_option(wanted.after.map(|place| wanted.ranking.after(place, part, stages)))
            .add(visible::covers_each(self.scope, self.backend))
    }

    /// Stage after stage in the order of their names, each along its own part of the index.
    fn by_stage(&self, wanted: Wanted<'_>) -> SelectStatement {
        let name = Expr::col((STAGE, entry::Column::NameKey));
        let from = match wanted.after.and_then(|place| place.keys.first()) {
            Some(Some(CursorValue::Text(key))) => {
                let descending = wanted.ranking.keys().first().is_some_and(|rank| rank.descending);
                Some(if descending { name.lte(key.as_str()) } else { name.gte(key.as_str()) })
            }
            _ => None,
        };
        let each = Condition::all()
            .add(lead::Column::StageId.into_expr().eq(Expr::col((STAGE, entry::Column::Id))))
            .add(self.each(Part::OfStage, wanted));
        let mut page = Query::select();
        page.expr_as(lead::Column::Id.into_expr(), "id")
            .from_as(entry::Entity, STAGE)
            .and_where(Expr::col((STAGE, entry::Column::List)).eq(PickList::Stage.word()))
            .and_where_option(from);
        if self.backend == DbBackend::Postgres {
            let mut leads = columns_of_leads(sorted_by(wanted.ranking));
            wanted.ranking.sort(leads.cond_where(each), Part::OfStage, Stages::Apart);
            page.join_lateral(JoinType::InnerJoin, leads.limit(wanted.limit).take(), "leads", Expr::val(true));
        } else {
            page.cross_join(lead::Entity).cond_where(each);
        }
        wanted.ranking.sort(&mut page, Part::Set, Stages::Joined(STAGE));
        page
    }
}

/// What of leads is needed to sort them.
fn sorted_by(ranking: &Ranking) -> impl Iterator<Item = lead::Column> {
    [lead::Column::Id].into_iter().chain(ranking.keys().iter().map(Rank::column))
}

fn columns_of_leads(columns: impl Iterator<Item = lead::Column>) -> SelectStatement {
    Query::select().columns(columns.map(|column| (lead::Entity, column))).from(lead::Entity).to_owned()
}

/// Adds to a statement over identities the columns of their leads, as `leads`; those that pass.
pub(super) fn one_by_one(
    ids: &mut SelectStatement,
    name: &'static str,
    columns: impl Iterator<Item = lead::Column>,
    passes: Condition,
    backend: DbBackend,
) {
    let each = Condition::all().add(lead::Column::Id.into_expr().eq(Expr::col((name, "id")))).add(passes);
    if backend == DbBackend::Postgres {
        // OFFSET keeps the planner from walking along other leads, whatever it thinks of how many these are.
        let lead = columns_of_leads(columns).cond_where(each).offset(0).take();
        ids.join_lateral(JoinType::InnerJoin, lead, "leads", Expr::val(true));
    } else {
        ids.cross_join(lead::Entity).cond_where(each);
    }
}

/// The ways to a page, of which one is gone.
#[derive(Default)]
struct Ways {
    tables: Vec<CommonTableExpression>,
    pages: Vec<SelectStatement>,
    /// That none of the ways so far is gone.
    gates: Vec<Expr>,
}

impl Ways {
    /// A way over some leads, gone where they are few, if anything else that must be so for it is so.
    fn add(
        &mut self,
        name: &'static str,
        leads: SelectStatement,
        (only, few): (Option<Expr>, u64),
        page: impl FnOnce(&[Expr]) -> SelectStatement,
    ) {
        self.tables.push(table(name, leads));
        let few = fewer(name, few + 1);
        let gate = only.map(|only| only.and(few.clone())).unwrap_or(few);
        let mut gates = self.gates.clone();
        gates.push(gate.clone());
        self.pages.push(page(&gates));
        self.gates.push(gate.not());
    }

    fn ids(self) -> Option<SelectStatement> {
        let mut pages = self.pages.into_iter();
        let first = pages.next()?;
        let mut ids = pages.fold(first, |mut all, page| all.union(UnionType::All, page).take());
        if !self.tables.is_empty() {
            let mut tables = WithClause::new();
            for table in self.tables {
                tables.cte(table);
            }
            ids.with_cte(tables);
        }
        Some(ids)
    }
}

/// A table of the statement, made once however often it is looked at.
pub(super) fn table(name: &'static str, rows: SelectStatement) -> CommonTableExpression {
    CommonTableExpression::new().table_name(name).query(rows).materialized(true).to_owned()
}

/// How many rows a table of the statement has.
pub(super) fn number_of(table: &'static str) -> Expr {
    let number = Query::select().expr(Func::count(Expr::col(Asterisk))).from(table).to_owned();
    Expr::SubQuery(None, Box::new(number.into()))
}

/// Whether a table of the statement has fewer rows than this. Looked at before anything else: a way that isn't gone costs nothing.
fn fewer(table: &'static str, limit: u64) -> Expr {
    number_of(table).lt(i64::try_from(limit).unwrap_or(i64::MAX))
}

fn gated(page: &mut SelectStatement, gates: &[Expr]) -> SelectStatement {
    for gate in gates {
        page.and_where(gate.clone());
    }
    page.take()
}

/// As a part of a union, in which it has its own order and limit.
fn one_of(page: SelectStatement, gates: &[Expr]) -> SelectStatement {
    let mut part = Query::select();
    gated(part.column("id").from_subquery(page, "page"), gates)
}
