//! Transactions, and the only place that runs one again.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use sea_orm::{DatabaseTransaction, SqliteTransactionMode, TransactionOptions, TransactionTrait};

use super::{Conn, Db, Error, Result, Store, clock};
use crate::model::Time;

const ATTEMPTS: u32 = 6;

/// A transaction that writes, on one connection.
#[derive(Clone)]
pub struct Tx {
    inner: Arc<DatabaseTransaction>,
    now: Time,
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Tx {
    /// The database's clock when the transaction began.
    pub fn now(&self) -> Time {
        self.now
    }
}

impl Db for Tx {
    fn conn(&self) -> Conn<'_> {
        Conn(self.inner.as_ref().into())
    }
}

impl Retryable for Error {
    fn is_retryable(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }
}

/// An error that says whether its transaction can be run again.
pub trait Retryable {
    /// Whether it can.
    fn is_retryable(&self) -> bool;
}

impl Store {
    /// Runs `work` in a transaction and commits it, again where another one was in the way. It runs to its end even if whoever asked goes away.
    ///
    /// # Errors
    /// What `work` answers, or the database's.
    pub async fn write<A, T, E, W, F>(&self, args: A, work: W) -> Result<T, E>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Retryable + Send + 'static,
        W: Fn(Tx, Arc<A>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<T, E>> + Send,
    {
        self.write_unless(false, args, work).await
    }

    /// Like [`write`](Self::write), but with `dry_run` everything is undone at the end and the answer stays.
    ///
    /// # Errors
    /// What `work` answers, or the database's.
    pub async fn write_unless<A, T, E, W, F>(&self, dry_run: bool, args: A, work: W) -> Result<T, E>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Retryable + Send + 'static,
        W: Fn(Tx, Arc<A>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<T, E>> + Send,
    {
        let store = self.clone();
        let args = Arc::new(args);
        // A task of its own, since a cancelled BEGIN can poison the pool, and half a transaction helps nobody.
        let task = tokio::spawn(async move {
            let mut attempt = 1;
            loop {
                match store.once(dry_run, Arc::clone(&args), &work).await {
                    Err(error) if error.is_retryable() && attempt < ATTEMPTS => {
                        tokio::time::sleep(pause(attempt)).await;
                        attempt += 1;
                    }
                    answer => return answer,
                }
            }
        });
        task.await.map_err(|died| E::from(Error::Died(died)))?
    }

    async fn once<A, T, E, W, F>(&self, dry_run: bool, args: Arc<A>, work: &W) -> Result<T, E>
    where
        E: From<Error>,
        W: Fn(Tx, Arc<A>) -> F,
        F: Future<Output = Result<T, E>>,
    {
        let tx = self.begin().await?;
        let inner = Arc::clone(&tx.inner);
        let answer = work(tx, args).await;
        // Dropping it rolls back; it can only be shared still if `work` kept a handle, and then nothing may be committed.
        let inner = Arc::into_inner(inner).ok_or(Error::Conflict(None))?;
        if answer.is_ok() && !dry_run {
            inner.commit().await.map_err(Error::from)?;
        } else {
            inner.rollback().await.map_err(Error::from)?;
        }
        answer
    }

    /// IMMEDIATE on SQLite: a transaction that starts by reading can't become a writer once another has written.
    async fn begin(&self) -> Result<Tx> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let inner = Arc::new(self.write.begin_with_options(options).await?);
        let mut tx = Tx { inner, now: Time::default() };
        tx.now = clock(&tx).await?;
        Ok(tx)
    }
}

/// Grows with each attempt, and differs between processes that collided.
fn pause(attempt: u32) -> Duration {
    let jitter = u64::from(std::process::id() % 7) + 1;
    Duration::from_millis(jitter * u64::from(attempt) * u64::from(attempt))
}
