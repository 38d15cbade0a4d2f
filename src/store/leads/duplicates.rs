//! Recognising a new lead as one that exists.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, JoinType, Statement, Value,
    sea_query::{Expr, ExprTrait, Func, Query, SelectStatement, UnionType},
};
use sha2::{Digest, Sha256};

use crate::{
    access::scope::LeadScope,
    model::{
        ids::LeadId,
        lead::{Lead, LeadPatch, MatchKey},
    },
    store::{Db, Error, Result, Tx, bulk, entity::lead, key, visible},
};

/// How many locks there are for all keys together: enough to keep strangers apart, few enough for a chunk of rows to take.
const LOCKS: u16 = 512;
/// People share phones: beyond so many leads it is anybody's guess which is meant.
const MOST: usize = 100;

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

    /// All keys that a lead has.
    pub fn of_lead(lead: &Lead) -> Self {
        let Lead { external_id, email, phone, .. } = lead;
        Self { external_id: external_id.clone(), email: email.as_deref().map(key), phone: phone.clone() }
    }

    /// Whether both have the same key of a kind.
    pub fn share(&self, other: &Self, kind: MatchKey) -> bool {
        let (mine, theirs) = match kind {
            MatchKey::ExternalId => (&self.external_id, &other.external_id),
            MatchKey::Email => (&self.email, &other.email),
            MatchKey::Phone => (&self.phone, &other.phone),
        };
        mine.is_some() && mine == theirs
    }

    /// Whether they are of two people: the platform knows them by two IDs.
    pub fn are_anothers(&self, other: &Self) -> bool {
        matches!((&self.external_id, &other.external_id), (Some(mine), Some(theirs)) if mine != theirs)
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
    let sql = "SELECT pg_advisory_xact_lock(72391, k) FROM unnest($1::integer[]) AS k ORDER BY k";
    let locks = bulk::numbers(locks.into_iter().map(i32::from));
    conn.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, [locks])).await?;
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
    /// The leads that a new one can be recognised as, and by what: external ID before e-mail before phone, and not too many.
    pub fn find(&self, keys: &Keys) -> Vec<(LeadId, MatchKey)> {
        let all = keys.all().flat_map(|(kind, key)| {
            let leads = self.0.get(&(kind.word(), key.clone())).into_iter().flatten();
            leads.map(move |id| (*id, kind))
        });
        all.take(MOST).collect()
    }

    /// Takes in the keys that a lead has got since.
    pub fn add(&mut self, id: LeadId, keys: &Keys) {
        for (kind, key) in keys.all() {
            self.note(id, kind, key.clone());
        }
    }

    fn note(&mut self, id: LeadId, kind: MatchKey, key: String) {
        let leads = self.0.entry((kind.word(), key)).or_default();
        if let Err(at) = leads.binary_search(&id) {
            leads.insert(at, id);
        }
    }

    /// Lets go of the keys that a lead had.
    pub fn remove(&mut self, id: LeadId, keys: &Keys) {
        for (kind, key) in keys.all() {
            if let Some(leads) = self.0.get_mut(&(kind.word(), key.clone())) {
                leads.retain(|lead| *lead != id);
            }
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
    let backend = conn.get_database_backend();
    let mut looks = Vec::new();
    for (column, kind) in [
        (lead::Column::ExternalId, MatchKey::ExternalId),
        (lead::Column::EmailKey, MatchKey::Email),
        (lead::Column::Phone, MatchKey::Phone),
    ] {
        let wanted = keys.iter().flat_map(Keys::all).filter(|(of, _)| *of == kind).map(|(_, key)| key.clone());
        let wanted: BTreeSet<String> = wanted.collect();
        if !wanted.is_empty() {
            let wanted = bulk::texts(wanted.into_iter().collect(), backend)?;
            looks.push(those_with((column, kind), wanted, &among, backend));
        }
    }
    let mut found = Existing::default();
    let Some(all) = looks.into_iter().reduce(|mut all, next| all.union(UnionType::All, next).to_owned()) else {
        return Ok(found);
    };
    for row in conn.query_all(&all).await? {
        let (id, kind, key): (uuid::Uuid, String, String) =
            (row.try_get("", "id")?, row.try_get("", "kind")?, row.try_get("", "key")?);
        let kind = MatchKey::from_word(&kind).ok_or(Error::Corrupt("match key"))?;
        found.note(id.into(), kind, key);
    }
    Ok(found)
}

/// Leads that have one of some keys of a kind.
fn those_with(
    (column, kind): (lead::Column, MatchKey),
    keys: Value,
    among: &Condition,
    backend: DbBackend,
) -> SelectStatement {
    let mut leads = Query::select();
    leads.column((lead::Entity, lead::Column::Id)).from(lead::Entity).cond_where(among.clone());
    let kind = Expr::val(kind.word());
    if backend != DbBackend::Postgres {
        let wanted = [column.into_expr(), Expr::val(keys)];
        return leads
            .expr_as(kind, "kind")
            .expr_as(column.into_expr(), "key")
            .and_where(Expr::cust_with_exprs("? IN (SELECT value FROM json_each(?))", wanted))
            .to_owned();
    }
    // Key by key along the index, whatever the planner thinks of how many there are: OFFSET keeps it from joining otherwise.
    leads.and_where(column.into_expr().eq(Expr::col(("wanted", "wanted")))).offset(0);
    let wanted = Func::cust("unnest").arg(Expr::cust_with_values("$1::text[]", [keys]));
    Query::select()
        .column(("found", "id"))
        .expr_as(kind, "kind")
        .expr_as(Expr::col(("wanted", "wanted")), "key")
        .from_function(wanted, "wanted")
        .join_lateral(JoinType::InnerJoin, leads, "found", Expr::val(true))
        .to_owned()
}
