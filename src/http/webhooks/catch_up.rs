//! `POST /v1/webhooks/{id}/catch-up`: everything that an endpoint has missed is queued for it, oldest first.
//!
//! Also what happened while it was down, paused or not yet made. It is done piece by piece, in time order: a request that
//! breaks off has queued the older part, and the same request again queues the rest.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::access::Permission;
use crate::domain::ids::WebhookId;
use crate::domain::time::Timestamp;
use crate::domain::webhook::resend::NotMoved;
use crate::http::error::ApiError;
use crate::http::openapi::problems::{self, example};
use crate::http::openapi::schemas::InputTime;
use crate::http::problem::ProblemDocument;
use crate::http::{Shared, answer, body};
use crate::store::records::Place;
use crate::store::resend::{CatchUp, CaughtUp};

use super::{own_endpoint, unable};

/// From when on an endpoint is to be told what it has missed.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document shows its shape; the handler reads field by field")]
pub struct CatchUpRequest {
    /// Events from then on; not in the future.
    #[schema(value_type = InputTime, example = "2026-05-01T00:00:00.000Z")]
    since: String,
    /// Only count them.
    #[schema(nullable = true, default = false, example = true)]
    dry_run: Option<bool>,
}

/// What a catch-up came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaughtUpEvents {
    webhook_id: WebhookId,
    since: Timestamp,
    /// Whether they were only counted.
    dry_run: bool,
    /// How many events were queued, or would be. Not `events`: that is what an endpoint subscribes to.
    #[schema(minimum = 0)]
    event_count: usize,
}

/// What becomes of the events that were missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Count,
    Queue,
}

/// Queues what an endpoint has missed.
///
/// Every event of the account since then, of the types that the endpoint subscribes to now, that it has not confirmed:
/// never queued for it, failed, discarded or given up. What waits or is attempted is on its way and not counted. Oldest
/// first; of a paused endpoint they wait. Asked again, it finds nothing more.
#[utoipa::path(post, path = "/v1/webhooks/{id}/catch-up", tag = "Webhooks", security(("bearer" = [])),
    operation_id = "catch_up_webhook",
    params(("id" = WebhookId, Path, description = "The endpoint.")),
    request_body = CatchUpRequest,
    responses(
        (status = 200, description = "What was queued, or with `dry_run` would be.", body = CaughtUpEvents),
        (status = 409, description = "The endpoint is disabled.", body = ProblemDocument,
            example = json!(example(&problems::webhook_disabled()))),
    ),
)]
pub async fn catch_up(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let customer = shared.customer(&request, Permission::WriteWebhooks).await?;
    let endpoint = own_endpoint(&shared, customer.account_id, &request).await?;
    let mut fields = body::required(&request, payload).await?;
    let now = shared.clock.now();
    let since = fields.time("since");
    if now < since {
        fields.wrong("since", "since must not be in the future.");
    }
    let dry_run = fields.flag("dry_run");
    fields.finish()?;
    endpoint.may_change().map_err(|why| unable(&endpoint, why))?;
    let after = Place { at: since, id: String::new() };
    let asked = CatchUp { webhook: endpoint.id, after, until: now, now };
    let event_count = walked(&shared, asked, if dry_run { Mode::Count } else { Mode::Queue }).await?;
    answer::ok(&CaughtUpEvents { webhook_id: endpoint.id, since, dry_run, event_count })
}

/// Goes through the events piece by piece; answers how many were missed.
async fn walked(shared: &Shared, mut asked: CatchUp, mode: Mode) -> Result<usize, ApiError> {
    let mut events: usize = 0;
    loop {
        let piece = match mode {
            Mode::Count => shared.store.catch_up_count(asked.clone()).await?,
            Mode::Queue => shared.store.catch_up_queue(asked.clone()).await?,
        };
        // It can be disabled half-way, by its own answers too.
        let CaughtUp::Piece { missed, next } = piece else { return Err(NotMoved::EndpointDisabled.into()) };
        events = events.saturating_add(missed);
        if mode == Mode::Queue && 0 < missed {
            shared.courier.ring();
        }
        match next {
            Some(place) => asked.after = place,
            None => return Ok(events),
        }
    }
}
