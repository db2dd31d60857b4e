//! One look at one order: which of its payments are asked for, and what becomes of the answers.
//!
//! The bound payment comes first, then deposits that the provider lists and the ledger does not know, then what
//! else may still bring news. It ends at the first question that finds no answer: the others would wait as long. Once
//! an answer has paid the order, only the deposits that were listed are still asked for: each is money of the buyer's.

use std::sync::atomic::Ordering;

use super::{Looked, Poller};
use crate::actors::order::Told;
use crate::domain::evidence::{Evidence, Outcome, Ownership};
use crate::domain::ids::PaymentId;
use crate::domain::order::{Order, Status};
use crate::domain::polling::{self, QUESTIONS_MAX};
use crate::domain::time::Span;
use crate::provider::client::CallError;
use crate::provider::report::PaymentReport;
use crate::provider::wire::OrderReference;

/// After so long no further payment of the order is asked for: its claim must outlast the look.
const INQUIRY_LASTS: Span = Span::seconds(30);

/// What came of the questions; of several, what decides when to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Everything that was asked for was told, and stored.
    Told,
    /// The provider does not know the bound payment.
    NotKnown,
    /// The provider refuses to tell.
    Refused,
    /// Some question has no answer.
    Unanswered,
    /// The provider wants to be left alone for a while.
    TooOften,
    /// What it told could not be stored.
    NotStored,
}

/// Whose payment is asked for, as far as that is known before.
enum Asked {
    /// One of the ledger.
    Known(PaymentId),
    /// A deposit to the address of this payment, of which only the list of the provider tells.
    DepositTo(PaymentId, PaymentId),
}

/// A look at an order, as it goes on.
pub struct Inquiry<'a> {
    poller: &'a Poller,
    order: Order,
    questions: usize,
    /// Of the bound payment.
    bound: Option<Reply>,
    /// What ended it early.
    stopped: Option<Reply>,
    /// Whether the provider tells how the bound payment is paid.
    tells_address: bool,
}

impl<'a> Inquiry<'a> {
    pub fn new(poller: &'a Poller, order: Order) -> Self {
        Self { poller, order, questions: 0, bound: None, stopped: None, tells_address: false }
    }

    /// The order as it is after what was learned.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// How many questions were sent.
    pub fn questions(&self) -> i64 {
        i64::try_from(self.questions).unwrap_or(i64::MAX)
    }

    /// What decides when to ask again; none while nothing was asked to its end.
    pub fn reply(&self) -> Option<Reply> {
        self.stopped.or(self.bound)
    }

    /// True if the provider tells how the bound payment is paid.
    pub fn tells_address(&self) -> bool {
        self.tells_address
    }

    /// Asks, and tells the order what is learned.
    pub async fn ask(&mut self) {
        let poller = self.poller;
        let ends_at = poller.monotonic().after(INQUIRY_LASTS);
        let was_paid = self.is_paid();
        let mut waiting: Vec<Asked> =
            polling::questions(&self.order, poller.now()).into_iter().rev().map(Asked::Known).collect();
        while let Some(asked) = waiting.pop() {
            let over = QUESTIONS_MAX <= self.questions || ends_at < poller.monotonic() || self.stopped.is_some();
            if over {
                break;
            }
            if self.is_paid() && !was_paid && matches!(asked, Asked::Known(_)) {
                continue;
            }
            if let Some(report) = self.ask_one(asked).await {
                let parent = report.evidence.payment_id;
                let unknown = report.children.into_iter().filter(|id| self.order.ledger.find(id).is_none());
                waiting.extend(unknown.map(|child| Asked::DepositTo(parent.clone(), child)));
            }
        }
    }

    fn is_paid(&self) -> bool {
        matches!(self.order.status, Status::Paid { .. })
    }

    /// One question; answers the report once the order knows it.
    async fn ask_one(&mut self, asked: Asked) -> Option<PaymentReport> {
        let (id, parent) = match asked {
            Asked::Known(id) => (id, None),
            Asked::DepositTo(parent, id) => (id, Some(parent)),
        };
        self.questions = self.questions.saturating_add(1);
        self.poller.counters.questions.fetch_add(1, Ordering::Relaxed);
        let is_bound = self.order.payment_id() == Some(&id);
        let (reply, report) = match self.poller.payments.client.payment(&id).await {
            Ok(mut report) => {
                // The payment at whose address it arrived names it; an answer that forgets to say so is no other.
                let evidence = &mut report.evidence;
                evidence.parent_payment_id = evidence.parent_payment_id.take().or(parent);
                (self.tell(&report).await, Some(report))
            }
            Err(error) => (self.failed(&id, error), None),
        };
        self.note(reply, is_bound);
        self.tells_address |= is_bound && report.as_ref().is_some_and(|report| report.pay_to.is_some());
        report.filter(|_| reply == Reply::Told)
    }

    fn note(&mut self, reply: Reply, is_bound: bool) {
        let answered = matches!(reply, Reply::Told | Reply::NotKnown | Reply::Refused);
        if answered {
            self.poller.memory.unanswered.store(0, Ordering::Relaxed);
        } else {
            self.poller.memory.unanswered.fetch_add(1, Ordering::Relaxed);
        }
        if is_bound {
            self.bound = Some(reply);
        }
        if !matches!(reply, Reply::Told | Reply::NotKnown) {
            self.stopped = Some(reply);
        }
    }

    /// The order hears it as it would hear an IPN.
    async fn tell(&mut self, report: &PaymentReport) -> Reply {
        let ownership = match report.order {
            OrderReference::Foreign => Ownership::Another,
            OrderReference::None | OrderReference::Ours(_) => Ownership::Free,
        };
        let evidence = report.evidence.clone();
        let told = Told { evidence, ipn: None, operation: None, ownership, overruled: None };
        match self.poller.payments.directory.tell(self.order.id, told).await {
            Ok(heard) => {
                if heard.outcome == Outcome::Applied {
                    self.count_move(&report.evidence);
                }
                self.order = heard.order;
                Reply::Told
            }
            Err(error) => {
                self.poller.counters.errors.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%error, order.id = %self.order.id, "what the provider told could not be stored");
                Reply::NotStored
            }
        }
    }

    fn count_move(&self, evidence: &Evidence) {
        self.poller.counters.news.fetch_add(1, Ordering::Relaxed);
        if evidence.is_unannounced(self.poller.now()) {
            self.poller.counters.unannounced.fetch_add(1, Ordering::Relaxed);
            self.poller.memory.untold.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn failed(&self, id: &PaymentId, error: CallError) -> Reply {
        self.poller.counters.errors.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(%error, order.id = %self.order.id, payment.id = %id, "the provider told nothing");
        self.poller.memory.keep_error(error.clone());
        match error {
            CallError::RateLimited { retry_after } => {
                self.poller.payments.pauses.question_refused(retry_after);
                Reply::TooOften
            }
            CallError::NotFound => Reply::NotKnown,
            CallError::Refused { .. } | CallError::NoLogin => Reply::Refused,
            CallError::Unreachable(_) | CallError::NoAnswer(_) => Reply::Unanswered,
        }
    }
}

impl Reply {
    /// What it means to somebody who only wants to know whether money came. `self` is of the whole look, so a
    /// deposit that is not told about leaves open whether there is some.
    pub fn looked(self) -> Looked {
        match self {
            Self::Told => Looked::Answered,
            Self::NotKnown | Self::Refused => Looked::NotTold,
            Self::TooOften => Looked::NotAsked,
            Self::Unanswered => Looked::Unanswered,
            Self::NotStored => Looked::NotStored,
        }
    }
}
