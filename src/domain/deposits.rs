//! What people deposit: the first deposit makes a client.

use super::{
    Error, Result, etag, history,
    leads::{lock, not_ahead},
};
use crate::{
    access::{Caller, scope::Edit},
    model::{
        deposit::{Deposit, NewDeposit},
        history::{Change, HistoryKind},
        ids::LeadId,
        lead::Lead,
    },
    store::{self, Tx, deposits, history::Happening, leads},
};

/// A deposit, and what it did.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The lead as it is now.
    pub lead: Lead,
    /// The deposit.
    pub deposit: Deposit,
    /// Whether it was not recorded before.
    pub newly: bool,
}

/// Records a deposit, whatever the lead's state; one that is recorded already is left, whatever has become of the lead since.
///
/// # Errors
/// INVALID_ARGUMENT, LEAD_NOT_FOUND, ACTION_NOT_PERMITTED, STALE_ETAG, PAYMENT_ID_REUSED.
pub async fn record(tx: &Tx, caller: &Caller, id: LeadId, new: &NewDeposit, etag: Option<&str>) -> Result<Recorded> {
    let NewDeposit { payment_id, amount, deposit_time } = new;
    not_ahead(tx, "deposit_time", *deposit_time)?;
    let lead = lock::<Edit>(tx, caller, id, None).await?;
    let before = lead.lead();
    if let Some(deposit) = deposits::of_payment(tx, &lead, payment_id).await? {
        let same = deposit.amount == *amount && deposit_time.is_none_or(|time| time == deposit.deposit_time);
        let there = Recorded { lead: before.clone(), deposit, newly: false };
        return if same { Ok(there) } else { Err(Error::PaymentIdReused) };
    }
    etag::check(etag, before.version)?;
    let deposit = Deposit {
        lead_id: id,
        payment_id: payment_id.clone(),
        amount: *amount,
        deposit_time: deposit_time.unwrap_or(tx.now()),
        create_time: tx.now(),
    };
    deposits::insert(tx, &lead, &deposit).await?;
    let first = before.first_deposit_time.is_none().then_some(deposit.deposit_time);
    let after = leads::set_deposited(tx, &lead, first).await?;
    let changes = [Change::of(format!("deposit.{payment_id}"), None, Some(amount.to_string()))];
    let changes = changes.into_iter().flatten().chain(history::changes(Some(before), &after)).collect();
    store::history::append(tx, caller.actor(), vec![Happening::of(id, HistoryKind::Deposited, changes)]).await?;
    Ok(Recorded { lead: after, deposit, newly: true })
}
