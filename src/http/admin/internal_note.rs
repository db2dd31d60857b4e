//! `PATCH /v1/admin/crypto-orders/{order_id}/internal-note`: support's own words.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use crate::actors::order::Command;
use crate::http::envelope::for_admin;
use crate::http::error::ApiError;
use crate::http::{Shared, answer, body};

use super::order_id;

const NOTE_CHARS_MAX: usize = 2000;

/// Sets or clears the note.
pub async fn set(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let operator = shared.operator(&request).await?;
    let id = order_id(&request)?;
    let mut fields = body::required(&request, payload).await?;
    let note = fields.nullable_text("internal_note", NOTE_CHARS_MAX);
    fields.finish()?;
    let operation = operator.operation("crypto_order.note_updated", &json!({ "internal_note": note }));
    let noted = shared.orders.ask(id, Command::SetInternalNote { note, operation }).await;
    answer::ok(&for_admin(&noted.map_err(|error| ApiError::Order(id.to_string(), error))?))
}
