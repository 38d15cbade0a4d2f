//! A scope in SQL: a predicate for one lead, keyset arms for lists. What it says is `access::rule`'s; here it is enforced.

use sea_orm::{
    ColumnTrait, Condition, DbBackend, EntityTrait, Order, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, Query, SelectStatement, UnionType},
};
use uuid::Uuid;

use super::{
    entity::{lead, lead_access},
    micros_of, now,
};
use crate::{
    access::{
        rule::{Clause, Test},
        scope::LeadScope,
    },
    model::{
        ids::UserId,
        lead::LeadState,
        lead_access::{AccessKind, GrantMode, Way},
        page::Page,
    },
};

/// Up to this many groups a list walks one index per group; beyond, one walk tests them all.
const MOST_GROUP_ARMS: usize = 50;

/// Whether the scope covers the row of `leads` at hand.
pub(super) fn covers<A>(scope: &LeadScope<A>, backend: DbBackend) -> Condition {
    let clauses = scope.clauses();
    if clauses.is_empty() {
        return Condition::any().add(Expr::val(1).eq(0));
    }
    let any = Condition::any();
    widest(&clauses).iter().map(|clause| all(&clause.tests, scope.user(), backend)).fold(any, Condition::add)
}

/// The IDs of one page of the scope's leads, newest first, one more than the page holds. None where the scope is empty.
pub(super) fn page<A>(
    scope: &LeadScope<A>,
    states: &[LeadState],
    page: &Page,
    backend: DbBackend,
) -> Option<SelectStatement> {
    let mut ids = united(arms(scope, backend).into_iter().map(|arm| arm.on_page(states, page, backend)))?;
    ids.order_by("id", Order::Desc).limit(u64::from(page.size) + 1);
    Some(ids)
}

/// The IDs of all of the scope's leads, in no order. None where the scope is empty.
pub(super) fn leads<A>(scope: &LeadScope<A>, backend: DbBackend) -> Option<SelectStatement> {
    united(arms(scope, backend).into_iter().map(Arm::ids))
}

fn united(arms: impl Iterator<Item = SelectStatement>) -> Option<SelectStatement> {
    arms.reduce(|mut union, arm| union.union(UnionType::Distinct, arm).take())
}

/// One way in which leads come into a scope, as a walk along an index.
struct Arm {
    rows: Condition,
    through_access: bool,
}

impl Arm {
    fn id(&self) -> Expr {
        if self.through_access { lead_access::Column::LeadId.into_expr() } else { lead::Column::Id.into_expr() }
    }

    fn ids(self) -> SelectStatement {
        let mut select = Query::select();
        select.expr_as(self.id(), "id").from(lead::Entity);
        if self.through_access {
            let join = lead_access::Column::LeadId.into_expr().eq(lead::Column::Id.into_expr());
            select.inner_join(lead_access::Entity, join);
        }
        select.cond_where(self.rows).to_owned()
    }

    /// States and cursor stand inside each arm, or pages come up short.
    fn on_page(self, states: &[LeadState], page: &Page, backend: DbBackend) -> SelectStatement {
        let words = states.iter().map(|state| state.word());
        let id = self.id();
        let after = page.after.map(|after: Uuid| id.clone().lt(after));
        let mut select = self.ids();
        select.cond_where(lead::Column::State.is_in(words)).cond_where(Condition::all().add_option(after));
        if backend == DbBackend::Postgres {
            // SQLite merges the arms lazily and must not have a limit in them; PostgreSQL needs one to stop.
            select.order_by_expr(id, Order::Desc).limit(u64::from(page.size) + 1);
        }
        Query::select().column("id").from_subquery(select, "arm").to_owned()
    }
}

fn arms<A>(scope: &LeadScope<A>, backend: DbBackend) -> Vec<Arm> {
    let clauses = scope.clauses();
    widest(&clauses).iter().flat_map(|clause| arms_of(clause, scope.user(), backend)).collect()
}

/// What every lead passes, or every lead that isn't blocked, makes the other ways needless: a user has one row on a lead, and
/// an assignee's is no block.
fn widest<'a, 'b>(clauses: &'b [Clause<'a>]) -> &'b [Clause<'a>] {
    let wide = |clause: &Clause<'_>| matches!(clause.way, Way::Administrator | Way::Complete);
    match clauses.iter().position(wide) {
        Some(at) => &clauses[at..=at],
        None => clauses,
    }
}

fn arms_of(clause: &Clause<'_>, user: UserId, backend: DbBackend) -> Vec<Arm> {
    let on_leads = |rows| Arm { rows, through_access: false };
    match clause.tests.as_slice() {
        [Test::Given { in_full }] => vec![Arm { rows: given(user, *in_full, backend), through_access: true }],
        [Test::InGroups(groups), rest @ ..] if groups.len() <= MOST_GROUP_ARMS => groups
            .iter()
            .map(|group| on_leads(all(rest, user, backend).add(lead::Column::GroupId.eq(group.uuid()))))
            .collect(),
        tests => vec![on_leads(all(tests, user, backend))],
    }
}

fn all(tests: &[Test<'_>], user: UserId, backend: DbBackend) -> Condition {
    tests.iter().map(|test| passes(test, user, backend)).fold(Condition::all(), Condition::add)
}

/// A test of the row of `leads` at hand.
fn passes(test: &Test<'_>, user: UserId, backend: DbBackend) -> Condition {
    match test {
        Test::Assigned => lead::Column::AssigneeId.eq(user.uuid()).into(),
        Test::WithinGrace(grace) => Condition::any()
            .add(lead::Column::State.ne(LeadState::Resolved.word()))
            .add(lead::Column::ResolveTime.into_expr().gt(now(backend).sub(micros_of(*grace)))),
        Test::Given { in_full } => {
            let rows = row_of_lead().filter(given(user, *in_full, backend));
            Expr::exists(rows.into_query()).into()
        }
        // An empty set of groups means no rows: `is_in` of nothing is false.
        Test::InGroups(groups) => lead::Column::GroupId.is_in(groups.iter().map(|group| group.uuid())).into(),
        Test::Unassigned => lead::Column::AssigneeId.is_null().into(),
        Test::NotBlocked => {
            let block = row_of_lead()
                .filter(lead_access::Column::UserId.eq(user.uuid()))
                .filter(lead_access::Column::Kind.eq(AccessKind::Blocked.word()));
            Expr::exists(block.into_query()).not().into()
        }
    }
}

/// The row of `lead_access` at hand gives the user its lead.
fn given(user: UserId, in_full: bool, backend: DbBackend) -> Condition {
    use lead_access::Column;
    Condition::all()
        .add(Column::UserId.eq(user.uuid()))
        .add(Column::Kind.ne(AccessKind::Blocked.word()))
        .add(Column::ExpireTime.is_null().or(Column::ExpireTime.into_expr().gt(now(backend))))
        .add_option(in_full.then(|| Column::Mode.eq(GrantMode::Full.word())))
}

fn row_of_lead() -> sea_orm::Select<lead_access::Entity> {
    lead_access::Entity::find()
        .select_only()
        .expr(Expr::val(1))
        .filter(lead_access::Column::LeadId.into_expr().eq(lead::Column::Id.into_expr()))
}
