//! Time and randomness: the only file that reads the system's clock or draws from its entropy.
//!
//! Everything else is handed a [`Clock`] or a value, so that tests move time by hand
//! (`Clock::manual`) and a decision can be replayed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use uuid::{Builder, Uuid};

use crate::domain::access::keys::Fresh;
use crate::domain::ids::KeyId;
use crate::domain::time::{Span, Timestamp};

/// A handle to the time; clones share it.
#[derive(Debug, Clone)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The system's time.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// A time that stands until it is moved.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self(Some(Arc::new(AtomicI64::new(start.millis()))))
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
            Some(millis) => millis.load(Ordering::Acquire),
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
        })
    }

    /// Moves a manual clock on; the system's own goes by itself.
    pub fn advance(&self, span: Span) {
        if let Some(millis) = &self.0 {
            millis.fetch_add(span.as_millis(), Ordering::AcqRel);
        }
    }
}

/// A moment on the clock that only goes forward, for intervals: the system's own may be set back.
#[must_use]
pub fn monotonic() -> Instant {
    Instant::now()
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
