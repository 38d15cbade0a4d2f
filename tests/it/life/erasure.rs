//! A deleted lead is erased: nothing of what was said of the person is left in the database's files or rows.

use std::{collections::BTreeMap, fs, path::Path};

use chrono::{DateTime, SecondsFormat};
use leadward::proto::{
    AssignLeadRequest, CallOutcome, CreateApiTokenRequest, CreateLeadRequest, CreateOrderRequest, CreateUserRequest,
    DeleteLeadRequest, DeletionReason, ErrorReason, GrantLeadAccessRequest, ImportOptions, ImportOutcome, ImportRow,
    Lead, LeadAction, LeadHistoryKind, LeadState, ListProfilesRequest, Money, Order, OrderStatus, RecordDepositRequest,
    RegisterLeadRequest, RevocationPolicy, UpdateLeadRequest, UpdateOrderStatusRequest, User,
};
use prost_types::{FieldMask, Timestamp};
use uuid::Uuid;

use crate::support::{
    Batch, BatchKind, Caller, Database, Dice, RunningServer, Storage, call, database_rows, note, refused,
};

mod nothing_of_a_deleted_lead_is_left {
    use super::{Database, erase_people};

    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        Box::pin(erase_people(Database::Sqlite)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        Box::pin(erase_people(Database::Postgres)).await;
    }
}

async fn erase_people(database: Database) {
    let mut dice = Dice::from_environment();
    let storage = Storage::create(database).await;
    let server = RunningServer::start(storage.url()).await;
    let admin = Caller::at(server.addr(), server.first_token().expect("a first start"));
    let agents = [agent(&admin, &server, "ana").await, agent(&admin, &server, "ben").await];
    let mut people = Vec::new();
    for way in [Way::Created, Way::Imported, Way::Registered] {
        people.push(Person::live(way, &mut dice, &admin, &agents).await);
    }
    let stays =
        admin.create_lead(Lead { name: Some("somebody who stays".to_owned()), ..Lead::default() }).await.unwrap();

    let before = Stored::read(database, storage.url()).await;
    for person in &people {
        for (what, mark) in &person.marks {
            assert!(!before.places_of(mark).is_empty(), "the search finds the {what} of a lead that is there: {mark}");
        }
    }

    let request = DeleteLeadRequest {
        lead_id: people[0].id.clone(),
        reason: DeletionReason::ErasureRequest.into(),
        request_id: fresh_id(),
        ..DeleteLeadRequest::default()
    };
    admin.leads().delete_lead(request).await.unwrap();
    let batch = Batch { request_id: fresh_id(), ..Batch::of(&[&people[1].id, &people[2].id]) };
    assert!(admin.batch(BatchKind::Delete, batch).await.unwrap().iter().all(|outcome| outcome.done));

    expect_nothing(&people, &Stored::read(database, storage.url()).await, "while the server runs");
    ask_again(&people, &admin).await;
    expect_nothing(&people, &Stored::read(database, storage.url()).await, "after the requests were sent again");
    drop(server);
    expect_nothing(&people, &Stored::read(database, storage.url()).await, "after the server has stopped");

    let server = RunningServer::start(storage.url()).await;
    let admin = Caller::at(server.addr(), &admin.token);
    assert_eq!(admin.get_lead(&stays.id).await.unwrap(), stays);
    assert_eq!(admin.deleted_leads(0).await.unwrap().len(), people.len());
}

/// Each request that made one of the people, sent again: it makes nobody, and tells nothing.
async fn ask_again(people: &[Person], admin: &Caller) {
    for person in people {
        if let Some(request) = person.creation.clone() {
            let status = refused(admin.leads().create_lead(request).await, ErrorReason::LeadNotFound);
            assert!(person.marks.values().all(|mark| !format!("{status:?}").to_lowercase().contains(mark)));
        }
        refused(admin.get_lead(&person.id).await, ErrorReason::LeadNotFound);
        refused(admin.history(&person.id).await, ErrorReason::LeadNotFound);
    }
    let states = [LeadState::Active, LeadState::Discarded, LeadState::Resolved];
    let left = admin.list_leads_in(LeadAction::View, &states, 0).await.unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[track_caller]
fn expect_nothing(people: &[Person], stored: &Stored, when: &str) {
    for person in people {
        for (what, mark) in &person.marks {
            let places = stored.places_of(mark);
            assert!(
                places.is_empty(),
                "{when}, the {what} ({mark}) of a lead that was {:?} is in {places:?}",
                person.way
            );
        }
    }
}

/// What is stored, as text by its place: every row, and on SQLite every file beside the database's.
struct Stored(Vec<(String, String)>);

impl Stored {
    async fn read(database: Database, url: &str) -> Self {
        let mut places = Vec::new();
        if let Database::Sqlite = database {
            let path = url.trim_start_matches("sqlite://").split('?').next().unwrap();
            for file in fs::read_dir(Path::new(path).parent().unwrap()).unwrap() {
                let file = file.unwrap().path();
                // Every byte a character, so that a search for text finds it whatever stands around it.
                let text: String = fs::read(&file).unwrap().iter().map(|byte| char::from(*byte)).collect();
                places.push((file.file_name().unwrap().to_string_lossy().into_owned(), text.to_ascii_lowercase()));
            }
            assert!(places.iter().any(|(name, _)| name.ends_with(".db")), "{:?}", places.len());
        }
        for row in database_rows(url).await {
            let table = row.split(':').next().unwrap_or_default().to_owned();
            places.push((format!("a row of {table}"), row.to_ascii_lowercase()));
        }
        Self(places)
    }

    /// Where a text is, in letters or as bytes in hexadecimal.
    fn places_of(&self, mark: &str) -> Vec<&str> {
        let bytes: String = mark.bytes().map(|byte| format!("{byte:02x}")).collect();
        let says = |text: &str| text.contains(mark) || text.contains(&bytes);
        self.0.iter().filter(|(_, text)| says(text)).map(|(place, _)| place.as_str()).collect()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Created,
    Imported,
    Registered,
}

/// A lead with a life, and all that was said of the person, none of it said by anything else.
struct Person {
    way: Way,
    id: String,
    marks: BTreeMap<&'static str, String>,
    creation: Option<CreateLeadRequest>,
}

impl Person {
    async fn live(way: Way, dice: &mut Dice, admin: &Caller, [ana, ben]: &[Caller; 2]) -> Self {
        let mut marks = Marks { dice, marks: BTreeMap::new() };
        let first = marks.lead("first");
        let (id, creation) = made(way, first, admin).await;
        let second = marks.lead("second");
        edit(admin, &id, second).await;
        hand_over(admin, &id, ana, ben).await;
        for (kind, what) in [(LeadHistoryKind::Email, "e-mail"), (LeadHistoryKind::Note, "note")] {
            // Long enough to spill over the pages of a database.
            let text = format!("{} {}", marks.mark(what), "blah ".repeat(1_500));
            admin.append(&id, kind, note(&text)).await.unwrap();
        }
        let spoken = call(CallOutcome::Reached, &marks.mark("call"));
        ben.append(&id, LeadHistoryKind::Call, spoken).await.unwrap();
        shop(admin, &id, &mut marks).await;
        admin.discard(&id).await.unwrap();
        admin.retrieve(&id).await.unwrap();
        admin.resolve(&id).await.unwrap();
        Self { way, id, marks: marks.marks, creation }
    }
}

/// What can be told from anything else that is stored.
struct Marks<'a> {
    dice: &'a mut Dice,
    marks: BTreeMap<&'static str, String>,
}

impl Marks<'_> {
    /// In lower case, since some of what is stored is.
    fn mark(&mut self, what: &'static str) -> String {
        let mark = format!("q{:08x}z{:08x}", self.dice.below(usize::MAX) as u32, self.dice.below(usize::MAX) as u32);
        assert!(self.marks.insert(what, mark.clone()).is_none(), "{what} twice");
        mark
    }

    /// All that a caller can say of a lead.
    fn lead(&mut self, which: &'static str) -> Lead {
        let [name, mail, domain, external_id, campaign, attribute, value, phone, time] = match which {
            "first" => [
                "first name",
                "first e-mail",
                "first domain",
                "first ID",
                "first campaign",
                "first attribute",
                "first value",
                "first phone",
                "first time",
            ],
            _ => ["name", "e-mail address", "domain", "ID", "campaign", "attribute", "value", "phone", "time"],
        };
        let number = format!("35191{:07}", self.dice.below(10_000_000));
        self.marks.insert(phone, number.clone());
        let at = Timestamp {
            seconds: 2_000_000_000 + self.dice.below(100_000_000) as i64,
            nanos: 1_000 * (1 + self.dice.below(999_999) as i32),
        };
        let told = DateTime::from_timestamp(at.seconds, at.nanos as u32).unwrap();
        self.marks.insert(time, told.to_rfc3339_opts(SecondsFormat::AutoSi, true).to_ascii_lowercase());
        Lead {
            name: Some(format!("Quirin {} Vogel", self.mark(name))),
            email: Some(format!("{}@{}.example", self.mark(mail), self.mark(domain))),
            phone: Some(format!("+{number}")),
            external_id: Some(self.mark(external_id)),
            campaign: Some(self.mark(campaign)),
            attributes: BTreeMap::from([(self.mark(attribute), self.mark(value))]),
            next_contact_time: Some(at),
            ..Lead::default()
        }
    }
}

fn fresh_id() -> String {
    Uuid::now_v7().to_string()
}

async fn agent(admin: &Caller, server: &RunningServer, name: &str) -> Caller {
    let request = ListProfilesRequest { page_size: 1000, ..ListProfilesRequest::default() };
    let profiles = admin.permissions().list_profiles(request).await.unwrap().into_inner().profiles;
    let profile_id = profiles.into_iter().find(|profile| profile.name() == "pre-sales").unwrap().id;
    let user = User { name: Some(name.to_owned()), profile_id: Some(profile_id), ..User::default() };
    let request = CreateUserRequest { user: Some(user), ..CreateUserRequest::default() };
    let id = admin.directory().create_user(request).await.unwrap().into_inner().user.unwrap().id;
    let request = CreateApiTokenRequest { user_id: id.clone(), ..CreateApiTokenRequest::default() };
    let token = admin.directory().create_api_token(request).await.unwrap().into_inner().secret;
    let mut agent = Caller::at(server.addr(), &token);
    agent.id = id;
    agent
}

async fn made(way: Way, lead: Lead, admin: &Caller) -> (String, Option<CreateLeadRequest>) {
    match way {
        Way::Created => {
            let request =
                CreateLeadRequest { lead: Some(lead), request_id: fresh_id(), ..CreateLeadRequest::default() };
            let made = admin.leads().create_lead(request.clone()).await.unwrap().into_inner();
            (made.lead.unwrap().id, Some(request))
        }
        Way::Imported => {
            let options = ImportOptions { import_id: "a list".to_owned(), ..ImportOptions::default() };
            let row = ImportRow { row_number: 1, lead: Some(lead), ..ImportRow::default() };
            let results = admin.import_as(options, vec![row]).await.unwrap();
            assert_eq!(results[0].outcome(), ImportOutcome::Created);
            (results[0].lead_id.clone(), None)
        }
        Way::Registered => {
            let request =
                RegisterLeadRequest { lead: Some(lead), request_id: fresh_id(), ..RegisterLeadRequest::default() };
            let made = admin.leads().register_lead(request).await.unwrap().into_inner();
            (made.lead.unwrap().id, None)
        }
    }
}

async fn edit(admin: &Caller, id: &str, fields: Lead) {
    let paths =
        ["name", "email", "phone", "external_id", "campaign", "attributes", "next_contact_time"].map(str::to_owned);
    let request = UpdateLeadRequest {
        lead: Some(Lead { id: id.to_owned(), ..fields }),
        update_mask: Some(FieldMask { paths: paths.to_vec() }),
        request_id: fresh_id(),
    };
    admin.leads().update_lead(request).await.unwrap();
}

/// Assigned, reassigned so that something is retained, and granted.
async fn hand_over(admin: &Caller, id: &str, ana: &Caller, ben: &Caller) {
    for assignee in [ana, ben] {
        let request = AssignLeadRequest {
            lead_id: id.to_owned(),
            assignee_id: assignee.id.clone(),
            revocation_policy: RevocationPolicy::Keep.into(),
            request_id: fresh_id(),
            ..AssignLeadRequest::default()
        };
        admin.assignments().assign_lead(request).await.unwrap();
    }
    let request = GrantLeadAccessRequest {
        lead_id: id.to_owned(),
        user_id: ana.id.clone(),
        request_id: fresh_id(),
        ..GrantLeadAccessRequest::default()
    };
    admin.assignments().grant_lead_access(request).await.unwrap();
}

/// Orders and deposits.
async fn shop(admin: &Caller, id: &str, marks: &mut Marks<'_>) {
    let amount = |units: i64| Some(Money { currency_code: "EUR".to_owned(), units, nanos: 250_000_000 });
    let mut unmistakable = |what: &'static str| {
        let units = 7_000_000_000_000 + marks.dice.below(1_000_000_000_000) as i64;
        marks.marks.insert(what, units.to_string());
        units
    };
    let (ordered, deposited) = (unmistakable("amount of the order"), unmistakable("amount of the deposit"));
    let order = Order {
        lead_id: id.to_owned(),
        number: marks.mark("number of the order"),
        status: OrderStatus::Partial.into(),
        amount: amount(ordered),
        items: marks.mark("items of the order"),
        ..Order::default()
    };
    let request = CreateOrderRequest { order: Some(order), request_id: fresh_id() };
    let order = admin.orders().create_order(request).await.unwrap().into_inner().order.unwrap();
    let request = UpdateOrderStatusRequest {
        order_id: order.id,
        status: OrderStatus::Cancelled.into(),
        request_id: fresh_id(),
        ..UpdateOrderStatusRequest::default()
    };
    admin.orders().update_order_status(request).await.unwrap();
    let request = RecordDepositRequest {
        lead_id: id.to_owned(),
        payment_id: marks.mark("payment"),
        amount: amount(deposited),
        request_id: fresh_id(),
        ..RecordDepositRequest::default()
    };
    admin.leads().record_deposit(request).await.unwrap();
}
