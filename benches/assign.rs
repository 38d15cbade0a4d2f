//! What giving many leads away costs. `make bench-assign` prints it; LEADWARD_LEADS says how many leads the company has (800,000, of which
//! about 100,000 are given away), and with LEADWARD_TEST_POSTGRES_URL it is measured on PostgreSQL too.
//!
//! The open leads of one country, out of a company as `leadward demo` makes it, are dealt out to twenty agents by AssignLeadsByFilter, client
//! and server in this process: under the policy REVOKE, and under KEEP, by which every previous assignee retains an access row. Beside it,
//! on the same tables and indexes: one bare UPDATE that gives the same leads to somebody, and one bare INSERT of as many history entries.
//! Each of the three has a fresh copy of the filled database, in turn, and the machine for itself. Target: at most 1.5 times as long as UPDATE
//! and INSERT together.
//!
//! Once more somebody else works meanwhile: reads and changes leads of their own that aren't given away, one call after the other with short pauses.
//! Target: the 99th percentile of those calls at most 3 times what it is while nothing else happens.
#![allow(missing_docs, reason = "a benchmark has no public items")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that can't go on says so")]

use std::{
    env, fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use leadward::{
    cli::demo,
    proto::{
        AssignLeadsByFilterRequest, AssignmentResult, CreateLeadRequest, CreateUserRequest, GetLeadRequest, Lead,
        ListLeadsRequest, ListProfilesRequest, RevocationPolicy, UpdateLeadRequest, User,
        assignment_service_client::AssignmentServiceClient, directory_service_client::DirectoryServiceClient,
        lead_service_client::LeadServiceClient, permission_service_client::PermissionServiceClient,
    },
    server::{ServeConfig, Server},
};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::oneshot, task::spawn_blocking};
use tonic::{Request, transport::Channel};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// One of them has the leads where they aren't dealt out.
const AGENTS: usize = 21;
const ROUNDS: usize = 2;
const GIVEN: &str = "country = DE";
const TARGET: f64 = 1.5;
const TARGET_OF_OTHERS: f64 = 3.0;
/// How long others work alone.
const IDLE: Duration = Duration::from_secs(10);
/// How long somebody thinks between two calls.
const PAUSE: Duration = Duration::from_millis(5);

fn main() {
    let leads = env::var("LEADWARD_LEADS").map_or(800_000, |leads| leads.parse().expect("LEADWARD_LEADS is a number"));
    let only = env::args().nth(1).filter(|name| ["sqlite", "postgres"].contains(&name.as_str()));
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    Runtime::new().unwrap().block_on(async {
        if wanted("sqlite") {
            on_sqlite(leads).await;
        }
        match env::var("LEADWARD_TEST_POSTGRES_URL") {
            Ok(url) if wanted("postgres") => on_postgres(leads, &url).await,
            Ok(_) => {}
            Err(_) => println!("PostgreSQL: not measured, LEADWARD_TEST_POSTGRES_URL names none"),
        }
    });
}

async fn on_sqlite(leads: u64) {
    println!("SQLite, {leads} leads");
    measure(leads, Place::Sqlite(TempDir::new().unwrap())).await;
}

async fn on_postgres(leads: u64, url: &str) {
    println!("PostgreSQL, {leads} leads");
    let server = url.rsplit_once('/').unwrap().0.to_owned();
    measure(leads, Place::Postgres { url: url.to_owned(), server }).await;
}

/// Where databases are made and copied.
enum Place {
    Sqlite(TempDir),
    Postgres { url: String, server: String },
}

const FILLED: &str = "filled";

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        match self {
            Self::Sqlite(folder) => folder.path().join(format!("{name}.db")),
            Self::Postgres { .. } => PathBuf::new(),
        }
    }

    fn database(name: &str) -> String {
        format!("leadward_bench_assign_{}_{name}", std::process::id())
    }

    fn url(&self, name: &str) -> String {
        match self {
            Self::Sqlite(_) => format!("sqlite://{}?mode=rwc", self.path(name).display()),
            Self::Postgres { server, .. } => format!("{server}/{}", Self::database(name)),
        }
    }

    async fn run(&self, url: &str, statements: &[String]) {
        let mut database = PgConnection::connect(url).await.unwrap();
        for statement in statements {
            sqlx::query(AssertSqlSafe(statement.clone())).execute(&mut database).await.unwrap();
        }
    }

    async fn create(&self) {
        if let Self::Postgres { url, .. } = self {
            self.run(url, &[format!("CREATE DATABASE {}", Self::database(FILLED))]).await;
        }
    }

    /// As a database is that has been there for a while.
    async fn settle(&self) {
        match self {
            Self::Sqlite(_) => {
                let database = rusqlite::Connection::open(self.path(FILLED)).unwrap();
                database
                    .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)")
                    .unwrap();
            }
            Self::Postgres { .. } => self.run(&self.url(FILLED), &["VACUUM ANALYZE".to_owned()]).await,
        }
    }

    async fn copy(&self, name: &str) -> String {
        match self {
            Self::Sqlite(_) => drop(fs::copy(self.path(FILLED), self.path(name)).unwrap()),
            Self::Postgres { url, .. } => {
                let (from, to) = (Self::database(FILLED), Self::database(name));
                self.run(url, &[format!("CREATE DATABASE {to} TEMPLATE {from}"), "CHECKPOINT".to_owned()]).await;
            }
        }
        self.url(name)
    }

    async fn remove(&self, name: &str) {
        match self {
            Self::Sqlite(_) => {
                for end in ["", "-wal", "-shm"] {
                    fs::remove_file(format!("{}{end}", self.path(name).display())).ok();
                }
            }
            Self::Postgres { url, .. } => {
                self.run(url, &[format!("DROP DATABASE {} WITH (FORCE)", Self::database(name))]).await;
            }
        }
    }
}

/// A server over one of them.
struct Running {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    running: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Running {
    fn of(server: Server) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let addr = server.local_addr();
        let running = tokio::spawn(server.run(async move {
            stopped.await.ok();
        }));
        Self { addr, stop, running }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.running.await.unwrap().unwrap();
    }
}

async fn start(url: &str) -> Server {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    Server::start(ServeConfig { listen, database_url: url.to_owned(), demo: false }).await.unwrap()
}

async fn measure(leads: u64, place: Place) {
    place.create().await;
    let server = start(&place.url(FILLED)).await;
    let token = server.first_token().unwrap().to_owned();
    let started = Instant::now();
    demo::fill(server.store(), leads, 1, |_| {}).await.unwrap();
    println!("  filled in {:.0} s", started.elapsed().as_secs_f64());
    let running = Running::of(server);
    let addr = running.addr;
    let company = elsewhere(move || async move { Company::make(addr, &token).await }).await;
    running.stop().await;
    place.settle().await;

    let mut ratios = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let mut took = Vec::new();
        for policy in POLICIES {
            let running = Running::of(start(&place.copy("given").await).await);
            took.push(company.at(running.addr).assign(policy).await);
            running.stop().await;
            place.remove("given").await;
        }
        let (update, insert) = by_hand(&place, &place.copy("bare").await, &company.agents[0]).await;
        place.remove("bare").await;
        println!("  bare UPDATE {:.1} s, bare INSERT {:.1} s", update.as_secs_f64(), insert.as_secs_f64());
        for ((policy, (given, time)), ratios) in POLICIES.iter().zip(took).zip(&mut ratios) {
            let ratio = time.as_secs_f64() / (update + insert).as_secs_f64();
            println!("  {:7} {:.1} s for {given} leads, ratio {ratio:.2}", word(*policy), time.as_secs_f64());
            ratios.push(ratio);
        }
    }
    for (policy, mut ratios) in POLICIES.iter().zip(ratios) {
        ratios.sort_by(f64::total_cmp);
        println!("  {}: ratios {ratios:.2?}, target at most {TARGET}", word(*policy));
    }

    let running = Running::of(start(&place.copy("others").await).await);
    let company = company.at(running.addr);
    let idle = company.others_work(tokio::time::sleep(IDLE)).await.1;
    let ((given, time), during) = company.others_work(company.assign(RevocationPolicy::Keep)).await;
    println!("  KEEP while others work: {:.1} s for {given} leads", time.as_secs_f64());
    running.stop().await;
    place.remove("others").await;
    place.remove(FILLED).await;
    for (at, what) in CALLS.iter().enumerate() {
        let of = |calls: &[(usize, Duration)]| -> Vec<Duration> {
            calls.iter().filter(|(call, _)| *call == at).map(|(_, time)| *time).collect()
        };
        told(what, of(&idle), of(&during));
    }
    let all = |calls: &[(usize, Duration)]| calls.iter().map(|(_, time)| *time).collect();
    told("all of them", all(&idle), all(&during));
}

const POLICIES: [RevocationPolicy; 2] = [RevocationPolicy::Revoke, RevocationPolicy::Keep];

fn word(policy: RevocationPolicy) -> &'static str {
    policy.as_str_name().trim_start_matches("REVOCATION_POLICY_")
}

fn told(what: &str, mut idle: Vec<Duration>, mut during: Vec<Duration>) {
    let counts = (idle.len(), during.len());
    let [p50, p99] = [50, 99].map(|part| [&mut idle, &mut during].map(|calls| percentile(calls, part)));
    println!(
        "  {what:12} idle: p50 {:6.2} ms, p99 {:6.2} ms of {}; meanwhile: p50 {:6.2} ms, p99 {:6.2} ms of {}; p99 {:.2} times, target at most {TARGET_OF_OTHERS}",
        p50[0],
        p99[0],
        counts.0,
        p50[1],
        p99[1],
        counts.1,
        p99[1] / p99[0],
    );
}

/// In milliseconds.
fn percentile(calls: &mut [Duration], part: usize) -> f64 {
    calls.sort();
    calls
        .get((calls.len() * part / 100).min(calls.len().saturating_sub(1)))
        .map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

const CALLS: [&str; 4] = ["GetLead", "ListLeads", "UpdateLead", "CreateLead"];

/// Clients have threads of their own, and don't take turns with the server's tasks.
async fn elsewhere<T: Send + 'static, F: Future<Output = T>>(work: impl FnOnce() -> F + Send + 'static) -> T {
    let client = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    spawn_blocking(move || client().block_on(work())).await.unwrap()
}

#[derive(Clone)]
struct Company {
    addr: SocketAddr,
    token: String,
    agents: Vec<String>,
    /// Of whoever works meanwhile.
    own: Vec<String>,
}

impl Company {
    async fn make(addr: SocketAddr, token: &str) -> Self {
        let mut company = Self { addr, token: token.to_owned(), agents: Vec::new(), own: Vec::new() };
        let channel = company.channel().await;
        let mut permissions = PermissionServiceClient::new(channel.clone());
        let profiles = permissions.list_profiles(company.request(ListProfilesRequest::default())).await.unwrap();
        let profile = profiles.into_inner().profiles.into_iter().find(|profile| profile.name() == "pre-sales").unwrap();
        let mut directory = DirectoryServiceClient::new(channel.clone());
        for number in 0..AGENTS {
            let (name, profile_id) = (Some(format!("bench agent {number}")), Some(profile.id.clone()));
            let user = Some(User { name, profile_id, ..User::default() });
            let request = company.request(CreateUserRequest { user, ..CreateUserRequest::default() });
            company.agents.push(directory.create_user(request).await.unwrap().into_inner().user.unwrap().id);
        }
        let mut service = LeadServiceClient::new(channel);
        for number in 0..100 {
            let lead = Some(Lead { name: Some(format!("own {number}")), ..Lead::default() });
            let request = company.request(CreateLeadRequest { lead, ..CreateLeadRequest::default() });
            company.own.push(service.create_lead(request).await.unwrap().into_inner().lead.unwrap().id);
        }
        company
    }

    fn at(&self, addr: SocketAddr) -> Self {
        Self { addr, ..self.clone() }
    }

    async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.addr)).unwrap().connect().await.unwrap()
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
        request
    }

    /// Deals the leads out, and answers how many and how long that took.
    async fn assign(&self, policy: RevocationPolicy) -> (usize, Duration) {
        let company = self.clone();
        elsewhere(move || async move {
            let mut service = AssignmentServiceClient::new(company.channel().await);
            let request = AssignLeadsByFilterRequest {
                filter: GIVEN.to_owned(),
                assignee_ids: company.agents[1..].to_vec(),
                revocation_policy: policy.into(),
                ..AssignLeadsByFilterRequest::default()
            };
            let started = Instant::now();
            let mut parts = service.assign_leads_by_filter(company.request(request)).await.unwrap().into_inner();
            let mut assigned = 0;
            while let Some(part) = parts.message().await.unwrap() {
                assert!(part.outcomes.iter().all(|outcome| outcome.result() == AssignmentResult::Assigned));
                assigned += part.outcomes.len();
            }
            (assigned, started.elapsed())
        })
        .await
    }

    /// Others work while something is done: what each of their calls was, and how long it took.
    async fn others_work<T>(&self, meanwhile: impl Future<Output = T>) -> (T, Vec<(usize, Duration)>) {
        let (company, ends) = (self.clone(), Arc::new(AtomicBool::new(false)));
        let ended = Arc::clone(&ends);
        let working = tokio::spawn(elsewhere(move || async move { company.work_until(&ended).await }));
        let done = meanwhile.await;
        ends.store(true, Ordering::Relaxed);
        (done, working.await.unwrap())
    }

    async fn work_until(&self, ends: &AtomicBool) -> Vec<(usize, Duration)> {
        let mut service = LeadServiceClient::new(self.channel().await);
        let mut calls = Vec::new();
        while !ends.load(Ordering::Relaxed) {
            let call = calls.len() % CALLS.len();
            let id = self.own[calls.len() / CALLS.len() % self.own.len()].clone();
            let started = Instant::now();
            match call {
                0 => drop(service.get_lead(self.request(GetLeadRequest { lead_id: id })).await.unwrap()),
                1 => drop(service.list_leads(self.request(ListLeadsRequest::default())).await.unwrap()),
                2 => {
                    let campaign = Some(format!("campaign {}", calls.len()));
                    let lead = Some(Lead { id, campaign, ..Lead::default() });
                    let request = UpdateLeadRequest { lead, ..UpdateLeadRequest::default() };
                    drop(service.update_lead(self.request(request)).await.unwrap());
                }
                _ => {
                    let lead = Some(Lead { name: Some("new".to_owned()), ..Lead::default() });
                    let request = CreateLeadRequest { lead, ..CreateLeadRequest::default() };
                    drop(service.create_lead(self.request(request)).await.unwrap());
                }
            }
            calls.push((call, started.elapsed()));
            tokio::time::sleep(PAUSE).await;
        }
        calls
    }
}

/// How long an UPDATE of the leads takes, and an INSERT of as many history entries.
async fn by_hand(place: &Place, url: &str, to: &str) -> (Duration, Duration) {
    let to = uuid::Uuid::parse_str(to).unwrap();
    match place {
        Place::Sqlite(_) => {
            let path = place.path("bare");
            let run = move || {
                let database = rusqlite::Connection::open(path).unwrap();
                let settings = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON";
                database.execute_batch(settings).unwrap();
                let started = Instant::now();
                let updated = database.execute(UPDATE, [to.as_bytes().as_slice()]).unwrap();
                let update = started.elapsed();
                let started = Instant::now();
                let insert = insert("CAST(x'FF' || substr(id, 2) AS BLOB)");
                let inserted = database.execute(&insert, [to.as_bytes().as_slice()]).unwrap();
                assert_eq!(updated, inserted);
                (update, started.elapsed())
            };
            spawn_blocking(run).await.unwrap()
        }
        Place::Postgres { .. } => {
            let mut database = PgConnection::connect(url).await.unwrap();
            let started = Instant::now();
            let updated = sqlx::query(AssertSqlSafe(UPDATE.replace("?1", "$1"))).bind(to).execute(&mut database).await;
            let (updated, update) = (updated.unwrap().rows_affected(), started.elapsed());
            let insert = insert("overlay(id::text placing 'f' from 1 for 1)::uuid").replace("?1", "$1");
            let started = Instant::now();
            let inserted = sqlx::query(AssertSqlSafe(insert)).bind(to).execute(&mut database).await.unwrap();
            assert_eq!(inserted.rows_affected(), updated);
            (update, started.elapsed())
        }
    }
}

const UPDATE: &str = "UPDATE leads SET assignee_id = ?1, assigned_by = ?1, assign_time = update_time, \
                      update_time = update_time + 1, version = version + 1 WHERE country = 'DE' AND state = 'ACTIVE'";

/// One entry a lead, under identities that sort after all others, in the order of the leads.
fn insert(id: &str) -> String {
    format!(
        "INSERT INTO lead_history (id, lead_id, kind, time, actor_id, changes) \
         SELECT {id}, id, 'ASSIGNED', update_time, ?1, '{CHANGES}' FROM leads \
         WHERE country = 'DE' AND state = 'ACTIVE' ORDER BY id"
    )
}

const CHANGES: &str = r#"[{"field":"assignee_id","before":"019abcde-0000-7000-8000-000000000001","after":"019abcde-0000-7000-8000-000000000002"}]"#;
