//! Look before you fail: the provider is asked once before the clock ends an order that has a payment.
//!
//! The sweeper asks, never the order's actor: an IPN must not wait behind the question. Where no answer comes the
//! order ends on time, because evidence can reopen it; where it could not (`late_payments = "record"`), it waits
//! for an answer, at most a day. An order whose turn to be asked about has not come is left for the next passes,
//! some of them. What the answer says has reached the order before the clock does.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::actors::poller::{Looked, Poller};
use crate::clock::{Clock, MonotonicTime};
use crate::domain::ids::OrderId;
use crate::domain::lifecycle::LatePayments;
use crate::domain::order::StatusName;
use crate::domain::time::{Span, Timestamp};
use crate::store::filter::DueOrder;

/// After so many looks in a row without an answer nobody is asked any more in this pass.
const UNANSWERED_MAX: u64 = 3;
/// How long past its window an order waits for an answer where nothing could reopen it.
const WAITS_AT_MOST: Span = Span::hours(24);
/// How long past its window any other order waits for its turn to be asked about.
const TURN_WITHIN: Span = Span::minutes(2);
/// How long an order without an answer is not asked about again. Others have their turn meanwhile.
const ASKED_AGAIN_AFTER: Span = Span::minutes(5);

/// Who looks before an order is ended. Clones share it.
#[derive(Clone)]
pub struct Lookout {
    /// Who asks; nobody where no provider is configured.
    pub poller: Option<Poller>,
    /// Whether late money reopens an order that the clock has ended.
    pub late_payments: LatePayments,
    /// Orders that wait for an answer, and until when nobody asks about them again.
    pub waiting: Arc<Mutex<HashMap<OrderId, MonotonicTime>>>,
}

/// The looks of one pass.
pub struct Looks {
    now: Timestamp,
    began: MonotonicTime,
    unanswered: AtomicU64,
}

/// What is to become of an order whose window is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The clock may end it.
    End,
    /// It waits for an answer.
    Wait,
    /// What the provider said is not stored: it must not be ended now.
    Failed,
}

impl Lookout {
    /// True of orders about which the provider may know more: those that await a payment which it has.
    pub fn is_for(&self, due: &DueOrder) -> bool {
        self.poller.is_some() && due.status == StatusName::Pending && due.payment_id.is_some()
    }

    /// Begins a pass.
    pub fn begin(&self, clock: &Clock) -> Looks {
        let (now, began) = (clock.now(), clock.monotonic());
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, until| began < *until);
        Looks { now, began, unanswered: AtomicU64::new(0) }
    }

    /// Ends a pass: the log hears of what IPNs should have told.
    pub fn end(&self) {
        if let Some(poller) = &self.poller {
            poller.warn_of_silence();
        }
    }

    /// Looks, and says whether the clock may end the order now.
    pub async fn judge(&self, due: &DueOrder, looks: &Looks) -> Verdict {
        let Some(poller) = &self.poller else { return Verdict::End };
        let waits_until = |span| looks.now < due.place.due_at.after(span);
        let waits = self.late_payments == LatePayments::Record && waits_until(WAITS_AT_MOST);
        let unasked = if waits || waits_until(TURN_WITHIN) { Verdict::Wait } else { Verdict::End };
        if waits && self.was_asked_about(due.place.id) {
            return Verdict::Wait;
        }
        if UNANSWERED_MAX <= looks.unanswered.load(Ordering::Relaxed) {
            return unasked;
        }
        match poller.look(due.place.id).await {
            Looked::Answered => {
                looks.unanswered.store(0, Ordering::Relaxed);
                return Verdict::End;
            }
            Looked::NotAsked => return unasked,
            Looked::NotStored => return Verdict::Failed,
            Looked::Unanswered => drop(looks.unanswered.fetch_add(1, Ordering::Relaxed)),
            Looked::NotTold => {}
        }
        if !waits {
            return Verdict::End;
        }
        let until = looks.began.after(ASKED_AGAIN_AFTER);
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(due.place.id, until);
        Verdict::Wait
    }

    fn was_asked_about(&self, id: OrderId) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&id)
    }
}
