//! What can happen to an order, and the rules under which it is judged.
//!
//! Only names and facts: what follows from them is `lifecycle.rs`'s affair.

use crate::domain::evidence::{Evidence, Ownership};
use crate::domain::ids::{KeyId, PaymentId};
use crate::domain::ledger::PayTo;
use crate::domain::order::StatusName;
use crate::domain::time::Timestamp;

/// Everything that can happen to an order after it was placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A witness reports on a payment; the other half says whose the payment already is.
    Evidence(Box<Evidence>, Ownership),
    /// A payment was made for it at the provider, or found made.
    Made(Box<Made>, Ownership),
    /// The clock looks at it.
    Tick,
    /// Support sweeps what was created up to then.
    Sweep {
        /// Orders created later are left alone.
        created_until: Timestamp,
        /// The operator's key; none from the command line.
        actor: Option<KeyId>,
    },
    /// An operator has looked, and settles it with what arrived.
    Accept {
        /// The payment that is accepted; the bound one if none is named.
        payment: Option<PaymentId>,
        /// The operator's key; none from the command line.
        actor: Option<KeyId>,
    },
    /// The customer withdraws.
    Cancel,
    /// The customer's note becomes this.
    SetCustomerNote(Option<String>),
    /// Support's note becomes this.
    SetInternalNote(Option<String>),
}

impl Input {
    /// What is said of a payment, if something is.
    #[must_use]
    pub fn evidence(&self) -> Option<&Evidence> {
        match self {
            Self::Evidence(evidence, _) => Some(evidence),
            Self::Made(made, _) => Some(&made.evidence),
            Self::Tick
            | Self::Sweep { .. }
            | Self::Accept { .. }
            | Self::Cancel
            | Self::SetCustomerNote(_)
            | Self::SetInternalNote(_) => None,
        }
    }

    /// The same about a payment that is another order's.
    #[must_use]
    pub fn of_another(self) -> Self {
        match self {
            Self::Evidence(evidence, _) => Self::Evidence(evidence, Ownership::Another),
            Self::Made(made, _) => Self::Made(made, Ownership::Another),
            other => other,
        }
    }
}

/// A payment that this service made for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// What the provider says of it.
    pub evidence: Evidence,
    /// How it is paid.
    pub pay_to: PayTo,
}

/// What money does to an order that only the clock failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatePayments {
    /// It reopens the order: evidence beats a guess.
    Reopen,
    /// It is recorded and raised.
    Record,
}

/// What an `actually_paid` of exactly nothing means in `finished` evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZeroReceived {
    /// Nothing arrived: short. The live provider.
    Short,
    /// No amount was given. The provider's sandbox, which never fills it in.
    Unknown,
}

/// What a late payment does whose worth is known to be too far below the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LateRate {
    /// The order becomes partial, and an operator decides.
    Check,
    /// It is taken as if it had come in time.
    Accept,
}

/// The settings that decisions depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// By how much the received amount may miss what is owed, in basis points (100 = 1 %).
    pub tolerance_basis_points: u32,
    /// What late money does.
    pub late_payments: LatePayments,
    /// What a received zero means.
    pub zero_received: ZeroReceived,
    /// What a late payment does that is worth less than the price.
    pub late_rate: LateRate,
    /// By how much a late payment's worth may be below the price, in basis points.
    pub late_rate_basis_points: u32,
}

impl Rules {
    /// The rules where no setting says otherwise, on the live provider.
    pub const SHIPPED: Self = Self {
        tolerance_basis_points: 100,
        late_payments: LatePayments::Reopen,
        zero_received: ZeroReceived::Short,
        late_rate: LateRate::Check,
        late_rate_basis_points: 500,
    };
}

/// The moment and the settings under which an input is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The time.
    pub now: Timestamp,
    /// The settings.
    pub rules: Rules,
}

/// The domain says no to a command. Evidence is never refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Only a pending order can be cancelled.
    #[error("order is {} and can no longer be cancelled", .0.as_str())]
    NotCancellable(StatusName),
    /// An operator can settle a partial order, or one that failed or was cancelled.
    #[error("order is {} and cannot be accepted", .0.as_str())]
    NotAcceptable(StatusName),
    /// It failed or was cancelled, and nothing arrived.
    #[error("order is {} and no money is recorded for it", .0.as_str())]
    NoMoney(StatusName),
    /// It is pending, and money was reported for it that no word settles.
    #[error("order is pending and the money that was reported for it is not settled")]
    MoneyUnsettled,
    /// The payment that was named is not in the order's ledger.
    #[error("the payment is none of the order's")]
    NotItsPayment,
}
