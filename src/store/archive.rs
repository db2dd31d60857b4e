//! The database as records, one a line of JSON: what is exported, imported and seeded.
//!
//! A record holds a thing with everything that belongs to it (an order with its log, ledger, IPNs, key,
//! outgoing events, their deliveries and attention), as the tables hold it. What is derived is not in it: totals and the
//! search index are made anew by [`batch`]. Refused IPNs are nobody's, and stay behind. [`load`] writes
//! records in bulk, `queries/archive.rs` reads them back.

pub mod batch;
mod check;
mod check_webhooks;
pub(super) mod iso;
pub mod load;
pub mod load_error;
pub(super) mod records;
pub(super) mod rows;
#[cfg(test)]
mod tests;

pub use records::Record;

use crate::domain::time::Timestamp;
use crate::store::filter::Position;

/// The format that this program writes.
const FORMAT: u32 = 3;
/// The oldest format that it reads. The first knew of no endpoints, and so of no deliveries; the second had no secrets
/// of the service.
const FORMAT_MIN: u32 = 1;

/// Which orders are read, by the time of their creation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// Created then or later.
    pub created_after: Option<Timestamp>,
    /// Created earlier.
    pub created_before: Option<Timestamp>,
}

impl Window {
    /// True if it holds every order.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }
}

/// The records that stand beside the orders, in the order in which they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// What the service signs with; they come before the orders.
    Secrets,
    /// Customers; they come before the orders.
    Accounts,
    /// Keys of customers and operators, as hashes; they come before the orders.
    ApiKeys,
    /// Endpoints with their secrets, by which receivers know us; they come before the orders.
    WebhookEndpoints,
    /// Verified IPNs that found no order.
    UnmatchedIpns,
    /// Pings, which are of no order, each with its deliveries.
    WebhookPings,
    /// What was raised about no order.
    Attention,
    /// Every admin write.
    AuditLog,
    /// The counters of idempotency keys.
    Counters,
}

impl Beside {
    /// Those before the orders.
    pub const BEFORE_ORDERS: [Self; 4] = [Self::Secrets, Self::Accounts, Self::ApiKeys, Self::WebhookEndpoints];
    /// Those after the orders. The counters are last: read while a server counts, they hold every key before.
    pub const AFTER_ORDERS: [Self; 5] =
        [Self::UnmatchedIpns, Self::WebhookPings, Self::Attention, Self::AuditLog, Self::Counters];
}

/// A page of orders, oldest first.
#[derive(Debug)]
pub struct OrdersPage {
    /// The orders, each with everything that belongs to it.
    pub records: Vec<Record>,
    /// Where the next page starts, if there may be one.
    pub next: Option<Position>,
}

/// A page of what stands beside the orders.
#[derive(Debug)]
pub struct BesidePage {
    /// The records, by their key.
    pub records: Vec<Record>,
    /// The key after which the next page starts, if there may be one.
    pub next: Option<String>,
}

/// A record that the domain cannot mean, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Misfit(String);
