//! `GET /v1/admin/crypto-orders/{order_id}/events`: the log with who and what brought each line about.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::http::envelope::{Log, log_for_admin};
use crate::http::error::ApiError;
use crate::http::{Shared, answer};

use super::any_order;

/// Shows the log, oldest first.
pub async fn list(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.operator(&request).await?;
    let order = any_order(&shared, &request).await?;
    answer::ok(&Log { events: log_for_admin(&order) })
}
