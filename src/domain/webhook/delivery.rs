//! A delivery: one event on its way to one endpoint, and when it is attempted again.
//!
//! [`next`] is the whole schedule, pure: the jitter is handed in. The courier asks it after each attempt.

use uuid::Uuid;

use super::endpoint::EventType;
use crate::domain::ids::{DeliveryId, OrderId, WebhookId};
use crate::domain::time::{Span, Timestamp};

/// The time after the first, second, … attempt; after the last of them there is one more attempt, and then none.
const RETRIES_AFTER: [Span; 5] =
    [Span::minutes(1), Span::minutes(5), Span::minutes(15), Span::minutes(30), Span::minutes(60)];
/// The most thousandths of a waiting time that jitter adds.
pub const JITTER_THOUSANDTHS_MAX: i64 = 150;
/// How far a receiver may put the next attempt off.
const RETRY_AFTER_MAX: Span = Span::minutes(60);
/// The most characters that are kept of what a receiver answered.
pub const EXCERPT_CHARS_MAX: usize = 4096;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryStatus {
    /// It waits for its first attempt, or for its first after a replay.
    Pending,
    /// Somebody attempts it.
    InFlight,
    /// The endpoint confirmed it.
    Delivered,
    /// An attempt failed, and the next has its time; or an operator discarded it.
    Failed,
    /// It is given up until somebody asks for it again.
    Dlq,
}

impl DeliveryStatus {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Pending, Self::InFlight, Self::Delivered, Self::Failed, Self::Dlq];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InFlight => "in_flight",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dlq => "dlq",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// In which order a waiting delivery is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// After all earlier events of its order.
    InOrder,
    /// Whenever it can: somebody asked for this one again. Nothing waits for it either.
    Replay,
    /// After all earlier events that are being caught up on, one at a time, and those of its order.
    CatchUp,
}

impl Turn {
    /// The name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InOrder => "in_order",
            Self::Replay => "replay",
            Self::CatchUp => "catch_up",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::InOrder, Self::Replay, Self::CatchUp].into_iter().find(|turn| turn.as_str() == text)
    }
}

/// A delivery as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// To which endpoint.
    pub webhook_id: WebhookId,
    /// Which event.
    pub event_id: Uuid,
    /// What kind of event.
    pub event_type: EventType,
    /// Of which order; none for a ping.
    pub order_id: Option<OrderId>,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// How many attempts were made since it was queued.
    pub attempts: i64,
    /// When it is attempted next; while it is being attempted and once it is over, when its newest attempt was due.
    pub next_attempt_at: Timestamp,
    /// Whether an operator took it out of the dead letters without having it sent.
    pub is_discarded: bool,
    /// The status of the newest answer.
    pub last_response_status: Option<i64>,
    /// How the newest answer's body began.
    pub last_response_excerpt: Option<String>,
    /// Why the newest attempt failed.
    pub last_error: Option<String>,
    /// When it was confirmed.
    pub delivered_at: Option<Timestamp>,
    /// When it was queued first.
    pub created_at: Timestamp,
}

impl Delivery {
    /// Whether it waits for an attempt.
    #[must_use]
    pub fn waits(&self) -> bool {
        match self.status {
            DeliveryStatus::Pending => true,
            DeliveryStatus::Failed => !self.is_discarded,
            DeliveryStatus::InFlight | DeliveryStatus::Delivered | DeliveryStatus::Dlq => false,
        }
    }
}

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempted {
    /// The endpoint answered with this status, and perhaps said when to come again.
    Answered {
        /// The status of HTTP.
        status: u16,
        /// `Retry-After`; a date is counted from the attempt's beginning, which makes the wait longer by the few seconds
        /// that the attempt took, never shorter.
        retry_after: Option<Span>,
    },
    /// No answer came, or the address may not be dialled.
    Unanswered,
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Confirmed.
    Delivered,
    /// To be attempted again then.
    Again {
        /// When.
        at: Timestamp,
    },
    /// Given up.
    Dlq,
    /// Given up, and the endpoint with it: it said that it is gone.
    Gone,
}

/// What follows the `attempt`-th attempt (from 1), which ended at `now`. `jitter` is a number of thousandths of the
/// waiting time, 0 to [`JITTER_THOUSANDTHS_MAX`] (contract, section 6).
#[must_use]
pub fn next(attempt: i64, outcome: Attempted, jitter: i64, now: Timestamp) -> Next {
    let asked_for = match outcome {
        Attempted::Answered { status: 200..=299, .. } => return Next::Delivered,
        Attempted::Answered { status: 410, .. } => return Next::Gone,
        Attempted::Answered { status: 429 | 503, retry_after } => retry_after,
        Attempted::Answered { .. } | Attempted::Unanswered => None,
    };
    let made = usize::try_from(attempt).unwrap_or(0).saturating_sub(1);
    let Some(wait) = RETRIES_AFTER.get(made) else { return Next::Dlq };
    let jitter = jitter.clamp(0, JITTER_THOUSANDTHS_MAX);
    let wait = Span::millis(wait.as_millis().saturating_mul(jitter.saturating_add(1000)) / 1000);
    // A receiver that asks for patience gets it; asking for haste would only burn the attempts that are left.
    let wait = asked_for.map_or(wait, |asked| asked.min(RETRY_AFTER_MAX).max(wait));
    Next::Again { at: now.after(wait) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::parse("2026-05-12T12:00:00.000Z").unwrap()
    }

    fn wait(attempt: i64, outcome: Attempted, jitter: i64) -> Option<i64> {
        match next(attempt, outcome, jitter, now()) {
            Next::Again { at } => Some(at.since(now()).as_millis() / 1000),
            Next::Delivered | Next::Dlq | Next::Gone => None,
        }
    }

    fn refused(status: u16, retry_after: Option<Span>) -> Attempted {
        Attempted::Answered { status, retry_after }
    }

    #[test]
    fn five_retries_follow_the_first_attempt_and_then_none() {
        let waits: Vec<_> = (1..=6).map(|attempt| wait(attempt, Attempted::Unanswered, 0)).collect();
        assert_eq!(waits, [Some(60), Some(300), Some(900), Some(1800), Some(3600), None]);
        assert_eq!(next(6, refused(500, None), 0, now()), Next::Dlq);
    }

    #[test]
    fn jitter_adds_up_to_fifteen_hundredths_and_never_takes_away() {
        for (jitter, seconds) in [(-5, 3600), (0, 3600), (75, 3870), (150, 4140), (9_999, 4140)] {
            assert_eq!(wait(5, Attempted::Unanswered, jitter), Some(seconds), "{jitter}");
        }
    }

    #[test]
    fn only_a_status_of_2xx_confirms_and_only_410_is_the_end_of_an_endpoint() {
        for status in 100..=599_u16 {
            let verdict = next(1, refused(status, None), 0, now());
            match status {
                200..=299 => assert_eq!(verdict, Next::Delivered, "{status}"),
                410 => assert_eq!(verdict, Next::Gone, "{status}"),
                _ => assert_eq!(verdict, Next::Again { at: now().after(Span::minutes(1)) }, "{status}"),
            }
        }
    }

    #[test]
    fn a_receiver_that_is_busy_may_put_the_next_attempt_off_for_an_hour_and_never_bring_it_forward() {
        for (asked, seconds) in [(1, 60), (90, 90), (3600, 3600), (86_400, 3600)] {
            let after = Some(Span::seconds(asked));
            assert_eq!(wait(1, refused(429, after), 0), Some(seconds));
            assert_eq!(wait(1, refused(503, after), 0), Some(seconds));
            assert_eq!(wait(1, refused(500, after), 0), Some(60));
        }
    }
}
