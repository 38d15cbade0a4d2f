//! The settings: one row.

use std::time::Duration;

use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use super::{Db, Error, Result, Tx, entity::settings, micros, micros_of, time};
use crate::model::settings::{PolicyKind, Settings};

const ROW: i64 = 1;

/// The settings.
///
/// # Errors
/// The database's.
pub async fn get(db: &impl Db) -> Result<Settings> {
    let row = settings::Entity::find_by_id(ROW).one(&db.conn().0).await?.ok_or(Error::Corrupt("settings"))?;
    let settings::Model {
        id: _,
        revocation_policy,
        keep_duration,
        enforce_desks,
        resolve_on_completed_order,
        update_time,
        version,
        rights_version: _,
    } = row;
    Ok(Settings {
        policy: PolicyKind::from_word(&revocation_policy).ok_or(Error::Corrupt("revocation policy"))?,
        keep_duration: Duration::from_micros(keep_duration.unsigned_abs()),
        enforce_desks,
        resolve_on_completed_order,
        update_time: time(update_time).ok_or(Error::Corrupt("time"))?,
        version,
    })
}

/// Stores the settings of a new database.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &Tx, settings: &Settings) -> Result<()> {
    settings::Entity::insert(row(settings)).exec_without_returning(&tx.conn().0).await?;
    Ok(())
}

/// Stores changed settings under their next version; answers whether they were still the ones given.
///
/// # Errors
/// The database's.
pub async fn update(tx: &Tx, settings: &Settings) -> Result<bool> {
    let mut changed = row(settings);
    changed.version = Set(settings.version + 1);
    changed.update_time = Set(micros(tx.now()));
    let done = settings::Entity::update_many()
        .set(changed.reset_all())
        .filter(settings::Column::Version.eq(settings.version))
        .exec(&tx.conn().0)
        .await?;
    Ok(done.rows_affected == 1)
}

fn row(settings: &Settings) -> settings::ActiveModel {
    let Settings { policy, keep_duration, enforce_desks, resolve_on_completed_order, update_time, version } = settings;
    settings::ActiveModel {
        id: Set(ROW),
        revocation_policy: Set(policy.word().to_owned()),
        keep_duration: Set(micros_of(*keep_duration)),
        enforce_desks: Set(*enforce_desks),
        resolve_on_completed_order: Set(*resolve_on_completed_order),
        update_time: Set(micros(*update_time)),
        version: Set(*version),
        ..Default::default()
    }
}
