//! Finds the actor of an order, or starts it.
//!
//! An actor runs on the thread of its first message, so that most messages cost no switch of threads; requests spread
//! over all cores, and the actors with them. One that is idle is let go, one that panicked or whose
//! thread has ended is started again from the store; a message that meets a closed mailbox is sent again through here,
//! so that nothing is lost between "idle" and "stopped".

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use actix::dev::ToEnvelope;
use actix::prelude::*;
use dashmap::DashMap;

use super::OrderError;
use super::order::{Command, Heard, ORDER_MAILBOX_MAX, OrderActor, Place, Placed, Surroundings, Take, Told};
use super::waiting::Watch;
use crate::clock::MonotonicTime;
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::domain::time::{Span, Timestamp};
use crate::store::changeset::CommitError;

/// How long an order's actor stays after its last message.
const IDLE_AFTER: Span = Span::seconds(5);
/// Past so many live actors, every one that has nothing waiting is let go.
const LIVE_ORDERS_MAX: usize = 4_096;
/// How long a caller waits for the answer. The work is not cancelled by it.
const REPLY_TIMEOUT: Duration = Duration::from_secs(20);
/// How often a message is sent again after it met a closed mailbox.
const SEND_ATTEMPTS_MAX: usize = 3;

/// The way to every order. Clones share it.
#[derive(Clone)]
pub struct OrderDirectory(Arc<Directory>);

struct Directory {
    live: DashMap<OrderId, Arc<Live>>,
    surroundings: Arc<Surroundings>,
}

/// A live actor.
struct Live {
    addr: Addr<OrderActor>,
    waiting: AtomicUsize,
    used_at_millis: AtomicI64,
}

impl OrderDirectory {
    /// A directory without any actor yet.
    #[must_use]
    pub fn new(surroundings: Surroundings) -> Self {
        Self(Arc::new(Directory { live: DashMap::new(), surroundings: Arc::new(surroundings) }))
    }

    /// Places an order, under a key if there is one.
    ///
    /// # Errors
    /// [`OrderError`]: not stored, perhaps stored, or busy.
    pub async fn place(&self, place: Place) -> Result<Placed, OrderError> {
        let order = self.visit(place.new.id)?;
        match tokio::time::timeout(REPLY_TIMEOUT, order.live.addr.send(place)).await {
            Ok(Ok(answer)) => answer,
            // Its actor is gone, and perhaps not before the commit: the key tells at the next try.
            Ok(Err(_)) | Err(_) => Err(CommitError::Unknown("the order's actor did not answer".to_owned()).into()),
        }
    }

    /// Tells an order what a witness says.
    ///
    /// # Errors
    /// [`OrderError`].
    pub async fn tell(&self, id: OrderId, told: Told) -> Result<Heard, OrderError> {
        self.send(id, told).await
    }

    /// Hands an order a payment that was made for it.
    ///
    /// # Errors
    /// [`OrderError`].
    pub async fn take(&self, id: OrderId, take: Take) -> Result<Heard, OrderError> {
        self.send(id, take).await
    }

    /// Asks an order for a change. Answers the order as it is afterwards, also where nothing changed.
    ///
    /// # Errors
    /// [`OrderError`].
    pub async fn ask(&self, id: OrderId, command: Command) -> Result<Order, OrderError> {
        self.send(id, command).await
    }

    /// Waits until the order is newer than `since`, at most so long, and answers it as it then is.
    ///
    /// # Errors
    /// [`OrderError::Busy`] past the bound of waiters.
    pub async fn wait(&self, order: &Order, since: Timestamp, at_most: Duration) -> Result<Order, OrderError> {
        self.0.surroundings.changes.wait(order, since, at_most).await
    }

    /// Takes a place from which an order is watched.
    ///
    /// # Errors
    /// [`OrderError::Busy`] past the bound of watchers.
    pub fn watch(&self, order: &Order) -> Result<Watch, OrderError> {
        self.0.surroundings.changes.watch(order)
    }

    /// Answers everybody who waits for a change; at shutdown.
    pub fn close_waiting(&self) {
        self.0.surroundings.changes.close();
    }

    /// Lets go of actors that have been idle for long; past the bound, of every one that has nothing to do.
    pub fn retire_idle(&self) {
        let crowded = self.0.live.len() > LIVE_ORDERS_MAX;
        let now = self.0.surroundings.clock.monotonic();
        self.0.live.retain(|_, live| {
            let busy = live.waiting.load(Ordering::Acquire) > 0;
            let used_at = MonotonicTime::from_millis(live.used_at_millis.load(Ordering::Acquire));
            busy || (!crowded && now.since(used_at) < IDLE_AFTER)
        });
    }

    async fn send<M, R>(&self, id: OrderId, message: M) -> Result<R, OrderError>
    where
        M: Message<Result = Result<R, OrderError>> + Clone + Send + 'static,
        R: Send + 'static,
        OrderActor: Handler<M>,
        Context<OrderActor>: ToEnvelope<OrderActor, M>,
    {
        for _ in 0..SEND_ATTEMPTS_MAX {
            let order = self.visit(id)?;
            match tokio::time::timeout(REPLY_TIMEOUT, order.live.addr.send(message.clone())).await {
                Ok(Ok(answer)) => return answer,
                // It stopped or panicked. What it did is in the store, where the next one looks.
                Ok(Err(_)) => self.forget(id, &order.live),
                Err(_) => break,
            }
        }
        Err(CommitError::Unknown("the order's actor did not answer".to_owned()).into())
    }

    /// The order's actor, started if it is not live. Refused past the bound of its mailbox.
    fn visit(&self, id: OrderId) -> Result<Visit, OrderError> {
        let directory = &self.0;
        let live = directory.live.entry(id).or_insert_with(|| Arc::new(directory.start(id))).clone();
        live.used_at_millis.store(directory.surroundings.clock.monotonic().millis(), Ordering::Release);
        let visit = Visit { live };
        if visit.live.waiting.fetch_add(1, Ordering::AcqRel) >= ORDER_MAILBOX_MAX {
            return Err(OrderError::Busy("too many requests for this order"));
        }
        Ok(visit)
    }

    fn forget(&self, id: OrderId, gone: &Arc<Live>) {
        self.0.live.remove_if(&id, |_, live| Arc::ptr_eq(live, gone));
    }
}

impl Directory {
    fn start(&self, id: OrderId) -> Live {
        let addr = OrderActor::new(id, self.surroundings.clone()).start();
        Live { addr, waiting: AtomicUsize::new(0), used_at_millis: AtomicI64::new(0) }
    }
}

/// One message's stay at an order: counted while it lasts.
struct Visit {
    live: Arc<Live>,
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.live.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}
