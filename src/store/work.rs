//! What is still to be asked of the provider, as it is handed to and from the tables of `queries/work.rs`.
//!
//! The row of an order says when to ask, who is at it, and whether a creation is in doubt. It is never needed to
//! know where an order stands: that is the order's own affair.

use crate::domain::ids::OrderId;
use crate::domain::order::{ADDRESS_WITHIN, Order};
use crate::domain::time::{Span, Timestamp};

/// What is still to be asked of the provider about an order, and who is at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderWork {
    /// The order.
    pub order_id: OrderId,
    /// When the poller is to look at it next.
    pub due_at: Timestamp,
    /// Who asks just now, if somebody does.
    pub claim: Option<Claim>,
    /// When a creation was sent whose answer is not known; none if nothing is in doubt.
    pub asked_at: Option<Timestamp>,
    /// How often the provider was asked since the last news.
    pub tries: i64,
    /// Why the newest try to make the order's payment came to nothing, in words for operators.
    pub last_error: Option<String>,
    /// When it is raised that the order has no address; none of an order that has one, or of which it was raised.
    pub raise_at: Option<Timestamp>,
}

impl ProviderWork {
    /// The row of an order whose first creation is announced with the order itself.
    #[must_use]
    pub fn placed(order: &Order, claim: Claim) -> Self {
        let raise_at = Some(order.created_at.after(ADDRESS_WITHIN));
        let row = Self::idle(order.id, claim.until);
        Self { claim: Some(claim), asked_at: Some(order.created_at), raise_at, ..row }
    }

    /// A row that nobody holds and where nothing is in doubt.
    #[must_use]
    pub fn idle(order_id: OrderId, due_at: Timestamp) -> Self {
        Self { order_id, due_at, claim: None, asked_at: None, tries: 0, last_error: None, raise_at: None }
    }
}

/// The right to ask the provider about an order, over all nodes, for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Names its holder.
    pub token: String,
    /// From then on somebody else may take it.
    pub until: Timestamp,
}

/// How fast the provider may be asked, over all nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How many questions somebody would like to ask now.
    pub wanted: i64,
    /// The time between two questions.
    pub each: Span,
    /// How many may be asked at once after a silence.
    pub burst: i64,
    /// What questions that did not wait for the pace may leave to those that do.
    pub debt: Debt,
}

/// What is left to those who wait for the pace by those who did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Debt {
    /// They wait until it is paid off.
    Owed,
    /// Half of what one burst may ask is theirs in any case.
    Spared,
}
