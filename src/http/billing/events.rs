//! `GET /v1/billing/crypto-orders/{order_id}/events`: how the order came to where it is.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::access::Permission;
use crate::http::envelope::{Log, log_for_customer};
use crate::http::error::ApiError;
use crate::http::{Shared, answer};

use super::own_order;

/// Shows the log, oldest first.
pub async fn list(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let customer = shared.customer(&request, Permission::ReadOrders).await?;
    let order = own_order(&shared, customer, &request).await?;
    answer::ok(&Log { events: log_for_customer(&order) })
}
