//! Who waits for an order's next change: requests for one (`?wait=`), and pages that watch an order.
//!
//! A change on this node is told at once; one on another node is found by looking again. Waiters and watchers are
//! bounded apart, so that open pages keep no program waiting, and by account. All of them are let go at shutdown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::OrderError;
use super::seats::{Seat, Seats};
use crate::config::Descriptors;
use crate::domain::ids::{AccountId, OrderId};
use crate::domain::order::Order;
use crate::domain::time::Timestamp;
use crate::store::Store;

/// Which part of all places one account may take.
const ACCOUNT_SHARE: usize = 8;
/// How many pages may watch the same order: whoever has its link takes no more, and leaves the others theirs.
const WATCHERS_OF_ORDER_MAX: usize = 16;
/// How often a waiter looks for a change that another node made; the contract allows 2 s.
const LOOK_AGAIN: Duration = Duration::from_millis(1_500);
/// How often a watcher asks whether another node made a change.
const ASK_AGAIN: Duration = Duration::from_secs(2);

const FULL: OrderError = OrderError::Busy("too many requests wait for a change");

/// The board on which changes are announced. Clones share it.
#[derive(Clone)]
pub struct ChangeBoard(Arc<Board>);

struct Board {
    store: Store,
    orders: DashMap<OrderId, Arc<Spot>>,
    waiters: Seats<AccountId>,
    watchers: Seats<AccountId>,
    watchers_of_order: Seats<OrderId>,
    closed: AtomicBool,
}

/// Where those of one order meet.
#[derive(Default)]
struct Spot {
    changed: Notify,
}

impl ChangeBoard {
    /// A board over the orders of this store, for as many as there are descriptors for.
    #[must_use]
    pub fn new(store: Store, descriptors: &Descriptors) -> Self {
        let shared_out = |seats_max: usize| Seats::new(seats_max, seats_max.div_ceil(ACCOUNT_SHARE));
        Self(Arc::new(Board {
            store,
            orders: DashMap::new(),
            waiters: shared_out(descriptors.waiters_max()),
            watchers: shared_out(descriptors.streams_max()),
            watchers_of_order: Seats::new(usize::MAX, WATCHERS_OF_ORDER_MAX),
            closed: AtomicBool::new(false),
        }))
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
    /// [`OrderError::Busy`] past the bound of waiters, of its account or of all; not found; not read.
    pub async fn wait(&self, order: &Order, since: Timestamp, at_most: Duration) -> Result<Order, OrderError> {
        let seat = self.0.waiters.take(order.account_id).ok_or(FULL)?;
        Place::take(&self.0, order.id, seat).newer(since, at_most).await
    }

    /// Takes a place from which an order is watched.
    ///
    /// # Errors
    /// [`OrderError::Busy`] past the bound of watchers, of this order, of its account or of all.
    pub fn watch(&self, order: &Order) -> Result<Watch, OrderError> {
        let of_order = self.0.watchers_of_order.take(order.id).ok_or(FULL)?;
        let seat = self.0.watchers.take(order.account_id).ok_or(FULL)?;
        Ok(Watch { place: Place::take(&self.0, order.id, seat), _of_order: of_order })
    }
}

/// A place from which an order is watched, change by change; given back when it goes.
pub struct Watch {
    place: Place,
    _of_order: Seat<OrderId>,
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

/// Who waits for one order; no longer when it goes.
struct Place {
    board: Arc<Board>,
    id: OrderId,
    spot: Arc<Spot>,
    _seat: Seat<AccountId>,
}

impl Place {
    fn take(board: &Arc<Board>, id: OrderId, seat: Seat<AccountId>) -> Self {
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
