//! Letting go of what was kept long enough, little by little: nobody who writes waits long for it.

use std::time::Duration;

use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use super::{Db, Result, Store};

/// How many rows go at once, where they are small.
pub(super) const ROWS: u64 = 2_000;
/// How long others come first after that.
const PAUSE: Duration = Duration::from_millis(50);

/// Deletes the rows of a table that are old, so many at once.
pub(super) async fn sweep<E: EntityTrait>(store: &Store, key: E::Column, old: Condition, rows: u64) -> Result<()> {
    loop {
        let old = old.clone();
        let gone = store.write(old, move |tx, old| async move {
            let some = E::find().select_only().column(key).filter((*old).clone()).limit(rows).into_query();
            let done = E::delete_many().filter(key.in_subquery(some)).exec(&tx.conn().0).await?;
            Ok::<_, super::Error>(done.rows_affected)
        });
        if gone.await? < rows {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}
