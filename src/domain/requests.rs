//! Requests that are safe to repeat: what a request was answered is kept with the change itself, and answered again.
//!
//! Kept are a digest of the request and the answer, both under keys that only its request ID gives. Neither the database nor its backups
//! can tell what was answered, be it a lead's data or a token that is shown once.

use std::{collections::HashSet, fmt};

use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce, aead::Aead};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Error, Result};
use crate::{
    access::Caller,
    model::{ids::LeadId, permission::Action},
    store::{
        Tx, fence, leads,
        requests::{self, Asked},
    },
};

const NONCE: usize = 24;

/// A request of one caller, by the ID that they gave it.
pub struct Request {
    key: [u8; 32],
    digest: [u8; 32],
    cipher: XChaCha20Poly1305,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").finish_non_exhaustive()
    }
}

impl Request {
    /// The caller's request of this ID, which says this.
    pub fn of(caller: &Caller, id: Uuid, digest: [u8; 32]) -> Self {
        let actor = caller.actor();
        let derive = |purpose: &str, of: &[u8]| -> [u8; 32] {
            Sha256::new()
                .chain_update(purpose)
                .chain_update(caller.id().uuid().as_bytes())
                .chain_update(actor.id.uuid().as_bytes())
                .chain_update(id.as_bytes())
                .chain_update(of)
                .finalize()
                .into()
        };
        let cipher = XChaCha20Poly1305::new(&derive("answer", &[]).into());
        Self { key: derive("request", &[]), digest: derive("body", &digest), cipher }
    }

    /// What the request was answered before; none where it is made for the first time. To be asked before anything is locked.
    ///
    /// # Errors
    /// REQUEST_ID_REUSED for another request of this ID; LEAD_NOT_FOUND where the lead that the answer is about is gone, or out of the
    /// caller's reach by now.
    pub async fn answered(&self, tx: &Tx, caller: &Caller) -> Result<Option<Vec<u8>>> {
        let kept = match requests::ask(tx, &self.key, &self.digest).await? {
            Asked::First => return Ok(None),
            Asked::Another => return Err(Error::RequestIdReused),
            Asked::Again(kept) => kept,
        };
        fence::hold(tx, caller.fence()).await?;
        if let Some(lead) = kept.lead_id {
            still_reached(tx, caller, lead).await?;
        }
        let sealed = kept.answer.ok_or(Error::LeadNotFound)?;
        let opened = self.open(&sealed);
        opened.map(Some).ok_or_else(|| Error::Internal("a kept answer can't be opened".to_owned()))
    }

    /// Keeps what the request is answered, with the change that it made.
    ///
    /// # Errors
    /// The database's.
    pub async fn keep(&self, tx: &Tx, answer: &[u8], about: Option<LeadId>) -> Result<()> {
        let sealed = self.seal(answer).ok_or_else(|| Error::Internal("no randomness to seal an answer".to_owned()))?;
        Ok(requests::keep(tx, &self.key, sealed, about).await?)
    }

    fn seal(&self, answer: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).ok()?;
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), answer).ok()?;
        Some([&nonce, sealed.as_slice()].concat())
    }

    fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE)?;
        let nonce: [u8; NONCE] = nonce.try_into().ok()?;
        self.cipher.decrypt(&XNonce::from(nonce), sealed).ok()
    }
}

/// An answer about a lead is for those who could have been given it today, too.
/// Which of some leads the caller may view or assign.
///
/// # Errors
/// The database's.
pub async fn reached(tx: &Tx, caller: &Caller, ids: &[LeadId]) -> Result<HashSet<LeadId>> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let mut reached = HashSet::new();
    for action in [Action::View, Action::Assign] {
        let found = leads::get_many(tx, &caller.scope_to(action), ids).await?;
        reached.extend(found.iter().map(|found| found.lead().id));
    }
    Ok(reached)
}

async fn still_reached(tx: &Tx, caller: &Caller, lead: LeadId) -> Result<()> {
    for action in Action::ALL {
        if leads::get(tx, &caller.scope_to(*action), lead).await?.is_some() {
            return Ok(());
        }
    }
    Err(Error::LeadNotFound)
}
