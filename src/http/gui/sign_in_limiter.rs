//! Slows down who tries keys at the door: each address may try ten times at once, and once more every six
//! seconds.
//!
//! A key has 160 random bits, so nobody guesses one; this keeps guessers from using up the service. It holds with
//! rate limits switched off, too: those are for callers that are known.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::clock::Clock;
use crate::http::address::network_of;
use crate::http::limits::BucketClock;

const TRIES_AT_ONCE: NonZeroU32 = NonZeroU32::new(10).unwrap();
const ONE_MORE_AFTER: Duration = Duration::from_secs(6);
/// How many refused sign-ins are put on the audit log at once, and after how long there is room for one more: 500 rows a
/// day and node at the most.
const LISTED_AT_ONCE: NonZeroU32 = NonZeroU32::new(20).unwrap();
const LISTED_ONE_MORE_AFTER: Duration = Duration::from_secs(180);
/// How many addresses are remembered before those that have waited long enough are forgotten.
const ADDRESSES_MAX: usize = 4_096;

/// Who tried lately, on this node.
pub struct SignInLimiter {
    tries: RateLimiter<IpAddr, DashMapStateStore<IpAddr>, BucketClock, NoOpMiddleware<Nanos>>,
    clock: BucketClock,
}

impl SignInLimiter {
    /// Nobody has tried yet.
    #[must_use]
    pub fn new(clock: &Clock) -> Self {
        let clock = BucketClock::new(clock);
        let quota = Quota::with_period(ONE_MORE_AFTER).unwrap_or(Quota::per_minute(TRIES_AT_ONCE));
        let quota = quota.allow_burst(TRIES_AT_ONCE);
        Self { tries: RateLimiter::new(quota, DashMapStateStore::default(), clock.clone()), clock }
    }

    /// Lets somebody at this address try.
    ///
    /// # Errors
    /// After how many seconds they may try again.
    pub fn admit(&self, address: IpAddr) -> Result<(), u64> {
        if self.tries.len() > ADDRESSES_MAX {
            self.tries.retain_recent();
        }
        self.tries.check_key(&network_of(address)).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
        })
    }
}

/// How many refused sign-ins this node puts on the audit log, whoever tries: some at once, and then few an hour. So a
/// stranger with many addresses does not make it grow without bound.
pub struct RefusedSignIns {
    room: RateLimiter<NotKeyed, InMemoryState, BucketClock, NoOpMiddleware<Nanos>>,
    unlisted: AtomicU64,
}

impl RefusedSignIns {
    /// Nobody was refused yet.
    #[must_use]
    pub fn new(clock: &Clock) -> Self {
        let quota = Quota::with_period(LISTED_ONE_MORE_AFTER).unwrap_or(Quota::per_minute(LISTED_AT_ONCE));
        let room = RateLimiter::direct_with_clock(quota.allow_burst(LISTED_AT_ONCE), BucketClock::new(clock));
        Self { room, unlisted: AtomicU64::new(0) }
    }

    /// True if this refusal is put on the log: answers how many before it were not. None if there is no room for it.
    pub fn admit(&self) -> Option<u64> {
        if self.room.check().is_ok() {
            return Some(self.unlisted.swap(0, Ordering::Relaxed));
        }
        self.unlisted.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::{Span, Timestamp};

    #[test]
    fn ten_tries_and_then_one_every_six_seconds() {
        let clock = Clock::manual(Timestamp::from_millis(1_000_000));
        let door = SignInLimiter::new(&clock);
        let address: IpAddr = "203.0.113.9".parse().unwrap();
        assert!((0..10).all(|_| door.admit(address).is_ok()));
        assert_eq!(door.admit(address), Err(6));
        assert_eq!(door.admit("203.0.113.10".parse().unwrap()), Ok(()), "another address");
        clock.advance(Span::seconds(6));
        assert_eq!(door.admit(address), Ok(()));
        assert_eq!(door.admit(address), Err(6));
    }

    #[test]
    fn refusals_take_little_room_and_those_that_find_none_are_counted() {
        let clock = Clock::manual(Timestamp::from_millis(1_000_000));
        let refused = RefusedSignIns::new(&clock);
        assert!((0..20).all(|_| refused.admit() == Some(0)));
        assert!((0..1_000).all(|_| refused.admit().is_none()));
        clock.advance(Span::minutes(3));
        assert_eq!((refused.admit(), refused.admit()), (Some(1_000), None));
        clock.advance(Span::minutes(3));
        assert_eq!(refused.admit(), Some(1));
    }

    #[test]
    fn all_addresses_of_one_network_of_version_6_are_one() {
        let door = SignInLimiter::new(&Clock::manual(Timestamp::from_millis(1_000_000)));
        let from = |n: u32| format!("2001:db8::{n:x}").parse::<IpAddr>().unwrap();
        assert!((0..10).all(|n| door.admit(from(n)).is_ok()));
        assert!(door.admit(from(10)).is_err());
        assert!(door.admit("2001:db8:0:1::1".parse().unwrap()).is_ok());
    }
}
