//! Asks the provider about orders, above all those that are not paid: IPNs come late or never.
//!
//! The timer carries no data: it says *that* the poller should look, and what is due is read from the store, longest
//! due first. What is learned goes the way of an IPN, through the order's own actor. All nodes share one pace
//! (`queries/work.rs`), and a claim keeps two of them from asking about one order at once. A pass never fails: it
//! counts, logs once, and the next pass goes on. The schedule is `domain/polling.rs`; what is asked about one order
//! is in `poller/inquiry.rs`.

mod inquiry;
mod upkeep;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use futures_util::{StreamExt, stream};

use super::payments::{PaymentDesk, Tried};
use super::wake::Wake;
use crate::clock::MonotonicTime;
use crate::config::PollerSettings;
use crate::domain::ids::OrderId;
use crate::domain::order::{Order, Status};
use crate::domain::polling::{is_asked_about, next_look, next_try};
use crate::domain::time::{Span, Timestamp};
use crate::provider::client::CallError;
use crate::store::StoreError;
use crate::store::work::{Debt, Pace, ProviderWork};
use crate::supervision::contained;

use inquiry::{Inquiry, Reply};

/// How many due orders one read brings: all that a pass ever holds.
const PAGE_ORDERS: usize = 20;
/// How many orders are asked about at once.
const ASKED_AT_ONCE: usize = 4;
/// How many pages one pass goes through, and for how long at the most; the next pass goes on.
const PAGES_MAX: usize = 50;
const PASS_LASTS: Span = Span::seconds(60);
/// After so many questions in a row without an answer the provider is taken to be away, and the pass ends.
const UNANSWERED_MAX: u64 = 5;
/// For how long an order is claimed: longer than a look at it takes.
const CLAIM_LASTS: Span = Span::seconds(60);
/// When an order that waits for its payment to be made is looked at again.
const UNBOUND_AGAIN: Span = Span::minutes(1);
/// How long the sweeper waits for an answer before it goes by the clock alone.
const LOOK_LASTS: Duration = Duration::from_secs(10);
/// How many wake-ups may wait; one more is dropped, because a pass that begins later finds the same.
const MAILBOX_MAX: usize = 16;

/// What the poller has done since it started, looks before an expiry included.
#[derive(Debug, Default)]
pub struct PollCounters {
    /// Passes that ended.
    pub passes: AtomicU64,
    /// Questions that were sent to the provider.
    pub questions: AtomicU64,
    /// Answers that moved an order.
    pub news: AtomicU64,
    /// Those of them that an IPN should have told before.
    pub unannounced: AtomicU64,
    /// Questions without an answer, and answers that could not be stored.
    pub errors: AtomicU64,
}

/// What the timer's passes and the sweeper's looks share. Clones share it.
#[derive(Clone)]
pub struct Poller {
    /// Who makes payments, with the provider, the orders and the time.
    pub payments: PaymentDesk,
    /// Whether, how often and how fast the timer asks.
    pub settings: PollerSettings,
    /// What was done so far.
    pub counters: Arc<PollCounters>,
    /// What it remembers from one pass to the next.
    pub memory: Arc<PollMemory>,
}

/// What a node's poller remembers from one pass to the next.
#[derive(Debug, Default)]
pub struct PollMemory {
    /// When orders without a row are looked for next, in milliseconds of the monotonic time.
    adopts_at: AtomicI64,
    /// Questions in a row without an answer.
    unanswered: AtomicU64,
    /// Unannounced moves of which the log does not know yet.
    untold: AtomicU64,
    /// Why the newest question that came to nothing did.
    last_error: Mutex<Option<CallError>>,
}

impl PollMemory {
    fn keep_error(&self, error: CallError) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// The newest error, once.
    fn take_error(&self) -> Option<CallError> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What came of a look at one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// The provider told about its own payment, and the order knows it.
    Answered,
    /// The provider does not know the payment, or refuses to tell.
    NotTold,
    /// The provider wants to be left alone just now.
    NotAsked,
    /// No answer came.
    Unanswered,
    /// What it said could not be stored.
    NotStored,
}

/// The actor: its timer wakes it, and so does a [`Wake`].
pub struct PollerActor(pub Poller);

impl Actor for PollerActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_MAX);
        let millis = u64::try_from(self.0.settings.interval.as_millis()).unwrap_or(1_000);
        ctx.run_interval(Duration::from_millis(millis), |_, ctx| ctx.notify(Wake));
    }
}

impl Handler<Wake> for PollerActor {
    // Atomic: passes never overlap.
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, _: Wake, _: &mut Context<Self>) -> Self::Result {
        let poller = self.0.clone();
        let pass = async move {
            contained("poller", poller.pass()).await;
        };
        AtomicResponse::new(Box::pin(pass.into_actor(self)))
    }
}

impl Poller {
    /// Asks about an order that the clock is about to end, without waiting for the pace, and for ten seconds at the
    /// most.
    pub async fn look(&self, id: OrderId) -> Looked {
        if self.is_paused() {
            return Looked::NotAsked;
        }
        let order = match self.payments.store.order_load(id).await {
            Ok(Some(order)) => order,
            Ok(None) => return Looked::NotTold,
            Err(error) => {
                tracing::warn!(%error, order.id = %id, "an order could not be read before its expiry");
                return Looked::NotStored;
            }
        };
        let mut inquiry = Inquiry::new(self, order);
        // What was told before the time was over counts.
        let in_time = tokio::time::timeout(LOOK_LASTS, inquiry.ask()).await.is_ok();
        // However many orders end, the others are asked about too.
        self.push(inquiry.questions(), Debt::Spared).await;
        if let Some(error) = self.memory.take_error().filter(|error| *error != CallError::NotFound) {
            tracing::warn!(%error, order.id = %id, "a question before an order's expiry came to nothing");
        }
        match inquiry.reply() {
            Some(reply) => reply.looked(),
            None if in_time => Looked::NotTold,
            None => Looked::Unanswered,
        }
    }

    /// Warns once of all moves since the last time of which an IPN should have told.
    pub fn warn_of_silence(&self) {
        let moves = self.memory.untold.swap(0, Ordering::Relaxed);
        if 0 < moves {
            tracing::warn!(
                moves,
                "polls found what IPNs should have told: check that the provider has the callback URL and can reach \
                 it, and that the IPN secret is the account's"
            );
        }
    }

    /// One pass over what is due, as far as the pace goes.
    async fn pass(&self) {
        if self.settings.automatic && !self.is_paused() {
            self.adopt().await;
            // Payments that checkouts have made are requests to the provider too.
            self.push(self.payments.shares.take_uncounted(), Debt::Spared).await;
            if let Err(error) = self.walk().await {
                tracing::warn!(%error, "what is to be asked of the provider could not be read; trying again");
            }
        }
        self.raise_unaddressed().await;
        self.warn_of_silence();
        self.counters.passes.fetch_add(1, Ordering::Relaxed);
    }

    async fn walk(&self) -> Result<(), StoreError> {
        let ends_at = self.monotonic().after(PASS_LASTS);
        self.memory.unanswered.store(0, Ordering::Relaxed);
        let (errors, mut free) = (self.counters.errors.load(Ordering::Relaxed), 0);
        for _ in 0..PAGES_MAX {
            let now = self.now();
            let mut due = self.payments.store.work_due(now, PAGE_ORDERS).await?;
            if due.is_empty() || ends_at < self.monotonic() || self.is_interrupted() {
                break;
            }
            let wanted = i64::try_from(due.len()).unwrap_or(0).saturating_sub(free);
            free = free.saturating_add(self.payments.store.pace_take(now, self.pace(wanted)).await?);
            if free == 0 {
                break;
            }
            due.truncate(usize::try_from(free).unwrap_or(0));
            let mut looks = stream::iter(due).map(|id| self.visit(id)).buffer_unordered(ASKED_AT_ONCE);
            while let Some(questions) = looks.next().await {
                free = free.saturating_sub(questions.min(1));
                self.push(questions.saturating_sub(1), Debt::Owed).await;
            }
        }
        let failed = self.counters.errors.load(Ordering::Relaxed).saturating_sub(errors);
        if 0 < failed {
            let error = self.memory.take_error().map(|error| error.to_string());
            tracing::warn!(questions = failed, error, "questions to the provider came to nothing; trying again");
        }
        Ok(())
    }

    /// Looks at one due order under a claim; answers how many questions it cost.
    async fn visit(&self, id: OrderId) -> i64 {
        if self.is_interrupted() {
            return 0;
        }
        match self.visit_claimed(id).await {
            Ok(questions) => questions,
            Err(error) => {
                // The claim runs out by itself, and the order is still due.
                self.counters.errors.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(%error, order.id = %id, "a due order could not be looked at");
                1
            }
        }
    }

    async fn visit_claimed(&self, id: OrderId) -> Result<i64, StoreError> {
        let now = self.now();
        let claim = self.payments.claim_for(CLAIM_LASTS);
        let held = claim.token.clone();
        let Some(row) = self.payments.store.work_claim(id, claim).await? else { return Ok(0) };
        if now < row.due_at {
            // Another node has just looked.
            self.payments.store.work_update(held, ProviderWork { claim: None, ..row }).await?;
            return Ok(0);
        }
        let Some(order) = self.payments.store.order_load(id).await? else {
            self.payments.store.work_end(id, held).await?;
            return Ok(0);
        };
        if order.payment_id().is_none() {
            return self.make_payment(&order, row, held).await;
        }
        if !is_asked_about(&order, now) {
            let later = next_look(&order, now).map(|due_at| ProviderWork { claim: None, due_at, tries: 0, ..row });
            self.keep_or_end(id, held, later).await?;
            return Ok(0);
        }
        let mut inquiry = Inquiry::new(self, order);
        inquiry.ask().await;
        self.keep_or_end(id, held, self.afterwards(&inquiry, &row)).await?;
        if inquiry.tells_address() && self.payments.lacks_payment(inquiry.order()) {
            // An IPN has bound it before this service could, and its payer cannot be told where to pay yet.
            self.counters.questions.fetch_add(1, Ordering::Relaxed);
            if let Err(error) = self.payments.finish(id).await {
                tracing::warn!(%error, order.id = %id, "how an order's payment is paid was not stored; trying again");
            }
            return Ok(inquiry.questions().saturating_add(1));
        }
        Ok(inquiry.questions())
    }

    /// Writes the row of an order whose claim is held; without one, forgets the order.
    async fn keep_or_end(&self, id: OrderId, held: String, row: Option<ProviderWork>) -> Result<(), StoreError> {
        match row {
            Some(row) => self.payments.store.work_update(held, row).await.map(drop),
            None => self.payments.store.work_end(id, held).await,
        }
    }

    /// The row of an order after it was asked about; none if nothing is to be asked any more.
    fn afterwards(&self, inquiry: &Inquiry<'_>, row: &ProviderWork) -> Option<ProviderWork> {
        let (order, now) = (inquiry.order(), self.now());
        let row = ProviderWork { claim: None, ..row.clone() };
        match inquiry.reply() {
            Some(Reply::TooOften) | None => Some(row),
            Some(Reply::Unanswered | Reply::NotStored | Reply::Refused) => {
                let tries = row.tries.saturating_add(1);
                next_try(order, tries, now).map(|due_at| ProviderWork { due_at, tries, ..row })
            }
            Some(Reply::Told | Reply::NotKnown) => {
                next_look(order, now).map(|due_at| ProviderWork { due_at, tries: 0, ..row })
            }
        }
    }

    /// An order whose payment is still to be made; nobody was ever shown an address of one that has ended. Answers
    /// how many questions it cost.
    async fn make_payment(&self, order: &Order, row: ProviderWork, held: String) -> Result<i64, StoreError> {
        if !matches!(order.status, Status::Pending { .. }) {
            self.payments.store.work_end(order.id, held).await?;
            return Ok(0);
        }
        // The desk takes a claim of its own, and says itself when to look again; this is in case that it cannot.
        let again = ProviderWork { claim: None, due_at: self.now().after(UNBOUND_AGAIN), ..row };
        self.payments.store.work_update(held, again).await?;
        match self.payments.finish(order.id).await {
            // Nothing was asked.
            Ok(Tried::Held(_) | Tried::Waits(_)) => return Ok(0),
            Ok(Tried::Done(order)) if order.payment_id().is_some() => {
                self.memory.unanswered.store(0, Ordering::Relaxed);
            }
            Ok(Tried::Done(_)) => drop(self.memory.unanswered.fetch_add(1, Ordering::Relaxed)),
            Err(error) => {
                self.counters.errors.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%error, order.id = %order.id, "an order's payment was not made; trying again");
            }
        }
        self.counters.questions.fetch_add(1, Ordering::Relaxed);
        Ok(1)
    }

    /// Counts questions that did not wait for the pace. It is only a count: a failure is no reason to stop.
    async fn push(&self, questions: i64, debt: Debt) {
        if questions <= 0 {
            return;
        }
        if let Err(error) = self.payments.store.pace_push(self.now(), Pace { debt, ..self.pace(questions) }).await {
            tracing::debug!(%error, "questions could not be counted against the pace");
        }
    }

    /// The pace of the settings. What one interval saved up may be asked at once, and no more.
    fn pace(&self, wanted: i64) -> Pace {
        let per_minute = i64::from(self.settings.per_minute.max(1));
        // Rounded up: rather a little too slow.
        let each = 60_000_i64.saturating_add(per_minute).saturating_sub(1).checked_div(per_minute).unwrap_or(60_000);
        let saved = self.settings.interval.as_millis().checked_div(each).unwrap_or(0);
        Pace { wanted, each: Span::millis(each), burst: saved.clamp(1, per_minute), debt: Debt::Owed }
    }

    fn now(&self) -> Timestamp {
        self.payments.clock.now()
    }

    fn monotonic(&self) -> MonotonicTime {
        self.payments.clock.monotonic()
    }

    /// Whether asking on makes no sense in this pass.
    fn is_interrupted(&self) -> bool {
        self.is_paused() || UNANSWERED_MAX <= self.memory.unanswered.load(Ordering::Relaxed)
    }

    fn is_paused(&self) -> bool {
        self.payments.pauses.stops_questions()
    }
}
