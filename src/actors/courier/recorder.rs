//! Writes down what came of attempts, all that ended meanwhile in one transaction.
//!
//! While the storage is away it tries again as long as the leases hold. Then it lets go: the deliveries are leased
//! and sent once more, which receivers tell by the event's id.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Courier;
use super::sending::Ended;
use super::windows::Left;
use crate::domain::webhook::delivery::Next;
use crate::store::StoreError;
use crate::store::courier::AttemptRecord;
use crate::supervision::contained;

/// How many attempts one transaction takes.
const GROUP_MAX: usize = 256;
/// The time until the second try, and the longest between two.
const AGAIN_AFTER: Duration = Duration::from_millis(50);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(2);
/// How often it is tried while the service ends.
const LAST_TRIES: usize = 3;

/// Who writes down what came of attempts.
pub struct Recorder(pub(super) mpsc::Receiver<Ended>);

impl Recorder {
    /// Works for this courier until there is none any more.
    pub(super) async fn run(mut self, courier: Courier) {
        while let Some(first) = self.0.recv().await {
            let mut group = vec![first];
            while group.len() < GROUP_MAX
                && let Ok(ended) = self.0.try_recv()
            {
                group.push(ended);
            }
            let places: Vec<_> = group.iter().map(|ended| (ended.record.webhook, ended.record.delivery)).collect();
            if contained("courier", courier.keep(group)).await.is_none() {
                courier.give_up(places);
            }
        }
    }
}

impl Courier {
    /// Records, and only then gives the places up: what is under way is what the store does not know yet.
    async fn keep(&self, group: Vec<Ended>) {
        match self.record(&group).await {
            // One of them must not take the others with it.
            Err(StoreError::Broken(_)) if 1 < group.len() => {
                for ended in &group {
                    self.record_or_log(std::slice::from_ref(ended)).await;
                }
            }
            Err(error) => log_unrecorded(&error, &group),
            Ok(()) => {}
        }
        for ended in group {
            let left = if ended.record.next == Next::Delivered { Left::Answered } else { Left::Failed };
            self.windows().leave(ended.record.webhook, ended.record.delivery, left);
        }
        self.tell_freed();
    }

    async fn record_or_log(&self, group: &[Ended]) {
        if let Err(error) = self.record(group).await {
            log_unrecorded(&error, group);
        }
    }

    async fn record(&self, group: &[Ended]) -> Result<(), StoreError> {
        let records: Arc<[AttemptRecord]> = group.iter().map(|ended| ended.record.clone()).collect();
        let (mut tries, mut wait) = (1_usize, AGAIN_AFTER);
        loop {
            match self.store.attempts_record(records.clone()).await {
                Ok(disabled) => {
                    for id in disabled {
                        tracing::warn!(webhook.id = %id, "an endpoint was disabled: it failed too often, or said that it is gone");
                    }
                    return Ok(());
                }
                Err(error @ StoreError::Unavailable(_)) if self.may_try_again(tries, group) => {
                    tracing::warn!(%error, attempts = group.len(), "attempts could not be recorded; trying again");
                }
                Err(error) => return Err(error),
            }
            tokio::time::sleep(wait).await;
            tries = tries.saturating_add(1);
            wait = wait.saturating_mul(2).min(AGAIN_AFTER_MAX);
        }
    }

    fn may_try_again(&self, tries: usize, group: &[Ended]) -> bool {
        let now = self.clock.now();
        let holds = group.iter().any(|ended| now < ended.lease.until);
        holds && (tries < LAST_TRIES || !self.is_stopping())
    }
}

fn log_unrecorded(error: &StoreError, group: &[Ended]) {
    tracing::error!(%error, attempts = group.len(), "attempts could not be recorded; they are made again");
}
