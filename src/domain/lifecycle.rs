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
mod late;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod ranking;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod table;
mod transitions;
mod worth;

use super::attention::AttentionKind;
use super::evidence::{Evidence, Outcome, Ownership, Witness};
use super::ids::PaymentId;
use super::ledger::Role;
use super::order::{AmountCheck, CONFIRMING_STALLS_AFTER, FailureReason, Order, PARTIAL_STALLS_AFTER, Source, Status};
use super::time::Timestamp;
use decision::Move;
use transitions::{Verdict, verdict};
use worth::{Worth, weigh};

pub use decision::Decision;
pub use input::{Input, LatePayments, LateRate, Made, Moment, Refusal, Rules, ZeroReceived};

/// Judges one input.
///
/// # Errors
/// [`Refusal`] where a command asks for what the order's status does not allow.
pub fn decide(order: &Order, input: &Input, moment: &Moment) -> Result<Decision, Refusal> {
    // The clocks of two nodes differ; no step is dated before the one it follows.
    let moment = &Moment { now: order.events.last().map_or(moment.now, |last| moment.now.max(last.at)), ..*moment };
    match input {
        Input::Evidence(evidence, ownership) => {
            let heard = once_only(hear(order, evidence, *ownership, moment), order, evidence);
            Ok(heard.noticing_silence(evidence, moment).announcing_more(order, moment.now))
        }
        Input::Made(made, ownership) => Ok(adopt(order, made, *ownership, moment).announcing_more(order, moment.now)),
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
    if let Some(parent) = child_of(order, evidence).filter(|_| evidence.word.is_known()) {
        return hear_child(order, evidence, parent, moment);
    }
    if order.ledger.bound().is_none() && !names_our_price(order, evidence) && evidence.word.is_known() {
        return unmoved(Outcome::Mismatch, AttentionKind::PriceMismatch);
    }
    if !evidence.word.is_known() {
        return hear_unknown(order, evidence, moment);
    }
    settle(order, informed(order, evidence, Role::Bound, moment.now), evidence, moment)
}

/// A poll repeats what it finds for days. What the ledger knew already was raised when it came there, and an
/// operator who has disposed of it is not told again.
fn once_only(decision: Decision, before: &Order, evidence: &Evidence) -> Decision {
    let known = before.ledger.find(&evidence.payment_id).is_some_and(|payment| payment.word == evidence.word);
    let repeats = known && !tells_news(before, &decision.order, &evidence.payment_id);
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
    if !evidence.word.is_known() {
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

/// A word that is not known moves nothing. An amount that it names is recorded all the same, unsettled: it is raised
/// with its numbers, and an operator can accept it. An order without a payment is bound by it as by any other report.
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
    let joins = order.ledger.find(payment).is_some() || (has_amount(evidence) && names_our_price(order, evidence));
    raised(if joins { informed(order, evidence, Role::Bound, moment.now) } else { order.clone() })
}

/// True if the evidence says that something arrived.
fn has_amount(evidence: &Evidence) -> bool {
    evidence.actually_paid.as_ref().is_some_and(|paid| !paid.is_zero())
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
    if after.ledger != order.ledger && !is_overtaken(order, evidence) {
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

/// True for a report that others of the same payment have overtaken. An order that was called paid without amounts
/// is looked at all the same: the amounts may say otherwise.
fn is_overtaken(order: &Order, evidence: &Evidence) -> bool {
    let trusted = matches!(order.status, Status::Paid { check: AmountCheck::Unchecked, .. });
    let is_checked = trusted && !evidence.word.is_failure();
    let known = order.ledger.find(&evidence.payment_id);
    !is_checked && known.is_some_and(|payment| payment.has_overtaken(evidence))
}

/// A further deposit never binds and never goes through the table. What arrived is counted all the same: an order
/// that lacked just that is complete, and one that nobody had paid is partial once money in another coin is settled.
fn hear_child(order: &Order, evidence: &Evidence, parent: &PaymentId, moment: &Moment) -> Decision {
    let after = informed(order, evidence, Role::Child(parent.clone()), moment.now);
    let payment = &evidence.payment_id;
    if is_overtaken(order, evidence) {
        return Decision::to(order, after, Outcome::Child, moment.now);
    }
    let in_another_coin = after.ledger.is_settled_in_another_coin(payment);
    let wrong_coin = in_another_coin.then_some(AttentionKind::CurrencyMismatch);
    let sum = late::judge(order, &after, worth::of_sum(&after, moment.rules), moment.rules);
    let decision = match &order.status {
        Status::Pending { .. } if in_another_coin => {
            Decision::moved(order, after, Move::on(evidence, Status::Partial), moment.now)
        }
        Status::Partial if after.ledger.counts(payment) && matches!(sum, Worth::Paid { .. }) => {
            let late = late::attention(order, &sum);
            let step = Move::on(evidence, sum.status(moment.now));
            let decision = Decision::moved(order, after, step, moment.now);
            decision.raising_any(sum.attention(), payment).raising_any(late, payment)
        }
        // All that is owed has come, and is worth too little by now.
        Status::Partial
            if after.ledger.counts(payment) && sum == (Worth::Partial { why: AttentionKind::WorthLess }) =>
        {
            let told = tells_news(order, &after, payment).then_some(AttentionKind::WorthLess);
            Decision::to(order, after, Outcome::Child, moment.now).raising_any(told, payment)
        }
        _ => Decision::to(order, after, Outcome::Child, moment.now),
    };
    decision.raising(AttentionKind::ChildPayment, payment).raising_any(wrong_coin, payment)
}

/// An order that evidence would bind first must be asked for at its own price, where a price is named.
fn names_our_price(order: &Order, evidence: &Evidence) -> bool {
    let price = &evidence.price;
    let amount = price.amount.as_ref().is_none_or(|amount| *amount == order.price.in_major_units());
    let code = order.price.currency;
    let currency = price.currency.as_ref().is_none_or(|named| named.eq_ignore_ascii_case(code.as_str()));
    amount && currency
}

/// Weighs the evidence and does what the table says. `after` is the order with its ledger already told.
fn settle(order: &Order, after: Order, evidence: &Evidence, moment: &Moment) -> Decision {
    if is_overtaken(order, evidence) {
        return Decision::to(order, after, Outcome::Ignored, moment.now);
    }
    let payment = &evidence.payment_id;
    let late_payments = moment.rules.late_payments;
    let weighed = weigh(&after, evidence, moment.rules);
    let worth = match verdict_on(&after, evidence, weighed, late_payments) {
        Verdict::Apply => late::judge(order, &after, weighed, moment.rules),
        Verdict::Refresh | Verdict::Ignore | Verdict::Raise(_) => weighed,
    };
    let lost = lost_money(order, &after, evidence, worth);
    let is_news = tells_news(order, &after, payment);
    let decision = match verdict_on(&after, evidence, worth, late_payments) {
        Verdict::Apply => {
            let late = late::attention(order, &worth);
            let step = Move::on(evidence, worth.status(moment.now));
            Decision::moved(order, after, step, moment.now).raising_any(late, payment)
        }
        Verdict::Refresh => Decision::to(order, confirmed(after, worth), Outcome::Refreshed, moment.now),
        Verdict::Ignore => Decision::to(order, after, Outcome::Ignored, moment.now),
        Verdict::Raise(kind) => Decision::to(order, after, Outcome::Ignored, moment.now).raising(kind, payment),
    };
    // Amounts that were raised when they came are no news when they are repeated.
    let of_amounts = worth.attention().filter(|_| is_news && !is_looked_at(order, worth));
    decision.raising_any(of_amounts, payment).raising_any(lost, payment)
}

/// True if the ledger knows more of the payment's money than before; another date alone is no news.
fn tells_news(before: &Order, after: &Order, payment: &PaymentId) -> bool {
    let money = |order: &Order| {
        let known = order.ledger.find(payment);
        known.map(|known| (known.word.clone(), known.received.clone(), known.other.clone(), known.unclear.clone()))
    };
    money(before) != money(after)
}

/// True of amounts that fall short for an order that an operator accepted as it is. Money in another coin is
/// told all the same: it may be new.
fn is_looked_at(order: &Order, worth: Worth) -> bool {
    let accepted = matches!(order.status, Status::Paid { check: AmountCheck::Accepted, .. });
    accepted && matches!(worth, Worth::Partial { why: AttentionKind::Underpaid })
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
