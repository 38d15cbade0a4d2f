//! What an import of many leads costs beside the databases' own ways. `make bench-import` prints it; LEADWARD_ROWS says how many
//! leads (1,000,000), and with LEADWARD_TEST_POSTGRES_URL it is measured on PostgreSQL too.
//!
//! The leads go through the RPC, client and server in this process, into a new database. Then the rows that came of them (leads,
//! their history, their events) go into another new database with the same tables, indexes and foreign keys: on PostgreSQL by
//! COPY, on SQLite by prepared single inserts, either in one transaction. Target: the import makes at least 0.75 of their leads
//! a second, in memory that doesn't grow with the number of leads.
#![allow(missing_docs, reason = "a benchmark has no public items")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that can't go on says so")]

use std::{
    env, fs,
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use futures::TryStreamExt;
use leadward::{
    proto::{
        ImportLeadsRequest, ImportOptions, ImportOutcome, ImportRow, Lead, lead_service_client::LeadServiceClient,
    },
    server::{ServeConfig, Server},
};
use rusqlite::{params_from_iter, types::Value};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::oneshot};
use tonic::Request;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const ROWS_OF_A_MESSAGE: usize = 1000;
/// In the order in which their rows refer to each other.
const TABLES: [&str; 4] = ["leads", "lead_search", "lead_history", "lead_events"];
const TARGET: f64 = 0.75;

fn main() {
    let leads = env::var("LEADWARD_ROWS").map_or(1_000_000, |leads| leads.parse().expect("LEADWARD_ROWS is a number"));
    let postgres = env::var("LEADWARD_TEST_POSTGRES_URL");
    // Each in a process of its own, or the memory of the first would be seen in the second.
    match (env::args().nth(1).as_deref(), postgres) {
        (Some("sqlite"), _) => Runtime::new().unwrap().block_on(on_sqlite(leads)),
        (Some("postgres"), Ok(url)) => Runtime::new().unwrap().block_on(on_postgres(leads, &url)),
        (_, postgres) => {
            by_itself("sqlite");
            match postgres {
                Ok(_) => by_itself("postgres"),
                Err(_) => println!("PostgreSQL: not measured, LEADWARD_TEST_POSTGRES_URL names none"),
            }
        }
    }
}

fn by_itself(database: &str) {
    let done = Command::new(env::current_exe().unwrap()).arg(database).status().unwrap();
    assert!(done.success(), "the part on {database} failed");
}

async fn on_sqlite(leads: usize) {
    let folder = TempDir::new().unwrap();
    let [imported, beside] = ["imported.db", "beside.db"].map(|name| folder.path().join(name));
    let url = |path: &Path| format!("sqlite://{}?mode=rwc", path.display());
    println!("SQLite, {leads} leads");
    let import = import(&url(&imported), leads).await;
    found(&url(&beside)).await;
    let inserts = insert_one_by_one(&imported, &beside);
    compare(leads, import, "prepared single inserts", inserts);
}

async fn on_postgres(leads: usize, url: &str) {
    let names = ["imported", "beside"].map(|name| format!("leadward_bench_{name}_{}", std::process::id()));
    let [imported, beside] = names.each_ref().map(|name| format!("{}/{name}", url.rsplit_once('/').unwrap().0));
    let mut server = PgConnection::connect(url).await.unwrap();
    for name in &names {
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut server).await.unwrap();
    }
    println!("PostgreSQL, {leads} leads");
    let import = import(&imported, leads).await;
    found(&beside).await;
    let copy = copy(&imported, &beside).await;
    compare(leads, import, "COPY", copy);
    for name in &names {
        sqlx::query(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).execute(&mut server).await.unwrap();
    }
}

fn compare(leads: usize, import: Cost, other: &str, cost: Cost) {
    for (name, Cost { time, cpu, cpu_of_postgres }) in [("ImportLeads", import), (other, cost)] {
        println!(
            "  {name:24} {:9.0} leads a second, {:6.1} s of CPU here, {:6.1} s in PostgreSQL",
            leads as f64 / time.as_secs_f64(),
            cpu.as_secs_f64(),
            cpu_of_postgres.as_secs_f64(),
        );
    }
    println!("  ratio {:.2}, target at least {TARGET}", cost.time.as_secs_f64() / import.time.as_secs_f64());
}

/// Imports leads through a server, and prints the memory that it took.
async fn import(url: &str, leads: usize) -> Cost {
    let server = start(url).await;
    let (addr, token) = (server.local_addr(), server.first_token().unwrap().to_owned());
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async move {
        stopped.await.ok();
    }));
    forget_peak();
    let held = peak();
    let clock = Clock::start();
    // Clients have threads of their own elsewhere, and don't take turns with the server's tasks.
    let early = tokio::task::spawn_blocking(move || {
        let client = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        client.block_on(send(addr, token, leads))
    });
    let early = early.await.unwrap();
    let cost = clock.stop();
    let [held, early, late] = [held, early, peak()].map(|kib| kib / 1024);
    println!("  memory {held} MiB before the import, peak {early} MiB after 10 % of it, {late} MiB at its end");
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    cost
}

/// Imports leads, and answers the most memory that was held after a tenth of them.
async fn send(addr: SocketAddr, token: String, leads: usize) -> u64 {
    let mut client = LeadServiceClient::connect(format!("http://{addr}")).await.unwrap();
    let messages = (0..leads).step_by(ROWS_OF_A_MESSAGE).map(move |first| message(first, leads));
    let mut request = Request::new(tokio_stream::iter(messages));
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let mut answers = client.import_leads(request).await.unwrap().into_inner();
    let (mut created, mut early) = (0, None);
    while let Some(answer) = answers.message().await.unwrap() {
        assert!(answer.results.iter().all(|result| result.outcome() == ImportOutcome::Created));
        created += answer.results.len();
        if early.is_none() && created * 10 >= leads {
            early = Some(peak());
        }
    }
    assert_eq!(created, leads);
    early.unwrap()
}

fn message(first: usize, leads: usize) -> ImportLeadsRequest {
    let options = ImportOptions { import_id: "bench".to_owned(), ..ImportOptions::default() };
    let rows = (first..leads.min(first + ROWS_OF_A_MESSAGE)).map(row).collect();
    ImportLeadsRequest { options: (first == 0).then_some(options), rows }
}

fn row(number: usize) -> ImportRow {
    let lead = Lead {
        external_id: Some(format!("customer-{number:08}")),
        name: Some(format!("Person Number {number}")),
        email: Some(format!("person-{number}@example-{}.com", number % 97)),
        phone: Some(format!("+35191{:07}", number * 7_919 % 10_000_000)),
        country: Some("PT".to_owned()),
        locale: Some("pt-PT".to_owned()),
        campaign: Some("spring".to_owned()),
        attributes: [("age", number % 90), ("balance", number * 31 % 10_007), ("line", number)]
            .map(|(name, value)| (name.to_owned(), value.to_string()))
            .into(),
        ..Lead::default()
    };
    ImportRow { row_number: i64::try_from(number).unwrap(), lead: Some(lead), ..ImportRow::default() }
}

/// Makes a database as a first start does, without leads.
async fn found(url: &str) {
    start(url).await.store().clone().close().await;
}

async fn start(url: &str) -> Server {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    Server::start(ServeConfig { listen, database_url: url.to_owned(), demo: false }).await.unwrap()
}

/// Reading what is to be copied is not counted.
async fn copy(from: &str, into: &str) -> Cost {
    let (mut from, mut into) = (PgConnection::connect(from).await.unwrap(), PgConnection::connect(into).await.unwrap());
    let mut tables = Vec::new();
    for table in TABLES {
        let mut rows: Vec<u8> = Vec::new();
        let mut parts = from.copy_out_raw(&format!("COPY {table} TO STDOUT")).await.unwrap();
        while let Some(part) = parts.try_next().await.unwrap() {
            rows.extend_from_slice(&part);
        }
        tables.push((table, rows));
    }
    let clock = Clock::start();
    sqlx::query("BEGIN").execute(&mut into).await.unwrap();
    for (table, rows) in tables {
        let mut copying = into.copy_in_raw(&format!("COPY {table} FROM STDIN")).await.unwrap();
        for part in rows.chunks(1 << 20) {
            copying.send(part).await.unwrap();
        }
        copying.finish().await.unwrap();
    }
    sqlx::query("COMMIT").execute(&mut into).await.unwrap();
    clock.stop()
}

/// Straight into SQLite, without a driver's threads in between. Reading what is to be inserted is not counted.
fn insert_one_by_one(from: &Path, into: &Path) -> Cost {
    let (from, into) = (connect(from), connect(into));
    let mut tables = Vec::new();
    for table in TABLES {
        let mut select = from.prepare(&format!("SELECT * FROM {table} ORDER BY 1")).unwrap();
        let columns = select.column_count();
        let rows = select.query_map([], |row| (0..columns).map(|at| row.get::<_, Value>(at)).collect()).unwrap();
        tables.push((table, columns, rows.collect::<Result<Vec<Vec<Value>>, _>>().unwrap()));
    }
    let clock = Clock::start();
    into.execute_batch("BEGIN IMMEDIATE").unwrap();
    for (table, columns, rows) in tables {
        let places = vec!["?"; columns].join(", ");
        let mut insert = into.prepare(&format!("INSERT INTO {table} VALUES ({places})")).unwrap();
        for row in rows {
            insert.execute(params_from_iter(row)).unwrap();
        }
    }
    into.execute_batch("COMMIT").unwrap();
    clock.stop()
}

/// As the service connects.
fn connect(path: &Path) -> rusqlite::Connection {
    let db = rusqlite::Connection::open(path).unwrap();
    let settings = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON";
    db.execute_batch(settings).unwrap();
    db
}

/// What something took.
#[derive(Clone, Copy)]
struct Cost {
    time: Duration,
    cpu: Duration,
    cpu_of_postgres: Duration,
}

struct Clock {
    started: Instant,
    cpu: Duration,
    cpu_of_postgres: Duration,
}

impl Clock {
    fn start() -> Self {
        Self { cpu: cpu(), cpu_of_postgres: cpu_of_postgres(), started: Instant::now() }
    }

    fn stop(self) -> Cost {
        let time = self.started.elapsed();
        Cost { time, cpu: cpu() - self.cpu, cpu_of_postgres: cpu_of_postgres() - self.cpu_of_postgres }
    }
}

fn cpu() -> Duration {
    cpu_of(&fs::read_to_string("/proc/self/stat").unwrap())
}

/// Of all of PostgreSQL's processes on this machine, whoever they work for.
fn cpu_of_postgres() -> Duration {
    let stats =
        fs::read_dir("/proc").unwrap().filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("stat")).ok());
    stats.filter(|stat| stat.contains("(postgres)")).map(|stat| cpu_of(&stat)).sum()
}

/// Of a process and those of its children that have ended; Linux tells it in hundredths of a second.
fn cpu_of(stat: &str) -> Duration {
    let after_name = stat.rsplit_once(") ").unwrap().1;
    let hundredths = after_name.split(' ').skip(11).take(4).map(|number| number.parse::<u64>().unwrap());
    Duration::from_millis(10 * hundredths.sum::<u64>())
}

/// The most memory that this process has had, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Lets the peak start from what is held now, where Linux allows it.
fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").ok();
}
