//! ImportLeads: rows in, outcomes out. One message is one transaction. The next is read and parsed meanwhile, and no further one
//! before the outcomes are taken.

use std::{pin::Pin, sync::Arc};

use futures::Stream;
use tokio::{sync::mpsc, task::JoinSet};
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
    model::{ids::UserId, lead::Duplicates},
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
/// How many answers may wait for a client that doesn't read them: those of one message, so that the next can be taken meanwhile.
const WAITING: usize = MOST_ITEMS / RESULTS_PER_ANSWER;
/// How many messages may wait, parsed, for those before them.
const AHEAD: usize = 1;

/// Takes an import in until its stream ends, a message is malformed, or the caller loses what they had.
pub fn run(api: Api, caller: Caller, messages: Streaming<proto::ImportLeadsRequest>) -> Outcomes {
    let (answers, outcomes) = mpsc::channel(WAITING);
    let taking = async move {
        if let Err(refusal) = take_all(&api, caller, messages, &answers).await {
            // Nobody listens any more where this can't be sent.
            let _ = answers.send(Err(refusal)).await;
        }
    };
    tokio::spawn(request_id::keep(taking).in_current_span());
    Box::pin(ReceiverStream::new(outcomes))
}

async fn take_all(
    api: &Api,
    mut caller: Caller,
    messages: Streaming<proto::ImportLeadsRequest>,
    answers: &mpsc::Sender<Result<proto::ImportLeadsResponse, Status>>,
) -> Result<(), Status> {
    let (chunks, mut parsed) = mpsc::channel(AHEAD);
    // Ends with what it is read for.
    let mut reading = JoinSet::new();
    reading.spawn(request_id::keep(read_all(caller.id(), messages, chunks)).in_current_span());
    while let Some(chunk) = parsed.recv().await {
        let chunk: Chunk = chunk?;
        let mut taken = take(api, &caller, &chunk).await;
        // An import can last; what was taken from its caller since it began is gone for its next rows.
        if let Err(Error::Store(store::Error::Moved)) = &taken {
            caller = api.resolver.verified(&caller).await.map_err(status::of)?;
            taken = take(api, &caller, &chunk).await;
        }
        let mut results = chunk.results(taken.map_err(status::of)?).into_iter();
        while !results.as_slice().is_empty() {
            let results = results.by_ref().take(RESULTS_PER_ANSWER).collect();
            if answers.send(Ok(proto::ImportLeadsResponse { results })).await.is_err() {
                return Ok(());
            }
        }
    }
    match reading.join_next().await {
        Some(Err(died)) => Err(status::of(Error::Internal(format!("reading an import died: {died}")))),
        Some(Ok(())) | None => Ok(()),
    }
}

/// Reads until the stream ends, something is wrong with it, or nobody wants more.
async fn read_all(
    caller: UserId,
    mut messages: Streaming<proto::ImportLeadsRequest>,
    chunks: mpsc::Sender<Result<Chunk, Status>>,
) {
    let mut reader = Reader { caller, import: None, last: None };
    loop {
        let chunk = match messages.message().await {
            Ok(None) => return,
            Ok(Some(message)) => reader.parse(message).map_err(status::of),
            Err(refusal) => Err(status::of_transport(refusal)),
        };
        let ends = chunk.is_err();
        if chunks.send(chunk).await.is_err() || ends {
            return;
        }
    }
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
    fn parse(&mut self, message: proto::ImportLeadsRequest) -> Result<Chunk> {
        let proto::ImportLeadsRequest { options, rows } = message;
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
        Ok(Chunk::of(import, rows))
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

/// The rows of a message, parsed.
struct Chunk {
    import: Arc<Import>,
    good: Arc<Good>,
    /// Every row's number, and why it is refused where it is malformed: refusals can't be shared by attempts, and wait aside.
    places: Vec<(i64, Option<Error>)>,
}

/// The rows that can be taken, by their numbers, and the numbers of those that are malformed.
struct Good {
    rows: Vec<(i64, Row)>,
    malformed: Vec<i64>,
}

/// What became of a message's good rows.
struct Taken {
    /// What had been taken before, where that is remembered.
    before: Option<Progress>,
    /// The others' outcomes.
    outcomes: Vec<Result<Intake>>,
}

impl Chunk {
    fn of(import: Arc<Import>, given: Vec<proto::ImportRow>) -> Self {
        let (mut rows, mut malformed, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for row in given {
            let number = row.row_number;
            let refusal = match parse(row) {
                Ok(row) => {
                    rows.push((number, row));
                    None
                }
                Err(refusal) => {
                    malformed.push(number);
                    Some(refusal)
                }
            };
            places.push((number, refusal));
        }
        Self { import, good: Arc::new(Good { rows, malformed }), places }
    }

    /// One result per row, in their order.
    fn results(self, taken: Taken) -> Vec<proto::ImportResult> {
        let Taken { before, outcomes } = taken;
        let mut outcomes = outcomes.into_iter();
        let outcome = |(number, refusal): (i64, Option<Error>)| {
            if before.as_ref().is_some_and(|before| before.has(number)) {
                return Some(already_taken(number));
            }
            let outcome = refusal.map(Err).or_else(|| outcomes.next())?;
            Some(result(number, outcome))
        };
        self.places.into_iter().filter_map(outcome).collect()
    }
}

fn parse(row: proto::ImportRow) -> Result<Row> {
    let mut faults = Faults::default();
    let row = faults.import_row(row);
    faults.unless(Some(row))
}

async fn take(api: &Api, caller: &Caller, chunk: &Chunk) -> Result<Taken> {
    creation::may_import(caller)?;
    let args = (caller.clone(), Arc::clone(&chunk.import), Arc::clone(&chunk.good));
    api.store
        .write(args, |tx, args| async move {
            let (caller, import, good) = &*args;
            take_new(&tx, caller, import, good).await
        })
        .await
}

async fn take_new(tx: &Tx, caller: &Caller, import: &Import, good: &Good) -> Result<Taken> {
    let Some(key) = &import.key else {
        let rows: Vec<&Row> = good.rows.iter().map(|(_, row)| row).collect();
        let outcomes = creation::take_in(tx, caller, &rows, &import.duplicates).await?;
        return Ok(Taken { before: None, outcomes });
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
    Ok(Taken { before: Some(before), outcomes })
}

fn result(row_number: i64, outcome: Result<Intake>) -> proto::ImportResult {
    let (outcome, lead, error) = match outcome {
        Ok(Intake::Created(lead)) => (ImportOutcome::Created, Some(lead), None),
        Ok(Intake::Updated(lead)) => (ImportOutcome::Updated, lead, None),
        Ok(Intake::Unchanged(lead)) => (ImportOutcome::Unchanged, Some(lead), None),
        Ok(Intake::Skipped(lead)) => (ImportOutcome::Skipped, lead, None),
        Err(refusal) => (ImportOutcome::Rejected, None, Some(status::item(refusal))),
    };
    let lead_id = lead.map(|lead| lead.id.to_string()).unwrap_or_default();
    proto::ImportResult { row_number, outcome: outcome.into(), lead_id, error }
}

fn already_taken(row_number: i64) -> proto::ImportResult {
    proto::ImportResult { row_number, outcome: ImportOutcome::AlreadyTaken.into(), ..Default::default() }
}
