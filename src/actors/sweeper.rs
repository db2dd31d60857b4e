//! Expires what the clock has ended, raises what has gone silent, forgets keys and removes deliveries past their
//! retention.
//!
//! The timer carries no data: it says *that* the sweeper should look, and what is due is read from the
//! store, longest due first. A pass never fails: it counts, logs once, and the next pass tries again. Each
//! order decides for itself (`Tick`), so an order whose window moved is left alone. Before one with a payment is
//! told that its window is over, the provider is asked once (`sweeper/lookout.rs`).

mod lookout;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::prelude::*;
use futures_util::StreamExt;
use futures_util::stream;

use super::OrderError;
use super::directory::OrderDirectory;
use super::order::{Command, Operation};
use super::wake::Wake;
use crate::clock::Clock;
use crate::config::{IdempotencySettings, RetentionSettings, SweeperSettings};
use crate::domain::ids::OrderId;
use crate::domain::order::{FailureReason, Order};
use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::store::filter::{Due, DueOrder, DuePage, DuePlace};
use crate::store::resend::Outlived;
use crate::supervision::contained;

pub use lookout::Lookout;
use lookout::{Looks, Verdict};

/// How many due orders one read brings.
const PAGE_ORDERS: usize = 500;
/// How many orders are told at once.
const TOLD_AT_ONCE: usize = 32;
/// How many orders are asked about at once before they are told.
const LOOKED_AT_ONCE: usize = 4;
/// How many wake-ups may wait; one more is dropped, because a pass that begins later finds the same.
const MAILBOX_MAX: usize = 16;
/// How many forgotten keys one pass removes.
const KEYS_FORGOTTEN_MAX: usize = 500;
/// How many deliveries one transaction removes: other writes go in between.
const PURGE_PAGE_DELIVERIES: usize = 500;
/// How many such pages one pass removes of each kind, so that orders are looked at in between.
const PURGE_PAGES_MAX: usize = 20;

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
    /// How long deliveries are kept.
    pub retention: RetentionSettings,
    /// Who looks before an order is ended.
    pub lookout: Lookout,
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

impl Handler<Wake> for SweeperActor {
    // Atomic: passes never overlap.
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, _: Wake, _: &mut Context<Self>) -> Self::Result {
        let sweeper = self.0.clone();
        let pass = async move {
            contained("sweeper", sweeper.pass()).await;
        };
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
        let looks = self.lookout.begin(&self.clock);
        let mut after = None;
        while let Some(last) = self.page(after, &looks).await {
            after = Some(last);
        }
        self.lookout.end();
        if let Some(kept) = self.idempotency.retention {
            let before = self.clock.now().before(kept);
            if let Err(error) = self.store.keys_forget(before, KEYS_FORGOTTEN_MAX).await {
                tracing::warn!(%error, "old idempotency keys could not be forgotten; trying again");
            }
        }
        self.purge().await;
        self.counters.passes.fetch_add(1, Ordering::Relaxed);
    }

    /// Removes deliveries whose retention has passed, page by page. A ping is kept no longer than what was delivered,
    /// whatever became of it.
    async fn purge(&self) {
        let RetentionSettings { delivered, undelivered } = self.retention;
        let kinds =
            [(Outlived::Delivered, delivered), (Outlived::Pings, delivered), (Outlived::Undelivered, undelivered)];
        for (which, kept) in kinds.into_iter().filter_map(|(which, kept)| Some((which, kept?))) {
            let before = self.clock.now().before(kept);
            for _ in 0..PURGE_PAGES_MAX {
                match self.store.deliveries_purge(which, before, PURGE_PAGE_DELIVERIES).await {
                    Ok(removed) if removed < PURGE_PAGE_DELIVERIES => break,
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(%error, "old deliveries could not be removed; trying again");
                        return;
                    }
                }
            }
        }
    }

    /// One page; where it ended, if there may be more and this one got on. Each page goes on where the last one
    /// ended, so that orders which cannot be ended yet are in nobody's way.
    async fn page(&self, after: Option<DuePlace>, looks: &Looks) -> Option<DuePlace> {
        // Switched off, it still notices what has gone silent: only pending orders are left to support.
        let which = if self.settings.automatic { Due::All } else { Due::Stalled };
        let page = DuePage { until: self.clock.now(), after, limit: PAGE_ORDERS };
        let due = match self.store.orders_due(which, page).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "due orders could not be read; trying again");
                return None;
            }
        };
        let last = due.last().map(|order| order.place).filter(|_| PAGE_ORDERS <= due.len());
        let orders = due.len();
        let (looked_at, told): (Vec<_>, Vec<_>) = due.into_iter().partition(|order| self.lookout.is_for(order));
        let told = stream::iter(told).map(|order| self.tell(order.place.id)).buffer_unordered(TOLD_AT_ONCE);
        let failed: usize = told.collect::<Vec<_>>().await.into_iter().sum();
        // Those that wait for the provider's answer come last: nobody else waits for it.
        let asked = stream::iter(looked_at).map(|order| self.look_and_tell(order, looks));
        let failed =
            asked.buffer_unordered(LOOKED_AT_ONCE).fold(failed, async |sum, one| sum.saturating_add(one)).await;
        self.counters.failures.fetch_add(u64::try_from(failed).unwrap_or(u64::MAX), Ordering::Relaxed);
        if failed > 0 {
            tracing::warn!(orders = failed, "due orders could not be told; trying again");
        }
        last.filter(|_| failed < orders)
    }

    /// Asks the provider, and tells the order that its window is over unless that has to wait. As [`Self::tell`].
    async fn look_and_tell(&self, order: DueOrder, looks: &Looks) -> usize {
        match self.lookout.judge(&order, looks).await {
            Verdict::End => self.tell(order.place.id).await,
            Verdict::Wait => 0,
            Verdict::Failed => 1,
        }
    }

    /// Tells an order to look at the clock; answers how many could not be told: none or one.
    async fn tell(&self, id: OrderId) -> usize {
        match self.directory.ask(id, Command::Tick).await {
            Ok(order) if order.failure_reason() == Some(FailureReason::Expired) => {
                self.counters.expired.fetch_add(1, Ordering::Relaxed);
                0
            }
            Ok(_) => 0,
            Err(error) => {
                tracing::debug!(%error, "a due order could not be told");
                1
            }
        }
    }
}

/// Between the read and the sweep an order may have been paid or cancelled: only what was swept is told.
fn was_swept(order: &Order) -> bool {
    order.failure_reason() == Some(FailureReason::Swept)
}
