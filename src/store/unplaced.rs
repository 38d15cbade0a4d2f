//! Leads for which rules have found nobody.

use std::collections::BTreeMap;

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use super::{
    Db, Error, Result, Tx, bulk,
    entity::{
        lead,
        unplaced_lead::{ActiveModel, Column, Entity},
    },
    fence,
    leads::{self, Row},
    micros, time, visible,
};
use crate::{
    access::scope::LeadScope,
    model::{
        Time,
        distribution::Unplaced,
        ids::{LeadId, RuleId},
        lead::{Lead, LeadState},
        page::{Page, Paged},
    },
};

/// A lead that has found nobody.
#[derive(Clone, Debug)]
pub struct UnplacedLead {
    /// The lead.
    pub lead: Lead,
    /// The rule whose targets couldn't take it; none where no rule is for it.
    pub rule_id: Option<RuleId>,
    /// Why.
    pub cause: Unplaced,
    /// When that was tried last.
    pub time: Time,
}

/// Notes that nobody was found for leads, and by which rule.
///
/// # Errors
/// The database's.
pub async fn note(tx: &Tx, unplaced: &BTreeMap<LeadId, (Option<RuleId>, Unplaced)>) -> Result<()> {
    forget(tx, &unplaced.keys().copied().collect::<Vec<_>>()).await?;
    let row = |(lead, (rule, cause)): (&LeadId, &(Option<RuleId>, Unplaced))| ActiveModel {
        lead_id: Set(lead.uuid()),
        rule_id: Set(rule.map(RuleId::uuid)),
        cause: Set(cause.word().to_owned()),
        time: Set(micros(tx.now())),
    };
    bulk::insert(tx, unplaced.iter().map(row).collect()).await
}

/// Forgets that nobody was found for leads, since somebody has them.
pub(super) async fn forget(tx: &Tx, leads: &[LeadId]) -> Result<()> {
    let these = Column::LeadId.is_in(leads.iter().map(|lead| lead.uuid()));
    Entity::delete_many().filter(these).exec(&tx.conn().0).await?;
    Ok(())
}

/// A page of the scope's ACTIVE leads that have found nobody, the newest first.
///
/// # Errors
/// The database's.
pub async fn list<A>(db: &impl Db, scope: &LeadScope<A>, page: &Page) -> Result<Paged<UnplacedLead>> {
    let conn = db.conn().0;
    let backend = conn.get_database_backend();
    let mut query = lead::Entity::find().select_only();
    leads::select_rows(QuerySelect::query(&mut query));
    let same = Column::LeadId.into_expr().eq(lead::Column::Id.into_expr());
    QuerySelect::query(&mut query).join(JoinType::InnerJoin, Entity, same);
    let rows = query
        .expr_as(Column::RuleId.into_expr(), "rule_id")
        .expr_as(Column::Cause.into_expr(), "cause")
        .expr_as(Column::Time.into_expr(), "unplaced_time")
        .filter(Expr::col((lead::Entity, lead::Column::AssigneeId)).is_null())
        .filter(lead::Column::State.eq(LeadState::Active.word()))
        .filter(visible::covers_each(scope, backend))
        .filter(fence::holds(scope.fence(), backend))
        .filter(Condition::all().add_option(page.after.map(|after| lead::Column::Id.lt(after))))
        .order_by_desc(lead::Column::Id)
        .limit(u64::from(page.size) + 1)
        .into_model::<Found>()
        .all(&conn)
        .await?;
    let rows = fence::believed(db, scope.fence(), rows).await?;
    let rows = rows.into_iter().map(Found::read).collect::<Result<Vec<_>>>()?;
    Ok(page.cut(rows, |unplaced| unplaced.lead.id.uuid()))
}

#[derive(FromQueryResult)]
struct Found {
    #[sea_orm(nested)]
    row: Row,
    rule_id: Option<uuid::Uuid>,
    cause: String,
    unplaced_time: i64,
}

impl Found {
    fn read(self) -> Result<UnplacedLead> {
        let Self { row, rule_id, cause, unplaced_time } = self;
        Ok(UnplacedLead {
            lead: row.read()?,
            rule_id: rule_id.map(RuleId::from),
            cause: Unplaced::from_word(&cause).ok_or(Error::Corrupt("unplaced lead"))?,
            time: time(unplaced_time).ok_or(Error::Corrupt("time"))?,
        })
    }
}
