//! A stream that goes on where it broke off, whatever happens to the connection.

use std::time::Duration;

use anyhow::anyhow;
use indicatif::ProgressBar;
use tokio::time::sleep;
use tonic::{Code, Status, Streaming};

use super::remote::failed;

/// How often in a row a stream may break without anything having come.
const MOST_BREAKS: u32 = 5;

/// A stream in parts, each of which says where to go on after it.
pub(super) trait Parts {
    /// What it is called.
    const NAME: &'static str;
    /// A part of it.
    type Part;

    /// Asks for what comes after a cursor; an empty one: for all of it.
    async fn ask(&mut self, cursor: &str) -> Result<Streaming<Self::Part>, Status>;

    /// Where to go on after a part; empty after the last.
    fn cursor(part: &Self::Part) -> &str;

    /// A refusal, as told to the person who gave the command.
    fn told(&self, refusal: &Status) -> anyhow::Error {
        failed(refusal)
    }
}

/// All parts of a stream, each once.
pub(super) struct Resumed<'a, P: Parts> {
    parts: P,
    cursor: String,
    stream: Option<Streaming<P::Part>>,
    complete: bool,
    breaks: u32,
    bar: &'a ProgressBar,
}

impl<'a, P: Parts> Resumed<'a, P> {
    pub(super) fn new(parts: P, bar: &'a ProgressBar) -> Self {
        Self { parts, cursor: String::new(), stream: None, complete: false, breaks: 0, bar }
    }

    /// The next part; none at the end.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<P::Part>> {
        while !self.complete {
            let broken = match self.receive().await {
                Ok(Some(part)) => {
                    self.breaks = 0;
                    P::cursor(&part).clone_into(&mut self.cursor);
                    self.complete = self.cursor.is_empty();
                    return Ok(Some(part));
                }
                // Somebody between may end a stream in good order; what ends it is the last part.
                Ok(None) => anyhow!("the stream ended before the last part of the {}", P::NAME),
                Err(status) if is_break(&status) => failed(&status),
                Err(status) => return Err(self.parts.told(&status)),
            };
            if self.cursor.is_empty() || self.breaks == MOST_BREAKS {
                return Err(broken);
            }
            self.wait(&broken).await;
        }
        Ok(None)
    }

    async fn receive(&mut self) -> Result<Option<P::Part>, Status> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => self.stream.insert(self.parts.ask(&self.cursor).await?),
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
