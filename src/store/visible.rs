//! A scope in SQL: a predicate for one lead, keyset arms for lists. What it says is `access::rule`'s; here it is enforced.

use sea_orm::{
    ColumnTrait, Condition, DbBackend, EntityTrait, Order, QueryFilter, QuerySelect, QueryTrait, Value,
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

/// How often a statement asks whether a lead is covered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Of one lead, or of a few.
    Once,
    /// Of each lead along a walk.
    Often,
}

/// Whether the scope covers the row of `leads` at hand.
pub(super) fn covers<A>(scope: &LeadScope<A>, backend: DbBackend) -> Condition {
    covered(scope, Asked::Once, backend)
}

/// Whether the scope covers the row of `leads` at hand, in a walk along many.
pub(super) fn covers_each<A>(scope: &LeadScope<A>, backend: DbBackend) -> Condition {
    covered(scope, Asked::Often, backend)
}

fn covered<A>(scope: &LeadScope<A>, asked: Asked, backend: DbBackend) -> Condition {
    let clauses = scope.clauses();
    if clauses.is_empty() {
        return Condition::any().add(Expr::val(1).eq(0));
    }
    let any = Condition::any();
    widest(&clauses).iter().map(|clause| all(&clause.tests, scope.user(), asked, backend)).fold(any, Condition::add)
}

/// Whether every lead is in the scope, but for those from which its user is blocked.
pub(super) fn is_wide<A>(scope: &LeadScope<A>) -> bool {
    scope.clauses().iter().any(is_widest)
}

/// Whether the row of `leads` at hand is in one of these states. In words that the databases know from their partial indexes.
pub(super) fn in_states(states: &[LeadState]) -> Condition {
    let live = || lead::Column::State.into_expr().ne(word(LeadState::Discarded.word()));
    let one = |state: LeadState| lead::Column::State.into_expr().eq(word(state.word()));
    let some = states.iter().map(|state| one(*state)).fold(Condition::any(), Condition::add);
    match (states.contains(&LeadState::Discarded), states) {
        (_, []) => Condition::all().add(Expr::val(1).eq(0)),
        _ if LeadState::ALL.iter().all(|state| states.contains(state)) => Condition::all(),
        (true, _) => some,
        (false, [first, rest @ ..]) if rest.iter().all(|state| state == first) => {
            Condition::all().add(live()).add(some)
        }
        (false, _) => Condition::all().add(live()),
    }
}

/// The IDs of one page of the scope's leads, newest first, one more than the page holds. None where the scope is empty.
pub(super) fn page<A>(
    scope: &LeadScope<A>,
    states: &[LeadState],
    page: &Page,
    backend: DbBackend,
) -> Option<SelectStatement> {
    let walk = Walk {
        along: Along::Created,
        descending: true,
        among: in_states(states),
        after: page.after.map(|id| (None, id)),
        limit: u64::from(page.size) + 1,
    };
    walked(scope, &walk, backend)
}

/// The IDs of all of the scope's leads, in no order. None where the scope is empty.
pub(super) fn leads<A>(scope: &LeadScope<A>, backend: DbBackend) -> Option<SelectStatement> {
    united(arms(scope, backend).into_iter().map(Arm::ids), UnionType::Distinct)
}

/// The IDs of at most so many of the scope's leads, in no order; some of them twice.
pub(super) fn some<A>(scope: &LeadScope<A>, limit: u64, backend: DbBackend) -> Option<SelectStatement> {
    let arms = arms(scope, backend).into_iter().map(|arm| {
        let ids = arm.ids().limit(limit).take();
        Query::select().column("id").from_subquery(ids, "arm").to_owned()
    });
    let mut ids = united(arms, UnionType::All)?;
    Some(ids.limit(limit).take())
}

/// What leads are walked along, from where and how far.
#[derive(Clone)]
pub(super) struct Walk {
    pub(super) along: Along,
    pub(super) descending: bool,
    /// Which of them count.
    pub(super) among: Condition,
    /// The key and the ID of the last lead before.
    pub(super) after: Option<(Option<i64>, Uuid)>,
    pub(super) limit: u64,
}

/// An order in which there is an index for each way into a scope.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Along {
    /// Of creation, which is that of the IDs.
    Created,
    /// Of when to contact them next; those that have no such time are left out.
    Contact,
}

/// The IDs of the scope's leads along a walk, and the times walked along as `key`. None where the scope is empty.
pub(super) fn walked<A>(scope: &LeadScope<A>, walk: &Walk, backend: DbBackend) -> Option<SelectStatement> {
    let arms: Vec<Arm> = arms(scope, backend);
    let several = arms.len() > 1;
    let arms = arms.into_iter().map(|arm| arm.walked(walk, backend));
    let mut ids = match backend {
        // Each of the databases merges the arms as far as the page goes, if it is told so in its own way.
        DbBackend::Postgres if several => {
            let mut ids = Query::select();
            ids.distinct().column("id").from_subquery(united(arms, UnionType::All)?, "arms");
            if walk.along == Along::Contact {
                ids.column("key");
            }
            ids
        }
        _ => united(arms, UnionType::Distinct)?,
    };
    let order = direction(walk.descending);
    if walk.along == Along::Contact {
        ids.order_by("key", order.clone());
    }
    Some(ids.order_by("id", order).limit(walk.limit).take())
}

pub(super) fn direction(descending: bool) -> Order {
    if descending { Order::Desc } else { Order::Asc }
}

fn united(mut arms: impl Iterator<Item = SelectStatement>, union: UnionType) -> Option<SelectStatement> {
    let first = arms.next()?;
    Some(arms.fold(first, |mut all, arm| all.union(union, arm).take()))
}

/// One way in which leads come into a scope, as a walk along an index.
struct Arm {
    rows: Condition,
    through_access: bool,
    /// The rows are those without an assignee, which PostgreSQL doesn't see to be in the order of the rest of the index.
    unassigned: bool,
}

impl Arm {
    fn id(&self) -> Expr {
        if self.through_access { lead_access::Column::LeadId.into_expr() } else { lead::Column::Id.into_expr() }
    }

    fn contact(&self) -> Expr {
        if self.through_access {
            lead_access::Column::NextContactTime.into_expr()
        } else {
            lead::Column::NextContactTime.into_expr()
        }
    }

    fn ids(self) -> SelectStatement {
        let mut select = Query::select();
        select.expr_as(self.id(), "id");
        if self.through_access {
            select.from(lead_access::Entity)
        } else {
            select.from(lead::Entity)
        };
        select.cond_where(self.rows).take()
    }

    /// What counts and from where stand inside each arm, or pages come up short.
    fn walked(self, walk: &Walk, backend: DbBackend) -> SelectStatement {
        let Walk { along, descending, among, after, limit } = walk;
        let (id, contact) = (self.id(), self.contact());
        let (unassigned, through_access) = (self.unassigned, self.through_access);
        let mut select = self.ids();
        let mut arm = Query::select();
        arm.column("id");
        if through_access {
            select.inner_join(lead::Entity, id.clone().eq(lead::Column::Id.into_expr()));
        }
        select.cond_where(among.clone());
        let mut keys = vec![id.clone()];
        if *along == Along::Contact {
            arm.column("key");
            select.expr_as(contact.clone(), "key").and_where(contact.clone().is_not_null());
            keys.insert(0, contact);
        }
        if let Some((key, after)) = after {
            let place: Vec<Expr> = key.map(Expr::val).into_iter().chain([Expr::val(*after)]).collect();
            select.and_where(beyond(&keys, place, *descending));
            if through_access && *along == Along::Created {
                // Said of the leads too, or PostgreSQL may walk along these from the other end.
                select.and_where(beyond(&[lead::Column::Id.into_expr()], vec![Expr::val(*after)], *descending));
            }
        }
        if backend == DbBackend::Postgres {
            // SQLite finds out by itself how to walk an arm, and must not have a limit in it; PostgreSQL is told.
            if unassigned {
                keys.insert(0, lead::Column::AssigneeId.into_expr());
            }
            for key in keys {
                select.order_by_expr(key, direction(*descending));
            }
            select.limit(*limit);
        }
        arm.from_subquery(select, "arm").take()
    }
}

/// Whether some columns are beyond a place, where they are walked along together.
pub(super) fn beyond(columns: &[Expr], place: Vec<Expr>, descending: bool) -> Expr {
    let (columns, place) = match (columns, place.as_slice()) {
        ([column], [value]) => (column.clone(), value.clone()),
        _ => (Expr::tuple(columns.to_vec()), Expr::tuple(place)),
    };
    if descending { columns.lt(place) } else { columns.gt(place) }
}

fn arms<A>(scope: &LeadScope<A>, backend: DbBackend) -> Vec<Arm> {
    let clauses = scope.clauses();
    widest(&clauses).iter().flat_map(|clause| arms_of(clause, scope.user(), backend)).collect()
}

/// What every lead passes, or every lead that isn't blocked, makes the other ways needless: a user has one row on a lead, and
/// an assignee's is no block.
fn widest<'a, 'b>(clauses: &'b [Clause<'a>]) -> &'b [Clause<'a>] {
    match clauses.iter().position(is_widest) {
        Some(at) => &clauses[at..=at],
        None => clauses,
    }
}

fn is_widest(clause: &Clause<'_>) -> bool {
    matches!(clause.way, Way::Administrator | Way::Complete)
}

fn arms_of(clause: &Clause<'_>, user: UserId, backend: DbBackend) -> Vec<Arm> {
    let often = |tests: &[Test<'_>]| all(tests, user, Asked::Often, backend);
    let on_leads = |rows| Arm { rows, through_access: false, unassigned: false };
    match clause.tests.as_slice() {
        [Test::Given { in_full }] => {
            vec![Arm { rows: given(user, *in_full, backend), through_access: true, unassigned: false }]
        }
        [Test::InGroups(groups), rest @ ..] if groups.len() <= MOST_GROUP_ARMS => {
            groups.iter().map(|group| on_leads(often(rest).add(lead::Column::GroupId.eq(group.uuid())))).collect()
        }
        tests => vec![Arm { unassigned: tests.contains(&Test::Unassigned), ..on_leads(often(tests)) }],
    }
}

fn all(tests: &[Test<'_>], user: UserId, asked: Asked, backend: DbBackend) -> Condition {
    tests.iter().map(|test| passes(test, user, asked, backend)).fold(Condition::all(), Condition::add)
}

/// A test of the row of `leads` at hand.
fn passes(test: &Test<'_>, user: UserId, asked: Asked, backend: DbBackend) -> Condition {
    match test {
        Test::Assigned => lead::Column::AssigneeId.eq(user.uuid()).into(),
        Test::WithinGrace(grace) => Condition::any()
            .add(lead::Column::State.ne(LeadState::Resolved.word()))
            .add(lead::Column::ResolveTime.into_expr().gt(now(backend).sub(micros_of(*grace)))),
        Test::Given { in_full } => {
            let mut rows = row_of_lead().filter(given(user, *in_full, backend)).into_query();
            if asked == Asked::Often && backend == DbBackend::Postgres {
                // As a value it is looked up for each lead; of EXISTS the planner may make a table of all that was ever given.
                return Expr::SubQuery(None, Box::new(rows.limit(1).take().into())).is_not_null().into();
            }
            Expr::exists(rows).into()
        }
        // An empty set of groups means no rows: `is_in` of nothing is false.
        Test::InGroups(groups) => lead::Column::GroupId.is_in(groups.iter().map(|group| group.uuid())).into(),
        Test::Unassigned => lead::Column::AssigneeId.is_null().into(),
        Test::NotBlocked => {
            use lead_access::Column;
            let block = row_of_lead()
                .filter(Column::UserId.eq(user.uuid()))
                .filter(Column::Kind.into_expr().eq(word(AccessKind::Blocked.word())));
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

/// A word as it stands in the conditions of partial indexes: as a parameter, it would not be known there.
fn word(word: &'static str) -> Expr {
    Expr::Constant(Value::from(word))
}

fn row_of_lead() -> sea_orm::Select<lead_access::Entity> {
    lead_access::Entity::find()
        .select_only()
        .expr(Expr::val(1))
        .filter(lead_access::Column::LeadId.into_expr().eq(lead::Column::Id.into_expr()))
}
