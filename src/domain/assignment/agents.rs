//! Who can be given leads, and how much they have to do.

use std::collections::{BTreeSet, HashMap};

use super::eligibility::Candidate;
use crate::{
    access::{Caller, policy::Reach, scope::View},
    domain::{Error, Resource, Result},
    model::{
        Time,
        ids::{GroupId, UserId},
        page::{Page, Paged},
        permission::Action,
        user::Desk,
    },
    store::{Store, leads, users},
};

/// How many users are looked at in one go, at least: of those who are active, any number may take no leads.
const FEWEST: u32 = 500;

/// Which agents are asked for, of those whom the caller may know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Agents {
    /// Who take the leads of this desk: its own, and those without a desk.
    pub desk: Option<Desk>,
    /// The members of this group.
    pub group: Option<GroupId>,
}

/// An active user who may view leads, and so may be given some.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Who.
    pub user_id: UserId,
    /// Their name.
    pub name: String,
    /// Which leads they take; none: all.
    pub desk: Option<Desk>,
    /// How many open leads they have among those that the caller may view.
    pub open_leads: u64,
    /// How many open leads they may have.
    pub max_open_leads: Option<u32>,
    /// Whether they may have one more, whoever may view those that they have.
    pub has_room: bool,
    /// When they were last given a lead; none for whoever doesn't view all leads.
    pub last_assign_time: Option<Time>,
    /// Whether they take single leads only where the most recent order is partial.
    pub partial_orders_only: bool,
}

/// A page of the users who may be given leads, by user ID. Whoever may neither read the directory nor assign every lead knows the members of
/// their own groups and of those in which they assign.
///
/// # Errors
/// ACTION_NOT_PERMITTED for whoever may assign none.
pub async fn assignable_agents(store: &Store, caller: &Caller, asked: Agents, page: &Page) -> Result<Paged<Agent>> {
    if *caller.reach(Action::Assign) == Reach::None {
        return Err(Error::ActionNotPermitted(Action::Assign));
    }
    let known = known(store, caller, asked.group).await?;
    store
        .snapshot((caller.scope::<View>(), known, *page), move |tx, args| async move {
            let (scope, known, page) = &*args;
            let (mut found, mut after) = (Vec::new(), page.after);
            while found.len() <= page.size as usize {
                let some = Page { size: FEWEST.max(page.size + 1), after };
                let users = users::list(&tx, known.as_deref(), false, &some).await?.rows;
                let Some(last) = users.last() else { break };
                after = Some(last.id.uuid());
                let ids: BTreeSet<UserId> = users.iter().map(|user| user.id).collect();
                let candidates = Candidate::look_at(&tx, &ids).await?;
                found.extend(candidates.into_values().filter(|candidate| takes(candidate, asked.desk)));
            }
            let page = page.cut(found, |candidate| candidate.user_id().uuid());
            let ids: Vec<UserId> = page.rows.iter().map(Candidate::user_id).collect();
            let open = leads::count_open(&tx, scope, &ids).await?;
            // When a lead was given is when it was changed, and so of hidden ones it isn't told.
            let last = if scope.reaches_all() { users::last_assigned(&tx, &ids).await? } else { HashMap::new() };
            let agent = |candidate: Candidate| {
                let facts = candidate.facts();
                Agent {
                    user_id: facts.user_id,
                    name: facts.name.clone(),
                    desk: facts.desk,
                    open_leads: open.get(&facts.user_id).copied().unwrap_or_default(),
                    max_open_leads: facts.profile.max_open_leads,
                    has_room: candidate.has_room(),
                    last_assign_time: last.get(&facts.user_id).copied(),
                    partial_orders_only: facts.profile.assign_partial_orders_only,
                }
            };
            Ok(Paged { rows: page.rows.into_iter().map(agent).collect(), next: page.next })
        })
        .await
}

/// Of which groups the members may be listed; none: everybody.
async fn known(store: &Store, caller: &Caller, asked: Option<GroupId>) -> Result<Option<Vec<GroupId>>> {
    if caller.require_directory().is_ok() || *caller.reach(Action::Assign) == Reach::Complete {
        return Ok(asked.map(|group| vec![group]));
    }
    let me = users::get(store, caller.id()).await?.ok_or(Error::NotFound(Resource::User))?;
    let assigns_in = caller.reach(Action::Assign).groups().into_iter().flatten().copied();
    let known = me.groups.into_iter().chain(assigns_in);
    Ok(Some(known.filter(|group| asked.is_none_or(|asked| asked == *group)).collect()))
}

fn takes(candidate: &Candidate, desk: Option<Desk>) -> bool {
    let of_desk = |desk| candidate.facts().desk.is_none_or(|theirs| theirs == desk);
    candidate.may_take_any() && desk.is_none_or(of_desk)
}
