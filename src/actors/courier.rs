//! Sends merchants what they are to be told.
//!
//! Whoever queues something rings the [`Bell`]; it says *that* something may be due, and what is due is read from the
//! store. A round walks through the endpoints, leases what may be sent now (`courier/rounds.rs`, `courier/windows.rs`)
//! and never waits for a receiver: each delivery is on its way by itself (`courier/sending.rs`), and what came of it
//! is written down with the others that ended meanwhile (`courier/recorder.rs`). Nothing is kept only in memory: what
//! a dead node had leased is taken over once its lease has run out. Rounds never fail: they log, and the next look
//! tries again.

mod recorder;
mod rounds;
mod sending;
mod windows;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::{mpsc, watch};

use super::bell::Bell;
use super::wake::Wake;
use crate::clock::Clock;
use crate::config::WebhookSettings;
use crate::domain::ids::WebhookId;
use crate::store::Store;
use crate::supervision::contained;
use crate::webhooks::send::Sender;

pub use recorder::Recorder;
use sending::Ended;
use windows::Windows;

/// How often it looks without having been rung: retries become due, and other nodes queue and die.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the end waits for attempts under way; each takes ten seconds at most.
const STOP_LASTS: Duration = Duration::from_secs(15);
/// How many messages may wait.
const MAILBOX_MAX: usize = 16;

/// What the courier has done since it started.
#[derive(Debug, Default)]
pub struct CourierCounters {
    /// Attempts that were made.
    pub attempts: AtomicU64,
    /// Deliveries that somebody had leased and not finished.
    pub taken_over: AtomicU64,
}

/// What rounds, deliveries and the recorder share. Clones share it.
#[derive(Clone)]
pub struct Courier {
    store: Store,
    clock: Clock,
    settings: WebhookSettings,
    sender: Sender,
    bell: Bell,
    counters: Arc<CourierCounters>,
    memory: Arc<Memory>,
    ended: mpsc::Sender<Ended>,
}

/// What a node's courier remembers; a fresh one does as well without.
struct Memory {
    windows: Mutex<Windows>,
    /// After whom the next round begins: the one that was next when all places were taken.
    begins_after: Mutex<Option<WebhookId>>,
    /// Changes with every place that becomes free.
    freed: watch::Sender<u64>,
    stopping: AtomicBool,
}

/// Where the courier works and whom it hears.
pub struct Surroundings {
    /// Where deliveries are.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Whether anything is sent.
    pub settings: WebhookSettings,
    /// How many deliveries may be under way at a time.
    pub places: usize,
    /// What rings when something was queued.
    pub bell: Bell,
}

impl Courier {
    /// A courier that sends by this sender, and its recorder.
    #[must_use]
    pub fn new(surroundings: Surroundings, sender: Sender) -> (Self, Recorder) {
        let Surroundings { store, clock, settings, places, bell } = surroundings;
        let (ended, results) = mpsc::channel(places);
        let memory = Memory {
            windows: Mutex::new(Windows::new(places)),
            begins_after: Mutex::default(),
            freed: watch::Sender::new(0),
            stopping: AtomicBool::new(false),
        };
        let memory = Arc::new(memory);
        let courier = Self { store, clock, settings, sender, bell, counters: Arc::default(), memory, ended };
        (courier, Recorder(results))
    }

    /// What it has done.
    #[must_use]
    pub fn counters(&self) -> &CourierCounters {
        &self.counters
    }

    /// Leases nothing any more, and sends nothing that was not sent yet.
    pub fn halt(&self) {
        self.memory.stopping.store(true, Ordering::Release);
    }

    fn is_stopping(&self) -> bool {
        self.memory.stopping.load(Ordering::Acquire)
    }

    fn windows(&self) -> MutexGuard<'_, Windows> {
        self.memory.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whoever waits for free places, and the next round.
    fn tell_freed(&self) {
        self.memory.freed.send_modify(|times| *times = times.wrapping_add(1));
        self.bell.ring();
    }

    /// Looks until nothing is due that may be sent, and nothing is on its way.
    async fn settle(&self) {
        let mut freed = self.memory.freed.subscribe();
        loop {
            freed.mark_unchanged();
            // What ends while it looks may be what something due is waiting for.
            let was_quiet = self.windows().taken() == 0;
            let leased = self.look().await;
            if self.windows().taken() > 0 {
                drop(freed.changed().await);
            } else if was_quiet && leased == 0 {
                return;
            }
        }
    }

    /// Waits until nothing is on its way.
    async fn finish(&self) {
        let mut freed = self.memory.freed.subscribe();
        let quiet = async {
            loop {
                freed.mark_unchanged();
                if self.windows().taken() == 0 {
                    return;
                }
                drop(freed.changed().await);
            }
        };
        if tokio::time::timeout(STOP_LASTS, quiet).await.is_err() {
            tracing::warn!("deliveries are still under way; whoever comes next takes them over");
        }
    }
}

/// The actor: the bell wakes it, its timer does, and so does a [`Wake`], which it answers when everything due was
/// attempted and recorded.
pub struct CourierActor {
    courier: Courier,
    recorder: Option<Recorder>,
}

impl CourierActor {
    /// The actor of this courier.
    #[must_use]
    pub fn new(courier: Courier, recorder: Recorder) -> Self {
        Self { courier, recorder: Some(recorder) }
    }
}

impl Actor for CourierActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_MAX);
        if let Some(recorder) = self.recorder.take() {
            actix::spawn(recorder.run(self.courier.clone()));
        }
        actix::spawn(wake(ctx.address(), self.courier.bell.clone()));
    }
}

/// Has the actor look at the start, when the bell rings, and from time to time.
async fn wake(courier: Addr<CourierActor>, bell: Bell) {
    while courier.send(Look).await.is_ok() {
        // It is the same to us which of them it was.
        drop(tokio::time::timeout(LOOK_EVERY, bell.rung()).await);
    }
}

/// Send what is due, as far as there are places. Answers when it is on its way.
#[derive(Message)]
#[rtype(result = "()")]
struct Look;

impl Handler<Look> for CourierActor {
    // Atomic: rounds never overlap.
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, _: Look, _: &mut Context<Self>) -> Self::Result {
        let courier = self.courier.clone();
        let look = async move {
            contained("courier", courier.look()).await;
        };
        AtomicResponse::new(Box::pin(look.into_actor(self)))
    }
}

impl Handler<Wake> for CourierActor {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, _: Wake, _: &mut Context<Self>) -> Self::Result {
        let courier = self.courier.clone();
        let settle = async move {
            contained("courier", courier.settle()).await;
        };
        AtomicResponse::new(Box::pin(settle.into_actor(self)))
    }
}

/// Come to an end. Answers when nothing is under way any more, and all of it is recorded.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Finish;

impl Handler<Finish> for CourierActor {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, _: Finish, _: &mut Context<Self>) -> Self::Result {
        let courier = self.courier.clone();
        let finish = async move {
            courier.halt();
            courier.finish().await;
        };
        AtomicResponse::new(Box::pin(finish.into_actor(self)))
    }
}
