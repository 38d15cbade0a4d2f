//! The record of changes of rights: appended in the transaction of the change, never edited.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait},
};

use super::{
    Db, Error, Insert, Result, Tx, bulk,
    entity::{
        lead,
        permission_change::{ActiveModel, Column, Entity, Model},
    },
    fence, micros, time, visible,
};
use crate::{
    access::scope::{LeadScope, View},
    model::{
        ids::{GroupId, LeadId, PermissionChangeId, ProfileId, TokenId, UserId},
        page::{Page, Paged},
        permission_change::{ChangeFilter, Changed, PermissionChange, PermissionChangeKind},
        user::Actor,
    },
};

/// Appends what one actor did, in the order given; no actor: whoever holds the database itself.
///
/// # Errors
/// The database's.
pub async fn append(tx: &Tx, actor: Option<Actor>, changed: Vec<Changed>) -> Result<()> {
    ready(tx, actor, changed)?.run(tx).await
}

/// Makes the INSERT that appends it.
///
/// # Errors
/// Only a bug's.
pub fn ready(tx: &Tx, actor: Option<Actor>, changed: impl IntoIterator<Item = Changed>) -> Result<Insert> {
    let rows = changed.into_iter().map(|changed| row(tx, actor, changed)).collect::<Result<Vec<_>>>()?;
    bulk::ready(tx, rows)
}

/// A page of the record, newest first, without the access to leads that the scope doesn't cover.
///
/// # Errors
/// The database's.
pub async fn list(
    db: &impl Db,
    scope: &LeadScope<View>,
    filter: &ChangeFilter,
    page: &Page,
) -> Result<Paged<PermissionChange>> {
    let conn = db.conn().0;
    let backend = conn.get_database_backend();
    let rows = Entity::find()
        .filter(asked(filter))
        .filter(shown(scope, filter.lead_id, backend))
        .filter(fence::holds(scope.fence(), backend))
        .filter(Condition::all().add_option(page.after.map(|before| Column::Id.lt(before))))
        .order_by_desc(Column::Id)
        .limit(u64::from(page.size) + 1)
        .all(&conn)
        .await?;
    let changes = fence::believed(db, scope.fence(), rows).await?;
    let changes = changes.into_iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(page.cut(changes, |change| change.id.uuid()))
}

fn asked(filter: &ChangeFilter) -> Condition {
    let ChangeFilter { user_id, actor_id, lead_id, kinds } = filter;
    let by = |id: UserId| Column::ActorId.eq(id.uuid()).or(Column::OnBehalfOf.eq(id.uuid()));
    let words = kinds.iter().map(|kind| kind.word());
    Condition::all()
        .add_option(user_id.map(|id| Column::UserId.eq(id.uuid())))
        .add_option(actor_id.map(by))
        .add_option(lead_id.map(|id| Column::LeadId.eq(id.uuid())))
        .add_option((!kinds.is_empty()).then(|| Column::Kind.is_in(words)))
}

/// What is said of a lead is for those who may view it, and of a lead that is gone for those who may view every lead. Where one
/// lead is asked about, it is looked at once, so that the time doesn't tell how much there is of a hidden one.
fn shown(scope: &LeadScope<View>, asked: Option<LeadId>, backend: DbBackend) -> Condition {
    let which = asked.map_or(Column::LeadId.into_expr(), |id| Expr::val(id.uuid()));
    let its_lead = || {
        let same = lead::Column::Id.into_expr().eq(which.clone());
        lead::Entity::find().select_only().expr(Expr::val(1)).filter(same)
    };
    let gone = scope.reaches_all().then(|| Expr::exists(its_lead().into_query()).not());
    Condition::any()
        .add(Column::LeadId.is_null())
        .add(Expr::exists(its_lead().filter(visible::covers(scope, backend)).into_query()))
        .add_option(gone)
}

fn row(tx: &Tx, actor: Option<Actor>, changed: Changed) -> Result<ActiveModel> {
    let Changed { kind, user_id, profile_id, group_id, lead_id, token_id, changes } = changed;
    Ok(ActiveModel {
        id: Set(PermissionChangeId::at(tx.now()).uuid()),
        time: Set(micros(tx.now())),
        kind: Set(kind.word().to_owned()),
        actor_id: Set(actor.map(|actor| actor.id.uuid())),
        on_behalf_of: Set(actor.and_then(|actor| actor.on_behalf_of).map(UserId::uuid)),
        user_id: Set(user_id.map(UserId::uuid)),
        profile_id: Set(profile_id.map(ProfileId::uuid)),
        group_id: Set(group_id.map(GroupId::uuid)),
        lead_id: Set(lead_id.map(LeadId::uuid)),
        token_id: Set(token_id.map(TokenId::uuid)),
        changes: Set(serde_json::to_string(&changes).map_err(|_| Error::Corrupt("permission change"))?),
    })
}

fn read(row: Model) -> Result<PermissionChange> {
    let Model { id, time: at, kind, actor_id, on_behalf_of, user_id, profile_id, group_id, lead_id, token_id, changes } =
        row;
    Ok(PermissionChange {
        id: id.into(),
        time: time(at).ok_or(Error::Corrupt("time"))?,
        actor: actor_id.map(|id| Actor { id: id.into(), on_behalf_of: on_behalf_of.map(UserId::from) }),
        changed: Changed {
            kind: PermissionChangeKind::from_word(&kind).ok_or(Error::Corrupt("permission change kind"))?,
            user_id: user_id.map(UserId::from),
            profile_id: profile_id.map(ProfileId::from),
            group_id: group_id.map(GroupId::from),
            lead_id: lead_id.map(LeadId::from),
            token_id: token_id.map(TokenId::from),
            changes: serde_json::from_str(&changes).map_err(|_| Error::Corrupt("permission change"))?,
        },
    })
}
