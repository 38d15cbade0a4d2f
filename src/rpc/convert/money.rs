//! Money.

use super::Faults;
use crate::{
    model::money::{Currency, Money},
    proto,
};

/// An amount as sent.
pub(in crate::rpc) fn money(money: Money) -> proto::Money {
    proto::Money { currency_code: money.currency().code().to_owned(), units: money.units(), nanos: money.nanos() }
}

impl Faults {
    /// An amount that must be given, of either sign.
    pub fn money(&mut self, field: &str, given: Option<proto::Money>) -> Option<Money> {
        let proto::Money { currency_code, units, nanos } = self.some(field, "is required", given)?;
        let currency = Currency::parse(&currency_code);
        let code = format!("{field}.currency_code");
        let currency = self.some(code, "is not an active ISO 4217 code in upper case", currency);
        let nanos = Money::go_together(units, nanos).then_some(nanos);
        let nanos = self.some(format!("{field}.nanos"), "is a unit or more, or of another sign than units", nanos);
        Money::new(currency?, units, nanos?)
    }
}
