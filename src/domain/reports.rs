//! Reports (domain contract, section 8): lists of leads and orders as sales teams look at them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Error, Resource, Result, history,
    queries::{self, Counted, Known, Query, selection},
};
use crate::{
    access::{
        Caller,
        policy::Reach,
        scope::{LeadScope, View},
    },
    model::{
        Time,
        count::Facet,
        history::HistoryEntry,
        ids::{GroupId, LeadId, UserId},
        lead::{Lead, LeadState},
        order::Order as LeadOrder,
        permission::{Action, Capability, Role},
        report::{Cell, MyLead, OrderDetail, OrderDetailFilter, Row},
    },
    query::{
        columns::Column,
        fields::Field,
        order::{Cursor, Order},
        slice::{Slice, Sliced},
    },
    store::{self, Db, Store, Tx, fence, lead_list, names, principals, reports},
};

/// How many entries of histories an agent's report shows.
const RECENT_ENTRIES: u64 = 10;
/// What the totals of the All Leads report are by.
const TOTALS_BY: &[Facet] = &[Facet::Kind, Facet::Stage, Facet::Country, Facet::Assignee];

/// What a report of leads is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Of which leads.
    pub query: Query,
    /// In which order.
    pub order: Order,
    /// What it shows of them, where its columns are not fixed.
    pub columns: Vec<Column>,
}

/// A page of an agent's report.
#[derive(Clone, Debug)]
pub struct AgentReport {
    /// The assigned leads.
    pub leads: Sliced<Lead>,
    /// On the first page: what happened last on any of them.
    pub recent_entries: Vec<HistoryEntry>,
}

/// A page of the All Leads report, and how many leads it is of, counted up to a cap where one is given.
///
/// # Errors
/// CAPABILITY_REQUIRED.
pub async fn all_leads(
    store: &Store,
    caller: &Caller,
    asked: &Asked,
    slice: &Slice,
    cap: Option<u64>,
) -> Result<(Sliced<Row>, Option<Counted>)> {
    caller.require(Capability::ViewAllLeadsReport)?;
    store
        .snapshot((caller.clone(), asked.clone(), slice.clone()), move |tx, args| async move {
            let (caller, asked, slice) = &*args;
            // What these statements rest on is a capability, and no scope of the caller's that would bring its fence along.
            holds_still(&tx, caller).await?;
            let all =
                LeadScope::system("the All Leads report is of every lead: VIEW_ALL_LEADS_REPORT is what it takes");
            let rows = rows(&tx, &all, caller, asked, slice).await?;
            let totals = match cap {
                Some(cap) => Some(totals(&tx, &all, caller, &asked.query, cap).await?),
                None => None,
            };
            Ok((rows, totals))
        })
        .await
}

/// Refuses a caller who may take nothing of the All Leads report out of the service.
///
/// # Errors
/// CAPABILITY_REQUIRED, ACTION_NOT_PERMITTED.
pub fn may_export_all_leads(caller: &Caller) -> Result<()> {
    caller.require(Capability::ViewAllLeadsReport)?;
    match caller.reach(Action::Export) {
        Reach::None => Err(Error::ActionNotPermitted(Action::Export)),
        Reach::Individual { .. } | Reach::Groups { .. } | Reach::Complete => Ok(()),
    }
}

/// A part of the All Leads report to take out of the service: of the leads on which the caller may EXPORT.
///
/// # Errors
/// CAPABILITY_REQUIRED, ACTION_NOT_PERMITTED.
pub async fn export_all_leads(store: &Store, caller: &Caller, asked: &Asked, slice: &Slice) -> Result<Sliced<Row>> {
    may_export_all_leads(caller)?;
    store
        .snapshot((caller.clone(), asked.clone(), slice.clone()), |tx, args| async move {
            let (caller, asked, slice) = &*args;
            rows(&tx, &caller.scope_to(Action::Export), caller, asked, slice).await
        })
        .await
}

/// A page of the leads that are assigned to the caller, and that they may view.
///
/// # Errors
/// The database's.
pub async fn my_leads(
    store: &Store,
    caller: &Caller,
    query: Query,
    order: &Order,
    slice: &Slice,
) -> Result<Sliced<MyLead>> {
    let filter = query.filter.clone().and(queries::assigned_to(caller.id()));
    let query = Query { filter, ..query };
    store
        .snapshot((caller.clone(), query, order.clone(), slice.clone()), |tx, args| async move {
            let (caller, query, order, slice) = &*args;
            let scope = caller.scope::<View>();
            let Sliced { rows, next } = lead_list::list(&tx, &scope, &selection(caller, query), order, slice).await?;
            let orders = reports::last_orders(&tx, &scope, caller.order_visibility, ids(&rows)).await?;
            let mine = |lead: Lead| {
                let last_order_status = orders.get(&lead.id).map(|order| order.status);
                MyLead { lead, last_order_status }
            };
            Ok(Sliced { rows: rows.into_iter().map(mine).collect(), next })
        })
        .await
}

/// A page of a user's assigned leads that the caller may view, the newest first.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND.
pub async fn of_agent(
    store: &Store,
    caller: &Caller,
    user_id: UserId,
    states: Vec<LeadState>,
    slice: &Slice,
) -> Result<AgentReport> {
    let query = Query { action: Action::View, states, filter: queries::assigned_to(user_id) };
    store
        .snapshot((caller.clone(), query, slice.clone()), move |tx, args| async move {
            let (caller, query, slice) = &*args;
            may_look_at(&tx, caller, user_id).await?;
            let (scope, selection) = (caller.scope::<View>(), selection(caller, query));
            let leads = lead_list::list(&tx, &scope, &selection, &Order::default(), slice).await?;
            let recent_entries = if slice.after.is_none() {
                let hidden = history::hidden_from(caller);
                reports::recent_entries(&tx, &scope, user_id, &selection.states, hidden, RECENT_ENTRIES).await?
            } else {
                Vec::new()
            };
            Ok(AgentReport { leads, recent_entries })
        })
        .await
}

/// A page of the orders of leads that the caller may view, the latest placed first; with the leads' assignees where these are asked
/// for.
///
/// # Errors
/// The database's.
pub async fn order_details(
    store: &Store,
    caller: &Caller,
    filter: &OrderDetailFilter,
    include_agent: bool,
    slice: &Slice,
) -> Result<Sliced<OrderDetail>> {
    let scope = caller.scope::<View>();
    let mut sliced = reports::order_details(store, &scope, caller.order_visibility, filter, slice).await?;
    if include_agent {
        let known = Known::to(store, caller).await?;
        for (id, name) in sliced.rows.iter_mut().filter_map(|detail| detail.assignee.as_mut()) {
            if !known.includes(id.uuid()) {
                *name = None;
            }
        }
    } else {
        sliced.rows.iter_mut().for_each(|detail| detail.assignee = None);
    }
    Ok(sliced)
}

/// Where an order stands among order details.
pub fn place(detail: &OrderDetail) -> Cursor {
    reports::place(&detail.order)
}

/// Refuses to go on where the caller's rights are no longer what they were.
async fn holds_still(tx: &Tx, caller: &Caller) -> Result<()> {
    match caller.fence() {
        Some(fence) if !fence::stands(tx, fence).await? => Err(store::Error::Moved.into()),
        _ => Ok(()),
    }
}

/// Others' reports are for those above them, and for whoever may see the report of all leads.
async fn may_look_at(tx: &Tx, caller: &Caller, user_id: UserId) -> Result<()> {
    if user_id == caller.id() {
        return Ok(());
    }
    let refused = Error::CapabilityRequired(Capability::ViewAllLeadsReport);
    let sees_all = caller.holds(Capability::ViewAllLeadsReport);
    if !sees_all && caller.role == Role::Agent {
        // Nobody is below them, so it isn't looked who is there.
        return Err(refused);
    }
    let facts = principals::facts(tx, user_id).await?.ok_or(Error::NotFound(Resource::User))?;
    if sees_all || caller.is_above(facts.profile.role).is_ok() { Ok(()) } else { Err(refused) }
}

async fn rows<A>(tx: &Tx, scope: &LeadScope<A>, caller: &Caller, asked: &Asked, slice: &Slice) -> Result<Sliced<Row>> {
    let selection = selection(caller, &asked.query);
    let Sliced { rows, next } = lead_list::list(tx, scope, &selection, &asked.order, slice).await?;
    let beside = Beside::read(tx, scope, caller, &asked.columns, &rows).await?;
    let row = |lead: Lead| {
        let cells = asked.columns.iter().map(|column| beside.cell(column, &lead)).collect();
        Row { lead, cells }
    };
    Ok(Sliced { rows: rows.into_iter().map(row).collect(), next })
}

async fn totals<A>(tx: &Tx, scope: &LeadScope<A>, caller: &Caller, query: &Query, cap: u64) -> Result<Counted> {
    let count = lead_list::count(tx, scope, &selection(caller, query), cap, TOTALS_BY).await?;
    let names = queries::known_names(tx, caller, &count).await?;
    Ok(Counted { count, names })
}

fn ids(leads: &[Lead]) -> Vec<LeadId> {
    leads.iter().map(|lead| lead.id).collect()
}

/// What stands in a report beside what the leads say themselves.
struct Beside {
    orders: BTreeMap<LeadId, LeadOrder>,
    users: BTreeMap<UserId, String>,
    groups: BTreeMap<GroupId, String>,
}

impl Beside {
    /// What some columns need.
    async fn read<A>(
        db: &impl Db,
        scope: &LeadScope<A>,
        caller: &Caller,
        columns: &[Column],
        leads: &[Lead],
    ) -> Result<Self> {
        let mut beside = Self { orders: BTreeMap::new(), users: BTreeMap::new(), groups: BTreeMap::new() };
        if columns.iter().any(Column::is_of_order) {
            beside.orders = reports::last_orders(db, scope, caller.order_visibility, ids(leads)).await?;
        }
        let shows = |field: Field| columns.contains(&Column::Field(field));
        let mut users = BTreeSet::new();
        if shows(Field::Assignee) {
            users.extend(leads.iter().filter_map(|lead| lead.assignee_id));
        }
        if shows(Field::CreatedBy) {
            users.extend(leads.iter().map(|lead| lead.created_by));
        }
        if !users.is_empty() {
            beside.users = names::user_names(db, &users).await?;
        }
        if shows(Field::Group) {
            let groups = leads.iter().filter_map(|lead| lead.group_id).collect();
            beside.groups = names::group_names(db, &groups).await?;
        }
        Ok(beside)
    }

    /// What a lead says in a column.
    fn cell(&self, column: &Column, lead: &Lead) -> Option<Cell> {
        let order = self.orders.get(&lead.id);
        match column {
            Column::Field(field) => self.field(field, lead, order),
            Column::AssigneeId => id(lead.assignee_id),
            Column::GroupId => id(lead.group_id),
            Column::LastOrderNumber => order.map(|order| Cell::Text(order.number.clone())),
            Column::LastOrderAmount => order.map(|order| Cell::Text(order.amount.to_string())),
            Column::LastOrderPlaceTime => time(order.map(|order| order.place_time)),
        }
    }

    fn field(&self, field: &Field, lead: &Lead, order: Option<&LeadOrder>) -> Option<Cell> {
        match field {
            Field::Id => id(Some(lead.id)),
            Field::ExternalId => text(&lead.external_id),
            Field::Name => text(&lead.name),
            Field::Email => text(&lead.email),
            Field::EmailConfirmed => Some(Cell::Flag(lead.email_confirmed)),
            Field::Phone => text(&lead.phone),
            Field::Country => text(&lead.country),
            Field::Locale => text(&lead.locale),
            Field::Source => word(lead.source.word()),
            Field::Campaign => text(&lead.campaign),
            Field::Attribute(name) => lead.attributes.get(name).cloned().map(Cell::Text),
            Field::Kind => word(lead.kind().word()),
            Field::State => word(lead.state.word()),
            Field::Stage => text(&lead.stage),
            Field::DiscardReason => text(&lead.discard_reason),
            Field::Disposition => text(&lead.disposition),
            Field::NextContactTime => time(lead.next_contact_time),
            Field::Assignee => lead.assignee_id.and_then(|id| self.user(id)),
            Field::Group => lead.group_id.and_then(|id| self.groups.get(&id)).cloned().map(Cell::Text),
            Field::CreatedBy => self.user(lead.created_by),
            Field::RegisterTime => time(lead.register_time),
            Field::FirstDepositTime => time(lead.first_deposit_time),
            Field::AssignTime => time(lead.assigned.map(|(_, time)| time)),
            Field::DiscardTime => time(lead.discard_time),
            Field::ResolveTime => time(lead.resolve_time),
            Field::CreateTime => time(Some(lead.create_time)),
            Field::UpdateTime => time(Some(lead.update_time)),
            Field::LastOrderStatus => order.and_then(|order| word(order.status.word())),
        }
    }

    fn user(&self, id: UserId) -> Option<Cell> {
        self.users.get(&id).cloned().map(Cell::Text)
    }
}

fn text(text: &Option<String>) -> Option<Cell> {
    text.clone().map(Cell::Text)
}

fn word(word: &str) -> Option<Cell> {
    Some(Cell::Text(word.to_owned()))
}

fn id(id: Option<impl ToString>) -> Option<Cell> {
    id.map(|id| Cell::Text(id.to_string()))
}

fn time(time: Option<Time>) -> Option<Cell> {
    time.map(Cell::Time)
}
