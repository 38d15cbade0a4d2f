//! The real binary, killed again and again while leads are changed and watched: every change that is in a lead's history is
//! told once and in its order, by a chain of watches that goes on from the last token each time.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use leadward::proto::{Lead, LeadEvent, LeadEventKind, LeadHistoryKind};
use tokio::{
    task::{JoinSet, spawn_blocking},
    time::{Instant, sleep},
};
use tonic::{Code, Status};

use crate::support::{Caller, Database, Dice, RunningServer, Serve, Storage, Watch, named, reason};

const KILLS: usize = 20;
/// How many events are waited for between two kills.
const MORE: usize = 3;
const WRITERS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(60);

mod a_watch_tells_every_change_once_however_often_the_service_is_killed {
    use super::{Database, kill_watches};

    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        Box::pin(kill_watches(Database::Sqlite)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        Box::pin(kill_watches(Database::Postgres)).await;
    }
}

async fn kill_watches(database: Database) {
    let mut dice = Dice::from_environment();
    let storage = Storage::create(database).await;
    let token = RunningServer::start(storage.url()).await.first_token().expect("a first start").to_owned();

    let mut server = listening(storage.url()).await;
    let addr = Arc::new(Mutex::new(server.addr()));
    let site = Site { addr, token, told: Arc::default(), stopped: Arc::default() };
    let watch = Watch::open(&site.admin()).await;
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        writers.spawn(write(site.clone(), number, dice.fork()));
    }
    let watcher = tokio::spawn(follow(site.clone(), watch));
    for _ in 0..KILLS {
        site.tells(MORE).await;
        sleep(dice.milliseconds(300)).await;
        // SIGKILL.
        drop(server);
        server = listening(storage.url()).await;
        *site.addr.lock().unwrap() = server.addr();
    }
    site.stopped.store(true, Ordering::Relaxed);
    let written: Vec<Written> = writers.join_all().await.into_iter().flatten().collect();
    let last = site.admin().create_lead(named(LAST)).await.unwrap();
    let told = watcher.await.unwrap();

    assert_eq!(told.events.last().map(|event| &event.lead_id), Some(&last.id));
    expect_each_change_once(&site.admin(), &written, &told.events).await;
    println!("{} events, {} breaks", told.events.len(), told.breaks);
    assert!(told.breaks * 2 >= KILLS && told.events.len() > 2 * KILLS, "too little happened, or broke");
}

/// The lead that is made when all is over.
const LAST: &str = "the last";

/// Where the service is at the moment.
#[derive(Clone)]
struct Site {
    addr: Arc<Mutex<SocketAddr>>,
    token: String,
    /// How many events were told.
    told: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
}

impl Site {
    fn admin(&self) -> Caller {
        let addr = *self.addr.lock().unwrap();
        Caller::at(addr, &self.token)
    }

    /// Waits until so many more events are told.
    async fn tells(&self, more: usize) {
        let (before, until) = (self.told.load(Ordering::Relaxed), Instant::now() + PATIENCE);
        while self.told.load(Ordering::Relaxed) < before + more {
            assert!(Instant::now() < until, "nothing more is told");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn listening(url: &str) -> Serve {
    let url = url.to_owned();
    spawn_blocking(move || Serve::listening(&url)).await.unwrap()
}

/// What was told over all watches together.
struct Told {
    events: Vec<LeadEvent>,
    breaks: usize,
}

/// Reads until the last lead is told of, and goes on from the last token wherever the watch breaks.
async fn follow(site: Site, mut watch: Watch) -> Told {
    let mut told = Told { events: Vec::new(), breaks: 0 };
    loop {
        match watch.next_within(PATIENCE).await {
            Ok(events) => {
                told.events.extend(events.expect("something happens"));
                site.told.store(told.events.len(), Ordering::Relaxed);
            }
            Err(status) => {
                expect_broken(&status);
                told.breaks += 1;
                watch = go_on(&site, &watch.token.clone()).await;
            }
        }
        let is_last = |event: &LeadEvent| event.lead.as_ref().is_some_and(|lead| lead.name() == LAST);
        if told.events.last().is_some_and(is_last) {
            return told;
        }
    }
}

async fn go_on(site: &Site, token: &str) -> Watch {
    let until = Instant::now() + PATIENCE;
    loop {
        match Watch::resume(&site.admin(), token).await {
            Ok(watch) => return watch,
            Err(status) => {
                expect_broken(&status);
                assert!(Instant::now() < until, "{status:?}");
                sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// Nobody is told that something is wrong with their request because the service was killed.
fn expect_broken(status: &Status) {
    let of_the_service = ["", "UNAVAILABLE"].contains(&reason(status).as_str());
    assert!(of_the_service && status.code() != Code::InvalidArgument, "{status:?}");
}

/// A lead that was written, and what was acknowledged of it.
struct Written {
    id: String,
    acknowledged: usize,
}

/// Makes leads and changes them, as long as there is something to break.
async fn write(site: Site, writer: usize, mut dice: Dice) -> Vec<Written> {
    let mut written: Vec<Written> = Vec::new();
    let mut number = 0;
    while !site.stopped.load(Ordering::Relaxed) {
        let admin = site.admin();
        number += 1;
        if written.is_empty() || dice.below(10) == 0 {
            match admin.create_lead(named(&format!("lead {number} of {writer}"))).await {
                Ok(lead) => written.push(Written { id: lead.id, acknowledged: 1 }),
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
            continue;
        }
        let at = dice.below(written.len());
        let id = written[at].id.clone();
        let done = match dice.below(6) {
            0 => admin.discard(&id).await,
            1 => admin.retrieve(&id).await,
            2 => admin.resolve(&id).await,
            3 => admin.reopen(&id).await,
            _ => admin.update_lead(Lead { id, ..named(&format!("change {number} by {writer}")) }, &[]).await,
        };
        match done {
            Ok(_) => written[at].acknowledged += 1,
            Err(status) if status.code() == Code::FailedPrecondition => {}
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
    written
}

/// Compares what was told of each lead with its history: the record of what was committed, acknowledged or not.
async fn expect_each_change_once(admin: &Caller, written: &[Written], events: &[LeadEvent]) {
    let mut told: BTreeMap<&str, Vec<LeadEventKind>> = BTreeMap::new();
    for event in events {
        told.entry(&event.lead_id).or_default().push(event.kind());
    }
    for (id, told) in &told {
        let mut history = admin.history(id).await.unwrap();
        history.reverse();
        let happened: Vec<_> = history.iter().map(|entry| event_of(entry.kind())).collect();
        assert_eq!(*told, happened, "{id}");
    }
    for Written { id, acknowledged } in written {
        let told = told.get(id.as_str()).map_or(0, Vec::len);
        assert!(told >= *acknowledged, "{id}: {told} told of {acknowledged} acknowledged");
    }
}

fn event_of(kind: LeadHistoryKind) -> LeadEventKind {
    match kind {
        LeadHistoryKind::Created => LeadEventKind::Created,
        LeadHistoryKind::Updated => LeadEventKind::Changed,
        LeadHistoryKind::Discarded => LeadEventKind::Discarded,
        LeadHistoryKind::Retrieved => LeadEventKind::Retrieved,
        LeadHistoryKind::Resolved => LeadEventKind::Resolved,
        LeadHistoryKind::Reopened => LeadEventKind::Reopened,
        other => panic!("{other:?} was not written here"),
    }
}
