//! Rows as the courier reads and writes them, and the way between them and what it is told.
//!
//! Reading is lenient here: a row that cannot be read is logged and left out, because it must not stop all others.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use uuid::Uuid;

use super::courier::{AttemptRecord, DueDelivery, Reception, Recorded, Trust, Unsent, Waiting};
use super::schema::webhook_endpoints;
use super::webhook_rows::{ACTIVE, PAUSED};
use crate::domain::ids::{DeliveryId, WebhookId};
use crate::domain::time::Timestamp;
use crate::domain::webhook::WebhookEvent;
use crate::domain::webhook::delivery::{DeliveryStatus, Next, Turn};
use crate::domain::webhook::endpoint::{EventType, FAILURES_IN_A_ROW_MAX};
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
        let earlier = self.prev_secret.filter(|_| self.prev_secret_until.is_some_and(|until| now.micros() < until));
        let secrets: Option<Vec<_>> =
            std::iter::once(self.secret).chain(earlier).map(|text| EndpointSecret::parse(&text)).collect();
        Some(DueDelivery {
            id: DeliveryId::parse(&self.id)?,
            webhook: WebhookId::parse(&self.webhook_id)?,
            url: self.url,
            secrets: secrets?,
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
    /// What one attempt says of its endpoint, in the order of the attempts.
    pub fn of(&mut self, attempt: &AttemptRecord, ended: Ended, recorded: &mut Recorded) {
        let (row, at) = (&mut self.row, attempt.at.micros());
        // From its first attempt on a delivery is counted as failed while it waits and while it is attempted again.
        let was_failed = i64::from(1 < attempt.attempts);
        if attempt.next == Next::Delivered {
            recorded.delivered = recorded.delivered.saturating_add(1);
            row.delivered = row.delivered.saturating_add(1);
            row.failed = row.failed.saturating_sub(was_failed);
            row.consecutive_failures = 0;
            row.last_success_at = row.last_success_at.max(Some(at));
            return;
        }
        row.consecutive_failures = row.consecutive_failures.saturating_add(1);
        row.last_failure_at = row.last_failure_at.max(Some(at));
        if ended == Ended::Again {
            recorded.failed = recorded.failed.saturating_add(1);
            row.failed = row.failed.saturating_add(1).saturating_sub(was_failed);
        } else {
            recorded.dead = recorded.dead.saturating_add(1);
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
