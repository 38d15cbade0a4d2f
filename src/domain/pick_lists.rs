//! Pick lists: kept by managers, chosen from by everyone.

use super::{Error, Resource, Result, etag};
use crate::{
    access::Caller,
    model::{
        ids::EntryId,
        page::{Page, Paged},
        permission::Role,
        pick_list::{Category, Entry, PickList},
    },
    store::{self, Store, Tx, fence, pick_lists},
};

/// Adds a choice.
///
/// # Errors
/// ROLE_REQUIRED, DUPLICATE_RESOURCE.
pub async fn create(tx: &Tx, caller: &Caller, list: PickList, name: &str, category: Option<Category>) -> Result<Entry> {
    caller.require_role(Role::Manager)?;
    fence::hold(tx, caller.fence()).await?;
    let id = pick_lists::insert(tx, list, name, category).await.map_err(name_taken)?;
    found(tx, id).await
}

/// Renames, disables or enables a choice; none leaves it.
///
/// # Errors
/// ROLE_REQUIRED, RESOURCE_NOT_FOUND, STALE_ETAG, DUPLICATE_RESOURCE.
pub async fn update(
    tx: &Tx,
    caller: &Caller,
    id: EntryId,
    name: Option<&str>,
    disabled: Option<bool>,
    etag: Option<&str>,
) -> Result<Entry> {
    caller.require_role(Role::Manager)?;
    fence::hold(tx, caller.fence()).await?;
    let entry = found(tx, id).await?;
    etag::check(etag, entry.version)?;
    let name = name.unwrap_or(&entry.name);
    let disabled = disabled.unwrap_or(entry.disabled);
    let changes = name != entry.name || disabled != entry.disabled;
    if changes && !pick_lists::update(tx, &entry, name, disabled).await.map_err(name_taken)? {
        return Err(store::Error::Conflict(None).into());
    }
    found(tx, id).await
}

/// A page of choices.
///
/// # Errors
/// The database's.
pub async fn list(store: &Store, list: Option<PickList>, disabled: bool, page: &Page) -> Result<Paged<Entry>> {
    Ok(pick_lists::list(store, list, disabled, page).await?)
}

/// The entry that a field names, if it can be chosen.
pub(super) async fn usable(tx: &Tx, list: PickList, name: &str, field: &'static str) -> Result<Entry> {
    let entry = pick_lists::by_name(tx, list, name).await?;
    let entry = entry.ok_or_else(|| Error::invalid(field, format!("not in the pick list {}", list.word())))?;
    if entry.disabled {
        return Err(Error::EntryUnusable("this pick list entry is disabled"));
    }
    Ok(entry)
}

/// The disposition of this name, if the work on a lead can end with it.
pub(super) async fn usable_to_resolve(tx: &Tx, name: &str) -> Result<EntryId> {
    let entry = usable(tx, PickList::Disposition, name, "disposition").await?;
    match entry.category {
        Some(Category::Sales) => Ok(entry.id),
        _ => Err(Error::EntryUnusable("this disposition is not of the category SALES")),
    }
}

async fn found(tx: &Tx, id: EntryId) -> Result<Entry> {
    pick_lists::get(tx, id).await?.ok_or(Error::NotFound(Resource::PickListEntry))
}

fn name_taken(error: store::Error) -> Error {
    match error {
        store::Error::Unique(_) => Error::DuplicateResource { resource: Resource::PickListEntry, field: "name" },
        other => other.into(),
    }
}
