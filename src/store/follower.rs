//! What follows the commits: the search index is fed, refused IPNs are kept.
//!
//! Inside the transaction the index would cost a third of the rate and the p99; so a commit only queues
//! the order, and this task takes queued orders in, at most [`FEED_EVERY`] later. It carries no data and
//! forgets nothing: what a crash interrupts is still queued.

use std::time::Duration;

use tokio::sync::mpsc;

use super::{Access, RefusedIpn};
use crate::clock::fresh_uuid;
use crate::repeats::Repeats;
use crate::supervision::contained;

/// The longest time between two looks at the queue.
pub const FEED_EVERY: Duration = Duration::from_millis(500);
/// How many orders one transaction takes in: few, because on SQLite commits wait meanwhile.
const FEED_ORDERS_MAX: i64 = 256;
/// A breath between two full pages, for the commits that wait.
const BREATH: Duration = Duration::from_millis(2);

/// Refused IPNs that could not be kept.
static NOT_KEPT: Repeats = Repeats::new();

/// Feeds until the store's runtime ends.
pub async fn feed_search(access: Access) {
    loop {
        match contained("search index", access.search_feed(FEED_ORDERS_MAX)).await {
            Some(Ok(taken)) if i64::try_from(taken).is_ok_and(|taken| taken >= FEED_ORDERS_MAX) => {
                tokio::time::sleep(BREATH).await;
            }
            None | Some(Ok(_)) => tokio::time::sleep(FEED_EVERY).await,
            Some(Err(error)) => {
                tracing::warn!(%error, "the search index could not be fed; trying again");
                tokio::time::sleep(FEED_EVERY).await;
            }
        }
    }
}

/// Keeps refused bodies, one after the other, beside the queue of commits that they must not crowd.
pub async fn keep_refused(access: Access, mut waiting: mpsc::Receiver<RefusedIpn>) {
    while let Some(refused) = waiting.recv().await {
        let id = fresh_uuid(refused.at).to_string();
        if let Some(Err(error)) = contained("refused IPNs", access.refused_ipn_keep(id, refused)).await
            && let Some(unlogged) = NOT_KEPT.count(&error.to_string())
        {
            tracing::warn!(%error, unlogged, "a refused IPN could not be kept");
        }
    }
}
