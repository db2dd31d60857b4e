//! From an answer of the provider's API to evidence: one payment, or a page of them.
//!
//! The same fields as an IPN's, read by the same rules ([`super::fields`]), and beside them what only the
//! API tells: where to pay, which children there are, when the payment was made. Nothing here asks;
//! [`super::client`] does. An invoice's fields are no payment's and are ignored.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::{Fields, OrderReference, plain_integer, read_body};
use crate::domain::evidence::{Evidence, Witness};
use crate::domain::ids::PaymentId;
use crate::domain::ledger::PayTo;
use crate::domain::time::Timestamp;

pub use super::fields::Unreadable;

#[cfg(test)]
mod tests;

/// One payment as the provider's API tells it: made, asked for, or listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentReport {
    /// What it says.
    pub evidence: Evidence,
    /// Which order it names; `evidence.order_id` cannot tell a foreign name from none.
    pub order: OrderReference,
    /// Where and how it is paid, where an address is told.
    pub pay_to: Option<PayTo>,
    /// Further deposits to its address, each a payment of its own.
    pub children: Vec<PaymentId>,
    /// When the provider made it, where it says so.
    pub created_at: Option<Timestamp>,
}

/// A page of the list of payments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentPage {
    /// Those that could be read, in the provider's order.
    pub payments: Vec<PaymentReport>,
    /// How many pages there are.
    pub pages: u32,
    /// How many payments of the page could not be read.
    pub unreadable: usize,
}

impl PaymentReport {
    /// Reads an answer's body.
    ///
    /// # Errors
    /// [`Unreadable`] with the field that is missing or cannot be read.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        read_body(text, Self::of)
    }

    fn of(fields: &Fields<'_>) -> Result<Self, Unreadable> {
        let order = fields.order();
        Ok(Self {
            evidence: fields.evidence(Witness::Poll, order)?,
            order,
            pay_to: fields.pay_to()?,
            children: fields.ids("payment_extra_ids")?,
            created_at: fields.time("created_at"),
        })
    }
}

/// The envelope of a list; the payments stay text, so that no number in them is anything else.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    #[serde(borrow, rename = "pagesCount")]
    pages: Option<&'a RawValue>,
}

impl PaymentPage {
    /// Reads a page; a payment that cannot be read is counted and does not hide the others.
    ///
    /// # Errors
    /// [`Unreadable`] if this is no list, or does not say how many pages there are.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|_| Unreadable("data"))?;
        let pages = envelope.pages.and_then(|told| plain_integer(told.get().trim_matches('"'))?.parse().ok());
        // Without it a caller would take the first page for the whole list.
        let pages = pages.ok_or(Unreadable("pagesCount"))?;
        let read: Vec<_> = envelope.data.iter().map(|payment| PaymentReport::read(payment.get())).collect();
        let unreadable = read.iter().filter(|payment| payment.is_err()).count();
        Ok(Self { payments: read.into_iter().flatten().collect(), pages, unreadable })
    }
}
