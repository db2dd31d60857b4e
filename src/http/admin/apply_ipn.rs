//! `POST /v1/admin/crypto-orders/{order_id}/apply-ipn`: an operator bears witness to a payment.
//!
//! The evidence goes the same way as an IPN. Where a provider is configured it is asked first: what it answers of
//! the payment stands beside the operator's word, and a word that says more than the answer is refused unless it is
//! forced. Without an answer the operator's word stands alone, and no amounts are compared. The contract answers
//! 200 also when nothing moved.

use std::ops::Not;
use std::time::Duration;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};

use crate::actors::order::{Heard, Told};
use crate::domain::evidence::{Evidence, NamedPrice, Outcome, Ownership, PaymentWorth, ProviderWord, Witness};
use crate::domain::ids::{OrderId, PaymentId};
use crate::domain::replay::confirms;
use crate::http::envelope::{AdminOrder, for_admin};
use crate::http::error::{ApiError, ReplayRefusal};
use crate::http::extract::Operator;
use crate::http::fields::Fields;
use crate::http::openapi::problems::{self, example};
use crate::http::problem::ProblemDocument;
use crate::http::{Shared, answer, body};
use crate::provider::client::CallError;
use crate::provider::report::PaymentReport;
use crate::provider::wire::OrderReference;

use super::order_id;

const PAYMENT_ID_CHARS_MAX: usize = 128;
const WORD_CHARS_MAX: usize = 64;
const REASON_CHARS_MAX: usize = 500;
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

/// A payment under a word that the provider confirms, or about which it does not answer.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document shows its shape; `read` reads it field by field")]
struct PlainReplay {
    payment_id: PaymentId,
    /// The provider's word for where the payment stands; one that is not known moves nothing and is raised.
    #[schema(min_length = 1, max_length = 64, pattern = r"^[^\u0000]*$", example = "finished")]
    provider_status: String,
    #[schema(schema_with = not_forced, required = false)]
    force: (),
    /// Why, for the audit log.
    #[schema(min_length = 1, max_length = 500, pattern = r"^[^\u0000]*$", example = "Ticket 4711.")]
    reason: Option<String>,
}

/// A payment under a word that is applied although the provider says less, or knows no such payment.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document shows its shape; `read` reads it field by field")]
struct ForcedReplay {
    payment_id: PaymentId,
    /// The provider's word for where the payment stands; one that is not known moves nothing and is raised.
    #[schema(min_length = 1, max_length = 64, pattern = r"^[^\u0000]*$", example = "finished")]
    provider_status: String,
    #[schema(schema_with = forced)]
    force: (),
    /// Why it is forced, for the audit log.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\u0000]*$",
        example = "Ticket 4711: confirmed by phone."
    )]
    reason: String,
}

fn not_forced() -> RefOr<Schema> {
    let kinds = SchemaType::Array(vec![Type::Boolean, Type::Null]);
    let values = [json!(false), Value::Null];
    let told = "Not true: the word is applied only where the provider does not say less.";
    ObjectBuilder::new().schema_type(kinds).description(Some(told)).enum_values(Some(values)).into()
}

fn forced() -> RefOr<Schema> {
    let told = "True applies the word whatever the provider says; it needs a reason.";
    ObjectBuilder::new().schema_type(Type::Boolean).description(Some(told)).enum_values(Some([json!(true)])).into()
}

/// What an operator says of a payment.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the document shows its shape; `read` reads it field by field")]
enum ReplayBody {
    Plain(PlainReplay),
    Forced(ForcedReplay),
}

/// What the operator says, as the audit log shows it.
#[derive(Serialize)]
struct Said {
    payment_id: PaymentId,
    provider_status: String,
    #[serde(skip_serializing_if = "Not::not")]
    force: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Said {
    fn word(&self) -> ProviderWord {
        ProviderWord::parse(&self.provider_status)
    }
}

/// Applies the provider's word by hand.
///
/// For a report that got lost: what the provider's dashboard says of the payment. The evidence goes the same way
/// as an IPN, is on the audit log, and answers 200 also when nothing moved: see `applied` and `outcome`. Where a
/// provider is configured it is asked first. A payment that names another order, or that would settle this one at
/// another price, is a `mismatch`, and a further deposit stays a `child`. A word that the provider confirms is
/// judged with the amounts that it answers. If it says less, or knows no such payment, the word is refused (409),
/// unless it is forced with a reason: then it is applied without amounts, raised as `forced_replay`, and marked on
/// the audit log. If the provider does not answer, the operator's word stands alone.
#[utoipa::path(post, path = "/v1/admin/crypto-orders/{order_id}/apply-ipn", operation_id = "apply_ipn",
    tag = "Operators", security(("bearer" = [])),
    params(("order_id" = OrderId, Path, description = "The order.")),
    request_body = ReplayBody,
    responses(
        (status = 200, description = "The order, and what became of the evidence.", body = Applied),
        (status = 409, description = "The provider says less of the payment, or knows no such payment; nothing was \
            applied.", body = ProblemDocument, example = json!(example(&problems::not_confirmed()))),
    ),
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
/// 400, 404, 409 or 503.
pub async fn replay(shared: &Shared, operator: &Operator, id: OrderId, fields: Fields) -> Result<Heard, ApiError> {
    let said = read(fields)?;
    if shared.payments.is_some() && shared.store.order_load(id).await?.is_none() {
        // The provider is not asked for an order that does not exist.
        return Err(ApiError::NoSuchOrder(id.to_string()));
    }
    let answered = answered(shared, id, &said.payment_id).await;
    let overruled = overruled(&said, &answered, id)?;
    let operation = Some(operator.operation("crypto_order.ipn_applied", &json!(said)));
    let ownership = answered.ownership(id);
    let evidence = evidence(&said, answered, (Witness::Operator(operator.key_id), id));
    let told = Told { evidence, ipn: None, operation, ownership, overruled };
    shared.orders.tell(id, told).await.map_err(|error| ApiError::Order(id.to_string(), error))
}

/// What the provider answers of the payment.
enum Answered {
    /// Nothing: there is no provider, or it did not answer in time.
    Nothing,
    /// That it knows no such payment.
    Unknown,
    /// This.
    Report(Box<PaymentReport>),
}

impl Answered {
    fn ownership(&self, order: OrderId) -> Ownership {
        match self {
            Self::Report(report) => match report.order {
                OrderReference::Ours(id) if id == order => Ownership::Free,
                OrderReference::None => Ownership::Free,
                OrderReference::Ours(_) | OrderReference::Foreign => Ownership::Another,
            },
            Self::Nothing | Self::Unknown => Ownership::Free,
        }
    }
}

async fn answered(shared: &Shared, order: OrderId, payment: &PaymentId) -> Answered {
    let Some(payments) = &shared.payments else { return Answered::Nothing };
    match timeout(ASK_WITHIN, payments.client.payment(payment)).await {
        Ok(Ok(report)) => Answered::Report(Box::new(report)),
        // An id that is refused for its form is one that no payment has.
        Ok(Err(CallError::NotFound | CallError::Refused { status: 400 | 422, .. })) => Answered::Unknown,
        Ok(Err(error)) => {
            tracing::warn!(order.id = %order, %error, "the provider does not answer of a payment that is replayed");
            Answered::Nothing
        }
        Err(_) => {
            tracing::warn!(order.id = %order, "the provider does not answer in time of a payment that is replayed");
            Answered::Nothing
        }
    }
}

/// What the provider answered, where the operator's word is applied against it.
///
/// # Errors
/// 409 if it would be, and is not forced.
fn overruled(said: &Said, answered: &Answered, order: OrderId) -> Result<Option<String>, ApiError> {
    let report = match answered {
        Answered::Nothing => return Ok(None),
        Answered::Unknown => None,
        Answered::Report(report) => Some(&report.evidence),
    };
    // Of another order's payment nothing is applied, whatever its word.
    let is_settled = answered.ownership(order) == Ownership::Another
        || report.is_some_and(|evidence| confirms(&evidence.word, &said.word()));
    if is_settled {
        return Ok(None);
    }
    if said.force {
        let word = report.map_or("unknown payment", |evidence| evidence.word.as_str());
        return Ok(Some(word.to_owned()));
    }
    let answered = report.cloned().map(Box::new);
    Err(ReplayRefusal { payment: said.payment_id.to_string(), replayed: said.word(), answered }.into())
}

/// The operator's word as evidence. Whose deposit it is and its price are the provider's to say; its amounts and
/// its time only where its word is the same, because they belong to that.
fn evidence(said: &Said, answered: Answered, (witness, order): (Witness, OrderId)) -> Evidence {
    let word = said.word();
    let alone = Evidence {
        witness,
        order_id: Some(order),
        payment_id: said.payment_id.clone(),
        parent_payment_id: None,
        word: word.clone(),
        price: NamedPrice { amount: None, currency: None },
        pay_amount: None,
        actually_paid: None,
        coin: None,
        provider_at: None,
        worth: PaymentWorth::default(),
    };
    match answered {
        Answered::Nothing | Answered::Unknown => alone,
        Answered::Report(report) if report.evidence.word == word => {
            Evidence { witness, order_id: Some(order), ..report.evidence }
        }
        Answered::Report(report) => {
            let Evidence { parent_payment_id, price, .. } = report.evidence;
            Evidence { parent_payment_id, price, ..alone }
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
    let force = fields.flag("force");
    let reason = fields.optional_text("reason", REASON_CHARS_MAX).filter(|reason| !reason.trim().is_empty());
    if force && reason.is_none() && !fields.is_wrong("reason") {
        fields.wrong("reason", "reason is required where force is true.");
    }
    fields.finish()?;
    let payment_id = payment_id.ok_or(ApiError::Broken("a validated payment id is gone".into()))?;
    Ok(Said { payment_id, provider_status, force, reason })
}
