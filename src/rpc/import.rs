//! ImportLeads: rows in, outcomes out. What has come is taken in one transaction. Meanwhile the next rows are read and parsed, and those
//! before are answered; no further ones are read before outcomes are taken.

use std::{fmt, panic::AssertUnwindSafe, pin::Pin, sync::Arc};

use futures::{FutureExt, Stream};
use prost::Message;
use tokio::{
    sync::mpsc,
    task::{JoinSet, yield_now},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use tracing::Instrument;

use super::{
    Api,
    convert::{Faults, MOST_ITEMS},
    request_id, status,
};
use crate::{
    access::Caller,
    domain::{
        Error, Result,
        creation::{self, Intake, Row},
    },
    model::{
        ids::{LeadId, UserId},
        lead::{DuplicatePolicy, Duplicates},
    },
    proto::{self, ImportOutcome},
    store::{
        self, Tx,
        imports::{self, ImportKey, Progress},
    },
};

/// The outcomes of an import as they come.
pub type Outcomes = Pin<Box<dyn Stream<Item = Result<proto::ImportLeadsResponse, Status>> + Send>>;

/// How many outcomes are sent in one answer: refusals with all their faults must not outgrow what clients take.
const RESULTS_PER_ANSWER: usize = 200;
/// How many answers may wait for a client that doesn't read them.
const WAITING: usize = MOST_ITEMS / RESULTS_PER_ANSWER;
/// How many rows are taken in one transaction at most: two large messages, or many small ones.
const MOST_TOGETHER: usize = 2 * MOST_ITEMS;
/// Messages whose rows are as large as this together are not joined by another: memory is what they are held in.
const LARGE: usize = 1024 * 1024;
/// How many transactions' rows may wait between two stages.
const AHEAD: usize = 1;
/// How many rows are parsed before others may go on.
const BETWEEN: usize = 50;

/// Takes an import in until its stream ends, a message is malformed, or the caller loses what they had.
pub fn run(api: Api, caller: Caller, messages: Streaming<proto::ImportLeadsRequest>) -> Outcomes {
    let (answers, outcomes) = mpsc::channel(WAITING);
    let (chunks, parsed) = mpsc::channel(AHEAD);
    let (taken, done) = mpsc::channel(AHEAD);
    // They end with what they work for.
    let mut stages = JoinSet::new();
    stages.spawn(request_id::keep(read_all(caller.id(), messages, chunks)).in_current_span());
    stages.spawn(request_id::keep(take_all(api, caller, parsed, taken)).in_current_span());
    let answering = async move {
        // A stream that just ended would say that all is well.
        let answered = AssertUnwindSafe(answer_all(done, stages, &answers)).catch_unwind().await;
        if let Err(refusal) = answered.unwrap_or_else(|_| Err(died("while it was answered"))) {
            // Nobody listens any more where this can't be sent.
            let _ = answers.send(Err(refusal)).await;
        }
    };
    tokio::spawn(request_id::keep(answering).in_current_span());
    Box::pin(ReceiverStream::new(outcomes))
}

/// Reads until the stream ends, something is wrong with it, or nobody wants more. Rows that come while others are taken go on together.
async fn read_all(
    caller: UserId,
    mut messages: Streaming<proto::ImportLeadsRequest>,
    chunks: mpsc::Sender<Result<Chunk, Status>>,
) {
    let mut reader = Reader { caller, import: None, last: None };
    let mut waiting: Option<Chunk> = None;
    let end = loop {
        tokio::select! {
            biased;
            place = chunks.reserve(), if waiting.is_some() => match (place, waiting.take()) {
                (Ok(place), Some(chunk)) => place.send(Ok(chunk)),
                _ => return,
            },
            message = messages.message(), if waiting.as_ref().is_none_or(Chunk::has_room) => {
                let chunk = match message {
                    Ok(None) => break Ok(()),
                    Ok(Some(message)) => reader.parse(message).await.map_err(status::of),
                    Err(refusal) => Err(status::of_transport(refusal)),
                };
                match (chunk, &mut waiting) {
                    (Ok(chunk), Some(before)) => before.append(chunk),
                    (Ok(chunk), None) => waiting = Some(chunk),
                    (Err(refusal), _) => break Err(refusal),
                }
            }
        }
    };
    // Nobody wants them any more where they can't be sent.
    for last in waiting.into_iter().map(Ok).chain(end.err().map(Err)) {
        let _ = chunks.send(last).await;
    }
}

/// Takes what has come, until nothing comes any more, something is wrong, or nobody wants to know.
async fn take_all(
    api: Api,
    mut caller: Caller,
    mut parsed: mpsc::Receiver<Result<Chunk, Status>>,
    done: mpsc::Sender<Result<Taken, Status>>,
) {
    while let Some(chunk) = parsed.recv().await {
        let taken = match chunk {
            Ok(chunk) => take(&api, &mut caller, chunk).await.map_err(status::of),
            Err(refusal) => Err(refusal),
        };
        let ends = taken.is_err();
        if done.send(taken).await.is_err() || ends {
            return;
        }
    }
}

/// Answers what was taken, while the next is.
async fn answer_all(
    mut done: mpsc::Receiver<Result<Taken, Status>>,
    mut stages: JoinSet<()>,
    answers: &mpsc::Sender<Result<proto::ImportLeadsResponse, Status>>,
) -> Result<(), Status> {
    while let Some(taken) = done.recv().await {
        let mut results = taken?.results();
        loop {
            let results: Vec<_> = results.by_ref().take(RESULTS_PER_ANSWER).collect();
            if results.is_empty() {
                break;
            }
            if answers.send(Ok(proto::ImportLeadsResponse { results })).await.is_err() {
                return Ok(());
            }
        }
    }
    while let Some(ended) = stages.join_next().await {
        ended.map_err(died)?;
    }
    Ok(())
}

fn died(how: impl fmt::Display) -> Status {
    status::of(Error::Internal(format!("an import died: {how}")))
}

/// What the messages so far have said.
struct Reader {
    caller: UserId,
    /// None before the first message.
    import: Option<Arc<Import>>,
    /// The last row's number.
    last: Option<i64>,
}

/// What holds for all rows of an import.
struct Import {
    duplicates: Duplicates,
    /// By what it is recognised if it is sent again.
    key: Option<ImportKey>,
}

impl Reader {
    async fn parse(&mut self, message: proto::ImportLeadsRequest) -> Result<Chunk> {
        let proto::ImportLeadsRequest { options, rows } = message;
        let size = rows.iter().map(Message::encoded_len).sum();
        let import = match (&self.import, options) {
            (Some(_), Some(_)) => return Err(Error::invalid("options", "belong in the first message")),
            (Some(import), None) => Arc::clone(import),
            (None, options) => Arc::new(self.options(options.unwrap_or_default())?),
        };
        self.import = Some(Arc::clone(&import));
        if rows.len() > MOST_ITEMS {
            return Err(Error::invalid("rows", format!("holds more than {MOST_ITEMS} rows")));
        }
        if import.key.is_some() {
            self.ascending(&rows)?;
        }
        Ok(Chunk { size, ..Chunk::of(import, rows).await })
    }

    fn options(&self, options: proto::ImportOptions) -> Result<Import> {
        let proto::ImportOptions { on_duplicate, match_keys, import_id } = options;
        let mut faults = Faults::default();
        let duplicates = faults.duplicates("options.", on_duplicate, &match_keys);
        let name = if import_id.is_empty() { None } else { faults.name("options.import_id", Some(&import_id), 128) };
        let key = name.map(|name| ImportKey::of(self.caller, &name));
        faults.unless(Some(Import { duplicates, key }))
    }

    /// Where rows are recognised by their numbers, a number says which rows come before it.
    fn ascending(&mut self, rows: &[proto::ImportRow]) -> Result<()> {
        for (at, row) in rows.iter().enumerate() {
            if row.row_number < 0 {
                return Err(Error::invalid(format!("rows[{at}].row_number"), "is below 0"));
            }
            if self.last.is_some_and(|last| row.row_number <= last) {
                let field = format!("rows[{at}].row_number");
                return Err(Error::invalid(field, "is not above that of the row before"));
            }
            self.last = Some(row.row_number);
        }
        Ok(())
    }
}

/// The rows of some messages, parsed.
struct Chunk {
    import: Arc<Import>,
    good: Good,
    places: Places,
    /// In bytes, as they came.
    size: usize,
}

/// Every row's number, and why it is refused where it is malformed.
type Places = Vec<(i64, Option<proto::ItemError>)>;

/// The rows that can be taken, by their numbers, and the numbers of those that are malformed.
struct Good {
    rows: Vec<(i64, Row)>,
    malformed: Vec<i64>,
}

/// What became of rows.
struct Taken {
    places: Places,
    /// What had been taken before, where that is remembered.
    before: Option<Progress>,
    /// What became of the other good ones.
    outcomes: Vec<Outcome>,
}

/// What became of a row, and of which lead, where that is told.
type Outcome = Result<(ImportOutcome, Option<LeadId>)>;

impl Chunk {
    async fn of(import: Arc<Import>, given: Vec<proto::ImportRow>) -> Self {
        let (mut rows, mut malformed, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (at, row) in given.into_iter().enumerate() {
            if at % BETWEEN == 0 {
                yield_now().await;
            }
            let number = row.row_number;
            let refusal = match parse(row) {
                Ok(row) => {
                    rows.push((number, row));
                    None
                }
                Err(refusal) => {
                    malformed.push(number);
                    Some(status::item(refusal))
                }
            };
            places.push((number, refusal));
        }
        Self { import, good: Good { rows, malformed }, places, size: 0 }
    }

    /// Where leads are changed it takes some statements for each, and others wait for them.
    fn has_room(&self) -> bool {
        let few = self.places.len() + MOST_ITEMS <= MOST_TOGETHER && self.size < LARGE;
        few && self.import.duplicates.policy != DuplicatePolicy::Update
    }

    fn append(&mut self, mut after: Self) {
        self.good.rows.append(&mut after.good.rows);
        self.good.malformed.append(&mut after.good.malformed);
        self.places.append(&mut after.places);
        self.size += after.size;
    }
}

impl Taken {
    /// One result per row, in their order.
    fn results(self) -> impl Iterator<Item = proto::ImportResult> {
        let Self { places, before, outcomes } = self;
        let mut outcomes = outcomes.into_iter();
        places.into_iter().map(move |(row_number, malformed)| {
            if before.as_ref().is_some_and(|before| before.has(row_number)) {
                return result(row_number, ImportOutcome::AlreadyTaken, None, None);
            }
            if malformed.is_some() {
                return result(row_number, ImportOutcome::Rejected, None, malformed);
            }
            let missing = || Err(Error::Internal("a row was neither taken nor refused".to_owned()));
            match outcomes.next().unwrap_or_else(missing) {
                Ok((outcome, lead_id)) => result(row_number, outcome, lead_id, None),
                Err(refusal) => result(row_number, ImportOutcome::Rejected, None, Some(status::item(refusal))),
            }
        })
    }
}

fn parse(row: proto::ImportRow) -> Result<Row> {
    let mut faults = Faults::default();
    let row = faults.import_row(row);
    faults.unless(Some(row))
}

async fn take(api: &Api, caller: &mut Caller, chunk: Chunk) -> Result<Taken> {
    let Chunk { import, good, places, size: _ } = chunk;
    let good = Arc::new(good);
    let taken = match take_as(api, caller, &import, &good).await {
        // An import can last; what was taken from its caller since it began is gone for its next rows.
        Err(Error::Store(store::Error::Moved)) => {
            *caller = api.resolver.verified(caller).await?;
            take_as(api, caller, &import, &good).await
        }
        answer => answer,
    };
    let (before, outcomes) = taken?;
    Ok(Taken { places, before, outcomes })
}

async fn take_as(api: &Api, caller: &Caller, import: &Arc<Import>, good: &Arc<Good>) -> Result<Judged> {
    creation::may_import(caller)?;
    let args = (caller.clone(), Arc::clone(import), Arc::clone(good));
    api.store
        .write(args, |tx, args| async move {
            let (caller, import, good) = &*args;
            take_new(&tx, caller, import, good).await
        })
        .await
}

/// What had been taken before, and what became of the other good rows.
type Judged = (Option<Progress>, Vec<Outcome>);

async fn take_new(tx: &Tx, caller: &Caller, import: &Import, good: &Good) -> Result<Judged> {
    let Some(key) = &import.key else {
        let rows: Vec<&Row> = good.rows.iter().map(|(_, row)| row).collect();
        let outcomes = creation::take_in(tx, caller, &rows, &import.duplicates).await?;
        return Ok((None, outcomes.into_iter().map(outcome).collect()));
    };
    let before = imports::progress(tx, key).await?;
    let (numbers, rows): (Vec<i64>, Vec<&Row>) =
        good.rows.iter().filter(|(number, _)| !before.has(*number)).map(|(number, row)| (*number, row)).unzip();
    let outcomes = creation::take_in(tx, caller, &rows, &import.duplicates).await?;
    let judged = numbers.into_iter().zip(outcomes.iter().map(Result::is_err));
    let malformed = good.malformed.iter().filter(|number| !before.has(**number)).map(|number| (*number, true));
    let mut after = before.clone();
    for (number, rejected) in judged.chain(malformed) {
        after.note(number, rejected);
    }
    if after != before {
        imports::advance(tx, key, &before, &after).await?;
    }
    Ok((Some(before), outcomes.into_iter().map(outcome).collect()))
}

fn outcome(intake: Result<Intake>) -> Outcome {
    Ok(match intake? {
        Intake::Created(lead) => (ImportOutcome::Created, Some(lead.id)),
        Intake::Updated(lead) => (ImportOutcome::Updated, lead.map(|lead| lead.id)),
        Intake::Unchanged(lead) => (ImportOutcome::Unchanged, Some(lead.id)),
        Intake::Skipped(lead) => (ImportOutcome::Skipped, lead.map(|lead| lead.id)),
    })
}

fn result(
    row_number: i64,
    outcome: ImportOutcome,
    lead_id: Option<LeadId>,
    error: Option<proto::ItemError>,
) -> proto::ImportResult {
    let lead_id = lead_id.map(|id| id.to_string()).unwrap_or_default();
    proto::ImportResult { row_number, outcome: outcome.into(), lead_id, error }
}
