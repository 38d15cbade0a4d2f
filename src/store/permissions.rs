//! Permissions as rows: one per owner (a profile or a user) and action, with the groups that it names.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    sea_query::SelectStatement,
};
use uuid::Uuid;

use super::{
    Db, Error, Result, Tx,
    entity::{permission, permission_group},
};
use crate::model::{
    ids::GroupId,
    permission::{Action, PerAction, Permission},
};

/// What is set for each action of each owner; none where nothing is.
pub(super) async fn of(db: &impl Db, owners: &[Uuid]) -> Result<BTreeMap<Uuid, PerAction<Option<Permission>>>> {
    let rows = permission::Entity::find()
        .filter(permission::Column::OwnerId.is_in(owners.iter().copied()))
        .all(&db.conn().0)
        .await?;
    let mut named: BTreeMap<(Uuid, String), BTreeSet<GroupId>> = BTreeMap::new();
    if rows.iter().any(|row| row.level == GROUPS) {
        let groups = permission_group::Entity::find()
            .filter(permission_group::Column::OwnerId.is_in(owners.iter().copied()))
            .all(&db.conn().0)
            .await?;
        for row in groups {
            named.entry((row.owner_id, row.action)).or_default().insert(row.group_id.into());
        }
    }
    let mut all: BTreeMap<Uuid, PerAction<Option<Permission>>> =
        owners.iter().map(|owner| (*owner, PerAction::default())).collect();
    for row in rows {
        let action = Action::from_word(&row.action).ok_or(Error::Corrupt("action"))?;
        let groups = named.remove(&(row.owner_id, row.action.clone())).unwrap_or_default();
        if let Some(settings) = all.get_mut(&row.owner_id) {
            *settings.get_mut(action) = Some(read(&row, groups)?);
        }
    }
    Ok(all)
}

/// The owners of whom a permission reaches a lead by level: every lead, a lead without an assignee, or one of a group that it
/// names.
pub(super) fn owners_reaching(unassigned: bool, group: Option<GroupId>) -> SelectStatement {
    use permission::Column;
    let naming = group.map(|group| {
        let named = permission_group::Entity::find()
            .select_only()
            .column(permission_group::Column::OwnerId)
            .filter(permission_group::Column::GroupId.eq(group.uuid()));
        Column::OwnerId.in_subquery(named.into_query())
    });
    permission::Entity::find()
        .select_only()
        .column(Column::OwnerId)
        .filter(
            Condition::any()
                .add(Column::Level.eq(COMPLETE))
                .add_option(unassigned.then(|| Column::IncludeUnassigned.eq(true)))
                .add_option(naming),
        )
        .into_query()
}

/// The owners of whom a permission includes the groups that its holder is a member of.
pub(super) fn owners_including_member_groups() -> SelectStatement {
    permission::Entity::find()
        .select_only()
        .column(permission::Column::OwnerId)
        .filter(permission::Column::IncludeMemberGroups.eq(true))
        .into_query()
}

/// Sets one action of an owner, or takes the setting back.
pub(super) async fn set(tx: &Tx, owner: Uuid, action: Action, permission: Option<&Permission>) -> Result<()> {
    let conn = tx.conn().0;
    permission_group::Entity::delete_many()
        .filter(permission_group::Column::OwnerId.eq(owner))
        .filter(permission_group::Column::Action.eq(action.word()))
        .exec(&conn)
        .await?;
    permission::Entity::delete_by_id((owner, action.word().to_owned())).exec(&conn).await?;
    let Some(permission) = permission else { return Ok(()) };
    let (row, named) = rows(owner, action, permission);
    permission::Entity::insert(row).exec_without_returning(&conn).await?;
    if !named.is_empty() {
        permission_group::Entity::insert_many(named).exec_without_returning(&conn).await?;
    }
    Ok(())
}

/// A permission of an owner as rows: its level, and the groups that it names.
pub(super) fn rows(
    owner: Uuid,
    action: Action,
    permission: &Permission,
) -> (permission::ActiveModel, Vec<permission_group::ActiveModel>) {
    let (level, include_member_groups, include_unassigned) = match permission {
        Permission::None => (NONE, false, false),
        Permission::Individual { include_unassigned } => (INDIVIDUAL, false, *include_unassigned),
        Permission::Groups { include_member_groups, include_unassigned, .. } => {
            (GROUPS, *include_member_groups, *include_unassigned)
        }
        Permission::Complete => (COMPLETE, false, false),
    };
    let row = permission::ActiveModel {
        owner_id: Set(owner),
        action: Set(action.word().to_owned()),
        level: Set(level.to_owned()),
        include_member_groups: Set(include_member_groups),
        include_unassigned: Set(include_unassigned),
    };
    let named = match permission {
        Permission::Groups { named, .. } => Some(named),
        _ => None,
    };
    let group = |group: &GroupId| permission_group::ActiveModel {
        owner_id: Set(owner),
        action: Set(action.word().to_owned()),
        group_id: Set(group.uuid()),
    };
    (row, named.into_iter().flatten().map(group).collect())
}

/// Takes everything back that an owner has set.
pub(super) async fn clear(tx: &Tx, owner: Uuid) -> Result<()> {
    for action in Action::ALL {
        set(tx, owner, *action, None).await?;
    }
    Ok(())
}

const NONE: &str = "NONE";
const INDIVIDUAL: &str = "INDIVIDUAL";
const GROUPS: &str = "GROUPS";
const COMPLETE: &str = "COMPLETE";

fn read(row: &permission::Model, named: BTreeSet<GroupId>) -> Result<Permission> {
    let include_unassigned = row.include_unassigned;
    match row.level.as_str() {
        NONE => Ok(Permission::None),
        INDIVIDUAL => Ok(Permission::Individual { include_unassigned }),
        GROUPS => {
            Ok(Permission::Groups { named, include_member_groups: row.include_member_groups, include_unassigned })
        }
        COMPLETE => Ok(Permission::Complete),
        _ => Err(Error::Corrupt("level")),
    }
}
