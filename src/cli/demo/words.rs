//! What the people of a large demo company are called, and where they live. All of it is put together at random.

/// Where people live, the most frequent first.
pub(super) struct Country {
    /// ISO 3166-1 alpha-2.
    pub(super) code: &'static str,
    /// BCP 47.
    pub(super) locale: &'static str,
    /// What numbers there begin with, in E.164.
    pub(super) phone: &'static str,
    /// How many digits follow.
    pub(super) digits: u32,
}

const fn country(code: &'static str, locale: &'static str, phone: &'static str, digits: u32) -> Country {
    Country { code, locale, phone, digits }
}

pub(super) static COUNTRIES: [Country; 36] = [
    country("DE", "de-DE", "+491510", 7),
    country("GB", "en-GB", "+447400", 6),
    country("FR", "fr-FR", "+3360", 7),
    country("US", "en-US", "+1201", 7),
    country("ES", "es-ES", "+3460", 7),
    country("IT", "it-IT", "+39320", 7),
    country("BR", "pt-BR", "+55119", 8),
    country("PL", "pl-PL", "+4850", 7),
    country("NL", "nl-NL", "+3161", 7),
    country("PT", "pt-PT", "+35191", 7),
    country("SE", "sv-SE", "+4670", 7),
    country("BE", "nl-BE", "+32470", 6),
    country("AT", "de-AT", "+43660", 7),
    country("CH", "de-CH", "+4176", 7),
    country("CZ", "cs-CZ", "+420601", 6),
    country("GR", "el-GR", "+3069", 8),
    country("RO", "ro-RO", "+4072", 7),
    country("DK", "da-DK", "+4520", 6),
    country("FI", "fi-FI", "+35840", 7),
    country("NO", "nb-NO", "+4740", 6),
    country("IE", "en-IE", "+35385", 7),
    country("HU", "hu-HU", "+3620", 7),
    country("BG", "bg-BG", "+35988", 7),
    country("HR", "hr-HR", "+38591", 7),
    country("CA", "en-CA", "+1416", 7),
    country("MX", "es-MX", "+5255", 8),
    country("CO", "es-CO", "+57300", 7),
    country("CL", "es-CL", "+569", 8),
    country("PE", "es-PE", "+519", 8),
    country("IN", "en-IN", "+9198", 8),
    country("JP", "ja-JP", "+8190", 8),
    country("AU", "en-AU", "+6140", 7),
    country("NZ", "en-NZ", "+6421", 7),
    country("ZA", "en-ZA", "+2760", 7),
    country("AE", "ar-AE", "+97150", 7),
    country("SG", "en-SG", "+6581", 6),
];

/// First names, apart by white space; so are the last names.
pub(super) const FIRST_NAMES: &str = include_str!("first_names.txt");
pub(super) const LAST_NAMES: &str = include_str!("last_names.txt");

pub(super) static CAMPAIGNS: [&str; 10] = [
    "Spring fair",
    "Autumn webinar",
    "Newsletter",
    "Search ads",
    "Partner week",
    "Referral",
    "Trade show",
    "Print",
    "Summer offer",
    "Student days",
];

pub(super) static ITEMS: [&str; 6] =
    ["Starter plan", "Team plan", "Yearly plan", "Onboarding", "Training day", "Extra seats"];

pub(super) static NOTES: [&str; 6] = [
    "Asked for a call next week",
    "Wants the price list",
    "Compares us with another offer",
    "Decides together with a partner",
    "Prefers e-mail",
    "Was travelling",
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::model::contact::{Phone, is_country, is_locale};

    #[test]
    fn every_country_is_one_and_its_numbers_are_numbers() {
        for Country { code, locale, phone, digits } in &COUNTRIES {
            assert!(is_country(code) && is_locale(locale), "{code} {locale}");
            let number = format!("{phone}{:0width$}", 1, width = *digits as usize);
            assert_eq!(Phone::parse(&number, None).map(|phone| phone.as_str().to_owned()), Some(number), "{code}");
        }
    }

    #[test]
    fn no_name_is_there_twice() {
        for names in [FIRST_NAMES, LAST_NAMES] {
            let all = names.split_whitespace().count();
            assert_eq!(names.split_whitespace().collect::<HashSet<_>>().len(), all);
        }
    }
}
