//! `GET /v1/billing/crypto-orders/{order_id}/receipt`, `.txt` and `.pdf`: the order on a sheet, in any status.
//!
//! What a receipt says is in `receipt/content.rs`; here it is only handed out, in one of three forms. A
//! receipt is made anew each time and kept nowhere: it tells how things stand when it is issued.

mod content;
mod pdf;
mod plain;

use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::access::Permission;
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::http::error::ApiError;
use crate::http::{Shared, answer};

use super::own_order;
use content::Receipt;

/// The bytes of a PDF, as `openapi/schemas.rs` describes them.
pub enum PdfFile {}

/// Shows the receipt as JSON.
#[utoipa::path(get, path = "/v1/billing/crypto-orders/{order_id}/receipt", tag = "Orders", security(("bearer" = [])),
    operation_id = "show_receipt",
    params(("order_id" = OrderId, Path, description = "The order.")),
    responses((status = 200, description = "The receipt.", body = Receipt)),
)]
pub async fn show(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let order = asked(&request, &shared).await?;
    answer::ok(&Receipt::of(&order, shared.clock.now()))
}

/// Shows the receipt as lines of text, for a person.
#[utoipa::path(get, path = "/v1/billing/crypto-orders/{order_id}/receipt.txt", tag = "Orders",
    security(("bearer" = [])),
    operation_id = "show_receipt_text",
    params(("order_id" = OrderId, Path, description = "The order.")),
    responses((status = 200, description = "`Driftstack receipt`, then a line `Label: value` for each thing it says.",
        content_type = "text/plain; charset=utf-8", body = String)),
)]
pub async fn text(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let order = asked(&request, &shared).await?;
    let text = plain::write(&Receipt::of(&order, shared.clock.now()).lines());
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/plain; charset=utf-8")).body(text))
}

/// Shows the receipt as one A4 page.
#[utoipa::path(get, path = "/v1/billing/crypto-orders/{order_id}/receipt.pdf", tag = "Orders",
    security(("bearer" = [])),
    operation_id = "show_receipt_pdf",
    params(("order_id" = OrderId, Path, description = "The order.")),
    responses((status = 200, description = "The receipt on one A4 page, to be saved as `receipt-<order_id>.pdf`.",
        content_type = "application/pdf", body = PdfFile)),
)]
pub async fn pdf(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let order = asked(&request, &shared).await?;
    let id = order.id;
    let issued_at = shared.clock.now();
    let lines = Receipt::of(&order, issued_at).lines();
    // Fonts are cut to size and packed: some milliseconds in which the worker would answer nobody else.
    let drawn = web::block(move || pdf::draw(&format!("Receipt {id}"), &lines, issued_at)).await;
    let drawn = drawn.map_err(|error| ApiError::Broken(error.to_string().into()))?;
    let page = drawn.map_err(|error| ApiError::Broken(error.to_string().into()))?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/pdf"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"receipt-{id}.pdf\"")))
        .body(page))
}

/// The order that is asked for, by who may ask.
async fn asked(request: &HttpRequest, shared: &Shared) -> Result<Order, ApiError> {
    let customer = shared.customer(request, Permission::ReadOrders).await?;
    own_order(shared, customer, request).await
}
