//! Who waits for an order's next change: requests for one (`?wait=`), and pages that watch an order.
//!
//! A change on this node is told at once; one on another node is found by looking again. Waiters and watchers are
//! bounded apart, so that open pages keep no program waiting, and all of them are let go at shutdown.

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
/// How many pages may watch an order on this node at once.
const WATCHERS_MAX: usize = 1_000;
/// How often a waiter looks for a change that another node made; the contract allows 2 s.
const LOOK_AGAIN: Duration = Duration::from_millis(1_500);

/// The board on which changes are announced. Clones share it.
#[derive(Clone)]
pub struct ChangeBoard(Arc<Board>);

struct Board {
    store: Store,
    orders: DashMap<OrderId, Arc<Notify>>,
    waiters: Arc<AtomicUsize>,
    watchers: Arc<AtomicUsize>,
    closed: AtomicBool,
}

impl ChangeBoard {
    /// A board over the orders of this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let (waiters, watchers) = (Arc::default(), Arc::default());
        Self(Arc::new(Board { store, orders: DashMap::new(), waiters, watchers, closed: AtomicBool::new(false) }))
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
        let seat = Seat::take(&self.0.waiters, WAITERS_MAX)?;
        Place::take(&self.0, id, seat).newer(since, at_most).await
    }

    /// Takes a place from which an order is watched.
    ///
    /// # Errors
    /// [`OrderError::Busy`] past the bound of watchers.
    pub fn watch(&self, id: OrderId) -> Result<Watch, OrderError> {
        let seat = Seat::take(&self.0.watchers, WATCHERS_MAX)?;
        Ok(Watch(Place::take(&self.0, id, seat)))
    }
}

/// A place from which an order is watched, change by change; given back when it goes.
pub struct Watch(Place);

impl Watch {
    /// Waits until the order is newer than `since`, at most so long, and answers it as it then is; nothing once the
    /// node ends.
    ///
    /// # Errors
    /// Not found; not read.
    pub async fn newer(&self, since: Timestamp, at_most: Duration) -> Result<Option<Order>, OrderError> {
        let order = self.0.newer(since, at_most).await?;
        Ok(Some(order).filter(|_| !self.0.board.closed.load(Ordering::Acquire)))
    }
}

impl Board {
    async fn order(&self, id: OrderId) -> Result<Order, OrderError> {
        self.store.order_load(id).await?.ok_or(OrderError::NotFound)
    }
}

/// One of a bounded number; given back when it goes.
struct Seat(Arc<AtomicUsize>);

impl Seat {
    fn take(taken: &Arc<AtomicUsize>, at_most: usize) -> Result<Self, OrderError> {
        // Dropped again at once where there are too many.
        let seat = Self(taken.clone());
        let free = taken.fetch_add(1, Ordering::AcqRel) < at_most;
        if free { Ok(seat) } else { Err(OrderError::Busy("too many requests wait for a change")) }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Who waits for one order; no longer when it goes.
struct Place {
    board: Arc<Board>,
    id: OrderId,
    notify: Arc<Notify>,
    _seat: Seat,
}

impl Place {
    fn take(board: &Arc<Board>, id: OrderId, seat: Seat) -> Self {
        let notify = board.orders.entry(id).or_default().clone();
        Self { board: board.clone(), id, notify, _seat: seat }
    }

    async fn newer(&self, since: Timestamp, at_most: Duration) -> Result<Order, OrderError> {
        let board = &self.board;
        // The time-out is the transport's, so real time: a test that moves the clock must not wait for it.
        let newer = timeout(at_most, async {
            loop {
                let told = self.notify.notified();
                let order = board.order(self.id).await?;
                if since < order.updated_at || board.closed.load(Ordering::Acquire) {
                    return Ok(order);
                }
                drop(timeout(LOOK_AGAIN, told).await);
            }
        });
        match newer.await {
            Ok(found) => found,
            Err(_) => board.order(self.id).await,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Two holders are left when nobody else waits: the board itself and this place.
        self.board.orders.remove_if(&self.id, |_, notify| Arc::strong_count(notify) <= 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_bounded_and_free_again_when_they_are_given_back() {
        let taken = Arc::default();
        let mut seats: Vec<Seat> = (0..3).map(|_| Seat::take(&taken, 3).unwrap()).collect();
        for _ in 0..2 {
            assert!(matches!(Seat::take(&taken, 3), Err(OrderError::Busy(_))), "a refusal takes no seat");
        }
        seats.pop();
        assert!(Seat::take(&taken, 3).is_ok());
        drop(seats);
        assert_eq!(taken.load(Ordering::Acquire), 0);
    }
}
