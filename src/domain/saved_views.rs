//! Saved views: a report's arguments under a name, for the owner and for groups. A view is arguments and nothing more: whoever runs it
//! runs it under their own rights.

use std::collections::BTreeSet;

use super::{Error, Resource, Result, etag};
use crate::{
    access::Caller,
    model::{
        ids::{GroupId, SavedViewId},
        page::{Page, Paged},
        permission::Role,
        report::{NewSavedView, Report, SavedView, SavedViewPatch},
    },
    store::{
        self, Store, Tx, fence, groups,
        saved_views::{self, Seen},
        users,
    },
};

/// Why a view of MY_LEADS has no columns.
pub const FIXED_COLUMNS: &str = "are fixed in MY_LEADS";

const NOT_FOUND: Error = Error::NotFound(Resource::SavedView);

/// One view that the caller sees.
///
/// # Errors
/// RESOURCE_NOT_FOUND; INVALID_ARGUMENT for a view of another report.
pub async fn get(store: &Store, caller: &Caller, report: Report, id: SavedViewId) -> Result<SavedView> {
    let view = saved_views::get(store, seen(caller), id).await?.ok_or(NOT_FOUND)?;
    if view.report != report {
        return Err(Error::invalid("saved_view_id", format!("is a view of {}", view.report.word())));
    }
    Ok(view)
}

/// A page of the views that the caller sees.
///
/// # Errors
/// The database's.
pub async fn list(store: &Store, caller: &Caller, report: Option<Report>, page: &Page) -> Result<Paged<SavedView>> {
    Ok(saved_views::list(store, seen(caller), report, page).await?)
}

/// Keeps a report's arguments under a name.
///
/// # Errors
/// INVALID_ARGUMENT, ROLE_REQUIRED, DUPLICATE_RESOURCE.
pub async fn create(tx: &Tx, caller: &Caller, new: &NewSavedView) -> Result<SavedView> {
    fence::hold(tx, caller.fence()).await?;
    may_share(tx, caller, &new.group_ids, &BTreeSet::new()).await?;
    let NewSavedView { report, name, columns, filter, order_by, group_ids } = new.clone();
    let view = SavedView {
        id: SavedViewId::at(tx.now()),
        report,
        owner_id: caller.id(),
        name,
        columns,
        filter,
        order_by,
        group_ids: group_ids.into_iter().collect(),
        create_time: tx.now(),
        update_time: tx.now(),
        version: 1,
    };
    saved_views::insert(tx, &view).await.map_err(refused)?;
    Ok(view)
}

/// Changes a view.
///
/// # Errors
/// RESOURCE_NOT_FOUND, NOT_OWNER, STALE_ETAG, INVALID_ARGUMENT, ROLE_REQUIRED, DUPLICATE_RESOURCE.
pub async fn update(
    tx: &Tx,
    caller: &Caller,
    id: SavedViewId,
    patch: &SavedViewPatch,
    etag: Option<&str>,
) -> Result<SavedView> {
    let before = own(tx, caller, id, etag).await?;
    if before.report == Report::MyLeads && patch.columns.as_ref().is_some_and(|columns| !columns.is_empty()) {
        return Err(Error::invalid("saved_view.columns", FIXED_COLUMNS));
    }
    if let Some(groups) = &patch.group_ids {
        may_share(tx, caller, groups, &before.group_ids).await?;
    }
    let after = patched(&before, patch);
    if after == before {
        return Ok(before);
    }
    if !saved_views::update(tx, &after).await.map_err(refused)? {
        return Err(store::Error::Conflict(None).into());
    }
    saved_views::get(tx, seen(caller), id).await?.ok_or(NOT_FOUND)
}

/// Deletes a view.
///
/// # Errors
/// RESOURCE_NOT_FOUND, NOT_OWNER, STALE_ETAG.
pub async fn delete(tx: &Tx, caller: &Caller, id: SavedViewId, etag: Option<&str>) -> Result<()> {
    let view = own(tx, caller, id, etag).await?;
    if saved_views::delete(tx, &view).await? { Ok(()) } else { Err(store::Error::Conflict(None).into()) }
}

/// A view that the caller may change.
async fn own(tx: &Tx, caller: &Caller, id: SavedViewId, etag: Option<&str>) -> Result<SavedView> {
    fence::hold(tx, caller.fence()).await?;
    let view = saved_views::get(tx, seen(caller), id).await?.ok_or(NOT_FOUND)?;
    if view.owner_id != caller.id() && !caller.is_administrator() {
        return Err(Error::NotOwner);
    }
    etag::check(etag, view.version)?;
    Ok(view)
}

/// Agents share with groups of their own. What was shared before stays so, whoever is a member by now.
async fn may_share(tx: &Tx, caller: &Caller, given: &[GroupId], before: &BTreeSet<GroupId>) -> Result<()> {
    let added: BTreeSet<GroupId> = given.iter().copied().filter(|group| !before.contains(group)).collect();
    if added.is_empty() {
        return Ok(());
    }
    if caller.role < Role::Manager {
        // A group that isn't there is none of theirs either.
        let me = users::get(tx, caller.id()).await?.ok_or(Error::NotFound(Resource::User))?;
        let theirs = added.iter().all(|group| me.groups.contains(group));
        return if theirs { Ok(()) } else { Err(Error::RoleRequired(Role::Manager)) };
    }
    let there = groups::existing(tx, added.clone()).await?;
    match given.iter().position(|group| added.contains(group) && !there.contains(group)) {
        Some(at) => Err(Error::invalid(format!("saved_view.group_ids[{at}]"), "no such group")),
        None => Ok(()),
    }
}

fn patched(before: &SavedView, patch: &SavedViewPatch) -> SavedView {
    let SavedViewPatch { name, columns, filter, order_by, group_ids } = patch.clone();
    let old = before.clone();
    SavedView {
        name: name.unwrap_or(old.name),
        columns: columns.unwrap_or(old.columns),
        filter: filter.unwrap_or(old.filter),
        order_by: order_by.unwrap_or(old.order_by),
        group_ids: group_ids.map_or(old.group_ids, |groups| groups.into_iter().collect()),
        ..old
    }
}

fn seen(caller: &Caller) -> Seen {
    if caller.is_administrator() { Seen::All } else { Seen::By(caller.id()) }
}

fn refused(error: store::Error) -> Error {
    match error {
        store::Error::Unique(_) => Error::DuplicateResource { resource: Resource::SavedView, field: "name" },
        // Another call deleted the group between our look and our write.
        store::Error::Reference(_) => Error::invalid("saved_view.group_ids", "no such group"),
        other => other.into(),
    }
}
