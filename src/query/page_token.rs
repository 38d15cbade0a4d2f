//! Page tokens: sealed, and bound to the caller, the method and its arguments, so that none can be made up or carried over.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};

use crate::model::ids::UserId;

const NONCE: usize = 24;

/// What a token is good for.
#[derive(Clone, Debug)]
pub struct Binding(Vec<u8>);

impl Binding {
    /// This caller, this method, these arguments.
    pub fn new(caller: UserId, method: &str, arguments: &[u8]) -> Self {
        let mut bytes = caller.uuid().as_bytes().to_vec();
        bytes.extend_from_slice(method.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(arguments);
        Self(bytes)
    }
}

/// Seals and opens page tokens under the database's key, so that every server of it can read every other's.
#[derive(Clone)]
pub struct PageTokens {
    cipher: XChaCha20Poly1305,
}

impl fmt::Debug for PageTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageTokens").finish_non_exhaustive()
    }
}

impl PageTokens {
    /// Under a key of 256 bits.
    pub fn new(key: &[u8; 32]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(key.into()) }
    }

    /// The token for a place; none where there is no randomness to be had.
    pub fn seal(&self, binding: &Binding, place: &[u8]) -> Option<String> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).ok()?;
        let payload = Payload { msg: place, aad: &binding.0 };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).ok()?;
        Some(URL_SAFE_NO_PAD.encode([&nonce, sealed.as_slice()].concat()))
    }

    /// The place of a token; none for a token of another caller, method, arguments or maker.
    pub fn open(&self, binding: &Binding, token: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE)?;
        let nonce: [u8; NONCE] = nonce.try_into().ok()?;
        self.cipher.decrypt(&XNonce::from(nonce), Payload { msg: sealed, aad: &binding.0 }).ok()
    }
}
