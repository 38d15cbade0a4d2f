//! How PostgreSQL finds the pages of lists, in a company of 200,000 leads: by walks along indexes, that is, and not by reading all leads
//! or sorting all that the caller reaches. What is looked at are the plans that it turns to once it has run a statement a few times.

use leadward::{
    cli::demo::{self, READERS},
    domain::bootstrap,
    proto::{LeadState, ListLeadsRequest},
    store::Store,
};
use sea_orm::{ConnectOptions, ConnectionTrait, Database as Connect, DatabaseConnection, DbBackend, Statement};
use serde_json::Value;

use crate::support::{Caller, Database, RunningServer, Storage, Wire};

const LEADS: u64 = 200_000;

/// Orders that have an index.
const ORDERS: [&str; 9] = [
    "",
    "create_time",
    "next_contact_time",
    "next_contact_time desc",
    "name",
    "country desc",
    "stage",
    "stage desc",
    "register_time desc",
];

/// Filters that many leads pass, and filters that few do: what these leave may be sorted.
const FILTERS: [(&str, bool); 4] = [
    ("", false),
    (r#"stage = "Callback""#, false),
    (r#"stage = "Callback" AND country = "PT""#, true),
    (r#"name:"ana""#, true),
];

/// What holds few leads: those in the caller's reach, where these are few, those that the filter leaves, and those of a page.
const OF_FEW: [&str; 4] = ["in_scope", "picked", "having_key", "found"];

/// The index of what is blocked from somebody, who is blocked from few.
const BLOCKED: &str = "lead_access_blocked";

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_walks_leads_in_their_order_and_sorts_few() {
    let company = Company::new().await;
    let planner = Planner::of(company.storage.url()).await;
    discarded_leads_have_an_index(&company, &planner).await;
    for (reach, caller) in &company.callers {
        for order_by in ORDERS {
            for (filter, leaves_few) in FILTERS {
                let mut request = ListLeadsRequest {
                    order_by: order_by.to_owned(),
                    filter: filter.to_owned(),
                    page_size: 50,
                    ..ListLeadsRequest::default()
                };
                for page in 1..=2 {
                    let (statements, next) = company.list(caller, &request).await;
                    for statement in statements {
                        let mut faults = planner.faults(&statement, leaves_few).await;
                        if page > 1 && walks_texts(&planner.plan(&statement).await) {
                            faults.push("texts are walked from the first on, past those of pages before".to_owned());
                        }
                        let asked = format!("{reach}, by {order_by:?}, {filter:?}, page {page}");
                        assert!(faults.is_empty(), "{asked}: {}\n{statement}", faults.join(", "));
                    }
                    if next.is_empty() {
                        break;
                    }
                    request.page_token = next;
                }
            }
        }
    }
}

async fn discarded_leads_have_an_index(company: &Company, planner: &Planner) {
    let (_, everything) = company.callers.last().unwrap();
    let request = ListLeadsRequest { states: vec![LeadState::Discarded.into()], ..ListLeadsRequest::default() };
    let (statements, _) = company.list(everything, &request).await;
    for statement in statements {
        let plan = planner.plan(&statement).await;
        assert!(planner.faults(&statement, false).await.is_empty(), "{plan:#}");
        assert!(indexes(&plan).contains(&"leads_discarded"), "{plan:#}");
    }
}

/// A server of a company, the wire to its database, and people of whom it is known what they reach.
struct Company {
    callers: Vec<(&'static str, Caller)>,
    _server: RunningServer,
    wire: Wire,
    storage: Storage,
}

impl Company {
    async fn new() -> Self {
        let storage = Storage::create(Database::Postgres).await;
        drop(RunningServer::start(storage.url()).await);
        let store = Store::open(storage.url()).await.unwrap();
        demo::fill(&store, LEADS, 1, |_| {}).await.unwrap();
        let wire = Wire::to(storage.url());
        let server = RunningServer::start(wire.url()).await;
        let mut callers = Vec::new();
        // Who reaches nothing is answered without a look at any lead.
        for reader in &READERS[1..] {
            let token = bootstrap::issue_token(&store, Some(reader.email), "plans").await.unwrap();
            callers.push((reader.reach, Caller::at(server.addr(), token.expose())));
        }
        store.close().await;
        Self { callers, _server: server, wire, storage }
    }

    /// The statements on leads that a list runs, and the token of its next page.
    async fn list(&self, caller: &Caller, request: &ListLeadsRequest) -> (Vec<String>, String) {
        let (answer, statements) = self.wire.during(caller.leads().list_leads(request.clone())).await;
        let on_leads: Vec<String> = statements.into_iter().filter(|sql| sql.contains("FROM \"leads\"")).collect();
        assert!(!on_leads.is_empty(), "leads are asked for");
        (on_leads, answer.unwrap().into_inner().next_page_token)
    }
}

/// Somebody who asks PostgreSQL for its plans, under the settings of the service.
struct Planner {
    db: DatabaseConnection,
}

impl Planner {
    async fn of(url: &str) -> Self {
        let db = Connect::connect(ConnectOptions::new(url).max_connections(1).to_owned()).await.unwrap();
        for setting in ["jit = off", "max_parallel_workers_per_gather = 0", "plan_cache_mode = force_generic_plan"] {
            db.execute_unprepared(&format!("SET {setting}")).await.unwrap();
        }
        Self { db }
    }

    /// What is wrong with the plan of a statement.
    async fn faults(&self, sql: &str, leaves_few: bool) -> Vec<String> {
        let mut faults = Vec::new();
        look(&self.plan(sql).await, leaves_few, &mut faults);
        faults
    }

    /// The plan that serves a statement whatever its parameters are.
    async fn plan(&self, sql: &str) -> Value {
        let types = types(sql);
        let prepare = format!("PREPARE page ({}) AS {sql}", types.join(", "));
        self.db.execute_unprepared(&prepare).await.unwrap();
        let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE page ({})", vec!["NULL"; types.len()].join(", "));
        let row = self.db.query_one_raw(Statement::from_string(DbBackend::Postgres, explain)).await.unwrap().unwrap();
        self.db.execute_unprepared("DEALLOCATE page").await.unwrap();
        let plans: Value = row.try_get_by_index(0).unwrap();
        plans[0]["Plan"].clone()
    }
}

/// The types of a statement's parameters, where PostgreSQL wouldn't find out: identities between which a CASE chooses.
fn types(sql: &str) -> Vec<&'static str> {
    let number = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().ok()
    };
    let numbers = |before: &str| sql.split(before).skip(1).filter_map(number).collect::<Vec<_>>();
    let mut types = vec!["unknown"; numbers("$").into_iter().max().unwrap_or_default()];
    for identity in numbers("THEN $").into_iter().chain(numbers("ELSE $")) {
        types[identity - 1] = "uuid";
    }
    types
}

/// Looks for leads that are all read, and for sorts of more than few.
fn look(plan: &Value, leaves_few: bool, faults: &mut Vec<String>) {
    let (node, table) = (text(plan, "Node Type"), text(plan, "Relation Name"));
    if node == "Seq Scan" && ["leads", "lead_access"].contains(&table) {
        faults.push(format!("all of {table} is read"));
    }
    if node == "Sort" && !leaves_few && !children(plan).any(is_of_few) {
        faults.push(format!("what is reached is sorted by {}", plan["Sort Key"]));
    }
    plan["Plans"].as_array().into_iter().flatten().for_each(|child| look(child, leaves_few, faults));
}

fn walks_texts(plan: &Value) -> bool {
    let walks = text(plan, "Index Name") == "lead_search_pkey" && plan["Index Cond"].is_null();
    walks || plan["Plans"].as_array().into_iter().flatten().any(walks_texts)
}

/// Whether a part of a plan has few leads by what it is, whatever PostgreSQL thinks of its numbers.
fn is_of_few(plan: &Value) -> bool {
    match text(plan, "Node Type") {
        "Limit" => true,
        "CTE Scan" => OF_FEW.contains(&text(plan, "CTE Name")),
        _ if text(plan, "Index Name") == BLOCKED => true,
        _ => children(plan).any(is_of_few),
    }
}

/// The parts out of which another one's rows come; not those that are asked of each row.
fn children(plan: &Value) -> impl Iterator<Item = &Value> {
    let all = plan["Plans"].as_array().into_iter().flatten();
    all.filter(|child| !["SubPlan", "InitPlan"].contains(&text(child, "Parent Relationship")))
}

fn indexes(plan: &Value) -> Vec<&str> {
    let inner = plan["Plans"].as_array().into_iter().flatten().flat_map(indexes);
    inner.chain(plan["Index Name"].as_str()).collect()
}

fn text<'a>(plan: &'a Value, name: &str) -> &'a str {
    plan[name].as_str().unwrap_or_default()
}
