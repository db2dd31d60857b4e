//! What the merchant is told: one event per transition to `paid` or `failed`, and per larger sum of a `partial` one.
//!
//! The row is written in the transition's own transaction, whether or not anybody listens, with the
//! bytes every later attempt sends (contract, section 6). Who is told is in [`endpoint`], how it gets there in
//! [`delivery`].

pub mod delivery;
pub mod endpoint;
pub mod resend;
pub mod secret;

use serde_json::{Value, json};
use uuid::Uuid;

use super::ids::WebhookId;
use super::money::Coin;
use super::order::{FailureReason, Order};
use super::time::Timestamp;
use super::topup;
use endpoint::EventType;

/// Which story an event tells. Cancelling tells none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announcement {
    /// The order became `paid`.
    Paid {
        /// When.
        paid_at: Timestamp,
    },
    /// The order became `partial`, or more arrived for one that was.
    Partial {
        /// When.
        partial_at: Timestamp,
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
    /// What kind of event tells it.
    #[must_use]
    pub fn event_type(self) -> EventType {
        match self {
            Self::Paid { .. } => EventType::OrderPaid,
            Self::Partial { .. } => EventType::OrderPartial,
            Self::Failed { .. } => EventType::OrderFailed,
        }
    }
}

/// An event with the exact bytes that are signed and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The event's id, by which receivers drop repeats.
    pub id: Uuid,
    /// What kind of event it is.
    pub event_type: EventType,
    /// The JSON body.
    pub body: String,
}

impl WebhookEvent {
    /// Writes the body for this order as it is after the transition.
    #[must_use]
    pub fn new(id: Uuid, announcement: Announcement, order: &Order) -> Self {
        let told = [
            ("order_id", json!(order.id)),
            ("product", json!(order.product)),
            ("price_cents", json!(order.price.cents)),
            ("price_currency", json!(order.price.currency.as_str())),
            ("payment_id", json!(order.payment_id())),
        ];
        let ending = match announcement {
            Announcement::Paid { paid_at } => vec![("paid_at", json!(paid_at))],
            Announcement::Partial { partial_at } => vec![
                ("pay_currency", json!(order.ledger.coin().map(Coin::as_str))),
                ("received", json!(order.ledger.received().to_string())),
                ("missing", json!(topup::missing(order).map(|missing| missing.to_string()))),
                ("partial_at", json!(partial_at)),
            ],
            Announcement::Failed { reason, failed_at } => {
                vec![("reason", json!(reason.as_str())), ("failed_at", json!(failed_at))]
            }
        };
        let data = told.into_iter().chain(ending);
        Self::of(id, announcement.event_type(), order.updated_at, data)
    }

    /// A ping of this endpoint.
    #[must_use]
    pub fn ping(id: Uuid, webhook: WebhookId, at: Timestamp) -> Self {
        Self::of(id, EventType::TestPing, at, [("webhook_id", json!(webhook.to_string()))])
    }

    fn of(
        id: Uuid,
        event_type: EventType,
        at: Timestamp,
        data: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Self {
        let data = object(data);
        let kind = event_type.as_str();
        let body = format!(r#"{{"id":"{id}","type":"{kind}","created_at":"{at}","data":{data}}}"#);
        Self { id, event_type, body }
    }
}

/// The text of an object with its fields in this order, which is the contract's; a map of values would sort them.
fn object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> String {
    let fields: Vec<String> = fields.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}
