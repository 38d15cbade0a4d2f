//! The real binary, killed in the middle of imports.

mod import;

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use futures::{Stream, StreamExt, stream};
use leadward::proto::{
    DuplicatePolicy, ImportLeadsRequest, ImportOptions, ImportOutcome, ImportResult, ImportRow, Lead, LeadAction,
    LeadHistoryKind, LeadState, WhoAmIRequest,
};
use tokio::{sync::Semaphore, time::sleep};

use crate::support::{Caller, Database, Dice, RunningServer, Storage, client_row};

const ROUNDS: usize = 4;
const MESSAGES: usize = 20;
const ROWS_OF_A_MESSAGE: usize = 100;
/// How many rows may be without an answer.
const ROWS_AHEAD: usize = 300;

mod a_killed_import_leaves_whole_messages_and_goes_on {
    use super::{Database, kill_imports};

    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        Box::pin(kill_imports(Database::Sqlite)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        Box::pin(kill_imports(Database::Postgres)).await;
    }
}

async fn kill_imports(database: Database) {
    let mut dice = Dice::from_environment();
    let storage = Storage::create(database).await;
    let token = RunningServer::start(storage.url()).await.first_token().expect("a first start").to_owned();

    let mut cut = 0;
    for round in 0..ROUNDS {
        let rows = rows_of(round);
        let moment = Moment { answers: dice.below(MESSAGES - 5), delay: Duration::from_millis(dice.below(10) as u64) };
        println!("round {round}: {moment:?}");
        let mut process = Process::start(storage.url(), &token).await;
        let acknowledged = import(&process.admin, &rows, Some((&moment, &mut process.child))).await;
        process.kill();

        let process = Process::start(storage.url(), &token).await;
        let stored = leads_of(round, &process.admin).await;
        assert_whole(&process.admin, &rows, &stored).await;
        assert!(acknowledged.len() <= stored.len());
        for (result, lead) in acknowledged.iter().zip(&stored) {
            assert_eq!((result.outcome(), &result.lead_id), (ImportOutcome::Created, &lead.id));
        }
        cut += usize::from(stored.len() < rows.len());

        let results = import(&process.admin, &rows, None).await;
        let (found, made) = results.split_at(stored.len());
        assert!(found.iter().zip(&stored).all(|(result, lead)| result.lead_id == lead.id));
        assert!(found.iter().all(|result| result.outcome() == ImportOutcome::Skipped));
        assert!(made.iter().all(|result| result.outcome() == ImportOutcome::Created));
        let complete = leads_of(round, &process.admin).await;
        assert_eq!(complete.len(), rows.len());
        assert_whole(&process.admin, &rows, &complete).await;
    }
    assert!(cut > 0, "no import was cut short");
}

/// Expects the leads of the first messages, each as its row has it, and each with its history.
async fn assert_whole(admin: &Caller, rows: &[ImportRow], stored: &[Lead]) {
    assert_eq!(stored.len() % ROWS_OF_A_MESSAGE, 0, "messages are whole");
    for (row, lead) in rows.iter().zip(stored) {
        let given = row.lead.as_ref().unwrap();
        assert_eq!((&lead.external_id, &lead.name, &lead.email), (&given.external_id, &given.name, &given.email));
        assert_eq!(lead.attributes, given.attributes);
        assert!(lead.first_deposit_time.is_some());
    }
    // Where it was cut, a half would show.
    for lead in stored.iter().rev().take(ROWS_OF_A_MESSAGE) {
        let history = admin.history(&lead.id).await.unwrap();
        assert_eq!(history.iter().map(|entry| entry.kind()).collect::<Vec<_>>(), [LeadHistoryKind::Created]);
    }
}

fn rows_of(round: usize) -> Vec<ImportRow> {
    let row = |number: usize| {
        let lead = Lead {
            external_id: Some(format!("round-{round}-{number:06}")),
            name: Some(format!("Person {number}")),
            email: Some(format!("person-{number}@round-{round}.example")),
            attributes: [("number".to_owned(), number.to_string())].into(),
            ..Lead::default()
        };
        ImportRow { row_number: number as i64, lead: Some(lead), ..client_row("") }
    };
    (0..MESSAGES * ROWS_OF_A_MESSAGE).map(row).collect()
}

/// A round's leads in the order of its rows, each external ID once.
async fn leads_of(round: usize, admin: &Caller) -> Vec<Lead> {
    let prefix = format!("round-{round}-");
    let leads = admin.list_leads_in(LeadAction::View, &[LeadState::Active], 1000).await.unwrap();
    let leads: Vec<_> = leads.into_iter().filter(|lead| lead.external_id().starts_with(&prefix)).collect();
    let count = leads.len();
    let sorted: BTreeMap<_, _> = leads.into_iter().map(|lead| (lead.external_id().to_owned(), lead)).collect();
    assert_eq!(sorted.len(), count, "each row once");
    sorted.into_values().collect()
}

/// Imports rows by messages of a hundred, and says what was acknowledged until the end or the kill.
async fn import(admin: &Caller, rows: &[ImportRow], mut kill: Option<(&Moment, &mut Child)>) -> Vec<ImportResult> {
    let message = |rows: &[ImportRow]| ImportLeadsRequest { options: None, rows: rows.to_vec() };
    let mut messages: Vec<_> = rows.chunks(ROWS_OF_A_MESSAGE).map(message).collect();
    messages[0].options = Some(ImportOptions { on_duplicate: DuplicatePolicy::Skip.into(), ..Default::default() });
    let room = Arc::new(Semaphore::new(ROWS_AHEAD));
    let messages = once_there_is_room(&room, messages);
    let mut responses = admin.leads().import_leads(messages).await.unwrap().into_inner();
    let mut acknowledged = Vec::new();
    for answers in 0.. {
        if let Some((moment, child)) = &mut kill
            && moment.answers == answers
        {
            sleep(moment.delay).await;
            child.kill().unwrap();
        }
        match responses.message().await {
            Ok(Some(response)) => {
                room.add_permits(response.results.len());
                acknowledged.extend(response.results);
            }
            Ok(None) => break,
            Err(_) if kill.is_some() => break,
            Err(status) => panic!("{status:?}"),
        }
    }
    acknowledged
}

/// Messages that wait until the rows before them are answered but for some: a kill is to find some unsent.
fn once_there_is_room(
    room: &Arc<Semaphore>,
    messages: Vec<ImportLeadsRequest>,
) -> impl Stream<Item = ImportLeadsRequest> + Send + 'static {
    let room = Arc::clone(room);
    stream::iter(messages).then(move |message| {
        let room = Arc::clone(&room);
        async move {
            let rows = u32::try_from(message.rows.len()).unwrap();
            room.acquire_many_owned(rows).await.unwrap().forget();
            message
        }
    })
}

/// When an import is cut: after so many of its answers, and a little later.
#[derive(Debug)]
struct Moment {
    answers: usize,
    delay: Duration,
}

/// The binary, serving.
struct Process {
    child: Child,
    admin: Caller,
}

impl Process {
    async fn start(database_url: &str, token: &str) -> Self {
        let addr = free_address();
        let child = Command::new(env!("CARGO_BIN_EXE_leadward"))
            .args(["serve", "--listen", &addr.to_string(), "--database-url", database_url])
            .env("LEADWARD_LOG", "error")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let process = Self { child, admin: Caller::at(addr, token) };
        for _ in 0..600 {
            if process.admin.directory().who_am_i(WhoAmIRequest {}).await.is_ok() {
                return process;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("the server does not come up");
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
