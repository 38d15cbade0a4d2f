//! Filters as text, in one spelling, with no more parentheses than the text that they came from.

use std::fmt;

use chrono::SecondsFormat;

use super::{Filter, Node, Test, Value};

/// A text in quotes, so that it is read as it is.
pub(in crate::query) fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// A piece of a text in a message: short, and nothing that a terminal would obey.
pub(in crate::query) fn shown(text: &str) -> String {
    let mut start: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().nth(40).is_some() {
        start.push('…');
    }
    format!("`{start}`")
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '*') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.as_ref().map_or(Ok(()), |root| root.fmt(f))
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // OR binds tighter than AND.
            Self::All(children) => join(f, children, " AND ", |child| matches!(child, Self::All(_))),
            Self::Any(children) => join(f, children, " OR ", |child| matches!(child, Self::All(_) | Self::Any(_))),
            Self::Not(child) => {
                f.write_str("NOT ")?;
                enclose(f, child, !matches!(**child, Self::Test(..)))
            }
            Self::Test(field, Test::Present) => write!(f, "{field}:*"),
            Self::Test(field, Test::Contains(text)) => write!(f, "{field}:{}", quoted(text)),
            Self::Test(field, Test::Compare(comparison, value)) => write!(f, "{field} {} {value}", comparison.symbol()),
        }
    }
}

fn join(f: &mut fmt::Formatter<'_>, nodes: &[Node], between: &str, enclosed: fn(&Node) -> bool) -> fmt::Result {
    for (at, node) in nodes.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        enclose(f, node, enclosed(node))?;
    }
    Ok(())
}

fn enclose(f: &mut fmt::Formatter<'_>, node: &Node, enclosed: bool) -> fmt::Result {
    if enclosed { write!(f, "({node})") } else { write!(f, "{node}") }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Name(text) => f.write_str(&quoted(text)),
            Self::Pattern { start, text, end } => {
                let star = |wanted: &bool| if *wanted { "*" } else { "" };
                write!(f, "\"{}{}{}\"", star(start), escaped(text), star(end))
            }
            Self::Word(word) => f.write_str(word),
            Self::Time(time) => write!(f, "\"{}\"", time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            Self::Flag(flag) => flag.fmt(f),
            Self::Id(id) => write!(f, "\"{}\"", id.hyphenated()),
        }
    }
}
