//! What a witness says of a payment.
//!
//! The IPN, the provider's poll and an operator's manual replay are three witnesses of one payment; all
//! become an [`Evidence`] and go through the same `lifecycle::decide` (contract, section 2).

mod worth;

pub use worth::{PaymentWorth, ProviderFees};

use super::ids::{KeyId, OrderId, PaymentId};
use super::money::{Coin, CoinAmount};
use super::time::{Span, Timestamp};

/// The provider's word for a payment's status, compared exactly: those that it documents, and any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderWord {
    /// Created, nothing seen.
    Waiting,
    /// The deposit is seen on chain.
    Confirming,
    /// Enough confirmations; not final.
    Confirmed,
    /// Being paid out to the merchant; not final.
    Sending,
    /// Less than asked arrived.
    PartiallyPaid,
    /// Settled.
    Finished,
    /// Error, typically below the minimum.
    Failed,
    /// Nothing came in the provider's window: its guess, not its knowledge.
    Expired,
    /// Money went back.
    Refunded,
    /// Any other word: kept, raised, and never a move.
    Unknown(String),
}

/// The most characters of an unknown word that are kept.
const WORD_CHARS_MAX: usize = 64;

impl ProviderWord {
    /// Reads a word; every text is one.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "waiting" => Self::Waiting,
            "confirming" => Self::Confirming,
            "confirmed" => Self::Confirmed,
            "sending" => Self::Sending,
            "partially_paid" => Self::PartiallyPaid,
            "finished" => Self::Finished,
            "failed" => Self::Failed,
            "expired" => Self::Expired,
            "refunded" => Self::Refunded,
            other => Self::Unknown(other.chars().filter(|c| !c.is_control()).take(WORD_CHARS_MAX).collect()),
        }
    }

    /// The word as the provider writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Waiting => "waiting",
            Self::Confirming => "confirming",
            Self::Confirmed => "confirmed",
            Self::Sending => "sending",
            Self::PartiallyPaid => "partially_paid",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Refunded => "refunded",
            Self::Unknown(word) => word,
        }
    }

    /// How far along the way to money a payment with this word is; none of words that are not on that way.
    #[must_use]
    pub fn progress_rank(&self) -> Option<u8> {
        match self {
            Self::Waiting => Some(1),
            Self::Confirming => Some(2),
            Self::Confirmed => Some(3),
            Self::Sending => Some(4),
            Self::PartiallyPaid => Some(5),
            Self::Finished => Some(6),
            Self::Failed | Self::Expired | Self::Refunded | Self::Unknown(_) => None,
        }
    }

    /// How final a failure is; none of words that are no failure.
    #[must_use]
    pub fn failure_rank(&self) -> Option<u8> {
        match self {
            Self::Expired => Some(1),
            Self::Failed => Some(2),
            // What went back is gone, whatever is repeated of its arrival.
            Self::Refunded => Some(3),
            Self::Waiting
            | Self::Confirming
            | Self::Confirmed
            | Self::Sending
            | Self::PartiallyPaid
            | Self::Finished
            | Self::Unknown(_) => None,
        }
    }

    /// True for `failed`, `expired` and `refunded`.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.failure_rank().is_some()
    }

    /// True for the words that the provider documents.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !matches!(self, Self::Unknown(_))
    }
}

/// Who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Witness {
    /// A signed notification from the provider.
    Ipn,
    /// An answer of the provider's API to our question.
    Poll,
    /// An operator's replay, by this key.
    Operator(KeyId),
}

impl Witness {
    /// Which of the three it is.
    #[must_use]
    pub fn kind(&self) -> WitnessKind {
        match self {
            Self::Ipn => WitnessKind::Ipn,
            Self::Poll => WitnessKind::Poll,
            Self::Operator(_) => WitnessKind::Operator,
        }
    }
}

/// A witness without its key: by whom an order was moved, as its log and the counters of moves say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WitnessKind {
    /// The provider told us.
    Ipn,
    /// We asked the provider.
    Poll,
    /// An operator told us.
    Operator,
}

impl WitnessKind {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Ipn, Self::Poll, Self::Operator];

    /// The name on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipn => "ipn",
            Self::Poll => "poll",
            Self::Operator => "operator",
        }
    }

    /// Reads a name exactly.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The price the evidence names, as the provider wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPrice {
    /// `price_amount`, major units, where present.
    pub amount: Option<CoinAmount>,
    /// `price_currency`, any case, where present.
    pub currency: Option<String>,
}

/// One report about one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Who says it.
    pub witness: Witness,
    /// The order it names, where it names one of our form.
    pub order_id: Option<OrderId>,
    /// The payment it is about.
    pub payment_id: PaymentId,
    /// The payment of which this is a further deposit: then this is a child.
    pub parent_payment_id: Option<PaymentId>,
    /// The provider's word.
    pub word: ProviderWord,
    /// The price it names.
    pub price: NamedPrice,
    /// `pay_amount`: what the payer was asked for, in `coin`.
    pub pay_amount: Option<CoinAmount>,
    /// `actually_paid`: what arrived so far, in `coin`; the provider repeats totals, not deltas.
    pub actually_paid: Option<CoinAmount>,
    /// `pay_currency`.
    pub coin: Option<Coin>,
    /// The provider's own time of this state, where it gives one.
    pub provider_at: Option<Timestamp>,
    /// What the provider says that the money was worth.
    pub worth: PaymentWorth,
}

/// How long after the provider's own time of a state its IPN may be on the way.
const IPN_ARRIVES_WITHIN: Span = Span::seconds(60);

impl Evidence {
    /// True of what a poll found and an IPN should have told by now.
    #[must_use]
    pub fn is_unannounced(&self, now: Timestamp) -> bool {
        let long_since = self.provider_at.is_none_or(|at| at.after(IPN_ARRIVES_WITHIN) < now);
        self.witness == Witness::Poll && long_since
    }
}

/// Whether the payment, or its parent, is already known to belong to another order than the one judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// It is this order's, or nobody's yet.
    Free,
    /// It is another order's.
    Another,
}

/// What became of a piece of evidence; the names are the contract's (section 4, `ipns`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The order moved.
    Applied,
    /// The order already stood there.
    Refreshed,
    /// It moves nothing.
    Ignored,
    /// Order, payment or price do not belong together.
    Mismatch,
    /// It belongs to no order.
    Unmatched,
    /// The word is not known.
    UnknownStatus,
    /// A further deposit: recorded and raised.
    Child,
    /// It is about no payment: kept and counted.
    Other,
}

impl Outcome {
    /// All of them, in the contract's order.
    pub const ALL: [Self; 8] = [
        Self::Applied,
        Self::Refreshed,
        Self::Ignored,
        Self::Mismatch,
        Self::Unmatched,
        Self::UnknownStatus,
        Self::Child,
        Self::Other,
    ];

    /// The name on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Refreshed => "refreshed",
            Self::Ignored => "ignored",
            Self::Mismatch => "mismatch",
            Self::Unmatched => "unmatched",
            Self::UnknownStatus => "unknown_status",
            Self::Child => "child",
            Self::Other => "other",
        }
    }
}
