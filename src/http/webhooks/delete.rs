//! `DELETE /v1/webhooks/{id}`: nothing more is sent there, and what waits is given up.
//!
//! The endpoint is over at once; what waits for it is given up in pages, so that no other write waits for all of it.
//! If that breaks off, the courier goes on with whatever it finds waiting for an endpoint that is over.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::access::Permission;
use crate::domain::ids::WebhookId;
use crate::http::error::ApiError;
use crate::http::openapi::problems::example;
use crate::http::problem::ProblemDocument;
use crate::http::{Shared, answer};

use super::{malformed_id, once_own};

/// Deletes an endpoint for webhooks; what waits for it is given up. A second time changes nothing.
#[utoipa::path(delete, path = "/v1/webhooks/{id}", tag = "Webhooks", operation_id = "delete_webhook", security(("bearer" = [])),
    params(("id" = WebhookId, Path, description = "The endpoint.")),
    responses(
        (status = 204, description = "The endpoint is deleted."),
        (status = 400, description = "The id is not of an endpoint's form.", body = ProblemDocument,
            example = json!(example(&malformed_id()))),
    ),
)]
pub async fn delete(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let holder = shared.holder_who_may(&request, Permission::WriteWebhooks).await?;
    let endpoint = once_own(&shared, holder.account_id, &request).await?;
    shared.store.endpoint_delete(endpoint.id, shared.clock.now()).await?;
    shared.store.deliveries_bury(endpoint.id).await?;
    let (account, by) = (holder.account_id, holder.verified.key.id);
    tracing::info!(event = "webhook_deleted", webhook.id = %endpoint.id, account.id = %account, by.id = %by, "a customer deleted an endpoint");
    Ok(answer::no_content())
}
