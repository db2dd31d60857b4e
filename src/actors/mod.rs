//! Who serialises what.
//!
//! One actor per live order ([`order`]), found through the [`directory`]; one that holds idempotency keys
//! in use ([`idempotency`]); one that sweeps by the clock ([`sweeper`]) and one that asks the provider about
//! orders ([`poller`]); one that tells merchants ([`courier`]). [`checkout`] and [`intake`] are the two
//! straight lines through them; [`payments`] makes payments at the provider, one at a time per order; [`waiting`]
//! tells who waits for an order's next change.
//!
//! Conventions: one message, one struct, one doc line for what the answer means. Messages carry ids, not
//! addresses. Every mailbox has a named bound; past it the answer is [`OrderError::Busy`].

pub mod bell;
pub mod checkout;
pub mod courier;
pub mod directory;
pub mod idempotency;
pub mod intake;
pub mod order;
pub mod payments;
pub mod poller;
pub mod seats;
pub mod sweeper;
pub mod waiting;
pub mod wake;

use crate::domain::lifecycle::Refusal;
use crate::store::StoreError;
use crate::store::changeset::CommitError;

/// Why an order did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OrderError {
    /// There is no such order.
    #[error("no such order")]
    NotFound,
    /// The order's status does not allow it.
    #[error("refused")]
    Refused(#[from] Refusal),
    /// Too much is waiting, or others change the order faster than it can be judged.
    #[error("busy: {0}")]
    Busy(&'static str),
    /// The decision is not stored, or perhaps not.
    #[error("decision not stored")]
    NotStored(#[from] CommitError),
    /// The order could not be read.
    #[error("order not read")]
    NotRead(#[from] StoreError),
}
