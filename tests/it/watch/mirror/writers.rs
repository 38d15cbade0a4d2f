//! Who change everything at once: leads, and who may view them.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use leadward::proto::{
    AccessLevel, AddGroupMembersRequest, AssignLeadRequest, GrantLeadAccessRequest, GrantMode, Lead, LeadAction,
    Permission, Profile, RemoveGroupMembersRequest, RevocationPolicy, UpdateProfileRequest,
};
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::support::{
    Batch, BatchKind, Caller, Dice, TestServer, groups_permission, named, permission, reason, seconds, seconds_from_now,
};

/// A company to write in.
#[derive(Clone)]
pub struct Company {
    /// The administrator at each server.
    admins: Vec<Caller>,
    watchers: Vec<Caller>,
    /// Somebody who watches nothing, and has what is hidden.
    other: Caller,
    /// Two that the watchers may reach, and one that they never do.
    groups: [String; 3],
    graced: String,
    leads: Arc<Mutex<Vec<String>>>,
    /// Leads that none of the watchers but the manager ever views.
    pub hidden: BTreeSet<String>,
}

impl Company {
    pub async fn found(t: &TestServer, watchers: &[Caller], servers: &[SocketAddr]) -> Self {
        let other = t.agent("ole").await;
        let groups = [t.group("north", &[]).await, t.group("south", &[]).await, t.group("far away", &[]).await];
        let (mut leads, mut hidden) = (Vec::new(), BTreeSet::new());
        for number in 0..24 {
            leads.push(t.lead(&format!("lead {number}")).await.id);
        }
        for number in 0..6 {
            let (assignee_id, group_id) = (other.id.clone(), Some(groups[2].clone()));
            let lead = Lead { assignee_id, group_id, ..named(&format!("hidden {number}")) };
            hidden.insert(t.admin().create_lead(lead).await.unwrap().id);
        }
        Self {
            admins: servers.iter().map(|addr| t.admin().at_server(*addr)).collect(),
            watchers: watchers.to_vec(),
            other,
            groups,
            graced: t.profile_id("graced").await,
            leads: Arc::new(Mutex::new(leads)),
            hidden,
        }
    }

    /// Makes random changes; says how many were done.
    pub async fn write(self, times: usize, mut dice: Dice) -> usize {
        let mut made = 0;
        for time in 0..times {
            let admin = dice.one_of(&self.admins).clone();
            let done = match dice.below(10) {
                0 => self.change_rights(&admin, &mut dice).await,
                1 => self.change_hidden(&admin, &mut dice, time).await,
                2 | 3 => self.change_access(&admin, &mut dice).await,
                4 => self.replace_one(&admin, &mut dice).await,
                _ => self.change_lead(&admin, &mut dice).await,
            };
            match done {
                Ok(()) => made += 1,
                // Somebody else was there before.
                Err(status) => assert!(
                    matches!(status.code(), Code::FailedPrecondition | Code::NotFound | Code::Unavailable),
                    "{}: {status:?}",
                    reason(&status)
                ),
            }
        }
        made
    }

    fn any_lead(&self, dice: &mut Dice) -> String {
        dice.one_of(&self.leads.lock().unwrap()).clone()
    }

    async fn change_lead(&self, admin: &Caller, dice: &mut Dice) -> Result<(), Status> {
        let id = self.any_lead(dice);
        match dice.below(10) {
            0 => admin.discard(&id).await.map(drop),
            1 => admin.retrieve(&id).await.map(drop),
            2 => admin.resolve(&id).await.map(drop),
            3 => admin.reopen(&id).await.map(drop),
            4 => admin.unassign(&id).await.map(drop),
            5 | 6 => {
                let policies =
                    [RevocationPolicy::Unspecified, RevocationPolicy::KeepViewOnly, RevocationPolicy::KeepUntil];
                let policy = *dice.one_of(&policies);
                let request = AssignLeadRequest {
                    lead_id: id,
                    assignee_id: dice.one_of(&self.watchers).id.clone(),
                    revocation_policy: policy.into(),
                    keep_duration: (policy == RevocationPolicy::KeepUntil).then(|| seconds(1)),
                    ..AssignLeadRequest::default()
                };
                admin.assignments().assign_lead(request).await.map(drop)
            }
            7 => {
                let group_id = if dice.below(3) == 0 { None } else { Some(dice.one_of(&self.groups).clone()) };
                admin.update_lead(Lead { id, group_id, ..Lead::default() }, &["group_id"]).await.map(drop)
            }
            8 => {
                let more = [self.any_lead(dice), self.any_lead(dice)];
                let batch = Batch::of(&[id.as_str(), more[0].as_str(), more[1].as_str()]);
                let kind = *dice.one_of(&[BatchKind::Discard, BatchKind::Retrieve]);
                admin.batch(kind, batch).await.map(drop)
            }
            _ => {
                let campaign = Some(format!("campaign {}", dice.below(1_000_000)));
                admin.update_lead(Lead { id, campaign, ..Lead::default() }, &[]).await.map(drop)
            }
        }
    }

    async fn change_access(&self, admin: &Caller, dice: &mut Dice) -> Result<(), Status> {
        let (id, user) = (self.any_lead(dice), dice.one_of(&self.watchers).clone());
        match dice.below(4) {
            0 => admin.revoke(&id, &user).await,
            1 => admin.grant(&id, &user, GrantMode::ViewOnly).await.map(drop),
            // A level of NONE leaves nothing of a grant to show.
            _ => {
                let request = GrantLeadAccessRequest {
                    lead_id: id,
                    user_id: user.id,
                    mode: GrantMode::Full.into(),
                    expire_time: Some(seconds_from_now(2)),
                    ..GrantLeadAccessRequest::default()
                };
                admin.assignments().grant_lead_access(request).await.map(drop)
            }
        }
    }

    /// A lead goes, and another comes.
    async fn replace_one(&self, admin: &Caller, dice: &mut Dice) -> Result<(), Status> {
        let assignee_id = if dice.below(2) == 0 { String::new() } else { dice.one_of(&self.watchers).id.clone() };
        let group_id = Some(dice.one_of(&self.groups).clone());
        let made = admin.create_lead(Lead { assignee_id, group_id, ..named("a new one") }).await?;
        let gone = {
            let mut leads = self.leads.lock().unwrap();
            let at = dice.below(leads.len());
            std::mem::replace(&mut leads[at], made.id)
        };
        admin.delete(&gone).await
    }

    /// Leads out of sight change, too, and never come into it.
    async fn change_hidden(&self, admin: &Caller, dice: &mut Dice, time: usize) -> Result<(), Status> {
        let hidden: Vec<&String> = self.hidden.iter().collect();
        let id = (*dice.one_of(&hidden)).clone();
        match dice.below(4) {
            0 => admin.discard(&id).await.map(drop),
            1 => admin.retrieve(&id).await.map(drop),
            2 => admin.grant(&id, &self.other, GrantMode::Full).await.map(drop),
            _ => admin.update_lead(Lead { id, ..named(&format!("hidden at {time}")) }, &[]).await.map(drop),
        }
    }

    async fn change_rights(&self, admin: &Caller, dice: &mut Dice) -> Result<(), Status> {
        let (ana, gil) = (&self.watchers[0], &self.watchers[1]);
        let group_id = self.groups[dice.below(2)].clone();
        match dice.below(4) {
            0 => {
                let user_ids = vec![gil.id.clone()];
                let request = AddGroupMembersRequest { group_id, user_ids, ..AddGroupMembersRequest::default() };
                admin.directory().add_group_members(request).await.map(drop)
            }
            1 => {
                let user_ids = vec![gil.id.clone()];
                let request = RemoveGroupMembersRequest { group_id, user_ids, ..RemoveGroupMembersRequest::default() };
                admin.directory().remove_group_members(request).await.map(drop)
            }
            2 => {
                let of_group = groups_permission(LeadAction::View, &[&group_id]);
                let choices = [
                    permission(LeadAction::View, AccessLevel::None),
                    permission(LeadAction::View, AccessLevel::SameAsProfile),
                    Permission { include_unassigned: true, ..permission(LeadAction::View, AccessLevel::Individual) },
                    of_group,
                ];
                admin.set_permission(ana, dice.one_of(&choices).clone()).await
            }
            _ => {
                let level = *dice.one_of(&[AccessLevel::None, AccessLevel::Individual]);
                let permissions = vec![permission(LeadAction::View, level)];
                let request = UpdateProfileRequest {
                    profile: Some(Profile { id: self.graced.clone(), permissions, ..Profile::default() }),
                    update_mask: Some(FieldMask { paths: vec!["permissions".to_owned()] }),
                    ..UpdateProfileRequest::default()
                };
                admin.permissions().update_profile(request).await.map(drop)
            }
        }
    }
}
