//! `PATCH /v1/admin/crypto-orders/{order_id}/internal-note`: support's own words.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;
use utoipa::ToSchema;

use crate::actors::order::Command;
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::http::envelope::{AdminOrder, for_admin};
use crate::http::error::ApiError;
use crate::http::extract::Operator;
use crate::http::fields::Fields;
use crate::http::{Shared, answer, body};

use super::order_id;

const NOTE_CHARS_MAX: usize = 2000;

/// What is to be noted.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document shows its shape; `set` reads it field by field")]
struct InternalNote {
    /// At most 2000 characters, which the customer never sees; `null` or `""` clears it.
    #[schema(required = true, max_length = 2000, pattern = r"^[^\u0000]*$", example = "Asked the provider.")]
    internal_note: Option<String>,
}

/// Sets support's own note.
///
/// The customer never sees it.
#[utoipa::path(patch, path = "/v1/admin/crypto-orders/{order_id}/internal-note", operation_id = "set_internal_note",
    tag = "Operators", security(("bearer" = [])),
    params(("order_id" = OrderId, Path, description = "The order.")),
    request_body = InternalNote,
    responses((status = 200, description = "The order with its note.", body = AdminOrder)),
)]
pub async fn set(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let operator = shared.operator(&request).await?;
    let id = order_id(&request)?;
    let fields = body::required(&request, payload).await?;
    answer::ok(&for_admin(&write(&shared, &operator, id, fields).await?))
}

/// Writes support's note on an order.
///
/// # Errors
/// 400, 404 or 503.
pub async fn write(shared: &Shared, operator: &Operator, id: OrderId, mut fields: Fields) -> Result<Order, ApiError> {
    let note = fields.nullable_text("internal_note", NOTE_CHARS_MAX);
    fields.finish()?;
    let operation = operator.operation("crypto_order.note_updated", &json!({ "internal_note": note }));
    let noted = shared.orders.ask(id, Command::SetInternalNote { note, operation }).await;
    noted.map_err(|error| ApiError::Order(id.to_string(), error))
}
