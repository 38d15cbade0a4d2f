//! Everybody at once: those who change the access, and those who call while it changes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::{join_all, try_join_all};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    calls::{self, Import, Kind, READS},
    checker::{Call, Change, History},
    crew::{Agent, Crew},
};
use crate::support::Dice;

/// How long a reader rests at most.
const REST_OF_READERS: usize = 10;
/// For what is under way when the time is over.
const PATIENCE: Duration = Duration::from_secs(60);

/// How fast everybody is, in milliseconds.
#[derive(Clone, Copy)]
pub struct Pace {
    /// For how long an access stays as it is at most. What takes longer to be answered can't be judged.
    pub hold: usize,
    /// How long a writer rests at most.
    pub rest_of_writers: usize,
}

/// Hammers for a while and says what came of it, crew by crew.
pub async fn run(crews: &[Arc<Crew>], dice: &mut Dice, pace: Pace, duration: Duration) -> Vec<History> {
    let until = Instant::now() + duration;
    let hammering = crews.iter().map(|crew| tokio::spawn(hammer(Arc::clone(crew), dice.fork(), pace, until)));
    let hammering = try_join_all(hammering.collect::<Vec<_>>());
    timeout(duration + PATIENCE, hammering).await.expect("the calls are answered").unwrap()
}

async fn hammer(crew: Arc<Crew>, mut dice: Dice, pace: Pace, until: Instant) -> History {
    let crew: &Crew = &crew;
    let (changed, changes) = watch::channel(());
    let mut working = Vec::new();
    for agent in &crew.agents {
        let [reader, writer, importer, watcher] =
            [dice.fork(), dice.fork(), dice.fork(), dice.fork()].map(|dice| Worker { crew, agent, dice, until });
        let changes = changes.clone();
        working.push(async move {
            let (read, written, imported, seen) = tokio::join!(
                reader.call(&READS, REST_OF_READERS),
                writer.call(&[Kind::UpdateLead], pace.rest_of_writers),
                importer.import(pace.rest_of_writers),
                watcher.pounce(changes),
            );
            [read, written, imported, seen].concat()
        });
    }
    let (history, calls) = tokio::join!(change(crew, dice, pace.hold, until, changed), join_all(working));
    History { calls: calls.concat(), ..history }
}

/// Takes the access and gives it back until the time is over, looking at the lead while it is taken.
async fn change(crew: &Crew, mut dice: Dice, hold: usize, until: Instant, changed: watch::Sender<()>) -> History {
    let start = Instant::now();
    let mut history = History::default();
    history.changes.push(Change { gives: true, sent: start, acknowledged: start });
    while Instant::now() < until {
        sleep(dice.milliseconds(hold)).await;
        history.changes.push(crew.change(false, &mut dice).await);
        changed.send_replace(());
        history.sightings.extend(crew.sight(&mut dice).await);
        sleep(dice.milliseconds(hold)).await;
        history.sightings.extend(crew.sight(&mut dice).await);
        history.changes.push(crew.change(true, &mut dice).await);
        changed.send_replace(());
    }
    history
}

/// One of the things that an agent does at once.
struct Worker<'a> {
    crew: &'a Crew,
    agent: &'a Agent,
    dice: Dice,
    until: Instant,
}

impl Worker<'_> {
    /// Calls anywhere until the time is over.
    async fn call(mut self, kinds: &[Kind], rest: usize) -> Vec<Call> {
        let mut calls = Vec::new();
        while Instant::now() < self.until {
            let (kind, server) = (*self.dice.one_of(kinds), self.dice.below(self.crew.servers()));
            calls.push(self.ask(kind, server).await);
            self.rest(rest).await;
        }
        calls
    }

    /// Keeps an import open at each server, and sends rows by any of them until the time is over.
    async fn import(mut self, rest: usize) -> Vec<Call> {
        let mut imports: Vec<Import> = (0..self.crew.servers()).map(|_| Import::default()).collect();
        let mut calls = Vec::new();
        while Instant::now() < self.until {
            let server = self.dice.below(imports.len());
            // The moment first: whatever token comes after it was there at the earliest then.
            let sent = Instant::now();
            let answer = imports[server].send(&self.agent.at(server), self.crew.lead.external_id()).await;
            calls.push(Call { kind: Kind::ImportLeads, server, sent, answered: Instant::now(), answer });
            self.rest(rest).await;
        }
        calls
    }

    /// Calls every server at the very moment of a change, where what a server keeps is at its oldest.
    async fn pounce(mut self, mut changes: watch::Receiver<()>) -> Vec<Call> {
        // Whatever a server is going to keep, it shall see it before the first change.
        changes.mark_changed();
        let mut calls = Vec::new();
        while changes.changed().await.is_ok() {
            let kinds: Vec<Kind> = (0..self.crew.servers()).map(|_| *self.dice.one_of(&READS)).collect();
            calls.extend(join_all(kinds.into_iter().enumerate().map(|(server, kind)| self.ask(kind, server))).await);
        }
        calls
    }

    async fn ask(&self, kind: Kind, server: usize) -> Call {
        // The moment first, as above.
        let sent = Instant::now();
        let answer = calls::make(kind, &self.agent.at(server), &self.crew.lead.id).await;
        Call { kind, server, sent, answered: Instant::now(), answer }
    }

    async fn rest(&mut self, most: usize) {
        sleep(self.dice.milliseconds(most)).await;
    }
}
