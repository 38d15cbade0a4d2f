use std::net::SocketAddr;

use leadward::proto::{
    AccessCheck, AssignLeadRequest, AssignLeadResponse, AssignmentOutcome, BatchAssignLeadsRequest,
    BatchCheckAccessRequest, CheckAccessRequest, ClaimLeadRequest, CreateLeadRequest, DeleteLeadRequest,
    DeletionReason, DiscardLeadRequest, ExplainAccessRequest, ExplainAccessResponse, GetLeadRequest,
    GrantLeadAccessRequest, GrantMode, ImportLeadsRequest, ImportResult, ImportRow, Lead, LeadAccess, LeadAction,
    LeadHistoryEntry, LeadState, ListLeadAccessRequest, ListLeadHistoryRequest, ListLeadsRequest,
    ListPermissionChangesRequest, Permission, PermissionChange, ReopenLeadRequest, ResolveLeadRequest,
    RetrieveLeadRequest, RevokeLeadAccessRequest, UnassignLeadRequest, UnassignLeadResponse, UpdateLeadRequest,
    UpdateUserPermissionsRequest, access_check_result::Outcome, assignment_service_client::AssignmentServiceClient,
    directory_service_client::DirectoryServiceClient, lead_service_client::LeadServiceClient,
    order_service_client::OrderServiceClient, permission_service_client::PermissionServiceClient,
    report_service_client::ReportServiceClient,
};
use prost_types::FieldMask;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use super::{item_status, reason};

/// A thousand leads with all that they may say.
const LARGEST_PAGE: usize = 16 * 1024 * 1024;

/// Somebody who calls the service.
#[derive(Clone)]
pub struct Caller {
    pub id: String,
    pub name: String,
    pub token: String,
    pub(super) channel: Channel,
    pub(super) on_behalf_of: Option<String>,
}

/// A connection that sends its caller's credential.
pub type Authorised = InterceptedService<Channel, Bearer>;

/// The credential, if any, and on whose behalf it is sent.
#[derive(Clone)]
pub struct Bearer {
    credential: Option<MetadataValue<Ascii>>,
    on_behalf_of: Option<MetadataValue<Ascii>>,
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.credential {
            request.metadata_mut().insert("authorization", value.clone());
        }
        if let Some(value) = &self.on_behalf_of {
            request.metadata_mut().insert("x-leadward-on-behalf-of", value.clone());
        }
        Ok(request)
    }
}

impl Caller {
    /// Whoever a credential stands for, at a server that need not be up yet; an empty one sends none.
    pub fn at(addr: SocketAddr, token: &str) -> Self {
        let channel = Endpoint::from_shared(format!("http://{addr}")).unwrap().connect_lazy();
        Self::with(&channel, token)
    }

    /// The same, over a connection that is there.
    pub(super) fn with(channel: &Channel, token: &str) -> Self {
        let (id, name) = (String::new(), String::new());
        Self { id, name, token: token.to_owned(), channel: channel.clone(), on_behalf_of: None }
    }

    /// The same caller at another server.
    pub fn at_server(&self, addr: SocketAddr) -> Self {
        Self { channel: Self::at(addr, "").channel, ..self.clone() }
    }

    /// The same credential, sent for a user.
    pub fn on_behalf_of(&self, user: &Caller) -> Self {
        Self { on_behalf_of: Some(user.id.clone()), id: user.id.clone(), name: user.name.clone(), ..self.clone() }
    }

    pub fn leads(&self) -> LeadServiceClient<Authorised> {
        LeadServiceClient::with_interceptor(self.channel.clone(), self.bearer()).max_decoding_message_size(LARGEST_PAGE)
    }

    pub fn orders(&self) -> OrderServiceClient<Authorised> {
        OrderServiceClient::with_interceptor(self.channel.clone(), self.bearer())
            .max_decoding_message_size(LARGEST_PAGE)
    }

    pub fn reports(&self) -> ReportServiceClient<Authorised> {
        ReportServiceClient::with_interceptor(self.channel.clone(), self.bearer())
            .max_decoding_message_size(LARGEST_PAGE)
    }

    pub fn permissions(&self) -> PermissionServiceClient<Authorised> {
        PermissionServiceClient::with_interceptor(self.channel.clone(), self.bearer())
    }

    pub fn assignments(&self) -> AssignmentServiceClient<Authorised> {
        AssignmentServiceClient::with_interceptor(self.channel.clone(), self.bearer())
    }

    pub fn directory(&self) -> DirectoryServiceClient<Authorised> {
        DirectoryServiceClient::with_interceptor(self.channel.clone(), self.bearer())
    }

    fn bearer(&self) -> Bearer {
        let credential = (!self.token.is_empty()).then(|| format!("Bearer {}", self.token).parse().unwrap());
        Bearer { credential, on_behalf_of: self.on_behalf_of.as_ref().map(|user| user.parse().unwrap()) }
    }

    pub async fn create_lead(&self, lead: Lead) -> Result<Lead, Status> {
        let request = CreateLeadRequest { lead: Some(lead), ..CreateLeadRequest::default() };
        Ok(self.leads().create_lead(request).await?.into_inner().lead.unwrap())
    }

    pub async fn get_lead(&self, id: &str) -> Result<Lead, Status> {
        let request = GetLeadRequest { lead_id: id.to_owned() };
        Ok(self.leads().get_lead(request).await?.into_inner().lead.unwrap())
    }

    /// Every page, in the states that the list has where it isn't told.
    pub async fn list_leads(&self, action: LeadAction) -> Result<Vec<Lead>, Status> {
        self.list_leads_in(action, &[], 0).await
    }

    /// Every page.
    pub async fn list_leads_in(
        &self,
        action: LeadAction,
        states: &[LeadState],
        page_size: i32,
    ) -> Result<Vec<Lead>, Status> {
        let states = states.iter().map(|state| i32::from(*state)).collect();
        let mut request = ListLeadsRequest { action: action.into(), states, page_size, ..ListLeadsRequest::default() };
        let mut leads = Vec::new();
        loop {
            let page = self.leads().list_leads(request.clone()).await?.into_inner();
            leads.extend(page.leads);
            if page.next_page_token.is_empty() {
                return Ok(leads);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// No paths in the mask: no mask.
    pub async fn update_lead(&self, lead: Lead, mask: &[&str]) -> Result<Lead, Status> {
        let paths: Vec<_> = mask.iter().map(|path| (*path).to_owned()).collect();
        let update_mask = (!paths.is_empty()).then_some(FieldMask { paths });
        let request = UpdateLeadRequest { lead: Some(lead), update_mask, ..Default::default() };
        Ok(self.leads().update_lead(request).await?.into_inner().lead.unwrap())
    }

    pub async fn discard(&self, id: &str) -> Result<Lead, Status> {
        let request =
            DiscardLeadRequest { lead_id: id.to_owned(), reason: "Not ready".to_owned(), ..Default::default() };
        Ok(self.leads().discard_lead(request).await?.into_inner().lead.unwrap())
    }

    pub async fn retrieve(&self, id: &str) -> Result<Lead, Status> {
        let request = RetrieveLeadRequest { lead_id: id.to_owned(), ..Default::default() };
        Ok(self.leads().retrieve_lead(request).await?.into_inner().lead.unwrap())
    }

    pub async fn reopen(&self, id: &str) -> Result<Lead, Status> {
        let request = ReopenLeadRequest { lead_id: id.to_owned(), ..Default::default() };
        Ok(self.leads().reopen_lead(request).await?.into_inner().lead.unwrap())
    }

    pub async fn delete(&self, id: &str) -> Result<(), Status> {
        let reason = DeletionReason::Obsolete.into();
        let request = DeleteLeadRequest { lead_id: id.to_owned(), reason, ..Default::default() };
        self.leads().delete_lead(request).await.map(drop)
    }

    pub async fn resolve(&self, id: &str) -> Result<Lead, Status> {
        let request =
            ResolveLeadRequest { lead_id: id.to_owned(), disposition: "Declined".to_owned(), ..Default::default() };
        Ok(self.assignments().resolve_lead(request).await?.into_inner().lead.unwrap())
    }

    pub async fn assign(&self, id: &str, to: &Caller) -> Result<AssignLeadResponse, Status> {
        let request =
            AssignLeadRequest { lead_id: id.to_owned(), assignee_id: to.id.clone(), ..AssignLeadRequest::default() };
        Ok(self.assignments().assign_lead(request).await?.into_inner())
    }

    pub async fn claim(&self, id: &str) -> Result<Lead, Status> {
        let request = ClaimLeadRequest { lead_id: id.to_owned(), ..ClaimLeadRequest::default() };
        Ok(self.assignments().claim_lead(request).await?.into_inner().lead.unwrap())
    }

    /// Deals leads out under the policy of the settings.
    pub async fn deal(&self, lead_ids: &[&str], to: &[&Caller]) -> Result<Vec<AssignmentOutcome>, Status> {
        let request = BatchAssignLeadsRequest {
            lead_ids: lead_ids.iter().map(|id| (*id).to_owned()).collect(),
            assignee_ids: to.iter().map(|user| user.id.clone()).collect(),
            ..BatchAssignLeadsRequest::default()
        };
        Ok(self.assignments().batch_assign_leads(request).await?.into_inner().outcomes)
    }

    pub async fn unassign(&self, id: &str) -> Result<UnassignLeadResponse, Status> {
        let request = UnassignLeadRequest { lead_id: id.to_owned(), ..UnassignLeadRequest::default() };
        Ok(self.assignments().unassign_lead(request).await?.into_inner())
    }

    pub async fn grant(&self, id: &str, to: &Caller, mode: GrantMode) -> Result<LeadAccess, Status> {
        let request = GrantLeadAccessRequest {
            lead_id: id.to_owned(),
            user_id: to.id.clone(),
            mode: mode.into(),
            ..Default::default()
        };
        Ok(self.assignments().grant_lead_access(request).await?.into_inner().access.unwrap())
    }

    pub async fn revoke(&self, id: &str, from: &Caller) -> Result<(), Status> {
        let request =
            RevokeLeadAccessRequest { lead_id: id.to_owned(), user_id: from.id.clone(), ..Default::default() };
        self.assignments().revoke_lead_access(request).await.map(drop)
    }

    pub async fn check(&self, user: &Caller, action: LeadAction, lead_id: &str) -> Result<bool, Status> {
        let request =
            CheckAccessRequest { user_id: user.id.clone(), action: action.into(), lead_id: lead_id.to_owned() };
        Ok(self.permissions().check_access(request).await?.into_inner().allowed)
    }

    /// The answer to each pair, or the reason why it has none.
    pub async fn batch_check(
        &self,
        user: &Caller,
        checks: &[(LeadAction, &str)],
    ) -> Result<Vec<Result<bool, String>>, Status> {
        let check =
            |(action, id): &(LeadAction, &str)| AccessCheck { action: (*action).into(), lead_id: (*id).to_owned() };
        let request = BatchCheckAccessRequest { user_id: user.id.clone(), checks: checks.iter().map(check).collect() };
        let results = self.permissions().batch_check_access(request).await?.into_inner().results;
        let answer = |outcome: Option<Outcome>| match outcome.expect("an outcome") {
            Outcome::Allowed(allowed) => Ok(allowed),
            Outcome::Error(error) => Err(reason(&item_status(&error))),
        };
        Ok(results.into_iter().map(|result| answer(result.outcome)).collect())
    }

    pub async fn explain(
        &self,
        user: &Caller,
        action: LeadAction,
        lead_id: &str,
    ) -> Result<ExplainAccessResponse, Status> {
        let request =
            ExplainAccessRequest { user_id: user.id.clone(), action: action.into(), lead_id: lead_id.to_owned() };
        Ok(self.permissions().explain_access(request).await?.into_inner())
    }

    /// Every page, newest first.
    pub async fn history(&self, id: &str) -> Result<Vec<LeadHistoryEntry>, Status> {
        let mut request = ListLeadHistoryRequest { lead_id: id.to_owned(), ..ListLeadHistoryRequest::default() };
        let mut entries = Vec::new();
        loop {
            let page = self.leads().list_lead_history(request.clone()).await?.into_inner();
            entries.extend(page.entries);
            if page.next_page_token.is_empty() {
                return Ok(entries);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Every page.
    pub async fn access_list(&self, id: &str) -> Result<Vec<LeadAccess>, Status> {
        let mut request = ListLeadAccessRequest { lead_id: id.to_owned(), ..ListLeadAccessRequest::default() };
        let mut accesses = Vec::new();
        loop {
            let page = self.assignments().list_lead_access(request.clone()).await?.into_inner();
            accesses.extend(page.accesses);
            if page.next_page_token.is_empty() {
                return Ok(accesses);
            }
            request.page_token = page.next_page_token;
        }
    }

    pub async fn set_permission(&self, user: &Caller, permission: Permission) -> Result<(), Status> {
        let request = UpdateUserPermissionsRequest {
            user_id: user.id.clone(),
            permissions: vec![permission],
            ..UpdateUserPermissionsRequest::default()
        };
        self.permissions().update_user_permissions(request).await.map(drop)
    }

    /// Every page of the record, newest first.
    pub async fn permission_changes(
        &self,
        mut request: ListPermissionChangesRequest,
    ) -> Result<Vec<PermissionChange>, Status> {
        let mut changes = Vec::new();
        loop {
            let page = self.permissions().list_permission_changes(request.clone()).await?.into_inner();
            changes.extend(page.changes);
            if page.next_page_token.is_empty() {
                return Ok(changes);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Imports rows in one message, with the default options.
    pub async fn import(&self, rows: Vec<ImportRow>) -> Result<Vec<ImportResult>, Status> {
        let messages = tokio_stream::iter([ImportLeadsRequest { options: None, rows }]);
        let mut responses = self.leads().import_leads(messages).await?.into_inner();
        let mut results = Vec::new();
        while let Some(response) = responses.message().await? {
            results.extend(response.results);
        }
        Ok(results)
    }
}
