//! People with random levels, and random leads with random accesses.

use std::collections::{BTreeMap, HashMap};

use leadward::proto::{
    AccessLevel, CreateOrderRequest, GrantMode, ImportRow, Lead, LeadAction, Order, OrderStatus, Permission,
    UpdateUserPermissionsRequest,
};
use prost_types::Timestamp;

use super::super::Key;
use crate::support::{ACTIONS, Caller, Dice, TestServer, euros, groups_permission, named, permission, seconds_ago};

const LEADS: usize = 60;
const HOUR: u64 = 60 * 60;
const STATUSES: [OrderStatus; 4] =
    [OrderStatus::Partial, OrderStatus::Completed, OrderStatus::Cancelled, OrderStatus::Refunded];
const NAMES: [&str; 9] =
    ["Ana", "ana", "Ána Ünal", "ANA ÜNAL", "Bo*b", "100%_a", "say \"hi\"", "back\\slash", "Straße 7"];
const COUNTRIES: [&str; 4] = ["PT", "ES", "BR", "FR"];
const STAGES: [&str; 3] = ["New", "Contacted", "Callback"];

pub struct Company {
    pub people: Vec<Person>,
    pub leads: Vec<Facts>,
    /// By name.
    pub groups: BTreeMap<&'static str, String>,
}

pub struct Person {
    pub caller: Caller,
    pub reads_directory: bool,
    levels: HashMap<LeadAction, Permission>,
    administrator: bool,
    sees_all_orders: bool,
    /// Of what is assigned to them, what was resolved more than an hour ago.
    loses_resolved: bool,
}

/// All that there is to know of a lead.
pub struct Facts {
    pub lead: Lead,
    assign_time: Option<Timestamp>,
    orders: Vec<Order>,
    rows: HashMap<String, Row>,
}

/// What somebody has of a lead.
#[derive(Clone, Copy)]
pub enum Row {
    Given(GrantMode),
    Blocked,
}

impl Company {
    pub async fn any(t: &TestServer, dice: &mut Dice) -> Self {
        let mut groups = BTreeMap::new();
        for name in ["alpha", "beta", "gamma"] {
            groups.insert(name, t.group(name, &[]).await);
        }
        let group_ids: Vec<&str> = groups.values().map(String::as_str).collect();
        let mut people = vec![Person::boss(t.admin(), true), Person::boss(t.manager("mia").await, false)];
        for (name, profile) in [
            ("ana", "pre-sales"),
            ("bo", "pre-sales"),
            ("cy", "retention"),
            ("lea", "leads-agent"),
            ("leo", "leads-agent"),
        ] {
            let person = Person::agent(t.user(name, profile).await, profile, dice, &group_ids);
            person.is_set_up(&t.admin()).await;
            people.push(person);
        }
        let mut leads = Vec::new();
        for number in 0..LEADS {
            leads.push(Facts::any(t, dice, number, &people, &group_ids).await);
        }
        Self { people, leads, groups }
    }
}

impl Person {
    pub fn boss(caller: Caller, administrator: bool) -> Self {
        let complete = |action: LeadAction| (action, permission(action, AccessLevel::Complete));
        let levels = ACTIONS.into_iter().map(complete).collect();
        Self { caller, reads_directory: true, levels, administrator, sees_all_orders: true, loses_resolved: false }
    }

    /// Of one of the profiles that come with the service, but with levels of their own.
    pub fn of(profile: &str, caller: Caller, levels: impl Iterator<Item = (LeadAction, Permission)>) -> Self {
        let for_leads = profile == "leads-agent";
        let (sees_all_orders, loses_resolved) = (!for_leads, for_leads);
        let levels = levels.collect();
        Self { caller, reads_directory: false, levels, administrator: false, sees_all_orders, loses_resolved }
    }

    fn agent(caller: Caller, profile: &str, dice: &mut Dice, groups: &[&str]) -> Self {
        let level = |action: LeadAction| {
            let plain = |level: AccessLevel| permission(action, level);
            let include_unassigned = dice.below(3) == 0;
            let permission = match dice.below(7) {
                0 => plain(AccessLevel::None),
                1 | 2 => Permission { include_unassigned, ..plain(AccessLevel::Individual) },
                3 => Permission { include_unassigned, ..groups_permission(action, &[*dice.one_of(groups)]) },
                4 | 5 => Permission { include_unassigned, ..groups_permission(action, &groups[1..]) },
                _ => plain(AccessLevel::Complete),
            };
            (action, permission)
        };
        Self::of(profile, caller, ACTIONS.into_iter().map(level))
    }

    /// Tells the service which levels they have.
    pub async fn is_set_up(&self, admin: &Caller) {
        let request = UpdateUserPermissionsRequest {
            user_id: self.caller.id.clone(),
            permissions: self.levels.values().cloned().collect(),
            ..UpdateUserPermissionsRequest::default()
        };
        admin.permissions().update_user_permissions(request).await.unwrap();
    }

    fn level(&self, action: LeadAction) -> AccessLevel {
        self.levels[&action].level()
    }

    pub fn covers(&self, action: LeadAction, facts: &Facts) -> bool {
        let Facts { lead, rows, .. } = facts;
        let (level, permission) = (self.level(action), &self.levels[&action]);
        if level == AccessLevel::None {
            return false;
        }
        let given = match rows.get(&self.caller.id) {
            Some(Row::Given(mode)) => *mode == GrantMode::Full || action == LeadAction::View,
            Some(Row::Blocked) if !self.administrator => return false,
            Some(Row::Blocked) | None => false,
        };
        let in_group = lead.group_id.as_ref().is_some_and(|id| permission.group_ids.contains(id));
        let in_pool = permission.include_unassigned && lead.assignee_id.is_empty();
        let assigned = lead.assignee_id == self.caller.id && !self.has_lost(lead);
        assigned || given || in_group || in_pool || level == AccessLevel::Complete
    }

    fn has_lost(&self, lead: &Lead) -> bool {
        let resolved = lead.resolve_time.filter(|_| self.loses_resolved);
        resolved.is_some_and(|time| time.seconds < seconds_ago(HOUR).seconds)
    }

    /// The status of a lead's most recent order that this person may see.
    pub fn last_order_status(&self, facts: &Facts) -> Option<String> {
        let orders = facts.orders.iter().filter(|order| self.sees_all_orders || order.status() == OrderStatus::Partial);
        let placed = |order: &&Order| {
            let Timestamp { seconds, nanos } = order.place_time.unwrap();
            (seconds, nanos, order.id.clone())
        };
        let last = orders.max_by_key(placed).filter(|_| self.covers(LeadAction::View, facts))?;
        Some(last.status().as_str_name().trim_start_matches("ORDER_STATUS_").to_owned())
    }
}

impl Facts {
    /// Of a lead without orders; the rows by user.
    pub fn new(lead: Lead, assign_time: Option<Timestamp>, rows: HashMap<String, Row>) -> Self {
        Self { lead, assign_time, orders: Vec::new(), rows }
    }

    pub fn assign_time(&self) -> Option<Timestamp> {
        self.assign_time
    }

    pub fn assigned(&self) -> Option<Key> {
        self.assign_time.map(|time| Key::Time(time.seconds, time.nanos))
    }

    async fn any(t: &TestServer, dice: &mut Dice, number: usize, people: &[Person], groups: &[&str]) -> Self {
        let admin = t.admin();
        let mut orders = Vec::new();
        let lead = some_lead(dice, number, people, groups);
        let id = made(&admin, dice, lead).await;
        for number in 0..dice.below(4) {
            orders.push(place(&admin, dice, &id, number).await);
        }
        let mut rows = HashMap::new();
        let assignee = admin.get_lead(&id).await.unwrap().assignee_id;
        for person in people.iter().filter(|person| !person.administrator) {
            match dice.below(12) {
                roll @ (0 | 1) => {
                    let mode = [GrantMode::Full, GrantMode::ViewOnly][roll];
                    admin.grant(&id, &person.caller, mode).await.unwrap();
                    rows.insert(person.caller.id.clone(), Row::Given(mode));
                }
                2 if person.caller.id != assignee => {
                    admin.revoke(&id, &person.caller).await.unwrap();
                    rows.insert(person.caller.id.clone(), Row::Blocked);
                }
                _ => {}
            }
        }
        match dice.below(5) {
            0 => drop(admin.discard(&id).await.unwrap()),
            1 => drop(admin.resolve(&id).await.unwrap()),
            _ => {}
        }
        let lead = admin.get_lead(&id).await.unwrap();
        // As it was made.
        let assign_time = lead.create_time.filter(|_| !lead.assignee_id.is_empty());
        Self { orders, ..Self::new(lead, assign_time, rows) }
    }
}

fn some_lead(dice: &mut Dice, number: usize, people: &[Person], groups: &[&str]) -> Lead {
    // Partial orders alone make customers of agents for leads, and whoever views nothing takes none.
    let takes = |person: &&Person| person.sees_all_orders && person.level(LeadAction::View) != AccessLevel::None;
    let takers: Vec<&Person> = people.iter().filter(takes).collect();
    let some = |dice: &mut Dice| dice.below(3) > 0;
    let mut attributes = BTreeMap::new();
    for key in ["plan", "a.b"] {
        if some(dice) {
            attributes.insert(key.to_owned(), (*dice.one_of(&["gold", "Silver", "100%", ""])).to_owned());
        }
    }
    Lead {
        external_id: some(dice).then(|| format!("{}-{number}", dice.one_of(&["P", "p", "é"]))),
        email: some(dice).then(|| format!("{}{number}@Example.com", dice.one_of(&["Ana", "bo", "ANA"]))),
        email_confirmed: Some(some(dice)),
        phone: some(dice).then(|| format!("+3519100000{number:02}")),
        country: some(dice).then(|| (*dice.one_of(&COUNTRIES)).to_owned()),
        locale: some(dice).then(|| (*dice.one_of(&["pt-PT", "es", "pt"])).to_owned()),
        campaign: some(dice).then(|| (*dice.one_of(&["spring", "Spring sale"])).to_owned()),
        attributes,
        stage: some(dice).then(|| (*dice.one_of(&STAGES)).to_owned()),
        next_contact_time: some(dice).then(|| at(dice.below(6))),
        group_id: some(dice).then(|| (*dice.one_of(groups)).to_owned()),
        assignee_id: if some(dice) { dice.one_of(&takers).caller.id.clone() } else { String::new() },
        ..named(dice.one_of::<&str>(&NAMES))
    }
}

/// Stored in one of the ways in which leads come in.
async fn made(admin: &Caller, dice: &mut Dice, lead: Lead) -> String {
    match dice.below(4) {
        0 => {
            let external_id = lead.external_id.clone().or_else(|| lead.email.clone().map(|email| format!("r-{email}")));
            let external_id = external_id.unwrap_or_else(|| format!("r{}", dice.below(usize::MAX)));
            let lead = Lead { external_id: Some(external_id), ..lead };
            admin.register(lead).await.unwrap().lead.unwrap().id
        }
        1 => {
            let register_time = (dice.below(2) == 0).then(|| past(dice.below(6)));
            let first_deposit_time = (dice.below(2) == 0).then(|| past(dice.below(6)));
            let row = ImportRow { lead: Some(lead), register_time, first_deposit_time, ..ImportRow::default() };
            admin.import(vec![row]).await.unwrap().swap_remove(0).lead_id
        }
        _ => admin.create_lead(lead).await.unwrap().id,
    }
}

async fn place(admin: &Caller, dice: &mut Dice, lead_id: &str, number: usize) -> Order {
    let order = Order {
        lead_id: lead_id.to_owned(),
        number: number.to_string(),
        status: (*dice.one_of(&STATUSES)).into(),
        amount: Some(euros(1, 0)),
        // Some at once.
        place_time: Some(past(dice.below(3))),
        ..Order::default()
    };
    let request = CreateOrderRequest { order: Some(order), ..CreateOrderRequest::default() };
    admin.orders().create_order(request).await.unwrap().into_inner().order.unwrap()
}

/// A day to come.
fn at(day: usize) -> Timestamp {
    Timestamp { seconds: 1_900_000_000 + day as i64 * 86_400, nanos: 0 }
}

/// A day that was.
fn past(day: usize) -> Timestamp {
    Timestamp { seconds: 1_700_000_000 + day as i64 * 86_400, nanos: 123_456_000 }
}
