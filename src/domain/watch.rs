//! Watching leads: what happens to those in sight, and which come into sight and go out of it.
//!
//! Nothing is remembered of a watcher: where they are stands in the token that they bring back. It says up to which event they
//! were told, and what they could view then. What is told of a lead is decided by the scope at the moment of telling, in one state of the
//! database; that a lead went out of sight is told only to whom it was in sight of, which the outbox's record of how leads
//! were placed decides. See `docs/adr/0009-the-outbox-and-the-watch.md`.

mod position;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use uuid::Uuid;

pub use self::position::Position;
use self::position::{InForce, versions};
use super::{Error, Result};
use crate::{
    access::{
        Caller,
        policy::Principal,
        rule::Situation,
        scope::{Chosen, LeadScope, View},
        sight::Sight,
    },
    model::{
        Time,
        ids::{LeadId, UserId},
        lead::Lead,
        lead_access::AccessRow,
        lead_event::{Happened, LeadEventKind, Was},
        page::Page,
        permission::Action,
    },
    store::{self, Store, Tx, fence, lead_events, leads, watch},
};

/// How many events are looked at in one step.
const EVENTS: u64 = 500;
/// How many leads of each sight are compared in one step; few where tests are to see more than one.
const COMPARED: u32 = if cfg!(feature = "switches") { 7 } else { 200 };
/// How long a position is good for; events are kept a day longer.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How often a watcher's rights may change before all of the first change is told.
const MOST_SIGHTS: usize = 8;

/// What is told of a lead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum News {
    /// What happened to it.
    Happened(LeadEventKind),
    /// It has come into sight.
    Gained,
    /// It has gone out of sight.
    Lost,
}

/// One thing to tell.
#[derive(Clone, Debug)]
pub struct Tell {
    /// What.
    pub news: News,
    /// Of which lead.
    pub lead_id: LeadId,
    /// When it happened.
    pub time: Time,
    /// The lead as it may be viewed.
    pub lead: Option<Lead>,
    /// The event's place, if it was one.
    pub seq: Option<i64>,
}

/// A step of a watch.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where the watcher was before, as seen by what they may view now: from here the step can be taken again, or told in parts.
    pub from: Position,
    /// What there is to tell.
    pub tells: Vec<Tell>,
    /// Where the watcher is once they were told all of it.
    pub position: Position,
    /// Whether there is more at once.
    pub more: bool,
    /// When it was read.
    pub read: Instant,
}

/// The position of somebody who watches from now on.
///
/// # Errors
/// UNAVAILABLE where the caller's rights have just changed; or the database's.
pub async fn begin(store: &Store, caller: &Caller) -> Result<Position> {
    store
        .snapshot(caller.clone(), |tx, caller| async move {
            stand(&tx, &caller).await?;
            let seq = lead_events::head(&tx).await?;
            let time = tx.now().timestamp_micros();
            let sights = vec![InForce { sight: Sight::of(&caller), since: seq, from: time }];
            Ok(Position { seq, time, sights, comparing: None, settled: None, rights: versions(&caller) })
        })
        .await
}

/// What there is to tell from a position on, as of one state of the database.
///
/// # Errors
/// RESUME_TOKEN_EXPIRED; UNAVAILABLE where the caller's rights have just changed; or the database's.
pub async fn step(store: &Store, caller: &Caller, position: Position) -> Result<Step> {
    store
        .snapshot((caller.clone(), position), |tx, args| async move {
            let (caller, position) = &*args;
            stand(&tx, caller).await?;
            let head = lead_events::head(&tx).await?;
            let from = Time::from_timestamp_micros(position.time).unwrap_or_default();
            // A place that is not reached yet is one of a database that was put back.
            if from + KEPT < tx.now() || position.seq > head {
                return Err(Error::ResumeTokenExpired);
            }
            let mut watching = Watching::new(&tx, caller, position.clone(), head)?;
            match watching.position.comparing {
                Some(from) => watching.compare(from).await?,
                None => watching.follow().await?,
            }
            Ok(watching.told())
        })
        .await
}

/// Refuses to go on with a caller whose rights have moved.
async fn stand(tx: &Tx, caller: &Caller) -> Result<()> {
    match caller.fence() {
        Some(fence) if !fence::stands(tx, fence).await? => Err(Error::Store(store::Error::Moved)),
        _ => Ok(()),
    }
}

/// One step under way.
struct Watching<'a> {
    tx: &'a Tx,
    caller: &'a Caller,
    from: Position,
    position: Position,
    /// Who the watcher was by each sight.
    principals: Vec<Arc<Principal>>,
    head: i64,
    tells: Vec<Tell>,
    more: bool,
}

impl<'a> Watching<'a> {
    fn new(tx: &'a Tx, caller: &'a Caller, mut position: Position, head: i64) -> Result<Self> {
        position.see(Sight::of(caller), versions(caller), head, tx.now());
        if position.sights.len() > MOST_SIGHTS {
            return Err(Error::ResumeTokenExpired);
        }
        let principals = position.sights.iter().map(|at| at.sight.principal(caller.id())).collect();
        Ok(Self { tx, caller, from: position.clone(), position, principals, head, tells: Vec::new(), more: false })
    }

    fn told(self) -> Step {
        let Self { from, tells, position, more, .. } = self;
        Step { from, tells, position, more, read: Instant::now() }
    }

    fn user(&self) -> UserId {
        self.caller.id()
    }

    fn tell(&mut self, news: News, lead_id: LeadId, time: Time, lead: Option<Lead>, seq: Option<i64>) {
        self.tells.push(Tell { news, lead_id, time, lead, seq });
    }

    /// Those of some leads that the caller may view now.
    async fn viewable(&self, ids: &[LeadId]) -> Result<HashMap<LeadId, Lead>> {
        let found = leads::get_many(self.tx, &self.caller.scope::<View>(), ids).await?;
        Ok(found.into_iter().map(|found| (found.lead().id, found.into_lead())).collect())
    }

    /// Compares what could be viewed with what can be, lead by lead, after rights have changed. Leads to which something has happened
    /// since a sight came into force are left to the events, which know how they were placed before.
    async fn compare(&mut self, from: Uuid) -> Result<()> {
        let scopes: Vec<LeadScope<Chosen>> =
            self.principals.iter().map(|principal| LeadScope::of(principal, Action::View)).collect();
        let page = Page { size: COMPARED, after: Some(from) };
        let mut ids = BTreeSet::new();
        // No scope has shown all of its leads below the highest at which one of them was cut.
        let mut cut: Option<Uuid> = None;
        for scope in &scopes {
            let paged = page.cut(watch::ids(self.tx, scope, &page).await?, |id| *id);
            cut = cut.max(paged.next);
            ids.extend(paged.rows);
        }
        let ids: Vec<LeadId> =
            ids.into_iter().rev().filter(|id| cut.is_none_or(|cut| *id >= cut)).map(LeadId::from).collect();
        let verdicts = leads::judge(self.tx, &self.caller.scope::<View>(), &scopes, &ids).await?;
        let first = self.position.sights.first().map_or(self.head, |first| first.since);
        let spans = lead_events::span_after(self.tx, &ids, first).await?;
        let viewable = self.viewable(&ids).await?;
        for id in ids {
            let Some(verdict) = verdicts.get(&id) else { continue };
            let last_event = spans.get(&id).map_or(0, |(_, last)| *last);
            let mut sights = self.position.sights.iter().zip(&verdict.covered);
            match viewable.get(&id) {
                // What has happened to it since is told next, and says as much.
                Some(_) if last_event > self.position.seq => {}
                Some(lead) if !verdict.covered.iter().all(|covered| *covered) => {
                    self.tell(News::Gained, id, self.tx.now(), Some(lead.clone()), None);
                }
                None if sights.any(|(sight, covered)| *covered && last_event <= sight.since) => {
                    self.tell(News::Lost, id, self.tx.now(), None, None);
                }
                _ => {}
            }
        }
        self.position.comparing = cut;
        if cut.is_none() {
            self.position.settled = Some(self.head);
        }
        self.more = true;
        Ok(())
    }

    /// Goes on along the events.
    async fn follow(&mut self) -> Result<()> {
        let events = lead_events::after(self.tx, self.position.seq, EVENTS).await?;
        self.more = events.len() as u64 == EVENTS;
        self.tell_events(&events).await?;
        if let Some(last) = events.last() {
            self.position.seq = last.seq;
        }
        if !self.more {
            self.tell_lapses().await?;
            self.position.time = self.tx.now().timestamp_micros();
        }
        if !self.more && self.position.settled.is_some_and(|settled| self.position.seq >= settled) {
            let earlier = self.position.sights.len().saturating_sub(1);
            self.position.sights.drain(..earlier);
            self.position.settled = None;
        }
        Ok(())
    }

    async fn tell_events(&mut self, events: &[Happened]) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let ids: BTreeSet<LeadId> = events.iter().map(|happened| happened.event.lead_id).collect();
        let ids: Vec<LeadId> = ids.into_iter().collect();
        let viewable = self.viewable(&ids).await?;
        let past = Past::read(self, &ids).await?;
        let in_sight: Vec<InSight> = events.iter().map(|happened| self.was_in_sight(happened, &past)).collect();
        // How a lead was before its next event is how it was after this one: from the last to the first, and that may come in a later step.
        let mut next_of: HashMap<LeadId, bool> = HashMap::new();
        if self.more
            && let Some(last) = events.last()
        {
            for next in lead_events::first_after(self.tx, &ids, last.seq).await? {
                next_of.insert(next.event.lead_id, self.was_in_sight(&next, &past) != InSight::No);
            }
        }
        let mut told: Vec<(usize, News)> = Vec::new();
        for (at, happened) in events.iter().enumerate().rev() {
            let id = happened.event.lead_id;
            let was = in_sight[at];
            let is = next_of.insert(id, was != InSight::No).unwrap_or_else(|| viewable.contains_key(&id));
            told.extend(news(happened.event.kind, was, is).map(|news| (at, news)));
        }
        for (at, news) in told.into_iter().rev() {
            let Happened { seq, time, event } = &events[at];
            let id = event.lead_id;
            let gone = matches!(news, News::Lost | News::Happened(LeadEventKind::Deleted));
            match viewable.get(&id) {
                _ if gone => self.tell(news, id, *time, None, Some(*seq)),
                Some(lead) => self.tell(news, id, *time, Some(lead.clone()), Some(*seq)),
                // It was in sight then and isn't now; what has taken it away comes next.
                None => {}
            }
        }
        Ok(())
    }

    /// Whether a lead was in sight right before an event. An earlier sight counts up to the lead's first event since it came into
    /// force, and only until the sights were compared: by then it was told what became of the lead.
    fn was_in_sight(&self, happened: &Happened, past: &Past) -> InSight {
        let Some(was) = happened.event.was else { return InSight::No };
        let lead = happened.event.lead_id;
        let row = past.row_before(lead, happened.seq);
        // What ended by itself since the watcher was last told of such ends was in their sight until they are told.
        let told = Time::from_timestamp_micros(self.position.time).unwrap_or_default();
        let at = situation(self.user(), was, row, told);
        let first = |number: usize| past.firsts.get(number).and_then(|of| of.get(&lead)) == Some(&happened.seq);
        let last = self.position.sights.len().saturating_sub(1);
        let compared = last == 0 || self.position.settled.is_some_and(|settled| happened.seq > settled);
        let mut answer = InSight::No;
        for (number, (sight, principal)) in self.position.sights.iter().zip(&self.principals).enumerate() {
            let counts = happened.seq > sight.since && (number == last || (first(number) && !compared));
            if counts && principal.views(&at) {
                // All was told by the first of the sights. By the last it was told from the lead's first event on; where this is that of any
                // sight before, it was perhaps still to be compared. Of access that stays nothing is told: where rights have moved, the lead
                // must not count as told, for the comparison may have told that it was lost.
                let told = happened.event.kind != LeadEventKind::Access
                    && (number == 0 || (number == last && !(0..last).any(first)));
                answer = if told || compared { InSight::Yes } else { answer.max(InSight::Perhaps) };
            }
        }
        answer
    }

    /// Tells what ended by itself since the watcher was last told.
    async fn tell_lapses(&mut self) -> Result<()> {
        let from = Time::from_timestamp_micros(self.position.time).unwrap_or_default();
        let graces: BTreeSet<Duration> = self.principals.iter().filter_map(|p| p.resolved_grace()).collect();
        let graces: Vec<Duration> = graces.into_iter().collect();
        let all = LeadScope::system("what ended by itself; it is told to whom it was in sight of");
        let lapses = watch::lapses(self.tx, &all, self.user(), &graces, (from, self.tx.now())).await?;
        let ids: Vec<LeadId> = lapses.iter().map(|lapse| lapse.lead_id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let viewable = self.viewable(&ids).await?;
        let rows = watch::rows_of(self.tx, self.user(), &ids).await?;
        let mut told = BTreeSet::new();
        for lapse in lapses {
            let row = rows.get(&lapse.lead_id);
            let before = lapse.end - Duration::from_micros(1);
            let at = situation(self.user(), lapse.placed, row, before);
            let end = lapse.end.timestamp_micros();
            let mut sights = self.position.sights.iter().zip(&self.principals);
            let was = sights.any(|(sight, principal)| sight.from < end && principal.views(&at));
            if was && !viewable.contains_key(&lapse.lead_id) && told.insert(lapse.lead_id) {
                self.tell(News::Lost, lapse.lead_id, lapse.end, None, None);
            }
        }
        Ok(())
    }
}

/// What an event is to somebody in whose sight its lead was before, or is after, or both.
fn news(kind: LeadEventKind, was: InSight, is: bool) -> Option<News> {
    match (kind, was, is) {
        (LeadEventKind::Deleted, InSight::Yes | InSight::Perhaps, _) => Some(News::Happened(kind)),
        (_, InSight::Yes | InSight::Perhaps, false) => Some(News::Lost),
        (LeadEventKind::Created, InSight::No, true) => Some(News::Happened(kind)),
        (_, InSight::No | InSight::Perhaps, true) => Some(News::Gained),
        (LeadEventKind::Access, InSight::Yes, true) => None,
        (_, InSight::Yes, true) => Some(News::Happened(kind)),
        (_, InSight::No, false) => None,
    }
}

/// Whether a lead was in sight before an event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum InSight {
    /// It was not.
    No,
    /// It was by rights that have come into force since the watcher was told of all: they may not have been told of this one.
    Perhaps,
    /// It was, and the watcher was told.
    Yes,
}

fn situation(user_id: UserId, was: Was, row: Option<&AccessRow>, now: Time) -> Situation<'_> {
    let Was { assignee_id, group_id, resolve_time } = was;
    Situation { user_id, assignee_id, group_id, resolve_time, row, now }
}

/// How some leads stood to the watcher before the events.
struct Past {
    rows: HashMap<LeadId, AccessRow>,
    /// What has changed access since the watcher was last told, in order.
    changes: HashMap<LeadId, Vec<Happened>>,
    /// By sight but the last, the first event of each lead since the sight came into force.
    firsts: Vec<HashMap<LeadId, i64>>,
    user: UserId,
}

impl Past {
    async fn read(watching: &Watching<'_>, ids: &[LeadId]) -> Result<Self> {
        let tx = watching.tx;
        let user = watching.user();
        let rows = watch::rows_of(tx, user, ids).await?;
        let mut changes: HashMap<LeadId, Vec<Happened>> = HashMap::new();
        for happened in lead_events::access_after(tx, ids, watching.position.seq).await? {
            changes.entry(happened.event.lead_id).or_default().push(happened);
        }
        let earlier = watching.position.sights.len().saturating_sub(1);
        let mut firsts = Vec::with_capacity(earlier);
        for sight in watching.position.sights.iter().take(earlier) {
            let spans = lead_events::span_after(tx, ids, sight.since).await?;
            firsts.push(spans.into_iter().map(|(lead, (first, _))| (lead, first)).collect());
        }
        Ok(Self { rows, changes, firsts, user })
    }

    /// The watcher's row of a lead's access list as it was right before an event: before the next change of it, or as it is.
    fn row_before(&self, lead: LeadId, seq: i64) -> Option<&AccessRow> {
        let changes = self.changes.get(&lead).into_iter().flatten();
        for change in changes.filter(|change| change.seq >= seq) {
            match change.event.rows.get(&self.user) {
                Some(row) => return row.as_ref(),
                None if change.event.kind == LeadEventKind::Deleted => return None,
                None => {}
            }
        }
        self.rows.get(&lead)
    }
}
