//! The log as it is read.

use std::{collections::HashMap, path::Path};

/// An incident, and what was noted of it from the first update to the last.
pub struct Incident {
    pub number: String,
    pub events: Vec<Event>,
}

/// One row of the log.
pub struct Event {
    /// The number of the update; not always more than the one before.
    pub update: u32,
    pub placed: Placed,
}

/// Where an event has its incident.
#[derive(Clone, PartialEq, Debug)]
pub struct Placed {
    pub assignee: Option<String>,
    pub group: Option<String>,
    /// None where the incident is resolved or closed.
    pub stage: Option<String>,
}

impl Placed {
    pub fn is_closed(&self) -> bool {
        self.stage.is_none()
    }
}

/// The incidents in the order of the file, with their events in its order.
pub fn incidents() -> Vec<Incident> {
    let path = "tests/data/uci_servicenow_incidents/incident_event_log.csv";
    let mut reader = csv::Reader::from_path(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let mut incidents: Vec<Incident> = Vec::new();
    for row in reader.deserialize() {
        let row: HashMap<String, String> = row.unwrap();
        // What is missing.
        let given = |column: &str| Some(row[column].clone()).filter(|value| value != "?");
        let stage = given("incident_state").filter(|state| state != "Resolved" && state != "Closed");
        let placed = Placed { assignee: given("assigned_to"), group: given("assignment_group"), stage };
        let event = Event { update: row["sys_mod_count"].parse().unwrap(), placed };
        match incidents.last_mut().filter(|incident| incident.number == row["number"]) {
            Some(incident) => incident.events.push(event),
            None => incidents.push(Incident { number: row["number"].clone(), events: vec![event] }),
        }
    }
    incidents
}
