//! What the merchant is told: one event per transition to `paid` or `failed`.
//!
//! The row is written in the transition's own transaction, whether or not anybody listens, with the
//! bytes every later attempt sends (contract, section 6).

use serde_json::json;
use uuid::Uuid;

use super::order::{FailureReason, Order};
use super::time::Timestamp;

/// Which story an event tells. Cancelling tells none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announcement {
    /// The order became `paid`.
    Paid {
        /// When.
        paid_at: Timestamp,
    },
    /// The order became `failed`.
    Failed {
        /// Why.
        reason: FailureReason,
        /// When.
        failed_at: Timestamp,
    },
}

impl Announcement {
    /// The event type on the wire.
    #[must_use]
    pub fn event_type(self) -> &'static str {
        match self {
            Self::Paid { .. } => "crypto.order.paid",
            Self::Failed { .. } => "crypto.order.failed",
        }
    }
}

/// An event with the exact bytes that are signed and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The event's id, by which receivers drop repeats.
    pub id: Uuid,
    /// `crypto.order.paid` or `crypto.order.failed`.
    pub event_type: &'static str,
    /// The JSON body.
    pub body: String,
}

impl WebhookEvent {
    /// Writes the body for this order as it is after the transition.
    #[must_use]
    pub fn new(id: Uuid, announcement: Announcement, order: &Order) -> Self {
        let mut data = json!({
            "order_id": order.id,
            "product": order.product,
            "price_cents": order.price.cents,
            "price_currency": order.price.currency.as_str(),
            "payment_id": order.payment_id(),
        });
        let ending = match announcement {
            Announcement::Paid { paid_at } => vec![("paid_at", json!(paid_at))],
            Announcement::Failed { reason, failed_at } => {
                vec![("reason", json!(reason.as_str())), ("failed_at", json!(failed_at))]
            }
        };
        if let Some(fields) = data.as_object_mut() {
            fields.extend(ending.into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        let body = json!({
            "id": id.to_string(),
            "type": announcement.event_type(),
            "created_at": order.updated_at,
            "data": data,
        });
        Self { id, event_type: announcement.event_type(), body: body.to_string() }
    }
}
