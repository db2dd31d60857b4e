//! Deliveries on their way: one attempt each, or one after another where the order counts.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Courier;
use super::windows::Left;
use crate::clock::random_bytes;
use crate::domain::time::Span;
use crate::domain::webhook::delivery::{JITTER_THOUSANDTHS_MAX, Next, Turn, next};
use crate::domain::webhook::endpoint::{Standing, secrets_at};
use crate::store::courier::{AttemptRecord, DueDelivery, Unsent};
use crate::store::work::Claim;
use crate::webhooks::send::Outgoing;

/// What a lease must still have when an attempt begins: the attempt, and the time to write down what came of it.
const LEASE_LEFT_MIN: Span = Span::seconds(15);
/// An endpoint that has not answered for so long gets nothing else meanwhile.
const LATE_AFTER: Duration = Duration::from_secs(1);

/// An attempt that is over, and not written down yet.
pub struct Ended {
    pub(super) record: AttemptRecord,
    /// Until when its lease holds.
    pub(super) lease: Claim,
}

impl Courier {
    /// Makes one attempt.
    pub(super) async fn send_one(&self, due: DueDelivery, lease: &Claim) {
        if self.may_send(lease) {
            self.attempt(due, lease).await;
        } else {
            self.give_back(vec![due], lease).await;
        }
    }

    /// Makes one attempt after the other, until one fails: what comes after that one waits.
    pub(super) async fn send_chain(&self, chain: Vec<DueDelivery>, lease: &Claim) {
        let (mut rest, mut unwanted) = (chain.into_iter(), None);
        while self.may_send(lease)
            && let Some(mut due) = rest.next()
        {
            if !self.is_wanted_still(&mut due).await {
                unwanted = Some(due);
                break;
            }
            if self.attempt(due, lease).await != Left::Answered {
                break;
            }
        }
        self.give_back(unwanted.into_iter().chain(rest).collect(), lease).await;
    }

    /// Brings a delivery that had to wait for others up to date: meanwhile its endpoint may have been paused, moved, or
    /// given another secret. Answers whether it is to be sent.
    async fn is_wanted_still(&self, due: &mut DueDelivery) -> bool {
        match self.store.endpoint_load(due.webhook).await {
            Ok(Some(endpoint)) if endpoint.standing == Standing::Active => {
                due.secrets = secrets_at(self.clock.now(), endpoint.secret, endpoint.previous);
                due.url = endpoint.url;
                true
            }
            Ok(_) => false,
            Err(error) => {
                tracing::warn!(%error, "an endpoint could not be read; what is to be caught up on waits");
                false
            }
        }
    }

    fn may_send(&self, lease: &Claim) -> bool {
        !self.is_stopping() && LEASE_LEFT_MIN <= lease.until.since(self.clock.now())
    }

    /// Sends, and hands over what came of it; the delivery keeps its place until that is written down.
    async fn attempt(&self, due: DueDelivery, lease: &Claim) -> Left {
        self.counters.attempts.fetch_add(1, Ordering::Relaxed);
        let DueDelivery { id, webhook, url, secrets, event, attempts, .. } = due;
        let mut answer = pin!(self.sender.send(Outgoing { url, secrets, event, at: self.clock.now() }));
        let answer = match tokio::time::timeout(LATE_AFTER, &mut answer).await {
            Ok(answer) => answer,
            Err(_) => {
                self.windows().late(webhook, id);
                answer.await
            }
        };
        let (attempts, at) = (attempts.saturating_add(1), self.clock.now());
        let next = next(attempts, answer.outcome, jitter(), at);
        let record = AttemptRecord {
            delivery: id,
            webhook,
            lease: lease.token.clone(),
            attempts,
            next,
            status: answer.status(),
            excerpt: answer.excerpt,
            error: answer.error,
            at,
        };
        if self.ended.send(Ended { record, lease: lease.clone() }).await.is_err() {
            tracing::warn!(delivery.id = %id, "an attempt could not be recorded; it is made again");
        }
        if next == Next::Delivered { Left::Answered } else { Left::Failed }
    }

    /// What was leased and not sent waits again as before.
    async fn give_back(&self, unsent: Vec<DueDelivery>, lease: &Claim) {
        if unsent.is_empty() {
            return;
        }
        // What is caught up on goes by the events' own age, also if somebody else's lease of it had run out.
        let due_at = |due: &DueDelivery| if due.turn == Turn::CatchUp { due.event_micros } else { due.due_micros };
        let rows = unsent.iter().map(|due| Unsent { delivery: due.id, due_micros: due_at(due) }).collect();
        if let Err(error) = self.store.deliveries_release(rows, lease.token.clone()).await {
            tracing::warn!(%error, "leased deliveries could not be given back; their leases run out");
        }
        for due in unsent {
            self.windows().leave(due.webhook, due.id, Left::Unsent);
        }
        self.tell_freed();
    }
}

/// A fresh number of thousandths that a waiting time is longer.
fn jitter() -> i64 {
    i64::from(u32::from_be_bytes(random_bytes())).rem_euclid(JITTER_THOUSANDTHS_MAX.saturating_add(1))
}
