//! What `decide` answers: the order as it will be, and what follows from it.
//!
//! Every decision is built here, by [`Decision::to`] or [`Decision::moved`], so that the version, the
//! strictly increasing `updated_at` and the log's numbering are right in one place.

use crate::domain::attention::{Attention, AttentionKind};
use crate::domain::evidence::{Evidence, Outcome, ProviderWord, Witness, WitnessKind};
use crate::domain::ids::{KeyId, PaymentId};
use crate::domain::order::{Order, OrderEvent, Source, Status};
use crate::domain::time::Timestamp;
use crate::domain::webhook::Announcement;

use super::{Moment, stalls_at};

/// What an input does to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The order afterwards; equal to the one before if nothing changed.
    pub order: Order,
    /// What became of the evidence; for other inputs `Applied` if the order moved, else `Ignored`.
    pub outcome: Outcome,
    /// The new line of the log, if the order moved.
    pub event: Option<OrderEvent>,
    /// What the merchant is told.
    pub announcement: Option<Announcement>,
    /// What the operator is told.
    pub attention: Vec<Attention>,
}

impl Decision {
    /// The order becomes `after` without an event. If that is a change, it is a new version.
    pub(super) fn to(before: &Order, mut after: Order, outcome: Outcome, now: Timestamp) -> Self {
        if after != *before {
            after.version = before.version.saturating_add(1);
            after.updated_at = now.max(Timestamp::from_millis(before.updated_at.millis().saturating_add(1)));
        }
        Self { order: after, outcome, event: None, announcement: None, attention: Vec::new() }
    }

    /// The order moves: one event, and what the merchant is told of it.
    pub(super) fn moved(before: &Order, mut after: Order, step: Move, now: Timestamp) -> Self {
        let event = OrderEvent {
            seq: before.events.last().map_or(1, |last| last.seq.saturating_add(1)),
            status: step.status.name(),
            at: now,
            source: step.source,
            word: step.word,
            payment_id: step.payment_id,
            actor: step.actor,
            witness: step.witness,
            provider_at: step.provider_at,
        };
        let announcement = match step.status {
            Status::Paid { paid_at, .. } => Some(Announcement::Paid { paid_at }),
            Status::Failed { reason } => Some(Announcement::Failed { reason, failed_at: now }),
            Status::Partial => Some(Announcement::Partial { partial_at: now }),
            Status::Pending { .. } | Status::Confirming | Status::Cancelled => None,
        };
        after.due_at = stalls_at(&step.status, now);
        after.status = step.status;
        after.events.push(event.clone());
        let decision = Self::to(before, after, Outcome::Applied, now);
        Self { event: Some(event), announcement, ..decision }
    }

    /// An order that is partial and stays so tells the merchant of each larger sum.
    pub(super) fn announcing_more(mut self, before: &Order, now: Timestamp) -> Self {
        let stays = before.status == Status::Partial && self.order.status == Status::Partial;
        if stays && before.ledger.received() < self.order.ledger.received() {
            self.announcement = Some(Announcement::Partial { partial_at: now });
        }
        self
    }

    pub(super) fn raising(self, kind: AttentionKind, payment: &PaymentId) -> Self {
        self.raising_of_order(kind, Some(payment))
    }

    /// Raises the kind, if there is one.
    pub(super) fn raising_any(self, kind: Option<AttentionKind>, payment: &PaymentId) -> Self {
        kind.into_iter().fold(self, |decision, kind| decision.raising(kind, payment))
    }

    pub(super) fn raising_of_order(mut self, kind: AttentionKind, payment: Option<&PaymentId>) -> Self {
        let item = Attention { kind, order: Some(self.order.id), payment: payment.cloned() };
        if !self.attention.contains(&item) {
            self.attention.push(item);
        }
        self
    }

    /// A move that a poll had to bring about although an IPN should have told of it raises one item for the
    /// whole service: it says nothing of this order, and much of how IPNs get here.
    pub(super) fn noticing_silence(mut self, evidence: &Evidence, moment: &Moment) -> Self {
        if self.outcome == Outcome::Applied && evidence.is_unannounced(moment.now) {
            self.attention.push(Attention { kind: AttentionKind::IpnSilence, order: None, payment: None });
        }
        self
    }

    /// True if there is anything to store for the order itself.
    #[must_use]
    pub fn changes(&self, before: &Order) -> bool {
        self.order.version != before.version
    }
}

/// Where an order goes, and what that is written down to.
pub(super) struct Move {
    status: Status,
    source: Source,
    word: Option<ProviderWord>,
    payment_id: Option<PaymentId>,
    actor: Option<KeyId>,
    witness: Option<WitnessKind>,
    provider_at: Option<Timestamp>,
}

impl Move {
    /// A move that no evidence makes.
    pub(super) fn by(source: Source, status: Status) -> Self {
        Self { status, source, word: None, payment_id: None, actor: None, witness: None, provider_at: None }
    }

    /// A move at an operator's word.
    pub(super) fn by_operator(source: Source, status: Status, actor: Option<KeyId>) -> Self {
        Self { actor, ..Self::by(source, status) }
    }

    /// The same, at this witness's word on what was paid.
    pub(super) fn witnessed_by(self, witness: WitnessKind) -> Self {
        Self { witness: Some(witness), ..self }
    }

    /// The same, over this payment.
    pub(super) fn about(self, payment: Option<&PaymentId>) -> Self {
        Self { payment_id: payment.cloned(), ..self }
    }

    /// A move that evidence makes.
    pub(super) fn on(evidence: &Evidence, status: Status) -> Self {
        let actor = match evidence.witness {
            Witness::Operator(key) => Some(key),
            Witness::Ipn | Witness::Poll => None,
        };
        Self {
            status,
            source: Source::Ipn,
            word: Some(evidence.word.clone()),
            payment_id: Some(evidence.payment_id.clone()),
            actor,
            witness: Some(evidence.witness.kind()),
            provider_at: evidence.provider_at,
        }
    }
}
