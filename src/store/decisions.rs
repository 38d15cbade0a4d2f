//! Why leads went to whom they went, as it is kept with the history.

use super::{Error, Result, micros, times};
use crate::model::{
    distribution::{Decision, Ineligible, Judged, Key, Standing, Strategy},
    ids::{RuleId, UserId},
};

/// As it is stored: identities as text, times in microseconds.
#[derive(serde::Serialize, serde::Deserialize)]
struct Stored {
    rule: String,
    strategy: String,
    key: String,
    candidates: Vec<Candidate>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Candidate {
    user: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    open: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credit: Option<i64>,
}

pub(super) fn text(decision: &Decision) -> Result<String> {
    let Decision { rule_id, strategy, key, candidates } = decision;
    let candidate = |Judged { user_id, standing }: &Judged| Candidate {
        user: user_id.to_string(),
        cause: standing.err().map(|cause| cause.word().to_owned()),
        last: standing.ok().and_then(|standing| standing.last_assign_time).map(micros),
        open: standing.ok().and_then(|standing| standing.open_leads),
        credit: standing.ok().and_then(|standing| standing.credit),
    };
    let stored = Stored {
        rule: rule_id.to_string(),
        strategy: strategy.word().to_owned(),
        key: key.word().to_owned(),
        candidates: candidates.iter().map(candidate).collect(),
    };
    serde_json::to_string(&stored).map_err(|_| corrupt())
}

pub(super) fn read(text: &str) -> Result<Decision> {
    let Stored { rule, strategy, key, candidates } = serde_json::from_str(text).map_err(|_| corrupt())?;
    let candidate = |Candidate { user, cause, last, open, credit }: Candidate| {
        let standing = match cause {
            Some(cause) => Err(Ineligible::from_word(&cause).ok_or_else(corrupt)?),
            None => Ok(Standing { last_assign_time: times(last)?, open_leads: open, credit }),
        };
        Ok(Judged { user_id: user.parse::<UserId>().map_err(|_| corrupt())?, standing })
    };
    Ok(Decision {
        rule_id: rule.parse::<RuleId>().map_err(|_| corrupt())?,
        strategy: Strategy::from_word(&strategy).ok_or_else(corrupt)?,
        key: Key::from_word(&key).ok_or_else(corrupt)?,
        candidates: candidates.into_iter().map(candidate).collect::<Result<Vec<_>>>()?,
    })
}

fn corrupt() -> Error {
    Error::Corrupt("decision")
}
