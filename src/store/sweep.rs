//! Letting go of what was kept long enough, little by little: nobody who writes waits long for it.

use std::{sync::Arc, time::Duration};

use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use super::{Db, Result, Store, Tx};

/// How many rows go at once.
pub(super) const ROWS: u64 = 2_000;
/// How long others come first after that.
const PAUSE: Duration = Duration::from_millis(50);

/// Deletes the rows of a table that are old.
pub(super) async fn sweep<E: EntityTrait>(store: &Store, key: E::Column, old: Condition) -> Result<()> {
    let delete = move |tx: Tx, old: Arc<Condition>| async move {
        let some = E::find().select_only().column(key).filter((*old).clone()).limit(ROWS).into_query();
        let done = E::delete_many().filter(key.in_subquery(some)).exec(&tx.conn().0).await?;
        Ok(done.rows_affected)
    };
    little_by_little(store, old, delete).await
}

/// Does something to so many rows at a time, until there are no more of them.
pub(super) async fn little_by_little<A, F, Fut>(store: &Store, args: A, some: F) -> Result<()>
where
    A: Clone + Send + Sync + 'static,
    F: Fn(Tx, Arc<A>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<u64>> + Send,
{
    while store.write(args.clone(), some.clone()).await? == ROWS {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
