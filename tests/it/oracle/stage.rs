//! A company on a real server: built and played through the RPC, each answer compared with the model's.

use std::fmt::Debug;

use leadward::proto::{
    AccessLevel, AccessPath, AddGroupMembersRequest, AssignLeadRequest, Capability, DeactivateUserRequest,
    GrantLeadAccessRequest, GrantMode, Lead, LeadAccessPath, LeadAction, Permission, PreviousAssignee,
    Profile as ProfileMessage, ReactivateUserRequest, RemoveGroupMembersRequest, RevocationPolicy, Settings,
    UnassignLeadRequest, UpdateSettingsRequest, UpdateUserPermissionsRequest,
};
use prost_types::{Duration, FieldMask, Timestamp};
use tonic::Status;

use super::{
    company::{Act, CUSTOM_PROFILES, Company, GROUPS, Operation, PEOPLE, Profile, Reach, facts, lead_name, way},
    compare,
    model::Model,
};
use crate::support::{Caller, Database, TestServer, reason};

/// A server, the model of what it should answer, and the identifiers of all that is in both, by place.
pub struct Stage {
    pub model: Model,
    pub callers: Vec<Caller>,
    pub leads: Vec<String>,
    groups: Vec<String>,
    /// Stops when dropped.
    _server: TestServer,
}

/// What an answer shows beside that the call was done.
#[derive(Default)]
struct Seen {
    lead: Option<Lead>,
    previous: Option<PreviousAssignee>,
    paths: Option<Vec<LeadAccessPath>>,
}

/// Builds the company, does its operations and compares every answer; `Err` says the first difference.
pub async fn play(company: &Company, database: Database) -> Result<(), String> {
    let mut stage = Stage::build(company, database).await?;
    for operation in &company.operations {
        stage.perform(operation).await?;
    }
    compare::everything(&stage).await
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
            server.create_profile(profile_message(name, profile, &groups)).await;
        }
        let mut callers = vec![administrator.clone()];
        for (name, person) in PEOPLE[1..].iter().zip(&company.people) {
            callers.push(server.user(name, person.profile).await);
        }

        let model = Model::new(company);
        let mut stage = Stage { model, callers, leads: Vec::new(), groups, _server: server };
        for operation in &company.setup() {
            stage.perform(operation).await?;
        }
        for (n, new) in company.leads.iter().enumerate() {
            let assignee = stage.model.add_lead(new);
            let lead = Lead {
                name: Some(lead_name(n)),
                group_id: new.group.map(|group| stage.groups[group].clone()),
                assignee_id: assignee.map(|user| stage.callers[user].id.clone()).unwrap_or_default(),
                ..Lead::default()
            };
            stage.leads.push(administrator.create_lead(lead).await.unwrap().id);
        }
        Ok(stage)
    }

    async fn perform(&mut self, operation: &Operation) -> Result<(), String> {
        let before = self.model.assignee(operation.lead);
        let expected = self.model.apply(operation);
        let difference = match (expected, self.send(operation).await) {
            (Ok(()), Ok(seen)) => self.judge(operation, before, &seen).err(),
            (Ok(()), Err(status)) => Some(format!("expected it to be done, got {}", refusal(&status))),
            (Err(expected), Ok(_)) => Some(format!("expected {expected}, but it was done")),
            (Err(expected), Err(status)) => {
                (reason(&status) != expected).then(|| format!("expected {expected}, got {}", refusal(&status)))
            }
        };
        difference.map_or(Ok(()), |difference| Err(format!("when {operation}: {difference}")))
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

    async fn send(&self, operation: &Operation) -> Result<Seen, Status> {
        let caller = &self.callers[operation.caller];
        let user = &self.callers[operation.user];
        let (user_id, user_ids) = (user.id.clone(), vec![user.id.clone()]);
        // Groups are joined before there are leads.
        let lead_id = self.leads.get(operation.lead).cloned().unwrap_or_default();
        match &operation.act {
            Act::Edit => {
                let lead = Lead { id: lead_id, campaign: Some("autumn".to_owned()), ..Lead::default() };
                caller.update_lead(lead, &["campaign"]).await.map(Seen::lead)
            }
            Act::Discard => caller.discard(&lead_id).await.map(Seen::lead),
            Act::Retrieve => caller.retrieve(&lead_id).await.map(Seen::lead),
            Act::Resolve => caller.resolve(&lead_id).await.map(Seen::lead),
            Act::Reopen => caller.reopen(&lead_id).await.map(Seen::lead),
            Act::Delete => caller.delete(&lead_id).await.map(|()| Seen::default()),
            Act::Assign { policy } => {
                let request = AssignLeadRequest {
                    lead_id,
                    assignee_id: user_id,
                    revocation_policy: policy.unwrap_or_default() as i32,
                    keep_duration: policy.and_then(keep_duration),
                    ..AssignLeadRequest::default()
                };
                let answer = caller.assignments().assign_lead(request).await?.into_inner();
                Ok(Seen { lead: answer.lead, previous: answer.previous_assignee, paths: None })
            }
            Act::Unassign { policy } => {
                let request = UnassignLeadRequest {
                    lead_id,
                    revocation_policy: policy.unwrap_or_default() as i32,
                    keep_duration: policy.and_then(keep_duration),
                    ..UnassignLeadRequest::default()
                };
                let answer = caller.assignments().unassign_lead(request).await?.into_inner();
                Ok(Seen { lead: answer.lead, previous: answer.previous_assignee, paths: None })
            }
            Act::Grant { mode, ends } => {
                let expire_time = ends.then_some(Timestamp { seconds: 4_102_444_800, nanos: 0 });
                let request = GrantLeadAccessRequest { lead_id, user_id, mode: *mode as i32, expire_time };
                let answer = caller.assignments().grant_lead_access(request).await?.into_inner();
                Ok(Seen { paths: Some(answer.access.unwrap_or_default().paths), ..Seen::default() })
            }
            Act::Revoke => caller.revoke(&lead_id, user).await.map(|()| Seen::default()),
            Act::Move { group } => {
                let group_id = group.map(|group| self.groups[group].clone());
                caller
                    .update_lead(Lead { id: lead_id, group_id, ..Lead::default() }, &["group_id"])
                    .await
                    .map(Seen::lead)
            }
            Act::Override { action, own } => {
                let same_as_profile = Reach::plain(AccessLevel::SameAsProfile);
                let permissions = vec![permission(*action, own.as_ref().unwrap_or(&same_as_profile), &self.groups)];
                let request = UpdateUserPermissionsRequest { user_id, permissions, ..Default::default() };
                caller.permissions().update_user_permissions(request).await.map(|_| Seen::default())
            }
            Act::Join { group } => {
                let request = AddGroupMembersRequest { group_id: self.groups[*group].clone(), user_ids };
                caller.directory().add_group_members(request).await.map(|_| Seen::default())
            }
            Act::Leave { group } => {
                let request = RemoveGroupMembersRequest { group_id: self.groups[*group].clone(), user_ids };
                caller.directory().remove_group_members(request).await.map(|_| Seen::default())
            }
            Act::ToggleActive if self.model.is_active(operation.user) => {
                caller.directory().reactivate_user(ReactivateUserRequest { user_id }).await.map(|_| Seen::default())
            }
            Act::ToggleActive => {
                caller.directory().deactivate_user(DeactivateUserRequest { user_id }).await.map(|_| Seen::default())
            }
            Act::SetPolicy { policy } => {
                let request = settings_request(*policy);
                caller.permissions().update_settings(request).await.map(|_| Seen::default())
            }
        }
    }

    /// A user by name; an identifier that nobody has stays as it is.
    pub fn person<'a>(&self, id: &'a str) -> &'a str {
        self.callers.iter().position(|caller| caller.id == id).map_or(id, |n| PEOPLE[n])
    }

    /// A lead as the model writes it.
    pub fn facts(&self, lead: &Lead) -> String {
        let assignee = Some(lead.assignee_id.as_str()).filter(|id| !id.is_empty()).map(|id| self.person(id));
        let group = lead.group_id.as_deref().filter(|id| !id.is_empty());
        let group = group.map(|id| self.groups.iter().position(|it| it == id).map_or(id, |n| GROUPS[n]));
        facts(lead.state(), assignee, group)
    }

    /// A user's ways to a lead as the model writes them.
    pub fn paths(&self, paths: &[LeadAccessPath]) -> Vec<String> {
        let mut words: Vec<String> = paths.iter().map(path_words).collect();
        words.sort();
        words
    }
}

impl Seen {
    fn lead(lead: Lead) -> Seen {
        Seen { lead: Some(lead), ..Seen::default() }
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
    let mode = Some(path.mode()).filter(|mode| *mode != GrantMode::Unspecified);
    let by_hand = matches!(path.path(), AccessPath::Granted | AccessPath::Retained);
    way(path.path(), mode, by_hand && path.expire_time.is_some(), &actions)
}

fn profile_message(name: &str, profile: &Profile, groups: &[String]) -> ProfileMessage {
    let capability = profile.manages_access.then_some(Capability::ManageLeadAccess as i32);
    ProfileMessage {
        name: Some(name.to_owned()),
        role: Some(profile.role as i32),
        permissions: profile.reaches.iter().map(|(action, reach)| permission(*action, reach, groups)).collect(),
        capabilities: capability.into_iter().collect(),
        resolved_grace: profile.grace_ends.then(Duration::default),
        ..ProfileMessage::default()
    }
}

fn permission(action: LeadAction, reach: &Reach, groups: &[String]) -> Permission {
    Permission {
        action: action as i32,
        level: reach.level as i32,
        group_ids: reach.groups.iter().map(|group| groups[*group].clone()).collect(),
        include_member_groups: reach.member_groups,
        include_unassigned: reach.unassigned,
    }
}

fn keep_duration(policy: RevocationPolicy) -> Option<Duration> {
    (policy == RevocationPolicy::KeepUntil).then_some(Duration { seconds: 86_400, nanos: 0 })
}

fn settings_request(policy: RevocationPolicy) -> UpdateSettingsRequest {
    let settings =
        Settings { revocation_policy: policy as i32, keep_duration: keep_duration(policy), ..Settings::default() };
    let mut paths = vec!["revocation_policy".to_owned()];
    paths.extend(settings.keep_duration.is_some().then(|| "keep_duration".to_owned()));
    UpdateSettingsRequest { settings: Some(settings), update_mask: Some(FieldMask { paths }) }
}
