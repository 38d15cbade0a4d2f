//! Who may be given a lead: asked wherever one is given (domain contract, section 6).

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    access::{
        policy::{Facts, Principal, Reach},
        scope::LeadScope,
    },
    domain::{Ineligible, Result},
    model::{
        ids::UserId,
        lead::LeadKind,
        permission::Action,
        settings::Settings,
        user::{Desk, UserState},
    },
    store::{Tx, leads, principals, users},
};

/// A user who is to be given leads.
#[derive(Debug)]
pub struct Candidate {
    facts: Facts,
    /// Whether they may view any lead.
    views: bool,
    /// How many open leads they have, where their profile limits them.
    open: u64,
}

impl Candidate {
    /// Those of some users who exist. Their rows are locked until the transaction ends, so that nobody else adds to what they have.
    ///
    /// # Errors
    /// The database's.
    pub async fn lock(tx: &Tx, ids: &BTreeSet<UserId>) -> Result<BTreeMap<UserId, Self>> {
        users::lock(tx, ids).await?;
        Self::look_at(tx, ids).await
    }

    /// The same, while others may add to what they have.
    ///
    /// # Errors
    /// The database's.
    pub async fn look_at(tx: &Tx, ids: &BTreeSet<UserId>) -> Result<BTreeMap<UserId, Self>> {
        let all: Vec<UserId> = ids.iter().copied().collect();
        let facts = principals::facts_of(tx, &all).await?;
        let limited: Vec<UserId> = facts.iter().filter(|facts| is_limited(facts)).map(|facts| facts.user_id).collect();
        let every_lead = LeadScope::system("capacity counts every lead, whoever asks may see");
        let open = leads::count_open(tx, &every_lead, &limited).await?;
        let candidate = |facts: Facts| Self {
            views: *Principal::resolve(&facts).reach(Action::View) != Reach::None,
            open: open.get(&facts.user_id).copied().unwrap_or_default(),
            facts,
        };
        Ok(facts.into_iter().map(|facts| (facts.user_id, candidate(facts))).collect())
    }

    /// Who it is.
    pub fn user_id(&self) -> UserId {
        self.facts.user_id
    }

    /// What is known of them.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Whether there are leads that they may be given.
    pub fn may_take_any(&self) -> bool {
        self.facts.state == UserState::Active && self.views
    }

    /// Whether their profile lets them have one more open lead.
    pub fn has_room(&self) -> bool {
        self.facts.profile.max_open_leads.is_none_or(|most| self.open < u64::from(most))
    }

    /// Whether they may be given one lead more of a kind, be it among others.
    ///
    /// # Errors
    /// What is in the way.
    pub fn may_take(&self, kind: LeadKind, settings: &Settings) -> Result<(), Ineligible> {
        self.may_have(kind, settings)?;
        if self.has_room() { Ok(()) } else { Err(Ineligible::OverCapacity) }
    }

    /// Whether a lead of a kind may be theirs that takes no room, since the work on it has ended.
    ///
    /// # Errors
    /// What is in the way.
    pub fn may_have(&self, kind: LeadKind, settings: &Settings) -> Result<(), Ineligible> {
        let facts = &self.facts;
        if facts.state == UserState::Deactivated {
            return Err(Ineligible::UserDeactivated);
        }
        if !self.views {
            return Err(Ineligible::CannotView);
        }
        if settings.enforce_desks && facts.desk.is_some_and(|theirs| theirs != desk_of(kind)) {
            return Err(Ineligible::WrongDesk);
        }
        Ok(())
    }

    /// Counts a lead that they have been given.
    pub fn takes(&mut self) {
        self.open += 1;
    }

    /// Counts an open lead that has been taken from them.
    pub fn loses(&mut self) {
        self.open = self.open.saturating_sub(1);
    }
}

fn is_limited(facts: &Facts) -> bool {
    facts.profile.max_open_leads.is_some()
}

fn desk_of(kind: LeadKind) -> Desk {
    match kind {
        LeadKind::Lead | LeadKind::Registration => Desk::Sales,
        LeadKind::Client => Desk::Retention,
    }
}
