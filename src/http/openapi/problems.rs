//! The refusals in the document: what many operations share, and examples of what only some have.
//!
//! Every example is the problem that the service itself would write for that error (`error.rs`), so that
//! no sentence here can differ from what is answered.

use serde_json::Value;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{Content, ContentBuilder, Ref};
use uuid::Uuid;

use crate::actors::OrderError;
use crate::actors::checkout::CheckoutError;
use crate::domain::access::keys::{ACTIVE_KEYS_MAX, NotRotated};
use crate::domain::access::{Scope, Tier};
use crate::domain::evidence::ProviderWord;
use crate::domain::ids::{AttentionId, WebhookId};
use crate::domain::lifecycle::Refusal;
use crate::domain::order::StatusName;
use crate::domain::time::Timestamp;
use crate::domain::topup::NoTopUp;
use crate::domain::webhook::delivery::DeliveryStatus;
use crate::domain::webhook::endpoint::{Downfall, ENDPOINTS_MAX, Unable};
use crate::domain::webhook::resend::NotMoved;
use crate::http::body::BODY_BYTES_MAX;
use crate::http::error::{
    ApiError, ApiKeyError, DeliveryRefusal, KeyRefusal, ReplayRefusal, TopUpRefusal, WebhookError,
};
use crate::http::problem::Issues;
use crate::provider::IpnRefusal;

/// The media type of every refusal.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// The id of the request in all examples.
const REQUEST_ID: &str = "0190a5d9-6e77-7c9f-8a0b-1c2d3e4f5a6b";
/// 2026-05-12T13:00:00Z, the time in all examples.
const MOMENT: i64 = 1_778_590_800_000;
const ORDER_ID: &str = "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b";

/// An answer that many operations share.
pub struct SharedProblem {
    /// Its name among the document's responses.
    pub name: &'static str,
    /// The status, as the document writes it.
    pub status: &'static str,
    /// When it comes.
    pub description: &'static str,
    /// What it looks like, by name.
    pub examples: Vec<(&'static str, ApiError)>,
    /// The headers that it has besides those of every answer.
    pub headers: &'static [&'static str],
}

impl SharedProblem {
    /// The answer as the document describes it.
    #[must_use]
    pub fn response(&self) -> Response {
        let shown = self.examples.iter().map(|(name, error)| {
            let value = example(error);
            let title = value.get("detail").and_then(Value::as_str).unwrap_or(name).to_owned();
            (*name, ExampleBuilder::new().summary(title).value(Some(value)).build())
        });
        let content = ContentBuilder::new().schema(Some(schema())).examples_from_iter(shown).build();
        ResponseBuilder::new().description(self.description).content(MEDIA_TYPE, content).build()
    }
}

/// All of them.
#[must_use]
pub fn shared() -> Vec<SharedProblem> {
    let mut all = of_requests();
    all.extend(of_bodies());
    all.extend(of_credentials());
    all.extend(of_the_service());
    all
}

fn of_requests() -> Vec<SharedProblem> {
    vec![
        // Where both could be meant, the first one stands: it says both.
        SharedProblem {
            name: "InvalidBody",
            status: "400",
            description: "The body is not JSON, or its fields, a parameter or a header break their rules; everything that is wrong \
                with the fields is told at once.",
            examples: vec![("fields", invalid_fields()), ("not_json", not_json())],
            headers: &[],
        },
        SharedProblem {
            name: "BadRequest",
            status: "400",
            description: "A parameter or a header breaks its rule; the sentence says which and how.",
            examples: vec![("limit", ApiError::BadRequest("limit must be an integer between 1 and 100.".into()))],
            headers: &[],
        },
        SharedProblem {
            name: "NotFound",
            status: "404",
            description: "There is none of that id, or it is another customer's.",
            examples: vec![("order", ApiError::NoSuchOrder(ORDER_ID.to_owned()))],
            headers: &[],
        },
        SharedProblem {
            name: "MethodNotAllowed",
            status: "405",
            description: "The path has no such method; `Allow` names those it has.",
            examples: vec![("method", ApiError::Method { allow: "GET, HEAD, PATCH, OPTIONS".to_owned() })],
            headers: &["Allow"],
        },
    ]
}

fn of_bodies() -> Vec<SharedProblem> {
    vec![
        SharedProblem {
            name: "PayloadTooLarge",
            status: "413",
            description: "The body is longer than 64 KiB.",
            examples: vec![("body", ApiError::TooLarge(BODY_BYTES_MAX))],
            headers: &[],
        },
        SharedProblem {
            name: "UnsupportedMediaType",
            status: "415",
            description: "The body is not JSON in UTF-8 by its `Content-Type`, or it has a `Content-Encoding`.",
            examples: vec![
                ("media_type", ApiError::MediaType),
                ("content_encoding", ApiError::ContentEncoding("gzip".to_owned())),
            ],
            headers: &[],
        },
    ]
}

fn of_credentials() -> Vec<SharedProblem> {
    let malformed = ApiError::Unauthorized("Malformed Authorization header. Expected \"Bearer <key>\".");
    vec![
        SharedProblem {
            name: "Unauthorized",
            status: "401",
            description: "There is no key, or it is not, or no longer, good.",
            examples: vec![
                ("missing", ApiError::Unauthorized("Missing Authorization header.")),
                ("malformed", malformed),
                ("unknown", ApiError::Key(KeyRefusal::Unknown)),
                ("revoked", ApiError::Key(KeyRefusal::Revoked)),
                ("expired", ApiError::Key(KeyRefusal::Expired)),
            ],
            headers: &["WWW-Authenticate"],
        },
        SharedProblem {
            name: "Forbidden",
            status: "403",
            description: "The key lacks the scope, or belongs to no account.",
            examples: vec![("scope", ApiError::ScopeMissing(Scope::ReadBilling)), ("no_account", ApiError::NoAccount)],
            headers: &[],
        },
        SharedProblem {
            name: "RateLimited",
            status: "429",
            description: "The account's bucket is empty, or an endpoint for webhooks was pinged too often; `Retry-After` says for how long.",
            examples: vec![("bucket", ApiError::RateLimited { tier: Tier::Free, retry_after_seconds: 1 })],
            headers: &["Retry-After"],
        },
    ]
}

fn of_the_service() -> Vec<SharedProblem> {
    vec![
        SharedProblem {
            name: "InternalError",
            status: "500",
            description: "A fault of the service's own.",
            examples: vec![("fault", ApiError::Broken("shown to nobody".into()))],
            headers: &[],
        },
        SharedProblem {
            name: "Unavailable",
            status: "503",
            description: "The service cannot answer now; try again after `Retry-After`.",
            examples: vec![("busy", ApiError::Busy("shown to nobody"))],
            headers: &["Retry-After"],
        },
    ]
}

fn invalid_fields() -> ApiError {
    let mut issues = Issues::default();
    let sentences = vec!["price_cents must be an integer between 1 and 1000000.".to_owned()];
    issues.field_errors.insert("price_cents", sentences);
    issues.form_errors = vec!["Idempotency-Key must be 1-255 ASCII chars (no whitespace).".to_owned()];
    ApiError::Invalid(issues)
}

fn not_json() -> ApiError {
    ApiError::BadRequest("The request body is not valid JSON (line 1, column 8).".into())
}

/// A cancel that comes too late.
#[must_use]
pub fn not_cancellable() -> ApiError {
    ApiError::Order(ORDER_ID.to_owned(), OrderError::Refused(Refusal::NotCancellable(StatusName::Paid)))
}

/// An acceptance of an order for which nothing arrived.
#[must_use]
pub fn not_acceptable() -> ApiError {
    ApiError::Order(ORDER_ID.to_owned(), OrderError::Refused(Refusal::NoMoney(StatusName::Cancelled)))
}

/// A replay of a payment that the provider does not know.
#[must_use]
pub fn not_confirmed() -> ApiError {
    ReplayRefusal { payment: "5077125051".to_owned(), replayed: ProviderWord::Finished, answered: None }.into()
}

/// A rest asked for of an order that lacks none.
#[must_use]
pub fn no_top_up() -> ApiError {
    TopUpRefusal::None(NoTopUp::NotPartial(StatusName::Paid)).into()
}

/// An attention item that somebody else was faster with.
#[must_use]
pub fn attention_resolved() -> ApiError {
    ApiError::AttentionResolved(AttentionId::new(Uuid::nil()))
}

/// A key under which something else was asked for.
#[must_use]
pub fn key_reused() -> ApiError {
    ApiError::Checkout(CheckoutError::Mismatch("price_cents"))
}

/// A delivery that cannot be sent again just now.
#[must_use]
pub fn delivery_in_flight() -> ApiError {
    DeliveryRefusal::NotMoved(NotMoved::InFlight).into()
}

/// A delivery that is no dead letter.
#[must_use]
pub fn delivery_not_dead() -> ApiError {
    DeliveryRefusal::NotMoved(NotMoved::NotInDlq(DeliveryStatus::Delivered)).into()
}

/// An account that has all the keys it may have.
#[must_use]
pub fn api_keys_full() -> ApiError {
    ApiKeyError::Full(ACTIVE_KEYS_MAX).into()
}

/// A key that no other takes the place of any more.
#[must_use]
pub fn api_key_revoked() -> ApiError {
    ApiKeyError::NotRotated(NotRotated::Revoked).into()
}

/// An account that has all the endpoints it may have.
#[must_use]
pub fn webhooks_full() -> ApiError {
    WebhookError::Full(ENDPOINTS_MAX).into()
}

/// An endpoint that failed too often.
#[must_use]
pub fn webhook_disabled() -> ApiError {
    unable(Unable::Disabled { at: Timestamp::from_millis(MOMENT), because: Downfall::Failures })
}

/// An endpoint that its owner paused.
#[must_use]
pub fn webhook_paused() -> ApiError {
    unable(Unable::Paused)
}

/// An endpoint with two secrets.
#[must_use]
pub fn webhook_rotating() -> ApiError {
    unable(Unable::GraceRuns { until: Timestamp::from_millis(MOMENT) })
}

fn unable(why: Unable) -> ApiError {
    WebhookError::Unable(WebhookId::new(Uuid::nil()), why).into()
}

/// A report without a payment.
#[must_use]
pub fn ipn_without_fields() -> ApiError {
    ApiError::Ipn(IpnRefusal::MissingFields("payment_id"))
}

/// A report that somebody else signed.
#[must_use]
pub fn ipn_not_signed() -> ApiError {
    ApiError::Ipn(IpnRefusal::BadSignature)
}

/// A report that cannot be judged, because no secret is configured.
#[must_use]
pub fn ipn_not_configured() -> ApiError {
    ApiError::NoRoute { method: "POST".to_owned(), path: "/v1/webhooks/nowpayments".to_owned() }
}

/// The problem as the service would write it.
#[must_use]
pub fn example(error: &ApiError) -> Value {
    serde_json::from_slice(&error.problem().document(REQUEST_ID)).unwrap_or_default()
}

/// The content of a refusal that only one operation has.
#[must_use]
pub fn content() -> Content {
    Content::new(Some(schema()))
}

fn schema() -> Ref {
    Ref::from_schema_name("Problem")
}
