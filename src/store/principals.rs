//! What is known of users, whole: state, profile, own settings, memberships.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, sea_query::SelectStatement,
};
use uuid::Uuid;

use super::{
    Db, Error, Result,
    entity::{group_member, lead_access, profile, user},
    leads::Found,
    permissions, profiles,
};
use crate::{
    access::policy::Facts,
    model::{
        ids::{GroupId, ProfileId, UserId},
        lead_access::AccessKind,
        page::Page,
        permission::Role,
        user::{Desk, UserState},
    },
};

/// How many users are assembled at once: each is a parameter of a statement, and SQLite takes 32,766.
const CHUNK: usize = 10_000;

/// One user's facts.
///
/// # Errors
/// The database's.
pub async fn facts(db: &impl Db, id: UserId) -> Result<Option<Facts>> {
    let user = user::Entity::find_by_id(id.uuid()).one(&db.conn().0).await?;
    Ok(assemble(db, user.into_iter().collect()).await?.pop())
}

/// The facts of several users, by ID; those who don't exist are left out.
///
/// # Errors
/// The database's.
pub async fn facts_of(db: &impl Db, ids: &[UserId]) -> Result<Vec<Facts>> {
    let ids = ids.iter().map(|id| id.uuid());
    let users = user::Entity::find()
        .filter(user::Column::Id.is_in(ids))
        .order_by_asc(user::Column::Id)
        .all(&db.conn().0)
        .await?;
    assemble(db, users).await
}

/// The facts of active users who may reach a lead that is at hand, by ID, up to a page's size. Few are among them who don't:
/// whose own setting is narrower than their profile's, or who are blocked.
///
/// # Errors
/// The database's.
pub async fn may_reach<A>(db: &impl Db, lead: &Found<A>, page: &Page) -> Result<Vec<Facts>> {
    let conn = db.conn().0;
    let lead = lead.lead();
    let given = lead_access::Entity::find()
        .select_only()
        .column(lead_access::Column::UserId)
        .filter(lead_access::Column::LeadId.eq(lead.id.uuid()))
        .filter(lead_access::Column::Kind.ne(AccessKind::Blocked.word()))
        .into_query();
    let administrators = profile::Entity::find()
        .select_only()
        .column(profile::Column::Id)
        .filter(profile::Column::Role.eq(Role::Administrator.word()))
        .into_query();
    let mut ways = Condition::any()
        .add_option(lead.assignee_id.map(|assignee| user::Column::Id.eq(assignee.uuid())))
        .add(user::Column::Id.in_subquery(given))
        .add(user::Column::ProfileId.in_subquery(administrators))
        .add(who_holds(permissions::owners_reaching(lead.assignee_id.is_none(), lead.group_id)));
    if let Some(group) = lead.group_id {
        let members = group_member::Entity::find()
            .select_only()
            .column(group_member::Column::UserId)
            .filter(group_member::Column::GroupId.eq(group.uuid()))
            .into_query();
        let by_membership = who_holds(permissions::owners_including_member_groups());
        ways = ways.add(Condition::all().add(user::Column::Id.in_subquery(members)).add(by_membership));
    }
    let users = user::Entity::find()
        .filter(user::Column::State.eq(UserState::Active.word()))
        .filter(ways)
        .filter(Condition::all().add_option(page.after.map(|after| user::Column::Id.gt(after))))
        .order_by_asc(user::Column::Id)
        .limit(u64::from(page.size))
        .all(&conn)
        .await?;
    assemble(db, users).await
}

/// Users of whom, or of whose profile, something is set.
fn who_holds(owners: SelectStatement) -> Condition {
    Condition::any().add(user::Column::Id.in_subquery(owners.clone())).add(user::Column::ProfileId.in_subquery(owners))
}

/// The facts of everyone with a profile.
///
/// # Errors
/// The database's.
pub async fn with_profile(db: &impl Db, id: ProfileId) -> Result<Vec<Facts>> {
    let users = user::Entity::find().filter(user::Column::ProfileId.eq(id.uuid())).all(&db.conn().0).await?;
    let mut all = Vec::with_capacity(users.len());
    for users in users.chunks(CHUNK) {
        all.extend(assemble(db, users.to_vec()).await?);
    }
    Ok(all)
}

async fn assemble(db: &impl Db, users: Vec<user::Model>) -> Result<Vec<Facts>> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let user_ids: Vec<Uuid> = users.iter().map(|user| user.id).collect();
    let profile_ids: BTreeSet<Uuid> = users.iter().map(|user| user.profile_id).collect();
    let owners: Vec<Uuid> = user_ids.iter().chain(&profile_ids).copied().collect();

    let settings = permissions::of(db, &owners).await?;
    let mut groups: BTreeMap<Uuid, BTreeSet<GroupId>> = BTreeMap::new();
    let memberships =
        group_member::Entity::find().filter(group_member::Column::UserId.is_in(user_ids)).all(&db.conn().0).await?;
    for row in memberships {
        groups.entry(row.user_id).or_default().insert(row.group_id.into());
    }
    let profiles: BTreeMap<Uuid, profile::Model> = profile::Entity::find()
        .filter(profile::Column::Id.is_in(profile_ids))
        .all(&db.conn().0)
        .await?
        .into_iter()
        .map(|row| (row.id, row))
        .collect();

    users
        .into_iter()
        .map(|user| {
            let row = profiles.get(&user.profile_id).ok_or(Error::Corrupt("profile"))?;
            Ok(Facts {
                user_id: user.id.into(),
                name: user.name,
                state: UserState::from_word(&user.state).ok_or(Error::Corrupt("user state"))?,
                desk: user.desk.map(|word| Desk::from_word(&word).ok_or(Error::Corrupt("desk"))).transpose()?,
                profile: profiles::read(row, settings.get(&row.id))?,
                overrides: settings.get(&user.id).cloned().unwrap_or_default(),
                groups: groups.remove(&user.id).unwrap_or_default(),
                permissions_version: user.permissions_version,
                rights_version: user.rights_version,
            })
        })
        .collect()
}
