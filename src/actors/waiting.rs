//! Who waits for an order's next change (`?wait=`).
//!
//! A change on this node is told at once; one on another node is found by looking again. Waiters are
//! bounded, and all of them are answered at shutdown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::OrderError;
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::domain::time::Timestamp;
use crate::store::Store;

/// How many may wait on this node at once (contract, section 3).
const WAITERS_MAX: usize = 1_000;
/// How often a waiter looks for a change that another node made; the contract allows 2 s.
const LOOK_AGAIN: Duration = Duration::from_millis(1_500);

/// The board on which changes are announced. Clones share it.
#[derive(Clone)]
pub struct ChangeBoard(Arc<Board>);

struct Board {
    store: Store,
    orders: DashMap<OrderId, Arc<Notify>>,
    waiters: AtomicUsize,
    closed: AtomicBool,
}

impl ChangeBoard {
    /// A board over the orders of this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let (orders, waiters, closed) = (DashMap::new(), AtomicUsize::new(0), AtomicBool::new(false));
        Self(Arc::new(Board { store, orders, waiters, closed }))
    }

    /// Tells everybody who waits for this order.
    pub fn tell(&self, id: OrderId) {
        if let Some(notify) = self.0.orders.get(&id) {
            notify.notify_waiters();
        }
    }

    /// Answers everybody with what is; from now on nobody waits.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        for entry in &self.0.orders {
            entry.value().notify_waiters();
        }
    }

    /// Waits until the order is newer than `since`, at most so long, and answers it as it then is.
    ///
    /// # Errors
    /// [`OrderError::Busy`] past the bound of waiters; not found; not read.
    pub async fn wait(&self, id: OrderId, since: Timestamp, at_most: Duration) -> Result<Order, OrderError> {
        let place = Place::take(self, id)?;
        // The time-out is the transport's, so real time: a test that moves the clock must not wait for it.
        let newer = timeout(at_most, async {
            loop {
                let told = place.notify.notified();
                let order = self.0.order(id).await?;
                if since < order.updated_at || self.0.closed.load(Ordering::Acquire) {
                    return Ok(order);
                }
                drop(timeout(LOOK_AGAIN, told).await);
            }
        });
        match newer.await {
            Ok(found) => found,
            Err(_) => self.0.order(id).await,
        }
    }
}

impl Board {
    async fn order(&self, id: OrderId) -> Result<Order, OrderError> {
        self.store.order_load(id).await?.ok_or(OrderError::NotFound)
    }
}

/// One waiter's place; given back when it goes.
struct Place {
    board: Arc<Board>,
    id: OrderId,
    notify: Arc<Notify>,
}

impl Place {
    fn take(board: &ChangeBoard, id: OrderId) -> Result<Self, OrderError> {
        let board = board.0.clone();
        if board.waiters.fetch_add(1, Ordering::AcqRel) >= WAITERS_MAX {
            board.waiters.fetch_sub(1, Ordering::AcqRel);
            return Err(OrderError::Busy("too many requests wait for a change"));
        }
        let notify = board.orders.entry(id).or_default().clone();
        Ok(Self { board, id, notify })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.board.waiters.fetch_sub(1, Ordering::AcqRel);
        // Two holders are left when nobody else waits: the board itself and this place.
        self.board.orders.remove_if(&self.id, |_, notify| Arc::strong_count(notify) <= 2);
    }
}
