//! Timestamps and durations.

use std::time::Duration as Span;

use prost_types::{Duration, Timestamp};

use super::Faults;
use crate::model::Time;

const LONGEST_SPAN: Span = Span::from_secs(10 * 366 * 24 * 60 * 60);

/// An instant as sent.
pub(in crate::rpc) fn timestamp(time: Time) -> Timestamp {
    Timestamp { seconds: time.timestamp(), nanos: i32::try_from(time.timestamp_subsec_nanos()).unwrap_or_default() }
}

/// A span as sent.
pub(in crate::rpc) fn duration(span: Span) -> Duration {
    Duration {
        seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(span.subsec_nanos()).unwrap_or_default(),
    }
}

impl Faults {
    /// An instant, if one is given: between the years 1 and 9999 as the proto says, truncated to microseconds.
    pub fn time(&mut self, field: impl Into<String>, given: Option<Timestamp>) -> Option<Time> {
        let Timestamp { seconds, nanos } = given?;
        let valid = (-62_135_596_800..=253_402_300_799).contains(&seconds);
        let nanos = u32::try_from(nanos).ok().filter(|nanos| valid && *nanos < 1_000_000_000);
        let time = nanos.and_then(|nanos| Time::from_timestamp(seconds, nanos / 1000 * 1000));
        self.some(field, "is not a valid timestamp", time)
    }

    /// A span, if one is given: whole microseconds, between the shortest and ten years.
    pub fn span(&mut self, field: impl Into<String>, given: Option<Duration>, shortest: Span) -> Option<Span> {
        let Duration { seconds, nanos } = given?;
        let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
        let span = u64::try_from(seconds).ok().zip(nanos).map(|(secs, nanos)| Span::new(secs, nanos / 1000 * 1000));
        let span = span.filter(|span| (shortest..=LONGEST_SPAN).contains(span));
        self.some(field, &format!("is not a duration of {} seconds to ten years", shortest.as_secs()), span)
    }
}
