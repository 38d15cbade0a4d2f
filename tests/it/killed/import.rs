//! An import with a name, killed again and again: whoever sends it again from the start gets every row in once.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use leadward::proto::{
    BatchGetLeadsRequest, ImportLeadsRequest, ImportOptions, ImportOutcome, ImportResult, ImportRow, Lead, LeadAction,
    LeadHistoryKind, LeadState, lead_result,
};
use tokio::{sync::Semaphore, time::sleep};

use super::{Process, ROWS_AHEAD, once_there_is_room};
use crate::support::{Caller, Database, Dice, RunningServer, Storage, named};

const KILLS: usize = 20;
const MESSAGES: usize = 400;
const ROWS_OF_A_MESSAGE: usize = 50;
/// Every so many rows there is a bad one.
const BAD: i64 = 97;

mod a_named_import_that_is_killed_goes_on_and_takes_every_row_once {
    use super::{Database, kill_one_import};

    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        Box::pin(kill_one_import(Database::Sqlite)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        Box::pin(kill_one_import(Database::Postgres)).await;
    }
}

async fn kill_one_import(database: Database) {
    let mut dice = Dice::from_environment();
    let storage = Storage::create(database).await;
    let token = RunningServer::start(storage.url()).await.first_token().expect("a first start").to_owned();
    let rows: Vec<ImportRow> = (1..).map(row).take(MESSAGES * ROWS_OF_A_MESSAGE).collect();

    let mut done = Progress::default();
    for round in 0..KILLS {
        let (answers, delay) = (1 + dice.below(4), Duration::from_millis(dice.below(8) as u64));
        println!("round {round}: killed {delay:?} after {answers} new answers");
        let mut process = Process::start(storage.url(), &token).await;
        done.expect_stored(&process.admin).await;
        let mut left = answers;
        let Process { child, admin } = &mut process;
        let (results, ended) = send(admin, &rows, async |results| {
            if left > 0 && results.iter().any(is_new) {
                left -= 1;
                if left == 0 {
                    sleep(delay).await;
                    child.kill().unwrap();
                }
            }
        })
        .await;
        assert!(!ended && left == 0, "the import is too short for so many kills");
        process.kill();
        done.take_in(&results);
    }

    let process = Process::start(storage.url(), &token).await;
    done.expect_stored(&process.admin).await;
    let (results, ended) = send(&process.admin, &rows, async |_| {}).await;
    assert!(ended && results.len() == rows.len());
    done.take_in(&results);
    done.expect_stored(&process.admin).await;
    expect_each_row_once(&process.admin, &rows).await;

    let (again, _) = send(&process.admin, &rows, async |_| {}).await;
    let repeated = |row| if is_bad(row) { ImportOutcome::Rejected } else { ImportOutcome::AlreadyTaken };
    assert!(again.iter().all(|result| result.outcome() == repeated(result.row_number)));
    expect_each_row_once(&process.admin, &rows).await;
}

/// Nothing that a lead is recognised by: only what the import remembers of itself keeps it from being made twice.
fn row(number: i64) -> ImportRow {
    let lead =
        Some(if is_bad(number) { Lead { email: Some("nowhere".to_owned()), ..lead(number) } } else { lead(number) });
    ImportRow { row_number: number, lead, ..ImportRow::default() }
}

fn lead(number: i64) -> Lead {
    named(&format!("row {number:06}"))
}

fn is_bad(number: i64) -> bool {
    number % BAD == 0
}

fn is_new(result: &ImportResult) -> bool {
    result.outcome() == ImportOutcome::Created
}

/// Sends all rows, and does something after each answer, until the stream ends or breaks; says what was answered, and
/// whether it ended.
async fn send(
    admin: &Caller,
    rows: &[ImportRow],
    mut after_each: impl AsyncFnMut(&[ImportResult]),
) -> (Vec<ImportResult>, bool) {
    let message = |rows: &[ImportRow]| ImportLeadsRequest { options: None, rows: rows.to_vec() };
    let mut messages: Vec<_> = rows.chunks(ROWS_OF_A_MESSAGE).map(message).collect();
    messages[0].options = Some(ImportOptions { import_id: "the list".to_owned(), ..ImportOptions::default() });
    let room = Arc::new(Semaphore::new(ROWS_AHEAD));
    let messages = once_there_is_room(&room, messages);
    let mut responses = admin.leads().import_leads(messages).await.unwrap().into_inner();
    let mut results = Vec::new();
    loop {
        match responses.message().await {
            Ok(Some(response)) => {
                after_each(&response.results).await;
                room.add_permits(response.results.len());
                results.extend(response.results);
            }
            Ok(None) => return (results, true),
            Err(status) => {
                println!("after {} answers: {status}", results.len());
                return (results, false);
            }
        }
    }
}

/// What was acknowledged so far.
#[derive(Default)]
struct Progress {
    /// The leads made, by row.
    made: BTreeMap<i64, String>,
    last: i64,
}

impl Progress {
    /// Takes in the answers of one stream: in the order of the rows, bad ones rejected each time, those of earlier streams as
    /// taken, and each new one as it is.
    fn take_in(&mut self, results: &[ImportResult]) {
        let numbers: Vec<i64> = results.iter().map(|result| result.row_number).collect();
        assert!(numbers.iter().copied().eq((1..).take(numbers.len())), "in the order of the rows");
        let (bad, good): (Vec<_>, Vec<_>) = results.iter().partition(|result| is_bad(result.row_number));
        assert!(bad.iter().all(|result| result.outcome() == ImportOutcome::Rejected), "a bad row is always rejected");
        let new = good.iter().position(|result| is_new(result)).unwrap_or(good.len());
        let (taken, new) = good.split_at(new);
        let taken_to = taken.last().map_or(0, |result| result.row_number);
        // A bad row that ends a message is not among them.
        let whole = [taken_to, taken_to + i64::from(is_bad(taken_to + 1))];
        let ends = whole.iter().any(|row| row % ROWS_OF_A_MESSAGE as i64 == 0);
        assert!(ends, "messages are taken as a whole, not up to row {taken_to}");
        let were_taken = taken.iter().all(|result| result.outcome() == ImportOutcome::AlreadyTaken);
        assert!(were_taken, "a good row is made or was");
        if !new.is_empty() {
            assert!(taken_to >= self.last, "what was acknowledged is taken");
        }
        for result in new {
            assert!(is_new(result), "what is taken lies before what is new: {result:?}");
            assert!(self.made.insert(result.row_number, result.lead_id.clone()).is_none(), "{result:?} twice");
            self.last = result.row_number;
        }
    }

    /// Expects all that was acknowledged to be there.
    async fn expect_stored(&self, admin: &Caller) {
        let made: Vec<_> = self.made.iter().collect();
        for some in made.chunks(1000) {
            let lead_ids = some.iter().map(|(_, id)| (*id).clone()).collect();
            let request = BatchGetLeadsRequest { lead_ids };
            let results = admin.leads().batch_get_leads(request).await.unwrap().into_inner().results;
            for ((number, _), result) in some.iter().zip(results) {
                match result.result.unwrap() {
                    lead_result::Result::Lead(found) => assert_eq!(found.name, lead(**number).name),
                    lead_result::Result::Error(error) => panic!("row {number} was acknowledged: {error:?}"),
                }
            }
        }
    }
}

async fn expect_each_row_once(admin: &Caller, rows: &[ImportRow]) {
    let leads = admin.list_leads_in(LeadAction::View, &[LeadState::Active], 1000).await.unwrap();
    let mut names: Vec<&str> = leads.iter().map(Lead::name).collect();
    names.sort_unstable();
    let good = rows.iter().filter(|row| !is_bad(row.row_number));
    let expected: Vec<&str> = good.map(|row| row.lead.as_ref().unwrap().name()).collect();
    assert!(names == expected, "{} leads of {} rows", names.len(), expected.len());
    for lead in leads.iter().step_by(501) {
        let history = admin.history(&lead.id).await.unwrap();
        assert_eq!(history.iter().map(|entry| entry.kind()).collect::<Vec<_>>(), [LeadHistoryKind::Created]);
    }
}
