//! Saved views by their names.

use anyhow::{bail, ensure};

use super::client;
use crate::{
    cli::remote::{Connection, failed},
    model::ids::SavedViewId,
    proto::{ListSavedViewsRequest, Report},
};

const PAGE: i32 = 1_000;

/// The ID of a view that is given by its ID or its name; empty where none is given.
pub(super) async fn id(connection: &Connection, report: Report, view: Option<&str>) -> anyhow::Result<String> {
    let Some(view) = view else { return Ok(String::new()) };
    if view.parse::<SavedViewId>().is_ok() {
        return Ok(view.to_owned());
    }
    let mut request =
        ListSavedViewsRequest { report: report.into(), page_size: PAGE, ..ListSavedViewsRequest::default() };
    let mut found = Vec::new();
    loop {
        let page = client(connection).list_saved_views(request.clone()).await.map_err(|status| failed(&status))?;
        let page = page.into_inner();
        let named = page.saved_views.into_iter().filter(|seen| seen.name().to_lowercase() == view.to_lowercase());
        found.extend(named.map(|seen| seen.id));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    ensure!(!found.is_empty(), "--view: you see no view of this report that is called {view}");
    match found.as_slice() {
        [id] => Ok(id.clone()),
        several => bail!("--view: several views are called {view}; name one by its ID: {}", several.join(", ")),
    }
}
