//! Saved views.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{ExprTrait, Query, UnionType},
};
use uuid::Uuid;

use super::{
    Db, Error, Result, Tx,
    entity::{
        group_member,
        saved_view::{ActiveModel, Column, Entity, Model},
        saved_view_group as shared,
    },
    key, micros, time,
};
use crate::model::{
    ids::{GroupId, SavedViewId, UserId},
    page::{Page, Paged},
    report::{Report, SavedView},
};

/// Which views somebody sees.
#[derive(Clone, Copy, Debug)]
pub enum Seen {
    /// Everybody's.
    All,
    /// The user's own, and those shared with a group of theirs: as they are a member when the statement runs.
    By(UserId),
}

/// One view, if it is seen.
///
/// # Errors
/// The database's.
pub async fn get(db: &impl Db, seen: Seen, id: SavedViewId) -> Result<Option<SavedView>> {
    let row = Entity::find().filter(Column::Id.eq(id.uuid())).filter(is_seen(seen)).one(&db.conn().0).await?;
    Ok(read(db, row.into_iter().collect()).await?.pop())
}

/// A page of the views that are seen, in the order they were made.
///
/// # Errors
/// The database's.
pub async fn list(db: &impl Db, seen: Seen, report: Option<Report>, page: &Page) -> Result<Paged<SavedView>> {
    let asked = Condition::all()
        .add(is_seen(seen))
        .add_option(report.map(|report| Column::Report.eq(report.word())))
        .add_option(page.after.map(|after| Column::Id.gt(after)));
    let rows =
        Entity::find().filter(asked).order_by_asc(Column::Id).limit(u64::from(page.size) + 1).all(&db.conn().0).await?;
    Ok(page.cut(read(db, rows).await?, |view| view.id.uuid()))
}

/// Stores a new view.
///
/// # Errors
/// [`Error::Unique`] for a name that is taken, [`Error::Reference`] for a group that is gone; or the database's.
pub async fn insert(tx: &Tx, view: &SavedView) -> Result<()> {
    Entity::insert(row(view)?).exec_without_returning(&tx.conn().0).await?;
    share(tx, view).await
}

/// Stores a changed view under its next version; answers whether it was still the one given.
///
/// # Errors
/// [`Error::Unique`] for a name that is taken, [`Error::Reference`] for a group that is gone; or the database's.
pub async fn update(tx: &Tx, view: &SavedView) -> Result<bool> {
    let mut changed = row(view)?;
    changed.update_time = Set(micros(tx.now()));
    changed.version = Set(view.version + 1);
    let done = Entity::update_many()
        .set(changed)
        .filter(Column::Id.eq(view.id.uuid()))
        .filter(Column::Version.eq(view.version))
        .exec(&tx.conn().0)
        .await?;
    shared::Entity::delete_many().filter(shared::Column::ViewId.eq(view.id.uuid())).exec(&tx.conn().0).await?;
    share(tx, view).await?;
    Ok(done.rows_affected == 1)
}

/// Deletes a view; answers whether it was still the one given.
///
/// # Errors
/// The database's.
pub async fn delete(tx: &Tx, view: &SavedView) -> Result<bool> {
    let done = Entity::delete_many()
        .filter(Column::Id.eq(view.id.uuid()))
        .filter(Column::Version.eq(view.version))
        .exec(&tx.conn().0)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Whether the view at hand is seen.
fn is_seen(seen: Seen) -> Condition {
    let Seen::By(user) = seen else { return Condition::all() };
    let with_theirs = Query::select()
        .column(shared::Column::ViewId)
        .from(shared::Entity)
        .inner_join(
            group_member::Entity,
            group_member::Column::GroupId.into_expr().eq(shared::Column::GroupId.into_expr()),
        )
        .and_where(group_member::Column::UserId.eq(user.uuid()))
        .to_owned();
    let mut views =
        Entity::find().select_only().column(Column::Id).filter(Column::OwnerId.eq(user.uuid())).into_query();
    Column::Id.in_subquery(views.union(UnionType::Distinct, with_theirs).take()).into()
}

async fn share(tx: &Tx, view: &SavedView) -> Result<()> {
    if view.group_ids.is_empty() {
        return Ok(());
    }
    let rows = view
        .group_ids
        .iter()
        .map(|group| shared::ActiveModel { view_id: Set(view.id.uuid()), group_id: Set(group.uuid()) });
    let rows: Vec<shared::ActiveModel> = rows.collect();
    shared::Entity::insert_many(rows).exec_without_returning(&tx.conn().0).await?;
    Ok(())
}

fn row(view: &SavedView) -> Result<ActiveModel> {
    let SavedView {
        id,
        report,
        owner_id,
        name,
        columns,
        filter,
        order_by,
        group_ids: _,
        create_time,
        update_time,
        version,
    } = view;
    Ok(ActiveModel {
        id: Set(id.uuid()),
        owner_id: Set(owner_id.uuid()),
        report: Set(report.word().to_owned()),
        name: Set(name.clone()),
        name_key: Set(key(name)),
        columns: Set(serde_json::to_string(columns).map_err(|_| Error::Corrupt("saved view"))?),
        filter: Set(filter.clone()),
        order_by: Set(order_by.clone()),
        version: Set(*version),
        create_time: Set(micros(*create_time)),
        update_time: Set(micros(*update_time)),
    })
}

async fn read(db: &impl Db, rows: Vec<Model>) -> Result<Vec<SavedView>> {
    let sharing = shared::Entity::find()
        .filter(shared::Column::ViewId.is_in(rows.iter().map(|row| row.id)))
        .all(&db.conn().0)
        .await?;
    let mut groups: BTreeMap<Uuid, BTreeSet<GroupId>> = BTreeMap::new();
    for row in sharing {
        groups.entry(row.view_id).or_default().insert(row.group_id.into());
    }
    rows.into_iter()
        .map(|row| {
            let Model {
                id,
                owner_id,
                report,
                name,
                name_key: _,
                columns,
                filter,
                order_by,
                version,
                create_time,
                update_time,
            } = row;
            Ok(SavedView {
                id: id.into(),
                report: Report::from_word(&report).ok_or(Error::Corrupt("report"))?,
                owner_id: owner_id.into(),
                name,
                columns: serde_json::from_str(&columns).map_err(|_| Error::Corrupt("saved view"))?,
                filter,
                order_by,
                group_ids: groups.remove(&id).unwrap_or_default(),
                create_time: time(create_time).ok_or(Error::Corrupt("time"))?,
                update_time: time(update_time).ok_or(Error::Corrupt("time"))?,
                version,
            })
        })
        .collect()
}
