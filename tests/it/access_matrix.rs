//! Who may call what: every method of the descriptors by every kind of caller on every kind of lead, a table a service.
//! Both databases answer to the same tables. A method that isn't in them yet makes these tests panic.

mod company;
mod other_calls;

use std::{collections::BTreeSet, fmt::Write};

use company::{Company, LEADS};
use other_calls::{call, variants};
use tonic::Status;

use crate::support::{TestServer, call_on_lead, methods, on_both_databases, reason};

on_both_databases! {
    async fn lead_service(t: TestServer) {
        insta::assert_snapshot!("LeadService", table("LeadService", t).await);
    }

    async fn permission_service(t: TestServer) {
        insta::assert_snapshot!("PermissionService", table("PermissionService", t).await);
    }

    async fn assignment_service(t: TestServer) {
        insta::assert_snapshot!("AssignmentService", table("AssignmentService", t).await);
    }

    async fn directory_service(t: TestServer) {
        insta::assert_snapshot!("DirectoryService", table("DirectoryService", t).await);
    }

    async fn order_service(t: TestServer) {
        insta::assert_snapshot!("OrderService", table("OrderService", t).await);
    }

    async fn report_service(t: TestServer) {
        insta::assert_snapshot!("ReportService", table("ReportService", t).await);
    }
}

#[test]
fn every_service_has_its_table() {
    let services: BTreeSet<_> = methods().into_iter().map(|method| method.service).collect();
    let tables =
        ["LeadService", "PermissionService", "AssignmentService", "DirectoryService", "OrderService", "ReportService"];
    assert_eq!(services, BTreeSet::from(tables.map(str::to_owned)));
}

async fn table(service: &str, t: TestServer) -> String {
    let company = Company::start(t).await;
    let mut table = String::new();
    for method in methods().into_iter().filter(|method| method.service == service) {
        if method.takes_lead() || method.takes_order() {
            writeln!(table, "{}", method.name).unwrap();
            for (kind, caller) in &company.people {
                let mut outcomes = Outcomes::default();
                for lead in LEADS {
                    let fixture = company.lead(lead, &method.name).await;
                    let result = if method.takes_order() {
                        method.call_on_order(caller, &fixture.order_id, "").await.map(|()| "")
                    } else {
                        call_on_lead(&method.name, caller, &fixture.id, &company.receiver, "").await
                    };
                    outcomes.add(lead, outcome(result.map(str::to_owned)));
                }
                outcomes.write(kind, &mut table);
            }
        } else {
            for variant in variants(&method.name) {
                writeln!(table, "{}", format!("{} {variant}", method.name).trim_end()).unwrap();
                for (kind, caller) in &company.people {
                    let outcome = outcome(call(&method.name, variant, caller, &company).await);
                    writeln!(table, "  {kind:<15}{outcome}").unwrap();
                }
            }
        }
        table.push('\n');
    }
    table
}

fn outcome(result: Result<String, Status>) -> String {
    match result {
        Ok(note) => format!("OK {note}").trim_end().to_owned(),
        Err(status) => format!("{:?} {}", status.code(), reason(&status)),
    }
}

/// What one caller was answered, and on which leads.
#[derive(Default)]
struct Outcomes(Vec<(String, Vec<&'static str>)>);

impl Outcomes {
    fn add(&mut self, lead: &'static str, outcome: String) {
        match self.0.iter_mut().find(|(known, _)| *known == outcome) {
            Some((_, leads)) => leads.push(lead),
            None => self.0.push((outcome, vec![lead])),
        }
    }

    /// A row per answer, the caller named in the first.
    fn write(&self, caller: &str, table: &mut String) {
        for (row, (outcome, leads)) in self.0.iter().enumerate() {
            let caller = if row == 0 { caller } else { "" };
            let leads = if leads.len() == LEADS.len() { "every lead".to_owned() } else { leads.join(", ") };
            writeln!(table, "  {caller:<15}{outcome:<38}{leads}").unwrap();
        }
    }
}
