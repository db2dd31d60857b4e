//! Each account's share of the payments that are made at the provider.
//!
//! The provider allows so many requests a minute and does not say how many, and all accounts are one customer to it.
//! So an account has a third of its own bucket of requests for creations (`rate_limits`): an account of the tier
//! `free` has 20 at once and 20 a minute. What is beyond that waits for its turn: the checkout answers without an
//! address, and the poller makes the payment. The waiting orders of an account are spaced, so that the orders of
//! several accounts take turns. A share is this node's own, as the buckets are.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;

use super::pauses::ProviderPauses;
use crate::clock::Clock;
use crate::config::{Bucket, RateLimits};
use crate::domain::access::Tier;
use crate::domain::ids::AccountId;
use crate::domain::time::{Span, Timestamp};

/// The part of an account's requests that may be creations.
const SHARE_OF_REQUESTS: i64 = 3;
/// The time between two waiting orders of an account that has no share of its own, because limits are off.
const SPACED_BY: Span = Span::seconds(1);
/// How far ahead an order waits at the most; whoever comes later is looked at then and may wait again.
const WAITS_AT_MOST: Span = Span::minutes(10);
/// How many accounts are remembered; the share of one that is forgotten is whole again.
const ACCOUNTS_MAX: NonZeroUsize = match NonZeroUsize::new(10_000) {
    Some(accounts) => accounts,
    None => NonZeroUsize::MIN,
};

/// Who asks for a creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreationSource {
    /// A checkout of an account of this tier.
    Checkout(Tier),
    /// The poller, for an account of this tier.
    Poller(Tier),
}

/// The shares of all accounts on this node. Clones share them.
#[derive(Clone)]
pub struct CreationShares(Arc<Inner>);

struct Inner {
    clock: Clock,
    pauses: ProviderPauses,
    shares: BTreeMap<Tier, Share>,
    accounts: Mutex<LruCache<AccountId, Standing>>,
    /// Creations of checkouts since the poller last asked.
    uncounted: AtomicI64,
}

#[derive(Debug, Clone, Copy)]
struct Share {
    /// The time in which one creation comes back.
    each: Span,
    /// How many fit at once.
    burst: i64,
}

/// Where an account stands with its share.
#[derive(Debug, Clone, Copy, Default)]
struct Standing {
    /// When the share is whole again, in milliseconds.
    whole_at: i64,
    /// The turn after the last one that was given, in milliseconds.
    next_turn: i64,
}

impl CreationShares {
    /// Whole shares; none where limits are off.
    #[must_use]
    pub fn new(settings: &RateLimits, pauses: ProviderPauses, clock: Clock) -> Self {
        let share = |(tier, bucket): (&Tier, &Bucket)| (*tier, Share::of(*bucket));
        let shares = if settings.enabled { settings.buckets.iter().map(share).collect() } else { BTreeMap::new() };
        let accounts = Mutex::new(LruCache::new(ACCOUNTS_MAX));
        Self(Arc::new(Inner { clock, pauses, shares, accounts, uncounted: AtomicI64::new(0) }))
    }

    /// Takes one creation out of the account's share.
    ///
    /// # Errors
    /// [`NotYet`] while creations pause, or if the share is used up.
    pub(in crate::actors) fn take(&self, account: AccountId, source: CreationSource) -> Result<(), NotYet> {
        if let Some(until) = self.0.pauses.creations_until() {
            return Err(NotYet { at: self.turn(account, source, until), why: WhyNotYet::Paused });
        }
        let now = self.0.clock.now();
        if let Some(share) = self.0.shares.get(&source.tier()) {
            let free_at = self.with(account, |standing| share.take(standing, now));
            if now < free_at {
                return Err(NotYet { at: self.turn(account, source, free_at), why: WhyNotYet::ShareUsedUp });
            }
        }
        if matches!(source, CreationSource::Checkout(_)) {
            self.0.uncounted.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Returns how many creations checkouts have taken since the last call: the poller asks so much less.
    pub(in crate::actors) fn take_uncounted(&self) -> i64 {
        self.0.uncounted.swap(0, Ordering::Relaxed)
    }

    /// Gives the account's next waiting order its turn, not before this time.
    fn turn(&self, account: AccountId, source: CreationSource, earliest: Timestamp) -> Timestamp {
        let each = self.0.shares.get(&source.tier()).map_or(SPACED_BY, |share| share.each);
        let latest = self.0.clock.now().after(WAITS_AT_MOST);
        self.with(account, |standing| {
            let at = earliest.max(Timestamp::from_millis(standing.next_turn)).min(latest);
            standing.next_turn = at.after(each).millis();
            at
        })
    }

    fn with<T>(&self, account: AccountId, change: impl FnOnce(&mut Standing) -> T) -> T {
        let mut accounts = self.0.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        change(accounts.get_or_insert_mut(account, Standing::default))
    }
}

/// A creation that has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotYet {
    /// When the order is to be looked at again.
    pub at: Timestamp,
    /// Why.
    pub why: WhyNotYet,
}

/// Why a creation has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyNotYet {
    /// The provider takes no more for a while.
    Paused,
    /// The account has no more now.
    ShareUsedUp,
}

impl WhyNotYet {
    /// The reason as operators read it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Paused => "the provider takes no more payments for a while (429)",
            Self::ShareUsedUp => "the account has used up its share of new payments and waits for its turn",
        }
    }
}

impl CreationSource {
    fn tier(self) -> Tier {
        match self {
            Self::Checkout(tier) | Self::Poller(tier) => tier,
        }
    }
}

impl Share {
    fn of(bucket: Bucket) -> Self {
        let refill = i64::from(bucket.refill_per_second.max(1));
        let each = SHARE_OF_REQUESTS.saturating_mul(1_000).checked_div(refill).unwrap_or(0).max(1);
        let burst = i64::from(bucket.capacity).checked_div(SHARE_OF_REQUESTS).unwrap_or(0).max(1);
        Self { each: Span::millis(each), burst }
    }

    /// Takes one if it is there; returns when one is: now, if it was taken.
    fn take(self, standing: &mut Standing, now: Timestamp) -> Timestamp {
        let whole = Span::millis(self.each.as_millis().saturating_mul(self.burst));
        // What is further ahead than an empty share can be was written under a clock that was set back since.
        let used = Timestamp::from_millis(standing.whole_at).clamp(now, now.after(whole)).after(self.each);
        let free_at = now.max(used.before(whole));
        if free_at <= now {
            standing.whole_at = used.millis();
        }
        free_at
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn shares(clock: &Clock, bucket: Option<Bucket>) -> (CreationShares, ProviderPauses) {
        let buckets = bucket.map(|bucket| (Tier::Free, bucket)).into_iter().collect();
        let pauses = ProviderPauses::new(clock.clone());
        let settings = RateLimits { enabled: true, buckets };
        (CreationShares::new(&settings, pauses.clone(), clock.clone()), pauses)
    }

    fn account(number: u128) -> AccountId {
        AccountId::new(Uuid::from_u128(number))
    }

    /// How many of so many creations are taken, and after how many seconds the others have their turn.
    fn taken(shares: &CreationShares, clock: &Clock, number: u128, times: usize) -> (usize, Vec<i64>) {
        let ask = |_| shares.take(account(number), CreationSource::Checkout(Tier::Free));
        let answers: Vec<_> = (0..times).map(ask).collect();
        let turns = answers.iter().filter_map(|answer| answer.err());
        let waits: Vec<i64> = turns.map(|not_yet| not_yet.at.since(clock.now()).as_millis() / 1_000).collect();
        (times - waits.len(), waits)
    }

    #[test]
    fn an_account_has_a_third_of_its_requests_and_others_have_their_own() {
        let clock = Clock::manual(Timestamp::from_millis(1_000_000_000));
        let (shares, _) = shares(&clock, Some(Bucket { capacity: 6, refill_per_second: 1 }));
        assert_eq!(taken(&shares, &clock, 1, 5), (2, vec![3, 6, 9]));
        assert_eq!(taken(&shares, &clock, 2, 2), (2, vec![]));
        clock.advance(Span::seconds(3));
        assert_eq!(taken(&shares, &clock, 1, 1), (1, vec![]));
        clock.advance(Span::hours(1));
        assert_eq!(taken(&shares, &clock, 1, 3), (2, vec![3]));
        assert_eq!(shares.take_uncounted(), 7);
    }

    #[test]
    fn in_a_pause_nothing_is_taken_and_the_accounts_have_their_turns_side_by_side() {
        let clock = Clock::manual(Timestamp::from_millis(1_000_000_000));
        let (shares, pauses) = shares(&clock, None);
        pauses.creation_refused(Some(Span::seconds(20)));
        assert_eq!(taken(&shares, &clock, 1, 3), (0, vec![20, 21, 22]));
        assert_eq!(taken(&shares, &clock, 2, 1), (0, vec![20]));
        clock.advance(Span::seconds(20));
        assert_eq!(taken(&shares, &clock, 1, 3), (3, vec![]));
    }

    #[test]
    fn a_pause_without_a_time_lasts_half_a_minute_and_none_lasts_longer_than_ten() {
        let clock = Clock::manual(Timestamp::from_millis(1_000_000_000));
        for (asked_for, seconds) in [(None, 30), (Some(Span::hours(5)), 600), (Some(Span::millis(0)), 1)] {
            let (shares, pauses) = shares(&clock, None);
            pauses.creation_refused(asked_for);
            assert!(pauses.stops_questions());
            assert_eq!(taken(&shares, &clock, 1, 1).1, [seconds]);
        }
    }

    #[test]
    fn a_question_that_was_refused_stops_no_creation() {
        let clock = Clock::manual(Timestamp::from_millis(1_000_000_000));
        let (shares, pauses) = shares(&clock, None);
        pauses.question_refused(None);
        assert!(pauses.stops_questions());
        assert_eq!(taken(&shares, &clock, 1, 1).0, 1);
    }
}
