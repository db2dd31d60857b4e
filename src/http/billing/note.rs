//! `PATCH /v1/billing/crypto-orders/{order_id}`: the customer's note.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use crate::actors::order::Command;
use crate::domain::access::Permission;
use crate::http::envelope::for_customer;
use crate::http::error::ApiError;
use crate::http::{Shared, answer, body};

use super::checkout::NOTE_CHARS_MAX;
use super::own_order;

/// Sets or clears the note.
pub async fn set(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let customer = shared.customer(&request, Permission::WriteOrders).await?;
    let mut fields = body::required(&request, payload).await?;
    let note = fields.nullable_text("customer_note", NOTE_CHARS_MAX);
    fields.finish()?;
    let id = own_order(&shared, customer, &request).await?.id;
    let noted = shared.orders.ask(id, Command::SetCustomerNote(note)).await;
    answer::ok(&for_customer(&noted.map_err(|error| ApiError::Order(id.to_string(), error))?))
}
