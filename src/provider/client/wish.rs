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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_wish_sends_every_digit_of_its_amounts(
            price in "(0|[1-9][0-9]{0,30})(\\.[0-9]{1,40})?",
            pay in "(0|[1-9][0-9]{0,30})(\\.[0-9]{1,40})?",
            exponent in -60_i64..60,
        ) {
            let scaled = format!("{pay}e{exponent}");
            let wish = PaymentWish {
                order_id: OrderId::parse("ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b").unwrap(),
                price_amount: CoinAmount::parse(&price).unwrap(),
                price_currency: Currency::parse("EUR").unwrap(),
                pay_currency: Coin::parse("btc").unwrap(),
                pay_amount: CoinAmount::parse(&scaled),
                purchase_id: None,
                description: String::new(),
            };
            let body = wish.body("https://pay.example.com").unwrap();
            let sent: std::collections::BTreeMap<String, &RawValue> = serde_json::from_str(&body).unwrap();
            prop_assert_eq!(sent["price_amount"].get(), price);
            // Another spelling of the same number, and never an exponent that some reader takes for a float.
            let pay = sent["pay_amount"].get();
            prop_assert!(pay.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'), "{}", pay);
            prop_assert_eq!(CoinAmount::parse(pay), CoinAmount::parse(&scaled));
        }
    }
}
