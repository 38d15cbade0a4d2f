//! A filter as a condition of the row of `leads` at hand. As in the filter itself, what is said of something unset is false, and so
//! its negation is true: NOT asks whether a condition is anything but true.

mod search;

use sea_orm::{
    ColumnTrait, Condition, DbBackend, EntityTrait, Order, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, Func, Query, SelectStatement},
};

use super::{
    entity::{lead, lead_search, order, pick_list_entry},
    key, micros,
};
use crate::{
    model::{lead::LeadState, order::OrderStatus, permission::OrderVisibility, pick_list::PickList},
    query::{
        fields::Field,
        filter::{Comparison, Filter, Node, Test, Value},
    },
};

/// Filters in the words of a database, for whoever sees so many orders.
#[derive(Clone, Copy)]
pub(super) struct Filters {
    pub(super) orders: OrderVisibility,
    pub(super) backend: DbBackend,
    /// Whether indexes may answer what all leads must be. Where leads are walked along one in their order, SQLite would take another
    /// that has them in none.
    pub(super) by_index: bool,
    /// Whether texts are looked up for one lead after the other. PostgreSQL would otherwise walk along the texts, past those of pages before.
    pub(super) by_lead: bool,
}

impl Filters {
    /// Whether the row of `leads` at hand passes.
    pub(super) fn passes(self, filter: &Filter) -> Condition {
        let each =
            conjuncts(filter).map(|node| Self { by_index: self.by_index && is_pick(node, true), ..self }.node(node));
        each.fold(Condition::all(), Condition::add)
    }

    /// Those of its conditions that all must hold and that indexes of `leads` answer by themselves. None where there are none.
    pub(super) fn picks(self, filter: &Filter) -> Option<Condition> {
        let picks: Vec<Condition> =
            conjuncts(filter).filter(|node| is_pick(node, false)).map(|node| self.node(node)).collect();
        (!picks.is_empty()).then(|| picks.into_iter().fold(Condition::all(), Condition::add))
    }

    fn node(self, node: &Node) -> Condition {
        match node {
            Node::All(nodes) => nodes.iter().map(|node| self.node(node)).fold(Condition::all(), Condition::add),
            Node::Any(nodes) => match search::parts(node) {
                Some(parts) => self.searched_for(&parts).into(),
                None => nodes.iter().map(|node| self.node(node)).fold(Condition::any(), Condition::add),
            },
            Node::Not(node) => match node.as_ref() {
                // In words that an index knows.
                Node::Test(field, Test::Present) => self.column(field).is_null().into(),
                node => not(Expr::expr(self.node(node))).into(),
            },
            Node::Test(field, test) => match search::parts(node) {
                Some(parts) => self.searched_for(&parts).into(),
                None => self.test(field, test).into(),
            },
        }
    }

    fn test(self, field: &Field, test: &Test) -> Expr {
        match test {
            Test::Present => self.column(field).is_not_null(),
            Test::Contains(text) => self.contains(field, text),
            Test::Compare(Comparison::Ne, value) => not(self.compares(field, Comparison::Eq, value)),
            Test::Compare(comparison, value) => self.compares(field, *comparison, value),
        }
    }

    fn compares(self, field: &Field, comparison: Comparison, value: &Value) -> Expr {
        let column = self.column(field);
        match value {
            // Neither database stores such a text, and PostgreSQL takes none.
            Value::Text(text) | Value::Pattern { text, .. } | Value::Name(text) if text.contains('\0') => never(),
            Value::Text(text) => compare(column, comparison, text.as_str().into()),
            Value::Pattern { start, text, end } => self.matches(column, (*start, text, *end)),
            Value::Word(word) if *field == Field::Kind => self.is_of_kind(word),
            Value::Word(word) => compare(column, comparison, (*word).into()),
            Value::Time(time) => compare(column, comparison, micros(*time).into()),
            Value::Flag(flag) => column.eq(*flag),
            Value::Id(id) => column.eq(*id),
            Value::Name(name) => match list(field) {
                Some(list) => column.eq(entry(list, name)),
                // Users and groups have been looked up.
                None => never(),
            },
        }
    }

    /// What the row has for a field; for e-mails in lower case.
    fn column(self, field: &Field) -> Expr {
        let column = match field {
            Field::Id => lead::Column::Id,
            Field::ExternalId => lead::Column::ExternalId,
            Field::Name => lead::Column::Name,
            Field::Email => lead::Column::EmailKey,
            Field::EmailConfirmed => lead::Column::EmailConfirmed,
            Field::Phone => lead::Column::Phone,
            Field::Country => lead::Column::Country,
            Field::Locale => lead::Column::Locale,
            Field::Source => lead::Column::Source,
            Field::Campaign => lead::Column::Campaign,
            Field::State => lead::Column::State,
            Field::Stage => lead::Column::StageId,
            Field::DiscardReason => lead::Column::DiscardReasonId,
            Field::Disposition => lead::Column::DispositionId,
            Field::NextContactTime => lead::Column::NextContactTime,
            Field::Assignee => lead::Column::AssigneeId,
            Field::Group => lead::Column::GroupId,
            Field::CreatedBy => lead::Column::CreatedBy,
            Field::RegisterTime => lead::Column::RegisterTime,
            Field::FirstDepositTime => lead::Column::FirstDepositTime,
            Field::AssignTime => lead::Column::AssignTime,
            Field::DiscardTime => lead::Column::DiscardTime,
            Field::ResolveTime => lead::Column::ResolveTime,
            Field::CreateTime => lead::Column::CreateTime,
            Field::UpdateTime => lead::Column::UpdateTime,
            // Derived, and always set.
            Field::Kind => lead::Column::Id,
            Field::LastOrderStatus => return self.last_order_status(),
            Field::Attribute(key) => return self.attribute(lead::Column::Attributes.into_expr(), key),
        };
        self.plain(column)
    }

    fn plain(self, column: lead::Column) -> Expr {
        if self.by_index || self.backend == DbBackend::Postgres {
            return column.into_expr();
        }
        Expr::cust_with_expr("+?", column.into_expr())
    }

    fn is_of_kind(self, word: &str) -> Expr {
        let registered = || self.plain(lead::Column::RegisterTime);
        let deposited = || self.plain(lead::Column::FirstDepositTime);
        match word {
            "LEAD" => registered().is_null().and(deposited().is_null()),
            "REGISTRATION" => registered().is_not_null().and(deposited().is_null()),
            "CLIENT" => deposited().is_not_null(),
            _ => never(),
        }
    }

    /// Whether a field contains a text, which is in lower case.
    fn contains(self, field: &Field, text: &str) -> Expr {
        if text.contains('\0') {
            return never();
        }
        match field {
            Field::Attribute(key) => {
                let attribute = self.attribute(lead_search::Column::Attributes.into_expr(), key);
                self.searched(self.has(attribute, text).into())
            }
            Field::Campaign => self.searched(self.has(lead_search::Column::Campaign.into_expr(), text).into()),
            // Codes: there the databases know lower case too.
            Field::Country | Field::Locale => self.has(Func::lower(self.column(field)).into(), text),
            // No other field has texts in it.
            _ => never(),
        }
    }

    fn has(self, column: Expr, text: &str) -> Expr {
        let position = if self.backend == DbBackend::Postgres { "strpos" } else { "instr" };
        Expr::from(Func::cust(position).arg(column).arg(Expr::val(text))).gt(0)
    }

    /// A text with anything before it or after it.
    fn matches(self, column: Expr, (start, text, end): (bool, &str, bool)) -> Expr {
        match (start, end) {
            (true, true) => self.has(column, text),
            (true, false) => self.ends(column, text),
            // As a range, which an index answers.
            (false, true) => match after_all_that_start_with(text) {
                Some(after) => column.clone().gte(text).and(column.lt(after)),
                None => column.gte(text),
            },
            (false, false) => column.eq(text),
        }
    }

    fn ends(self, column: Expr, text: &str) -> Expr {
        let length = i32::try_from(text.chars().count()).unwrap_or(i32::MAX);
        let end = match self.backend {
            DbBackend::Postgres => Func::cust("right").arg(column).arg(Expr::val(length)),
            _ => Func::cust("substr").arg(column).arg(Expr::val(-length)),
        };
        Expr::from(end).eq(text)
    }

    /// An attribute out of many, ordered as text is everywhere.
    fn attribute(self, attributes: Expr, key: &str) -> Expr {
        let parts = [attributes, Expr::val(key)];
        match self.backend {
            DbBackend::Postgres => Expr::cust_with_exprs("(($1)::jsonb ->> $2) COLLATE \"C\"", parts),
            _ => Expr::cust_with_exprs("(SELECT \"value\" FROM json_each(?) WHERE \"key\" = ?)", parts),
        }
    }

    /// Of the most recent order that is seen; of several placed at once, the last created counts.
    fn last_order_status(self) -> Expr {
        let of_order = |column: order::Column| Expr::col(("last_order", column));
        let mut last = Query::select();
        last.expr(of_order(order::Column::Status))
            .from_as(order::Entity, "last_order")
            .and_where(of_order(order::Column::LeadId).eq(lead::Column::Id.into_expr()))
            .order_by_expr(of_order(order::Column::PlaceTime), Order::Desc)
            .order_by_expr(of_order(order::Column::Id), Order::Desc)
            .limit(1);
        if self.orders == OrderVisibility::PartialOnly {
            last.and_where(of_order(order::Column::Status).eq(OrderStatus::Partial.word()));
        }
        subquery(last)
    }
}

/// Those of some states in which a lead can pass the filter.
pub(super) fn possible(filter: &Filter, states: &[LeadState]) -> Vec<LeadState> {
    let passes = |state: &LeadState| filter.root().and_then(|root| decided(root, *state)) != Some(false);
    states.iter().copied().filter(passes).collect()
}

/// Whether leads in a state pass; none where that is not for the state to decide.
fn decided(node: &Node, state: LeadState) -> Option<bool> {
    let each = |nodes: &[Node]| nodes.iter().map(|node| decided(node, state)).collect::<Vec<_>>();
    let unless = |nodes: &[Node], decisive: bool| match each(nodes) {
        nodes if nodes.contains(&Some(decisive)) => Some(decisive),
        nodes if nodes.contains(&None) => None,
        _ => Some(!decisive),
    };
    match node {
        Node::All(nodes) => unless(nodes, false),
        Node::Any(nodes) => unless(nodes, true),
        Node::Not(node) => decided(node, state).map(|passes| !passes),
        Node::Test(Field::State, Test::Compare(Comparison::Eq, Value::Word(word))) => Some(*word == state.word()),
        Node::Test(Field::State, Test::Compare(Comparison::Ne, Value::Word(word))) => Some(*word != state.word()),
        Node::Test(..) => None,
    }
}

/// The nodes that all must pass.
fn conjuncts(filter: &Filter) -> impl Iterator<Item = &Node> {
    let nodes = match filter.root() {
        Some(Node::All(nodes)) => nodes.as_slice(),
        Some(root) => std::slice::from_ref(root),
        None => &[],
    };
    nodes.iter()
}

/// Whether an index answers it: with the leads that have a value, or, unless that is too much, with those whose text starts with one.
fn is_pick(node: &Node, one_value: bool) -> bool {
    let Node::Test(field, Test::Compare(Comparison::Eq, value)) = node else { return false };
    let answered = match value {
        Value::Pattern { start, .. } => !start && !one_value,
        _ => true,
    };
    answered
        && matches!(
            field,
            Field::Stage
                | Field::Country
                | Field::Assignee
                | Field::Group
                | Field::Name
                | Field::Email
                | Field::Phone
                | Field::ExternalId
        )
}

fn compare(column: Expr, comparison: Comparison, value: Expr) -> Expr {
    match comparison {
        Comparison::Eq => column.eq(value),
        Comparison::Ne => not(column.eq(value)),
        Comparison::Lt => column.lt(value),
        Comparison::Le => column.lte(value),
        Comparison::Gt => column.gt(value),
        Comparison::Ge => column.gte(value),
    }
}

fn list(field: &Field) -> Option<PickList> {
    match field {
        Field::Stage => Some(PickList::Stage),
        Field::DiscardReason => Some(PickList::DiscardReason),
        Field::Disposition => Some(PickList::Disposition),
        _ => None,
    }
}

/// The entry that a name stands for, whatever the case.
fn entry(list: PickList, name: &str) -> Expr {
    let entry = pick_list_entry::Entity::find()
        .select_only()
        .column(pick_list_entry::Column::Id)
        .filter(pick_list_entry::Column::List.eq(list.word()))
        .filter(pick_list_entry::Column::NameKey.eq(key(name)));
    subquery(entry.into_query())
}

/// The least text after all that start with this one, in the order of code points; none where there is no such.
fn after_all_that_start_with(text: &str) -> Option<String> {
    let mut start: Vec<char> = text.chars().collect();
    while let Some(last) = start.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            start.push(next);
            return Some(start.into_iter().collect());
        }
    }
    None
}

fn subquery(select: SelectStatement) -> Expr {
    Expr::SubQuery(None, Box::new(select.into()))
}

fn not(expr: Expr) -> Expr {
    expr.is_not(Expr::Constant(true.into()))
}

fn never() -> Expr {
    Expr::val(1).eq(0)
}
