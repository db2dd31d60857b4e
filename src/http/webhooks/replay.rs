//! `POST /v1/webhook-deliveries/{id}/replay`: a customer asks for a delivery again.
//!
//! It goes out at once, past what waits for its order before it; six attempts are ahead of it again.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::access::Permission;
use crate::domain::ids::DeliveryId;
use crate::domain::webhook::resend::Wish;
use crate::http::error::{ApiError, DeliveryRefusal};
use crate::http::openapi::problems::{self, example};
use crate::http::problem::ProblemDocument;
use crate::http::{Shared, answer};
use crate::store::resend::{Resend, Resent, Traced};

use super::deliveries::{DeliveryResource, asked_for, malformed_id};

/// Sends a delivery again.
///
/// Whatever became of it, it is `pending` again and due now, with its attempts counted anew. The receiver gets the same
/// bytes under the same event id.
#[utoipa::path(post, path = "/v1/webhook-deliveries/{id}/replay", tag = "Webhooks", security(("bearer" = [])),
    operation_id = "replay_webhook_delivery",
    params(("id" = DeliveryId, Path, description = "The delivery.")),
    responses(
        (status = 200, description = "The delivery, `pending` again.", body = DeliveryResource),
        (status = 400, description = "The id is not of a delivery's form.", body = ProblemDocument,
            example = json!(example(&malformed_id()))),
        (status = 409, description = "It is being attempted just now, or its endpoint is disabled or deleted.",
            body = ProblemDocument, example = json!(example(&problems::delivery_in_flight()))),
    ),
)]
pub async fn replay(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let customer = shared.customer(&request, Permission::WriteWebhooks).await?;
    let id = asked_for(&request)?;
    let (owner, at) = (Some(customer.account_id), shared.clock.now());
    let found = resend(&shared, Resend { id, owner, wish: Wish::Replay, audit: None, at }).await?;
    answer::ok(&DeliveryResource::of(found.delivery))
}

/// Does with a delivery what is asked, and wakes the courier.
///
/// # Errors
/// 404 if there is none, 409 if it stays as it is.
pub async fn resend(shared: &Shared, asked: Resend) -> Result<Traced, ApiError> {
    let id = asked.id;
    match shared.store.delivery_resend(asked).await? {
        Resent::Done(found) => {
            shared.courier.ring();
            Ok(*found)
        }
        Resent::Refused(why) => Err(why.into()),
        Resent::Unknown => Err(DeliveryRefusal::NotFound(id).into()),
    }
}
