//! From text to words, quoted texts and signs, each with its place.

use super::{Comparison, Fault, print::shown};

/// A piece of a filter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Token<'a> {
    /// Text without quotes: a field, a keyword, or a value.
    Word(&'a str),
    /// Text in quotes.
    Quoted(Quoted),
    /// An opening parenthesis.
    Open,
    /// A closing parenthesis.
    Close,
    /// One of the comparisons.
    Compare(Comparison),
    /// A colon.
    Has,
    /// A star that is not in quotes.
    Star,
    /// A minus that begins a term.
    Minus,
}

/// What stands in quotes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Quoted {
    /// Without the quotes, the backslashes and the stars that stand for anything.
    pub text: String,
    /// A star stands before the text.
    pub start: bool,
    /// A star stands after the text.
    pub end: bool,
}

/// A token, and the bytes that it takes up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Placed<'a> {
    pub token: Token<'a>,
    pub from: usize,
    pub to: usize,
}

/// The pieces of a text.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed<'_>>, Fault> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens: Vec<Placed<'_>> = Vec::new();
    loop {
        lexer.skip(char::is_whitespace);
        let from = lexer.at;
        // Before a term a minus negates; in a value it belongs to the text.
        let value = matches!(tokens.last(), Some(Placed { token: Token::Compare(_) | Token::Has, .. }));
        match lexer.token(value)? {
            Some(token) => tokens.push(Placed { token, from, to: lexer.at }),
            None => return Ok(tokens),
        }
    }
}

/// Whether a character can stand in a word without quotes.
pub(in crate::query) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "_.-+@/".contains(c)
}

/// What stands in the quotes that enclose all of a text; none where they don't, or where a star stands for anything.
pub(in crate::query) fn unquoted(text: &str) -> Option<String> {
    let mut lexer = Lexer { text, at: 0 };
    let quote = lexer.next().filter(|c| is_quote(*c))?;
    let Quoted { text: inner, start, end } = lexer.quoted(0, quote).ok()?;
    (lexer.at == text.len() && !start && !end).then_some(inner)
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'')
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn skip(&mut self, wanted: fn(char) -> bool) {
        while self.peek().is_some_and(wanted) {
            self.next();
        }
    }

    fn token(&mut self, value: bool) -> Result<Option<Token<'a>>, Fault> {
        let from = self.at;
        let Some(c) = self.next() else { return Ok(None) };
        Ok(Some(match c {
            '(' => Token::Open,
            ')' => Token::Close,
            ':' => Token::Has,
            '*' => Token::Star,
            '-' if !value => Token::Minus,
            '=' => Token::Compare(Comparison::Eq),
            '!' if self.eat('=') => Token::Compare(Comparison::Ne),
            '<' if self.eat('=') => Token::Compare(Comparison::Le),
            '<' => Token::Compare(Comparison::Lt),
            '>' if self.eat('=') => Token::Compare(Comparison::Ge),
            '>' => Token::Compare(Comparison::Gt),
            quote if is_quote(quote) => Token::Quoted(self.quoted(from, quote)?),
            c if is_word(c) => {
                self.skip(is_word);
                Token::Word(self.text.get(from..self.at).unwrap_or_default())
            }
            c => {
                let found = shown(c.encode_utf8(&mut [0; 4]));
                return Err(Fault::at(from, format!("found {found}; other text than words goes in quotes, \" or '")));
            }
        }))
    }

    /// The text up to the closing quote; the opening one, at `from`, is read already.
    fn quoted(&mut self, from: usize, quote: char) -> Result<Quoted, Fault> {
        let mut quoted = Quoted::default();
        let first = self.at;
        loop {
            let at = self.at;
            match self.next() {
                None => return Err(Fault::at(from, "this quote is never closed")),
                Some('\0') => return Err(Fault::at(at, "text can't contain the character NUL")),
                Some(c) if c == quote => return Ok(quoted),
                Some('\\') => match self.next() {
                    Some(c) if is_quote(c) || c == '\\' || c == '*' => quoted.text.push(c),
                    _ => return Err(Fault::at(at, r#"a backslash stands before ", ', * or another backslash only"#)),
                },
                Some('*') if at == first => quoted.start = true,
                Some('*') if self.peek() == Some(quote) => quoted.end = true,
                Some('*') => {
                    let why = r"a * can stand at an end of the text only; write \* for the character itself";
                    return Err(Fault::at(at, why));
                }
                Some(c) => quoted.text.push(c),
            }
        }
    }
}
