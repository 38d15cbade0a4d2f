//! What the access engine costs. `make bench-access` prints it; with LEADWARD_TEST_POSTGRES_URL on PostgreSQL too.
//!
//! 1. Authentication and scope: the layer as it stands in the server, from a request to its caller's scope. In CPU time of the
//!    thread, less what making the request costs. Ceiling: 2 us with a warm cache.
//! 2. GetLead through a server, with the fence and the cache on and off, in rounds that take turns. Ceiling: the fence takes at
//!    most 10 % of the calls per second.
#![allow(missing_docs, reason = "a benchmark has no public items")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that can't go on says so")]
#![allow(clippy::disallowed_methods, reason = "it makes a database of its own")]

use std::{
    env, fs,
    hint::black_box,
    net::SocketAddr,
    time::{Duration, Instant},
};

use leadward::{
    access::{Caller, Engine, Resolver, authn::Authenticate, scope::View},
    proto::{
        AccessLevel, CreateApiTokenRequest, CreateGroupRequest, CreateLeadRequest, CreateProfileRequest,
        CreateUserRequest, GetLeadRequest, Lead, LeadAction, Permission, Profile, Role, User,
        directory_service_client::DirectoryServiceClient, lead_service_client::LeadServiceClient,
        permission_service_client::PermissionServiceClient,
    },
    server::{ServeConfig, Server},
    store::Store,
};
use sea_orm::{ConnectionTrait, Database};
use tempfile::TempDir;
use tokio::{runtime::Runtime, task::JoinSet};
use tonic::{
    Request,
    codegen::http,
    transport::{Channel, Endpoint},
};
use tower_http::auth::AsyncAuthorizeRequest;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const GROUPS: usize = 20;
const CLIENTS: usize = 16;
const ROUNDS: usize = 12;
const ROUND: Duration = Duration::from_millis(1_000);

const ALL: Engine = Engine { cache: true, fence: true, listen: true };
const ENGINES: [(&str, Engine); 4] = [
    ("cache on,  fence on ", ALL),
    ("cache on,  fence off", Engine { fence: false, ..ALL }),
    ("cache off, fence on ", Engine { cache: false, ..ALL }),
    ("cache off, fence off", Engine { cache: false, fence: false, ..ALL }),
];

fn main() {
    let folder = TempDir::new().unwrap();
    let sqlite = format!("sqlite://{}?mode=rwc", folder.path().join("bench.db").display());
    run("SQLite", &sqlite);
    match env::var("LEADWARD_TEST_POSTGRES_URL") {
        Ok(url) => {
            let name = format!("leadward_bench_{}", std::process::id());
            Runtime::new().unwrap().block_on(execute(&url, &format!("CREATE DATABASE {name}")));
            run("PostgreSQL", &format!("{}/{name}", url.rsplit_once('/').unwrap().0));
            Runtime::new().unwrap().block_on(execute(&url, &format!("DROP DATABASE {name} WITH (FORCE)")));
        }
        Err(_) => println!("PostgreSQL: not measured, LEADWARD_TEST_POSTGRES_URL names none"),
    }
}

fn run(database: &str, url: &str) {
    let company = Runtime::new().unwrap().block_on(Company::found(url));
    println!("{database}: an agent with {GROUPS} groups");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (name, engine) in ENGINES {
        let per_call = runtime.block_on(authentication(url, &company.token, engine));
        println!("  authentication and scope, {name}: {:9.3} us of CPU a call", per_call.as_secs_f64() * 1e6);
    }
    drop(runtime);

    let runtime = Runtime::new().unwrap();
    runtime.block_on(get_lead(url, &company));
}

/// The mean of many calls on this thread.
async fn authentication(url: &str, token: &str, engine: Engine) -> Duration {
    let calls = if engine.cache { 300_000 } else { 1_000 };
    let store = Store::open_existing(url).await.unwrap();
    let mut layer = Authenticate::new(Resolver::new(store.clone(), engine));
    let bearer = http::HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    let request = || {
        let uri = "/leadward.v1.LeadService/GetLead";
        http::Request::builder().uri(uri).header("authorization", bearer.clone()).body(()).unwrap()
    };
    // Warm, and its use noted.
    layer.authorize(request()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;

    let started = on_cpu();
    for _ in 0..calls {
        let request = layer.authorize(black_box(request())).await.unwrap();
        black_box(request.extensions().get::<Caller>().unwrap().scope::<View>());
    }
    let all = on_cpu() - started;
    let started = on_cpu();
    for _ in 0..calls {
        black_box(request());
    }
    let requests = on_cpu() - started;
    store.close().await;
    (all - requests) / calls
}

/// How long this thread has been running: the first number that Linux keeps of it, in nanoseconds.
fn on_cpu() -> Duration {
    let kept = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(kept.split_whitespace().next().unwrap().parse().unwrap())
}

async fn get_lead(url: &str, company: &Company) {
    let mut servers = Vec::new();
    for (name, engine) in ENGINES {
        servers.push((name, serve(url, engine).await, Vec::new()));
    }
    for round in 0..=ROUNDS {
        for (_, addr, rounds) in &mut servers {
            let rate = calls_per_second(*addr, company).await;
            // The first round warms up.
            if round > 0 {
                rounds.push(rate);
            }
        }
    }
    let best: Vec<f64> = servers.iter_mut().map(|(_, _, rounds)| median(rounds)).collect();
    for ((name, ..), rate) in servers.iter().zip(&best) {
        println!("  GetLead, {CLIENTS} callers,   {name}: {rate:9.0} calls a second");
    }
    println!("  the fence takes {:.1} % of the calls with the cache on", 100.0 * (1.0 - best[0] / best[1]));
    println!("  the cache gives {:.1} times the calls with the fence on", best[0] / best[2]);
}

async fn calls_per_second(addr: SocketAddr, company: &Company) -> f64 {
    let channel = connect(addr);
    let started = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..CLIENTS {
        let (mut leads, company) = (LeadServiceClient::new(channel.clone()), company.clone());
        callers.spawn(async move {
            let mut calls = 0_u32;
            while started.elapsed() < ROUND {
                leads.get_lead(company.request(GetLeadRequest { lead_id: company.lead_id.clone() })).await.unwrap();
                calls += 1;
            }
            calls
        });
    }
    let calls: u32 = callers.join_all().await.into_iter().sum();
    f64::from(calls) / started.elapsed().as_secs_f64()
}

fn median(rounds: &mut [f64]) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

/// An agent in groups, with a lead that one of the groups reaches.
#[derive(Clone)]
struct Company {
    token: String,
    lead_id: String,
}

impl Company {
    async fn found(url: &str) -> Self {
        let server = start(url).await;
        let admin = Self { token: server.first_token().unwrap().to_owned(), lead_id: String::new() };
        let channel = connect(server.local_addr());
        tokio::spawn(server.run(std::future::pending()));
        let mut directory = DirectoryServiceClient::new(channel.clone());

        let mut group_ids = Vec::new();
        for n in 0..GROUPS {
            let request = admin.request(CreateGroupRequest { group: Some(group(n)), ..Default::default() });
            group_ids.push(directory.create_group(request).await.unwrap().into_inner().group.unwrap().id);
        }
        let view = Permission {
            action: LeadAction::View.into(),
            level: AccessLevel::Groups.into(),
            group_ids: group_ids.clone(),
            ..Permission::default()
        };
        let profile = Profile {
            name: Some("of groups".to_owned()),
            role: Some(Role::Agent.into()),
            permissions: vec![view],
            ..Profile::default()
        };
        let request = admin.request(CreateProfileRequest { profile: Some(profile), ..Default::default() });
        let profile = PermissionServiceClient::new(channel.clone()).create_profile(request).await.unwrap();
        let profile_id = Some(profile.into_inner().profile.unwrap().id);
        let user = User { name: Some("ana".to_owned()), profile_id, ..User::default() };
        let user = directory
            .create_user(admin.request(CreateUserRequest { user: Some(user), ..Default::default() }))
            .await
            .unwrap();
        let user_id = user.into_inner().user.unwrap().id;
        let request = CreateApiTokenRequest { user_id, label: "bench".to_owned(), ..CreateApiTokenRequest::default() };
        let token = directory.create_api_token(admin.request(request)).await.unwrap().into_inner().secret;

        let lead = Lead { name: Some("a lead".to_owned()), group_id: group_ids.pop(), ..Lead::default() };
        let request = admin.request(CreateLeadRequest { lead: Some(lead), ..CreateLeadRequest::default() });
        let lead = LeadServiceClient::new(channel).create_lead(request).await.unwrap().into_inner().lead.unwrap();
        Self { token, lead_id: lead.id }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
        request
    }
}

fn group(n: usize) -> leadward::proto::Group {
    leadward::proto::Group { name: Some(format!("group {n}")), ..Default::default() }
}

async fn serve(url: &str, engine: Engine) -> SocketAddr {
    let server = start(url).await.with_engine(engine);
    let addr = server.local_addr();
    tokio::spawn(server.run(std::future::pending()));
    addr
}

async fn start(url: &str) -> Server {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    Server::start(ServeConfig { listen, database_url: url.to_owned(), demo: false }).await.unwrap()
}

fn connect(addr: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{addr}")).unwrap().connect_lazy()
}

async fn execute(url: &str, sql: &str) {
    let db = Database::connect(url).await.unwrap();
    db.execute_unprepared(sql).await.unwrap();
    db.close().await.unwrap();
}
