//! What a person asks of an order: the customer's cancel, support's sweep, an operator's acceptance.
//!
//! Unlike evidence, a command can be refused, with a [`Refusal`] that says what stands in its way.

use crate::domain::evidence::{Outcome, WitnessKind};
use crate::domain::ids::{KeyId, PaymentId};
use crate::domain::order::{AmountCheck, FailureReason, Order, Source, Status};
use crate::domain::time::Timestamp;

use super::decision::Move;
use super::{Decision, Refusal, expire};

/// Support's sweep: a pending order that is old enough fails. Money on its way is never swept.
pub(super) fn sweep(order: &Order, created_until: Timestamp, actor: Option<KeyId>, now: Timestamp) -> Decision {
    match order.status {
        Status::Pending { .. } if order.created_at <= created_until => {
            let failed = Status::Failed { reason: FailureReason::Swept };
            Decision::moved(order, order.clone(), Move::by_operator(Source::Swept, failed, actor), now)
        }
        Status::Pending { .. }
        | Status::Confirming
        | Status::Partial
        | Status::Paid { .. }
        | Status::Failed { .. }
        | Status::Cancelled => Decision::to(order, order.clone(), Outcome::Ignored, now),
    }
}

/// The customer withdraws: inside the window the order is cancelled, after it the clock was first.
pub(super) fn cancel(order: &Order, now: Timestamp) -> Result<Decision, Refusal> {
    match order.status {
        Status::Pending { expires_at } if expires_at <= now => Ok(expire(order, now)),
        Status::Pending { .. } => {
            Ok(Decision::moved(order, order.clone(), Move::by(Source::Cancel, Status::Cancelled), now))
        }
        Status::Confirming | Status::Partial | Status::Paid { .. } | Status::Failed { .. } | Status::Cancelled => {
            Err(Refusal::NotCancellable(order.status.name()))
        }
    }
}

/// An operator settles the order with what arrived: the way out for money that no rule can judge. An order
/// whose story is not over yet, or for which no money is recorded, is never called paid so.
pub(super) fn accept(
    order: &Order,
    named: Option<&PaymentId>,
    actor: Option<KeyId>,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    match order.status {
        Status::Partial => {}
        Status::Failed { .. } | Status::Cancelled if order.ledger.has_money() => {}
        Status::Failed { .. } | Status::Cancelled => return Err(Refusal::NoMoney(order.status.name())),
        Status::Pending { .. } if order.ledger.has_money() => return Err(Refusal::MoneyUnsettled),
        Status::Pending { .. } | Status::Confirming | Status::Paid { .. } => {
            return Err(Refusal::NotAcceptable(order.status.name()));
        }
    }
    if named.is_some_and(|payment| order.ledger.find(payment).is_none()) {
        return Err(Refusal::NotItsPayment);
    }
    let paid = Status::Paid { paid_at: now, check: AmountCheck::Accepted };
    // Unlike a sweep, which only guesses that nobody paid, this is somebody's word on a payment.
    let step = Move::by_operator(Source::Ipn, paid, actor).witnessed_by(WitnessKind::Operator);
    let step = step.about(named.or(order.payment_id()));
    Ok(Decision::moved(order, order.clone(), step, now))
}
