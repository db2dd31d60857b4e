//! What all operations of a kind share in the document, added to each by rule.
//!
//! A handler thus says only what is its own, and none can forget a refusal that all have.

use actix_web::http::header::HeaderName;
use utoipa::Modify;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, Ref, RefOr};

use super::problems::{self, SharedProblem};
use super::schemas;
use crate::http::limits;

/// The name of the scheme by which keys are sent.
const BEARER: &str = "bearer";
const SCHEME: &str = "`Authorization: Bearer <key>`. Keys begin with `ds_live_` or `ds_test_` (a customer's) or \
    `ds_admin_` (an operator's). Reading orders needs one of the scopes `read:billing`, `read`, `account_owner`, `admin`; \
    making or changing them one of `admin:billing`, `write`, `account_owner`, `admin`; seeing webhooks one of \
    `read:webhooks`, `read`, `account_owner`, `admin`; changing them one of `admin:webhooks`, `account_owner`, `admin`; \
    listing keys one of `read`, `account_owner`, `admin`; making, rotating or revoking them `account_owner` or `admin`; everything under `/v1/admin` \
    `driftstack_internal_admin` or `admin`.";

/// A header of answers.
struct Named {
    name: &'static str,
    description: &'static str,
    example: &'static str,
}

/// The header that every answer has.
const EVERYWHERE: &str = "x-request-id";

/// Every header that answers of many operations have.
#[rustfmt::skip]
const HEADERS: &[Named] = &[
    Named { name: "Allow", description: "The methods that the path has.", example: "GET, HEAD, PATCH, OPTIONS" },
    Named { name: "Retry-After", description: "In how many seconds a retry is worth it.", example: "1" },
    Named { name: "WWW-Authenticate", description: "The scheme by which a key is sent.", example: "Bearer" },
    Named { name: "x-request-id", description: "The request's name, in the log too: the client's own or a fresh one.", example: "0190a5d9-6e77-7c9f-8a0b-1c2d3e4f5a6b" },
    Named { name: "x-ratelimit-bucket", description: "Which bucket; there is one. Absent while limits are switched off.", example: "global" },
    Named { name: "x-ratelimit-limit", description: "How many requests the bucket holds.", example: "60" },
    Named { name: "x-ratelimit-remaining", description: "How many are left.", example: "59" },
    Named { name: "x-ratelimit-reset", description: "When the bucket is full again, in Unix seconds.", example: "1778590801" },
    Named { name: "ratelimit-limit", description: "How many requests the bucket holds.", example: "60" },
    Named { name: "ratelimit-remaining", description: "How many are left.", example: "59" },
    Named { name: "ratelimit-reset", description: "In how many seconds the bucket is full again.", example: "1" },
];

/// Adds everything that is shared.
pub struct Rules;

impl Modify for Rules {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(SCHEME)).build();
        components.add_security_scheme(BEARER, SecurityScheme::Http(scheme));
        components.schemas.extend(schemas::all());
        components.headers.extend(HEADERS.iter().map(|header| (header.name.to_owned(), RefOr::T(described(header)))));
        let shared = problems::shared();
        for problem in &shared {
            let mut response = problem.response();
            let keyed = matches!(problem.status, "403" | "429");
            add_headers(&mut response, problem.headers.iter().copied());
            add_usual_headers(&mut response, keyed);
            components.responses.insert(problem.name.to_owned(), RefOr::T(response));
        }
        document.paths.paths.values_mut().flat_map(operations).for_each(|operation| complete(operation, &shared));
    }
}

/// The operations of a path.
fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let all = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
    all.into_iter().filter_map(Option::as_mut)
}

fn complete(operation: &mut Operation, shared: &[SharedProblem]) {
    let keyed = operation.security.is_some();
    // A summary is a title, and has no full stop.
    if let Some(summary) = &mut operation.summary {
        *summary = summary.trim_end_matches('.').to_owned();
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            if status.starts_with(['4', '5']) {
                as_problem(response);
            }
            add_usual_headers(response, keyed);
        }
    }
    let names = refusals(operation);
    for problem in shared.iter().filter(|problem| names.contains(&problem.name)) {
        let reference = RefOr::Ref(Ref::from_response_name(problem.name));
        operation.responses.responses.entry(problem.status.to_owned()).or_insert(reference);
    }
}

/// The shared problems that follow from what an operation takes.
fn refusals(operation: &Operation) -> Vec<&'static str> {
    let keyed = operation.security.is_some();
    let parameters = operation.parameters.as_deref().unwrap_or_default();
    let is_in = |place: &ParameterIn, parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(known) if known.parameter_in == *place);
    let in_path = parameters.iter().any(|parameter| is_in(&ParameterIn::Path, parameter));
    let asked = parameters.iter().any(|parameter| !is_in(&ParameterIn::Path, parameter));
    let with_body = operation.request_body.is_some();
    let rules = [
        (with_body, "InvalidBody"),
        (asked, "BadRequest"),
        (keyed, "Unauthorized"),
        (keyed, "Forbidden"),
        (in_path, "NotFound"),
        (true, "MethodNotAllowed"),
        (with_body, "PayloadTooLarge"),
        (with_body && keyed, "UnsupportedMediaType"),
        (keyed, "RateLimited"),
        (true, "InternalError"),
        (true, "Unavailable"),
    ];
    rules.into_iter().filter_map(|(applies, name)| applies.then_some(name)).collect()
}

/// A refusal has one form, whatever a handler's description of it left out.
fn as_problem(response: &mut Response) {
    let said = response.content.drain(..).next().map(|(_, content)| content);
    response.content.insert(problems::MEDIA_TYPE.to_owned(), said.unwrap_or_else(|| RefOr::T(problems::content())));
}

/// The headers of every answer, and of every answer to a key.
fn add_usual_headers(response: &mut Response, keyed: bool) {
    add_headers(response, [EVERYWHERE]);
    add_headers(response, limits::HEADERS.iter().map(HeaderName::as_str).filter(|_| keyed));
}

fn add_headers<'n>(response: &mut Response, names: impl IntoIterator<Item = &'n str>) {
    for name in names {
        let reference = RefOr::Ref(Ref::new(format!("#/components/headers/{name}")));
        response.headers.insert(name.to_owned(), reference);
    }
}

fn described(header: &Named) -> Header {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let header_of = HeaderBuilder::new().schema(Some(text)).description(Some(header.description));
    header_of.example(Some(header.example.into())).build()
}
