//! An order: what it is at any moment, and the log of how it came there.
//!
//! The status carries the facts of that status and only those. An order changes only through
//! [`super::lifecycle::decide`]; `actors/order.rs` keeps the result. Fields: contract, section 2.

use super::catalogue::ProductCode;
use super::evidence::{ProviderWord, WitnessKind};
use super::ids::{AccountId, KeyId, OrderId, PaymentId};
use super::ledger::Ledger;
use super::money::{Coin, CoinAmount, Price};
use super::time::{Span, Timestamp};

/// How long after it was placed an order without an address is raised, where payments are made for orders.
pub const ADDRESS_WITHIN: Span = Span::minutes(2);
/// How long `confirming` may last without news before it is raised as stalled.
pub const CONFIRMING_STALLS_AFTER: Span = Span::hours(24);
/// How long `partial` may last without news before it is raised as stalled.
pub const PARTIAL_STALLS_AFTER: Span = Span::hours(7 * 24);

/// Where an order stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Nobody has paid yet.
    Pending {
        /// The end of the pay window.
        expires_at: Timestamp,
    },
    /// Money is on its way.
    Confirming,
    /// Some money arrived, not all.
    Partial,
    /// Settled.
    Paid {
        /// The time of the first `paid` event.
        paid_at: Timestamp,
        /// Whether amounts were seen when it was settled.
        check: AmountCheck,
    },
    /// Nobody paid, as far as is known.
    Failed {
        /// Who said so.
        reason: FailureReason,
    },
    /// The customer withdrew.
    Cancelled,
}

/// Whether the received amount was compared with what is owed when the order became `paid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmountCheck {
    /// It was, and it sufficed.
    Checked,
    /// The evidence gave no amounts (a manual replay, the sandbox's zero).
    Unchecked,
    /// An operator looked and accepted what there is; amounts that fall short are no news any more.
    Accepted,
}

/// Why an order failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureReason {
    /// The provider knows: `failed` or `refunded`. Final for evidence.
    Ipn,
    /// The provider guesses: its word was `expired`. Shown as `ipn`; money reopens it.
    IpnExpired,
    /// The pay window passed.
    Expired,
    /// Support swept it.
    Swept,
}

impl FailureReason {
    /// The name on the wire: `ipn`, `expired` or `swept`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipn | Self::IpnExpired => "ipn",
            Self::Expired => "expired",
            Self::Swept => "swept",
        }
    }
}

/// A status without its facts: the name by which orders are filtered and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatusName {
    /// `pending`
    Pending,
    /// `confirming`
    Confirming,
    /// `partial`
    Partial,
    /// `paid`
    Paid,
    /// `failed`
    Failed,
    /// `cancelled`
    Cancelled,
}

impl StatusName {
    /// All six, in the contract's order.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Confirming, Self::Partial, Self::Paid, Self::Failed, Self::Cancelled];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirming => "confirming",
            Self::Partial => "partial",
            Self::Paid => "paid",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads a name exactly.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }
}

impl Status {
    /// The name of this status.
    #[must_use]
    pub fn name(&self) -> StatusName {
        match self {
            Self::Pending { .. } => StatusName::Pending,
            Self::Confirming => StatusName::Confirming,
            Self::Partial => StatusName::Partial,
            Self::Paid { .. } => StatusName::Paid,
            Self::Failed { .. } => StatusName::Failed,
            Self::Cancelled => StatusName::Cancelled,
        }
    }
}

/// What made an event, as the log names it: these five and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The checkout.
    Create,
    /// Evidence, whoever the witness was.
    Ipn,
    /// The customer's cancel.
    Cancel,
    /// The clock.
    Expired,
    /// Support's sweep.
    Swept,
}

impl Source {
    /// All five.
    pub const ALL: [Self; 5] = [Self::Create, Self::Ipn, Self::Cancel, Self::Expired, Self::Swept];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Ipn => "ipn",
            Self::Cancel => "cancel",
            Self::Expired => "expired",
            Self::Swept => "swept",
        }
    }

    /// Reads a name exactly.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == text)
    }
}

/// One line of the append-only log of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderEvent {
    /// 1 for the first, without gaps.
    pub seq: i64,
    /// The status the order came to.
    pub status: StatusName,
    /// When it came there.
    pub at: Timestamp,
    /// What brought it there.
    pub source: Source,
    /// The provider's word, where evidence did.
    pub word: Option<ProviderWord>,
    /// The payment the evidence was about.
    pub payment_id: Option<PaymentId>,
    /// The operator's key, where a person did.
    pub actor: Option<KeyId>,
    /// Whose word on a payment moved the order. None of the checkout, the clock, a cancel and a sweep, which
    /// nobody's word on a payment brought about; nor of lines older than this field.
    pub witness: Option<WitnessKind>,
    /// The provider's own time of what the evidence says, where it gave one.
    pub provider_at: Option<Timestamp>,
}

impl OrderEvent {
    /// How long the news took from the provider to the order, where the provider gave a time. Its clock is
    /// not ours: what comes from the future took no time.
    #[must_use]
    pub fn lag(&self) -> Option<Span> {
        self.provider_at.map(|known_at| self.at.since(known_at))
    }
}

/// An order with its payments and its whole log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its name.
    pub id: OrderId,
    /// Whose it is.
    pub account_id: AccountId,
    /// What is bought.
    pub product: ProductCode,
    /// What it costs: the catalogue's price at checkout.
    pub price: Price,
    /// The coin the customer asked to pay in.
    pub pay_currency: Option<Coin>,
    /// Where it stands.
    pub status: Status,
    /// What must arrive, in the bound coin, once that is known: the amount quoted at checkout, else the
    /// first bound payment's `pay_amount`.
    pub owed: Option<CoinAmount>,
    /// Its payments.
    pub ledger: Ledger,
    /// The customer's words.
    pub customer_note: Option<String>,
    /// Support's words; never shown to the customer.
    pub internal_note: Option<String>,
    /// How it came here, oldest first.
    pub events: Vec<OrderEvent>,
    /// When the clock next has something to do with it: the window's end, or when silence means stalled.
    pub due_at: Option<Timestamp>,
    /// When it was placed.
    pub created_at: Timestamp,
    /// Its last change; strictly increasing.
    pub updated_at: Timestamp,
    /// Counts changes; a commit holds only against the version that was judged.
    pub version: i64,
}

/// What a checkout asks for, after the catalogue has set the price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// The order's name, fixed before anything is written.
    pub id: OrderId,
    /// Whose it is.
    pub account_id: AccountId,
    /// What is bought.
    pub product: ProductCode,
    /// The catalogue's price.
    pub price: Price,
    /// The coin asked for.
    pub pay_currency: Option<Coin>,
    /// The customer's words.
    pub customer_note: Option<String>,
    /// How long the buyer has to pay.
    pub pay_window: Span,
}

impl Order {
    /// The order as a checkout makes it: pending, version 1, one `create` event.
    #[must_use]
    pub fn place(new: NewOrder, now: Timestamp) -> Self {
        let expires_at = now.after(new.pay_window);
        let created = OrderEvent {
            seq: 1,
            status: StatusName::Pending,
            at: now,
            source: Source::Create,
            word: None,
            payment_id: None,
            actor: None,
            witness: None,
            provider_at: None,
        };
        Self {
            id: new.id,
            account_id: new.account_id,
            product: new.product,
            price: new.price,
            pay_currency: new.pay_currency,
            status: Status::Pending { expires_at },
            owed: None,
            ledger: Ledger::default(),
            customer_note: new.customer_note,
            internal_note: None,
            events: vec![created],
            due_at: Some(expires_at),
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// The bound payment's id.
    #[must_use]
    pub fn payment_id(&self) -> Option<&PaymentId> {
        self.ledger.bound().map(|payment| &payment.id)
    }

    /// The end of the pay window while pending.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self.status {
            Status::Pending { expires_at } => Some(expires_at),
            Status::Confirming | Status::Partial | Status::Paid { .. } | Status::Failed { .. } | Status::Cancelled => {
                None
            }
        }
    }

    /// The time of the first `paid` event.
    #[must_use]
    pub fn paid_at(&self) -> Option<Timestamp> {
        match self.status {
            Status::Paid { paid_at, .. } => Some(paid_at),
            Status::Pending { .. }
            | Status::Confirming
            | Status::Partial
            | Status::Failed { .. }
            | Status::Cancelled => None,
        }
    }

    /// Why it failed, if it did.
    #[must_use]
    pub fn failure_reason(&self) -> Option<FailureReason> {
        match self.status {
            Status::Failed { reason } => Some(reason),
            Status::Pending { .. } | Status::Confirming | Status::Partial | Status::Paid { .. } | Status::Cancelled => {
                None
            }
        }
    }
}
