//! The pages of the API: the OpenAPI document for people.
//!
//! Made from the very document that `/openapi.json` answers, so that the two cannot differ. Four pages, so that
//! each stays small: operations and shapes, and of each what only operators need. `operation.rs` reads an operation,
//! `shape.rs` a schema, `prose.rs` a sentence, `shape_pages.rs` says on which page a shape stands.

use std::collections::BTreeSet;

use askama::Template;
use serde_json::{Map, Value};

use super::Frame;
use super::library::{self, API, OPERATORS_API, OPERATORS_SHAPES, SHAPES};
use super::operation::{Header, Operation, Reader, headers};
use super::prose::{Prose, Span, Verbatim, paragraphs, sentence};
use super::shape::{self, Shape, text};
use super::shape_pages::{self, OPERATORS};

/// A page of operations.
#[derive(Template)]
#[template(path = "docs/api.html", config = "src/http/pages/askama.toml")]
struct Operations<'d> {
    frame: Frame<'d>,
    title: &'static str,
    groups: Vec<Group<'d>>,
    /// On the page that everybody reads.
    commons: Option<Commons>,
}

/// What holds for all operations.
struct Commons {
    introduction: Vec<Prose>,
    authentication: Prose,
    problem: Prose,
    refusals: Vec<Refusal>,
    headers: Vec<Header>,
}

/// A page of shapes.
#[derive(Template)]
#[template(path = "docs/shapes.html", config = "src/http/pages/askama.toml")]
struct Shapes<'d> {
    frame: Frame<'d>,
    title: &'static str,
    shapes: Vec<Shape>,
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

/// Renders the page at each of their addresses; its commands ask the service at `public_url`.
pub fn render(document: &Value, public_url: &str) -> Vec<(&'static str, String)> {
    let common = shape_pages::common(document);
    let document = &shape_pages::addressed(document);
    let operations = |address, title, of: fn(&str) -> bool, commons| Operations {
        frame: Frame::of(document, address),
        title,
        groups: groups(&mut Reader::new(document, public_url), document, of),
        commons,
    };
    let shapes = |address, title, of: fn(bool) -> bool| Shapes {
        frame: Frame::of(document, address),
        title,
        shapes: members(document, "/components/schemas")
            .filter(|(name, _)| of(common.contains(name.as_str())))
            .map(|(name, schema)| shape::shape(name, schema))
            .collect(),
    };
    let rendered = [
        operations(API, "API of crypto-orders", |tag| tag != OPERATORS, Some(commons(document))).render(),
        operations(OPERATORS_API, "API for operators", |tag| tag == OPERATORS, None).render(),
        shapes(SHAPES, "Shapes", |common| common).render(),
        shapes(OPERATORS_SHAPES, "Shapes for operators", |common| !common).render(),
    ];
    // Writing into a string cannot fail, and the templates call nothing that could.
    let rendered = rendered.map(Result::unwrap_or_default);
    [API, OPERATORS_API, SHAPES, OPERATORS_SHAPES].into_iter().zip(rendered).collect()
}

fn commons(document: &Value) -> Commons {
    Commons {
        introduction: paragraphs(at(document, "/info/description")),
        authentication: sentence(at(document, "/components/securitySchemes/bearer/description")),
        problem: vec![Span::Shape(format!("{SHAPES}#Problem"))].into(),
        refusals: refusals(document),
        headers: headers(document.pointer("/components/headers")),
    }
}

/// The operations of these tags, in the order of the document's tags.
fn groups<'d>(reader: &mut Reader<'d>, document: &'d Value, of: fn(&str) -> bool) -> Vec<Group<'d>> {
    let tags = document.get("tags").and_then(Value::as_array).into_iter().flatten();
    let tags = tags.filter(|tag| of(text(tag, "name")));
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
