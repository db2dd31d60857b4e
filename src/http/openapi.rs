//! `GET /openapi.json`: the OpenAPI 3.1 document, generated from the handlers and the types they answer with.
//!
//! A handler's `#[utoipa::path]` says what is its own: parameters, body, success, and the refusals only it
//! has. What every route of a kind shares is added by rule (`openapi/rules.rs`), examples are put together
//! from the shapes (`openapi/examples.rs`), and what this service's settings decide is filled in at its
//! start (`openapi/fitting.rs`). The shapes of domain types are in `openapi/schemas.rs`. Tests hold the
//! document against `routes.rs`; `pages/docs.rs` shows it to people.

mod examples;
mod fitting;
mod presence;
pub mod problems;
mod rules;
pub mod samples;
pub mod schemas;
#[cfg(test)]
pub mod tests;
mod tidy;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::Value;
use utoipa::OpenApi;

use rules::Rules;

use super::error::ApiError;
use super::problem::ProblemDocument;
use super::{Shared, account, admin, answer, billing, health, ipn, keys, pages, webhooks};
use crate::config::OrderSettings;

/// Every operation, in the order of `routes.rs`.
#[derive(OpenApi)]
#[openapi(
    info(title = "crypto-orders", description = INTRODUCTION, license(name = "MIT", identifier = "MIT")),
    tags(
        (name = "Orders", description = "What a customer's program does: buy, look, note, cancel. A key sees its own \
            account's orders only; another's is 404, as if there were none."),
        (name = "Account", description = "The customer's account and its API keys. A key is never given more than the \
            key that makes it may do, and never the scopes of operators."),
        (name = "Webhooks", description = "Where a customer's programs are told what became of orders, signed, at least \
            once, in order per order. An endpoint that fails 50 times in a row, or answers 410, is disabled for good."),
        (name = "Operators", description = "What support does, over everybody's orders. Needs a key with the scope \
            `driftstack_internal_admin` or `admin`, which only the command line grants. Every change is on the audit log."),
        (name = "Provider", description = "Where NOWPayments reports payments. Its signature takes the place of a key."),
        (name = "Service", description = "The service itself: whether it works, and its documentation. Needs no key."),
    ),
    paths(
        health::alive,
        health::ready,
        show,
        pages::docs::show,
        pages::docs::show_shapes,
        pages::assets::style,
        pages::assets::icon,
        ipn::receive,
        account::identity::show,
        account::whoami::show,
        account::rate_limits::show,
        keys::list::page,
        keys::create::create,
        keys::revoke::revoke,
        keys::rotate::rotate,
        webhooks::list::list,
        webhooks::create::create,
        webhooks::get::show,
        webhooks::patch::change,
        webhooks::delete::delete,
        webhooks::rotate::rotate,
        webhooks::test::test,
        webhooks::deliveries::page,
        webhooks::catch_up::catch_up,
        webhooks::replay::replay,
        billing::checkout::create,
        billing::quote::tell,
        billing::list::page,
        billing::get::show,
        billing::note::set,
        billing::cancel::cancel,
        billing::events::list,
        billing::receipt::show,
        billing::receipt::text,
        billing::receipt::pdf,
        admin::list::page,
        admin::csv::export,
        admin::stats::show,
        admin::pending_age::show,
        admin::daily::show,
        admin::sweep::sweep,
        admin::evidence_metrics::show,
        admin::idempotency_metrics::show,
        admin::attention::page,
        admin::attention::resolve,
        admin::get::show,
        admin::events::list,
        admin::ipns::page,
        admin::payments::page,
        admin::webhook_deliveries::of_order,
        admin::apply_ipn::apply,
        admin::accept::accept,
        admin::top_up::top_up,
        admin::internal_note::set,
        admin::webhook_deliveries::show,
        admin::webhook_deliveries::replay,
        admin::webhook_dlq::page,
        admin::webhook_dlq::requeue,
        admin::webhook_dlq::discard,
        admin::audit_log::page,
    ),
    components(schemas(ProblemDocument)),
    modifiers(&Rules)
)]
struct Document;

/// What a reader should know before the operations.
const INTRODUCTION: &str = "\
Crypto payments through NOWPayments: orders created once, moved by evidence, never lost.

JSON in UTF-8, snake_case; fields of a body that are not known are ignored. Amounts are integers in the currency's \
minor unit. Times are ISO-8601 in UTC with milliseconds, `2026-05-12T13:00:00.000Z`; inputs accept any offset, such as `+02:00`, and in a query `%2B02:00`.

Every refusal is a problem document of RFC 9457. Every answer carries `x-request-id`: the client's own, if it sent one \
of 1 to 128 printable characters, or a fresh one.

Requests with a key draw from a token bucket of their account, sized by its tier; the headers `x-ratelimit-*` and \
`ratelimit-*` say where it stands. Lists are paged by a cursor that never expires.";

/// The document of a service with these settings, which is reached at this URL.
#[must_use]
pub fn document(orders: &OrderSettings, public_url: &str) -> Value {
    let mut document = serde_json::to_value(Document::openapi()).unwrap_or_default();
    presence::settle(&mut document);
    presence::demand(&mut document);
    fitting::fit(&mut document, orders, public_url);
    examples::complete(&mut document);
    tidy::say_where_no_key_is_asked(&mut document);
    tidy::drop_unused_shapes(&mut document);
    document
}

/// Shows this document.
#[utoipa::path(get, path = "/openapi.json", operation_id = "show_openapi", tag = "Service", responses(
    (status = 200, description = "The OpenAPI 3.1 document.", content_type = "application/json",
        body = inline(schemas::AnyObject), example = json!({"openapi": "3.1.0"})),
))]
pub async fn show(shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    answer::ok(&shared.document)
}
