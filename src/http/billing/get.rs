//! `GET /v1/billing/crypto-orders/{order_id}`: one order, at once or when it has changed.

use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::access::Permission;
use crate::domain::ids::OrderId;
use crate::http::connection::Connection;
use crate::http::envelope::{CustomerOrder, for_customer};
use crate::http::error::ApiError;
use crate::http::openapi::schemas::InputTime;
use crate::http::query::Query;
use crate::http::{Shared, answer};

use super::own_order;

const WAIT_SECONDS_MAX: u64 = 30;

/// Shows an order.
///
/// Without `wait` at once. With `wait` the answer comes once the order is newer than `since`, or when the time is up.
#[utoipa::path(get, path = "/v1/billing/crypto-orders/{order_id}", operation_id = "show_own_order",
    tag = "Orders", security(("bearer" = [])),
    params(
        ("order_id" = OrderId, Path, description = "The order."),
        ("wait" = Option<u64>, Query, minimum = 0, maximum = 30, example = 0,
            description = "Wait for a change, at most so many seconds."),
        ("since" = Option<InputTime>, Query, example = "2026-05-12T13:00:00.000Z", description = "The `updated_at` that is known; without it the present one."),
    ),
    responses((status = 200, description = "The order.", body = CustomerOrder)),
)]
pub async fn show(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let customer = shared.customer(&request, Permission::ReadOrders).await?;
    let query = Query::of(&request)?;
    let wait = query.wait_seconds(WAIT_SECONDS_MAX)?.filter(|seconds| *seconds > 0);
    let since = query.time("since")?;
    let order = own_order(&shared, customer, &request).await?;
    let since = since.unwrap_or(order.updated_at);
    match wait {
        Some(seconds) if order.updated_at <= since => {
            let (id, connection) = (order.id, Connection::of(&request));
            let newer = tokio::select! {
                newer = shared.orders.wait(&order, since, Duration::from_secs(seconds)) => newer,
                // The place is another's at once; who has only closed the sending side still gets an answer.
                () = connection.closed() => Ok(order.clone()),
            };
            answer::ok(&for_customer(&newer.map_err(|error| ApiError::Order(id.to_string(), error))?))
        }
        Some(_) | None => answer::ok(&for_customer(&order)),
    }
}
