//! Who loses a lead and gets it back, by every way that there is.

use std::{
    net::SocketAddr,
    sync::RwLock,
    time::{Duration, Instant},
};

use leadward::proto::{
    AccessLevel, AddGroupMembersRequest, AssignLeadRequest, Capability, CreateApiTokenRequest, DeactivateUserRequest,
    GrantMode, Lead, LeadAction, Permission, Profile, ReactivateUserRequest, RemoveGroupMembersRequest,
    RevocationPolicy, RevokeApiTokenRequest, Role, UpdateProfileRequest, UpdateUserPermissionsRequest,
};
use prost_types::FieldMask;
use tokio::time::sleep;
use tonic::{Code, Status};

use super::checker::{Change, Sighting};
use crate::support::{Caller, Dice, TestServer, groups_permission, named, permission, profile};

/// How often a change is tried that is told to try again.
const ATTEMPTS: usize = 50;

/// How an access is given and taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Way {
    /// The user's own settings.
    Settings,
    /// A group that the user joins and leaves.
    Membership,
    Grant,
    /// To the user, or to another.
    Assignment,
    /// The user is deactivated and reactivated.
    Activity,
    /// The profile of two users.
    Profile,
    /// A revoked token, and a new one.
    Token,
}

impl Way {
    /// Whether it changes what a server keeps of a caller; grants and assignments are read with the lead.
    pub fn is_of_the_caller(self) -> bool {
        !matches!(self, Self::Grant | Self::Assignment)
    }
}

/// Users with the same access to one lead, which nobody else writes.
pub struct Crew {
    pub way: Way,
    pub lead: Lead,
    pub agents: Vec<Agent>,
    /// The group, the profile or the other assignee that the way takes.
    other: String,
    /// The administrator at each server.
    admins: Vec<Caller>,
}

/// A user, at every server.
pub struct Agent {
    callers: Vec<Caller>,
    credential: RwLock<Credential>,
}

struct Credential {
    token_id: String,
    secret: String,
}

impl Agent {
    fn of(user: &Caller, servers: &[SocketAddr]) -> Self {
        let credential = Credential { token_id: String::new(), secret: user.token.clone() };
        let callers = servers.iter().map(|addr| user.at_server(*addr)).collect();
        Self { callers, credential: RwLock::new(credential) }
    }

    /// With the token that is theirs at this moment.
    pub fn at(&self, server: usize) -> Caller {
        let mut caller = self.callers[server].clone();
        caller.token = self.credential.read().unwrap().secret.clone();
        caller
    }
}

/// A crew for each way, all with access.
pub async fn crews(t: &TestServer, servers: &[SocketAddr]) -> Vec<Crew> {
    let own = |level| view_and_edit(|action| permission(action, level));
    let members = view_and_edit(|action| Permission { include_member_groups: true, ..groups_permission(action, &[]) });
    profile_of(t, "individuals", own(AccessLevel::Individual)).await;
    profile_of(t, "members", members).await;
    let changed = profile_of(t, "changed", own(AccessLevel::None)).await;
    let group_id = t.group("north", &[]).await;
    let other = t.user("other", "individuals").await;

    vec![
        found(t, servers, Way::Settings, "", "individuals", &["ana"]).await,
        found(t, servers, Way::Membership, &group_id, "members", &["ben"]).await,
        found(t, servers, Way::Grant, "", "individuals", &["carl"]).await,
        found(t, servers, Way::Assignment, &other.id, "individuals", &["dora"]).await,
        found(t, servers, Way::Activity, "", "individuals", &["emma"]).await,
        found(t, servers, Way::Profile, &changed, "changed", &["finn", "gina"]).await,
        found(t, servers, Way::Token, "", "individuals", &["hugo"]).await,
    ]
}

async fn found(t: &TestServer, servers: &[SocketAddr], way: Way, other: &str, profile: &str, names: &[&str]) -> Crew {
    let mut agents = Vec::new();
    for name in names {
        agents.push(Agent::of(&t.user(name, profile).await, servers));
    }
    let group_id = (way == Way::Membership).then(|| other.to_owned());
    let lead = Lead { external_id: Some(format!("{}'s", names[0])), group_id, ..named(names[0]) };
    let lead = t.admin().create_lead(lead).await.unwrap();
    if matches!(way, Way::Activity | Way::Token) {
        t.admin().assign(&lead.id, &agents[0].at(0)).await.unwrap();
    }
    let admins = servers.iter().map(|addr| t.admin().at_server(*addr)).collect();
    let crew = Crew { way, lead, agents, other: other.to_owned(), admins };
    crew.turn(true, &t.admin()).await.unwrap();
    crew
}

fn view_and_edit(of: impl Fn(LeadAction) -> Permission) -> Vec<Permission> {
    vec![of(LeadAction::View), of(LeadAction::Edit)]
}

async fn profile_of(t: &TestServer, name: &str, permissions: Vec<Permission>) -> String {
    let capabilities = vec![Capability::ImportLeads.into()];
    t.create_profile(Profile { permissions, capabilities, ..profile(name, Role::Agent) }).await.id
}

impl Crew {
    pub fn servers(&self) -> usize {
        self.admins.len()
    }

    /// Gives or takes the access, at any server.
    pub async fn change(&self, gives: bool, dice: &mut Dice) -> Change {
        let sent = Instant::now();
        for _ in 0..ATTEMPTS {
            match self.turn(gives, dice.one_of(&self.admins)).await {
                Ok(()) => return Change { gives, sent, acknowledged: Instant::now() },
                Err(status) if status.code() == Code::Unavailable => sleep(Duration::from_millis(20)).await,
                Err(status) => panic!("{:?}, gives: {gives}: {status:?}", self.way),
            }
        }
        panic!("{:?}: unavailable {ATTEMPTS} times", self.way);
    }

    /// Looks at the lead as the administrator, at any server.
    pub async fn sight(&self, dice: &mut Dice) -> Option<Sighting> {
        let sent = Instant::now();
        match dice.one_of(&self.admins).get_lead(&self.lead.id).await {
            Ok(lead) => Some(Sighting { sent, answered: Instant::now(), etag: lead.etag }),
            Err(status) if status.code() == Code::Unavailable => None,
            Err(status) => panic!("{:?}: {status:?}", self.way),
        }
    }

    async fn turn(&self, gives: bool, admin: &Caller) -> Result<(), Status> {
        let agent = &self.agents[0];
        let (user, lead_id) = (agent.at(0), &self.lead.id);
        let user_id = user.id.clone();
        let level = if gives { AccessLevel::Complete } else { AccessLevel::None };
        let permissions = view_and_edit(|action| permission(action, level));
        match (self.way, gives) {
            (Way::Settings, _) => {
                let request =
                    UpdateUserPermissionsRequest { user_id, permissions, ..UpdateUserPermissionsRequest::default() };
                admin.permissions().update_user_permissions(request).await.map(drop)
            }
            (Way::Membership, true) => {
                let request = AddGroupMembersRequest {
                    group_id: self.other.clone(),
                    user_ids: vec![user_id],
                    ..Default::default()
                };
                admin.directory().add_group_members(request).await.map(drop)
            }
            (Way::Membership, false) => {
                let request = RemoveGroupMembersRequest {
                    group_id: self.other.clone(),
                    user_ids: vec![user_id],
                    ..Default::default()
                };
                admin.directory().remove_group_members(request).await.map(drop)
            }
            (Way::Grant, true) => admin.grant(lead_id, &user, GrantMode::Full).await.map(drop),
            (Way::Grant, false) => admin.revoke(lead_id, &user).await,
            (Way::Assignment, _) => {
                let request = AssignLeadRequest {
                    lead_id: lead_id.clone(),
                    assignee_id: if gives { user_id } else { self.other.clone() },
                    revocation_policy: RevocationPolicy::Revoke.into(),
                    ..AssignLeadRequest::default()
                };
                admin.assignments().assign_lead(request).await.map(drop)
            }
            (Way::Activity, true) => admin
                .directory()
                .reactivate_user(ReactivateUserRequest { user_id, ..Default::default() })
                .await
                .map(drop),
            (Way::Activity, false) => admin
                .directory()
                .deactivate_user(DeactivateUserRequest { user_id, ..Default::default() })
                .await
                .map(drop),
            (Way::Profile, _) => {
                let request = UpdateProfileRequest {
                    profile: Some(Profile { id: self.other.clone(), permissions, ..Profile::default() }),
                    update_mask: Some(FieldMask { paths: vec!["permissions".to_owned()] }),
                    ..Default::default()
                };
                admin.permissions().update_profile(request).await.map(drop)
            }
            (Way::Token, true) => {
                let request = CreateApiTokenRequest { user_id, ..CreateApiTokenRequest::default() };
                let made = admin.directory().create_api_token(request).await?.into_inner();
                let token_id = made.api_token.unwrap().id;
                *agent.credential.write().unwrap() = Credential { token_id, secret: made.secret };
                Ok(())
            }
            (Way::Token, false) => {
                let api_token_id = agent.credential.read().unwrap().token_id.clone();
                let request = RevokeApiTokenRequest { api_token_id, ..Default::default() };
                admin.directory().revoke_api_token(request).await.map(drop)
            }
        }
    }
}
