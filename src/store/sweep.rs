//! Letting go of what was kept long enough, little by little: nobody who writes waits long for it.

use std::time::Duration;

use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use super::{Db, Result, Store};

/// How many rows go at once.
const ROWS: u64 = 2_000;
/// How long others come first after that.
const PAUSE: Duration = Duration::from_millis(50);

/// Deletes the rows of a table that are old.
pub(super) async fn sweep<E: EntityTrait>(store: &Store, key: E::Column, old: Condition) -> Result<()> {
    loop {
        let old = old.clone();
        let gone = store.write(old, move |tx, old| async move {
            let some = E::find().select_only().column(key).filter((*old).clone()).limit(ROWS).into_query();
            let done = E::delete_many().filter(key.in_subquery(some)).exec(&tx.conn().0).await?;
            Ok::<_, super::Error>(done.rows_affected)
        });
        if gone.await? < ROWS {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}
