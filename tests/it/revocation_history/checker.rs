//! Judges what calls said of a lead while the access to it was given and taken. Knows nothing of the service.
//!
//! Moments are the client's, from one clock. What is under way can take effect at any moment until its answer; so a call is
//! judged only where one change stood from before the call was sent until after it was answered.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::calls::Kind;

/// What happened to one lead and those who have the same access to it.
#[derive(Default)]
pub struct History {
    /// One after the other.
    pub changes: Vec<Change>,
    /// Of those whose access was changed, in any order.
    pub calls: Vec<Call>,
    /// By somebody whose access stays, one after the other; only those whose access was changed write the lead.
    pub sightings: Vec<Sighting>,
}

/// The access was given, or revoked.
pub struct Change {
    pub gives: bool,
    pub sent: Instant,
    pub acknowledged: Instant,
}

/// A call, or one message of a stream.
#[derive(Clone)]
pub struct Call {
    pub kind: Kind,
    pub server: usize,
    pub sent: Instant,
    pub answered: Instant,
    pub answer: Answer,
}

/// What a call said of the lead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It showed the lead, or changed it.
    Touched,
    /// As to somebody who has no access, in these words.
    Refused(String),
    /// Neither: try again.
    Unavailable,
}

/// A look at the lead.
pub struct Sighting {
    pub sent: Instant,
    pub answered: Instant,
    pub etag: String,
}

/// A call that said what it must not, so long after the change that it goes against was acknowledged.
#[derive(PartialEq, Eq, Debug)]
pub enum Fault {
    /// It showed or touched a lead that was revoked.
    Leak { kind: Kind, server: usize, after: Duration },
    /// It refused a lead that was given.
    StaleDenial { kind: Kind, server: usize, after: Duration, words: String },
    /// Somebody wrote a lead that was revoked, whatever they were answered and whenever they had asked.
    LateWrite { after: Duration },
}

#[derive(Default)]
pub struct Verdict {
    pub faults: Vec<Fault>,
    pub changes: usize,
    pub calls: usize,
    pub unavailable: usize,
    /// The calls that were judged, where the access was there and where it was revoked.
    pub given: BTreeMap<Kind, usize>,
    pub revoked: BTreeMap<Kind, usize>,
}

impl History {
    pub fn judge(&self) -> Verdict {
        let mut verdict = Verdict { changes: self.changes.len(), calls: self.calls.len(), ..Verdict::default() };
        for call in &self.calls {
            if call.answer == Answer::Unavailable {
                verdict.unavailable += 1;
                continue;
            }
            let Some(change) = self.standing(call.sent, call.answered) else { continue };
            let judged = if change.gives { &mut verdict.given } else { &mut verdict.revoked };
            *judged.entry(call.kind).or_default() += 1;
            verdict.faults.extend(fault(change, call));
        }
        for pair in self.sightings.windows(2) {
            let [first, second] = pair else { continue };
            let standing = self.standing(first.sent, second.answered);
            if let Some(revocation) = standing.filter(|change| !change.gives)
                && first.etag != second.etag
            {
                let after = second.answered.duration_since(revocation.acknowledged);
                verdict.faults.push(Fault::LateWrite { after });
            }
        }
        verdict
    }

    /// The change that stood all the time between two moments, with no other one under way.
    fn standing(&self, from: Instant, to: Instant) -> Option<&Change> {
        let acknowledged = self.changes.partition_point(|change| change.acknowledged < from);
        let last = self.changes.get(acknowledged.checked_sub(1)?)?;
        let next = self.changes.get(acknowledged);
        next.is_none_or(|next| to < next.sent).then_some(last)
    }
}

fn fault(change: &Change, call: &Call) -> Option<Fault> {
    let (kind, server) = (call.kind, call.server);
    let after = call.sent.duration_since(change.acknowledged);
    match (&call.answer, change.gives) {
        (Answer::Touched, false) => Some(Fault::Leak { kind, server, after }),
        (Answer::Refused(words), true) => Some(Fault::StaleDenial { kind, server, after, words: words.clone() }),
        (Answer::Touched, true) | (Answer::Refused(_), false) | (Answer::Unavailable, _) => None,
    }
}

mod tests {
    use super::*;

    const KIND: Kind = Kind::GetLead;

    fn refused() -> Answer {
        Answer::Refused("no such lead".to_owned())
    }

    fn milliseconds(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// Given at the start, revoked from 100 to 110, given again from 200 to 210.
    fn history(start: Instant) -> History {
        let change = |gives, sent, acknowledged| Change {
            gives,
            sent: start + milliseconds(sent),
            acknowledged: start + milliseconds(acknowledged),
        };
        let changes = vec![change(true, 0, 0), change(false, 100, 110), change(true, 200, 210)];
        History { changes, ..History::default() }
    }

    fn judged(sent: u64, answered: u64, answer: Answer) -> Verdict {
        let start = Instant::now();
        let (sent, answered) = (start + milliseconds(sent), start + milliseconds(answered));
        let calls = vec![Call { kind: KIND, server: 1, sent, answered, answer }];
        History { calls, ..history(start) }.judge()
    }

    fn seen(sightings: [(u64, u64, &str); 2]) -> Vec<Fault> {
        let start = Instant::now();
        let sightings = sightings.map(|(sent, answered, etag)| Sighting {
            sent: start + milliseconds(sent),
            answered: start + milliseconds(answered),
            etag: etag.to_owned(),
        });
        History { sightings: sightings.into(), ..history(start) }.judge().faults
    }

    #[test]
    fn a_touch_after_a_revocation_is_a_leak() {
        let leak = |after| Fault::Leak { kind: KIND, server: 1, after: milliseconds(after) };
        assert_eq!(judged(111, 199, Answer::Touched).faults, [leak(1)]);
        assert_eq!(judged(150, 160, Answer::Touched).faults, [leak(40)]);
    }

    #[test]
    fn a_refusal_after_a_giving_is_a_stale_denial() {
        let denial = |after| {
            let words = "no such lead".to_owned();
            Fault::StaleDenial { kind: KIND, server: 1, after: milliseconds(after), words }
        };
        assert_eq!(judged(1, 99, refused()).faults, [denial(1)]);
        assert_eq!(judged(220, 230, refused()).faults, [denial(10)], "the last change stands until the end");
    }

    #[test]
    fn what_is_right_is_counted() {
        let verdict = judged(50, 60, Answer::Touched);
        assert!(verdict.faults.is_empty() && verdict.revoked.is_empty());
        assert_eq!((verdict.changes, verdict.calls, verdict.given), (3, 1, BTreeMap::from([(KIND, 1)])));
        let verdict = judged(150, 160, refused());
        assert!(verdict.faults.is_empty() && verdict.given.is_empty());
        assert_eq!(verdict.revoked, BTreeMap::from([(KIND, 1)]));
    }

    #[test]
    fn what_overlaps_a_change_may_go_either_way() {
        for (sent, answered) in
            [(90, 105), (90, 150), (90, 205), (105, 108), (105, 150), (110, 150), (150, 200), (150, 250)]
        {
            for answer in [Answer::Touched, refused()] {
                let verdict = judged(sent, answered, answer);
                assert!(verdict.faults.is_empty(), "{sent} to {answered}: {:?}", verdict.faults);
                assert!(verdict.given.is_empty() && verdict.revoked.is_empty());
            }
        }
    }

    #[test]
    fn unavailable_is_neither() {
        for (sent, answered) in [(50, 60), (150, 160)] {
            let verdict = judged(sent, answered, Answer::Unavailable);
            assert!(verdict.faults.is_empty() && verdict.given.is_empty() && verdict.revoked.is_empty());
            assert_eq!((verdict.calls, verdict.unavailable), (1, 1));
        }
    }

    #[test]
    fn a_lead_that_changes_under_a_revocation_was_written_late() {
        let late = Fault::LateWrite { after: milliseconds(80) };
        assert_eq!(seen([(111, 115, "1"), (180, 190, "2")]), [late]);
        assert!(seen([(111, 115, "1"), (180, 190, "1")]).is_empty());
        assert!(seen([(105, 115, "1"), (180, 190, "2")]).is_empty(), "before it was acknowledged");
        assert!(seen([(111, 115, "1"), (180, 205, "2")]).is_empty(), "after it may have been given again");
        assert!(seen([(20, 30, "1"), (50, 60, "2")]).is_empty(), "while it was given");
    }
}
