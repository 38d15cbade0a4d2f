//! Who works at the demo company, and its leads. All of it is invented; the addresses reach nobody.

use std::time::{Duration, SystemTime};

use anyhow::Context;
use prost_types::Timestamp;
use serde::Deserialize;

use crate::proto::{Desk, ImportRow, Lead};

/// Somebody who works there.
pub(super) struct Employee {
    pub(super) variable: &'static str,
    pub(super) name: &'static str,
    pub(super) role_line: &'static str,
    pub(super) email: &'static str,
    pub(super) profile: &'static str,
    pub(super) desk: Option<Desk>,
    pub(super) groups: &'static [&'static str],
}

/// The manager is made last, and so stands for the whole company.
pub(super) static MANAGER: Employee = Employee {
    variable: "MANAGER",
    name: "Marta Lindqvist",
    role_line: "manager",
    email: "marta.lindqvist@example.com",
    profile: "manager",
    desk: None,
    groups: &[],
};

/// Everybody else.
pub(super) static STAFF: [Employee; 7] = [
    Employee {
        variable: "INES",
        name: "Ines Carvalho",
        role_line: "pre-sales, Iberia; one of Pablo's leads is granted to her",
        email: "ines.carvalho@example.com",
        profile: "pre-sales",
        desk: Some(Desk::Sales),
        groups: &["Iberia"],
    },
    Employee {
        variable: "NILS",
        name: "Nils Aaberg",
        role_line: "pre-sales, Nordics; may view all leads of his group",
        email: "nils.aaberg@example.com",
        profile: "pre-sales",
        desk: Some(Desk::Sales),
        groups: &["Nordics"],
    },
    Employee {
        variable: "PABLO",
        name: "Pablo Serrano",
        role_line: "leads agent, Iberia",
        email: "pablo.serrano@example.com",
        profile: "leads-agent",
        desk: Some(Desk::Sales),
        groups: &["Iberia"],
    },
    Employee {
        variable: "LIV",
        name: "Liv Haugen",
        role_line: "leads agent, Nordics",
        email: "liv.haugen@example.com",
        profile: "leads-agent",
        desk: Some(Desk::Sales),
        groups: &["Nordics"],
    },
    Employee {
        variable: "RUI",
        name: "Rui Tavares",
        role_line: "account manager, Iberia",
        email: "rui.tavares@example.com",
        profile: "account-manager",
        desk: Some(Desk::Sales),
        groups: &["Iberia"],
    },
    Employee {
        variable: "SAGA",
        name: "Saga Holm",
        role_line: "account manager, Nordics",
        email: "saga.holm@example.com",
        profile: "account-manager",
        desk: Some(Desk::Sales),
        groups: &["Nordics"],
    },
    Employee {
        variable: "TERESA",
        name: "Teresa Vidal",
        role_line: "retention, both groups",
        email: "teresa.vidal@example.com",
        profile: "retention",
        desk: Some(Desk::Retention),
        groups: &["Iberia", "Nordics"],
    },
];

/// The teams.
pub(super) const GROUPS: [&str; 2] = ["Iberia", "Nordics"];

const LEADS: &str = include_str!("leads.csv");

/// The lead of Pablo's that Ines may see and work too.
pub(super) const GRANTED_LEAD: &str = "lucia.ferrer@example.com";
/// Her address.
pub(super) const GRANTED_TO: &str = "ines.carvalho@example.com";

/// Whose VIEW is wider than the profile's.
pub(super) const SEES_THE_GROUP: &str = "nils.aaberg@example.com";

/// One line of `leads.csv`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) phone: String,
    pub(super) country: String,
    pub(super) platform_id: Option<String>,
    pub(super) campaign: String,
    pub(super) group: Option<String>,
    /// An employee's variable.
    pub(super) assignee: Option<String>,
    pub(super) stage: Option<String>,
    /// Days ago.
    pub(super) registered: Option<u64>,
    /// Days ago.
    pub(super) deposited: Option<u64>,
    /// Why.
    pub(super) discarded: Option<String>,
    /// How it ended.
    pub(super) resolved: Option<String>,
}

/// Every line of `leads.csv`.
pub(super) fn rows() -> anyhow::Result<Vec<Row>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(LEADS.as_bytes());
    let rows: Result<Vec<Row>, csv::Error> = reader.deserialize().collect();
    rows.context("leads.csv")
}

/// A row as ImportLeads takes it.
pub(super) fn import_row(number: usize, row: &Row) -> anyhow::Result<ImportRow> {
    let lead = Lead {
        external_id: row.platform_id.clone(),
        name: Some(row.name.clone()),
        email: Some(row.email.clone()),
        phone: Some(row.phone.clone()),
        country: Some(row.country.clone()),
        campaign: Some(row.campaign.clone()),
        stage: row.stage.clone(),
        ..Lead::default()
    };
    let assignee = row.assignee.as_deref().map(employee).transpose()?;
    Ok(ImportRow {
        row_number: i64::try_from(number)?,
        lead: Some(lead),
        assignee_email: assignee.map(|employee| employee.email.to_owned()).unwrap_or_default(),
        group_name: row.group.clone().unwrap_or_default(),
        register_time: row.registered.map(days_ago),
        first_deposit_time: row.deposited.map(days_ago),
        deposited: false,
    })
}

fn employee(variable: &str) -> anyhow::Result<&'static Employee> {
    STAFF
        .iter()
        .find(|employee| employee.variable == variable)
        .with_context(|| format!("{variable} is nobody's variable"))
}

fn days_ago(days: u64) -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "a client has no other clock")]
    let now = SystemTime::now();
    Timestamp::from(now - Duration::from_secs(days * 24 * 60 * 60))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::model::contact::{Email, Phone};

    #[test]
    fn the_company_has_leads_of_every_kind_in_every_state() {
        let mut seen = HashSet::new();
        for row in rows().unwrap() {
            let kind = match (row.registered, row.deposited) {
                (_, Some(_)) => "client",
                (Some(_), None) => "registration",
                (None, None) => "lead",
            };
            let state = match (row.discarded, row.resolved) {
                (Some(_), _) => "discarded",
                (None, Some(_)) => "resolved",
                (None, None) => "active",
            };
            seen.extend([kind, state]);
            seen.insert(if row.assignee.is_some() { "assigned" } else { "unassigned" });
            seen.insert(if row.group.is_some() { "in a group" } else { "in no group" });
        }
        assert_eq!(seen.len(), 10, "{seen:?}");
    }

    #[test]
    fn every_row_is_somebody_who_can_be_told_apart_and_worked() {
        let rows = rows().unwrap();
        let emails: HashSet<_> = rows.iter().map(|row| &row.email).collect();
        let phones: HashSet<_> = rows.iter().map(|row| &row.phone).collect();
        assert_eq!((emails.len(), phones.len()), (rows.len(), rows.len()));
        assert!(emails.contains(&GRANTED_LEAD.to_owned()));
        for row in &rows {
            assert!(Email::parse(&row.email).is_some(), "{}", row.email);
            assert_eq!(Phone::parse(&row.phone, None).unwrap().as_str(), row.phone);
            assert!(row.group.as_deref().is_none_or(|group| GROUPS.contains(&group)), "{row:?}");
            let Some(variable) = &row.assignee else { continue };
            let desk = if row.deposited.is_some() { Desk::Retention } else { Desk::Sales };
            assert_eq!(employee(variable).unwrap().desk, Some(desk), "{row:?}");
        }
    }
}
