//! Turns what went wrong into status, slug and sentence: the only place that knows both sides; what goes
//! wrong with one kind of thing alone is in `error/`.
//!
//! One exhaustive match over our errors (contract, section 1). A problem never carries a cause or a
//! stack; the cause travels beside it to `frame.rs`, which logs it once, under the request id it shows.

mod bodies;
mod checkout;
mod deliveries;
mod forms;
mod keys;
mod orders;
mod replays;
mod top_up;
mod webhooks;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError};

use crate::actors::OrderError;
use crate::actors::checkout::CheckoutError;
use crate::domain::access::{Scope, Tier};
use crate::domain::ids::AttentionId;
use crate::provider::IpnRefusal;
use crate::store::StoreError;
use crate::store::changeset::CommitError;

use super::problem::{Extensions, Issues, Problem, Slug, extended, internal, later, plain};

pub use deliveries::DeliveryRefusal;
pub use forms::FormRefusal;
pub use keys::ApiKeyError;
pub use replays::ReplayRefusal;
pub use top_up::TopUpRefusal;
pub use webhooks::WebhookError;

/// After how long a retry is worth it where a queue was full.
const BUSY_RETRY_SECONDS: u64 = 1;
/// After how long a retry is worth it where the storage is away.
const STORAGE_RETRY_SECONDS: u64 = 5;
/// What a 503 says, whatever happened inside.
const LATER: &str = "The service cannot complete this request right now. Please try again shortly.";

/// Everything a handler can answer instead of success.
#[derive(Debug)]
pub enum ApiError {
    /// A query, header or unreadable body breaks its rules; the sentence says how.
    BadRequest(Cow<'static, str>),
    /// The body is of another content type.
    MediaType,
    /// The body is compressed, or encoded in another way, which this names.
    ContentEncoding(String),
    /// Fields of the body break their rules.
    Invalid(Issues),
    /// The body is longer than this.
    TooLarge(usize),
    /// No usable credentials; the sentence says why.
    Unauthorized(&'static str),
    /// The key is not, or no longer, good.
    Key(KeyRefusal),
    /// The key lacks this scope.
    ScopeMissing(Scope),
    /// The key belongs to no account, and the route is a customer's.
    NoAccount,
    /// Nothing lives at this path.
    NoRoute {
        /// The method asked for.
        method: String,
        /// The path asked for.
        path: String,
    },
    /// Something lives here, but not for this method.
    Method {
        /// The methods it has.
        allow: String,
    },
    /// No such order, or another customer's; the id as it was asked for.
    NoSuchOrder(String),
    /// The token of a buyer's page is none of ours.
    NoSuchLink,
    /// What was asked of the API keys cannot be.
    ApiKey(ApiKeyError),
    /// A delivery is not sent again as was asked.
    Delivery(DeliveryRefusal),
    /// What was asked of the endpoints for webhooks cannot be.
    Webhook(WebhookError),
    /// A form of the operators' pages is not taken.
    Form(FormRefusal),
    /// The provider does not confirm an operator's word.
    Replay(ReplayRefusal),
    /// No rest of an order is asked for.
    TopUp(TopUpRefusal),
    /// No such attention item.
    NoSuchAttention(AttentionId),
    /// The attention item was resolved before.
    AttentionResolved(AttentionId),
    /// The bucket is empty.
    RateLimited {
        /// The account's tier.
        tier: Tier,
        /// When a token is back.
        retry_after_seconds: u64,
    },
    /// More is waiting than we hold; names the queue for the log.
    Busy(&'static str),
    /// No order could be taken now; the sentence is fit to be shown.
    NotReady(&'static str),
    /// A checkout failed.
    Checkout(CheckoutError),
    /// An order did not do what it was asked; with the id as it was asked for.
    Order(String, OrderError),
    /// A read failed.
    Store(StoreError),
    /// An IPN is not taken as evidence.
    Ipn(IpnRefusal),
    /// A verified IPN is not, or perhaps not, stored; the provider must send it again.
    IpnNotStored(OrderError),
    /// A fault of our own; the text is for the log.
    Broken(Cow<'static, str>),
}

/// Why a key is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRefusal {
    /// Nobody knows it.
    Unknown,
    /// It was revoked.
    Revoked,
    /// Its time has passed.
    Expired,
}

impl ApiError {
    /// Nothing lives at the path of this request.
    #[must_use]
    pub fn no_route(request: &HttpRequest) -> Self {
        Self::NoRoute { method: request.method().to_string(), path: request.path().to_owned() }
    }

    /// Fields of the body break their rules.
    #[must_use]
    pub fn field(name: &'static str, sentence: impl Into<String>) -> Self {
        let field_errors = BTreeMap::from([(name, vec![sentence.into()])]);
        Self::Invalid(Issues { field_errors, form_errors: Vec::new() })
    }

    /// The error as the wire shows it.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::BadRequest(detail) => plain(Slug::BadRequest, detail.clone()),
            Self::MediaType => bodies::unsupported("Content-Type must be application/json in UTF-8.".into()),
            Self::ContentEncoding(encoding) => bodies::unsupported(
                format!("Content-Encoding \"{encoding}\" is not supported; send the body as it is.").into(),
            ),
            Self::Invalid(issues) => {
                let extensions = Extensions { issues: Some(issues.clone()), ..Extensions::default() };
                extended(Slug::ValidationFailed, "One or more fields failed validation.", extensions)
            }
            Self::TooLarge(limit) => bodies::too_large(*limit),
            Self::Unauthorized(detail) => plain(Slug::Unauthorized, *detail),
            Self::Key(refusal) => of_key(*refusal),
            Self::ScopeMissing(scope) => {
                plain(Slug::Forbidden, format!("This action requires the \"{}\" scope.", scope.as_str()))
            }
            Self::NoAccount => plain(Slug::Forbidden, NO_ACCOUNT),
            Self::NoRoute { method, path } => plain(Slug::NotFound, format!("No route for {method} {path}.")),
            Self::Method { allow } => Problem {
                allow: Some(allow.clone()),
                ..plain(Slug::MethodNotAllowed, format!("This resource allows {allow} only."))
            },
            Self::NoSuchOrder(id) => no_such_order(id),
            Self::NoSuchLink => plain(Slug::NotFound, NO_SUCH_LINK),
            Self::ApiKey(error) => keys::problem(*error),
            Self::Delivery(refusal) => deliveries::problem(*refusal),
            Self::Webhook(error) => webhooks::problem(*error),
            Self::Form(refusal) => forms::problem(*refusal),
            Self::Replay(refusal) => replays::problem(refusal),
            Self::TopUp(refusal) => top_up::problem(refusal),
            Self::NoSuchAttention(id) => plain(Slug::NotFound, format!("No attention item with id \"{id}\".")),
            Self::AttentionResolved(id) => attention_resolved(*id),
            Self::RateLimited { tier, retry_after_seconds } => rate_limited(*tier, *retry_after_seconds),
            Self::Busy(what) => later(BUSY_RETRY_SECONDS, LATER, format!("busy: {what}")),
            Self::NotReady(detail) => later(STORAGE_RETRY_SECONDS, detail, (*detail).to_owned()),
            Self::Checkout(error) => checkout::problem(error),
            Self::Order(id, error) => of_order(id, error),
            Self::Store(error) => of_store(error, chain(error)),
            Self::Ipn(IpnRefusal::BadSignature) => plain(Slug::Unauthorized, "Invalid NowPayments signature."),
            Self::Ipn(IpnRefusal::DuplicateKeys) => plain(Slug::BadRequest, "NowPayments IPN repeats a key."),
            Self::Ipn(IpnRefusal::MissingFields(_)) => {
                plain(Slug::BadRequest, "NowPayments IPN is missing required fields.")
            }
            // Whatever the reason, also a fault of our own: only a 503 makes the provider send again.
            Self::IpnNotStored(error) => later(STORAGE_RETRY_SECONDS, LATER, chain(error)),
            Self::Broken(cause) => internal(cause.clone().into_owned()),
        }
    }
}

const NO_ACCOUNT: &str = "This API key belongs to no account. Customer routes need a key of the customer's account.";

const NO_SUCH_LINK: &str = "This payment link is not right. Open it as you were given it, whole, or ask the shop for \
                            a new one.";

fn of_key(refusal: KeyRefusal) -> Problem {
    match refusal {
        KeyRefusal::Unknown => plain(Slug::InvalidKey, "The supplied API key is not recognised."),
        KeyRefusal::Revoked => plain(Slug::RevokedKey, "The supplied API key has been revoked."),
        KeyRefusal::Expired => plain(Slug::ExpiredKey, "The supplied API key has expired."),
    }
}

fn no_such_order(id: &str) -> Problem {
    plain(Slug::NotFound, format!("No crypto order with id \"{id}\"."))
}

fn attention_resolved(id: AttentionId) -> Problem {
    let detail = format!("Attention item \"{id}\" is resolved already; its resolution stays as it is.");
    conflict("attention_item", "state", detail)
}

fn rate_limited(tier: Tier, retry_after_seconds: u64) -> Problem {
    let detail = format!("Rate limit for \"global\" exceeded for tier \"{}\".", tier.as_str());
    let extensions = Extensions { retry_after_seconds: Some(retry_after_seconds), ..Extensions::default() };
    extended(Slug::RateLimited, detail, extensions)
}

fn of_order(id: &str, error: &OrderError) -> Problem {
    match error {
        OrderError::NotFound => no_such_order(id),
        OrderError::Refused(refusal) => orders::problem(*refusal),
        OrderError::Busy(_) => later(BUSY_RETRY_SECONDS, LATER, chain(error)),
        OrderError::NotStored(CommitError::Busy | CommitError::Conflict) => {
            later(BUSY_RETRY_SECONDS, LATER, chain(error))
        }
        OrderError::NotStored(CommitError::Unavailable(_) | CommitError::Unknown(_)) => {
            later(STORAGE_RETRY_SECONDS, LATER, chain(error))
        }
        OrderError::NotRead(inner) => of_store(inner, chain(error)),
    }
}

fn conflict(resource: &'static str, field: &'static str, detail: String) -> Problem {
    let extensions = Extensions { resource: Some(resource), field: Some(field), ..Extensions::default() };
    extended(Slug::Conflict, detail, extensions)
}

fn of_store(error: &StoreError, cause: String) -> Problem {
    match error {
        StoreError::Unavailable(_) => later(STORAGE_RETRY_SECONDS, LATER, cause),
        StoreError::Broken(_)
        | StoreError::UnknownEngine
        | StoreError::Newer(_)
        | StoreError::Locked(_)
        | StoreError::Encoding(_)
        | StoreError::Linked(_)
        | StoreError::ForeignLog(_) => internal(cause),
    }
}

/// An error with all its sources, for the log.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem().detail)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.problem().status
    }

    /// An answer without a body: `frame.rs` writes it, because only that file knows the request id.
    fn error_response(&self) -> HttpResponse {
        let problem = self.problem();
        let mut response = HttpResponse::new(problem.status);
        response.extensions_mut().insert(problem);
        response
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::lifecycle::Refusal;
    use crate::domain::order::StatusName;

    fn shown(error: &ApiError) -> Value {
        serde_json::from_slice(&error.problem().document("req-1")).unwrap()
    }

    #[test]
    fn a_cancel_that_comes_too_late_is_the_contract_s_conflict() {
        let refused = OrderError::Refused(Refusal::NotCancellable(StatusName::Paid));
        assert_eq!(
            shown(&ApiError::Order("ord_x".into(), refused)),
            json!({
                "type": "https://errors.driftstack.dev/conflict",
                "title": "Conflict",
                "status": 409,
                "detail": "Order is in state \"paid\" and can no longer be cancelled. Crypto payments are \
                    non-refundable; contact support if you need to discuss reconciliation.",
                "instance": "req-1",
                "resource": "crypto_order",
                "field": "status",
            })
        );
    }

    #[test]
    fn the_inside_is_told_to_the_log_with_its_whole_chain_and_to_nobody_else() {
        let error = OrderError::NotStored(CommitError::Unavailable("disk I/O error at /var/lib".into()));
        let error = ApiError::Checkout(CheckoutError::Order(error));
        assert_eq!(
            error.problem().cause.unwrap(),
            "decision not stored: storage unavailable: disk I/O error at /var/lib"
        );
        let shown = shown(&error);
        assert_eq!((&shown["status"], &shown["retry_after_seconds"]), (&json!(503), &json!(5)));
        assert!(!shown.to_string().contains("disk"));
    }

    #[test]
    fn validation_tells_every_issue_under_its_field() {
        assert_eq!(
            shown(&ApiError::field("product", "product is required."))["issues"],
            json!({"fieldErrors": {"product": ["product is required."]}, "formErrors": []})
        );
    }

    #[test]
    fn a_reused_key_names_the_field_that_differs() {
        let shown = shown(&ApiError::Checkout(CheckoutError::Mismatch("price_cents")));
        assert_eq!((&shown["status"], &shown["field"]), (&json!(422), &json!("price_cents")));
        assert_eq!(shown["title"], "Idempotency Key Reused");
    }
}
