//! Keys that every server of one database shares, and what the database is for.

use sea_orm::{ActiveValue::Set, EntityTrait, sea_query::OnConflict};

use super::{Db, Error, Result, Store, Tx, entity::secret};

/// Leaves a mark in a database that is being filled.
///
/// # Errors
/// The database's.
pub async fn mark(tx: &Tx, name: &'static str) -> Result<()> {
    let row = secret::ActiveModel { name: Set(name.to_owned()), value: Set(Vec::new()) };
    secret::Entity::insert(row).exec_without_returning(&tx.conn().0).await?;
    Ok(())
}

/// Whether a database has a mark.
///
/// # Errors
/// The database's.
pub async fn has_mark(db: &impl Db, name: &'static str) -> Result<bool> {
    Ok(secret::Entity::find_by_id(name.to_owned()).one(&db.conn().0).await?.is_some())
}

/// The key by this name; the first who asks for it makes it.
///
/// # Errors
/// The database's, or [`Error::Corrupt`] where what is stored is no key.
pub async fn key(store: &Store, name: &'static str, fresh: [u8; 32]) -> Result<[u8; 32]> {
    let value = store
        .write((name, fresh), |tx, args| async move {
            let (name, fresh) = *args;
            let row = secret::ActiveModel { name: Set(name.to_owned()), value: Set(fresh.to_vec()) };
            secret::Entity::insert(row)
                .on_conflict(OnConflict::column(secret::Column::Name).do_nothing().to_owned())
                .exec_without_returning(&tx.conn().0)
                .await
                .or_else(|error| match error {
                    sea_orm::DbErr::RecordNotInserted => Ok(0),
                    other => Err(other),
                })?;
            let row = secret::Entity::find_by_id(name.to_owned()).one(&tx.conn().0).await?;
            row.map(|row| row.value).ok_or(Error::Corrupt("secret"))
        })
        .await?;
    value.try_into().map_err(|_| Error::Corrupt("secret"))
}
