//! API tokens, of which only hashes are kept.

use std::time::Duration;

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use super::{Db, Error, Result, Store, Tx, entity::api_token, micros, micros_of, now, time, times};
use crate::{
    access::token::SecretHash,
    model::{
        Time,
        ids::{TokenId, UserId},
        page::{Page, Paged},
        user::ApiToken,
    },
};

/// How old a last use may grow before it is written again.
pub const USE_RESOLUTION: Duration = Duration::from_secs(60);

/// A token that authenticates at this moment.
#[derive(Clone, Copy, Debug)]
pub struct UsableToken {
    /// Which.
    pub id: TokenId,
    /// Whom.
    pub user_id: UserId,
    /// When it ends by itself.
    pub expire_time: Option<Time>,
    /// Whether its last use was noted longer ago than the resolution of that time.
    pub use_is_worth_noting: bool,
}

/// The token with this hash, if it is neither revoked nor expired.
///
/// # Errors
/// The database's.
pub async fn usable(db: &impl Db, hash: &SecretHash) -> Result<Option<UsableToken>> {
    let rows = usable_rows(db, api_token::Column::Lookup.eq(hash.lookup().to_vec())).await?;
    rows.into_iter().find(|row| hash.matches(&row.hash)).map(UsableRow::read).transpose()
}

/// The token with this identity, if it is neither revoked nor expired.
///
/// # Errors
/// The database's.
pub async fn usable_by_id(db: &impl Db, id: TokenId) -> Result<Option<UsableToken>> {
    usable_rows(db, api_token::Column::Id.eq(id.uuid())).await?.pop().map(UsableRow::read).transpose()
}

#[derive(FromQueryResult)]
struct UsableRow {
    id: uuid::Uuid,
    user_id: uuid::Uuid,
    hash: Vec<u8>,
    expire_time: Option<i64>,
    worth_noting: bool,
}

impl UsableRow {
    fn read(self) -> Result<UsableToken> {
        Ok(UsableToken {
            id: self.id.into(),
            user_id: self.user_id.into(),
            expire_time: times(self.expire_time)?,
            use_is_worth_noting: self.worth_noting,
        })
    }
}

async fn usable_rows(db: &impl Db, which: Expr) -> Result<Vec<UsableRow>> {
    use api_token::Column;
    let conn = db.conn().0;
    let backend = conn.get_database_backend();
    let rows = api_token::Entity::find()
        .select_only()
        .columns([Column::Id, Column::UserId, Column::Hash, Column::ExpireTime])
        .expr_as(is_worth_noting(backend), "worth_noting")
        .filter(which)
        .filter(is_valid(backend));
    Ok(rows.into_model().all(&conn).await?)
}

fn is_valid(backend: DbBackend) -> Condition {
    Condition::all()
        .add(api_token::Column::RevokeTime.is_null())
        .add(api_token::Column::ExpireTime.is_null().or(api_token::Column::ExpireTime.into_expr().gt(now(backend))))
}

fn is_worth_noting(backend: DbBackend) -> Expr {
    let lately = now(backend).sub(micros_of(USE_RESOLUTION));
    api_token::Column::LastUseTime.is_null().or(api_token::Column::LastUseTime.into_expr().lt(lately))
}

/// Notes that a token was used, after the call rather than before it: nobody waits for a note.
pub fn note_use(store: Store, id: TokenId) {
    tokio::spawn(async move {
        let noted = store
            .write(id, |tx, id| async move {
                api_token::Entity::update_many()
                    .col_expr(api_token::Column::LastUseTime, Expr::val(micros(tx.now())))
                    .filter(api_token::Column::Id.eq(id.uuid()))
                    // It may have ended while its caller was still known by it; such a call is refused.
                    .filter(is_valid(tx.conn().0.get_database_backend()))
                    // Of the calls that came at once, the first has noted it.
                    .filter(is_worth_noting(tx.conn().0.get_database_backend()))
                    .exec(&tx.conn().0)
                    .await?;
                Ok::<_, Error>(())
            })
            .await;
        if let Err(error) = noted {
            tracing::warn!(token = %id, %error, "the use of a token was not noted");
        }
    });
}

/// Stores a new token.
///
/// # Errors
/// The database's.
pub async fn insert(
    tx: &Tx,
    user_id: UserId,
    label: &str,
    expires: Option<Time>,
    hash: &SecretHash,
) -> Result<ApiToken> {
    let token = ApiToken {
        id: TokenId::at(tx.now()),
        user_id,
        label: label.to_owned(),
        create_time: tx.now(),
        expire_time: expires,
        last_use_time: None,
        revoke_time: None,
    };
    let row = api_token::ActiveModel {
        id: Set(token.id.uuid()),
        user_id: Set(user_id.uuid()),
        lookup: Set(hash.lookup().to_vec()),
        hash: Set(hash.bytes().to_vec()),
        label: Set(token.label.clone()),
        create_time: Set(micros(token.create_time)),
        expire_time: Set(expires.map(micros)),
        last_use_time: Set(None),
        revoke_time: Set(None),
    };
    api_token::Entity::insert(row).exec_without_returning(&tx.conn().0).await?;
    Ok(token)
}

/// One token.
///
/// # Errors
/// The database's.
pub async fn get(db: &impl Db, id: TokenId) -> Result<Option<ApiToken>> {
    api_token::Entity::find_by_id(id.uuid()).one(&db.conn().0).await?.map(read).transpose()
}

/// A page of a user's tokens in the order they were made.
///
/// # Errors
/// The database's.
pub async fn list(db: &impl Db, user_id: UserId, page: &Page) -> Result<Paged<ApiToken>> {
    let mut query = api_token::Entity::find().filter(api_token::Column::UserId.eq(user_id.uuid()));
    if let Some(after) = page.after {
        query = query.filter(api_token::Column::Id.gt(after));
    }
    let rows = query.order_by_asc(api_token::Column::Id).limit(u64::from(page.size) + 1).all(&db.conn().0).await?;
    let tokens = rows.into_iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(page.cut(tokens, |token| token.id.uuid()))
}

/// Ends a token; one that has ended stays as it ended.
///
/// # Errors
/// The database's.
pub async fn revoke(tx: &Tx, id: TokenId) -> Result<()> {
    api_token::Entity::update_many()
        .col_expr(api_token::Column::RevokeTime, Expr::val(micros(tx.now())))
        .filter(api_token::Column::Id.eq(id.uuid()))
        .filter(api_token::Column::RevokeTime.is_null())
        .exec(&tx.conn().0)
        .await?;
    Ok(())
}

fn read(row: api_token::Model) -> Result<ApiToken> {
    let api_token::Model {
        id,
        user_id,
        lookup: _,
        hash: _,
        label,
        create_time,
        expire_time,
        last_use_time,
        revoke_time,
    } = row;
    Ok(ApiToken {
        id: id.into(),
        user_id: user_id.into(),
        label,
        create_time: time(create_time).ok_or(Error::Corrupt("time"))?,
        expire_time: times(expire_time)?,
        last_use_time: times(last_use_time)?,
        revoke_time: times(revoke_time)?,
    })
}
