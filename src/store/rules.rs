//! Assignment rules and whose turn it is in them.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{CaseStatement, Expr, LockType},
};
use uuid::Uuid;

use super::{
    Db, Error, Result, Tx, bulk,
    entity::{
        assignment_rule::{ActiveModel, Column, Entity, Model},
        assignment_rule_target as target, group_member,
    },
    key, micros, time,
};
use crate::model::{
    distribution::{Rule, Strategy, Target, Targets},
    ids::{GroupId, RuleId, UserId},
};

/// All rules, in the order in which they are tried.
///
/// # Errors
/// The database's.
pub async fn all(db: &impl Db) -> Result<Vec<Rule>> {
    let rows = Entity::find().order_by_asc(Column::Position).order_by_asc(Column::Id).all(&db.conn().0).await?;
    read(db, rows).await
}

/// Those that are tried for leads as they are made.
///
/// # Errors
/// The database's.
pub async fn on_creation(db: &impl Db) -> Result<Vec<Rule>> {
    let rows = Entity::find()
        .filter(Column::OnCreation.eq(true))
        .filter(Column::Disabled.eq(false))
        .order_by_asc(Column::Position)
        .order_by_asc(Column::Id)
        .all(&db.conn().0)
        .await?;
    read(db, rows).await
}

/// One rule.
///
/// # Errors
/// The database's.
pub async fn get(db: &impl Db, id: RuleId) -> Result<Option<Rule>> {
    let row = Entity::find_by_id(id.uuid()).one(&db.conn().0).await?;
    Ok(read(db, row.into_iter().collect()).await?.pop())
}

/// Whether a group is a rule's target.
///
/// # Errors
/// The database's.
pub async fn any_for_group(db: &impl Db, group: GroupId) -> Result<bool> {
    Ok(Entity::find().filter(Column::GroupId.eq(group.uuid())).count(&db.conn().0).await? > 0)
}

/// Stores a new rule.
///
/// # Errors
/// [`Error::Unique`] for a name that is taken, [`Error::Reference`] for a target that isn't there; or the database's.
pub async fn insert(tx: &Tx, rule: &Rule) -> Result<()> {
    Entity::insert(row(rule)).exec_without_returning(&tx.conn().0).await?;
    insert_targets(tx, rule).await
}

/// Stores a changed rule under its next version; answers whether it was still the one given. Where its targets or its strategy change,
/// nobody has waited for anything yet.
///
/// # Errors
/// [`Error::Unique`] for a name that is taken, [`Error::Reference`] for a target that isn't there; or the database's.
pub async fn update(tx: &Tx, before: &Rule, after: &Rule) -> Result<bool> {
    let mut changed = row(after);
    changed.update_time = Set(micros(tx.now()));
    changed.version = Set(after.version + 1);
    let done = Entity::update_many()
        .set(changed)
        .filter(Column::Id.eq(after.id.uuid()))
        .filter(Column::Version.eq(after.version))
        .exec(&tx.conn().0)
        .await?;
    if done.rows_affected != 1 {
        return Ok(false);
    }
    if before.targets != after.targets || before.strategy != after.strategy {
        target::Entity::delete_many().filter(target::Column::RuleId.eq(after.id.uuid())).exec(&tx.conn().0).await?;
        insert_targets(tx, after).await?;
    }
    Ok(true)
}

/// Deletes a rule; answers whether it was still the one given.
///
/// # Errors
/// The database's.
pub async fn delete(tx: &Tx, rule: &Rule) -> Result<bool> {
    let done = Entity::delete_many()
        .filter(Column::Id.eq(rule.id.uuid()))
        .filter(Column::Version.eq(rule.version))
        .exec(&tx.conn().0)
        .await?;
    Ok(done.rows_affected == 1)
}

/// The members of groups, by ID.
///
/// # Errors
/// The database's.
pub async fn members(db: &impl Db, groups: &[GroupId]) -> Result<HashMap<GroupId, Vec<UserId>>> {
    let rows = group_member::Entity::find()
        .filter(group_member::Column::GroupId.is_in(groups.iter().map(|group| group.uuid())))
        .order_by_asc(group_member::Column::UserId)
        .all(&db.conn().0)
        .await?;
    let mut members: HashMap<GroupId, Vec<UserId>> = HashMap::new();
    for row in rows {
        members.entry(row.group_id.into()).or_default().push(row.user_id.into());
    }
    Ok(members)
}

/// What a rule's targets have waited for so far, as far as it is known.
pub type Credits = HashMap<(RuleId, UserId), i64>;

/// What the targets of some rules have waited for so far.
///
/// # Errors
/// The database's.
pub async fn credits(db: &impl Db, rules: &[RuleId]) -> Result<Credits> {
    let rows = target::Entity::find().filter(of(rules)).all(&db.conn().0).await?;
    Ok(rows.into_iter().map(|row| ((row.rule_id.into(), row.user_id.into()), row.credit)).collect())
}

/// Locks rules until the transaction ends, in one order: nobody else has a turn by them, or changes them. Answers whether they are still the ones
/// given.
///
/// # Errors
/// The database's.
pub async fn lock(tx: &Tx, rules: &[&Rule]) -> Result<bool> {
    let now: Vec<(Uuid, i64)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::Version])
        .filter(Column::Id.is_in(rules.iter().map(|rule| rule.id.uuid())))
        .order_by_asc(Column::Id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple()
        .all(&tx.conn().0)
        .await?;
    let now: HashMap<RuleId, i64> = now.into_iter().map(|(id, version)| (id.into(), version)).collect();
    Ok(rules.iter().all(|rule| now.get(&rule.id) == Some(&rule.version)))
}

/// Writes what has changed of one rule's.
///
/// # Errors
/// The database's.
pub async fn set_credits(tx: &Tx, rule: RuleId, credits: &BTreeMap<UserId, i64>) -> Result<()> {
    if credits.is_empty() {
        return Ok(());
    }
    let of_user = |case: CaseStatement, (user, credit): (&UserId, &i64)| {
        case.case(target::Column::UserId.eq(user.uuid()), *credit)
    };
    target::Entity::update_many()
        .col_expr(target::Column::Credit, credits.iter().fold(CaseStatement::new(), of_user).into())
        .filter(target::Column::RuleId.eq(rule.uuid()))
        .filter(target::Column::UserId.is_in(credits.keys().map(|user| user.uuid())))
        .exec(&tx.conn().0)
        .await?;
    Ok(())
}

fn of(rules: &[RuleId]) -> Expr {
    target::Column::RuleId.is_in(rules.iter().map(|rule| rule.uuid()))
}

async fn insert_targets(tx: &Tx, rule: &Rule) -> Result<()> {
    let Targets::Users(targets) = &rule.targets else { return Ok(()) };
    let rows = targets.iter().enumerate().map(|(place, Target { user_id, weight })| {
        let number = |number: u64| i32::try_from(number).map_err(|_| Error::Corrupt("rule target"));
        Ok(target::ActiveModel {
            rule_id: Set(rule.id.uuid()),
            user_id: Set(user_id.uuid()),
            place: Set(number(place as u64)?),
            weight: Set(number(u64::from(*weight))?),
            credit: Set(0),
        })
    });
    bulk::insert(tx, rows.collect::<Result<Vec<_>>>()?).await
}

fn row(rule: &Rule) -> ActiveModel {
    let Rule {
        id,
        position,
        name,
        filter,
        strategy,
        targets,
        on_creation,
        disabled,
        create_time,
        update_time,
        version,
    } = rule;
    let group = match targets {
        Targets::Group(group) => Some(group.uuid()),
        Targets::Users(_) => None,
    };
    ActiveModel {
        id: Set(id.uuid()),
        position: Set(*position),
        name: Set(name.clone()),
        name_key: Set(key(name)),
        filter: Set(filter.clone()),
        strategy: Set(strategy.word().to_owned()),
        group_id: Set(group),
        on_creation: Set(*on_creation),
        disabled: Set(*disabled),
        create_time: Set(micros(*create_time)),
        update_time: Set(micros(*update_time)),
        version: Set(*version),
    }
}

async fn read(db: &impl Db, rows: Vec<Model>) -> Result<Vec<Rule>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<RuleId> = rows.iter().map(|row| row.id.into()).collect();
    let found = target::Entity::find().filter(of(&ids)).order_by_asc(target::Column::Place).all(&db.conn().0).await?;
    let mut targets: HashMap<Uuid, Vec<Target>> = HashMap::new();
    for row in found {
        let weight = u32::try_from(row.weight).map_err(|_| Error::Corrupt("rule target"))?;
        targets.entry(row.rule_id).or_default().push(Target { user_id: row.user_id.into(), weight });
    }
    let rule = |row: Model| {
        let Model {
            id,
            position,
            name,
            name_key: _,
            filter,
            strategy,
            group_id,
            on_creation,
            disabled,
            create_time,
            update_time,
            version,
        } = row;
        let users = targets.remove(&id).unwrap_or_default();
        Ok(Rule {
            id: id.into(),
            position,
            name,
            filter,
            strategy: Strategy::from_word(&strategy).ok_or(Error::Corrupt("strategy"))?,
            targets: group_id.map_or(Targets::Users(users), |group| Targets::Group(group.into())),
            on_creation,
            disabled,
            create_time: time(create_time).ok_or(Error::Corrupt("time"))?,
            update_time: time(update_time).ok_or(Error::Corrupt("time"))?,
            version,
        })
    };
    rows.into_iter().map(rule).collect()
}
