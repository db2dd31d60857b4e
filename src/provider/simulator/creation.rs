//! Making a payment: what is asked for, and whether the provider would make it.
//!
//! Pure as the world is. A creation has no idempotency: who asks twice has two payments.

use std::str::FromStr;

use bigdecimal::{BigDecimal, Zero};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::money::CoinAmount;
use crate::domain::time::Timestamp;

use super::coins::{self, Coin};
use super::payment::{Payment, Rate};
use super::refusal::Refusal;
use super::world::World;

/// What a creation names; other fields are passed over, as the provider does.
#[derive(Deserialize)]
pub(super) struct Wanted<'b> {
    #[serde(borrow)]
    price_amount: Option<&'b RawValue>,
    price_currency: Option<String>,
    pay_currency: Option<String>,
    #[serde(borrow)]
    pay_amount: Option<&'b RawValue>,
    ipn_callback_url: Option<String>,
    order_id: Option<String>,
    order_description: Option<String>,
    #[serde(borrow)]
    purchase_id: Option<&'b RawValue>,
    #[serde(default)]
    is_fixed_rate: bool,
    #[serde(default)]
    is_fee_paid_by_user: bool,
}

impl World {
    /// Makes a payment; answers its id.
    pub(super) fn create(&mut self, api_key: &str, body: &str, now: Timestamp) -> Result<u64, Refusal> {
        let wanted: Wanted<'_> =
            serde_json::from_str(body).map_err(|_| Refusal::parameter("the body is not a payment"))?;
        let price = amount(wanted.price_amount).filter(|price| !price.is_zero());
        let price = price.ok_or_else(|| Refusal::parameter("price_amount must be a number"))?;
        let currency = wanted.price_currency.as_deref().unwrap_or_default().to_ascii_lowercase();
        let code = wanted.pay_currency.as_deref().unwrap_or_default();
        let coin = Coin::find(code).ok_or_else(Refusal::broken)?;
        let worth = coins::exchanged(&price, &currency, coin.code).ok_or_else(|| Refusal::coin(&currency))?;
        let asked = match wanted.pay_amount {
            Some(given) => amount(Some(given)).ok_or_else(|| Refusal::parameter("pay_amount must be a number"))?,
            None => worth,
        };
        let pay_amount = coin.rounded_up(&asked);
        if pay_amount < coin.minimum() {
            return Err(Refusal::too_little(coin.code));
        }
        let purchase_id = self.purchase(&wanted, api_key)?;
        let callback = callback(wanted.ipn_callback_url)?;
        let id = self.fresh_id();
        let payment = Payment {
            id,
            purchase_id: purchase_id.unwrap_or_else(|| self.fresh_id()),
            parent: None,
            children: Vec::new(),
            api_key: api_key.to_owned(),
            order_id: wanted.order_id,
            description: wanted.order_description,
            callback,
            price,
            price_currency: currency,
            coin,
            pay_amount,
            received: BigDecimal::zero(),
            address: coin.address(self.dice, id),
            memo: coin.has_memo.then(|| self.dice.below(1_000_000_000, "memo", id).to_string()),
            rate: match (wanted.is_fixed_rate, wanted.is_fee_paid_by_user) {
                (_, true) => Rate::FixedWithFee,
                (true, false) => Rate::Fixed,
                (false, false) => Rate::Floating,
            },
            word: "waiting",
            created_at: now,
            updated_at: now,
        };
        self.take_in(payment);
        Ok(id)
    }

    /// The purchase that is to be added to: one that is there, the same key's, and partially paid.
    fn purchase(&self, wanted: &Wanted<'_>, api_key: &str) -> Result<Option<u64>, Refusal> {
        let Some(given) = wanted.purchase_id.map(|raw| raw.get().trim_matches('"')) else { return Ok(None) };
        if matches!(given, "null" | "") {
            return Ok(None);
        }
        let id: u64 = given.parse().map_err(|_| Refusal::purchase())?;
        let is_open = |payment: &Payment| {
            payment.purchase_id == id && payment.api_key == api_key && payment.word == "partially_paid"
        };
        self.payments.values().any(is_open).then_some(Some(id)).ok_or_else(Refusal::purchase)
    }
}

/// A positive number, or one in a string.
pub(super) fn amount(raw: Option<&RawValue>) -> Option<BigDecimal> {
    decimal(raw?.get().trim_matches('"'))
}

/// An exact, bounded, non-negative decimal.
pub(super) fn decimal(text: &str) -> Option<BigDecimal> {
    BigDecimal::from_str(&CoinAmount::parse(text)?.to_string()).ok()
}

fn callback(url: Option<String>) -> Result<Option<String>, Refusal> {
    let Some(url) = url.filter(|url| !url.is_empty()) else { return Ok(None) };
    let is_http = url.starts_with("http://") || url.starts_with("https://");
    is_http.then_some(Some(url)).ok_or_else(|| Refusal::parameter("ipn_callback_url must be a valid uri"))
}
