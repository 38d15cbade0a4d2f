//! The life of a lead in few words: registrations, deposits, activities, batches, and how its history is read.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::{Duration, SystemTime},
};

use chrono::{DateTime, SecondsFormat};
use leadward::proto::{
    Activity, AppendLeadHistoryRequest, BatchDeleteLeadsRequest, BatchDiscardLeadsRequest, BatchRetrieveLeadsRequest,
    CallOutcome, DeletionReason, FieldChange, ImportLeadsRequest, ImportOptions, ImportResult, ImportRow, Lead,
    LeadEvent, LeadHistoryEntry, LeadHistoryKind, LeadOutcome, LeadTombstone, ListDeletedLeadsRequest, Money,
    RecordDepositRequest, RecordDepositResponse, RegisterLeadRequest, RegisterLeadResponse, WatchLeadsRequest,
    WatchLeadsResponse,
};
use prost_types::Timestamp;
use tokio::time::{Instant, timeout_at};
use tonic::{Status, Streaming, transport::Endpoint};

use super::Caller;

/// How long a watcher waits for what has happened.
const PATIENCE: Duration = Duration::from_secs(20);
/// The smallest windows that HTTP/2 begins with.
const SMALL_WINDOW: u32 = 65_535;

pub fn euros(units: i64, nanos: i32) -> Money {
    Money { currency_code: "EUR".to_owned(), units, nanos }
}

pub fn note(text: &str) -> Activity {
    Activity { text: text.to_owned(), ..Activity::default() }
}

pub fn call(outcome: CallOutcome, text: &str) -> Activity {
    Activity { call_outcome: outcome.into(), ..note(text) }
}

/// In whole seconds.
pub fn seconds_ago(seconds: u64) -> Timestamp {
    let time: Timestamp = (SystemTime::now() - Duration::from_secs(seconds)).into();
    Timestamp { nanos: 0, ..time }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BatchKind {
    Discard,
    Retrieve,
    Delete,
}

/// A change of several leads.
#[derive(Clone, Default, Debug)]
pub struct Batch {
    pub lead_ids: Vec<String>,
    pub all_or_nothing: bool,
    pub validate_only: bool,
    pub request_id: String,
}

impl Batch {
    pub fn of(lead_ids: &[&str]) -> Self {
        Self { lead_ids: lead_ids.iter().map(|id| (*id).to_owned()).collect(), ..Self::default() }
    }
}

impl Caller {
    pub async fn register(&self, lead: Lead) -> Result<RegisterLeadResponse, Status> {
        let request = RegisterLeadRequest { lead: Some(lead), ..RegisterLeadRequest::default() };
        Ok(self.leads().register_lead(request).await?.into_inner())
    }

    pub async fn deposit(
        &self,
        lead_id: &str,
        payment_id: &str,
        amount: Money,
    ) -> Result<RecordDepositResponse, Status> {
        let request = RecordDepositRequest {
            lead_id: lead_id.to_owned(),
            payment_id: payment_id.to_owned(),
            amount: Some(amount),
            ..RecordDepositRequest::default()
        };
        Ok(self.leads().record_deposit(request).await?.into_inner())
    }

    pub async fn append(
        &self,
        lead_id: &str,
        kind: LeadHistoryKind,
        activity: Activity,
    ) -> Result<LeadHistoryEntry, Status> {
        let request = AppendLeadHistoryRequest {
            lead_id: lead_id.to_owned(),
            kind: kind.into(),
            activity: Some(activity),
            ..AppendLeadHistoryRequest::default()
        };
        Ok(self.leads().append_lead_history(request).await?.into_inner().entry.unwrap())
    }

    /// Discards for "Not ready"; deletes as OBSOLETE.
    pub async fn batch(&self, kind: BatchKind, batch: Batch) -> Result<Vec<LeadOutcome>, Status> {
        let Batch { lead_ids, all_or_nothing, validate_only, request_id } = batch;
        match kind {
            BatchKind::Discard => {
                let reason = "Not ready".to_owned();
                let request = BatchDiscardLeadsRequest { lead_ids, reason, all_or_nothing, validate_only, request_id };
                Ok(self.leads().batch_discard_leads(request).await?.into_inner().outcomes)
            }
            BatchKind::Retrieve => {
                let request = BatchRetrieveLeadsRequest { lead_ids, all_or_nothing, validate_only, request_id };
                Ok(self.leads().batch_retrieve_leads(request).await?.into_inner().outcomes)
            }
            BatchKind::Delete => {
                let reason = DeletionReason::Obsolete.into();
                let request = BatchDeleteLeadsRequest { lead_ids, reason, all_or_nothing, validate_only, request_id };
                Ok(self.leads().batch_delete_leads(request).await?.into_inner().outcomes)
            }
        }
    }

    /// Every page.
    pub async fn deleted_leads(&self, page_size: i32) -> Result<Vec<LeadTombstone>, Status> {
        let mut request = ListDeletedLeadsRequest { page_size, ..ListDeletedLeadsRequest::default() };
        let mut tombstones = Vec::new();
        loop {
            let page = self.leads().list_deleted_leads(request.clone()).await?.into_inner();
            tombstones.extend(page.tombstones);
            if page.next_page_token.is_empty() {
                return Ok(tombstones);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Imports rows in one message.
    pub async fn import_as(&self, options: ImportOptions, rows: Vec<ImportRow>) -> Result<Vec<ImportResult>, Status> {
        let messages = tokio_stream::iter([ImportLeadsRequest { options: Some(options), rows }]);
        let mut responses = self.leads().import_leads(messages).await?.into_inner();
        let mut results = Vec::new();
        while let Some(response) = responses.message().await? {
            results.extend(response.results);
        }
        Ok(results)
    }

    /// The same caller over a connection of their own that takes little before it is read.
    pub fn with_small_windows(&self, addr: SocketAddr) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{addr}")).unwrap();
        let endpoint = endpoint.initial_stream_window_size(SMALL_WINDOW);
        let channel = endpoint.initial_connection_window_size(SMALL_WINDOW).connect_lazy();
        Self { channel, ..self.clone() }
    }
}

/// A watch, and where it has come to.
pub struct Watch {
    answers: Streaming<WatchLeadsResponse>,
    waiting: VecDeque<LeadEvent>,
    /// Of the last answer.
    pub token: String,
}

impl Watch {
    /// From now on.
    pub async fn open(caller: &Caller) -> Self {
        Self::resume(caller, "").await.unwrap()
    }

    /// Goes on from a token. The first answer is empty.
    pub async fn resume(caller: &Caller, token: &str) -> Result<Self, Status> {
        let request = WatchLeadsRequest { resume_token: token.to_owned() };
        let answers = caller.leads().watch_leads(request).await?.into_inner();
        let mut watch = Self { answers, waiting: VecDeque::new(), token: String::new() };
        watch.receive(Instant::now() + PATIENCE).await?;
        assert!(watch.waiting.is_empty(), "the first answer is empty");
        Ok(watch)
    }

    /// The next events, in their order; by then they must have come.
    pub async fn take(&mut self, count: usize) -> Vec<LeadEvent> {
        let until = Instant::now() + PATIENCE;
        while self.waiting.len() < count {
            self.receive(until).await.unwrap();
        }
        self.waiting.drain(..count).collect()
    }

    /// The events of the next answer that has some.
    pub async fn next(&mut self) -> Result<Vec<LeadEvent>, Status> {
        let until = Instant::now() + PATIENCE;
        while self.waiting.is_empty() {
            self.receive(until).await?;
        }
        Ok(self.waiting.drain(..).collect())
    }

    /// The events of the next answer that has some, if one comes in time.
    pub async fn next_within(&mut self, time: Duration) -> Result<Option<Vec<LeadEvent>>, Status> {
        let until = Instant::now() + time;
        while self.waiting.is_empty() {
            match timeout_at(until, self.answers.message()).await {
                Ok(answer) => self.take_in(answer?),
                Err(_) => return Ok(None),
            }
        }
        Ok(Some(self.waiting.drain(..).collect()))
    }

    /// Why it ended, once all that came before was read.
    pub async fn take_until_it_ends(&mut self) -> Status {
        loop {
            if let Err(status) = self.next().await {
                return status;
            }
        }
    }

    async fn receive(&mut self, until: Instant) -> Result<(), Status> {
        let answer = timeout_at(until, self.answers.message()).await.expect("an answer in time")?;
        self.take_in(answer);
        Ok(())
    }

    fn take_in(&mut self, answer: Option<WatchLeadsResponse>) {
        let answer = answer.expect("a watch ends with a refusal or not at all");
        assert!(!answer.resume_token.is_empty(), "every answer has a token");
        self.token = answer.resume_token;
        self.waiting.extend(answer.events);
    }
}

/// What the history says that a lead's fields are: all that its entries tell, from the oldest on.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Told(pub BTreeMap<String, String>);

impl Told {
    /// What a lead says of itself in the words of its history.
    pub fn of(lead: &Lead) -> Self {
        let time = |time: Option<Timestamp>| {
            let time = time.and_then(|time| DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).ok()?));
            time.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
        };
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let state = lead.state().as_str_name().trim_start_matches("LEAD_STATE_").to_owned();
        let fields = [
            ("external_id", lead.external_id.clone()),
            ("name", lead.name.clone()),
            ("email", lead.email.clone()),
            ("email_confirmed", lead.email_confirmed().then(|| "true".to_owned())),
            ("phone", lead.phone.clone()),
            ("country", lead.country.clone()),
            ("locale", lead.locale.clone()),
            ("campaign", lead.campaign.clone()),
            ("stage", lead.stage.clone()),
            ("next_contact_time", time(lead.next_contact_time)),
            ("assignee_id", given(&lead.assignee_id)),
            ("group_id", lead.group_id.clone()),
            ("state", Some(state)),
            ("discard_reason", given(&lead.discard_reason)),
            ("disposition", given(&lead.disposition)),
            ("register_time", time(lead.register_time)),
            ("first_deposit_time", time(lead.first_deposit_time)),
        ];
        let fields = fields.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?)));
        let attributes = lead.attributes.iter().map(|(name, value)| (format!("attributes.{name}"), value.clone()));
        Self(fields.chain(attributes).collect())
    }

    /// Takes in one more entry, which must go on from where the one before left.
    pub fn and(&mut self, entry: &LeadHistoryEntry) {
        for FieldChange { field, before, after } in entry.changes.iter().filter(|change| is_of_lead(&change.field)) {
            assert_eq!(self.0.get(field), before.as_ref(), "{field} before {entry:?}");
            match after {
                Some(after) => self.0.insert(field.clone(), after.clone()),
                None => self.0.remove(field),
            };
        }
    }

    pub fn get(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }
}

/// Whether a change is of the lead itself, and not of what belongs to it.
fn is_of_lead(field: &str) -> bool {
    !["access.", "order.", "deposit."].iter().any(|prefix| field.starts_with(prefix))
}
