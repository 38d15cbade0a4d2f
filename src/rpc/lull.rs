//! Whether anybody calls: long work takes more of the machine while nobody else needs it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// For how long no call has begun where nobody calls. The long work itself began as one.
const LULL: Duration = Duration::from_millis(50);

/// When the last call to this server began.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<Option<Instant>>>);

impl Calls {
    /// One begins.
    pub fn begins(&self) {
        self.begins_at(Instant::now());
    }

    /// Whether nobody calls.
    pub fn rest(&self) -> bool {
        self.rest_at(Instant::now())
    }

    fn begins_at(&self, now: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    fn rest_at(&self, now: Instant) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_none_or(|last| now.saturating_duration_since(last) >= LULL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_rest_some_time_after_the_last() {
        let (calls, start) = (Calls::default(), Instant::now());
        assert!(calls.rest_at(start));
        for first in [0, 40] {
            let first = start + Duration::from_millis(first);
            calls.clone().begins_at(first);
            assert!(!calls.rest_at(first) && !calls.rest_at(first + LULL / 2));
            assert!(calls.rest_at(first + LULL));
        }
    }
}
