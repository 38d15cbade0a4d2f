//! How people are reached: e-mail, phone, country, locale; parsed once, at the edge.

use std::str::FromStr;

use email_address::{EmailAddress, Options};
use phonenumber::{Mode, country};

/// An e-mail address with a dotted domain, as written, at most 254 characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Email(String);

impl Email {
    /// Parses an address; none where it isn't one.
    pub fn parse(text: &str) -> Option<Self> {
        let options = Options::default().with_required_tld().without_domain_literal().without_display_text();
        let valid = text.len() <= 254 && EmailAddress::parse_with_options(text, options).is_ok();
        valid.then(|| Self(text.to_owned()))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two addresses are compared by: providers that tell case apart are no longer found.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

/// A phone number in E.164.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Phone(String);

impl Phone {
    /// Parses a number in any international layout, or a national one where the country (ISO 3166-1 alpha-2) is known.
    pub fn parse(text: &str, country: Option<&str>) -> Option<Self> {
        normalise_phone(text, country).map(Self)
    }

    /// In E.164.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The E.164 form of a number, if it can be told from the text and the country (ISO 3166-1 alpha-2).
///
/// Lengths are checked and areas are not: numbering plans grow, and numbers kept for fiction have no area.
pub fn normalise_phone(text: &str, country: Option<&str>) -> Option<String> {
    let text = text.trim();
    let allowed = |c: char| c.is_ascii_digit() || c.is_whitespace() || "+()-./".contains(c);
    if text.is_empty() || text.len() > 40 || !text.chars().all(allowed) {
        return None;
    }
    let region = country.and_then(|code| country::Id::from_str(code).ok());
    let number = phonenumber::parse(region, text).ok()?;
    let known_length = text.starts_with('+') || phonenumber::is_viable(text);
    let formatted = number.format().mode(Mode::E164).to_string();
    let digits = formatted.len().checked_sub(1)?;
    (known_length && (7..=15).contains(&digits)).then_some(formatted)
}

/// Whether the text is a country code of ISO 3166-1 alpha-2 in upper case.
pub fn is_country(text: &str) -> bool {
    rust_iso3166::from_alpha2(text).is_some_and(|country| country.alpha2 == text)
}

/// Whether the text is a language tag of BCP 47, at most 64 characters.
pub fn is_locale(text: &str) -> bool {
    text.len() <= 64 && oxilangtag::LanguageTag::parse(text).is_ok()
}
