//! The services. A handler converts, asks one use case, and converts back; nothing is decided here.

mod assignment;
mod convert;
mod directory;
mod import;
mod lead;
mod permission;
pub mod request_id;
pub mod status;

use std::sync::Arc;

use prost::Message;
use tonic::{Request, Status};

use crate::{
    access::Caller,
    domain::{Error, Result},
    model::page::{Page, Paged},
    query::page_token::{Binding, PageTokens},
    store::Store,
};

/// What every service stands on.
#[derive(Clone, Debug)]
pub struct Api {
    store: Store,
    page_tokens: Arc<PageTokens>,
}

impl Api {
    /// Over a store, with the key of its page tokens.
    pub fn new(store: Store, page_tokens: PageTokens) -> Self {
        Self { store, page_tokens: Arc::new(page_tokens) }
    }

    /// The page that a list request asks for. `arguments` is the request without page size and token.
    fn page(
        &self,
        caller: &Caller,
        arguments: &impl Listing,
        size: Option<u32>,
        token: &str,
    ) -> Result<(Page, Pages<'_>)> {
        let binding = Binding::new(caller.id(), arguments.method(), &arguments.encode_to_vec());
        let after = match token {
            "" => None,
            token => Some(self.page_tokens.open(&binding, token).ok_or(Error::InvalidPageToken)?),
        };
        Ok((Page { size: size.unwrap_or(Page::DEFAULT_SIZE), after }, Pages { tokens: &self.page_tokens, binding }))
    }
}

/// A list request without its page size and token: what its page tokens are bound to.
trait Listing: Message {
    /// The call's name.
    fn method(&self) -> &'static str;
}

/// Makes the tokens of a list's next pages.
struct Pages<'a> {
    tokens: &'a PageTokens,
    binding: Binding,
}

impl Pages<'_> {
    fn next<T>(&self, paged: &Paged<T>) -> Result<String> {
        match paged.next {
            None => Ok(String::new()),
            Some(after) => self
                .tokens
                .seal(&self.binding, after)
                .ok_or_else(|| Error::Internal("no randomness for a page token".to_owned())),
        }
    }
}

/// The caller of a request; a request that nobody authenticated has none.
fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    request.extensions().get::<Caller>().cloned().ok_or_else(|| status::of(Error::Unauthenticated))
}
