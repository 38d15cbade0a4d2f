//! A scope in SQL: a predicate for one lead, keyset arms for lists. The rules are the domain contract's, sections 2 and 5.

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
    access::{policy::Reach, scope::LeadScope},
    model::{
        lead::LeadState,
        lead_access::{AccessKind, GrantMode},
        page::Page,
        permission::Action,
    },
};

/// Up to this many groups a list walks one index per group; beyond, one walk tests them all.
const MOST_GROUP_ARMS: usize = 50;

/// Whether the scope covers the row of `leads` at hand.
pub(super) fn covers<A>(scope: &LeadScope<A>, backend: DbBackend) -> Condition {
    let by_level = match scope.reach() {
        Reach::None => return Condition::any().add(Expr::val(1).eq(0)),
        Reach::Complete if scope.is_administrator() => return Condition::all(),
        Reach::Complete => return Condition::all().add(not_blocked(scope)),
        Reach::Individual { unassigned: false } => None,
        Reach::Individual { .. } | Reach::Groups { .. } => {
            Some(Condition::all().add(level(scope)).add(not_blocked(scope)))
        }
    };
    Condition::any().add(assigned(scope, backend)).add(granted_exists(scope, backend)).add_option(by_level)
}

/// The IDs of one page of the scope's leads, newest first, one more than the page holds. None where the scope is empty.
pub(super) fn page<A>(
    scope: &LeadScope<A>,
    states: &[LeadState],
    page: &Page,
    backend: DbBackend,
) -> Option<SelectStatement> {
    let arms: Vec<SelectStatement> =
        arms(scope, backend).into_iter().map(|arm| arm.on_page(states, page, backend)).collect();
    let mut arms = arms.into_iter();
    let mut union = arms.next()?;
    for arm in arms {
        union.union(UnionType::Distinct, arm);
    }
    union.order_by("id", Order::Desc).limit(u64::from(page.size) + 1);
    Some(union)
}

/// One way in which leads come into a scope, as a walk along an index.
struct Arm {
    rows: Condition,
    through_access: bool,
}

impl Arm {
    fn on_leads(rows: Condition) -> Self {
        Self { rows, through_access: false }
    }

    /// States and cursor stand inside each arm, or pages come up short.
    fn on_page(self, states: &[LeadState], page: &Page, backend: DbBackend) -> SelectStatement {
        let words = states.iter().map(|state| state.word());
        let id =
            if self.through_access { lead_access::Column::LeadId.into_expr() } else { lead::Column::Id.into_expr() };
        let after = page.after.map(|after: Uuid| id.clone().lt(after));
        let mut select = Query::select();
        select.expr_as(id.clone(), "id").from(lead::Entity);
        if self.through_access {
            let join = lead_access::Column::LeadId.into_expr().eq(lead::Column::Id.into_expr());
            select.inner_join(lead_access::Entity, join);
        }
        select
            .cond_where(self.rows)
            .cond_where(lead::Column::State.is_in(words))
            .cond_where(Condition::all().add_option(after));
        if backend == DbBackend::Postgres {
            // SQLite merges the arms lazily and must not have a limit in them; PostgreSQL needs one to stop.
            select.order_by_expr(id, Order::Desc).limit(u64::from(page.size) + 1);
        }
        Query::select().column("id").from_subquery(select, "arm").to_owned()
    }
}

fn arms<A>(scope: &LeadScope<A>, backend: DbBackend) -> Vec<Arm> {
    let mut arms = match scope.reach() {
        Reach::None => return Vec::new(),
        Reach::Complete if scope.is_administrator() => return vec![Arm::on_leads(Condition::all())],
        Reach::Complete => return vec![Arm::on_leads(Condition::all().add(not_blocked(scope)))],
        Reach::Individual { .. } | Reach::Groups { .. } => {
            vec![Arm::on_leads(assigned(scope, backend)), Arm { rows: granted(scope, backend), through_access: true }]
        }
    };
    let by_level = |rows: Expr| Arm::on_leads(Condition::all().add(rows).add(not_blocked(scope)));
    match scope.reach().groups() {
        Some(groups) if groups.len() > MOST_GROUP_ARMS => arms.push(by_level(in_groups(scope))),
        Some(groups) => arms.extend(groups.iter().map(|group| by_level(lead::Column::GroupId.eq(group.uuid())))),
        None => {}
    }
    if scope.reach().pool() {
        arms.push(by_level(lead::Column::AssigneeId.is_null()));
    }
    arms
}

/// Assigned to the user, and not resolved longer ago than the grace allows.
fn assigned<A>(scope: &LeadScope<A>, backend: DbBackend) -> Condition {
    let mine = Condition::all().add(lead::Column::AssigneeId.eq(scope.user().uuid()));
    match scope.grace() {
        None => mine,
        Some(grace) => mine.add(
            lead::Column::State
                .ne(LeadState::Resolved.word())
                .or(lead::Column::ResolveTime.into_expr().gt(now(backend).sub(micros_of(grace)))),
        ),
    }
}

/// Granted or retained, not ended, and for this action: a row of `lead_access` that is no block.
fn granted<A>(scope: &LeadScope<A>, backend: DbBackend) -> Condition {
    let full_only = (scope.action() != Action::View).then(|| lead_access::Column::Mode.eq(GrantMode::Full.word()));
    Condition::all()
        .add(lead_access::Column::UserId.eq(scope.user().uuid()))
        .add(lead_access::Column::Kind.ne(AccessKind::Blocked.word()))
        .add(lead_access::Column::ExpireTime.is_null().or(lead_access::Column::ExpireTime.into_expr().gt(now(backend))))
        .add_option(full_only)
}

fn granted_exists<A>(scope: &LeadScope<A>, backend: DbBackend) -> Expr {
    Expr::exists(access_of_lead().filter(granted(scope, backend)).into_query())
}

/// What the level gives besides the user's own leads.
fn level<A>(scope: &LeadScope<A>) -> Condition {
    Condition::any()
        .add_option(scope.reach().groups().map(|_| in_groups(scope)))
        .add_option(scope.reach().pool().then(|| lead::Column::AssigneeId.is_null()))
}

/// An empty set of groups means no rows: `is_in` of nothing is false.
fn in_groups<A>(scope: &LeadScope<A>) -> Expr {
    let groups = scope.reach().groups().into_iter().flatten().map(|group| group.uuid());
    lead::Column::GroupId.is_in(groups)
}

/// A revocation takes what a level would still give.
fn not_blocked<A>(scope: &LeadScope<A>) -> Expr {
    let block = access_of_lead()
        .filter(lead_access::Column::UserId.eq(scope.user().uuid()))
        .filter(lead_access::Column::Kind.eq(AccessKind::Blocked.word()));
    Expr::exists(block.into_query()).not()
}

fn access_of_lead() -> sea_orm::Select<lead_access::Entity> {
    lead_access::Entity::find()
        .select_only()
        .expr(Expr::val(1))
        .filter(lead_access::Column::LeadId.into_expr().eq(lead::Column::Id.into_expr()))
}
