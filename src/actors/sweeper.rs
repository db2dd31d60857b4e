//! Expires what the clock has ended.

use crate::domain::ids::OrderId;
use crate::domain::time::Timestamp;

use super::OrderError;
use super::directory::Operation;

/// Support's sweep, and the counters of the clock's. Clones share it.
#[derive(Clone)]
pub struct Sweeper {}

/// What a sweep by hand did, or would do.
#[derive(Debug, Clone, Default)]
pub struct Swept {
    /// The orders that were (or would be) swept.
    pub order_ids: Vec<OrderId>,
    /// Whether more were left over the limit.
    pub capped: bool,
}

/// What a sweep by hand is asked for.
#[derive(Debug, Clone)]
pub struct SweepRequest {
    /// Orders created later are left alone.
    pub created_until: Timestamp,
    /// At most so many.
    pub limit: usize,
    /// Whether only to tell what would be swept.
    pub mode: SweepMode,
    /// Who sweeps.
    pub operation: Operation,
}

/// Whether a sweep changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepMode {
    /// It does.
    Real,
    /// It only tells.
    DryRun,
}

impl Sweeper {
    /// Sweeps by hand: pending orders that old fail with reason `swept`.
    pub async fn sweep(&self, _request: SweepRequest) -> Result<Swept, OrderError> {
        unimplemented!()
    }
}
