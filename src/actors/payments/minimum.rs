//! The least that can be paid in a coin, asked of the provider and remembered for a while.
//!
//! It is known before an order is written: a price below it would be refused at the creation. Where the provider
//! does not tell, nothing stands in an order's way. The memory is bounded, and of several callers that miss the
//! same coin one asks; what it hears is remembered even if all of them have gone on.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use tokio::time::{Instant, sleep, timeout_at};

use crate::clock::{Clock, MonotonicTime};
use crate::domain::catalogue::ProductCode;
use crate::domain::money::{Coin, CoinAmount, Currency, Price};
use crate::domain::time::Span;
use crate::provider::client::{CallError, Client};

/// For how long an answer holds (contract, section 3).
const REMEMBERED_FOR: Span = Span::minutes(10);
/// How many answers are remembered.
const REMEMBERED_MAX: NonZeroUsize = match NonZeroUsize::new(512) {
    Some(answers) => answers,
    None => NonZeroUsize::MIN,
};
/// How much of a checkout the question may take: the creation needs time too.
const ASK_WITHIN: Duration = Duration::from_millis(1_200);

/// What the provider takes of a coin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// Payments from this on, in the currency of the price.
    From(CoinAmount),
    /// It does not know the coin.
    NotOffered,
    /// It did not tell.
    Untold,
}

/// A price that is too low for a coin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BelowMinimum {
    /// The coin.
    pub coin: Coin,
    /// The least that can be paid in it, in the currency of the price.
    pub minimum: CoinAmount,
    /// What was to be bought.
    pub product: ProductCode,
    /// What it costs.
    pub price: Price,
}

/// What is remembered of one question, and until when; whoever holds it asks.
type Known<T> = Arc<tokio::sync::Mutex<Option<(T, MonotonicTime)>>>;

/// The minima of the provider's coins. Clones share them.
#[derive(Clone)]
pub struct Minima(Arc<Inner>);

struct Inner {
    client: Client,
    clock: Clock,
    payout: Option<Coin>,
    known: Mutex<LruCache<(Coin, Currency), Known<Offer>>>,
    /// All coins that the provider takes.
    coins: Known<Arc<[Coin]>>,
}

impl Minima {
    /// Knows nothing yet. Minima depend on the coin that the account is paid out in; without one, each coin is
    /// asked against itself.
    #[must_use]
    pub fn new(client: Client, clock: Clock, payout: Option<Coin>) -> Self {
        let known = Mutex::new(LruCache::new(REMEMBERED_MAX));
        Self(Arc::new(Inner { client, clock, payout, known, coins: Known::default() }))
    }

    /// Returns true if the provider need not be asked about this coin, or somebody is asking it.
    #[must_use]
    pub fn is_known(&self, coin: &Coin, currency: Currency) -> bool {
        let Some(place) = self.known().get(&(coin.clone(), currency)).cloned() else { return false };
        place.try_lock().map_or(true, |known| self.still_holds(&known).is_some())
    }

    /// What the provider takes of this coin, as far as it tells in time for an answer that is due then.
    pub async fn of(&self, coin: &Coin, currency: Currency, due: Instant) -> Offer {
        let due = due.min(sleep(ASK_WITHIN).deadline());
        timeout_at(due, self.known_or_asked(coin, currency)).await.unwrap_or_else(|_| {
            tracing::warn!(pay_currency = %coin, "the minimum of a coin was not told in time");
            Offer::Untold
        })
    }

    async fn known_or_asked(&self, coin: &Coin, currency: Currency) -> Offer {
        let place = self.known().get_or_insert((coin.clone(), currency), Known::default).clone();
        let mut known = place.lock_owned().await;
        if let Some(offer) = self.still_holds(&known) {
            return offer;
        }
        // Who asked may not wait for it: an answer that is slow each time would be no use to anybody.
        let (minima, coin) = (self.clone(), coin.clone());
        let asking = actix::spawn(async move {
            let told = minima.ask(&coin, currency).await;
            *known = told.clone().map(|offer| minima.remembered(offer));
            told.unwrap_or(Offer::Untold)
        });
        asking.await.unwrap_or(Offer::Untold)
    }

    /// What the provider says; none where it says nothing that is worth to be remembered.
    async fn ask(&self, coin: &Coin, currency: Currency) -> Option<Offer> {
        let payout = self.0.payout.as_ref().unwrap_or(coin);
        match self.0.client.min_amount(coin, payout, currency).await {
            Ok(minimum) => Some(minimum.fiat.map_or(Offer::Untold, Offer::From)),
            Err(CallError::Refused { status: 400, message, .. }) => {
                let known = self.coins().await?.contains(coin);
                if known {
                    tracing::warn!(pay_currency = %coin, %payout, %currency, message, "the minimum of a coin is not told");
                }
                Some(if known { Offer::Untold } else { Offer::NotOffered })
            }
            Err(error) => {
                tracing::warn!(pay_currency = %coin, %error, "the minimum of a coin is not known");
                None
            }
        }
    }

    /// All coins that the provider takes, where it says so: a question that it refuses may be about a coin that it
    /// knows, paid out in one that it does not.
    async fn coins(&self) -> Option<Arc<[Coin]>> {
        let mut known = self.0.coins.lock().await;
        if let Some(coins) = self.still_holds(&known) {
            return Some(coins);
        }
        match self.0.client.currencies().await {
            Ok(coins) => {
                let coins: Arc<[Coin]> = coins.into();
                *known = Some(self.remembered(coins.clone()));
                Some(coins)
            }
            Err(error) => {
                tracing::warn!(%error, "the provider does not say which coins it takes");
                None
            }
        }
    }

    fn still_holds<T: Clone>(&self, known: &Option<(T, MonotonicTime)>) -> Option<T> {
        known.as_ref().filter(|(_, until)| self.0.clock.monotonic() < *until).map(|(told, _)| told.clone())
    }

    fn remembered<T>(&self, told: T) -> (T, MonotonicTime) {
        (told, self.0.clock.monotonic().after(REMEMBERED_FOR))
    }

    fn known(&self) -> MutexGuard<'_, LruCache<(Coin, Currency), Known<Offer>>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
