//! Pauses that the provider asks for with a 429.
//!
//! After a 429 to a creation nothing is sent for a while: no creation, and no question of the poller's, which would
//! only make the provider more impatient. After one to a question the creations go on, because buyers wait for them.
//! A pause is this node's own; every node that goes on asking is told so itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::clock::Clock;
use crate::domain::time::{Span, Timestamp};

/// How long a pause lasts unless the provider says so itself, and the longest that it may say.
const PAUSE_USUAL: Span = Span::seconds(30);
const PAUSE_MOST: Span = Span::minutes(10);

/// The pauses of this node. Clones share them.
#[derive(Clone)]
pub struct ProviderPauses(Arc<Inner>);

struct Inner {
    clock: Clock,
    /// In milliseconds; 0 before the first pause.
    creations_until: AtomicI64,
    questions_until: AtomicI64,
}

impl ProviderPauses {
    /// No pause yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Inner { clock, creations_until: AtomicI64::new(0), questions_until: AtomicI64::new(0) }))
    }

    /// Begins a pause after a creation was answered with 429.
    pub(super) fn creation_refused(&self, asked_for: Option<Span>) {
        let until = self.end_of(asked_for);
        self.0.creations_until.fetch_max(until.millis(), Ordering::Relaxed);
        self.0.questions_until.fetch_max(until.millis(), Ordering::Relaxed);
        tracing::warn!(until = %until, "the provider takes no more payments; making none and asking nothing for a while");
    }

    /// Begins a pause after a question was answered with 429.
    pub(in crate::actors) fn question_refused(&self, asked_for: Option<Span>) {
        let until = self.end_of(asked_for);
        self.0.questions_until.fetch_max(until.millis(), Ordering::Relaxed);
        tracing::warn!(until = %until, "the provider is asked too often; asking nothing for a while");
    }

    /// Returns when creations go on, while they pause.
    pub(super) fn creations_until(&self) -> Option<Timestamp> {
        self.running(&self.0.creations_until)
    }

    /// Returns true while no question is asked.
    pub(in crate::actors) fn stops_questions(&self) -> bool {
        self.running(&self.0.questions_until).is_some()
    }

    fn end_of(&self, asked_for: Option<Span>) -> Timestamp {
        self.0.clock.now().after(asked_for.unwrap_or(PAUSE_USUAL).clamp(Span::seconds(1), PAUSE_MOST))
    }

    /// A pause that ends later than any can was begun under a clock that was set back since: it is over.
    fn running(&self, until: &AtomicI64) -> Option<Timestamp> {
        let (now, until) = (self.0.clock.now(), Timestamp::from_millis(until.load(Ordering::Relaxed)));
        (now < until && until <= now.after(PAUSE_MOST)).then_some(until)
    }
}
