//! `GET /v1/webhooks/{id}/deliveries`: what an endpoint was sent, or is to be; and a delivery as the wire shows it.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::access::Permission;
use crate::domain::ids::{DeliveryId, WebhookId};
use crate::domain::time::Timestamp;
use crate::domain::webhook::delivery::{Delivery, DeliveryStatus};
use crate::domain::webhook::endpoint::EventType;
use crate::http::cursor::Records;
use crate::http::error::ApiError;
use crate::http::paging::{Asked, Paged};
use crate::http::query::{LimitRule, Query};
use crate::http::{Shared, answer};
use crate::store::records::Place;
use crate::store::resend::DeliveryFilter;

use super::own_endpoint;

const LIMIT: LimitRule = LimitRule { max: 100, default: 50 };

/// An event on its way to an endpoint, and how that went; the fields in the contract's order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryResource {
    pub id: DeliveryId,
    pub webhook_id: WebhookId,
    /// The event's id, by which receivers drop repeats.
    #[schema(
        pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        example = "0190a5d9-7b12-7f00-8c3d-9e4f5a6b7c8d"
    )]
    pub event_id: String,
    #[schema(value_type = EventType)]
    pub event_type: &'static str,
    /// `failed`: an attempt failed; it is tried again unless `discarded` is true. `dlq`: given up.
    #[schema(value_type = DeliveryStatus)]
    pub status: &'static str,
    /// Attempts since it was queued, or asked for again.
    #[schema(minimum = 0)]
    pub attempts: i64,
    /// Always a time: while it is attempted, and once it is over, the one at which its newest attempt was due.
    pub next_attempt_at: Timestamp,
    /// Whether an operator discarded it: it was given up, and is not tried again by itself.
    pub discarded: bool,
    /// The status of the newest answer.
    #[schema(required = true, minimum = 100, maximum = 999, example = 500)]
    pub last_response_status: Option<i64>,
    /// How the newest answer's body began.
    #[schema(required = true, max_length = 4096, example = "upstream timed out")]
    pub last_response_excerpt: Option<String>,
    /// Why the newest attempt failed.
    #[schema(required = true, example = "The endpoint answered 500.")]
    pub last_error: Option<String>,
    /// When it was confirmed; null once it was asked for again.
    #[schema(required = true, example = json!(null))]
    pub delivered_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

impl DeliveryResource {
    /// A delivery as its customer sees it.
    #[must_use]
    pub fn of(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            webhook_id: delivery.webhook_id,
            event_id: delivery.event_id.to_string(),
            event_type: delivery.event_type.as_str(),
            status: delivery.status.as_str(),
            attempts: delivery.attempts,
            next_attempt_at: delivery.next_attempt_at,
            discarded: delivery.is_discarded,
            last_response_status: delivery.last_response_status,
            last_response_excerpt: delivery.last_response_excerpt,
            last_error: delivery.last_error,
            delivered_at: delivery.delivered_at,
            created_at: delivery.created_at,
        }
    }

    /// Where it lies in a list.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { at: self.created_at, id: self.id.to_string() }
    }
}

/// The delivery that the path names.
///
/// # Errors
/// 400 if that cannot be a delivery's id.
pub fn asked_for(request: &HttpRequest) -> Result<DeliveryId, ApiError> {
    request.match_info().get("id").and_then(DeliveryId::parse).ok_or_else(malformed_id)
}

/// What is answered where the path names no delivery.
#[must_use]
pub fn malformed_id() -> ApiError {
    ApiError::BadRequest("Invalid id format. Expected \"wdl_<uuid>\".".into())
}

/// Lists an endpoint's deliveries, newest first.
#[utoipa::path(get, path = "/v1/webhooks/{id}/deliveries", tag = "Webhooks", security(("bearer" = [])),
    operation_id = "list_webhook_deliveries",
    params(
        ("id" = WebhookId, Path, description = "The endpoint."),
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 100, description = "How many; 50 without it."),
        ("cursor" = Option<String>, Query, min_length = 1, max_length = 512, description = "Where the page starts."),
        ("status" = Option<DeliveryStatus>, Query, description = "Only deliveries in this status."),
    ),
    responses((status = 200, description = "One page, newest first.", body = Paged<DeliveryResource>)),
)]
pub async fn page(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let customer = shared.customer(&request, Permission::ReadWebhooks).await?;
    let query = Query::of(&request)?;
    let asked = Asked::within(&query, Records::Deliveries, LIMIT)?;
    let status = query.word("status", &DeliveryStatus::ALL, DeliveryStatus::as_str)?;
    let webhook = own_endpoint(&shared, customer.account_id, &request).await?.id;
    let found = match asked.stretch() {
        Some(stretch) => shared.store.deliveries_page(DeliveryFilter { webhook, status }, stretch).await?,
        None => Vec::new(),
    };
    let shown = found.into_iter().map(|found| DeliveryResource::of(found.delivery)).collect();
    answer::ok(&asked.page(shown, DeliveryResource::place))
}
