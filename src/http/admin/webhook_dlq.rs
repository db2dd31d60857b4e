//! `/v1/admin/webhook-dlq`: deliveries that were given up, over all customers, and what an operator does with one.
//!
//! Nothing is ever lost here: what is discarded stays as a failed delivery, which a replay or a catch-up still finds.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::ids::DeliveryId;
use crate::domain::webhook::resend::Wish;
use crate::http::cursor::Records;
use crate::http::error::ApiError;
use crate::http::openapi::problems::{self, example};
use crate::http::paging::{Asked, Paged};
use crate::http::problem::ProblemDocument;
use crate::http::query::Query;
use crate::http::webhooks::deliveries::malformed_id;
use crate::http::{Shared, answer};

use super::webhook_deliveries::{AdminDelivery, fulfil};

/// Lists the dead letters.
///
/// Deliveries in `dlq`, of all customers, the newest first.
#[utoipa::path(get, path = "/v1/admin/webhook-dlq", tag = "Operators", security(("bearer" = [])),
    operation_id = "list_dead_letters",
    params(
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 200, description = "How many; 50 without it."),
        ("cursor" = Option<String>, Query, min_length = 1, max_length = 512, description = "Where the page starts."),
    ),
    responses((status = 200, description = "One page, newest first.", body = Paged<AdminDelivery>)),
)]
pub async fn page(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.operator(&request).await?;
    answer::ok(&dead_letters(&shared, &Query::of(&request)?).await?)
}

/// The page that a query asks for.
///
/// # Errors
/// 400 if a parameter breaks its rule; 503.
pub async fn dead_letters(shared: &Shared, query: &Query) -> Result<Paged<AdminDelivery>, ApiError> {
    let asked = Asked::of(query, Records::DeadLetters)?;
    let found = match asked.stretch() {
        Some(stretch) => shared.store.dlq_page(stretch).await?,
        None => Vec::new(),
    };
    Ok(asked.page(found.into_iter().map(AdminDelivery::of).collect(), AdminDelivery::place))
}

/// Sends a dead letter again.
#[utoipa::path(post, path = "/v1/admin/webhook-dlq/{id}/requeue", tag = "Operators", security(("bearer" = [])),
    operation_id = "requeue_dead_letter",
    params(("id" = DeliveryId, Path, description = "The delivery.")),
    responses(
        (status = 200, description = "The delivery, `pending` again.", body = AdminDelivery),
        (status = 400, description = "The id is not of a delivery's form.", body = ProblemDocument,
            example = json!(example(&malformed_id()))),
        (status = 409, description = "It is not in `dlq`, or its endpoint is disabled or deleted.",
            body = ProblemDocument, example = json!(example(&problems::delivery_not_dead()))),
    ),
)]
pub async fn requeue(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let operator = shared.operator(&request).await?;
    fulfil(&shared, &request, (operator, Wish::Requeue)).await
}

/// Takes a dead letter off the list without sending it.
///
/// It is `failed` then, without a next attempt; a replay or a catch-up can still send it.
#[utoipa::path(post, path = "/v1/admin/webhook-dlq/{id}/discard", tag = "Operators", security(("bearer" = [])),
    operation_id = "discard_dead_letter",
    params(("id" = DeliveryId, Path, description = "The delivery.")),
    responses(
        (status = 200, description = "The delivery, `failed`.", body = AdminDelivery),
        (status = 400, description = "The id is not of a delivery's form.", body = ProblemDocument,
            example = json!(example(&malformed_id()))),
        (status = 409, description = "It is not in `dlq`.", body = ProblemDocument,
            example = json!(example(&problems::delivery_not_dead()))),
    ),
)]
pub async fn discard(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let operator = shared.operator(&request).await?;
    fulfil(&shared, &request, (operator, Wish::Discard)).await
}
