//! Imports that have a name: sent again after their stream broke, they go on where it came to.

use std::time::Duration;

use leadward::proto::{
    ErrorReason, ImportLeadsRequest, ImportLeadsResponse, ImportOptions, ImportOutcome, ImportResult, ImportRow,
    LeadAction,
};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::support::{Caller, RunningServer, TestServer, faults, named, on_both_databases, refused};

const PATIENCE: Duration = Duration::from_secs(30);

/// Rows that nothing but their numbers tells apart.
fn rows(numbers: impl IntoIterator<Item = i64>) -> Vec<ImportRow> {
    numbers.into_iter().map(row).collect()
}

fn row(row_number: i64) -> ImportRow {
    ImportRow { row_number, lead: Some(named("Ana")), ..ImportRow::default() }
}

/// A row that is rejected.
fn bad_row(row_number: i64) -> ImportRow {
    ImportRow { row_number, ..ImportRow::default() }
}

/// Messages of an import; an empty name is none.
fn messages(import_id: &str, parts: impl IntoIterator<Item = Vec<ImportRow>>) -> Vec<ImportLeadsRequest> {
    let options = ImportOptions { import_id: import_id.to_owned(), ..ImportOptions::default() };
    let message = |rows| ImportLeadsRequest { options: None, rows };
    let mut messages: Vec<_> = parts.into_iter().map(message).collect();
    messages[0].options = Some(options);
    messages
}

/// What was answered, and how the stream ended.
async fn send(caller: &Caller, messages: Vec<ImportLeadsRequest>) -> (Vec<ImportResult>, Result<(), Status>) {
    let mut answers = match caller.leads().import_leads(tokio_stream::iter(messages)).await {
        Ok(answers) => answers.into_inner(),
        Err(refusal) => return (Vec::new(), Err(refusal)),
    };
    let mut results = Vec::new();
    loop {
        match answers.message().await {
            Ok(Some(answer)) => results.extend(answer.results),
            Ok(None) => return (results, Ok(())),
            Err(refusal) => return (results, Err(refusal)),
        }
    }
}

/// What a whole import was answered.
async fn import(caller: &Caller, import_id: &str, parts: impl IntoIterator<Item = Vec<ImportRow>>) -> Vec<Outcome> {
    let (results, end) = send(caller, messages(import_id, parts)).await;
    end.unwrap();
    outcomes(&results)
}

type Outcome = (i64, ImportOutcome);

fn outcomes(results: &[ImportResult]) -> Vec<Outcome> {
    results.iter().map(|result| (result.row_number, result.outcome())).collect()
}

fn all(outcome: ImportOutcome, numbers: impl IntoIterator<Item = i64>) -> Vec<Outcome> {
    numbers.into_iter().map(|number| (number, outcome)).collect()
}

async fn count(caller: &Caller) -> usize {
    caller.list_leads_in(LeadAction::View, &[], 1000).await.unwrap().len()
}

/// A stream under way, to be broken when dropped.
struct Broken {
    messages: mpsc::Sender<ImportLeadsRequest>,
    answers: Streaming<ImportLeadsResponse>,
}

impl Broken {
    async fn start(caller: &Caller) -> Self {
        let (messages, outgoing) = mpsc::channel(16);
        let answers = caller.leads().import_leads(ReceiverStream::new(outgoing)).await.unwrap().into_inner();
        Self { messages, answers }
    }
}

on_both_databases! {
    /// Of a broken stream two messages were durable, and one of them was acknowledged; what tells is what was durable.
    async fn a_broken_import_sent_again_takes_each_row_once(t: TestServer) {
        let mia = t.manager("mia").await;
        let parts = || [rows(1..=10), rows(11..=20), [rows(21..=29), vec![bad_row(30)]].concat()];
        let mut broken = Broken::start(&mia).await;
        for message in messages("spring", parts()).into_iter().take(2) {
            broken.messages.send(message).await.unwrap();
        }
        let acknowledged = broken.answers.message().await.unwrap().unwrap().results;
        assert_eq!(outcomes(&acknowledged), all(ImportOutcome::Created, 1..=10));
        let durable = async {
            while count(&mia).await < 20 {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, durable).await.expect("the second message is taken");
        drop(broken);

        let again = import(&mia, "spring", parts()).await;
        let (taken, rest) = again.split_at(20);
        assert_eq!(taken, all(ImportOutcome::AlreadyTaken, 1..=20));
        let (created, rejected) = rest.split_at(9);
        assert_eq!(created, all(ImportOutcome::Created, 21..=29));
        assert_eq!(rejected, [(30, ImportOutcome::Rejected)]);
        assert_eq!(count(&mia).await, 29);

        let beside = RunningServer::start(t.database_url()).await;
        let whole = import(&mia.at_server(beside.addr()), "spring", parts()).await;
        let (taken, rejected) = whole.split_at(29);
        assert_eq!(taken, all(ImportOutcome::AlreadyTaken, 1..=29));
        assert_eq!(rejected, [(30, ImportOutcome::Rejected)], "whoever missed the reason is told it again");
        assert_eq!(count(&mia).await, 29);
    }

    async fn a_row_that_was_taken_is_not_looked_at_again(t: TestServer) {
        let mia = t.manager("mia").await;
        assert_eq!(import(&mia, "spring", [rows(1..=3)]).await, all(ImportOutcome::Created, 1..=3));
        let others = (1..=3).map(bad_row).chain(rows([7]));
        let again = import(&mia, "spring", [others.collect()]).await;
        assert_eq!(again[..3], all(ImportOutcome::AlreadyTaken, 1..=3));
        assert_eq!(again[3..], [(7, ImportOutcome::Created)]);
        let between = import(&mia, "spring", [rows(4..=8)]).await;
        assert_eq!(between[..4], all(ImportOutcome::AlreadyTaken, 4..=7), "the last row tells");
        assert_eq!(between[4..], [(8, ImportOutcome::Created)]);
    }

    /// Whoever missed an answer is told the reasons again, and what they were may have been mended.
    async fn a_row_that_was_rejected_is_looked_at_again(t: TestServer) {
        let mia = t.manager("mia").await;
        let by_rui = |row_number| ImportRow { assignee_email: "rui@example.com".to_owned(), ..row(row_number) };
        let parts = || [vec![row(1), bad_row(2), by_rui(3)], rows([4])];
        let (first, end) = send(&mia, messages("spring", parts())).await;
        end.unwrap();
        let expected = [
            (1, ImportOutcome::Created),
            (2, ImportOutcome::Rejected),
            (3, ImportOutcome::Rejected),
            (4, ImportOutcome::Created),
        ];
        assert_eq!(outcomes(&first), expected);

        let (again, end) = send(&mia, messages("spring", parts())).await;
        end.unwrap();
        assert_eq!(again[1..3], first[1..3], "the same reasons");
        assert_eq!(outcomes(&[again[0].clone(), again[3].clone()]), all(ImportOutcome::AlreadyTaken, [1, 4]));
        let shown: Vec<_> = again.iter().map(|result| result.error.is_some()).collect();
        assert_eq!(shown, [false, true, true, false]);

        t.agent("Rui").await;
        let mended = || [vec![row(1), row(2), by_rui(3)], rows([4])];
        let taken = import(&mia, "spring", mended()).await;
        let expected = [
            (1, ImportOutcome::AlreadyTaken),
            (2, ImportOutcome::Created),
            (3, ImportOutcome::Created),
            (4, ImportOutcome::AlreadyTaken),
        ];
        assert_eq!(taken, expected);
        assert_eq!(import(&mia, "spring", parts()).await, all(ImportOutcome::AlreadyTaken, 1..=4));
        assert_eq!(count(&mia).await, 4);
    }

    async fn of_rejected_rows_the_last_ten_thousand_are_remembered(t: TestServer) {
        let mia = t.manager("mia").await;
        let bad: Vec<ImportRow> = (1..=10_002).map(bad_row).collect();
        let parts = || bad.chunks(1000).map(<[ImportRow]>::to_vec);
        assert_eq!(import(&mia, "spring", parts()).await, all(ImportOutcome::Rejected, 1..=10_002));
        let again = import(&mia, "spring", parts()).await;
        assert_eq!(again[..2], all(ImportOutcome::AlreadyTaken, 1..=2));
        assert_eq!(again[2..], all(ImportOutcome::Rejected, 3..=10_002));
    }

    async fn of_two_streams_of_one_import_each_row_is_taken_by_one(t: TestServer) {
        let mia = t.manager("mia").await;
        let cut = |size: usize| rows(0..300).chunks(size).map(<[ImportRow]>::to_vec).collect::<Vec<_>>();
        let (one, other) = tokio::join!(import(&mia, "spring", cut(7)), import(&mia, "spring", cut(10)));
        assert_eq!((one.len(), other.len()), (300, 300));
        for (a, b) in one.iter().zip(&other) {
            assert_eq!(a.0, b.0);
            let mut both = [a.1, b.1];
            both.sort();
            assert_eq!(both, [ImportOutcome::Created, ImportOutcome::AlreadyTaken], "row {}", a.0);
        }
        assert_eq!(count(&mia).await, 300);
    }

    async fn an_import_is_known_by_its_caller_and_its_name(t: TestServer) {
        let (mia, max) = (t.manager("mia").await, t.manager("max").await);
        let created = all(ImportOutcome::Created, 1..=3);
        assert_eq!(import(&mia, "spring", [rows(1..=3)]).await, created);
        assert_eq!(import(&max, "spring", [rows(1..=3)]).await, created, "another caller's");
        assert_eq!(import(&mia, "summer", [rows(1..=3)]).await, created, "another name");
        assert_eq!(import(&mia, "", [rows(1..=3)]).await, created, "no name");
        assert_eq!(import(&mia, "", [rows(1..=3)]).await, created, "and nothing is remembered of it");
        assert_eq!(import(&mia, "spring", [rows(1..=3)]).await, all(ImportOutcome::AlreadyTaken, 1..=3));
        assert_eq!(count(&mia).await, 15);
    }

    async fn rows_out_of_order_end_an_import_that_has_a_name(t: TestServer) {
        let mia = t.manager("mia").await;
        for (parts, fault) in [
            (vec![rows([1, 2, 2])], "rows[2].row_number"),
            (vec![rows([4, 3])], "rows[1].row_number"),
            (vec![rows([-1, 0])], "rows[0].row_number"),
            (vec![vec![bad_row(4)], rows([4])], "rows[0].row_number"),
        ] {
            let name = format!("import of {}", parts.len());
            let (results, end) = send(&mia, messages(&name, parts)).await;
            assert_eq!(faults(&refused(end, ErrorReason::InvalidArgument)), [fault]);
            assert!(results.iter().all(|result| result.outcome() == ImportOutcome::Rejected), "{results:?}");
        }
        let (results, end) = send(&mia, messages("spring", [rows([1, 2]), rows([3, 3])])).await;
        assert_eq!(faults(&refused(end, ErrorReason::InvalidArgument)), ["rows[1].row_number"]);
        assert_eq!(outcomes(&results), all(ImportOutcome::Created, 1..=2), "what came before is answered");
        assert_eq!(count(&mia).await, 2);

        assert_eq!(import(&mia, "", [rows([2, 1, 1])]).await, all(ImportOutcome::Created, [2, 1, 1]));
    }

    async fn a_name_that_is_none_is_refused(t: TestServer) {
        let mia = t.manager("mia").await;
        for name in ["x".repeat(129), " ".to_owned(), "a\nb".to_owned()] {
            let (results, end) = send(&mia, messages(&name, [rows([1])])).await;
            assert_eq!(faults(&refused(end, ErrorReason::InvalidArgument)), ["options.import_id"]);
            assert!(results.is_empty(), "{results:?}");
        }
        assert_eq!(import(&mia, &"é".repeat(128), [rows([1])]).await, all(ImportOutcome::Created, [1]));
    }

    /// Who doesn't wait for an outcome before the next message, and who does.
    async fn an_answer_comes_without_another_message(t: TestServer) {
        let mia = t.manager("mia").await;
        let mut stream = Broken::start(&mia).await;
        for (number, message) in (1..).zip(messages("spring", [rows([1]), rows([2]), rows([3])])) {
            stream.messages.send(message).await.unwrap();
            let answer = timeout(PATIENCE, stream.answers.message()).await.expect("an answer to each message");
            assert_eq!(outcomes(&answer.unwrap().unwrap().results), [(number, ImportOutcome::Created)]);
        }
    }
}
