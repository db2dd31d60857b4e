//! Time and randomness: the only file that reads the system's clock or draws from its entropy.
//!
//! Everything else is handed a [`Clock`] or a value, so that tests move time by hand
//! (`Clock::manual`) and a decision can be replayed. What is stored or shown is a [`Timestamp`], which jumps when the
//! machine's clock is set; how long something lasts inside the process is measured by [`MonotonicTime`], which never does.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use uuid::{Builder, Uuid};

use crate::domain::access::keys::Fresh;
use crate::domain::ids::KeyId;
use crate::domain::time::{Span, Timestamp};

/// A handle to the time; clones share it.
#[derive(Debug, Clone)]
pub struct Clock(Option<Arc<ManualTime>>);

/// A time that is moved by hand, in milliseconds.
#[derive(Debug)]
struct ManualTime {
    wall: AtomicI64,
    monotonic: AtomicI64,
}

/// A point in time of this process alone, in milliseconds since some moment: good for intervals, and for nothing that
/// is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MonotonicTime(i64);

impl MonotonicTime {
    /// From milliseconds.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// In milliseconds.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The time `span` later.
    #[must_use]
    pub const fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.as_millis()))
    }

    /// How long after `earlier` this is; nothing if it is not after.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span::millis(self.0.saturating_sub(earlier.0))
    }
}

/// When this process first asked for the time.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Clock {
    /// The system's time.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// A time that stands until it is moved.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        let [wall, monotonic] = [start.millis(), 0].map(AtomicI64::new);
        Self(Some(Arc::new(ManualTime { wall, monotonic })))
    }

    /// True for a time that only moves by hand.
    #[must_use]
    pub fn is_manual(&self) -> bool {
        self.0.is_some()
    }

    /// The time now, whole milliseconds.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(match &self.0 {
            Some(manual) => manual.wall.load(Ordering::Acquire),
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
        })
    }

    /// The time by which intervals are measured.
    #[must_use]
    pub fn monotonic(&self) -> MonotonicTime {
        MonotonicTime(match &self.0 {
            Some(manual) => manual.monotonic.load(Ordering::Acquire),
            None => i64::try_from(BEGINNING.elapsed().as_millis()).unwrap_or(i64::MAX),
        })
    }

    /// Moves a manual clock on; the system's own goes by itself.
    pub fn advance(&self, span: Span) {
        if let Some(manual) = &self.0 {
            manual.wall.fetch_add(span.as_millis(), Ordering::AcqRel);
            manual.monotonic.fetch_add(span.as_millis(), Ordering::AcqRel);
        }
    }

    /// Sets a manual clock back, as an administrator or NTP does with the machine's: intervals go on.
    pub fn set_back(&self, span: Span) {
        if let Some(manual) = &self.0 {
            manual.wall.fetch_sub(span.as_millis(), Ordering::AcqRel);
        }
    }
}

/// A fresh version 7 UUID of that moment: ids made later sort later.
#[must_use]
pub fn fresh_uuid(now: Timestamp) -> Uuid {
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &random_bytes()).into_uuid()
}

/// An id and a secret that no key has yet.
///
/// # Panics
/// As [`random_bytes`] does.
#[must_use]
pub fn fresh_key(now: Timestamp) -> Fresh {
    Fresh { id: KeyId::new(fresh_uuid(now)), secret: random_bytes(), at: now }
}

/// Bytes from the operating system's generator.
///
/// # Panics
/// If the operating system has no randomness to give; no key may be made then.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(error) = getrandom::fill(&mut bytes) {
        #[expect(clippy::panic, reason = "without entropy every key and id would be guessable: better no service")]
        {
            panic!("the operating system gives no randomness: {error}");
        }
    }
    bytes
}
