//! What the courier asks of the store, by the macros of `calls.rs`.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::calls::{read, rows, write};
use super::courier::{Ask, AttemptRecord, DueDelivery, Unsent, WaitingPage};
use super::work::Claim;
use super::writer::SideWork;
use super::{Engine, Store, StoreError, postgres, sqlite};
use crate::domain::ids::{DeliveryId, WebhookId};
use crate::domain::time::Timestamp;

impl Store {
    /// A page of the endpoints for which deliveries wait, by their ids, after this one; `""` is before all.
    pub async fn endpoints_waiting(
        &self,
        now: Timestamp,
        after: String,
        limit: usize,
    ) -> Result<WaitingPage, StoreError> {
        read!(self.access, courier::endpoints_waiting(now, after, rows(limit)))
    }

    /// What is due of these endpoints and may be sent now: of each, at most so many of those that go by themselves,
    /// longest due first; and if nobody is catching up just now, half as many, but at least one, of those that are
    /// caught up on, oldest first, and as many of those among them that somebody has let go of. What cannot be read is
    /// given up, because what is behind it would wait for ever.
    pub async fn deliveries_due(&self, now: Timestamp, asks: Vec<Ask>) -> Result<Vec<DueDelivery>, StoreError> {
        loop {
            let asks = asks.clone();
            let read = read!(self.access, courier::deliveries_due(now, &asks))?;
            if read.unreadable.is_empty() {
                return Ok(read.due);
            }
            let given_up: usize = write!(self.access, courier::unreadable_bury(&read.unreadable))?;
            if given_up == 0 {
                return Ok(read.due);
            }
        }
    }

    /// Leases these deliveries as far as they are still as they were read; answers the ones that were.
    pub async fn deliveries_lease(
        &self,
        now: Timestamp,
        due: Vec<DueDelivery>,
        lease: Claim,
    ) -> Result<Vec<DueDelivery>, StoreError> {
        let won = due.clone();
        let ids: Vec<DeliveryId> = write!(self.access, courier::deliveries_lease(now, &due, &lease))?;
        let ids: HashSet<DeliveryId> = ids.into_iter().collect();
        Ok(won.into_iter().filter(|due| ids.contains(&due.id)).collect())
    }

    /// Gives deliveries back that this lease still holds.
    pub async fn deliveries_release(&self, unsent: Vec<Unsent>, lease: String) -> Result<(), StoreError> {
        write!(self.access, courier::deliveries_release(&unsent, &lease))
    }

    /// Keeps what came of attempts, each if its lease still holds its delivery, and what they say of the endpoints; answers
    /// those that were disabled by them.
    pub async fn attempts_record(&self, attempts: Arc<[AttemptRecord]>) -> Result<Vec<WebhookId>, StoreError> {
        write!(self.access, courier::attempts_record(&attempts))
    }
}
