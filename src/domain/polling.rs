//! When the provider is asked again about an order, as a pure schedule.
//!
//! IPNs come late or never, so an order that is not paid is looked at from time to time: soon after its payment
//! was made, often near the end of the pay window, and slowly for as long as the provider watches the address
//! (`nowpayments.md`, section 4). `actors/poller.rs` asks; nothing here waits.

use super::order::{Order, Status};
use super::time::{Span, Timestamp};

/// For how long the provider watches the address of a payment at a floating rate.
pub const ADDRESS_WATCHED_FOR: Span = Span::hours(7 * 24);
/// For how long money on its way is asked after; `stalled` was raised long before.
const UNSETTLED_ASKED_FOR: Span = Span::hours(30 * 24);
/// The part of the window, at its end, in which it is looked at often.
const END_OF_WINDOW: Span = Span::minutes(10);

/// How the time between two looks grows: a share of the payment's age, within bounds.
struct Growth {
    share: i64,
    least: Span,
    most: Span,
}

/// When to ask next about an order whose payments were just asked after; none once nothing can come any more.
#[must_use]
pub fn next_look(order: &Order, now: Timestamp) -> Option<Timestamp> {
    let newest = order.ledger.iter().map(|payment| payment.first_seen_at).max()?;
    let (growth, asked_for) = match order.status {
        Status::Paid { .. } => return None,
        Status::Pending { expires_at } if now < expires_at => return Some(within_window(newest, expires_at, now)),
        Status::Confirming => {
            (Growth { share: 10, least: Span::minutes(2), most: Span::hours(1) }, UNSETTLED_ASKED_FOR)
        }
        Status::Partial => (Growth { share: 10, least: Span::minutes(5), most: Span::hours(6) }, UNSETTLED_ASKED_FOR),
        Status::Pending { .. } | Status::Failed { .. } | Status::Cancelled => {
            (Growth { share: 6, least: Span::minutes(15), most: Span::hours(6) }, ADDRESS_WATCHED_FOR)
        }
    };
    let next = now.after(growth.at_age(now.since(newest)));
    (next <= newest.after(asked_for)).then_some(next)
}

/// Inside the window: less and less often at first, and every other minute near its end.
fn within_window(newest: Timestamp, expires_at: Timestamp, now: Timestamp) -> Timestamp {
    let near = expires_at.before(END_OF_WINDOW);
    let growth = Growth { share: 4, least: Span::minutes(2), most: Span::minutes(15) };
    if near <= now {
        return now.after(growth.least);
    }
    let next = now.after(growth.at_age(now.since(newest)));
    if near < next { near } else { next }
}

impl Growth {
    fn at_age(&self, age: Span) -> Span {
        let part = age.as_millis().checked_div(self.share).unwrap_or(0);
        Span::millis(part.clamp(self.least.as_millis(), self.most.as_millis()))
    }
}
