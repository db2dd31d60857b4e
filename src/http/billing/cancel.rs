//! `POST /v1/billing/crypto-orders/{order_id}/cancel`: the customer withdraws.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::actors::order::Command;
use crate::domain::access::Permission;
use crate::domain::ids::OrderId;
use crate::http::envelope::{CustomerOrder, for_customer};
use crate::http::error::ApiError;
use crate::http::openapi::problems::{self, example};
use crate::http::problem::ProblemDocument;
use crate::http::{Shared, answer};

use super::own_order;

/// Cancels a pending order.
///
/// One whose pay window has passed expires instead. A body is not looked at.
#[utoipa::path(post, path = "/v1/billing/crypto-orders/{order_id}/cancel", operation_id = "cancel_own_order",
    tag = "Orders", security(("bearer" = [])),
    params(("order_id" = OrderId, Path, description = "The order.")),
    responses(
        (status = 200, description = "The order, cancelled or expired.", body = CustomerOrder),
        (status = 409, description = "The order is not pending any more.", body = ProblemDocument,
            example = json!(example(&problems::not_cancellable()))),
    ),
)]
pub async fn cancel(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let customer = shared.customer(&request, Permission::WriteOrders).await?;
    let id = own_order(&shared, customer, &request).await?.id;
    let cancelled = shared.orders.ask(id, Command::Cancel).await;
    answer::ok(&for_customer(&cancelled.map_err(|error| ApiError::Order(id.to_string(), error))?))
}
