//! Rows of `provider_work`: what is still to be asked of the provider.

use super::work::{Claim, ProviderWork};
use crate::domain::ids::OrderId;
use crate::domain::time::Timestamp;
use crate::store::tables::{LookRow, WorkRow};

impl WorkRow {
    /// Returns the row of this.
    pub fn of(work: &ProviderWork) -> Self {
        Self {
            order_id: work.order_id.to_string(),
            due_at: work.due_at.micros(),
            claim: work.claim.as_ref().map(|claim| claim.token.clone()).unwrap_or_default(),
            claimed_until: work.claim.as_ref().map_or(0, |claim| claim.until.micros()),
            asked_at: work.asked_at.map(Timestamp::micros),
            tries: work.tries,
            last_error: work.last_error.clone(),
            raise_at: work.raise_at.map(Timestamp::micros),
        }
    }

    /// Returns the work of this order that the row holds.
    pub fn into_work(self, order_id: OrderId) -> ProviderWork {
        let claim = Claim { token: self.claim, until: Timestamp::from_micros(self.claimed_until) };
        ProviderWork {
            order_id,
            due_at: Timestamp::from_micros(self.due_at),
            claim: (self.claimed_until > 0).then_some(claim),
            asked_at: self.asked_at.map(Timestamp::from_micros),
            tries: self.tries,
            last_error: self.last_error,
            raise_at: self.raise_at.map(Timestamp::from_micros),
        }
    }
}

impl LookRow {
    /// Returns the row that has the provider asked about an order then at the latest.
    pub fn of(order: OrderId, at: Timestamp) -> Self {
        Self { order_id: order.to_string(), due_at: at.micros(), claim: String::new(), claimed_until: 0, tries: 0 }
    }
}
