//! Money that comes after the pay window: the quoted amount of a coin may be worth less by then.
//!
//! A buyer who could still pay the quoted amount days later would have a free option on the coin's price. So what a
//! late payment was worth is compared with the price, where it is known (contract, section 2, "Late rate").

use crate::domain::attention::AttentionKind;
use crate::domain::order::{FailureReason, Order, Source, Status};

use super::worth::{WHOLE_BASIS_POINTS, Worth};
use super::{LateRate, Rules};

/// True of an order that the clock or a sweep had failed, whatever came since.
fn was_given_up(order: &Order) -> bool {
    let is_given_up = matches!(order.failure_reason(), Some(FailureReason::Expired | FailureReason::Swept));
    is_given_up || order.events.iter().any(|event| matches!(event.source, Source::Expired | Source::Swept))
}

/// True of an order whose quote no longer holds: it was given up, or the provider's own window had passed.
fn is_late(order: &Order) -> bool {
    let expired = matches!(order.status, Status::Failed { reason: FailureReason::IpnExpired });
    expired || was_given_up(order)
}

/// The worth of evidence that would settle `order`: only partial, where the order is late and what arrived is known
/// to be worth too much less than the price. `after` is the order with its ledger already told.
pub(super) fn judge(order: &Order, after: &Order, worth: Worth, rules: Rules) -> Worth {
    let settles = matches!(worth, Worth::Paid { .. }) && !matches!(order.status, Status::Paid { .. });
    if !settles || !is_late(order) || rules.late_rate == LateRate::Accept {
        return worth;
    }
    let Some(arrived) = after.ledger.worth_in(order.price.currency) else { return worth };
    let share = WHOLE_BASIS_POINTS.saturating_sub(rules.late_rate_basis_points);
    let least = order.price.in_major_units().times_basis_points(share);
    if arrived < least { Worth::Partial { why: AttentionKind::WorthLess } } else { worth }
}

/// What the operator is told of a settlement that comes after the clock or a sweep had failed the order.
pub(super) fn attention(order: &Order, worth: &Worth) -> Option<AttentionKind> {
    (matches!(worth, Worth::Paid { .. }) && was_given_up(order)).then_some(AttentionKind::LatePayment)
}
