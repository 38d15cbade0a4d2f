//! Deposits: recorded once for each payment, never changed.

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use super::{
    Db, Error, Result, Tx,
    entity::deposit::{ActiveModel, Column, Entity, Model},
    leads::Locked,
    micros, time,
};
use crate::{
    access::scope::Edit,
    model::{
        deposit::Deposit,
        ids::DepositId,
        money::{Currency, Money},
    },
};

/// A lead's deposit of a payment.
///
/// # Errors
/// The database's.
pub async fn of_payment(tx: &Tx, lead: &Locked<Edit>, payment_id: &str) -> Result<Option<Deposit>> {
    Entity::find()
        .filter(Column::LeadId.eq(lead.lead().id.uuid()))
        .filter(Column::PaymentId.eq(payment_id))
        .one(&tx.conn().0)
        .await?
        .map(read)
        .transpose()
}

/// Stores a lead's deposit.
///
/// # Errors
/// [`Error::Unique`] for a payment that is recorded; or the database's.
pub async fn insert(tx: &Tx, lead: &Locked<Edit>, deposit: &Deposit) -> Result<()> {
    let Deposit { lead_id: _, payment_id, amount, deposit_time, create_time } = deposit;
    let row = ActiveModel {
        id: Set(DepositId::at(*create_time).uuid()),
        lead_id: Set(lead.lead().id.uuid()),
        payment_id: Set(payment_id.clone()),
        currency: Set(amount.currency().code().to_owned()),
        units: Set(amount.units()),
        nanos: Set(amount.nanos()),
        deposit_time: Set(micros(*deposit_time)),
        create_time: Set(micros(*create_time)),
    };
    Entity::insert(row).exec_without_returning(&tx.conn().0).await?;
    Ok(())
}

fn read(row: Model) -> Result<Deposit> {
    let Model { id: _, lead_id, payment_id, currency, units, nanos, deposit_time, create_time } = row;
    let currency = Currency::stored(&currency).ok_or(Error::Corrupt("currency"))?;
    Ok(Deposit {
        lead_id: lead_id.into(),
        payment_id,
        amount: Money::new(currency, units, nanos).ok_or(Error::Corrupt("amount"))?,
        deposit_time: time(deposit_time).ok_or(Error::Corrupt("time"))?,
        create_time: time(create_time).ok_or(Error::Corrupt("time"))?,
    })
}
