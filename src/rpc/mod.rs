//! The services. A handler converts, asks one use case, and converts back; nothing is decided here.

mod assignment;
mod convert;
mod directory;
mod export;
pub mod feed;
mod import;
mod lead;
pub mod lull;
mod once;
mod order;
mod parts;
mod permission;
mod pick_lists;
mod report;
pub mod request_id;
pub mod status;
mod watch;

use std::sync::Arc;

use prost::Message;
use tonic::{Request, Status};
use uuid::Uuid;

use self::{convert::Faults, feed::Feed, lull::Calls};
use crate::{
    access::{Caller, Resolver},
    domain::{Error, Result},
    model::page::{Page, Paged},
    proto,
    query::{
        order::Cursor,
        page_token::{Binding, PageTokens},
        slice::{Slice, Sliced},
    },
    store::{self, Store},
};

/// What every service stands on.
#[derive(Clone, Debug)]
pub struct Api {
    store: Store,
    resolver: Resolver,
    page_tokens: Arc<PageTokens>,
    feed: Feed,
    calls: Calls,
}

impl Api {
    /// Over a store, with who knows its callers, the key of its page tokens, what wakes those who watch, and whether anybody calls.
    pub fn new(store: Store, resolver: Resolver, page_tokens: PageTokens, feed: Feed, calls: Calls) -> Self {
        Self { store, resolver, page_tokens: Arc::new(page_tokens), feed, calls }
    }

    /// The page that a list request asks for.
    fn page(&self, caller: &Caller, paging: &Paging) -> Result<(Page, Pages<'_>)> {
        let (after, pages) = self.place(caller, paging)?;
        Ok((Page { size: paging.size, after }, pages))
    }

    /// The page that a request for leads in an order of its own asks for.
    fn slice(&self, caller: &Caller, paging: &Paging) -> Result<(Slice, Pages<'_>)> {
        let (after, pages) = self.place(caller, paging)?;
        Ok((Slice { size: paging.size, after }, pages))
    }

    fn place<P: Place>(&self, caller: &Caller, paging: &Paging) -> Result<(Option<P>, Pages<'_>)> {
        let Paging { size: _, token, method, arguments } = paging;
        let binding = Binding::new(caller.id(), method, arguments);
        let place = |token| P::read(&self.page_tokens.open(&binding, token)?);
        let after = match token.as_str() {
            "" => None,
            token => Some(place(token).ok_or(Error::InvalidPageToken)?),
        };
        Ok((after, Pages { tokens: &self.page_tokens, binding }))
    }
}

/// Where a page ended, as its token keeps it.
trait Place: Sized {
    fn bytes(&self) -> Vec<u8>;

    /// None for what isn't a place in this kind of list.
    fn read(bytes: &[u8]) -> Option<Self>;
}

impl Place for Uuid {
    fn bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        Self::from_slice(bytes).ok()
    }
}

impl Place for Cursor {
    fn bytes(&self) -> Vec<u8> {
        self.to_bytes()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        Self::from_bytes(bytes)
    }
}

/// A request for one page of a list. A handler takes out first what the next page may be asked for otherwise (`read_mask`), then the
/// paging; then [`Api::page`] and [`Pages::fill`] are for lists by ID, and [`Api::slice`] and [`Pages::fill_slice`] for leads by an
/// [`Order`](crate::query::order::Order). What the request still says, filter and order among it, is what its page tokens are bound to.
trait Listing: Message {
    /// The call's name.
    const METHOD: &'static str;

    /// Takes page size and token out.
    fn take_paging(&mut self) -> (i32, String);
}

macro_rules! listing {
    ($($method:literal = $request:ty),+ $(,)?) => {$(
        impl Listing for $request {
            const METHOD: &'static str = $method;

            fn take_paging(&mut self) -> (i32, String) {
                (std::mem::take(&mut self.page_size), std::mem::take(&mut self.page_token))
            }
        }
    )+};
}

listing! {
    "ListLeads" = proto::ListLeadsRequest,
    "ListDeletedLeads" = proto::ListDeletedLeadsRequest,
    "ListOrders" = proto::ListOrdersRequest,
    "ListLeadHistory" = proto::ListLeadHistoryRequest,
    "ListPickListEntries" = proto::ListPickListEntriesRequest,
    "ListPermissionChanges" = proto::ListPermissionChangesRequest,
    "ListProfiles" = proto::ListProfilesRequest,
    "ListAssignedLeads" = proto::ListAssignedLeadsRequest,
    "ListAssignableLeads" = proto::ListAssignableLeadsRequest,
    "ListAssignableAgents" = proto::ListAssignableAgentsRequest,
    "ListAssignmentRules" = proto::ListAssignmentRulesRequest,
    "ListUnplacedLeads" = proto::ListUnplacedLeadsRequest,
    "ListLeadAccess" = proto::ListLeadAccessRequest,
    "ListUsers" = proto::ListUsersRequest,
    "ListGroups" = proto::ListGroupsRequest,
    "ListApiTokens" = proto::ListApiTokensRequest,
    "RunAllLeadsReport" = proto::RunAllLeadsReportRequest,
    "ListMyLeads" = proto::ListMyLeadsRequest,
    "GetAgentReport" = proto::GetAgentReportRequest,
    "ListOrderDetails" = proto::ListOrderDetailsRequest,
    "ListSavedViews" = proto::ListSavedViewsRequest,
}

/// What a list request says of its page.
#[derive(Clone)]
struct Paging {
    size: u32,
    token: String,
    method: &'static str,
    arguments: Vec<u8>,
}

impl Faults {
    /// The paging of a request, which is taken out of it. A page of more than 1,000 rows is one of 1,000.
    fn paging<L: Listing>(&mut self, request: &mut L) -> Paging {
        let (size, token) = request.take_paging();
        let size = match u32::try_from(size) {
            Ok(0) => Page::DEFAULT_SIZE,
            Ok(size) => size.min(Page::MAX_SIZE),
            Err(_) => {
                self.add("page_size", "is negative");
                Page::DEFAULT_SIZE
            }
        };
        Paging { size, token, method: L::METHOD, arguments: request.encode_to_vec() }
    }
}

/// Clients take 4 MiB unless told otherwise.
const LARGEST_PAGE: usize = 3 * 1024 * 1024;

/// Makes the pages of a list.
struct Pages<'a> {
    tokens: &'a PageTokens,
    binding: Binding,
}

impl Pages<'_> {
    /// A page's messages and the token of the next.
    fn fill<T, M: Message>(
        &self,
        paged: Paged<T>,
        key: impl Fn(&T) -> Uuid,
        message: impl Fn(T) -> M,
    ) -> Result<(Vec<M>, String)> {
        self.fit(paged.rows, paged.next, key, message)
    }

    /// A slice's messages and the token of the next.
    fn fill_slice<T, M: Message>(
        &self,
        sliced: Sliced<T>,
        cursor: impl Fn(&T) -> Cursor,
        message: impl Fn(T) -> M,
    ) -> Result<(Vec<M>, String)> {
        self.fit(sliced.rows, sliced.next, cursor, message)
    }

    /// Cut short where the messages would outgrow what clients take.
    fn fit<T, M: Message, P: Place>(
        &self,
        rows: Vec<T>,
        mut next: Option<P>,
        place: impl Fn(&T) -> P,
        message: impl Fn(T) -> M,
    ) -> Result<(Vec<M>, String)> {
        let mut messages = Vec::with_capacity(rows.len());
        let mut room = LARGEST_PAGE;
        let mut last = None;
        for row in rows {
            let at = place(&row);
            let message = message(row);
            match room.checked_sub(message.encoded_len()) {
                // A row that is larger than a page is a page of its own.
                None if last.is_some() => {
                    next = last;
                    break;
                }
                rest => room = rest.unwrap_or(0),
            }
            messages.push(message);
            last = Some(at);
        }
        Ok((messages, self.token(next)?))
    }

    fn token<P: Place>(&self, next: Option<P>) -> Result<String> {
        let Some(after) = next else { return Ok(String::new()) };
        let token = self.tokens.seal(&self.binding, &after.bytes());
        token.ok_or_else(|| Error::Internal("no randomness for a page token".to_owned()))
    }
}

/// Answers a call that is not about leads: its caller is looked at again before it starts, since nothing else would notice
/// that what is known of them is stale. Where their rights move while it waits, as they do by the same request sent twice, it is
/// made once more.
macro_rules! answer {
    ($api:expr, $request:expr, $handler:path) => {{
        let caller = $crate::rpc::caller(&$request)?;
        let caller = $api.resolver.verified(&caller).await.map_err($crate::rpc::status::of)?;
        let request = $request.into_inner();
        let mut answer = $handler($api, &caller, request.clone()).await;
        if let Err($crate::domain::Error::Store($crate::store::Error::Moved)) = &answer {
            let caller = $api.resolver.verified(&caller).await.map_err($crate::rpc::status::of)?;
            answer = $handler($api, &caller, request).await;
        }
        answer.map(tonic::Response::new).map_err($crate::rpc::status::of)
    }};
}
use answer;

/// Answers a call about leads: every statement that it answers from tests by itself that the caller's rights have not moved, and
/// every write holds them. A refusal counts only if they haven't; else the call is made once more by the caller as they are now.
macro_rules! answer_fenced {
    ($api:expr, $request:expr, $handler:path) => {{
        let caller = $crate::rpc::caller(&$request)?;
        let request = $request.into_inner();
        let mut answer = $handler($api, &caller, request.clone()).await;
        if let Err(refusal) = &answer
            && $crate::rpc::may_be_stale(refusal)
            && let Some(caller) = $api.resolver.moved(&caller).await.map_err($crate::rpc::status::of)?
        {
            answer = $handler($api, &caller, request).await;
        }
        answer.map(tonic::Response::new).map_err($crate::rpc::status::of)
    }};
}
use answer_fenced;

/// Whether another caller might have been answered otherwise; what the database itself could not do, it could do for nobody.
fn may_be_stale(refusal: &Error) -> bool {
    matches!(refusal, Error::Store(store::Error::Moved)) || !matches!(refusal, Error::Store(_) | Error::Internal(_))
}

/// The caller of a request; a request that nobody authenticated has none.
fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    request.extensions().get::<Caller>().cloned().ok_or_else(|| status::of(Error::Unauthenticated))
}
