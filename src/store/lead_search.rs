//! What of leads is searched for a part of a text: in lower case, in a table of its own. Written in the transaction that writes the
//! lead; goes with it by a foreign key.

use std::collections::BTreeMap;

use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use super::{
    Db, Error, Result, Tx,
    entity::lead_search::{ActiveModel, Column, Entity},
};
use crate::model::lead::Lead;

/// Writes what has changed of it.
pub(super) async fn update(tx: &Tx, before: &Lead, after: &Lead) -> Result<()> {
    let (was, is) = (row(before)?, row(after)?);
    if was == is {
        return Ok(());
    }
    let mut changed = is;
    changed.not_set(Column::LeadId);
    Entity::update_many().set(changed).filter(Column::LeadId.eq(before.id.uuid())).exec(&tx.conn().0).await?;
    Ok(())
}

/// What is searched of a lead.
pub(super) fn row(lead: &Lead) -> Result<ActiveModel> {
    let lower = |text: &Option<String>| Set(text.as_deref().map(str::to_lowercase));
    Ok(ActiveModel {
        lead_id: Set(lead.id.uuid()),
        name: lower(&lead.name),
        email: lower(&lead.email),
        phone: lower(&lead.phone),
        external_id: lower(&lead.external_id),
        campaign: lower(&lead.campaign),
        attributes: Set(attributes(&lead.attributes)?),
    })
}

/// With the values in lower case; none where there are none.
fn attributes(attributes: &BTreeMap<String, String>) -> Result<Option<String>> {
    if attributes.is_empty() {
        return Ok(None);
    }
    let lower: BTreeMap<&String, String> = attributes.iter().map(|(key, value)| (key, value.to_lowercase())).collect();
    serde_json::to_string(&lower).map(Some).map_err(|_| Error::Corrupt("attributes"))
}
