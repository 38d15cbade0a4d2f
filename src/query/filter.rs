//! Filters: a subset of AIP-160, typed against the fields of leads. `docs/filters.md` is their manual.
//!
//! A filter has two values: a test of something unset is false, `!=` is the negation of `=`, and NOT the complement.

mod lexer;
mod parser;
mod print;
#[cfg(test)]
mod tests;
mod typing;

use uuid::Uuid;

use super::fields::Field;
use crate::model::Time;

pub(super) use lexer::{is_word, unquoted};
pub(super) use print::{quoted, shown};

/// Which leads are asked for. Never more deeply nested than the limits say, so that it can be walked recursively.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    root: Option<Node>,
}

/// A condition on a lead. The children of one kind are never of that kind themselves, and at least two; what is negated is no negation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Node {
    /// All of them hold.
    All(Vec<Self>),
    /// Any of them holds.
    Any(Vec<Self>),
    /// It doesn't hold.
    Not(Box<Self>),
    /// The field passes the test.
    Test(Field, Test),
}

/// A test of one field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Test {
    /// The field is set.
    Present,
    /// The field, in lower case, contains this, which is in lower case and not empty. For text only.
    Contains(String),
    /// The field compares so with the value. All but `Eq` and `Ne` are for text and times only.
    Compare(Comparison, Value),
}

/// How a field is held against a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    /// Equal.
    Eq,
    /// Not equal, or unset.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
}

/// What a field is compared with, of the field's kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// Text; for e-mails in lower case, for countries in upper case.
    Text(String),
    /// Text with anything before or after it, or both. Compared by `Eq` and `Ne` alone; never empty.
    Pattern {
        /// Anything may come before the text.
        start: bool,
        /// The text, folded as plain text is.
        text: String,
        /// Anything may come after the text.
        end: bool,
    },
    /// A word as stored.
    Word(&'static str),
    /// An instant.
    Time(Time),
    /// Yes or no.
    Flag(bool),
    /// A lead, user or group.
    Id(Uuid),
    /// A user by e-mail or name, a group by name, or an entry of a pick list by name; as written.
    Name(String),
}

/// What is wrong with a filter, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("at byte {offset}: {message}")]
pub struct Fault {
    /// In bytes from the start of the text; at most its length, and between two characters.
    pub offset: usize,
    /// What was found, and what is possible.
    pub message: String,
}

impl Filter {
    /// How long the text of a filter may be, in bytes.
    pub const LONGEST: usize = 4096;
    /// How deep parentheses may be nested.
    pub const DEEPEST: usize = 16;
    /// How many tests a filter may have.
    pub const MOST_TESTS: usize = 64;

    /// Reads a filter; an empty text is the filter that all leads pass.
    ///
    /// # Errors
    /// The first fault of the text.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        Ok(Self::parse_with_places(text)?.0)
    }

    /// The same, and at which bytes of the text its [names](Self::names) stand.
    ///
    /// # Errors
    /// The first fault of the text.
    pub fn parse_with_places(text: &str) -> Result<(Self, Vec<usize>), Fault> {
        let (root, places) = parser::parse(text)?;
        Ok((Self { root }, places))
    }

    /// What refers to this lead, user or group in a field of such.
    pub fn refers(field: Field, id: Uuid) -> Self {
        Self { root: Some(Node::Test(field, Test::Compare(Comparison::Eq, Value::Id(id)))) }
    }

    /// The condition; none: all leads pass.
    pub const fn root(&self) -> Option<&Node> {
        self.root.as_ref()
    }

    /// What passes both. May come out larger than a text may be.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let root = match (self.root, other.root) {
            (Some(one), Some(other)) => Some(Node::all(vec![one, other])),
            (one, other) => one.or(other),
        };
        Self { root }
    }

    /// All of its tests, in the order of the text.
    pub fn tests(&self) -> impl Iterator<Item = (&Field, &Test)> {
        let mut tests = Vec::new();
        if let Some(root) = &self.root {
            root.gather(&mut tests);
        }
        tests.into_iter()
    }

    /// The names of users and groups in it, with the fields that are compared with them, in the order of the text.
    pub fn names(&self) -> impl Iterator<Item = (&Field, &str)> {
        self.tests().filter_map(|(field, test)| Some((field, test.name_for_id(field)?)))
    }

    /// The filter with IDs where users and groups are given by name, in the order of [`names`](Self::names). A name for which the lookup
    /// finds nobody stays.
    #[must_use]
    pub fn with_ids(self, mut lookup: impl FnMut(&Field, &str) -> Option<Uuid>) -> Self {
        Self { root: self.root.map(|root| root.with_ids(&mut lookup)) }
    }
}

impl Node {
    fn all(nodes: Vec<Self>) -> Self {
        let mut flat = Vec::new();
        for node in nodes {
            match node {
                Self::All(children) => flat.extend(children),
                other => flat.push(other),
            }
        }
        if flat.len() == 1 { flat.swap_remove(0) } else { Self::All(flat) }
    }

    fn any(nodes: Vec<Self>) -> Self {
        let mut flat = Vec::new();
        for node in nodes {
            match node {
                Self::Any(children) => flat.extend(children),
                other => flat.push(other),
            }
        }
        if flat.len() == 1 { flat.swap_remove(0) } else { Self::Any(flat) }
    }

    fn not(node: Self) -> Self {
        match node {
            Self::Not(negated) => *negated,
            other => Self::Not(Box::new(other)),
        }
    }

    fn gather<'a>(&'a self, tests: &mut Vec<(&'a Field, &'a Test)>) {
        match self {
            Self::All(children) | Self::Any(children) => children.iter().for_each(|child| child.gather(tests)),
            Self::Not(child) => child.gather(tests),
            Self::Test(field, test) => tests.push((field, test)),
        }
    }

    fn with_ids(self, lookup: &mut impl FnMut(&Field, &str) -> Option<Uuid>) -> Self {
        match self {
            Self::All(children) => Self::All(children.into_iter().map(|child| child.with_ids(lookup)).collect()),
            Self::Any(children) => Self::Any(children.into_iter().map(|child| child.with_ids(lookup)).collect()),
            Self::Not(child) => Self::Not(Box::new(child.with_ids(lookup))),
            Self::Test(field, Test::Compare(comparison, Value::Name(name))) if field.is_reference() => {
                let value = lookup(&field, &name).map_or(Value::Name(name), Value::Id);
                Self::Test(field, Test::Compare(comparison, value))
            }
            test @ Self::Test(..) => test,
        }
    }
}

impl Test {
    /// The name that stands for an ID; entries of pick lists are compared by their names.
    fn name_for_id(&self, field: &Field) -> Option<&str> {
        match self {
            Self::Compare(_, Value::Name(name)) if field.is_reference() => Some(name),
            _ => None,
        }
    }
}

impl Comparison {
    /// Every comparison.
    pub const ALL: &[Self] = &[Self::Eq, Self::Ne, Self::Lt, Self::Le, Self::Gt, Self::Ge];

    /// As it is written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }
}

impl Fault {
    fn at(offset: usize, message: impl Into<String>) -> Self {
        Self { offset, message: message.into() }
    }
}
