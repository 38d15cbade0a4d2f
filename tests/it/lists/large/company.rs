//! More leads than lists sort, and people of whom each reaches another part of them in another way.

use std::{
    collections::{BTreeMap, HashMap},
    ops::RangeInclusive,
};

use leadward::{
    model::{
        Time,
        ids::{GroupId, LeadId, UserId},
        lead::{Lead, LeadSource, LeadState},
        lead_access::{AccessKind, AccessRow, GrantMode},
        user::Group,
    },
    proto::{self, AccessLevel, LeadAction, Permission},
    store::{
        Store,
        fill::{self, Employee, Whole},
    },
};
use prost_types::Timestamp;
use uuid::Builder;

use super::super::model::company::{Company, Facts, Person, Row};
use crate::support::{ACTIONS, Dice, TestServer, groups_permission, permission};

/// The bounds by which it is chosen how leads are found.
pub const FEW_FOUND: usize = 1_000;
const SMALL: usize = 3_000;
const FEW: usize = 10_000;
const FEW_ON_SQLITE: usize = 5_000;
/// One more than are walked group by group.
const SMALL_GROUPS: usize = 51;

/// When the first lead came, and how much later each next one. Other times are of days, which many leads have in common.
const START: i64 = 1_735_689_600;
const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;
/// When access ended, and when it will.
const ENDED: i64 = START + DAY;
const ENDS: i64 = 4_000_000_000;

// Shares of a thousand. Of seven leads, five are few, so that whatever has 760 of a thousand has more.
const ASSIGNEES: [(usize, &str); 5] = [(760, "olga"), (20, "gina"), (20, "gus"), (30, "max"), (10, "pia")];
const STAGES: [(usize, &str); 4] = [(800, "New"), (20, "Contacted"), (70, "Interested"), (10, "Callback")];
const COUNTRIES: [(usize, &str); 4] = [(600, "PT"), (200, "ES"), (100, "FR"), (50, "BR")];
const CAMPAIGNS: [(usize, &str); 2] = [(500, "Spring"), (10, "Fair")];
const STATE: [(usize, LeadState); 2] = [(20, LeadState::Discarded), (100, LeadState::Resolved)];
/// Some go beyond the trigrams that are looked for, and differ there.
const LAST_NAMES: [(usize, &str); 6] = [
    (800, "Marques"),
    (5, "Wolfeschlegelsteinhausenbergerdorff-Quixote"),
    (5, "Wolfeschlegelsteinhausenbergerdorff-Quixano"),
    (70, "Silva"),
    (70, "d'Arc"),
    (50, "SÁ"),
];
const FIRST_NAMES: [&str; 20] = [
    "Ana", "ana", "Anabela", "Ângela", "Álvaro", "Bruno", "Carla", "Diana", "Élio", "Filipa", "Gil", "Helena", "Inês",
    "João", "Lara", "Óscar", "Rui", "Sofia", "Zé", "100%",
];

/// The company, and how many leads each of its people is to reach, by turns.
pub struct Large {
    pub company: Company,
    pub reach: Vec<RangeInclusive<usize>>,
    /// The most leads that are sorted.
    pub few: usize,
}

/// How many of [`Large`]'s people, who come first, reach more than few leads without reaching all.
pub const FAR_REACHING: usize = 4;

impl Large {
    pub async fn new(t: &TestServer, dice: &mut Dice) -> Self {
        let few = if t.database_url().starts_with("sqlite") { FEW_ON_SQLITE } else { FEW };
        let leads = few / 5 * 7;
        let groups = Groups::new(t).await;
        let (people, reach) = people(t, &groups, few, leads).await;
        let staff = Staff::of(&people, groups.ids(), leads);
        let wholes: Vec<Whole> = (0..leads).map(|number| staff.lead(number, dice)).collect();
        let store = Store::open(t.database_url()).await.unwrap();
        fill::fill(&store, Book(wholes.clone()), |_| {}).await.unwrap();
        store.close().await;

        let all = [proto::LeadState::Active, proto::LeadState::Discarded, proto::LeadState::Resolved];
        let stored = t.admin().list_leads_in(LeadAction::View, &all, 1_000).await.unwrap();
        assert_eq!(stored.len(), wholes.len());
        let leads = stored.into_iter().rev().zip(&wholes).map(|(lead, whole)| facts(lead, whole)).collect();
        Self { company: Company { people, leads, groups: groups.large }, reach, few }
    }
}

struct Groups {
    /// By name.
    large: BTreeMap<&'static str, String>,
    small: Vec<String>,
}

impl Groups {
    async fn new(t: &TestServer) -> Self {
        let mut large = BTreeMap::new();
        for name in ["east", "north", "south"] {
            large.insert(name, t.group(name, &[]).await);
        }
        let mut small = Vec::new();
        for number in 0..SMALL_GROUPS {
            small.push(t.group(&format!("small {number}"), &[]).await);
        }
        Self { large, small }
    }

    /// A thousand, each as often as its share; none for the rest.
    fn ids(&self) -> Vec<Option<GroupId>> {
        let times = |(share, id): (usize, &String)| vec![Some(id.parse::<GroupId>().unwrap()); share];
        let large = [(380, &self.large["north"]), (380, &self.large["south"]), (90, &self.large["east"])];
        let ids = large.into_iter().chain(self.small.iter().map(|id| (2, id))).flat_map(times);
        let mut ids: Vec<Option<GroupId>> = ids.collect();
        ids.resize(1_000, None);
        ids
    }
}

/// Whoever reaches many leads first, each with how many it is to be.
async fn people(
    t: &TestServer,
    groups: &Groups,
    few: usize,
    leads: usize,
) -> (Vec<Person>, Vec<RangeInclusive<usize>>) {
    let (north, south) = (groups.large["north"].as_str(), groups.large["south"].as_str());
    let many_groups: Vec<&str> = groups.small.iter().map(String::as_str).chain([north, south]).collect();
    let one_by_one = permission(LeadAction::View, AccessLevel::Individual);
    let with_the_pool = |level: Permission| Permission { include_unassigned: true, ..level };
    let (many, middling) = (few + 1..=leads - 1, SMALL + 1..=few);
    let agents = [
        ("olga", "pre-sales", one_by_one.clone(), many.clone()),
        ("gina", "leads-agent", one_by_one.clone(), many.clone()),
        ("gus", "pre-sales", with_the_pool(groups_permission(LeadAction::View, &[north, south])), many.clone()),
        ("hana", "retention", groups_permission(LeadAction::View, &many_groups), many.clone()),
        ("max", "account-manager", one_by_one.clone(), middling),
        ("pia", "pre-sales", with_the_pool(one_by_one.clone()), 1..=SMALL),
        ("nora", "pre-sales", one_by_one, 0..=0),
        ("nick", "pre-sales", permission(LeadAction::View, AccessLevel::None), 0..=0),
    ];
    let (mut people, mut reach) = (Vec::new(), Vec::new());
    for (name, profile, level, reached) in agents {
        let caller = t.user(name, profile).await;
        let levels = ACTIONS.map(|action| (action, Permission { action: action.into(), ..level.clone() }));
        let person = Person::of(profile, caller, levels.into_iter());
        person.is_set_up(&t.admin()).await;
        people.push(person);
        reach.push(reached);
    }
    // All but what is blocked from her, and all.
    for (boss, reached) in
        [(Person::boss(t.manager("mia").await, false), many), (Person::boss(t.admin(), true), leads..=leads)]
    {
        people.push(boss);
        reach.push(reached);
    }
    (people, reach)
}

/// Who leads are given to.
struct Staff {
    admin: UserId,
    users: HashMap<String, UserId>,
    groups: Vec<Option<GroupId>>,
    /// Who is given how many of a thousand leads, and is blocked from how many.
    access: [(&'static str, usize, usize); 8],
}

impl Staff {
    fn of(people: &[Person], groups: Vec<Option<GroupId>>, leads: usize) -> Self {
        let user = |person: &Person| (person.caller.name.clone(), person.caller.id.parse::<UserId>().unwrap());
        let users: HashMap<String, UserId> = people.iter().map(user).collect();
        // Of however many leads there are, he reaches as many.
        let to_max = 3_900 * 1_000 / leads;
        let access = [
            ("olga", 20, 0),
            ("gina", 780, 0),
            ("gus", 20, 30),
            ("hana", 20, 30),
            ("max", to_max, 10),
            ("pia", 10, 30),
            ("mia", 10, 30),
            ("nick", 20, 0),
        ];
        Self { admin: users["Administrator"], users, groups, access }
    }

    fn lead(&self, number: usize, dice: &mut Dice) -> Whole {
        let create_time = START + number as i64 * MINUTE;
        let random: [u8; 10] = std::array::from_fn(|_| dice.below(256) as u8);
        let id = Builder::from_unix_timestamp_millis(create_time.unsigned_abs() * 1_000, &random).into_uuid();
        let id = LeadId::from(id);
        let name = format!("{} {}", dice.one_of::<&str>(&FIRST_NAMES), share(dice, &LAST_NAMES).unwrap());
        let assignee_id = share(dice, &ASSIGNEES).map(|name| self.users[name]);
        let state = share(dice, &STATE).unwrap_or(LeadState::Active);
        let (discarded, resolved) = (state == LeadState::Discarded, state == LeadState::Resolved);
        let register_time = some(dice, 350).then(|| day(dice, 100));
        let lead = Lead {
            id,
            external_id: some(dice, 600).then(|| format!("P{number}")),
            name: some(dice, 950).then_some(name),
            email: Some(format!("lead{number}@Example.com")),
            email_confirmed: some(dice, 500),
            phone: some(dice, 500).then(|| format!("+3519{number:08}")),
            country: share(dice, &COUNTRIES).map(str::to_owned),
            locale: some(dice, 500).then(|| "pt-PT".to_owned()),
            source: *dice.one_of(LeadSource::ALL),
            campaign: share(dice, &CAMPAIGNS).map(str::to_owned),
            attributes: some(dice, 300).then(|| ("plan".to_owned(), "gold".to_owned())).into_iter().collect(),
            stage: share(dice, &STAGES).map(str::to_owned),
            next_contact_time: some(dice, 500).then(|| day(dice, 200)),
            assignee_id,
            assigned: assignee_id.map(|_| (self.admin, day(dice, 300))),
            group_id: *dice.one_of(&self.groups),
            state,
            discard_reason: discarded.then(|| "Not ready".to_owned()),
            discard_time: discarded.then(|| day(dice, 300)),
            disposition: resolved.then(|| "Declined".to_owned()),
            resolve_time: resolved.then(|| day(dice, 300)),
            register_time,
            first_deposit_time: register_time.filter(|_| some(dice, 300)),
            created_by: self.admin,
            create_time: time(create_time),
            update_time: day(dice, 300),
            version: 1,
        };
        let access = self.access(&lead, dice);
        Whole { lead, access, orders: Vec::new(), history: Vec::new() }
    }

    fn access(&self, lead: &Lead, dice: &mut Dice) -> Vec<AccessRow> {
        let mut rows = Vec::new();
        for (name, given, blocked) in &self.access {
            let (user_id, roll) = (self.users[*name], dice.below(1_000));
            // Nobody is blocked from what is assigned to them.
            let is_blocked = roll < given + blocked && lead.assignee_id != Some(user_id);
            let kind = if roll < *given {
                *dice.one_of(&[AccessKind::Granted, AccessKind::Retained])
            } else if is_blocked {
                AccessKind::Blocked
            } else {
                continue;
            };
            let ends = share(dice, &[(20, ENDED), (20, ENDS)]).filter(|_| kind != AccessKind::Blocked);
            rows.push(AccessRow {
                user_id,
                kind,
                mode: share(dice, &[(300, GrantMode::ViewOnly)]).unwrap_or(GrantMode::Full),
                expire_time: ends.map(time),
                given_by: self.admin,
                give_time: lead.create_time,
            });
        }
        rows
    }
}

/// A lead as the service says it, with what has been written besides.
fn facts(lead: proto::Lead, whole: &Whole) -> Facts {
    assert_eq!(lead.id, whole.lead.id.to_string());
    let assigned = whole.lead.assigned.map(|(_, time)| Timestamp { seconds: time.timestamp(), nanos: 0 });
    let held = whole.access.iter().filter(|row| row.expire_time.is_none_or(|end| end.timestamp() > ENDED));
    let row = |row: &AccessRow| match (row.kind, row.mode) {
        (AccessKind::Blocked, _) => Row::Blocked,
        (_, GrantMode::Full) => Row::Given(proto::GrantMode::Full),
        (_, GrantMode::ViewOnly) => Row::Given(proto::GrantMode::ViewOnly),
    };
    Facts::new(lead, assigned, held.map(|held| (held.user_id.to_string(), row(held))).collect())
}

/// Leads alone: the people are there.
struct Book(Vec<Whole>);

impl fill::Company for Book {
    fn groups(&self) -> Vec<Group> {
        Vec::new()
    }

    fn employees(&self) -> Vec<Employee> {
        Vec::new()
    }

    fn leads(&self) -> u64 {
        self.0.len() as u64
    }

    fn lead(&self, number: u64) -> Whole {
        self.0[number as usize].clone()
    }
}

/// True so often in a thousand.
fn some(dice: &mut Dice, often: usize) -> bool {
    dice.below(1_000) < often
}

/// One of several by their shares of a thousand; none for the rest.
fn share<T: Copy>(dice: &mut Dice, shares: &[(usize, T)]) -> Option<T> {
    let mut roll = dice.below(1_000);
    for (share, value) in shares {
        if roll < *share {
            return Some(*value);
        }
        roll -= share;
    }
    None
}

/// One of so many days.
fn day(dice: &mut Dice, of: usize) -> Time {
    time(START + dice.below(of) as i64 * DAY)
}

fn time(seconds: i64) -> Time {
    Time::from_timestamp(seconds, 0).unwrap()
}
