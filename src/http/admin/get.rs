//! `GET /v1/admin/crypto-orders/{order_id}`: one order, whosever it is.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::ids::OrderId;
use crate::http::envelope::{AdminOrder, for_admin};
use crate::http::error::ApiError;
use crate::http::{Shared, answer};

use super::any_order;

/// Shows an order, whosever it is.
#[utoipa::path(get, path = "/v1/admin/crypto-orders/{order_id}", operation_id = "show_order",
    tag = "Operators", security(("bearer" = [])),
    params(("order_id" = OrderId, Path, description = "The order.")),
    responses((status = 200, description = "The order.", body = AdminOrder)),
)]
pub async fn show(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.operator(&request).await?;
    answer::ok(&for_admin(&any_order(&shared, &request).await?))
}
