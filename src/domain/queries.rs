//! What lists of leads are asked for: filters with the names in them looked up, orders, and counts.
//!
//! Names are the directory's, and whoever may read it may use all of them. Everybody else knows themselves and their own groups by
//! name, and is told of no other name whether somebody has it. IDs are open to all, since leads show them. The rows of the All Leads
//! report have everybody's names, and so may its filter.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{Error, Resource, Result, Violation};
use crate::{
    access::Caller,
    model::{
        count::{Count, Facet},
        ids::{GroupId, UserId},
        lead::{Lead, LeadState},
        permission::Action,
    },
    query::{
        fields::Field,
        filter::{Fault, Filter},
        order::Order,
        slice::{Slice, Sliced},
    },
    store::{
        Db, Store,
        lead_list::{self, Selection},
        names, users,
    },
};

/// How many leads are counted at most where the request doesn't say.
pub const COUNTED: u64 = 10_000;
/// The most leads that are counted.
pub const MOST_COUNTED: u64 = 1_000_000;

/// Which leads a list is of.
#[derive(Clone, Debug)]
pub struct Query {
    /// Those on which the caller may do this.
    pub action: Action,
    /// In these states; none: see [`states`].
    pub states: Vec<LeadState>,
    /// That pass this, in which users and groups are given by ID.
    pub filter: Filter,
}

/// How many leads there are.
#[derive(Clone, Debug)]
pub struct Counted {
    /// The numbers.
    pub count: Count,
    /// The names of the users and groups in them, as far as the caller may know, by ID.
    pub names: BTreeMap<String, String>,
}

/// Which leads a request asks for.
///
/// # Errors
/// INVALID_ARGUMENT with every fault of `filter`.
pub async fn query(
    store: &Store,
    caller: &Caller,
    action: Action,
    states: Vec<LeadState>,
    text: &str,
) -> Result<Query> {
    let filter = filter(store, caller, text).await?;
    may_ask(caller, action, &filter)?;
    Ok(Query { action, states, filter })
}

/// Orders are shown with leads that may be viewed, and so is what a filter finds by them. Asked of every part of a list, since rights move.
pub(super) fn may_ask(caller: &Caller, action: Action, filter: &Filter) -> Result<()> {
    let of_orders = filter.tests().any(|(field, _)| *field == Field::LastOrderStatus);
    if of_orders && !caller.reach(Action::View).contains(caller.reach(action)) {
        let action = action.word();
        let description = format!("`last_order_status` takes VIEW on all leads that {action} reaches");
        return Err(Error::invalid("filter", description));
    }
    Ok(())
}

/// The filter of a request, with the users and groups that it names looked up.
///
/// # Errors
/// INVALID_ARGUMENT with every fault of `filter`.
pub async fn filter(store: &Store, caller: &Caller, text: &str) -> Result<Filter> {
    let (filter, places) = parsed(text)?;
    if places.is_empty() {
        return Ok(filter);
    }
    let known = Known::to(store, caller).await?;
    looked_up(store, &known, filter, &places).await
}

/// The filter of a request for the All Leads report, whose reader knows everybody by name.
///
/// # Errors
/// INVALID_ARGUMENT with every fault of `filter`.
pub async fn all_leads_filter(store: &Store, text: &str) -> Result<Filter> {
    let (filter, places) = parsed(text)?;
    looked_up(store, &Known::All, filter, &places).await
}

/// The filter, and where its names stand.
fn parsed(text: &str) -> Result<(Filter, Vec<usize>)> {
    Filter::parse_with_places(text).map_err(|fault| Error::invalid("filter", fault.to_string()))
}

/// The filter with IDs for the names in it.
async fn looked_up(store: &Store, known: &Known, filter: Filter, places: &[usize]) -> Result<Filter> {
    let named = Named::of(store, &filter).await?;
    let (mut faults, mut places): (Vec<Violation>, _) = (Vec::new(), places.iter());
    let filter = filter.with_ids(|field, name| {
        let offset = places.next().copied().unwrap_or_default();
        let found = known.one(field, name, named.get(field, name));
        let fault = |message| Fault { offset, message }.to_string();
        found.map_err(|message| faults.push(Violation { field: "filter".to_owned(), description: fault(message) })).ok()
    });
    if faults.is_empty() { Ok(filter) } else { Err(Error::Invalid(faults)) }
}

/// The order of a list.
///
/// # Errors
/// INVALID_ARGUMENT with a fault of `order_by`.
pub fn order(text: &str) -> Result<Order> {
    Order::parse(text).map_err(|fault| Error::invalid("order_by", fault))
}

/// The states that a list shows: those asked for, be it by the filter; otherwise those that the action is about.
pub fn states(action: Action, asked: &[LeadState], filter: &Filter) -> Vec<LeadState> {
    let by_filter = filter.tests().any(|(field, _)| *field == Field::State);
    match action {
        _ if !asked.is_empty() => asked.to_vec(),
        _ if by_filter => LeadState::ALL.to_vec(),
        Action::Retrieve => vec![LeadState::Discarded],
        _ => vec![LeadState::Active, LeadState::Resolved],
    }
}

/// A part of the leads on which the caller may do an action.
///
/// # Errors
/// INVALID_ARGUMENT where the caller may not ask for that any more; the database's.
pub async fn list(store: &Store, caller: &Caller, query: &Query, order: &Order, slice: &Slice) -> Result<Sliced<Lead>> {
    may_ask(caller, query.action, &query.filter)?;
    let scope = caller.scope_to(query.action);
    Ok(lead_list::list(store, &scope, &selection(caller, query), order, slice).await?)
}

/// How many leads there are on which the caller may do an action, up to a cap.
///
/// # Errors
/// INVALID_ARGUMENT where the caller may not ask for that any more; the database's.
pub async fn count(store: &Store, caller: &Caller, query: &Query, cap: u64, facets: &[Facet]) -> Result<Counted> {
    may_ask(caller, query.action, &query.filter)?;
    let scope = caller.scope_to(query.action);
    let count = lead_list::count(store, &scope, &selection(caller, query), cap, facets).await?;
    let names = known_names(store, caller, &count).await?;
    Ok(Counted { count, names })
}

/// Whom a caller may know by name.
pub(super) enum Known {
    /// Everybody.
    All,
    /// Themselves and their own groups.
    Own(BTreeSet<Uuid>),
}

impl Known {
    /// Whom this caller may.
    pub(super) async fn to(db: &impl Db, caller: &Caller) -> Result<Self> {
        if caller.require_directory().is_ok() {
            return Ok(Self::All);
        }
        let me = users::get(db, caller.id()).await?.ok_or(Error::NotFound(Resource::User))?;
        let groups = me.groups.iter().map(|group| group.uuid());
        Ok(Self::Own(groups.chain([me.id.uuid()]).collect()))
    }

    /// Whether it is somebody, or a group, whom the caller may know.
    pub(super) fn includes(&self, id: Uuid) -> bool {
        match self {
            Self::All => true,
            Self::Own(own) => own.contains(&id),
        }
    }

    /// The one whom a name in a filter means; else what is wrong with it. What is said of a name that the caller may not know is the
    /// same whether somebody has it.
    fn one(&self, field: &Field, name: &str, named: &[Uuid]) -> Result<Uuid, String> {
        let mut ids = named.iter().copied().filter(|id| self.includes(*id));
        // Of a name of any length, so much that it is recognised.
        let name: String = name.chars().take(100).collect();
        match (ids.next(), ids.next(), self) {
            (Some(id), None, _) => Ok(id),
            (Some(_), Some(_), _) => Err(format!(
                "several users have the name {name:?} that `{field}` is compared with; give an e-mail or an ID"
            )),
            (None, _, Self::All) => {
                let what = if *field == Field::Group { "group has the name" } else { "user has the e-mail or name" };
                Err(format!("`{field}` is compared with {name:?}: no {what}"))
            }
            (None, _, Self::Own(_)) => {
                Err(format!("`{field}` is compared with a name that is not your own or your groups'; give an ID"))
            }
        }
    }
}

/// Who has the names in a filter.
struct Named {
    users: BTreeMap<String, Vec<Uuid>>,
    groups: BTreeMap<String, Vec<Uuid>>,
}

impl Named {
    async fn of(store: &Store, filter: &Filter) -> Result<Self> {
        let (mut users, mut groups) = (BTreeSet::new(), BTreeSet::new());
        for (field, name) in filter.names() {
            let names = if *field == Field::Group { &mut groups } else { &mut users };
            names.insert(name.to_owned());
        }
        let users = names::users_by(store, &Vec::from_iter(users)).await?;
        let groups = names::groups_by(store, &Vec::from_iter(groups)).await?;
        Ok(Self {
            users: users.into_iter().map(|(name, ids)| (name, ids.into_iter().map(UserId::uuid).collect())).collect(),
            groups: groups.into_iter().map(|(name, id)| (name, vec![id.uuid()])).collect(),
        })
    }

    fn get(&self, field: &Field, name: &str) -> &[Uuid] {
        let named = if *field == Field::Group { &self.groups } else { &self.users };
        named.get(name).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The names of the users and groups in a count that the caller may know.
pub(super) async fn known_names(db: &impl Db, caller: &Caller, count: &Count) -> Result<BTreeMap<String, String>> {
    let of = |wanted: Facet| -> BTreeSet<Uuid> {
        let facets = count.facets.iter().filter(|counts| counts.facet == wanted);
        let ids = facets.flat_map(|counts| counts.values.iter().filter_map(|(id, _)| id.as_deref()?.parse().ok()));
        ids.collect()
    };
    let (mut users, mut groups) = (of(Facet::Assignee), of(Facet::Group));
    if users.is_empty() && groups.is_empty() {
        return Ok(BTreeMap::new());
    }
    let known = Known::to(db, caller).await?;
    users.retain(|id| known.includes(*id));
    groups.retain(|id| known.includes(*id));
    let users = names::user_names(db, &users.into_iter().map(UserId::from).collect()).await?;
    let groups = names::group_names(db, &groups.into_iter().map(GroupId::from).collect()).await?;
    let users = users.into_iter().map(|(id, name)| (id.to_string(), name));
    let groups = groups.into_iter().map(|(id, name)| (id.to_string(), name));
    Ok(users.chain(groups).collect())
}

/// The leads that are assigned to a user.
pub fn assigned_to(user: UserId) -> Filter {
    Filter::refers(Field::Assignee, user.uuid())
}

/// What the store is asked for.
pub(super) fn selection(caller: &Caller, query: &Query) -> Selection {
    Selection {
        states: states(query.action, &query.states, &query.filter),
        filter: query.filter.clone(),
        orders: caller.order_visibility,
    }
}
