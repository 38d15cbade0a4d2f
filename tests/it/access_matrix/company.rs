use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU32, Ordering},
};

use leadward::proto::{
    AccessLevel, AssignmentRule, AssignmentRuleTarget, AssignmentStrategy, CreateApiTokenRequest,
    CreateAssignmentRuleRequest, CreatePickListEntryRequest, CreateSavedViewRequest, DeactivateUserRequest,
    GetUserRequest, GrantMode, Lead, LeadAction, PickList, PickListEntry, Profile, Report, Role, SavedView,
    UpdateUserPermissionsRequest,
};
use tonic::Status;
use uuid::Uuid;

use crate::support::{Caller, TestServer, groups_permission, permission, profile};

/// The kinds of leads, seen from the pre-seller.
pub const LEADS: [&str; 8] = ["own", "granted", "view-only", "in group", "foreign", "discarded", "resolved", "absent"];

/// One of the company's leads, and the one order that it has.
#[derive(Clone)]
pub struct Fixture {
    pub id: String,
    pub order_id: String,
}

/// A company with one caller of each kind, and leads of each kind on demand.
pub struct Company {
    pub t: TestServer,
    pub people: Vec<(&'static str, Caller)>,
    /// An agent who is there to be assigned, granted and looked at.
    pub receiver: Caller,
    pub group_id: String,
    pub manager: Caller,
    pre_seller: Caller,
    /// One lead of each kind, which is never changed.
    fixtures: Vec<(&'static str, Fixture)>,
    made: AtomicU32,
}

impl Company {
    pub async fn start(t: TestServer) -> Self {
        let (manager, pre_seller) = (t.manager("manager").await, t.agent("pre-seller").await);
        let group_id = t.group("G", &[]).await;
        let people = vec![
            ("anonymous", t.anonymous()),
            ("garbage", t.bearer("lw_garbage")),
            ("deactivated", deactivated(&t).await),
            ("administrator", t.admin()),
            ("manager", manager.clone()),
            ("pre-seller", pre_seller.clone()),
            ("groups agent", groups_agent(&t, &group_id).await),
            ("foreigner", t.agent("foreigner").await),
        ];
        let receiver = t.agent("receiver").await;
        let (fixtures, made) = (Vec::new(), AtomicU32::new(0));
        let mut company = Self { t, people, receiver, group_id, manager, pre_seller, fixtures, made };
        for kind in LEADS {
            let lead = company.new_lead(kind).await;
            company.fixtures.push((kind, lead));
        }
        company
    }

    /// A name that nothing has.
    pub fn fresh(&self, what: &str) -> String {
        format!("{what} {}", self.made.fetch_add(1, Ordering::Relaxed))
    }

    /// A lead of a kind: a fresh one, but for calls that change nothing.
    pub async fn lead(&self, kind: &str, method: &str) -> Fixture {
        let reads = ["Get", "BatchGet", "List", "Count", "Check", "BatchCheck", "Explain"];
        if reads.iter().any(|prefix| method.starts_with(prefix)) {
            let fixture = self.fixtures.iter().find(|(fixture, _)| *fixture == kind);
            return fixture.expect("a fixture of each kind").1.clone();
        }
        self.new_lead(kind).await
    }

    async fn new_lead(&self, kind: &str) -> Fixture {
        let (t, admin, name) = (&self.t, self.t.admin(), self.fresh("lead"));
        let lead: Lead = match kind {
            "own" | "discarded" | "resolved" => t.lead_of(&name, &self.pre_seller).await,
            "granted" | "view-only" | "foreign" => t.lead_of(&name, &self.manager).await,
            "in group" => t.lead_in(&name, &self.group_id).await,
            "absent" => {
                let (id, order_id) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
                return Fixture { id, order_id };
            }
            other => panic!("no such kind of lead: {other}"),
        };
        let order_id = admin.place_order(&lead.id, "N-7").await.unwrap().id;
        match kind {
            "granted" => {
                admin.grant(&lead.id, &self.pre_seller, GrantMode::Full).await.unwrap();
            }
            "view-only" => {
                admin.grant(&lead.id, &self.pre_seller, GrantMode::ViewOnly).await.unwrap();
            }
            "discarded" => {
                admin.discard(&lead.id).await.unwrap();
            }
            "resolved" => {
                admin.resolve(&lead.id).await.unwrap();
            }
            _ => {}
        }
        Fixture { id: lead.id, order_id }
    }

    /// Which of the unchanged leads are among these.
    pub fn kinds<'a>(&self, lead_ids: impl Iterator<Item = &'a String>) -> String {
        let lead_ids: BTreeSet<&String> = lead_ids.collect();
        let found = self.fixtures.iter().filter(|(_, fixture)| lead_ids.contains(&fixture.id));
        let kinds: Vec<_> = found.map(|(kind, _)| *kind).collect();
        if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") }
    }

    /// The caller, or the receiver where the call is about another, or the caller is nobody.
    pub fn subject(&self, caller: &Caller, variant: &str) -> String {
        if variant == "self" && !caller.id.is_empty() { caller.id.clone() } else { self.receiver.id.clone() }
    }

    pub async fn profile_of(&self, user_id: String) -> String {
        let user = self.t.admin().directory().get_user(GetUserRequest { user_id }).await.unwrap();
        user.into_inner().user.unwrap().profile_id().to_owned()
    }

    pub fn new_rule(&self) -> AssignmentRule {
        let target = AssignmentRuleTarget { user_id: self.receiver.id.clone(), weight: 1 };
        AssignmentRule {
            name: Some(self.fresh("rule")),
            strategy: AssignmentStrategy::RoundRobin.into(),
            targets: vec![target],
            ..AssignmentRule::default()
        }
    }

    /// A rule of its own, by its ID.
    pub async fn rule(&self) -> String {
        let request = CreateAssignmentRuleRequest { rule: Some(self.new_rule()), ..Default::default() };
        self.t.admin().assignments().create_assignment_rule(request).await.unwrap().into_inner().rule.unwrap().id
    }

    pub async fn spare_user(&self) -> String {
        let name = self.fresh("spare").replace(' ', "-");
        self.t.agent(&name).await.id
    }

    pub async fn spare_profile(&self) -> Profile {
        self.t.create_profile(profile(&self.fresh("profile"), Role::Agent)).await
    }

    pub async fn spare_token(&self, user_id: String) -> String {
        let request = CreateApiTokenRequest { user_id, ..CreateApiTokenRequest::default() };
        let made = self.t.admin().directory().create_api_token(request).await.unwrap();
        made.into_inner().api_token.unwrap().id
    }

    /// A saved view that its owner makes.
    pub async fn view_of(&self, owner: &Caller) -> Result<SavedView, Status> {
        let view =
            SavedView { report: Report::AllLeads.into(), name: Some(self.fresh("view")), ..SavedView::default() };
        let request = CreateSavedViewRequest { saved_view: Some(view), ..CreateSavedViewRequest::default() };
        Ok(owner.reports().create_saved_view(request).await?.into_inner().saved_view.unwrap())
    }

    pub async fn spare_entry(&self) -> PickListEntry {
        let entry = Some(self.stage());
        let made = self
            .t
            .admin()
            .leads()
            .create_pick_list_entry(CreatePickListEntryRequest { entry, ..Default::default() })
            .await
            .unwrap();
        made.into_inner().entry.unwrap()
    }

    /// A stage to create.
    pub fn stage(&self) -> PickListEntry {
        PickListEntry { list: PickList::Stage.into(), name: Some(self.fresh("stage")), ..PickListEntry::default() }
    }

    pub async fn deactivate(&self, user_id: &str) {
        deactivate(&self.t, user_id).await;
    }
}

async fn deactivate(t: &TestServer, user_id: &str) {
    let request = DeactivateUserRequest { user_id: user_id.to_owned(), ..Default::default() };
    t.admin().directory().deactivate_user(request).await.unwrap();
}

async fn deactivated(t: &TestServer) -> Caller {
    let mut user = t.agent("deactivated").await;
    deactivate(t, &user.id).await;
    // Like the other two whom the service doesn't know, this caller is no subject of calls about oneself.
    user.id.clear();
    user
}

/// A pre-seller whose every level but EXPORT is GROUPS, naming one group.
async fn groups_agent(t: &TestServer, group_id: &str) -> Caller {
    let agent = t.agent("groups-agent").await;
    let actions = [
        LeadAction::View,
        LeadAction::Edit,
        LeadAction::Discard,
        LeadAction::Retrieve,
        LeadAction::Delete,
        LeadAction::Assign,
        LeadAction::Resolve,
    ];
    let mut permissions: Vec<_> = actions.iter().map(|action| groups_permission(*action, &[group_id])).collect();
    permissions.push(permission(LeadAction::Export, AccessLevel::None));
    let request = UpdateUserPermissionsRequest {
        user_id: agent.id.clone(),
        permissions,
        ..UpdateUserPermissionsRequest::default()
    };
    t.admin().permissions().update_user_permissions(request).await.unwrap();
    agent
}
