//! Points in time and spans, at the precision of the wire.
//!
//! A [`Timestamp`] is whole milliseconds, because that is what the contract shows (section 1): a finer
//! clock inside would make `since=<updated_at>` miss. Nothing here reads a clock; `clock.rs` does.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

/// A point in time: whole milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The latest millisecond that is still written with four digits of year.
const MILLIS_MAX: i64 = 253_402_300_799_999;

impl Timestamp {
    /// From milliseconds since the epoch, held within the years 1970 to 9999.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(0, MILLIS_MAX))
    }

    /// From microseconds since the epoch (the unit of the database), cut to milliseconds.
    #[must_use]
    pub fn from_micros(micros: i64) -> Self {
        Self::from_millis(micros.div_euclid(1000))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Microseconds since the epoch, the unit of the database.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.0.saturating_mul(1000)
    }

    /// Reads RFC 3339, as inputs may write it: with `Z` or any other offset (contract, section 1).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let time = DateTime::parse_from_rfc3339(text).ok()?;
        let millis = time.timestamp_millis();
        (0..=MILLIS_MAX).contains(&millis).then_some(Self(millis))
    }

    /// The time `span` later.
    #[must_use]
    pub fn after(self, span: Span) -> Self {
        Self::from_millis(self.0.saturating_add(span.0))
    }

    /// The time `span` earlier.
    #[must_use]
    pub fn before(self, span: Span) -> Self {
        Self::from_millis(self.0.saturating_sub(span.0))
    }

    /// How long after `earlier` this is; nothing if it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0).max(0))
    }

    /// The UTC calendar day, `2026-05-12`.
    #[must_use]
    pub fn day(self) -> String {
        self.to_utc().format("%Y-%m-%d").to_string()
    }

    fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or(DateTime::UNIX_EPOCH)
    }
}

/// ISO-8601 UTC with milliseconds and `Z`, the one form answers use.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A length of time in whole milliseconds, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(i64);

impl Span {
    /// From milliseconds; a negative number is no time.
    #[must_use]
    pub const fn millis(millis: i64) -> Self {
        Self(if millis < 0 { 0 } else { millis })
    }

    /// From seconds.
    #[must_use]
    pub const fn seconds(seconds: i64) -> Self {
        Self::millis(seconds.saturating_mul(1000))
    }

    /// From minutes.
    #[must_use]
    pub const fn minutes(minutes: i64) -> Self {
        Self::seconds(minutes.saturating_mul(60))
    }

    /// From hours.
    #[must_use]
    pub const fn hours(hours: i64) -> Self {
        Self::minutes(hours.saturating_mul(60))
    }

    /// The length in milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The length as timers take it.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.0.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_with_milliseconds_and_z() {
        let time = Timestamp::parse("2026-05-12T13:00:00Z").unwrap();
        assert_eq!(time.to_string(), "2026-05-12T13:00:00.000Z");
        assert_eq!(time.day(), "2026-05-12");
    }

    #[test]
    fn any_offset_is_read_and_kept_in_utc() {
        for (text, utc) in [
            ("2026-05-12T13:00:00.5+00:00", "2026-05-12T13:00:00.500Z"),
            ("2026-05-12T13:00:00+02:00", "2026-05-12T11:00:00.000Z"),
            ("2026-01-01T00:30:00+05:45", "2025-12-31T18:45:00.000Z"),
            ("2026-05-12T13:00:00-09:30", "2026-05-12T22:30:00.000Z"),
            ("1969-12-31T23:59:59-00:01", "1970-01-01T00:00:59.000Z"),
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), utc);
        }
        for none in ["2026-05-12", "2026-05-12T13:00:00", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-00:01"] {
            assert_eq!(Timestamp::parse(none), None, "{none}");
        }
    }

    #[test]
    fn the_database_unit_round_trips() {
        let time = Timestamp::from_millis(1_765_249_461_097);
        assert_eq!(Timestamp::from_micros(time.micros()), time);
    }
}
