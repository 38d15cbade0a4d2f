//! The calls of `LeadService` on pick lists.

use super::{
    Api,
    convert::{self, Faults, etag},
};
use crate::{
    access::Caller,
    domain::{Result, pick_lists},
    model::{ids::EntryId, permission::Role},
    proto,
};

pub(super) async fn create_entry(
    api: &Api,
    caller: &Caller,
    mut request: proto::CreatePickListEntryRequest,
) -> Result<proto::CreatePickListEntryResponse> {
    caller.require_role(Role::Manager)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let given = request.entry.unwrap_or_default();
    let list = faults.pick_list("entry.list", given.list);
    let name = faults.name("entry.name", given.name.as_deref(), 100);
    let category = faults.category(list, given.category);
    let (list, name) = faults.unless(list.zip(name))?;
    api.change(caller, once, name, move |tx, args| async move {
        let (caller, name) = &*args;
        let entry = pick_lists::create(&tx, caller, list, name, category).await?;
        Ok(proto::CreatePickListEntryResponse { entry: Some(convert::entry(entry)) })
    })
    .await
}

pub(super) async fn update_entry(
    api: &Api,
    caller: &Caller,
    mut request: proto::UpdatePickListEntryRequest,
) -> Result<proto::UpdatePickListEntryResponse> {
    caller.require_role(Role::Manager)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let given = request.entry.unwrap_or_default();
    let id = faults.id::<EntryId>("entry.id", &given.id);
    let (name, disabled) = faults.entry_patch(&given, request.update_mask);
    let id = faults.unless(id)?;
    api.change(caller, once, (name, etag(&given.etag)), move |tx, args| async move {
        let (caller, (name, etag)) = &*args;
        let entry = pick_lists::update(&tx, caller, id, name.as_deref(), disabled, etag.as_deref()).await?;
        Ok(proto::UpdatePickListEntryResponse { entry: Some(convert::entry(entry)) })
    })
    .await
}

pub(super) async fn list_entries(
    api: &Api,
    caller: &Caller,
    mut request: proto::ListPickListEntriesRequest,
) -> Result<proto::ListPickListEntriesResponse> {
    let mut faults = Faults::default();
    let list = faults.some("list", "is not a pick list", convert::pick_list(request.list));
    let paging = faults.paging(&mut request);
    let list = faults.unless(list)?;
    let (page, pages) = api.page(caller, &paging)?;
    let paged = pick_lists::list(&api.store, list, request.include_disabled, &page).await?;
    let (entries, next_page_token) = pages.fill(paged, |entry| entry.id.uuid(), convert::entry)?;
    Ok(proto::ListPickListEntriesResponse { entries, next_page_token })
}
