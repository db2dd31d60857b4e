//! `GET /v1/admin/crypto-orders/{order_id}`: one order, whosever it is.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::http::envelope::for_admin;
use crate::http::error::ApiError;
use crate::http::{Shared, answer};

use super::any_order;

/// Shows the order.
pub async fn show(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.operator(&request).await?;
    answer::ok(&for_admin(&any_order(&shared, &request).await?))
}
