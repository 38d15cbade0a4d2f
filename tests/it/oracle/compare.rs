//! Everything that a company can be asked, compared with the model.

use futures::future::join_all;
use leadward::proto::{
    BatchGetLeadsRequest, CheckAccessRequest, Lead, LeadAction, LeadResult, LeadState, ListAssignedLeadsRequest,
    lead_result::Result as LeadOrError,
};

use super::{
    company::PEOPLE,
    explain,
    stage::{Site, Stage, refusal, same},
    words::lead_name,
};
use crate::support::{ACTIONS, item_status, reason};

const ABSENT: &str = "01890000-0000-7000-8000-000000000000";
pub const HIDDEN: &str = "LEAD_NOT_FOUND";
const DEFAULT_STATES: &[LeadState] = &[];
const EVERY_STATE: [LeadState; 3] = [LeadState::Active, LeadState::Discarded, LeadState::Resolved];

/// Asks everyone everything, at both servers; `Err` says the first difference.
pub async fn everything(stage: &Stage) -> Result<(), String> {
    let asked = stage.sites().map(|at| async move {
        let outcome = everything_at(at).await;
        outcome.map_err(|difference| format!("at {}: {difference}", at.server))
    });
    all(asked).await
}

async fn everything_at(at: Site<'_>) -> Result<(), String> {
    all((0..at.callers.len()).map(|who| as_caller(at, who))).await?;
    access_lists(at).await
}

/// Every caller's list for one action, which also makes all of them known to the server's cache.
pub async fn glance(at: Site<'_>, action: LeadAction) -> Result<(), String> {
    let asked = (0..at.callers.len()).map(|who| async move {
        if at.stage.model.is_active(who) {
            list(at, who, action, &EVERY_STATE, 0).await
        } else {
            is_refused(at, who).await
        }
    });
    all(asked).await
}

async fn all(asked: impl IntoIterator<Item = impl Future<Output = Result<(), String>>>) -> Result<(), String> {
    join_all(asked).await.into_iter().collect()
}

async fn as_caller(at: Site<'_>, who: usize) -> Result<(), String> {
    // The administrator asks about everyone, and everyone who may call about themselves.
    checks(at, 0, who).await?;
    batch(at, 0, who).await?;
    explain::by_administrator(at, who).await?;
    if !at.stage.model.is_active(who) {
        return is_refused(at, who).await;
    }
    checks(at, who, who).await?;
    batch(at, who, who).await?;
    explain::by_themselves(at, who).await?;
    lists(at, who).await?;
    assigned(at, who).await?;
    gets(at, who).await
}

async fn is_refused(at: Site<'_>, who: usize) -> Result<(), String> {
    let answer = at.callers[who].list_leads(LeadAction::View).await;
    let answer = answer.map(|leads| names(at.stage, &leads)).map_err(|status| reason(&status));
    same(&format!("{}, deactivated, lists leads", PEOPLE[who]), &Err("NOT_AUTHENTICATED".to_owned()), &answer)
}

/// Every action: the default states, every state by small pages, and one state.
async fn lists(at: Site<'_>, who: usize) -> Result<(), String> {
    for action in ACTIONS {
        let turn = who + action as usize;
        list(at, who, action, DEFAULT_STATES, 0).await?;
        list(at, who, action, &EVERY_STATE, [2, 1, 3][turn % 3]).await?;
        list(at, who, action, &[EVERY_STATE[turn % 3]], 0).await?;
    }
    Ok(())
}

async fn list(at: Site<'_>, who: usize, action: LeadAction, states: &[LeadState], page: i32) -> Result<(), String> {
    let what = format!("{} lists leads for {action:?} in states {states:?}, page size {page}", PEOPLE[who]);
    let got = at.callers[who].list_leads_in(action, states, page).await;
    let got = got.map_err(|status| format!("{what}: got {}", refusal(&status)))?;
    same(&what, &newest_first(at.stage, &at.stage.model.listed(who, action, states)), &names(at.stage, &got))
}

/// The caller's own assigned leads, and the administrator's question about them.
async fn assigned(at: Site<'_>, who: usize) -> Result<(), String> {
    for asker in [who, 0] {
        let what = format!("{} lists the leads assigned to {}", PEOPLE[asker], PEOPLE[who]);
        let user_id = at.callers[who].id.clone();
        let request = ListAssignedLeadsRequest { user_id, page_size: 1_000, ..Default::default() };
        let got = at.callers[asker].assignments().list_assigned_leads(request).await;
        let got = got.map_err(|status| format!("{what}: got {}", refusal(&status)))?.into_inner().leads;
        same(&what, &newest_first(at.stage, &at.stage.model.assigned(asker, who)), &names(at.stage, &got))?;
    }
    Ok(())
}

/// Each lead by itself, then all of them, a lead twice and one that never was, in a batch.
async fn gets(at: Site<'_>, who: usize) -> Result<(), String> {
    let (stage, caller) = (at.stage, &at.callers[who]);
    let mut expected = Vec::new();
    for (n, id) in stage.leads.iter().enumerate() {
        let views = stage.model.covers(who, LeadAction::View, n);
        let lead = stage.model.facts(n).filter(|_| views).unwrap_or_else(|| HIDDEN.to_owned());
        let got = caller.get_lead(id).await.map_or_else(|status| reason(&status), |lead| stage.facts(&lead));
        same(&format!("{} gets {}", PEOPLE[who], lead_name(n)), &lead, &got)?;
        expected.push(lead);
    }
    stage.count(expected.len());

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

/// One action a lead, another for each user and lead.
async fn checks(at: Site<'_>, asker: usize, whom: usize) -> Result<(), String> {
    for (n, lead_id) in at.stage.leads.iter().enumerate() {
        let action = ACTIONS[(whom + n) % ACTIONS.len()];
        let user_id = if asker == whom { String::new() } else { at.callers[whom].id.clone() };
        let request = CheckAccessRequest { user_id, action: action as i32, lead_id: lead_id.clone() };
        let got = at.callers[asker].permissions().check_access(request).await;
        let got = got.map(|answer| answer.into_inner().allowed).map_err(|status| reason(&status));
        same(&checking(asker, whom, action, n), &decision(at.stage, asker, whom, action, n), &got)?;
    }
    at.stage.count(at.stage.leads.len());
    Ok(())
}

/// Every action on every lead in one call.
async fn batch(at: Site<'_>, asker: usize, whom: usize) -> Result<(), String> {
    let leads = 0..at.stage.leads.len();
    let pairs: Vec<(LeadAction, usize)> =
        leads.flat_map(|lead| ACTIONS.into_iter().map(move |action| (action, lead))).collect();
    let asked: Vec<(LeadAction, &str)> =
        pairs.iter().map(|(action, lead)| (*action, at.stage.leads[*lead].as_str())).collect();
    let what = format!("{} checks all that {} may do in a batch", PEOPLE[asker], PEOPLE[whom]);
    let got = at.callers[asker].batch_check(&at.callers[whom], &asked).await;
    let got = got.map_err(|status| format!("{what}: got {}", refusal(&status)))?;
    same(&what, &pairs.len(), &got.len())?;
    for ((action, lead), got) in pairs.iter().zip(&got) {
        let what = format!("in a batch, {}", checking(asker, whom, *action, *lead));
        same(&what, &decision(at.stage, asker, whom, *action, *lead), got)?;
    }
    at.stage.count(pairs.len());
    Ok(())
}

fn checking(asker: usize, whom: usize, action: LeadAction, lead: usize) -> String {
    format!("{} checks whether {} may {action:?} {}", PEOPLE[asker], PEOPLE[whom], lead_name(lead))
}

/// A check by whoever views the lead; about themselves also by whoever may do the action.
fn decision(stage: &Stage, asker: usize, whom: usize, action: LeadAction, lead: usize) -> Result<bool, String> {
    let allowed = stage.model.covers(whom, action, lead);
    let shown = stage.model.covers(asker, LeadAction::View, lead) || (asker == whom && allowed);
    if shown { Ok(allowed) } else { Err(HIDDEN.to_owned()) }
}

async fn access_lists(at: Site<'_>) -> Result<(), String> {
    let stage = at.stage;
    for (n, lead_id) in stage.leads.iter().enumerate().filter(|(n, _)| stage.model.exists(*n)) {
        let what = format!("the administrator lists who reaches {}", lead_name(n));
        let got = at.callers[0].access_list(lead_id).await;
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
