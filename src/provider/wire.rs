//! From a verified body to evidence.
//!
//! How a field is read, whatever type the provider gives it today, is in [`super::fields`], as is why a field
//! that makes no sense refuses the whole IPN. Nothing is lost by that: the provider sees an error and sends
//! again, the payment can be asked for, and the refusal names the field.

use super::IpnRefusal;
use super::fields::{Fields, Unreadable};
use super::signature::Verified;
use crate::domain::evidence::{Evidence, Witness};

pub use super::fields::OrderReference;

#[cfg(test)]
mod tests;

/// A verified IPN, read.
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

    /// The provider's word, as its row shows it: no control characters, and bounded.
    #[must_use]
    pub fn payment_status(&self) -> &str {
        self.evidence.word.as_str()
    }
}

impl From<Unreadable> for IpnRefusal {
    fn from(Unreadable(field): Unreadable) -> Self {
        Self::MissingFields(field)
    }
}
