//! API tokens: `lw_`, 256 random bits, and a checksum that tells a typing error from a stranger without asking the database.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const PREFIX: &str = "lw_";
const SECRET_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;

/// A token's secret, as its holder sends it. Never stored, never printed but once.
#[derive(Clone, Debug)]
pub struct ApiSecret(SecretString);

/// What is stored of a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SecretHash([u8; 32]);

impl ApiSecret {
    /// A new one from the system's randomness.
    ///
    /// # Errors
    /// Where the system has none to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret)?;
        let checksum = checksum(&secret);
        Ok(Self(format!("{PREFIX}{}{}", hex(&secret), hex(&checksum)).into()))
    }

    /// Parses what a caller sent; none where it can't be a token of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?;
        let bytes = unhex(digits).filter(|b| b.len() == SECRET_BYTES + CHECKSUM_BYTES)?;
        let (secret, sum) = bytes.split_at(SECRET_BYTES);
        (checksum(secret) == sum).then(|| Self(text.to_owned().into()))
    }

    /// What is stored of it.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(self.expose())
    }

    /// The text itself, to show once.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl SecretHash {
    /// Of whatever a caller sent, a token or not.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// The part by which a token is found in the database; the rest is compared in constant time.
    pub fn lookup(&self) -> &[u8] {
        &self.0[..8]
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it equals a stored one, in a time that tells nothing.
    pub fn matches(&self, stored: &[u8]) -> bool {
        self.0.ct_eq(stored).into()
    }
}

fn checksum(secret: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let digest = Sha256::digest(secret);
    [digest[0], digest[1], digest[2], digest[3]]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let lower = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    if !digits.bytes().all(lower) || !digits.len().is_multiple_of(2) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(digits.get(i..i + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_as_itself_and_no_two_are_alike() {
        let (one, two) = (ApiSecret::generate().unwrap(), ApiSecret::generate().unwrap());
        assert_ne!(one.expose(), two.expose());
        assert_eq!(ApiSecret::parse(one.expose()).unwrap().hash(), one.hash());
        assert!(one.hash().matches(one.hash().bytes()));
        assert!(!one.hash().matches(two.hash().bytes()));
    }

    #[test]
    fn one_wrong_character_is_noticed_without_a_database() {
        let token = ApiSecret::generate().unwrap();
        for at in 0..token.expose().len() {
            let mut wrong = token.expose().to_owned().into_bytes();
            wrong[at] = if wrong[at] == b'0' { b'1' } else { b'0' };
            assert!(ApiSecret::parse(&String::from_utf8(wrong).unwrap()).is_none(), "position {at}");
        }
    }
}
