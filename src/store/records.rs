//! What operators read back: received IPNs, attention items, audited writes; and places in those lists.
//!
//! All are listed newest first by a time and an id, which `queries/records.rs` and `queries/attention.rs`
//! answer from an index.

use crate::domain::attention::AttentionKind;
use crate::domain::ids::{AttentionId, AuditId, KeyId, OrderId, PaymentId};
use crate::domain::ledger::Payment;
use crate::domain::money::{Coin, CoinAmount, Price};
use crate::domain::time::Timestamp;

/// A place in a list of records: what comes after it is older, or as old and has a smaller id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The time of the last record shown.
    pub at: Timestamp,
    /// Its id, as it lies in the table.
    pub id: String,
}

/// How much of a list to read, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// At most so many.
    pub limit: usize,
    /// After this place; from the newest without one.
    pub after: Option<Place>,
}

/// A verified IPN as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptIpn {
    /// When its body first came.
    pub received_at: Timestamp,
    /// When the same body last came.
    pub last_received_at: Timestamp,
    /// The payment it names.
    pub payment_id: String,
    /// The provider's word.
    pub payment_status: String,
    /// Which canonical form verified.
    pub verified_form: String,
    /// Which secret verified.
    pub verified_secret: SecretAge,
    /// What became of it.
    pub outcome: String,
    /// How often the body came.
    pub times_seen: i64,
    /// The body as it came.
    pub raw_body: String,
    /// Its SHA-256, lower-case hex.
    pub body_sha256: String,
}

/// A body that did not verify, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRefusal {
    /// When it came.
    pub at: Timestamp,
    /// Why it was refused.
    pub reason: String,
    /// The client's address.
    pub ip: Option<String>,
    /// Its first 4 KiB; what is no UTF-8 is replaced.
    pub body: String,
}

/// Which of the secrets of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretAge {
    /// The newest.
    Current,
    /// The one before.
    Previous,
}

/// Something raised to the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttentionItem {
    /// Its id.
    pub id: AttentionId,
    /// Why it was raised.
    pub kind: AttentionKind,
    /// About which order, if about one.
    pub order_id: Option<OrderId>,
    /// About which payment, if about one.
    pub payment_id: Option<PaymentId>,
    /// That payment, where it is in the ledger of that order.
    pub payment: Option<Payment>,
    /// What is owed for the order, once that is known.
    pub owed: Option<CoinAmount>,
    /// The coin of the order's bound payment, once that is known.
    pub owed_coin: Option<Coin>,
    /// What of it has not arrived, once that is known.
    pub missing: Option<CoinAmount>,
    /// The price of the order, if it is about one.
    pub price: Option<Price>,
    /// The provider's own reason, where it gave one.
    pub detail: Option<String>,
    /// How often it was raised while it was open.
    pub count: i64,
    /// First.
    pub first_at: Timestamp,
    /// Last.
    pub last_at: Timestamp,
    /// What an operator made of it, once one has.
    pub resolution: Option<Resolution>,
}

/// How an operator disposed of an attention item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// When.
    pub at: Timestamp,
    /// The operator's key; none from the command line.
    pub by: Option<KeyId>,
    /// In the operator's words.
    pub note: String,
}

/// Which attention items; filters that are present must all hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttentionFilter {
    /// Whether those that wait, or those that were disposed of.
    pub state: AttentionState,
    /// Of this kind.
    pub kind: Option<AttentionKind>,
    /// About this order.
    pub order: Option<OrderId>,
}

/// Whether an operator has disposed of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttentionState {
    /// Not yet.
    Open,
    /// One has.
    Resolved,
}

impl AttentionState {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Open, Self::Resolved];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
        }
    }
}

/// What came of resolving an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// It is resolved now, and audited.
    Done(AttentionItem),
    /// Somebody was first; nothing was written.
    Before(AttentionItem),
    /// There is none of that id.
    Unknown,
}

/// An admin write as it was audited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its id.
    pub id: AuditId,
    /// The operator's key; none from the command line.
    pub actor: Option<KeyId>,
    /// What was done.
    pub action: String,
    /// To what.
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

/// Which audited writes; filters that are present must all hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Done to this.
    pub target: Option<String>,
    /// By this key.
    pub actor: Option<KeyId>,
}
