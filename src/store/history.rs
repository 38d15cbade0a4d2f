//! The history of leads: appended in the transaction of the change, never edited.

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{Db, Error, Result, Tx, entity::lead_history, leads::Found, micros, time};
use crate::{
    access::scope::View,
    model::{
        history::{Change, HistoryEntry, HistoryKind},
        ids::{HistoryId, LeadId, UserId},
        page::{Page, Paged},
        user::Actor,
    },
};

/// What happened to several leads at once, to append.
#[derive(Clone, Debug)]
pub struct Happening {
    /// To which lead.
    pub lead_id: LeadId,
    /// What kind of change.
    pub kind: HistoryKind,
    /// What changed.
    pub changes: Vec<Change>,
}

/// Appends what one actor did.
///
/// # Errors
/// The database's.
pub async fn append(tx: &Tx, actor: Actor, happenings: Vec<Happening>) -> Result<()> {
    if happenings.is_empty() {
        return Ok(());
    }
    let rows = happenings.into_iter().map(|happening| {
        let Happening { lead_id, kind, changes } = happening;
        Ok(lead_history::ActiveModel {
            id: Set(HistoryId::at(tx.now()).uuid()),
            lead_id: Set(lead_id.uuid()),
            kind: Set(kind.word().to_owned()),
            time: Set(micros(tx.now())),
            actor_id: Set(actor.id.uuid()),
            on_behalf_of: Set(actor.on_behalf_of.map(UserId::uuid)),
            changes: Set(serde_json::to_string(&changes).map_err(|_| Error::Corrupt("history entry"))?),
        })
    });
    let rows = rows.collect::<Result<Vec<_>>>()?;
    lead_history::Entity::insert_many(rows).exec_without_returning(&tx.conn().0).await?;
    Ok(())
}

/// A page of a viewable lead's history, newest first.
///
/// # Errors
/// The database's.
pub async fn list(db: &impl Db, lead: &Found<View>, page: &Page) -> Result<Paged<HistoryEntry>> {
    let mut query = lead_history::Entity::find().filter(lead_history::Column::LeadId.eq(lead.lead().id.uuid()));
    if let Some(before) = page.after {
        query = query.filter(lead_history::Column::Id.lt(before));
    }
    let rows = query.order_by_desc(lead_history::Column::Id).limit(u64::from(page.size) + 1).all(&db.conn().0).await?;
    let entries = rows.into_iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(page.cut(entries, |entry| entry.id.uuid()))
}

fn read(row: lead_history::Model) -> Result<HistoryEntry> {
    let lead_history::Model { id, lead_id, kind, time: at, actor_id, on_behalf_of, changes } = row;
    Ok(HistoryEntry {
        id: id.into(),
        lead_id: lead_id.into(),
        kind: HistoryKind::from_word(&kind).ok_or(Error::Corrupt("history kind"))?,
        time: time(at).ok_or(Error::Corrupt("time"))?,
        actor_id: actor_id.into(),
        on_behalf_of: on_behalf_of.map(UserId::from),
        changes: serde_json::from_str(&changes).map_err(|_| Error::Corrupt("history entry"))?,
    })
}
