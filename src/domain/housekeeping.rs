//! What is done by itself: leads go back that were given away for some time, and what was kept long enough is let go of (answers of
//! repeated requests, places of imports, events of leads, what assignments replaced).

use std::time::Duration;

use tokio::time::{Instant, interval_at};

use super::assignment;
use crate::store::{Store, imports, lead_events, replaced, requests};

/// How long after its start a server sweeps for the first time.
const FIRST: Duration = Duration::from_secs(60);
/// How often it sweeps.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// How often it tries to overwrite what SQLite's log still holds of what was erased.
const RETRY: Duration = Duration::from_secs(10);

/// How often it looks whether leads are to go back.
const RETURNS: Duration = Duration::from_secs(5);

/// Keeps house for as long as it is polled.
pub async fn run(store: Store) {
    tokio::join!(sweep(&store), overwrite(&store), give_back(&store));
}

async fn give_back(store: &Store) {
    loop {
        tokio::time::sleep(RETURNS).await;
        if let Err(error) = assignment::give_back(store).await {
            tracing::warn!(?error, "leads that are to go back are still where they were");
        }
    }
}

async fn overwrite(store: &Store) {
    loop {
        tokio::time::sleep(RETRY).await;
        store.overwrite_log().await;
    }
}

async fn sweep(store: &Store) {
    let mut hours = interval_at(Instant::now() + FIRST, EVERY);
    loop {
        hours.tick().await;
        for swept in [
            requests::sweep(store).await,
            imports::sweep(store).await,
            lead_events::sweep(store).await,
            replaced::sweep(store).await,
        ] {
            if let Err(error) = swept {
                tracing::warn!(?error, "what was kept long enough is still kept");
            }
        }
    }
}
