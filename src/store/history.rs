//! The history of leads: appended in the transaction of the change, and what it tells is never edited.

use std::time::Duration;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::{
    Db, Error, Result, Tx,
    bulk::{Insert, Rows},
    decisions,
    entity::lead_history::{ActiveModel, Column, Entity, Model},
    leads::{Found, Locked},
    micros, micros_of, replaced, time, times,
};
use crate::{
    access::scope::{Edit, View},
    model::{
        assignment::Replaced,
        distribution::Decision,
        history::{Activity, CallOutcome, Change, HistoryEntry, HistoryKind},
        ids::{BatchId, HistoryId, LeadId, UserId},
        page::{Page, Paged},
        user::Actor,
    },
};

/// What happened to several leads at once, to append.
#[derive(Clone, Debug)]
pub struct Happening {
    /// To which lead.
    pub lead_id: LeadId,
    /// What kind of change.
    pub kind: HistoryKind,
    /// What changed.
    pub changes: Vec<Change>,
    /// Why, where rules decided.
    pub decision: Option<Decision>,
    /// What a batch of assignments replaced, as long as that can be undone.
    pub replaced: Option<(BatchId, Replaced)>,
}

impl Happening {
    /// What neither rules nor a batch have done.
    pub fn of(lead_id: LeadId, kind: HistoryKind, changes: Vec<Change>) -> Self {
        Self { lead_id, kind, changes, decision: None, replaced: None }
    }
}

/// What one actor did to several leads, gathered to be appended at once.
#[derive(Debug)]
pub struct Entries {
    actor: Actor,
    rows: Rows<ActiveModel>,
}

impl Entries {
    /// None yet.
    pub fn by(actor: Actor) -> Self {
        Self { actor, rows: Rows::default() }
    }

    /// Adds one.
    ///
    /// # Errors
    /// Only a bug's.
    pub fn add(&mut self, tx: &Tx, happening: Happening) -> Result<()> {
        let Happening { lead_id, kind, changes, decision, replaced } = happening;
        let entry = row(&HistoryEntry { changes, decision, ..entry(tx, self.actor, lead_id, kind) })?;
        let (batch, replaced) = replaced.unzip();
        let replaced = replaced.as_ref().map(replaced::text).transpose()?;
        self.rows.add(ActiveModel { batch_id: Set(batch.map(BatchId::uuid)), replaced: Set(replaced), ..entry })
    }

    /// Makes the INSERT that appends them.
    ///
    /// # Errors
    /// Only a bug's.
    pub fn insert(self, tx: &Tx) -> Result<Insert> {
        self.rows.insert(tx.conn().0.get_database_backend())
    }
}

/// Appends what one actor did.
///
/// # Errors
/// The database's.
pub async fn append(tx: &Tx, actor: Actor, happenings: Vec<Happening>) -> Result<()> {
    let mut entries = Entries::by(actor);
    for happening in happenings {
        entries.add(tx, happening)?;
    }
    entries.insert(tx)?.run(tx).await
}

/// Appends what one actor did about a lead.
///
/// # Errors
/// The database's.
pub async fn append_activity(
    tx: &Tx,
    actor: Actor,
    lead: &Locked<Edit>,
    kind: HistoryKind,
    activity: &Activity,
) -> Result<HistoryEntry> {
    let happen_time = activity.happen_time.unwrap_or(tx.now());
    let activity = Activity { happen_time: Some(happen_time), ..activity.clone() };
    let entry = HistoryEntry { activity: Some(activity), ..entry(tx, actor, lead.lead().id, kind) };
    Entity::insert(row(&entry)?).exec_without_returning(&tx.conn().0).await?;
    Ok(entry)
}

/// A page of a viewable lead's history, newest first: of some kinds, or none given of all, but not of the hidden ones; with why rules decided
/// as they did, or without.
///
/// # Errors
/// The database's.
pub async fn list(
    db: &impl Db,
    lead: &Found<View>,
    kinds: &[HistoryKind],
    hidden: &[HistoryKind],
    with_decisions: bool,
    page: &Page,
) -> Result<Paged<HistoryEntry>> {
    let words = |kinds: &[HistoryKind]| -> Vec<&'static str> { kinds.iter().map(|kind| kind.word()).collect() };
    let rows = Entity::find()
        .filter(Column::LeadId.eq(lead.lead().id.uuid()))
        .filter(
            Condition::all()
                .add_option((!kinds.is_empty()).then(|| Column::Kind.is_in(words(kinds))))
                .add_option((!hidden.is_empty()).then(|| Column::Kind.is_not_in(words(hidden))))
                .add_option(page.after.map(|before| Column::Id.lt(before))),
        )
        .order_by_desc(Column::Id)
        .limit(u64::from(page.size) + 1)
        .all(&db.conn().0)
        .await?;
    let entry = |mut row: Model| {
        let decision = row.decision.take().filter(|_| with_decisions).as_deref().map(decisions::read).transpose()?;
        Ok(HistoryEntry { decision, ..read(row)? })
    };
    let entries = rows.into_iter().map(entry).collect::<Result<Vec<_>>>()?;
    Ok(page.cut(entries, |entry| entry.id.uuid()))
}

fn entry(tx: &Tx, actor: Actor, lead_id: LeadId, kind: HistoryKind) -> HistoryEntry {
    HistoryEntry {
        id: HistoryId::at(tx.now()),
        lead_id,
        kind,
        time: tx.now(),
        actor_id: actor.id,
        on_behalf_of: actor.on_behalf_of,
        changes: Vec::new(),
        activity: None,
        decision: None,
    }
}

pub(super) fn row(entry: &HistoryEntry) -> Result<ActiveModel> {
    let HistoryEntry { id, lead_id, kind, time, actor_id, on_behalf_of, changes, activity, decision } = entry;
    let activity = activity.as_ref().map(|activity| serde_json::to_string(&Stored::of(activity))).transpose();
    Ok(ActiveModel {
        id: Set(id.uuid()),
        lead_id: Set(lead_id.uuid()),
        kind: Set(kind.word().to_owned()),
        time: Set(micros(*time)),
        actor_id: Set(actor_id.uuid()),
        on_behalf_of: Set(on_behalf_of.map(UserId::uuid)),
        changes: Set(serde_json::to_string(changes).map_err(|_| Error::Corrupt("history entry"))?),
        activity: Set(activity.map_err(|_| Error::Corrupt("activity"))?),
        decision: Set(decision.as_ref().map(decisions::text).transpose()?),
        batch_id: Set(None),
        replaced: Set(None),
    })
}

/// An entry without why rules decided as they did, which few may know, and without what is kept to undo it.
pub(super) fn read(row: Model) -> Result<HistoryEntry> {
    let Model { id, lead_id, kind, time: at, actor_id, on_behalf_of, changes, activity, .. } = row;
    let activity = activity.map(|text| serde_json::from_str(&text).map_err(|_| Error::Corrupt("activity")));
    Ok(HistoryEntry {
        id: id.into(),
        lead_id: lead_id.into(),
        kind: HistoryKind::from_word(&kind).ok_or(Error::Corrupt("history kind"))?,
        time: time(at).ok_or(Error::Corrupt("time"))?,
        actor_id: actor_id.into(),
        on_behalf_of: on_behalf_of.map(UserId::from),
        changes: serde_json::from_str(&changes).map_err(|_| Error::Corrupt("history entry"))?,
        activity: activity.transpose()?.map(Stored::read).transpose()?,
        decision: None,
    })
}

/// An activity as it is stored.
#[derive(serde::Serialize, serde::Deserialize)]
struct Stored {
    text: String,
    call_outcome: Option<String>,
    /// In microseconds.
    call_duration: Option<i64>,
    happen_time: Option<i64>,
}

impl Stored {
    fn of(activity: &Activity) -> Self {
        let Activity { text, call_outcome, call_duration, happen_time } = activity;
        Self {
            text: text.clone(),
            call_outcome: call_outcome.map(|outcome| outcome.word().to_owned()),
            call_duration: call_duration.map(micros_of),
            happen_time: happen_time.map(micros),
        }
    }

    fn read(self) -> Result<Activity> {
        let Self { text, call_outcome, call_duration, happen_time } = self;
        let corrupt = || Error::Corrupt("activity");
        let outcome = |word: String| CallOutcome::from_word(&word).ok_or_else(corrupt);
        let span = |micros: i64| u64::try_from(micros).map(Duration::from_micros).map_err(|_| corrupt());
        Ok(Activity {
            text,
            call_outcome: call_outcome.map(outcome).transpose()?,
            call_duration: call_duration.map(span).transpose()?,
            happen_time: times(happen_time)?,
        })
    }
}
