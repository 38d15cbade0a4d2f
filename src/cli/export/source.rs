//! The leads as they come, whatever happens to the connection.

use std::time::Duration;

use anyhow::anyhow;
use indicatif::ProgressBar;
use prost_types::FieldMask;
use tokio::time::sleep;
use tonic::{Code, Status, Streaming};

use super::sheet::Field;
use crate::{
    cli::remote::{Connection, LARGEST_ANSWER, failed},
    proto::{ExportLeadsRequest, ExportLeadsResponse, Lead, LeadState, lead_service_client::LeadServiceClient},
};

/// How often in a row an export may break without anything having come.
const MOST_BREAKS: u32 = 5;

/// An export that goes on where it broke off.
pub(super) struct Source<'a> {
    client: LeadServiceClient<Connection>,
    /// Asks for what has not come yet.
    request: ExportLeadsRequest,
    stream: Option<Streaming<ExportLeadsResponse>>,
    complete: bool,
    breaks: u32,
    bar: &'a ProgressBar,
}

impl<'a> Source<'a> {
    pub(super) fn new(connection: &Connection, states: Vec<LeadState>, fields: &[Field], bar: &'a ProgressBar) -> Self {
        let read_mask = FieldMask { paths: fields.iter().map(|field| field.path()).collect() };
        Self {
            client: LeadServiceClient::new(connection.clone()).max_decoding_message_size(LARGEST_ANSWER),
            request: ExportLeadsRequest {
                states: states.into_iter().map(i32::from).collect(),
                read_mask: Some(read_mask),
                cursor: String::new(),
            },
            stream: None,
            complete: false,
            breaks: 0,
            bar,
        }
    }

    /// The next leads; none at the end.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Vec<Lead>>> {
        while !self.complete {
            let broken = match self.receive().await {
                Ok(Some(part)) => {
                    self.breaks = 0;
                    self.complete = part.cursor.is_empty();
                    self.request.cursor = part.cursor;
                    return Ok(Some(part.leads));
                }
                // Somebody between may end a stream in good order; what ends an export is the last part.
                Ok(None) => anyhow!("the stream ended before the last part of the export"),
                Err(status) if is_break(&status) => failed(&status),
                Err(status) => return Err(failed(&status)),
            };
            if self.request.cursor.is_empty() || self.breaks == MOST_BREAKS {
                return Err(broken);
            }
            self.wait(&broken).await;
        }
        Ok(None)
    }

    async fn receive(&mut self) -> Result<Option<ExportLeadsResponse>, Status> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let answer = self.client.export_leads(self.request.clone()).await?;
                self.stream.insert(answer.into_inner())
            }
        };
        stream.message().await
    }

    async fn wait(&mut self, broken: &anyhow::Error) {
        let pause = Duration::from_secs(1 << self.breaks);
        self.breaks += 1;
        self.stream = None;
        self.bar.suspend(|| eprintln!("the connection broke ({broken}): going on in {} s", pause.as_secs()));
        sleep(pause).await;
    }
}

/// Whether the connection broke. Refusals carry details; the transport's own errors don't.
fn is_break(status: &Status) -> bool {
    status.code() == Code::Unavailable || status.details().is_empty()
}
