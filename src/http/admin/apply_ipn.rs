//! `POST /v1/admin/crypto-orders/{order_id}/apply-ipn`: an operator bears witness to a payment.
//!
//! The evidence goes the same way as an IPN; it carries no amounts, so none are compared. The contract
//! answers 200 also when nothing moved.

use std::time::Duration;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::json;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::actors::order::{Heard, Told};
use crate::domain::evidence::{Evidence, NamedPrice, Outcome, Ownership, ProviderWord, Witness};
use crate::domain::ids::{OrderId, PaymentId};
use crate::http::envelope::{AdminOrder, for_admin};
use crate::http::error::ApiError;
use crate::http::extract::Operator;
use crate::http::fields::Fields;
use crate::http::{Shared, answer, body};
use crate::provider::report::PaymentReport;
use crate::provider::wire::OrderReference;

use super::order_id;

const PAYMENT_ID_CHARS_MAX: usize = 128;
const WORD_CHARS_MAX: usize = 64;
/// For how long the provider is asked: a server that is told to stop waits 5 s for its requests.
const ASK_WITHIN: Duration = Duration::from_secs(4);

/// The order, and what became of the evidence.
#[derive(Debug, Serialize, ToSchema)]
struct Applied<'a> {
    #[serde(flatten)]
    order: AdminOrder<'a>,
    /// True if the order moved.
    applied: bool,
    #[schema(value_type = Outcome)]
    outcome: &'static str,
}

/// What the operator says of a payment.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document shows its shape; `read` reads it field by field")]
struct Testimony {
    payment_id: PaymentId,
    /// The provider's word for where the payment stands; one that is not known moves nothing and is raised.
    #[schema(min_length = 1, max_length = 64, pattern = r"^[^\u0000]*$", example = "finished")]
    provider_status: String,
}

/// What the operator says.
struct Said {
    payment_id: PaymentId,
    provider_status: String,
}

/// Applies the provider's word by hand.
///
/// For a report that got lost: what the provider's dashboard says of the payment. The evidence goes the same way
/// as an IPN without amounts, is on the audit log, and answers 200 also when nothing moved: see `applied` and
/// `outcome`. Where a provider is configured it is asked first: a payment that names another order, or that would
/// settle this one at another price, is a `mismatch`, and a further deposit stays a `child`.
#[utoipa::path(post, path = "/v1/admin/crypto-orders/{order_id}/apply-ipn", operation_id = "apply_ipn",
    tag = "Operators", security(("bearer" = [])),
    params(("order_id" = OrderId, Path, description = "The order.")),
    request_body = Testimony,
    responses((status = 200, description = "The order, and what became of the evidence.", body = Applied)),
)]
pub async fn apply(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let operator = shared.operator(&request).await?;
    let id = order_id(&request)?;
    let fields = body::required(&request, payload).await?;
    let heard = replay(&shared, &operator, id, fields).await?;
    let applied = heard.outcome == Outcome::Applied;
    answer::ok(&Applied { order: for_admin(&heard.order), applied, outcome: heard.outcome.as_str() })
}

/// Has the order hear what an operator says of a payment.
///
/// # Errors
/// 400, 404 or 503.
pub async fn replay(shared: &Shared, operator: &Operator, id: OrderId, fields: Fields) -> Result<Heard, ApiError> {
    let said = read(fields)?;
    let input = json!({"payment_id": said.payment_id, "provider_status": said.provider_status});
    let confirmed = confirmed(shared, id, &said.payment_id).await;
    let ownership = confirmed.ownership;
    let evidence = Evidence {
        witness: Witness::Operator(operator.key_id),
        order_id: Some(id),
        payment_id: said.payment_id,
        parent_payment_id: confirmed.parent_payment_id,
        word: ProviderWord::parse(&said.provider_status),
        price: confirmed.price,
        pay_amount: None,
        actually_paid: None,
        coin: None,
        provider_at: None,
    };
    let operation = Some(operator.operation("crypto_order.ipn_applied", &input));
    let heard = shared.orders.tell(id, Told { evidence, ipn: None, operation, ownership }).await;
    heard.map_err(|error| ApiError::Order(id.to_string(), error))
}

/// What the payment is by the provider's own word.
struct Confirmed {
    ownership: Ownership,
    parent_payment_id: Option<PaymentId>,
    price: NamedPrice,
}

impl Confirmed {
    /// Of a payment of which the provider says nothing: the operator's word counts.
    fn nothing() -> Self {
        let price = NamedPrice { amount: None, currency: None };
        Self { ownership: Ownership::Free, parent_payment_id: None, price }
    }

    fn by(report: PaymentReport, order: OrderId) -> Self {
        let ownership = match report.order {
            OrderReference::Ours(id) if id == order => Ownership::Free,
            OrderReference::None => Ownership::Free,
            OrderReference::Ours(_) | OrderReference::Foreign => Ownership::Another,
        };
        let Evidence { parent_payment_id, price, .. } = report.evidence;
        Self { ownership, parent_payment_id, price }
    }
}

/// What the provider says of the payment, as far as it does in time: whose it is, whether it is a further deposit,
/// and at which price it was asked for.
async fn confirmed(shared: &Shared, order: OrderId, payment: &PaymentId) -> Confirmed {
    let Some(payments) = &shared.payments else { return Confirmed::nothing() };
    match timeout(ASK_WITHIN, payments.client.payment(payment)).await {
        Ok(Ok(report)) => Confirmed::by(report, order),
        Ok(Err(error)) => {
            tracing::warn!(order.id = %order, %error, "the provider does not confirm whose the payment is");
            Confirmed::nothing()
        }
        Err(_) => {
            tracing::warn!(order.id = %order, "the provider does not say in time whose the payment is");
            Confirmed::nothing()
        }
    }
}

fn read(mut fields: Fields) -> Result<Said, ApiError> {
    let payment = fields.text("payment_id", PAYMENT_ID_CHARS_MAX);
    let payment_id = PaymentId::parse(&payment);
    if payment_id.is_none() && !fields.is_wrong("payment_id") {
        fields.wrong("payment_id", "payment_id must be 1 to 128 printable characters.");
    }
    // Any word is heard: one that is not known moves nothing and is raised, as it is from the provider.
    let provider_status = fields.text("provider_status", WORD_CHARS_MAX);
    fields.finish()?;
    let payment_id = payment_id.ok_or(ApiError::Broken("a validated payment id is gone".into()))?;
    Ok(Said { payment_id, provider_status })
}
