//! A lead that a caller may not see shows nowhere: not in answers, not beside them, not in what the database is asked.

mod answers;
mod batches;
mod cache;
mod duplicates;
mod lists;
mod orders;
mod page_tokens;
mod records;
mod shape;

use std::collections::BTreeMap;

use leadward::proto::{
    AccessCheck, AccessCheckResult, AccessLevel, BatchCheckAccessRequest, BatchGetLeadsRequest, Capability,
    CreateLeadRequest, CreateLeadResponse, DuplicatePolicy, GrantMode, Lead, LeadAction, LeadResult, ListOrdersRequest,
    ListOrdersResponse, Order, Profile, Role,
};
use tonic::{Code, Response, Status, metadata::MetadataMap};
use uuid::Uuid;

use crate::support::{BatchKind, Caller, RunningServer, TestServer, Wire, answer, every_action, named, profile};

const BATCHES: [BatchKind; 3] = [BatchKind::Discard, BatchKind::Retrieve, BatchKind::Delete];

/// Reaches own leads with every action, and may make every call that is about leads.
async fn clerk(t: &TestServer) -> Caller {
    let capabilities = [
        Capability::ConfigurePermissions,
        Capability::ManageLeadAccess,
        Capability::ImportLeads,
        Capability::ReadAudit,
    ];
    let clerks = Profile {
        permissions: every_action(AccessLevel::Individual),
        capabilities: capabilities.map(i32::from).to_vec(),
        ..profile("clerk", Role::Manager)
    };
    t.create_profile(clerks).await;
    t.user("clara", "clerk").await
}

/// Leads that are hidden from a clerk for every cause, each named after it. The agent has one of them.
async fn hidden_leads(t: &TestServer, clerk: &Caller, agent: &Caller) -> Vec<Lead> {
    hidden_orders(t, clerk, agent).await.into_iter().map(|(lead, _)| lead).collect()
}

/// The same leads, and the one order that each has. Each has a deposit, too.
async fn hidden_orders(t: &TestServer, clerk: &Caller, agent: &Caller) -> Vec<(Lead, Order)> {
    let admin = t.admin();
    let (pooled, another) = (t.lead("nobody's").await, t.lead_of("another's", agent).await);
    let (discarded, resolved) = (t.lead("discarded").await, t.lead("resolved").await);
    let (deleted, taken) = (t.lead_of("deleted", clerk).await, t.lead_of("taken away", clerk).await);
    let leads = [pooled, another, discarded, resolved, deleted, taken, t.lead("blocked").await];
    let mut orders = Vec::new();
    for lead in &leads {
        orders.push(admin.take_keys(&lead.id).await);
    }
    let [_, _, discarded, resolved, deleted, taken, blocked] = &leads;
    admin.discard(&discarded.id).await.unwrap();
    admin.resolve(&resolved.id).await.unwrap();
    admin.delete(&deleted.id).await.unwrap();
    admin.unassign(&taken.id).await.unwrap();
    admin.grant(&blocked.id, clerk, GrantMode::Full).await.unwrap();
    admin.revoke(&blocked.id, clerk).await.unwrap();
    leads.into_iter().zip(orders).collect()
}

/// Leads that are hidden from a clerk, each with all that a new one can be recognised by.
async fn hidden_people(t: &TestServer, agent: &Caller) -> [Lead; 3] {
    let person = |number: u32| Lead {
        external_id: Some(format!("platform-{number}")),
        email: Some(format!("person{number}@example.com")),
        phone: Some(format!("+35191000000{number}")),
        ..named(&format!("secret {number}"))
    };
    let admin = t.admin();
    let pooled = admin.create_lead(person(1)).await.unwrap();
    let assigned = admin.create_lead(Lead { assignee_id: agent.id.clone(), ..person(2) }).await.unwrap();
    let discarded = admin.create_lead(person(3)).await.unwrap();
    [pooled, assigned, admin.discard(&discarded.id).await.unwrap()]
}

/// The same people before they registered.
async fn without_external_ids(t: &TestServer, people: &[Lead; 3]) -> [Lead; 3] {
    let without = async |person: &Lead| {
        let change = Lead { id: person.id.clone(), ..Lead::default() };
        t.admin().update_lead(change, &["external_id"]).await.unwrap()
    };
    let [first, second, third] = people;
    [without(first).await, without(second).await, without(third).await]
}

/// New leads that are another by one key each, and by the others nobody.
fn duplicates_of(person: &Lead) -> [Lead; 3] {
    let new = Lead {
        external_id: Some("platform-9".to_owned()),
        email: Some("person9@example.com".to_owned()),
        phone: Some("+351910000009".to_owned()),
        ..named("Eva")
    };
    [
        Lead { external_id: person.external_id.clone(), ..new.clone() },
        Lead { email: person.email.clone(), ..new.clone() },
        Lead { phone: person.phone.clone(), ..new },
    ]
}

async fn create(caller: &Caller, lead: Lead, policy: DuplicatePolicy) -> Result<CreateLeadResponse, Status> {
    let request = CreateLeadRequest { lead: Some(lead), on_duplicate: policy.into(), ..Default::default() };
    Ok(caller.leads().create_lead(request).await?.into_inner())
}

async fn get_batch(caller: &Caller, lead_ids: &[String]) -> Vec<LeadResult> {
    let request = BatchGetLeadsRequest { lead_ids: lead_ids.to_vec() };
    caller.leads().batch_get_leads(request).await.unwrap().into_inner().results
}

/// About the caller, where no user is named.
async fn check_batch(
    caller: &Caller,
    user_id: &str,
    action: LeadAction,
    lead_ids: &[String],
) -> Result<Vec<AccessCheckResult>, Status> {
    let check = |lead_id: &String| AccessCheck { action: action.into(), lead_id: lead_id.clone() };
    let request = BatchCheckAccessRequest { user_id: user_id.to_owned(), checks: lead_ids.iter().map(check).collect() };
    Ok(caller.permissions().batch_check_access(request).await?.into_inner().results)
}

async fn list_orders(caller: &Caller, request: ListOrdersRequest) -> ListOrdersResponse {
    caller.orders().list_orders(request).await.unwrap().into_inner()
}

fn ids(leads: &[Lead]) -> Vec<String> {
    leads.iter().map(|lead| lead.id.clone()).collect()
}

/// The ID of a lead that never was.
fn absent() -> String {
    Uuid::now_v7().to_string()
}

/// All of an answer that its caller can tell from another.
fn said<T>(result: Result<Response<T>, Status>) -> Result<T, (Code, String, Vec<u8>)> {
    result.map(Response::into_inner).map_err(|status| answer(&status))
}

/// What tells one call from another and nothing else is left out.
fn headers(metadata: &MetadataMap) -> BTreeMap<String, String> {
    let headers = metadata.clone().into_headers();
    let told = headers.iter().filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
    told.map(|(name, value)| (name.to_string(), format!("{value:?}"))).collect()
}

/// A second server on the database of a test, on a wire that shows what it asks PostgreSQL.
struct Watched {
    server: RunningServer,
    wire: Wire,
    t: TestServer,
}

impl Watched {
    async fn beside(t: TestServer) -> Self {
        let wire = Wire::to(t.database_url());
        let server = RunningServer::start(wire.url()).await;
        Self { server, wire, t }
    }

    /// The same caller at the server that is watched.
    fn caller(&self, caller: &Caller) -> Caller {
        caller.at_server(self.server.addr())
    }
}
