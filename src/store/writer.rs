//! SQLite's one writer. Writes that wait for each other share a commit, which is most of what a small one costs: the first is the
//! transaction, each after it a savepoint, and whoever finds nobody waiting behind them commits for all.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use tokio::sync::{Mutex, MutexGuard, oneshot};

use super::{
    Error, Result,
    tx::{Attempted, Left},
};

/// How many writes share a commit at most, and for how long it may be put off once the first of them has written.
const MOST: usize = 64;
const LONGEST: Duration = Duration::from_millis(20);

/// Who may write, one at a time.
#[derive(Debug, Default)]
pub(super) struct Writer {
    open: Mutex<Option<Shared>>,
    /// How many wait for their turn, so that one of them will commit what is left open.
    waiting: AtomicUsize,
}

/// What is not committed yet.
#[derive(Debug)]
struct Shared {
    outer: DatabaseTransaction,
    since: Instant,
    left: Left,
    /// Those who have written and wait for the commit.
    members: Vec<oneshot::Sender<()>>,
}

/// The right to write, until it is ended.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    open: MutexGuard<'a, Option<Shared>>,
    waiting: &'a AtomicUsize,
}

/// Who is to be told of a commit, after what it left has been done.
#[derive(Debug)]
pub(super) struct Committed {
    pub left: Left,
    members: Vec<oneshot::Sender<()>>,
}

impl Committed {
    pub(super) fn tell(self) {
        for member in self.members {
            // Whoever is gone needs no answer.
            let _ = member.send(());
        }
    }
}

impl Writer {
    /// Waits for one's turn.
    pub(super) async fn turn(&self) -> Turn<'_> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let open = self.open.lock().await;
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        Turn { open, waiting: &self.waiting }
    }
}

impl Turn<'_> {
    /// One's own transaction, or part of one.
    pub(super) async fn begin(&self, pool: &DatabaseConnection) -> Result<DatabaseTransaction> {
        Ok(match self.open.as_ref() {
            None => pool.begin_with_options(writing()).await?,
            Some(shared) => shared.outer.begin().await?,
        })
    }

    /// Ends once what was written is committed: by oneself, and then the others are to be told, or by somebody after.
    pub(super) async fn end<T>(mut self, attempted: Option<&mut Attempted<T>>) -> Result<Option<Committed>> {
        let mine = attempted.and_then(|attempted| Some((attempted.inner.take()?, attempted.commits, attempted.left)));
        let mut shared = match (self.open.take(), mine) {
            (None, None) => return Ok(None),
            (None, Some((alone, false, _))) => {
                alone.rollback().await?;
                return Ok(None);
            }
            (None, Some((outer, true, left))) => Shared { outer, since: Instant::now(), left, members: Vec::new() },
            (Some(shared), None) => shared,
            (Some(shared), Some((savepoint, false, _))) => {
                savepoint.rollback().await?;
                shared
            }
            (Some(shared), Some((savepoint, true, left))) => {
                savepoint.commit().await?;
                Shared { left: shared.left.and(left), ..shared }
            }
        };
        let others = self.waiting.load(Ordering::SeqCst) > 0;
        if others && shared.members.len() + 1 < MOST && shared.since.elapsed() < LONGEST {
            let (tell, told) = oneshot::channel();
            shared.members.push(tell);
            *self.open = Some(shared);
            drop(self);
            return match told.await {
                Ok(()) => Ok(None),
                Err(_) => Err(Error::Other(DbErr::Custom("the commit that was shared failed".to_owned()))),
            };
        }
        let Shared { outer, left, members, since: _ } = shared;
        outer.commit().await?;
        Ok(Some(Committed { left, members }))
    }
}

/// A transaction that starts by reading can't become a writer once another process has written.
fn writing() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use futures::future::join_all;
    use sea_orm::ConnectionTrait;

    use crate::store::{Db, Error, Store};

    const WRITES: i32 = 200;

    #[tokio::test(flavor = "multi_thread")]
    async fn writes_that_share_a_commit_fail_and_die_by_themselves() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let store = Store::open(&format!("sqlite://{}?mode=rwc", folder.path().join("shared.db").display())).await?;
        store.write.execute_unprepared("CREATE TABLE numbers (number INTEGER)").await?;

        let writes = (0..WRITES).map(|number| {
            let store = store.clone();
            async move {
                let write = store.write(number, |tx, number| async move {
                    let sql = format!("INSERT INTO numbers VALUES ({number})");
                    tx.conn().0.execute_unprepared(&sql).await?;
                    assert!(*number % 7 != 0, "{number} dies");
                    if *number % 5 == 0 { Err(Error::OutOfScope) } else { Ok(()) }
                });
                (number, write.await)
            }
        });
        let answers = join_all(writes).await;
        let done: BTreeSet<i32> =
            answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(number, _)| *number).collect();
        assert_eq!(done, (0..WRITES).filter(|number| number % 7 != 0 && number % 5 != 0).collect());

        let rows = store
            .read
            .query_all_raw(sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, "SELECT number FROM numbers"));
        let written: Result<BTreeSet<i32>, _> = rows.await?.iter().map(|row| row.try_get("", "number")).collect();
        assert_eq!(written?, done, "what was acknowledged is there, and nothing else");
        Ok(())
    }
}
