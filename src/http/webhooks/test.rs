//! `POST /v1/webhooks/{id}/test`: a ping, sent and signed like any event.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::fresh_uuid;
use crate::domain::access::Permission;
use crate::domain::ids::{DeliveryId, WebhookId};
use crate::domain::webhook::WebhookEvent;
use crate::http::error::{ApiError, WebhookError};
use crate::http::openapi::problems::{self, example};
use crate::http::problem::ProblemDocument;
use crate::http::{Shared, answer};
use crate::store::resend::Pinged;

use super::{own_endpoint, unable};

/// A ping that is on its way.
#[derive(Serialize, ToSchema)]
#[schema(as = QueuedPing)]
pub struct Queued {
    /// Its delivery, to be looked up.
    delivery_id: DeliveryId,
    /// Its event, as the endpoint is told it.
    #[schema(
        pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        example = "0190a5d9-6e77-7c9f-8a0b-1c2d3e4f5a6b"
    )]
    event_id: String,
    /// Always `test.ping`.
    #[schema(pattern = r"^test\.ping$", example = "test.ping")]
    event_type: &'static str,
}

/// Sends a ping to an endpoint for webhooks, at most 10 a minute; more are refused with 429. A body is not looked at.
#[utoipa::path(post, path = "/v1/webhooks/{id}/test", tag = "Webhooks", operation_id = "test_webhook", security(("bearer" = [])),
    params(("id" = WebhookId, Path, description = "The endpoint.")),
    responses(
        (status = 202, description = "The ping is queued.", body = Queued),
        (status = 400, description = "The endpoint is paused, or the id is not of an endpoint's form.", body = ProblemDocument,
            example = json!(example(&problems::webhook_paused()))),
        (status = 409, description = "The endpoint is disabled.", body = ProblemDocument,
            example = json!(example(&problems::webhook_disabled()))),
    ),
)]
pub async fn test(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let customer = shared.customer(&request, Permission::WriteWebhooks).await?;
    let (account, now) = (customer.account_id, shared.clock.now());
    let endpoint = own_endpoint(&shared, account, &request).await?;
    endpoint.may_ping().map_err(|why| unable(&endpoint, why))?;
    let event_id = fresh_uuid(now);
    let ping = WebhookEvent::ping(event_id, endpoint.id, now);
    let event_type = ping.event_type.as_str();
    let delivery_id = match shared.store.endpoint_ping(endpoint, ping, now).await? {
        Pinged::Queued(delivery_id) => delivery_id,
        Pinged::TooMany(again_at) => return Err(WebhookError::TooManyPings(again_at.since(now)).into()),
        Pinged::NotActive => {
            let changed = own_endpoint(&shared, account, &request).await?;
            changed.may_ping().map_err(|why| unable(&changed, why))?;
            return Err(ApiError::Busy("an endpoint that keeps changing"));
        }
    };
    shared.courier.ring();
    answer::accepted(&Queued { delivery_id, event_id: event_id.to_string(), event_type })
}
