//! The way of a checkout, as a straight line: key, order, answer.
//!
//! `http/billing/checkout.rs` brings a request whose fields are in order; here the key is begun, the order
//! is placed by its own actor, and the key is finished. The answer comes after the commit.

use std::sync::Arc;

use actix::prelude::*;

use super::OrderError;
use super::directory::OrderDirectory;
use super::idempotency::{Again, Begin, Begun, Finish, IdempotencyActor};
use super::order::{Place, Placed};
use crate::clock::{Clock, fresh_uuid};
use crate::config::{IdempotencySettings, OrderSettings};
use crate::domain::idempotency::{Asked, IdempotencyKey};
use crate::domain::ids::{AccountId, OrderId};
use crate::domain::money::Coin;
use crate::domain::order::{NewOrder, Order};
use crate::store::Store;
use crate::store::changeset::{CommitError, KeyClaim, KeyRecord, KeyUseKind};

/// A checkout whose fields are all in order.
#[derive(Debug, Clone)]
pub struct CheckoutRequest {
    /// Whose.
    pub account_id: AccountId,
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
}

impl CheckoutDesk {
    /// Takes one checkout. The work goes on if the caller gives up: who holds a key must also finish it.
    ///
    /// # Errors
    /// [`CheckoutError`].
    pub async fn take(&self, request: CheckoutRequest) -> Result<Checkout, CheckoutError> {
        let desk = self.clone();
        let work = actix::spawn(async move { desk.serve(request).await });
        let lost = |_| OrderError::from(CommitError::Unknown("the checkout was interrupted".to_owned()));
        work.await.map_err(lost)?
    }

    async fn serve(&self, request: CheckoutRequest) -> Result<Checkout, CheckoutError> {
        let Some(key) = request.key.clone() else {
            return match self.place(&request, None).await? {
                Placed::New(order) => Ok(Checkout::Created(order)),
                Placed::KeyTaken(record) => self.replay(record).await,
            };
        };
        let hold = match self.begin(&request, &key).await? {
            Begun::Again(again) => return self.again(&request, again).await,
            Begun::First => KeyHold::new(self, request.account_id, key.clone()),
        };
        let claim = KeyClaim {
            account_id: request.account_id,
            key: key.clone(),
            asked: request.asked.clone(),
            forgotten_before: self.idempotency.retention.map(|kept| self.clock.now().before(kept)),
        };
        match self.place(&request, Some(claim)).await? {
            Placed::New(order) => {
                let asked = request.asked;
                hold.finish(KeyRecord { order_id: order.id, asked, first_seen_at: order.created_at });
                Ok(Checkout::Created(order))
            }
            // Used before this process remembers, or on another node: this use is a further one.
            Placed::KeyTaken(record) => {
                hold.finish(record);
                match self.begin(&request, &key).await? {
                    Begun::Again(again) => self.again(&request, again).await,
                    Begun::First => {
                        drop(KeyHold::new(self, request.account_id, key));
                        Err(OrderError::Busy("the key was forgotten meanwhile").into())
                    }
                }
            }
        }
    }

    async fn begin(&self, request: &CheckoutRequest, key: &IdempotencyKey) -> Result<Begun, OrderError> {
        let begin = Begin { account_id: request.account_id, key: key.clone(), asked: request.asked.clone() };
        self.keys.send(begin).await.map_err(|_| OrderError::Busy("the keys are being looked after"))?
    }

    async fn place(&self, request: &CheckoutRequest, key: Option<KeyClaim>) -> Result<Placed, CheckoutError> {
        let catalogue = &self.orders.catalogue;
        let (product, price) = catalogue.find(&request.asked.product).ok_or(CheckoutError::UnknownProduct)?;
        let new = NewOrder {
            id: OrderId::new(fresh_uuid(self.clock.now())),
            account_id: request.account_id,
            product: product.clone(),
            price: *price,
            pay_currency: request.pay_currency.clone().or_else(|| self.orders.pay_currency.clone()),
            customer_note: request.customer_note.clone(),
            pay_window: self.orders.pay_window,
        };
        Ok(self.directory.place(Place { new, key, payment: None }).await?)
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
        Self { keys: desk.keys.clone(), finish: Some(Finish { account_id, key, record: None }) }
    }

    fn finish(mut self, record: KeyRecord) {
        if let Some(finish) = &mut self.finish {
            finish.record = Some(record);
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
