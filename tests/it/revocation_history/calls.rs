//! The calls that hammer on a lead, each with what it said of it.

use leadward::proto::{
    AccessCheck, BatchCheckAccessRequest, BatchGetLeadsRequest, CheckAccessRequest, DuplicatePolicy,
    ExplainAccessRequest, ImportLeadsRequest, ImportLeadsResponse, ImportOptions, ImportOutcome, ImportResult,
    ImportRow, Lead, LeadAction, LeadMatchKey, ListLeadHistoryRequest, access_check_result, lead_result,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use uuid::Uuid;

use super::checker::Answer;
use crate::support::{Caller, item_status, reason};

/// Which call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    GetLead,
    BatchGetLeads,
    ListLeads,
    ListLeadHistory,
    CheckAccess,
    BatchCheckAccess,
    ExplainAccess,
    UpdateLead,
    /// One message of a stream that stays open.
    ImportLeads,
}

pub const READS: [Kind; 7] = [
    Kind::GetLead,
    Kind::BatchGetLeads,
    Kind::ListLeads,
    Kind::ListLeadHistory,
    Kind::CheckAccess,
    Kind::BatchCheckAccess,
    Kind::ExplainAccess,
];
pub const WRITES: [Kind; 2] = [Kind::UpdateLead, Kind::ImportLeads];

/// Makes one call.
pub async fn make(kind: Kind, caller: &Caller, lead_id: &str) -> Answer {
    match touches(kind, caller, lead_id).await {
        Ok(true) => Answer::Touched,
        Ok(false) => Answer::Refused("without a word of it".to_owned()),
        Err(status) => refusal(&status),
    }
}

async fn touches(kind: Kind, caller: &Caller, lead_id: &str) -> Result<bool, Status> {
    let id = lead_id.to_owned();
    match kind {
        Kind::GetLead => caller.get_lead(lead_id).await.map(|_| true),
        Kind::BatchGetLeads => {
            let request = BatchGetLeadsRequest { lead_ids: vec![id] };
            let results = caller.leads().batch_get_leads(request).await?.into_inner().results;
            match results.into_iter().next().and_then(|result| result.result) {
                Some(lead_result::Result::Lead(_)) => Ok(true),
                Some(lead_result::Result::Error(error)) => Err(item_status(&error)),
                None => panic!("no result"),
            }
        }
        Kind::ListLeads => {
            let leads = caller.list_leads(LeadAction::View).await?;
            Ok(leads.iter().any(|lead| lead.id == lead_id))
        }
        Kind::ListLeadHistory => {
            // One entry says as much as thousands.
            let request = ListLeadHistoryRequest { lead_id: id, page_size: 1, ..Default::default() };
            caller.leads().list_lead_history(request).await.map(|_| true)
        }
        Kind::CheckAccess => {
            let request = CheckAccessRequest { user_id: String::new(), action: LeadAction::Edit.into(), lead_id: id };
            Ok(caller.permissions().check_access(request).await?.into_inner().allowed)
        }
        Kind::BatchCheckAccess => {
            let checks = vec![AccessCheck { action: LeadAction::View.into(), lead_id: id }];
            let request = BatchCheckAccessRequest { user_id: String::new(), checks };
            let results = caller.permissions().batch_check_access(request).await?.into_inner().results;
            match results.into_iter().next().and_then(|result| result.outcome) {
                Some(access_check_result::Outcome::Allowed(allowed)) => Ok(allowed),
                Some(access_check_result::Outcome::Error(error)) => Err(item_status(&error)),
                None => panic!("no outcome"),
            }
        }
        Kind::ExplainAccess => {
            let request = ExplainAccessRequest { user_id: String::new(), action: LeadAction::View.into(), lead_id: id };
            caller.permissions().explain_access(request).await.map(|_| true)
        }
        Kind::UpdateLead => caller.update_lead(Lead { id, ..changed() }, &["campaign"]).await.map(|_| true),
        Kind::ImportLeads => panic!("rows go by an import"),
    }
}

/// What every write changes, each to something new.
fn changed() -> Lead {
    Lead { campaign: Some(Uuid::now_v7().to_string()), ..Lead::default() }
}

fn refusal(status: &Status) -> Answer {
    match status.code() {
        Code::Unavailable => Answer::Unavailable,
        // ALREADY_EXISTS is what the row of a hidden lead is told.
        code @ (Code::NotFound | Code::PermissionDenied | Code::Unauthenticated | Code::AlreadyExists) => {
            Answer::Refused(format!("{code:?} {}", reason(status)))
        }
        _ => panic!("{status:?}"),
    }
}

/// An import that stays open for row after row, until it is refused.
#[derive(Default)]
pub struct Import(Option<Open>);

struct Open {
    token: String,
    rows: mpsc::Sender<ImportLeadsRequest>,
    outcomes: Streaming<ImportLeadsResponse>,
}

impl Import {
    /// Changes the lead with this external ID by the next row.
    pub async fn send(&mut self, caller: &Caller, external_id: &str) -> Answer {
        match self.row(caller, external_id).await {
            Ok(result) => match (result.outcome(), &result.error) {
                (ImportOutcome::Updated | ImportOutcome::Unchanged, _) => Answer::Touched,
                (ImportOutcome::Rejected, Some(error)) => refusal(&item_status(error)),
                _ => panic!("{result:?}"),
            },
            Err(status) => refusal(&status),
        }
    }

    async fn row(&mut self, caller: &Caller, external_id: &str) -> Result<ImportResult, Status> {
        let lead = Lead { external_id: Some(external_id.to_owned()), ..changed() };
        let row = ImportRow { row_number: 1, lead: Some(lead), ..ImportRow::default() };
        let message = ImportLeadsRequest { options: None, rows: vec![row] };
        let mut open = match self.0.take() {
            // An import goes on with the credential that it began with.
            Some(open) if open.token == caller.token => {
                // Where this can't be sent, the outcome says why.
                open.rows.send(message).await.ok();
                open
            }
            _ => Open::with(caller, message).await?,
        };
        let response = open.outcomes.message().await?.expect("an answer to each message");
        self.0 = Some(open);
        Ok(response.results.into_iter().next().expect("a result for each row"))
    }
}

impl Open {
    async fn with(caller: &Caller, first: ImportLeadsRequest) -> Result<Self, Status> {
        let options = ImportOptions {
            on_duplicate: DuplicatePolicy::Update.into(),
            match_keys: vec![LeadMatchKey::ExternalId.into()],
            ..Default::default()
        };
        let (rows, messages) = mpsc::channel(1);
        rows.send(ImportLeadsRequest { options: Some(options), ..first }).await.expect("the other end is here");
        let outcomes = caller.leads().import_leads(ReceiverStream::new(messages)).await?.into_inner();
        Ok(Self { token: caller.token.clone(), rows, outcomes })
    }
}
