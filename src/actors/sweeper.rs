//! Expires what the clock has ended, raises what has gone silent, forgets keys past their retention.
//!
//! The timer carries no data: it says *that* the sweeper should look, and what is due is read from the
//! store, longest due first. A pass never fails: it counts, logs once, and the next pass tries again. Each
//! order decides for itself (`Tick`), so an order whose window moved is left alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::prelude::*;
use futures_util::StreamExt;
use futures_util::stream;

use super::OrderError;
use super::directory::OrderDirectory;
use super::order::{Command, Operation};
use crate::clock::Clock;
use crate::config::{IdempotencySettings, SweeperSettings};
use crate::domain::ids::OrderId;
use crate::domain::order::{FailureReason, Order};
use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::store::filter::Due;

/// How many due orders one read brings.
const PAGE_ORDERS: usize = 500;
/// How many orders are told at once.
const TOLD_AT_ONCE: usize = 32;
/// How many wake-ups may wait; one more is dropped, because a pass that begins later finds the same.
const MAILBOX_MAX: usize = 16;
/// How many forgotten keys one pass removes.
const KEYS_FORGOTTEN_MAX: usize = 500;

/// What the sweeper has done since it started.
#[derive(Debug, Default)]
pub struct SweepCounters {
    /// Passes that ended.
    pub passes: AtomicU64,
    /// Orders whose status a pass changed.
    pub expired: AtomicU64,
    /// Orders that could not be told; the next pass tries again.
    pub failures: AtomicU64,
}

/// What the actor and the sweep by hand share. Clones share it.
#[derive(Clone)]
pub struct Sweeper {
    /// Where an order's actor is found.
    pub directory: OrderDirectory,
    /// Where due orders are read.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Whether and how often the timer looks.
    pub settings: SweeperSettings,
    /// How long keys are kept.
    pub idempotency: IdempotencySettings,
    /// What was done so far.
    pub counters: Arc<SweepCounters>,
}

/// The actor: its timer wakes it, and so does a [`Wake`].
pub struct SweeperActor(pub Sweeper);

impl Actor for SweeperActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_MAX);
        let millis = u64::try_from(self.0.settings.interval.as_millis()).unwrap_or(1_000);
        ctx.run_interval(Duration::from_millis(millis), |_, ctx| ctx.notify(Wake));
    }
}

/// Look now. Answers when the pass has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Wake;

impl Handler<Wake> for SweeperActor {
    // Atomic: passes never overlap.
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, _: Wake, _: &mut Context<Self>) -> Self::Result {
        let sweeper = self.0.clone();
        let pass = async move { sweeper.pass().await };
        AtomicResponse::new(Box::pin(pass.into_actor(self)))
    }
}

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
    ///
    /// # Errors
    /// [`OrderError`] if the orders cannot be read, or one cannot be changed; those before it are swept.
    pub async fn sweep(&self, request: SweepRequest) -> Result<Swept, OrderError> {
        let one_more = request.limit.saturating_add(1);
        let mut found = self.store.pending_created_until(request.created_until, one_more).await?;
        let capped = found.len() > request.limit;
        found.truncate(request.limit);
        if request.mode == SweepMode::DryRun {
            return Ok(Swept { order_ids: found, capped });
        }
        let sweep = Command::Sweep { created_until: request.created_until, operation: request.operation };
        let mut order_ids = Vec::new();
        let mut told = stream::iter(found).map(|id| self.directory.ask(id, sweep.clone())).buffered(TOLD_AT_ONCE);
        while let Some(order) = told.next().await {
            let order = order?;
            if was_swept(&order) {
                order_ids.push(order.id);
            }
        }
        Ok(Swept { order_ids, capped })
    }

    /// One pass over everything that is due.
    async fn pass(&self) {
        while self.page().await {}
        if let Some(kept) = self.idempotency.retention {
            let before = self.clock.now().before(kept);
            if let Err(error) = self.store.keys_forget(before, KEYS_FORGOTTEN_MAX).await {
                tracing::warn!(%error, "old idempotency keys could not be forgotten; trying again");
            }
        }
        self.counters.passes.fetch_add(1, Ordering::Relaxed);
    }

    /// One page; true if there may be more and this one got on.
    async fn page(&self) -> bool {
        // Switched off, it still notices what has gone silent: only pending orders are left to support.
        let which = if self.settings.automatic { Due::All } else { Due::Stalled };
        let due = match self.store.orders_due(which, self.clock.now(), PAGE_ORDERS).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "due orders could not be read; trying again");
                return false;
            }
        };
        let full = due.len() >= PAGE_ORDERS;
        let (mut moved, mut failed): (u64, u64) = (0, 0);
        let mut told = stream::iter(due).map(|id| self.directory.ask(id, Command::Tick)).buffer_unordered(TOLD_AT_ONCE);
        while let Some(order) = told.next().await {
            match order {
                Ok(order) if order.failure_reason() == Some(FailureReason::Expired) => moved = moved.saturating_add(1),
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "a due order could not be told");
                    failed = failed.saturating_add(1);
                }
            }
        }
        self.counters.expired.fetch_add(moved, Ordering::Relaxed);
        self.counters.failures.fetch_add(failed, Ordering::Relaxed);
        if failed > 0 {
            tracing::warn!(orders = failed, "due orders could not be told; trying again");
        }
        full && failed == 0
    }
}

/// Between the read and the sweep an order may have been paid or cancelled: only what was swept is told.
fn was_swept(order: &Order) -> bool {
    order.failure_reason() == Some(FailureReason::Swept)
}
