//! The signal to the courier that a commit has queued deliveries.

use std::sync::Arc;

use tokio::sync::Notify;

/// Tells the courier of this node that something may be due. It carries no data: what is due is read from the store.
/// Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    /// Wakes the courier, now or as soon as it is free.
    pub fn ring(&self) {
        self.0.notify_one();
    }

    /// Waits until it was rung since the last time.
    pub async fn rung(&self) {
        self.0.notified().await;
    }
}
