//! From a credential to a caller, kept until their rights change.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use moka::future::Cache;
use tokio::sync::mpsc;
use tracing::Instrument;

use super::{
    Caller,
    caller::{Claim, Credential},
    fence::Fence,
    token::{ApiSecret, SecretHash},
};
use crate::{
    domain::{Error, Result},
    model::{ids::UserId, permission::Capability, user::UserState},
    store::{Store, Tx, fence, principals, tokens},
};

/// How many callers are kept.
const MOST_CALLERS: u64 = 100_000;
/// How long a caller is kept who doesn't call. What is kept never goes stale: the fence sees to that.
const IDLE: Duration = Duration::from_secs(15 * 60);

/// How many notices of changes may wait.
const NOTICES: usize = 256;

/// Parts that a test can switch off, to see what they are for. The fence stands whatever is said here, but in builds with the feature
/// `switches`.
#[derive(Clone, Copy, Debug)]
pub struct Engine {
    /// Keep resolved callers.
    pub cache: bool,
    /// Test in every statement that the caller's rights are still what they were.
    pub fence: bool,
    /// Let go of callers as soon as the database tells of a change (PostgreSQL).
    pub listen: bool,
}

impl Default for Engine {
    fn default() -> Self {
        Self { cache: true, fence: true, listen: true }
    }
}

/// Finds out who calls.
#[derive(Clone, Debug)]
pub struct Resolver {
    store: Store,
    known: Cache<Claim, Arc<Known>>,
    engine: Engine,
}

/// A resolved caller, and when the use of their token was last noted, in seconds since [`START`].
#[derive(Debug)]
struct Known {
    caller: Caller,
    noted: AtomicU64,
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Resolver {
    /// Over the users and tokens of a store.
    pub fn new(store: Store, engine: Engine) -> Self {
        let known = Cache::builder().max_capacity(MOST_CALLERS).time_to_idle(IDLE).build();
        Self { store, known, engine }
    }

    /// The caller that a credential stands for. They may be as they were when they last called: whatever is answered to them
    /// must come of statements that test their fence, or of [`verified`](Self::verified).
    ///
    /// # Errors
    /// Unauthenticated, whatever is wrong with the credential; CAPABILITY_REQUIRED, ROLE_REQUIRED for a caller who may not act
    /// on behalf of that user; or the database's.
    pub async fn caller(&self, bearer: &str, on_behalf_of: Option<UserId>) -> Result<Caller> {
        let claim = Claim { hash: SecretHash::of(bearer), on_behalf_of };
        let known = match self.known.get(&claim).await {
            Some(known) => known,
            None => {
                // What can't be a token of ours isn't asked of the database.
                ApiSecret::parse(bearer).ok_or(Error::Unauthenticated)?;
                self.look_up(claim).await?
            }
        };
        self.note_use(&known);
        Ok(known.caller.clone())
    }

    /// The same caller, as they are at this moment.
    ///
    /// # Errors
    /// Unauthenticated where the user or the token may no longer call; or the database's.
    pub async fn verified(&self, caller: &Caller) -> Result<Caller> {
        Ok(self.moved(caller).await?.unwrap_or_else(|| caller.clone()))
    }

    /// The same caller as they are at this moment, if their rights are no longer what they were.
    ///
    /// # Errors
    /// Unauthenticated where the user or the token may no longer call; or the database's.
    pub async fn moved(&self, caller: &Caller) -> Result<Option<Caller>> {
        match caller.fence() {
            Some(fence) if !fence::stands(&self.store, fence).await? => {}
            _ => return Ok(None),
        }
        let claim = &caller.credential().claim;
        if let Some(known) = self.known.get(claim).await
            && known.caller.fence() == caller.fence()
        {
            self.known.invalidate(claim).await;
        }
        let known = match self.look_up(claim.clone()).await? {
            // Somebody had just looked it up, and put it where it was taken from.
            same if same.caller.fence() == caller.fence() => self.resolve(claim.clone()).await?,
            newer => newer,
        };
        Ok(Some(known.caller.clone()))
    }

    /// Lets go of a user whose rights have changed, or of everyone.
    async fn forget(&self, user: Option<UserId>) {
        let Some(user) = user else { return self.known.invalidate_all() };
        let concerns = |known: &Known| known.caller.id() == user || known.caller.actor().id == user;
        let gone: Vec<Arc<Claim>> =
            self.known.iter().filter(|(_, known)| concerns(known)).map(|(claim, _)| claim).collect();
        for claim in gone {
            self.known.invalidate(&*claim).await;
        }
    }

    /// Forgets callers as the database tells of changes, for as long as it is polled.
    pub async fn listen(self) {
        if !(self.engine.listen && self.engine.cache) {
            return;
        }
        let (heard, mut changes) = mpsc::channel(NOTICES);
        let forgetting = async {
            while let Some(user) = changes.recv().await {
                self.forget(user).await;
            }
        };
        tokio::join!(self.store.listen_for_rights(heard), forgetting);
    }

    /// Resolves a caller once, however many ask, even if all of them go away meanwhile.
    async fn look_up(&self, claim: Claim) -> Result<Arc<Known>> {
        let resolver = self.clone();
        let looked = tokio::spawn(async move { resolver.look_up_together(claim).await }.in_current_span()).await;
        looked.map_err(|died| Error::Internal(format!("resolving a caller died: {died}")))?
    }

    async fn look_up_together(&self, claim: Claim) -> Result<Arc<Known>> {
        if !self.engine.cache {
            return self.resolve(claim).await;
        }
        let mut refusal = None;
        let looking = async { self.resolve(claim.clone()).await.map_err(|error| refusal = Some(error)) };
        let looked = self.known.try_get_with(claim.clone(), looking).await;
        match (looked, refusal) {
            (Ok(known), _) => Ok(known),
            (Err(_), Some(refusal)) => Err(refusal),
            // Others began to look before this call started, and no fence tells whether a refusal still stands.
            (Err(_), None) => self.resolve(claim).await,
        }
    }

    async fn resolve(&self, claim: Claim) -> Result<Arc<Known>> {
        // One state of the database for all that is read, or a change in between makes a caller who never was.
        let (mut caller, worth_noting) = self
            .store
            .snapshot(claim, |tx, claim| async move {
                let token = tokens::usable(&tx, &claim.hash).await?.ok_or(Error::Unauthenticated)?;
                Ok::<_, Error>((identify(&tx, &token, &claim).await?, token.use_is_worth_noting))
            })
            .await?;
        if cfg!(feature = "switches") && !self.engine.fence {
            caller = caller.unfenced();
        }
        let noted = if worth_noting { 0 } else { seconds() };
        Ok(Arc::new(Known { caller, noted: AtomicU64::new(noted) }))
    }

    /// The first to see that a use is worth noting notes it.
    fn note_use(&self, known: &Known) {
        let (now, noted) = (seconds(), known.noted.load(Ordering::Relaxed));
        if noted != 0 && now < noted + tokens::USE_RESOLUTION.as_secs() {
            return;
        }
        if known.noted.compare_exchange(noted, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            tokens::note_use(self.store.clone(), known.caller.credential().token);
        }
    }
}

/// Resolves a caller again within a transaction.
///
/// # Errors
/// Unauthenticated where the user or the token may no longer call; or the database's.
pub async fn again(tx: &Tx, caller: &Caller) -> Result<Caller> {
    let credential = caller.credential();
    let token = tokens::usable_by_id(tx, credential.token).await?.ok_or(Error::Unauthenticated)?;
    identify(tx, &token, &credential.claim).await
}

/// The caller that a good token stands for: its user, or the one on whose behalf that user calls.
async fn identify(tx: &Tx, token: &tokens::UsableToken, claim: &Claim) -> Result<Caller> {
    let everyone = fence::everyones_version(tx).await?;
    let mut facts = principals::facts(tx, token.user_id).await?.ok_or(Error::Unauthenticated)?;
    let mut users = vec![(facts.user_id, facts.rights_version)];
    let mut service = None;
    if let Some(user) = claim.on_behalf_of.filter(|user| *user != token.user_id) {
        let credential = Credential { token: token.id, service: None, claim: claim.clone() };
        let caller = Caller::authenticated(&facts, None, credential).ok_or(Error::Unauthenticated)?;
        caller.require(Capability::ActOnBehalf)?;
        facts = principals::facts(tx, user)
            .await?
            .filter(|facts| facts.state == UserState::Active)
            .ok_or(Error::Unauthenticated)?;
        // It may act for those who hold more than itself, but not for those above it.
        caller.require_role(facts.profile.role)?;
        users.push((facts.user_id, facts.rights_version));
        service = Some(token.user_id);
    }
    let fence = Fence { everyone, users, until: token.expire_time };
    let credential = Credential { token: token.id, service, claim: claim.clone() };
    Caller::authenticated(&facts, Some(fence), credential).ok_or(Error::Unauthenticated)
}

/// Never 0.
fn seconds() -> u64 {
    START.elapsed().as_secs() + 1
}
