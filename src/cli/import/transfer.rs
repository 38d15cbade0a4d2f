//! Rows to the server and outcomes back.
//!
//! A thread reads and maps records; outcomes arrive in the order of the rows. Only what has no outcome yet is held, in
//! channels of a few batches, so memory stays flat whatever the size of the file.

use anyhow::{Context, bail, ensure};
use indicatif::ProgressBar;
use prost::Message;
use tokio::{sync::mpsc, task::spawn_blocking};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::{
    rejects::Rejects,
    rows::Rows,
    summary::Tally,
    table::{Record, Table},
};
use crate::{
    cli::remote::{Connection, failed},
    proto::{
        ImportLeadsRequest, ImportLeadsResponse, ImportOptions, ImportOutcome, ImportResult, ImportRow, ItemError,
        lead_service_client::LeadServiceClient,
    },
};

const BATCH_ROWS: usize = 500;
/// No row is larger, and a message is full with this many bytes, so it stays below the 4 MiB that gRPC servers take.
const BATCH_BYTES: usize = 1 << 20;
/// How many batches wait on either side of the network.
const BATCHES_WAITING: usize = 4;

/// Records whose rows went out together.
struct Batch {
    records: Vec<(Record, Verdict)>,
    /// How much of the file had been read by then.
    position: u64,
}

/// What became of a record on this side.
enum Verdict {
    Sent { phone_kept: bool, has_id: bool },
    Rejected(String),
}

/// An import under way.
pub(super) struct Transfer<'a> {
    pub(super) tally: &'a mut Tally,
    pub(super) rejects: &'a mut Rejects,
    pub(super) bar: &'a ProgressBar,
    /// What is to be told, once, where rows without an external ID become leads.
    pub(super) note: Option<String>,
}

impl Transfer<'_> {
    /// Imports every record of the table.
    pub(super) async fn run(
        mut self,
        connection: &Connection,
        options: ImportOptions,
        table: Box<dyn Table>,
        rows: Rows,
    ) -> anyhow::Result<()> {
        let (batches, mut in_flight) = mpsc::channel(BATCHES_WAITING);
        let (messages, outgoing) = mpsc::channel(BATCHES_WAITING);
        let reading = spawn_blocking(move || read(table, &rows, options, &batches, &messages));

        let mut outcomes = Outcomes::open(connection, ReceiverStream::new(outgoing)).await?;
        while let Some(Batch { records, position }) = in_flight.recv().await {
            for (record, verdict) in records {
                match verdict {
                    Verdict::Rejected(reason) => self.reject(&record, reason)?,
                    Verdict::Sent { phone_kept, has_id } => {
                        let result = outcomes.next(&record).await?;
                        if result.outcome() == ImportOutcome::Created && !has_id {
                            self.tell(&record);
                        }
                        self.settle(&record, result, phone_kept)?;
                    }
                }
            }
            // The server rejects only so many rows again for who was killed.
            self.rejects.flush()?;
            self.bar.set_position(position);
            self.bar.set_message(self.tally.progress());
        }
        reading.await.context("the reader broke down")??;
        outcomes.finish().await
    }

    fn settle(&mut self, record: &Record, result: ImportResult, phone_kept: bool) -> anyhow::Result<()> {
        self.tally.acknowledge();
        match result.outcome() {
            ImportOutcome::Created => self.tally.created(phone_kept),
            ImportOutcome::Updated => self.tally.updated(phone_kept),
            ImportOutcome::Unchanged => self.tally.unchanged(),
            ImportOutcome::Skipped => self.tally.skipped(),
            ImportOutcome::Rejected => return self.reject(record, reason(result.error)),
            ImportOutcome::AlreadyTaken => return self.repeat(record),
            ImportOutcome::Unspecified => bail!("the server gave line {} an outcome unknown here", record.line),
        }
        self.rejects.taken(record);
        Ok(())
    }

    fn tell(&mut self, record: &Record) {
        if let Some(note) = self.note.take() {
            self.bar.suspend(|| eprintln!("note: line {} has no external ID, {note}", record.line));
        }
    }

    fn repeat(&mut self, record: &Record) -> anyhow::Result<()> {
        self.tally.repeat();
        match self.rejects.of_earlier_run(record)? {
            Some(reason) => self.reject(record, reason)?,
            None => self.tally.already_taken(),
        }
        Ok(())
    }

    fn reject(&mut self, record: &Record, reason: String) -> anyhow::Result<()> {
        self.rejects.push(record, &reason)?;
        self.tally.reject(record.line, reason);
        Ok(())
    }
}

/// Reads the file to its end, or until the transfer fails.
fn read(
    mut table: Box<dyn Table>,
    rows: &Rows,
    options: ImportOptions,
    batches: &mpsc::Sender<Batch>,
    messages: &mpsc::Sender<ImportLeadsRequest>,
) -> anyhow::Result<()> {
    let mut options = Some(options);
    loop {
        let (batch, rows) = next_batch(table.as_mut(), rows)?;
        if batch.records.is_empty() || batches.blocking_send(batch).is_err() {
            return Ok(());
        }
        if !rows.is_empty() {
            let message = ImportLeadsRequest { options: options.take(), rows };
            if messages.blocking_send(message).is_err() {
                return Ok(());
            }
        }
    }
}

fn next_batch(table: &mut dyn Table, rows: &Rows) -> anyhow::Result<(Batch, Vec<ImportRow>)> {
    let mut records = Vec::new();
    let mut sent = Vec::new();
    let mut bytes = 0;
    while records.len() < BATCH_ROWS && bytes < BATCH_BYTES {
        let Some(record) = table.next_record()? else { break };
        let verdict = match rows.row(&record) {
            Ok((row, _)) if row.encoded_len() > BATCH_BYTES => Verdict::Rejected("larger than 1 MiB".to_owned()),
            Ok((row, phone_kept)) => {
                bytes += row.encoded_len();
                let has_id = row.lead.as_ref().is_some_and(|lead| lead.external_id.is_some());
                sent.push(row);
                Verdict::Sent { phone_kept, has_id }
            }
            Err(reason) => Verdict::Rejected(reason),
        };
        records.push((record, verdict));
    }
    Ok((Batch { records, position: table.position() }, sent))
}

/// What the server answers, row by row.
struct Outcomes {
    stream: Streaming<ImportLeadsResponse>,
    arrived: std::vec::IntoIter<ImportResult>,
}

impl Outcomes {
    async fn open(connection: &Connection, messages: ReceiverStream<ImportLeadsRequest>) -> anyhow::Result<Self> {
        let mut client = LeadServiceClient::new(connection.clone());
        let answer = client.import_leads(messages).await.map_err(|status| failed(&status))?;
        Ok(Self { stream: answer.into_inner(), arrived: Vec::new().into_iter() })
    }

    async fn next(&mut self, record: &Record) -> anyhow::Result<ImportResult> {
        loop {
            if let Some(result) = self.arrived.next() {
                let due = record.number.cast_signed();
                ensure!(result.row_number == due, "the server answered for row {}, not {due}", result.row_number);
                return Ok(result);
            }
            match self.stream.message().await.map_err(|status| failed(&status))? {
                Some(message) => self.arrived = message.results.into_iter(),
                None => bail!("the server ended the import without an answer for line {}", record.line),
            }
        }
    }

    /// The call may still fail after its last outcome.
    async fn finish(mut self) -> anyhow::Result<()> {
        let more = self.stream.message().await.map_err(|status| failed(&status))?;
        ensure!(
            self.arrived.as_slice().is_empty() && more.is_none(),
            "the server answered for more rows than were sent"
        );
        Ok(())
    }
}

/// Why the server rejected a row, each fault after its field.
fn reason(error: Option<ItemError>) -> String {
    let Some(error) = error else { return "the server gave no reason".to_owned() };
    let faults: Vec<String> = error
        .details
        .iter()
        .filter(|detail| detail.type_url == "type.googleapis.com/google.rpc.BadRequest")
        .filter_map(|detail| tonic_types::pb::BadRequest::decode(detail.value.as_slice()).ok())
        .flat_map(|request| request.field_violations)
        .map(|fault| format!("{}: {}", field(&fault.field), fault.description))
        .collect();
    if faults.is_empty() { error.message } else { faults.join("; ") }
}

/// `lead.email` is what people map as `email`.
fn field(path: &str) -> &str {
    path.split_once("lead.").map_or(path, |(_, field)| field)
}
