//! The life of an order, as one pure function.
//!
//! Nothing here waits, reads a clock or touches storage: the same inputs give the same [`Decision`]
//! today and in a replay. `actors/order.rs` stores it, then carries out its effects. The rules are the
//! contract's (section 2); what a piece of evidence is worth is weighed in [`self::worth`], and what a person
//! asks for is judged in [`self::commands`].

mod commands;
mod decision;
#[cfg(test)]
mod histories;
mod input;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod table;
mod worth;

use super::attention::AttentionKind;
use super::evidence::{Evidence, Outcome, Ownership, ProviderWord, Witness};
use super::ids::PaymentId;
use super::ledger::Role;
use super::order::{AmountCheck, CONFIRMING_STALLS_AFTER, FailureReason, Order, PARTIAL_STALLS_AFTER, Source, Status};
use super::time::Timestamp;
use decision::Move;
use worth::{Worth, weigh};

pub use decision::Decision;
pub use input::{Input, LatePayments, Made, Moment, Refusal, Rules, ZeroReceived};

/// Judges one input.
///
/// # Errors
/// [`Refusal`] where a command asks for what the order's status does not allow.
pub fn decide(order: &Order, input: &Input, moment: &Moment) -> Result<Decision, Refusal> {
    // The clocks of two nodes differ; no step is dated before the one it follows.
    let moment = &Moment { now: order.events.last().map_or(moment.now, |last| moment.now.max(last.at)), ..*moment };
    match input {
        Input::Evidence(evidence, ownership) => {
            Ok(once_only(hear(order, evidence, *ownership, moment), order, evidence).noticing_silence(evidence, moment))
        }
        Input::Made(made, ownership) => Ok(adopt(order, made, *ownership, moment)),
        Input::Tick => Ok(tick(order, moment.now)),
        Input::Sweep { created_until, actor } => Ok(commands::sweep(order, *created_until, *actor, moment.now)),
        Input::Accept { payment, actor } => commands::accept(order, payment.as_ref(), *actor, moment.now),
        Input::Cancel => commands::cancel(order, moment.now),
        Input::SetCustomerNote(note) => {
            let noted = Order { customer_note: note.clone(), ..order.clone() };
            Ok(Decision::to(order, noted, Outcome::Ignored, moment.now))
        }
        Input::SetInternalNote(note) => {
            let noted = Order { internal_note: note.clone(), ..order.clone() };
            Ok(Decision::to(order, noted, Outcome::Ignored, moment.now))
        }
    }
}

/// Evidence: first whether it is about this order at all, then what it is worth, then the table.
fn hear(order: &Order, evidence: &Evidence, ownership: Ownership, moment: &Moment) -> Decision {
    let unmoved =
        |outcome, kind| Decision::to(order, order.clone(), outcome, moment.now).raising(kind, &evidence.payment_id);
    if !belongs(order, evidence, ownership) {
        return unmoved(Outcome::Mismatch, AttentionKind::PaymentMismatch);
    }
    if let ProviderWord::Unknown(_) = evidence.word {
        return hear_unknown(order, evidence, moment);
    }
    if let Some(parent) = child_of(order, evidence) {
        return hear_child(order, evidence, parent, moment);
    }
    if order.ledger.bound().is_none() && !names_our_price(order, evidence) {
        return unmoved(Outcome::Mismatch, AttentionKind::PriceMismatch);
    }
    settle(order, informed(order, evidence, Role::Bound, moment.now), evidence, moment)
}

/// A poll repeats what it finds for days. What the ledger knew already was raised when it came there, and an
/// operator who has disposed of it is not told again.
fn once_only(decision: Decision, before: &Order, evidence: &Evidence) -> Decision {
    let known = before.ledger.find(&evidence.payment_id).is_some_and(|payment| payment.word == evidence.word);
    let repeats = known && decision.order.ledger == before.ledger;
    let unmoved = decision.event.is_none() && decision.outcome != Outcome::Mismatch;
    if evidence.witness == Witness::Poll && unmoved && repeats {
        return Decision { attention: Vec::new(), ..decision };
    }
    decision
}

/// A payment of our own making: it binds the order that has none, and joins the ledger of one that has. What
/// turns out to be a further deposit was made by nobody, and is heard like any other.
fn adopt(order: &Order, made: &Made, ownership: Ownership, moment: &Moment) -> Decision {
    let evidence = &made.evidence;
    let unmoved =
        |kind| Decision::to(order, order.clone(), Outcome::Mismatch, moment.now).raising(kind, &evidence.payment_id);
    let named = evidence.order_id.is_none_or(|id| id == order.id);
    if !named || ownership == Ownership::Another {
        return unmoved(AttentionKind::PaymentMismatch);
    }
    if child_of(order, evidence).is_some() {
        return hear(order, evidence, ownership, moment);
    }
    let unbound = order.ledger.bound().is_none();
    if unbound && !names_our_price(order, evidence) {
        return unmoved(AttentionKind::PriceMismatch);
    }
    let role = if unbound { Role::Bound } else { Role::Own };
    if let ProviderWord::Unknown(_) = evidence.word {
        // It is kept all the same, or nobody could be shown where to pay; but a word that is known stays.
        let known = order.ledger.find(&evidence.payment_id).is_some();
        let mut after = if known { order.clone() } else { informed(order, evidence, role, moment.now) };
        after.ledger.pay_to(&evidence.payment_id, &made.pay_to);
        let decision = Decision::to(order, after, Outcome::UnknownStatus, moment.now);
        return decision.raising(AttentionKind::UnknownStatus, &evidence.payment_id);
    }
    let mut after = informed(order, evidence, role, moment.now);
    after.ledger.pay_to(&evidence.payment_id, &made.pay_to);
    settle(order, after, evidence, moment)
}

/// A word that nobody knows moves nothing. What it tells of a further deposit, or of money in another coin, is
/// recorded all the same: a wrong asset is raised with its numbers, and an operator can settle it.
fn hear_unknown(order: &Order, evidence: &Evidence, moment: &Moment) -> Decision {
    let payment = &evidence.payment_id;
    let raised = |after: Order| {
        let decision = Decision::to(order, after, Outcome::UnknownStatus, moment.now);
        decision.raising(AttentionKind::UnknownStatus, payment)
    };
    if let Some(parent) = child_of(order, evidence) {
        let after = informed(order, evidence, Role::Child(parent.clone()), moment.now);
        return raised(after).raising(AttentionKind::ChildPayment, payment);
    }
    let mut after = order.clone();
    after.ledger.record_other(evidence);
    raised(after)
}

/// True unless the payment or its parent is another order's, or a stranger to an order that has its own.
fn belongs(order: &Order, evidence: &Evidence, ownership: Ownership) -> bool {
    let named = evidence.order_id.is_none_or(|id| id == order.id);
    let known = order.ledger.find(&evidence.payment_id).is_some();
    let family = evidence.parent_payment_id.as_ref().is_some_and(|parent| order.ledger.find(parent).is_some());
    let unbound = order.ledger.bound().is_none();
    named && ownership == Ownership::Free && (known || family || unbound)
}

/// The order once its ledger knows what the evidence says. Only what was not known before is news: a poll
/// that finds the same again must not hide that a payment has stalled.
fn informed(order: &Order, evidence: &Evidence, role: Role, now: Timestamp) -> Order {
    let mut after = order.clone();
    after.ledger.record(evidence, role, now);
    if after.ledger != order.ledger {
        after.due_at = stalls_at(&after.status, now).or(after.due_at);
    }
    if after.owed.is_none() {
        after.owed = after.ledger.bound().and_then(|bound| bound.pay_amount.clone());
    }
    after
}

/// The parent, if this is about a further deposit: by its own word or because the ledger knows it as one.
fn child_of<'a>(order: &'a Order, evidence: &'a Evidence) -> Option<&'a PaymentId> {
    match order.ledger.find(&evidence.payment_id).map(|payment| &payment.role) {
        Some(Role::Child(parent)) => Some(parent),
        Some(Role::Bound | Role::Own) => None,
        None => evidence.parent_payment_id.as_ref(),
    }
}

/// A further deposit never binds and never goes through the table; but what arrived is counted, and an
/// order that lacked just that is complete.
fn hear_child(order: &Order, evidence: &Evidence, parent: &PaymentId, moment: &Moment) -> Decision {
    let after = informed(order, evidence, Role::Child(parent.clone()), moment.now);
    let payment = &evidence.payment_id;
    let sum = worth::of_sum(&after, moment.rules);
    let counts = after.ledger.counts(payment);
    let completes = order.status == Status::Partial && counts && matches!(sum, Worth::Paid { .. });
    let decision = if completes {
        let step = Move::on(evidence, sum.status(moment.now));
        Decision::moved(order, after, step, moment.now).raising_any(sum.attention(), payment)
    } else {
        Decision::to(order, after, Outcome::Child, moment.now)
    };
    decision.raising(AttentionKind::ChildPayment, payment)
}

/// An order that evidence would bind first must be asked for at its own price, where a price is named.
fn names_our_price(order: &Order, evidence: &Evidence) -> bool {
    let price = &evidence.price;
    let amount = price.amount.as_ref().is_none_or(|amount| *amount == order.price.in_major_units());
    let code = order.price.currency;
    let currency = price.currency.as_ref().is_none_or(|named| named.eq_ignore_ascii_case(code.as_str()));
    amount && currency
}

/// What the table says of a status and a worth.
enum Verdict {
    /// The order moves.
    Apply,
    /// It already stands there.
    Refresh,
    /// Nothing moves.
    Ignore,
    /// Nothing moves, and the operator is told.
    Raise(AttentionKind),
}

/// The table of contract section 2, row by row.
fn verdict(status: &Status, worth: Worth, late: LatePayments) -> Verdict {
    use FailureReason::{Expired, Ipn, IpnExpired, Swept};
    match (status, worth) {
        (Status::Pending { .. }, Worth::Pending) => Verdict::Refresh,
        (
            Status::Pending { .. },
            Worth::Confirming | Worth::Partial { .. } | Worth::Paid { .. } | Worth::Failed { .. },
        ) => Verdict::Apply,

        (Status::Confirming, Worth::Pending) => Verdict::Ignore,
        (Status::Confirming, Worth::Confirming) => Verdict::Refresh,
        (Status::Confirming, Worth::Partial { .. } | Worth::Paid { .. } | Worth::Failed { .. }) => Verdict::Apply,

        (Status::Partial, Worth::Pending | Worth::Confirming) => Verdict::Ignore,
        (Status::Partial, Worth::Partial { .. }) => Verdict::Refresh,
        (Status::Partial, Worth::Paid { .. } | Worth::Failed { .. }) => Verdict::Apply,

        (Status::Paid { .. }, Worth::Pending | Worth::Confirming) => Verdict::Ignore,
        // It was called paid on trust; now the amounts say otherwise.
        (Status::Paid { check: AmountCheck::Unchecked, .. }, Worth::Partial { .. }) => {
            Verdict::Raise(AttentionKind::Underpaid)
        }
        (Status::Paid { check: AmountCheck::Checked | AmountCheck::Accepted, .. }, Worth::Partial { .. }) => {
            Verdict::Ignore
        }
        (Status::Paid { .. }, Worth::Paid { .. }) => Verdict::Refresh,
        (Status::Paid { .. }, Worth::Failed { .. }) => Verdict::Raise(AttentionKind::PaidThenFailed),

        (Status::Failed { .. }, Worth::Pending) => Verdict::Ignore,
        (Status::Failed { .. }, Worth::Failed { .. }) => Verdict::Refresh,
        (Status::Failed { reason: Ipn }, Worth::Confirming | Worth::Partial { .. } | Worth::Paid { .. }) => {
            Verdict::Raise(AttentionKind::LatePayment)
        }
        // That nobody paid was only a guess, ours or the provider's; the money says otherwise.
        (
            Status::Failed { reason: Expired | Swept | IpnExpired },
            Worth::Confirming | Worth::Partial { .. } | Worth::Paid { .. },
        ) => match late {
            LatePayments::Reopen => Verdict::Apply,
            LatePayments::Record => Verdict::Raise(AttentionKind::LatePayment),
        },

        (Status::Cancelled, Worth::Pending | Worth::Failed { .. }) => Verdict::Ignore,
        (Status::Cancelled, Worth::Confirming | Worth::Partial { .. } | Worth::Paid { .. }) => {
            Verdict::Raise(AttentionKind::LatePayment)
        }
    }
}

/// Weighs the evidence and does what the table says. `after` is the order with its ledger already told.
fn settle(order: &Order, after: Order, evidence: &Evidence, moment: &Moment) -> Decision {
    let worth = weigh(&after, evidence, moment.rules);
    let payment = &evidence.payment_id;
    let lost = lost_money(order, &after, evidence, worth);
    let decision = match verdict_on(&after, evidence, worth, moment.rules.late_payments) {
        Verdict::Apply => Decision::moved(order, after, Move::on(evidence, worth.status(moment.now)), moment.now),
        Verdict::Refresh => Decision::to(order, confirmed(after, worth), Outcome::Refreshed, moment.now),
        Verdict::Ignore => Decision::to(order, after, Outcome::Ignored, moment.now),
        Verdict::Raise(kind) => Decision::to(order, after, Outcome::Ignored, moment.now).raising(kind, payment),
    };
    let of_amounts = worth.attention().filter(|_| !is_looked_at(order, worth));
    decision.raising_any(of_amounts, payment).raising_any(lost, payment)
}

/// True of amounts that fall short for an order that an operator accepted as it is. Money in another coin is
/// told all the same: it may be new.
fn is_looked_at(order: &Order, worth: Worth) -> bool {
    let accepted = matches!(order.status, Status::Paid { check: AmountCheck::Accepted, .. });
    accepted && matches!(worth, Worth::Partial { why: None | Some(AttentionKind::Underpaid) })
}

/// The table, where it is read at all: a top-up or a twin that comes to nothing says nothing of the
/// order's own payment. `order` is the one whose ledger has been told.
fn verdict_on(order: &Order, evidence: &Evidence, worth: Worth, late: LatePayments) -> Verdict {
    let failed = matches!(worth, Worth::Failed { .. });
    if failed && is_beside(order, &evidence.payment_id) {
        return Verdict::Ignore;
    }
    verdict(&order.status, worth, late)
}

/// True for a payment of the order that is not the bound one.
fn is_beside(order: &Order, payment: &PaymentId) -> bool {
    order.ledger.find(payment).is_some_and(|known| known.role != Role::Bound)
}

/// An order that was called paid on trust is checked once amounts confirm it. An operator's word stands.
fn confirmed(mut after: Order, worth: Worth) -> Order {
    if let (Status::Paid { check: check @ AmountCheck::Unchecked, .. }, Worth::Paid { check: confirmed, .. }) =
        (&mut after.status, worth)
    {
        *check = confirmed;
    }
    after
}

/// What is raised when a payment fails for which money had been seen. `order` is the one before; what `after`
/// knows of the payment may be what the failure itself says.
fn lost_money(order: &Order, after: &Order, evidence: &Evidence, worth: Worth) -> Option<AttentionKind> {
    let failed = matches!(worth, Worth::Failed { .. });
    let half_paid = order.status == Status::Partial && !is_beside(after, &evidence.payment_id);
    if !failed || !(half_paid || worth::saw_money(order, evidence)) {
        return None;
    }
    match order.status {
        Status::Paid { .. } => Some(AttentionKind::PaidThenFailed),
        Status::Pending { .. } | Status::Confirming | Status::Partial | Status::Failed { .. } | Status::Cancelled => {
            Some(AttentionKind::FailedWithMoney)
        }
    }
}

/// The clock: ends the pay window, or notices that money on its way has gone silent.
fn tick(order: &Order, now: Timestamp) -> Decision {
    let due = order.due_at.is_some_and(|due_at| due_at <= now);
    match order.status {
        Status::Pending { expires_at } if expires_at <= now => expire(order, now),
        Status::Confirming | Status::Partial if due => {
            let heard = Order { due_at: None, ..order.clone() };
            let decision = Decision::to(order, heard, Outcome::Ignored, now);
            decision.raising_of_order(AttentionKind::Stalled, order.payment_id())
        }
        Status::Pending { .. }
        | Status::Confirming
        | Status::Partial
        | Status::Paid { .. }
        | Status::Failed { .. }
        | Status::Cancelled => Decision::to(order, order.clone(), Outcome::Ignored, now),
    }
}

fn expire(order: &Order, now: Timestamp) -> Decision {
    let failed = Status::Failed { reason: FailureReason::Expired };
    Decision::moved(order, order.clone(), Move::by(Source::Expired, failed), now)
}

/// When silence in this status means that it stalled.
fn stalls_at(status: &Status, now: Timestamp) -> Option<Timestamp> {
    match status {
        Status::Confirming => Some(now.after(CONFIRMING_STALLS_AFTER)),
        Status::Partial => Some(now.after(PARTIAL_STALLS_AFTER)),
        Status::Pending { .. } | Status::Paid { .. } | Status::Failed { .. } | Status::Cancelled => None,
    }
}
