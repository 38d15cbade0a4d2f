//! Transactions, and the only place that runs one again.

use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, resume_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures::FutureExt;
use sea_orm::{
    AccessMode, DatabaseTransaction, DbBackend, IsolationLevel, TransactionOptions, TransactionTrait,
    sqlx::{self, AssertSqlSafe, Row},
};

use super::{Conn, Db, Error, Result, Store, clock, lead_events, micros, time};
use crate::model::{Time, lead_event::LeadEvent};

/// How long cutting off SQLite's log may hold up writes.
const AT_ONCE: Duration = Duration::from_millis(200);
const ATTEMPTS: u32 = 6;
const MOST_DEAD_CONNECTIONS: u32 = 32;

/// A transaction that writes, on one connection.
#[derive(Clone)]
pub struct Tx {
    inner: Arc<DatabaseTransaction>,
    now: Arc<AtomicI64>,
    notes: Arc<Mutex<Notes>>,
}

/// What a transaction leaves to be done at its commit.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// What happened to leads.
    pub events: Vec<LeadEvent>,
    /// Whether something was erased, which SQLite's log still holds.
    pub erased: bool,
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl Tx {
    async fn over(inner: DatabaseTransaction) -> Result<Self> {
        let tx = Self { inner: Arc::new(inner), now: Arc::default(), notes: Arc::default() };
        tx.read_clock().await?;
        Ok(tx)
    }

    /// The database's clock when the transaction began, or since it last waited for a lock.
    pub fn now(&self) -> Time {
        time(self.now.load(Ordering::Relaxed)).unwrap_or_default()
    }

    pub(super) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// SQLite's log is overwritten after the commit: something is erased that it still holds.
    pub(super) fn erases(&self) {
        self.notes().erased = true;
    }

    /// Reads the clock, after a lock was waited for: whoever held it may have written later times than ours.
    pub(super) async fn read_clock(&self) -> Result<()> {
        self.set_clock(clock(self).await?);
        Ok(())
    }

    pub(super) fn set_clock(&self, now: Time) {
        self.now.store(micros(now), Ordering::Relaxed);
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
        let kind = if dry_run { Kind::DryRun } else { Kind::Write };
        self.run(kind, args, work).await
    }

    /// Runs `work` in a transaction that reads one state of the database, whatever is written meanwhile.
    ///
    /// # Errors
    /// What `work` answers, or the database's.
    pub async fn snapshot<A, T, E, W, F>(&self, args: A, work: W) -> Result<T, E>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Retryable + Send + 'static,
        W: Fn(Tx, Arc<A>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<T, E>> + Send,
    {
        self.run(Kind::Snapshot, args, work).await
    }

    async fn run<A, T, E, W, F>(&self, kind: Kind, args: A, work: W) -> Result<T, E>
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
                match store.once(kind, Arc::clone(&args), &work).await {
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

    async fn once<A, T, E, W, F>(&self, kind: Kind, args: Arc<A>, work: &W) -> Result<T, E>
    where
        E: From<Error>,
        W: Fn(Tx, Arc<A>) -> F,
        F: Future<Output = Result<T, E>>,
    {
        if kind == Kind::Snapshot || self.write.get_database_backend() == DbBackend::Postgres {
            let tx = self.begin_on_a_live_connection(kind).await?;
            let Attempted { inner, commits, left, answer } = attempt(tx, kind, args, work).await?;
            if let Some(inner) = inner {
                end(inner, commits).await?;
            }
            self.see_to(left).await;
            return answer;
        }
        let turn = self.writer.turn().await;
        let attempting = async {
            let tx = Tx::over(turn.begin(&self.write).await?).await?;
            attempt(tx, kind, args, work).await
        };
        // Others wait for the end of this turn, however it ends.
        let mut attempted = AssertUnwindSafe(attempting).catch_unwind().await;
        if let Some(committed) = turn.end(attempted.as_mut().ok().and_then(|ran| ran.as_mut().ok())).await? {
            self.see_to(committed.left).await;
            committed.tell();
        }
        attempted.unwrap_or_else(|panic| resume_unwind(panic))?.answer
    }

    /// Does what a commit has left to be done.
    async fn see_to(&self, left: Left) {
        if left.happened {
            self.happened.notify_waiters();
        }
        if left.erased && self.write.get_database_backend() == DbBackend::Sqlite {
            self.log_holds_erased.store(true, Ordering::Relaxed);
            self.overwrite_log().await;
        }
    }

    /// What was erased from SQLite's file is still in its write-ahead log until that is taken over and cut off. Where a long read is in
    /// the way, it is to be tried again later.
    pub async fn overwrite_log(&self) {
        if !self.log_holds_erased.swap(false, Ordering::Relaxed) {
            return;
        }
        match self.cut_log_off().await {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!("the write-ahead log still holds what was erased: somebody reads for long");
                self.log_holds_erased.store(true, Ordering::Relaxed);
            }
            Err(error) => {
                tracing::warn!(%error, "the write-ahead log still holds what was erased");
                self.log_holds_erased.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Whether it could be done at once: writes wait for it.
    async fn cut_log_off(&self) -> Result<bool, sqlx::Error> {
        let mut conn = self.write.get_sqlite_connection_pool().acquire().await?;
        let wait = |span: Duration| AssertSqlSafe(format!("PRAGMA busy_timeout = {}", span.as_millis()));
        sqlx::query(wait(AT_ONCE)).execute(&mut *conn).await?;
        let done = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *conn).await;
        sqlx::query(wait(super::connect::BUSY)).execute(&mut *conn).await?;
        Ok(done?.try_get::<i64, _>(0)? == 0)
    }

    /// After the database was away the pool is full of dead connections; nothing has been done on them yet.
    async fn begin_on_a_live_connection(&self, kind: Kind) -> Result<Tx> {
        for _ in 0..MOST_DEAD_CONNECTIONS {
            match self.begin(kind).await {
                Err(error) if error.is_dead_connection() => {}
                answer => return answer,
            }
        }
        self.begin(kind).await
    }

    async fn begin(&self, kind: Kind) -> Result<Tx> {
        let (pool, options) = match kind {
            Kind::Write | Kind::DryRun => (&self.write, TransactionOptions::default()),
            Kind::Snapshot => (&self.read, reading(self.read.get_database_backend())),
        };
        Tx::over(pool.begin_with_options(options).await?).await
    }
}

/// What came of some work in a transaction that is still open.
pub(super) struct Attempted<R> {
    /// None once it is ended.
    pub inner: Option<DatabaseTransaction>,
    pub commits: bool,
    pub left: Left,
    pub answer: R,
}

async fn attempt<A, T, E, W, F>(tx: Tx, kind: Kind, args: Arc<A>, work: &W) -> Result<Attempted<Result<T, E>>, E>
where
    E: From<Error>,
    W: Fn(Tx, Arc<A>) -> F,
    F: Future<Output = Result<T, E>>,
{
    let answer = work(tx.clone(), args).await;
    let commits = answer.is_ok() && kind == Kind::Write;
    let happened = commits && lead_events::write(&tx).await?;
    let erased = commits && tx.notes().erased;
    // Dropping it rolls back; it can only be shared still if `work` kept a handle, and then nothing may be committed.
    let inner = Arc::into_inner(tx.inner).ok_or(Error::Conflict(None))?;
    Ok(Attempted { inner: Some(inner), commits, left: Left { happened, erased }, answer })
}

async fn end(inner: DatabaseTransaction, commits: bool) -> Result<()> {
    let ended = if commits { inner.commit().await } else { inner.rollback().await };
    Ok(ended?)
}

/// What a commit leaves to be done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Left {
    /// Those who wait for events are to be told.
    happened: bool,
    /// SQLite's log is to be overwritten.
    erased: bool,
}

impl Left {
    pub(super) fn and(self, other: Self) -> Self {
        Self { happened: self.happened || other.happened, erased: self.erased || other.erased }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Write,
    DryRun,
    Snapshot,
}

/// On SQLite every transaction reads one state.
fn reading(backend: DbBackend) -> TransactionOptions {
    match backend {
        DbBackend::Postgres => TransactionOptions {
            isolation_level: Some(IsolationLevel::RepeatableRead),
            access_mode: Some(AccessMode::ReadOnly),
            ..TransactionOptions::default()
        },
        _ => TransactionOptions::default(),
    }
}

/// Grows with each attempt, and differs between those that collided.
fn pause(attempt: u32) -> Duration {
    let jitter = getrandom::u32().unwrap_or(attempt) % 8 + 1;
    Duration::from_millis(u64::from(jitter * attempt * attempt))
}
