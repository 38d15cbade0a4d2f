//! What an order of leads is in SQL.

use std::slice;

use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, NullOrdering, SelectStatement},
};
use uuid::Uuid;

use crate::{
    query::{
        fields::Field,
        order::{Cursor, CursorValue, Order},
    },
    store::{
        entity::{lead, pick_list_entry as entry},
        visible::{beyond, direction},
    },
};

/// An order of leads: keys, then the identity, which decides between those that have the same. What a lead has for them is what
/// [`Order::place`] says.
#[derive(Clone, Debug)]
pub(super) struct Ranking {
    /// Without the time of creation, since that is what the identities sort by.
    keys: Vec<Rank>,
    /// Whether the identities descend.
    pub(super) descending: bool,
}

/// One key.
#[derive(Clone, Debug)]
pub(super) struct Rank {
    pub(super) field: Field,
    pub(super) descending: bool,
}

/// Which of the leads of an order are at hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// All.
    Whole,
    /// Those that have its first key.
    Set,
    /// Those that have not.
    Unset,
    /// Those of one stage, in an order by stages first.
    OfStage,
}

/// In which row the stage of a lead is looked up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stages {
    /// In none that is at hand.
    Apart,
    /// In the one that a statement joins under this name.
    Joined(&'static str),
}

impl Ranking {
    pub(super) fn of(order: &Order) -> Self {
        let keys = order.0.iter().filter(|key| key.field != Field::CreateTime);
        Self {
            keys: keys.map(|key| Rank { field: key.field.clone(), descending: key.descending }).collect(),
            descending: order.0.last().is_none_or(|key| key.descending),
        }
    }

    pub(super) fn keys(&self) -> &[Rank] {
        &self.keys
    }

    /// Sorts rows of leads.
    pub(super) fn sort(&self, rows: &mut SelectStatement, part: Part, stages: Stages) {
        for (at, rank) in self.keys.iter().enumerate() {
            let order = direction(rank.descending);
            match part {
                Part::OfStage if at == 0 => {}
                // Nothing to sort by; but PostgreSQL knows only so that the rest is in the order of the index.
                Part::Unset if at == 0 && rank.has_unset_in_index() => {
                    rows.order_by_expr(rank.column().into_expr(), order);
                }
                Part::Unset if at == 0 => {}
                // As the index has them, which is said of none without the key.
                Part::Set if at == 0 => {
                    rows.order_by_expr(rank.expr(stages), order);
                }
                _ if !rank.is_nullable() => {
                    rows.order_by_expr(rank.expr(stages), order);
                }
                _ => {
                    rows.order_by_expr_with_nulls(rank.expr(stages), order, NullOrdering::Last);
                }
            }
        }
        rows.order_by_expr(lead::Column::Id.into_expr(), direction(self.descending));
    }

    /// Whether a lead of some part comes after a place in it.
    pub(super) fn after(&self, place: &Cursor, part: Part, stages: Stages) -> Condition {
        let id = lead::Column::Id.into_expr();
        if part == Part::Set
            && let [rank] = self.keys.as_slice()
            && let [Some(value), ..] = place.keys.as_slice()
            && rank.descending == self.descending
        {
            // One comparison, with which an index is entered.
            let columns = [rank.expr(stages), id];
            return beyond(&columns, vec![constant(value), Expr::val(place.id)], self.descending).into();
        }
        if part == Part::OfStage
            && let [rank] = self.keys.as_slice()
            && let [Some(value), ..] = place.keys.as_slice()
        {
            // The index of each stage is entered somewhere: that of the place's own there, the others at their start.
            let start = if self.descending { Uuid::max() } else { Uuid::nil() };
            let from = Expr::case(rank.expr(stages).eq(constant(value)), place.id).finally(start);
            return beyond(&[id], vec![from.into()], self.descending).into();
        }
        let mut after = Condition::all().add(beyond(&[id], vec![Expr::val(place.id)], self.descending));
        for (at, rank) in self.keys.iter().enumerate().rev() {
            let known = at == 0 && part != Part::Whole;
            let expr = rank.expr(stages);
            after = match place.keys.get(at).and_then(Option::as_ref) {
                Some(value) => {
                    let value = constant(value);
                    let later = beyond(slice::from_ref(&expr), vec![value.clone()], rank.descending);
                    let same = Condition::all().add(expr.clone().eq(value.clone())).add(after);
                    let unset = (rank.is_nullable() && !known).then(|| expr.clone().is_null());
                    let after = Condition::any().add(later).add_option(unset).add(same);
                    // Said once more, so that an index is entered there.
                    let from = if rank.descending { expr.lte(value) } else { expr.gte(value) };
                    Condition::all().add_option((part == Part::Set && known).then_some(from)).add(after)
                }
                None if known => after,
                None => Condition::all().add(expr.is_null()).add(after),
            };
        }
        after
    }
}

impl Rank {
    /// What leads are ranked by; for stages, their names whatever the case.
    pub(super) fn expr(&self, stages: Stages) -> Expr {
        match (self.column(), stages) {
            (lead::Column::StageId, Stages::Joined(name)) => Expr::col((name, entry::Column::NameKey)),
            (lead::Column::StageId, Stages::Apart) => {
                let name = entry::Entity::find()
                    .select_only()
                    .column(entry::Column::NameKey)
                    .filter(entry::Column::Id.into_expr().eq(lead::Column::StageId.into_expr()));
                Expr::SubQuery(None, Box::new(name.into_query().into()))
            }
            (column, _) => column.into_expr(),
        }
    }

    /// What is unset where the key is.
    pub(super) fn column(&self) -> lead::Column {
        match self.field {
            Field::Name => lead::Column::Name,
            Field::Country => lead::Column::Country,
            Field::Stage => lead::Column::StageId,
            Field::ExternalId => lead::Column::ExternalId,
            Field::NextContactTime => lead::Column::NextContactTime,
            Field::RegisterTime => lead::Column::RegisterTime,
            Field::FirstDepositTime => lead::Column::FirstDepositTime,
            Field::AssignTime => lead::Column::AssignTime,
            // The others are no keys.
            _ => lead::Column::UpdateTime,
        }
    }

    pub(super) fn is_nullable(&self) -> bool {
        self.field != Field::UpdateTime
    }

    /// Whether an index has the leads in this order. None has those that move with each change, or each assignment: all the others
    /// would have to follow.
    pub(super) fn is_indexed(&self) -> bool {
        !matches!(self.field, Field::UpdateTime | Field::AssignTime)
    }

    /// Whether that index has the leads without the key too.
    pub(super) fn has_unset_in_index(&self) -> bool {
        matches!(self.field, Field::Name | Field::Country | Field::Stage)
    }
}

fn constant(value: &CursorValue) -> Expr {
    match value {
        CursorValue::Text(text) => Expr::val(text.as_str()),
        CursorValue::Number(number) => Expr::val(*number),
    }
}
