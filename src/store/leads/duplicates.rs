//! Recognising a new lead as one that exists.

use std::collections::BTreeMap;

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement,
};
use sha2::{Digest, Sha256};

use crate::{
    access::scope::LeadScope,
    model::{
        ids::LeadId,
        lead::{LeadPatch, MatchKey},
    },
    store::{Db, Result, Tx, entity::lead, visible},
};

/// How many locks there are for all keys together: enough to keep strangers apart, few enough for a chunk of rows to take.
const LOCKS: u16 = 512;

/// What a lead can be recognised by, normalised.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Keys {
    /// The platform's user ID.
    pub external_id: Option<String>,
    /// In lower case.
    pub email: Option<String>,
    /// E.164.
    pub phone: Option<String>,
}

impl Keys {
    /// The keys that a new lead's fields have. An external ID always counts, since it is unique.
    pub fn of(fields: &LeadPatch, keys: &[MatchKey]) -> Self {
        let email = fields.email.as_ref().and_then(|e| e.as_ref());
        let phone = fields.phone.as_ref().and_then(|p| p.as_ref());
        Self {
            external_id: fields.external_id.clone().flatten(),
            email: email.filter(|_| keys.contains(&MatchKey::Email)).map(|e| e.key()),
            phone: phone.filter(|_| keys.contains(&MatchKey::Phone)).map(|p| p.as_str().to_owned()),
        }
    }

    fn all(&self) -> impl Iterator<Item = (MatchKey, &String)> {
        let external_id = self.external_id.iter().map(|key| (MatchKey::ExternalId, key));
        let email = self.email.iter().map(|key| (MatchKey::Email, key));
        external_id.chain(email).chain(self.phone.iter().map(|key| (MatchKey::Phone, key)))
    }
}

/// Keeps two transactions from making the same lead at once, until this one ends. SQLite's one writer needs no such lock.
///
/// # Errors
/// The database's.
pub async fn lock_keys(tx: &Tx, keys: &[Keys]) -> Result<()> {
    let conn = tx.conn().0;
    if conn.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let mut locks: Vec<u16> = keys.iter().flat_map(Keys::all).map(|(kind, key)| lock(kind, key)).collect();
    // Always in the same order, or two chunks of rows wait for each other.
    locks.sort_unstable();
    locks.dedup();
    if locks.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = locks.iter().map(u16::to_string).collect();
    let sql = format!("SELECT pg_advisory_xact_lock(72391, k) FROM unnest(ARRAY[{}]) AS k ORDER BY k", list.join(","));
    conn.execute_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    Ok(())
}

fn lock(kind: MatchKey, key: &str) -> u16 {
    let digest = Sha256::digest(format!("{} {key}", kind.word()));
    u16::from_be_bytes([digest[0], digest[1]]) % LOCKS
}

/// The leads that have each of some keys, oldest first. There can be several: not every key is matched at every creation.
#[derive(Clone, Debug, Default)]
pub struct Existing(BTreeMap<(&'static str, String), Vec<LeadId>>);

impl Existing {
    /// The leads that a new one can be recognised as, and by what: external ID before e-mail before phone.
    pub fn find(&self, keys: &Keys) -> Vec<(LeadId, MatchKey)> {
        let all = keys.all().flat_map(|(kind, key)| {
            let leads = self.0.get(&(kind.word(), key.clone())).into_iter().flatten();
            leads.map(move |id| (*id, kind))
        });
        all.collect()
    }

    /// Takes a lead in that was made since.
    pub fn add(&mut self, id: LeadId, keys: &Keys) {
        for (kind, key) in keys.all() {
            self.0.entry((kind.word(), key.clone())).or_default().push(id);
        }
    }
}

/// Which of some keys the scope's leads have already.
///
/// # Errors
/// The database's.
pub async fn existing<A>(tx: &Tx, scope: &LeadScope<A>, keys: &[Keys]) -> Result<Existing> {
    let covered = visible::covers(scope, tx.conn().0.get_database_backend());
    look(tx, keys, covered).await
}

/// The scope's leads that a registration can be of: the one that has its external ID, or else those of its e-mail or phone that
/// have none yet.
///
/// # Errors
/// The database's.
pub async fn registrable<A>(tx: &Tx, scope: &LeadScope<A>, keys: &Keys) -> Result<Existing> {
    let by_id = Keys { external_id: keys.external_id.clone(), ..Keys::default() };
    let registered = existing(tx, scope, &[by_id]).await?;
    if !registered.0.is_empty() {
        return Ok(registered);
    }
    let by_contact = Keys { external_id: None, ..keys.clone() };
    let covered = visible::covers(scope, tx.conn().0.get_database_backend());
    look(tx, &[by_contact], Condition::all().add(covered).add(lead::Column::ExternalId.is_null())).await
}

async fn look(tx: &Tx, keys: &[Keys], among: Condition) -> Result<Existing> {
    let conn = tx.conn().0;
    let mut found = Existing::default();
    for (column, kind) in [
        (lead::Column::ExternalId, MatchKey::ExternalId),
        (lead::Column::EmailKey, MatchKey::Email),
        (lead::Column::Phone, MatchKey::Phone),
    ] {
        let wanted = keys.iter().flat_map(Keys::all).filter(|(of, _)| *of == kind).map(|(_, key)| key.clone());
        let wanted: Vec<String> = wanted.collect();
        if wanted.is_empty() {
            continue;
        }
        let rows: Vec<(uuid::Uuid, String)> = lead::Entity::find()
            .select_only()
            .columns([lead::Column::Id, column])
            .filter(column.is_in(wanted))
            .filter(among.clone())
            .order_by_asc(lead::Column::Id)
            .into_tuple()
            .all(&conn)
            .await?;
        for (id, key) in rows {
            found.0.entry((kind.word(), key)).or_default().push(id.into());
        }
    }
    Ok(found)
}
