//! Pick list entries.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use super::{Db, Error, Result, Tx, entity::pick_list_entry, key};
use crate::model::{
    ids::EntryId,
    page::{Page, Paged},
    pick_list::{Category, Entry, PickList},
};

/// The code of the built-in disposition of a sale.
pub const SALE: &str = "SALE";

/// One entry.
///
/// # Errors
/// The database's.
pub async fn get(db: &impl Db, id: EntryId) -> Result<Option<Entry>> {
    pick_list_entry::Entity::find_by_id(id.uuid()).one(&db.conn().0).await?.map(read).transpose()
}

/// One entry by its name, whatever the case, disabled or not.
///
/// # Errors
/// The database's.
pub async fn by_name(db: &impl Db, list: PickList, name: &str) -> Result<Option<Entry>> {
    pick_list_entry::Entity::find()
        .filter(pick_list_entry::Column::List.eq(list.word()))
        .filter(pick_list_entry::Column::NameKey.eq(key(name)))
        .one(&db.conn().0)
        .await?
        .map(read)
        .transpose()
}

/// The built-in entry that the service itself chooses, whatever it is called by now, disabled or not.
///
/// # Errors
/// The database's.
pub async fn by_code(db: &impl Db, code: &str) -> Result<Option<EntryId>> {
    let row = pick_list_entry::Entity::find().filter(pick_list_entry::Column::Code.eq(code)).one(&db.conn().0).await?;
    Ok(row.map(|row| row.id.into()))
}

/// A page of entries in the order they were made.
///
/// # Errors
/// The database's.
pub async fn list(db: &impl Db, list: Option<PickList>, disabled: bool, page: &Page) -> Result<Paged<Entry>> {
    let rows = pick_list_entry::Entity::find()
        .filter(
            Condition::all()
                .add_option(list.map(|list| pick_list_entry::Column::List.eq(list.word())))
                .add_option((!disabled).then(|| pick_list_entry::Column::Disabled.eq(false)))
                .add_option(page.after.map(|after| pick_list_entry::Column::Id.gt(after))),
        )
        .order_by_asc(pick_list_entry::Column::Id)
        .limit(u64::from(page.size) + 1)
        .all(&db.conn().0)
        .await?;
    let entries = rows.into_iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(page.cut(entries, |entry| entry.id.uuid()))
}

/// Stores a new entry.
///
/// # Errors
/// [`Error::Unique`] for a name that is taken; or the database's.
pub async fn insert(tx: &Tx, list: PickList, name: &str, category: Option<Category>) -> Result<EntryId> {
    insert_built_in(tx, list, name, category, None).await
}

/// Stores a new entry that the service came with, and by whose code it finds it again.
///
/// # Errors
/// [`Error::Unique`] for a name that is taken; or the database's.
pub async fn insert_built_in(
    tx: &Tx,
    list: PickList,
    name: &str,
    category: Option<Category>,
    code: Option<&str>,
) -> Result<EntryId> {
    let id = EntryId::at(tx.now());
    let row = pick_list_entry::ActiveModel {
        id: Set(id.uuid()),
        list: Set(list.word().to_owned()),
        name: Set(name.to_owned()),
        name_key: Set(key(name)),
        category: Set(category.map(|category| category.word().to_owned())),
        code: Set(code.map(str::to_owned)),
        disabled: Set(false),
        version: Set(1),
    };
    pick_list_entry::Entity::insert(row).exec_without_returning(&tx.conn().0).await?;
    Ok(id)
}

/// Renames, disables or enables an entry; answers whether it was still the one given.
///
/// # Errors
/// [`Error::Unique`] for a name that is taken; or the database's.
pub async fn update(tx: &Tx, entry: &Entry, name: &str, disabled: bool) -> Result<bool> {
    let done = pick_list_entry::Entity::update_many()
        .col_expr(pick_list_entry::Column::Name, Expr::val(name))
        .col_expr(pick_list_entry::Column::NameKey, Expr::val(key(name)))
        .col_expr(pick_list_entry::Column::Disabled, Expr::val(disabled))
        .col_expr(pick_list_entry::Column::Version, pick_list_entry::Column::Version.into_expr().add(1))
        .filter(pick_list_entry::Column::Id.eq(entry.id.uuid()))
        .filter(pick_list_entry::Column::Version.eq(entry.version))
        .exec(&tx.conn().0)
        .await?;
    Ok(done.rows_affected == 1)
}

fn read(row: pick_list_entry::Model) -> Result<Entry> {
    let pick_list_entry::Model { id, list, name, name_key: _, category, code: _, disabled, version } = row;
    Ok(Entry {
        id: id.into(),
        list: PickList::from_word(&list).ok_or(Error::Corrupt("pick list"))?,
        name,
        category: category.map(|word| Category::from_word(&word).ok_or(Error::Corrupt("category"))).transpose()?,
        disabled,
        version,
    })
}
