//! Points in time as pages show them: in full, in UTC, and as how long ago.
//!
//! The server says both; a script may keep the second one true while the page stays open.

use crate::domain::time::{Span, Timestamp};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A point in time, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// As the wire has it.
    pub iso: String,
    /// `2026-05-12 13:00:00 UTC`.
    pub shown: String,
    /// `5 min ago`, or `in 5 min`.
    pub relative: String,
}

impl Moment {
    /// That time, seen from now.
    #[must_use]
    pub fn new(at: Timestamp, now: Timestamp) -> Self {
        let iso = at.to_string();
        let (day, time) = iso.split_once('T').unwrap_or((&iso, ""));
        let shown = format!("{day} {} UTC", time.get(..8).unwrap_or_default());
        let relative = if at <= now {
            match now.since(at) {
                span if span < Span::seconds(5) => "just now".to_owned(),
                span => format!("{} ago", length(span)),
            }
        } else {
            format!("in {}", length(at.since(now)))
        };
        Self { iso, shown, relative }
    }
}

/// A length of time in its largest unit, cut off: `59 s`, `1 h`, `3 d`.
#[must_use]
pub fn length(span: Span) -> String {
    let seconds = span.as_millis() / 1000;
    match seconds {
        ..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY => format!("{} h {} min", seconds / HOUR, seconds % HOUR / MINUTE),
        DAY.. => format!("{} d {} h", seconds / DAY, seconds % DAY / HOUR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relative(seconds: i64) -> String {
        let now = Timestamp::from_millis(1_778_590_800_000);
        let at = if seconds < 0 { now.before(Span::seconds(-seconds)) } else { now.after(Span::seconds(seconds)) };
        Moment::new(at, now).relative
    }

    #[test]
    fn a_time_is_told_in_full_and_from_now() {
        let at = Timestamp::from_millis(1_778_590_800_123);
        let moment = Moment::new(at, at.after(Span::minutes(5)));
        assert_eq!(moment.iso, "2026-05-12T13:00:00.123Z");
        assert_eq!(moment.shown, "2026-05-12 13:00:00 UTC");
        assert_eq!(moment.relative, "5 min ago");
    }

    #[test]
    fn the_largest_units_are_enough() {
        for (seconds, told) in [
            (0, "just now"),
            (-4, "just now"),
            (-5, "5 s ago"),
            (-59, "59 s ago"),
            (-60, "1 min ago"),
            (-3599, "59 min ago"),
            (-3600, "1 h 0 min ago"),
            (-86_399, "23 h 59 min ago"),
            (-86_400, "1 d 0 h ago"),
            (-8_640_000, "100 d 0 h ago"),
            (30, "in 30 s"),
            (3_600, "in 1 h 0 min"),
        ] {
            assert_eq!(relative(seconds), told, "{seconds}");
        }
    }
}
