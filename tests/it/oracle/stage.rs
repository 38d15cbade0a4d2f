//! A company on two real servers over one database: built and played through the RPC, each answer compared with the
//! model's.

mod calls;

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::atomic::{AtomicUsize, Ordering},
};

use leadward::{
    access::Engine,
    proto::{
        AccessPath, GrantMode, Lead, LeadAccessPath, LeadAction, ListProfilesRequest, PreviousAssignee,
        Profile as ProfileMessage, UpdateProfileRequest, WhoAmIRequest,
    },
};
use prost_types::Timestamp;
use tonic::Status;

use super::{
    company::{Act, CUSTOM_PROFILES, Company, GROUPS, Operation, PEOPLE},
    compare, explain,
    model::Model,
    words::{facts, lead_name, way},
};
use crate::support::{ACTIONS, Caller, Database, RunningServer, TestServer, reason};

const SERVERS: [&str; 2] = ["the server with a cache", "the server without a cache"];

/// Two servers, the model of what they should answer, and the identifiers of all that is in them, by place.
pub struct Stage {
    pub model: Model,
    pub leads: Vec<String>,
    pub profiles: BTreeMap<String, String>,
    groups: Vec<String>,
    /// Everyone as a caller of each server.
    callers: [Vec<Caller>; 2],
    operations: usize,
    decisions: AtomicUsize,
    /// They stop when dropped, this one before the other takes the database away.
    _uncached: RunningServer,
    _cached: TestServer,
}

/// One of the servers, and everyone as its caller.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    pub stage: &'a Stage,
    pub server: &'static str,
    pub callers: &'a [Caller],
}

/// What an answer shows beside that the call was done.
#[derive(Default)]
struct Seen {
    lead: Option<Lead>,
    previous: Option<PreviousAssignee>,
    paths: Option<Vec<LeadAccessPath>>,
    token: Option<String>,
}

/// Builds the company, does its operations and compares every answer; says how many decisions were compared, or the first
/// difference.
pub async fn play(company: &Company, database: Database) -> Result<usize, String> {
    let mut stage = Stage::build(company, database).await?;
    for operation in &company.operations {
        stage.perform(operation).await?;
    }
    compare::everything(&stage).await?;
    for question in &company.questions {
        explain::turn_round(&mut stage, question).await?;
    }
    Ok(stage.decisions.into_inner())
}

impl Stage {
    async fn build(company: &Company, database: Database) -> Result<Stage, String> {
        let server = TestServer::start(database).await;
        let administrator = server.admin();
        let mut groups = Vec::new();
        for name in GROUPS {
            groups.push(server.group(name, &[]).await);
        }
        for (name, profile) in CUSTOM_PROFILES.iter().zip(&company.profiles) {
            server.create_profile(calls::profile_message(name, profile, &groups)).await;
        }
        let listed = ListProfilesRequest { page_size: 1_000, ..ListProfilesRequest::default() };
        let listed = administrator.permissions().list_profiles(listed).await.unwrap().into_inner().profiles;
        let profiles: BTreeMap<_, _> =
            listed.into_iter().map(|profile| (profile.name().to_owned(), profile.id)).collect();
        // Nobody places an order here.
        let id = profiles["leads-agent"].clone();
        let for_all = ProfileMessage { id, assign_partial_orders_only: Some(false), ..ProfileMessage::default() };
        let request = UpdateProfileRequest { profile: Some(for_all), ..UpdateProfileRequest::default() };
        administrator.permissions().update_profile(request).await.unwrap();
        let mut callers = vec![administrator.clone()];
        for (name, person) in PEOPLE[1..].iter().zip(&company.people) {
            callers.push(server.user(name, person.profile).await);
        }
        let engine = Engine { cache: false, ..Engine::default() };
        let uncached = RunningServer::start_with(server.database_url(), engine).await;
        let beside = callers.iter().map(|caller| caller.at_server(uncached.addr())).collect();

        let mut stage = Stage {
            model: Model::new(company),
            leads: Vec::new(),
            profiles,
            groups,
            callers: [callers, beside],
            operations: 0,
            decisions: AtomicUsize::new(0),
            _uncached: uncached,
            _cached: server,
        };
        for operation in &company.setup() {
            stage.perform(operation).await?;
        }
        for (n, new) in company.leads.iter().enumerate() {
            let assignee = stage.model.add_lead(new);
            let lead = Lead {
                name: Some(lead_name(n)),
                group_id: new.group.map(|group| stage.groups[group].clone()),
                assignee_id: assignee.map(|user| stage.id(user).to_owned()).unwrap_or_default(),
                ..Lead::default()
            };
            stage.leads.push(administrator.create_lead(lead).await.unwrap().id);
        }
        Ok(stage)
    }

    /// Does an operation at one of the servers, by turns. The one with a cache knows every caller from before.
    pub async fn perform(&mut self, operation: &Operation) -> Result<(), String> {
        self.operations += 1;
        let before = self.model.assignee(operation.lead);
        let expected = self.model.apply(operation);
        let answer = self.send(operation).await;
        let difference = match (expected, &answer) {
            (Ok(()), Ok(seen)) => self.judge(operation, before, seen).err(),
            (Ok(()), Err(status)) => Some(format!("expected it to be done, got {}", refusal(status))),
            (Err(expected), Ok(_)) => Some(format!("expected {expected}, but it was done")),
            (Err(expected), Err(status)) => {
                (reason(status) != expected).then(|| format!("expected {expected}, got {}", refusal(status)))
            }
        };
        if let Some(difference) = difference {
            return Err(format!("when {operation}: {difference}"));
        }
        self.model.let_a_moment_pass();
        if let Ok(Seen { token: Some(token), .. }) = answer {
            self.change_token(operation.user, &token).await?;
        }
        let [cached, _] = self.sites();
        let glance =
            compare::glance(cached, operation.act.action().unwrap_or(ACTIONS[self.operations % ACTIONS.len()]));
        glance.await.map_err(|difference| format!("after {operation}: {difference}"))
    }

    /// The old token has been revoked, and must be of no use at once.
    async fn change_token(&mut self, user: usize, token: &str) -> Result<(), String> {
        for callers in &mut self.callers {
            let answer = callers[user].directory().who_am_i(WhoAmIRequest {}).await;
            let answer = answer.map(drop).map_err(|status| reason(&status));
            let what = format!("{}, whose token was revoked, calls", PEOPLE[user]);
            same(&what, &Err("NOT_AUTHENTICATED".to_owned()), &answer)?;
            callers[user].token = token.to_owned();
        }
        Ok(())
    }

    /// Compares what the answer shows with the model as it is after the operation.
    fn judge(&self, operation: &Operation, before: Option<usize>, seen: &Seen) -> Result<(), String> {
        let Operation { caller, lead, user, ref act } = *operation;
        if let Some(shown) = &seen.lead {
            same("the lead shown", &self.model.facts(lead).unwrap_or_default(), &self.facts(shown))?;
        }
        if let Some(paths) = &seen.paths {
            same("the access shown", &self.model.paths(user, lead), &self.paths(paths))?;
        }
        let (Act::Assign { policy } | Act::Unassign { policy }) = act else { return Ok(()) };

        if seen.lead.is_none() && self.model.covers(caller, LeadAction::View, lead) {
            return Err("expected the answer to show the lead".to_owned());
        }
        let left = before.filter(|user| self.model.assignee(lead) != Some(*user));
        let expected = left.map(|user| format!("{}, {:?}", PEOPLE[user], self.model.policy(*policy)));
        let shown = seen.previous.as_ref().map(|it| format!("{}, {:?}", self.person(&it.user_id), it.policy()));
        same("the previous assignee", &expected, &shown)?;
        match (left, &seen.previous) {
            (Some(user), Some(shown)) if self.model.is_active(user) => same(
                "what the previous assignee keeps",
                &self.model.paths(user, lead),
                &self.paths(&shown.remaining_paths),
            ),
            _ => Ok(()),
        }
    }

    pub fn sites(&self) -> [Site<'_>; 2] {
        [0, 1].map(|n| Site { stage: self, server: SERVERS[n], callers: &self.callers[n] })
    }

    /// Counts decisions that were compared.
    pub fn count(&self, decisions: usize) {
        self.decisions.fetch_add(decisions, Ordering::Relaxed);
    }

    fn id(&self, user: usize) -> &str {
        &self.callers[0][user].id
    }

    /// A user by name; an identifier that nobody has stays as it is.
    pub fn person<'a>(&self, id: &'a str) -> &'a str {
        self.callers[0].iter().position(|caller| caller.id == id).map_or(id, |n| PEOPLE[n])
    }

    /// A lead as the model writes it.
    pub fn facts(&self, lead: &Lead) -> String {
        let assignee = Some(lead.assignee_id.as_str()).filter(|id| !id.is_empty()).map(|id| self.person(id));
        let group = lead.group_id.as_deref().filter(|id| !id.is_empty()).map(|id| self.group(id));
        facts(lead.state(), assignee, group)
    }

    /// A group by name.
    pub fn group<'a>(&self, id: &'a str) -> &'a str {
        self.groups.iter().position(|it| it == id).map_or(id, |n| GROUPS[n])
    }

    /// A user's ways to a lead as the model writes them.
    pub fn paths(&self, paths: &[LeadAccessPath]) -> Vec<String> {
        let mut words: Vec<String> = paths.iter().map(path_words).collect();
        words.sort();
        words
    }
}

/// `Err` in words where the two differ.
pub fn same<T: PartialEq + Debug>(what: &str, expected: &T, got: &T) -> Result<(), String> {
    if expected == got { Ok(()) } else { Err(format!("{what}: expected {expected:#?}, got {got:#?}")) }
}

pub fn refusal(status: &Status) -> String {
    format!("{:?} {}: {}", status.code(), reason(status), status.message())
}

fn path_words(path: &LeadAccessPath) -> String {
    let mut actions: Vec<LeadAction> = path.actions.iter().map(|it| LeadAction::try_from(*it).unwrap()).collect();
    actions.sort();
    let (mode, ends) = given(path.path(), path.mode(), path.expire_time);
    way(path.path(), mode, ends, &actions)
}

/// What was given by hand, and whether it ends by itself. An assignment's grace is not looked at.
pub fn given(path: AccessPath, mode: GrantMode, expire_time: Option<Timestamp>) -> (Option<GrantMode>, bool) {
    let by_hand = matches!(path, AccessPath::Granted | AccessPath::Retained);
    (Some(mode).filter(|mode| *mode != GrantMode::Unspecified), by_hand && expire_time.is_some())
}
