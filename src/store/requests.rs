//! Requests that were made once, and what they were answered: written in the transaction of the change.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};

use super::{
    Db, Result, Store, Tx, clock,
    entity::request::{ActiveModel, Column, Entity},
    leads, micros, sweep,
};
use crate::{access::scope::LeadScope, model::ids::LeadId};

/// How long an answer is kept.
const KEPT: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// Whether a request was made before.
#[derive(Clone, Debug)]
pub enum Asked {
    /// It was not. It counts as made from now on, if the transaction commits.
    First,
    /// It was, and this is what it was answered.
    Again(Kept),
    /// Another request had this key.
    Another,
}

/// What is kept of an answer.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The answer; none where it was erased with the lead that it was about.
    pub answer: Option<Vec<u8>>,
    /// Which lead it was about.
    pub lead_id: Option<LeadId>,
}

/// Says whether a request was made before; while another transaction makes the same one, waits for its end. To be asked before
/// anything is locked.
///
/// # Errors
/// The database's.
pub async fn ask(tx: &Tx, key: &[u8], digest: &[u8]) -> Result<Asked> {
    let conn = tx.conn().0;
    let new = ActiveModel {
        key: Set(key.to_vec()),
        digest: Set(digest.to_vec()),
        answer: Set(None),
        lead_id: Set(None),
        time: Set(micros(tx.now())),
    };
    let unless_there = OnConflict::column(Column::Key).do_nothing().to_owned();
    if Entity::insert(new).on_conflict(unless_there).exec_without_returning(&conn).await? == 1 {
        return Ok(Asked::First);
    }
    tx.read_clock().await?;
    let made = Entity::find_by_id(key.to_vec()).one(&conn).await?;
    Ok(match made {
        Some(made) if made.digest.is_empty() || made.digest == digest => {
            Asked::Again(Kept { answer: made.answer, lead_id: made.lead_id.map(LeadId::from) })
        }
        Some(_) => Asked::Another,
        // Swept between the two statements.
        None => return Err(super::Error::Conflict(None)),
    })
}

/// Keeps the answer of a request that was made in this transaction, unless the lead that it tells of is deleted meanwhile.
///
/// # Errors
/// The database's.
pub async fn keep(tx: &Tx, key: &[u8], answer: Vec<u8>, about: Option<LeadId>) -> Result<()> {
    if let Some(lead) = about {
        let scope = LeadScope::system("an answer goes with the lead that it tells of, whoever asked");
        if !leads::hold(tx, &scope, lead).await? {
            return Err(super::Error::Conflict(None));
        }
    }
    let kept = ActiveModel {
        key: Set(key.to_vec()),
        answer: Set(Some(answer)),
        lead_id: Set(about.map(LeadId::uuid)),
        ..Default::default()
    };
    Entity::update(kept).exec(&tx.conn().0).await?;
    Ok(())
}

/// Erases what was said of some leads. That the requests were made stays known, what they said doesn't.
///
/// # Errors
/// The database's.
pub(super) async fn forget_leads(tx: &Tx, leads: &[LeadId]) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::Answer, Expr::value(Option::<Vec<u8>>::None))
        .col_expr(Column::Digest, Expr::value(Vec::<u8>::new()))
        .filter(Column::LeadId.is_in(leads.iter().map(|id| id.uuid())))
        .exec(&tx.conn().0)
        .await?;
    Ok(())
}

/// Lets go of what was kept long enough.
///
/// # Errors
/// The database's.
pub async fn sweep(store: &Store) -> Result<()> {
    let before = micros(clock(store).await? - KEPT);
    sweep::sweep::<Entity>(store, Column::Key, Column::Time.lt(before).into()).await
}
