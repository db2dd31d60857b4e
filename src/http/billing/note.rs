//! `PATCH /v1/billing/crypto-orders/{order_id}`: the customer's note.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use utoipa::ToSchema;

use crate::actors::order::Command;
use crate::domain::access::Permission;
use crate::domain::ids::OrderId;
use crate::http::envelope::{CustomerOrder, for_customer};
use crate::http::error::ApiError;
use crate::http::{Shared, answer, body};

use super::checkout::NOTE_CHARS_MAX;
use super::own_order;

/// What is to be noted.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document shows its shape; `set` reads it field by field")]
struct CustomerNote {
    /// At most 500 characters; `null` or `""` clears it.
    #[schema(required = true, max_length = 500, pattern = r"^[^\u0000]*$", example = "For Ada.")]
    customer_note: Option<String>,
}

/// Sets the customer's note.
#[utoipa::path(patch, path = "/v1/billing/crypto-orders/{order_id}", operation_id = "set_customer_note",
    tag = "Orders", security(("bearer" = [])),
    params(("order_id" = OrderId, Path, description = "The order.")),
    request_body = CustomerNote,
    responses((status = 200, description = "The order with its note.", body = CustomerOrder)),
)]
pub async fn set(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let customer = shared.customer(&request, Permission::WriteOrders).await?;
    let mut fields = body::required(&request, payload).await?;
    let note = fields.nullable_text("customer_note", NOTE_CHARS_MAX);
    fields.finish()?;
    let id = own_order(&shared, customer, &request).await?.id;
    let noted = shared.orders.ask(id, Command::SetCustomerNote(note)).await;
    answer::ok(&for_customer(&noted.map_err(|error| ApiError::Order(id.to_string(), error))?))
}
