//! How often an account may call: one token bucket each, sized by its tier.
//!
//! Buckets are per node and run on our own clock, so that tests fill them by moving it, and on its monotonic time, so
//! that setting the machine's clock empties or fills none. Where a request stands is shown on its answer by `frame.rs`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpRequest};
use governor::clock::Clock as _;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::clock::Clock;
use crate::config::{Bucket, RateLimits};
use crate::domain::access::Tier;
use crate::domain::ids::{AccountId, KeyId};
use crate::domain::time::Timestamp;

/// The name of the one bucket that an account has.
pub const BUCKET: &str = "global";
/// After how many requests the buckets that are full again are forgotten.
const CHECKS_PER_TIDYING: u64 = 65_536;

/// Whose bucket it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// An account's, shared by its keys.
    Account(AccountId),
    /// An operator's key's own.
    Operator(KeyId),
}

/// Where a request stands with its bucket, for the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How many requests the bucket holds.
    pub limit: u32,
    /// How many are left.
    pub remaining: u32,
    /// How many come back each second.
    pub refill_per_second: u32,
    full_in_seconds: u32,
}

/// What asking for a token came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// For the headers.
    pub standing: Standing,
    /// If there was none: in how many seconds there is.
    pub refused_for_seconds: Option<u64>,
}

/// Our clock, as the buckets ask it.
#[derive(Debug, Clone)]
pub struct BucketClock(Clock);

impl BucketClock {
    /// This time, for buckets.
    #[must_use]
    pub fn new(clock: &Clock) -> Self {
        Self(clock.clone())
    }
}

impl governor::clock::Clock for BucketClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(u64::try_from(self.0.monotonic().millis()).unwrap_or(0).saturating_mul(1_000_000))
    }
}

type Buckets = RateLimiter<Owner, DashMapStateStore<Owner>, BucketClock, StateInformationMiddleware>;

struct TierBuckets {
    buckets: Buckets,
    capacity: NonZeroU32,
    refill_per_second: NonZeroU32,
}

/// All buckets of this node.
pub struct Limits {
    tiers: BTreeMap<Tier, TierBuckets>,
    clock: BucketClock,
    checks: AtomicU64,
}

impl Limits {
    /// Full buckets; none at all if limits are switched off.
    #[must_use]
    pub fn new(settings: &RateLimits, clock: &Clock) -> Self {
        let clock = BucketClock::new(clock);
        let tier = |(tier, bucket): (&Tier, &Bucket)| (*tier, TierBuckets::new(*bucket, &clock));
        let tiers = if settings.enabled { settings.buckets.iter().map(tier).collect() } else { BTreeMap::new() };
        Self { tiers, clock, checks: AtomicU64::new(0) }
    }

    /// Asks for one token; nothing if this tier has no bucket.
    #[must_use]
    pub fn take(&self, tier: Tier, owner: Owner) -> Option<Taken> {
        let buckets = self.tiers.get(&tier)?;
        if self.checks.fetch_add(1, Ordering::Relaxed) % CHECKS_PER_TIDYING == CHECKS_PER_TIDYING - 1 {
            self.tiers.values().for_each(|tier| tier.buckets.retain_recent());
        }
        Some(match buckets.buckets.check_key(&owner) {
            Ok(state) => {
                Taken { standing: buckets.standing(state.remaining_burst_capacity()), refused_for_seconds: None }
            }
            Err(not_until) => {
                let wait = not_until.wait_time_from(self.clock.now());
                let whole_seconds = u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1);
                Taken { standing: buckets.standing(0), refused_for_seconds: Some(whole_seconds) }
            }
        })
    }
}

impl TierBuckets {
    fn new(bucket: Bucket, clock: &BucketClock) -> Self {
        let capacity = NonZeroU32::new(bucket.capacity).unwrap_or(NonZeroU32::MIN);
        let refill_per_second = NonZeroU32::new(bucket.refill_per_second).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(refill_per_second).allow_burst(capacity);
        let buckets = Buckets::new(quota, DashMapStateStore::default(), clock.clone());
        Self { buckets, capacity, refill_per_second }
    }

    fn standing(&self, remaining: u32) -> Standing {
        let limit = self.capacity.get();
        let refill_per_second = self.refill_per_second.get();
        let full_in_seconds = limit.saturating_sub(remaining).div_ceil(refill_per_second);
        Standing { limit, remaining, refill_per_second, full_in_seconds }
    }
}

/// The rate-limit headers, which browsers of other origins may read too.
pub const HEADERS: [HeaderName; 7] = [
    HeaderName::from_static("x-ratelimit-bucket"),
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
    HeaderName::from_static("ratelimit-limit"),
    HeaderName::from_static("ratelimit-remaining"),
    HeaderName::from_static("ratelimit-reset"),
];

impl Standing {
    /// Where this request stands; nothing if no bucket was asked.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().copied()
    }

    /// Writes the headers. `x-ratelimit-reset` is the time at which the bucket is full again, in Unix
    /// seconds; `ratelimit-reset` is the same as seconds from now.
    pub fn show(self, headers: &mut HeaderMap, now: Timestamp) {
        let full_at = (now.millis() / 1000).saturating_add(i64::from(self.full_in_seconds));
        let values = [
            HeaderValue::from_static(BUCKET),
            HeaderValue::from(self.limit),
            HeaderValue::from(self.remaining),
            HeaderValue::from(full_at),
            HeaderValue::from(self.limit),
            HeaderValue::from(self.remaining),
            HeaderValue::from(self.full_in_seconds),
        ];
        for (name, value) in HEADERS.into_iter().zip(values) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::time::Span;

    fn limits(clock: &Clock) -> Limits {
        let bucket = Bucket { capacity: 3, refill_per_second: 1 };
        Limits::new(&RateLimits { enabled: true, buckets: BTreeMap::from([(Tier::Free, bucket)]) }, clock)
    }

    #[test]
    fn a_bucket_empties_and_refills_with_our_clock() {
        let clock = Clock::manual(Timestamp::from_millis(1_000_000));
        let limits = limits(&clock);
        let owner = Owner::Account(AccountId::new(Uuid::nil()));
        let remaining: Vec<_> = (0..3).map(|_| limits.take(Tier::Free, owner).unwrap().standing.remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        let refused = limits.take(Tier::Free, owner).unwrap();
        assert_eq!(refused.refused_for_seconds, Some(1));
        assert_eq!(refused.standing, Standing { limit: 3, remaining: 0, refill_per_second: 1, full_in_seconds: 3 });
        clock.advance(Span::seconds(1));
        assert_eq!(limits.take(Tier::Free, owner).unwrap().refused_for_seconds, None);
    }

    #[test]
    fn each_owner_has_a_bucket_of_its_own() {
        let clock = Clock::manual(Timestamp::from_millis(1_000_000));
        let limits = limits(&clock);
        for owner in [Owner::Account(AccountId::new(Uuid::nil())), Owner::Operator(KeyId::new(Uuid::nil()))] {
            assert_eq!(limits.take(Tier::Free, owner).unwrap().standing.remaining, 2);
        }
    }

    #[test]
    fn switched_off_nothing_is_counted_or_shown() {
        let clock = Clock::manual(Timestamp::from_millis(0));
        let limits = Limits::new(&RateLimits { enabled: false, buckets: BTreeMap::new() }, &clock);
        assert_eq!(limits.take(Tier::Free, Owner::Account(AccountId::new(Uuid::nil()))), None);
    }

    #[test]
    fn the_two_resets_are_a_time_and_a_span() {
        let mut headers = HeaderMap::new();
        let standing = Standing { limit: 60, remaining: 59, refill_per_second: 1, full_in_seconds: 1 };
        standing.show(&mut headers, Timestamp::from_millis(5_000));
        assert_eq!(headers.get("x-ratelimit-reset").unwrap(), "6");
        assert_eq!(headers.get("ratelimit-reset").unwrap(), "1");
        assert_eq!(headers.get("x-ratelimit-bucket").unwrap(), "global");
    }
}
