//! Rows as the courier reads and writes them, and the way between them and what it is told.
//!
//! Reading is lenient here: a row that cannot be read is logged and left out, because it must not stop all others.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use uuid::Uuid;

use super::courier::{AttemptRecord, DueDelivery, Reception, Trust, Unsent, Waiting};
use super::schema::webhook_endpoints;
use super::webhook_rows::{ACTIVE, PAUSED};
use crate::domain::ids::{DeliveryId, WebhookId};
use crate::domain::time::Timestamp;
use crate::domain::webhook::WebhookEvent;
use crate::domain::webhook::delivery::{DeliveryStatus, Next, Turn};
use crate::domain::webhook::endpoint::{EventType, FAILURES_IN_A_ROW_MAX, PreviousSecret, secrets_at};
use crate::domain::webhook::secret::EndpointSecret;

/// An endpoint for which deliveries wait; whether something is due is a number. It has no status if it is not there.
#[derive(Queryable)]
pub(super) struct WaitingRow {
    pub id: String,
    pub status: String,
    pub consecutive_failures: i64,
    pub last_success_at: Option<i64>,
    pub due: i64,
}

/// The columns of [`WaitingRow`].
pub(super) type WaitingColumns = (Text, Text, BigInt, Nullable<BigInt>, BigInt);

/// A delivery that is due, with all that it takes to send it.
#[derive(Queryable)]
pub(super) struct LetterRow {
    pub id: String,
    pub webhook_id: String,
    pub event_id: String,
    pub event_type: String,
    pub turn: String,
    pub status: String,
    pub attempts: i64,
    pub due_at: i64,
    pub event_at: i64,
    pub url: String,
    pub secret: String,
    pub prev_secret: Option<String>,
    pub prev_secret_until: Option<i64>,
    /// None if the event is not there.
    pub body: Option<String>,
}

/// The columns of [`LetterRow`].
pub(super) type LetterColumns = (
    Text,
    Text,
    Text,
    Text,
    Text,
    Text,
    BigInt,
    BigInt,
    BigInt,
    Text,
    Text,
    Nullable<Text>,
    Nullable<BigInt>,
    Nullable<Text>,
);

/// How an endpoint was before attempts.
#[derive(Queryable, Selectable)]
#[diesel(table_name = webhook_endpoints)]
pub(super) struct HealthRow {
    pub id: String,
    pub status: String,
    pub consecutive_failures: i64,
    pub last_success_at: Option<i64>,
    pub last_failure_at: Option<i64>,
}

/// A delivery's row after an attempt.
pub(super) struct AttemptedRow {
    pub id: String,
    pub held_lease: String,
    pub status: &'static str,
    pub attempts: i64,
    pub due_at: Option<i64>,
    pub last_response_status: Option<i64>,
    pub last_response_excerpt: Option<String>,
    pub last_error: Option<String>,
    pub delivered_at: Option<i64>,
}

/// Which attempt it is: a delivery may have been attempted under several leases.
pub(super) fn attempt_key(delivery: &str, lease: &str) -> String {
    format!("{delivery} {lease}")
}

/// How an endpoint is after attempts, and what they add to its counts.
pub(super) struct ToldRow {
    pub id: String,
    pub consecutive_failures: i64,
    pub last_success_at: Option<i64>,
    pub last_failure_at: Option<i64>,
    pub disabled_at: Option<i64>,
    pub delivered: i64,
    pub failed: i64,
    pub dlq: i64,
}

/// A delivery's row that goes back, and since when it is due.
pub(super) struct DueRow {
    pub id: String,
    pub due_at: i64,
}

/// A delivery's row that is to be leased, as it was read; whether somebody held it is a number.
pub(super) struct LeaseRow {
    pub id: String,
    pub due_at: i64,
    pub turn: &'static str,
    pub attempts: i64,
    pub was_leased: i64,
}

impl DueRow {
    pub fn of(unsent: &Unsent) -> Self {
        Self { id: unsent.delivery.to_string(), due_at: unsent.due_micros }
    }
}

impl LeaseRow {
    pub fn of(due: &DueDelivery) -> Self {
        Self {
            id: due.id.to_string(),
            due_at: due.due_micros,
            turn: due.turn.as_str(),
            attempts: due.attempts,
            was_leased: due.was_leased.into(),
        }
    }
}

impl WaitingRow {
    /// As the courier sees it; one that cannot be read must not stop the others.
    pub fn into_waiting(self) -> Option<Waiting> {
        let Some(webhook) = WebhookId::parse(&self.id).filter(|_| !self.status.is_empty()) else {
            tracing::error!(webhook.id = self.id, "an endpoint cannot be read; nothing is sent to it");
            return None;
        };
        let proven = self.last_success_at.is_some() && self.consecutive_failures == 0;
        Some(Waiting {
            webhook,
            reception: match self.status.as_str() {
                ACTIVE => Reception::Open,
                PAUSED => Reception::Paused,
                _ => Reception::Over,
            },
            trust: if proven { Trust::Proven } else { Trust::Unproven },
            is_due: 0 < self.due,
        })
    }
}

impl LetterRow {
    pub fn into_due(self, now: Timestamp) -> Option<DueDelivery> {
        let previous = match self.prev_secret.zip(self.prev_secret_until) {
            Some((text, until)) => {
                let secret = EndpointSecret::parse(&text)?;
                Some(PreviousSecret { secret, until: Timestamp::from_micros(until) })
            }
            None => None,
        };
        Some(DueDelivery {
            id: DeliveryId::parse(&self.id)?,
            webhook: WebhookId::parse(&self.webhook_id)?,
            url: self.url,
            secrets: secrets_at(now, EndpointSecret::parse(&self.secret)?, previous),
            event: WebhookEvent {
                id: Uuid::try_parse(&self.event_id).ok()?,
                event_type: EventType::parse(&self.event_type)?,
                body: self.body?,
            },
            turn: Turn::parse(&self.turn)?,
            attempts: self.attempts,
            due_micros: self.due_at,
            event_micros: self.event_at,
            was_leased: self.status == DeliveryStatus::InFlight.as_str(),
        })
    }
}

/// An endpoint of which attempts tell.
pub(super) struct Told {
    pub is_over: bool,
    pub row: ToldRow,
}

/// Whether a delivery is attempted again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Again,
    ForGood,
}

impl From<HealthRow> for Told {
    fn from(row: HealthRow) -> Self {
        Self {
            is_over: row.status != ACTIVE && row.status != PAUSED,
            row: ToldRow {
                id: row.id,
                consecutive_failures: row.consecutive_failures,
                last_success_at: row.last_success_at,
                last_failure_at: row.last_failure_at,
                disabled_at: None,
                delivered: 0,
                failed: 0,
                dlq: 0,
            },
        }
    }
}

impl Told {
    /// What one attempt says of its endpoint, in the order of the attempts. Once the endpoint is over, its failures in a
    /// row stay as they were: they tell what it was disabled for.
    pub fn of(&mut self, attempt: &AttemptRecord, ended: Ended) {
        let (row, at) = (&mut self.row, attempt.at.micros());
        // From its first attempt on a delivery is counted as failed while it waits and while it is attempted again.
        let was_failed = i64::from(1 < attempt.attempts);
        if attempt.next == Next::Delivered {
            row.delivered = row.delivered.saturating_add(1);
            row.failed = row.failed.saturating_sub(was_failed);
            row.consecutive_failures = if self.is_over { row.consecutive_failures } else { 0 };
            row.last_success_at = row.last_success_at.max(Some(at));
            return;
        }
        row.consecutive_failures = row.consecutive_failures.saturating_add(i64::from(!self.is_over));
        row.last_failure_at = row.last_failure_at.max(Some(at));
        if ended == Ended::Again {
            row.failed = row.failed.saturating_add(1).saturating_sub(was_failed);
        } else {
            row.dlq = row.dlq.saturating_add(1);
            row.failed = row.failed.saturating_sub(was_failed);
        }
        if !self.is_over && (attempt.next == Next::Gone || FAILURES_IN_A_ROW_MAX <= row.consecutive_failures) {
            self.is_over = true;
            row.disabled_at = Some(at);
        }
    }

    pub fn disabled(&self) -> Option<WebhookId> {
        self.row.disabled_at.and_then(|_| WebhookId::parse(&self.row.id))
    }
}

/// The delivery as it is after the attempt; for an endpoint that is over there is no other.
pub(super) fn attempted_row(attempt: &AttemptRecord, is_over: bool) -> AttemptedRow {
    let (status, due_at) = match attempt.next {
        Next::Delivered => (DeliveryStatus::Delivered, None),
        Next::Again { at } if !is_over => (DeliveryStatus::Failed, Some(at.micros())),
        Next::Again { .. } | Next::Dlq | Next::Gone => (DeliveryStatus::Dlq, None),
    };
    AttemptedRow {
        id: attempt.delivery.to_string(),
        held_lease: attempt.lease.clone(),
        status: status.as_str(),
        attempts: attempt.attempts,
        due_at,
        last_response_status: attempt.status.map(i64::from),
        last_response_excerpt: attempt.excerpt.clone(),
        last_error: attempt.error.clone(),
        delivered_at: (attempt.next == Next::Delivered).then(|| attempt.at.micros()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::webhook_rows::DISABLED;

    fn told(status: &str, consecutive_failures: i64) -> Told {
        let id = WebhookId::new(Uuid::nil()).to_string();
        let health = HealthRow {
            id,
            status: status.to_owned(),
            consecutive_failures,
            last_success_at: None,
            last_failure_at: None,
        };
        Told::from(health)
    }

    fn attempt(next: Next) -> AttemptRecord {
        let webhook = WebhookId::new(Uuid::nil());
        AttemptRecord {
            delivery: DeliveryId::of(webhook, Uuid::nil()),
            webhook,
            lease: String::new(),
            attempts: 1,
            next,
            status: None,
            excerpt: None,
            error: None,
            at: Timestamp::from_millis(7),
        }
    }

    #[test]
    fn attempts_that_end_after_the_one_that_disables_leave_what_it_was_disabled_for() {
        let again = Next::Again { at: Timestamp::from_millis(9) };
        for (before, disabling, after) in [(0, Next::Gone, 1), (FAILURES_IN_A_ROW_MAX - 1, again, 50)] {
            let mut told = told(ACTIVE, before);
            told.of(&attempt(disabling), Ended::Again);
            for next in [Next::Gone; 60].into_iter().chain([again, Next::Delivered]) {
                told.of(&attempt(next), Ended::ForGood);
            }
            assert_eq!((told.row.consecutive_failures, told.row.disabled_at), (after, Some(7_000)));
            assert_eq!((told.row.delivered, told.row.last_success_at), (1, Some(7_000)), "it is counted all the same");
        }
    }

    #[test]
    fn an_endpoint_that_was_over_before_keeps_its_failures_in_a_row() {
        for next in [Next::Delivered, Next::Dlq, Next::Gone] {
            let mut told = told(DISABLED, FAILURES_IN_A_ROW_MAX);
            told.of(&attempt(next), Ended::ForGood);
            assert_eq!((told.row.consecutive_failures, told.row.disabled_at), (FAILURES_IN_A_ROW_MAX, None));
        }
    }
}
