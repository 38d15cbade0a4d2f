//! Changes: each one transaction, and safe to repeat where its request has an ID.

use std::{future::Future, marker::PhantomData, sync::Arc};

use prost::Message;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Api, convert::Faults, status};
use crate::{
    access::Caller,
    domain::{Error, Result, requests},
    model::ids::LeadId,
    proto,
    store::Tx,
};

/// A request for a change.
pub(super) trait Change: Message + 'static {
    /// The call's name.
    const METHOD: &'static str;

    /// What it is answered.
    type Answer: Message + Default + Send + 'static;

    /// Takes the request's ID out; what stays is what a repeated request must have in common with the first.
    fn take_request_id(&mut self) -> String;

    /// Of which lead an answer tells.
    fn about(answer: &Self::Answer) -> Option<&str>;

    /// Whether the request says which leads the outcomes are of.
    const NAMES_LEADS: bool = true;

    /// What an answer tells of leads one by one, which is withheld from whoever reaches them no more.
    fn outcomes(_: &mut Self::Answer) -> Vec<&mut proto::AssignmentOutcome> {
        Vec::new()
    }
}

/// What makes a request the same one as before.
pub(super) struct Once<C> {
    id: Option<Uuid>,
    digest: [u8; 32],
    change: PhantomData<fn() -> C>,
}

impl Faults {
    /// What a request is known by if it is repeated. Its ID is taken out of it.
    pub fn once<C: Change>(&mut self, request: &mut C) -> Once<C> {
        let id = match request.take_request_id().as_str() {
            "" => None,
            text => self.some("request_id", "is not a UUID", Uuid::try_parse(text).ok()),
        };
        let digest = Sha256::new().chain_update(C::METHOD).chain_update([0]).chain_update(request.encode_to_vec());
        Once { id, digest: digest.finalize().into(), change: PhantomData }
    }
}

impl<C: Change> Once<C> {
    /// The caller's request, where it has an ID.
    pub fn request(&self, caller: &Caller) -> Option<requests::Request> {
        self.id.map(|id| requests::Request::of(caller, id, self.digest))
    }
}

impl Api {
    /// What a request that takes more than one transaction was answered, if it was done to its end before.
    pub(super) async fn answered<C: Change>(&self, caller: &Caller, once: &Once<C>) -> Result<Option<C::Answer>> {
        let Some(request) = once.request(caller) else { return Ok(None) };
        let asked = (caller.clone(), request);
        let answered = self.store.write_unless(true, asked, |tx, asked| async move {
            let (caller, request) = &*asked;
            request.answered(&tx, caller).await
        });
        answered.await?.map(|answer| read::<C>(&answer)).transpose()
    }

    /// Makes a change in one transaction, or answers what it was answered before. The work may run again where another
    /// transaction was in the way.
    pub(super) async fn change<C, A, W, F>(&self, caller: &Caller, once: Once<C>, args: A, work: W) -> Result<C::Answer>
    where
        C: Change,
        A: Send + Sync + 'static,
        W: Fn(Tx, Arc<(Caller, A)>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<C::Answer>> + Send,
    {
        self.change_unless(false, caller, once, args, work).await
    }

    /// Like [`change`](Self::change), but with `dry_run` everything is undone at the end and the answer stays.
    pub(super) async fn change_unless<C, A, W, F>(
        &self,
        dry_run: bool,
        caller: &Caller,
        once: Once<C>,
        args: A,
        work: W,
    ) -> Result<C::Answer>
    where
        C: Change,
        A: Send + Sync + 'static,
        W: Fn(Tx, Arc<(Caller, A)>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<C::Answer>> + Send,
    {
        let request = once.request(caller);
        let shared = Arc::new((request, work));
        self.store
            .write_unless(dry_run, (caller.clone(), args), move |tx, args| {
                let shared = Arc::clone(&shared);
                async move {
                    let (request, work) = &*shared;
                    let Some(request) = request else { return work(tx, args).await };
                    if let Some(answer) = request.answered(&tx, &args.0).await? {
                        let mut answer = read::<C>(&answer)?;
                        withhold(&tx, &args.0, C::NAMES_LEADS, C::outcomes(&mut answer)).await?;
                        return Ok(answer);
                    }
                    let answer = work(tx.clone(), Arc::clone(&args)).await?;
                    let about = C::about(&answer).and_then(|id| id.parse::<LeadId>().ok());
                    request.keep(&tx, &answer.encode_to_vec(), about).await?;
                    Ok(answer)
                }
            })
            .await
    }
}

fn read<C: Change>(answer: &[u8]) -> Result<C::Answer> {
    C::Answer::decode(answer).map_err(|_| Error::Internal("a kept answer can't be read".to_owned()))
}

/// Of leads that the caller reaches no more, that it was done or refused is all that is told.
async fn withhold(tx: &Tx, caller: &Caller, named: bool, outcomes: Vec<&mut proto::AssignmentOutcome>) -> Result<()> {
    let ids: Vec<LeadId> = outcomes.iter().filter_map(|outcome| outcome.lead_id.parse().ok()).collect();
    let reached = requests::reached(tx, caller, &ids).await?;
    let hidden = |id: &str| id.parse::<LeadId>().is_ok_and(|id| !reached.contains(&id));
    for outcome in outcomes.into_iter().filter(|outcome| hidden(&outcome.lead_id)) {
        let error = outcome.error.take().map(|_| status::item(Error::LeadNotFound));
        let lead_id = if named { std::mem::take(&mut outcome.lead_id) } else { String::new() };
        *outcome = proto::AssignmentOutcome { lead_id, result: outcome.result, error, ..Default::default() };
    }
    Ok(())
}

macro_rules! changes {
    ($($method:ident: $request:ident => $response:ident $(about $($field:ident).+)? $(withholds $outcomes:expr, named $named:literal)?;)+) => {$(
        impl Change for proto::$request {
            const METHOD: &'static str = stringify!($method);
            type Answer = proto::$response;

            fn take_request_id(&mut self) -> String {
                std::mem::take(&mut self.request_id)
            }

            changes!(@about $response $($($field).+)?);

            $(const NAMES_LEADS: bool = $named;

            fn outcomes(answer: &mut Self::Answer) -> Vec<&mut proto::AssignmentOutcome> {
                let outcomes: fn(&mut proto::$response) -> Vec<&mut proto::AssignmentOutcome> = $outcomes;
                outcomes(answer)
            })?
        }
    )+};
    (@about $response:ident) => {
        fn about(_: &proto::$response) -> Option<&str> {
            None
        }
    };
    (@about $response:ident $resource:ident.$field:ident) => {
        fn about(answer: &proto::$response) -> Option<&str> {
            answer.$resource.as_ref().map(|resource| resource.$field.as_str())
        }
    };
}

changes! {
    CreateLead: CreateLeadRequest => CreateLeadResponse about lead.id;
    RegisterLead: RegisterLeadRequest => RegisterLeadResponse about lead.id;
    RecordDeposit: RecordDepositRequest => RecordDepositResponse about lead.id;
    UpdateLead: UpdateLeadRequest => UpdateLeadResponse about lead.id;
    DiscardLead: DiscardLeadRequest => DiscardLeadResponse about lead.id;
    RetrieveLead: RetrieveLeadRequest => RetrieveLeadResponse about lead.id;
    ReopenLead: ReopenLeadRequest => ReopenLeadResponse about lead.id;
    DeleteLead: DeleteLeadRequest => DeleteLeadResponse;
    BatchDiscardLeads: BatchDiscardLeadsRequest => BatchDiscardLeadsResponse;
    BatchRetrieveLeads: BatchRetrieveLeadsRequest => BatchRetrieveLeadsResponse;
    BatchDeleteLeads: BatchDeleteLeadsRequest => BatchDeleteLeadsResponse;
    AppendLeadHistory: AppendLeadHistoryRequest => AppendLeadHistoryResponse about entry.lead_id;
    CreatePickListEntry: CreatePickListEntryRequest => CreatePickListEntryResponse;
    UpdatePickListEntry: UpdatePickListEntryRequest => UpdatePickListEntryResponse;
    CreateProfile: CreateProfileRequest => CreateProfileResponse;
    UpdateProfile: UpdateProfileRequest => UpdateProfileResponse;
    DeleteProfile: DeleteProfileRequest => DeleteProfileResponse;
    UpdateUserPermissions: UpdateUserPermissionsRequest => UpdateUserPermissionsResponse;
    UpdateSettings: UpdateSettingsRequest => UpdateSettingsResponse;
    AssignLead: AssignLeadRequest => AssignLeadResponse about lead.id;
    ClaimLead: ClaimLeadRequest => ClaimLeadResponse about lead.id;
    BatchAssignLeads: BatchAssignLeadsRequest => BatchAssignLeadsResponse
        withholds |answer| answer.outcomes.iter_mut().collect(), named true;
    AssignOrderCustomers: AssignOrderCustomersRequest => AssignOrderCustomersResponse
        withholds |answer| answer.outcomes.iter_mut().filter_map(|of_order| of_order.outcome.as_mut()).collect(), named false;
    AssignLeadsByFilter: AssignLeadsByFilterRequest => AssignLeadsByFilterResponse;
    TransferLeads: TransferLeadsRequest => TransferLeadsResponse;
    CreateAssignmentRule: CreateAssignmentRuleRequest => CreateAssignmentRuleResponse;
    UpdateAssignmentRule: UpdateAssignmentRuleRequest => UpdateAssignmentRuleResponse;
    DeleteAssignmentRule: DeleteAssignmentRuleRequest => DeleteAssignmentRuleResponse;
    DistributeLeads: DistributeLeadsRequest => DistributeLeadsResponse;
    UnassignLead: UnassignLeadRequest => UnassignLeadResponse about lead.id;
    ResolveLead: ResolveLeadRequest => ResolveLeadResponse about lead.id;
    GrantLeadAccess: GrantLeadAccessRequest => GrantLeadAccessResponse;
    RevokeLeadAccess: RevokeLeadAccessRequest => RevokeLeadAccessResponse;
    CreateUser: CreateUserRequest => CreateUserResponse;
    UpdateUser: UpdateUserRequest => UpdateUserResponse;
    DeactivateUser: DeactivateUserRequest => DeactivateUserResponse;
    ReactivateUser: ReactivateUserRequest => ReactivateUserResponse;
    CreateGroup: CreateGroupRequest => CreateGroupResponse;
    UpdateGroup: UpdateGroupRequest => UpdateGroupResponse;
    DeleteGroup: DeleteGroupRequest => DeleteGroupResponse;
    AddGroupMembers: AddGroupMembersRequest => AddGroupMembersResponse;
    RemoveGroupMembers: RemoveGroupMembersRequest => RemoveGroupMembersResponse;
    CreateApiToken: CreateApiTokenRequest => CreateApiTokenResponse;
    RevokeApiToken: RevokeApiTokenRequest => RevokeApiTokenResponse;
    CreateOrder: CreateOrderRequest => CreateOrderResponse about order.lead_id;
    UpdateOrderStatus: UpdateOrderStatusRequest => UpdateOrderStatusResponse about order.lead_id;
    CreateSavedView: CreateSavedViewRequest => CreateSavedViewResponse;
    UpdateSavedView: UpdateSavedViewRequest => UpdateSavedViewResponse;
    DeleteSavedView: DeleteSavedViewRequest => DeleteSavedViewResponse;
}
