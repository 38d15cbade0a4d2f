//! Whose turn it is, worked out from what is known of a rule's targets.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Duration,
};

use crate::{
    access::scope::LeadScope,
    domain::{Result, assignment::Candidate},
    model::{
        Time,
        distribution::{Decision, Ineligible, Judged, Key, Rule, Standing, Strategy, Target, Targets, Unplaced},
        ids::{GroupId, LeadId, RuleId, UserId},
        lead::Lead,
        settings::Settings,
    },
    store::{Tx, leads, rules::Credits, users},
};

/// How many candidates a decision tells of at most.
const TOLD: usize = 200;
/// Turns are told apart by this much.
const TICK: Duration = Duration::from_micros(1);

/// Those to whom leads may be given, by whichever rule.
pub(super) struct People {
    settings: Settings,
    persons: BTreeMap<UserId, Person>,
    now: Time,
    /// When the last turn was.
    last: Time,
    turns: BTreeMap<UserId, Time>,
    caught_up: BTreeSet<UserId>,
    /// Who was revoked from which lead; a rule gives nobody back what somebody took from them.
    blocked: HashSet<(LeadId, UserId)>,
}

struct Person {
    candidate: Candidate,
    /// How many open leads they have, where a rule asks.
    open: u64,
    last_assign_time: Option<Time>,
    /// Until when they are away, or were: then they count as having as many leads as the others, until they do.
    away_until: Option<Time>,
}

impl Person {
    fn is_away(&self, now: Time) -> bool {
        self.away_until.is_some_and(|until| until > now)
    }
}

impl People {
    /// With `lock` nobody else gives them leads until the transaction ends.
    pub(super) async fn open(
        tx: &Tx,
        users: &BTreeSet<UserId>,
        loaded: &BTreeSet<UserId>,
        settings: Settings,
        lock: bool,
    ) -> Result<Self> {
        let candidates = if lock { Candidate::lock(tx, users).await? } else { Candidate::look_at(tx, users).await? };
        let every_lead = LeadScope::system("who has how much to do counts every lead, whoever may see it");
        let open = leads::count_open(tx, &every_lead, &loaded.iter().copied().collect::<Vec<_>>()).await?;
        let availability = users::availability(tx, users).await?;
        let person = |(id, candidate)| {
            let known = availability.get(&id);
            let person = Person {
                candidate,
                open: open.get(&id).copied().unwrap_or_default(),
                last_assign_time: known.and_then(|known| known.last_assign_time),
                away_until: known.and_then(|known| known.away_until),
            };
            (id, person)
        };
        let persons: BTreeMap<UserId, Person> = candidates.into_iter().map(person).collect();
        let last = persons.values().filter_map(|person| person.last_assign_time).max();
        let last = last.map_or(tx.now(), |last| last.max(tx.now()));
        let (turns, caught_up, blocked) = (BTreeMap::new(), BTreeSet::new(), HashSet::new());
        Ok(Self { settings, persons, now: tx.now(), last, turns, caught_up, blocked })
    }

    /// Says who was revoked from which of the leads that are given next.
    pub(super) fn set_blocked(&mut self, blocked: HashSet<(LeadId, UserId)>) {
        self.blocked = blocked;
    }

    /// Whether a user is a member of a group.
    pub(super) fn is_member(&self, user: UserId, group: GroupId) -> bool {
        self.persons.get(&user).is_some_and(|person| person.candidate.facts().groups.contains(&group))
    }

    /// When those who have had a turn had their last.
    pub(super) fn turns(&self) -> &BTreeMap<UserId, Time> {
        &self.turns
    }

    /// Those who were away and have as much to do as the others.
    pub(super) fn caught_up(&self) -> &BTreeSet<UserId> {
        &self.caught_up
    }

    fn may_take(&self, user: UserId, lead: &Lead) -> Result<&Person, Ineligible> {
        let person = self.persons.get(&user).ok_or(Ineligible::UserDeactivated)?;
        person.candidate.may_take(lead.kind(), &self.settings)?;
        if person.is_away(self.now) {
            Err(Ineligible::Away)
        } else if self.blocked.contains(&(lead.id, user)) {
            Err(Ineligible::CannotView)
        } else {
            Ok(person)
        }
    }

    fn takes(&mut self, user: UserId) {
        self.last += TICK;
        if let Some(person) = self.persons.get_mut(&user) {
            person.candidate.takes();
            person.open += 1;
            person.last_assign_time = Some(self.last);
            self.turns.insert(user, self.last);
        }
    }

    fn catches_up(&mut self, user: UserId) {
        if let Some(person) = self.persons.get_mut(&user) {
            person.away_until = None;
            self.caught_up.insert(user);
        }
    }
}

/// The targets of a rule, in their order.
pub(super) struct Pool {
    rule_id: RuleId,
    strategy: Strategy,
    group: Option<GroupId>,
    members: Vec<Member>,
}

struct Member {
    user_id: UserId,
    weight: i64,
    credit: i64,
    /// Whether that isn't what is stored.
    changed: bool,
}

impl Pool {
    pub(super) fn of(rule: &Rule, members: &HashMap<GroupId, Vec<UserId>>, credits: &Credits) -> Self {
        let alike = |user: &UserId| Target { user_id: *user, weight: 1 };
        let targets = match &rule.targets {
            Targets::Users(targets) => targets.clone(),
            Targets::Group(group) => members.get(group).into_iter().flatten().map(alike).collect(),
        };
        let member = |Target { user_id, weight }| Member {
            user_id,
            weight: i64::from(weight),
            credit: credits.get(&(rule.id, user_id)).copied().unwrap_or_default(),
            changed: false,
        };
        let members = targets.into_iter().map(member).collect();
        let group = match rule.targets {
            Targets::Group(group) => Some(group),
            Targets::Users(_) => None,
        };
        Self { rule_id: rule.id, strategy: rule.strategy, group, members }
    }

    /// Lets go of those who have left the group since it was looked at.
    pub(super) fn keep_members(&mut self, people: &People) {
        if let Some(group) = self.group {
            self.members.retain(|member| people.is_member(member.user_id, group));
        }
    }

    pub(super) fn users(&self) -> impl Iterator<Item = UserId> {
        self.members.iter().map(|member| member.user_id)
    }

    pub(super) fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// What its members have waited for so far, where that has changed.
    pub(super) fn changed_credits(&self) -> BTreeMap<UserId, i64> {
        let changed = self.members.iter().filter(|member| member.changed);
        changed.map(|member| (member.user_id, member.credit)).collect()
    }

    /// Whose turn it is to be given a lead, which counts as theirs from now on, and why.
    pub(super) fn pick(&mut self, people: &mut People, lead: &Lead) -> Result<(UserId, Decision), Unplaced> {
        let mut row = self.row(people, lead)?;
        let first = row.first().copied().ok_or(Unplaced::NoTargets)?;
        let key = decided(self.strategy, first.standing, row.get(1).map(|next| next.standing));
        if self.strategy == Strategy::Weighted {
            self.pay(&row, first.place);
        }
        people.takes(first.user_id);
        row.truncate(TOLD);
        let mut candidates: Vec<Judged> = row.iter().map(InRow::judged).collect();
        candidates.extend(self.unable(people, lead, &row));
        candidates.truncate(TOLD);
        let (rule_id, strategy) = (self.rule_id, self.strategy);
        Ok((first.user_id, Decision { rule_id, strategy, key, candidates }))
    }

    /// Those who can take a lead, whoever is next first.
    fn row(&self, people: &mut People, lead: &Lead) -> Result<Vec<InRow>, Unplaced> {
        let (mut able, mut causes) = (Vec::new(), BTreeMap::new());
        for (place, member) in self.members.iter().enumerate() {
            match people.may_take(member.user_id, lead) {
                Ok(_) => able.push((place, member)),
                Err(cause) => *causes.entry(cause).or_insert(0) += 1,
            }
        }
        if able.is_empty() {
            // Of several that are as frequent, the one that is most likely to pass.
            let cause = causes.into_iter().max_by_key(|(cause, count)| (*count, *cause));
            return Err(cause.map_or(Unplaced::NoTargets, |(cause, _)| Unplaced::Nobody(cause)));
        }
        let floor = self.floor(people);
        let mut row: Vec<InRow> = able
            .iter()
            .map(|(place, member)| {
                let person = people.persons.get(&member.user_id);
                let open = person.map(|person| (person.open, person.away_until.is_some()));
                let open = open.map(|(open, back)| if back { open.max(floor.unwrap_or(open)) } else { open });
                let standing = Standing {
                    last_assign_time: person.and_then(|person| person.last_assign_time),
                    open_leads: open.filter(|_| self.strategy == Strategy::LeastLoaded),
                    credit: (self.strategy == Strategy::Weighted).then_some(member.credit + member.weight),
                };
                InRow { place: *place, user_id: member.user_id, standing }
            })
            .collect();
        if self.strategy == Strategy::Weighted {
            self.sort_by_credit(&mut row);
        } else {
            row.sort_by_key(|InRow { place, standing, .. }| (standing.open_leads, standing.last_assign_time, *place));
        }
        Ok(row)
    }

    /// Whoever would be owed a whole lead soonest, of those who are owed enough already: then nobody is ever a whole lead from what is due to
    /// them (R. Tijdeman, The chairman assignment problem, 1980).
    fn sort_by_credit(&self, row: &mut [InRow]) {
        let weight = |waiting: &InRow| self.members.get(waiting.place).map_or(1, |member| i128::from(member.weight));
        let all: i128 = row.iter().map(weight).sum();
        let share = 2 * row.len() as i128 - 2;
        let credit = |waiting: &InRow| i128::from(waiting.standing.credit.unwrap_or_default());
        row.sort_by(|a, b| {
            let owed = |waiting: &InRow| credit(waiting) * share >= all;
            let soon = |waiting: &InRow| all * share - all - credit(waiting) * share;
            let sooner = (soon(a) * weight(b)).cmp(&(soon(b) * weight(a)));
            owed(b).cmp(&owed(a)).then(sooner).then(a.place.cmp(&b.place))
        });
    }

    /// How many open leads whoever was away counts as having at least: as many as that of the others who has fewest. Whoever has as many is
    /// back.
    fn floor(&self, people: &mut People) -> Option<u64> {
        if self.strategy != Strategy::LeastLoaded {
            return None;
        }
        let present =
            self.members.iter().filter_map(|member| Some((member.user_id, people.persons.get(&member.user_id)?)));
        let present = present.filter(|(_, person)| person.candidate.may_take_any() && !person.is_away(people.now));
        let (back, there): (Vec<_>, Vec<_>) = present.partition(|(_, person)| person.away_until.is_some());
        let floor = there.iter().map(|(_, person)| person.open).min()?;
        let caught_up: Vec<UserId> =
            back.iter().filter(|(_, person)| person.open >= floor).map(|(user, _)| *user).collect();
        for user in caught_up {
            people.catches_up(user);
        }
        Some(floor)
    }

    /// Everybody who could have taken the lead has waited for their weight; who got it pays for all of them.
    fn pay(&mut self, row: &[InRow], winner: usize) {
        let mut all = 0;
        for waiting in row {
            if let Some(member) = self.members.get_mut(waiting.place) {
                member.credit += member.weight;
                member.changed = true;
                all += member.weight;
            }
        }
        if let Some(member) = self.members.get_mut(winner) {
            member.credit -= all;
        }
    }

    /// Those who can't take a lead, and why.
    fn unable(&self, people: &People, lead: &Lead, able: &[InRow]) -> Vec<Judged> {
        let able: BTreeSet<UserId> = able.iter().map(|waiting| waiting.user_id).collect();
        let others = self.members.iter().filter(|member| !able.contains(&member.user_id));
        let judged = others.filter_map(|member| {
            let cause = people.may_take(member.user_id, lead).err()?;
            Some(Judged { user_id: member.user_id, standing: Err(cause) })
        });
        judged.collect()
    }
}

/// Somebody who can take a lead.
#[derive(Clone, Copy)]
struct InRow {
    place: usize,
    user_id: UserId,
    standing: Standing,
}

impl InRow {
    fn judged(&self) -> Judged {
        Judged { user_id: self.user_id, standing: Ok(self.standing) }
    }
}

/// In what the first differs from the next.
fn decided(strategy: Strategy, first: Standing, next: Option<Standing>) -> Key {
    let Some(next) = next else { return Key::OnlyOne };
    if first.open_leads != next.open_leads {
        Key::OpenLeads
    } else if first.credit != next.credit {
        Key::Credit
    } else if strategy != Strategy::Weighted && first.last_assign_time != next.last_assign_time {
        Key::Waiting
    } else {
        Key::Place
    }
}
