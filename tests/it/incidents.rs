//! A service desk's log, replayed as leads: 890 incidents that change hands between 122 people and 61 groups. Afterwards the
//! histories alone must tell who had each of them at any time, exactly as the log does.
//!
//! Numbers of updates run back in places, so that the order of the file is what is replayed. See
//! tests/data/uci_servicenow_incidents/SOURCE.md.

mod log;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use leadward::proto::{
    CreatePickListEntryRequest, CreateUserRequest, Lead, LeadHistoryEntry, LeadHistoryKind, LeadState, PickList,
    PickListEntry, User,
};
use prost_types::Timestamp;
use tokio::{task::JoinSet, time::sleep};

use self::log::{Incident, Placed, incidents};
use crate::support::{Caller, TestServer, Told, on_both_databases};

/// How many incidents are replayed at a time.
const TASKS: usize = 8;
/// Longer than the coarsest of the databases' clocks takes for a step, so that no two events have one time.
const A_TICK: Duration = Duration::from_millis(2);

on_both_databases! {
    async fn the_histories_of_a_service_desk_tell_who_had_what_at_any_time(t: TestServer) {
        let incidents = Arc::new(incidents());
        expect_the_log_that_is_described(&incidents);
        let office = Arc::new(Office::furnish(&t, &incidents).await);

        let mut replays = JoinSet::new();
        for task in 0..TASKS {
            let (office, incidents) = (Arc::clone(&office), Arc::clone(&incidents));
            replays.spawn(async move {
                let mut replayed = Vec::new();
                for incident in incidents.iter().skip(task).step_by(TASKS) {
                    replayed.push((incident.number.clone(), office.replay(incident).await));
                }
                replayed
            });
        }
        let replayed: BTreeMap<String, Replayed> = replays.join_all().await.into_iter().flatten().collect();
        assert_eq!(replayed.len(), incidents.len());

        let mut found = Counts::default();
        for incident in incidents.iter() {
            let replayed = &replayed[&incident.number];
            let mut history = t.admin().history(&replayed.lead_id).await.unwrap();
            history.reverse();
            assert_eq!(history.len(), replayed.calls, "an entry per call on {}", incident.number);
            office.expect_told(incident, replayed, &history);
            found.add(&history);
        }
        assert_eq!(found, Counts::of(&incidents));
        println!("{} events, {} calls, {found:?}", incidents.iter().map(|it| it.events.len()).sum::<usize>(),
            replayed.values().map(|it| it.calls).sum::<usize>());
    }
}

fn expect_the_log_that_is_described(incidents: &[Incident]) {
    let events = || incidents.iter().flat_map(|incident| &incident.events);
    let people: BTreeSet<_> = events().filter_map(|event| event.placed.assignee.as_ref()).collect();
    let groups: BTreeSet<_> = events().filter_map(|event| event.placed.group.as_ref()).collect();
    assert_eq!((incidents.len(), events().count(), people.len(), groups.len()), (890, 5998, 122, 61));
    let steps = || incidents.iter().flat_map(|incident| incident.events.windows(2));
    assert_eq!(steps().filter(|pair| pair[1].update < pair[0].update).count(), 4, "updates out of order");
    assert!(incidents.iter().all(|incident| incident.events.last().unwrap().placed.is_closed()));
}

/// What happened to the incidents all together. What they began with is not counted.
#[derive(Default, PartialEq, Debug)]
struct Counts {
    reassigned: usize,
    regrouped: usize,
    resolved: usize,
    reopened: usize,
}

impl Counts {
    /// As the log has it.
    fn of(incidents: &[Incident]) -> Self {
        let mut counts = Self::default();
        for incident in incidents {
            counts.resolved += usize::from(incident.events[0].placed.is_closed());
            for pair in incident.events.windows(2) {
                let (was, is) = (&pair[0].placed, &pair[1].placed);
                let reassigned = was.assignee != is.assignee;
                counts.reassigned += usize::from(reassigned);
                counts.regrouped += usize::from(was.group != is.group);
                // Giving somebody a closed incident opens it, until it is closed again.
                let open = !was.is_closed() || (reassigned && is.assignee.is_some());
                counts.resolved += usize::from(open && is.is_closed());
                counts.reopened += usize::from(!open && !is.is_closed());
            }
        }
        assert_eq!((counts.reassigned, counts.regrouped), (440, 874), "as the log is described");
        counts
    }

    /// As a lead's history has it.
    fn add(&mut self, history: &[LeadHistoryEntry]) {
        for entry in &history[1..] {
            let changes = |field: &str| usize::from(entry.changes.iter().any(|change| change.field == field));
            self.reassigned += changes("assignee_id");
            self.regrouped += changes("group_id");
            self.resolved += usize::from(entry.kind() == LeadHistoryKind::Resolved);
            self.reopened += usize::from(entry.kind() == LeadHistoryKind::Reopened);
        }
    }
}

/// Where the incidents are worked: the people and the groups by the names that they have in the log.
struct Office {
    admin: Caller,
    people: BTreeMap<String, String>,
    groups: BTreeMap<String, String>,
}

/// An incident that was replayed.
struct Replayed {
    lead_id: String,
    /// When each event was done, by the times that the calls recorded.
    moments: Vec<Timestamp>,
    calls: usize,
}

impl Office {
    async fn furnish(t: &TestServer, incidents: &[Incident]) -> Self {
        let (mut people, mut groups, mut stages) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::from(["New"]));
        let profile_id = t.profile_id("pre-sales").await;
        for Placed { assignee, group, stage } in incidents.iter().flat_map(|it| &it.events).map(|it| &it.placed) {
            if let Some(name) = assignee.as_ref().filter(|name| !people.contains_key(*name)) {
                people.insert(name.clone(), user(&t.admin(), name, &profile_id).await);
            }
            if let Some(name) = group.as_ref().filter(|name| !groups.contains_key(*name)) {
                groups.insert(name.clone(), t.group(name, &[]).await);
            }
            if let Some(name) = stage.as_deref().filter(|name| stages.insert(*name)) {
                create_stage(&t.admin(), name).await;
            }
        }
        Self { admin: t.admin(), people, groups }
    }

    async fn replay(&self, incident: &Incident) -> Replayed {
        let Placed { group, stage, .. } = &incident.events[0].placed;
        let lead = Lead {
            external_id: Some(incident.number.clone()),
            group_id: group.as_ref().map(|name| self.groups[name].clone()),
            stage: stage.clone(),
            assignee_id: self.assignee_id(&incident.events[0].placed),
            ..Lead::default()
        };
        let mut lead = self.admin.create_lead(lead).await.unwrap();
        let mut replayed = Replayed { lead_id: lead.id.clone(), moments: Vec::new(), calls: 1 };
        for event in &incident.events {
            let before = replayed.calls;
            self.bring(&mut lead, &event.placed, &mut replayed.calls).await;
            replayed.moments.push(lead.update_time.unwrap());
            if replayed.calls > before || replayed.moments.len() == 1 {
                sleep(A_TICK).await;
            }
        }
        replayed
    }

    /// Makes the calls that bring a lead to where an event has it.
    async fn bring(&self, lead: &mut Lead, to: &Placed, calls: &mut usize) {
        let (admin, id) = (&self.admin, lead.id.clone());
        let assignee_id = self.assignee_id(to);
        if lead.assignee_id != assignee_id {
            let mut assignee = admin.clone();
            assignee.id = assignee_id;
            *lead = match &to.assignee {
                Some(_) => admin.assign(&id, &assignee).await.unwrap().lead.unwrap(),
                None => admin.unassign(&id).await.unwrap().lead.unwrap(),
            };
            *calls += 1;
        }
        let group_id = to.group.as_ref().map(|name| self.groups[name].clone());
        let mut mask = Vec::new();
        if lead.group_id != group_id {
            mask.push("group_id");
        }
        if to.stage.is_some() && lead.stage != to.stage {
            mask.push("stage");
        }
        if !mask.is_empty() {
            let change = Lead { id: id.clone(), group_id, stage: to.stage.clone(), ..Lead::default() };
            *lead = admin.update_lead(change, &mask).await.unwrap();
            *calls += 1;
        }
        if to.is_closed() != (lead.state() == LeadState::Resolved) {
            *lead = match to.is_closed() {
                true => admin.resolve(&id).await.unwrap(),
                false => admin.reopen(&id).await.unwrap(),
            };
            *calls += 1;
        }
    }

    fn assignee_id(&self, placed: &Placed) -> String {
        placed.assignee.as_ref().map(|name| self.people[name].clone()).unwrap_or_default()
    }

    /// Expects a history to say who had the incident after each event of the log, and in which order it changed hands.
    fn expect_told(&self, incident: &Incident, replayed: &Replayed, history: &[LeadHistoryEntry]) {
        let number = &incident.number;
        for (event, moment) in incident.events.iter().zip(&replayed.moments) {
            let told = told_at(history, moment);
            let assignee_id = Some(self.assignee_id(&event.placed)).filter(|id| !id.is_empty());
            let group_id = event.placed.group.as_ref().map(|name| self.groups[name].as_str());
            assert_eq!((told.get("assignee_id"), told.get("group_id")), (assignee_id.as_deref(), group_id), "{number}");
            assert_eq!(told.get("state") == Some("RESOLVED"), event.placed.is_closed(), "{number}");
            if let Some(stage) = &event.placed.stage {
                assert_eq!(told.get("stage"), Some(stage.as_str()), "{number}");
            }
        }
        let mut assignees: Vec<_> = incident.events.iter().map(|event| self.assignee_id(&event.placed)).collect();
        assignees.dedup();
        assert_eq!(sequence(history, "assignee_id"), assignees, "{number}");
        let group_id = |name: &Option<String>| name.as_ref().map(|name| self.groups[name].clone()).unwrap_or_default();
        let mut groups: Vec<_> = incident.events.iter().map(|event| group_id(&event.placed.group)).collect();
        groups.dedup();
        assert_eq!(sequence(history, "group_id"), groups, "{number}");
    }
}

async fn user(admin: &Caller, name: &str, profile_id: &str) -> String {
    let user = User { name: Some(name.to_owned()), profile_id: Some(profile_id.to_owned()), ..User::default() };
    let request = CreateUserRequest { user: Some(user), ..CreateUserRequest::default() };
    admin.directory().create_user(request).await.unwrap().into_inner().user.unwrap().id
}

async fn create_stage(admin: &Caller, name: &str) {
    let entry = PickListEntry { list: PickList::Stage.into(), name: Some(name.to_owned()), ..PickListEntry::default() };
    let request = CreatePickListEntryRequest { entry: Some(entry), ..CreatePickListEntryRequest::default() };
    admin.leads().create_pick_list_entry(request).await.unwrap();
}

/// What a history says that the lead was at a time.
fn told_at(history: &[LeadHistoryEntry], time: &Timestamp) -> Told {
    let until = (time.seconds, time.nanos);
    let mut told = Told::default();
    for entry in history {
        let at = entry.time.unwrap();
        if (at.seconds, at.nanos) <= until {
            told.and(entry);
        }
    }
    told
}

/// The values that a field has had, one after the other; nothing is empty.
fn sequence(history: &[LeadHistoryEntry], field: &str) -> Vec<String> {
    let mut told = Told::default();
    let mut values = Vec::new();
    for entry in history {
        told.and(entry);
        values.push(told.get(field).unwrap_or_default().to_owned());
    }
    values.dedup();
    values
}
