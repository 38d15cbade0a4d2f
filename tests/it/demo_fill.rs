//! `leadward demo` as people run it: a whole company in a database that nobody has made yet.

use std::{ops::RangeInclusive, process::Command};

use leadward::{
    cli::demo::READERS,
    proto::{CountLeadsRequest, LeadAction, LeadState, ListGroupsRequest, ListUsersRequest},
};

use crate::{
    import::desk::Report,
    support::{Caller, Database, RunningServer, Storage, process::leadward},
};

mod a_company_is_made_once_and_is_whole {
    use super::{Database, make_a_company};

    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        Box::pin(make_a_company(Database::Sqlite)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        Box::pin(make_a_company(Database::Postgres)).await;
    }
}

const STATES: [LeadState; 3] = [LeadState::Active, LeadState::Discarded, LeadState::Resolved];

/// How many leads of a thousand each reader reaches; in groups, about as many as chance gives these.
const REACHED: [(&str, RangeInclusive<usize>); 7] = [
    ("nothing", 0..=0),
    ("1k own + 2k granted", 30..=30),
    ("20k own + 500k granted", 52..=52),
    ("old leads alone", 6..=6),
    ("3 groups", 50..=200),
    ("20 groups", 550..=800),
    ("everything", 1_000..=1_000),
];

async fn make_a_company(database: Database) {
    let storage = Storage::create(database).await;
    let url = storage.url();
    let flags = ["demo", "--leads", "1000", "--database-url", url];
    let printed = leadward(&flags);
    assert!(printed.contains("1000 leads in "), "{printed}");
    assert!(READERS.iter().all(|reader| printed.contains(reader.email)), "{printed}");

    let again = Report::of(Command::new(env!("CARGO_BIN_EXE_leadward")).args(flags).output().unwrap());
    again.expect_failure(&["holds a company already"]);
    assert!(!again.out.contains("lw_"), "{again:#?}");

    let server = RunningServer::start(url).await;
    assert_eq!(server.first_token(), None, "the first start is over");
    let admin = Caller::at(server.addr(), &token(&printed));
    let everyone = ListUsersRequest { page_size: 1000, ..ListUsersRequest::default() };
    let users = admin.directory().list_users(everyone).await.unwrap().into_inner().users;
    assert_eq!(users.len(), 25 + READERS.len() + 1, "agents, readers and the administrator");
    let groups = ListGroupsRequest { page_size: 1000, ..ListGroupsRequest::default() };
    assert_eq!(admin.directory().list_groups(groups).await.unwrap().into_inner().groups.len(), 25);

    for (reader, (reach, expected)) in READERS.iter().zip(REACHED) {
        assert_eq!(reader.reach, reach);
        let caller = Caller::at(server.addr(), &token(&leadward(&["token", reader.email, "--database-url", url])));
        let leads = caller.list_leads_in(LeadAction::View, &STATES, 1000).await.unwrap();
        assert!(expected.contains(&leads.len()), "{reach}: {}", leads.len());
        assert!(leads.is_sorted_by(|newer, older| newer.id > older.id), "{reach}");
        let states = STATES.map(i32::from).to_vec();
        let counted = caller.leads().count_leads(CountLeadsRequest { states, ..CountLeadsRequest::default() }).await;
        assert_eq!(counted.unwrap().into_inner().count, leads.len() as i64, "{reach}");
    }
}

/// The one that was printed.
fn token(printed: &str) -> String {
    let mut words = printed.split_whitespace().filter(|word| word.starts_with("lw_"));
    let token = words.next().expect("a token").to_owned();
    assert_eq!(words.next(), None, "{printed}");
    token
}
