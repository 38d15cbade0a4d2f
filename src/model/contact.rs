//! How people are reached: e-mail, phone, country, locale; parsed once, at the edge.

use std::str::FromStr;

use email_address::{EmailAddress, Options};
use phonenumber::{Metadata, Mode, country, metadata::DATABASE};

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
/// The length must be one that the country has, and no digit may get lost. Areas are not checked: numbering plans grow, and
/// numbers kept for fiction have none.
pub fn normalise_phone(text: &str, country: Option<&str>) -> Option<String> {
    let text = text.trim();
    let allowed = |c: char| c.is_ascii_digit() || c.is_whitespace() || "+()-./".contains(c);
    if text.len() > 40 || !text.chars().all(allowed) {
        return None;
    }
    let region = country.and_then(|code| country::Id::from_str(code).ok());
    let number = phonenumber::parse(region, text).ok()?;
    let e164 = number.format().mode(Mode::E164).to_string();
    let code = number.code().value();
    let plans = DATABASE.by_code(&code)?;
    let code = code.to_string();
    let national = e164.strip_prefix('+')?.strip_prefix(&code)?;
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let before = digits.strip_suffix(national)?;

    let is_trunk = |prefix: &str| prefix.is_empty() || plans.iter().any(|plan| plan.national_prefix() == Some(prefix));
    let from_abroad = |exit| before.strip_prefix(exit).and_then(|rest| rest.strip_prefix(&code)).is_some_and(is_trunk);
    let nothing_lost = is_trunk(before) || ["", "00", "011"].into_iter().any(from_abroad);
    (nothing_lost && plans.iter().any(|plan| has_length(plan, national.len()))).then_some(e164)
}

fn has_length(plan: &Metadata, length: usize) -> bool {
    let kinds = plan.descriptors();
    [kinds.fixed_line(), kinds.mobile(), kinds.toll_free(), kinds.premium_rate(), kinds.shared_cost(), kinds.voip()]
        .into_iter()
        .flatten()
        .any(|kind| kind.possible_length().iter().any(|possible| usize::from(*possible) == length))
}

/// Whether the text is a country code of ISO 3166-1 alpha-2 in upper case.
pub fn is_country(text: &str) -> bool {
    rust_iso3166::from_alpha2(text).is_some_and(|country| country.alpha2 == text)
}

/// Whether the text is a language tag of BCP 47, at most 64 characters.
pub fn is_locale(text: &str) -> bool {
    text.len() <= 64 && oxilangtag::LanguageTag::parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_normalised_from_the_layouts_that_people_write() {
        for (text, country, e164) in [
            ("+351910000000", None, "+351910000000"),
            ("+55 (12) 3923-5555", None, "+551239235555"),
            ("+54 (0)11 4311 4333", None, "+541143114333"),
            ("+44 020 7707 0707", None, "+442077070707"),
            ("00351 213 466 111", Some("PT"), "+351213466111"),
            ("213 466 111", Some("PT"), "+351213466111"),
            ("020 7976 5722", Some("GB"), "+442079765722"),
            ("516-555-0187", Some("US"), "+15165550187"),
            ("1-516-555-0187", Some("US"), "+15165550187"),
            ("+39 06 39733434", None, "+390639733434"),
        ] {
            assert_eq!(normalise_phone(text, country).as_deref(), Some(e164), "{text}");
        }
    }

    #[test]
    fn a_phone_that_would_lose_digits_or_has_no_country_is_none() {
        for (text, country) in [
            ("1 (11) 500 555-0183", Some("US")),
            ("155-555-0188", Some("US")),
            ("213 466 111", None),
            ("", Some("PT")),
            ("+", None),
            ("+351 call me", None),
            ("12", Some("PT")),
        ] {
            assert_eq!(normalise_phone(text, country), None, "{text}");
        }
    }
}
