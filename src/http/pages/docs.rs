//! `GET /docs/api` and `GET /docs/shapes`: the OpenAPI document for people.
//!
//! Made once at the start, from the very document that `/openapi.json` answers, so that the two cannot
//! differ; two pages, so that each stays small. `docs/operation.rs` reads an operation, `docs/shape.rs` a
//! schema, `docs/prose.rs` a sentence.

mod operation;
mod prose;
mod shape;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;
use serde_json::{Map, Value};

use operation::{Header, Operation, Reader, headers, text};
use prose::{Prose, Span, Verbatim, paragraphs, sentence};
use shape::Shape;

use crate::http::Shared;
use crate::http::error::ApiError;

use super::page;

/// The page of operations.
#[derive(Template)]
#[template(path = "docs.html", config = "src/http/pages/askama.toml")]
struct Docs<'d> {
    version: &'d str,
    introduction: Vec<Prose>,
    authentication: Prose,
    groups: Vec<Group<'d>>,
    problem: Prose,
    refusals: Vec<Refusal>,
    headers: Vec<Header>,
}

/// The page of shapes.
#[derive(Template)]
#[template(path = "shapes.html", config = "src/http/pages/askama.toml")]
struct Shapes<'d> {
    version: &'d str,
    shapes: Vec<Shape>,
}

/// Both pages as they are sent.
pub struct Pages {
    operations: String,
    shapes: String,
}

/// Operations of one kind.
struct Group<'d> {
    name: &'d str,
    description: Prose,
    operations: Vec<Operation>,
}

/// An answer that many operations share.
struct Refusal {
    status: u64,
    slugs: String,
    description: Prose,
    sentences: Vec<Verbatim>,
}

/// Shows the documentation of this API.
///
/// A page for people, made from this document.
#[utoipa::path(get, path = "/docs/api", operation_id = "show_docs", tag = "Service", responses(
    (status = 200, description = "The page.", content_type = "text/html", body = String,
        example = json!("<!DOCTYPE html>")),
))]
pub async fn show(shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    Ok(page(shared.docs.operations.clone()))
}

/// Shows the shapes of what this API takes and answers.
///
/// A page for people, made from this document.
#[utoipa::path(get, path = "/docs/shapes", operation_id = "show_shapes", tag = "Service", responses(
    (status = 200, description = "The page.", content_type = "text/html", body = String,
        example = json!("<!DOCTYPE html>")),
))]
pub async fn show_shapes(shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    Ok(page(shared.docs.shapes.clone()))
}

/// Renders the pages; their commands ask the service at this address.
#[must_use]
pub fn render(document: &Value, public_url: &str) -> Pages {
    let operations = Docs {
        version: at(document, "/info/version"),
        introduction: paragraphs(at(document, "/info/description")),
        authentication: sentence(at(document, "/components/securitySchemes/bearer/description")),
        groups: groups(document, public_url),
        problem: vec![Span::Shape("Problem".to_owned())].into(),
        refusals: refusals(document),
        headers: headers(document.pointer("/components/headers")),
    };
    let shapes = members(document, "/components/schemas").map(|(name, schema)| shape::shape(name, schema)).collect();
    let shapes = Shapes { version: at(document, "/info/version"), shapes };
    // Writing into a string cannot fail, and the templates call nothing that could.
    let [operations, shapes] = [operations.render(), shapes.render()].map(Result::unwrap_or_default);
    Pages { operations, shapes }
}

/// The operations by tag, in the order of the document's tags.
fn groups<'d>(document: &'d Value, public_url: &str) -> Vec<Group<'d>> {
    let mut reader = Reader::new(document, public_url);
    let tags = document.get("tags").and_then(Value::as_array).into_iter().flatten();
    let groups = tags.map(|tag| {
        let name = text(tag, "name");
        Group { name, description: sentence(text(tag, "description")), operations: reader.tagged(name) }
    });
    groups.collect()
}

/// What many operations share, by status.
fn refusals(document: &Value) -> Vec<Refusal> {
    let mut all: Vec<Refusal> =
        members(document, "/components/responses").map(|(_, response)| refusal(response)).collect();
    all.sort_by_key(|refusal| refusal.status);
    all
}

fn refusal(response: &Value) -> Refusal {
    let content = response.pointer("/content/application~1problem+json/examples").and_then(Value::as_object);
    let examples: Vec<&Value> = content.into_iter().flat_map(Map::values).filter_map(|one| one.get("value")).collect();
    let slug = |example: &&Value| text(example, "type").rsplit('/').next().unwrap_or_default().to_owned();
    let slugs: BTreeSet<String> = examples.iter().map(slug).collect();
    Refusal {
        status: examples.first().and_then(|example| example.get("status")?.as_u64()).unwrap_or_default(),
        slugs: slugs.into_iter().collect::<Vec<_>>().join(", "),
        description: sentence(text(response, "description")),
        sentences: examples.into_iter().map(|example| Verbatim(text(example, "detail").to_owned())).collect(),
    }
}

/// The text that a pointer leads to.
fn at<'d>(document: &'d Value, pointer: &str) -> &'d str {
    document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn members<'d>(document: &'d Value, pointer: &str) -> impl Iterator<Item = (&'d String, &'d Value)> {
    document.pointer(pointer).and_then(Value::as_object).into_iter().flat_map(Map::iter)
}
