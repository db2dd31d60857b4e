//! `GET /v1/billing/crypto-orders/{order_id}/events`: how the order came to where it is.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::access::Permission;
use crate::domain::ids::OrderId;
use crate::http::envelope::{CustomerEvent, Log, log_for_customer};
use crate::http::error::ApiError;
use crate::http::{Shared, answer};

use super::own_order;

/// Lists what happened to an order.
#[utoipa::path(get, path = "/v1/billing/crypto-orders/{order_id}/events", operation_id = "list_own_order_events",
    tag = "Orders", security(("bearer" = [])),
    params(("order_id" = OrderId, Path, description = "The order.")),
    responses((status = 200, description = "The log.", body = Log<CustomerEvent>)),
)]
pub async fn list(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let customer = shared.customer(&request, Permission::ReadOrders).await?;
    let order = own_order(&shared, customer, &request).await?;
    answer::ok(&Log { events: log_for_customer(&order) })
}
