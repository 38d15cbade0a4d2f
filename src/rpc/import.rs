//! ImportLeads: rows in, outcomes out. One message is one transaction, and the next is not read before its outcomes are taken.

use std::pin::Pin;

use futures::Stream;
use tokio::sync::mpsc;
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
    model::lead::Duplicates,
    proto::{self, ImportOutcome},
    store,
};

/// The outcomes of an import as they come.
pub type Outcomes = Pin<Box<dyn Stream<Item = Result<proto::ImportLeadsResponse, Status>> + Send>>;

/// How many outcomes are sent in one answer: refusals with all their faults must not outgrow what clients take.
const RESULTS_PER_ANSWER: usize = 200;
/// How many answers may wait for a client that doesn't read them.
const WAITING: usize = 1;

/// Takes an import in until its stream ends, a message is malformed, or the caller loses what they had.
pub fn run(api: Api, caller: Caller, rows: Streaming<proto::ImportLeadsRequest>) -> Outcomes {
    let (answers, outcomes) = mpsc::channel(WAITING);
    let taking = async move {
        if let Err(refusal) = take_all(&api, caller, rows, &answers).await {
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
    mut messages: Streaming<proto::ImportLeadsRequest>,
    answers: &mpsc::Sender<Result<proto::ImportLeadsResponse, Status>>,
) -> Result<(), Status> {
    let Some(first) = messages.message().await.map_err(status::of_transport)? else { return Ok(()) };
    let duplicates = parse_options(first.options.unwrap_or_default()).map_err(status::of)?;
    let mut next = Some(proto::ImportLeadsRequest { options: None, ..first });
    while let Some(message) = next {
        if message.options.is_some() {
            return Err(status::of(Error::invalid("options", "belong in the first message")));
        }
        // An import can last; what was taken from its caller since it began is gone for its next rows.
        caller = api.resolver.verified(&caller).await.map_err(status::of)?;
        let mut taken = take(api, &caller, message.rows.clone(), &duplicates).await;
        if let Err(Error::Store(store::Error::Moved)) = &taken {
            caller = api.resolver.verified(&caller).await.map_err(status::of)?;
            taken = take(api, &caller, message.rows, &duplicates).await;
        }
        let results = taken.map_err(status::of)?;
        for results in results.chunks(RESULTS_PER_ANSWER) {
            if answers.send(Ok(proto::ImportLeadsResponse { results: results.to_vec() })).await.is_err() {
                return Ok(());
            }
        }
        next = messages.message().await.map_err(status::of_transport)?;
    }
    Ok(())
}

fn parse_options(options: proto::ImportOptions) -> Result<Duplicates> {
    let mut faults = Faults::default();
    let duplicates = faults.duplicates("options.", options.on_duplicate, &options.match_keys);
    faults.unless(Some(duplicates))
}

async fn take(
    api: &Api,
    caller: &Caller,
    rows: Vec<proto::ImportRow>,
    duplicates: &Duplicates,
) -> Result<Vec<proto::ImportResult>> {
    creation::may_import(caller)?;
    if rows.len() > MOST_ITEMS {
        return Err(Error::invalid("rows", format!("holds more than {MOST_ITEMS} rows")));
    }
    let numbers: Vec<i64> = rows.iter().map(|row| row.row_number).collect();
    let rows = rows.into_iter().map(parse).collect();
    let outcomes = creation::take_in(&api.store, caller, rows, duplicates.clone()).await?;
    Ok(numbers.into_iter().zip(outcomes).map(|(number, outcome)| result(number, outcome)).collect())
}

fn parse(row: proto::ImportRow) -> Result<Row> {
    let mut faults = Faults::default();
    let row = faults.import_row(row);
    faults.unless(Some(row))
}

fn result(row_number: i64, outcome: Result<Intake>) -> proto::ImportResult {
    let (outcome, lead, error) = match outcome {
        Ok(Intake::Created(lead)) => (ImportOutcome::Created, Some(lead), None),
        Ok(Intake::Updated(lead)) => (ImportOutcome::Updated, Some(lead), None),
        Ok(Intake::Unchanged(lead)) => (ImportOutcome::Unchanged, Some(lead), None),
        Ok(Intake::Skipped(lead)) => (ImportOutcome::Skipped, lead, None),
        Err(refusal) => (ImportOutcome::Rejected, None, Some(status::item(refusal))),
    };
    let lead_id = lead.map(|lead| lead.id.to_string()).unwrap_or_default();
    proto::ImportResult { row_number, outcome: outcome.into(), lead_id, error }
}
