//! Why a checkout failed, and the problem that each case becomes.
//!
//! Part of `error.rs`. What can go wrong with any order is told there.

use crate::actors::OrderError;
use crate::actors::checkout::CheckoutError;
use crate::actors::payments::BelowMinimum;
use crate::http::problem::{Extensions, Problem, Slug, extended, internal};

use super::{ApiError, chain, of_order};

impl From<CheckoutError> for ApiError {
    fn from(error: CheckoutError) -> Self {
        Self::Checkout(error)
    }
}

/// The error as the wire shows it.
pub fn problem(error: &CheckoutError) -> Problem {
    match error {
        CheckoutError::UnknownProduct => ApiError::field("product", "product is not in the catalogue.").problem(),
        CheckoutError::Mismatch(field) => {
            let detail = format!("This Idempotency-Key was already used with a different {field}.");
            let extensions = Extensions { field: Some(field), ..Extensions::default() };
            extended(Slug::IdempotencyMismatch, detail, extensions)
        }
        CheckoutError::NotOffered(coin) => {
            ApiError::field("pay_currency", format!("pay_currency {coin} is not offered.")).problem()
        }
        CheckoutError::BelowMinimum(below) => ApiError::field("pay_currency", below_minimum(below)).problem(),
        // The order was made by this very request: that it is gone is a fault of ours.
        CheckoutError::Order(OrderError::NotFound) => internal(chain(error)),
        CheckoutError::Order(inner) => of_order("", inner),
    }
}

fn below_minimum(below: &BelowMinimum) -> String {
    let BelowMinimum { coin, minimum, product, price } = below;
    let (currency, minimum, costs) = (price.currency, minimum.as_money(price.currency), price.in_major_units());
    format!(
        "pay_currency {coin} has a minimum of {minimum} {currency}; {product} costs {costs} {currency}. \
         Choose another coin."
    )
}
