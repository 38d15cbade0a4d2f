//! What the demo asks of the service.

use std::{collections::HashMap, net::SocketAddr};

use anyhow::{Context, bail};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use super::company::{Employee, GROUPS, Row, import_row};
use crate::proto::{
    AccessLevel, AddGroupMembersRequest, CreateApiTokenRequest, CreateGroupRequest, CreateUserRequest,
    DiscardLeadRequest, DuplicatePolicy, GrantLeadAccessRequest, GrantMode, Group, ImportLeadsRequest, ImportOptions,
    ImportOutcome, LeadAction, ListApiTokensRequest, ListGroupsRequest, ListProfilesRequest, ListUsersRequest,
    Permission, ResolveLeadRequest, RevokeApiTokenRequest, UpdateUserPermissionsRequest, User, WhoAmIRequest,
    assignment_service_client::AssignmentServiceClient, directory_service_client::DirectoryServiceClient,
    lead_service_client::LeadServiceClient, permission_service_client::PermissionServiceClient,
};

const TOKEN_LABEL: &str = "demo";
const PAGE: i32 = 1000;

/// IDs by name or e-mail address.
pub(super) type Ids = HashMap<String, String>;

/// The ID of something that has to be there.
pub(super) fn id_of<'a>(ids: &'a Ids, key: &str) -> anyhow::Result<&'a String> {
    ids.get(key).with_context(|| format!("{key} is missing"))
}

/// Sends the administrator's token with every call.
#[derive(Clone)]
struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// The service, as the administrator.
pub(super) struct Api {
    directory: DirectoryServiceClient<InterceptedService<Channel, Bearer>>,
    permissions: PermissionServiceClient<InterceptedService<Channel, Bearer>>,
    leads: LeadServiceClient<InterceptedService<Channel, Bearer>>,
    assignments: AssignmentServiceClient<InterceptedService<Channel, Bearer>>,
}

impl Api {
    pub(super) async fn connect(addr: SocketAddr, token: &str) -> anyhow::Result<Self> {
        let channel = Endpoint::from_shared(format!("http://{addr}"))?.connect().await?;
        let mut value: MetadataValue<Ascii> = format!("Bearer {token}").parse()?;
        value.set_sensitive(true);
        let bearer = Bearer(value);
        Ok(Self {
            directory: DirectoryServiceClient::with_interceptor(channel.clone(), bearer.clone()),
            permissions: PermissionServiceClient::with_interceptor(channel.clone(), bearer.clone()),
            leads: LeadServiceClient::with_interceptor(channel.clone(), bearer.clone()),
            assignments: AssignmentServiceClient::with_interceptor(channel, bearer),
        })
    }

    /// Users by e-mail address in lower case.
    pub(super) async fn users(&mut self) -> anyhow::Result<Ids> {
        let mut request =
            ListUsersRequest { include_deactivated: true, page_size: PAGE, ..ListUsersRequest::default() };
        let mut users = Ids::new();
        loop {
            let page = self.directory.list_users(request.clone()).await?.into_inner();
            users.extend(page.users.into_iter().filter_map(|user| Some((user.email?.to_lowercase(), user.id))));
            if page.next_page_token.is_empty() {
                return Ok(users);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Profiles by name.
    pub(super) async fn profiles(&mut self) -> anyhow::Result<Ids> {
        let request = ListProfilesRequest { page_size: PAGE, ..ListProfilesRequest::default() };
        let profiles = self.permissions.list_profiles(request).await?.into_inner().profiles;
        Ok(profiles.into_iter().filter_map(|profile| Some((profile.name?, profile.id))).collect())
    }

    /// The demo's groups by name.
    pub(super) async fn groups(&mut self) -> anyhow::Result<Ids> {
        let request = ListGroupsRequest { page_size: PAGE, ..ListGroupsRequest::default() };
        let found = self.directory.list_groups(request).await?.into_inner().groups;
        let mut groups: Ids = found.into_iter().filter_map(|group| Some((group.name?, group.id))).collect();
        for name in GROUPS {
            if !groups.contains_key(name) {
                let group = Group { name: Some(name.to_owned()), ..Group::default() };
                let made = self
                    .directory
                    .create_group(CreateGroupRequest { group: Some(group), ..Default::default() })
                    .await?
                    .into_inner();
                groups.insert(name.to_owned(), made.group.context("no group in the answer")?.id);
            }
        }
        Ok(groups)
    }

    pub(super) async fn hire(&mut self, employee: &Employee, profiles: &Ids) -> anyhow::Result<String> {
        let user = User {
            name: Some(employee.name.to_owned()),
            email: Some(employee.email.to_owned()),
            profile_id: Some(id_of(profiles, employee.profile)?.clone()),
            desk: employee.desk.map(i32::from),
            ..User::default()
        };
        let made = self
            .directory
            .create_user(CreateUserRequest { user: Some(user), ..Default::default() })
            .await?
            .into_inner();
        Ok(made.user.context("no user in the answer")?.id)
    }

    pub(super) async fn join(&mut self, group_id: &str, user_id: &str) -> anyhow::Result<()> {
        let request = AddGroupMembersRequest {
            group_id: group_id.to_owned(),
            user_ids: vec![user_id.to_owned()],
            ..Default::default()
        };
        self.directory.add_group_members(request).await?;
        Ok(())
    }

    pub(super) async fn view_own_groups(&mut self, user_id: &str) -> anyhow::Result<()> {
        let permission = Permission {
            action: LeadAction::View.into(),
            level: AccessLevel::Groups.into(),
            include_member_groups: true,
            ..Permission::default()
        };
        let request = UpdateUserPermissionsRequest {
            user_id: user_id.to_owned(),
            permissions: vec![permission],
            ..UpdateUserPermissionsRequest::default()
        };
        self.permissions.update_user_permissions(request).await?;
        Ok(())
    }

    /// Imports the rows, and answers those whose lead was made with its ID.
    pub(super) async fn import(&mut self, rows: &[Row]) -> anyhow::Result<Vec<(Row, String)>> {
        let options = ImportOptions { on_duplicate: DuplicatePolicy::Skip.into(), ..Default::default() };
        let sent: Result<Vec<_>, _> = rows.iter().enumerate().map(|(number, row)| import_row(number, row)).collect();
        let message = ImportLeadsRequest { options: Some(options), rows: sent? };
        let mut answers = self.leads.import_leads(tokio_stream::iter([message])).await?.into_inner();
        let mut made = Vec::new();
        while let Some(answer) = answers.message().await? {
            for result in answer.results {
                let row = usize::try_from(result.row_number).ok().and_then(|number| rows.get(number));
                let row = row.context("an outcome of no row")?;
                if let Some(error) = result.error {
                    bail!("{}: {}", row.name, error.message);
                }
                if result.outcome == i32::from(ImportOutcome::Created) {
                    made.push((row.clone(), result.lead_id));
                }
            }
        }
        Ok(made)
    }

    pub(super) async fn grant(&mut self, lead_id: &str, user_id: &str) -> anyhow::Result<()> {
        let request = GrantLeadAccessRequest {
            lead_id: lead_id.to_owned(),
            user_id: user_id.to_owned(),
            mode: GrantMode::Full.into(),
            expire_time: None,
            ..Default::default()
        };
        self.assignments.grant_lead_access(request).await?;
        Ok(())
    }

    /// Brings a lead into the state that its row says.
    pub(super) async fn finish(&mut self, row: &Row, lead_id: String) -> anyhow::Result<()> {
        if let Some(reason) = row.discarded.clone() {
            self.leads.discard_lead(DiscardLeadRequest { lead_id, reason, ..Default::default() }).await?;
        } else if let Some(disposition) = row.resolved.clone() {
            self.assignments.resolve_lead(ResolveLeadRequest { lead_id, disposition, ..Default::default() }).await?;
        }
        Ok(())
    }

    /// A new token, and the end of those that earlier starts made.
    pub(super) async fn me(&self) -> anyhow::Result<String> {
        let answer = self.directory.clone().who_am_i(WhoAmIRequest {}).await?.into_inner();
        Ok(answer.user.context("the answer names nobody")?.id)
    }

    pub(super) async fn fresh_token(&mut self, user_id: &str) -> anyhow::Result<String> {
        let earlier = self.earlier_tokens(user_id).await?;
        let request =
            CreateApiTokenRequest { user_id: user_id.to_owned(), label: TOKEN_LABEL.to_owned(), ..Default::default() };
        let secret = self.directory.create_api_token(request).await?.into_inner().secret;
        for api_token_id in earlier {
            self.directory.revoke_api_token(RevokeApiTokenRequest { api_token_id, ..Default::default() }).await?;
        }
        Ok(secret)
    }

    async fn earlier_tokens(&mut self, user_id: &str) -> anyhow::Result<Vec<String>> {
        let mut request =
            ListApiTokensRequest { user_id: user_id.to_owned(), page_size: PAGE, ..ListApiTokensRequest::default() };
        let mut ids = Vec::new();
        loop {
            let page = self.directory.list_api_tokens(request.clone()).await?.into_inner();
            let usable = page.api_tokens.into_iter().filter(|t| t.label == TOKEN_LABEL && t.revoke_time.is_none());
            ids.extend(usable.map(|token| token.id));
            if page.next_page_token.is_empty() {
                return Ok(ids);
            }
            request.page_token = page.next_page_token;
        }
    }
}
