//! What happens to leads: history, activities, deposits, tombstones.

use std::time::Duration;

use super::{Faults, duration, id_text, money, timestamp};
use crate::{
    model::{
        deposit::{Deposit, NewDeposit},
        history::{Activity, CallOutcome, Change, HistoryEntry, HistoryKind},
        lead::{DeletionReason, Tombstone},
    },
    proto,
};

const LONGEST_TEXT: usize = 10_000;
const LONGEST_CALL: Duration = Duration::from_secs(24 * 60 * 60);

/// A history entry as sent.
pub(in crate::rpc) fn history_entry(entry: HistoryEntry) -> proto::LeadHistoryEntry {
    let HistoryEntry { id, lead_id, kind, time, actor_id, on_behalf_of, changes, activity: done, decision: why } =
        entry;
    proto::LeadHistoryEntry {
        id: id.to_string(),
        lead_id: lead_id.to_string(),
        kind: history_kind(kind).into(),
        time: Some(timestamp(time)),
        actor_id: actor_id.to_string(),
        changes: changes.into_iter().map(field_change).collect(),
        on_behalf_of: id_text(on_behalf_of),
        activity: done.map(activity),
        decision: why.map(super::distribution::decision),
    }
}

fn history_kind(kind: HistoryKind) -> proto::LeadHistoryKind {
    match kind {
        HistoryKind::Created => proto::LeadHistoryKind::Created,
        HistoryKind::Updated => proto::LeadHistoryKind::Updated,
        HistoryKind::Discarded => proto::LeadHistoryKind::Discarded,
        HistoryKind::Retrieved => proto::LeadHistoryKind::Retrieved,
        HistoryKind::Resolved => proto::LeadHistoryKind::Resolved,
        HistoryKind::Reopened => proto::LeadHistoryKind::Reopened,
        HistoryKind::Assigned => proto::LeadHistoryKind::Assigned,
        HistoryKind::Unassigned => proto::LeadHistoryKind::Unassigned,
        HistoryKind::AccessGranted => proto::LeadHistoryKind::AccessGranted,
        HistoryKind::AccessRevoked => proto::LeadHistoryKind::AccessRevoked,
        HistoryKind::Registered => proto::LeadHistoryKind::Registered,
        HistoryKind::Deposited => proto::LeadHistoryKind::Deposited,
        HistoryKind::OrderCreated => proto::LeadHistoryKind::OrderCreated,
        HistoryKind::OrderUpdated => proto::LeadHistoryKind::OrderUpdated,
        HistoryKind::Call => proto::LeadHistoryKind::Call,
        HistoryKind::Email => proto::LeadHistoryKind::Email,
        HistoryKind::Note => proto::LeadHistoryKind::Note,
    }
}

/// A field's change as sent.
pub(in crate::rpc) fn field_change(change: Change) -> proto::FieldChange {
    let Change { field, before, after } = change;
    proto::FieldChange { field, before, after }
}

fn activity(activity: Activity) -> proto::Activity {
    let Activity { text, call_outcome: outcome, call_duration, happen_time } = activity;
    proto::Activity {
        text,
        call_outcome: outcome.map_or(proto::CallOutcome::Unspecified, call_outcome).into(),
        call_duration: call_duration.map(duration),
        happen_time: happen_time.map(timestamp),
    }
}

fn call_outcome(outcome: CallOutcome) -> proto::CallOutcome {
    match outcome {
        CallOutcome::Reached => proto::CallOutcome::Reached,
        CallOutcome::NoAnswer => proto::CallOutcome::NoAnswer,
        CallOutcome::Busy => proto::CallOutcome::Busy,
        CallOutcome::Voicemail => proto::CallOutcome::Voicemail,
        CallOutcome::WrongNumber => proto::CallOutcome::WrongNumber,
        CallOutcome::CallBack => proto::CallOutcome::CallBack,
    }
}

/// A deposit as sent.
pub(in crate::rpc) fn deposit(deposit: Deposit) -> proto::Deposit {
    let Deposit { lead_id, payment_id, amount, deposit_time, create_time } = deposit;
    proto::Deposit {
        lead_id: lead_id.to_string(),
        payment_id,
        amount: Some(money(amount)),
        deposit_time: Some(timestamp(deposit_time)),
        create_time: Some(timestamp(create_time)),
    }
}

/// What stays of a deleted lead as sent.
pub(in crate::rpc) fn tombstone(tombstone: Tombstone) -> proto::LeadTombstone {
    let Tombstone { id: _, lead_id, deleted_by, delete_time, reason } = tombstone;
    proto::LeadTombstone {
        lead_id: lead_id.to_string(),
        deleted_by: deleted_by.id.to_string(),
        on_behalf_of: id_text(deleted_by.on_behalf_of),
        delete_time: Some(timestamp(delete_time)),
        reason: match reason {
            DeletionReason::Duplicate => proto::DeletionReason::Duplicate,
            DeletionReason::Obsolete => proto::DeletionReason::Obsolete,
            DeletionReason::ErasureRequest => proto::DeletionReason::ErasureRequest,
        }
        .into(),
    }
}

impl Faults {
    /// The kinds that a list asks for.
    pub fn history_kinds(&mut self, given: &[i32]) -> Vec<HistoryKind> {
        let kinds = given.iter().enumerate();
        kinds.filter_map(|(at, kind)| self.some(format!("kinds[{at}]"), "is not a kind", known(*kind))).collect()
    }

    /// What was done about a lead: only calls have an outcome and a duration, and everything else has a text.
    pub fn activity(&mut self, kind: i32, given: proto::Activity) -> Option<(HistoryKind, Activity)> {
        let proto::Activity { text, call_outcome: outcome, call_duration: span, happen_time } = given;
        let kind =
            known(kind).filter(|kind| matches!(kind, HistoryKind::Call | HistoryKind::Email | HistoryKind::Note));
        let kind = self.some("kind", "is not CALL, EMAIL or NOTE", kind);
        let is_call = kind == Some(HistoryKind::Call);
        let written = kind.is_some() && !is_call;
        self.text("activity.text", &text, written);
        if written && outcome != 0 {
            self.add("activity.call_outcome", "is for calls only");
        }
        if written && span.is_some() {
            self.add("activity.call_duration", "is for calls only");
        }
        let call_outcome = if written { None } else { self.call_outcome(outcome, is_call) };
        let call_duration = if written { None } else { self.call_duration(span) };
        let happen_time = self.time("activity.happen_time", happen_time);
        Some((kind?, Activity { text, call_outcome, call_duration, happen_time }))
    }

    /// Text of several lines, kept as it is.
    fn text(&mut self, field: &str, text: &str, required: bool) {
        if required && text.trim().is_empty() {
            self.add(field, "is required");
        }
        if text.chars().count() > LONGEST_TEXT {
            self.add(field, format!("is longer than {LONGEST_TEXT} characters"));
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            self.add(field, "contains control characters other than line breaks and tabs");
        }
    }

    fn call_outcome(&mut self, given: i32, required: bool) -> Option<CallOutcome> {
        if given == 0 && !required {
            return None;
        }
        let outcome = CallOutcome::ALL.iter().copied().find(|known| i32::from(call_outcome(*known)) == given);
        let description = if given == 0 { "is required for a call" } else { "is not an outcome" };
        self.some("activity.call_outcome", description, outcome)
    }

    fn call_duration(&mut self, given: Option<prost_types::Duration>) -> Option<Duration> {
        let prost_types::Duration { seconds, nanos } = given?;
        let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
        let span = u64::try_from(seconds).ok().zip(nanos).map(|(secs, nanos)| Duration::new(secs, nanos / 1000 * 1000));
        let span = span.filter(|span| *span <= LONGEST_CALL);
        self.some("activity.call_duration", "is not a duration of 0 to 24 hours", span)
    }

    /// A deposit to record.
    pub fn new_deposit(&mut self, given: &proto::RecordDepositRequest) -> Option<NewDeposit> {
        let payment_id = self.name("payment_id", Some(&given.payment_id), 128);
        let amount = self.money("amount", given.amount.clone());
        if amount.is_some_and(|amount| !amount.is_positive()) {
            self.add("amount", "is not more than zero");
        }
        let deposit_time = self.time("deposit_time", given.deposit_time);
        Some(NewDeposit { payment_id: payment_id?, amount: amount?, deposit_time })
    }
}

fn known(kind: i32) -> Option<HistoryKind> {
    HistoryKind::ALL.iter().copied().find(|known| i32::from(history_kind(*known)) == kind)
}
