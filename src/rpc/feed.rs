//! Wakes those who watch when something has happened to leads, here or at another server of the database.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use crate::store::{Store, lead_events};

/// How often the database is asked whether something has happened at another server.
const POLL: Duration = Duration::from_millis(250);
/// How long news waits for more, so that those who watch are woken once for all of it.
const GATHER: Duration = Duration::from_millis(100);
/// How many steps of watches are read at once: those who watch leave the database to those who work.
const STEPS: usize = 3;

/// Where those who watch find out that they should look.
#[derive(Clone, Debug)]
pub struct Feed {
    head: watch::Receiver<i64>,
    listeners: Arc<Listeners>,
    turns: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Listeners {
    count: AtomicUsize,
    came: Notify,
}

/// Somebody who watches.
#[derive(Debug)]
pub struct Listener {
    head: watch::Receiver<i64>,
    listeners: Arc<Listeners>,
}

impl Feed {
    /// A feed, and what fills it for as long as it is polled. Once that is dropped, the listeners hear that nothing more comes.
    pub fn new(store: Store) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (sender, head) = watch::channel(0);
        let feed = Self { head, listeners: Arc::default(), turns: Arc::new(Semaphore::new(STEPS)) };
        let listeners = Arc::clone(&feed.listeners);
        (feed, fill(store, sender, listeners))
    }

    /// Waits for a turn to read; none once nobody gives turns any more.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.turns).acquire_owned().await.ok()
    }

    /// Listens from now on.
    pub fn listen(&self) -> Listener {
        self.listeners.count.fetch_add(1, Ordering::Relaxed);
        self.listeners.came.notify_one();
        Listener { head: self.head.clone(), listeners: Arc::clone(&self.listeners) }
    }
}

impl Listener {
    /// Waits until something has happened; false: the server stops.
    pub async fn changed(&mut self) -> bool {
        self.head.changed().await.is_ok()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.listeners.count.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn fill(store: Store, head: watch::Sender<i64>, listeners: Arc<Listeners>) {
    let mut heard = true;
    loop {
        if listeners.count.load(Ordering::Relaxed) == 0 {
            listeners.came.notified().await;
        }
        match lead_events::head(&store).await {
            Ok(now) => {
                if !heard {
                    tracing::info!("what happens to leads is heard of again");
                }
                heard = true;
                if head.send_if_modified(|known| std::mem::replace(known, now) != now) {
                    tokio::time::sleep(GATHER).await;
                }
            }
            Err(error) => {
                // Once, however long it lasts.
                if heard {
                    tracing::warn!(?error, "what happens to leads is not heard of");
                }
                heard = false;
            }
        }
        tokio::select! {
            () = store.something_happened() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}
