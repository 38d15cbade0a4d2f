//! What lists of leads cost, to readers of every kind. `make bench-lists` prints it.
//!
//! A skewed company, as `leadward demo` makes it, is listed by seven of its people: one who reaches nothing, one with few leads of their
//! own and few granted, one with many, one whose leads are all old, two who read groups, one who reads everything. Each asks for its leads
//! in five orders under five filters, through the RPC, client and server in this process: page 1, and page 10,000 of 50 leads, or else
//! the last full page that there is. No client can jump to a page, and neither can this one: it walks there in pages of 1,000 leads,
//! IDs alone, by the tokens of the very list that is measured. A walk that takes longer than a minute ends where it is, and the
//! table names the page that it came to.
//!
//! Page 1, the deep page, GetLead and a bare lookup are asked for in turn, so that all four see the same machine: medians and 99th percentiles
//! of up to 100 calls each, of fewer where they are slow. `x lookup` is the median beside that of the bare lookup: the row of one of the reader's
//! own leads by its primary key, by a prepared SELECT on a connection of its own to the same database, past the service. `x GetLead` is the
//! median beside that of GetLead of the same lead, which takes the same way as the list.
//!
//! Buffers are exact, and of the statements that the call itself ran, with its parameters and whatever plan it was given: a second server
//! over the same database has `auto_explain` tell of each statement on its connection. What stands in the table is the most that one of
//! 16 runs touched, shared buffers hit and read together; after 5 runs PostgreSQL may turn to a generic plan. This takes a
//! superuser; without one, and on SQLite, there is a dash.
//!
//! - `LEADWARD_LEADS`: how many leads (200,000). The targets are for 10,000,000.
//! - `LEADWARD_TEST_POSTGRES_URL`: also on PostgreSQL, in a database of its own.
//! - `LEADWARD_BENCH_DATABASE_URL`: this database alone. One that `leadward demo` has filled is taken as it is; an empty one is filled and
//!   stays.
//!
//! Targets, at ten million leads: in created order at most 600 buffers at any depth, and the deep page within 1.2 times page 1; by
//! `next_contact_time` at most 5,000 buffers; nothing over 100 times the bare lookup. Cells that miss them are listed at the end, with the
//! reason where one is known.
#![allow(missing_docs, reason = "a benchmark has no public items")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark that can't go on says so")]
#![allow(clippy::disallowed_methods, reason = "it makes a database of its own")]

#[path = "lists/buffers.rs"]
mod buffers;
#[path = "lists/cell.rs"]
mod cell;
#[path = "lists/lookup.rs"]
mod lookup;
#[path = "lists/reader.rs"]
mod reader;
#[path = "lists/reasons.rs"]
mod reasons;

use std::{env, future::pending, net::SocketAddr, time::Instant};

use leadward::{
    cli::demo::{self, READERS},
    domain::bootstrap,
    server::{ServeConfig, Server},
    store::{Store, users},
};
use sea_orm::{ConnectionTrait, Database, Statement};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use self::{
    cell::{Cell, Miss, Pair},
    lookup::Lookup,
    reader::{Question, Reader},
};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const ORDERS: [&str; 5] = ["", "next_contact_time", "name", "country", "stage"];
const FILTERS: [(&str, &str); 5] = [
    ("none", ""),
    ("stage", "stage = \"Callback\""),
    ("stage+country", "stage = \"Callback\" AND country = \"PT\""),
    ("substring", "name:\"ana\""),
    ("rare substring", "external_id:\"12345\""),
];

fn main() {
    let leads = env::var("LEADWARD_LEADS").map_or(200_000, |leads| leads.parse().expect("LEADWARD_LEADS is a number"));
    buffers::listen();
    Runtime::new().unwrap().block_on(async {
        match env::var("LEADWARD_BENCH_DATABASE_URL") {
            Ok(url) => measure(&url, leads).await,
            Err(_) => measure_new_databases(leads).await,
        }
    });
}

async fn measure_new_databases(leads: u64) {
    let folder = TempDir::new().unwrap();
    measure(&format!("sqlite://{}?mode=rwc", folder.path().join("bench.db").display()), leads).await;
    match env::var("LEADWARD_TEST_POSTGRES_URL") {
        Ok(url) => {
            let name = format!("leadward_bench_lists_{}", std::process::id());
            query(&url, &format!("CREATE DATABASE {name}")).await;
            measure(&format!("{}/{name}", url.rsplit_once('/').unwrap().0), leads).await;
            query(&url, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
        Err(_) => println!("PostgreSQL: not measured, LEADWARD_TEST_POSTGRES_URL names none"),
    }
}

async fn measure(url: &str, leads: u64) {
    let is_postgres = url.starts_with("postgres");
    println!("{}", if is_postgres { "PostgreSQL" } else { "SQLite" });
    let server = start(url).await;
    let store = server.store().clone();
    fill(&store, leads).await;
    let leads = query(url, "SELECT count(*) AS number FROM leads").await.expect("a number of leads");

    let served = serve(server);
    let observed = match buffers::observed(url).await {
        Some(url) => Some(serve(start(&url).await)),
        None => None,
    };
    if is_postgres && observed.is_none() {
        println!("  no buffers: auto_explain takes a superuser, and to be installed");
    }
    let mut readers = Vec::new();
    for demo::Reader { email, reach } in READERS {
        let token = bootstrap::issue_token(&store, Some(email), "bench").await.unwrap();
        readers.push(Reader::new(reach, token.expose(), served, observed));
    }
    println!("  {leads} leads");
    for reader in &readers {
        let (count, capped) = reader.count().await;
        println!("  {:24} {}{count} leads", reader.reach, if capped { "more than " } else { "" });
    }

    let lookup = Lookup::new(url).await;
    let of_everything = readers.last().unwrap().ids().await;
    let mut cells = Vec::new();
    println!("  {}", Cell::HEADER);
    // As with other benchmarks, a name says that only what is called so is measured.
    let asked = env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    for reader in readers.iter().filter(|reader| reader.reach.contains(&asked)) {
        let own = reader.ids().await;
        let ids = if own.is_empty() { &of_everything } else { &own };
        for order_by in ORDERS {
            for (filter_name, filter) in FILTERS {
                let question = Question { order_by, filter, filter_name };
                let pair = Pair::measure(reader, &question, ids, &lookup).await;
                for cell in pair.cells() {
                    println!("  {cell}");
                }
                cells.push(pair);
            }
        }
    }
    lookup.close().await;
    let missed: Vec<Miss> = cells.iter().flat_map(Pair::misses).collect();
    println!("  {} cells miss a target; the targets are for 10000000 leads", missed.len());
    for Miss { cell, what, why } in missed {
        println!("    {cell}: {what} ({})", why.unwrap_or("no reason is known"));
    }
}

async fn fill(store: &Store, leads: u64) {
    if users::by_email(store, READERS[0].email).await.unwrap().is_some() {
        return;
    }
    let started = Instant::now();
    demo::fill(store, leads, 1, |_| {}).await.unwrap();
    println!("  filled with {leads} leads in {:.0} s", started.elapsed().as_secs_f64());
}

async fn start(url: &str) -> Server {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    Server::start(ServeConfig { listen, database_url: url.to_owned(), demo: false }).await.unwrap()
}

fn serve(server: Server) -> SocketAddr {
    let addr = server.local_addr();
    tokio::spawn(server.run(pending()));
    addr
}

/// The number that a statement answers, if it does.
async fn query(url: &str, sql: &str) -> Option<i64> {
    let db = Database::connect(url).await.unwrap();
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
    let number = row.map(|row| row.try_get("", "number").unwrap());
    db.close().await.unwrap();
    number
}
