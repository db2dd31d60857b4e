//! The payment that is asked for, written as the provider reads it.
//!
//! Amounts are numbers on the wire, with the very digits that they have here; no float is between.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::ids::OrderId;
use crate::domain::money::{Coin, CoinAmount, Currency};

/// A payment to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentWish {
    /// The order it is for, by which it is found again.
    pub order_id: OrderId,
    /// The price in major units.
    pub price_amount: CoinAmount,
    /// The currency of the price.
    pub price_currency: Currency,
    /// The coin it will be paid in.
    pub pay_currency: Coin,
    /// How much of the coin, where it is not the provider's to reckon.
    pub pay_amount: Option<CoinAmount>,
    /// The purchase it belongs to, for a further payment of one order.
    pub purchase_id: Option<String>,
    /// What the buyer reads.
    pub description: String,
}

#[derive(Serialize)]
struct Body<'a> {
    price_amount: Box<RawValue>,
    price_currency: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pay_amount: Option<Box<RawValue>>,
    pay_currency: &'a str,
    ipn_callback_url: &'a str,
    order_id: OrderId,
    order_description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    purchase_id: Option<&'a str>,
}

impl PaymentWish {
    /// The body of the request, with the address that the provider notifies.
    pub(super) fn body(&self, ipn_callback_url: &str) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Body {
            price_amount: number(&self.price_amount)?,
            // The provider's own examples write all codes in lower case.
            price_currency: self.price_currency.as_str().to_ascii_lowercase(),
            pay_amount: self.pay_amount.as_ref().map(number).transpose()?,
            pay_currency: self.pay_currency.as_str(),
            ipn_callback_url,
            order_id: self.order_id,
            order_description: &self.description,
            purchase_id: self.purchase_id.as_deref(),
        })
    }
}

fn number(amount: &CoinAmount) -> Result<Box<RawValue>, serde_json::Error> {
    RawValue::from_string(amount.to_string())
}
