//! Changes of leads, each under the scope of its action.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait, Func, Query, TableRef, ValueTuple},
};

use super::{Locked, row::Row, rows};
use crate::{
    access::scope::{Acts, Assign, Delete, Discard, Edit, Resolve, Retrieve, View},
    model::{
        Time,
        assignment::Worked,
        ids::{EntryId, LeadId, UserId},
        lead::{DeletionReason, Lead, LeadState},
        lead_event::{LeadEvent, LeadEventKind, Was},
        user::Actor,
    },
    store::{
        Db, Error, Result, Tx, bulk, entity::lead, key, lead_access, lead_events, lead_search, micros, requests,
        tombstones, unplaced, visible,
    },
};

/// A lead before a write and after it.
#[derive(Clone, Debug)]
pub struct Written<'a> {
    /// As it was when it was locked.
    pub before: &'a Lead,
    /// As it is now.
    pub after: Lead,
}

/// Writes the fields of a lead as they are to be; `stage` where it changes too.
///
/// # Errors
/// [`Error::Unique`] for an external ID that is taken; or the database's.
pub async fn set_fields(tx: &Tx, lead: &Locked<Edit>, after: &Lead, stage: Option<Option<EntryId>>) -> Result<Lead> {
    let mut row = fields(after)?;
    if let Some(stage) = stage {
        row.stage_id = Set(stage.map(EntryId::uuid));
    }
    let after = write_one(tx, lead, LeadEventKind::Changed, row).await?;
    lead_search::update(tx, lead.lead(), &after).await?;
    lead_access::follow(tx, lead, &after).await?;
    Ok(after)
}

/// The columns that are a lead's fields. What else it has is written by the change that it belongs to.
pub(super) fn fields(lead: &Lead) -> Result<lead::ActiveModel> {
    let Lead {
        external_id,
        name,
        email,
        email_confirmed,
        phone,
        country,
        locale,
        campaign,
        attributes,
        next_contact_time,
        group_id,
        register_time,
        first_deposit_time,
        id: _,
        source: _,
        stage: _,
        assignee_id: _,
        assigned: _,
        state: _,
        discard_reason: _,
        discard_time: _,
        disposition: _,
        resolve_time: _,
        created_by: _,
        create_time: _,
        update_time: _,
        version: _,
    } = lead;
    Ok(lead::ActiveModel {
        external_id: Set(external_id.clone()),
        name: Set(name.clone()),
        email: Set(email.clone()),
        email_key: Set(email.as_deref().map(key)),
        email_confirmed: Set(*email_confirmed),
        phone: Set(phone.clone()),
        country: Set(country.clone()),
        locale: Set(locale.clone()),
        campaign: Set(campaign.clone()),
        attributes: Set(serde_json::to_string(attributes).map_err(|_| Error::Corrupt("attributes"))?),
        next_contact_time: Set(next_contact_time.map(micros)),
        group_id: Set(group_id.map(|group| group.uuid())),
        register_time: Set(register_time.map(micros)),
        first_deposit_time: Set(first_deposit_time.map(micros)),
        ..Default::default()
    })
}

/// Writes that a person has deposited; `first` where it was the first time.
///
/// # Errors
/// The database's.
pub async fn set_deposited(tx: &Tx, lead: &Locked<Edit>, first: Option<Time>) -> Result<Lead> {
    let mut row = lead::ActiveModel::default();
    if let Some(first) = first {
        row.first_deposit_time = Set(Some(micros(first)));
    }
    write_one(tx, lead, LeadEventKind::Changed, row).await
}

/// Sets leads aside. Stage and assignee stay, for the day they are retrieved.
///
/// # Errors
/// The database's.
pub async fn set_discarded<'a>(tx: &Tx, leads: &[&'a Locked<Discard>], reason: EntryId) -> Result<Vec<Written<'a>>> {
    let row = lead::ActiveModel {
        state: Set(LeadState::Discarded.word().to_owned()),
        discard_reason_id: Set(Some(reason.uuid())),
        discard_time: Set(Some(micros(tx.now()))),
        ..Default::default()
    };
    write(tx, leads, LeadEventKind::Discarded, row).await
}

/// Brings leads back, in no order; without their assignees where those are gone.
///
/// # Errors
/// The database's.
pub async fn set_retrieved<'a>(
    tx: &Tx,
    leads: &[&'a Locked<Retrieve>],
    gone: &BTreeSet<UserId>,
) -> Result<Vec<Written<'a>>> {
    let (without, with): (Vec<&'a Locked<Retrieve>>, Vec<&'a Locked<Retrieve>>) = leads
        .iter()
        .copied()
        .partition(|lead| lead.lead().assignee_id.is_some_and(|assignee| gone.contains(&assignee)));
    let row = lead::ActiveModel {
        state: Set(LeadState::Active.word().to_owned()),
        discard_reason_id: Set(None),
        discard_time: Set(None),
        ..Default::default()
    };
    let mut written = write(tx, &with, LeadEventKind::Retrieved, row.clone()).await?;
    let row = lead::ActiveModel { assignee_id: Set(None), assigned_by: Set(None), assign_time: Set(None), ..row };
    written.extend(write(tx, &without, LeadEventKind::Retrieved, row).await?);
    Ok(written)
}

/// Ends the work.
///
/// # Errors
/// The database's.
pub async fn set_resolved(tx: &Tx, lead: &Locked<Resolve>, disposition: EntryId) -> Result<Lead> {
    write_one(tx, lead, LeadEventKind::Resolved, resolved(tx, disposition)).await
}

/// Ends the work since an order was completed: who may record that needn't hold RESOLVE.
///
/// # Errors
/// The database's.
pub async fn set_resolved_by_sale(tx: &Tx, lead: &Locked<Edit>, disposition: EntryId) -> Result<Lead> {
    write_one(tx, lead, LeadEventKind::Resolved, resolved(tx, disposition)).await
}

fn resolved(tx: &Tx, disposition: EntryId) -> lead::ActiveModel {
    lead::ActiveModel {
        state: Set(LeadState::Resolved.word().to_owned()),
        disposition_id: Set(Some(disposition.uuid())),
        resolve_time: Set(Some(micros(tx.now()))),
        ..Default::default()
    }
}

/// Takes the work up again.
///
/// # Errors
/// The database's.
pub async fn set_active(tx: &Tx, lead: &Locked<Resolve>) -> Result<Lead> {
    write_one(tx, lead, LeadEventKind::Reopened, active()).await
}

/// What leads are once they are given to users, or to nobody; the work on given ones is taken up again.
pub fn reassigned<'a>(tx: &Tx, leads: &[(&'a Locked<Assign>, Option<UserId>)], by: UserId) -> Vec<Written<'a>> {
    let written = leads.iter().map(|(lead, to)| {
        let before = lead.lead();
        let mut after = Lead {
            assignee_id: *to,
            assigned: None,
            update_time: tx.now(),
            version: before.version + 1,
            ..before.clone()
        };
        if to.is_some() {
            after.assigned = Some((by, tx.now()));
            after.state = LeadState::Active;
            after.disposition = None;
            after.resolve_time = None;
        }
        Written { before, after }
    });
    written.collect()
}

/// Gives leads to users, or to nobody: writes them as [`reassigned`] says.
///
/// # Errors
/// The database's.
pub async fn set_assignees(tx: &Tx, leads: &[(&Locked<Assign>, Option<UserId>)], by: UserId) -> Result<()> {
    let given: Vec<(&Locked<Assign>, UserId)> = leads.iter().filter_map(|(lead, to)| Some((*lead, (*to)?))).collect();
    let taken: Vec<&Locked<Assign>> = leads.iter().filter(|(_, to)| to.is_none()).map(|(lead, _)| *lead).collect();
    let row = lead::ActiveModel {
        assignee_id: Set(None),
        assigned_by: Set(None),
        assign_time: Set(None),
        ..Default::default()
    };
    write(tx, &taken, LeadEventKind::Assigned, row).await?;
    give(tx, &given, by).await
}

/// Writes whose leads are, in one statement for all of them.
async fn give(tx: &Tx, given: &[(&Locked<Assign>, UserId)], by: UserId) -> Result<()> {
    let Some((first, _)) = given.first() else { return Ok(()) };
    let conn = tx.conn().0;
    let backend = conn.get_database_backend();
    let named = |column: &'static str| Expr::col((GIVEN, column));
    let mut update = Query::update();
    update
        .table(lead::Entity)
        .value(lead::Column::AssigneeId, named("assignee"))
        .value(lead::Column::AssignedBy, by.uuid())
        .value(lead::Column::AssignTime, micros(tx.now()))
        .value(lead::Column::State, LeadState::Active.word())
        .value(lead::Column::DispositionId, Option::<uuid::Uuid>::None)
        .value(lead::Column::ResolveTime, Option::<i64>::None)
        .value(lead::Column::UpdateTime, micros(tx.now()))
        .value(lead::Column::Version, lead::Column::Version.into_expr().add(1_i64))
        .from(given_table(given, backend))
        .and_where(lead::Column::Id.into_expr().eq(named("lead")))
        // Whoever holds a lead as it was before an earlier write would undo that one.
        .and_where(lead::Column::Version.into_expr().eq(named("version")))
        .cond_where(visible::covers(first.scope(), backend));
    let done = conn.execute(&update).await?;
    if done.rows_affected() != given.len() as u64 {
        return Err(Error::Conflict(None));
    }
    unplaced::forget(tx, &given.iter().map(|(lead, _)| lead.lead().id).collect::<Vec<_>>()).await?;
    for (lead, _) in given {
        let before = lead.lead();
        let was = Some(Was::of(before));
        let event = LeadEvent { lead_id: before.id, kind: LeadEventKind::Assigned, was, rows: BTreeMap::new() };
        lead_events::note(tx, event);
    }
    Ok(())
}

/// What leads are given to whom, as a table within the statement.
const GIVEN: &str = "given";

fn given_table(given: &[(&Locked<Assign>, UserId)], backend: DbBackend) -> TableRef {
    let leads = given.iter().map(|(lead, _)| lead.lead().id.uuid());
    let users = given.iter().map(|(_, to)| to.uuid());
    let versions = given.iter().map(|(lead, _)| lead.lead().version);
    let mut rows = Query::select();
    match backend {
        DbBackend::Postgres => {
            for (values, name) in [
                (bulk::uuids(leads), "lead"),
                (bulk::uuids(users), "assignee"),
                (bulk::large_numbers(versions), "version"),
            ] {
                rows.expr_as(Func::cust("unnest").arg(Expr::val(values)), name);
            }
        }
        _ => {
            let values = leads
                .zip(users)
                .zip(versions)
                .map(|((lead, user), version)| ValueTuple::Three(lead.into(), user.into(), version.into()));
            for (at, name) in [(1, "lead"), (2, "assignee"), (3, "version")] {
                rows.expr_as(Expr::col(format!("column{at}")), name);
            }
            rows.from_values(values, "rows");
        }
    }
    TableRef::SubQuery(Box::new(rows), GIVEN.into())
}

/// Gives a lead that nobody works to whoever views it.
///
/// # Errors
/// The database's.
pub async fn set_claimed(tx: &Tx, lead: &Locked<View>) -> Result<Lead> {
    let claimant = lead.scope().user();
    write_one(tx, lead, LeadEventKind::Assigned, assigned(tx, claimant, claimant)).await
}

fn assigned(tx: &Tx, assignee: UserId, by: UserId) -> lead::ActiveModel {
    lead::ActiveModel {
        assignee_id: Set(Some(assignee.uuid())),
        assigned_by: Set(Some(by.uuid())),
        assign_time: Set(Some(micros(tx.now()))),
        ..active()
    }
}

/// Puts back who worked leads and how far.
///
/// # Errors
/// The database's.
pub async fn set_worked<'a>(tx: &Tx, leads: &[&'a Locked<Assign>], before: &Worked) -> Result<Vec<Written<'a>>> {
    let Worked { assignee_id, assigned, resolved } = before;
    let state = if resolved.is_some() { LeadState::Resolved } else { LeadState::Active };
    let row = lead::ActiveModel {
        assignee_id: Set(assignee_id.map(UserId::uuid)),
        assigned_by: Set(assigned.map(|(by, _)| by.uuid())),
        assign_time: Set(assigned.map(|(_, at)| micros(at))),
        state: Set(state.word().to_owned()),
        disposition_id: Set(resolved.map(|(how, _)| how.uuid())),
        resolve_time: Set(resolved.map(|(_, at)| micros(at))),
        ..Default::default()
    };
    write(tx, leads, LeadEventKind::Assigned, row).await
}

fn active() -> lead::ActiveModel {
    lead::ActiveModel {
        state: Set(LeadState::Active.word().to_owned()),
        disposition_id: Set(None),
        resolve_time: Set(None),
        ..Default::default()
    }
}

/// Erases leads and every record of them: by the foreign keys, and what was kept of answers; leaves tombstones without personal
/// data.
///
/// # Errors
/// The database's.
pub async fn delete(tx: &Tx, leads: &[&Locked<Delete>], by: Actor, reason: DeletionReason) -> Result<()> {
    let Some(first) = leads.first() else { return Ok(()) };
    let conn = tx.conn().0;
    let ids: Vec<LeadId> = leads.iter().map(|lead| lead.lead().id).collect();
    let mut access = lead_access::of_leads(tx, &ids).await?;
    let done = lead::Entity::delete_many()
        .filter(lead::Column::Id.is_in(ids.iter().map(|id| id.uuid())))
        .filter(visible::covers(first.scope(), conn.get_database_backend()))
        .exec(&conn)
        .await?;
    if done.rows_affected != leads.len() as u64 {
        return Err(Error::Conflict(None));
    }
    tombstones::leave(tx, &ids, by, reason).await?;
    requests::forget_leads(tx, &ids).await?;
    tx.erases();
    for lead in leads {
        let before = lead.lead();
        let rows = access.remove(&before.id).unwrap_or_default();
        let rows: BTreeMap<_, _> = rows.into_iter().map(|row| (row.user_id, Some(row))).collect();
        let (was, kind) = (Some(Was::of(before)), LeadEventKind::Deleted);
        lead_events::note(tx, LeadEvent { lead_id: before.id, kind, was, rows });
    }
    Ok(())
}

async fn write_one<A: Acts>(tx: &Tx, lead: &Locked<A>, kind: LeadEventKind, row: lead::ActiveModel) -> Result<Lead> {
    let written = write(tx, &[lead], kind, row).await?.pop();
    Ok(written.ok_or(Error::Corrupt("lead"))?.after)
}

/// Writes leads that were locked together under their next versions, where the scope still covers their rows, and reads them back
/// in the same transaction.
async fn write<'a, A: Acts>(
    tx: &Tx,
    leads: &[&'a Locked<A>],
    kind: LeadEventKind,
    mut row: lead::ActiveModel,
) -> Result<Vec<Written<'a>>> {
    let Some(first) = leads.first() else { return Ok(Vec::new()) };
    let conn = tx.conn().0;
    let ids = leads.iter().map(|lead| lead.lead().id.uuid());
    let these = bulk::is_one_of(lead::Column::Id, ids, conn.get_database_backend());
    row.update_time = Set(micros(tx.now()));
    let done = lead::Entity::update_many()
        .set(row)
        .col_expr(lead::Column::Version, lead::Column::Version.into_expr().add(Expr::val(1_i64)))
        .filter(these.clone())
        .filter(visible::covers(first.scope(), conn.get_database_backend()))
        .exec(&conn)
        .await?;
    if done.rows_affected != leads.len() as u64 {
        return Err(Error::Conflict(None));
    }
    if kind == LeadEventKind::Assigned {
        unplaced::forget(tx, &leads.iter().map(|lead| lead.lead().id).collect::<Vec<_>>()).await?;
    }
    let rows = rows().filter(these).into_model::<Row>().all(&conn).await?;
    let now = rows.into_iter().map(|row| row.read().map(|lead| (lead.id, lead)));
    let mut now = now.collect::<Result<HashMap<LeadId, Lead>>>()?;
    let mut written = Vec::with_capacity(leads.len());
    for lead in leads {
        let before = lead.lead();
        // Whoever holds a lead as it was before an earlier write would undo that one.
        let next = now.remove(&before.id).filter(|after| after.version == before.version + 1);
        let after = next.ok_or(Error::Conflict(None))?;
        let event = LeadEvent { lead_id: before.id, kind, was: Some(Was::of(before)), rows: BTreeMap::new() };
        lead_events::note(tx, event);
        written.push(Written { before, after });
    }
    Ok(written)
}
