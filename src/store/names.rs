//! Names of users and groups: whose they are, and what they are.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::{
    Db, Result,
    entity::{group, user},
    key,
};
use crate::model::ids::{GroupId, UserId};

/// The users whom each of some texts names, oldest first: the one who has it as an e-mail address, whatever the case, or else all
/// who have it as a name, as written. Who is named by none is left out.
///
/// # Errors
/// The database's.
pub async fn users_by(db: &impl Db, texts: &[String]) -> Result<BTreeMap<String, Vec<UserId>>> {
    if texts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let users: Vec<(Uuid, String, Option<String>)> = user::Entity::find()
        .select_only()
        .columns([user::Column::Id, user::Column::Name, user::Column::EmailKey])
        .filter(
            Condition::any()
                .add(user::Column::EmailKey.is_in(texts.iter().map(|text| key(text))))
                .add(user::Column::Name.is_in(texts)),
        )
        .order_by_asc(user::Column::Id)
        .into_tuple()
        .all(&db.conn().0)
        .await?;
    let named = texts.iter().filter_map(|text| {
        let by_email = users.iter().find(|(_, _, email)| email.as_deref() == Some(key(text).as_str()));
        let ids: Vec<UserId> = match by_email {
            Some((id, ..)) => vec![(*id).into()],
            None => users.iter().filter(|(_, name, _)| name == text).map(|(id, ..)| (*id).into()).collect(),
        };
        (!ids.is_empty()).then(|| (text.clone(), ids))
    });
    Ok(named.collect())
}

/// The group that each of some texts names, whatever the case. What names none is left out.
///
/// # Errors
/// The database's.
pub async fn groups_by(db: &impl Db, texts: &[String]) -> Result<BTreeMap<String, GroupId>> {
    if texts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let groups: Vec<(Uuid, String)> = group::Entity::find()
        .select_only()
        .columns([group::Column::Id, group::Column::NameKey])
        .filter(group::Column::NameKey.is_in(texts.iter().map(|text| key(text))))
        .into_tuple()
        .all(&db.conn().0)
        .await?;
    let named = texts.iter().filter_map(|text| {
        let (id, _) = groups.iter().find(|(_, name)| *name == key(text))?;
        Some((text.clone(), (*id).into()))
    });
    Ok(named.collect())
}

/// The names of some users.
///
/// # Errors
/// The database's.
pub async fn user_names(db: &impl Db, ids: &BTreeSet<UserId>) -> Result<BTreeMap<UserId, String>> {
    let named: Vec<(Uuid, String)> = user::Entity::find()
        .select_only()
        .columns([user::Column::Id, user::Column::Name])
        .filter(user::Column::Id.is_in(ids.iter().map(|id| id.uuid())))
        .into_tuple()
        .all(&db.conn().0)
        .await?;
    Ok(named.into_iter().map(|(id, name)| (id.into(), name)).collect())
}

/// The names of some groups.
///
/// # Errors
/// The database's.
pub async fn group_names(db: &impl Db, ids: &BTreeSet<GroupId>) -> Result<BTreeMap<GroupId, String>> {
    let named: Vec<(Uuid, String)> = group::Entity::find()
        .select_only()
        .columns([group::Column::Id, group::Column::Name])
        .filter(group::Column::Id.is_in(ids.iter().map(|id| id.uuid())))
        .into_tuple()
        .all(&db.conn().0)
        .await?;
    Ok(named.into_iter().map(|(id, name)| (id.into(), name)).collect())
}
