//! A whole company at once, into a database that has none: by COPY on PostgreSQL, by long inserts on SQLite. All in one transaction,
//! in which indexes and foreign keys are taken off and put back: whoever looks sees all of it or nothing.
//!
//! It goes past scopes, history and events, since nobody works there yet; so [`is_empty`] is to be asked first.

mod rows;
mod target;

use std::sync::Arc;

use sea_orm::{DbBackend, EntityTrait, PaginatorTrait, QuerySelect, sea_query::Expr};

use self::{rows::Entries, target::Target};
use super::{
    Db, Result, Store, Tx,
    entity::{group, lead, user},
    history, lead_search, pick_lists,
};
use crate::model::{
    history::HistoryEntry,
    lead::Lead,
    lead_access::AccessRow,
    order::Order,
    page::Page,
    permission::Permission,
    user::{Group, User},
};

/// How many leads are in memory at a time.
const LEADS_AT_A_TIME: u64 = 10_000;
/// What holds nearly all of it, and so is filled without its indexes.
const LARGE: [&str; 5] = ["leads", "lead_search", "lead_access", "orders", "lead_history"];

/// A company, the same however often it is asked.
pub trait Company: Send + Sync + 'static {
    /// Its groups.
    fn groups(&self) -> Vec<Group>;

    /// Who works there.
    fn employees(&self) -> Vec<Employee>;

    /// How many leads it has.
    fn leads(&self) -> u64;

    /// The lead with a number, from zero; identities grow with the numbers.
    fn lead(&self, number: u64) -> Whole;
}

/// Somebody who works there.
#[derive(Clone, PartialEq, Debug)]
pub struct Employee {
    /// Who.
    pub user: User,
    /// What they may view, where it isn't what their profile says.
    pub view: Option<Permission>,
}

/// A lead with all that hangs on it.
#[derive(Clone, PartialEq, Debug)]
pub struct Whole {
    /// The lead.
    pub lead: Lead,
    /// Who else has access to it; each user once.
    pub access: Vec<AccessRow>,
    /// What was ordered.
    pub orders: Vec<Order>,
    /// What happened to it.
    pub history: Vec<HistoryEntry>,
}

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// So many leads are in.
    Leads(u64),
    /// Indexes are put back.
    Indexes,
    /// PostgreSQL learns what it has.
    Statistics,
}

/// Whether a database holds no more than a first start makes.
///
/// # Errors
/// The database's.
pub async fn is_empty(db: &impl Db) -> Result<bool> {
    let conn = db.conn().0;
    let any_lead = lead::Entity::find().select_only().expr(Expr::val(1)).limit(1).into_tuple::<i32>();
    Ok(any_lead.one(&conn).await?.is_none()
        && user::Entity::find().count(&conn).await? <= 1
        && group::Entity::find().count(&conn).await? == 0)
}

/// Fills a database, and tells how far it has come.
///
/// # Errors
/// The database's; it is then as it was.
pub async fn fill<C, T>(store: &Store, company: C, tell: T) -> Result<()>
where
    C: Company,
    T: Fn(Step) + Send + Sync + 'static,
{
    let entries = Entries(pick_lists::list(store, None, true, &Page::first(Page::MAX_SIZE)).await?.rows);
    let filling = Arc::new(Filling { company, entries, tell });
    match store.write.get_database_backend() {
        DbBackend::Postgres => filling.copy(store).await,
        _ => filling.insert(store).await,
    }
}

struct Filling<C, T> {
    company: C,
    entries: Entries,
    tell: T,
}

impl<C, T> Filling<C, T>
where
    C: Company,
    T: Fn(Step) + Send + Sync + 'static,
{
    async fn copy(&self, store: &Store) -> Result<()> {
        // Out of the pool, since it runs for longer than other connections may.
        let mut conn = store.write.get_postgres_connection_pool().acquire().await.map_err(target::refused)?.detach();
        let mut target = Target::Copy(&mut conn);
        target.run("SET statement_timeout = 0").await?;
        target.run("SET idle_in_transaction_session_timeout = 0").await?;
        target.run("SET maintenance_work_mem = '256MB'").await?;
        // A connection that is dropped before the COMMIT takes everything back.
        target.run("BEGIN").await?;
        self.write(&mut target).await?;
        target.run("COMMIT").await?;
        (self.tell)(Step::Statistics);
        // Walks along an index alone go by what VACUUM has seen.
        target.run(&format!("VACUUM (ANALYZE) {}", LARGE.join(", "))).await?;
        target.run("ANALYZE").await
    }

    async fn insert(self: Arc<Self>, store: &Store) -> Result<()> {
        // No statistics: neither has a database that the service has filled itself, and plans are to be the same.
        let write = |tx: Tx, filling: Arc<Arc<Self>>| async move { filling.write(&mut Target::Insert(&tx)).await };
        store.write(self, write).await
    }

    async fn write(&self, target: &mut Target<'_>) -> Result<()> {
        let to_put_back = target.take_indexes_off(&LARGE).await?;
        self.write_people(target).await?;
        let leads = self.company.leads();
        let mut first = 0;
        while first < leads {
            let next = leads.min(first + LEADS_AT_A_TIME);
            self.write_leads(target, (first..next).map(|number| self.company.lead(number)).collect()).await?;
            (self.tell)(Step::Leads(next));
            first = next;
        }
        (self.tell)(Step::Indexes);
        for statement in &to_put_back {
            target.run(statement).await?;
        }
        Ok(())
    }

    async fn write_people(&self, target: &mut Target<'_>) -> Result<()> {
        let employees = self.company.employees();
        target.put(self.company.groups().iter().map(rows::group).collect()).await?;
        target.put(employees.iter().map(|employee| rows::user(&employee.user)).collect()).await?;
        target.put(employees.iter().flat_map(|employee| rows::memberships(&employee.user)).collect()).await?;
        let (levels, named): (Vec<_>, Vec<_>) = employees.iter().filter_map(rows::view).unzip();
        target.put(levels).await?;
        target.put(named.into_iter().flatten().collect()).await
    }

    async fn write_leads(&self, target: &mut Target<'_>, leads: Vec<Whole>) -> Result<()> {
        let lead_rows = leads.iter().map(|whole| rows::lead(&whole.lead, &self.entries)).collect::<Result<Vec<_>>>()?;
        target.put(lead_rows).await?;
        let search_rows = leads.iter().map(|whole| lead_search::row(&whole.lead)).collect::<Result<Vec<_>>>()?;
        target.put(search_rows).await?;
        let access = leads.iter().flat_map(|whole| whole.access.iter().map(move |row| rows::access(&whole.lead, row)));
        target.put(access.collect()).await?;
        target.put(leads.iter().flat_map(|whole| whole.orders.iter().map(rows::order)).collect()).await?;
        let history = leads.iter().flat_map(|whole| &whole.history).map(history::row);
        target.put(history.collect::<Result<Vec<_>>>()?).await
    }
}
