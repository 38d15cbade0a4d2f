//! Which indexes SQLite walks. It plans without a look at what is there, so an empty database will do.

use std::{collections::BTreeSet, sync::Arc};

use sea_orm::{ConnectionTrait, DbBackend};
use tempfile::TempDir;
use uuid::Uuid;

use super::{
    Selection,
    page::{Pages, Wanted},
    rank::Ranking,
};
use crate::{
    access::{
        policy::{Facts, Principal},
        scope::{Chosen, LeadScope},
    },
    model::{
        lead::LeadState,
        permission::{Action, OrderVisibility, PerAction, Permission, Profile, Role},
        user::UserState,
    },
    query::{
        filter::Filter,
        order::{Cursor, CursorValue, Order},
    },
    store::Store,
};

const LIVE: [LeadState; 2] = [LeadState::Active, LeadState::Resolved];

/// Orders that have an index.
const ORDERS: [&str; 13] = [
    "",
    "create_time",
    "next_contact_time",
    "next_contact_time desc",
    "name",
    "name desc",
    "country",
    "country desc",
    "stage",
    "stage desc",
    "register_time",
    "register_time desc",
    "first_deposit_time desc",
];

const FILTERS: [&str; 7] = [
    "",
    r#"stage = "New""#,
    r#"stage = "New" AND country = "PT""#,
    r#"country = "PT" OR kind = CLIENT"#,
    r#"name:"ana""#,
    r#"name:"ana" OR phone:"555""#,
    r#"name:"an" AND next_contact_time:*"#,
];

/// A database, and the scopes that its callers have.
struct Lab {
    store: Store,
    _folder: TempDir,
}

impl Lab {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store = Store::open(&format!("sqlite:{}", folder.path().join("leadward.db").display())).await.unwrap();
        store.migrate().await.unwrap();
        Self { store, _folder: folder }
    }

    /// How a page is found: the statement, and each step of its plan.
    async fn plan(&self, scope: &LeadScope<Chosen>, asked: &Asked<'_>) -> (String, Vec<String>) {
        let Asked { order, filter, states, after } = asked;
        let selection =
            Selection { states: states.to_vec(), filter: Filter::parse(filter).unwrap(), orders: OrderVisibility::All };
        let ranking = Ranking::of(&Order::parse(order).unwrap());
        let wanted = Wanted { ranking: &ranking, after: after.as_ref(), limit: 51 };
        let ids = Pages::new(scope, &selection, DbBackend::Sqlite).ids(wanted).unwrap();
        let mut statement = DbBackend::Sqlite.build(&ids);
        let sql = statement.sql.clone();
        statement.sql = format!("EXPLAIN QUERY PLAN {sql}");
        let rows = self.store.read.query_all_raw(statement).await.unwrap();
        (sql, rows.iter().map(|row| row.try_get("", "detail").unwrap()).collect())
    }
}

struct Asked<'a> {
    order: &'a str,
    filter: &'a str,
    states: &'a [LeadState],
    after: Option<Cursor>,
}

fn scope(permission: Permission) -> LeadScope<Chosen> {
    let profile = Profile {
        id: Uuid::from_u128(2).into(),
        name: "agents".to_owned(),
        built_in: false,
        role: Role::Agent,
        permissions: PerAction::from_fn(|_| permission.clone()),
        capabilities: BTreeSet::new(),
        resolved_grace: None,
        max_open_leads: None,
        order_visibility: OrderVisibility::All,
        assign_partial_orders_only: false,
        version: 1,
    };
    let facts = Facts {
        user_id: Uuid::from_u128(1).into(),
        name: "ana".to_owned(),
        state: UserState::Active,
        desk: None,
        profile,
        overrides: PerAction::from_fn(|_| None),
        groups: BTreeSet::new(),
        permissions_version: 1,
        rights_version: 1,
    };
    LeadScope::of(&Arc::new(Principal::resolve(&facts)), Action::View)
}

fn scopes() -> Vec<(&'static str, LeadScope<Chosen>)> {
    let groups = |count: u128, include_unassigned| Permission::Groups {
        named: (0..count).map(|group| Uuid::from_u128(100 + group).into()).collect(),
        include_member_groups: false,
        include_unassigned,
    };
    vec![
        ("one by one", scope(Permission::INDIVIDUAL)),
        ("with the pool", scope(Permission::Individual { include_unassigned: true })),
        ("three groups and the pool", scope(groups(3, true))),
        ("twenty groups", scope(groups(20, false))),
        ("all", scope(Permission::Complete)),
    ]
}

/// A place in an order, among the leads that have its key and among those that don't.
fn places(order: &str) -> Vec<Option<Cursor>> {
    let id = Uuid::from_u128(7);
    let number = CursorValue::Number(1_700_000_000_000_000);
    let key = if order.contains("time") { number } else { CursorValue::Text("new".to_owned()) };
    match order {
        "" | "create_time" => vec![None, Some(Cursor { keys: vec![None], id })],
        _ => vec![None, Some(Cursor { keys: vec![Some(key)], id }), Some(Cursor { keys: vec![None], id })],
    }
}

#[tokio::test]
async fn sqlite_walks_leads_in_their_order_and_sorts_few() {
    let lab = Lab::new().await;
    for (name, scope) in scopes() {
        for order in ORDERS {
            for filter in FILTERS {
                for after in places(order) {
                    let asked = Asked { order, filter, states: &LIVE, after };
                    let (sql, plan) = lab.plan(&scope, &asked).await;
                    let shown = format!("{name} by {order:?} with {filter:?}\n{sql}\n{}", plan.join("\n"));
                    let scans = plan.iter().filter(|step| step.starts_with("SCAN leads") && !step.contains("USING"));
                    assert_eq!(scans.count(), 0, "all leads are read: {shown}");
                    // Few leads are sorted, once they are known.
                    let few = sql.matches("SELECT DISTINCT \"id\" FROM").count();
                    let sorts =
                        plan.iter().filter(|step| step.contains("TEMP B-TREE FOR") && step.contains("ORDER BY"));
                    assert!(sorts.count() <= few, "leads are sorted: {shown}");
                }
            }
        }
    }
}

#[tokio::test]
async fn sqlite_finds_discarded_leads_without_passing_by_the_others() {
    let lab = Lab::new().await;
    let asked = Asked { order: "", filter: "", states: &[LeadState::Discarded], after: None };
    let (sql, plan) = lab.plan(&scope(Permission::Complete), &asked).await;
    let steps: Vec<&String> = plan.iter().filter(|step| step.contains(" leads ")).collect();
    assert!(steps.iter().all(|step| step.contains("leads_discarded")), "{sql}\n{}", plan.join("\n"));
    assert!(!steps.is_empty());
}
