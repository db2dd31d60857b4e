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
/// How many of them may watch the same one: whoever has its link takes no more, and leaves the others theirs.
const WATCHERS_OF_ORDER_MAX: usize = 16;
/// How often a waiter looks for a change that another node made; the contract allows 2 s.
const LOOK_AGAIN: Duration = Duration::from_millis(1_500);
/// How often a watcher asks whether another node made a change.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// The board on which changes are announced. Clones share it.
#[derive(Clone)]
pub struct ChangeBoard(Arc<Board>);

struct Board {
    store: Store,
    orders: DashMap<OrderId, Arc<Spot>>,
    waiters: Arc<AtomicUsize>,
    watchers: Arc<AtomicUsize>,
    closed: AtomicBool,
}

/// Where those of one order meet.
#[derive(Default)]
struct Spot {
    changed: Notify,
    watchers: Arc<AtomicUsize>,
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
        if let Some(spot) = self.0.orders.get(&id) {
            spot.changed.notify_waiters();
        }
    }

    /// Answers everybody with what is; from now on nobody waits.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        for entry in &self.0.orders {
            entry.value().changed.notify_waiters();
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
    /// [`OrderError::Busy`] past the bound of watchers, of this order or of all.
    pub fn watch(&self, id: OrderId) -> Result<Watch, OrderError> {
        let seat = Seat::take(&self.0.watchers, WATCHERS_MAX)?;
        let place = Place::take(&self.0, id, seat);
        let seat = Seat::take(&place.spot.watchers, WATCHERS_OF_ORDER_MAX)?;
        Ok(Watch { place, _seat: seat })
    }
}

/// A place from which an order is watched, change by change; given back when it goes.
pub struct Watch {
    place: Place,
    _seat: Seat,
}

/// What a watcher is told.
pub enum News {
    /// The order has changed: as it is now.
    Changed(Box<Order>),
    /// It has not, for as long as was asked.
    Nothing,
    /// The node ends.
    Closed,
}

impl Watch {
    /// Waits until the order is newer than `since`, at most so long.
    ///
    /// # Errors
    /// Not found; not read.
    pub async fn newer(&self, since: Timestamp, at_most: Duration) -> Result<News, OrderError> {
        let Place { board, id, spot, .. } = &self.place;
        let news = timeout(at_most, async {
            loop {
                let told = spot.changed.notified();
                if board.closed.load(Ordering::Acquire) {
                    return Ok(News::Closed);
                }
                // Pages are many and changes few: the order itself is read when there is something to see.
                let updated_at = board.store.order_updated_at(*id).await?.ok_or(OrderError::NotFound)?;
                if since < updated_at {
                    return board.order(*id).await.map(|order| News::Changed(Box::new(order)));
                }
                drop(timeout(ASK_AGAIN, told).await);
            }
        });
        news.await.unwrap_or(Ok(News::Nothing))
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
    spot: Arc<Spot>,
    _seat: Seat,
}

impl Place {
    fn take(board: &Arc<Board>, id: OrderId, seat: Seat) -> Self {
        let spot = board.orders.entry(id).or_default().clone();
        Self { board: board.clone(), id, spot, _seat: seat }
    }

    async fn newer(&self, since: Timestamp, at_most: Duration) -> Result<Order, OrderError> {
        let board = &self.board;
        // The time-out is the transport's, so real time: a test that moves the clock must not wait for it.
        let newer = timeout(at_most, async {
            loop {
                let told = self.spot.changed.notified();
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
        self.board.orders.remove_if(&self.id, |_, spot| Arc::strong_count(spot) <= 2);
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
