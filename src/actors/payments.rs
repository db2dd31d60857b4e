//! Makes the payment of an order at the provider, exactly once, whoever asks for it and how often.
//!
//! The provider knows no idempotency key, so the right to make a payment is a claim in the order's row: taken by
//! compare-and-set over all nodes, on disk before the provider is asked, and longer than the client waits
//! ([`CLAIM_FOR`]). What one creation comes to is in [`creation`]; a creation whose answer was lost is looked for
//! by [`twins`] before another is made. After a 429 none is made for a while ([`pauses`]), and each account has its
//! share ([`mod@shares`]). Checkouts wait here at most until their answer is due, and what the
//! provider says after that is stored all the same. Rules: contract, section 3; the order's own part is
//! `lifecycle::decide`.

mod creation;
mod errand;
mod minimum;
mod pauses;
mod shares;
mod top_up;
mod twins;

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::OrderError;
use super::directory::OrderDirectory;
use crate::clock::{Clock, fresh_uuid};
use crate::domain::access::Tier;
use crate::domain::ids::{OrderId, PaymentId};
use crate::domain::money::Coin;
use crate::domain::order::Order;
use crate::domain::polling::next_look;
use crate::domain::time::Span;
use crate::provider::client::Client;
use crate::store::Store;
use crate::store::work::{Claim, ProviderWork};

use creation::{Attempt, Held};
use errand::Errand;
use shares::NotYet;

pub use minimum::{BelowMinimum, Minima, Offer};
pub use pauses::ProviderPauses;
pub use shares::{CreationShares, CreationSource};
pub use top_up::TopUpError;
pub use twins::Searches;

/// For how long nobody else may make a payment for an order: well over the 10 s that the client waits.
const CLAIM_FOR: Span = Span::seconds(30);
/// How old the claim of a new order may be when its payment is made: what is left is still well over those 10 s.
const FRESH_FOR: Span = Span::seconds(5);
/// Why no payment is made for an order of which nobody says in which coin.
const NO_COIN: &str = "neither the checkout nor the setting pay_currency names a coin";
/// How much of a checkout the provider may take; the contract allows the whole of it 3 s.
const ANSWER_WITHIN: Duration = Duration::from_millis(2_500);

/// Makes payments. Clones share it.
#[derive(Clone)]
pub struct PaymentDesk {
    /// The provider.
    pub client: Client,
    /// Where an order's actor is found.
    pub directory: OrderDirectory,
    /// Where claims are taken and orders are read.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// The coin of a payment for which nobody named one.
    pub default_coin: Option<Coin>,
    /// The least that can be paid in each coin.
    pub minima: Minima,
    /// How many look for lost payments at once.
    pub searches: Searches,
    /// When the provider wants to be left alone.
    pub pauses: ProviderPauses,
    /// How many payments each account may have made.
    pub shares: CreationShares,
}

/// The checkout that waits for a payment.
#[derive(Debug, Clone, Copy)]
pub struct WaitingCheckout {
    /// The tier of its account.
    pub tier: Tier,
    /// When it is answered at the latest.
    pub due: Instant,
}

/// When a checkout that begins now is answered, with or without the provider. This is the transport's time, so
/// real time: a test that moves the clock must not wait for it.
#[must_use]
pub fn answer_due() -> Instant {
    sleep(ANSWER_WITHIN).deadline()
}

/// What came of trying to finish an order's payment.
pub(super) enum Tried {
    /// The order afterwards.
    Done(Order),
    /// Somebody else is at it.
    Held(Order),
    /// Its turn is later: the provider takes no more now, or not from this account.
    Waits(Order),
}

impl PaymentDesk {
    /// A claim that nobody has yet.
    #[must_use]
    pub fn claim(&self) -> Claim {
        self.claim_for(CLAIM_FOR)
    }

    /// The same for so long.
    pub(super) fn claim_for(&self, span: Span) -> Claim {
        let now = self.clock.now();
        Claim { token: fresh_uuid(now).to_string(), until: now.after(span) }
    }

    /// Makes the payment of an order that was just placed with this claim. Answers the order as it is when the
    /// answer is due at the latest; the work goes on.
    pub async fn make(&self, order: &Order, claim: Claim, checkout: WaitingCheckout) -> Order {
        let (desk, placed) = (self.clone(), order.clone());
        let work = actix::spawn(async move { desk.make_first(placed, claim, checkout.tier).await });
        match timeout_at(checkout.due, work).await {
            Ok(done) => settled(done, order),
            Err(_) => order.clone(),
        }
    }

    async fn make_first(&self, order: Order, claim: Claim, tier: Tier) -> Result<Order, OrderError> {
        let now = self.clock.now();
        let is_fresh = now < claim.until.before(CLAIM_FOR).after(FRESH_FOR);
        let held = Held::placed(&order, claim, now);
        let Some(errand) = self.errand(order.clone(), None) else {
            self.put_back(held.because(NO_COIN), &order, creation::refused_for).await;
            return Ok(order);
        };
        if let Err(not_yet) = self.shares.take(order.account_id, CreationSource::Checkout(tier)) {
            self.postpone(held, &order, not_yet).await;
            return Ok(order);
        }
        let attempt = if is_fresh {
            self.make_announced(held, &errand).await?
        } else {
            // Placing took its time: without a claim that lasts, another would make a payment beside this one.
            self.make_renewed(held, &errand).await?
        };
        Ok(attempt.order_or(order))
    }

    /// Finishes the payment of an order for which a checkout is repeated, if it still lacks one. Answers the
    /// order as it is when the answer is due at the latest; the work goes on.
    pub async fn ensure(&self, order: Order, coin: Option<Coin>, checkout: WaitingCheckout) -> Order {
        if !self.lacks_payment(&order) {
            return order;
        }
        let (desk, known) = (self.clone(), order.clone());
        let source = CreationSource::Checkout(checkout.tier);
        let work = actix::spawn(async move { desk.attempt(known, coin, source).await });
        match timeout_at(checkout.due, work).await {
            Ok(Ok(Ok(Tried::Held(order)))) => self.wait_for_others(order, checkout.due).await,
            Ok(done) => settled(done.map(|tried| tried.map(Tried::order)), &order),
            Err(_) => order,
        }
    }

    /// Finishes the payment of an order that lacks one, and says in its row when it is to be looked at next.
    /// Where somebody else is at it, nothing is done.
    ///
    /// # Errors
    /// [`OrderError`]: not found, not read, or what the provider made is not stored.
    pub(super) async fn finish(&self, id: OrderId) -> Result<Tried, OrderError> {
        let order = self.order(id).await?;
        let account = self.store.account_load(order.account_id).await?;
        let tier = account.map_or(Tier::Free, |account| account.tier);
        self.attempt(order, None, CreationSource::Poller(tier)).await
    }

    async fn attempt(&self, order: Order, coin: Option<Coin>, source: CreationSource) -> Result<Tried, OrderError> {
        let id = order.id;
        if address_of(&order).is_some() {
            return Ok(Tried::Done(order));
        }
        let claim = self.claim();
        let Some(work) = self.store.work_claim(id, claim.clone()).await? else { return Ok(Tried::Held(order)) };
        let held = Held::claimed(work, claim);
        // Whoever held the claim before may have been successful.
        let order = self.order(id).await?;
        if !self.lacks_payment(&order) {
            self.let_go(held, &order).await;
            return Ok(Tried::Done(order));
        }
        let Some(errand) = self.errand(order.clone(), coin) else {
            self.put_back(held.because(NO_COIN), &order, creation::refused_for).await;
            return Ok(Tried::Done(order));
        };
        let attempt = if let Some(payment) = errand.order.payment_id().cloned() {
            self.learn_address(held, &errand, &payment).await?
        } else {
            if let Err(not_yet) = self.shares.take(order.account_id, source) {
                // However often its checkout is repeated, the order keeps the turn that it has.
                let is_repeated = matches!(source, CreationSource::Checkout(_)) && self.clock.now() < held.row.due_at;
                let at = if is_repeated { held.row.due_at } else { not_yet.at };
                self.postpone(held, &order, NotYet { at, ..not_yet }).await;
                return Ok(Tried::Waits(order));
            }
            self.make_claimed(held, &errand).await?
        };
        Ok(Tried::Done(attempt.order_or(order)))
    }

    /// Waits while somebody else makes the payment, until the answer is due.
    async fn wait_for_others(&self, order: Order, due: Instant) -> Order {
        let (id, mut known) = (order.id, order);
        while self.lacks_payment(&known) {
            let change = self.directory.wait(&known, known.updated_at, ANSWER_WITHIN);
            match timeout_at(due, change).await {
                Ok(Ok(newer)) if known.updated_at < newer.updated_at => known = newer,
                // Too many wait, or nobody may any more: a checkout is answered all the same.
                Ok(_) => break,
                // Another node's change is found by looking only.
                Err(_) => return self.order(id).await.unwrap_or(known),
            }
        }
        known
    }

    /// True of an order that is to be paid and whose payer cannot be told where.
    pub(super) fn lacks_payment(&self, order: &Order) -> bool {
        let open = order.expires_at().is_some_and(|expires_at| self.clock.now() < expires_at);
        open && address_of(order).is_none()
    }

    /// What is asked of the provider for an order; none without a coin.
    fn errand(&self, order: Order, coin: Option<Coin>) -> Option<Errand> {
        let coin = coin.or_else(|| order.pay_currency.clone()).or_else(|| self.default_coin.clone());
        if coin.is_none() {
            tracing::warn!(order.id = %order.id, "no payment is made: neither the checkout nor pay_currency names a coin");
        }
        Some(Errand { coin: coin?, order, top_up: None })
    }

    async fn order(&self, id: OrderId) -> Result<Order, OrderError> {
        self.store.order_load(id).await?.ok_or(OrderError::NotFound)
    }

    /// Gives the row of an order back for which nothing is to be made: to the poller, or to nobody.
    async fn let_go(&self, held: Held, order: &Order) {
        let row = next_look(order, self.clock.now()).map(|due_at| ProviderWork::idle(order.id, due_at));
        let done = match row {
            Some(row) => self.store.work_update(held.token, row).await.map(drop),
            None => self.store.work_end(order.id, held.token).await,
        };
        if let Err(error) = done {
            tracing::warn!(order.id = %order.id, %error, "an order's row was not given back; its claim runs out");
        }
    }

    /// Asks how a payment is paid that evidence has bound before this service could.
    async fn learn_address(&self, held: Held, errand: &Errand, payment: &PaymentId) -> Result<Attempt, OrderError> {
        let report = self.client.payment(payment).await;
        let made = report.as_ref().ok().and_then(|report| errand.answered(report));
        let Some(made) = made else {
            let error = report.err().map_or_else(|| "it names no address".to_owned(), |error| error.to_string());
            tracing::warn!(order.id = %errand.order.id, error, "the provider does not tell how the bound payment is paid");
            self.put_back(held.because(error), &errand.order, creation::away_for).await;
            return Ok(Attempt::Away);
        };
        self.take(errand, made).await
    }
}

impl Tried {
    fn order(self) -> Order {
        match self {
            Self::Done(order) | Self::Held(order) | Self::Waits(order) => order,
        }
    }
}

/// The address of the bound payment, where it is known.
fn address_of(order: &Order) -> Option<&str> {
    Some(order.ledger.bound()?.pay_to.as_ref()?.address.as_str())
}

/// The order after work that is done; as it was, where the work failed: the answer is due all the same.
fn settled<E: std::fmt::Display>(done: Result<Result<Order, OrderError>, E>, before: &Order) -> Order {
    match done {
        Ok(Ok(order)) => order,
        Ok(Err(error)) => {
            // Its row stays, and is looked at again.
            tracing::warn!(order.id = %before.id, error = %error, "an order's payment was not finished");
            before.clone()
        }
        Err(error) => {
            tracing::error!(order.id = %before.id, error = %error, "the work on an order's payment was interrupted");
            before.clone()
        }
    }
}
