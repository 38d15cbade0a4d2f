//! Saved views, kept.

use crate::{
    access::Caller,
    domain::{Result, saved_views},
    model::ids::SavedViewId,
    proto,
    rpc::{
        Api,
        convert::{self, Faults, etag},
    },
};

pub(super) async fn create(
    api: &Api,
    caller: &Caller,
    mut request: proto::CreateSavedViewRequest,
) -> Result<proto::CreateSavedViewResponse> {
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let new = faults.new_saved_view(request.saved_view.unwrap_or_default());
    let new = faults.unless(new)?;
    api.change(caller, once, new, |tx, args| async move {
        let (caller, new) = &*args;
        let view = saved_views::create(&tx, caller, new).await?;
        Ok(proto::CreateSavedViewResponse { saved_view: Some(convert::saved_view(view)) })
    })
    .await
}

pub(super) async fn list(
    api: &Api,
    caller: &Caller,
    mut request: proto::ListSavedViewsRequest,
) -> Result<proto::ListSavedViewsResponse> {
    let mut faults = Faults::default();
    let report = faults.some("report", "is not a report", convert::report_of(request.report));
    let paging = faults.paging(&mut request);
    let report = faults.unless(report)?;
    let (page, pages) = api.page(caller, &paging)?;
    let paged = saved_views::list(&api.store, caller, report, &page).await?;
    let (saved_views, next_page_token) = pages.fill(paged, |view| view.id.uuid(), convert::saved_view)?;
    Ok(proto::ListSavedViewsResponse { saved_views, next_page_token })
}

pub(super) async fn update(
    api: &Api,
    caller: &Caller,
    mut request: proto::UpdateSavedViewRequest,
) -> Result<proto::UpdateSavedViewResponse> {
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let given = request.saved_view.unwrap_or_default();
    let id = faults.id::<SavedViewId>("saved_view.id", &given.id);
    let patch = faults.saved_view_patch(&given, request.update_mask);
    let id = faults.unless(id)?;
    api.change(caller, once, (patch, etag(&given.etag)), move |tx, args| async move {
        let (caller, (patch, etag)) = &*args;
        let view = saved_views::update(&tx, caller, id, patch, etag.as_deref()).await?;
        Ok(proto::UpdateSavedViewResponse { saved_view: Some(convert::saved_view(view)) })
    })
    .await
}

pub(super) async fn delete(
    api: &Api,
    caller: &Caller,
    mut request: proto::DeleteSavedViewRequest,
) -> Result<proto::DeleteSavedViewResponse> {
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let id = faults.id::<SavedViewId>("saved_view_id", &request.saved_view_id);
    let id = faults.unless(id)?;
    api.change(caller, once, etag(&request.etag), move |tx, args| async move {
        let (caller, etag) = &*args;
        saved_views::delete(&tx, caller, id, etag.as_deref()).await?;
        Ok(proto::DeleteSavedViewResponse {})
    })
    .await
}
