//! The way of a checkout, as a straight line.

use crate::domain::idempotency::{Asked, IdempotencyKey};
use crate::domain::ids::AccountId;
use crate::domain::money::Coin;
use crate::domain::order::Order;

use super::OrderError;

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
pub struct CheckoutDesk {}

impl CheckoutDesk {
    /// Takes one checkout. The work goes on if the caller gives up.
    pub async fn take(&self, _request: CheckoutRequest) -> Result<Checkout, CheckoutError> {
        unimplemented!()
    }
}
