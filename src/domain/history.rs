//! What the history says of a change, what agents add to it, and who reads it.

use std::{borrow::Cow, collections::BTreeSet};

use super::{Error, Result, leads as lead_rules};
use crate::{
    access::{
        Caller,
        scope::{Edit, View},
    },
    model::{
        Time,
        history::{Activity, Change, HistoryEntry, HistoryKind},
        ids::LeadId,
        lead::Lead,
        page::{Page, Paged},
        permission::OrderVisibility,
        user::Actor,
    },
    store::{
        Store, Tx,
        history::{self, Happening},
        leads::{self, Written},
    },
};

/// A page of a viewable lead's history: of some kinds, or none given of all. What is told of orders is for those who see all orders, and
/// why rules decided as they did for those who may read the directory and view all leads.
///
/// # Errors
/// LEAD_NOT_FOUND.
pub async fn list(
    store: &Store,
    caller: &Caller,
    id: LeadId,
    kinds: Vec<HistoryKind>,
    page: &Page,
) -> Result<Paged<HistoryEntry>> {
    let (hidden, decisions) = (hidden_from(caller), caller.require_directory().is_ok());
    store
        .snapshot((caller.scope::<View>(), kinds, *page), move |tx, args| async move {
            let (scope, kinds, page) = &*args;
            let lead = leads::get(&tx, scope, id).await?.ok_or(Error::LeadNotFound)?;
            // Who has how much to do, and was given a lead when, tells of leads that others may not view.
            let decisions = decisions && scope.reaches_all();
            Ok(history::list(&tx, &lead, kinds, hidden, decisions, page).await?)
        })
        .await
}

/// Of which kinds the caller sees no entries.
pub(super) fn hidden_from(caller: &Caller) -> &'static [HistoryKind] {
    match caller.order_visibility {
        OrderVisibility::All => &[],
        OrderVisibility::PartialOnly => HistoryKind::OF_ORDERS,
    }
}

/// Adds a call, an e-mail or a note.
///
/// # Errors
/// INVALID_ARGUMENT, LEAD_NOT_FOUND, ACTION_NOT_PERMITTED.
pub async fn append(
    tx: &Tx,
    caller: &Caller,
    id: LeadId,
    kind: HistoryKind,
    activity: &Activity,
) -> Result<HistoryEntry> {
    lead_rules::not_ahead(tx, "activity.happen_time", activity.happen_time)?;
    let lead = lead_rules::lock::<Edit>(tx, caller, id, None).await?;
    Ok(history::append_activity(tx, caller.actor(), &lead, kind, activity).await?)
}

/// Appends a lead's change by the caller.
pub(super) async fn record(
    tx: &Tx,
    caller: &Caller,
    kind: HistoryKind,
    before: Option<&Lead>,
    after: &Lead,
) -> Result<()> {
    let happening = Happening::of(after.id, kind, changes(before, after));
    Ok(history::append(tx, caller.actor(), vec![happening]).await?)
}

/// Appends the same change of several leads by one actor.
pub(super) async fn record_all(tx: &Tx, by: Actor, kind: HistoryKind, written: &[Written<'_>]) -> Result<()> {
    let happened =
        written.iter().map(|Written { before, after }| Happening::of(after.id, kind, changes(Some(before), after)));
    let happened: Vec<Happening> = happened.collect();
    Ok(history::append(tx, by, happened).await?)
}

/// What differs between a lead before and after, by field.
pub(super) fn changes(before: Option<&Lead>, after: &Lead) -> Vec<Change> {
    let (now, old) = (told(after), before.map(told));
    let mut changes: Vec<Change> = Vec::new();
    for (at, (field, value)) in now.into_iter().enumerate() {
        let was = old.as_ref().and_then(|old| old.get(at)).and_then(|(_, value)| value.as_deref());
        if was != value.as_deref() {
            changes.push(Change {
                field: field.to_owned(),
                before: was.map(str::to_owned),
                after: value.map(Cow::into_owned),
            });
        }
    }
    let none = Default::default();
    let old = before.map_or(&none, |lead| &lead.attributes);
    if *old != after.attributes {
        let names: BTreeSet<&String> = old.keys().chain(after.attributes.keys()).collect();
        changes.extend(names.into_iter().filter_map(|name| {
            Change::of(format!("attributes.{name}"), old.get(name).cloned(), after.attributes.get(name).cloned())
        }));
    }
    changes
}

/// Every field that the history tells of, as text. What follows from others (times and versions of changes) is left out.
fn told(lead: &Lead) -> [(&'static str, Option<Cow<'_, str>>); 17] {
    let Lead {
        id: _,
        external_id,
        name,
        email,
        email_confirmed,
        phone,
        country,
        locale,
        source: _,
        campaign,
        attributes: _,
        stage,
        next_contact_time,
        assignee_id,
        assigned: _,
        group_id,
        state,
        discard_reason,
        discard_time: _,
        disposition,
        resolve_time: _,
        register_time,
        first_deposit_time,
        created_by: _,
        create_time: _,
        update_time: _,
        version: _,
    } = lead;
    fn text(text: &Option<String>) -> Option<Cow<'_, str>> {
        text.as_deref().map(Cow::Borrowed)
    }
    let time = |time: &Option<Time>| time.map(|t| t.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true).into());
    [
        ("external_id", text(external_id)),
        ("name", text(name)),
        ("email", text(email)),
        ("email_confirmed", email_confirmed.then_some("true".into())),
        ("phone", text(phone)),
        ("country", text(country)),
        ("locale", text(locale)),
        ("campaign", text(campaign)),
        ("stage", text(stage)),
        ("next_contact_time", time(next_contact_time)),
        ("assignee_id", assignee_id.map(|id| id.to_string().into())),
        ("group_id", group_id.map(|id| id.to_string().into())),
        ("state", Some(state.word().into())),
        ("discard_reason", text(discard_reason)),
        ("disposition", text(disposition)),
        ("register_time", time(register_time)),
        ("first_deposit_time", time(first_deposit_time)),
    ]
}
