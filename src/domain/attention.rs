//! What is raised to the operator: facts that a machine must not decide.
//!
//! A transition carries its attention in its own transaction. There is one open item per (kind, order,
//! payment), with a count and its first and last time (contract, section 2).

mod sentences;

use super::ids::{OrderId, PaymentId};

/// Why an operator should look. The names are the contract's (section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttentionKind {
    /// Money came for an order that is final.
    LatePayment,
    /// The evidence's order and its payment do not belong together.
    PaymentMismatch,
    /// The evidence names another price than the order's.
    PriceMismatch,
    /// Less than owed arrived, or it cannot be told.
    Underpaid,
    /// More than owed arrived.
    Overpaid,
    /// Another coin than the bound one arrived.
    CurrencyMismatch,
    /// A further deposit to a used address.
    ChildPayment,
    /// The provider took back what it had called finished.
    PaidThenFailed,
    /// A payment failed though money had been seen.
    FailedWithMoney,
    /// Money was on its way and no news has come for long.
    Stalled,
    /// The provider used a word that is not known.
    UnknownStatus,
    /// A verified IPN belongs to no order.
    UnmatchedIpn,
    /// Polls find what IPNs should have told.
    IpnSilence,
    /// The provider refused to create a payment.
    CreateRefused,
    /// A late payment is worth less than the price.
    WorthLess,
    /// No payment could be made for the order yet.
    OrderWithoutAddress,
    /// An operator's word was applied against the provider's.
    ForcedReplay,
}

impl AttentionKind {
    /// All kinds, in the contract's order.
    pub const ALL: [Self; 17] = [
        Self::LatePayment,
        Self::PaymentMismatch,
        Self::PriceMismatch,
        Self::Underpaid,
        Self::Overpaid,
        Self::CurrencyMismatch,
        Self::ChildPayment,
        Self::PaidThenFailed,
        Self::FailedWithMoney,
        Self::Stalled,
        Self::UnknownStatus,
        Self::UnmatchedIpn,
        Self::IpnSilence,
        Self::CreateRefused,
        Self::WorthLess,
        Self::OrderWithoutAddress,
        Self::ForcedReplay,
    ];

    /// Reads a name exactly.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The name on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LatePayment => "late_payment",
            Self::PaymentMismatch => "payment_mismatch",
            Self::PriceMismatch => "price_mismatch",
            Self::Underpaid => "underpaid",
            Self::Overpaid => "overpaid",
            Self::CurrencyMismatch => "currency_mismatch",
            Self::ChildPayment => "child_payment",
            Self::PaidThenFailed => "paid_then_failed",
            Self::FailedWithMoney => "failed_with_money",
            Self::Stalled => "stalled",
            Self::UnknownStatus => "unknown_status",
            Self::UnmatchedIpn => "unmatched_ipn",
            Self::IpnSilence => "ipn_silence",
            Self::CreateRefused => "create_refused",
            Self::WorthLess => "worth_less",
            Self::OrderWithoutAddress => "order_without_address",
            Self::ForcedReplay => "forced_replay",
        }
    }
}

/// One raise of one kind. The same (kind, order, payment) again only counts up the open item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attention {
    /// Why.
    pub kind: AttentionKind,
    /// About which order; none for an IPN that matches none.
    pub order: Option<OrderId>,
    /// About which payment, where one is concerned.
    pub payment: Option<PaymentId>,
}
