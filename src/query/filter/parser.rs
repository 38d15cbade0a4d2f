//! From tokens to a tree, by recursive descent. Only parentheses recurse, and they are counted.
//!
//! ```text
//! filter = [ all ]
//! all    = any  { AND any }
//! any    = term { OR term }
//! term   = [ NOT | - ] ( "(" all ")" | test )
//! test   = field ":" ( "*" | value ) | field comparison value
//! ```

use std::{iter::Peekable, vec::IntoIter};

use super::{
    Comparison, Fault, Filter, Node, Test, Value,
    lexer::{self, Placed, Quoted, Token},
    print::{quoted, shown},
    typing::{self, Literal},
};
use crate::query::fields::Field;

const KEYWORDS: [&str; 3] = ["AND", "OR", "NOT"];

/// The tree of a text, none where the text is empty; and where the names of users and groups stand in it.
pub(super) fn parse(text: &str) -> Result<(Option<Node>, Vec<usize>), Fault> {
    if text.len() > Filter::LONGEST {
        let message = format!("the filter has {} bytes; at most {} are possible", text.len(), Filter::LONGEST);
        return Err(Fault::at(text.floor_char_boundary(Filter::LONGEST), message));
    }
    let tokens = lexer::tokens(text)?.into_iter().peekable();
    let mut parser = Parser { text, tokens, depth: 0, tests: 0, names: Vec::new() };
    if parser.peek().is_none() {
        return Ok((None, Vec::new()));
    }
    let root = parser.all()?;
    match parser.peek() {
        None => Ok((Some(root), parser.names)),
        Some(_) => Err(parser.unexpected_after_term("AND, OR or the end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Peekable<IntoIter<Placed<'a>>>,
    /// How many parentheses are open.
    depth: usize,
    /// How many tests there have been.
    tests: usize,
    /// Where names of users and groups stand.
    names: Vec<usize>,
}

impl<'a> Parser<'a> {
    fn all(&mut self) -> Result<Node, Fault> {
        let mut nodes = vec![self.any()?];
        while self.eat(&Token::Word("AND")) {
            nodes.push(self.any()?);
        }
        Ok(Node::all(nodes))
    }

    fn any(&mut self) -> Result<Node, Fault> {
        let mut nodes = vec![self.term()?];
        while self.eat(&Token::Word("OR")) {
            nodes.push(self.term()?);
        }
        Ok(Node::any(nodes))
    }

    fn term(&mut self) -> Result<Node, Fault> {
        let negated = self.eat(&Token::Minus) || self.eat(&Token::Word("NOT"));
        let node = match self.peek() {
            Some(Token::Open) => self.parentheses()?,
            Some(Token::Minus | Token::Word("NOT")) if negated => return Err(self.unexpected("a field or (")),
            _ => self.test()?,
        };
        Ok(if negated { Node::not(node) } else { node })
    }

    fn parentheses(&mut self) -> Result<Node, Fault> {
        if self.depth == Filter::DEEPEST {
            let message = format!("parentheses are nested more than {} deep", Filter::DEEPEST);
            return Err(Fault::at(self.offset(), message));
        }
        self.tokens.next();
        self.depth += 1;
        let node = self.all()?;
        if !self.eat(&Token::Close) {
            return Err(self.unexpected_after_term("AND, OR or )"));
        }
        self.depth -= 1;
        Ok(node)
    }

    fn test(&mut self) -> Result<Node, Fault> {
        if self.tests == Filter::MOST_TESTS {
            let message = format!("the filter has more than {} tests", Filter::MOST_TESTS);
            return Err(Fault::at(self.offset(), message));
        }
        self.tests += 1;
        let field = self.field()?;
        let place = self.offset();
        let test = match self.peek() {
            Some(Token::Has) => {
                self.tokens.next();
                self.has(&field, place)?
            }
            Some(&Token::Compare(comparison)) => {
                self.tokens.next();
                self.compare(&field, comparison, place)?
            }
            _ => return Err(self.unexpected(&format!("{} after `{field}`", typing::operators(&field)))),
        };
        Ok(Node::Test(field, test))
    }

    fn field(&mut self) -> Result<Field, Fault> {
        let offset = self.offset();
        match self.peek() {
            Some(&Token::Word(word)) if !KEYWORDS.contains(&word) => {
                self.tokens.next();
                self.field_of(word, offset)
            }
            Some(Token::Quoted(quoted)) => Err(alone(&quoted.text, offset)),
            _ => Err(self.unexpected("a field, NOT or (")),
        }
    }

    fn field_of(&mut self, word: &str, offset: usize) -> Result<Field, Fault> {
        if word == "attributes."
            && let Some(Placed { token: Token::Quoted(key), from, .. }) = self.tokens.peek()
            && *from == offset + word.len()
        {
            let (from, key) = (*from, key.clone());
            self.tokens.next();
            return attribute(key).map_err(|message| Fault::at(from, message));
        }
        match Field::parse(word) {
            Ok(field) => Ok(field),
            Err(_) if is_lower_keyword(word) => Err(Fault::at(offset, in_capitals(word))),
            Err(_) if !matches!(self.peek(), Some(Token::Has | Token::Compare(_))) => Err(alone(word, offset)),
            Err(message) => Err(Fault::at(offset, message)),
        }
    }

    /// What follows the colon that stands at `place`.
    fn has(&mut self, field: &Field, place: usize) -> Result<Test, Fault> {
        if self.eat(&Token::Star) {
            return Ok(Test::Present);
        }
        if !typing::contains_text(field) {
            return Err(Fault::at(place, format!("`{field}` takes {}", typing::operators(field))));
        }
        let offset = self.offset();
        let literal = self.literal(field, ":")?;
        typing::contained(field, literal).map(Test::Contains).map_err(|message| Fault::at(offset, message))
    }

    /// What follows the comparison that stands at `place`.
    fn compare(&mut self, field: &Field, comparison: Comparison, place: usize) -> Result<Test, Fault> {
        if !typing::takes(field, comparison) {
            return Err(Fault::at(place, format!("`{field}` takes {}", typing::operators(field))));
        }
        let offset = self.offset();
        if self.peek() == Some(&Token::Star) {
            let message =
                format!("found `*`; `{field}:*` finds leads that have it set, `NOT {field}:*` those that don't");
            return Err(Fault::at(offset, message));
        }
        let literal = self.literal(field, comparison.symbol())?;
        let value = typing::value(field, comparison, literal).map_err(|message| Fault::at(offset, message))?;
        if field.is_reference() && matches!(value, Value::Name(_)) {
            self.names.push(offset);
        }
        Ok(Test::Compare(comparison, value))
    }

    fn literal(&mut self, field: &Field, operator: &str) -> Result<Literal, Fault> {
        let literal = match self.peek() {
            Some(&Token::Word(word)) if KEYWORDS.contains(&word) => {
                return Err(self.unexpected(&format!("a value; the text {} goes in quotes", quoted(word))));
            }
            Some(&Token::Word(word)) => {
                Literal { text: Quoted { text: word.to_owned(), ..Quoted::default() }, bare: true }
            }
            Some(Token::Quoted(text)) => Literal { text: text.clone(), bare: false },
            Some(Token::Open) => {
                let wanted = format!("one value; write `{field} {operator} … OR {field} {operator} …` for several");
                return Err(self.unexpected(&wanted));
            }
            _ => return Err(self.unexpected("a value")),
        };
        self.tokens.next();
        Ok(literal)
    }

    fn peek(&mut self) -> Option<&Token<'a>> {
        self.tokens.peek().map(|placed| &placed.token)
    }

    fn eat(&mut self, wanted: &Token<'_>) -> bool {
        self.tokens.next_if(|placed| placed.token == *wanted).is_some()
    }

    /// Where the next token begins, or the text ends.
    fn offset(&mut self) -> usize {
        self.tokens.peek().map_or(self.text.len(), |placed| placed.from)
    }

    fn unexpected(&mut self, wanted: &str) -> Fault {
        let text = self.text;
        let found = self.tokens.peek().and_then(|placed| text.get(placed.from..placed.to));
        let found = found.map_or_else(|| "the end".to_owned(), shown);
        Fault::at(self.offset(), format!("found {found}; expected {wanted}"))
    }

    fn unexpected_after_term(&mut self, wanted: &str) -> Fault {
        let mut fault = self.unexpected(wanted);
        if let Some(&Token::Word(word)) = self.peek() {
            let several = || "a value of several words goes in quotes".to_owned();
            let hint = if is_lower_keyword(word) { in_capitals(word) } else { several() };
            fault.message = format!("{}; {hint}", fault.message);
        }
        fault
    }
}

fn attribute(key: Quoted) -> Result<Field, String> {
    if key.start || key.end {
        return Err(r"a * has no meaning in a name; write \* for the character itself".to_owned());
    }
    Field::attribute(key.text)
}

/// The search over all fields that AIP-160 knows is none of ours: it would have to say which fields it leaves out.
fn alone(found: &str, offset: usize) -> Fault {
    let message = format!("{} stands alone; say which field it is looked for in, as in `name:\"ana\"`", shown(found));
    Fault::at(offset, message)
}

fn is_lower_keyword(word: &str) -> bool {
    !KEYWORDS.contains(&word) && KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}

fn in_capitals(word: &str) -> String {
    format!("write {} in capitals", word.to_ascii_uppercase())
}
