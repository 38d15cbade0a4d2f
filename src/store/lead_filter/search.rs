//! Parts of texts that leads are searched for. Those of names, e-mails, phones and external IDs are in an index, by their trigrams.

use sea_orm::{
    ColumnTrait, Condition, DbBackend, EntityTrait, IdenStatic, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{BinOper, Expr, ExprTrait, Func, Query, SelectStatement},
};

use super::{Filters, conjuncts};
use crate::{
    query::{
        fields::Field,
        filter::{Filter, Node, Test},
    },
    store::entity::{lead, lead_search},
};

/// Shorter parts have no trigram to be found by.
const SHORTEST: usize = 3;
/// So many trigrams leave few leads, which are looked at anyway.
const MOST_TRIGRAMS: usize = 32;

/// The index on SQLite.
const TRIGRAMS: &str = "lead_search_trigrams";

/// A text, in lower case, and the column that is to contain it.
type Part<'a> = (lead_search::Column, &'a str);

impl Filters {
    /// The leads in which the index finds what the filter looks for. None where it looks for nothing that the index knows.
    pub(in crate::store) fn found(self, filter: &Filter) -> Option<SelectStatement> {
        let searches = conjuncts(filter).filter_map(parts);
        let searches = searches.filter(|parts| parts.iter().all(|(_, text)| self.has_trigrams(text)));
        let searches: Vec<Vec<Part<'_>>> = searches.collect();
        if searches.is_empty() {
            return None;
        }
        let mut found = Query::select();
        found.expr_as(lead_search::Column::LeadId.into_expr(), "id");
        if self.backend == DbBackend::Postgres {
            found.from(lead_search::Entity);
        } else {
            let number = Expr::col((TRIGRAMS, "rowid")).eq(Expr::col((lead_search::Entity, "number")));
            found
                .from(TRIGRAMS)
                .cross_join(lead_search::Entity)
                .and_where(Expr::cust_with_values("\"lead_search_trigrams\" MATCH ?", [words(&searches)]))
                .and_where(number);
        }
        for parts in &searches {
            found.cond_where(self.any_of(parts));
        }
        Some(found)
    }

    /// Whether the row of `leads` at hand has any of some parts.
    pub(super) fn searched_for(self, parts: &[Part<'_>]) -> Expr {
        let exact = self.searched(self.any_of(parts));
        match parts.iter().map(|(column, text)| self.at_a_glance(*column, text)).collect::<Option<Vec<_>>>() {
            Some(glances) => Expr::expr(glances.into_iter().fold(Condition::any(), Condition::add)).and(exact),
            None => exact,
        }
    }

    /// Whether what is searched of the row of `leads` at hand passes.
    pub(super) fn searched(self, test: Condition) -> Expr {
        let row = lead_search::Entity::find()
            .select_only()
            .expr(Expr::val(1))
            .filter(lead_search::Column::LeadId.into_expr().eq(lead::Column::Id.into_expr()))
            .filter(test);
        // OFFSET keeps the planner from joining.
        let row = if self.by_lead && self.backend == DbBackend::Postgres { row.offset(0) } else { row };
        Expr::exists(row.into_query())
    }

    fn any_of(self, parts: &[Part<'_>]) -> Condition {
        parts.iter().map(|(column, text)| self.has_indexed(*column, text)).fold(Condition::any(), Condition::add)
    }

    /// Whether a column of the index contains a text. On PostgreSQL the text stands in the statement: only then is it planned by how
    /// many leads have it, and few must be looked for in another way than many.
    fn has_indexed(self, column: lead_search::Column, text: &str) -> Expr {
        if self.backend != DbBackend::Postgres {
            return self.has(column.into_expr(), text);
        }
        let mut pattern = String::from("%");
        for character in text.chars() {
            if matches!(character, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern.push('%');
        column.into_expr().binary(BinOper::Like, Expr::Constant(pattern.into()))
    }

    /// Whether the index can say who has this. PostgreSQL's knows letters and digits alone.
    fn has_trigrams(self, text: &str) -> bool {
        let is_known = |character: char| self.backend != DbBackend::Postgres || character.is_alphanumeric();
        text.split(|character| !is_known(character)).any(|run| run.chars().count() >= SHORTEST)
    }

    /// Whether the row of `leads` at hand can have a text that is too short for the index, as far as the databases know of lower case:
    /// what is searched is then looked up for few. Beyond them, a Kelvin sign and an I with a dot have letters of English for their
    /// lower case.
    fn at_a_glance(self, column: lead_search::Column, text: &str) -> Option<Expr> {
        if text.chars().count() >= SHORTEST || !text.is_ascii() {
            return None;
        }
        let column = match column {
            lead_search::Column::Name => lead::Column::Name,
            lead_search::Column::Email => lead::Column::EmailKey,
            lead_search::Column::Phone => lead::Column::Phone,
            lead_search::Column::ExternalId => lead::Column::ExternalId,
            _ => return None,
        };
        let lower = self.has(Func::lower(column.into_expr()).into(), text);
        let odd = [('k', "\u{212a}"), ('i', "\u{130}")].into_iter().filter(|(lower, _)| text.contains(*lower));
        Some(odd.fold(lower, |any, (_, upper)| any.or(self.has(column.into_expr(), upper))))
    }
}

/// The parts of which a node asks any, and nothing else.
pub(super) fn parts(node: &Node) -> Option<Vec<Part<'_>>> {
    match node {
        Node::Test(field, Test::Contains(text)) if !text.contains('\0') => Some(vec![(indexed(field)?, text)]),
        Node::Any(nodes) => nodes.iter().map(parts).collect::<Option<Vec<_>>>().map(|parts| parts.concat()),
        _ => None,
    }
}

fn indexed(field: &Field) -> Option<lead_search::Column> {
    match field {
        Field::Name => Some(lead_search::Column::Name),
        Field::Email => Some(lead_search::Column::Email),
        Field::Phone => Some(lead_search::Column::Phone),
        Field::ExternalId => Some(lead_search::Column::ExternalId),
        _ => None,
    }
}

/// What SQLite's index is asked for: any part of each search, by its trigrams, which need not stand together there.
fn words(searches: &[Vec<Part<'_>>]) -> String {
    let part = |(column, text): &Part<'_>| {
        let characters: Vec<char> = text.chars().collect();
        let trigrams = characters.windows(SHORTEST).take(MOST_TRIGRAMS).map(|trigram| {
            let trigram: String = trigram.iter().collect();
            format!("{} : \"{}\"", column.as_str(), trigram.replace('"', "\"\""))
        });
        format!("({})", trigrams.collect::<Vec<_>>().join(" AND "))
    };
    let any = |parts: &Vec<Part<'_>>| format!("({})", parts.iter().map(part).collect::<Vec<_>>().join(" OR "));
    searches.iter().map(any).collect::<Vec<_>>().join(" AND ")
}
