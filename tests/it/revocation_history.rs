//! Several servers over one database, hammered by readers, writers and open imports while access is given and taken by every
//! way that there is: no call that started after a revocation was acknowledged may show or touch the lead, and none that
//! started after it was given again may miss it.
//!
//! `LEADWARD_HAMMER_SECONDS` says for how long (6), `LEADWARD_SEED` repeats the choices of an earlier run.

mod calls;
mod checker;
mod crew;
mod hammer;

use std::{
    collections::BTreeMap,
    env,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use leadward::access::Engine;
use tokio::{sync::Mutex, task::spawn_blocking};

use self::{
    calls::{Kind, READS, WRITES},
    checker::{Fault, Verdict},
    crew::{Crew, Way, crews},
    hammer::Pace,
};
use crate::support::{Database, Dice, RunningServer, Serve, TestServer};

/// One hammering at a time: two would be busy with each other.
static TURN: Mutex<()> = Mutex::const_new(());

/// How long the faults may take to show, or enough calls to be judged.
const PATIENCE: Duration = Duration::from_secs(300);

/// How many calls must be judged, with access and without.
const ENOUGH: usize = 400;

mod no_call_outlives_its_rights {
    use super::{Database, hammer_processes};

    /// As with the command line beside a server.
    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        Box::pin(hammer_processes(Database::Sqlite, 2)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        Box::pin(hammer_processes(Database::Postgres, 3)).await;
    }
}

async fn hammer_processes(database: Database, count: usize) {
    let _turn = TURN.lock().await;
    let t = TestServer::start(database).await;
    let mut processes = Vec::new();
    for _ in 0..count {
        let url = t.database_url().to_owned();
        processes.push(spawn_blocking(move || Serve::listening(&url)).await.unwrap());
    }
    let servers: Vec<SocketAddr> = processes.iter().map(Serve::addr).collect();
    hammer_and_expect_no_fault(&t, &servers, database).await;
}

/// What a server is told of changes only makes it faster.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hears_of_no_change_is_as_exact() {
    let _turn = TURN.lock().await;
    let t = TestServer::start(Database::Postgres).await;
    let (_running, servers) = two_servers(&t, Engine { listen: false, ..Engine::default() }).await;
    hammer_and_expect_no_fault(&t, &servers, Database::Postgres).await;
}

/// Shows that the checker can find what it looks for: stale rights that read, that write, and that write by an open import.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_fence_the_checker_finds_leaks() {
    let _turn = TURN.lock().await;
    let t = TestServer::start(Database::Postgres).await;
    let (_running, servers) = two_servers(&t, Engine { fence: false, listen: false, ..Engine::default() }).await;
    let crews: Vec<_> = crews(&t, &servers).await.into_iter().map(Arc::new).collect();
    let mut dice = Dice::from_environment();

    let mut found: BTreeMap<Way, Vec<Fault>> = BTreeMap::new();
    let start = Instant::now();
    while !shows_the_fault(&crews, &found) {
        assert!(start.elapsed() < PATIENCE, "not every fault was found: {:?}", counts(&found));
        let histories = hammer::run(&crews, &mut dice, pace(Database::Postgres), Duration::from_secs(1)).await;
        for (crew, history) in crews.iter().zip(&histories) {
            found.entry(crew.way).or_default().extend(history.judge().faults);
        }
    }
    println!("found after {:?}: {:?}", start.elapsed(), counts(&found));
}

/// Every change of what a server keeps was missed by some call, and the lead was read and written in every manner.
fn shows_the_fault(crews: &[Arc<Crew>], found: &BTreeMap<Way, Vec<Fault>>) -> bool {
    let leak_of = |faults: &[Fault], of: &[Kind]| {
        faults.iter().any(|fault| matches!(fault, Fault::Leak { kind, .. } if of.contains(kind)))
    };
    let faults_of = |way: Way| found.get(&way).map(Vec::as_slice).unwrap_or_default();
    let mut ways = crews.iter().map(|crew| crew.way).filter(|way| way.is_of_the_caller());
    ways.all(|way| leak_of(faults_of(way), &READS))
        && WRITES.iter().all(|kind| found.values().any(|faults| leak_of(faults, &[*kind])))
        && found.values().flatten().any(|fault| matches!(fault, Fault::LateWrite { .. }))
}

/// How many leaks, stale denials and late writes there were.
fn counts(found: &BTreeMap<Way, Vec<Fault>>) -> BTreeMap<Way, [usize; 3]> {
    let count = |faults: &Vec<Fault>| {
        let mut counts = [0; 3];
        for fault in faults {
            let place = match fault {
                Fault::Leak { .. } => 0,
                Fault::StaleDenial { .. } => 1,
                Fault::LateWrite { .. } => 2,
            };
            counts[place] += 1;
        }
        counts
    };
    found.iter().map(|(way, faults)| (*way, count(faults))).collect()
}

async fn two_servers(t: &TestServer, engine: Engine) -> ([RunningServer; 2], Vec<SocketAddr>) {
    let url = t.database_url();
    let running = [RunningServer::start_with(url, engine).await, RunningServer::start_with(url, engine).await];
    let servers = running.iter().map(RunningServer::addr).collect();
    (running, servers)
}

async fn hammer_and_expect_no_fault(t: &TestServer, servers: &[SocketAddr], database: Database) {
    let crews: Vec<_> = crews(t, servers).await.into_iter().map(Arc::new).collect();
    let (mut dice, mut pace, round) = (Dice::from_environment(), pace(database), Duration::from_secs(seconds()));
    let mut verdicts: Vec<(Way, Verdict)> = Vec::new();
    let start = Instant::now();
    // That nothing was found says something only where enough was tried.
    while !is_tried(&verdicts) {
        assert!(start.elapsed() < PATIENCE, "too little could be judged");
        let histories = hammer::run(&crews, &mut dice, pace, round).await;
        for (crew, history) in crews.iter().zip(&histories) {
            let (way, verdict) = (crew.way, history.judge());
            println!(
                "{way:?}: {} changes, {} calls, {} unavailable; judged with access {:?}, without {:?}",
                verdict.changes, verdict.calls, verdict.unavailable, verdict.given, verdict.revoked
            );
            let (count, first) = (verdict.faults.len(), verdict.faults.iter().take(5).collect::<Vec<_>>());
            assert!(verdict.faults.is_empty(), "{way:?}: {count} faults, such as {first:#?}");
            verdicts.push((way, verdict));
        }
        // A machine that is slow to answer gets the time to.
        pace.hold *= 2;
    }
    let total = |of: fn(&Verdict) -> usize| verdicts.iter().map(|(_, verdict)| of(verdict)).sum::<usize>();
    let (calls, unavailable) = (total(|it| it.calls), total(|it| it.unavailable));
    let (given, revoked) = (total(|it| it.given.values().sum()), total(|it| it.revoked.values().sum()));
    println!("{calls} calls, {given} judged with access, {revoked} without, {unavailable} unavailable");
    assert!(unavailable * 5 <= calls, "too many calls were told to try again");
}

/// Every way and every kind of call, with access and without, and many of them.
fn is_tried(verdicts: &[(Way, Verdict)]) -> bool {
    let judged = |of: fn(&Verdict) -> &BTreeMap<Kind, usize>| {
        let counts: Vec<_> = verdicts.iter().map(|(way, verdict)| (*way, of(verdict))).collect();
        let kinds = READS.iter().chain(&WRITES).all(|kind| counts.iter().any(|(_, counts)| counts.contains_key(kind)));
        let ways = counts.iter().all(|(way, _)| counts.iter().any(|(of, counts)| of == way && !counts.is_empty()));
        kinds && ways && counts.iter().flat_map(|(_, counts)| counts.values()).sum::<usize>() >= ENOUGH
    };
    judged(|it| &it.given) && judged(|it| &it.revoked)
}

/// SQLite has one writer for all.
fn pace(database: Database) -> Pace {
    let rest_of_writers = match database {
        Database::Sqlite => 200,
        Database::Postgres => 10,
    };
    Pace { hold: 160, rest_of_writers }
}

fn seconds() -> u64 {
    let given = env::var("LEADWARD_HAMMER_SECONDS").ok();
    given.map_or(6, |seconds| seconds.parse().expect("a number"))
}
