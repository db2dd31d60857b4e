//! `GET /v1/admin/crypto-orders/{order_id}/events`: the log with who and what brought each line about.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::ids::OrderId;
use crate::http::envelope::{AdminEvent, Log, log_for_admin};
use crate::http::error::ApiError;
use crate::http::{Shared, answer};

use super::any_order;

/// Lists what happened to an order, and who did it.
#[utoipa::path(get, path = "/v1/admin/crypto-orders/{order_id}/events", operation_id = "list_order_events",
    tag = "Operators", security(("bearer" = [])),
    params(("order_id" = OrderId, Path, description = "The order.")),
    responses((status = 200, description = "The log.", body = Log<AdminEvent>)),
)]
pub async fn list(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.operator(&request).await?;
    let order = any_order(&shared, &request).await?;
    answer::ok(&Log { events: log_for_admin(&order) })
}
