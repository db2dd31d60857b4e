//! `GET /openapi.json`: the OpenAPI 3.1 document, generated from the handlers and the types they answer with.
//!
//! A handler's `#[utoipa::path]` says what is its own: parameters, body, success, and the refusals only it
//! has. What every route of a kind shares is added here by rule: see [`Shared`]. The names and shapes of
//! domain types are in `openapi/schemas.rs`. A test holds the document against `routes.rs`.

mod schemas;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use actix_web::HttpResponse;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};
use utoipa::{Modify, OpenApi};

use super::answer;
use super::error::ApiError;
use super::problem::ProblemDocument;
use super::{admin, billing};

/// The name of the scheme by which keys are sent.
const BEARER: &str = "bearer";

/// Every operation, in the order of `routes.rs`.
#[derive(OpenApi)]
#[openapi(
    info(title = "crypto-orders", description = "Crypto payments through NOWPayments: orders created once, moved by evidence, never lost."),
    paths(
        show,
        billing::get::show,
        billing::list::page,
        admin::list::page,
        admin::csv::export,
    ),
    components(schemas(ProblemDocument)),
    modifiers(&Shared)
)]
struct Document;

/// What all routes of a kind share: the key they ask for, and the problems that any of them may answer.
struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(BEARER, SecurityScheme::Http(scheme));
        for item in document.paths.paths.values_mut() {
            let operations =
                [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter();
            operations.filter_map(Option::as_mut).for_each(add_problems);
        }
    }
}

/// The problems that follow from what an operation takes.
fn add_problems(operation: &mut Operation) {
    let keyed = operation.security.is_some();
    let parameters = operation.parameters.as_deref().unwrap_or_default();
    let in_path =
        |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(known) if known.parameter_in == ParameterIn::Path);
    let named = parameters.iter().any(in_path);
    let asked = !parameters.is_empty() || operation.request_body.is_some();
    let with_body = operation.request_body.is_some();
    let rules = [
        (asked, "400", "A parameter, a header or the body breaks its rule; the sentence says which and how."),
        (keyed, "401", "There is no key, or it is not, or no longer, good."),
        (keyed, "403", "The key lacks the scope, or belongs to no account."),
        (named, "404", "There is none of that id, or it is another customer's."),
        (with_body, "413", "The body is longer than 64 KiB."),
        (with_body, "415", "The body is not JSON in UTF-8."),
        (keyed, "429", "The bucket is empty; `Retry-After` says when it is not."),
        (true, "500", "A fault of the service's own."),
        (true, "503", "The service cannot answer now; try again after `Retry-After`."),
    ];
    for (applies, status, sentence) in rules {
        if applies {
            let problem = RefOr::T(problem(sentence));
            operation.responses.responses.entry(status.to_owned()).or_insert(problem);
        }
    }
}

fn problem(sentence: &str) -> Response {
    let schema = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(sentence).content("application/problem+json", content).build()
}

/// The document, made once.
#[must_use]
pub fn document() -> &'static utoipa::openapi::OpenApi {
    static DOCUMENT: OnceLock<utoipa::openapi::OpenApi> = OnceLock::new();
    DOCUMENT.get_or_init(Document::openapi)
}

/// Shows the document.
#[utoipa::path(get, path = "/openapi.json", tag = "Documentation", responses(
    (status = 200, description = "This document.", content_type = "application/json", body = serde_json::Value),
))]
pub async fn show() -> Result<HttpResponse, ApiError> {
    answer::ok(document())
}
