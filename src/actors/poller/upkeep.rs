//! What the poller does beside its questions: it takes in orders without a row, and raises those without an address.

use std::sync::atomic::Ordering;

use super::Poller;
use crate::domain::polling::ADDRESS_WATCHED_FOR;
use crate::domain::time::Span;

/// How often orders without a row are looked for.
const ADOPT_EVERY: Span = Span::hours(1);
/// How long ago an order without a row may have been paid, after the first time: twice as long as between two times.
const PAID_ADOPTED_WITHIN: Span = Span::hours(2);
/// How many orders without an address are raised at once; the next pass goes on.
const RAISED_AT_ONCE: usize = 200;

impl Poller {
    /// Takes in orders that no checkout of this configuration has made, now and then.
    pub(super) async fn adopt(&self) {
        let now = self.monotonic();
        let adopts_at = self.memory.adopts_at.load(Ordering::Relaxed);
        if now.millis() < adopts_at {
            return;
        }
        // Every order that is paid from now on has its row already, unless nothing was to be asked of it before.
        let paid_within = if adopts_at == 0 { ADDRESS_WATCHED_FOR } else { PAID_ADOPTED_WITHIN };
        match self.payments.store.work_adopt(self.now(), paid_within).await {
            Ok(orders) => {
                self.memory.adopts_at.store(now.after(ADOPT_EVERY).millis(), Ordering::Relaxed);
                if 0 < orders {
                    tracing::info!(orders, "orders that nobody asked about will be asked about");
                }
            }
            Err(error) => tracing::warn!(%error, "orders that nobody asks about could not be looked for"),
        }
    }

    /// Raises pending orders that have had no address for too long. It needs no provider: one that is away is a reason.
    pub(super) async fn raise_unaddressed(&self) {
        match self.payments.store.unaddressed_raise(self.now(), RAISED_AT_ONCE).await {
            Ok(0) => {}
            Ok(orders) => tracing::warn!(orders, "orders have no address yet; the attention list has the reasons"),
            Err(error) => tracing::warn!(%error, "orders without an address could not be raised; trying again"),
        }
    }
}
