//! The actor that holds idempotency keys in use, and counts their further uses.
//!
//! The first use of a key holds it until its order is durable; concurrent uses wait for it and replay it.
//! A bounded memory answers for keys used lately; what is not in it is asked of the store, by the claim that
//! the order's commit carries (`store/queries/commit.rs`). Counters are committed before a replay is
//! answered. Rules: contract, section 3.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;

use actix::prelude::*;
use lru::LruCache;
use tokio::sync::oneshot;

use super::OrderError;
use crate::clock::Clock;
use crate::config::{IdempotencySettings, OnMismatch};
use crate::domain::idempotency::{Asked, IdempotencyKey};
use crate::domain::ids::AccountId;
use crate::store::Store;
use crate::store::changeset::{Changeset, CommitError, KeyRecord, KeyUse, KeyUseKind};

/// How many messages may wait for the actor.
const MAILBOX_MAX: usize = 8_192;
/// How many keys it remembers after their use: about 5 MB.
const REMEMBERED_MAX: NonZeroUsize = match NonZeroUsize::new(16_384) {
    Some(keys) => keys,
    None => NonZeroUsize::MIN,
};
/// How many callers may wait for the first use of their keys, over all keys.
const WAITING_MAX: usize = 8_192;

type Name = (AccountId, IdempotencyKey);

/// The actor.
pub struct IdempotencyActor {
    store: Store,
    clock: Clock,
    settings: IdempotencySettings,
    held: HashMap<Name, VecDeque<oneshot::Sender<Turn>>>,
    waiting: usize,
    used: LruCache<Name, KeyRecord>,
}

impl IdempotencyActor {
    /// An actor that holds no key yet.
    #[must_use]
    pub fn new(store: Store, clock: Clock, settings: IdempotencySettings) -> Self {
        Self { store, clock, settings, held: HashMap::new(), waiting: 0, used: LruCache::new(REMEMBERED_MAX) }
    }
}

impl Actor for IdempotencyActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_MAX);
    }
}

/// Begin a checkout under a key: answers whether this use is the first, after the first one is settled.
#[derive(Message)]
#[rtype(result = "Result<Begun, OrderError>")]
pub struct Begin {
    /// Whose key.
    pub account_id: AccountId,
    /// The key.
    pub key: IdempotencyKey,
    /// What is asked under it.
    pub asked: Asked,
}

/// What beginning came to.
#[derive(Debug)]
pub enum Begun {
    /// Nobody holds the key here: the caller does now, and must [`Finish`].
    First,
    /// The key was used before; this use is counted.
    Again(Again),
}

/// A further use of a key.
#[derive(Debug, Clone)]
pub struct Again {
    /// The first use.
    pub record: KeyRecord,
    /// What this one counts as.
    pub kind: KeyUseKind,
}

/// The holder is done. Wakes those who wait.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Finish {
    /// Whose key.
    pub account_id: AccountId,
    /// The key.
    pub key: IdempotencyKey,
    /// What the holder came to.
    pub came_to: CameTo,
}

/// What the holder of a key came to.
#[derive(Debug)]
pub enum CameTo {
    /// An order: the key's first use.
    Use(KeyRecord),
    /// A refusal before anything was written: the key is unused, and the next who waits may try for itself.
    Refusal,
    /// A failure, which would be everybody's.
    Nothing,
}

/// What one who waits for a key gets.
enum Turn {
    /// It was used.
    Used(KeyRecord),
    /// It is theirs now.
    Yours,
    /// It came to nothing.
    Lost,
}

impl Handler<Begin> for IdempotencyActor {
    type Result = ResponseFuture<Result<Begun, OrderError>>;

    fn handle(&mut self, begin: Begin, _: &mut Context<Self>) -> Self::Result {
        let name = (begin.account_id, begin.key.clone());
        let counter = Counter { store: self.store.clone(), clock: self.clock.clone(), settings: self.settings };
        let now = self.clock.now();
        if let Some(record) = self.used.get(&name) {
            if !record.is_forgotten(self.settings.retention, now) {
                let record = record.clone();
                return Box::pin(async move { counter.count(begin, record).await });
            }
            self.used.pop(&name);
        }
        let Some(waiters) = self.held.get_mut(&name) else {
            self.held.insert(name, VecDeque::new());
            return Box::pin(std::future::ready(Ok(Begun::First)));
        };
        if self.waiting >= WAITING_MAX {
            return Box::pin(std::future::ready(Err(OrderError::Busy("too many requests wait for their keys"))));
        }
        self.waiting = self.waiting.saturating_add(1);
        let (settled, wait) = oneshot::channel();
        waiters.push_back(settled);
        Box::pin(async move {
            match wait.await {
                Ok(Turn::Used(record)) => counter.count(begin, record).await,
                Ok(Turn::Yours) => Ok(Begun::First),
                Ok(Turn::Lost) | Err(_) => {
                    let cause = "the first request of this key was not stored".to_owned();
                    Err(CommitError::Unavailable(cause).into())
                }
            }
        })
    }
}

impl Handler<Finish> for IdempotencyActor {
    type Result = ();

    fn handle(&mut self, finish: Finish, _: &mut Context<Self>) {
        let name = (finish.account_id, finish.key);
        let mut waiters = self.held.remove(&name).unwrap_or_default();
        while let Some(waiter) = waiters.pop_front() {
            self.waiting = self.waiting.saturating_sub(1);
            // One that gave up meanwhile needs no answer, and takes no key.
            let heard = waiter.send(match &finish.came_to {
                CameTo::Use(record) => Turn::Used(record.clone()),
                CameTo::Refusal => Turn::Yours,
                CameTo::Nothing => Turn::Lost,
            });
            if heard.is_ok() && matches!(finish.came_to, CameTo::Refusal) {
                self.held.insert(name, waiters);
                return;
            }
        }
        if let CameTo::Use(record) = finish.came_to {
            self.used.put(name, record);
        }
    }
}

/// Counts a further use, durably, before anybody is told of it.
struct Counter {
    store: Store,
    clock: Clock,
    settings: IdempotencySettings,
}

impl Counter {
    async fn count(self, begin: Begin, record: KeyRecord) -> Result<Begun, OrderError> {
        let same = record.fingerprint() == begin.asked.fingerprint();
        let kind = match (same, self.settings.on_mismatch) {
            (true, OnMismatch::Replay | OnMismatch::Reject) => KeyUseKind::Replay,
            (false, OnMismatch::Replay) => KeyUseKind::MismatchReplayed,
            (false, OnMismatch::Reject) => KeyUseKind::MismatchRejected,
        };
        let mut changeset = Changeset::new(self.clock.now());
        changeset.replay = Some(KeyUse { account_id: begin.account_id, key: begin.key, kind });
        self.store.commit(changeset).await?;
        Ok(Begun::Again(Again { record, kind }))
    }
}
