//! From a verified body to evidence, or to what else the provider reports.
//!
//! The provider signs bodies that are about no payment, too: payouts, subscriptions, transfers. They have neither
//! of the two fields of which a payment's report has both. What a body says is hashed in one spelling, so that a
//! report is known when it comes again with other blanks, another order of its keys or other zeros.
//!
//! How a field is read, whatever type the provider gives it today, is in [`super::fields`], as is why a field
//! that makes no sense refuses the whole IPN. Nothing is lost by that: the provider sees an error and sends
//! again, the payment can be asked for, and the refusal names the field.

use data_encoding::HEXLOWER;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::IpnRefusal;
use super::canonical::{self, Form};
use super::fields::{Fields, Unreadable};
use super::signature::Verified;
use crate::domain::evidence::{Evidence, NamedPrice, PaymentWorth, Witness};
use crate::domain::ids::PaymentId;
use crate::domain::money::{Coin, CoinAmount};
use crate::domain::time::Timestamp;

pub use super::fields::OrderReference;

#[cfg(test)]
mod tests;

/// What a verified body is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A payment.
    Payment(Box<Ipn>),
    /// No payment; with the SHA-256 of what it says.
    Other(String),
}

impl Notice {
    /// Reads a verified body.
    ///
    /// # Errors
    /// [`IpnRefusal::MissingFields`] with the field that is missing or unreadable.
    pub fn read(verified: &Verified<'_>) -> Result<Self, IpnRefusal> {
        let document = &verified.document;
        let named = ["payment_id", "payment_status"].iter().any(|name| document.field(name).is_some());
        if named || !document.is_object() {
            return Ok(Self::Payment(Box::new(Ipn::read(verified)?)));
        }
        Ok(Self::Other(sha256(&canonical::write(document, Form::Sorted))))
    }
}

/// A verified IPN about a payment, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ipn {
    /// What it says.
    pub evidence: Evidence,
    /// Which order it names; `evidence.order_id` cannot tell a foreign name from none.
    pub order: OrderReference,
}

impl Ipn {
    /// Reads a verified body.
    ///
    /// # Errors
    /// [`IpnRefusal::MissingFields`] with the field that is missing or unreadable.
    pub fn read(verified: &Verified<'_>) -> Result<Self, IpnRefusal> {
        let fields = Fields::of(&verified.document, verified.form)?;
        let order = fields.order();
        Ok(Self { evidence: fields.evidence(Witness::Ipn, order)?, order })
    }

    /// The SHA-256 of what makes two reports one: the payment, its order, the word, the amounts and the provider's
    /// time.
    #[must_use]
    pub fn content_sha256(&self) -> String {
        // By name and without `..`: a field that is added to the evidence has to be decided on here.
        let Evidence {
            witness: _,
            order_id: _,
            payment_id,
            parent_payment_id,
            word,
            price: NamedPrice { amount: price_amount, currency },
            pay_amount,
            actually_paid,
            coin,
            provider_at,
            worth: PaymentWorth { paid_at_fiat, outcome_amount, outcome_currency, fees },
        } = &self.evidence;
        let order = match self.order {
            OrderReference::None => None,
            OrderReference::Ours(id) => Some(id.to_string()),
            OrderReference::Foreign => Some("foreign".to_owned()),
        };
        let amounts = [price_amount, pay_amount, actually_paid, paid_at_fiat, outcome_amount]
            .map(|told| told.as_ref().map(CoinAmount::shortest));
        let text = json!([
            payment_id.as_str(),
            parent_payment_id.as_ref().map(PaymentId::as_str),
            order,
            word.as_str(),
            amounts,
            currency.as_ref().map(|code| code.to_ascii_lowercase()),
            coin.as_ref().map(Coin::as_str),
            provider_at.map(Timestamp::micros),
            outcome_currency.as_ref().map(Coin::as_str),
            fees.as_ref().map(|fees| (fees.currency.as_str(), fees.total.shortest())),
        ]);
        sha256(&text.to_string())
    }

    /// The provider's word, as its row shows it: no control characters, and bounded.
    #[must_use]
    pub fn payment_status(&self) -> &str {
        self.evidence.word.as_str()
    }
}

fn sha256(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text))
}

impl From<Unreadable> for IpnRefusal {
    fn from(Unreadable(field): Unreadable) -> Self {
        Self::MissingFields(field)
    }
}
