//! `POST /v1/billing/crypto-orders/{order_id}/cancel`: the customer withdraws.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::actors::order::Command;
use crate::domain::access::Permission;
use crate::http::envelope::for_customer;
use crate::http::error::ApiError;
use crate::http::{Shared, answer};

use super::own_order;

/// Cancels a pending order; one whose pay window has passed expires instead. A body is not looked at.
pub async fn cancel(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let customer = shared.customer(&request, Permission::WriteOrders).await?;
    let id = own_order(&shared, customer, &request).await?.id;
    let cancelled = shared.orders.ask(id, Command::Cancel).await;
    answer::ok(&for_customer(&cancelled.map_err(|error| ApiError::Order(id.to_string(), error))?))
}
