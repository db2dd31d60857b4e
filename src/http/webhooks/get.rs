//! `GET /v1/webhooks/{id}`: one endpoint, and how it has been doing.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::access::Permission;
use crate::domain::ids::WebhookId;
use crate::http::error::ApiError;
use crate::http::openapi::problems::example;
use crate::http::problem::ProblemDocument;
use crate::http::{Shared, answer};

use super::{EndpointResource, malformed_id, own_endpoint};

/// Shows an endpoint for webhooks.
#[utoipa::path(get, path = "/v1/webhooks/{id}", tag = "Webhooks", operation_id = "get_webhook", security(("bearer" = [])),
    params(("id" = WebhookId, Path, description = "The endpoint.")),
    responses(
        (status = 200, description = "The endpoint.", body = EndpointResource),
        (status = 400, description = "The id is not of an endpoint's form.", body = ProblemDocument,
            example = json!(example(&malformed_id()))),
    ),
)]
pub async fn show(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let customer = shared.customer(&request, Permission::ReadWebhooks).await?;
    let endpoint = own_endpoint(&shared, customer.account_id, &request).await?;
    answer::ok(&EndpointResource::of(&endpoint, shared.clock.now()))
}
