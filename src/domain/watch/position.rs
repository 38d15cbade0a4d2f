//! Where a watcher is, as their token says it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    access::{Caller, fence::Fence, sight::Sight},
    model::Time,
};

/// Up to where a watcher was told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Position {
    /// The last event that they were told, or had no part in.
    pub(super) seq: i64,
    /// Up to when they were told what ended by itself.
    pub(super) time: i64,
    /// What they could view, the last of it now.
    pub(super) sights: Vec<InForce>,
    /// While sights are compared: the leads from here on, by ID, are still to be compared.
    pub(super) comparing: Option<Uuid>,
    /// Once they were compared: the event by which all has been told that followed from earlier sights.
    pub(super) settled: Option<i64>,
    /// The versions of the watcher's rights when they were last told.
    pub(super) rights: Vec<i64>,
}

/// What a watcher could view from some event and moment on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct InForce {
    pub(super) sight: Sight,
    pub(super) since: i64,
    pub(super) from: i64,
}

impl Position {
    /// Takes in what the watcher may view now. Where their rights have moved, they may have been others in between, and what
    /// happened then was perhaps not for them: what was in force is known for up to where they were told, and from now on.
    pub(super) fn see(&mut self, sight: Sight, rights: Vec<i64>, head: i64, now: Time) {
        let changed = self.sights.last().is_none_or(|last| last.sight != sight);
        if !changed && self.rights == rights {
            return;
        }
        self.rights = rights;
        let seq = self.seq;
        // By these the watcher was told what happened until here.
        let told = |at: &mut InForce| at.since = at.since.max(seq);
        match self.sights.as_mut_slice() {
            [.., before, last] if !changed && before.sight == sight => {
                told(before);
                last.since = head;
            }
            [.., last] => {
                told(last);
                self.sights.push(InForce { sight, since: head, from: now.timestamp_micros() });
            }
            [] => self.sights.push(InForce { sight, since: head, from: now.timestamp_micros() }),
        }
        if changed {
            self.comparing = Some(Uuid::max());
            self.settled = None;
        } else if self.comparing.is_none() {
            self.settled = Some(head);
        }
    }

    /// The same, but told only up to an event.
    pub fn up_to(&self, seq: i64) -> Self {
        Self { seq, ..self.clone() }
    }
}

/// The versions of a caller's rights, by which it shows that they have moved.
pub(super) fn versions(caller: &Caller) -> Vec<i64> {
    let of = |fence: &Fence| [fence.everyone].into_iter().chain(fence.users.iter().map(|(_, own)| *own)).collect();
    caller.fence().map(of).unwrap_or_default()
}
