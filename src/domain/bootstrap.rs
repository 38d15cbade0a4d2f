//! The first start: the built-in profiles, pick lists and settings, and one administrator.

use std::{collections::BTreeSet, time::Duration};

use super::{Error, Resource, Result, audit, tokens};
use crate::{
    access::token::ApiSecret,
    model::{
        Time,
        ids::{ProfileId, UserId},
        permission::{Action, Capability, OrderVisibility, PerAction, Permission, Profile, Role},
        pick_list::{Category, PickList},
        settings::{PolicyKind, Settings},
        user::{NewUser, UserKind},
    },
    store::{self, Store, Tx, pick_lists, profiles, secrets, settings, tokens as token_rows, users},
};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const DEMO: &str = "demo";

/// Whether a database was made for the demo, and so holds no company of its own.
///
/// # Errors
/// The database's.
pub async fn is_demo(store: &Store) -> Result<bool> {
    Ok(secrets::has_mark(store, DEMO).await?)
}

/// Fills an empty database; answers the administrator's token if this was the first start.
///
/// # Errors
/// The database's.
pub async fn first_start(store: &Store, demo: bool) -> Result<Option<ApiSecret>> {
    if !users::is_empty(store).await? {
        return Ok(None);
    }
    let secret = tokens::generate()?;
    let filled = store
        .write(secret.clone(), move |tx, secret| async move {
            fill(&tx, &secret).await?;
            if demo {
                secrets::mark(&tx, DEMO).await?;
            }
            Ok::<_, Error>(())
        })
        .await;
    match filled {
        Ok(()) => Ok(Some(secret)),
        // Another server of the same database was first.
        Err(Error::Store(store::Error::Unique(_))) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A new token for a user, by ID or e-mail, or for the first active administrator: the way back in for whoever holds the
/// database itself and has lost the token.
///
/// # Errors
/// RESOURCE_NOT_FOUND.
pub async fn issue_token(store: &Store, user: Option<&str>, label: &'static str) -> Result<ApiSecret> {
    let secret = tokens::generate()?;
    let args = (user.map(str::to_owned), secret.hash());
    store
        .write(args, move |tx, args| async move {
            let (user, hash) = &*args;
            let id = match user.as_deref().map(|user| (user, user.parse::<UserId>())) {
                None => users::active_administrators(&tx).await?.first().copied(),
                Some((_, Ok(id))) => users::get(&tx, id).await?.map(|user| user.id),
                Some((email, Err(_))) => users::by_email(&tx, email).await?,
            };
            let id = id.ok_or(Error::NotFound(Resource::User))?;
            let token = token_rows::insert(&tx, id, label, None, hash).await?;
            audit::token_created(&tx, None, &token).await
        })
        .await?;
    Ok(secret)
}

async fn fill(tx: &Tx, secret: &ApiSecret) -> Result<()> {
    let first = Settings {
        policy: PolicyKind::Revoke,
        keep_duration: 7 * DAY,
        enforce_desks: true,
        resolve_on_completed_order: true,
        update_time: tx.now(),
        version: 1,
    };
    settings::insert(tx, &first).await?;
    for profile in built_in(tx.now()) {
        profiles::insert(tx, &profile).await?;
    }
    for (list, name, category) in PICK_LISTS {
        let code = (*list == PickList::Disposition && *name == "Sale").then_some(pick_lists::SALE);
        pick_lists::insert_built_in(tx, *list, name, *category, code).await?;
    }
    let profile_id = profiles::by_name(tx, "administrator").await?.ok_or(Error::NotFound(Resource::Profile))?;
    let administrator =
        NewUser { name: "Administrator".to_owned(), email: None, kind: UserKind::Human, profile_id, desk: None };
    let id = users::insert(tx, &administrator).await?;
    let user = users::get(tx, id).await?.ok_or(Error::NotFound(Resource::User))?;
    audit::user_created(tx, None, &user).await?;
    let token = token_rows::insert(tx, id, "first start", None, &secret.hash()).await?;
    audit::token_created(tx, None, &token).await
}

const PICK_LISTS: &[(PickList, &str, Option<Category>)] = &[
    (PickList::Stage, "New", None),
    (PickList::Stage, "Contacted", None),
    (PickList::Stage, "Interested", None),
    (PickList::Stage, "Callback", None),
    (PickList::DiscardReason, "Not ready", None),
    (PickList::DiscardReason, "Not interested", None),
    (PickList::DiscardReason, "Unreachable", None),
    (PickList::DiscardReason, "Wrong contact", None),
    (PickList::Disposition, "Sale", Some(Category::Sales)),
    (PickList::Disposition, "No answer", Some(Category::Sales)),
    (PickList::Disposition, "Declined", Some(Category::Sales)),
    (PickList::Disposition, "Complaint", Some(Category::Service)),
];

/// The six profiles with the defaults of the domain contract, sections 2 and 6.
fn built_in(now: Time) -> [Profile; 6] {
    use Action::{Assign, Delete, Discard, Edit, Export, Resolve, Retrieve, View};
    use Capability::{ConfigurePermissions, ImportLeads, ReadAudit, ViewAllLeadsReport};

    let everything = [View, Edit, Discard, Retrieve, Delete, Assign, Resolve, Export];
    let works = [View, Edit, Resolve];
    let keeps = [View, Edit, Discard, Resolve];
    let managers = [ConfigurePermissions, ViewAllLeadsReport, ImportLeads, ReadAudit];
    let individual = Permission::INDIVIDUAL;
    [
        profile(now, "administrator", Role::Administrator, &everything, &Permission::Complete, Capability::ALL),
        profile(now, "manager", Role::Manager, &everything, &Permission::Complete, &managers),
        profile(now, "pre-sales", Role::Agent, &works, &individual, &[]),
        Profile {
            resolved_grace: Some(HOUR),
            order_visibility: OrderVisibility::PartialOnly,
            assign_partial_orders_only: true,
            ..profile(now, "leads-agent", Role::Agent, &works, &individual, &[])
        },
        profile(now, "account-manager", Role::Agent, &keeps, &individual, &[]),
        profile(now, "retention", Role::Agent, &keeps, &individual, &[]),
    ]
}

fn profile(
    now: Time,
    name: &str,
    role: Role,
    actions: &[Action],
    level: &Permission,
    capabilities: &[Capability],
) -> Profile {
    Profile {
        id: ProfileId::at(now),
        name: name.to_owned(),
        built_in: true,
        role,
        permissions: PerAction::from_fn(|a| if actions.contains(&a) { level.clone() } else { Permission::None }),
        capabilities: capabilities.iter().copied().collect::<BTreeSet<_>>(),
        resolved_grace: None,
        max_open_leads: None,
        order_visibility: OrderVisibility::All,
        assign_partial_orders_only: false,
        version: 1,
    }
}
