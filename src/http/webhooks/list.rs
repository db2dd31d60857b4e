//! `GET /v1/webhooks`: the account's endpoints, newest first, those that were disabled too.
//!
//! It has no pages. Ten are in use at the most; disabled ones stay beside them until they are deleted, and each of those
//! took 50 failures in a row or an answer of 410.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::access::Permission;
use crate::http::error::ApiError;
use crate::http::{Shared, answer};

use super::EndpointResource;

/// All endpoints of an account.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpoints)]
pub struct Listed<'a> {
    /// Newest first.
    data: Vec<EndpointResource<'a>>,
}

/// Lists the account's endpoints for webhooks, newest first.
#[utoipa::path(get, path = "/v1/webhooks", tag = "Webhooks", operation_id = "list_webhooks", security(("bearer" = [])),
    responses((status = 200, description = "All of them but those that were deleted.", body = Listed)),
)]
pub async fn list(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let customer = shared.customer(&request, Permission::ReadWebhooks).await?;
    let endpoints = shared.store.endpoints_of(customer.account_id).await?;
    let now = shared.clock.now();
    answer::ok(&Listed { data: endpoints.iter().map(|endpoint| EndpointResource::of(endpoint, now)).collect() })
}
