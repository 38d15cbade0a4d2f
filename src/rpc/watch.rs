//! WatchLeads: read only when the transport asks for more, so that nothing waits in a buffer that may no longer be seen.

use std::{
    collections::VecDeque,
    pin::Pin,
    time::{Duration, Instant},
};

use futures::{Stream, stream};
use prost::Message;
use tonic::{Request, Response, Status};

use super::{Api, caller, convert, feed::Listener, status};
use crate::{
    access::Caller,
    domain::{
        Error, Result,
        watch::{self, News, Position, Step, Tell},
    },
    model::lead_event::LeadEventKind,
    proto::{self, LeadEventKind as Kind},
    query::page_token::Binding,
    store,
};

/// What is told, as it happens.
pub type Events = Pin<Box<dyn Stream<Item = Result<proto::WatchLeadsResponse, Status>> + Send>>;

/// How long a reader may leave what there is for them.
const PATIENCE: Duration = Duration::from_secs(10);
/// How old what is told may be when the transport takes it.
const FRESH: Duration = Duration::from_secs(1);
/// How often a watch that isn't woken looks whether rights have changed, or something has ended by itself.
const TICK: Duration = Duration::from_secs(1);
/// How often the token moves on where nothing is told.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// Clients take 4 MiB unless told otherwise. Less where tests are to see a step in more than one answer.
const LARGEST: usize = if cfg!(feature = "switches") { 32 * 1024 } else { 1024 * 1024 };
/// How often a step is tried whose caller's rights change meanwhile.
const ATTEMPTS: usize = 5;

/// Starts a watch.
pub async fn run(api: &Api, request: Request<proto::WatchLeadsRequest>) -> Result<Response<Events>, Status> {
    let caller = api.resolver.verified(&caller(&request)?).await.map_err(status::of)?;
    let watch = Watch::start(api, caller, &request.into_inner().resume_token).await.map_err(status::of)?;
    let answers = stream::unfold(Some(watch), |watch| async {
        let mut watch = watch?;
        match watch.next().await {
            Ok(answer) => Some((Ok(answer), Some(watch))),
            Err(refusal) => Some((Err(status::of(refusal)), None)),
        }
    });
    Ok(Response::new(Box::pin(answers)))
}

struct Watch {
    api: Api,
    caller: Caller,
    feed: Listener,
    binding: Binding,
    /// Where the watcher is who has received everything that was handed out.
    position: Position,
    /// What was read and not handed out, and when it was read.
    waiting: VecDeque<(proto::WatchLeadsResponse, Position)>,
    read: Instant,
    /// When something was last handed out; none: never.
    spoke: Option<Instant>,
}

impl Watch {
    async fn start(api: &Api, caller: Caller, token: &str) -> Result<Self> {
        let binding = Binding::new(caller.id(), "WatchLeads", &[]);
        // Listening first: what happens from now on is heard of.
        let feed = api.feed.listen();
        let mut watch = match token {
            "" => {
                let (caller, position) = begin(api, caller).await?;
                Self::at(api, caller, feed, binding, position)
            }
            token => {
                let place = api.page_tokens.open(&binding, token).ok_or(Error::InvalidResumeToken("resume_token"))?;
                let position = serde_json::from_slice(&place).map_err(|_| Error::InvalidResumeToken("resume_token"))?;
                Self::at(api, caller, feed, binding, position)
            }
        };
        // What is wrong with the token is said before the stream begins.
        let step = watch.step().await?;
        watch.hold(step)?;
        Ok(watch)
    }

    fn at(api: &Api, caller: Caller, feed: Listener, binding: Binding, position: Position) -> Self {
        let waiting = VecDeque::new();
        Self { api: api.clone(), caller, feed, binding, position, waiting, read: Instant::now(), spoke: None }
    }

    /// The next answer, once there is one.
    async fn next(&mut self) -> Result<proto::WatchLeadsResponse> {
        if self.spoke.is_none() {
            // The token comes first, so that nothing is lost of a stream that breaks before something happens.
            self.spoke = Some(Instant::now());
            return self.answer(Vec::new(), &self.position.clone());
        }
        // The transport comes back as soon as it has room for more.
        self.spoke.map_or(Ok(()), patient)?;
        loop {
            if self.read.elapsed() > FRESH {
                self.waiting.clear();
            }
            if let Some((answer, position)) = self.waiting.pop_front() {
                self.position = position;
                self.spoke = Some(Instant::now());
                return Ok(answer);
            }
            let step = self.step().await?;
            let more = step.more;
            self.hold(step)?;
            if !self.waiting.is_empty() {
                continue;
            }
            if self.spoke.is_some_and(|spoke| spoke.elapsed() > HEARTBEAT) {
                self.spoke = Some(Instant::now());
                return self.answer(Vec::new(), &self.position.clone());
            }
            if more {
                continue;
            }
            let waits = Instant::now();
            match tokio::time::timeout(TICK, self.feed.changed()).await {
                Ok(true) | Err(_) => patient(waits)?,
                Ok(false) => return Err(Error::Draining),
            }
        }
    }

    /// Reads on in a task of its own: a reader who stands still must not hold a connection of the database.
    async fn step(&mut self) -> Result<Step> {
        let reading = tokio::spawn(read(self.api.clone(), self.caller.clone(), self.position.clone()));
        let read = reading.await.map_err(|died| Error::Internal(format!("a step of a watch died: {died}")))?;
        let (caller, step) = read?;
        patient(step.read)?;
        self.caller = caller;
        self.read = step.read;
        Ok(step)
    }

    /// Keeps what was read until it is asked for, in answers that clients take.
    fn hold(&mut self, step: Step) -> Result<()> {
        let Step { from, tells, position, more: _, read: _ } = step;
        let mut events: Vec<proto::LeadEvent> = Vec::new();
        let (mut size, mut so_far) = (0, from);
        for tell in tells {
            let seq = tell.seq;
            let event = event(tell);
            size += event.encoded_len();
            if size > LARGEST && !events.is_empty() {
                let answer = self.answer(std::mem::take(&mut events), &so_far)?;
                self.waiting.push_back((answer, so_far.clone()));
                size = event.encoded_len();
            }
            if let Some(seq) = seq {
                so_far = so_far.up_to(seq);
            }
            events.push(event);
        }
        if events.is_empty() {
            self.position = position;
        } else {
            let answer = self.answer(events, &position)?;
            self.waiting.push_back((answer, position));
        }
        Ok(())
    }

    fn answer(&self, events: Vec<proto::LeadEvent>, position: &Position) -> Result<proto::WatchLeadsResponse> {
        let place =
            serde_json::to_vec(position).map_err(|_| Error::Internal("a position can't be written".to_owned()))?;
        let token = self.api.page_tokens.seal(&self.binding, &place);
        let resume_token = token.ok_or_else(|| Error::Internal("no randomness for a token".to_owned()))?;
        Ok(proto::WatchLeadsResponse { events, resume_token })
    }
}

async fn begin(api: &Api, mut caller: Caller) -> Result<(Caller, Position)> {
    for _ in 0..ATTEMPTS {
        match watch::begin(&api.store, &caller).await {
            Err(Error::Store(store::Error::Moved)) => caller = api.resolver.verified(&caller).await?,
            position => return Ok((caller, position?)),
        }
    }
    Err(Error::Store(store::Error::Moved))
}

/// A step by the caller as they are now.
async fn read(api: Api, mut caller: Caller, position: Position) -> Result<(Caller, Step)> {
    let _turn = api.feed.turn().await;
    for _ in 0..ATTEMPTS {
        match watch::step(&api.store, &caller, position.clone()).await {
            Err(Error::Store(store::Error::Moved)) => caller = api.resolver.verified(&caller).await?,
            step => return Ok((caller, step?)),
        }
    }
    Err(Error::Store(store::Error::Moved))
}

/// Whoever waits here is only woken up once the transport has room.
fn patient(since: Instant) -> Result<()> {
    if since.elapsed() > PATIENCE { Err(Error::SlowReader) } else { Ok(()) }
}

fn event(tell: Tell) -> proto::LeadEvent {
    let Tell { news, lead_id, time, lead, seq: _ } = tell;
    let kind = match news {
        News::Gained => Kind::AccessGained,
        News::Lost => Kind::AccessLost,
        News::Happened(kind) => match kind {
            LeadEventKind::Created => Kind::Created,
            LeadEventKind::Changed | LeadEventKind::Access => Kind::Changed,
            LeadEventKind::Discarded => Kind::Discarded,
            LeadEventKind::Retrieved => Kind::Retrieved,
            LeadEventKind::Resolved => Kind::Resolved,
            LeadEventKind::Reopened => Kind::Reopened,
            LeadEventKind::Assigned => Kind::Assigned,
            LeadEventKind::Deleted => Kind::Deleted,
        },
    };
    proto::LeadEvent {
        kind: kind.into(),
        lead_id: lead_id.to_string(),
        time: Some(convert::timestamp(time)),
        lead: lead.map(convert::lead),
    }
}
