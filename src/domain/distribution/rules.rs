//! The rules themselves.

use std::collections::BTreeSet;

use crate::{
    access::{Caller, escalation::Escalation, policy::Reach},
    domain::{Error, Resource, Result, Violation, etag},
    model::{
        distribution::{NewRule, Rule, RulePatch, Strategy, Targets},
        ids::{RuleId, UserId},
        page::{Page, Paged},
        permission::{Action, Capability},
    },
    store::{self, Store, Tx, fence, groups, names, rules},
};

/// The most rules that there may be.
const MOST: usize = 100;

const NOT_FOUND: Error = Error::NotFound(Resource::AssignmentRule);

/// Refuses a caller who may not see the rules.
///
/// # Errors
/// CAPABILITY_REQUIRED.
pub fn may_read(caller: &Caller) -> Result<()> {
    if caller.holds(Capability::ManageSettings) { Ok(()) } else { caller.require_directory() }
}

/// Refuses a caller who may not change the rules.
///
/// # Errors
/// CAPABILITY_REQUIRED.
pub fn may_change(caller: &Caller) -> Result<()> {
    caller.require(Capability::ManageSettings)
}

/// A page of the rules, in the order in which they are tried.
///
/// # Errors
/// CAPABILITY_REQUIRED.
pub async fn list(store: &Store, caller: &Caller, page: &Page) -> Result<Paged<Rule>> {
    may_read(caller)?;
    let rules = rules::all(store).await?;
    let after = page.after.and_then(|after| rules.iter().position(|rule| rule.id.uuid() == after));
    let rest = rules.into_iter().skip(after.map_or(0, |at| at + 1)).take(page.size as usize + 1);
    Ok(page.cut(rest.collect(), |rule| rule.id.uuid()))
}

/// Makes a rule.
///
/// # Errors
/// CAPABILITY_REQUIRED, ESCALATION, INVALID_ARGUMENT, DUPLICATE_RESOURCE.
pub async fn create(tx: &Tx, caller: &Caller, new: &NewRule) -> Result<Rule> {
    fence::hold(tx, caller.fence()).await?;
    may_change(caller)?;
    let all = rules::all(tx).await?;
    if all.len() >= MOST {
        return Err(Error::invalid("rule", format!("is one more than {MOST}")));
    }
    let last = all.iter().map(|rule| rule.position).max().unwrap_or(0);
    let NewRule { position, name, filter, strategy, targets, on_creation, disabled } = new.clone();
    let rule = Rule {
        id: RuleId::at(tx.now()),
        position: position.unwrap_or(last.saturating_add(1)),
        name,
        filter,
        strategy,
        targets,
        on_creation,
        disabled,
        create_time: tx.now(),
        update_time: tx.now(),
        version: 1,
    };
    may_give(caller, rule.on_creation)?;
    check(tx, &rule).await?;
    rules::insert(tx, &rule).await.map_err(refused)?;
    Ok(rule)
}

/// Changes a rule.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, STALE_ETAG, ESCALATION, INVALID_ARGUMENT, DUPLICATE_RESOURCE.
pub async fn update(tx: &Tx, caller: &Caller, id: RuleId, patch: &RulePatch, etag: Option<&str>) -> Result<Rule> {
    let before = own(tx, caller, id, etag).await?;
    let RulePatch { position, name, filter, strategy, targets, on_creation, disabled } = patch.clone();
    let old = before.clone();
    let after = Rule {
        position: position.unwrap_or(old.position),
        name: name.unwrap_or(old.name),
        filter: filter.unwrap_or(old.filter),
        strategy: strategy.unwrap_or(old.strategy),
        targets: targets.unwrap_or(old.targets),
        on_creation: on_creation.unwrap_or(old.on_creation),
        disabled: disabled.unwrap_or(old.disabled),
        ..old
    };
    if after == before {
        return Ok(before);
    }
    may_give(caller, before.on_creation || after.on_creation)?;
    check(tx, &after).await?;
    if !rules::update(tx, &before, &after).await.map_err(refused)? {
        return Err(store::Error::Conflict(None).into());
    }
    rules::get(tx, id).await?.ok_or(NOT_FOUND)
}

/// Deletes a rule.
///
/// # Errors
/// CAPABILITY_REQUIRED, RESOURCE_NOT_FOUND, STALE_ETAG, ESCALATION.
pub async fn delete(tx: &Tx, caller: &Caller, id: RuleId, etag: Option<&str>) -> Result<()> {
    let rule = own(tx, caller, id, etag).await?;
    may_give(caller, rule.on_creation)?;
    if rules::delete(tx, &rule).await? { Ok(()) } else { Err(store::Error::Conflict(None).into()) }
}

async fn own(tx: &Tx, caller: &Caller, id: RuleId, etag: Option<&str>) -> Result<Rule> {
    fence::hold(tx, caller.fence()).await?;
    may_change(caller)?;
    let rule = rules::get(tx, id).await?.ok_or(NOT_FOUND)?;
    etag::check(etag, rule.version)?;
    Ok(rule)
}

/// A rule for new leads gives away leads of everybody.
fn may_give(caller: &Caller, on_creation: bool) -> Result<()> {
    if on_creation && *caller.reach(Action::Assign) != Reach::Complete {
        return Err(Escalation::Action(Action::Assign).into());
    }
    Ok(())
}

async fn check(tx: &Tx, rule: &Rule) -> Result<()> {
    let mut faults = Vec::new();
    let mut fault = |field: String, description: String| faults.push(Violation { field, description });
    match &rule.targets {
        Targets::Users(targets) => {
            let ids: BTreeSet<UserId> = targets.iter().map(|target| target.user_id).collect();
            let known = names::user_names(tx, &ids).await?;
            for (at, target) in targets.iter().enumerate() {
                if !known.contains_key(&target.user_id) {
                    fault(format!("rule.targets[{at}].user_id"), "no such user".to_owned());
                }
            }
        }
        Targets::Group(group) => {
            if rule.strategy == Strategy::Weighted {
                fault("rule.group_id".to_owned(), "WEIGHTED needs targets with their weights".to_owned());
            }
            if groups::get(tx, *group).await?.is_none() {
                fault("rule.group_id".to_owned(), "no such group".to_owned());
            }
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::Invalid(faults)) }
}

fn refused(error: store::Error) -> Error {
    match error {
        store::Error::Unique(_) => Error::DuplicateResource { resource: Resource::AssignmentRule, field: "name" },
        // Another call deleted the group between our look and our write.
        store::Error::Reference(_) => Error::invalid("rule.group_id", "no such group"),
        other => other.into(),
    }
}
