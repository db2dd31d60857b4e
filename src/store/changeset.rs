//! What one commit carries: a transition with all its consequences, or nothing of it.
//!
//! A [`Changeset`] is built by an order's actor (or by the intake, for an IPN of no order) and handed to
//! the writer, which answers with a [`Committed`] only once it is durable.

use crate::domain::attention::Attention;
use crate::domain::evidence::Outcome;
use crate::domain::idempotency::{Asked, Fingerprint, IdempotencyKey};
use crate::domain::ids::{AccountId, KeyId, OrderId, PaymentId};
use crate::domain::order::Order;
use crate::domain::time::{Span, Timestamp};
use crate::domain::webhook::WebhookEvent;
use crate::store::work::ProviderWork;

/// Everything of one commit. Empty parts are not written.
#[derive(Debug, Clone)]
pub struct Changeset {
    /// The time of the commit.
    pub at: Timestamp,
    /// The order before and after; `before` is the version that must still hold.
    pub order: Option<OrderChange>,
    /// An order that was judged and left as it was: the rest holds only if it still has this version.
    pub judged: Option<(OrderId, i64)>,
    /// The idempotency key that this order claims.
    pub key: Option<KeyClaim>,
    /// A further use of a key.
    pub replay: Option<KeyUse>,
    /// The IPN that brought it about.
    pub ipn: Option<ReceivedIpn>,
    /// What is raised.
    pub attention: Vec<Attention>,
    /// Why, in the provider's own words, where it gave a reason.
    pub reason: Option<String>,
    /// What the merchant will be told.
    pub webhook: Option<WebhookEvent>,
    /// What an operator did.
    pub audit: Option<AuditEntry>,
    /// What is to be asked of the provider from here on.
    pub work: Option<ProviderWork>,
    /// An order that moved, and when the provider is to be asked about it at the latest.
    pub look: Option<(OrderId, Timestamp)>,
    /// An order that has its address only now, so late that it may have been raised.
    pub addressed: Option<OrderId>,
}

impl Changeset {
    /// A commit of nothing yet.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self {
            at,
            order: None,
            judged: None,
            key: None,
            replay: None,
            ipn: None,
            attention: Vec::new(),
            reason: None,
            webhook: None,
            audit: None,
            work: None,
            look: None,
            addressed: None,
        }
    }

    /// True if there is anything to write.
    #[must_use]
    pub fn writes(&self) -> bool {
        let beside = self.key.is_some() || self.replay.is_some() || self.webhook.is_some() || self.audit.is_some();
        let beside = beside || self.work.is_some();
        self.order.is_some() || self.ipn.is_some() || !self.attention.is_empty() || beside
    }
}

/// An order before and after. Its log rows are those of `after` that `before` lacks.
#[derive(Debug, Clone)]
pub struct OrderChange {
    /// As it was judged; none for an order that is placed.
    pub before: Option<Order>,
    /// As it will be.
    pub after: Order,
}

/// A key claimed by the order placed under it.
#[derive(Debug, Clone)]
pub struct KeyClaim {
    /// Whose key.
    pub account_id: AccountId,
    /// The key.
    pub key: IdempotencyKey,
    /// What was asked.
    pub asked: Asked,
    /// An earlier use before that time is forgotten (retention); none if keys are kept for ever.
    pub forgotten_before: Option<Timestamp>,
}

/// A later use of a key, counted before it is answered.
#[derive(Debug, Clone)]
pub struct KeyUse {
    /// Whose key.
    pub account_id: AccountId,
    /// The key.
    pub key: IdempotencyKey,
    /// Whether it was answered with the original, and whether the body was the same.
    pub kind: KeyUseKind,
}

/// What a later use of a key was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUseKind {
    /// The same body: the original is answered.
    Replay,
    /// Another body: the original is answered all the same.
    MismatchReplayed,
    /// Another body: refused.
    MismatchRejected,
}

/// A key as it was first used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The order made under it.
    pub order_id: OrderId,
    /// What was asked then.
    pub asked: Asked,
    /// When.
    pub first_seen_at: Timestamp,
}

impl KeyRecord {
    /// The fingerprint of the first body.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.asked.fingerprint()
    }

    /// True once a retention has passed.
    #[must_use]
    pub fn is_forgotten(&self, retention: Option<Span>, now: Timestamp) -> bool {
        retention.is_some_and(|kept| self.first_seen_at <= now.before(kept))
    }
}

/// A verified IPN with what became of it.
#[derive(Debug, Clone)]
pub struct ReceivedIpn {
    /// The order it was judged for, if it found one.
    pub order_id: Option<OrderId>,
    /// The payment it names; none of a body that is about no payment.
    pub payment_id: Option<PaymentId>,
    /// The provider's word; empty of a body that is about no payment.
    pub payment_status: String,
    /// Which canonical form verified: `raw`, `sorted`, …
    pub verified_form: &'static str,
    /// Which secret verified: 0 the newest, 1 the old one of a rotation.
    pub verified_secret: usize,
    /// What became of it.
    pub outcome: Outcome,
    /// SHA-256 of the raw body, lower-case hex.
    pub body_sha256: String,
    /// SHA-256 of what the body says, the same in every spelling: a report seen before only counts.
    pub content_sha256: String,
    /// The body as it came.
    pub raw_body: Vec<u8>,
    /// When it came.
    pub received_at: Timestamp,
}

/// The action of an export, whichever way orders were taken out.
pub const ORDERS_EXPORTED: &str = "orders.exported";
/// What an export is of.
pub const EXPORTED_TARGET: &str = "crypto-orders";

/// One admin write.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    /// The operator's key; none from the command line, and where nobody was let in.
    pub actor: Option<KeyId>,
    /// The action: contract, section 4, `audit-log`.
    pub action: &'static str,
    /// What it was done to.
    pub target: String,
    /// What was asked, as JSON.
    pub input: String,
    /// What came of it, as JSON.
    pub result: String,
    /// From where.
    pub ip: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What a durable commit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// Everything is written.
    Done,
    /// The IPN's body was seen before: it was counted, and nothing else was written.
    SeenBefore,
    /// The key was used before: nothing was written; this is its first use.
    KeyTaken(KeyRecord),
}

/// Why a changeset is not, or perhaps not, durable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The order has changed, or the payment belongs to another order: judge again on fresh data.
    #[error("the order or the payment changed meanwhile")]
    Conflict,
    /// Certainly not stored: the storage refused (full, read-only, gone).
    #[error("storage unavailable: {0}")]
    Unavailable(String),
    /// It may or may not be stored.
    #[error("the outcome of the commit is unknown: {0}")]
    Unknown(String),
    /// More is waiting than the queue holds.
    #[error("the commit queue is full")]
    Busy,
}
