//! The way of a checkout, as a straight line: key, order, payment, answer.
//!
//! `http/billing/checkout.rs` brings a request whose fields are in order; here the key is begun, the order
//! is placed by its own actor, the key is finished, and the payment is made ([`super::payments`]), as far as the
//! provider does so in time. The answer comes after the commit.

use std::sync::{Arc, OnceLock};

use actix::prelude::*;
use tokio::time::Instant;

use super::OrderError;
use super::directory::OrderDirectory;
use super::idempotency::{Again, Begin, Begun, CameTo, Finish, IdempotencyActor};
use super::order::{Place, Placed};
use super::payments::{BelowMinimum, CreationSource, Offer, PaymentDesk, WaitingCheckout, answer_due};
use crate::clock::{Clock, fresh_uuid};
use crate::config::{IdempotencySettings, OrderSettings};
use crate::domain::access::Tier;
use crate::domain::catalogue::ProductCode;
use crate::domain::idempotency::{Asked, IdempotencyKey};
use crate::domain::ids::{AccountId, OrderId};
use crate::domain::money::{Coin, Price};
use crate::domain::order::{NewOrder, Order};
use crate::store::Store;
use crate::store::changeset::{CommitError, KeyClaim, KeyRecord, KeyUseKind};
use crate::store::work::Claim;

/// A checkout whose fields are all in order.
#[derive(Debug, Clone)]
pub struct CheckoutRequest {
    /// Whose.
    pub account_id: AccountId,
    /// The tier of the account.
    pub tier: Tier,
    /// What was asked, as sent. The catalogue's price is charged.
    pub asked: Asked,
    /// The coin asked for.
    pub pay_currency: Option<Coin>,
    /// The customer's words.
    pub customer_note: Option<String>,
    /// The key, if one was sent.
    pub key: Option<IdempotencyKey>,
}

/// What a checkout came to.
#[derive(Debug, Clone)]
pub enum Checkout {
    /// A new order.
    Created(Order),
    /// The original order of this key, in its present status.
    Replayed(Order),
}

/// Why a checkout came to nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CheckoutError {
    /// The catalogue has no such product.
    #[error("unknown product")]
    UnknownProduct,
    /// The key was used with another body, and settings refuse that; names the field that differs.
    #[error("idempotency key reused with another {0}")]
    Mismatch(&'static str),
    /// The provider does not know the coin.
    #[error("coin {0} is not offered")]
    NotOffered(Coin),
    /// The provider takes no payment of this coin that is so small.
    #[error("the price is below the minimum of coin {}", .0.coin)]
    BelowMinimum(Box<BelowMinimum>),
    /// The order could not be placed.
    #[error("order not placed")]
    Order(#[from] OrderError),
}

/// Takes checkouts. Clones share it.
#[derive(Clone)]
pub struct CheckoutDesk {
    /// Where an order's actor is found.
    pub directory: OrderDirectory,
    /// Who holds the keys.
    pub keys: Addr<IdempotencyActor>,
    /// Where orders are read from.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// What can be bought.
    pub orders: Arc<OrderSettings>,
    /// How keys behave.
    pub idempotency: IdempotencySettings,
    /// Who makes payments; none where nobody does.
    pub payments: Option<PaymentDesk>,
}

/// One checkout on its way.
struct Errand {
    request: CheckoutRequest,
    /// When it is answered, whatever the provider does.
    due: Instant,
    /// The claim under which the payment of the order that was placed for it is made. It is taken as late as can
    /// be: it runs out, and waiting for a key or for the provider's minimum is no part of making a payment.
    claim: OnceLock<Claim>,
}

impl CheckoutDesk {
    /// Takes one checkout. The work goes on if the caller gives up: who holds a key must also finish it.
    ///
    /// # Errors
    /// [`CheckoutError`].
    pub async fn take(&self, request: CheckoutRequest) -> Result<Checkout, CheckoutError> {
        let desk = self.clone();
        let errand = Errand { request, due: answer_due(), claim: OnceLock::new() };
        let work = actix::spawn(async move {
            let checkout = desk.serve(&errand).await?;
            Ok(desk.with_payment(errand, checkout).await)
        });
        let lost = |_| OrderError::from(CommitError::Unknown("the checkout was interrupted".to_owned()));
        work.await.map_err(lost)?
    }

    async fn serve(&self, errand: &Errand) -> Result<Checkout, CheckoutError> {
        let request = &errand.request;
        let Some(key) = &request.key else {
            self.check_minimum(errand).await?;
            return match self.place(errand, None).await? {
                Placed::New(order) => Ok(Checkout::Created(order)),
                Placed::KeyTaken(record) => self.replay(record).await,
            };
        };
        let hold = match self.begin(request, key).await? {
            Begun::Again(again) => return self.again(request, again).await,
            Begun::First => KeyHold::new(self, request.account_id, key.clone()),
        };
        match self.first_use(errand, key).await {
            Ok(Placed::New(order)) => {
                let asked = request.asked.clone();
                hold.finish(CameTo::Use(KeyRecord { order_id: order.id, asked, first_seen_at: order.created_at }));
                Ok(Checkout::Created(order))
            }
            // Used before this process remembers, or on another node: this use is a further one.
            Ok(Placed::KeyTaken(record)) => {
                hold.finish(CameTo::Use(record));
                self.further_use(request, key).await
            }
            Err(refusal @ (CheckoutError::NotOffered(_) | CheckoutError::BelowMinimum(_))) => {
                hold.finish(CameTo::Refusal);
                Err(refusal)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Places the order under its key. A refusal leaves the key unused, and holds for an unused one only.
    async fn first_use(&self, errand: &Errand, key: &IdempotencyKey) -> Result<Placed, CheckoutError> {
        let account_id = errand.request.account_id;
        let forgotten_before = self.idempotency.retention.map(|kept| self.clock.now().before(kept));
        if let Err(refusal) = self.check_minimum(errand).await {
            let record = self.store.key_record(account_id, key.clone()).await.map_err(OrderError::from)?;
            let record = record.filter(|record| !record.is_forgotten(self.idempotency.retention, self.clock.now()));
            return record.map(Placed::KeyTaken).ok_or(refusal);
        }
        let asked = errand.request.asked.clone();
        self.place(errand, Some(KeyClaim { account_id, key: key.clone(), asked, forgotten_before })).await
    }

    async fn further_use(&self, request: &CheckoutRequest, key: &IdempotencyKey) -> Result<Checkout, CheckoutError> {
        match self.begin(request, key).await? {
            Begun::Again(again) => self.again(request, again).await,
            Begun::First => {
                drop(KeyHold::new(self, request.account_id, key.clone()));
                Err(OrderError::Busy("the key was forgotten meanwhile").into())
            }
        }
    }

    /// Refuses a price that the provider would refuse in this coin, as far as it tells in time.
    async fn check_minimum(&self, errand: &Errand) -> Result<(), CheckoutError> {
        let (product, price) = self.bought(&errand.request)?;
        let (Some(payments), Some(coin)) = (&self.payments, self.coin(&errand.request)) else { return Ok(()) };
        // A question about a coin costs the provider as much as a creation, and there are many coins.
        let source = CreationSource::Checkout(errand.request.tier);
        let is_asked = !payments.minima.is_known(&coin, price.currency);
        if is_asked && payments.shares.take(errand.request.account_id, source).is_err() {
            return Ok(());
        }
        match payments.minima.of(&coin, price.currency, errand.due).await {
            Offer::From(minimum) if price.in_major_units() < minimum => {
                let below = BelowMinimum { coin, minimum, product: product.clone(), price: *price };
                Err(CheckoutError::BelowMinimum(Box::new(below)))
            }
            Offer::NotOffered => Err(CheckoutError::NotOffered(coin)),
            Offer::From(_) | Offer::Untold => Ok(()),
        }
    }

    /// The order with its payment, if there is one when the answer is due.
    async fn with_payment(&self, errand: Errand, checkout: Checkout) -> Checkout {
        let Some(payments) = &self.payments else { return checkout };
        let waiting = WaitingCheckout { tier: errand.request.tier, due: errand.due };
        match (checkout, errand.claim.into_inner()) {
            (Checkout::Created(order), Some(claim)) => Checkout::Created(payments.make(&order, claim, waiting).await),
            (Checkout::Replayed(order), _) => {
                Checkout::Replayed(payments.ensure(order, errand.request.pay_currency, waiting).await)
            }
            (created @ Checkout::Created(_), None) => created,
        }
    }

    fn bought(&self, request: &CheckoutRequest) -> Result<(&ProductCode, &Price), CheckoutError> {
        self.orders.catalogue.find(&request.asked.product).ok_or(CheckoutError::UnknownProduct)
    }

    fn coin(&self, request: &CheckoutRequest) -> Option<Coin> {
        request.pay_currency.clone().or_else(|| self.orders.pay_currency.clone())
    }

    async fn begin(&self, request: &CheckoutRequest, key: &IdempotencyKey) -> Result<Begun, OrderError> {
        let begin = Begin { account_id: request.account_id, key: key.clone(), asked: request.asked.clone() };
        self.keys.send(begin).await.map_err(|_| OrderError::Busy("the keys are being looked after"))?
    }

    async fn place(&self, errand: &Errand, key: Option<KeyClaim>) -> Result<Placed, CheckoutError> {
        let request = &errand.request;
        let (product, price) = self.bought(request)?;
        let new = NewOrder {
            id: OrderId::new(fresh_uuid(self.clock.now())),
            account_id: request.account_id,
            product: product.clone(),
            price: *price,
            pay_currency: self.coin(request),
            customer_note: request.customer_note.clone(),
            pay_window: self.orders.pay_window,
        };
        let payment = self.payments.as_ref().map(|payments| errand.claim.get_or_init(|| payments.claim()).clone());
        Ok(self.directory.place(Place { new, key, payment }).await?)
    }

    /// A further use of a key, already counted.
    async fn again(&self, request: &CheckoutRequest, again: Again) -> Result<Checkout, CheckoutError> {
        let Again { record, kind } = again;
        if kind != KeyUseKind::Replay {
            tracing::warn!(
                event = "crypto_checkout_idempotency_body_mismatch",
                account_id = %request.account_id,
                order_id = %record.order_id,
                attempted_product = %request.asked.product,
                attempted_price_cents = request.asked.price_cents,
                attempted_price_currency = %request.asked.price_currency,
                "an idempotency key was used again with another body"
            );
        }
        if kind == KeyUseKind::MismatchRejected {
            return Err(CheckoutError::Mismatch(record.asked.differs_in(&request.asked).unwrap_or("body")));
        }
        self.replay(record).await
    }

    async fn replay(&self, record: KeyRecord) -> Result<Checkout, CheckoutError> {
        let order = self.store.order_load(record.order_id).await.map_err(OrderError::from)?;
        Ok(Checkout::Replayed(order.ok_or(OrderError::NotFound)?))
    }
}

/// A key in this caller's hands. Dropped unfinished, it wakes those who wait with nothing.
struct KeyHold {
    keys: Addr<IdempotencyActor>,
    finish: Option<Finish>,
}

impl KeyHold {
    fn new(desk: &CheckoutDesk, account_id: AccountId, key: IdempotencyKey) -> Self {
        Self { keys: desk.keys.clone(), finish: Some(Finish { account_id, key, came_to: CameTo::Nothing }) }
    }

    fn finish(mut self, came_to: CameTo) {
        if let Some(finish) = &mut self.finish {
            finish.came_to = came_to;
        }
    }
}

impl Drop for KeyHold {
    fn drop(&mut self) {
        // Past the mailbox's bound, because a key that is not given back would hold its callers for ever.
        if let Some(finish) = self.finish.take() {
            self.keys.do_send(finish);
        }
    }
}
