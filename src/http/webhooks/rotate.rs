//! `POST /v1/webhooks/{id}/rotate-secret`: another secret; for 24 hours the old one signs beside it.
//!
//! By compare-and-set: of two rotations at once, on whatever nodes, one makes a secret and the other is told so.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::random_bytes;
use crate::domain::access::Permission;
use crate::domain::ids::WebhookId;
use crate::domain::time::Timestamp;
use crate::domain::webhook::endpoint::ROTATION_GRACE;
use crate::domain::webhook::secret::EndpointSecret;
use crate::http::error::ApiError;
use crate::http::openapi::problems::{self, example};
use crate::http::problem::ProblemDocument;
use crate::http::{Shared, answer};

use super::{malformed_id, own_endpoint, unable};

/// A secret that was just made, in the only copy.
#[derive(Serialize, ToSchema)]
#[schema(as = RotatedWebhookSecret)]
pub struct Rotated<'a> {
    id: WebhookId,
    /// What deliveries are signed with from now on. It is shown only now.
    #[schema(pattern = "^whsec_[a-z2-7]{32}$", example = "whsec_mfrggzdfmztwq2lknnwg23tpobyxe43u")]
    secret: &'a str,
    /// Its first 12 characters.
    #[schema(example = "whsec_mfrggz")]
    secret_prefix: &'a str,
    /// The same of the secret before it, which signs too.
    #[schema(example = "whsec_onswg4")]
    prev_secret_prefix: &'a str,
    /// Until when that is.
    grace_expires_at: Timestamp,
}

/// Rotates the secret of an endpoint: for 24 hours deliveries carry the signatures of both. A body is not looked at.
#[utoipa::path(post, path = "/v1/webhooks/{id}/rotate-secret", tag = "Webhooks", operation_id = "rotate_webhook_secret", security(("bearer" = [])),
    params(("id" = WebhookId, Path, description = "The endpoint.")),
    responses(
        (status = 200, description = "The new secret, in the only copy.", body = Rotated),
        (status = 400, description = "The id is not of an endpoint's form.", body = ProblemDocument,
            example = json!(example(&malformed_id()))),
        (status = 409, description = "An earlier rotation is not over, or the endpoint is disabled.", body = ProblemDocument,
            example = json!(example(&problems::webhook_rotating()))),
    ),
)]
pub async fn rotate(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let holder = shared.holder_who_may(&request, Permission::WriteWebhooks).await?;
    let (account, now) = (holder.account_id, shared.clock.now());
    let endpoint = own_endpoint(&shared, account, &request).await?;
    endpoint.may_rotate(now).map_err(|why| unable(&endpoint, why))?;
    let (secret, until) = (EndpointSecret::new(random_bytes()), now.after(ROTATION_GRACE));
    if !shared.store.endpoint_rotate(endpoint.clone(), secret.clone(), until).await? {
        // Somebody was faster: the endpoint as it is now says at what.
        let changed = own_endpoint(&shared, account, &request).await?;
        changed.may_rotate(now).map_err(|why| unable(&changed, why))?;
        return Err(ApiError::Busy("an endpoint that keeps changing"));
    }
    let by = holder.verified.key.id;
    tracing::info!(event = "webhook_secret_rotated", webhook.id = %endpoint.id, account.id = %account, by.id = %by, "a customer rotated an endpoint's secret");
    answer::ok(&Rotated {
        id: endpoint.id,
        secret: secret.expose(),
        secret_prefix: secret.prefix(),
        prev_secret_prefix: endpoint.secret.prefix(),
        grace_expires_at: until,
    })
}
