//! Who serialises what.
//!
//! One actor per live order, found through the [`directory`]; one that holds idempotency keys in use;
//! one that sweeps by the clock. [`checkout`] and [`intake`] are the two straight lines through them.

pub mod checkout;
pub mod directory;
pub mod intake;
pub mod sweeper;

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
    /// Too much is waiting, or others change the order faster than we can judge.
    #[error("busy: {0}")]
    Busy(&'static str),
    /// The decision is not stored, or perhaps not.
    #[error("decision not stored")]
    NotStored(#[from] CommitError),
    /// The order could not be read.
    #[error("order not read")]
    NotRead(#[from] StoreError),
}
