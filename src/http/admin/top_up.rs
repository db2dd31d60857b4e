//! `POST /v1/admin/crypto-orders/{order_id}/top-up`: a further payment for the rest that a partial order lacks.
//!
//! The answer is for support to send to the customer. How much the rest is, and whether it was asked for before,
//! `domain::topup` says; the desk that makes the payment asks the same again once nobody else can.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::actors::payments::TopUpError;
use crate::domain::ids::{OrderId, PaymentId};
use crate::domain::ledger::Payment;
use crate::domain::money::Coin;
use crate::domain::order::Order;
use crate::domain::time::Timestamp;
use crate::domain::topup;
use crate::http::error::{ApiError, TopUpRefusal};
use crate::http::extract::Operator;
use crate::http::fields::Fields;
use crate::http::openapi::problems::{self, example};
use crate::http::openapi::samples;
use crate::http::openapi::schemas::ExactAmount;
use crate::http::problem::ProblemDocument;
use crate::http::{Shared, answer, body};

use super::order_id;

const REASON_CHARS_MAX: usize = 500;

/// What an operator may say with it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document shows its shape; the handler reads field by field")]
pub struct TopUp {
    /// Why, for the audit log.
    #[schema(
        max_length = 500,
        pattern = r"^[^\u0000]*$",
        example = "Ticket 4711: sent from an exchange, fee taken off."
    )]
    reason: Option<String>,
}

/// A payment by which the rest is asked for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!(samples::top_up()))]
pub struct TopUpAnswer<'a> {
    order_id: OrderId,
    payment_id: &'a PaymentId,
    /// Where the coins are to go.
    payment_address: &'a str,
    /// The coin's code: the bound payment's.
    pay_currency: &'a str,
    /// How much of the coin is to be sent: what is missing, rounded up at its precision. An exact decimal as text.
    #[schema(value_type = ExactAmount)]
    pay_amount: String,
    /// A memo or tag that some networks need beside the address.
    #[schema(required = true)]
    payin_extra_id: Option<&'a str>,
    #[schema(required = true)]
    network: Option<&'a str>,
    created_at: Timestamp,
}

/// Asks for the rest, once, and answers how it is paid.
///
/// Only of a `partial` order: under the first payment's purchase, over what is missing, rounded up at the coin's
/// precision. Asked again within seven days, the same payment is answered with 200 while it can be paid. A 503 says
/// that another payment is just being made, or that it is not known what the provider did: ask again. With the
/// account's login in the settings, what was made is found, not made twice.
#[utoipa::path(post, path = "/v1/admin/crypto-orders/{order_id}/top-up", tag = "Operators",
    security(("bearer" = [])), operation_id = "top_up_order",
    params(("order_id" = OrderId, Path, description = "The order.")),
    request_body = Option<TopUp>,
    responses(
        (status = 200, description = "The rest was asked for before, and can still be paid by that payment.",
            body = TopUpAnswer),
        (status = 201, description = "A further payment was made.", body = TopUpAnswer),
        (status = 409, description = "It is not partial, nothing is missing, what is owed is not known; or the provider \
            refuses the payment.", body = ProblemDocument, example = json!(example(&problems::no_top_up()))),
    ),
)]
pub async fn top_up(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let operator = shared.operator(&request).await?;
    let id = order_id(&request)?;
    let fields = body::optional(&request, payload).await?;
    let Rest { order, payment, age } = ask_for_rest(&shared, &operator, id, fields).await?;
    let payment =
        order.ledger.find(&payment).ok_or(ApiError::Broken("a top-up is not in its order's ledger".into()))?;
    match age {
        Age::Before => answer::ok(&shown(&order, payment)?),
        Age::Now => answer::created(&shown(&order, payment)?),
    }
}

/// The payment by which a rest is asked for.
pub struct Rest {
    order: Order,
    payment: PaymentId,
    age: Age,
}

/// When that payment was made.
enum Age {
    /// When it was asked for before.
    Before,
    /// Just now.
    Now,
}

/// Asks for the rest of an order, unless that was done and can still be paid.
///
/// # Errors
/// 400, 404, 409 or 503.
pub async fn ask_for_rest(
    shared: &Shared,
    operator: &Operator,
    id: OrderId,
    mut fields: Fields,
) -> Result<Rest, ApiError> {
    let reason = fields.optional_text("reason", REASON_CHARS_MAX);
    fields.finish()?;
    let order = loaded(shared, id).await?;
    let rest = topup::rest_of(&order).map_err(TopUpRefusal::None)?;
    if let Some(payment) = topup::asked_before(&order, &rest, shared.clock.now()) {
        let payment = payment.id.clone();
        return Ok(Rest { order, payment, age: Age::Before });
    }
    let input = json!({ "reason": reason, "pay_amount": rest.pay_amount.to_string() });
    let operation = operator.operation("crypto_order.topped_up", &input);
    let desk = shared.payments.as_ref().ok_or(TopUpRefusal::NoProvider)?;
    let made = desk.top_up(&order, rest, operation).await;
    let payment = made.map_err(|error| refusal(&order, error))?;
    Ok(Rest { order: loaded(shared, id).await?, payment, age: Age::Now })
}

async fn loaded(shared: &Shared, id: OrderId) -> Result<Order, ApiError> {
    shared.store.order_load(id).await?.ok_or_else(|| ApiError::NoSuchOrder(id.to_string()))
}

fn refusal(order: &Order, error: TopUpError) -> ApiError {
    match error {
        TopUpError::Busy => TopUpRefusal::Busy.into(),
        TopUpError::Away => TopUpRefusal::Away.into(),
        TopUpError::Refused { message } => TopUpRefusal::Provider(message).into(),
        TopUpError::Order(error) => ApiError::Order(order.id.to_string(), error),
    }
}

/// How the payment is paid.
fn shown<'a>(order: &Order, payment: &'a Payment) -> Result<TopUpAnswer<'a>, ApiError> {
    let known = payment.pay_to.as_ref().zip(payment.coin.as_ref()).zip(payment.pay_amount.as_ref());
    let Some(((pay_to, coin), pay_amount)) = known else {
        return Err(ApiError::Broken("a top-up of which nobody knows how it is paid".into()));
    };
    Ok(TopUpAnswer {
        order_id: order.id,
        payment_id: &payment.id,
        payment_address: &pay_to.address,
        pay_currency: Coin::as_str(coin),
        pay_amount: pay_amount.to_string(),
        payin_extra_id: pay_to.extra_id.as_deref(),
        network: pay_to.network.as_deref(),
        created_at: payment.first_seen_at,
    })
}
