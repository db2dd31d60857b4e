//! What can be asked of the store about deliveries by those who look at them, or ask for them again.
//!
//! Part of `calls.rs`: each call runs one of `queries/` on whichever engine it has.

use tokio::sync::oneshot;

use super::calls::{read, rows, write};
use super::records::Stretch;
use super::resend::{CatchUp, CaughtUp, DeliveryFilter, Resend, Resent, Traced};
use super::writer::SideWork;
use super::{Engine, Store, StoreError, postgres, sqlite};
use crate::domain::ids::{DeliveryId, OrderId};

impl Store {
    /// One delivery, whosever it is.
    pub async fn delivery_load(&self, id: DeliveryId) -> Result<Option<Traced>, StoreError> {
        read!(self.access, deliveries::delivery_load(id))
    }

    /// Deliveries to an endpoint, newest first.
    pub async fn deliveries_page(&self, filter: DeliveryFilter, stretch: Stretch) -> Result<Vec<Traced>, StoreError> {
        read!(self.access, deliveries::deliveries_page(filter, stretch))
    }

    /// Dead letters of all endpoints, newest first.
    pub async fn dlq_page(&self, stretch: Stretch) -> Result<Vec<Traced>, StoreError> {
        read!(self.access, deliveries::dlq_page(stretch))
    }

    /// How many dead letters wait, counted up to a limit.
    pub async fn dlq_count(&self, limit: usize) -> Result<usize, StoreError> {
        read!(self.access, deliveries::dlq_count(rows(limit)))
    }

    /// Deliveries of an order's events, newest first.
    pub async fn order_deliveries(&self, order: OrderId, stretch: Stretch) -> Result<Vec<Traced>, StoreError> {
        read!(self.access, deliveries::order_deliveries(order, stretch))
    }

    /// Does with a delivery what is asked, and audits it where that is asked too.
    pub async fn delivery_resend(&self, asked: Resend) -> Result<Resent, StoreError> {
        write!(self.access, deliveries::delivery_resend(asked))
    }

    /// Queues what an endpoint has missed in a piece of its owner's events.
    pub async fn catch_up_queue(&self, asked: CatchUp) -> Result<CaughtUp, StoreError> {
        write!(self.access, catch_up::catch_up_queue(asked))
    }

    /// Counts what that would queue, and writes nothing.
    pub async fn catch_up_count(&self, asked: CatchUp) -> Result<CaughtUp, StoreError> {
        read!(self.access, catch_up::catch_up_count(asked))
    }
}
