//! Everything that a company can be asked, compared with the model.

use futures::future::join_all;
use leadward::proto::{
    BatchGetLeadsRequest, CheckAccessRequest, Lead, LeadAction, LeadResult, LeadState, ListAssignedLeadsRequest,
    lead_result::Result as LeadOrError,
};
use tonic::Status;

use super::{
    company::{PEOPLE, lead_name},
    stage::{Stage, refusal, same},
};
use crate::support::{ACTIONS, item_status, reason};

const ABSENT: &str = "01890000-0000-7000-8000-000000000000";
const HIDDEN: &str = "LEAD_NOT_FOUND";
const DEFAULT_STATES: &[LeadState] = &[];
const EVERY_STATE: [LeadState; 3] = [LeadState::Active, LeadState::Discarded, LeadState::Resolved];

/// Asks everyone everything; `Err` says the first difference.
pub async fn everything(stage: &Stage) -> Result<(), String> {
    let callers = (0..stage.callers.len()).map(|who| as_caller(stage, who));
    for outcome in join_all(callers).await {
        outcome?;
    }
    access_lists(stage).await
}

async fn as_caller(stage: &Stage, who: usize) -> Result<(), String> {
    checks_about(stage, who).await?;
    if !stage.model.is_active(who) {
        return is_refused(stage, who).await;
    }
    lists(stage, who).await?;
    assigned(stage, who).await?;
    gets(stage, who).await?;
    checks_by(stage, who).await
}

async fn is_refused(stage: &Stage, who: usize) -> Result<(), String> {
    let answer = stage.callers[who].list_leads(LeadAction::View).await;
    let answer = answer.map(|leads| names(stage, &leads)).map_err(|status| reason(&status));
    same(&format!("{}, deactivated, lists leads", PEOPLE[who]), &Err("NOT_AUTHENTICATED".to_owned()), &answer)
}

/// Every action, every set of states; the default and the full set also by small pages.
async fn lists(stage: &Stage, who: usize) -> Result<(), String> {
    for action in ACTIONS {
        let small = 1 + ((who as i32 + action as i32) % 3);
        for states in [DEFAULT_STATES, &EVERY_STATE] {
            list(stage, who, action, states, 0).await?;
            list(stage, who, action, states, small).await?;
        }
        for state in EVERY_STATE {
            list(stage, who, action, &[state], 0).await?;
        }
    }
    Ok(())
}

async fn list(stage: &Stage, who: usize, action: LeadAction, states: &[LeadState], page: i32) -> Result<(), String> {
    let what = format!("{} lists leads for {action:?} in states {states:?}, page size {page}", PEOPLE[who]);
    let got = stage.callers[who].list_leads_in(action, states, page).await;
    let got = got.map_err(|status| format!("{what}: got {}", refusal(&status)))?;
    same(&what, &newest_first(stage, &stage.model.listed(who, action, states)), &names(stage, &got))
}

/// The caller's own assigned leads, and the administrator's question about them.
async fn assigned(stage: &Stage, who: usize) -> Result<(), String> {
    for asker in [who, 0] {
        let what = format!("{} lists the leads assigned to {}", PEOPLE[asker], PEOPLE[who]);
        let user_id = stage.callers[who].id.clone();
        let request = ListAssignedLeadsRequest { user_id, page_size: 1_000, ..Default::default() };
        let got = stage.callers[asker].assignments().list_assigned_leads(request).await;
        let got = got.map_err(|status| format!("{what}: got {}", refusal(&status)))?.into_inner().leads;
        same(&what, &newest_first(stage, &stage.model.assigned(asker, who)), &names(stage, &got))?;
    }
    Ok(())
}

/// Each lead by itself, then all of them, a lead twice and one that never was, in a batch.
async fn gets(stage: &Stage, who: usize) -> Result<(), String> {
    let caller = &stage.callers[who];
    let mut expected = Vec::new();
    for (n, id) in stage.leads.iter().enumerate() {
        let views = stage.model.covers(who, LeadAction::View, n);
        let lead = stage.model.facts(n).filter(|_| views).unwrap_or_else(|| HIDDEN.to_owned());
        let got = caller.get_lead(id).await.map_or_else(|status| reason(&status), |lead| stage.facts(&lead));
        same(&format!("{} gets {}", PEOPLE[who], lead_name(n)), &lead, &got)?;
        expected.push(lead);
    }
    let mut lead_ids = stage.leads.clone();
    expected.push(expected[0].clone());
    lead_ids.push(lead_ids[0].clone());
    expected.push(HIDDEN.to_owned());
    lead_ids.push(ABSENT.to_owned());

    let what = format!("{} gets every lead, the first again and an absent one in a batch", PEOPLE[who]);
    let got = caller.leads().batch_get_leads(BatchGetLeadsRequest { lead_ids }).await;
    let got = got.map_err(|status| format!("{what}: got {}", refusal(&status)))?.into_inner().results;
    same(&what, &expected, &got.iter().map(|result| batch_words(stage, result)).collect())
}

fn batch_words(stage: &Stage, result: &LeadResult) -> String {
    match &result.result {
        Some(LeadOrError::Lead(lead)) => stage.facts(lead),
        Some(LeadOrError::Error(error)) => reason(&item_status(error)),
        None => "neither lead nor error".to_owned(),
    }
}

/// The administrator asks about every action on every lead.
async fn checks_about(stage: &Stage, whom: usize) -> Result<(), String> {
    for lead in 0..stage.leads.len() {
        for action in ACTIONS {
            let allowed = stage.model.covers(whom, action, lead);
            let expected = if stage.model.exists(lead) { words(allowed) } else { HIDDEN.to_owned() };
            let got = stage.callers[0].check(&stage.callers[whom], action, &stage.leads[lead]).await;
            let what = format!("the administrator checks whether {} may {action:?} {}", PEOPLE[whom], lead_name(lead));
            same(&what, &expected, &check_words(got))?;
        }
    }
    Ok(())
}

/// Users ask about themselves: one action a lead, another for each user and lead.
async fn checks_by(stage: &Stage, who: usize) -> Result<(), String> {
    for (n, lead_id) in stage.leads.iter().enumerate() {
        let action = ACTIONS[(who + n) % ACTIONS.len()];
        let allowed = stage.model.covers(who, action, n);
        let shown = allowed || stage.model.covers(who, LeadAction::View, n);
        let expected = if shown { words(allowed) } else { HIDDEN.to_owned() };
        let request = CheckAccessRequest { user_id: String::new(), action: action as i32, lead_id: lead_id.clone() };
        let got = stage.callers[who].permissions().check_access(request).await.map(|it| it.into_inner().allowed);
        let what = format!("{} checks whether they may {action:?} {}", PEOPLE[who], lead_name(n));
        same(&what, &expected, &check_words(got))?;
    }
    Ok(())
}

fn check_words(answer: Result<bool, Status>) -> String {
    answer.map_or_else(|status| reason(&status), words)
}

fn words(allowed: bool) -> String {
    if allowed { "allowed".to_owned() } else { "not allowed".to_owned() }
}

async fn access_lists(stage: &Stage) -> Result<(), String> {
    for (n, lead_id) in stage.leads.iter().enumerate().filter(|(n, _)| stage.model.exists(*n)) {
        let what = format!("the administrator lists who reaches {}", lead_name(n));
        let got = stage.callers[0].access_list(lead_id).await;
        let got = got.map_err(|status| format!("{what}: got {}", refusal(&status)))?;
        let got: Vec<String> = got
            .iter()
            .map(|access| format!("{}: {}", stage.person(&access.user_id), stage.paths(&access.paths).join("; ")))
            .collect();
        same(&what, &stage.model.access_list(n), &got)?;
    }
    Ok(())
}

/// The leads at these places by name, in the order of a list.
fn newest_first(stage: &Stage, leads: &[usize]) -> Vec<String> {
    let mut leads = leads.to_vec();
    leads.sort_by(|a, b| stage.leads[*b].cmp(&stage.leads[*a]));
    leads.into_iter().map(lead_name).collect()
}

fn names(stage: &Stage, leads: &[Lead]) -> Vec<String> {
    let name = |id: &str| stage.leads.iter().position(|it| it == id).map_or_else(|| id.to_owned(), lead_name);
    leads.iter().map(|lead| name(&lead.id)).collect()
}
