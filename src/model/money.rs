//! Money, exact: whole units and billionths of one, with the numbers of `google.type.Money`.

use std::fmt;

/// A currency, by its code of ISO 4217.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The currency of an active code in upper case.
    pub fn parse(code: &str) -> Option<Self> {
        ACTIVE.binary_search(&code).ok()?;
        Self::stored(code)
    }

    /// The currency of a code that was active once: what was paid in it stays paid in it.
    pub fn stored(code: &str) -> Option<Self> {
        let code: [u8; 3] = code.as_bytes().try_into().ok()?;
        code.iter().all(u8::is_ascii_uppercase).then_some(Self(code))
    }

    /// The code.
    pub fn code(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// An amount of money.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Money {
    currency: Currency,
    units: i64,
    nanos: i32,
}

impl Money {
    /// So many units and billionths of a unit; none where these don't go together.
    pub fn new(currency: Currency, units: i64, nanos: i32) -> Option<Self> {
        Self::go_together(units, nanos).then_some(Self { currency, units, nanos })
    }

    /// Whether the billionths are less than a unit, and of the sign of the units.
    pub fn go_together(units: i64, nanos: i32) -> bool {
        nanos.unsigned_abs() < 1_000_000_000 && units.signum() * i64::from(nanos.signum()) >= 0
    }

    /// In which currency.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// Whole units.
    pub fn units(&self) -> i64 {
        self.units
    }

    /// Billionths of a unit, of the sign of the units.
    pub fn nanos(&self) -> i32 {
        self.nanos
    }

    /// Whether it is more than nothing.
    pub fn is_positive(&self) -> bool {
        self.units > 0 || self.nanos > 0
    }

    /// Whether it is less than nothing.
    pub fn is_negative(&self) -> bool {
        self.units < 0 || self.nanos < 0
    }
}

/// A plain decimal and the code, such as `12.5 EUR`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_negative() { "-" } else { "" };
        write!(f, "{sign}{}", self.units.unsigned_abs())?;
        if self.nanos != 0 {
            let fraction = format!("{:09}", self.nanos.unsigned_abs());
            write!(f, ".{}", fraction.trim_end_matches('0'))?;
        }
        write!(f, " {}", self.currency.code())
    }
}

/// The active codes of ISO 4217 in order, but for the two that are no money: XTS (tests) and XXX (no currency).
const ACTIVE: &[&str] = &[
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BHD", "BIF", "BMD", "BND",
    "BOB", "BOV", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHE", "CHF", "CHW", "CLF", "CLP", "CNY",
    "COP", "COU", "CRC", "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP",
    "GBP", "GEL", "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IQD",
    "IRR", "ISK", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP",
    "LKR", "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN",
    "MXV", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN",
    "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD",
    "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "UGX",
    "USD", "USN", "UYI", "UYU", "UYW", "UZS", "VED", "VES", "VND", "VUV", "WST", "XAD", "XAF", "XAG", "XAU", "XBA",
    "XBB", "XBC", "XBD", "XCD", "XCG", "XDR", "XOF", "XPD", "XPF", "XPT", "XSU", "XUA", "YER", "ZAR", "ZMW", "ZWG",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn euros(units: i64, nanos: i32) -> Option<Money> {
        Money::new(Currency::parse("EUR").unwrap(), units, nanos)
    }

    #[test]
    fn a_currency_is_an_active_code_in_upper_case() {
        for code in ["EUR", "USD", "JPY", "KWD", "CHF", "XOF", "XCG", "ZWG", "AED", "ZMW"] {
            assert_eq!(Currency::parse(code).map(|currency| currency.code().to_owned()).as_deref(), Some(code));
        }
        for code in ["", "eur", "Eur", "EU", "EURO", " EUR", "E\u{dc}", "DEM", "HRK", "ZWL", "XXX", "XTS", "QQQ", "€"]
        {
            assert_eq!(Currency::parse(code), None, "{code}");
        }
        assert!(ACTIVE.is_sorted_by(|one, next| one < next), "in order, each once");
        assert!(ACTIVE.iter().all(|code| Currency::parse(code).is_some()));
    }

    #[test]
    fn a_code_that_was_withdrawn_since_can_still_be_read() {
        assert_eq!(Currency::stored("HRK").map(|currency| currency.code().to_owned()).as_deref(), Some("HRK"));
        assert!(["", "hrk", "HR", "HRKA"].iter().all(|code| Currency::stored(code).is_none()));
    }

    #[test]
    fn billionths_have_the_sign_of_the_units_and_are_less_than_one() {
        for (units, nanos) in [(0, 0), (0, 999_999_999), (0, -999_999_999), (1, 1), (-1, -1), (i64::MIN, -1), (7, 0)] {
            assert!(euros(units, nanos).is_some(), "{units} {nanos}");
        }
        for (units, nanos) in
            [(1, -1), (-1, 1), (0, 1_000_000_000), (0, -1_000_000_000), (1, i32::MAX), (-1, i32::MIN), (0, i32::MIN)]
        {
            assert!(euros(units, nanos).is_none(), "{units} {nanos}");
        }
    }

    #[test]
    fn an_amount_is_told_as_a_plain_decimal() {
        for (units, nanos, told) in [
            (12, 500_000_000, "12.5 EUR"),
            (0, 0, "0 EUR"),
            (1_000, 0, "1000 EUR"),
            (0, 1, "0.000000001 EUR"),
            (0, -500_000_000, "-0.5 EUR"),
            (-3, -50_000_000, "-3.05 EUR"),
            (i64::MAX, 999_999_999, "9223372036854775807.999999999 EUR"),
            (i64::MIN, -999_999_999, "-9223372036854775808.999999999 EUR"),
        ] {
            assert_eq!(euros(units, nanos).unwrap().to_string(), told);
        }
    }

    fn total(money: &Money) -> i128 {
        i128::from(money.units()) * 1_000_000_000 + i128::from(money.nanos())
    }

    /// The billionths that a text says.
    fn read(text: &str) -> i128 {
        let number = text.strip_suffix(" EUR").unwrap();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        assert!(fraction.len() <= 9 && !fraction.ends_with('0'), "{text}");
        format!("{whole}{fraction:0<9}").parse().unwrap()
    }

    proptest! {
        #[test]
        fn what_is_told_is_the_amount_to_the_billionth(units: i64, nanos in 0..1_000_000_000_i32) {
            let money = euros(units, if units < 0 { -nanos } else { nanos }).unwrap();
            prop_assert_eq!(read(&money.to_string()), total(&money));
        }

        #[test]
        fn an_amount_has_one_sign(units in -2..=2_i64, nanos: i32) {
            let small = nanos % 1_000_000_000;
            let Some(money) = euros(units, small) else {
                prop_assert!(units.signum() * i64::from(small.signum()) < 0);
                return Ok(());
            };
            prop_assert_eq!(money.is_positive(), total(&money) > 0);
            prop_assert_eq!(money.is_negative(), total(&money) < 0);
        }
    }
}
