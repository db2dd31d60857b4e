//! Looks for a payment that was made and whose answer was lost, in the provider's list.
//!
//! The provider lists by time only, so all payments made around the creation are read, page by page, up to a
//! bound, and by few at once: many creations are lost together, just when the provider is slow. What is found goes
//! to the order as any payment of our making.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::PaymentDesk;
use super::errand::Errand;
use crate::domain::ids::PaymentId;
use crate::domain::lifecycle::Made;
use crate::domain::time::{Span, Timestamp};
use crate::provider::client::{CallError, ListAsked};

/// How long after it was asked the provider may still make a payment.
const MADE_WITHIN: Span = Span::minutes(30);
/// How far the provider's clock may be from ours.
const CLOCKS_DIFFER_BY: Span = Span::minutes(10);
/// The most pages that are read; each has up to 500 payments.
const PAGES_MAX: u32 = 20;
/// How many listed payments are asked for one by one, because the list does not say whose they are or where they
/// are paid.
const UNCLEAR_MAX: usize = 20;
/// How many read the list at once.
const SEARCHES_MAX: usize = 2;
/// For how long one waits for its turn; who waits longer tries again when its order is due again.
const TURN_WITHIN: Duration = Duration::from_secs(10);

/// Whose turn it is to read the list. Clones share it.
#[derive(Clone)]
pub struct Searches(Arc<Semaphore>);

impl Default for Searches {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(SEARCHES_MAX)))
    }
}

impl Searches {
    /// A turn that is free just now.
    pub(super) fn free_turn(&self) -> Option<SemaphorePermit<'_>> {
        self.0.try_acquire().ok()
    }

    /// A turn, once it is free.
    ///
    /// # Errors
    /// [`CallError::NoAnswer`] if that takes too long: nothing was asked, so nobody knows.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, CallError> {
        let turn = timeout(TURN_WITHIN, self.0.acquire()).await.ok().and_then(Result::ok);
        turn.ok_or_else(|| CallError::NoAnswer("too many lost payments are looked for".to_owned()))
    }
}

impl PaymentDesk {
    /// The payments that earlier tries at this errand have made since then, oldest first. Of very many that tell too
    /// little the further ones are passed over, as if there were no list: an order is not held up for ever.
    ///
    /// # Errors
    /// [`CallError`] if the list cannot be read to its end: then nobody knows.
    pub(super) async fn twins(
        &self,
        errand: &Errand,
        since: Timestamp,
        _turn: SemaphorePermit<'_>,
    ) -> Result<Vec<Made>, CallError> {
        let late = self.clock.now().min(since.after(MADE_WITHIN));
        let (from, until) = (since.before(CLOCKS_DIFFER_BY), late.after(CLOCKS_DIFFER_BY));
        let (mut found, mut unclear) = (Vec::new(), 0_usize);
        for page in 0..PAGES_MAX {
            let listed = self.client.payments(&ListAsked { from, until, page }).await?;
            // One that cannot be read could not be adopted either, so it holds nobody up.
            for report in &listed.payments {
                if !errand.may_be_twin(report) {
                    found.extend(errand.twin(report));
                    continue;
                }
                unclear = unclear.saturating_add(1);
                if unclear <= UNCLEAR_MAX {
                    found.extend(self.whole_twin(errand, &report.evidence.payment_id).await?);
                }
            }
            if listed.pages <= page.saturating_add(1) {
                if UNCLEAR_MAX < unclear {
                    tracing::warn!(order.id = %errand.order.id, unclear, "the list tells too little of its payments");
                }
                return Ok(found);
            }
        }
        Err(CallError::NoAnswer("the list has more pages than are read".to_owned()))
    }
    /// The payment of this id, if its own report says that it is one.
    async fn whole_twin(&self, errand: &Errand, id: &PaymentId) -> Result<Option<Made>, CallError> {
        match self.client.payment(id).await {
            Ok(whole) => Ok(errand.twin(&whole)),
            Err(CallError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
