//! What a piece of evidence is worth, before the table is read.
//!
//! Amounts turn `finished` into what it is worth: paid, or only partial (contract, section 2,
//! "Amounts"). All sums are over the order's ledger, exact, in the bound coin.

use crate::domain::attention::AttentionKind;
use crate::domain::evidence::{Evidence, ProviderWord};
use crate::domain::ledger::Payment;
use crate::domain::money::CoinAmount;
use crate::domain::order::{AmountCheck, FailureReason, Order, Status};
use crate::domain::time::Timestamp;

use super::{Rules, ZeroReceived};

/// One part in ten thousand is a basis point.
pub(super) const WHOLE_BASIS_POINTS: u32 = 10_000;

/// The column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    Pending,
    Confirming,
    Partial { why: AttentionKind },
    Paid { check: AmountCheck, over: Overpayment },
    Failed { reason: FailureReason },
}

/// Whether more than owed and tolerated arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overpayment {
    None,
    Beyond,
}

impl Worth {
    /// The status that the evidence leads to where it applies.
    pub(super) fn status(self, now: Timestamp) -> Status {
        match self {
            // Never applied: the table only refreshes or ignores it. The window would have just ended.
            Self::Pending => Status::Pending { expires_at: now },
            Self::Confirming => Status::Confirming,
            Self::Partial { .. } => Status::Partial,
            Self::Paid { check, .. } => Status::Paid { paid_at: now, check },
            Self::Failed { reason } => Status::Failed { reason },
        }
    }

    /// What the operator is told of the amounts.
    pub(super) fn attention(self) -> Option<AttentionKind> {
        match self {
            Self::Partial { why } => Some(why),
            Self::Paid { over: Overpayment::Beyond, .. } => Some(AttentionKind::Overpaid),
            Self::Paid { over: Overpayment::None, .. } | Self::Pending | Self::Confirming | Self::Failed { .. } => None,
        }
    }
}

/// Weighs evidence that `order` has already recorded in its ledger.
pub(super) fn weigh(order: &Order, evidence: &Evidence, rules: Rules) -> Worth {
    match highest_word(order, evidence) {
        ProviderWord::Waiting | ProviderWord::Unknown(_) => Worth::Pending,
        ProviderWord::Confirming | ProviderWord::Confirmed | ProviderWord::Sending => Worth::Confirming,
        ProviderWord::PartiallyPaid => weigh_partially_paid(order, evidence, rules),
        ProviderWord::Finished => weigh_finished(order, evidence, rules),
        ProviderWord::Failed | ProviderWord::Refunded => Worth::Failed { reason: FailureReason::Ipn },
        ProviderWord::Expired => Worth::Failed { reason: FailureReason::IpnExpired },
    }
}

/// The word under which the evidence counts: the highest-ranked one of its payment. Of an order that was called paid
/// without amounts, the evidence's own.
fn highest_word<'a>(order: &'a Order, evidence: &'a Evidence) -> &'a ProviderWord {
    let trusted = matches!(order.status, Status::Paid { check: AmountCheck::Unchecked, .. });
    let known = order.ledger.find(&evidence.payment_id).filter(|_| !trusted).and_then(Payment::progress);
    let higher =
        known.filter(|word| evidence.word.progress_rank().is_some_and(|rank| Some(rank) < word.progress_rank()));
    higher.unwrap_or(&evidence.word)
}

/// The provider's word stands, unless other payments of the order complete the sum.
fn weigh_partially_paid(order: &Order, evidence: &Evidence, rules: Rules) -> Worth {
    if is_in_another_coin(order, evidence) {
        return Worth::Partial { why: AttentionKind::CurrencyMismatch };
    }
    let others = order.ledger.counted().any(|payment| payment.id != evidence.payment_id);
    let sum = of_sum(order, rules);
    let completed = others && matches!(sum, Worth::Paid { .. });
    if completed { sum } else { Worth::Partial { why: AttentionKind::Underpaid } }
}

fn weigh_finished(order: &Order, evidence: &Evidence, rules: Rules) -> Worth {
    let unknown_zero = |paid: &&CoinAmount| rules.zero_received == ZeroReceived::Unknown && paid.is_zero();
    if evidence.actually_paid.as_ref().filter(|paid| !unknown_zero(paid)).is_none() {
        return Worth::Paid { check: AmountCheck::Unchecked, over: Overpayment::None };
    }
    if is_in_another_coin(order, evidence) {
        return Worth::Partial { why: AttentionKind::CurrencyMismatch };
    }
    of_sum(order, rules)
}

/// True if the evidence names another coin than the bound one.
fn is_in_another_coin(order: &Order, evidence: &Evidence) -> bool {
    order.ledger.coin().zip(evidence.coin.as_ref()).is_some_and(|(bound, told)| bound != told)
}

/// What the sum over the ledger is worth against what is owed. An order that owes nothing in its coin is
/// one whose amount is not known: nothing at all must never settle it.
pub(super) fn of_sum(order: &Order, rules: Rules) -> Worth {
    let short = Worth::Partial { why: AttentionKind::Underpaid };
    let Some(owed) = order.owed.as_ref().filter(|owed| !owed.is_zero()) else { return short };
    let received = order.ledger.received();
    let tolerance = rules.tolerance_basis_points.min(WHOLE_BASIS_POINTS);
    let least = owed.times_basis_points(WHOLE_BASIS_POINTS.saturating_sub(tolerance));
    let most = owed.times_basis_points(WHOLE_BASIS_POINTS.saturating_add(tolerance));
    if received < least {
        short
    } else if most < received {
        Worth::Paid { check: AmountCheck::Checked, over: Overpayment::Beyond }
    } else {
        Worth::Paid { check: AmountCheck::Checked, over: Overpayment::None }
    }
}

/// True if money was reported for the payment, by this evidence or before. `order` is the one before.
pub(super) fn saw_money(order: &Order, evidence: &Evidence) -> bool {
    let before = order.ledger.find(&evidence.payment_id).is_some_and(Payment::saw_money);
    before || evidence.actually_paid.as_ref().is_some_and(|paid| !paid.is_zero())
}
