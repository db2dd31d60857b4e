//! `GET /v1/admin/crypto-orders/attention`: what a machine must not decide; and how an item is disposed of.
//!
//! Resolving moves no order: it says that somebody has looked, and what came of it. The same thing again
//! opens a new item.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::domain::attention::AttentionKind;
use crate::domain::ids::{AttentionId, KeyId, OrderId, PaymentId};
use crate::domain::ledger::Payment;
use crate::domain::money::Price;
use crate::domain::money_facts::PaymentMoney;
use crate::domain::time::Timestamp;
use crate::http::cursor::Records;
use crate::http::error::ApiError;
use crate::http::extract::Operator;
use crate::http::fields::Fields;
use crate::http::openapi::problems::{self, example};
use crate::http::openapi::schemas::ExactAmount;
use crate::http::paging::{Asked, Paged};
use crate::http::problem::ProblemDocument;
use crate::http::query::Query;
use crate::http::{Shared, answer, body};
use crate::store::changeset::AuditEntry;
use crate::store::records::{AttentionFilter, AttentionItem, AttentionState, Place, Resolution, Resolved};

const NOTE_CHARS_MAX: usize = 2000;

/// What the ledger of an order says of the payment that an item is about.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AttentionPayment)]
pub struct ItemPayment {
    /// The order's own payment, a further one that the service made for it, or a further deposit.
    #[schema(pattern = "^(bound|own|child)$", example = "child")]
    pub role: &'static str,
    /// The provider's word that is in force; of an amount under a word that is not known, that word.
    #[schema(example = "finished")]
    pub provider_status: String,
    #[schema(required = true, example = "btc")]
    pub coin: Option<String>,
    /// What was asked for; of a further deposit, what arrived.
    #[schema(required = true, value_type = Option<ExactAmount>)]
    pub pay_amount: Option<String>,
    /// What arrived in its coin.
    #[schema(required = true, value_type = Option<ExactAmount>)]
    pub received: Option<String>,
    /// The other coin, where money came in another.
    #[schema(required = true, example = "usdtbsc")]
    pub other_coin: Option<String>,
    /// What arrived in that.
    #[schema(required = true, value_type = Option<ExactAmount>)]
    pub other_received: Option<String>,
    /// What it was worth when it came, in major units of `price_currency`; null where that is not known.
    #[schema(required = true, value_type = Option<ExactAmount>)]
    pub worth: Option<String>,
}

/// Something raised to the operator.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AttentionItem)]
pub struct Item {
    pub id: AttentionId,
    #[schema(value_type = AttentionKind)]
    pub kind: &'static str,
    /// What an operator does next, in a sentence.
    #[schema(
        example = "Accept what arrived, or ask the customer for the rest; an order that is paid already stays paid."
    )]
    pub next_action: &'static str,
    /// The order it is about; none for an IPN that matches none.
    #[schema(required = true)]
    pub order_id: Option<OrderId>,
    /// The payment it is about.
    #[schema(required = true)]
    pub payment_id: Option<PaymentId>,
    /// That payment's numbers; null where it is none of the order's.
    #[schema(required = true)]
    pub payment: Option<ItemPayment>,
    /// What is owed for the order, once that is known.
    #[schema(required = true, value_type = Option<ExactAmount>)]
    pub owed: Option<String>,
    /// The coin in which it is owed.
    #[schema(required = true, example = "btc")]
    pub owed_coin: Option<String>,
    /// What of it has not arrived, once that is known.
    #[schema(required = true, value_type = Option<ExactAmount>)]
    pub missing: Option<String>,
    /// The order's price, to which the worth of its payments compares.
    #[schema(required = true, example = 7900)]
    pub price_cents: Option<i64>,
    #[schema(required = true, example = "USD")]
    pub price_currency: Option<String>,
    /// The provider's own reason, where it gave one.
    #[schema(required = true, example = "AMOUNT_MINIMAL_ERROR: amountTo is too small")]
    pub detail: Option<String>,
    /// How often it was raised while it was open.
    #[schema(minimum = 1)]
    pub count: i64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    #[schema(value_type = AttentionState)]
    pub state: &'static str,
    #[schema(required = true)]
    pub resolved_at: Option<Timestamp>,
    #[schema(required = true)]
    pub resolved_by: Option<KeyId>,
    #[schema(required = true)]
    pub resolution_note: Option<String>,
}

/// Shows one page of the items.
#[utoipa::path(get, path = "/v1/admin/crypto-orders/attention", tag = "Operators", security(("bearer" = [])),
    operation_id = "list_attention",
    params(
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 200, description = "How many; 50 without it."),
        ("cursor" = Option<String>, Query, min_length = 1, max_length = 512, description = "Where the page starts."),
        ("state" = Option<AttentionState>, Query, description = "Open ones without it."),
        ("kind" = Option<AttentionKind>, Query, description = "Only items of this kind."),
        ("order_id" = Option<OrderId>, Query, description = "Only items about this order."),
    ),
    responses((status = 200, description = "One page, newest first.", body = Paged<Item>)),
)]
pub async fn page(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.operator(&request).await?;
    answer::ok(&items(&shared, &Query::of(&request)?).await?)
}

/// The page that a query asks for.
///
/// # Errors
/// 400 if a parameter breaks its rule; 503.
pub async fn items(shared: &Shared, query: &Query) -> Result<Paged<Item>, ApiError> {
    let filter = filter(query)?;
    let asked = Asked::of(query, Records::Attention)?;
    let found = match asked.stretch() {
        Some(stretch) => shared.store.attention_page(filter, stretch).await?,
        None => Vec::new(),
    };
    let place = |item: &Item| Place { at: item.first_at, id: item.id.uuid().to_string() };
    Ok(asked.page(found.into_iter().map(shown).collect(), place))
}

fn filter(query: &Query) -> Result<AttentionFilter, ApiError> {
    let state = query.word("state", &AttentionState::ALL, AttentionState::as_str)?;
    let order = query.get("order_id").map(|text| {
        let wrong = || ApiError::BadRequest("order_id must be ord_ and 32 lower-case hex digits.".into());
        OrderId::parse(text).ok_or_else(wrong)
    });
    Ok(AttentionFilter {
        state: state.unwrap_or(AttentionState::Open),
        kind: query.word("kind", &AttentionKind::ALL, AttentionKind::as_str)?,
        order: order.transpose()?,
    })
}

/// What an operator made of an item.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document shows its shape; the handler reads field by field")]
pub struct ResolutionNote {
    /// What was found and done.
    #[schema(
        min_length = 1,
        max_length = 2000,
        pattern = r"^[^\u0000]*$",
        example = "Credited to the next invoice, ticket 4711."
    )]
    note: String,
}

/// Disposes of an open item, and answers it.
#[utoipa::path(post, path = "/v1/admin/crypto-orders/attention/{id}/resolve", tag = "Operators",
    security(("bearer" = [])), operation_id = "resolve_attention",
    params(("id" = AttentionId, Path, description = "The item.")),
    request_body = ResolutionNote,
    responses(
        (status = 200, description = "The item, resolved.", body = Item),
        (status = 409, description = "It was resolved before.", body = ProblemDocument,
            example = json!(example(&problems::attention_resolved()))),
    ),
)]
pub async fn resolve(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let operator = shared.operator(&request).await?;
    let id = item_id(&request)?;
    let fields = body::required(&request, payload).await?;
    answer::ok(&shown(dispose(&shared, operator, id, fields).await?))
}

/// The id that the path names.
///
/// # Errors
/// 400 if it is none.
pub fn item_id(request: &HttpRequest) -> Result<AttentionId, ApiError> {
    let malformed = || ApiError::BadRequest("Invalid id format. Expected \"att_<uuid>\".".into());
    request.match_info().get("id").and_then(AttentionId::parse).ok_or_else(malformed)
}

/// Resolves an item with an operator's note.
///
/// # Errors
/// 400, 404, 409 if it was resolved before, or 503.
pub async fn dispose(
    shared: &Shared,
    operator: Operator,
    id: AttentionId,
    mut fields: Fields,
) -> Result<AttentionItem, ApiError> {
    let note = fields.text("note", NOTE_CHARS_MAX);
    fields.finish()?;
    let at = shared.clock.now();
    let audit = AuditEntry {
        actor: Some(operator.key_id),
        action: "attention.resolved",
        target: id.to_string(),
        input: json!({ "note": note }).to_string(),
        result: json!({ "state": AttentionState::Resolved.as_str() }).to_string(),
        ip: operator.ip,
        at,
    };
    let resolution = Resolution { at, by: Some(operator.key_id), note };
    match shared.store.attention_resolve(id, resolution, audit).await? {
        Resolved::Done(item) => Ok(item),
        Resolved::Before(_) => Err(ApiError::AttentionResolved(id)),
        Resolved::Unknown => Err(ApiError::NoSuchAttention(id)),
    }
}

fn numbers(payment: &Payment, price: Option<Price>) -> ItemPayment {
    let money = PaymentMoney::of(payment);
    ItemPayment {
        role: payment.role.as_str(),
        provider_status: money.word.as_str().to_owned(),
        coin: payment.coin.as_ref().map(ToString::to_string),
        pay_amount: payment.pay_amount.as_ref().map(ToString::to_string),
        received: money.received.map(ToString::to_string),
        other_coin: money.other.map(|(coin, _)| coin.to_string()),
        other_received: money.other.map(|(_, received)| received.to_string()),
        worth: price.and_then(|price| money.worth_in(price.currency)).map(|worth| worth.to_string()),
    }
}

fn shown(item: AttentionItem) -> Item {
    let state = if item.resolution.is_some() { AttentionState::Resolved } else { AttentionState::Open };
    let resolved_at = item.resolution.as_ref().map(|resolution| resolution.at);
    let resolved_by = item.resolution.as_ref().and_then(|resolution| resolution.by);
    Item {
        id: item.id,
        kind: item.kind.as_str(),
        next_action: item.kind.next_action(),
        order_id: item.order_id,
        payment_id: item.payment_id,
        payment: item.payment.as_ref().map(|payment| numbers(payment, item.price)),
        owed: item.owed.as_ref().map(ToString::to_string),
        owed_coin: item.owed_coin.as_ref().map(ToString::to_string),
        missing: item.missing.as_ref().map(ToString::to_string),
        price_cents: item.price.map(|price| price.cents),
        price_currency: item.price.map(|price| price.currency.to_string()),
        detail: item.detail,
        count: item.count,
        first_at: item.first_at,
        last_at: item.last_at,
        state: state.as_str(),
        resolved_at,
        resolved_by,
        resolution_note: item.resolution.map(|resolution| resolution.note),
    }
}
