//! A company of any size that follows from a seed. As in real ones, few agents have many of the leads, few groups and countries most of
//! them, and few people were granted much.

mod leads;

use uuid::{Builder, Uuid};

use super::{
    dice::{Dice, Part, Skew},
    readers::{self, EVERYTHING, NOTHING, READERS, Reader, THREE_GROUPS, TWENTY_GROUPS},
    words::{COUNTRIES, FIRST_NAMES, LAST_NAMES},
};
use crate::{
    model::{
        Time,
        ids::{GroupId, ProfileId, UserId},
        permission::Permission,
        user::{Group, User, UserKind, UserState},
    },
    store::fill::{Company, Employee, Whole},
};

const DAY: i64 = 24 * 60 * 60 * 1_000_000;
const MINUTE: i64 = 60 * 1_000_000;
/// 2024-01-01, in microseconds: when the first lead came in.
const START: i64 = 1_704_067_200_000_000;
/// 2026-01-01: nothing has happened since. The clock is no part of it, so that it is the same on every day.
const END: i64 = 1_767_225_600_000_000;

/// What a first start has made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Base {
    pub(super) administrator: UserId,
    /// The profile of those who reach their own leads.
    pub(super) agents: ProfileId,
    /// The profile of those who reach all.
    pub(super) managers: ProfileId,
}

/// The company.
pub(super) struct Crowd {
    leads: u64,
    seed: u64,
    base: Base,
    readers: Vec<UserId>,
    agents: Vec<UserId>,
    groups: Vec<GroupId>,
    by_agent: Skew,
    by_group: Skew,
    by_country: Skew,
    /// Which leads are a reader's own, and which are granted to one.
    own: [(usize, Part); 5],
    granted: [(usize, Part); 3],
    first_names: Vec<&'static str>,
    last_names: Vec<&'static str>,
}

impl Crowd {
    pub(super) fn new(leads: u64, seed: u64, base: Base) -> Self {
        let agents = (leads / 2_000).clamp(25, 5_000);
        let groups = (leads / 100).clamp(25, 200);
        let ids = |first: u64, count: u64| (first..first + count).map(move |number| founding_id(seed, number));
        Self {
            readers: ids(0, READERS.len() as u64).map(UserId::from).collect(),
            groups: ids(1_000, groups).map(GroupId::from).collect(),
            agents: ids(10_000, agents).map(UserId::from).collect(),
            by_agent: Skew::new(agents as usize, 18),
            by_group: Skew::new(groups as usize, 10),
            by_country: Skew::new(COUNTRIES.len(), 2),
            own: readers::own(leads),
            granted: readers::granted(leads),
            first_names: FIRST_NAMES.split_whitespace().collect(),
            last_names: LAST_NAMES.split_whitespace().collect(),
            leads,
            seed,
            base,
        }
    }

    fn view(&self, reader: usize) -> Option<Permission> {
        let some = |named: usize| Permission::Groups {
            named: (0..named).map(|number| self.groups[(2 * number + 1) * self.groups.len() / (2 * named)]).collect(),
            include_member_groups: false,
            include_unassigned: false,
        };
        match reader {
            NOTHING => Some(Permission::None),
            THREE_GROUPS => Some(some(3)),
            TWENTY_GROUPS => Some(some(20)),
            _ => None,
        }
    }

    fn employee(&self, id: UserId, name: String, email: String, group: Option<GroupId>) -> Employee {
        let user = User {
            id,
            name,
            email: Some(email),
            kind: UserKind::Human,
            state: UserState::Active,
            profile_id: self.base.agents,
            desk: None,
            away_until: None,
            groups: group.into_iter().collect(),
            create_time: time(START),
            update_time: time(START),
            version: 1,
        };
        Employee { user, view: None }
    }

    fn name(&self, dice: &mut Dice) -> (&'static str, &'static str) {
        (dice.one(&self.first_names), dice.one(&self.last_names))
    }
}

impl Company for Crowd {
    fn groups(&self) -> Vec<Group> {
        let group = |(number, id): (usize, &GroupId)| Group {
            id: *id,
            name: format!("Team {:03}", number + 1),
            member_count: 0,
            create_time: time(START),
            version: 1,
        };
        self.groups.iter().enumerate().map(group).collect()
    }

    fn employees(&self) -> Vec<Employee> {
        let reader = |(number, id): (usize, &UserId)| {
            let Reader { email, reach } = READERS[number];
            let mut employee = self.employee(*id, format!("Reader of {reach}"), email.to_owned(), None);
            employee.view = self.view(number);
            if number == EVERYTHING {
                employee.user.profile_id = self.base.managers;
            }
            employee
        };
        let agent = |(number, id): (usize, &UserId)| {
            let (first, last) = self.name(&mut Dice::of(self.seed ^ 1, number as u64));
            let group = self.groups[number % self.groups.len()];
            let email = format!("agent.{:04}@example.com", number + 1);
            self.employee(*id, format!("{first} {last}"), email, Some(group))
        };
        let readers = self.readers.iter().enumerate().map(reader);
        readers.chain(self.agents.iter().enumerate().map(agent)).collect()
    }

    fn leads(&self) -> u64 {
        self.leads
    }

    fn lead(&self, number: u64) -> Whole {
        let dice = &mut Dice::of(self.seed, number);
        let lead = self.person(number, dice);
        let access = self.access(number, &lead, dice);
        let orders = self.orders(number, &lead, dice);
        let history = self.notes(&lead, dice);
        Whole { lead, access, orders, history }
    }
}

/// The identity of somebody or something that was there before the first lead.
fn founding_id(seed: u64, number: u64) -> Uuid {
    v7(START - 30 * DAY + number as i64 * 1_000_000, &mut Dice::of(!seed, number))
}

/// Made here, and not where other identities are: it is to follow from the seed.
fn v7(micros: i64, dice: &mut Dice) -> Uuid {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&dice.throw().to_be_bytes());
    random[8..].copy_from_slice(&dice.throw().to_be_bytes()[..2]);
    Builder::from_unix_timestamp_millis((micros / 1_000).unsigned_abs(), &random).into_uuid()
}

fn time(micros: i64) -> Time {
    Time::from_timestamp_micros(micros).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::model::{
        contact::{Email, Phone},
        lead::{Lead, LeadState},
    };

    fn crowd(leads: u64, seed: u64) -> Crowd {
        let id = founding_id(0, 0);
        Crowd::new(leads, seed, Base { administrator: id.into(), agents: id.into(), managers: id.into() })
    }

    #[test]
    fn a_company_follows_from_its_seed() {
        let some = |seed| (0..50).map(|number| crowd(1_000, seed).lead(number)).collect::<Vec<_>>();
        assert_eq!(some(1), some(1));
        assert_ne!(some(1), some(2));
        assert_eq!(crowd(1_000, 1).employees(), crowd(1_000, 1).employees());
    }

    #[test]
    fn identities_grow_and_are_as_old_as_their_leads() {
        let crowd = crowd(5_000, 1);
        let leads: Vec<Lead> = (0..5_000).map(|number| crowd.lead(number).lead).collect();
        assert!(leads.is_sorted_by(|one, next| one.id < next.id && one.create_time < next.create_time));
        for lead in &leads {
            let (seconds, nanos) = lead.id.uuid().get_timestamp().unwrap().to_unix();
            let millis = seconds * 1_000 + u64::from(nanos) / 1_000_000;
            assert_eq!(millis, lead.create_time.timestamp_millis().unsigned_abs());
        }
    }

    /// As the service itself would have made them.
    #[test]
    fn leads_are_whole() {
        let crowd = crowd(2_000, 3);
        let mut addresses = HashSet::new();
        for number in 0..2_000 {
            let Whole { lead, access, orders, history } = crowd.lead(number);
            assert!(lead.name.is_some() || lead.email.is_some(), "{lead:?}");
            if let Some(email) = &lead.email {
                assert!(Email::parse(email).is_some() && addresses.insert(email.clone()), "{email}");
            }
            if let Some(phone) = &lead.phone {
                assert_eq!(Phone::parse(phone, None).map(|phone| phone.as_str().to_owned()).as_ref(), Some(phone));
            }
            assert_eq!(
                lead.state == LeadState::Discarded,
                lead.discard_reason.is_some() && lead.discard_time.is_some()
            );
            assert_eq!(lead.state == LeadState::Resolved, lead.disposition.is_some() && lead.resolve_time.is_some());
            assert_eq!(lead.assignee_id.is_some(), lead.assigned.is_some());
            assert!(lead.first_deposit_time.is_none() || lead.register_time <= lead.first_deposit_time, "{lead:?}");
            let with_access: HashSet<UserId> = access.iter().map(|row| row.user_id).collect();
            assert_eq!(with_access.len(), access.len());
            assert!(lead.assignee_id.is_none_or(|assignee| !with_access.contains(&assignee)));
            assert!(orders.iter().all(|order| order.lead_id == lead.id && order.place_time >= lead.create_time));
            assert!(history.iter().all(|entry| entry.lead_id == lead.id && Some(entry.actor_id) == lead.assignee_id));
        }
    }

    #[test]
    fn few_have_much() {
        let crowd = crowd(10_000_000, 1);
        assert_eq!((crowd.agents.len(), crowd.groups.len()), (5_000, 200));
        let mut leads_of_the_first = 0;
        let (mut discarded, mut resolved, mut with_time, mut grants) = (0, 0, 0, 0);
        for number in (0..10_000_000).step_by(1_000) {
            let Whole { lead, access, .. } = crowd.lead(number + 17);
            leads_of_the_first += u32::from(lead.assignee_id == Some(crowd.agents[0]));
            discarded += u32::from(lead.state == LeadState::Discarded);
            resolved += u32::from(lead.state == LeadState::Resolved);
            with_time += u32::from(lead.next_contact_time.is_some());
            grants += access.len();
        }
        assert!((50..150).contains(&leads_of_the_first), "{leads_of_the_first} of 10,000");
        assert!((400..600).contains(&discarded) && (900..1_100).contains(&resolved), "{discarded}, {resolved}");
        assert!((2_800..3_200).contains(&with_time), "{with_time}");
        assert!((18_000..22_000).contains(&grants), "{grants}");
    }
}
