//! What the service says of its reasons, compared with the model's, and put to the test.

use leadward::proto::{
    AccessGround, AccessLevel, AccessObstacle, AccessStep, AccessStepKind, ExplainAccessResponse, GrantMode,
    LeadAction, LevelSource, RevocationPolicy,
};

use super::{
    company::{Act, Operation, PEOPLE, Question, Reach, Until},
    compare::HIDDEN,
    model::Reasons,
    stage::{Site, Stage, given, refusal, same},
    words,
};
use crate::support::{ACTIONS, reason};

/// How many leads are asked about for each user.
const SAMPLE: usize = 3;

/// Why a user may or may not do each action on a few leads.
pub async fn by_administrator(at: Site<'_>, whom: usize) -> Result<(), String> {
    for lead in sample(at.stage, whom) {
        for action in ACTIONS {
            compare(at, 0, whom, action, lead).await?;
        }
    }
    Ok(())
}

/// One action for each of the leads.
pub async fn by_themselves(at: Site<'_>, who: usize) -> Result<(), String> {
    for lead in sample(at.stage, who) {
        compare(at, who, who, ACTIONS[(who + lead) % ACTIONS.len()], lead).await?;
    }
    Ok(())
}

fn sample(stage: &Stage, whom: usize) -> impl Iterator<Item = usize> {
    let leads = stage.leads.len();
    (0..leads.min(SAMPLE)).map(move |n| (whom + n) % leads)
}

async fn compare(at: Site<'_>, asker: usize, whom: usize, action: LeadAction, lead: usize) -> Result<(), String> {
    let model = &at.stage.model;
    let expected = if model.covers(asker, LeadAction::View, lead) {
        Ok(model.reasons(whom, action, lead))
    } else {
        Err(HIDDEN.to_owned())
    };
    let got = at.callers[asker].explain(&at.callers[whom], action, &at.stage.leads[lead]).await;
    let got = got.map(|answer| told(at.stage, &answer)).map_err(|status| reason(&status));
    let question = Question { user: whom, action, lead };
    same(&format!("{} asks why, {question}", PEOPLE[asker]), &expected, &got)?;
    at.stage.count(1);
    Ok(())
}

fn told(stage: &Stage, answer: &ExplainAccessResponse) -> Reasons {
    let mut grounds: Vec<String> = answer.grounds.iter().map(|ground| ground_words(stage, ground)).collect();
    grounds.sort();
    let mut obstacles: Vec<String> = answer.obstacles.iter().map(|obstacle| obstacle_words(stage, obstacle)).collect();
    obstacles.sort();
    let smallest_change = answer.smallest_change.iter().map(step_words).collect();
    Reasons { allowed: answer.allowed, grounds, obstacles, smallest_change }
}

fn ground_words(stage: &Stage, ground: &AccessGround) -> String {
    let AccessGround { group_id, group_named, group_membership, .. } = ground;
    let (mode, ends) = given(ground.path(), ground.mode(), ground.expire_time);
    let group = (!group_id.is_empty()).then(|| words::group(stage.group(group_id), *group_named, *group_membership));
    let level = ground.level.as_ref().map_or_else(|| "no level".to_owned(), |level| level_words(stage, level));
    words::ground(ground.path(), mode, ends, group, &level)
}

fn obstacle_words(stage: &Stage, obstacle: &AccessObstacle) -> String {
    words::obstacle(obstacle.kind(), obstacle.level.as_ref().map(|level| level_words(stage, level)))
}

fn level_words(stage: &Stage, level: &LevelSource) -> String {
    let name = stage.profiles.iter().find(|(_, id)| **id == level.profile_id).map(|(name, _)| name);
    let profile = match name {
        Some(name) if *name == level.profile_name => name.clone(),
        _ => format!("{} with the ID of {name:?}", level.profile_name),
    };
    words::level(level.level(), level.origin(), &profile)
}

fn step_words(step: &AccessStep) -> String {
    words::step(step.kind(), Some(step.mode()).filter(|mode| *mode != GrantMode::Unspecified))
}

/// Makes the smallest change that the service names, step by step: the answer turns round with the last one.
pub async fn turn_round(stage: &mut Stage, question: &Question) -> Result<(), String> {
    let leads = stage.leads.len();
    let existing = (0..leads).map(|n| (question.lead + n) % leads).find(|lead| stage.model.exists(*lead));
    let Some(lead) = existing else { return Ok(()) };
    let question = Question { lead, ..*question };
    let what = format!("turning round {question}");
    let before = stage.model.covers(question.user, question.action, lead);

    let [cached, _] = stage.sites();
    let answer = cached.callers[0].explain(&cached.callers[question.user], question.action, &stage.leads[lead]).await;
    let answer = answer.map_err(|status| format!("{what}: got {}", refusal(&status)))?;
    let steps = answer.smallest_change;
    if steps.is_empty() {
        return Err(format!("{what}: no step"));
    }
    for (n, step) in steps.iter().enumerate() {
        let operation = operation(step, question).ok_or_else(|| format!("{what}: an unknown step"))?;
        stage.perform(&operation).await.map_err(|difference| format!("{what}: {difference}"))?;
        let expected = if n + 1 == steps.len() { !before } else { before };
        for at in stage.sites() {
            let got = at.callers[0].check(&at.callers[question.user], question.action, &stage.leads[lead]).await;
            let got = got.map_err(|status| reason(&status));
            same(&format!("{what} at {}, after {operation}", at.server), &Ok(expected), &got)?;
        }
    }
    Ok(())
}

/// A step as the first administrator takes it.
fn operation(step: &AccessStep, question: Question) -> Option<Operation> {
    let Question { user, action, lead } = question;
    let act = match step.kind() {
        AccessStepKind::Unspecified => return None,
        AccessStepKind::GrantLead => Act::Grant { mode: step.mode(), until: Until::Never },
        AccessStepKind::RaiseToIndividual => Act::Override { action, own: Some(Reach::plain(AccessLevel::Individual)) },
        AccessStepKind::LowerToNone => Act::Override { action, own: Some(Reach::plain(AccessLevel::None)) },
        AccessStepKind::ReactivateUser | AccessStepKind::DeactivateUser => Act::ToggleActive,
        AccessStepKind::RevokeLead => Act::Revoke,
        AccessStepKind::ReassignLead => Act::Assign { policy: Some(RevocationPolicy::Revoke) },
    };
    let user = if let Act::Assign { .. } = act { 0 } else { user };
    Some(Operation { caller: 0, lead, user, act })
}
