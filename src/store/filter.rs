//! What a list of orders is asked for: filters and a place in the keyset.

use crate::domain::ids::{AccountId, OrderId, PaymentId};
use crate::domain::order::{Order, StatusName};
use crate::domain::time::Timestamp;

/// Which orders; filters that are present must all hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Of this account.
    pub account: Option<AccountId>,
    /// In this status.
    pub status: Option<StatusName>,
    /// Created then or later.
    pub created_after: Option<Timestamp>,
    /// Created earlier.
    pub created_before: Option<Timestamp>,
    /// Paid then or later.
    pub paid_after: Option<Timestamp>,
    /// Paid earlier.
    pub paid_before: Option<Timestamp>,
    /// A piece of the id, the product or the customer's note, in any case.
    pub search: Option<String>,
    /// This payment, bound or in the ledger.
    pub payment_id: Option<PaymentId>,
}

impl OrderFilter {
    /// Whether a time of payment is asked for.
    #[must_use]
    pub fn is_paid_span(&self) -> bool {
        self.paid_after.is_some() || self.paid_before.is_some()
    }
}

/// A place in the list, newest first: what comes after it was created earlier, or has a smaller id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// When the last order shown was created.
    pub created_at: Timestamp,
    /// Its id.
    pub id: OrderId,
}

/// How much to read, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// At most so many.
    pub limit: usize,
    /// After this place; from the newest without one.
    pub after: Option<Position>,
}

/// One page of orders.
#[derive(Debug, Clone, Default)]
pub struct OrderPage {
    /// The orders, newest first, each with its log and payments.
    pub orders: Vec<Order>,
    /// Where the next page starts, if there is more.
    pub next: Option<Position>,
    /// Whether the search looked at the newest orders only.
    pub search: SearchReach,
}

/// An order as exports show it: its row alone, as it lies in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    /// Its id.
    pub order_id: String,
    /// Whose it is.
    pub account_id: String,
    /// The catalogue's code.
    pub product: String,
    /// Integer minor units.
    pub price_cents: i64,
    /// Three upper-case letters.
    pub price_currency: String,
    /// Where it stands.
    pub status: String,
    /// The bound payment.
    pub payment_id: Option<String>,
    /// The customer's own words.
    pub customer_note: Option<String>,
    /// The operators'.
    pub internal_note: Option<String>,
    /// When it was placed.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// One page of an export.
#[derive(Debug, Clone, Default)]
pub struct LinePage {
    /// The orders, newest first.
    pub lines: Vec<OrderLine>,
    /// Where the next page starts, if there is more.
    pub next: Option<Position>,
    /// Whether the search looked at the newest orders only.
    pub search: SearchReach,
}

/// How far a search looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SearchReach {
    /// At everything.
    #[default]
    Whole,
    /// One or two characters: at the newest 10 000 orders only.
    Newest,
}

/// Which orders the clock is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// All with which it has something to do.
    All,
    /// Those alone whose money is on its way and silent.
    Stalled,
}

/// A stretch of what is due, longest due first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DuePage {
    /// Due by then.
    pub until: Timestamp,
    /// After this place; from the longest due without one.
    pub after: Option<DuePlace>,
    /// At most so many.
    pub limit: usize,
}

/// A place in what is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DuePlace {
    /// Since when the order is due.
    pub due_at: Timestamp,
    /// Its id.
    pub id: OrderId,
}

/// An order with which the clock has something to do, as the sweeper needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueOrder {
    /// Since when it is due, and its id.
    pub place: DuePlace,
    /// Where it stands.
    pub status: StatusName,
    /// The bound payment.
    pub payment_id: Option<PaymentId>,
}
