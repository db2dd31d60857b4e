//! Rows of endpoints and deliveries as they lie in the tables, and the way between them and the domain.
//!
//! Reading back is strict, as in `rows.rs`. Who writes them: `queries/endpoints.rs` for merchants,
//! `queries/deliveries.rs` for whoever asks for one again, `queries/courier.rs` for attempts, and `queries/commit.rs`
//! when an order is paid or fails.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::StoreError;
use super::archive::iso;
use super::rows::broken;
use super::schema::{confirmed_events, webhook_deliveries, webhook_endpoints};
use crate::domain::ids::{AccountId, DeliveryId, OrderId, WebhookId};
use crate::domain::time::Timestamp;
use crate::domain::webhook::delivery::{Delivery, DeliveryStatus, Turn};
use crate::domain::webhook::endpoint::{DeliveryCounts, Endpoint, EventType, Health, PreviousSecret, Standing};
use crate::domain::webhook::secret::EndpointSecret;
use crate::store::tables::DeliveryRow;

/// The word for an endpoint that gets what it subscribed to.
pub(super) const ACTIVE: &str = "active";
/// The word for an endpoint that its owner paused.
pub(super) const PAUSED: &str = "paused";
/// The word for an endpoint that failed too often.
pub(super) const DISABLED: &str = "disabled";
/// The word for an endpoint that its owner deleted.
pub(super) const DELETED: &str = "deleted";

/// A row of `webhook_endpoints`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, Deserialize)]
#[diesel(table_name = webhook_endpoints, treat_none_as_default_value = false)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointRow {
    pub id: String,
    pub account_id: String,
    pub url: String,
    pub secret: String,
    pub prev_secret: Option<String>,
    #[serde(with = "iso::or_null")]
    pub prev_secret_until: Option<i64>,
    pub events: String,
    pub description: Option<String>,
    pub status: String,
    pub consecutive_failures: i64,
    #[serde(with = "iso::or_null")]
    pub last_success_at: Option<i64>,
    #[serde(with = "iso::or_null")]
    pub last_failure_at: Option<i64>,
    #[serde(with = "iso::or_null")]
    pub disabled_at: Option<i64>,
    #[serde(with = "iso::or_null")]
    pub deleted_at: Option<i64>,
    pub delivered: i64,
    pub failed: i64,
    pub dlq: i64,
    #[serde(with = "iso")]
    pub created_at: i64,
}

/// A row of `confirmed_events`: an event that an endpoint has confirmed, and whose delivery the retention has removed.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, Deserialize)]
#[diesel(table_name = confirmed_events)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmedRow {
    pub event_id: String,
    pub webhook_id: String,
}

/// A delivery that is over, as its end reads it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = webhook_deliveries)]
pub(super) struct OutlivedRow {
    pub id: String,
    pub webhook_id: String,
    pub event_id: String,
    pub order_id: Option<String>,
    pub status: String,
    pub attempts: i64,
}

/// An event to be queued for an endpoint.
pub(super) struct Queued<'a> {
    /// The endpoint's id.
    pub webhook: WebhookId,
    /// The event's id.
    pub event: Uuid,
    /// What kind of event.
    pub event_type: &'a str,
    /// Its order's id; none for a ping.
    pub order_id: Option<&'a str>,
    /// The event's time, in microseconds.
    pub event_at: i64,
}

/// What an endpoint is told, as its row has it.
pub(super) fn events_text(events: &[EventType]) -> String {
    events.iter().map(|event| event.as_str()).collect::<Vec<_>>().join(" ")
}

impl EndpointRow {
    pub fn of(endpoint: &Endpoint) -> Self {
        let status = match endpoint.standing {
            Standing::Active => ACTIVE,
            Standing::Paused => PAUSED,
            Standing::Disabled { .. } => DISABLED,
            Standing::Deleted { .. } => DELETED,
        };
        let time = |at: Option<Timestamp>| at.map(Timestamp::micros);
        let previous = endpoint.previous.as_ref();
        Self {
            id: endpoint.id.to_string(),
            account_id: endpoint.account_id.to_string(),
            url: endpoint.url.clone(),
            secret: endpoint.secret.expose().to_owned(),
            prev_secret: previous.map(|previous| previous.secret.expose().to_owned()),
            prev_secret_until: previous.map(|previous| previous.until.micros()),
            events: events_text(&endpoint.events),
            description: endpoint.description.clone(),
            status: status.to_owned(),
            consecutive_failures: endpoint.health.consecutive_failures,
            last_success_at: time(endpoint.health.last_success_at),
            last_failure_at: time(endpoint.health.last_failure_at),
            disabled_at: match endpoint.standing {
                Standing::Disabled { at } => Some(at.micros()),
                Standing::Active | Standing::Paused | Standing::Deleted { .. } => None,
            },
            deleted_at: match endpoint.standing {
                Standing::Deleted { at } => Some(at.micros()),
                Standing::Active | Standing::Paused | Standing::Disabled { .. } => None,
            },
            delivered: endpoint.counts.delivered,
            failed: endpoint.counts.failed,
            dlq: endpoint.counts.dlq,
            created_at: endpoint.created_at.micros(),
        }
    }

    pub fn into_endpoint(self) -> Result<Endpoint, StoreError> {
        let wrong = |column: &'static str| broken(column, &self.id);
        let secret = |text: &str| EndpointSecret::parse(text);
        let time = |at: Option<i64>| at.map(Timestamp::from_micros);
        let previous = match (self.prev_secret.as_deref(), self.prev_secret_until) {
            (Some(text), Some(until)) => Some(PreviousSecret {
                secret: secret(text).ok_or_else(|| wrong("prev_secret"))?,
                until: Timestamp::from_micros(until),
            }),
            _ => None,
        };
        Ok(Endpoint {
            id: WebhookId::parse(&self.id).ok_or_else(|| wrong("id"))?,
            account_id: AccountId::parse(&self.account_id).ok_or_else(|| wrong("account_id"))?,
            secret: secret(&self.secret).ok_or_else(|| wrong("secret"))?,
            previous,
            events: self.subscribed().ok_or_else(|| wrong("events"))?,
            standing: self.standing().ok_or_else(|| wrong("status"))?,
            health: Health {
                consecutive_failures: self.consecutive_failures,
                last_success_at: time(self.last_success_at),
                last_failure_at: time(self.last_failure_at),
            },
            counts: DeliveryCounts { delivered: self.delivered, failed: self.failed, dlq: self.dlq },
            created_at: Timestamp::from_micros(self.created_at),
            url: self.url,
            description: self.description,
        })
    }

    fn subscribed(&self) -> Option<Vec<EventType>> {
        self.events.split(' ').map(EventType::parse).collect()
    }

    fn standing(&self) -> Option<Standing> {
        match self.status.as_str() {
            ACTIVE => Some(Standing::Active),
            PAUSED => Some(Standing::Paused),
            DISABLED => Some(Standing::Disabled { at: Timestamp::from_micros(self.disabled_at?) }),
            DELETED => Some(Standing::Deleted { at: Timestamp::from_micros(self.deleted_at?) }),
            _ => None,
        }
    }
}

impl DeliveryRow {
    /// A delivery that nobody has attempted, queued at `now`.
    pub fn queued(queued: &Queued<'_>, turn: Turn, now: Timestamp) -> Self {
        Self {
            id: DeliveryId::of(queued.webhook, queued.event).to_string(),
            webhook_id: queued.webhook.to_string(),
            event_id: queued.event.to_string(),
            order_id: queued.order_id.map(str::to_owned),
            event_type: queued.event_type.to_owned(),
            event_at: queued.event_at,
            turn: turn.as_str().to_owned(),
            status: DeliveryStatus::Pending.as_str().to_owned(),
            attempts: 0,
            // What is caught up on goes by the events' own age: oldest first.
            due_at: Some(if turn == Turn::CatchUp { queued.event_at.min(now.micros()) } else { now.micros() }),
            lease: String::new(),
            last_response_status: None,
            last_response_excerpt: None,
            last_error: None,
            delivered_at: None,
            created_at: now.micros(),
            attempt_due_at: None,
        }
    }

    pub fn into_delivery(self) -> Result<Delivery, StoreError> {
        let wrong = |column: &'static str| broken(column, &self.id);
        let status = DeliveryStatus::parse(&self.status).ok_or_else(|| wrong("status"))?;
        let order_id = self.order_id.as_deref().map(|id| OrderId::parse(id).ok_or_else(|| wrong("order_id")));
        let is_discarded = status == DeliveryStatus::Failed && self.due_at.is_none();
        let waits = matches!(status, DeliveryStatus::Pending | DeliveryStatus::Failed);
        let newest = self.attempt_due_at.or(self.delivered_at).unwrap_or(self.created_at);
        Ok(Delivery {
            id: DeliveryId::parse(&self.id).ok_or_else(|| wrong("id"))?,
            webhook_id: WebhookId::parse(&self.webhook_id).ok_or_else(|| wrong("webhook_id"))?,
            event_id: Uuid::try_parse(&self.event_id).map_err(|_| wrong("event_id"))?,
            event_type: EventType::parse(&self.event_type).ok_or_else(|| wrong("event_type"))?,
            order_id: order_id.transpose()?,
            status,
            attempts: self.attempts,
            next_attempt_at: Timestamp::from_micros(self.due_at.filter(|_| waits).unwrap_or(newest)),
            is_discarded,
            last_response_status: self.last_response_status,
            last_response_excerpt: self.last_response_excerpt,
            last_error: self.last_error,
            delivered_at: self.delivered_at.map(Timestamp::from_micros),
            created_at: Timestamp::from_micros(self.created_at),
        })
    }
}
