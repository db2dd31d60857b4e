//! When the provider is asked again about an order, and for which payments, as a pure schedule.
//!
//! IPNs come late or never, so an order that is not paid is looked at from time to time: soon after its payment
//! was made, often near the end of the pay window, and slowly for as long as the provider watches the address. A
//! paid order gets a few slow looks, which find a second deposit or a refund. `actors/poller.rs` asks; nothing here
//! waits.

#[cfg(test)]
mod tests;

use super::evidence::ProviderWord;
use super::ids::PaymentId;
use super::ledger::{Payment, Role};
use super::order::{Order, Status};
use super::time::{Span, Timestamp};

/// For how long the provider watches the address of a payment at a floating rate.
pub const ADDRESS_WATCHED_FOR: Span = Span::hours(7 * 24);
/// For how long money on its way is asked after; `stalled` was raised long before.
pub const UNSETTLED_ASKED_FOR: Span = Span::hours(30 * 24);
/// How long after it was paid an order is looked at, shortest first; the last is when the provider stops watching.
pub const PAID_LOOKS_AFTER: [Span; 4] = [Span::hours(1), Span::hours(24), Span::hours(3 * 24), ADDRESS_WATCHED_FOR];
/// When a question about a paid order that found no answer is repeated: nobody waits for it.
const PAID_UNANSWERED: Span = Span::hours(1);
/// For how long after the end an answer to the last look is still waited for.
const LAST_ANSWER_WITHIN: Span = Span::hours(24);
/// How many questions one look at an order may cost.
pub const QUESTIONS_MAX: usize = 8;
/// The part of the window, at its end, in which it is looked at often.
const END_OF_WINDOW: Span = Span::minutes(10);
/// How long after a question without an answer it is asked again; doubled each time, up to the most.
const UNANSWERED_LEAST: Span = Span::seconds(30);
const UNANSWERED_MOST: Span = Span::minutes(10);

/// How the time between two looks grows: a share of the time since something happened, within bounds.
struct Growth {
    share: i64,
    least: Span,
    most: Span,
}

/// Inside the window, until it is nearly over.
const UNPAID: Growth = Growth { share: 4, least: Span::minutes(2), most: Span::minutes(15) };
/// Money was seen, and minutes decide.
const ON_ITS_WAY: Growth = Growth { share: 10, least: Span::minutes(2), most: Span::hours(1) };
/// Some money is there, and the buyer may send the rest.
const INCOMPLETE: Growth = Growth { share: 10, least: Span::minutes(5), most: Span::hours(6) };
/// Nobody is expected to pay any more.
const GIVEN_UP: Growth = Growth { share: 6, least: Span::minutes(15), most: Span::hours(6) };

/// When to ask next about an order whose payments were just asked after; none once nothing can come any more.
#[must_use]
pub fn next_look(order: &Order, now: Timestamp) -> Option<Timestamp> {
    let newest = order.ledger.iter().map(|payment| payment.first_seen_at).max()?;
    let moved = order.events.last().map_or(newest, |last| newest.max(last.at));
    let (growth, ends) = match order.status {
        Status::Paid { paid_at, .. } => {
            return PAID_LOOKS_AFTER.into_iter().map(|span| paid_at.after(span)).find(|at| now < *at);
        }
        Status::Pending { expires_at } if now < expires_at => return Some(within_window(newest, expires_at, now)),
        Status::Confirming => (ON_ITS_WAY, moved.after(UNSETTLED_ASKED_FOR)),
        Status::Partial => (INCOMPLETE, moved.after(UNSETTLED_ASKED_FOR)),
        Status::Pending { .. } | Status::Failed { .. } | Status::Cancelled => {
            (GIVEN_UP, newest.after(ADDRESS_WATCHED_FOR))
        }
    };
    // The last look is at the very end: what came in the hours before it must not be missed.
    (now < ends).then(|| now.after(growth.after(now.since(moved))).min(ends))
}

/// Inside the window: less and less often at first, and every other minute near its end.
fn within_window(newest: Timestamp, expires_at: Timestamp, now: Timestamp) -> Timestamp {
    let near = expires_at.before(END_OF_WINDOW);
    if near <= now {
        return now.after(UNPAID.least);
    }
    now.after(UNPAID.after(now.since(newest))).min(near)
}

impl Growth {
    fn after(&self, silence: Span) -> Span {
        let part = silence.as_millis().checked_div(self.share).unwrap_or(0);
        Span::millis(part.clamp(self.least.as_millis(), self.most.as_millis()))
    }
}

/// Returns true if the provider is asked about an order whose row is due. The row of a paid order was written while
/// it was unpaid, so it comes up before the first of its slow looks; and one that was due long ago is let go.
#[must_use]
pub fn is_asked_about(order: &Order, now: Timestamp) -> bool {
    let Status::Paid { paid_at, .. } = order.status else { return true };
    let [first, ..] = PAID_LOOKS_AFTER;
    paid_at.after(first) <= now && next_look(order, now.before(LAST_ANSWER_WITHIN)).is_some()
}

/// When to ask again after the provider has given no answer so many times in a row; none once nothing can come
/// any more. The last look of all is repeated too, for a day: what came just before the end must not be missed.
#[must_use]
pub fn next_try(order: &Order, unanswered: i64, now: Timestamp) -> Option<Timestamp> {
    next_look(order, now.before(LAST_ANSWER_WITHIN))?;
    if matches!(order.status, Status::Paid { .. }) {
        return Some(now.after(PAID_UNANSWERED));
    }
    let doublings = u32::try_from(unanswered.saturating_sub(1).clamp(0, 10)).unwrap_or(0);
    let pause = UNANSWERED_LEAST.as_millis().saturating_mul(1_i64.checked_shl(doublings).unwrap_or(1));
    Some(now.after(Span::millis(pause.min(UNANSWERED_MOST.as_millis()))))
}

/// The payments to ask for: the bound one, and of the others those that may still bring news. Where these are
/// more than one look may ask for, each look begins with other ones.
#[must_use]
pub fn questions(order: &Order, now: Timestamp) -> Vec<PaymentId> {
    // Of a paid order a refund is looked for too, and any of its payments may have been refunded.
    let is_paid = matches!(order.status, Status::Paid { .. });
    let is_open = |payment: &&Payment| may_change(payment) || (is_paid && is_settled_beside(payment));
    let mut others: Vec<&Payment> = order.ledger.iter().filter(is_open).collect();
    if QUESTIONS_MAX <= others.len() {
        let second = usize::try_from(now.millis().checked_div(1_000).unwrap_or(0)).unwrap_or(0);
        let first = second.checked_rem(others.len()).unwrap_or(0);
        others.rotate_left(first);
    }
    order.ledger.bound().into_iter().chain(others).map(|payment| payment.id.clone()).take(QUESTIONS_MAX).collect()
}

/// Returns true for a settled payment that is not the bound one.
fn is_settled_beside(payment: &Payment) -> bool {
    payment.role != Role::Bound && payment.word == ProviderWord::Finished
}

/// Whether anything more can be told of a payment beside the bound one. A deposit is one transfer, while the
/// address of a payment of our own takes money that comes late.
fn may_change(payment: &Payment) -> bool {
    match (&payment.role, &payment.word) {
        (Role::Bound, _) | (_, ProviderWord::Finished | ProviderWord::Failed | ProviderWord::Refunded) => false,
        (Role::Child(_), ProviderWord::Expired) => false,
        (
            Role::Own | Role::Child(_),
            ProviderWord::Waiting
            | ProviderWord::Confirming
            | ProviderWord::Confirmed
            | ProviderWord::Sending
            | ProviderWord::PartiallyPaid
            | ProviderWord::Expired
            | ProviderWord::Unknown(_),
        ) => true,
    }
}
