//! Cells as values: flags, times, countries, attributes.

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use prost_types::Timestamp;

/// Yes or no, in the usual ways of writing them.
pub(super) fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "y" | "true" | "1" => Ok(true),
        "no" | "n" | "false" | "0" => Ok(false),
        _ => Err(format!("{} is neither yes nor no", shown(text))),
    }
}

/// An instant in one of the formats, or in the usual ones where none are given; UTC where the text has no zone.
pub(super) fn time(text: &str, formats: &[String]) -> Result<Timestamp, String> {
    let time = if formats.is_empty() {
        let usual = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d"];
        DateTime::parse_from_rfc3339(text)
            .map(|time| time.to_utc())
            .ok()
            .or_else(|| usual.iter().find_map(|format| time_in(text, format)))
    } else {
        formats.iter().find_map(|format| time_in(text, format))
    };
    let time = time.ok_or_else(|| format!("{} is not a time in a format that is expected", shown(text)))?;
    Ok(Timestamp { seconds: time.timestamp(), nanos: time.timestamp_subsec_nanos().cast_signed() })
}

fn time_in(text: &str, format: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_str(text, format)
        .map(|time| time.to_utc())
        .or_else(|_| NaiveDateTime::parse_from_str(text, format).map(|time| time.and_utc()))
        .or_else(|_| NaiveDate::parse_from_str(text, format).map(|date| date.and_time(NaiveTime::MIN).and_utc()))
        .ok()
}

/// A country's alpha-2 code, from any of its codes or its English name.
pub(super) fn country(text: &str) -> Result<String, String> {
    let lower = text.to_lowercase();
    let name = lower.strip_prefix("the ").unwrap_or(&lower);
    if let Some(code) = COUNTRIES.get(name) {
        return Ok((*code).to_owned());
    }
    // Whether two letters are a code that is in use is for the server to say.
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Ok(text.to_ascii_uppercase());
    }
    Err(format!("{} is not a country", shown(text)))
}

static COUNTRIES: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let mut countries: HashMap<String, &'static str> =
        SHORT_NAMES.iter().map(|(name, code)| ((*name).to_owned(), *code)).collect();
    for country in rust_iso3166::ALL {
        // Some official names carry the mark of a footnote, such as [c].
        let name = country.name.split('[').next().unwrap_or(country.name);
        countries.insert(name.to_lowercase(), country.alpha2);
        countries.insert(country.alpha3.to_lowercase(), country.alpha2);
    }
    countries
});

/// What people write where ISO 3166 says more, or something else.
const SHORT_NAMES: [(&str, &str); 56] = [
    ("bolivia", "BO"),
    ("british virgin islands", "VG"),
    ("brunei", "BN"),
    ("burma", "MM"),
    ("cape verde", "CV"),
    ("cote d'ivoire", "CI"),
    ("curacao", "CW"),
    ("czech republic", "CZ"),
    ("democratic republic of the congo", "CD"),
    ("dr congo", "CD"),
    ("east timor", "TL"),
    ("england", "GB"),
    ("falkland islands", "FK"),
    ("great britain", "GB"),
    ("holland", "NL"),
    ("iran", "IR"),
    ("ivory coast", "CI"),
    ("korea", "KR"),
    ("laos", "LA"),
    ("macau", "MO"),
    ("macedonia", "MK"),
    ("micronesia", "FM"),
    ("moldova", "MD"),
    ("north korea", "KP"),
    ("northern ireland", "GB"),
    ("palestine", "PS"),
    ("republic of ireland", "IE"),
    ("republic of korea", "KR"),
    ("republic of moldova", "MD"),
    ("republic of the congo", "CG"),
    ("reunion", "RE"),
    ("russia", "RU"),
    ("saint helena", "SH"),
    ("saint martin", "MF"),
    ("scotland", "GB"),
    ("sint maarten", "SX"),
    ("slovak republic", "SK"),
    ("south korea", "KR"),
    ("swaziland", "SZ"),
    ("syria", "SY"),
    ("taiwan", "TW"),
    ("tanzania", "TZ"),
    ("turkiye", "TR"),
    ("türkiye", "TR"),
    ("u.k.", "GB"),
    ("u.s.", "US"),
    ("u.s.a.", "US"),
    ("uk", "GB"),
    ("united kingdom", "GB"),
    ("united states", "US"),
    ("us virgin islands", "VI"),
    ("vatican", "VA"),
    ("vatican city", "VA"),
    ("venezuela", "VE"),
    ("vietnam", "VN"),
    ("wales", "GB"),
];

/// Custom attributes, by their names in a JSON object.
pub(super) fn attributes(text: &str) -> Result<BTreeMap<String, String>, String> {
    serde_json::from_str(text).map_err(|_| format!("{} is not a JSON object of texts", shown(text)))
}

/// A value in quotes for a message, its start where it is long.
pub(super) fn shown(text: &str) -> String {
    let mut shown = text.to_owned();
    if let Some((end, _)) = text.char_indices().nth(60) {
        shown.truncate(end);
        shown.push('…');
    }
    format!("{shown:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_known_by_code_and_by_the_names_people_write() {
        let written = [
            ("pt", "PT"),
            ("Brazil", "BR"),
            ("USA", "US"),
            ("uk", "GB"),
            ("United Kingdom", "GB"),
            ("Czech Republic", "CZ"),
            ("The Netherlands", "NL"),
            ("bonaire, sint eustatius and saba", "BQ"),
            ("deu", "DE"),
        ];
        for (text, code) in written {
            assert_eq!(country(text).as_deref(), Ok(code), "{text}");
        }
        assert_eq!(country("Narnia").unwrap_err(), "\"Narnia\" is not a country");
    }

    #[test]
    fn every_short_name_adds_to_what_iso_3166_says() {
        for (name, _) in SHORT_NAMES {
            assert_eq!(name, name.to_lowercase());
            assert!(rust_iso3166::ALL.iter().all(|country| country.name.to_lowercase() != name), "{name}");
        }
    }

    #[test]
    fn times_are_utc_unless_they_have_a_zone() {
        let noon = 1_577_880_000;
        let usual: &[String] = &[];
        let own: &[String] = &["%d/%m/%Y".to_owned(), "%d/%m/%Y %H:%M %z".to_owned()];
        let midnight = noon - 12 * 3600;
        for (text, formats, seconds) in [
            ("2020-01-01T12:00:00Z", usual, noon),
            ("2020-01-01T13:00:00+01:00", usual, noon),
            ("2020-01-01 12:00:00", usual, noon),
            ("2020-01-01", usual, midnight),
            ("01/01/2020", own, midnight),
            ("01/01/2020 14:00 +0200", own, noon),
        ] {
            assert_eq!(time(text, formats).map(|time| time.seconds), Ok(seconds), "{text}");
        }
        assert!(time("2020-01-01", own).is_err());
        assert!(time("2020-02-30", usual).is_err());
    }

    #[test]
    fn attributes_are_texts_by_name() {
        let given = attributes(r#"{"b": " two\n", "a": ""}"#).unwrap();
        let expected = [("a", ""), ("b", " two\n")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(given, BTreeMap::from(expected));
        for text in ["{}x", "[]", "a=b", r#"{"a": 1}"#, r#"{"a": null}"#, r#"{"a": {"b": "c"}}"#] {
            assert!(attributes(text).unwrap_err().ends_with(" is not a JSON object of texts"), "{text}");
        }
    }

    #[test]
    fn long_values_are_cut_in_messages() {
        assert_eq!(shown("é"), "\"é\"");
        assert_eq!(shown(&"é".repeat(61)), format!("\"{}…\"", "é".repeat(60)));
    }
}
