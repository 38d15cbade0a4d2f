//! What statements touch, as PostgreSQL itself tells of each.

use std::{fmt::Debug, sync::Mutex};

use sea_orm::Database;
use serde_json::Value;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

/// Where the driver logs what the server tells beside its answers.
const NOTICES: &str = "sqlx::postgres::notice";
/// `options[NAME]=VALUE`, as the driver reads them in a URL.
const SETTINGS: [(&str, &str); 7] = [
    ("session_preload_libraries", "auto_explain"),
    ("auto_explain.log_min_duration", "0"),
    ("auto_explain.log_analyze", "on"),
    ("auto_explain.log_buffers", "on"),
    ("auto_explain.log_timing", "off"),
    ("auto_explain.log_format", "json"),
    ("auto_explain.log_level", "notice"),
];
/// Enough to see the plan that PostgreSQL turns to once it knows a statement, on any of a few connections.
const RUNS: usize = 16;

static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Takes down what PostgreSQL tells.
pub fn listen() {
    let notices = Targets::new().with_target(NOTICES, LevelFilter::INFO);
    tracing_subscriber::registry().with(TakeDown.with_filter(notices)).init();
}

/// The URL of a database whose statements are told of; none where it can't tell.
pub async fn observed(url: &str) -> Option<String> {
    if !url.starts_with("postgres") {
        return None;
    }
    let separator = if url.contains('?') { '&' } else { '?' };
    let settings = SETTINGS.map(|(name, value)| format!("options[{name}]={value}"));
    let url = format!("{url}{separator}{}", settings.join("&"));
    let db = Database::connect(&url).await.ok()?;
    db.close().await.unwrap();
    Some(url)
}

/// The most buffers that one of several runs of a call touches.
pub async fn most(call: impl AsyncFn()) -> u64 {
    // The first run may have to find out who calls.
    call().await;
    let mut most = 0;
    for _ in 0..RUNS {
        TOLD.lock().unwrap().clear();
        call().await;
        most = most.max(TOLD.lock().unwrap().iter().filter_map(|told| touched(told)).sum());
    }
    most
}

/// What a statement touched; none for those that are run beside calls, to note or to clear something.
fn touched(told: &str) -> Option<u64> {
    let (_, explained) = told.split_once("plan:\n")?;
    let explained: Value = serde_json::from_str(explained).unwrap();
    let text = explained["Query Text"].as_str().unwrap().trim_start();
    if ["INSERT", "UPDATE", "DELETE"].iter().any(|word| text.starts_with(word)) {
        return None;
    }
    let plan = &explained["Plan"];
    Some(plan["Shared Hit Blocks"].as_u64().unwrap() + plan["Shared Read Blocks"].as_u64().unwrap())
}

struct TakeDown;

impl<S: Subscriber> Layer<S> for TakeDown {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut Message);
    }
}

struct Message;

impl Visit for Message {
    fn record_str(&mut self, field: &Field, text: &str) {
        if field.name() == "message" {
            TOLD.lock().unwrap().push(text.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, text: &dyn Debug) {
        self.record_str(field, &format!("{text:?}"));
    }
}
