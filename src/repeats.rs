//! Failures that repeat, such as each request while a disk is full, are logged once a second with their number.

use std::sync::{Mutex, PoisonError};

use crate::clock::{Clock, MonotonicTime};
use crate::domain::time::Span;

/// For how long the same failure is not logged again.
const QUIET: Span = Span::seconds(1);
/// How many different failures are told apart; a further one takes the place of the one that was logged first.
const FAILURES_MAX: usize = 32;

/// The failures of one place in the program.
pub struct Repeats(Mutex<Vec<Failure>>);

struct Failure {
    words: String,
    logged_at: MonotonicTime,
    unlogged: u64,
}

impl Repeats {
    /// None so far.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Counts a failure. Returns, if it is to be logged, how many like it were not since the last that was.
    pub fn count(&self, words: &str) -> Option<u64> {
        self.count_at(words, Clock::system().monotonic())
    }

    /// As [`count`](Self::count), at a time of the caller's own clock.
    pub fn count_at(&self, words: &str, now: MonotonicTime) -> Option<u64> {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = failures.iter_mut().find(|failure| failure.words == words) {
            if now.since(failure.logged_at) < QUIET {
                failure.unlogged = failure.unlogged.saturating_add(1);
                return None;
            }
            failure.logged_at = now;
            return Some(std::mem::take(&mut failure.unlogged));
        }
        if failures.len() >= FAILURES_MAX
            && let Some(oldest) =
                failures.iter().enumerate().min_by_key(|(_, failure)| failure.logged_at).map(|(index, _)| index)
        {
            failures.swap_remove(oldest);
        }
        failures.push(Failure { words: words.to_owned(), logged_at: now, unlogged: 0 });
        Some(0)
    }
}

impl Default for Repeats {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_logged_once_a_second_with_how_many_were_not() {
        let (repeats, at) = (Repeats::new(), MonotonicTime::from_millis);
        assert_eq!(repeats.count_at("full", at(0)), Some(0));
        assert_eq!([1, 500, 999].map(|millis| repeats.count_at("full", at(millis))), [None; 3]);
        assert_eq!(repeats.count_at("away", at(999)), Some(0), "another failure is another line");
        assert_eq!(repeats.count_at("full", at(1_000)), Some(3));
        assert_eq!(repeats.count_at("full", at(1_001)), None);
        assert_eq!(repeats.count_at("full", at(2_500)), Some(1));
    }

    #[test]
    fn however_many_failures_there_are_few_are_remembered() {
        let repeats = Repeats::new();
        for number in 0..1_000 {
            assert_eq!(repeats.count_at(&number.to_string(), MonotonicTime::from_millis(number)), Some(0));
        }
        assert_eq!(repeats.0.lock().unwrap().len(), FAILURES_MAX);
    }
}
