//! `POST /v1/admin/crypto-orders/{order_id}/accept`: an operator settles an order with what arrived.
//!
//! The way out for money that no rule can judge: too little, too late, in a wrong coin. The rules of when it
//! may be done are `domain::lifecycle`'s; the reason stands on the audit log.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;
use utoipa::ToSchema;

use crate::actors::order::Command;
use crate::domain::ids::{OrderId, PaymentId};
use crate::domain::order::Order;
use crate::http::envelope::{AdminOrder, for_admin};
use crate::http::error::ApiError;
use crate::http::extract::Operator;
use crate::http::fields::Fields;
use crate::http::openapi::problems::{self, example};
use crate::http::problem::ProblemDocument;
use crate::http::{Shared, answer, body};

use super::order_id;

const REASON_CHARS_MAX: usize = 500;

/// What an operator says to settle an order.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document shows its shape; the handler reads field by field")]
pub struct Acceptance {
    /// Why, for the audit log.
    #[schema(min_length = 1, max_length = 500, pattern = r"^[^\u0000]*$", example = "Paid in USDT; treasury has it.")]
    reason: String,
    /// The payment of the order that is accepted; the bound one without it.
    payment_id: Option<PaymentId>,
}

/// What was read of it.
struct Said {
    reason: String,
    payment: Option<PaymentId>,
}

/// Settles the order, and answers it.
#[utoipa::path(post, path = "/v1/admin/crypto-orders/{order_id}/accept", tag = "Operators",
    security(("bearer" = [])), operation_id = "accept_order",
    params(("order_id" = OrderId, Path, description = "The order.")),
    request_body = Acceptance,
    responses(
        (status = 200, description = "The order, paid.", body = AdminOrder),
        (status = 409, description = "It is neither partial, nor failed or cancelled with recorded money; or the \
            payment is none of its own.", body = ProblemDocument,
            example = json!(example(&problems::not_acceptable()))),
    ),
)]
pub async fn accept(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let operator = shared.operator(&request).await?;
    let id = order_id(&request)?;
    let fields = body::required(&request, payload).await?;
    answer::ok(&for_admin(&settle(&shared, &operator, id, fields).await?))
}

/// Settles the order as an operator says, with a reason and perhaps a payment.
///
/// # Errors
/// 400, 404, 409 or 503.
pub async fn settle(shared: &Shared, operator: &Operator, id: OrderId, fields: Fields) -> Result<Order, ApiError> {
    let Said { reason, payment } = read(fields)?;
    let input = json!({ "reason": reason, "payment_id": payment });
    let operation = operator.operation("crypto_order.accepted", &input);
    let accepted = shared.orders.ask(id, Command::Accept { payment, operation }).await;
    accepted.map_err(|error| ApiError::Order(id.to_string(), error))
}

fn read(mut fields: Fields) -> Result<Said, ApiError> {
    let reason = fields.text("reason", REASON_CHARS_MAX);
    let payment = fields.optional_payment_id("payment_id");
    fields.finish()?;
    Ok(Said { reason, payment })
}
